#include "ceiling.h"

#include <stdlib.h>
#include <string.h>

#define VECTORS 4 /* most vector widths whose limits are measured */
#define DOTS 8    /* most instructions for small numbers */
#define SIZES 3   /* of a weight: 1, 2 and 4 bytes */

struct limit {
	const struct bench_vector *vector;
	double fma[BENCH_MOST], cell[BENCH_MOST], chain[BENCH_MOST], read[SIZES][BENCH_MOST];
};

struct dots {
	const struct bench_dot *dot;
	double rate[BENCH_MOST];
};

/* What the medians of a run say. */
struct medians {
	double fma[VECTORS], cell[VECTORS], chain[VECTORS], read[VECTORS][SIZES], dot[DOTS];
};

struct bench_ceiling {
	const struct bench_case *shape;
	int limits, dot_count;
	int sizes; /* a bit for each size of weights that an engine has */
	float *buffer, *copy;
	struct limit limit[VECTORS];
	struct dots dots[DOTS];
	struct medians medians;
};

/* The place of a size among 1, 2 and 4 bytes. */
static int size_of(const char *dtype)
{
	return (int)bench_weight_bytes(dtype) / 2;
}

/* The vector's own, but memcpy chooses for itself: one sample serves all, lest builds be held against
 * different ones. */
static double sample_read(struct bench_ceiling *c, int k, int size, int i)
{
	const size_t bytes = bench_read_piece(c->shape, (size_t)1 << size);

	if (!c->copy)
		return bench_limit_read(c->limit[k].vector, c->buffer, bytes);
	if (k > 0)
		return c->limit[0].read[size][i];
	return bench_limit_copy(c->copy, c->buffer, bytes);
}

void bench_ceiling_sample(struct bench_ceiling *c, int i)
{
	int k, size;

	for (k = 0; k < c->dot_count; k++)
		c->dots[k].rate[i] = bench_limit_dot(c->dots[k].dot);
	for (k = 0; k < c->limits; k++) {
		struct limit *l = &c->limit[k];
		l->fma[i] = bench_limit_fma(l->vector);
		l->cell[i] = bench_limit_cell(l->vector);
		l->chain[i] = bench_limit_chain(l->vector);
		for (size = 0; size < SIZES; size++)
			if (c->sizes >> size & 1)
				l->read[size][i] = sample_read(c, k, size, i);
	}
}

static double median(double *values, int count)
{
	bench_sort(values, (size_t)count);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

void bench_ceiling_medians(struct bench_ceiling *c, int repetitions)
{
	struct medians *m = &c->medians;
	int k, size;

	for (k = 0; k < c->limits; k++) {
		m->fma[k] = median(c->limit[k].fma, repetitions);
		m->cell[k] = median(c->limit[k].cell, repetitions);
		m->chain[k] = median(c->limit[k].chain, repetitions);
		for (size = 0; size < SIZES; size++)
			m->read[k][size] = median(c->limit[k].read[size], repetitions);
	}
	for (k = 0; k < c->dot_count; k++)
		m->dot[k] = median(c->dots[k].rate, repetitions);
}

/* Operations per ns of the fastest instruction that multiplies the engine's type by one row of x or h,
 * or where `rows` is given by several: that many.  0: there is none.  bf16 counts for peers alone:
 * lstm.h multiplies it in fp32, lest machines differ. */
static double dot_rate(const struct bench_ceiling *c, const struct bench_engine *e, double *rows)
{
	const int matrix = rows != NULL;
	const int own = strcmp(e->isa, "own") == 0;
	double best = 0;
	int k;

	for (k = 0; k < c->dot_count; k++) {
		const struct bench_dot *d = c->dots[k].dot;

		if (matrix != (d->rows > 1) || strcmp(d->dtype, e->dtype) != 0 ||
		    (!own && strcmp(d->isa, e->isa) != 0) ||
		    (!own && strcmp(d->dtype, "bf16") == 0))
			continue;
		if (matrix)
			*rows = d->rows;
		best = c->medians.dot[k] > best ? c->medians.dot[k] : best;
	}
	return best;
}

/* The limit of the engine's own vectors; of the widest ones for who chooses for itself, and for
 * plain C. */
void bench_ceiling_set(const struct bench_ceiling *c, struct bench_row *row)
{
	const struct medians *m = &c->medians;
	struct bench_rates rates;
	double dot = dot_rate(c, row->engine, NULL);
	int k, own = c->limits - 1;

	for (k = 0; k < c->limits; k++)
		if (strcmp(c->limit[k].vector->name, row->engine->isa) == 0)
			own = k;
	row->limit = "none";
	if (own >= 0) {
		rates.fma = dot > m->fma[own] ? dot : m->fma[own];
		rates.rows = 1;
		rates.matrix = dot_rate(c, row->engine, &rates.rows);
		rates.cell = m->cell[own];
		rates.chain = m->chain[own];
		rates.read = m->read[own][size_of(row->engine->dtype)];
		row->limit_ns = bench_limit_ns(c->shape, &rates, &row->limit);
		row->fma = rates.fma;
	}
}

/* The vectors, and what else the engines' types ask for. */
static void choose(struct bench_ceiling *c, const struct bench_engine *engines, int count)
{
	const struct bench_vector *v;
	const struct bench_dot *d;
	int e, k, wanted;

	while (c->limits < VECTORS && (v = bench_vector_at(c->limits)) != NULL)
		c->limit[c->limits++].vector = v;
	for (e = 0; e < count; e++)
		c->sizes |= 1 << size_of(engines[e].dtype);
	for (k = 0; c->dot_count < DOTS && (d = bench_dot_at(k)) != NULL; k++) {
		wanted = 0;
		for (e = 0; e < count; e++)
			wanted |= strcmp(engines[e].dtype, d->dtype) == 0;
		if (wanted)
			c->dots[c->dot_count++].dot = d;
	}
}

struct bench_ceiling *bench_ceiling_new(const struct bench_case *shape,
                                        const struct bench_engine *engines, int count)
{
	struct bench_ceiling *c = calloc(1, sizeof(*c));
	const size_t bytes = bench_read_piece(shape, sizeof(float));

	if (!c)
		return NULL;
	c->shape = shape;
	choose(c, engines, count);
	c->buffer = bench_alloc(bytes);
	if (shape->mode == BENCH_SETUP)
		c->copy = bench_alloc(bytes);
	if (c->buffer && (c->copy || shape->mode != BENCH_SETUP))
		return c;
	bench_ceiling_free(c);
	return NULL;
}

void bench_ceiling_free(struct bench_ceiling *c)
{
	if (!c)
		return;
	free(c->buffer);
	free(c->copy);
	free(c);
}
