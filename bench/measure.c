#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 64    /* inputs that calls of one step take in turn */
#define CHECKED 16 /* of them whose outputs are compared: the first says nothing of u, as h is 0 */
#define VECTORS 4  /* most vector widths whose limits are measured */
#define MOST 201   /* repetitions */
#define TRIES 6    /* of a repetition in which another process took the CPU */
#define LONG 2e7   /* ns: a repetition beyond this is kept as it is */

struct runner {
	void *handle;
	long calls; /* per repetition */
	long next;  /* call: which input, which stream */
	double ns[MOST];
	int preempted;
};

struct limit {
	const struct bench_vector *vector;
	double fma[MOST], cell[MOST], chain[MOST], read[MOST];
};

struct work {
	const struct bench_case *shape;
	const struct bench_engine *engines;
	int count, limits;
	float *x, *y, *wanted, *buffer, *copy;
	size_t x_call, y_call; /* floats of one call */
	int ring, checked;
	struct runner runners[BENCH_ENGINES];
	struct limit limit[VECTORS];
};

static void call(struct work *w, int e)
{
	struct runner *r = &w->runners[e];
	const float *x = w->x + (size_t)(r->next % w->ring) * w->x_call;

	if (w->shape->mode == BENCH_SETUP) {
		w->engines[e].setup(r->handle);
		return;
	}
	w->engines[e].run(r->handle, x, w->y, (int)(r->next % w->shape->streams));
	r->next++;
}

/* ns of so many calls, after one that brings the weights back into the caches; negative if the
 * engine is gone. */
static double timed(struct work *w, int e, long calls)
{
	double before;
	long i;

	if (w->engines[e].calls) {
		if (w->engines[e].calls(w->runners[e].handle, 1, NULL) < 0)
			return -1;
		return w->engines[e].calls(w->runners[e].handle, calls, NULL);
	}
	call(w, e);
	before = bench_cpu();
	for (i = 0; i < calls; i++)
		call(w, e);
	return bench_cpu() - before;
}

/* Make the engine, run its first calls, all of one stream, compare. */
static void start(struct work *w, int e, const struct bench_net *net, struct bench_row *row)
{
	const struct bench_engine *engine = &w->engines[e];
	struct runner *r = &w->runners[e];
	float *y = w->wanted ? w->y : NULL;
	size_t k;
	int i;

	row->engine = engine;
	row->shape = *w->shape;
	row->difference = -1;
	r->handle = engine->create(engine, w->shape, net, row->why, sizeof(row->why));
	if (!r->handle)
		return;
	if (!y) { /* the first that runs is the measure of the others */
		w->wanted = bench_alloc((size_t)w->checked * w->y_call * sizeof(float));
		y = w->wanted;
	}
	if (!y) {
		snprintf(row->why, sizeof(row->why), "out of memory");
		return;
	}
	for (i = 0; i < w->checked; i++)
		engine->run(r->handle, w->x + (size_t)i * w->x_call, y + (size_t)i * w->y_call, 0);
	row->difference = 0;
	for (k = 0; k < (size_t)w->checked * w->y_call; k++) {
		double d = fabs((double)y[k] - (double)w->wanted[k]);
		if (!(d <= row->difference)) /* NaN too */
			row->difference = d;
	}
	if (!(row->difference <= BENCH_SAME))
		snprintf(row->why, sizeof(row->why), "differs by %.1e: not timed", row->difference);
}

/* How many calls fill a repetition. */
static double calibrate(struct work *w, int e, double repetition)
{
	double time;
	long calls = 1;

	for (;;) {
		time = timed(w, e, calls);
		if (time < 0 || time >= repetition / 4)
			break;
		calls *= time < repetition / 64 ? 16 : 2;
	}
	time /= (double)calls;
	w->runners[e].calls = time > 0 ? (long)(repetition / time) + 1 : 1;
	return time;
}

static void sample_limits(struct work *w, int i)
{
	const size_t bytes = bench_read_piece(w->shape);
	int k;

	for (k = 0; k < w->limits; k++) {
		struct limit *l = &w->limit[k];
		l->fma[i] = bench_limit_fma(l->vector);
		l->cell[i] = bench_limit_cell(l->vector);
		l->chain[i] = bench_limit_chain(l->vector);
		l->read[i] = w->copy ? bench_limit_copy(w->copy, w->buffer, bytes)
		                     : bench_limit_read(l->vector, w->buffer, bytes);
	}
}

