/* Every way to hand over a sequence, against the oracle: lengths, orders, strides, pieces, scratch
 * sizes, initial and final states.  LSTM_TEST_QUICK in the environment thins the grids. */
#include <string.h>

#include "check.h"
#include "harness.h"
#include "varied.h"

/* Whether max_steps is advice, rather than the longest sequence. */
static int flexible(const lstm_desc *desc)
{
	return desc->direction == LSTM_FORWARD || desc->layers <= 1;
}

static void expect_equal(const oracle_output *expected, const net *n, const sequence *s,
                         check_how how)
{
	check_result result;

	how.max_steps = flexible(&n->desc) ? how.max_steps : s->steps;
	result = check_against(expected, n, s, &how);
	cr_assert(result.ok, "%s", result.text);
}

static void all_ways(lstm_isa isa, const net *n, const sequence *s)
{
	oracle_output expected = oracle_of(n, s);
	size_t gap, max_steps;
	int order, no_y;
	check_how how = {0};

	how.isa = isa;
	for (order = LSTM_TIME_MAJOR; order <= LSTM_BATCH_MAJOR; order++)
		for (gap = 0; gap < 4; gap++)
			for (max_steps = 0; max_steps < 4; max_steps++)
				for (no_y = 0; no_y < 2; no_y++) {
					how.order = (lstm_order)order;
					how.row_gap = gap & 1 ? 3 : 0;
					how.block_gap = gap & 2 ? 5 : 0;
					how.max_steps = max_steps;
					how.no_y = no_y;
					expect_equal(&expected, n, s, how);
				}
	oracle_free(&expected);
}

TEST_EACH_ISA(oracle_sequences, orders_strides_and_scratch_sizes)
{
	int batches = check_quick("oracle_sequences") ? 2 : 6, kind, batch;
	unsigned what;

	for (kind = 0; kind < VARIED_KINDS; kind++) {
		lstm_desc desc = varied_kind(kind);
		net n = net_make(&desc, NET_B, 1.0f, 10 + (uint64_t)kind);

		for (batch = 1; batch <= batches; batch++) {
			for (what = 0; what <= (SEQUENCE_STATE | SEQUENCE_LENGTHS); what += 2) {
				sequence s = sequence_make(&desc, batch, 5, what, 20);

				all_ways(isa, &n, &s);
				sequence_free(&s);
			}
		}
		net_free(&n);
	}
}

TEST_EACH_ISA(oracle_sequences, lengths_of_large_batches)
{
	static const int batches[] = {9, 16, 32, 37};
	static const size_t steps[] = {1, 7, 20};
	size_t most = check_quick("oracle_sequences") ? 2 : 4, b, t;
	int kind;

	for (kind = 0; kind < VARIED_KINDS; kind++) {
		lstm_desc desc = varied_kind(kind);
		net n = net_make(&desc, NET_B, 1.0f, 30);

		for (b = 0; b < most; b++) {
			for (t = 0; t < 3; t++) {
				sequence s = sequence_make(&desc, batches[b], steps[t],
				                           SEQUENCE_STATE | SEQUENCE_LENGTHS, 31);
				oracle_output expected = oracle_of(&n, &s);
				check_how how = {0};

				how.isa = isa;
				expect_equal(&expected, &n, &s, how);
				how.order = LSTM_BATCH_MAJOR;
				how.max_steps = 3;
				expect_equal(&expected, &n, &s, how);
				oracle_free(&expected);
				sequence_free(&s);
			}
		}
		net_free(&n);
	}
}

