/* See nets.h. */
#include "nets.h"

#include <stdio.h>
#include <stdlib.h>

/* The 64-bit linear congruential generator of Knuth's MMIX (The Art of Computer Programming, volume
 * 2, 3.3.4, table 1), of which the upper half is used. */
#define LCG_FACTOR 6364136223846793005u
#define LCG_TERM 1442695040888963407u

rng rng_seeded(uint64_t seed)
{
	rng r = {seed};

	rng_next(&r); /* small seeds differ in low bits only, */
	rng_next(&r); /* which two steps carry to the top */
	return r;
}

uint32_t rng_next(rng *r)
{
	r->state = r->state * LCG_FACTOR + LCG_TERM;
	return (uint32_t)(r->state >> 32);
}

int rng_between(rng *r, int low, int high)
{
	uint64_t span = (uint64_t)(high - low) + 1;

	return low + (int)(rng_next(r) * span >> 32);
}

float rng_uniform(rng *r, float low, float high)
{
	return low + (high - low) * (float)(rng_next(r) >> 8) * 0x1p-24f;
}

/* Twelve uniform variables have variance 1 together. */
float rng_normal(rng *r)
{
	float sum = -6.0f;
	int n;

	for (n = 0; n < 12; n++)
		sum += rng_uniform(r, 0.0f, 1.0f);
	return sum;
}

static void *allocate(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	if (!p) {
		fprintf(stderr, "nets: out of memory\n");
		abort();
	}
	return p;
}

static float *uniform(rng *r, size_t count, float range)
{
	float *to = allocate(count, sizeof *to);
	size_t n;

	for (n = 0; n < count; n++)
		to[n] = rng_uniform(r, -range, range);
	return to;
}

/* Blocks arrive in the order i f g o and leave in that of the layout. */
static float *arranged(float *from, lstm_layout layout, size_t hidden, size_t columns)
{
	static const size_t iofg[4] = {0, 2, 3, 1};
	float *to = allocate(4 * hidden * columns, sizeof *to);
	size_t gate, j, k;

	for (gate = 0; gate < 4; gate++)
		for (j = 0; j < hidden; j++)
			for (k = 0; k < columns; k++) {
				size_t block = layout == LSTM_LAYOUT_ONNX ? iofg[gate] : gate;
				size_t row = block * hidden + j;
				size_t at = layout == LSTM_LAYOUT_KERAS ? k * 4 * hidden + row
				                                        : row * columns + k;

				to[at] = from[(gate * hidden + j) * columns + k];
			}
	free(from);
	return to;
}

/* Peepholes arrive as i f o. */
static float *arranged_peepholes(float *from, lstm_layout layout, size_t hidden)
{
	size_t j;

	for (j = 0; layout == LSTM_LAYOUT_ONNX && j < hidden; j++) {
		float f = from[hidden + j];

		from[hidden + j] = from[2 * hidden + j];
		from[2 * hidden + j] = f;
	}
	return from;
}

net net_make(const lstm_desc *desc, unsigned parts, float scale, uint64_t seed)
{
	net n = {seed, *desc, NULL};
	size_t hidden = (size_t)desc->hidden, units = (size_t)oracle_units(desc);
	int directions = oracle_directions(desc), cells = oracle_layers(desc) * directions, cell;
	float range = scale / sqrtf((float)desc->hidden);
	rng r = rng_seeded(seed);

	n.weights = allocate((size_t)cells, sizeof *n.weights);
	for (cell = 0; cell < cells; cell++) {
		lstm_weights *to = &n.weights[cell];
		size_t width = (size_t)oracle_width(desc, cell / directions);

		to->w = arranged(uniform(&r, 4 * hidden * width, range), desc->layout, hidden,
		                 width);
		to->u = arranged(uniform(&r, 4 * hidden * units, range), desc->layout, hidden,
		                 units);
		if (parts & NET_B)
			to->b = arranged(uniform(&r, 4 * hidden, range), desc->layout, hidden, 1);
		if (parts & NET_B2)
			to->b2 = arranged(uniform(&r, 4 * hidden, range), desc->layout, hidden, 1);
		if (parts & NET_PEEPHOLE)
			to->peephole = arranged_peepholes(uniform(&r, 3 * hidden, range),
			                                  desc->layout, hidden);
		if (desc->projection)
			to->projection = uniform(&r, units * hidden, range);
	}
	return n;
}

