/* The equations against numbers worked by hand, to 40 digits with Python's decimal module from the
 * inputs in each comment.  Nearly all networks here have one unit and one feature, and these
 * weights, which fp32 holds exactly:
 *
 *          w      u      b
 *     i   0.5    0.25   0.125
 *     f  -0.25   0.5   -0.5
 *     g   0.75  -0.5    0.25
 *     o   1     -0.75   0.375 */
#include <math.h>

#include "harness.h"

/* With u = 2^-24: pre-activations below 2 of four terms at most (6 u), through gates of slope 1/4
 * within 2 u (3.5 u) and a tanh within 3.5 u (9.5 u), make c' = f c + i g with |c|, |g| < 1 and
 * i, f < 0.9 wrong by 17 u, and twice as much after two steps or two layers.  The smallest mistake
 * worth the name changes a result by 1e-3 and more. */
#define TOLERANCE (40.0 * 0x1p-24)

enum { MOST = 16 }; /* floats in any result here */

static const float w1[4] = {0.5f, -0.25f, 0.75f, 1.0f};
static const float u1[4] = {0.25f, 0.5f, -0.5f, -0.75f};
static const float b1[4] = {0.125f, -0.5f, 0.25f, 0.375f};
static const lstm_weights base = {.w = w1, .u = u1, .b = b1};
static const lstm_desc one_unit = {.input = 1, .hidden = 1};

/* One stream: initial states (NULL: zero), steps of x, every y, and the last c (NULL: not said). */
typedef struct example {
	const float *h0, *c0, *x;
	size_t steps;
	const double *y, *c;
} example;

static void close_to(lstm_isa isa, const char *name, size_t k, double got, double want)
{
	cr_assert(fabs(got - want) <= TOLERANCE, "%s: %s[%zu] is %.9f, not %.9f",
	          lstm_isa_name(isa), name, k, got, want);
}

static void expect(lstm_isa isa, const lstm_desc *about, const lstm_weights *weights, example e)
{
	lstm_desc desc = *about;
	float y[MOST], c[MOST];
	lstm_model *model;
	lstm_state *state;
	size_t k, cells;

	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, 1, e.steps), LSTM_OK, "no state");
	lstm_state_set(state, e.h0, e.c0);
	lstm_run(state, e.x, y, e.steps);
	lstm_state_get(state, NULL, c);
	for (k = 0; k < e.steps * (size_t)lstm_model_output(model); k++)
		close_to(isa, "y", k, y[k], e.y[k]);
	cells = (size_t)((desc.layers ? desc.layers : 1) * lstm_model_directions(model));
	for (k = 0; e.c && k < cells * (size_t)desc.hidden; k++)
		close_to(isa, "c", k, c[k], e.c[k]);
	lstm_state_free(state);
	lstm_model_free(model);
}

/* What most tests start from: x = 0.5, h = 0.25, c = -0.5. */
static const float half[1] = {0.5f}, quarter[1] = {0.25f}, minus_half[1] = {-0.5f};

static void expect_one_step(lstm_isa isa, const lstm_desc *desc, const lstm_weights *weights,
                            double h, double c)
{
	example e = {quarter, minus_half, half, 1, &h, &c};

	expect(isa, desc, weights, e);
}

TEST_EACH_ISA(equations, one_step)
{
	/* i = sigmoid(0.125 + 0.5 * 0.5 + 0.25 * 0.25) = sigmoid(0.4375) = 0.6076631698
	 * f = sigmoid(-0.5 - 0.125 + 0.125) = sigmoid(-0.5)              = 0.3775406688
	 * g = tanh(0.25 + 0.375 - 0.125) = tanh(0.5)                     = 0.4621171573
	 * o = sigmoid(0.375 + 0.5 - 0.1875) = sigmoid(0.6875)            = 0.6654105587
	 * c = f * -0.5 + i * g = -0.1887703344 + 0.2808115766            = 0.0920412422
	 * h = o * tanh(c) = 0.6654105587 * 0.0917822081                  = 0.0610728503 */
	expect_one_step(isa, &one_unit, &base, 0.0610728503, 0.0920412422);
}

static const float two_x[2] = {0.5f, -1.0f};

