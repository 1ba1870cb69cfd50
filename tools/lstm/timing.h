/* How long a step of a model takes on this machine. */
#ifndef LSTM_TOOL_TIMING_H
#define LSTM_TOOL_TIMING_H

#include "lstm.h"

/* Seconds of a step of each of at most 3 models: the median of some measurements, which the models
 * take in turns.  They run x[steps][batch][input], or as much of it as some milliseconds allow, into
 * y.  0: no memory for a state. */
int timing_steps(const lstm_model *const *models, int count, const float *x, float *y,
                 size_t steps, int batch, double *seconds);

#endif
