/* What else lstm_run_args can say: states in either order, and where the reverse direction goes. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "varied.h"

enum { STEPS = 6, BATCH = 3 };

static void *copy_of(const void *from, size_t bytes)
{
	void *p = malloc(bytes);

	cr_assert_not_null(p, "out of memory");
	if (from)
		memcpy(p, from, bytes);
	return p;
}

TEST_EACH_ISA(run_args, states_in_both_orders_agree_with_the_oracle)
{
	unsigned i, what;
	int order;

	for (i = 0; i < 30; i++) {
		net n = varied_net(i);

		for (what = 0; what <= SEQUENCE_LENGTHS; what += SEQUENCE_LENGTHS) {
			sequence s = sequence_make(&n.desc, BATCH, STEPS, SEQUENCE_STATE | what,
			                           400 + i);
			oracle_output expected = oracle_of(&n, &s);
			check_how how = {0};

			how.isa = isa;
			how.states = 1;
			how.max_steps = STEPS;
			for (order = LSTM_TIME_MAJOR; order <= LSTM_BATCH_MAJOR; order++) {
				check_result result;

				how.order = (lstm_order)order;
				result = check_against(&expected, &n, &s, &how);
				cr_assert(result.ok, "%s", result.text);
			}
			oracle_free(&expected);
			sequence_free(&s);
		}
		net_free(&n);
	}
}

/* The same bits as setting, running and getting; NULL goes on with the state's. */
TEST_EACH_ISA(run_args, states_are_those_of_set_and_get)
{
	net n = varied_net(2); /* a stack in both directions */
	sequence s = varied_sequence(&n, BATCH, STEPS);
	const size_t cells = (size_t)(n.desc.layers * oracle_directions(&n.desc));
	const size_t nh = cells * BATCH * (size_t)oracle_units(&n.desc) * sizeof(float);
	const size_t nc = cells * BATCH * (size_t)n.desc.hidden * sizeof(float);
	float *h = copy_of(NULL, nh), *c = copy_of(NULL, nc);
	float *hn = copy_of(NULL, nh), *cn = copy_of(NULL, nc);
	lstm_model *m = varied_model(&n, isa);
	lstm_state *a = varied_state(m, &s, STEPS), *b = varied_state(m, &s, STEPS);
	lstm_run_args args = {0};

	lstm_run(a, s.x, NULL, STEPS);
	lstm_state_set(a, NULL, s.c0);
	lstm_run(a, s.x, NULL, STEPS);
	lstm_state_get(a, h, c);

	args.x = s.x;
	args.steps = STEPS;
	cr_assert_eq(lstm_run_with(b, &args), LSTM_OK, "neither");
	args.c0 = s.c0;
	args.hn = hn;
	cr_assert_eq(lstm_run_with(b, &args), LSTM_OK, "c0 alone");
	lstm_state_get(b, NULL, cn);
	cr_assert(!memcmp(h, hn, nh), "hn differs");
	cr_assert(!memcmp(c, cn, nc), "the state after cn = NULL differs");

	args.steps = 0; /* nothing happens, and is told */
	args.x = NULL;
	args.h0 = s.h0;
	args.c0 = NULL;
	args.cn = cn;
	cr_assert_eq(lstm_run_with(b, &args), LSTM_OK, "no step");
	cr_assert(!memcmp(hn, s.h0, nh), "no step: hn is not h0");
	cr_assert(!memcmp(cn, c, nc), "no step: cn is not the state's");
	lstm_state_free(a);
	lstm_state_free(b);
	lstm_model_free(m);
	sequence_free(&s);
	net_free(&n);
	free(h);
	free(c);
	free(hn);
	free(cn);
}

/* Y[steps][2][batch][hidden], as ONNX's layout 0 has it, and the reverse direction in an array of
 * its own; with lengths and masks, whose zeros must go to the same places. */
static void expect_apart(lstm_isa isa, unsigned i, unsigned what, size_t gap)
{
	net n = varied_net(i);
	sequence s = sequence_make(&n.desc, BATCH, STEPS, SEQUENCE_STATE | what, 420 + i);
	const size_t units = (size_t)oracle_units(&n.desc), all = (size_t)STEPS * BATCH * units;
	float *together = copy_of(NULL, 2 * all * sizeof(float));
	float *apart = copy_of(NULL, (2 * all + gap) * sizeof(float));
	lstm_model *m = varied_model(&n, isa);
	lstm_state *a = varied_state(m, &s, STEPS), *b = varied_state(m, &s, STEPS);
	lstm_run_args args = {0};
	size_t t, k, d;

	args.x = s.x;
	args.y = together;
	args.steps = STEPS;
	args.lengths = s.lengths;
	args.mask = s.mask;
	cr_assert_eq(lstm_run_with(a, &args), LSTM_OK, "together");
	args.y = apart;
	args.y_stream = units;
	args.y_direction = gap ? all + gap : BATCH * units;
	args.y_step = gap ? BATCH * units : 2 * BATCH * units;
	cr_assert_eq(lstm_run_with(b, &args), LSTM_OK, "apart");
	for (t = 0; t < STEPS; t++)
		for (d = 0; d < 2; d++)
			for (k = 0; k < BATCH; k++) {
				const float *one = together + ((t * BATCH + k) * 2 + d) * units;
				const float *other =
					apart + t * args.y_step + d * args.y_direction + k * units;

				cr_assert(!memcmp(one, other, units * sizeof(float)),
				          "net %u what %u gap %zu: y[%zu][%zu] of direction %zu", i,
				          what, gap, t, k, d);
			}
	lstm_state_free(a);
	lstm_state_free(b);
	lstm_model_free(m);
	sequence_free(&s);
	net_free(&n);
	free(together);
	free(apart);
}

TEST_EACH_ISA(run_args, directions_may_lie_apart)
{
	unsigned i, what;

	for (i = 2; i < 30; i += 4) /* the bidirectional ones */
		for (what = 0; what <= 3; what++) {
			expect_apart(isa, i, what * SEQUENCE_LENGTHS, 0);
			expect_apart(isa, i, what * SEQUENCE_LENGTHS, 11);
		}
}