TEST_EACH_ISA(equations, two_steps_carry_h_and_c)
{
	/* Step 0 from zero: i = sigmoid(0.375) = 0.5926666000, f unused as c = 0,
	 *     g = tanh(0.625) = 0.5545997223, o = sigmoid(0.875) = 0.7057850278
	 *     c = i * g = 0.3286927318, h = o * tanh(c) = 0.7057850278 * 0.3173456496
	 * Step 1 with h = 0.2239778081: i = sigmoid(0.125 - 0.5 + 0.0559944520) = 0.4209181225,
	 *     f = sigmoid(-0.5 + 0.25 + 0.1119889041) = 0.4655518866,
	 *     g = tanh(0.25 - 0.75 - 0.1119889041) = -0.5455256242,
	 *     o = sigmoid(0.375 - 1 - 0.1679833561) = 0.3115284443
	 *     c = f * 0.3286927318 + i * g = 0.1530235215 - 0.2296216216 */
	static const double y[2] = {0.2239778081, -0.0238159270}, c[1] = {-0.0765981001};
	example e = {NULL, NULL, two_x, 2, y, c};

	expect(isa, &one_unit, &base, e);
}

/* One gate at work, the others held at 1 (100) or 0 (-200) by their biases. */
static void expect_gate(lstm_isa isa, int gate, const float *held, float c0, double h, double c)
{
	float w[4] = {0.0f, 0.0f, 0.0f, 0.0f}, u[4] = {0.0f, 0.0f, 0.0f, 0.0f}, b[4];
	lstm_weights weights = {.w = w, .u = u, .b = b};
	example e = {quarter, &c0, half, 1, &h, &c};
	int k;

	for (k = 0; k < 4; k++)
		b[k] = held[k];
	w[gate] = w1[gate];
	u[gate] = u1[gate];
	b[gate] = b1[gate];
	expect(isa, &one_unit, &weights, e);
}

TEST_EACH_ISA(equations, each_gate_has_its_part)
{
	static const float for_i[4] = {0.0f, -200.0f, 100.0f, 100.0f};
	static const float for_f[4] = {-200.0f, 0.0f, 0.0f, 100.0f};
	static const float for_g[4] = {100.0f, -200.0f, 0.0f, 100.0f};
	static const float for_o[4] = {-200.0f, 100.0f, 0.0f, 0.0f};

	/* c = sigmoid(0.4375) * 1, h = tanh(c) */
	expect_gate(isa, 0, for_i, 0.0f, tanh(0.6076631698), 0.6076631698);
	/* c = sigmoid(-0.5) * 1, from c = 1 */
	expect_gate(isa, 1, for_f, 1.0f, tanh(0.3775406688), 0.3775406688);
	/* c = 1 * tanh(0.5) */
	expect_gate(isa, 2, for_g, 0.0f, tanh(0.4621171573), 0.4621171573);
	/* h = sigmoid(0.6875) * tanh(100) */
	expect_gate(isa, 3, for_o, 100.0f, 0.6654105587, 100.0);
}

/* All gates at 1/2 and g at 0: c halves, h = tanh(c) / 2. */
TEST_EACH_ISA(equations, c_is_carried_and_h_is_not_c)
{
	static const float zero[4] = {0.0f, 0.0f, 0.0f, 0.0f}, c0[1] = {2.0f};
	static const float x[3] = {1.0f, -2.0f, 3.0f};
	static const double y[3] = {0.3807970780, 0.2310585786, 0.1224593312}, c[1] = {0.25};
	lstm_weights weights = {.w = zero, .u = zero};
	example e = {half, c0, x, 3, y, c};

	expect(isa, &one_unit, &weights, e);
}

TEST_EACH_ISA(equations, biases_add)
{
	/* b + b2 = 0.375 0 -0.5 0.25: i = sigmoid(0.6875) = 0.6654105587, f = sigmoid(0) = 0.5,
	 * g = tanh(-0.25) = -0.2449186624, o = sigmoid(0.5625) = 0.6370307945
	 * c = 0.5 * -0.5 + i * g = -0.25 - 0.1629714640 */
	static const float b2[4] = {0.25f, 0.5f, -0.75f, -0.125f};
	static const float sum[4] = {0.375f, 0.0f, -0.5f, 0.25f};
	lstm_weights weights = base;

	weights.b2 = b2;
	expect_one_step(isa, &one_unit, &weights, -0.2490744547, -0.4129714640);
	weights.b = b2;
	weights.b2 = b1;
	expect_one_step(isa, &one_unit, &weights, -0.2490744547, -0.4129714640);
	weights.b = NULL;
	weights.b2 = sum;
	expect_one_step(isa, &one_unit, &weights, -0.2490744547, -0.4129714640);
}

