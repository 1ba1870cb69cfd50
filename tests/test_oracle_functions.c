/* Each activation function by itself, on a fine grid, through networks of one unit whose other
 * gates are held at 0 or 1.  The errors allowed are the oracle's own (oracle_functions.c): for
 * sigmoid and tanh relative ones, so that the tails count as well as the middle.
 *
 * LSTM_TEST_QUICK in the environment leaves out alpha and beta other than the defaults. */
#include <float.h>

#include "check.h"
#include "harness.h"

enum { POINTS = 24000, CHUNK = 500 };

/* Where in the cell the function stands, and thus what carries its value out. */
typedef enum place { IN_I, IN_F, IN_O, IN_G, IN_H, PLACES } place;

static const char *const place_names[PLACES] = {"i", "f", "o", "g", "h"};

/* Half of the points evenly over -66..66 (a sigmoid below e^-66 may count as zero), half with
 * random magnitudes of 2^-60..2^7. */
static void grid(float *x)
{
	rng r = rng_seeded(1);
	int n;

	for (n = 0; n < POINTS; n++) {
		float size = ldexpf(rng_uniform(&r, 1.0f, 2.0f), rng_between(&r, -60, 5));

		if (n % 2)
			x[n] = rng_next(&r) >> 31 ? -size : size;
		else
			x[n] = (float)(n - POINTS / 2) * (132.0f / POINTS);
	}
}

/* What holds the other gates (pre-activations of i f g o) and c before the step, so that c or h
 * carries the value out.  Usual functions are held nearly at 1 by 100 and at 0 by -200; linear ones
 * exactly, by 1 and 0. */
typedef struct holder {
	float b[4], c0;
} holder;

static const holder usual_holders[PLACES] = {
	{{0.0f, -200.0f, 100.0f, 0.0f}, 0.0f},   /* c = i * 1 */
	{{-200.0f, 0.0f, 0.0f, 0.0f}, 1.0f},     /* c = f * 1 */
	{{-200.0f, 100.0f, 0.0f, 0.0f}, 100.0f}, /* h = o * 1 */
	{{100.0f, -200.0f, 0.0f, 0.0f}, 0.0f},   /* c = 1 * g */
	{{-200.0f, 100.0f, 0.0f, 100.0f}, 0.0f}  /* h = 1 * h(c), c = x */
};
static const holder linear_holders[PLACES] = {
	{{0.0f, 0.0f, 1.0f, 0.0f}, 0.0f}, /* c = i * 1 */
	{{0.0f, 0.0f, 0.0f, 0.0f}, 1.0f}, /* c = f * 1 + i * 0 */
	{{0.0f, 0.0f, 0.0f, 0.0f}, 0.0f}, /* o cannot be held so: i and f share its function */
	{{1.0f, 0.0f, 0.0f, 0.0f}, 0.0f}, /* c = 1 * g */
	{{0.0f, 1.0f, 0.0f, 1.0f}, 0.0f}  /* h = 1 * h(c), c = x */
};

/* y[n]: what comes out for x[n]; want[n], if not NULL: what the oracle expects of the cell. */
static void evaluate(lstm_isa isa, const lstm_desc *about, place where, const holder *held,
                     const float *x, float *y, num *want)
{
	static const int row[PLACES] = {0, 1, 3, 2, -1};
	float w[4] = {0.0f, 0.0f, 0.0f, 0.0f}, u[4] = {0.0f, 0.0f, 0.0f, 0.0f};
	float h[CHUNK] = {0}, c[CHUNK], c0[CHUNK];
	int in_h = where == IN_O || where == IN_H, done, n;
	lstm_weights weights = {.w = w, .u = u, .b = held->b};
	lstm_desc desc = *about;
	lstm_model *model;
	lstm_state *state;

	if (where != IN_H)
		w[row[where]] = 1.0f;
	desc.input = desc.hidden = 1;
	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, CHUNK, 1), LSTM_OK, "no state");
	for (done = 0; done < POINTS; done += CHUNK) {
		oracle_input in = {CHUNK, 1, x + done, NULL, c0, NULL, NULL, 0};
		oracle_output out;

		for (n = 0; n < CHUNK; n++)
			c0[n] = where == IN_H ? x[done + n] : held->c0;
		lstm_state_reset(state);
		lstm_state_set(state, NULL, c0);
		lstm_run(state, x + done, NULL, 1);
		lstm_state_get(state, h, c);
		for (n = 0; n < CHUNK; n++)
			y[done + n] = in_h ? h[n] : c[n];
		if (!want)
			continue;
		out = oracle_run(&desc, &weights, &in);
		for (n = 0; n < CHUNK; n++)
			want[done + n] = in_h ? out.h[n] : out.c[n];
		oracle_free(&out);
	}
	lstm_state_free(state);
	lstm_model_free(model);
}