void net_free(net *n)
{
	int cells = oracle_layers(&n->desc) * oracle_directions(&n->desc), cell;

	for (cell = 0; cell < cells; cell++) {
		free((float *)n->weights[cell].w);
		free((float *)n->weights[cell].u);
		free((float *)n->weights[cell].b);
		free((float *)n->weights[cell].b2);
		free((float *)n->weights[cell].peephole);
		free((float *)n->weights[cell].projection);
	}
	free(n->weights);
}

float *net_w(net *n, int cell)
{
	return (float *)n->weights[cell].w;
}

float *net_u(net *n, int cell)
{
	return (float *)n->weights[cell].u;
}

float *net_b(net *n, int cell)
{
	return (float *)n->weights[cell].b;
}

/* What counts is any number but 0. */
static unsigned char *mask_make(rng *r, size_t batch, size_t steps)
{
	unsigned char *mask = allocate(steps * batch, 1);
	size_t b, t, front;

	for (b = 0; b < batch; b++) {
		front = (size_t)rng_between(r, 0, (int)steps);
		for (t = 0; t < steps; t++) {
			int holes = rng_between(r, 0, 2), pads = t >= front;
			int counts = b % 4 == 0 ? holes : b % 4 == 1 ? pads : b % 4 == 3;

			mask[t * batch + b] = counts ? (unsigned char)rng_between(r, 1, 255) : 0;
		}
	}
	return mask;
}

sequence sequence_make(const lstm_desc *desc, int batch, size_t steps, unsigned what, uint64_t seed)
{
	sequence s = {seed, batch, steps, NULL, NULL, NULL, NULL, NULL, 0};
	size_t cells = (size_t)(oracle_layers(desc) * oracle_directions(desc) * batch), b, n;
	size_t count = steps * (size_t)batch * (size_t)desc->input;
	rng r = rng_seeded(seed);

	s.x = allocate(count, sizeof *s.x);
	for (n = 0; n < count; n++)
		s.x[n] = what & SEQUENCE_NORMAL ? rng_normal(&r) : rng_uniform(&r, -1.0f, 1.0f);
	if (what & SEQUENCE_STATE) {
		s.h0 = uniform(&r, cells * (size_t)oracle_units(desc), 1.0f);
		s.c0 = uniform(&r, cells * (size_t)desc->hidden, 1.0f);
	}
	if (what & SEQUENCE_LENGTHS) {
		size_t full = (size_t)rng_between(&r, 0, batch - 1);

		s.lengths = allocate((size_t)batch, sizeof *s.lengths);
		for (b = 0; b < (size_t)batch; b++)
			s.lengths[b] = (size_t)rng_between(&r, 0, (int)steps);
		if (batch > 1) {
			s.lengths[full] = steps;
			s.lengths[(full + (size_t)batch / 2) % (size_t)batch] = 0;
		}
	}
	if (what & SEQUENCE_MASK)
		s.mask = mask_make(&r, (size_t)batch, steps);
	s.zero = (what & SEQUENCE_ZERO) != 0;
	return s;
}

void sequence_free(sequence *s)
{
	free(s->x);
	free(s->h0);
	free(s->c0);
	free(s->lengths);
	free(s->mask);
}

oracle_output oracle_of(const net *n, const sequence *s)
{
	oracle_input in = {s->batch, s->steps, s->x, s->h0, s->c0, s->lengths, s->mask, s->zero};

	return oracle_run(&n->desc, n->weights, &in);
}
