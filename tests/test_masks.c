/* Masks: what they leave out is as if it were not there, on every way to run. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "varied.h"

enum { STEPS = 9, BATCH = 5 };

static void expect_equal(const oracle_output *expected, const net *n, const sequence *s,
                         const check_how *how)
{
	check_result result = check_against(expected, n, s, how);

	cr_assert(result.ok, "%s", result.text);
}

static void all_ways(lstm_isa isa, const net *n, const sequence *s)
{
	oracle_output expected = oracle_of(n, s);
	check_how how = {0};
	int apart = check_quick("masks") ? 3 : 1; /* meets each of the three both ways */
	int way, pieces = n->desc.direction == LSTM_FORWARD && !s->lengths;

	how.isa = isa;
	for (way = 0; way < 8; way += apart) {
		how.order = way & 1 ? LSTM_BATCH_MAJOR : LSTM_TIME_MAJOR;
		how.row_gap = way & 2 ? 3 : 0;
		how.states = way >> 2;
		how.max_steps = s->steps;
		how.piece = 0;
		expect_equal(&expected, n, s, &how);
		how.piece = pieces ? 2 : 0;
		how.max_steps = pieces ? 1 : s->steps;
		expect_equal(&expected, n, s, &how);
	}
	oracle_free(&expected);
}

TEST_EACH_ISA(masks, agree_with_the_oracle)
{
	static const int batches[] = {1, 2, 5, 9, 21};
	/* The first four have each two of the three parts with and without each other. */
	static const unsigned whats[] = {0, 3, 5, 6, 1, 2, 4, 7};
	int quick = check_quick("masks"), most = quick ? 3 : 5, kind, b, k;

	for (kind = 0; kind < VARIED_KINDS; kind++) {
		lstm_desc desc = varied_kind(kind);
		net n = net_make(&desc, NET_B, 1.0f, 300 + (uint64_t)kind);

		for (b = 0; b < most; b++)
			for (k = 0; k < (quick ? 4 : 8); k++) {
				unsigned what = whats[k];
				unsigned parts = SEQUENCE_MASK | (what & 1 ? SEQUENCE_ZERO : 0) |
				                 (what & 2 ? SEQUENCE_STATE : 0) |
				                 (what & 4 ? SEQUENCE_LENGTHS : 0);
				sequence s =
					sequence_make(&desc, batches[b], STEPS, parts, 310 + what);

				all_ways(isa, &n, &s);
				sequence_free(&s);
			}
		net_free(&n);
	}
}

/* Long enough for many pieces and for projecting ahead. */
TEST_EACH_ISA(masks, long_sequences_agree_with_the_oracle)
{
	static const int batches[] = {1, 3, 12};
	int most = check_quick("masks") ? 2 : 3, kind, b;

	for (kind = 1; kind < VARIED_KINDS; kind += 5)
		for (b = 0; b < most; b++) {
			lstm_desc desc = varied_kind(kind);
			net n = net_make(&desc, NET_B, 1.0f, 320);
			sequence s = sequence_make(&desc, batches[b], 150,
			                           SEQUENCE_MASK | SEQUENCE_STATE, 321);

			all_ways(isa, &n, &s);
			sequence_free(&s);
			net_free(&n);
		}
}

/* What one run left behind, to be compared to the bit. */
struct outcome {
	float *y, *h, *c;
	size_t width, units, hidden, cells;
};

static float *floats(size_t count)
{
	float *p = calloc(count, sizeof *p);

	cr_assert_not_null(p, "out of memory");
	return p;
}

static struct outcome run(const lstm_model *m, const net *n, const sequence *s,
                          const lstm_run_args *more)
{
	struct outcome o = {NULL, NULL, NULL, varied_width(n), 0, 0, 0};
	lstm_state *state = varied_state(m, s, s->steps ? s->steps : 1);
	lstm_run_args args = *more;
	lstm_status status;

	o.units = (size_t)oracle_units(&n->desc);
	o.hidden = (size_t)n->desc.hidden;
	o.cells = (size_t)(oracle_layers(&n->desc) * oracle_directions(&n->desc));
	o.y = floats(s->steps * (size_t)s->batch * o.width + 1);
	o.h = floats(o.cells * (size_t)s->batch * o.units);
	o.c = floats(o.cells * (size_t)s->batch * o.hidden);
	args.x = s->x;
	args.y = o.y;
	args.steps = s->steps;
	args.hn = o.h;
	args.cn = o.c;
	status = lstm_run_with(state, &args);
	cr_assert_eq(status, LSTM_OK, "%s", lstm_strerror(status));
	lstm_state_free(state);
	return o;
}

static void outcome_free(struct outcome *o)
{
	free(o->y);
	free(o->h);
	free(o->c);
}

