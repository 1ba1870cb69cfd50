/* Hundreds of random descriptions, sequences and ways to run them against the oracle: the options
 * that no other suite thought of combining.  A failure prints the seeds that make it again.
 * LSTM_TEST_QUICK in the environment tries a tenth of them. */
#include "check.h"
#include "harness.h"

enum { TRIALS = 800, USUAL_TRIALS = 400 };

static int one_in(rng *r, int n)
{
	return rng_between(r, 1, n) == 1;
}

static lstm_activation random_function(rng *r)
{
	lstm_activation a = {LSTM_DEFAULT, 0.0f, 0.0f};

	if (one_in(r, 2))
		return a;
	a.function = (lstm_function)rng_between(r, LSTM_DEFAULT, LSTM_SOFTPLUS);
	if (one_in(r, 2)) {
		a.alpha = rng_uniform(r, 0.1f, 1.2f);
		a.beta = rng_uniform(r, -0.5f, 0.8f);
	}
	return a;
}

static int bounded(lstm_activation a)
{
	switch (a.function) {
	case LSTM_DEFAULT:
	case LSTM_SIGMOID:
	case LSTM_TANH:
	case LSTM_HARD_SIGMOID:
	case LSTM_HARD_SIGMOID_KERAS3:
	case LSTM_SOFTSIGN: return 1;
	default: return 0;
	}
}

static lstm_desc random_desc(rng *r, int functions)
{
	lstm_desc desc = {0};
	int direction, place;

	desc.input = one_in(r, 3) ? rng_between(r, 1, 4) : rng_between(r, 1, 40);
	desc.hidden = one_in(r, 3) ? rng_between(r, 1, 10) : rng_between(r, 1, 50);
	desc.projection = one_in(r, 3) ? rng_between(r, 1, desc.hidden + 5) : 0;
	desc.layers = rng_between(r, 0, 3);
	desc.direction = (lstm_direction)rng_between(r, LSTM_FORWARD, LSTM_BIDIRECTIONAL);
	desc.layout = (lstm_layout)rng_between(r, LSTM_LAYOUT_PYTORCH, LSTM_LAYOUT_KERAS);
	for (direction = 0; functions && direction < 2; direction++)
		for (place = 0; place < 3; place++)
			desc.activations[direction][place] = random_function(r);
	desc.input_forget = one_in(r, 4);
	desc.clip = one_in(r, 4) ? rng_uniform(r, 0.1f, 3.0f) : 0.0f;
	/* Gates without an upper limit multiply into cells that leave the range of fp32. */
	desc.cell_clip = functions || one_in(r, 4) ? rng_uniform(r, 0.1f, 2.0f) : 0.0f;
	if (bounded(desc.activations[0][0]) && bounded(desc.activations[1][0]) && one_in(r, 2))
		desc.cell_clip = 0.0f;
	return desc;
}

/* Only a reverse or bidirectional model of several layers needs max_steps to be the length. */
static check_how random_how(rng *r, lstm_isa isa, const lstm_desc *desc, const sequence *s)
{
	int forward = desc->direction == LSTM_FORWARD;
	check_how how = {0};

	how.isa = isa;
	how.plain = !s->lengths && one_in(r, 3);
	if (!how.plain) {
		how.order = one_in(r, 2) ? LSTM_BATCH_MAJOR : LSTM_TIME_MAJOR;
		how.row_gap = one_in(r, 3) ? (size_t)rng_between(r, 1, 20) : 0;
		how.block_gap = one_in(r, 3) ? (size_t)rng_between(r, 1, 20) : 0;
	}
	how.no_y = one_in(r, 8);
	how.max_steps = forward || desc->layers <= 1 ? (size_t)rng_between(r, 0, 4) : s->steps;
	how.piece = forward && !s->lengths && one_in(r, 3) ? (size_t)rng_between(r, 1, 5) : 0;
	return how;
}

static check_result try_one(lstm_isa isa, uint64_t seed, int functions, size_t longest)
{
	rng r = rng_seeded(seed);
	lstm_desc desc = random_desc(&r, functions);
	unsigned parts = rng_next(&r) >> 29, what = rng_next(&r) >> 29;
	int batch = one_in(&r, 2) ? rng_between(&r, 1, 3) : rng_between(&r, 1, 12);
	size_t steps = (size_t)rng_between(&r, 1, (int)longest);
	net n = net_make(&desc, parts, 1.0f, seed);
	sequence s = sequence_make(&desc, batch, steps, what, seed + 1);
	check_how how = random_how(&r, isa, &desc, &s);
	check_result result = check_engine(&n, &s, &how);

	sequence_free(&s);
	net_free(&n);
	return result;
}

/* Few steps, as functions without an upper limit may grow from step to step; so may their errors,
 * and one tolerance in fifty may be coarse. */
TEST_EACH_ISA(oracle_random, descriptions_with_any_functions)
{
	uint64_t trials = check_quick("oracle_random") ? TRIALS / 10 : TRIALS, trial;
	uint64_t coarse = 0;

	for (trial = 0; trial < trials; trial++) {
		check_result result = try_one(isa, 1000 + trial, 1, 6);

		cr_assert(result.ok, "trial %d: %s", (int)trial, result.text);
		coarse += result.tolerance > CHECK_USEFUL;
	}
	cr_assert_leq(coarse, trials / 50, "%d of %d tolerances hide mistakes", (int)coarse,
	              (int)trials);
}

TEST_EACH_ISA(oracle_random, descriptions_with_the_usual_functions)
{
	uint64_t trials = check_quick("oracle_random") ? USUAL_TRIALS / 10 : USUAL_TRIALS, trial;

	for (trial = 0; trial < trials; trial++) {
		check_result result = try_one(isa, 5000 + trial, 0, 40);

		cr_assert(result.ok, "trial %d: %s", (int)trial, result.text);
		cr_assert_lt(result.tolerance, CHECK_USEFUL,
		             "trial %d: a tolerance of %.2g hides mistakes", (int)trial,
		             result.tolerance);
	}
}
