/* The voice activity network: 32 ms of sound in, the probability that somebody speaks out.
 *
 *   sound [64 + 512]  the end of the previous frame, then this one; mirrored at its end to 640
 *   stft [129, 4]     magnitudes of a windowed Fourier transform, 256 samples every 128
 *   conv1..4          width 3, padded by 1, then max(0, x): [128, 4], [64, 2], [64, 1], [128, 1]
 *   lstm [128]        lstm.h; its state is the memory from frame to frame
 *   final             max(0, h), weighted sum, sigmoid
 */
#ifndef LSTM_VAD_NETWORK_H
#define LSTM_VAD_NETWORK_H

#include "lstm.h"

enum { NETWORK_FRAME = 512 };

struct network;

/* Read the weights; the LSTM keeps its own as dtype says, 0: as the file has them.  NULL: error[size]
 * says why, without the program's name. */
struct network *network_new(const char *path, lstm_isa isa, lstm_dtype dtype, char *error,
                            size_t size);

/* The same from the file's bytes, which are not needed afterwards; name is for errors. */
struct network *network_new_memory(const void *bytes, size_t count, const char *name, lstm_isa isa,
                                   lstm_dtype dtype, char *error, size_t size);

void network_free(struct network *network); /* NULL is fine */

/* The instruction set that the LSTM was packed for. */
lstm_isa network_isa(const struct network *network);

/* The next frame of samples in [-1, 1).  The first one follows silence.  Cannot fail. */
float network_frame(struct network *network, const float samples[NETWORK_FRAME]);

#endif
