/* The activation functions against numbers worked by hand (to 40 digits with Python's decimal
 * module): at zero, below and above it, far out, and on both sides of every corner.  Each goes
 * through g of a unit whose i is 1 and whose f is 0, so that c is the function's value. */
#include <math.h>

#include "harness.h"

/* Five roundings (fp32: u = 2^-24) of values up to the result or to 1, whichever is more. */
#define TOLERANCE (5.0 * 0x1p-24)

/* The neighbours of 1 and of 3/4 in fp32. */
#define ABOVE_1 0x1.000002p0f
#define BELOW_1 0x1.fffffep-1f
#define ABOVE_3_4 0x1.800002p-1f

typedef struct point {
	lstm_function function;
	float alpha, beta, x;
	double value;
} point;

static const point points[] = {
	{LSTM_SIGMOID, 0, 0, -20.0f, 2.06115361819e-09},
	{LSTM_SIGMOID, 0, 0, -2.0f, 0.119202922022},
	{LSTM_SIGMOID, 0, 0, -0.5f, 0.377540668798},
	{LSTM_SIGMOID, 0, 0, 0.0f, 0.5},
	{LSTM_SIGMOID, 0, 0, 0.25f, 0.562176500886},
	{LSTM_SIGMOID, 0, 0, 3.0f, 0.952574126822},
	{LSTM_SIGMOID, 0, 0, 1e30f, 1.0},
	{LSTM_SIGMOID, 0, 0, -1e30f, 0.0},
	{LSTM_SIGMOID, 7, 9, 0.25f, 0.562176500886}, /* has no alpha and beta */
	{LSTM_TANH, 0, 0, -20.0f, -1.0},
	{LSTM_TANH, 0, 0, -2.0f, -0.964027580076},
	{LSTM_TANH, 0, 0, -0.5f, -0.462117157260},
	{LSTM_TANH, 0, 0, 0.0f, 0.0},
	{LSTM_TANH, 0, 0, 0.25f, 0.244918662404},
	{LSTM_TANH, 0, 0, 3.0f, 0.995054753687},
	{LSTM_TANH, 0, 0, 1e30f, 1.0},
	{LSTM_TANH, 7, 9, 0.25f, 0.244918662404},
	{LSTM_RELU, 0, 0, -2.0f, 0.0},
	{LSTM_RELU, 0, 0, 0.0f, 0.0},
	{LSTM_RELU, 0, 0, 3.0f, 3.0},
	{LSTM_RELU, 7, 9, -2.0f, 0.0},
	{LSTM_LINEAR, 0, 0, -2.0f, -2.0},
	{LSTM_LINEAR, 0, 0, 1e20f, 100000002004087734272.0}, /* 1e20 in fp32 */
	{LSTM_LINEAR, 7, 9, 3.0f, 3.0},
	{LSTM_AFFINE, 0, 0, -2.0f, -2.0}, /* default 1 and 0 */
	{LSTM_AFFINE, 0.5f, -0.25f, 3.0f, 1.25},
	{LSTM_AFFINE, 0, 0.75f, 3.0f, 0.75}, /* alpha = 0 is meant, as beta is not 0 */
	{LSTM_AFFINE, 2.0f, 0, 3.0f, 6.0},
	{LSTM_LEAKY_RELU, 0, 0, -2.0f, -0.02}, /* default 0.01 */
	{LSTM_LEAKY_RELU, 0, 0, 3.0f, 3.0},
	{LSTM_LEAKY_RELU, 0.25f, 0, -2.0f, -0.5},
	{LSTM_LEAKY_RELU, 0.25f, 0, 0.0f, 0.0},
	{LSTM_LEAKY_RELU, -0.5f, 0, -2.0f, 1.0},
	{LSTM_THRESHOLDED_RELU, 0, 0, 1.0f, 0.0}, /* default 1: only above it */
	{LSTM_THRESHOLDED_RELU, 0, 0, BELOW_1, 0.0},
	{LSTM_THRESHOLDED_RELU, 0, 0, ABOVE_1, ABOVE_1},
	{LSTM_THRESHOLDED_RELU, 0, 0, -3.0f, 0.0},
	{LSTM_THRESHOLDED_RELU, 0.75f, 0, 0.75f, 0.0},
	{LSTM_THRESHOLDED_RELU, 0.75f, 0, ABOVE_3_4, ABOVE_3_4},
	{LSTM_THRESHOLDED_RELU, -1.0f, 0, -0.5f, -0.5},
	{LSTM_SCALED_TANH, 0, 0, 0.25f, 0.244918662404}, /* default 1 and 1 */
	{LSTM_SCALED_TANH, 0.5f, 2.0f, -2.0f, -0.499664649870},
	{LSTM_SCALED_TANH, 0.5f, 2.0f, 0.25f, 0.231058578630},
	{LSTM_SCALED_TANH, 0.5f, 2.0f, 3.0f, 0.499993855825},
	{LSTM_SCALED_TANH, 0.5f, 0, 3.0f, 0.0}, /* beta = 0 is meant, as alpha is not 0 */
	{LSTM_HARD_SIGMOID, 0, 0, -2.5f, 0.0},  /* default 0.2 and 0.5: corners at +-2.5 */
	{LSTM_HARD_SIGMOID, 0, 0, -2.0f, 0.1},
	{LSTM_HARD_SIGMOID, 0, 0, 0.0f, 0.5},
	{LSTM_HARD_SIGMOID, 0, 0, 2.0f, 0.9},
	{LSTM_HARD_SIGMOID, 0, 0, 2.5f, 1.0},
	{LSTM_HARD_SIGMOID, 0, 0, 2.75f, 1.0},
	{LSTM_HARD_SIGMOID, 0, 0, -100.0f, 0.0},
	{LSTM_HARD_SIGMOID, 0.5f, 0.25f, 1.0f, 0.75},
	{LSTM_HARD_SIGMOID, 0.5f, 0.25f, -0.5f, 0.0},
	{LSTM_HARD_SIGMOID, 0.5f, 0.25f, 1.5f, 1.0},
	{LSTM_HARD_SIGMOID, 0.5f, 0, 1.0f, 0.5},
	{LSTM_HARD_SIGMOID_KERAS3, 0, 0, -3.0f, 0.0}, /* corners at +-3 */
	{LSTM_HARD_SIGMOID_KERAS3, 0, 0, -2.0f, 0.166666666667},
	{LSTM_HARD_SIGMOID_KERAS3, 0, 0, 0.0f, 0.5},
	{LSTM_HARD_SIGMOID_KERAS3, 0, 0, 2.0f, 0.833333333333},
	{LSTM_HARD_SIGMOID_KERAS3, 0, 0, 2.75f, 0.958333333333},
	{LSTM_HARD_SIGMOID_KERAS3, 0, 0, 3.0f, 1.0},
	{LSTM_HARD_SIGMOID_KERAS3, 7, 9, 3.25f, 1.0},
	{LSTM_ELU, 0, 0, -20.0f, -0.999999997939}, /* default 1 */
	{LSTM_ELU, 0, 0, -2.0f, -0.864664716763},
	{LSTM_ELU, 0, 0, -0.5f, -0.393469340287},
	{LSTM_ELU, 0, 0, 0.0f, 0.0},
	{LSTM_ELU, 0, 0, 3.0f, 3.0},
	{LSTM_ELU, 0.5f, 0, -2.0f, -0.432332358382},
	{LSTM_ELU, 0.5f, 0, -1e30f, -0.5},
	{LSTM_ELU, 0.5f, 0, 1e5f, 1e5},
	{LSTM_SOFTSIGN, 0, 0, -3.0f, -0.75},
	{LSTM_SOFTSIGN, 0, 0, 0.0f, 0.0},
	{LSTM_SOFTSIGN, 0, 0, 0.25f, 0.2},
	{LSTM_SOFTSIGN, 0, 0, 1e30f, 1.0},
	{LSTM_SOFTPLUS, 0, 0, -20.0f, 2.061153620314e-09},
	{LSTM_SOFTPLUS, 0, 0, -2.0f, 0.126928011043},
	{LSTM_SOFTPLUS, 0, 0, -0.5f, 0.474076984180},
	{LSTM_SOFTPLUS, 0, 0, 0.0f, 0.693147180560},
	{LSTM_SOFTPLUS, 0, 0, 3.0f, 3.048587351574},
	{LSTM_SOFTPLUS, 0, 0, 20.0f, 20.000000002061},
	{LSTM_SOFTPLUS, 0, 0, 90.0f, 90.0}, /* e^90 is beyond fp32 */
	{LSTM_SOFTPLUS, 0, 0, 1e5f, 1e5},
	{LSTM_SOFTPLUS, 0, 0, -1e30f, 0.0}};

