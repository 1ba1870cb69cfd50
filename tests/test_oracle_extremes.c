/* Values at the ends of the range against the oracle: NaN, infinity, huge, tiny and denormal ones,
 * in every input and on every path. */
#include <float.h>

#include "check.h"
#include "harness.h"

enum { KINDS = 6, PLACES = 8 };

static const char *const place_names[PLACES] = {"x", "h0", "c0",         "w",
                                                "u", "b",  "projection", "peephole"};

static lstm_desc kind_at(int kind)
{
	lstm_desc desc = {0};

	desc.input = kind == 4 ? 19 : 3;
	desc.hidden = kind < 2 ? 1 : kind == 4 ? 33 : 6;
	desc.layers = kind == 2 ? 2 : 1;
	desc.projection = kind == 3 || kind == 4 ? 4 : 0;
	desc.direction = kind == 3 ? LSTM_BIDIRECTIONAL : LSTM_FORWARD;
	if (kind == 5) {
		desc.clip = 0.7f;
		desc.cell_clip = 0.5f;
	}
	return desc;
}

/* One float in the array of this name, or NULL if this network has none. */
static float *somewhere(net *n, sequence *s, int place, rng *r)
{
	const lstm_desc *d = &n->desc;
	int units = oracle_units(d), hidden = d->hidden;
	int cells = oracle_layers(d) * oracle_directions(d) * s->batch;
	float *arrays[PLACES];
	int counts[PLACES];

	arrays[0] = s->x;
	counts[0] = (int)s->steps * s->batch * d->input;
	arrays[1] = s->h0;
	counts[1] = cells * units;
	arrays[2] = s->c0;
	counts[2] = cells * hidden;
	arrays[3] = net_w(n, 0);
	counts[3] = 4 * hidden * d->input;
	arrays[4] = net_u(n, 0);
	counts[4] = 4 * hidden * units;
	arrays[5] = net_b(n, 0);
	counts[5] = 4 * hidden;
	arrays[6] = (float *)n->weights[0].projection;
	counts[6] = units * hidden;
	arrays[7] = (float *)n->weights[0].peephole;
	counts[7] = 3 * hidden;
	return arrays[place] ? arrays[place] + rng_between(r, 0, counts[place] - 1) : NULL;
}

/* Put one value, and often a second, into one of the arrays, and compare. */
static void inject(lstm_isa isa, int kind, int place, float value, uint64_t seed)
{
	rng r = rng_seeded(seed);
	lstm_desc desc = kind_at(kind);
	net n = net_make(&desc, place == 7 ? NET_B | NET_PEEPHOLE : NET_B, 1.0f, seed);
	sequence s = sequence_make(&desc, rng_between(&r, 1, 5), 3, SEQUENCE_STATE, seed + 1);
	float *at = somewhere(&n, &s, place, &r);
	check_how how = {0};
	check_result result = {1, 0.0, 0.0, ""};

	if (at) {
		*at = value;
		if (seed % 2)
			*somewhere(&n, &s, place, &r) = value;
		how.isa = isa;
		how.plain = seed % 3 == 0;
		result = check_engine(&n, &s, &how);
	}
	sequence_free(&s);
	net_free(&n);
	cr_assert(result.ok, "%g in %s: %s", value, place_names[place], result.text);
}

static void inject_everywhere(lstm_isa isa, float value)
{
	uint64_t times = check_quick("oracle_extremes") ? 2 : 10, seed;
	int kind, place;

	for (kind = 0; kind < KINDS; kind++)
		for (place = 0; place < PLACES; place++)
			for (seed = 0; seed < times; seed++)
				inject(isa, kind, place, value, 100 * (uint64_t)kind + seed);
}

TEST_EACH_ISA(oracle_extremes, nan_propagates)
{
	inject_everywhere(isa, NAN);
	inject_everywhere(isa, -NAN);
}

TEST_EACH_ISA(oracle_extremes, infinity_propagates)
{
	inject_everywhere(isa, INFINITY);
	inject_everywhere(isa, -INFINITY);
}

/* A value that saturates all it reaches.  Two of them, and the weights that they meet, stay within
 * the range of fp32. */
TEST_EACH_ISA(oracle_extremes, huge_values_saturate)
{
	inject_everywhere(isa, 1e30f);
	inject_everywhere(isa, -1e30f);
	inject_everywhere(isa, 100.0f);
	inject_everywhere(isa, -100.0f);
}

/* Only that: the neighbours in the batch get what they would have got. */
TEST_EACH_ISA(oracle_extremes, nan_stays_in_its_stream)
{
	enum { BATCH = 9, STEPS = 3, INPUT = 3 };
	lstm_desc desc = kind_at(2);
	net n = net_make(&desc, NET_B, 1.0f, 5);
	sequence s = sequence_make(&desc, BATCH, STEPS, SEQUENCE_STATE, 6);
	int stream, y, others;

	for (stream = 0; stream < BATCH; stream++) {
		float kept = s.x[stream * INPUT];
		check_how how = {0};
		oracle_output expected;
		check_result result;

		s.x[stream * INPUT] = NAN;
		expected = oracle_of(&n, &s);
		for (y = others = 0; y < BATCH; y++)
			others += isfinite(expected.y[y * desc.hidden].v) != 0;
		cr_assert_eq(others, BATCH - 1, "the oracle lets NaN into %d streams",
		             BATCH - others);
		how.isa = isa;
		result = check_against(&expected, &n, &s, &how);
		oracle_free(&expected);
		cr_assert(result.ok, "%s", result.text);
		s.x[stream * INPUT] = kept;
	}
	sequence_free(&s);
	net_free(&n);
}

