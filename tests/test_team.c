/* A team of threads shares the work of a state: the bits of one thread, however many there are,
 * whether they find a CPU or not, and whatever is too small, or of a kind, to be shared. */
#include "check.h"
#include "harness.h"
#include "nets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 70 }; /* more than the pieces that the input is projected in */

static const lstm_dtype mixed[] = {LSTM_DTYPE_I8, LSTM_DTYPE_F32, LSTM_DTYPE_BF16};

static const struct shape {
	lstm_desc desc;
	int batch;
} shapes[] = {
	{{.input = 90, .hidden = 250}, 1}, /* by units */
	{{.input = 3, .hidden = 260, .direction = LSTM_REVERSE}, 1},
	{{.input = 60, .hidden = 224, .layers = 2, .direction = LSTM_BIDIRECTIONAL}, 1},
	{{.input = 200, .hidden = 210, .input_forget = 1, .clip = 1}, 1},
	{{.input = 300, .hidden = 600, .dtype = LSTM_DTYPE_I8}, 1},
	{{.input = 200, .hidden = 300, .dtype = LSTM_DTYPE_BF16}, 1},
	{{.input = 20, .hidden = 48}, 9}, /* by streams */
	{{.input = 20, .hidden = 48, .dtype = LSTM_DTYPE_I8}, 9},
	{{.input = 100, .hidden = 130, .dtype = LSTM_DTYPE_I8}, 20}, /* AMX, if there is some */
	{{.input = 20, .hidden = 40, .layers = 2, .direction = LSTM_BIDIRECTIONAL}, 5},
	{{.input = 20, .hidden = 100, .projection = 30}, 4},
	{{.input = 64, .hidden = 128}, 24}, /* some steps at a time */
	{{.input = 5, .hidden = 20}, 1}, /* not at all */
	{{.input = 20, .hidden = 48, .layers = 3, .direction = LSTM_BIDIRECTIONAL, .dtypes = mixed}, 9},
	{{.input = 20, .hidden = 48, .layers = 2, .dtype = LSTM_DTYPE_I8}, 9},
	{{.input = 20, .hidden = 100, .projection = 30, .dtype = LSTM_DTYPE_I8}, 4},
	{{.input = 20, .hidden = 40, .direction = LSTM_REVERSE, .dtype = LSTM_DTYPE_F16}, 5},
	{{.input = 200, .hidden = 300, .projection = 30}, 1}, /* from here on: LARGE */
	{{.input = 200, .hidden = 300, .dtype = LSTM_DTYPE_F16}, 1},
	{{.input = 60, .hidden = 500, .direction = LSTM_REVERSE, .dtype = LSTM_DTYPE_I8}, 1},
	{{.input = 60, .hidden = 400, .layers = 2, .direction = LSTM_BIDIRECTIONAL,
	  .dtype = LSTM_DTYPE_I8}, 1},
	{{.input = 60, .hidden = 500, .layers = 3, .dtypes = mixed}, 1},
};
enum { SHAPES = sizeof shapes / sizeof *shapes, LARGE = 5 };

/* Whether isa has kernels for all layers. */
static int runs(const struct shape *shape, lstm_isa isa)
{
	lstm_desc desc = shape->desc;
	size_t bytes;

	desc.isa = isa;
	return lstm_model_size(&desc, &bytes) != LSTM_ERR_ISA;
}

struct run {
	net n;
	sequence s;
	lstm_model *model;
	size_t bytes, width;
	float *expected, *y;
};

static struct run prepare(const struct shape *shape, lstm_isa isa)
{
	struct run r;
	lstm_desc desc = shape->desc;

