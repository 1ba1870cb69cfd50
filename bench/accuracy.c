#include "accuracy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"

#define STEPS 1000

static const float scales[] = {1, 3};
#define SCALES ((int)(sizeof(scales) / sizeof(scales[0])))

/* What the cases share. */
struct run {
	FILE *table;
	const struct bench_engine *engines;
	int engine_count;
	struct bench_error *errors;
	size_t count; /* of errors */
};

static void compare(const float *y, const double *wanted, size_t count, struct bench_error *e)
{
	double sum = 0;
	size_t k;

	for (k = 0; k < count; k++) {
		double d = fabs((double)y[k] - wanted[k]);

		if (!(d <= e->most)) /* NaN too */
			e->most = d;
		sum += d;
	}
	e->mean = sum / (double)count;
}

/* ---- the table ------------------------------------------------------------------------------- */
static void heading(FILE *out, int recorded)
{
	fprintf(out, "\nDistance of h from the exact one, %s\n%-9s %7s %6s  %-26s %9s %9s\n",
	        recorded ? "weights and inputs of the files"
	                 : "weights uniform in +-weights/sqrt(H)",
	        "IxH", "weights", "steps", "engine", "largest", "mean");
}

static void line(FILE *out, const struct bench_error *e)
{
	char label[40], shape[30], weights[20] = "file";

	snprintf(shape, sizeof(shape), "%dx%d", e->shape.input, e->shape.hidden);
	if (e->scale > 0)
		snprintf(weights, sizeof(weights), "%g", (double)e->scale);
	fprintf(out, "%-9s %7s %6d  %-26s ", shape, weights, e->shape.steps,
	        bench_engine_label(e->engine, label, sizeof(label)));
	if (e->why[0])
		fprintf(out, "%s\n", e->why);
	else
		fprintf(out, "%9.2e %9.2e\n", e->most, e->mean);
}

/* In how many cases ours is as exact as every peer that has weights of this type, in the mean and in
 * the largest error. */
static void verdict(FILE *out, const struct bench_error *errors, size_t count, const char *dtype)
{
	size_t i, k, cases = 0, means = 0, largest = 0;

	for (i = 0; i < count; i = k) {
		double mean[2] = {INFINITY, INFINITY}, most[2] = {INFINITY, INFINITY};

		for (k = i; k < count && errors[k].scale == errors[i].scale &&
		            errors[k].shape.input == errors[i].shape.input &&
		            errors[k].shape.hidden == errors[i].shape.hidden;
		     k++) {
			const struct bench_error *e = &errors[k];
			const int peer = bench_is_peer(e->engine);

			if (strcmp(e->engine->dtype, dtype) != 0 || e->why[0])
				continue;
			mean[peer] = fmin(mean[peer], e->mean);
			most[peer] = fmin(most[peer], e->most);
		}
		if (isinf(mean[0]) || isinf(mean[1]))
			continue;
		cases++;
		means += mean[0] <= mean[1];
		largest += most[0] <= most[1];
	}
	if (cases)
		fprintf(out,
		        "%s: lstm.h is as exact as the best peer in %zu of %zu cases in the mean, in "
		        "%zu in the largest error\n",
		        dtype, means, cases, largest);
}

/* ---- the run --------------------------------------------------------------------------------- */
/* Every engine; scale is 0 if the weights are not random.  0: out of memory. */
static int run_engines(struct run *r, const struct bench_recorded *given, float scale)
{
	const struct bench_case *c = &given->shape;
	const size_t count = (size_t)c->steps * (size_t)bench_output(c);
	float *y = bench_alloc(count * sizeof(*y));
	double *wanted = bench_alloc(count * sizeof(*wanted));
	const int made = y && wanted && bench_exact(c, &given->net, given->x, wanted);
	void *handle;
	int k;

	for (k = 0; made && k < r->engine_count; k++) {
		const struct bench_engine *engine = &r->engines[k];
		struct bench_error *e = &r->errors[r->count++];

		e->engine = engine;
		e->shape = *c;
		e->scale = scale;
		handle = engine->create(engine, c, &given->net, e->why, sizeof(e->why));
		if (handle) {
			engine->run(handle, given->x, y, 0);
			engine->destroy(handle);
			compare(y, wanted, count, e);
		}
		line(r->table, e);
		fflush(r->table);
	}
	free(y);
	free(wanted);
	return made;
}

