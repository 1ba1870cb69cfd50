/* Weights given as bf16, f16 or int8: the model is that of the floats which they stand for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "safetensors_builder.h"
#include "varied.h"

enum { STEPS = 5, MOST_CELLS = 6, MATRICES = 3 };

static const lstm_dtype types[] = {LSTM_DTYPE_BF16, LSTM_DTYPE_F16, LSTM_DTYPE_I8};

/* One network twice: values of floats are in n, and of the other type in here. */
struct typed {
	lstm_weights weights[MOST_CELLS];
	void *owned[2 * MATRICES * MOST_CELLS];
	int count;
};

static void *own(struct typed *t, size_t bytes)
{
	void *memory = malloc(bytes);

	cr_assert_not_null(memory, "out of memory");
	return t->owned[t->count++] = memory;
}

/* Half of the type, of what it holds exactly. */
static uint16_t half_of(lstm_dtype type, float value)
{
	unsigned char bytes[2];

	built_encode(bytes, type == LSTM_DTYPE_F16 ? "F16" : "BF16", value);
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/* Give both the same random values: rows have scales, and lie one behind the other or side by side. */
static void fill(struct typed *t, rng *r, lstm_dtype type, const float *floats, size_t rows,
                 size_t columns, int side_by_side, const float **typed, const float **floats_scale,
                 const float **typed_scale)
{
	float *values = (float *)(size_t)floats; /* the net owns it */
	float *scale = own(t, rows * sizeof(*scale));
	unsigned char *data = own(t, rows * columns * sizeof(uint16_t));
	size_t k, row;

	for (row = 0; row < rows; row++)
		scale[row] = rng_uniform(r, 0.001f, 0.01f);
	for (k = 0; k < rows * columns; k++) {
		const int code = rng_between(r, -127, 127);
		const uint16_t half = half_of(type, (float)code / 64);
		const signed char stored = (signed char)code;

		row = side_by_side ? k % rows : k / columns;
		values[k] = type == LSTM_DTYPE_I8 ? (float)code * scale[row] : (float)code / 64;
		if (type == LSTM_DTYPE_I8)
			memcpy(data + k, &stored, 1);
		else
			memcpy(data + 2 * k, &half, 2);
	}
	*typed = (const float *)(const void *)data;
	*floats_scale = *typed_scale = type == LSTM_DTYPE_I8 ? scale : NULL;
}

static struct typed twice(net *n, lstm_dtype type)
{
	const int directions = oracle_directions(&n->desc);
	const int keras = n->desc.layout == LSTM_LAYOUT_KERAS;
	const size_t hidden = (size_t)n->desc.hidden, units = (size_t)oracle_units(&n->desc);
	rng r = rng_seeded(n->seed);
	struct typed t;
	int cell;

	memset(&t, 0, sizeof(t));
	n->desc.dtype = type;
	for (cell = 0; cell < n->desc.layers * directions; cell++) {
		lstm_weights *f = &n->weights[cell], *o = &t.weights[cell];
		const size_t width = (size_t)oracle_width(&n->desc, cell / directions);

		*o = *f;
		o->type = type;
		fill(&t, &r, type, f->w, 4 * hidden, width, keras, &o->w, &f->w_scale, &o->w_scale);
		fill(&t, &r, type, f->u, 4 * hidden, units, keras, &o->u, &f->u_scale, &o->u_scale);
		if (f->projection)
			fill(&t, &r, type, f->projection, units, hidden, 0, &o->projection,
			     &f->projection_scale, &o->projection_scale);
	}
	return t;
}

static void release(struct typed *t)
{
	while (t->count)
		free(t->owned[--t->count]);
}

static float *outputs(const net *n, const lstm_weights *weights, const sequence *s, lstm_isa isa,
                      size_t *count)
{
	float *y;
	lstm_desc desc = n->desc;
	lstm_model *model;
	lstm_state *state;
	lstm_status status;

	desc.isa = isa;
	status = lstm_model_new(&model, &desc, weights);
	cr_assert_eq(status, LSTM_OK, "%s", lstm_strerror(status));
	state = varied_state(model, s, STEPS);
	*count = STEPS * (size_t)s->batch * varied_width(n);
	y = malloc(*count * sizeof(*y));
	cr_assert_not_null(y, "out of memory");
	lstm_run(state, s->x, y, STEPS);
	lstm_state_free(state);
	lstm_model_free(model);
	return y;
}

TEST_EACH_ISA(typed_weights, give_the_bits_of_floats)
{
	const unsigned count = check_quick("typed_weights") ? 12 : 48;
	unsigned i;

	harness_need(isa, LSTM_DTYPE_BF16);
	for (i = 0; i < count; i++) {
		net n = varied_net(i);
		struct typed t = twice(&n, types[i % 3]);
		sequence s = varied_sequence(&n, i % 2 ? 1 : 5, STEPS);
		size_t size;
		float *expected = outputs(&n, n.weights, &s, isa, &size);
		float *found = outputs(&n, t.weights, &s, isa, &size);

		cr_assert(!memcmp(found, expected, size * sizeof(*found)),
		          "net %u, type %d: other bits", i, (int)types[i % 3]);
		free(expected);
		free(found);
		sequence_free(&s);
		release(&t);
		net_free(&n);
	}
}

/* ---- by hand: one unit, with bias 0 and x = 1, whose g alone has a weight ---------------------- */
static float unit_of(lstm_isa isa, lstm_dtype type, const void *w, const float *scale)
{
	static const signed char none[8] = {0};
	const lstm_desc desc = {.input = 1, .hidden = 1, .isa = isa, .dtype = type};
	const lstm_weights weights = {.w = w, .u = (const float *)(const void *)none,
	                              .w_scale = scale, .u_scale = scale, .type = type};
	const float x = 1;
	float y;
	lstm_model *model;
	lstm_state *state;

	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "no state");
	lstm_run(state, &x, &y, 1);
	lstm_state_free(state);
	lstm_model_free(model);
	return y;
}