/* Stream b of s alone, without the steps that its mask leaves out; at[t] is where step t was. */
static sequence without_gaps(const sequence *s, const net *n, size_t b, size_t *at)
{
	size_t input = (size_t)n->desc.input, batch = (size_t)s->batch, t, i;
	size_t units = (size_t)oracle_units(&n->desc), hidden = (size_t)n->desc.hidden;
	size_t cells = (size_t)(oracle_layers(&n->desc) * oracle_directions(&n->desc));
	sequence one = {s->seed, 1, 0, NULL, NULL, NULL, NULL, NULL, 0};

	one.x = floats(s->steps * input);
	one.h0 = floats(cells * units);
	one.c0 = floats(cells * hidden);
	for (t = 0; t < s->steps; t++)
		if (s->mask[t * batch + b]) {
			memcpy(one.x + one.steps * input, s->x + (t * batch + b) * input,
			       input * sizeof *one.x);
			at[one.steps++] = t;
		}
	for (i = 0; i < cells; i++) {
		memcpy(one.h0 + i * units, s->h0 + (i * batch + b) * units, units * sizeof(float));
		memcpy(one.c0 + i * hidden, s->c0 + (i * batch + b) * hidden,
		       hidden * sizeof(float));
	}
	return one;
}

/* A law for the first count nets with weights of a type. */
typedef void law(lstm_isa isa, lstm_dtype dtype, unsigned count);

static void law_of_low(lstm_isa isa, law *holds)
{
	static const lstm_dtype low[] = {LSTM_DTYPE_I8, LSTM_DTYPE_BF16, LSTM_DTYPE_F16};
	int k;

	for (k = 0; k < 3; k++) {
		harness_need(isa, low[k]);
		holds(isa, low[k], 10); /* meets every kind of net */
	}
}

static void left_out(lstm_isa isa, lstm_dtype dtype, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		net n = varied_net(i);
		sequence s =
			sequence_make(&n.desc, BATCH, STEPS,
		                      SEQUENCE_NORMAL | SEQUENCE_STATE | SEQUENCE_MASK, 330 + i);
		lstm_model *m;
		lstm_run_args masked = {0}, plain = {0};
		struct outcome all, alone;
		size_t b, t, k, at[STEPS];

		n.desc.dtype = dtype;
		m = varied_model(&n, isa);
		masked.mask = s.mask;
		all = run(m, &n, &s, &masked);
		for (b = 0; b < BATCH; b++) {
			sequence one = without_gaps(&s, &n, b, at);

			alone = run(m, &n, &one, &plain);
			for (t = 0; t < one.steps; t++)
				cr_assert(!memcmp(all.y + (at[t] * BATCH + b) * all.width,
				                  alone.y + t * all.width,
				                  all.width * sizeof(float)),
				          "net %u stream %zu: y of step %zu", i, b, at[t]);
			for (k = 0; k < all.cells; k++) {
				cr_assert(!memcmp(all.h + (k * BATCH + b) * all.units,
				                  alone.h + k * all.units,
				                  all.units * sizeof(float)),
				          "net %u stream %zu: final h of cell %zu", i, b, k);
				cr_assert(!memcmp(all.c + (k * BATCH + b) * all.hidden,
				                  alone.c + k * all.hidden,
				                  all.hidden * sizeof(float)),
				          "net %u stream %zu: final c of cell %zu", i, b, k);
			}
			outcome_free(&alone);
			sequence_free(&one);
		}
		outcome_free(&all);
		lstm_model_free(m);
		sequence_free(&s);
		net_free(&n);
	}
}

/* Every stream has the bits that it has alone and without the steps left out. */
TEST_EACH_ISA(masks, a_step_left_out_is_as_if_it_were_not_there)
{
	left_out(isa, LSTM_DTYPE_F32, 40);
}

TEST_EACH_ISA(masks, a_step_left_out_is_as_if_it_were_not_there_in_low_precision)
{
	law_of_low(isa, left_out);
}

static void expect_same(const struct outcome *a, const struct outcome *b, unsigned net,
                        const char *what)
{
	cr_assert(!memcmp(a->y, b->y, STEPS * BATCH * a->width * sizeof(float)), "net %u: y: %s",
	          net, what);
	cr_assert(!memcmp(a->h, b->h, a->cells * BATCH * a->units * sizeof(float)), "net %u: h: %s",
	          net, what);
	cr_assert(!memcmp(a->c, b->c, a->cells * BATCH * a->hidden * sizeof(float)),
	          "net %u: c: %s", net, what);
}

