#define LSTM_API static
#define LSTM_NO_STDIO
#define LSTM_NO_SLEEF
#define LSTM_F32_ONLY
#define LSTM_IMPLEMENTATION
#include "lstm.h"

#include "exact.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void describe(const struct bench_case *c, lstm_desc *desc)
{
	memset(desc, 0, sizeof(*desc));
	desc->input = c->input;
	desc->hidden = c->hidden;
	desc->layers = c->layers;
	desc->direction = c->directions == 2 ? LSTM_BIDIRECTIONAL : LSTM_FORWARD;
}

/* ---- double ---------------------------------------------------------------------------------- */
static double *widened(const float *values, size_t count)
{
	double *wide = malloc(count * sizeof(*wide));
	size_t k;

	for (k = 0; wide && k < count; k++)
		wide[k] = values[k];
	return wide;
}

int bench_exact(const struct bench_case *c, const struct bench_net *net, const float *x, double *y)
{
	const int parts = c->layers * c->directions;
	const size_t rows = 4 * (size_t)c->hidden;
	double *values[3 * BENCH_PARTS] = {NULL}, *wide_x;
	lstm_weights_f64 weights[BENCH_PARTS];
	lstm_run_args_f64 args;
	lstm_desc desc;
	size_t bytes;
	void *workspace = NULL;
	int k, done;

	describe(c, &desc);
	memset(weights, 0, sizeof(weights));
	memset(&args, 0, sizeof(args));
	wide_x = widened(x, (size_t)c->steps * (size_t)c->batch * (size_t)c->input);
	done = wide_x != NULL;
	for (k = 0; k < parts; k++) {
		size_t width = (size_t)bench_width(c, k / c->directions);

		weights[k].w = values[3 * k] = widened(net->w[k], rows * width);
		weights[k].u = values[3 * k + 1] = widened(net->u[k], rows * (size_t)c->hidden);
		weights[k].b = values[3 * k + 2] = widened(net->b[k], rows);
		done = done && weights[k].w && weights[k].u && weights[k].b;
	}
	args.batch = c->batch;
	args.x = wide_x;
	args.y = y;
	args.steps = (size_t)c->steps;
	done = done && lstm_f64_size(&desc, c->batch, args.steps, &bytes) == LSTM_OK;
	if (done)
		workspace = bench_alloc(bytes);
	done = workspace && lstm_f64_run(&desc, weights, &args, workspace, bytes) == LSTM_OK;
	for (k = 0; k < 3 * parts; k++)
		free(values[k]);
	free(wide_x);
	free(workspace);
	return done;
}

/* ---- 4 bits ---------------------------------------------------------------------------------- */
/* The fp32 kernels with weights, x and h rounded as the type would: sums of such numbers differ from
 * sums of integers by fp32's rounding alone. */
struct simulated {
	lstm_model *model;
	lstm_state *state;
	float *x, *h;
	int input, hidden, steps;
};

static float largest(const float *values, size_t count)
{
	float most = 0;
	size_t k;

	for (k = 0; k < count; k++)
		most = fmaxf(most, fabsf(values[k]));
	return most;
}

/* To multiples of a 1 / levels of the largest magnitude. */
static void to_levels(float *to, const float *from, size_t count, float largest_value, float levels)
{
	const float scale = largest_value > 0 ? largest_value / levels : 1;
	size_t k;

	for (k = 0; k < count; k++)
		to[k] = scale * rintf(from[k] / scale);
}

static float *grouped(const float *rows, size_t count, size_t width, size_t group)
{
	float *all = malloc(count * width * sizeof(*all));
	size_t row, k, size;

	for (row = 0; all && row < count; row++)
		for (k = 0; k < width; k += group) {
			const float *from = rows + row * width + k;

			size = width - k < group ? width - k : group;
			to_levels(all + row * width + k, from, size, largest(from, size), 7);
		}
	return all;
}

static void simulated_destroy(void *handle)
{
	struct simulated *s = handle;

	lstm_state_free(s->state);
	lstm_model_free(s->model);
	free(s->x);
	free(s->h);
	free(s);
}

static void *simulated_create(const struct bench_engine *engine, const struct bench_case *c,
                              const struct bench_net *net, char *why, size_t size)
{
	struct simulated *s = calloc(1, sizeof(*s));
	const size_t rows = 4 * (size_t)c->hidden, group = (size_t)engine->code;
	float *w, *u;
	lstm_weights weights;
	lstm_desc desc;
	lstm_status status = LSTM_ERR_MEMORY;

	if (!s || c->layers * c->directions * c->batch != 1) {
		snprintf(why, size, s ? "one layer and one stream only" : "out of memory");
		free(s);
		return NULL;
	}
	describe(c, &desc);
	s->input = c->input;
	s->hidden = c->hidden;
	s->steps = c->steps;
	s->x = malloc((size_t)c->input * sizeof(float));
	s->h = malloc((size_t)c->hidden * sizeof(float));
	w = grouped(net->w[0], rows, (size_t)c->input, group);
	u = grouped(net->u[0], rows, (size_t)c->hidden, group);
	memset(&weights, 0, sizeof(weights));
	weights.w = w;
	weights.u = u;
	weights.b = net->b[0];
	if (s->x && s->h && w && u)
		status = lstm_model_new(&s->model, &desc, &weights);
	if (status == LSTM_OK)
		status = lstm_state_new(&s->state, s->model, 1, 1);
	free(w);
	free(u);
	if (status == LSTM_OK)
		return s;
	snprintf(why, size, "%s", lstm_strerror(status));
	simulated_destroy(s);
	return NULL;
}

static void simulated_run(void *handle, const float *x, float *y, int stream)
{
	struct simulated *s = handle;
	const size_t input = (size_t)s->input, hidden = (size_t)s->hidden;
	int t;

	(void)stream;
	for (t = 0; t < s->steps; t++, x += input, y += hidden) {
		to_levels(s->x, x, input, largest(x, input), 127);
		lstm_run(s->state, s->x, y, 1);
		to_levels(s->h, y, hidden, 1, 127);
		lstm_state_set(s->state, s->h, NULL);
	}
}

int bench_simulated(int index, struct bench_engine *engine)
{
	static const struct {
		const char *dtype;
		int group;
	} kinds[] = {{"int4/32", 32}, {"int4/64", 64}};

	if (index >= (int)(sizeof(kinds) / sizeof(kinds[0])))
		return 0;
	memset(engine, 0, sizeof(*engine));
	engine->name = "simulated";
	engine->isa = engine->activations = "own";
	engine->dtype = kinds[index].dtype;
	engine->version = "";
	engine->code = kinds[index].group;
	engine->create = simulated_create;
	engine->run = simulated_run;
	engine->destroy = simulated_destroy;
	return 1;
}
