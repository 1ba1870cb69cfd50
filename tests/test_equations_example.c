/* A layer of 100 units on 100 features over 100 steps, against the equations in a plain double
 * loop, and against the same loop with the mistakes of a sample that is copied all over the web:
 * tanh in the three gates, and c or h that is not carried from step to step. */
#include <math.h>

#include "harness.h"

enum { SIZE = 100, STEPS = 100, ROWS = 4 * SIZE };

/* A pre-activation is a chain of 201 terms with partial sums of about 1: 201 roundings of at most
 * 2^-24 that are independent come to sqrt(201) 2^-24 = 8.5e-7.  Six times that is rare enough for
 * 40000 of them, and the gates (slope 1/4) and the recurrence (rows of u have a 2-norm of 0.6) do
 * not double it. */
#define TOLERANCE 1e-5

enum { RIGHT = 0, TANH_GATES = 1, C_NOT_CARRIED = 2, H_NOT_CARRIED = 4 };

static float w[ROWS][SIZE], u[ROWS][SIZE], b[ROWS], x[STEPS][SIZE], y[STEPS][SIZE];
static double expected[STEPS][SIZE];

/* -1/2..1/2: the fractional parts of multiples of the golden ratio, without repetition. */
static float spread(double *turn)
{
	*turn = fmod(*turn + 0.6180339887498949, 1.0);
	return (float)(*turn - 0.5);
}

static void fill(void)
{
	double turn = 0.0;
	int j, k;

	/* Steps that differ from row to row keep neighbouring rows from looking alike. */
	for (j = 0; j < ROWS; j++) {
		for (k = 0; k < SIZE; k++) {
			w[j][k] = 0.2f * spread(&turn);
			turn += 0.013 * j;
			u[j][k] = 0.2f * spread(&turn);
		}
		b[j] = spread(&turn);
	}
	for (j = 0; j < STEPS; j++)
		for (k = 0; k < SIZE; k++) {
			turn += 0.017 * j;
			x[j][k] = 4.0f * spread(&turn);
		}
}

static double gate(double sum, int mistakes)
{
	return mistakes & TANH_GATES ? tanh(sum) : 1.0 / (1.0 + exp(-sum));
}

static void naive(int mistakes)
{
	double h[SIZE] = {0}, c[SIZE] = {0}, sum[ROWS];
	int t, j, k;

	for (t = 0; t < STEPS; t++) {
		for (j = 0; j < ROWS; j++) {
			sum[j] = b[j];
			for (k = 0; k < SIZE; k++)
				sum[j] += (double)w[j][k] * x[t][k] + u[j][k] * h[k];
		}
		for (j = 0; j < SIZE; j++) {
			double i = gate(sum[j], mistakes), f = gate(sum[SIZE + j], mistakes);
			double g = tanh(sum[2 * SIZE + j]), o = gate(sum[3 * SIZE + j], mistakes);

			c[j] = f * c[j] + i * g;
			h[j] = expected[t][j] = o * tanh(c[j]);
		}
		for (j = 0; j < SIZE; j++) {
			c[j] = mistakes & C_NOT_CARRIED ? 0.0 : c[j];
			h[j] = mistakes & H_NOT_CARRIED ? 0.0 : h[j];
		}
	}
}

static void run(lstm_isa isa, size_t piece)
{
	lstm_weights weights = {.w = w[0], .u = u[0], .b = b};
	lstm_desc desc = {0};
	lstm_model *model;
	lstm_state *state;
	size_t t;

	fill();
	desc.input = desc.hidden = SIZE;
	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, 1, 0), LSTM_OK, "no state");
	for (t = 0; t < STEPS; t += piece)
		lstm_run(state, x[t], y[t], piece);
	lstm_state_free(state);
	lstm_model_free(model);
}

static double largest_difference(void)
{
	double largest = 0.0;
	int t, j;

	for (t = 0; t < STEPS; t++)
		for (j = 0; j < SIZE; j++) {
			double difference = fabs(y[t][j] - expected[t][j]);

			/* Written so that NaN counts as the largest. */
			if (!(difference <= largest))
				largest = difference;
		}
	return largest;
}

TEST_EACH_ISA(equations_example, a_hundred_units_for_a_hundred_steps)
{
	run(isa, STEPS);
	naive(RIGHT);
	cr_assert(largest_difference() <= TOLERANCE, "%s: off by %g", lstm_isa_name(isa),
	          largest_difference());
}

TEST_EACH_ISA(equations_example, the_same_a_step_at_a_time)
{
	run(isa, 1);
	naive(RIGHT);
	cr_assert(largest_difference() <= TOLERANCE, "%s: off by %g", lstm_isa_name(isa),
	          largest_difference());
}

TEST_EACH_ISA(equations_example, the_popular_mistakes_would_be_noticed)
{
	static const int mistakes[] = {TANH_GATES, C_NOT_CARRIED, H_NOT_CARRIED,
	                               TANH_GATES | C_NOT_CARRIED};
	size_t m;

	run(isa, STEPS);
	for (m = 0; m < sizeof mistakes / sizeof *mistakes; m++) {
		naive(mistakes[m]);
		cr_assert(largest_difference() > 1000.0 * TOLERANCE,
		          "%s: with mistakes %d off by %g only", lstm_isa_name(isa), mistakes[m],
		          largest_difference());
	}
}