static int run_random(struct run *r, const struct bench_case *c, float scale)
{
	const size_t count = (size_t)c->steps * (size_t)c->input;
	unsigned long long random = 7;
	struct bench_recorded made;
	size_t k;
	int good;

	memset(&made, 0, sizeof(made));
	made.shape = *c;
	made.x = bench_alloc(count * sizeof(float));
	good = made.x && bench_net_make(c, scale, &made.net);
	for (k = 0; good && k < count; k++)
		made.x[k] = bench_random(&random);
	good = good && run_engines(r, &made, scale);
	bench_recorded_free(&made);
	return good;
}

/* All shapes of the grid, of which there are so many. */
static int run_grid(struct run *r, const struct bench_grid *grid)
{
	struct bench_case c;
	char why[200];
	int index = 0, s, good = 1;

	while (good && bench_grid_next(grid, &index, &c, why, sizeof(why)) > 0)
		for (s = 0; good && s < SCALES; s++)
			good = run_random(r, &c, scales[s]);
	return good;
}

int bench_accuracy(FILE *table, const char *program, const struct bench_grid *given,
                   const struct bench_recorded *recorded, const struct bench_engine *engines,
                   int engine_count, struct bench_error **errors, size_t *count)
{
	static const char *const dtypes[] = {"f32", "bf16", "f16", "int8"};
	struct bench_grid grid = *given;
	struct bench_case c;
	struct run r = {table, engines, engine_count, NULL, 0};
	char why[200];
	int cases = 0, made;
	size_t d;

	grid.modes = "sequence";
	grid.steps = grid.steps ? grid.steps : STEPS;
	if (!grid.shapes)
		grid.shapes = "16x16,64x64,128x128,256x256,512x512";
	while (bench_grid_next(&grid, &cases, &c, why, sizeof(why)) > 0)
		;
	r.errors = calloc((size_t)cases * SCALES * (size_t)engine_count, sizeof(*r.errors));
	made = r.errors != NULL;
	if (made) {
		heading(table, recorded != NULL);
		made = recorded ? run_engines(&r, recorded, 0) : run_grid(&r, &grid);
	}
	*errors = r.errors;
	*count = r.count;
	if (!made) {
		fprintf(stderr, "%s: --accuracy: out of memory\n", program);
		return 1;
	}
	fprintf(table, "\n");
	for (d = 0; d < sizeof(dtypes) / sizeof(dtypes[0]); d++)
		verdict(table, r.errors, r.count, dtypes[d]);
	return 0;
}

void bench_accuracy_json(FILE *out, const struct bench_machine *m, const struct bench_error *errors,
                         size_t count)
{
	size_t i;

	bench_json_machine(out, m);
	fprintf(out, "},\n\"errors\": [");
	for (i = 0; i < count; i++) {
		const struct bench_error *e = &errors[i];

		fprintf(out, "%s\n{", i ? "," : "");
		bench_json_case(out, e->engine, &e->shape);
		if (e->scale > 0)
			fprintf(out, ", \"scale\": %g", (double)e->scale);
		else
			fprintf(out, ", \"scale\": null");
		if (e->why[0]) {
			fprintf(out, ", \"largest\": null, \"error\": ");
			bench_json_text(out, e->why);
		} else {
			fprintf(out, ", \"largest\": %.4e, \"mean\": %.4e", e->most, e->mean);
		}
		putc('}', out);
	}
	fprintf(out, "\n]\n}\n");
}
