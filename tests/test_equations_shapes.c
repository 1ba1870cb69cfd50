/* Directions, layers, projections and layouts against numbers worked by hand, as in
 * test_equations.c and with its weights: w 0.5 -0.25 0.75 1, u 0.25 0.5 -0.5 -0.75,
 * b 0.125 -0.5 0.25 0.375 for i f g o. */
#include <math.h>

#include "harness.h"

/* Twice that of test_equations.c: two layers, or projections that double, of two steps. */
#define TOLERANCE (80.0 * 0x1p-24)

static const float w1[4] = {0.5f, -0.25f, 0.75f, 1.0f};
static const float minus_w1[4] = {-0.5f, 0.25f, -0.75f, -1.0f};
static const float u1[4] = {0.25f, 0.5f, -0.5f, -0.75f};
static const float b1[4] = {0.125f, -0.5f, 0.25f, 0.375f};
static const float two_x[2] = {0.5f, -1.0f};

/* From zero, or from h0 and c0, over x = 0.5 -1 or, with one step, over what x says. */
static void expect(lstm_isa isa, const lstm_desc *about, const lstm_weights *weights,
                   const float *x, size_t steps, const float *h0, const float *c0,
                   const double *want)
{
	lstm_desc desc = *about;
	lstm_model *model;
	lstm_state *state;
	float y[8];
	size_t k;

	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, 1, steps), LSTM_OK, "no state");
	lstm_state_set(state, h0, c0);
	lstm_run(state, x, y, steps);
	for (k = 0; k < steps * (size_t)lstm_model_output(model); k++)
		cr_assert(fabs(y[k] - want[k]) <= TOLERANCE, "%s: y[%zu] is %.9f, not %.9f",
		          lstm_isa_name(isa), k, y[k], want[k]);
	lstm_state_free(state);
	lstm_model_free(model);
}

/* x = -1 first: i = sigmoid(-0.375) = 0.4073334000, g = tanh(-0.5) = -0.4621171573,
 *     o = sigmoid(-0.625) = 0.3486451353, c = -0.1882357529, h = o * tanh(c) = -0.0648631905
 * then x = 0.5: i = sigmoid(0.375 + 0.25 h) = 0.5887460919,
 *     f = sigmoid(-0.625 + 0.5 h) = 0.3413168038, g = tanh(0.625 - 0.5 h) = 0.5766516115,
 *     o = sigmoid(0.875 - 0.75 h) = 0.7157847039, c = -0.0642480257 + 0.3395013828,
 *     h = 0.7157847039 * tanh(0.2752533571) = 0.1921926947, at the place of its x */
TEST_EACH_ISA(equations_shapes, reverse_starts_at_the_end_and_keeps_the_order_of_x)
{
	static const double y[2] = {0.1921926947, -0.0648631905};
	lstm_weights weights = {.w = w1, .u = u1, .b = b1};
	lstm_desc desc = {0};

	desc.input = desc.hidden = 1;
	desc.direction = LSTM_REVERSE;
	expect(isa, &desc, &weights, two_x, 2, NULL, NULL, y);
}

/* Forward as in test_equations.c.  The reverse direction has -w: x = -1 first, i = sigmoid(0.625) =
 * 0.6513548647, g = tanh(1) = 0.7615941560, o = sigmoid(1.375) = 0.7981867777, c = 0.4960680584,
 * h = 0.3663831182; then x = 0.5: i = sigmoid(-0.125 + 0.25 h) = 0.4916497213,
 * f = sigmoid(-0.375 + 0.5 h) = 0.4521943660, g = tanh(-0.125 - 0.5 h) = -0.2987909980,
 * o = sigmoid(-0.125 - 0.75 h) = 0.4013634351, c = 0.2243191812 - 0.1469005110,
 * h = 0.4013634351 * tanh(0.0774186702) */
TEST_EACH_ISA(equations_shapes, bidirectional_is_forward_beside_reverse)
{
	static const double y[4] = {0.2239778081, 0.0310110916, -0.0238159270, 0.3663831182};
	lstm_weights weights[2] = {{.w = w1, .u = u1, .b = b1},
	                           {.w = minus_w1, .u = u1, .b = b1}};
	lstm_desc desc = {0};

	desc.input = desc.hidden = 1;
	desc.direction = LSTM_BIDIRECTIONAL;
	expect(isa, &desc, weights, two_x, 2, NULL, NULL, y);
}

/* A stream of length 1 in two steps: the reverse direction begins at step 0, where it does what a
 * forward one does: h = 0.2239778081.  Step 1 is zero in both. */
TEST_EACH_ISA(equations_shapes, reverse_starts_at_the_last_valid_step)
{
	static const size_t lengths[1] = {1};
	lstm_weights weights = {.w = w1, .u = u1, .b = b1};
	lstm_run_args args = {0};
	lstm_desc desc = {0};
	lstm_model *model;
	lstm_state *state;
	float y[2] = {-1.0f, -1.0f}, last[1], h[1], c[1];

	desc.input = desc.hidden = 1;
	desc.direction = LSTM_REVERSE;
	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, 1, 0), LSTM_OK, "no state");
	args.x = two_x;
	args.y = y;
	args.last = last;
	args.steps = 2;
	args.lengths = lengths;
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "not run");
	lstm_state_get(state, h, c);
	cr_assert(fabs(y[0] - 0.2239778081) <= TOLERANCE, "y[0] is %.9f", y[0]);
	cr_assert_eq(y[1], 0.0f, "y[1] is %.9f", y[1]);
	cr_assert_eq(h[0], y[0], "h is %.9f", h[0]);
	cr_assert_eq(last[0], y[0], "last is %.9f", last[0]);
	cr_assert(fabs(c[0] - 0.3286927318) <= TOLERANCE, "c is %.9f", c[0]);
	lstm_state_free(state);
	lstm_model_free(model);
}

