#include "accuracy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"

#define STEPS 1000

static const float scales[] = {1, 3};
#define SCALES ((int)(sizeof(scales) / sizeof(scales[0])))

/* What the engines of a case share. */
struct job {
	struct bench_net net;
	float *x, *y;
	double *wanted;
	size_t count; /* of y */
};

static void compare(const struct job *job, struct bench_error *e)
{
	double sum = 0;
	size_t k;

	for (k = 0; k < job->count; k++) {
		double d = fabs((double)job->y[k] - job->wanted[k]);

		if (!(d <= e->most)) /* NaN too */
			e->most = d;
		sum += d;
	}
	e->mean = sum / (double)job->count;
}

static void run(struct job *job, const struct bench_engine *engine, struct bench_error *e)
{
	void *handle = engine->create(engine, &e->shape, &job->net, e->why, sizeof(e->why));

	if (!handle)
		return;
	engine->run(handle, job->x, job->y, 0);
	engine->destroy(handle);
	compare(job, e);
}

static int start(struct job *job, const struct bench_case *c, float scale)
{
	size_t k, count = (size_t)c->steps * (size_t)c->input;
	unsigned long long random = 7;

	memset(job, 0, sizeof(*job));
	job->count = (size_t)c->steps * (size_t)bench_output(c);
	job->x = bench_alloc(count * sizeof(float));
	job->y = bench_alloc(job->count * sizeof(float));
	job->wanted = bench_alloc(job->count * sizeof(double));
	if (!job->x || !job->y || !job->wanted || !bench_net_make(c, scale, &job->net))
		return 0;
	for (k = 0; k < count; k++)
		job->x[k] = bench_random(&random);
	return bench_exact(c, &job->net, job->x, job->wanted);
}

static void finish(struct job *job)
{
	bench_net_free(&job->net);
	free(job->x);
	free(job->y);
	free(job->wanted);
}

/* ---- the table ------------------------------------------------------------------------------- */
static void heading(FILE *out)
{
	fprintf(out,
	        "\nDistance of h from the exact one, weights uniform in +-weights/sqrt(H)\n"
	        "%-9s %7s %6s  %-26s %9s %9s\n",
	        "IxH", "weights", "steps", "engine", "largest", "mean");
}

static void line(FILE *out, const struct bench_error *e)
{
	char label[40], shape[30];

	snprintf(shape, sizeof(shape), "%dx%d", e->shape.input, e->shape.hidden);
	fprintf(out, "%-9s %7g %6d  %-26s ", shape, (double)e->scale, e->shape.steps,
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

int bench_accuracy(FILE *table, const char *program, const struct bench_grid *given,
                   const struct bench_engine *engines, int engine_count,
                   struct bench_error **errors, size_t *count)
{
	static const char *const dtypes[] = {"f32", "bf16", "f16", "int8"};
	struct bench_grid grid = *given;
	struct bench_case c;
	struct job job;
	char why[200];
	int index = 0, cases = 0, s, e, made = 1;

	grid.modes = "sequence";
	grid.steps = grid.steps ? grid.steps : STEPS;
	if (!grid.shapes)
		grid.shapes = "16x16,64x64,128x128,256x256,512x512";
	*count = 0;
	while (bench_grid_next(&grid, &cases, &c, why, sizeof(why)) > 0)
		;
	*errors = calloc((size_t)cases * SCALES * (size_t)engine_count, sizeof(**errors));
	if (!*errors)
		made = 0;
	if (made)
		heading(table);
	while (made && bench_grid_next(&grid, &index, &c, why, sizeof(why)) > 0)
		for (s = 0; made && s < SCALES; s++) {
			made = start(&job, &c, scales[s]);
			for (e = 0; made && e < engine_count; e++) {
				struct bench_error *row = *errors + (*count)++;

				row->engine = &engines[e];
				row->shape = c;
				row->scale = scales[s];
				run(&job, row->engine, row);
				line(table, row);
				fflush(table);
			}
			finish(&job);
		}
	if (!made) {
		fprintf(stderr, "%s: --accuracy: out of memory\n", program);
		return 1;
	}
	fprintf(table, "\n");
	for (s = 0; s < (int)(sizeof(dtypes) / sizeof(dtypes[0])); s++)
		verdict(table, *errors, *count, dtypes[s]);
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
		fprintf(out, ", \"scale\": %g", (double)e->scale);
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