/* Not even the bits of a state change, and y is zero. */
TEST_EACH_ISA(oracle_sequences, streams_of_length_zero_keep_their_state)
{
	enum { BATCH = 3, STEPS = 4, HIDDEN = 9 };
	static const size_t lengths[BATCH] = {0, 0, 0};
	lstm_desc desc = varied_kind(2);
	net n = net_make(&desc, NET_B, 1.0f, 40);
	sequence s = sequence_make(&desc, BATCH, STEPS, SEQUENCE_STATE, 41);
	float y[STEPS * BATCH * HIDDEN], last[BATCH * HIDDEN], h[BATCH * HIDDEN], c[BATCH * HIDDEN];
	lstm_run_args args = {0};
	lstm_model *model;
	lstm_state *state;
	size_t i;

	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, n.weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, BATCH, 0), LSTM_OK, "no state");
	lstm_state_set(state, s.h0, s.c0);
	for (i = 0; i < sizeof y / sizeof *y; i++)
		y[i] = -1.0f;
	args.x = s.x;
	args.y = y;
	args.last = last;
	args.steps = STEPS;
	args.lengths = lengths;
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "not run");
	lstm_state_get(state, h, c);
	for (i = 0; i < sizeof y / sizeof *y; i++)
		cr_assert_eq(y[i], 0.0f, "y[%zu] is %g past the length", i, y[i]);
	cr_assert_eq(memcmp(h, s.h0, sizeof h), 0, "h changed");
	cr_assert_eq(memcmp(c, s.c0, sizeof c), 0, "c changed");
	cr_assert_eq(memcmp(last, s.h0, sizeof last), 0, "last is not the h that stayed");
	lstm_state_free(state);
	lstm_model_free(model);
	sequence_free(&s);
	net_free(&n);
}

/* Given the distance between the outer rows alone, the inner ones are dense. */
TEST_EACH_ISA(oracle_sequences, outer_stride_alone)
{
	enum { INPUT = 3, HIDDEN = 5, BATCH = 4, STEPS = 3, WIDE = 64 };
	lstm_desc desc = varied_kind(0);
	net n = net_make(&desc, NET_B, 1.0f, 50);
	sequence s = sequence_make(&desc, BATCH, STEPS, 0, 51);
	oracle_output expected = oracle_of(&n, &s);
	float x[BATCH * WIDE], y[BATCH * WIDE];
	lstm_model *model;
	lstm_state *state;
	int order, t, b, k;

	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, n.weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&state, model, BATCH, 0), LSTM_OK, "no state");
	for (order = LSTM_TIME_MAJOR; order <= LSTM_BATCH_MAJOR; order++) {
		lstm_run_args args = {0};
		int by_batch = order == LSTM_BATCH_MAJOR;

		for (t = 0; t < STEPS; t++)
			for (b = 0; b < BATCH; b++)
				memcpy(x + (by_batch ? b * WIDE + t * INPUT : t * WIDE + b * INPUT),
				       s.x + (t * BATCH + b) * INPUT, INPUT * sizeof *x);
		args.x = x;
		args.y = y;
		args.steps = STEPS;
		args.order = (lstm_order)order;
		if (by_batch)
			args.x_stream = args.y_stream = WIDE;
		else
			args.x_step = args.y_step = WIDE;
		lstm_state_reset(state);
		cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "order %d: not run", order);
		for (t = 0; t < STEPS; t++)
			for (b = 0; b < BATCH; b++)
				for (k = 0; k < HIDDEN; k++)
					cr_assert(check_value(
							  y[by_batch ? b * WIDE + t * HIDDEN + k
					                             : t * WIDE + b * HIDDEN + k],
							  expected.y[(t * BATCH + b) * HIDDEN + k]),
					          "order %d: y[%d][%d][%d] differs", order, t, b,
					          k);
	}
	lstm_state_free(state);
	lstm_model_free(model);
	oracle_free(&expected);
	sequence_free(&s);
	net_free(&n);
}

TEST_EACH_ISA(oracle_sequences, pieces_of_every_length)
{
	size_t piece, most = check_quick("oracle_sequences") ? 4 : 23;
	int kind, plain;

	for (kind = 0; kind < 2; kind++) {
		lstm_desc desc = varied_kind(kind);
		net n = net_make(&desc, NET_B, 1.0f, 60);
		sequence s = sequence_make(&desc, 3, 23, SEQUENCE_STATE, 61);
		oracle_output expected = oracle_of(&n, &s);

		for (piece = 1; piece <= most; piece++) {
			for (plain = 0; plain < 2; plain++) {
				check_how how = {0};

				how.isa = isa;
				how.plain = plain;
				how.piece = piece;
				how.max_steps = piece % 3;
				expect_equal(&expected, &n, &s, how);
			}
		}
		oracle_free(&expected);
		sequence_free(&s);
		net_free(&n);
	}
}

