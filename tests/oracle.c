/* The equations, a cell at a time.  See oracle.h. */
#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"

enum { I, F, G, O, GATES };

/* An array of the library's inputs, fp32 or double; both NULL if it is absent. */
typedef struct source {
	const float *f32;
	const double *f64;
} source;

static int given(source from)
{
	return from.f32 || from.f64;
}

static double value(source from, size_t n)
{
	return from.f64 ? from.f64[n] : num_input(from.f32[n]);
}

/* What lstm_weights and oracle_input hold, of either type. */
typedef struct parts {
	source w, u, b, b2, peephole, projection;
} parts;

typedef struct task {
	const lstm_weights *f32; /* one of the two */
	const lstm_weights_f64 *f64;
	size_t batch, steps;
	const size_t *lengths;
	const unsigned char *mask;
	int zero;
} task;

static source either(const float *f32, const double *f64)
{
	source s = {f32, f64};

	return s;
}

static parts parts_of(const task *in, size_t index)
{
	static const lstm_weights none = {0};
	static const lstm_weights_f64 none_f64 = {0};
	const lstm_weights *a = in->f32 ? &in->f32[index] : &none;
	const lstm_weights_f64 *b = in->f64 ? &in->f64[index] : &none_f64;
	parts p = {either(a->w, b->w), either(a->u, b->u), either(a->b, b->b),
	           either(a->b2, b->b2), either(a->peephole, b->peephole),
	           either(a->projection, b->projection)};

	return p;
}

/* One layer and direction, whatever the framework: gates in the order above, rows of doubles. */
typedef struct cell {
	int width, hidden, output, projection;
	double *w[GATES];        /* [hidden][width] */
	double *u[GATES];        /* [hidden][output] */
	num *bias[GATES];        /* [hidden] */
	double *peephole[GATES]; /* [hidden]; NULL of G */
	double *project;         /* [output][hidden] */
	lstm_activation gate, candidate, out;
	int input_forget;
	double clip, cell_clip;
} cell;

static void *allocate(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	if (!p) {
		fprintf(stderr, "oracle: out of memory\n");
		abort();
	}
	return p;
}

int oracle_layers(const lstm_desc *desc)
{
	return desc->layers ? desc->layers : 1;
}

int oracle_directions(const lstm_desc *desc)
{
	return desc->direction == LSTM_BIDIRECTIONAL ? 2 : 1;
}

int oracle_units(const lstm_desc *desc)
{
	return desc->projection ? desc->projection : desc->hidden;
}

int oracle_width(const lstm_desc *desc, int layer)
{
	return layer ? oracle_directions(desc) * oracle_units(desc) : desc->input;
}

/* Which of the four blocks a framework keeps a gate in, and of the three peepholes. */
static int block_of(lstm_layout layout, int gate)
{
	static const int ifgo[GATES] = {0, 1, 2, 3}, iofg[GATES] = {0, 2, 3, 1};

	return layout == LSTM_LAYOUT_ONNX ? iofg[gate] : ifgo[gate];
}

static int peephole_of(lstm_layout layout, int gate)
{
	static const int ifo[GATES] = {0, 1, -1, 2}, iof[GATES] = {0, 2, -1, 1};

	return layout == LSTM_LAYOUT_ONNX ? iof[gate] : ifo[gate];
}

/* Rows of one gate out of [4 * hidden][columns], or for Keras out of [columns][4 * hidden]. */
static double *gate_rows(source all, const cell *c, lstm_layout layout, int gate, int columns)
{
	size_t hidden = (size_t)c->hidden, width = (size_t)columns;
	double *rows = allocate(hidden * width, sizeof *rows);
	size_t j, k;

	for (j = 0; j < hidden; j++) {
		size_t row = (size_t)block_of(layout, gate) * hidden + j;

		for (k = 0; k < width; k++) {
			size_t at = layout == LSTM_LAYOUT_KERAS ? k * 4 * hidden + row
			                                        : row * width + k;

			rows[j * width + k] = value(all, at);
		}
	}
	return rows;
}

