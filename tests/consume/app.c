/* What a user writes: one layer run over a short sequence, and, as users cannot, checked against the
 * equations in double precision.  Prints "ok", the instruction set and the activations.  C99 and
 * C++11; holds the implementation unless APP_USES is defined. */
#ifndef APP_USES
#define LSTM_IMPLEMENTATION
#endif
#ifdef APP_HOOKS
#include <stdlib.h>
void *app_malloc(size_t bytes);
void app_free(void *p);
#define LSTM_MALLOC(n) app_malloc(n)
#define LSTM_FREE(p) app_free(p)
#endif
#ifdef APP_RENAMED
#define LSTM_SELF "renamed.h"
#include "renamed.h"
#else
#include "lstm.h"
#endif

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef APP_HOOKS
void *app_malloc(size_t bytes)
{
	return malloc(bytes);
}

void app_free(void *p)
{
	free(p);
}
#endif

enum { INPUT = 3, HIDDEN = 5, STEPS = 4, GATES = 4 * HIDDEN };

/* With |w|, |b| and |x| <= 1/2 and |u| <= 1/10, a pre-activation is a sum of 9 rounded terms below
 * 1/2 and errs by 9 * 2^-24 * 9/2 = 2.4e-6 at most, and half the error of h (5 * 1/10) on top.  c takes
 * that up 2.25 times (slopes 1 and 1/4, |c| <= 4) and passes it on.  Four steps make 1.1e-4; a gate
 * or a term in the wrong place is off by 1e-2. */
static const double tolerance = 1.1e-4;

static float w[GATES][INPUT], u[GATES][HIDDEN], b[GATES], x[STEPS][INPUT];
static double expected[STEPS][HIDDEN];
static unsigned char memory[2][1 << 15];

static void fill(float *to, int count, int seed, float range)
{
	int k;

	for (k = 0; k < count; k++)
		to[k] = range * (float)((k * 37 + seed) % 101 - 50) / 50.0f;
}

static double sigmoid(double z)
{
	return 1 / (1 + exp(-z));
}

static void compute_expected(void)
{
	double c[HIDDEN] = {0}, h[HIDDEN] = {0}, z[GATES];
	int t, k, j;

	for (t = 0; t < STEPS; t++) {
		for (k = 0; k < GATES; k++) {
			z[k] = (double)b[k];
			for (j = 0; j < INPUT; j++)
				z[k] += (double)w[k][j] * (double)x[t][j];
			for (j = 0; j < HIDDEN; j++)
				z[k] += (double)u[k][j] * h[j];
		}
		for (j = 0; j < HIDDEN; j++) { /* i f g o */
			c[j] = sigmoid(z[HIDDEN + j]) * c[j] + sigmoid(z[j]) * tanh(z[2 * HIDDEN + j]);
			h[j] = sigmoid(z[3 * HIDDEN + j]) * tanh(c[j]);
			expected[t][j] = h[j];
		}
	}
}

static int wrong(float y[STEPS][HIDDEN])
{
	int t, j;

	for (t = 0; t < STEPS; t++)
		for (j = 0; j < HIDDEN; j++)
			if (!(fabs((double)y[t][j] - expected[t][j]) <= tolerance))
				return printf("y[%d][%d] is %g, expected %g\n", t, j, (double)y[t][j],
				              expected[t][j]);
	return 0;
}

static unsigned char *aligned(unsigned char *p)
{
	return p + (LSTM_ALIGN - (uintptr_t)p % LSTM_ALIGN) % LSTM_ALIGN;
}

static lstm_status run_in_arenas(const lstm_desc *desc, const lstm_weights *weights,
                                 float y[STEPS][HIDDEN], lstm_isa *isa)
{
	lstm_model *model;
	lstm_state *state;
	size_t bytes;
	lstm_status status = lstm_model_size(desc, &bytes);

	if (status == LSTM_OK)
		status = lstm_model_init(&model, desc, weights, aligned(memory[0]), bytes);
	if (status != LSTM_OK)
		return status;
	status = lstm_state_size(model, 1, 0, &bytes);
	if (status == LSTM_OK)
		status = lstm_state_init(&state, model, 1, 0, aligned(memory[1]), bytes);
	if (status != LSTM_OK)
		return status;
	lstm_run(state, x[0], y[0], STEPS);
	*isa = lstm_model_desc(model)->isa;
	return LSTM_OK;
}

static lstm_status run_on_the_heap(const lstm_desc *desc, const lstm_weights *weights,
                                   float y[STEPS][HIDDEN])
{
#ifdef LSTM_NO_MALLOC
	lstm_isa isa;
	return run_in_arenas(desc, weights, y, &isa);
#else
	lstm_model *model;
	lstm_state *state;
	lstm_status status = lstm_model_new(&model, desc, weights);

	if (status == LSTM_OK)
		status = lstm_state_new(&state, model, 1, 0);
	if (status != LSTM_OK)
		return status;
	lstm_run(state, x[0], y[0], STEPS);
	lstm_state_free(state);
	lstm_model_free(model);
	return LSTM_OK;
#endif
}

int main(void)
{
	float y[STEPS][HIDDEN], again[STEPS][HIDDEN];
	lstm_desc desc;
	lstm_weights weights;
	lstm_isa isa;
	lstm_status status;

	fill(w[0], GATES * INPUT, 1, 0.5f);
	fill(u[0], GATES * HIDDEN, 2, 0.1f);
	fill(b, GATES, 3, 0.5f);
	fill(x[0], STEPS * INPUT, 4, 0.5f);
	compute_expected();

	memset(&desc, 0, sizeof desc);
	desc.input = INPUT;
	desc.hidden = HIDDEN;
	memset(&weights, 0, sizeof weights);
	weights.w = w[0];
	weights.u = u[0];
	weights.b = b;

	status = run_in_arenas(&desc, &weights, y, &isa);
	if (status == LSTM_OK)
		status = run_on_the_heap(&desc, &weights, again);
	if (status != LSTM_OK) {
		printf("refused: %s\n", lstm_strerror(status));
		return 1;
	}
	if (wrong(y))
		return 1;
	if (memcmp(y, again, sizeof y) != 0) {
		printf("arenas and heap give other bits\n");
		return 1;
	}
	printf("ok %s %s\n", lstm_isa_name(isa), lstm_activations_name());
	return 0;
}
