/* Memory: arenas of exactly the size that the query says, refusals that cost nothing, and an
 * allocator that fails at every possible moment. */
#include "harness.h"

#include "inside.h"
#include "nets.h"
#include "safetensors_builder.h"

#include <limits.h>
#include <stddef.h>
#include <unistd.h>

static int allocations, frees, fail_at; /* fail_at: the number of the call that fails, from 1 */

static void *hooked_malloc(size_t bytes)
{
	allocations++;
	return allocations == fail_at ? NULL : malloc(bytes);
}

static void hooked_free(void *p)
{
	frees++;
	free(p);
}

static void expect_failure_at(int call)
{
	inside_malloc = hooked_malloc;
	inside_free = hooked_free;
	allocations = frees = 0;
	fail_at = call;
}

enum { BATCH = 3, STEPS = 30, GUARD = 256, GUARD_BYTE = 0xa5 };

static const lstm_desc shapes[] = {
	{.input = 1, .hidden = 1},
	{.input = 5, .hidden = 24},
	{.input = 3, .hidden = 20, .layers = 2, .direction = LSTM_BIDIRECTIONAL},
	{.input = 6, .hidden = 33, .layers = 3, .projection = 10},
	{.input = 7, .hidden = 17, .direction = LSTM_REVERSE, .projection = 1},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* An arena within an allocation: guard bytes before and after, or, with no guard, an allocation of
 * exactly its size, so that AddressSanitizer watches both ends. */
struct arena {
	unsigned char *base, *start;
	size_t bytes, guard;
};

static struct arena arena_make(size_t bytes, size_t guard)
{
	struct arena a = {NULL, NULL, bytes, guard};
	void *p;

	cr_assert_eq(posix_memalign(&p, LSTM_ALIGN, bytes + 2 * guard), 0, "out of memory");
	a.base = p;
	a.start = a.base + guard;
	memset(a.base, GUARD_BYTE, bytes + 2 * guard);
	return a;
}

static void arena_end(struct arena *a, const char *what)
{
	size_t k;

	for (k = 0; k < a->guard; k++)
		cr_assert(a->base[k] == GUARD_BYTE && a->start[a->bytes + k] == GUARD_BYTE,
		          "%s: byte %zu before or after the arena was written", what, k);
	free(a->base);
}

static net make_net(size_t shape, lstm_isa isa)
{
	lstm_desc desc = shapes[shape];

	desc.isa = isa;
	return net_make(&desc, NET_B | NET_PEEPHOLE, 1.0f, 60 + shape);
}

/* Set up in arenas, and run everything that writes to them. */
static void run_in_arenas(const net *n, const sequence *s, size_t guard, float *y)
{
	lstm_run_args args = {0};
	lstm_model *model;
	lstm_state *state;
	struct arena for_model, for_state;
	size_t bytes;

	cr_assert_eq(lstm_model_size(&n->desc, &bytes), LSTM_OK, "no model size");
	for_model = arena_make(bytes, guard);
	cr_assert_eq(lstm_model_init(&model, &n->desc, n->weights, for_model.start, bytes), LSTM_OK,
	             "a model's arena of exactly %zu bytes was refused", bytes);
	cr_assert_eq(lstm_state_size(model, BATCH, STEPS, &bytes), LSTM_OK, "no state size");
	for_state = arena_make(bytes, guard);
	cr_assert_eq(lstm_state_init(&state, model, BATCH, STEPS, for_state.start, bytes), LSTM_OK,
	             "a state's arena of exactly %zu bytes was refused", bytes);

	args.x = s->x;
	args.y = y;
	args.steps = STEPS;
	args.lengths = s->lengths;
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "lstm_run_with failed");
	lstm_state_set(state, s->h0, s->c0);
	lstm_run(state, s->x, y, STEPS);

	lstm_state_free(state); /* nothing, as the memory is ours */
	lstm_model_free(model);
	arena_end(&for_state, "state");
	arena_end(&for_model, "model");
}

TEST_EACH_ISA(memory, arenas_of_exactly_the_size_suffice)
{
	size_t k;

	for (k = 0; k < SHAPES; k++) {
		net n = make_net(k, isa);
		sequence s = sequence_make(&n.desc, BATCH, STEPS, SEQUENCE_STATE | SEQUENCE_LENGTHS,
		                           70 + k);
		size_t count = (size_t)STEPS * BATCH * (size_t)oracle_directions(&n.desc) *
		               (size_t)oracle_units(&n.desc);
		float *y = malloc(2 * count * sizeof *y);

		cr_assert_not_null(y, "out of memory");
		run_in_arenas(&n, &s, GUARD, y);
		run_in_arenas(&n, &s, 0, y + count);
		cr_assert_eq(memcmp(y, y + count, count * sizeof *y), 0,
		             "shape %zu: the result depends on where the arena lies", k);
		free(y);
		sequence_free(&s);
		net_free(&n);
	}
}