static void padding(lstm_isa isa, lstm_dtype dtype, unsigned count)
{
	unsigned char mask[STEPS * BATCH];
	size_t t, b;
	unsigned i;

	for (i = 0; i < count; i++) {
		net n = varied_net(i);
		sequence s =
			sequence_make(&n.desc, BATCH, STEPS,
		                      SEQUENCE_NORMAL | SEQUENCE_STATE | SEQUENCE_LENGTHS, 340);
		lstm_model *m;
		lstm_run_args by_mask = {0}, by_length = {0}, plain = {0};
		struct outcome a, o;

		n.desc.dtype = dtype;
		m = varied_model(&n, isa);
		for (t = 0; t < STEPS; t++)
			for (b = 0; b < BATCH; b++)
				mask[t * BATCH + b] = t < s.lengths[b];
		by_mask.mask = mask;
		by_mask.masked = LSTM_MASKED_ZERO;
		by_length.lengths = s.lengths;
		a = run(m, &n, &s, &by_mask);
		o = run(m, &n, &s, &by_length);
		expect_same(&a, &o, i, "lengths and their mask differ");
		outcome_free(&a);
		outcome_free(&o);

		memset(mask, 1, sizeof mask);
		a = run(m, &n, &s, &by_mask);
		o = run(m, &n, &s, &plain);
		expect_same(&a, &o, i, "a mask of ones changes something");
		outcome_free(&a);
		outcome_free(&o);
		lstm_model_free(m);
		sequence_free(&s);
		net_free(&n);
	}
}

/* Padding at the end is what lengths say; a mask of ones says nothing. */
TEST_EACH_ISA(masks, padding_at_the_end_is_a_length)
{
	padding(isa, LSTM_DTYPE_F32, 20);
}

TEST_EACH_ISA(masks, padding_at_the_end_is_a_length_in_low_precision)
{
	law_of_low(isa, padding);
}

/* A cell that counts: with w = u = 0, i and f near 1 by their biases and linear functions,
 * c' = c + 0.5 and h = o * c' = c' (o = 1 likewise), all of them exact in fp32. */
static const float none[4] = {0, 0, 0, 0}, one_each[4] = {1, 1, 0.5f, 1};

static lstm_state *counter(lstm_isa isa, lstm_direction direction, lstm_model **model)
{
	static const lstm_weights w = {.w = none, .u = none, .b = one_each};
	lstm_weights both[2];
	lstm_desc desc = {0};
	lstm_state *state;
	int k;

	both[0] = both[1] = w;
	desc.input = desc.hidden = 1;
	desc.direction = direction;
	desc.isa = isa;
	for (k = 0; k < 3; k++)
		desc.activations[0][k].function = LSTM_LINEAR;
	cr_assert_eq(lstm_model_new(model, &desc, both), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, *model, 1, 0), LSTM_OK, "no state");
	return state;
}

static void expect_counts(lstm_isa isa, lstm_direction direction, lstm_masked masked, float begin,
                          const float *want)
{
	static const unsigned char mask[6] = {0, 1, 0, 0, 7, 0};
	static const float x[6] = {0};
	const size_t width = direction == LSTM_BIDIRECTIONAL ? 2 : 1;
	const float initial[2] = {begin, begin};
	float y[12];
	lstm_model *model;
	lstm_state *state = counter(isa, direction, &model);
	lstm_run_args args = {0};
	size_t k;

	args.x = x;
	args.y = y;
	args.steps = 6;
	args.mask = mask;
	args.masked = masked;
	args.h0 = args.c0 = initial;
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "not run");
	for (k = 0; k < 6 * width; k++)
		cr_assert_eq(y[k], want[k], "direction %d masked %d: y[%zu] is %g, not %g",
		             (int)direction, (int)masked, k, (double)y[k], (double)want[k]);

	args.mask = NULL; /* is not remembered */
	args.h0 = args.c0 = NULL;
	args.steps = 1;
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "not run");
	cr_assert_eq(y[0], begin + 1.5f, "after the mask y is %g", (double)y[0]);
	lstm_state_free(state);
	lstm_model_free(model);
}

TEST_EACH_ISA(masks, what_y_gets_worked_by_hand)
{
	static const float hold[6] = {0, 0.5f, 0.5f, 0.5f, 1, 1}, zero[6] = {0, 0.5f, 0, 0, 1, 0};
	static const float reverse[6] = {1, 1, 0.5f, 0.5f, 0.5f, 0};
	static const float begun[6] = {4, 4.5f, 4.5f, 4.5f, 5, 5};
	static const float both[12] = {4, 5, 4.5f, 5, 4.5f, 4.5f, 4.5f, 4.5f, 5, 4.5f, 5, 4};
	static const float both_zero[12] = {0, 0, 0.5f, 1, 0, 0, 0, 0, 1, 0.5f, 0, 0};

	expect_counts(isa, LSTM_FORWARD, LSTM_MASKED_HOLD, 0, hold);
	expect_counts(isa, LSTM_FORWARD, LSTM_MASKED_ZERO, 0, zero);
	expect_counts(isa, LSTM_FORWARD, LSTM_MASKED_HOLD, 4, begun);
	expect_counts(isa, LSTM_REVERSE, LSTM_MASKED_HOLD, 0, reverse);
	expect_counts(isa, LSTM_BIDIRECTIONAL, LSTM_MASKED_HOLD, 4, both);
	expect_counts(isa, LSTM_BIDIRECTIONAL, LSTM_MASKED_ZERO, 0, both_zero);
}
