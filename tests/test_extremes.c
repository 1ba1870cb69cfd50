/* A run leaves errno alone, also where the C library's exp and tanh would report a range error. */
#include "harness.h"
#include "nets.h"

#include <errno.h>
#include <stdlib.h>

enum { BATCH = 2, STEPS = 6, INPUT = 3, HIDDEN = 21 };

TEST_EACH_ISA(extremes, errno_is_left_alone)
{
	static const float extremes[] = {0, 1e-30f, 1e-40f, -90, 90, 1e30f, -1e30f, INFINITY, NAN};
	const lstm_desc desc = {.input = INPUT, .hidden = HIDDEN, .layers = 2, .isa = isa};
	net n = net_make(&desc, NET_B, 1.0f, 81);
	float x[STEPS * BATCH * INPUT], y[STEPS * BATCH * HIDDEN];
	lstm_run_args args = {0};
	lstm_model *model;
	lstm_state *state;
	size_t k, j;

	cr_assert_eq(lstm_model_new(&model, &desc, n.weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, BATCH, STEPS), LSTM_OK, "no state");
	args.x = x;
	args.y = y;
	args.steps = STEPS;
	for (k = 0; k < sizeof extremes / sizeof *extremes; k++) {
		for (j = 0; j < sizeof x / sizeof *x; j++)
			x[j] = extremes[k];
		errno = EXDEV; /* nothing here would set that */
		lstm_run(state, x, y, STEPS);
		cr_assert_eq(errno, EXDEV, "lstm_run of %g set it", (double)extremes[k]);
		lstm_state_reset(state);
		lstm_run_with(state, &args);
		cr_assert_eq(errno, EXDEV, "lstm_run_with of %g set it", (double)extremes[k]);
		lstm_state_reset(state);
	}
	lstm_state_free(state);
	lstm_model_free(model);
	net_free(&n);
}