TEST_EACH_ISA(equations, peepholes_show_i_and_f_the_old_c_and_o_the_new)
{
	/* Peepholes i 0.5, f -1, o 0.75: i = sigmoid(0.4375 - 0.25) = 0.5467381520,
	 * f = sigmoid(-0.5 + 0.5) = 0.5, c = -0.25 + i * 0.4621171573 = 0.0026570806,
	 * o = sigmoid(0.6875 + 0.75 c) = 0.6658540904; the old c would give 0.5769.
	 * From c = -2: i = sigmoid(-0.5625) = 0.3629692055, f = sigmoid(1.5) = 0.8175744762,
	 * c = -1.6351489524 + 0.1677342974 = -1.4674146550, limited to -0.25, so that
	 * o = sigmoid(0.6875 - 0.1875) = 0.6224593312 and h = o * tanh(-0.25) */
	static const float ifo[3] = {0.5f, -1.0f, 0.75f}, iof[3] = {0.5f, 0.75f, -1.0f};
	static const float w[4] = {0.5f, 1.0f, -0.25f, 0.75f}, u[4] = {0.25f, -0.75f, 0.5f, -0.5f};
	static const float b[4] = {0.125f, 0.375f, -0.5f, 0.25f}, c0[1] = {-2.0f};
	static const double h_limited[1] = {-0.1524519068}, c_limited[1] = {-0.25};
	lstm_weights pytorch = base, onnx = {.w = w, .u = u, .b = b, .peephole = iof};
	lstm_desc desc = one_unit;
	example e = {quarter, c0, half, 1, h_limited, c_limited};

	pytorch.peephole = ifo;
	expect_one_step(isa, &desc, &pytorch, 0.0017692238, 0.0026570806);
	desc.layout = LSTM_LAYOUT_KERAS; /* one unit and one feature: transposing changes nothing */
	expect_one_step(isa, &desc, &pytorch, 0.0017692238, 0.0026570806);
	desc.layout = LSTM_LAYOUT_ONNX;
	expect_one_step(isa, &desc, &onnx, 0.0017692238, 0.0026570806);
	desc.cell_clip = 0.25f;
	expect(isa, &desc, &onnx, e);
}

TEST_EACH_ISA(equations, coupled_gates_forget_what_they_do_not_take)
{
	/* f = 1 - 0.6076631698: c = -0.5 f + 0.2808115766 = 0.0846431615 */
	lstm_desc desc = one_unit;

	desc.input_forget = 1;
	expect_one_step(isa, &desc, &base, 0.0561883310, 0.0846431615);
}

TEST_EACH_ISA(equations, clip_limits_pre_activations)
{
	/* 0.4375 -0.5 0.5 0.6875 become 0.25 -0.25 0.25 0.25: i = o = 0.5621765009,
	 * f = 0.4378234991, g = 0.2449186624, c = -0.2189117495 + 0.1376875166.
	 * With peepholes i 0.5, f -1, o 0.75: 0.1875 0 0.25 stay or become, so i = 0.5467381520,
	 * f = 0.5, c = -0.25 + 0.1339063769, and o is limited as before: 0.6004 > 0.25. */
	static const float peephole[3] = {0.5f, -1.0f, 0.75f};
	lstm_weights peeping = base;
	lstm_desc desc = one_unit;

	desc.clip = 0.25f;
	expect_one_step(isa, &desc, &base, -0.0455622021, -0.0812242329);
	peeping.peephole = peephole;
	expect_one_step(isa, &desc, &peeping, -0.0649734705, -0.1160936231);
}

TEST_EACH_ISA(equations, cell_clip_limits_c_before_h)
{
	/* c = 0.0920412422 becomes 0.015625, and h = 0.6654105587 * tanh(0.015625). */
	lstm_desc desc = one_unit;

	desc.cell_clip = 0.015625f;
	expect_one_step(isa, &desc, &base, 0.0103961939, 0.015625);
}
