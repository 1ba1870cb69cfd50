/* Weights of int8: what the manual says, computed in double (see int8_model.h). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "int8_model.h"
#include "varied.h"

enum { STEPS = 12 };

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

TEST_EACH_ISA(int8, is_what_the_manual_says)
{
	static const int sizes[][3] = {{1, 1, 0},   {3, 5, 0},    {4, 8, 0},   {17, 33, 0},
	                               {64, 64, 0}, {130, 70, 0}, {9, 40, 7},  {20, 16, 16}};
	size_t k;

	harness_need(isa, LSTM_DTYPE_I8);
	for (k = 0; k < 2 * sizeof sizes / sizeof *sizes; k++) {
		const int *size = sizes[k / 2];
		const lstm_desc desc = {.input = size[0], .hidden = size[1], .projection = size[2],
		                        .dtype = LSTM_DTYPE_I8};
		net n = net_make(&desc, NET_B, k % 2 ? 3 : 1, 5);
		char what[60];

		snprintf(what, sizeof what, "%d/%d/%d", size[0], size[1], size[2]);
		int8_expect(&n, isa, STEPS, what);
		net_free(&n);
	}
}

/* One step of a unit whose four gates are the same row w of so many codes of +-127. */
static void expect_sum(lstm_isa isa, int wide, const float *w, const float *x, double sum)
{
	const float u[4] = {0};
	const float scale = fabsf(w[0]) / 127, scales[4] = {scale, scale, scale, scale};
	const lstm_weights weights = {.w = w, .u = u, .w_scale = scales};
	const lstm_desc desc = {.input = wide, .hidden = 1, .isa = isa, .dtype = LSTM_DTYPE_I8};
	const double expected = sigmoid(sum) * tanh(sigmoid(sum) * tanh(sum));
	lstm_model *model;
	lstm_state *state;
	float h;

	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "refused");
	cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "refused");
	lstm_run(state, x, &h, 1);
	cr_assert(fabs((double)h - expected) < 1e-5,
	          "%d of x %g, %g and w %g, %g: expected %g, found %g", wide, (double)x[0],
	          (double)x[1], (double)w[0], (double)w[1], expected, (double)h);
	lstm_state_free(state);
	lstm_model_free(model);
}

/* The extreme codes everywhere at once, up to the longest row: any sum of less than 32 bits would
 * show.  Weights are 127 and -127.  x is what has the least and the greatest code: of +-1 they are 254
 * steps apart, and 255, as far as codes go, where all numbers are of one sign. */
TEST_EACH_ISA(int8, never_saturates)
{
	static const float ranges[3][2] = {{1, -1}, {1, 0}, {0, -1}};
	static const int widths[] = {5000, LSTM_MAX_SIZE_I8};
	static float w[4 * LSTM_MAX_SIZE_I8], x[LSTM_MAX_SIZE_I8];
	int i, range, pattern, k;

	harness_need(isa, LSTM_DTYPE_I8);
	for (i = 0; i < 2; i++)
		for (range = 0; range < 3; range++)
			for (pattern = 0; pattern < 16; pattern += i ? 3 : 1) {
				const float step = 2.0f / (float)widths[i];
				double sum = 0;

				for (k = 0; k < 4 * widths[i]; k++) {
					const int odd = k & 1; /* widths are even */
					w[k] = pattern & 4 << odd ? -step : step;
					if (k < widths[i]) {
						x[k] = ranges[range][pattern >> odd & 1];
						sum += (double)x[k] * (double)w[k];
					}
				}
				expect_sum(isa, widths[i], w, x, sum);
			}
}

/* Magnitudes below 2^-96 count as zero, also in a row whose numbers are hardly larger. */
TEST_EACH_ISA(int8, what_counts_as_zero_has_its_code)
{
	static const int widths[] = {3, 16, 37, 64};
	float w[4 * 64], x[64];
	int i, exponent, k;

	harness_need(isa, LSTM_DTYPE_I8);
	for (i = 0; i < 4; i++)
		for (exponent = -96; exponent <= -70; exponent++) {
			double sum = 0;

			for (k = 0; k < 4 * widths[i]; k++)
				w[k] = ldexpf(2.0f / (float)widths[i], -exponent);
			for (k = 0; k < widths[i]; k++) {
				x[k] = ldexpf(k % 3 ? 0.999f : -0.999f, -96);
				if (k % 3 == 1)
					x[k] = ldexpf(k % 2 ? 1 : -1, exponent);
				sum += k % 3 == 1 ? (double)x[k] * (double)w[k] : 0;
			}
			expect_sum(isa, widths[i], w, x, sum);
		}
}