/* sigmoid(0) tanh(sigmoid(0) tanh(g)) */
static void expect_unit(float found, double g, const char *what)
{
	const double expected = 0.5 * tanh(0.5 * tanh(g));

	cr_assert(fabs((double)found - expected) < 1e-6, "%s: expected %.9g, found %.9g", what,
	          expected, (double)found);
}

TEST_EACH_ISA(typed_weights, are_what_their_bits_say)
{
	static const uint16_t bf16[] = {0, 0, 0x3f40, 0}, f16[] = {0, 0, 0x3a00, 0};
	static const uint16_t tiny[] = {0, 0, 0x0f7f, 0};
	static const signed char codes[] = {0, 0, 96, 0}, least[] = {0, 0, -128, 0};
	static const float scale[] = {1, 1, 0.0078125f, 1}, small[] = {1, 1, 1e-32f, 1};

	harness_need(isa, LSTM_DTYPE_BF16);
	expect_unit(unit_of(isa, LSTM_DTYPE_BF16, bf16, NULL), 0.75, "bf16");
	expect_unit(unit_of(isa, LSTM_DTYPE_F16, f16, NULL), 0.75, "f16");
	expect_unit(unit_of(isa, LSTM_DTYPE_I8, codes, scale), 0.75, "int8");
	expect_unit(unit_of(isa, LSTM_DTYPE_I8, least, scale), -0.9921875, "code -128");
	cr_assert(unit_of(isa, LSTM_DTYPE_BF16, tiny, NULL) == 0, "bf16 below 2^-96 is not zero");
	cr_assert(unit_of(isa, LSTM_DTYPE_I8, codes, small) == 0, "int8 below 2^-96 is not zero");
}

Test(typed_weights, of_another_type_than_the_layer_are_refused)
{
	lstm_desc desc = {.input = 3, .hidden = 4, .projection = 2, .layers = 1};
	net n = net_make(&desc, NET_B, 1, 3);
	struct typed t = twice(&n, LSTM_DTYPE_I8);
	lstm_weights *w = &t.weights[0];
	const lstm_weights good = *w;
	lstm_model *model;
	int k;

	cr_assert_eq(lstm_model_new(&model, &n.desc, w), LSTM_OK, "nothing is wrong");
	lstm_model_free(model);
	for (k = -1; k < 8; k++) {
		if (k == LSTM_DTYPE_I8 || k == LSTM_DTYPE_OTHER || k == LSTM_DTYPE_F32)
			continue; /* what it is, and what floats are */
		w->type = (lstm_dtype)k;
		cr_assert_eq(lstm_model_new(&model, &n.desc, w), LSTM_ERR_ARG, "type %d", k);
	}
	for (k = 0; k < 3; k++) {
		*w = good;
		*(k == 0 ? &w->w_scale : k == 1 ? &w->u_scale : &w->projection_scale) = NULL;
		cr_assert_eq(lstm_model_new(&model, &n.desc, w), LSTM_ERR_ARG,
		             "codes without scales, %d", k);
	}
	*w = good;
	n.desc.dtype = LSTM_DTYPE_F32;
	cr_assert_eq(lstm_model_new(&model, &n.desc, w), LSTM_ERR_ARG, "fp32 from codes");
	n.desc.dtype = LSTM_DTYPE_BF16;
	cr_assert_eq(lstm_model_new(&model, &n.desc, w), LSTM_ERR_ARG, "bf16 from codes");
	release(&t);
	net_free(&n);
}
