#include "cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS 256

static const char usual_shapes[] = "1x16,1x40,16x16,32x32,64x64,128x128,256x256,512x512,1024x1024";
static const char quick_shapes[] = "1x16,16x16,64x64,256x256";

static const struct mode {
	const char *name, *about;
	int steps;
} modes[BENCH_MODES] = {
	{"step", "one step per call, the state carried on", 1},
	{"block", "64 steps per call", 64},
	{"sequence", "100 steps per call", 100},
	{"batch", "50 steps per call, B streams in lockstep", 50},
	{"stack", "2 bidirectional layers, 100 steps per call from zero state", 100},
	{"streams", "256 states of one model in turn, one step per call", 1},
	{"decay", "one step per call, inputs of 1e-40 and states that decay towards it", 1},
	{"setup", "no steps: the weights made into a model, ns per model", 1},
};

const char *bench_mode_name(enum bench_mode mode)
{
	return modes[mode].name;
}

const char *bench_mode_about(enum bench_mode mode)
{
	return modes[mode].about;
}

/* ---- the grid -------------------------------------------------------------------------------- */
/* The item of a comma-separated list, its length in *size; NULL and 0 past the last. */
static const char *item(const char *list, int index, size_t *size)
{
	*size = 0;
	for (; index > 0; index--) {
		list += strcspn(list, ",");
		if (*list++ == '\0')
			return NULL;
	}
	*size = strcspn(list, ",");
	return list;
}

static int count_items(const char *list)
{
	size_t size;
	int n = 0;

	while (item(list, n, &size))
		n++;
	return n;
}

/* A whole number of 1 .. 2^20 that ends at `end`. */
static int number(const char *text, const char *end, int *value)
{
	char *stop;
	long n = strtol(text, &stop, 10);

	if (*text < '0' || *text > '9' || stop != end || n < 1 || n > 1 << 20)
		return 0;
	*value = (int)n;
	return 1;
}

/* The mode at this place of the grid: BENCH_MODES past the last, -1 if there is no such mode. */
static int mode_at(const struct bench_grid *g, int index, char *why, size_t size)
{
	const char *name;
	size_t length;
	int m;

	if (!g->modes)
		return index;
	name = item(g->modes, index, &length);
	if (!name)
		return BENCH_MODES;
	for (m = 0; m < BENCH_MODES; m++)
		if (strlen(modes[m].name) == length && strncmp(modes[m].name, name, length) == 0)
			return m;
	snprintf(why, size,
	         "--mode: expected step, block, sequence, batch, stack, streams, decay or setup, "
	         "found \"%.*s\"",
	         (int)length, name);
	return -1;
}

static int read_shape(const char *list, int index, struct bench_case *c, char *why, size_t size)
{
	size_t length;
	const char *text = item(list, index, &length), *by = text + strcspn(text, "x,");

	if (*by == 'x' && number(text, by, &c->input) && number(by + 1, text + length, &c->hidden))
		return 1;
	snprintf(why, size, "--shape: expected INPUTxHIDDEN such as 64x64, found \"%.*s\"",
	         (int)length, text);
	return 0;
}

static void take_model(const struct bench_model *m, struct bench_case *c)
{
	c->input = m->input;
	c->hidden = m->hidden;
	c->layers = m->layers;
	c->directions = m->directions;
	c->projection = m->projection;
}

static int read_batch(const char *list, int index, struct bench_case *c, char *why, size_t size)
{
	size_t length;
	const char *text = item(list, index, &length);

	if (number(text, text + length, &c->batch))
		return 1;
	snprintf(why, size, "--batch: expected a number above 0, found \"%.*s\"", (int)length,
	         text);
	return 0;
}

int bench_grid_next(const struct bench_grid *g, int *index, struct bench_case *c, char *why,
                    size_t size)
{
	const char *shapes = g->shapes ? g->shapes : g->quick ? quick_shapes : usual_shapes;
	const char *batches = g->batches ? g->batches : g->quick ? "32" : "8,32,64";
	int at = *index, place, m, variants, count = g->model ? 1 : count_items(shapes);

	for (place = 0;; place++) {
		m = mode_at(g, place, why, size);
		if (m < 0 || m == BENCH_MODES)
			return m < 0 ? -1 : 0;
		variants = m == BENCH_BATCH ? count_items(batches) : 1;
		if (at < count * variants)
			break;
		at -= count * variants;
	}
	memset(c, 0, sizeof(*c));
	c->mode = (enum bench_mode)m;
	c->batch = 1;
	c->layers = c->directions = m == BENCH_STACK ? 2 : 1;
	if (g->model)
		take_model(g->model, c);
	else if (!read_shape(shapes, at / variants, c, why, size))
		return -1;
	if (m == BENCH_BATCH && !read_batch(batches, at % variants, c, why, size))
		return -1;
	c->streams = m == BENCH_STREAMS ? STREAMS : m == BENCH_DECAY ? 2 : 1;
	c->steps = g->steps && modes[m].steps > 1 ? g->steps : modes[m].steps;
	++*index;
	return 1;
}

