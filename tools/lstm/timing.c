#include "timing.h"

#include <stdlib.h>
#include <time.h>

enum { MODELS = 3, SAMPLES = 25 };

/* Long enough for the clock, and short enough that most are not interrupted. */
static const double shortest = 2e-4, longest = 2e-3;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds_of(lstm_state *state, const float *x, float *y, size_t steps, size_t times)
{
	const double begun = now();
	size_t k;

	for (k = 0; k < times; k++)
		lstm_run(state, x, y, steps);
	return now() - begun;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int make_states(lstm_state **states, const lstm_model *const *models, int count,
                       size_t steps, int batch)
{
	const lstm_desc *desc = lstm_model_desc(models[0]);
	const int whole = desc->direction != LSTM_FORWARD && desc->layers > 1;
	int k = 0;

	while (k < count &&
	       lstm_state_new(&states[k], models[k], batch, whole ? steps : 0) == LSTM_OK)
		k++;
	return k == count;
}

int timing_steps(const lstm_model *const *models, int count, const float *x, float *y,
                 size_t steps, int batch, double *seconds)
{
	lstm_state *states[MODELS] = {NULL};
	double samples[MODELS][SAMPLES], once;
	size_t times = 1;
	int k, sample, good = make_states(states, models, count, steps, batch);

	if (good) {
		seconds_of(states[0], x, y, 1, 1);
		once = seconds_of(states[0], x, y, 1, 1);
		if (once * (double)steps > longest)
			steps = once < longest ? (size_t)(longest / once) : 1;
		while (once * (double)(steps * times) < shortest && times < 1000)
			times *= 2;
	}
	for (sample = 0; sample < SAMPLES && good; sample++)
		for (k = 0; k < count; k++)
			samples[k][sample] = seconds_of(states[k], x, y, steps, times) /
			                     (double)(steps * times);
	for (k = 0; k < count; k++) {
		if (good) {
			qsort(samples[k], SAMPLES, sizeof(double), by_size);
			seconds[k] = samples[k][SAMPLES / 2];
		}
		lstm_state_free(states[k]);
	}
	return good;
}
