/* Weights of low precision.  bf16 and f16: to the bit what an fp32 model gives whose weights were
 * rounded before.  Sizes and refusals of all types; int8 has a suite of its own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "varied.h"

enum { STEPS = 12 };

static unsigned nets(void)
{
	return check_quick("precision") ? 8 : 40;
}

/* ---- rounding, by frexp and the C library's own nearest-even ---------------------------------- */
/* To `digits` significant bits, none below 2^low; beyond `most` infinite. */
static float rounded(float value, int digits, int low, double most)
{
	int exponent;
	double v = value, step;

	if (fabs(v) < ldexp(1, -96))
		return 0;
	frexp(v, &exponent);
	step = ldexp(1, exponent - digits > low ? exponent - digits : low);
	v = nearbyint(v / step) * step;
	return (float)(fabs(v) > most ? copysign(INFINITY, v) : v);
}

static float rounded_as(lstm_dtype dtype, float value)
{
	if (dtype == LSTM_DTYPE_BF16)
		return rounded(value, 8, -133, 3.4e38);
	return rounded(value, 11, -24, 65504);
}

static size_t cells_of(const lstm_desc *desc)
{
	return (size_t)(desc->layers ? desc->layers : 1) * (size_t)oracle_directions(desc);
}

static size_t width_of(const lstm_desc *desc, size_t cell)
{
	return (size_t)oracle_width(desc, (int)cell / oracle_directions(desc));
}

static void round_all(const float *values, size_t count, lstm_dtype dtype)
{
	float *v = (float *)(size_t)values; /* net_make owns it */
	size_t k;
	for (k = 0; k < count; k++)
		v[k] = rounded_as(dtype, v[k]);
}

static void round_net(const net *n, lstm_dtype dtype)
{
	const size_t rows = 4 * (size_t)n->desc.hidden, units = (size_t)oracle_units(&n->desc);
	size_t i;
	for (i = 0; i < cells_of(&n->desc); i++) {
		round_all(n->weights[i].w, rows * width_of(&n->desc, i), dtype);
		round_all(n->weights[i].u, rows * units, dtype);
		if (n->weights[i].projection)
			round_all(n->weights[i].projection, units * (size_t)n->desc.hidden, dtype);
	}
}

/* y, then h, then c, of this net over this sequence, and the instruction set that made them. */
static float *outcome(const net *n, const sequence *s, lstm_isa *isa, size_t *count)
{
	const size_t streams = (size_t)s->batch * cells_of(&n->desc);
	const size_t y = s->steps * (size_t)s->batch * varied_width(n);
	const size_t h = streams * (size_t)oracle_units(&n->desc);
	lstm_model *model = varied_model(n, *isa);
	lstm_state *state = varied_state(model, s, s->steps);
	float *all;

	*isa = lstm_model_desc(model)->isa;
	*count = y + h + streams * (size_t)n->desc.hidden;
	all = malloc(*count * sizeof(float));
	cr_assert_not_null(all, "out of memory");
	lstm_run(state, s->x, all, s->steps);
	lstm_state_get(state, all + y, all + y + h);
	lstm_state_free(state);
	lstm_model_free(model);
	return all;
}

static void halves(lstm_isa isa, lstm_dtype dtype)
{
	const unsigned count = nets();
	unsigned i;

	harness_need(isa, dtype);
	for (i = 0; i < count; i++) {
		net n = varied_net(i);
		sequence s = varied_sequence(&n, 1 + (int)(i % 5), STEPS);
		lstm_isa used = isa;
		size_t floats;
		float *low, *full;

		net_w(&n, 0)[0] = 1e-30f; /* counts as zero */
		n.desc.dtype = dtype;
		low = outcome(&n, &s, &used, &floats);
		round_net(&n, dtype);
		n.desc.dtype = LSTM_DTYPE_F32;
		full = outcome(&n, &s, &used, &floats);
		cr_assert(!memcmp(low, full, floats * sizeof(float)),
		          "net %u: not the bits of rounded weights in fp32", i);
		free(low);
		free(full);
		sequence_free(&s);
		net_free(&n);
	}
}

TEST_EACH_ISA(precision, bf16_is_fp32_with_rounded_weights)
{
	halves(isa, LSTM_DTYPE_BF16);
}

TEST_EACH_ISA(precision, f16_is_fp32_with_rounded_weights)
{
	halves(isa, LSTM_DTYPE_F16);
}

/* Ties, subnormals and the largest: g = w x of a cell whose c shows what g was, as tanh is left out. */
static float weight_seen(lstm_isa isa, lstm_dtype dtype, float weight)
{
	float w[4] = {0}, u[4] = {0}, x = 1, c;
	lstm_weights weights = {0};
	lstm_desc desc = {0};
	lstm_model *model;
	lstm_state *state;

	desc.input = desc.hidden = 1;
	desc.isa = isa;
	desc.dtype = dtype;
	desc.activations[0][0].function = LSTM_THRESHOLDED_RELU; /* i = 1 from a bias */
	desc.activations[0][1].function = desc.activations[0][2].function = LSTM_LINEAR;
	w[2] = weight;
	weights.w = w;
	weights.u = u;
	weights.b = (const float[4]){2, 0, 0, 0};
	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "refused");
	cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "refused");
	lstm_run(state, &x, NULL, 1);
	lstm_state_get(state, NULL, &c);
	lstm_state_free(state);
	lstm_model_free(model);
	return c / 2;
}

