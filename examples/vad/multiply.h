/* The arithmetic of the network's convolutions. */
#ifndef LSTM_VAD_MULTIPLY_H
#define LSTM_VAD_MULTIPLY_H

#include <stddef.h>

enum { MULTIPLY_INPUTS = 4 }; /* inputs is a multiple of this: pad with zeros */

/* out[positions][outputs] += x[positions][inputs] w[inputs][outputs], positions from 1 to 4; row p
 * of x begins x_stride floats after row p - 1.  Every sum runs over the inputs in ascending order,
 * so the result does not depend on the vectors that a compiler makes of this. */
void multiply_add(float *out, size_t outputs, const float *w, const float *x, size_t x_stride,
                  size_t inputs, int positions);

/* The lengths of complex numbers whose parts are sums of two terms, and of their differences:
 * out[i] = |re0 + re1, im0 + im1|, out[2 * (count - 1) - i] = |re0 - re1, im0 - im1| at i. */
void magnitudes(float *out, const float *re0, const float *re1, const float *im0, const float *im1,
                size_t count);

#endif