static double median(double *values, int count)
{
	bench_sort(values, (size_t)count);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* The limit of the engine's own vectors; of the widest ones for who chooses for itself, and for
 * plain C. */
static void set_limit(const struct work *w, struct bench_row *row, const struct bench_rates *rates)
{
	int k, own = w->limits - 1;

	for (k = 0; k < w->limits; k++)
		if (strcmp(w->limit[k].vector->name, row->engine->isa) == 0)
			own = k;
	row->limit = "none";
	if (own >= 0) {
		row->limit_ns = bench_limit_ns(w->shape, &rates[own], &row->limit);
		row->fma = rates[own].fma;
	}
}

static void latencies(struct work *w, int e, long count, struct bench_row *row)
{
	double *ns = malloc((size_t)count * sizeof(double)), cost = bench_clock_cost();
	int known = 1;
	long i;

	if (!ns)
		return;
	if (w->engines[e].calls) {
		known = w->engines[e].calls(w->runners[e].handle, count, ns) >= 0;
	} else {
		for (i = 0; i < count; i++) {
			double before = bench_now();
			call(w, e);
			ns[i] = bench_now() - before - cost;
		}
	}
	if (known) {
		bench_sort(ns, (size_t)count);
		row->late[0] = bench_quantile(ns, (size_t)count, 0.5);
		row->late[1] = bench_quantile(ns, (size_t)count, 0.99);
		row->late[2] = bench_quantile(ns, (size_t)count, 0.999);
		row->late[3] = ns[count - 1];
	}
	free(ns);
}

/* The ns of one repetition, which no other process disturbed if possible; negative if the engine is
 * gone. */
static double repetition(struct work *w, int e, int *disturbed)
{
	long preemptions;
	double ns;
	int tries = 0;

	do {
		preemptions = bench_preemptions();
		ns = timed(w, e, w->runners[e].calls);
		*disturbed = bench_preemptions() != preemptions;
	} while (*disturbed && ns >= 0 && ns < LONG && ++tries < TRIES);
	return ns;
}

/* One repetition of every engine, each round in another order lest one always follow the same. */
static void round_of(struct work *w, int i, struct bench_row *rows)
{
	int k, disturbed;

	for (k = 0; k < w->count; k++) {
		int e = (k + i) % w->count;
		struct runner *r = &w->runners[e];

		if (rows[e].why[0])
			continue;
		r->ns[i] = repetition(w, e, &disturbed) / (double)r->calls / w->shape->steps;
		r->preempted += disturbed;
		if (r->ns[i] < 0)
			snprintf(rows[e].why, sizeof(rows[e].why), "stopped while it was timed");
	}
}

static void time_all(struct work *w, const struct bench_effort *f, struct bench_row *rows)
{
	struct bench_rates rates[VECTORS];
	double slowest = 0, per_call;
	int e, i, k, repetitions;

	for (e = 0; e < w->count; e++)
		if (!rows[e].why[0]) {
			per_call = calibrate(w, e, f->repetition);
			slowest = per_call > slowest ? per_call : slowest;
		}
	slowest = slowest > f->repetition ? slowest : f->repetition;
	repetitions = f->budget / slowest > f->most ? f->most : (int)(f->budget / slowest);
	repetitions = repetitions < f->least ? f->least : repetitions;
	repetitions = f->fixed ? f->fixed : repetitions;
	repetitions = repetitions > MOST ? MOST : repetitions;
	for (i = 0; i < repetitions; i++) {
		sample_limits(w, i);
		round_of(w, i, rows);
	}
	for (k = 0; k < w->limits; k++) {
		rates[k].fma = median(w->limit[k].fma, repetitions);
		rates[k].cell = median(w->limit[k].cell, repetitions);
		rates[k].chain = median(w->limit[k].chain, repetitions);
		rates[k].read = median(w->limit[k].read, repetitions);
	}
	for (e = 0; e < w->count; e++) {
		set_limit(w, &rows[e], rates);
		if (rows[e].why[0])
			continue;
		bench_summarize(w->runners[e].ns, (size_t)repetitions, &rows[e].ns);
		rows[e].preempted = (double)w->runners[e].preempted / repetitions;
		if (w->shape->mode == BENCH_STEP)
			latencies(w, e, f->latencies, &rows[e]);
	}
}

int bench_measure(const struct bench_case *c, const struct bench_engine *engines, int count,
                  const struct bench_effort *effort, struct bench_row *rows)
{
	struct work *w = calloc(1, sizeof(*w));
	struct bench_net net = {{0}, {0}, {0}};
	unsigned long long random = 7;
	const struct bench_vector *v;
	size_t k;
	int e, made = 0;

	memset(rows, 0, (size_t)count * sizeof(*rows));
	if (!w)
		return 0;
	w->shape = c;
	w->engines = engines;
	w->count = count;
	w->ring = c->steps == 1 ? RING : 1;
	w->checked = c->steps == 1 ? CHECKED : 1;
	w->x_call = (size_t)c->steps * (size_t)c->batch * (size_t)c->input;
	w->y_call = (size_t)c->steps * (size_t)c->batch * (size_t)bench_output(c);
	w->x = bench_alloc((size_t)w->ring * w->x_call * sizeof(float));
	w->y = bench_alloc((size_t)w->checked * w->y_call * sizeof(float));
	w->buffer = bench_alloc(bench_read_piece(c));
	if (c->mode == BENCH_SETUP)
		w->copy = bench_alloc(bench_read_piece(c));
	while (w->limits < VECTORS && (v = bench_vector_at(w->limits)) != NULL)
		w->limit[w->limits++].vector = v;
	if (w->x && w->y && w->buffer && (w->copy || c->mode != BENCH_SETUP) &&
	    bench_net_make(c, &net)) {
		for (k = 0; k < (size_t)w->ring * w->x_call; k++)
			w->x[k] = bench_random(&random);
		for (e = 0; e < count; e++)
			start(w, e, &net, &rows[e]);
		time_all(w, effort, rows);
		made = 1;
	}
	for (e = 0; e < count; e++)
		if (w->runners[e].handle)
			engines[e].destroy(w->runners[e].handle);
	bench_net_free(&net);
	free(w->copy);
	free(w->buffer);
	free(w->wanted);
	free(w->y);
	free(w->x);
	free(w);
	return made;
}

int bench_noisy(const struct bench_row *row)
{
	return row->ns.high - row->ns.low > 0.1 * row->ns.median;
}
