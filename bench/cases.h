/* The grid: which cases are measured, their weights and their limit. */
#ifndef LSTM_BENCH_CASES_H
#define LSTM_BENCH_CASES_H

#include "bench.h"
#include "command.h"

struct bench_grid {
	const char *modes;   /* comma-separated names, or NULL for all */
	const char *shapes;  /* "64x64,1x16", or NULL for the usual ones */
	const char *batches; /* of mode batch; NULL for 8,32,64 */
	int steps;           /* of every mode but step and streams; 0 for each mode's own */
	int quick;           /* fewer shapes and batches, where none are named */
	const struct bench_model *model; /* the only shape, with its layers; or NULL */
};

/* The next case of the grid after *index (start at 0), in *shape; 0 past the last.  Negative: the
 * grid is wrong, and why[size] says how. */
int bench_grid_next(const struct bench_grid *grid, int *index, struct bench_case *shape, char *why,
                    size_t size);
const char *bench_mode_name(enum bench_mode mode);
const char *bench_mode_about(enum bench_mode mode);

/* Random weights in +-scale / sqrt(hidden): frameworks begin with a scale of 1.  0: out of memory. */
int bench_net_make(const struct bench_case *shape, float scale, struct bench_net *net);
void bench_net_free(struct bench_net *net);

/* Floating-point operations per step of the case, all streams: 2 per multiply-add. */
double bench_operations(const struct bench_case *shape);
/* Bytes that a weight of this type takes, as in BENCH_DTYPES. */
size_t bench_weight_bytes(const char *dtype);
/* Bytes of weights that a step must read, in pieces of bench_read_piece bytes. */
double bench_read_bytes(const struct bench_case *shape, size_t weight_bytes);
size_t bench_read_piece(const struct bench_case *shape, size_t weight_bytes);

/* Medians of what the limits measured while the case was. */
struct bench_rates {
	double fma;   /* operations per ns, of the arithmetic that the weights' type allows */
	double matrix, rows; /* likewise, by so many rows of x or h at a time; 0: there is none */
	double cell;  /* ns per unit */
	double chain; /* ns per cell that waits for the one before */
	double read;  /* ns per piece; in mode setup the time to copy it */
};

/* The largest of three times that no implementation can avoid; *which says which one.  In mode setup
 * the time of the only thing that cannot be avoided. */
double bench_limit_ns(const struct bench_case *shape, const struct bench_rates *rates,
                      const char **which);

#endif