TEST_EACH_ISA(memory, one_byte_short_is_refused)
{
	size_t k, bytes;

	for (k = 0; k < SHAPES; k++) {
		net n = make_net(k, isa);
		lstm_model *model = (lstm_model *)&n, *good;
		lstm_state *state = (lstm_state *)&n;
		struct arena a;

		lstm_model_size(&n.desc, &bytes);
		a = arena_make(bytes, 0);
		cr_assert_eq(lstm_model_init(&model, &n.desc, n.weights, a.start, bytes - 1),
		             LSTM_ERR_MEMORY, "shape %zu: model", k);
		cr_assert_null(model, "shape %zu: the model was not set to NULL", k);
		cr_assert_eq(lstm_model_init(&good, &n.desc, n.weights, a.start, bytes), LSTM_OK,
		             "shape %zu: exact size", k);

		lstm_state_size(good, BATCH, STEPS, &bytes);
		{
			struct arena b = arena_make(bytes, 0);

			cr_assert_eq(
				lstm_state_init(&state, good, BATCH, STEPS, b.start, bytes - 1),
				LSTM_ERR_MEMORY, "shape %zu: state", k);
			cr_assert_null(state, "shape %zu: the state was not set to NULL", k);
			arena_end(&b, "state");
		}
		arena_end(&a, "model");
		net_free(&n);
	}
}

TEST_EACH_ISA(memory, misaligned_arenas_are_refused)
{
	net n = make_net(1, isa);
	lstm_model *model, *good;
	lstm_state *state;
	struct arena a, b;
	size_t model_bytes, state_bytes, offset;

	lstm_model_size(&n.desc, &model_bytes);
	a = arena_make(model_bytes + LSTM_ALIGN, 0);
	cr_assert_eq(lstm_model_new(&good, &n.desc, n.weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_size(good, BATCH, STEPS, &state_bytes), LSTM_OK, "no size");
	b = arena_make(state_bytes + LSTM_ALIGN, 0);
	for (offset = 1; offset < LSTM_ALIGN; offset++) {
		cr_assert_eq(
			lstm_model_init(&model, &n.desc, n.weights, a.start + offset, model_bytes),
			LSTM_ERR_MEMORY, "a model %zu bytes off was not refused", offset);
		cr_assert_eq(
			lstm_state_init(&state, good, BATCH, STEPS, b.start + offset, state_bytes),
			LSTM_ERR_MEMORY, "a state %zu bytes off was not refused", offset);
	}
	lstm_model_free(good);
	arena_end(&a, "model");
	arena_end(&b, "state");
	net_free(&n);
}

/* ---- sizes that no machine has ---------------------------------------------------------------- */
Test(memory, absurd_dimensions_are_refused_without_allocating)
{
	static const struct {
		lstm_desc desc;
		lstm_status expected;
	} cases[] = {
		{{.input = INT_MAX, .hidden = 1}, LSTM_ERR_SIZE},
		{{.input = 1, .hidden = INT_MAX}, LSTM_ERR_SIZE},
		{{.input = INT_MAX, .hidden = INT_MAX, .layers = INT_MAX}, LSTM_ERR_SIZE},
		{{.input = 1, .hidden = 1, .projection = INT_MAX}, LSTM_ERR_SIZE},
		{{.input = 1, .hidden = 1, .layers = INT_MAX}, LSTM_ERR_SIZE},
		{{.input = LSTM_MAX_SIZE + 1, .hidden = 1}, LSTM_ERR_SIZE},
		{{.input = 1, .hidden = LSTM_MAX_SIZE + 1}, LSTM_ERR_SIZE},
		{{.input = 1, .hidden = 1, .layers = LSTM_MAX_LAYERS + 1}, LSTM_ERR_SIZE},
		{{.input = 0, .hidden = 1}, LSTM_ERR_ARG},
		{{.input = 1, .hidden = 0}, LSTM_ERR_ARG},
		{{.input = INT_MIN, .hidden = INT_MIN}, LSTM_ERR_ARG},
		{{.input = 1, .hidden = 1, .layers = -1}, LSTM_ERR_ARG},
		{{.input = 1, .hidden = 1, .projection = INT_MIN}, LSTM_ERR_ARG},
	};
	static const lstm_weights weights[1] = {{.w = NULL}};
	size_t k, bytes;

	expect_failure_at(0);
	for (k = 0; k < sizeof cases / sizeof *cases; k++) {
		lstm_model *model;
		lstm_status got = lstm_model_size(&cases[k].desc, &bytes);

		cr_assert_eq(got, cases[k].expected, "case %zu: size answers %d", k, got);
		got = lstm_model_new(&model, &cases[k].desc, weights);
		cr_assert_eq(got, cases[k].expected, "case %zu: new answers %d", k, got);
		cr_assert_null(model, "case %zu: the model was not set to NULL", k);
	}
	cr_assert_eq(allocations, 0, "%d allocations", allocations);
}

/* Per layer of these, 4 LSTM_MAX_SIZE rows of 3 LSTM_MAX_SIZE columns, twice: 3 * 2^53 bytes. */
Test(memory, dimensions_at_the_limits_are_counted_without_wrapping)
{
	lstm_desc desc = {.input = LSTM_MAX_SIZE,
	                  .hidden = LSTM_MAX_SIZE,
	                  .layers = 64,
	                  .direction = LSTM_BIDIRECTIONAL};
	size_t bytes = 0;

	if (sizeof(size_t) < 8)
		cr_skip_test("size_t is too narrow for what is counted here");
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_OK, "64 layers were refused");
	cr_assert_gt((double)bytes, 64 * 3 * 0x1p53 * 0.99, "%zu bytes", bytes);
	desc.layers = LSTM_MAX_LAYERS; /* 1.5 * 2^64 bytes */
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_ERR_SIZE, "%zu bytes", bytes);
}

