#include "byhand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct byhand {
	struct bench_case shape;
	struct bench_net net;
	void (*layer)(const struct byhand_run *);
	float *states; /* [streams][part][h, c][batch][hidden] */
	float *gates, *between;
};

void *byhand_create(const struct bench_case *c, const struct bench_net *net,
                    void (*layer)(const struct byhand_run *), char *why, size_t size)
{
	struct byhand *p = calloc(1, sizeof(*p));
	size_t rows = (size_t)c->steps * (size_t)c->batch, h = (size_t)c->hidden;
	size_t parts = (size_t)(c->layers * c->directions);

	if (p) {
		p->shape = *c;
		p->net = *net;
		p->layer = layer;
		p->states = bench_alloc((size_t)c->streams * parts * 2 * (size_t)c->batch * h *
		                        sizeof(float));
		p->gates = bench_alloc(rows * 4 * h * sizeof(float));
		p->between = bench_alloc(rows * (size_t)c->directions * h * sizeof(float));
		if (p->states && p->gates && p->between)
			return p;
		byhand_destroy(p);
	}
	snprintf(why, size, "out of memory");
	return NULL;
}

void byhand_destroy(void *handle)
{
	struct byhand *p = handle;

	free(p->states);
	free(p->gates);
	free(p->between);
	free(p);
}

void byhand_run(void *handle, const float *x, float *y, int stream)
{
	struct byhand *p = handle;
	const struct bench_case *c = &p->shape;
	size_t each = (size_t)c->batch * (size_t)c->hidden;
	size_t parts = (size_t)(c->layers * c->directions);
	float *state = p->states + (size_t)stream * parts * 2 * each;
	int layer, d;

	if (c->mode == BENCH_STACK)
		memset(state, 0, parts * 2 * each * sizeof(float));
	for (layer = 0; layer < c->layers; layer++)
		for (d = 0; d < c->directions; d++) {
			int part = layer * c->directions + d;
			struct byhand_run r;

			r.w = p->net.w[part];
			r.u = p->net.u[part];
			r.b = p->net.b[part];
			r.width = bench_width(c, layer);
			r.hidden = c->hidden;
			r.batch = c->batch;
			r.steps = c->steps;
			r.reverse = d;
			r.x = layer ? p->between : x;
			r.y = (layer == c->layers - 1 ? y : p->between) + d * c->hidden;
			r.y_stride = bench_output(c);
			r.h = state + (size_t)part * 2 * each;
			r.c = r.h + each;
			r.gates = p->gates;
			p->layer(&r);
		}
}

static float sigmoid(float x)
{
	return 1 / (1 + expf(-x));
}

void byhand_cell(const float *restrict gates, float *restrict c, float *restrict h, int hidden)
{
	int k;

	for (k = 0; k < hidden; k++) {
		float i = sigmoid(gates[k]), f = sigmoid(gates[hidden + k]);
		float g = tanhf(gates[2 * hidden + k]), o = sigmoid(gates[3 * hidden + k]);
		c[k] = f * c[k] + i * g;
		h[k] = o * tanhf(c[k]);
	}
}
