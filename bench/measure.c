#include "measure.h"

#include "ceiling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 64    /* inputs that calls of one step take in turn */
#define CHECKED 16 /* of them whose outputs are compared: the first says nothing of u, as h is 0 */
#define TRIES 6    /* of a repetition in which another process took the CPU */
#define LONG 2e7   /* ns: a repetition beyond this is kept as it is */

struct runner {
	void *handle;
	long calls; /* per repetition */
	int input, stream; /* of the next call; they come in turn */
	double ns[BENCH_MOST], ratio[BENCH_MOST];
	int preempted;
};

struct work {
	const struct bench_case *shape;
	const struct bench_engine *engines;
	int count;
	float *x, *y, *wanted;
	size_t x_call, y_call; /* floats of one call */
	int ring, checked;
	int tiny; /* mode decay: calls take the second ring of inputs and the second state */
	struct runner runners[BENCH_ENGINES];
	struct bench_ceiling *ceiling;
};

/* So many calls.  Everything around them is taken out of the loop: it would be a tenth of a small
 * model's step. */
static void call(struct work *w, int e, long calls)
{
	const struct bench_engine *engine = &w->engines[e];
	void (*const run)(void *, const float *, float *, int) = engine->run;
	const int decay = w->shape->mode == BENCH_DECAY, streams = decay ? 1 : w->shape->streams;
	const float *const x = w->x + (size_t)(w->tiny * w->ring) * w->x_call;
	struct runner *r = &w->runners[e];
	void *const handle = r->handle;
	int input = r->input, stream = r->stream;
	long i;

	for (i = 0; w->shape->mode == BENCH_SETUP && i < calls; i++)
		engine->setup(handle);
	for (; i < calls; i++) {
		run(handle, x + (size_t)input * w->x_call, w->y, decay ? w->tiny : stream);
		input = input + 1 < w->ring ? input + 1 : 0;
		stream = stream + 1 < streams ? stream + 1 : 0;
	}
	r->input = input;
	r->stream = stream;
}

/* ns of so many calls; negative if the engine is gone. */
static double timed(struct work *w, int e, long calls)
{
	double before;

	if (w->engines[e].calls)
		return w->engines[e].calls(w->runners[e].handle, calls, NULL);
	before = bench_cpu();
	call(w, e, calls);
	return bench_cpu() - before;
}

/* One call and more, which brings the weights into the caches where they stay.  0 if the engine is gone. */
static int warm(struct work *w, int e)
{
	const double start = bench_now();
	const long calls = w->runners[e].calls / 16 + 1;
	const int reads = w->shape->mode == BENCH_SETUP ? BENCH_READS : w->shape->steps; /* of a call */
	long done = 0;
	double time;

	do {
		time = timed(w, e, calls);
		done += calls * reads;
	} while (time >= 0 && (bench_now() - start < BENCH_WARM || done < BENCH_READS));
	return time >= 0;
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
	if (w->shape->mode == BENCH_DECAY && engine->calls) {
		snprintf(row->why, sizeof(row->why), "chooses its inputs itself: not timed");
		return;
	}
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
	if (!(row->difference <=
	      bench_tolerance(engine->dtype) + bench_tolerance(w->engines[0].dtype)))
		snprintf(row->why, sizeof(row->why), "differs by %.1e: not timed", row->difference);
}

/* How many calls fill a repetition. */
static double calibrate(struct work *w, int e, double repetition)
{
	double time;
	long calls = 1;

	for (;;) {
		time = timed(w, e, 1) >= 0 ? timed(w, e, calls) : -1;
		if (time < 0 || time >= repetition / 4)
			break;
		calls *= time < repetition / 64 ? 16 : 2;
	}
	time /= (double)calls;
	w->runners[e].calls = time > 0 ? (long)(repetition / time) + 1 : 1;
	return time;
}

/* Of a gate's sum of n = input + hidden products, each below 1/sqrt(hidden):
 * - fp32 rounds n times, which leaves an error of a few times sqrt(n) 2^-24 that h inherits;
 * - weights of bf16 and f16, and in peers x and h too, are rounded by 2^-9 and 2^-12 of themselves,
 *   and with int8 by a 254th of the largest of a row or of a whole matrix: sqrt(n / hidden) times a
 *   third of that is usual, and some ten times the usual is seen among all steps and units.
 * A wrong gate, state or row makes differences of 1e-1 and more, a wrong weight 1e-2. */
double bench_tolerance(const char *dtype)
{
	if (strcmp(dtype, "int8") == 0)
		return 3e-2;
	if (strcmp(dtype, "bf16") == 0)
		return 2e-2;
	return strcmp(dtype, "f16") == 0 ? 2e-3 : 5e-5;
}