/* Every function in every place answers NaN to NaN, and to infinity its limit (softsign NaN, as
 * infinity / infinity is). */
TEST_EACH_ISA(oracle_extremes, functions_of_nan_and_infinity)
{
	static const float values[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f};
	size_t value;
	int function, place;

	for (function = LSTM_SIGMOID; function <= LSTM_SOFTPLUS; function++) {
		for (place = 0; place < 3; place++) {
			for (value = 0; value < sizeof values / sizeof *values; value++) {
				lstm_desc desc = {0};
				check_how how = {0};
				check_result result;
				sequence s;
				net n;

				desc.input = 1;
				desc.hidden = 11;
				desc.activations[0][place].function = (lstm_function)function;
				n = net_make(&desc, NET_B, 1.0f, 7);
				s = sequence_make(&desc, 2, 1, SEQUENCE_STATE, 8);
				if (place == 2)
					s.c0[3] = values[value];
				else
					s.x[0] = values[value];
				how.isa = isa;
				result = check_engine(&n, &s, &how);
				sequence_free(&s);
				net_free(&n);
				cr_assert(result.ok, "%g: %s", values[value], result.text);
			}
		}
	}
}

/* 2^-149..2^-86 with either sign: from the smallest denormal to what no longer counts as zero. */
static float tiny(rng *r)
{
	float size = ldexpf(rng_uniform(r, 1.0f, 2.0f), rng_between(r, -149, -87));

	return rng_next(r) >> 31 ? -size : size;
}

TEST_EACH_ISA(oracle_extremes, tiny_inputs_states_and_weights)
{
	uint64_t times = check_quick("oracle_extremes") ? 5 : 40, seed;
	int kind, place, k;

	for (kind = 0; kind < KINDS; kind++)
		for (seed = 0; seed < times; seed++) {
			rng r = rng_seeded(seed);
			lstm_desc desc = kind_at(kind);
			net n = net_make(&desc, NET_B | NET_PEEPHOLE, 1.0f, seed);
			sequence s = sequence_make(&desc, 3, 4, SEQUENCE_STATE, seed + 1);
			check_how how = {0};
			check_result result;

			for (place = 0; place < PLACES; place++)
				for (k = 0; k < 20; k++) {
					float *at = somewhere(&n, &s, place, &r);

					if (at)
						*at = tiny(&r);
				}
			how.isa = isa;
			result = check_engine(&n, &s, &how);
			sequence_free(&s);
			net_free(&n);
			cr_assert(result.ok, "%s", result.text);
		}
}

/* Where a weight of 2^95 lifts what it meets to the size of one: 2^-96 is lifted to one half,
 * anything below counts as zero. */
TEST_EACH_ISA(oracle_extremes, below_2_to_the_minus_96_counts_as_zero)
{
	static const float below = 0x1.fffffep-97f, exactly = 0x1p-96f;
	int hidden, place, counts;

	for (hidden = 1; hidden <= 20; hidden++) {
		for (place = 0; place < 6; place++) {
			for (counts = 0; counts < 2; counts++) {
				lstm_desc desc = {0};
				float small = counts ? exactly : below, *weights;
				check_how how = {0};
				check_result result;
				sequence s;
				net n;
				int k;

				desc.input = 1;
				desc.hidden = hidden;
				n = net_make(&desc, NET_B | NET_PEEPHOLE, 1.0f, 9);
				s = sequence_make(&desc, 2, 1, SEQUENCE_STATE, 10);
				/* x, h0 and c0 meet large weights; small weights, large ones. */
				weights = place % 3 == 0   ? net_w(&n, 0)
				          : place % 3 == 1 ? net_u(&n, 0)
				                           : (float *)n.weights[0].peephole;
				for (k = 0; k < (place % 3 == 2 ? 3 : 4) * hidden; k++)
					weights[place % 3 == 1 ? k * hidden : k] =
						place < 3 ? 0x1p95f : small;
				for (k = 0; k < 2; k++) {
					float *to = place % 3 == 0   ? s.x
					            : place % 3 == 1 ? s.h0
					                             : s.c0;

					to[place % 3 == 0 ? k : k * hidden] =
						place < 3 ? small : 0x1p95f;
				}
				how.isa = isa;
				result = check_engine(&n, &s, &how);
				sequence_free(&s);
				net_free(&n);
				cr_assert(result.ok, "place %d, %a: %s", place, small, result.text);
			}
		}
	}
}