static num *gate_bias(const parts *from, const cell *c, lstm_layout layout, int gate)
{
	num *bias = allocate((size_t)c->hidden, sizeof *bias);
	int j;

	for (j = 0; j < c->hidden; j++) {
		size_t row = (size_t)(block_of(layout, gate) * c->hidden + j);
		double b = given(from->b) ? value(from->b, row) : 0.0;
		double b2 = given(from->b2) ? value(from->b2, row) : 0.0;

		bias[j] = num_add(num_exact(b), num_exact(b2));
	}
	return bias;
}

static lstm_activation chosen(const lstm_desc *desc, int direction, int which)
{
	static const lstm_function usual[3] = {LSTM_SIGMOID, LSTM_TANH, LSTM_TANH};
	lstm_activation a = desc->activations[direction][which];

	if (a.function == LSTM_DEFAULT)
		a = desc->activations[0][which];
	if (a.function == LSTM_DEFAULT)
		a.function = usual[which];
	return a;
}

static cell cell_new(const lstm_desc *desc, const parts *from, int layer, int direction)
{
	cell c = {0};
	int gate, j, k;

	c.width = oracle_width(desc, layer);
	c.hidden = desc->hidden;
	c.output = oracle_units(desc);
	c.projection = desc->projection;
	c.gate = chosen(desc, direction, 0);
	c.candidate = chosen(desc, direction, 1);
	c.out = chosen(desc, direction, 2);
	c.input_forget = desc->input_forget;
	c.clip = desc->clip;
	c.cell_clip = desc->cell_clip;
	for (gate = 0; gate < GATES; gate++) {
		int block = peephole_of(desc->layout, gate);

		c.w[gate] = gate_rows(from->w, &c, desc->layout, gate, c.width);
		c.u[gate] = gate_rows(from->u, &c, desc->layout, gate, c.output);
		c.bias[gate] = gate_bias(from, &c, desc->layout, gate);
		if (!given(from->peephole) || block < 0)
			continue;
		c.peephole[gate] = allocate((size_t)c.hidden, sizeof(double));
		for (j = 0; j < c.hidden; j++)
			c.peephole[gate][j] =
				value(from->peephole, (size_t)(block * c.hidden + j));
	}
	if (c.projection) {
		c.project = allocate((size_t)c.output * (size_t)c.hidden, sizeof(double));
		for (k = 0; k < c.output * c.hidden; k++)
			c.project[k] = value(from->projection, (size_t)k);
	}
	return c;
}

static void cell_free(cell *c)
{
	int gate;

	for (gate = 0; gate < GATES; gate++) {
		free(c->w[gate]);
		free(c->u[gate]);
		free(c->bias[gate]);
		free(c->peephole[gate]);
	}
	free(c->project);
}

/* W x + U h + b + p * c, limited to +-clip. */
static num pre_activation(const cell *c, int gate, int j, const num *x, const num *h, num peeped)
{
	const double *w = c->w[gate] + (size_t)j * (size_t)c->width;
	const double *u = c->u[gate] + (size_t)j * (size_t)c->output;
	num_chain sum = num_chain_from(c->bias[gate][j]);
	int k;

	for (k = 0; k < c->width; k++)
		num_chain_add(&sum, w[k], x[k]);
	for (k = 0; k < c->output; k++)
		num_chain_add(&sum, u[k], h[k]);
	if (c->peephole[gate])
		num_chain_add(&sum, c->peephole[gate][j], peeped);
	return num_limit(num_chain_end(&sum), c->clip);
}

/* One step of one stream: h and c in place.  before and full are scratch, [output], [hidden]. */
static void step(const cell *c, const num *x, num *h, num *state, num *before, num *full)
{
	const num one = num_exact(1.0);
	int j, k;

	for (k = 0; k < c->output; k++)
		before[k] = h[k];
	for (j = 0; j < c->hidden; j++) {
		num old = state[j], i, f, g, o, minus_i;

		i = oracle_activate(c->gate, pre_activation(c, I, j, x, before, old));
		if (c->input_forget) {
			minus_i = num_make(-i.v, i.bound, i.rms);
			f = num_add(one, minus_i);
		} else {
			f = oracle_activate(c->gate, pre_activation(c, F, j, x, before, old));
		}
		g = oracle_activate(c->candidate, pre_activation(c, G, j, x, before, old));
		state[j] = num_limit(num_add(num_mul(f, old), num_mul(i, g)), c->cell_clip);
		o = oracle_activate(c->gate, pre_activation(c, O, j, x, before, state[j]));
		full[j] = num_mul(o, oracle_activate(c->out, state[j]));
	}
	for (k = 0; k < c->output; k++) {
		num_chain sum = num_chain_from(num_exact(0.0));

		if (!c->projection) {
			h[k] = full[k];
			continue;
		}
		for (j = 0; j < c->hidden; j++)
			num_chain_add(&sum, c->project[(size_t)k * (size_t)c->hidden + (size_t)j],
			              full[j]);
		h[k] = num_chain_end(&sum);
	}
}

