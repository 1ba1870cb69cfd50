/* After set-up nothing allocates, and no system call is made. */
#define _GNU_SOURCE
#include "harness.h"
#include "nets.h"
#include "watch.h"

#include <unistd.h>

enum { BATCH = 3, STEPS = 70 };

/* Every kind of work: pieces, hoisting, stacks, both directions, projections, any functions, every
 * type of weights; in a batch, and one stream, whose single steps go a shorter way. */
static const struct {
	const char *name;
	lstm_desc desc;
	unsigned parts;
	int batch;
} nets[] = {
	{"one layer", {.input = 5, .hidden = 24}, NET_B, BATCH},
	{"a stack", {.input = 3, .hidden = 20, .layers = 3}, NET_B | NET_B2, BATCH},
	{"both directions",
	 {.input = 4, .hidden = 9, .layers = 2, .direction = LSTM_BIDIRECTIONAL},
	 NET_B,
	 BATCH},
	{"projected", {.input = 6, .hidden = 33, .projection = 10}, NET_B | NET_PEEPHOLE, BATCH},
	{"other functions",
	 {.input = 2,
	  .hidden = 8,
	  .clip = 3,
	  .activations = {{{LSTM_HARD_SIGMOID, 0, 0}, {LSTM_SOFTPLUS, 0, 0}, {LSTM_ELU, 0, 0}}}},
	 0,
	 BATCH},
	{"one stream", {.input = 5, .hidden = 24}, NET_B, 1},
	{"one stream, a projected stack",
	 {.input = 3, .hidden = 21, .layers = 3, .projection = 7},
	 NET_B,
	 1},
	{"one stream, both directions",
	 {.input = 4, .hidden = 9, .direction = LSTM_BIDIRECTIONAL},
	 NET_B,
	 1},
	{"bf16", {.input = 5, .hidden = 24, .layers = 2, .dtype = LSTM_DTYPE_BF16}, NET_B, BATCH},
	{"bf16, one stream", {.input = 5, .hidden = 24, .dtype = LSTM_DTYPE_BF16}, NET_B, 1},
	{"f16", {.input = 5, .hidden = 24, .layers = 2, .dtype = LSTM_DTYPE_F16}, NET_B, BATCH},
	{"f16, one stream", {.input = 5, .hidden = 24, .dtype = LSTM_DTYPE_F16}, NET_B, 1},
	{"int8", {.input = 5, .hidden = 24, .projection = 9, .dtype = LSTM_DTYPE_I8}, NET_B, BATCH},
	{"int8, one stream", {.input = 5, .hidden = 24, .dtype = LSTM_DTYPE_I8}, NET_B, 1},
};

/* Everything that running needs, allocated beforehand. */
struct setup {
	net n;
	sequence s;
	lstm_model *model;
	lstm_state *state;
	float *y, *h, *c, *last;
};

static float *floats(size_t count)
{
	float *p = calloc(count, sizeof *p);

	cr_assert_not_null(p, "out of memory");
	return p;
}

static struct setup set_up(size_t k, lstm_isa isa)
{
	struct setup u;
	lstm_desc desc = nets[k].desc;
	size_t directions = (size_t)oracle_directions(&desc), units = (size_t)oracle_units(&desc);
	int batch = nets[k].batch;
	size_t rows = (size_t)oracle_layers(&desc) * directions * (size_t)batch;

	desc.isa = isa;
	u.n = net_make(&desc, nets[k].parts, 1.0f, 40 + k);
	u.s = sequence_make(&desc, batch, STEPS, SEQUENCE_LENGTHS | SEQUENCE_MASK, 50 + k);
	cr_assert_eq(lstm_model_new(&u.model, &desc, u.n.weights), LSTM_OK, "%s: no model",
	             nets[k].name);
	cr_assert_eq(lstm_state_new(&u.state, u.model, batch, STEPS), LSTM_OK, "%s: no state",
	             nets[k].name);
	u.y = floats((size_t)STEPS * (size_t)batch * directions * units);
	u.last = floats((size_t)batch * directions * units);
	u.h = floats(rows * units);
	u.c = floats(rows * (size_t)desc.hidden);
	return u;
}

static void tear_down(struct setup *u)
{
	free(u->y);
	free(u->last);
	free(u->h);
	free(u->c);
	lstm_state_free(u->state);
	lstm_model_free(u->model);
	sequence_free(&u->s);
	net_free(&u->n);
}

/* All that a program may call while it plays. */
static int play(void *data)
{
	struct setup *u = data;
	lstm_run_args args = {0};
	lstm_status status;
	int k;

	lstm_run(u->state, u->s.x, u->y, STEPS);
	for (k = 0; k < 3; k++)
		lstm_run(u->state, u->s.x, k ? u->y : NULL, 1);
	args.x = u->s.x;
	args.y = u->y;
	args.last = u->last;
	args.steps = STEPS;
	args.lengths = u->s.lengths;
	args.mask = u->s.mask;
	args.h0 = args.hn = u->h;
	args.c0 = args.cn = u->c;
	args.order = LSTM_BATCH_MAJOR;
	status = lstm_run_with(u->state, &args);
	lstm_state_get(u->state, u->h, u->c);
	lstm_state_set(u->state, u->h, u->c);
	lstm_state_reset_stream(u->state, 0);
	lstm_state_reset(u->state);
	return status != LSTM_OK;
}

/* The watch is no use if it sees nothing. */
static int allocate_and_ask(void *data)
{
	void *volatile p = malloc(1);

	(void)data;
	free(p);
	return getppid() == 0;
}

Test(allocation, the_watch_sees_allocations_and_system_calls)
{
	int calls = watch_allocator(allocate_and_ask, NULL);
	int outcome = watch_system_calls(allocate_and_ask, NULL);

	if (calls < 0)
		cr_skip_test("a sanitizer or another C library has the allocator");
	cr_assert_eq(calls, 2, "malloc and free were counted as %d calls", calls);
	if (outcome == WATCH_UNABLE)
		cr_skip_test("strict seccomp is not to be had here");
	cr_assert_eq(outcome, WATCH_KILLED, "getppid passed");
}

TEST_EACH_ISA(allocation, running_allocates_nothing)
{
	size_t k;

	for (k = 0; k < sizeof nets / sizeof *nets; k++) {
		struct setup u;
		int calls;

		if (!harness_has(isa, nets[k].desc.dtype))
			continue;
		u = set_up(k, isa);
		calls = watch_allocator(play, &u);

		tear_down(&u);
		if (calls < 0)
			cr_skip_test("a sanitizer or another C library has the allocator");
		cr_assert_eq(calls, 0, "%s: %d calls of the allocator", nets[k].name, calls);
	}
}

TEST_EACH_ISA(allocation, running_makes_no_system_call)
{
	size_t k;

	for (k = 0; k < sizeof nets / sizeof *nets; k++) {
		struct setup u;
		int outcome;

		if (!harness_has(isa, nets[k].desc.dtype))
			continue;
		u = set_up(k, isa);
		outcome = watch_system_calls(play, &u);

		tear_down(&u);
		if (outcome == WATCH_UNABLE)
			cr_skip_test("strict seccomp is not to be had here");
		cr_assert_neq(outcome, WATCH_KILLED, "%s: a system call was made", nets[k].name);
		cr_assert_eq(outcome, WATCH_CLEAN, "%s: lstm_run_with failed", nets[k].name);
	}
}
