/* One case run by teams of several sizes in turn, with the second core free and with it in use. */
#ifndef LSTM_BENCH_THREADS_RACE_H
#define LSTM_BENCH_THREADS_RACE_H

#include "../cases.h"
#include "../measure.h"
#include "../timing.h"

#include "engine.h"

#define RACE_TEAMS 8 /* most sizes of teams */

enum { RACE_QUIET, RACE_BUSY, RACE_NEIGHBOURS };

struct race_team {
	int threads;
	struct threads_team *team;
};

struct race_plan {
	struct race_team teams[RACE_TEAMS]; /* the first is of one thread */
	int count, isa;
	int with[RACE_NEIGHBOURS]; /* whether to measure so */
	int rounds;
	double repetition; /* ns */
};

struct race_row {
	struct bench_case shape;
	int threads, neighbour;
	struct bench_summary ns; /* per step, wall time */
	struct bench_summary
		gain; /* of the rounds: one thread's time / this one's, in that round */
};

/* Appends a row for each neighbour and team to rows, *count of them.  0: why[size] says what went
 * wrong, a team that changed a bit among it. */
int race(const struct race_plan *plan, const struct bench_case *shape, struct race_row *rows,
         size_t *count, char *why, size_t size);

#endif
