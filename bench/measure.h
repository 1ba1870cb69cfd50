/* One case: every engine created, checked against the first one, and timed in turn with the others
 * and with the limits. */
#ifndef LSTM_BENCH_MEASURE_H
#define LSTM_BENCH_MEASURE_H

#include "bench.h"
#include "cases.h"
#include "limits.h"
#include "timing.h"

#define BENCH_ENGINES 40 /* most that take turns */

/* How far the results of an engine with such weights may be from the exact ones; of two engines,
 * both may be that far off. */
double bench_tolerance(const char *dtype);

struct bench_effort {
	double repetition; /* ns that an engine runs without a break */
	double budget;     /* ns of all repetitions of an engine together */
	int least, most;   /* repetitions; least is also kept when one call exceeds the budget */
	int fixed;         /* > 0: exactly so many repetitions */
	long latencies;    /* single calls timed in mode step */
};

struct bench_row {
	const struct bench_engine *engine;
	struct bench_case shape;
	char why[120];     /* not timed, because ...; empty: timed */
	double difference; /* largest |y - y of the first engine|; negative if it did not run */
	struct bench_summary ns; /* per step */
	struct bench_summary ratio; /* mode decay: of the rounds, a step / one with usual numbers */
	double limit_ns;
	const char *limit;
	double fma;       /* operations per ns: the peak that limit_ns counts with */
	double late[4];   /* median, p99, p99.9, maximum of single calls in ns; 0 if not taken */
	double preempted; /* fraction of the repetitions in which another process took the CPU, of
	                   * those that were kept: such a one is repeated a few times first */
};

/* Fills rows[count], one for each engine.  0: out of memory. */
int bench_measure(const struct bench_case *shape, const struct bench_engine *engines, int count,
                  const struct bench_effort *effort, struct bench_row *rows);

/* The row says too little: its interval is wider than 10 % of its median. */
int bench_noisy(const struct bench_row *row);

#endif