/* A stream that moves to another place of another state goes on there as if nothing had been, and
 * the stream that was reset begins anew. */
TEST_EACH_ISA(oracle_sequences, states_move_between_batches)
{
	enum { INPUT = 3, HIDDEN = 5, STEPS = 8, HALF = 4, BATCH = 3 };
	lstm_desc desc = varied_kind(0);
	net n = net_make(&desc, NET_B, 1.0f, 70);
	sequence s = sequence_make(&desc, 1, STEPS, SEQUENCE_STATE, 71), anew = s;
	oracle_output expected = oracle_of(&n, &s), from_zero;
	float x[HALF * BATCH * INPUT], y[HALF * BATCH * HIDDEN], kept[2][HIDDEN];
	float h[BATCH * HIDDEN] = {0}, c[BATCH * HIDDEN] = {0};
	lstm_state *one, *several;
	lstm_model *model;
	int t, b, k;

	anew.h0 = anew.c0 = NULL;
	anew.steps = HALF;
	anew.x = s.x + HALF * INPUT;
	from_zero = oracle_of(&n, &anew);

	desc.isa = isa;
	cr_assert_eq(lstm_model_new(&model, &desc, n.weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&one, model, 1, 0), LSTM_OK, "no state");
	cr_assert_eq(lstm_state_new(&several, model, BATCH, 0), LSTM_OK, "no state");
	lstm_state_set(one, s.h0, NULL);
	lstm_state_set(one, NULL, s.c0);
	lstm_run(one, s.x, NULL, HALF);
	lstm_state_get(one, kept[0], NULL);
	lstm_state_get(one, NULL, kept[1]);
	for (b = 0; b < BATCH; b++) {
		memcpy(h + b * HIDDEN, kept[0], sizeof kept[0]);
		memcpy(c + b * HIDDEN, kept[1], sizeof kept[1]);
		for (t = 0; t < HALF; t++)
			memcpy(x + (t * BATCH + b) * INPUT, s.x + (HALF + t) * INPUT,
			       INPUT * sizeof *x);
	}
	lstm_state_set(several, h, c);
	lstm_state_reset_stream(several, 1);
	lstm_state_reset_stream(several, -1);
	lstm_state_reset_stream(several, BATCH);
	lstm_run(several, x, y, HALF);
	for (t = 0; t < HALF; t++)
		for (b = 0; b < BATCH; b++)
			for (k = 0; k < HIDDEN; k++) {
				num want = b == 1 ? from_zero.y[t * HIDDEN + k]
				                  : expected.y[(HALF + t) * HIDDEN + k];

				cr_assert(check_value(y[(t * BATCH + b) * HIDDEN + k], want),
				          "y[%d][%d][%d] is %.9g, not %.9g", t, b, k,
				          y[(t * BATCH + b) * HIDDEN + k], want.v);
			}
	lstm_state_free(one);
	lstm_state_free(several);
	lstm_model_free(model);
	oracle_free(&expected);
	oracle_free(&from_zero);
	sequence_free(&s);
	net_free(&n);
}

/* h and c by themselves: NULL for one leaves the other as it was. */
TEST_EACH_ISA(oracle_sequences, one_initial_state_alone)
{
	int kind, which;

	for (kind = 0; kind < VARIED_KINDS; kind++) {
		lstm_desc desc = varied_kind(kind);
		net n = net_make(&desc, NET_B, 1.0f, 80);

		for (which = 0; which < 2; which++) {
			sequence s = sequence_make(&desc, 2, 3, SEQUENCE_STATE, 81), partly = s;
			oracle_output expected;
			check_how how = {0};

			if (which)
				partly.h0 = NULL;
			else
				partly.c0 = NULL;
			how.isa = isa;
			expected = oracle_of(&n, &partly);
			expect_equal(&expected, &n, &partly, how);
			oracle_free(&expected);
			sequence_free(&s);
		}
		net_free(&n);
	}
}