static void latencies(struct work *w, int e, long count, struct bench_row *row)
{
	double *ns = malloc((size_t)count * sizeof(double)), cost = bench_clock_cost();
	int known = 1;
	long i;

	if (!ns || !warm(w, e)) {
		free(ns);
		return;
	}
	if (w->engines[e].calls) {
		known = w->engines[e].calls(w->runners[e].handle, count, ns) >= 0;
	} else {
		for (i = 0; i < count; i++) {
			double before = bench_now();
			call(w, e, 1);
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
	int tries = 0;
	double ns;

	*disturbed = 0;
	if (!warm(w, e))
		return -1;
	do {
		if (tries && timed(w, e, 1) < 0) /* a call is enough to begin again */
			return -1;
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
		if (w->shape->mode == BENCH_DECAY) {
			w->tiny = 0;
			r->ratio[i] = repetition(w, e, &disturbed);
			w->tiny = 1;
		}
		r->ns[i] = repetition(w, e, &disturbed);
		r->ratio[i] = r->ns[i] / r->ratio[i];
		r->ns[i] /= (double)r->calls * w->shape->steps;
		r->preempted += disturbed;
		if (r->ns[i] < 0)
			snprintf(rows[e].why, sizeof(rows[e].why), "stopped while it was timed");
	}
}

static void time_all(struct work *w, const struct bench_effort *f, struct bench_row *rows)
{
	double slowest = 0, per_call;
	int e, i, repetitions;

	for (e = 0; e < w->count; e++)
		if (!rows[e].why[0]) {
			per_call = calibrate(w, e, f->repetition);
			slowest = per_call > slowest ? per_call : slowest;
		}
	slowest = slowest > f->repetition ? slowest : f->repetition;
	repetitions = f->budget / slowest > f->most ? f->most : (int)(f->budget / slowest);
	repetitions = repetitions < f->least ? f->least : repetitions;
	repetitions = f->fixed ? f->fixed : repetitions;
	repetitions = repetitions > BENCH_MOST ? BENCH_MOST : repetitions;
	for (i = 0; i < repetitions; i++) {
		bench_ceiling_sample(w->ceiling, i);
		round_of(w, i, rows);
	}
	bench_ceiling_medians(w->ceiling, repetitions);
	for (e = 0; e < w->count; e++) {
		bench_ceiling_set(w->ceiling, &rows[e]);
		if (rows[e].why[0])
			continue;
		bench_summarize(w->runners[e].ns, (size_t)repetitions, &rows[e].ns);
		if (w->shape->mode == BENCH_DECAY)
			bench_summarize(w->runners[e].ratio, (size_t)repetitions, &rows[e].ratio);
		rows[e].preempted = (double)w->runners[e].preempted / repetitions;
		if (w->shape->mode == BENCH_STEP)
			latencies(w, e, f->latencies, &rows[e]);
	}
}

/* Inputs of usual size, and those of mode decay behind them.  Of those one in 16 lifts the states
 * to some 1e-37, from where they are halved in each step: through 2^-126, below which numbers are
 * denormal, and on. */
static void fill_inputs(struct work *w)
{
	unsigned long long random = 7;
	const size_t usual = (size_t)w->ring * w->x_call;
	size_t k;

	for (k = 0; k < usual; k++)
		w->x[k] = bench_random(&random);
	for (k = 0; w->shape->mode == BENCH_DECAY && k < usual; k++)
		w->x[usual + k] = w->x[k] * (k / w->x_call % 16 == 0 ? 1e-36f : 1e-40f);
}

int bench_measure(const struct bench_case *c, const struct bench_engine *engines, int count,
                  const struct bench_effort *effort, struct bench_row *rows)
{
	struct work *w = calloc(1, sizeof(*w));
	struct bench_net net = {{0}, {0}, {0}, {0}, 0, 0};
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
	w->x = bench_alloc((size_t)w->ring * 2 * w->x_call * sizeof(float));
	w->y = bench_alloc((size_t)w->checked * w->y_call * sizeof(float));
	w->ceiling = bench_ceiling_new(c, engines, count);
	if (w->x && w->y && w->ceiling && bench_net_make(c, 1, &net)) {
		fill_inputs(w);
		for (e = 0; e < count; e++)
			start(w, e, &net, &rows[e]);
		time_all(w, effort, rows);
		made = 1;
	}
	for (e = 0; e < count; e++)
		if (w->runners[e].handle)
			engines[e].destroy(w->runners[e].handle);
	bench_net_free(&net);
	bench_ceiling_free(w->ceiling);
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
