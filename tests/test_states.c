/* States: saved and restored, reset one stream at a time, many on one model. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "varied.h"

enum { STEPS = 12, STATES = 300 };

/* h and c of a state, in one array each. */
struct saved {
	float h[3 * 2 * 4 * 130], c[3 * 2 * 4 * 130];
};

static size_t cells(const net *n)
{
	return (size_t)(n->desc.layers * oracle_directions(&n->desc));
}

static void assert_same_state(const struct saved *a, const struct saved *b, const net *n,
                              size_t batch, const char *what)
{
	size_t count = cells(n) * batch;
	cr_assert(!memcmp(a->h, b->h, count * (size_t)oracle_units(&n->desc) * sizeof(float)),
	          "%s: h of seed %u", what, (unsigned)n->seed);
	cr_assert(!memcmp(a->c, b->c, count * (size_t)n->desc.hidden * sizeof(float)),
	          "%s: c of seed %u", what, (unsigned)n->seed);
}

TEST_EACH_ISA(states, saved_state_continues_in_another_with_the_same_bits)
{
	static struct saved end, middle, restored;
	unsigned i;

	for (i = 0; i < 40; i++) {
		net n = varied_net(i);
		sequence s = varied_sequence(&n, 2, STEPS);
		const size_t half = STEPS / 2 * 2 * (size_t)n.desc.input;
		lstm_model *m = varied_model(&n, isa);
		lstm_state *a = varied_state(m, &s, STEPS), *b;

		lstm_run(a, s.x, NULL, STEPS / 2);
		lstm_state_get(a, middle.h, middle.c);
		lstm_run(a, s.x + half, NULL, STEPS / 2);
		lstm_state_get(a, end.h, end.c);

		cr_assert_eq(lstm_state_new(&b, m, 2, STEPS), LSTM_OK, "second state");
		lstm_run(b, s.x, NULL,
		         1); /* an odd number of steps, so that nothing lines up by luck */
		lstm_state_set(b, middle.h, middle.c);
		lstm_state_get(b, restored.h, restored.c);
		assert_same_state(&restored, &middle, &n, 2, "set, then get");
		lstm_run(b, s.x + half, NULL, STEPS / 2);
		lstm_state_get(b, restored.h, restored.c);
		assert_same_state(&restored, &end, &n, 2, "continued");
		lstm_state_free(a);
		lstm_state_free(b);
		lstm_model_free(m);
		sequence_free(&s);
		net_free(&n);
	}
}

TEST_EACH_ISA(states, null_skips_h_or_c)
{
	static struct saved before, after;
	net n = varied_net(2);
	sequence s = varied_sequence(&n, 2, STEPS);
	lstm_model *m = varied_model(&n, isa);
	lstm_state *state = varied_state(m, &s, STEPS);

	lstm_run(state, s.x, NULL, STEPS);
	lstm_state_get(state, before.h, NULL);
	lstm_state_get(state, NULL, before.c);
	lstm_state_set(state, NULL, NULL);
	lstm_state_get(state, after.h, after.c);
	assert_same_state(&after, &before, &n, 2, "untouched");
	lstm_state_set(state, NULL, s.c0);
	lstm_state_get(state, after.h, after.c);
	cr_assert(!memcmp(after.h, before.h,
	                  cells(&n) * 2 * (size_t)oracle_units(&n.desc) * sizeof(float)),
	          "h changed with c");
	cr_assert(memcmp(after.c, before.c, cells(&n) * 2 * (size_t)n.desc.hidden * sizeof(float)),
	          "c was not set");
	lstm_state_free(state);
	lstm_model_free(m);
	sequence_free(&s);
	net_free(&n);
}

TEST_EACH_ISA(states, reset_of_one_stream_leaves_the_others)
{
	static struct saved before, after;
	unsigned i;

	for (i = 0; i < 20; i++) {
		net n = varied_net(i);
		const size_t units = (size_t)oracle_units(&n.desc), hidden = (size_t)n.desc.hidden;
		sequence s = varied_sequence(&n, 4, STEPS);
		lstm_model *m = varied_model(&n, isa);
		lstm_state *state = varied_state(m, &s, STEPS);
		size_t row;

		lstm_run(state, s.x, NULL, 3);
		lstm_state_get(state, before.h, before.c);
		lstm_state_reset_stream(state, -1);
		lstm_state_reset_stream(state, 4);
		lstm_state_get(state, after.h, after.c);
		assert_same_state(&after, &before, &n, 4, "no such stream");
		lstm_state_reset_stream(state, 2);
		lstm_state_get(state, after.h, after.c);
		for (row = 2; row < cells(&n) * 4; row += 4) {
			memset(before.h + row * units, 0, units * sizeof(float));
			memset(before.c + row * hidden, 0, hidden * sizeof(float));
		}
		assert_same_state(&after, &before, &n, 4, "stream 2 alone is zero");
		lstm_state_reset(state);
		lstm_state_get(state, after.h, after.c);
		memset(before.h, 0, sizeof(before.h));
		memset(before.c, 0, sizeof(before.c));
		assert_same_state(&after, &before, &n, 4, "all zero");
		lstm_state_free(state);
		lstm_model_free(m);
		sequence_free(&s);
		net_free(&n);
	}
}

TEST_EACH_ISA(states, hundreds_of_states_on_one_model_keep_apart)
{
	static lstm_state *states[STATES];
	net n = varied_net(28);
	sequence s = varied_sequence(&n, STATES, STEPS);
	const size_t input = (size_t)n.desc.input, width = varied_width(&n);
	lstm_model *m = varied_model(&n, isa);
	float *y = malloc(STEPS * width * sizeof(float)),
	      *x = malloc(STEPS * input * sizeof(float));
	float *last = malloc(STATES * width * sizeof(float));
	size_t t, k;

	cr_assert(y && x && last, "memory");
	cr_assert(n.desc.layers == 3 && n.desc.direction == LSTM_FORWARD, "a stack that streams");
	for (k = 0; k < STATES; k++)
		cr_assert_eq(lstm_state_new(&states[k], m, 1, 1), LSTM_OK, "state %zu", k);
	for (t = 0; t < STEPS; t++) /* in turn, each its own stream of s */
		for (k = 0; k < STATES; k++)
			lstm_run(states[k], s.x + (t * STATES + k) * input, last + k * width, 1);
	for (k = 0; k < STATES; k++) {
		lstm_state_reset(states[k]);
		for (t = 0; t < STEPS; t++)
			memcpy(x + t * input, s.x + (t * STATES + k) * input,
			       input * sizeof(float));
		lstm_run(states[k], x, y, STEPS);
		cr_assert(!memcmp(last + k * width, y + (STEPS - 1) * width, width * sizeof(float)),
		          "stream %zu in turn and alone differ", k);
		lstm_state_free(states[k]);
	}
	lstm_model_free(m);
	free(y);
	free(x);
	free(last);
	sequence_free(&s);
	net_free(&n);
}