	desc.isa = isa;
	r.n = net_make(&desc, NET_B | NET_B2, 1.0f, 77);
	r.s = sequence_make(&desc, shape->batch, STEPS, 0, 78);
	r.width = (size_t)(oracle_directions(&desc) * oracle_units(&desc));
	r.bytes = STEPS * (size_t)shape->batch * r.width * sizeof(float);
	r.expected = malloc(r.bytes);
	r.y = malloc(r.bytes);
	cr_assert(r.expected && r.y, "out of memory");
	cr_assert_eq(lstm_model_new(&r.model, &desc, r.n.weights), LSTM_OK, "refused");
	return r;
}

static void release(struct run *r)
{
	lstm_model_free(r->model);
	sequence_free(&r->s);
	net_free(&r->n);
	free(r->expected);
	free(r->y);
}

/* The whole sequence in one call; then, if that is allowed, its first steps one by one, the rest in
 * two calls. */
static void walk(const struct run *r, const struct shape *shape, lstm_team *team, float *y)
{
	const size_t input = (size_t)(shape->desc.input * shape->batch);
	const size_t width = r->width * (size_t)shape->batch;
	lstm_state *state;
	size_t t;

	cr_assert_eq(lstm_state_new(&state, r->model, shape->batch, STEPS), LSTM_OK, "refused");
	if (team)
		cr_assert_eq(lstm_state_use_team(state, team), LSTM_OK, "refused");
	lstm_run(state, r->s.x, y, STEPS);
	if (shape->desc.direction == LSTM_FORWARD) {
		lstm_state_reset(state);
		memset(y, 0, r->bytes);
		for (t = 0; t < 5; t++)
			lstm_run(state, r->s.x + t * input, y + t * width, 1);
		lstm_run(state, r->s.x + 5 * input, y + 5 * width, 6);
		lstm_run(state, r->s.x + 11 * input, y + 11 * width, STEPS - 11);
	}
	lstm_state_free(state);
}

TEST_EACH_ISA(team, gives_the_bits_of_one_thread)
{
	static const int threads[] = {1, 2, 3,
	                              7}; /* seven are more than most machines have CPUs for */
	const size_t counts = sizeof threads / sizeof *threads;
	const int quick = check_quick("team");
	/* The scalar path shares no units out. */
	const size_t end = SHAPES - (quick || isa == LSTM_ISA_SCALAR ? LARGE : 0);
	size_t k, i;

	for (k = quick ? 3 : 0; k < end; k += quick ? 2 : 1) {
		struct run r;

		if (!runs(&shapes[k], isa))
			continue;
		r = prepare(&shapes[k], isa);
		walk(&r, &shapes[k], NULL, r.expected);
		for (i = quick ? 2 : 0; i < counts; i += quick ? counts : 1) {
			lstm_team *team;
			cr_assert_eq(lstm_team_new(&team, threads[i]), LSTM_OK, "refused");
			memset(r.y, 0, r.bytes);
			walk(&r, &shapes[k], team, r.y);
			cr_assert(!memcmp(r.y, r.expected, r.bytes),
			          "shape %zu: a team of %d changed a bit", k, threads[i]);
			lstm_team_free(team);
		}
		release(&r);
	}
}

