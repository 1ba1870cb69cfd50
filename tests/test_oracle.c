/* The oracle itself: it reads the layouts alike, its tolerances are narrow enough to notice every
 * mistake listed here, and its error estimates hold for the plainest fp32 program. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"

/* No tolerance of a network of up to 70 units over a few steps may be larger: a hundredth of the
 * change that the first test makes in one weight. */
#define USEFUL 1e-5

static lstm_desc described(int input, int hidden)
{
	lstm_desc desc = {0};

	desc.input = input;
	desc.hidden = hidden;
	return desc;
}

static check_how on(lstm_isa isa)
{
	check_how how = {0};

	how.isa = isa;
	return how;
}

/* What the oracle expects after one change to the weights, or before it if by is 0. */
static oracle_output with_change(net *n, const sequence *s, float *at, float by)
{
	float kept = *at;
	oracle_output out;

	*at += by;
	out = oracle_of(n, s);
	*at = kept;
	return out;
}

static void expect_noticed(const net *n, const sequence *s, oracle_output *wrong, lstm_isa isa,
                           const char *mistake)
{
	check_how how = on(isa);
	check_result result = check_against(wrong, n, s, &how);

	oracle_free(wrong);
	cr_assert_not(result.ok, "%s: input %d, hidden %d: not noticed: %s", lstm_isa_name(isa),
	              n->desc.input, n->desc.hidden, mistake);
}

/* One weight of each gate and of each kind in turn is 1e-3 off in the oracle alone. */
TEST_EACH_ISA(oracle, one_weight_off_by_a_thousandth_is_noticed)
{
	static const int sizes[][2] = {{1, 1}, {3, 2}, {5, 8}, {17, 33}, {64, 64}, {70, 70}};
	size_t size;
	int gate;

	for (size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
		int input = sizes[size][0], hidden = sizes[size][1];
		lstm_desc desc = described(input, hidden);
		net n = net_make(&desc, NET_B | NET_B2, 1.0f, 100 + size);
		sequence s = sequence_make(&desc, 3, 4, SEQUENCE_STATE, 200 + size);
		check_how how = on(isa);
		check_result result = check_engine(&n, &s, &how);

		cr_assert(result.ok, "%s", result.text);
		cr_assert_lt(result.tolerance, USEFUL, "a tolerance of %.2g hides mistakes",
		             result.tolerance);
		for (gate = 0; gate < 4; gate++) {
			int row = gate * hidden + hidden - 1;
			oracle_output wrong;

			wrong = with_change(&n, &s, &net_w(&n, 0)[row * input + input - 1], 1e-3f);
			expect_noticed(&n, &s, &wrong, isa, "the last input weight of a gate");
			wrong = with_change(&n, &s, &net_u(&n, 0)[row * hidden], 1e-3f);
			expect_noticed(&n, &s, &wrong, isa, "the first recurrent weight");
			wrong = with_change(&n, &s, &net_u(&n, 0)[row * hidden + hidden - 1],
			                    1e-3f);
			expect_noticed(&n, &s, &wrong, isa, "the last recurrent weight");
			wrong = with_change(&n, &s, &net_b(&n, 0)[row], 1e-3f);
			expect_noticed(&n, &s, &wrong, isa, "a bias");
		}
		sequence_free(&s);
		net_free(&n);
	}
}

/* The net's weights under another layout's name: gates in another order. */
static oracle_output with_layout(const net *n, const sequence *s, lstm_layout layout)
{
	net other = *n;

	other.desc.layout = layout;
	return oracle_of(&other, s);
}

static oracle_output without(const net *n, const sequence *s, int b, int b2, int peephole)
{
	lstm_weights one = n->weights[0];
	net other = *n;

	if (b)
		one.b = NULL;
	if (b2)
		one.b2 = NULL;
	if (peephole)
		one.peephole = NULL;
	other.weights = &one;
	return oracle_of(&other, s);
}

static oracle_output with_states(const net *n, const sequence *s, float *h0, float *c0)
{
	sequence other = *s;

	other.h0 = h0;
	other.c0 = c0;
	return oracle_of(n, &other);
}

TEST_EACH_ISA(oracle, every_common_mistake_is_noticed)
{
	static const int sizes[][2] = {{1, 1}, {2, 1}, {1, 4}, {8, 16}, {40, 40}};
	size_t size;

	for (size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
		lstm_desc desc = described(sizes[size][0], sizes[size][1]);
		net n = net_make(&desc, NET_B | NET_B2 | NET_PEEPHOLE, 1.0f, 300 + size);
		sequence s = sequence_make(&desc, 1, 1, SEQUENCE_STATE, 400 + size);
		check_how how = on(isa);
		check_result result = check_engine(&n, &s, &how);
		oracle_output wrong;

		cr_assert(result.ok, "%s", result.text);
		wrong = with_layout(&n, &s, LSTM_LAYOUT_ONNX);
		expect_noticed(&n, &s, &wrong, isa, "the gates in ONNX's order");
		if (desc.hidden > 1 && desc.input > 1) {
			wrong = with_layout(&n, &s, LSTM_LAYOUT_KERAS);
			expect_noticed(&n, &s, &wrong, isa, "the matrices transposed");
		}
		wrong = without(&n, &s, 1, 0, 0);
		expect_noticed(&n, &s, &wrong, isa, "the bias left out");
		wrong = without(&n, &s, 0, 1, 0);
		expect_noticed(&n, &s, &wrong, isa, "the second bias left out");
		wrong = without(&n, &s, 0, 0, 1);
		expect_noticed(&n, &s, &wrong, isa, "the peepholes left out");
		wrong = with_states(&n, &s, s.c0, s.h0);
		expect_noticed(&n, &s, &wrong, isa, "h and c exchanged");
		wrong = with_states(&n, &s, NULL, s.c0);
		expect_noticed(&n, &s, &wrong, isa, "h not carried");
		wrong = with_states(&n, &s, s.h0, NULL);
		expect_noticed(&n, &s, &wrong, isa, "c not carried");
		sequence_free(&s);
		net_free(&n);
	}
}

