#include "int8_model.h"

#include <math.h>
#include <stdlib.h>

#include "harness.h"
#include "varied.h"

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
static float weight_scale(const float *w, size_t n, size_t stride)
{
	float most = 0, best = 0;
	double least = INFINITY;
	size_t k;
	int j;

	for (k = 0; k < n; k++)
		most = fabsf(w[k * stride]) > most ? fabsf(w[k * stride]) : most;
	for (j = 255; most > 0 && j >= 248; j--) {
		const float scale = most / ((float)j / 2);
		double error = 0;
		for (k = 0; k < n; k++) {
			const float quotient = w[k * stride] / scale;
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
	cr_assert(best == lstm_int8_scale(w, n, stride), "expected the scale %.9g, found %.9g",
	          (double)best, (double)lstm_int8_scale(w, n, stride));
	return best;
}

/* A row of weights, stride apart, times codes: the exact sum, scaled. */
static double row_times(const float *w, const int *codes, float scale, size_t n, size_t stride)
{
	const float step = weight_scale(w, n, stride);
	long sum = 0;
	size_t k;

	for (k = 0; k < n && step > 0; k++) {
		const float quotient = w[k * stride] / step;
		sum += (long)fmin(fmax(nearbyint((double)quotient), -127), 127) * codes[k];
	}
	return (double)sum * (double)scale * (double)step;
}

/* ---- a step ----------------------------------------------------------------------------------- */
struct step {
	const float *x, *h, *c;
	double *next_h, *next_c;
	double slack; /* of h: codes of what is projected that may fall on the other side of a tie */
};

static double activated(const lstm_desc *d, int which, double x)
{
	lstm_activation a = d->activations[0][which];

	if (a.function == LSTM_DEFAULT)
		a.function = which ? LSTM_TANH : LSTM_SIGMOID;
	return oracle_function(a, x);
}

static double limited(double x, float limit)
{
	return limit > 0 ? fmin(fmax(x, -(double)limit), (double)limit) : x;
}

/* Where gate g of i f g o stands in the arrays; likewise of the peepholes' i f o. */
static size_t block_of(const lstm_desc *d, int g)
{
	static const size_t iofg[4] = {0, 2, 3, 1};
	return d->layout == LSTM_LAYOUT_ONNX ? iofg[g] : (size_t)g;
}

static double peephole(const lstm_desc *d, const lstm_weights *w, int g, size_t j, double c)
{
	static const size_t ifo[3] = {0, 1, 2}, iof[3] = {0, 2, 1};
	const size_t block = (d->layout == LSTM_LAYOUT_ONNX ? iof : ifo)[g];
	return w->peephole ? (double)w->peephole[block * (size_t)d->hidden + j] * c : 0;
}

/* b + W x + U h of gate g of unit j, from codes. */
static double pre_activation(const lstm_desc *d, const lstm_weights *w, int g, size_t j,
                             const int *x, float x_scale, const int *h, float h_scale)
{
	const size_t hidden = (size_t)d->hidden, input = (size_t)d->input;
	const size_t output = (size_t)oracle_units(d), row = block_of(d, g) * hidden + j;
	const int keras = d->layout == LSTM_LAYOUT_KERAS;
	const size_t stride = keras ? 4 * hidden : 1;

	return (w->b ? (double)w->b[row] : 0) + (w->b2 ? (double)w->b2[row] : 0) +
	       row_times(w->w + row * (keras ? 1 : input), x, x_scale, input, stride) +
	       row_times(w->u + row * (keras ? 1 : output), h, h_scale, output, stride);
}

static void int8_step(const lstm_desc *d, const lstm_weights *w, struct step *s)
{
	const size_t hidden = (size_t)d->hidden, input = (size_t)d->input;
	const size_t output = (size_t)oracle_units(d);
	int *x = malloc((input + output + hidden) * sizeof(int)), *h = x + input;
	int *cell_codes = h + output;
	float *cells = malloc(hidden * sizeof(float)), cell_scale;
	const float x_scale = encode(s->x, input, x), h_scale = encode(s->h, output, h);
	size_t j, k;
	int g;

	for (j = 0; j < hidden; j++) {
		const double c = (double)s->c[j];
		double a[4], i, f;

		for (g = 0; g < 4; g++)
			a[g] = pre_activation(d, w, g, j, x, x_scale, h, h_scale);
		i = activated(d, 0, limited(a[0] + peephole(d, w, 0, j, c), d->clip));
		f = activated(d, 0, limited(a[1] + peephole(d, w, 1, j, c), d->clip));
		f = d->input_forget ? 1 - i : f;
		s->next_c[j] = limited(f * c + i * activated(d, 1, limited(a[2], d->clip)),
		                       d->cell_clip);
		a[3] = limited(a[3] + peephole(d, w, 2, j, s->next_c[j]), d->clip);
		s->next_h[j] = activated(d, 0, a[3]) * activated(d, 2, s->next_c[j]);
		cells[j] = (float)s->next_h[j];
	}
	cell_scale = encode(cells, hidden, cell_codes);
	for (j = 0; d->projection && j < output; j++) {
		const float *row = w->projection + j * hidden;
		s->next_h[j] = row_times(row, cell_codes, cell_scale, hidden, 1);
		for (k = 0; k < hidden; k++) /* two such codes */
			s->slack = fmax(s->slack, 2 * (double)cell_scale * fabs((double)row[k]));
	}
	free(x);
	free(cells);
}

/* fp32 rounds a pre-activation and what follows it some ten times. */
static void expect_close(float found, double expected, double slack, const char *what, size_t t,
                         size_t j)
{
	cr_assert(fabs((double)found - expected) <= slack + 3e-6 * (1 + fabs(expected)),
	          "%s, step %zu, unit %zu: expected %.9g, found %.9g", what, t, j, expected,
	          (double)found);
}

void int8_expect(const net *n, lstm_isa isa, size_t steps, const char *what)
{
	const size_t outputs = (size_t)oracle_units(&n->desc), units = (size_t)n->desc.hidden;
	double *next = malloc((outputs + 2 * units) * sizeof(double));
	float *h = calloc(outputs + units, sizeof(float)), *c = h + outputs;
	sequence s = sequence_make(&n->desc, 1, steps, SEQUENCE_NORMAL, n->seed + 1);
	lstm_model *model = varied_model(n, isa);
	lstm_state *state;
	size_t t, j;

	cr_assert(next && h, "out of memory");
	cr_assert_eq(lstm_state_new(&state, model, 1, 0), LSTM_OK, "refused");
	for (t = 0; t < steps; t++) {
		const float *x = s.x + t * (size_t)n->desc.input;
		struct step step = {x, h, c, next, next + outputs + units, 0};

		int8_step(&n->desc, n->weights, &step);
		lstm_run(state, x, NULL, 1);
		lstm_state_get(state, h, c);
		for (j = 0; j < outputs; j++)
			expect_close(h[j], step.next_h[j], step.slack, what, t, j);
		for (j = 0; j < units; j++)
			expect_close(c[j], step.next_c[j], 0, what, t, j);
	}
	lstm_state_free(state);
	lstm_model_free(model);
	sequence_free(&s);
	free(next);
	free(h);
}
