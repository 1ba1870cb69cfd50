/* Nanoseconds of a step of one stream, input and hidden size 64: the best of many rounds. */
#define LSTM_IMPLEMENTATION
#include <stdio.h>
#include <time.h>

#include "lstm.h"

enum { SIZE = 64, STEPS = 100, ROUNDS = 100 };

static float w[4 * SIZE * SIZE], u[4 * SIZE * SIZE], x[STEPS * SIZE], y[STEPS * SIZE];

static void fill(float *to, int n, float scale)
{
	static unsigned seed = 1;

	for (; n--; to++) {
		seed = seed * 1664525u + 1013904223u;
		*to = scale * ((float)(seed >> 8) / 8388608 - 1);
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

int main(void)
{
	lstm_desc desc = {.input = SIZE, .hidden = SIZE};
	lstm_weights weights = {.w = w, .u = u};
	lstm_model *model;
	lstm_state *state;
	double best = 1e30;
	int round, step;

	fill(w, 4 * SIZE * SIZE, 0.1f);
	fill(u, 4 * SIZE * SIZE, 0.1f);
	fill(x, STEPS * SIZE, 1);
	if (lstm_model_new(&model, &desc, &weights) != LSTM_OK ||
	    lstm_state_new(&state, model, 1, 1) != LSTM_OK)
		return 1;
	for (round = 0; round < ROUNDS; round++) {
		const double start = now();
		for (step = 0; step < STEPS; step++)
			lstm_run(state, x + step * SIZE, y + step * SIZE, 1);
		if (now() - start < best)
			best = now() - start;
	}
	printf("%s %.0f\n", lstm_isa_name(lstm_model_desc(model)->isa), best / STEPS);
	return 0;
}
