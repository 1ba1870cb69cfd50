/* What the compilers call the same things. */
#ifndef LSTM_BENCH_COMPILER_H
#define LSTM_BENCH_COMPILER_H

#if defined(__clang__)
#define BENCH_UNROLL _Pragma("clang loop unroll(full)")
#define BENCH_COMPILER __VERSION__ /* with its name */
#else
#define BENCH_UNROLL _Pragma("GCC unroll 64")
#define BENCH_COMPILER "GCC " __VERSION__
#endif
#define BENCH_LINES __attribute__((aligned(64)))
#define BENCH_ALWAYS __attribute__((always_inline))

#endif