static void expect_equal(lstm_isa isa, lstm_activation function, place where, const char *others,
                         const float *x, const float *y, const num *want)
{
	int n;

	for (n = 0; n < POINTS; n++)
		cr_assert(check_value(y[n], want[n]),
		          "%s: function %d (%g, %g) in %s, others %s: at %.9g it is %.9g, not "
		          "%.9g: %.3g times the tolerance",
		          lstm_isa_name(isa), (int)function.function, function.alpha, function.beta,
		          place_names[where], others, x[n], y[n], want[n].v,
		          fabs(y[n] - want[n].v) / num_tolerance(want[n]));
}

static float x[POINTS], y[POINTS];
static num want[POINTS];

/* As part of a usual cell, whose held gates are allowed their errors too. */
TEST_EACH_ISA(oracle_functions, usual_functions_in_their_places)
{
	static const lstm_function usual[PLACES] = {LSTM_SIGMOID, LSTM_SIGMOID, LSTM_SIGMOID,
	                                            LSTM_TANH, LSTM_TANH};
	lstm_desc desc = {0};
	int where;

	grid(x);
	for (where = IN_I; where < PLACES; where++) {
		lstm_activation function = {usual[where], 0.0f, 0.0f};

		evaluate(isa, &desc, (place)where, &usual_holders[where], x, y, want);
		expect_equal(isa, function, (place)where, "usual", x, y, want);
	}
}

/* Among linear functions, held exactly: the function's own error and no other. */
TEST_EACH_ISA(oracle_functions, every_function_among_linear_ones)
{
	static const place places[4] = {IN_I, IN_F, IN_G, IN_H};
	int numbers = check_quick("oracle_functions") ? 1 : 3, name, which, own, n;

	grid(x);
	for (name = LSTM_SIGMOID; name <= LSTM_SOFTPLUS; name++) {
		for (which = 0; which < 4; which++) {
			for (own = 0; own < numbers; own++) {
				lstm_activation function = {(lstm_function)name, 0.0f, 0.0f};
				place where = places[which];
				lstm_desc desc = {0};

				if (own) {
					function.alpha = own == 1 ? 0.75f : 0.0f;
					function.beta = own == 1 ? 1.5f : -0.25f;
				}
				for (n = 0; n < 3; n++)
					desc.activations[0][n].function = LSTM_LINEAR;
				desc.activations[0][where == IN_G   ? 1
				                    : where == IN_H ? 2
				                                    : 0] = function;
				evaluate(isa, &desc, where, &linear_holders[where], x, y, NULL);
				for (n = 0; n < POINTS; n++)
					want[n] = oracle_activate(function, num_exact(x[n]));
				expect_equal(isa, function, where, "linear", x, y, want);
			}
		}
	}
}

/* Users count on it: no rounding carries a gate beyond 0..1 or h beyond -1..1. */
TEST_EACH_ISA(oracle_functions, sigmoid_and_tanh_stay_in_range)
{
	lstm_desc desc = {0};
	int where, n;

	grid(x);
	for (n = 0; n < POINTS; n += 2)
		x[n] *= n % 4 ? 4.0f : 1e36f;
	for (where = IN_I; where < PLACES; where++) {
		float low = where == IN_G || where == IN_H ? -1.0f : 0.0f;

		evaluate(isa, &desc, (place)where, &usual_holders[where], x, y, NULL);
		for (n = 0; n < POINTS; n++)
			cr_assert(y[n] >= low && y[n] <= 1.0f, "%s: at %.9g %s is %.9g",
			          lstm_isa_name(isa), x[n], place_names[where], y[n]);
	}
}

TEST_EACH_ISA(oracle_functions, far_tails_of_sigmoid_vanish)
{
	lstm_desc desc = {0};
	int where, n;

	for (n = 0; n < POINTS; n++)
		x[n] = n ? -100.0f - 0.25f * (float)(n - 1) : -FLT_MAX;
	for (where = IN_I; where <= IN_O; where++) {
		evaluate(isa, &desc, (place)where, &usual_holders[where], x, y, NULL);
		for (n = 0; n < POINTS; n++)
			cr_assert(y[n] >= 0.0f && y[n] <= 1e-37f, "%s: sigmoid(%g) in %s is %g",
			          lstm_isa_name(isa), x[n], place_names[where], y[n]);
	}
}