TEST_EACH_ISA(precision, rounds_ties_to_even_and_keeps_subnormals)
{
	static const float values[] = {
		1,          1.00390625f, 1.01171875f, 1.0039063f,  1.0009765625f, 1.00048828125f,
		1.00146484375f, 65504,   65519,       65520,       -65520,        70000,
		6.1035156e-05f, 6.1e-05f, 5.9604645e-08f, 2.9802322e-08f, 2.98023224e-08f * 1.01f,
		8.9406967e-08f, -3.0e-8f, 1e-9f,      3.3e38f,     1e-30f,        -0.333f,
		6.0975552e-05f, 6.1005354e-05f};
	size_t k;
	int d;

	harness_need(isa, LSTM_DTYPE_BF16);
	harness_need(isa, LSTM_DTYPE_F16);
	for (d = 0; d < 2; d++)
		for (k = 0; k < sizeof values / sizeof *values; k++) {
			const lstm_dtype dtype = d ? LSTM_DTYPE_F16 : LSTM_DTYPE_BF16;
			const float expected = rounded_as(dtype, values[k]);
			const float found = weight_seen(isa, dtype, values[k]);
			if (fabsf(expected) > 1e38f && fabsf(expected) < INFINITY)
				continue; /* the cell's own sum would overflow */
			cr_assert(found == expected, "%s %a: expected %a, found %a",
			          d ? "f16" : "bf16", (double)values[k], (double)expected,
			          (double)found);
		}
}

/* ---- sizes and refusals ----------------------------------------------------------------------- */
/* Bytes of n weights of a row: bf16 in pairs, int8 in fours. */
static size_t row_bytes(lstm_dtype dtype, size_t n)
{
	switch (dtype) {
	case LSTM_DTYPE_BF16: return (n + 1) / 2 * 4;
	case LSTM_DTYPE_F16: return 2 * n;
	case LSTM_DTYPE_I8: return (n + 3) / 4 * 4;
	default: return 4 * n;
	}
}

/* Bytes of a layer's numbers in one direction: with its rows in whole vectors of so many lanes W, U
 * and the projection; bias and peepholes; of int8 the scale and the sum of the codes of each row. */
static size_t layer_bytes(const lstm_desc *d, lstm_dtype dtype, size_t width, size_t lanes)
{
	const size_t hidden = (size_t)d->hidden, output = (size_t)oracle_units(d);
	const size_t units = (hidden + lanes - 1) / lanes * lanes;
	const size_t outputs = d->projection ? (output + lanes - 1) / lanes * lanes : 0;
	const size_t scales = dtype == LSTM_DTYPE_I8 ? 8 * (2 * 4 * units + outputs) : 0;

	return 4 * units * (row_bytes(dtype, width) + row_bytes(dtype, output)) +
	       outputs * row_bytes(dtype, hidden) + (4 + 3) * 4 * units + scales;
}

TEST_EACH_ISA(precision, takes_the_bytes_that_its_name_says)
{
	static const size_t lanes[LSTM_ISA_COUNT] = {0, 1, 4, 8, 16, 4};
	static const lstm_dtype dtypes[] = {LSTM_DTYPE_F32, LSTM_DTYPE_BF16, LSTM_DTYPE_F16,
	                                    LSTM_DTYPE_I8};
	static const lstm_desc shapes[] = {
		{.input = 256, .hidden = 256, .projection = 128},
		{.input = 1, .hidden = 1}, {.input = 3, .hidden = 5, .projection = 2},
		{.input = 17, .hidden = 33, .projection = 9}, {.input = 1001, .hidden = 130},
		{.input = 5, .hidden = 1021, .layers = 2, .direction = LSTM_BIDIRECTIONAL}};
	/* Of a model and of each cell: what describes it, and up to 11 arrays' roundings up to lines. */
	enum { MODEL = 512, CELL = 512 + 11 * LSTM_ALIGN };
	size_t k, i, cell;

	for (k = 0; k < 4; k++)
		for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
			size_t bytes, least = 0, most = MODEL;
			lstm_desc desc = shapes[i];

			harness_need(isa, dtypes[k]);
			desc.isa = isa;
			desc.dtype = dtypes[k];
			for (cell = 0; cell < cells_of(&desc); cell++) {
				const size_t width = width_of(&desc, cell);
				least += layer_bytes(&desc, dtypes[k], width, 1);
				most += layer_bytes(&desc, dtypes[k], width, lanes[isa]) + CELL;
			}
			cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_OK, "refused");
			cr_assert(bytes >= least && bytes <= most,
			          "type %d, shape %zu: expected %zu to %zu bytes, found %zu",
			          (int)dtypes[k], i, least, most, bytes);
		}
}

Test(precision, refuses_what_it_cannot_keep)
{
	lstm_desc desc = {.input = 4, .hidden = 4};
	lstm_model *model;
	float zero[64] = {0};
	lstm_weights weights = {.w = zero, .u = zero};
	size_t bytes;

	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "refused");
	cr_assert_eq(lstm_model_desc(model)->dtype, LSTM_DTYPE_F32, "0 stands for F32");
	lstm_model_free(model);
	desc.dtype = LSTM_DTYPE_F64;
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_ERR_ARG, "F64");
	desc.dtype = (lstm_dtype)77;
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_ERR_ARG, "77");
	desc.dtype = (lstm_dtype)-1;
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_ERR_ARG, "-1");
	desc.dtype = LSTM_DTYPE_I8;
	desc.input = (1 << 16) + 1;
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_ERR_SIZE, "a sum beyond 32 bits");
	desc.input = 1 << 16;
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_OK, "the longest");
	desc.dtype = LSTM_DTYPE_BF16;
	cr_assert_eq(lstm_f64_size(&desc, 1, 1, &bytes), LSTM_ERR_ARG, "double of bf16");
}