/* For the gates the first test does it: a bias that is 1e-3 off moves a sigmoid by 2.5e-4. */
TEST_EACH_ISA(oracle, an_activation_off_by_a_ten_thousandth_is_noticed)
{
	static const int sizes[][2] = {{1, 1}, {8, 16}, {70, 70}};
	size_t size;
	int which;

	for (size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
		for (which = 1; which < 3; which++) {
			lstm_desc desc = described(sizes[size][0], sizes[size][1]);
			net n = net_make(&desc, NET_B, 1.0f, 500 + size), other = n;
			sequence s = sequence_make(&desc, 1, 3, SEQUENCE_STATE, 600 + size);
			oracle_output wrong;

			other.desc.activations[0][which].function = LSTM_SCALED_TANH;
			other.desc.activations[0][which].alpha = 1.0001f;
			other.desc.activations[0][which].beta = 1.0f;
			wrong = oracle_of(&other, &s);
			expect_noticed(&n, &s, &wrong, isa, "a tanh that is 1e-4 too large");
			sequence_free(&s);
			net_free(&n);
		}
	}
}

/* net_make writes the same function in each layout, so the oracle must read the same one. */
Test(oracle, layouts_describe_the_same_function)
{
	lstm_layout layout;

	for (layout = LSTM_LAYOUT_ONNX; layout <= LSTM_LAYOUT_KERAS; layout++) {
		lstm_desc desc = described(3, 5), changed;
		size_t count, i;
		net a, b;
		sequence s;
		oracle_output from_a, from_b;

		desc.layers = 2;
		desc.direction = LSTM_BIDIRECTIONAL;
		desc.projection = 4;
		changed = desc;
		changed.layout = layout;
		a = net_make(&desc, NET_B | NET_B2 | NET_PEEPHOLE, 1.0f, 7);
		b = net_make(&changed, NET_B | NET_B2 | NET_PEEPHOLE, 1.0f, 7);
		s = sequence_make(&desc, 2, 3, SEQUENCE_STATE, 8);
		from_a = oracle_of(&a, &s);
		from_b = oracle_of(&b, &s);
		count = s.steps * 2 * 8;
		for (i = 0; i < count; i++)
			cr_assert_eq(from_a.y[i].v, from_b.y[i].v,
			             "layout %d: y[%zu] is %.17g, not %.17g", (int)layout, i,
			             from_b.y[i].v, from_a.y[i].v);
		oracle_free(&from_a);
		oracle_free(&from_b);
		sequence_free(&s);
		net_free(&a);
		net_free(&b);
	}
}

/* 100000 chains in fp32, with and without FMA, forwards and backwards: no error above the bound,
 * and none above the safety factor times the rms. */
Test(oracle, error_estimates_hold_for_chains)
{
	enum { TERMS = 140 };
	rng r = rng_seeded(9);
	int trial, k, terms;

	for (trial = 0; trial < 100000; trial++) {
		float w[TERMS], x[TERMS], fused, plain = 0.0f;
		double error;
		num_chain chain = num_chain_from(num_exact(0.0));
		num exact;

		terms = 1 + trial % TERMS;
		for (k = 0; k < terms; k++) {
			w[k] = rng_uniform(&r, -1.0f, 1.0f);
			x[k] = rng_uniform(&r, -1.0f, 1.0f);
			num_chain_add(&chain, w[k], num_exact(x[k]));
		}
		exact = num_chain_end(&chain);
		for (k = 0, fused = 0.0f; k < terms; k++)
			fused = fmaf(w[k], x[k], fused);
		for (k = terms - 1; k >= 0; k--) {
			float product = w[k] * x[k];

			plain += product;
		}
		error = fmax(fabs(fused - exact.v), fabs(plain - exact.v));
		cr_assert_leq(error, exact.bound, "trial %d: %g beyond the bound %g", trial, error,
		              exact.bound);
		cr_assert_leq(error, NUM_SAFETY * exact.rms, "trial %d: %g is %g times the rms",
		              trial, error, error / exact.rms);
	}
}

Test(oracle, a_seed_gives_the_same_numbers_everywhere)
{
	/* By hand: s' = 6364136223846793005 s + 1442695040888963407 mod 2^64 from s = 1, upper half
	 * of the third, fourth and fifth. */
	static const uint32_t expected[3] = {2784682393u, 1644385741u, 3416422068u};
	rng r = rng_seeded(1);
	int n;

	for (n = 0; n < 3; n++)
		cr_assert_eq(rng_next(&r), expected[n], "number %d differs", n);
}
