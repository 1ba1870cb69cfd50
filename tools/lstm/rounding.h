/* Weights as files of fewer bits have them. */
#ifndef LSTM_TOOL_ROUNDING_H
#define LSTM_TOOL_ROUNDING_H

#include <stddef.h>

#include "lstm.h"

/* Bytes of a number: of LSTM_DTYPE_BF16, LSTM_DTYPE_F16 or LSTM_DTYPE_I8. */
size_t rounding_bytes(lstm_dtype type);

/* The least magnitude that the type has no number for, infinity if any finite one will do. */
double rounding_limit(lstm_dtype type);

/* What the codes of a row of I8 are multiplied by, as lstm_model_init would choose it; 1 if all is
 * zero. */
float rounding_scale(const float *weights, size_t count);

/* A row of weights, to nearest, ties to even, little endian; from the limit on infinite.  scale: of I8 alone. */
void rounding_row(lstm_dtype type, const float *weights, size_t count, float scale,
                  unsigned char *to);

/* The same row as what is left of it then; of F32 all. */
void rounding_values(lstm_dtype type, float *weights, size_t count, float scale);

#endif
