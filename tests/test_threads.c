/* One model, many threads, a state each: the bits of the single thread.  Meant for ThreadSanitizer
 * too, which sees what merely happens to work. */
#include "harness.h"
#include "nets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, REPEATS = 4, BATCH = 3, STEPS = 40 };

static const lstm_desc shapes[] = {
	{.input = 5, .hidden = 24},
	{.input = 3, .hidden = 20, .layers = 2, .direction = LSTM_BIDIRECTIONAL},
	{.input = 6, .hidden = 17, .layers = 2, .projection = 9},
};

struct worker {
	pthread_t thread;
	const net *n;
	const lstm_model *model; /* NULL: make one of your own */
	lstm_isa isa;
	sequence s;
	float *y;
	lstm_status status;
};

static size_t width(const lstm_desc *desc)
{
	return (size_t)(oracle_directions(desc) * oracle_units(desc));
}

/* Runs the sequence in two calls where that is the same as in one. */
static lstm_status run(const lstm_model *model, const sequence *s, float *y)
{
	const lstm_desc *desc = lstm_model_desc(model);
	size_t first = desc->direction == LSTM_FORWARD ? STEPS / 3 : 0;
	lstm_state *state;
	lstm_status status = lstm_state_new(&state, model, BATCH, STEPS);

	if (status != LSTM_OK)
		return status;
	lstm_run(state, s->x, y, first);
	lstm_run(state, s->x + first * BATCH * (size_t)desc->input, y + first * BATCH * width(desc),
	         STEPS - first);
	lstm_state_free(state);
	return LSTM_OK;
}

static lstm_status make(lstm_model **model, const net *n, lstm_isa isa)
{
	lstm_desc desc = n->desc;

	desc.isa = isa;
	return lstm_model_new(model, &desc, n->weights);
}

static void *work(void *argument)
{
	struct worker *w = argument;
	lstm_model *own = NULL;
	int i;

	if (!w->model)
		w->status = make(&own, w->n, w->isa);
	for (i = 0; w->status == LSTM_OK && i < REPEATS; i++)
		w->status = run(w->model ? w->model : own, &w->s, w->y);
	lstm_model_free(own);
	return NULL;
}

static void compare(const net *n, lstm_model *shared, lstm_isa isa)
{
	size_t count = (size_t)STEPS * BATCH * width(&n->desc), bytes = count * sizeof(float);
	struct worker workers[THREADS];
	float *expected = malloc(bytes);
	lstm_model *model;
	int i;

	cr_assert_not_null(expected, "out of memory");
	memset(workers, 0, sizeof workers);
	for (i = 0; i < THREADS; i++) {
		workers[i].n = n;
		workers[i].model = shared;
		workers[i].isa = isa;
		workers[i].s = sequence_make(&n->desc, BATCH, STEPS, 0, (uint64_t)i + 1);
		workers[i].y = malloc(bytes);
		cr_assert_not_null(workers[i].y, "out of memory");
	}
	for (i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0,
		             "thread %d does not start", i);
	for (i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);

	cr_assert_eq(make(&model, n, isa), LSTM_OK, "no model");
	for (i = 0; i < THREADS; i++) {
		cr_assert_eq(workers[i].status, LSTM_OK, "thread %d: %s", i,
		             lstm_strerror(workers[i].status));
		cr_assert_eq(run(model, &workers[i].s, expected), LSTM_OK, "no state");
		cr_assert_eq(memcmp(workers[i].y, expected, bytes), 0,
		             "thread %d of %d got other bits than a single one", i, THREADS);
		sequence_free(&workers[i].s);
		free(workers[i].y);
	}
	lstm_model_free(model);
	free(expected);
}

TEST_EACH_ISA(threads, shared_model_gives_the_single_thread_bits)
{
	size_t k;

	for (k = 0; k < sizeof shapes / sizeof *shapes; k++) {
		net n = net_make(&shapes[k], NET_B | NET_B2, 1.0f, 11 + k);
		lstm_model *model;

		cr_assert_eq(make(&model, &n, isa), LSTM_OK, "no model of shape %zu", k);
		compare(&n, model, isa);
		lstm_model_free(model);
		net_free(&n);
	}
}

TEST_EACH_ISA(threads, models_made_at_once_are_the_same)
{
	net n = net_make(&shapes[1], NET_B, 1.0f, 21);

	compare(&n, NULL, isa);
	net_free(&n);
}

/* The first look at the CPU and at the environment happens in all threads together. */
Test(threads, best_instruction_set_chosen_at_once)
{
	net n = net_make(&shapes[0], NET_B, 1.0f, 31);

	compare(&n, NULL, LSTM_ISA_AUTO);
	net_free(&n);
}
