/* The limits of one case, measured between the engines, and which of them holds for whom. */
#ifndef LSTM_BENCH_CEILING_H
#define LSTM_BENCH_CEILING_H

#include "measure.h"

#define BENCH_MOST 201 /* repetitions */

struct bench_ceiling;

/* What these engines' types and vectors ask for; NULL: out of memory. */
struct bench_ceiling *bench_ceiling_new(const struct bench_case *shape,
                                        const struct bench_engine *engines, int count);
void bench_ceiling_free(struct bench_ceiling *ceiling);

/* Measure all of it, as repetition number i. */
void bench_ceiling_sample(struct bench_ceiling *ceiling, int i);
/* After all repetitions; then the limit of a row, whose engine is set. */
void bench_ceiling_medians(struct bench_ceiling *ceiling, int repetitions);
void bench_ceiling_set(const struct bench_ceiling *ceiling, struct bench_row *row);

#endif