/* Every option, layout and function, and weights without biases. */
TEST_EACH_ISA(int8, options_are_what_the_manual_says)
{
	const unsigned count = check_quick("int8") ? 24 : 60;
	unsigned i, met = 0;

	harness_need(isa, LSTM_DTYPE_I8);
	for (i = 0; i < count; i++) {
		net n = varied_net(i);
		char what[60];

		n.desc.dtype = LSTM_DTYPE_I8;
		snprintf(what, sizeof what, "net %u", i);
		if (n.desc.layers == 1 && n.desc.direction != LSTM_BIDIRECTIONAL) {
			int8_expect(&n, isa, STEPS, what);
			met++;
		}
		net_free(&n);
	}
	cr_assert_gt(met, count / 4, "only %u nets of one layer and direction", met);
}

/* What is not a number stays with its stream, and states beyond +-1 that were set are kept whole. */
TEST_EACH_ISA(int8, of_the_infinite_and_of_the_large)
{
	lstm_desc desc = {.input = 6, .hidden = 20, .dtype = LSTM_DTYPE_I8};
	net n = net_make(&desc, NET_B, 1, 9);
	lstm_model *model;
	float x[3 * 6], y[3 * 20], alone[20], h[3 * 20] = {0}, c[3 * 20] = {0}, large[20];
	lstm_state *state;
	int j, k;

	harness_need(isa, LSTM_DTYPE_I8);
	model = varied_model(&n, isa);
	for (k = 0; k < 18; k++)
		x[k] = 0.1f * (float)(k % 7) - 0.2f;
	x[2] = INFINITY;
	x[12] = NAN;
	cr_assert_eq(lstm_state_new(&state, model, 3, 1), LSTM_OK, "refused");
	lstm_run(state, x, y, 1);
	lstm_state_free(state);
	cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "refused");
	lstm_run(state, x + 6, alone, 1);
	for (j = 0; j < 20; j++)
		cr_assert(y[j] != y[j] && y[40 + j] != y[40 + j] && y[20 + j] == alone[j],
		          "unit %d: %g, %g, %g", j, (double)y[j], (double)y[20 + j],
		          (double)y[40 + j]);
	for (j = 0; j < 20; j++)
		h[j] = 8; /* as if h were kept by +-1, codes of 8 would not fit */
	lstm_state_set(state, h, c);
	memset(x, 0, sizeof(x));
	lstm_run(state, x, large, 1);
	for (j = 0; j < 20; j++) {
		double a[4];
		for (k = 0; k < 4; k++) {
			const size_t r = (size_t)(k * 20 + j);
			size_t i;
			a[k] = (double)n.weights->b[r];
			for (i = 0; i < 20; i++)
				a[k] += 8 * (double)n.weights->u[r * 20 + i];
		}
		cr_assert(fabs((double)large[j] -
		               sigmoid(a[3]) * tanh(sigmoid(a[0]) * tanh(a[2]))) < 0.1,
		          "unit %d: %g", j, (double)large[j]);
	}
	lstm_state_free(state);
	lstm_model_free(model);
	net_free(&n);
}

/* Codes and scales of a model that was quantized elsewhere, the largest code not 127, survive. */
TEST_EACH_ISA(int8, takes_scales)
{
	enum { HIDDEN = 12, INPUT = 7 };
	static float w[4 * HIDDEN * INPUT], u[4 * HIDDEN * HIDDEN], scale[4 * HIDDEN];
	static float w_max[4 * HIDDEN * INPUT];
	const float x[INPUT] = {1, -1, 1, 1, -1, -1, 1}; /* codes are +-127 */
	lstm_desc desc = {.input = INPUT, .hidden = HIDDEN, .dtype = LSTM_DTYPE_I8, .isa = isa};
	lstm_weights given = {.w = w, .u = u, .w_scale = scale}, full = {.w = w_max, .u = u};
	float y[2][HIDDEN];
	int r, k, m;

	harness_need(isa, LSTM_DTYPE_I8);
	for (r = 0; r < 4 * HIDDEN; r++) {
		scale[r] = 0.001f * (float)(r + 1) / 3;
		for (k = 0; k < INPUT; k++)
			w[r * INPUT + k] = scale[r] * (float)((r * 31 + k * 17) % 121 - 60);
	}
	memcpy(w_max, w, sizeof(w));
	for (m = 0; m < 2; m++) {
		lstm_model *model;
		lstm_state *state;
		desc.dtype = m ? LSTM_DTYPE_F32 : LSTM_DTYPE_I8;
		cr_assert_eq(lstm_model_new(&model, &desc, m ? &full : &given), LSTM_OK, "refused");
		cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "refused");
		lstm_run(state, x, y[m], 1);
		lstm_state_free(state);
		lstm_model_free(model);
	}
	for (k = 0; k < HIDDEN; k++)
		cr_assert(fabsf(y[0][k] - y[1][k]) < 2e-6f, "unit %d: expected %g, found %g", k,
		          (double)y[1][k], (double)y[0][k]);
}