/* Lengths and strides of the extended call, final states, and a team that comes and goes. */
TEST_EACH_ISA(team, may_change_between_calls)
{
	const struct shape *shape = &shapes[6];
	struct run r = prepare(shape, isa);
	size_t lengths[9] = {0, 70, 3, 69, 70, 1, 35, 64, 65}, state_floats = 9 * 48;
	float *h = malloc(4 * state_floats * sizeof(float)), *c = h + state_floats;
	lstm_run_args args = {0};
	lstm_team *teams[2];
	lstm_state *one, *many;
	int call;

	cr_assert_not_null(h, "out of memory");
	cr_assert_eq(lstm_team_new(&teams[0], 2), LSTM_OK, "refused");
	cr_assert_eq(lstm_team_new(&teams[1], 3), LSTM_OK, "refused");
	cr_assert_eq(lstm_state_new(&one, r.model, 9, 0), LSTM_OK, "refused");
	cr_assert_eq(lstm_state_new(&many, r.model, 9, 0), LSTM_OK, "refused");
	args.x = r.s.x;
	args.steps = STEPS;
	args.order = LSTM_BATCH_MAJOR;
	for (call = 0; call < 5; call++) {
		args.lengths = call == 2 ? lengths : NULL;
		cr_assert_eq(lstm_state_use_team(many, call == 3 ? NULL : teams[call % 2]), LSTM_OK,
		             "refused");
		args.y = r.expected;
		cr_assert_eq(lstm_run_with(one, &args), LSTM_OK, "refused");
		args.y = r.y;
		cr_assert_eq(lstm_run_with(many, &args), LSTM_OK, "refused");
		lstm_state_get(one, h, c);
		lstm_state_get(many, h + 2 * state_floats, c + 2 * state_floats);
		cr_assert(!memcmp(r.y, r.expected, r.bytes), "call %d: y differs", call);
		cr_assert(!memcmp(h, h + 2 * state_floats, 2 * state_floats * sizeof(float)),
		          "call %d: the state differs", call);
	}
	lstm_state_free(one);
	lstm_state_free(many);
	lstm_team_free(teams[0]);
	lstm_team_free(teams[1]);
	free(h);
	release(&r);
}

struct caller {
	pthread_t thread;
	const struct run *r;
	const struct shape *shape;
	lstm_team *team;
	float *y;
	int calls;
};

static void *call(void *argument)
{
	struct caller *c = argument;
	int i;

	for (i = 0; i < c->calls; i++)
		walk(c->r, c->shape, c->team, c->y);
	return NULL;
}

TEST_EACH_ISA(team, serves_states_of_several_threads)
{
	static const size_t shapes_used[2][3] = {{0, 2, 4}, {4, 5, 6}}, of_fp32[3] = {0, 3, 6};
	const int quick = check_quick("team");
	const size_t *used = shapes_used[quick];
	const size_t count = quick ? 3 : 6;
	struct caller callers[6];
	struct run r[3];
	lstm_team *team;
	size_t i;

	cr_assert_eq(lstm_team_new(&team, 3), LSTM_OK, "refused");
	for (i = 0; i < 3; i++)
		if (!runs(&shapes[used[i]], isa))
			used = of_fp32;
	for (i = 0; i < 3; i++) {
		r[i] = prepare(&shapes[used[i]], isa);
		walk(&r[i], &shapes[used[i]], NULL, r[i].expected);
	}
	for (i = 0; i < count; i++) {
		callers[i].calls = quick ? 1 : 3;
		callers[i].r = &r[i % 3];
		callers[i].shape = &shapes[used[i % 3]];
		callers[i].team = team;
		callers[i].y = malloc(r[i % 3].bytes);
		cr_assert_not_null(callers[i].y, "out of memory");
		cr_assert_eq(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0,
		             "thread not started");
	}
	for (i = 0; i < count; i++) {
		pthread_join(callers[i].thread, NULL);
		cr_assert(!memcmp(callers[i].y, r[i % 3].expected, r[i % 3].bytes),
		          "caller %zu got other bits", i);
		free(callers[i].y);
	}
	lstm_team_free(team);
	for (i = 0; i < 3; i++)
		release(&r[i]);
}

Test(team, refuses_what_it_cannot_be)
{
	lstm_team *team = (lstm_team *)&team;

	cr_assert_eq(lstm_team_new(NULL, 2), LSTM_ERR_ARG, "not refused");
	cr_assert_eq(lstm_team_new(&team, 0), LSTM_ERR_ARG, "not refused");
	cr_assert_null(team, "a team was made");
	cr_assert_eq(lstm_team_new(&team, LSTM_MAX_THREADS + 1), LSTM_ERR_ARG, "not refused");
	cr_assert_eq(lstm_state_use_team(NULL, NULL), LSTM_ERR_ARG, "not refused");
	lstm_team_free(NULL);
}
