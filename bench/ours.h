/* This library as an engine: compiled once for each build of the activations, every symbol static,
 * so that the builds can be measured in turn in one process. */
#ifndef LSTM_BENCH_OURS_H
#define LSTM_BENCH_OURS_H

#include "bench.h"

/* The engine of one instruction set, numbered as lstm_isa is, with weights of this type; 0 if it
 * cannot run here. */
int bench_ours_builtin(int isa, const char *dtype, struct bench_engine *engine);
int bench_ours_sleef(int isa, const char *dtype, struct bench_engine *engine); /* only in builds with SLEEF */

#endif