/* With no input and no bias, c halves at each step and h with it, until they count as zero: none of
 * 400 steps leaves a denormal behind. */
TEST_EACH_ISA(oracle_extremes, decaying_states_never_become_denormal)
{
	enum { HIDDEN = 19, STEPS = 400 };
	lstm_desc desc = {0};
	net n;
	sequence s;
	check_how how = {0};
	check_result result;
	lstm_model *model;
	lstm_state *state;
	float h[HIDDEN], c[HIDDEN];
	int t, k;

	desc.input = 1;
	desc.hidden = HIDDEN;
	n = net_make(&desc, 0, 1.0f, 11);
	s = sequence_make(&desc, 1, STEPS, SEQUENCE_STATE, 12);
	for (k = 0; k < 4 * HIDDEN * HIDDEN; k++)
		net_u(&n, 0)[k] = 0.0f;
	for (t = 0; t < STEPS; t++)
		s.x[t] = 0.0f;
	how.isa = isa;
	result = check_engine(&n, &s, &how);
	cr_assert(result.ok, "%s", result.text);

	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, n.weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "no state");
	lstm_state_set(state, s.h0, s.c0);
	for (t = 0; t < STEPS; t++) {
		lstm_run(state, s.x, NULL, 1);
		lstm_state_get(state, h, c);
		for (k = 0; k < HIDDEN; k++) {
			cr_assert(h[k] == 0.0f || fabsf(h[k]) >= FLT_MIN, "step %d: h is %g", t,
			          h[k]);
			cr_assert(c[k] == 0.0f || fabsf(c[k]) >= FLT_MIN, "step %d: c is %g", t,
			          c[k]);
		}
	}
	for (k = 0; k < HIDDEN; k++)
		cr_assert(h[k] == 0.0f && c[k] == 0.0f, "after %d halvings h is %g and c is %g",
		          STEPS, h[k], c[k]);
	lstm_state_free(state);
	lstm_model_free(model);
	sequence_free(&s);
	net_free(&n);
}

/* Linear units that compute c = f * c0 and h = o * c, or half of that after a projection: exactly
 * 2^-96 stays, and what the same arithmetic puts below it is stored as zero. */
static void product(lstm_isa isa, float f, float c0, float o, int halved, float *h, float *c)
{
	enum { HIDDEN = 9 };
	float w[4 * HIDDEN] = {0}, u[4 * HIDDEN * HIDDEN] = {0}, b[4 * HIDDEN] = {0};
	float projection[HIDDEN * HIDDEN] = {0}, hs[HIDDEN], cs[HIDDEN], x[1] = {0.0f};
	lstm_weights weights = {.w = w, .u = u, .b = b};
	lstm_desc desc = {0};
	lstm_model *model;
	lstm_state *state;
	int k;

	desc.input = 1;
	desc.hidden = HIDDEN;
	desc.isa = isa;
	for (k = 0; k < 3; k++)
		desc.activations[0][k].function = LSTM_LINEAR;
	if (halved) {
		desc.projection = HIDDEN;
		weights.projection = projection;
	}
	for (k = 0; k < HIDDEN; k++) {
		b[HIDDEN + k] = f;
		b[3 * HIDDEN + k] = o;
		projection[k * HIDDEN + k] = 0.5f;
		cs[k] = c0;
	}
	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "no state");
	lstm_state_set(state, NULL, cs);
	lstm_run(state, x, NULL, 1);
	lstm_state_get(state, hs, cs);
	lstm_state_free(state);
	lstm_model_free(model);
	for (k = 1; k < HIDDEN; k++)
		cr_assert(hs[k] == hs[0] && cs[k] == cs[0], "unit %d differs from unit 0", k);
	*h = hs[0];
	*c = cs[0];
}

TEST_EACH_ISA(oracle_extremes, computed_states_below_2_to_the_minus_96_become_zero)
{
	static const float bound = 0x1p-96f, one_below = 0x1.fffffep-1f;
	float h, c;

	product(isa, 0.5f, 2.0f * bound, 1.0f, 0, &h, &c);
	cr_assert(h == bound && c == bound, "c = 2^-96: c is %a and h is %a", c, h);
	product(isa, one_below, bound, 1e10f, 0, &h, &c);
	cr_assert(h == 0.0f && c == 0.0f, "c below: c is %a and h is %a", c, h);
	product(isa, 1.0f, 1.0f, bound, 0, &h, &c);
	cr_assert(h == bound && c == 1.0f, "h = 2^-96: c is %a and h is %a", c, h);
	product(isa, 1.0f, one_below, -bound, 0, &h, &c);
	cr_assert(h == 0.0f && c == one_below, "h below: c is %a and h is %a", c, h);
	product(isa, 1.0f, 1.0f, 2.0f * bound, 1, &h, &c);
	cr_assert(h == bound && c == 1.0f, "projected 2^-96: c is %a and h is %a", c, h);
	product(isa, 1.0f, one_below, 2.0f * bound, 1, &h, &c);
	cr_assert(h == 0.0f && c == one_below, "projected below: c is %a and h is %a", c, h);
}