/* Layer 1 sees h = 0.2239778081 and -0.0238159270 in place of x.
 * Step 0: i = sigmoid(0.2369889041) = 0.5589714791, g = tanh(0.4179833561) = 0.3952301592,
 *     o = sigmoid(0.5989778081) = 0.6454224100, c = 0.2209223867, h = o * 0.2173970308
 * Step 1: i = sigmoid(0.1481702654) = 0.5369749441, f = sigmoid(-0.4238895605) = 0.3955863881,
 *     g = tanh(0.1619815970) = 0.1605796161, o = sigmoid(0.2459493863) = 0.5611792570,
 *     c = 0.0873938889 + 0.0862272303, h = o * 0.1718973393 */
TEST_EACH_ISA(equations_shapes, layers_feed_each_other)
{
	static const double y[2] = {0.1403129156, 0.0964652211};
	lstm_weights weights[2] = {{.w = w1, .u = u1, .b = b1}, {.w = w1, .u = u1, .b = b1}};
	lstm_desc desc = {0};

	desc.input = desc.hidden = 1;
	desc.layers = 2;
	expect(isa, &desc, weights, two_x, 2, NULL, NULL, y);
}

/* One unit projected to 0.5 and -2 of it, and u of two columns.
 * Step 0: m = 0.2239778081 as without a projection, h = 0.1119889041 -0.4479556162
 * Step 1: i = sigmoid(-0.375 + 0.0279972260 - 0.0559944520) = 0.4005924376,
 *     f = sigmoid(-0.25 + 0.0559944520 + 0.1119889041) = 0.4795073251,
 *     g = tanh(-0.5 - 0.0559944520 - 0.1119889041) = -0.5836517725,
 *     o = sigmoid(-0.625 - 0.0839916781 - 0.2239778081) = 0.2823226587,
 *     c = 0.1576105726 - 0.2338064863, m = o * tanh(c) = -0.0214702981 */
TEST_EACH_ISA(equations_shapes, projection_widens)
{
	static const double y[4] = {0.1119889041, -0.4479556162, -0.0107351491, 0.0429405962};
	static const float u[8] = {0.25f, 0.125f, 0.5f, -0.25f, -0.5f, 0.25f, -0.75f, 0.5f};
	static const float p[2] = {0.5f, -2.0f};
	lstm_weights weights = {.w = w1, .u = u, .b = b1, .projection = p};
	lstm_desc desc = {0};

	desc.input = desc.hidden = 1;
	desc.projection = 2;
	expect(isa, &desc, &weights, two_x, 2, NULL, NULL, y);
}

/* Two units, the second with -w, projected to 2 m0 - m1, which both get as h.
 * Step 0: c = 0.3286927318 -0.0582955216, m = 0.2239778081 -0.0272974788
 * Step 1: c = -0.1105406713 0.4136471472, m = -0.0300119292 0.2876797182 */
TEST_EACH_ISA(equations_shapes, projection_narrows)
{
	static const double y[2] = {0.4752530951, -0.3477035766};
	static const float p[2] = {2.0f, -1.0f};
	float w[8], u[8], b[8];
	lstm_weights weights = {.w = w, .u = u, .b = b, .projection = p};
	lstm_desc desc = {0};
	int gate;

	for (gate = 0; gate < 4; gate++) {
		w[2 * gate] = w1[gate];
		w[2 * gate + 1] = -w1[gate];
		u[2 * gate] = u[2 * gate + 1] = u1[gate];
		b[2 * gate] = b[2 * gate + 1] = b1[gate];
	}
	desc.input = 1;
	desc.hidden = 2;
	desc.projection = 1;
	expect(isa, &desc, &weights, two_x, 2, NULL, NULL, y);
}

/* Two features 0.5 and -1, with second weights 0.25 -0.5 -1 0.125, from h = 0.25 and c = -0.5:
 * i = sigmoid(0.4375 - 0.25) = 0.5467381520, f = sigmoid(-0.5 + 0.5) = 0.5,
 * g = tanh(0.5 + 1) = 0.9051482536, o = sigmoid(0.6875 - 0.125) = 0.6370307945,
 * c = -0.25 + 0.4948790835 = 0.2448790835, h = o * tanh(c) */
TEST_EACH_ISA(equations_shapes, layouts_order_gates_and_columns)
{
	static const float pytorch[8] = {0.5f, 0.25f, -0.25f, -0.5f, 0.75f, -1.0f, 1.0f, 0.125f};
	static const float onnx[8] = {0.5f, 0.25f, 1.0f, 0.125f, -0.25f, -0.5f, 0.75f, -1.0f};
	static const float keras[8] = {0.5f, -0.25f, 0.75f, 1.0f, 0.25f, -0.5f, -1.0f, 0.125f};
	static const float u_onnx[4] = {0.25f, -0.75f, 0.5f, -0.5f};
	static const float b_onnx[4] = {0.125f, 0.375f, -0.5f, 0.25f};
	static const lstm_weights weights[3] = {{.w = pytorch, .u = u1, .b = b1},
	                                        {.w = onnx, .u = u_onnx, .b = b_onnx},
	                                        {.w = keras, .u = u1, .b = b1}};
	static const float h0[1] = {0.25f}, c0[1] = {-0.5f};
	static const double y[1] = {0.1529504070};
	int layout;

	for (layout = LSTM_LAYOUT_PYTORCH; layout <= LSTM_LAYOUT_KERAS; layout++) {
		lstm_desc desc = {0};

		desc.input = 2;
		desc.hidden = 1;
		desc.layout = (lstm_layout)layout;
		expect(isa, &desc, &weights[layout], two_x, 1, h0, c0, y);
	}
}