/* ---- weights --------------------------------------------------------------------------------- */
int bench_recurrent(const struct bench_case *c)
{
	return c->projection ? c->projection : c->hidden;
}

int bench_width(const struct bench_case *c, int layer)
{
	return layer == 0 ? c->input : bench_output(c);
}

int bench_output(const struct bench_case *c)
{
	return c->directions * bench_recurrent(c);
}

int bench_net_make(const struct bench_case *c, float scale, struct bench_net *net)
{
	const float range = scale / sqrtf((float)c->hidden);
	unsigned long long random = 1;
	size_t h = (size_t)c->hidden, r = (size_t)bench_recurrent(c), k;
	int part;

	memset(net, 0, sizeof(*net));
	net->low = -1; /* as bench_random */
	net->high = 1;
	for (part = 0; part < c->layers * c->directions; part++) {
		size_t width = (size_t)bench_width(c, part / c->directions);
		size_t gates = 4 * h * (width + r + 1);
		size_t count = gates + (c->projection ? r * h : 0);
		float *all = bench_alloc(count * sizeof(float));

		if (!all) {
			bench_net_free(net);
			return 0;
		}
		for (k = 0; k < count; k++)
			all[k] = range * bench_random(&random);
		if (c->mode == BENCH_DECAY) /* a bias would keep the state alive */
			memset(all + 4 * h * (width + r), 0, 4 * h * sizeof(float));
		net->w[part] = all;
		net->u[part] = all + 4 * h * width;
		net->b[part] = all + 4 * h * (width + r);
		net->p[part] = c->projection ? all + gates : NULL;
	}
	return 1;
}

void bench_net_free(struct bench_net *net)
{
	int part;

	for (part = 0; part < BENCH_PARTS; part++)
		free((void *)net->w[part]);
	memset(net, 0, sizeof(*net));
}

/* ---- the limit ------------------------------------------------------------------------------- */
double bench_operations(const struct bench_case *c)
{
	double sum = 0;
	int layer;

	if (c->mode == BENCH_SETUP)
		return 0;
	for (layer = 0; layer < c->layers; layer++)
		sum += c->directions * c->batch * c->hidden *
		       (8.0 * (bench_width(c, layer) + bench_recurrent(c)) + 2.0 * c->projection);
	return sum;
}

/* A call of one step reads all weights.  In longer calls the input can be projected for many steps
 * at once, so that only the recurrent weights are needed anew in each. */
static size_t layer_bytes(const struct bench_case *c, int layer, size_t weight_bytes)
{
	size_t h = (size_t)c->hidden, width = (size_t)bench_recurrent(c), bias = 0;

	if (c->steps == 1) {
		width += (size_t)bench_width(c, layer);
		bias = sizeof(float);
	}
	return 4 * h * (width * weight_bytes + bias) + h * (size_t)c->projection * weight_bytes;
}

/* A layer of the mean size. */
size_t bench_read_piece(const struct bench_case *c, size_t weight_bytes)
{
	size_t sum = 0;
	int layer;

	for (layer = 0; layer < c->layers; layer++)
		sum += layer_bytes(c, layer, weight_bytes);
	return sum / (size_t)c->layers;
}

double bench_read_bytes(const struct bench_case *c, size_t weight_bytes)
{
	return (double)bench_read_piece(c, weight_bytes) * c->layers * c->directions;
}

size_t bench_weight_bytes(const char *dtype)
{
	if (strcmp(dtype, "f32") == 0)
		return sizeof(float);
	return strcmp(dtype, "int8") == 0 ? 1 : 2;
}

/* Operations per ns of products with so many rows of x or h. */
static double products(const struct bench_rates *r, double rows)
{
	const double matrix = r->matrix * (rows < r->rows ? rows / r->rows : 1);
	return matrix > r->fma ? matrix : r->fma;
}

double bench_limit_ns(const struct bench_case *c, const struct bench_rates *r, const char **which)
{
	const char *names[] = {"read", "fma", "chain"};
	double times[3] = {0, 0, 0};
	int layer, worst = 0, k;

	if (c->mode == BENCH_SETUP) {
		*which = "copy";
		return r->read * c->layers * c->directions;
	}
	for (layer = 0; layer < c->layers; layer++) {
		double parts = c->directions;
		double cells = (double)c->hidden * c->batch;
		double w = 8 * cells * bench_width(c, layer) / products(r, (double)c->steps * c->batch),
		       u = cells * (8 * bench_recurrent(c) + 2 * c->projection) /
		           products(r, c->batch);

		times[0] += parts * (r->read + (c->steps > 1 ? w : 0));
		times[1] += parts * (w + u + cells * r->cell);
		times[2] += parts * (u + r->chain);
	}
	if (c->mode == BENCH_STREAMS)
		times[2] = 0; /* the next call does not wait for this one's h */
	for (k = 1; k < 3; k++)
		if (times[k] > times[worst])
			worst = k;
	*which = names[worst];
	return times[worst];
}
