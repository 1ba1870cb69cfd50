/* Weights of int8: what the manual says, computed here in double from codes of its own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "varied.h"

enum { STEPS = 12 };

/* Codes of n numbers; returns their scale. */
static float encode(const float *x, size_t n, int *codes)
{
	float most = 0, least = 0, scale;
	int lowest = 0;
	size_t k;

	for (k = 0; k < n; k++) {
		most = x[k] > most ? x[k] : most;
		least = x[k] < least ? x[k] : least;
	}
	scale = most > -least || most < -least ? most / 255 - least / 255
	                                       : most / 254 - least / 254;
	for (k = 0; k < n; k++) {
		volatile float inverse = scale > 0 ? 1 / scale : 0, steps = x[k] * inverse;
		codes[k] = (int)nearbyint((double)steps);
		lowest = codes[k] < lowest ? codes[k] : lowest;
	}
	for (k = 0; k < n; k++)
		codes[k] = codes[k] - lowest > 255 ? lowest + 255 : codes[k];
	return scale;
}

/* Of eight scales the one whose codes miss least. */
static float weight_scale(const float *w, size_t n)
{
	float most = 0, best = 0;
	double least = INFINITY;
	size_t k;
	int j;

	for (k = 0; k < n; k++)
		most = fabsf(w[k]) > most ? fabsf(w[k]) : most;
	for (j = 255; most > 0 && j >= 248; j--) {
		const float scale = most / ((float)j / 2);
		double error = 0;
		for (k = 0; k < n; k++) {
			const float quotient = w[k] / scale;
			const double code = nearbyint((double)quotient);
			const double missed = (double)quotient - fmin(fmax(code, -127), 127);
			error += pow(trunc(missed * 4096), 2); /* whole: the same in any order */
		}
		error *= (double)scale * (double)scale;
		if (error < least) {
			best = scale;
			least = error;
		}
	}
	cr_assert(best == lstm_int8_scale(w, n, 1), "expected the scale %.9g, found %.9g",
	          (double)best, (double)lstm_int8_scale(w, n, 1));
	return best;
}

/* A row of weights times codes: the exact sum, scaled. */
static double row_times(const float *w, const int *codes, float scale, size_t n)
{
	const float step = weight_scale(w, n);
	long sum = 0;
	size_t k;

	for (k = 0; k < n && step > 0; k++) {
		const float quotient = w[k] / step;
		sum += (long)fmin(fmax(nearbyint((double)quotient), -127), 127) * codes[k];
	}
	return (double)sum * (double)scale * (double)step;
}

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

/* One step of a cell without options from h and c, in the layout of PyTorch. */
static void int8_step(const lstm_desc *d, const lstm_weights *w, const float *x, const float *h,
                      const float *c, double *next_h, double *next_c)
{
	const size_t hidden = (size_t)d->hidden, input = (size_t)d->input;
	const size_t output = (size_t)(d->projection ? d->projection : d->hidden);
	int *x_codes = malloc((input + output + hidden) * sizeof(int)), *h_codes = x_codes + input;
	int *cell_codes = h_codes + output;
	const float x_scale = encode(x, input, x_codes);
	const float h_scale = encode(h, output, h_codes);
	float *cells = malloc(hidden * sizeof(float)), cell_scale;
	size_t j, g;

	for (j = 0; j < hidden; j++) {
		double a[4];
		for (g = 0; g < 4; g++) {
			const size_t r = g * hidden + j;
			a[g] = (double)w->b[r] +
			       row_times(w->w + r * input, x_codes, x_scale, input) +
			       row_times(w->u + r * output, h_codes, h_scale, output);
		}
		next_c[j] = sigmoid(a[1]) * (double)c[j] + sigmoid(a[0]) * tanh(a[2]);
		cells[j] = (float)(sigmoid(a[3]) * tanh(next_c[j]));
		next_h[j] = sigmoid(a[3]) * tanh(next_c[j]);
	}
	cell_scale = encode(cells, hidden, cell_codes);
	for (j = 0; d->projection && j < output; j++)
		next_h[j] = row_times(w->projection + j * hidden, cell_codes, cell_scale, hidden);
	free(x_codes);
	free(cells);
}

/* Step by step, each from the library's own state: what differs is one step's rounding. */
static void int8_against_double(lstm_isa isa, int input, int hidden, int projection, float scale)
{
	const size_t outputs = (size_t)(projection ? projection : hidden), units = (size_t)hidden;
	/* A code of what is projected may fall on the other side of a tie. */
	const double tolerance = projection ? 0.02 : 3e-6;
	double *next_h = malloc(outputs * sizeof(double) + units * sizeof(double) * 2);
	double *next_c = next_h + (outputs > units ? outputs : units);
	float *h = calloc(outputs + units, sizeof(float)), *c = h + outputs;
	lstm_desc desc = {0};
	lstm_model *model;
	lstm_state *state;
	sequence s;
	size_t t, j;
	net n;

	desc.input = input;
	desc.hidden = hidden;
	desc.projection = projection;
	desc.dtype = LSTM_DTYPE_I8;
	n = net_make(&desc, NET_B, scale, 5);
	s = sequence_make(&desc, 1, STEPS, SEQUENCE_NORMAL, 6);
	model = varied_model(&n, isa);
	cr_assert_eq(lstm_state_new(&state, model, 1, 0), LSTM_OK, "refused");
	for (t = 0; t < STEPS; t++) {
		const float *x = s.x + t * (size_t)input;
		int8_step(&desc, n.weights, x, h, c, next_h, next_c);
		lstm_run(state, x, NULL, 1);
		lstm_state_get(state, h, c);
		for (j = 0; j < outputs; j++)
			cr_assert(fabs((double)h[j] - next_h[j]) < tolerance,
			          "%d/%d/%d, step %zu, h[%zu]: expected %.9g, found %.9g", input,
			          hidden, projection, t, j, next_h[j], (double)h[j]);
		for (j = 0; j < units; j++)
			cr_assert(fabs((double)c[j] - next_c[j]) < 3e-6 * (1 + fabs(next_c[j])),
			          "%d/%d/%d, step %zu, c[%zu]: expected %.9g, found %.9g", input,
			          hidden, projection, t, j, next_c[j], (double)c[j]);
	}
	lstm_state_free(state);
	lstm_model_free(model);
	sequence_free(&s);
	net_free(&n);
	free(next_h);
	free(h);
}

TEST_EACH_ISA(int8, is_what_the_manual_says)
{
	static const int sizes[][3] = {{1, 1, 0},   {3, 5, 0},    {4, 8, 0},   {17, 33, 0},
	                               {64, 64, 0}, {130, 70, 0}, {9, 40, 7},  {20, 16, 16}};
	size_t k;

	harness_need(isa, LSTM_DTYPE_I8);
	for (k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		int8_against_double(isa, sizes[k][0], sizes[k][1], sizes[k][2], 1);
		int8_against_double(isa, sizes[k][0], sizes[k][1], sizes[k][2], 3);
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