TEST_EACH_ISA(memory, absurd_states_are_refused_without_allocating)
{
	net n = make_net(2, isa); /* a stack in both directions keeps max_steps whole */
	lstm_model *model;
	lstm_state *state;
	size_t bytes;

	expect_failure_at(0);
	cr_assert_eq(lstm_model_new(&model, &n.desc, n.weights), LSTM_OK, "no model");
	expect_failure_at(0);
	cr_assert_eq(lstm_state_size(model, 1, (size_t)-1, &bytes), LSTM_ERR_SIZE, "endless");
	cr_assert_eq(lstm_state_new(&state, model, 1, (size_t)-1 / 8), LSTM_ERR_SIZE, "endless");
	cr_assert_eq(lstm_state_new(&state, model, INT_MAX, (size_t)-1 / 4), LSTM_ERR_SIZE, "both");
	cr_assert_null(state, "the state was not set to NULL");
	cr_assert_eq(lstm_state_new(&state, model, 0, 1), LSTM_ERR_ARG, "no stream");
	cr_assert_eq(lstm_state_new(&state, model, INT_MIN, 1), LSTM_ERR_ARG, "negative");
	cr_assert_eq(allocations, 0, "%d allocations", allocations);
	lstm_model_free(model);
	net_free(&n);
}

/* ---- an allocator that fails ------------------------------------------------------------------ */
static lstm_status make_both(const void *data)
{
	const net *n = data;
	lstm_model *model;
	lstm_state *state;
	lstm_status status = lstm_model_new(&model, &n->desc, n->weights);

	if (status != LSTM_OK)
		return status;
	status = lstm_state_new(&state, model, BATCH, STEPS);
	lstm_state_free(state);
	lstm_model_free(model);
	return status;
}

static lstm_status load_bytes(const void *data)
{
	const built *b = data;
	lstm_error error;
	lstm_model *model;
	lstm_status status =
		lstm_model_load_memory(&model, b->bytes, b->size, "memory", NULL, &error);

	cr_assert_eq(model == NULL, status != LSTM_OK, "the model does not fit the status");
	lstm_model_free(model);
	return status;
}

static lstm_status load_path(const void *data)
{
	lstm_model *model;
	lstm_status status = lstm_model_load(&model, data, NULL, NULL);

	lstm_model_free(model);
	return status;
}

/* Let the first allocation fail, then the second, until none is left to fail. */
static void fail_everywhere(lstm_status (*run)(const void *), const void *data, const char *what)
{
	lstm_status status;
	int call = 0;

	do {
		expect_failure_at(++call);
		status = run(data);
		cr_assert(status == (allocations < call ? LSTM_OK : LSTM_ERR_MEMORY),
		          "%s: allocation %d failed, and the answer is %s", what, call,
		          lstm_strerror(status));
		cr_assert_eq(frees, allocations - (allocations >= call),
		             "%s: after failure %d, %d allocations and %d frees", what, call,
		             allocations, frees);
	} while (allocations >= call);
	cr_assert_gt(call, 1, "%s allocates nothing", what);
}

Test(memory, allocations_that_fail_leak_nothing)
{
	char path[] = "lstm-test-XXXXXX";
	built b = built_list("a.weight_ih_l0 F16 8 3; a.weight_hh_l0 F64 8 2; a.bias_ih_l0 F32 8; "
	                     "a.bias_hh_l0 F32 8; a.weight_ih_l0_reverse F32 8 3; "
	                     "a.weight_hh_l0_reverse F32 8 2; a.bias_ih_l0_reverse BF16 8; "
	                     "a.bias_hh_l0_reverse F32 8; other F32 2",
	                     "\"lstm.clip\":\"3\"");
	net n = make_net(2, LSTM_ISA_AUTO);
	int file;

	fail_everywhere(make_both, &n, "lstm_model_new and lstm_state_new");
	fail_everywhere(load_bytes, &b, "lstm_model_load_memory");

	file = mkstemp(path);
	cr_assert_geq(file, 0, "no temporary file");
	cr_assert_eq(write(file, b.bytes, b.size), (ssize_t)b.size, "cannot write %s", path);
	close(file);
	fail_everywhere(load_path, path, "lstm_model_load");
	unlink(path);
	built_free(&b);
	net_free(&n);
}