/* What c of one unit becomes in a step from c0, whose pre-activations are b for i f g o. */
static void one_step(lstm_isa isa, const lstm_activation *functions, const float *b, float c0,
                     float *h, float *c)
{
	static const float zero[4] = {0.0f, 0.0f, 0.0f, 0.0f}, x[1] = {0.0f};
	lstm_weights weights = {.w = zero, .u = zero, .b = b};
	lstm_desc desc = {0};
	lstm_model *model;
	lstm_state *state;
	int k;

	desc.input = desc.hidden = 1;
	desc.isa = isa;
	for (k = 0; k < 3; k++)
		desc.activations[0][k] = functions[k];
	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "no state");
	lstm_state_set(state, NULL, &c0);
	lstm_run(state, x, NULL, 1);
	lstm_state_get(state, h, c);
	lstm_state_free(state);
	lstm_model_free(model);
}

static void expect(const point *p, const char *where, lstm_isa isa, double got, double want)
{
	cr_assert(fabs(got - want) <= TOLERANCE * fmax(1.0, fabs(want)),
	          "%s: function %d (%g, %g) for %s of %.9g is %.9g, not %.12g", lstm_isa_name(isa),
	          (int)p->function, p->alpha, p->beta, where, p->x, got, want);
}

TEST_EACH_ISA(equations_functions, points_by_hand)
{
	size_t n;

	for (n = 0; n < sizeof points / sizeof *points; n++) {
		const point *p = &points[n];
		lstm_activation own = {p->function, p->alpha, p->beta}, usual = {0};
		float held_g[4] = {100.0f, -200.0f, 0.0f, 0.0f},
		      held_f[4] = {0.0f, 0.0f, 0.0f, 0.0f};
		float held_h[4] = {-200.0f, 100.0f, 0.0f, 100.0f}, h, c;
		lstm_activation in_g[3], in_f[3], in_h[3];

		in_g[0] = in_g[2] = in_f[1] = in_f[2] = in_h[0] = in_h[1] = usual;
		in_g[1] = in_f[0] = in_h[2] = own;
		held_g[2] = held_f[1] = p->x;
		one_step(isa, in_g, held_g, 0.0f, &h, &c);
		expect(p, "g", isa, c, p->value); /* c = 0 * 0 + 1 * g */
		one_step(isa, in_f, held_f, 1.0f, &h, &c);
		expect(p, "f", isa, c, p->value); /* c = f * 1 + i * 0 */
		one_step(isa, in_h, held_h, p->x, &h, &c);
		expect(p, "h", isa, h, p->value); /* h = 1 * the function at c = c0 */
	}
}
