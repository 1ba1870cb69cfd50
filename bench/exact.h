/* What the accuracy of engines is held against, and one that is only held against it. */
#ifndef LSTM_BENCH_EXACT_H
#define LSTM_BENCH_EXACT_H

#include "bench.h"

/* The case in double precision by lstm_f64_run, from zero state, into y[steps][batch][directions *
 * hidden].  0: out of memory. */
int bench_exact(const struct bench_case *shape, const struct bench_net *net, const float *x,
                double *y);

/* Engines that calculate what a type of weights would give, and say nothing of its time: weights of 4
 * bits with a scale for each group of 32 or 64 of a row, x and h of 8 bits.  0 past the last. */
int bench_simulated(int index, struct bench_engine *engine);

#endif