/* All valid steps of stream b.  y points at the stream's first row in this direction's columns;
 * x_row and y_row are the distances from step to step. */
static void run_stream(const cell *c, const task *in, size_t b, const num *x, size_t x_row, num *y,
                       size_t y_row, int backwards, num *h, num *state)
{
	size_t length = in->lengths ? in->lengths[b] : in->steps;
	num *before = allocate((size_t)c->output, sizeof *before);
	num *full = allocate((size_t)c->hidden, sizeof *full);
	size_t n, t;
	int k;

	for (n = 0; n < length; n++) {
		int left_out;

		t = backwards ? length - 1 - n : n;
		left_out = in->mask && !in->mask[t * in->batch + b];
		if (!left_out)
			step(c, x + t * x_row, h, state, before, full);
		for (k = 0; k < c->output; k++)
			y[t * y_row + (size_t)k] = left_out && in->zero ? num_exact(0.0) : h[k];
	}
	free(before);
	free(full);
}

static num *inputs(source from, size_t count)
{
	num *to = allocate(count, sizeof *to);
	size_t n;

	for (n = 0; n < count; n++)
		to[n] = num_exact(given(from) ? value(from, n) : 0.0);
	return to;
}

/* One layer, all directions and streams: x[steps][batch][width] to a new y. */
static num *run_layer(const lstm_desc *desc, const task *in, int layer, const num *x, num *h,
                      num *c)
{
	int directions = oracle_directions(desc), d;
	size_t batch = in->batch, units = (size_t)oracle_units(desc), b;
	size_t width = (size_t)oracle_width(desc, layer), rows = (size_t)directions * units;
	num *y = allocate(in->steps * batch * rows, sizeof *y);

	for (d = 0; d < directions; d++) {
		size_t index = (size_t)(layer * directions + d);
		parts from = parts_of(in, index);
		cell one = cell_new(desc, &from, layer, d);
		int backwards = d == 1 || desc->direction == LSTM_REVERSE;

		for (b = 0; b < batch; b++)
			run_stream(&one, in, b, x + b * width, batch * width,
			           y + b * rows + (size_t)d * units, batch * rows, backwards,
			           h + (index * batch + b) * units,
			           c + (index * batch + b) * (size_t)desc->hidden);
		cell_free(&one);
	}
	return y;
}

static oracle_output run(const lstm_desc *desc, const task *in, source from, source h0, source c0)
{
	size_t cells = (size_t)(oracle_layers(desc) * oracle_directions(desc)) * in->batch;
	num *x = inputs(from, in->steps * in->batch * (size_t)desc->input);
	oracle_output out;
	int layer;

	out.h = inputs(h0, cells * (size_t)oracle_units(desc));
	out.c = inputs(c0, cells * (size_t)desc->hidden);
	for (layer = 0; layer < oracle_layers(desc); layer++) {
		out.y = run_layer(desc, in, layer, x, out.h, out.c);
		free(x);
		x = out.y;
	}
	return out;
}

oracle_output oracle_run(const lstm_desc *desc, const lstm_weights *weights, const oracle_input *in)
{
	task t = {weights,     NULL,     (size_t)in->batch, in->steps,
	          in->lengths, in->mask, in->zero};

	return run(desc, &t, either(in->x, NULL), either(in->h0, NULL), either(in->c0, NULL));
}

oracle_output oracle_run_f64(const lstm_desc *desc, const lstm_weights_f64 *weights,
                             const oracle_input_f64 *in)
{
	task t = {NULL,        weights,  (size_t)in->batch, in->steps,
	          in->lengths, in->mask, in->zero};

	return run(desc, &t, either(NULL, in->x), either(NULL, in->h0), either(NULL, in->c0));
}

void oracle_free(oracle_output *out)
{
	free(out->y);
	free(out->h);
	free(out->c);
}
