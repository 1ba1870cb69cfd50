/* How far every engine is from the exact results over a long sequence. */
#ifndef LSTM_BENCH_ACCURACY_H
#define LSTM_BENCH_ACCURACY_H

#include <stdio.h>

#include "cases.h"
#include "recorded.h"
#include "report.h"

struct bench_error {
	const struct bench_engine *engine;
	struct bench_case shape;
	float scale;       /* the weights are uniform in +-scale / sqrt(hidden); 0: from a file */
	char why[120];     /* it has not run, because ...; empty: it has */
	double most, mean; /* of |h - exact h|, all steps and units */
};

/* Run the engines over the shapes of the grid (16 to 512, where it names none) for its steps (1000),
 * or, unless it is NULL, over what
 * was recorded, and write a table as it goes.  *errors[*count] is released with free.  Answers an exit
 * status. */
int bench_accuracy(FILE *table, const char *program, const struct bench_grid *grid,
                   const struct bench_recorded *recorded, const struct bench_engine *engines,
                   int engine_count, struct bench_error **errors, size_t *count);

void bench_accuracy_json(FILE *out, const struct bench_machine *machine,
                         const struct bench_error *errors, size_t count);

#endif
