/* Every status, and the calls that answer it; a refused call touches nothing. */
#include "harness.h"
#include "nets.h"

#include <string.h>

static const lstm_status all[] = {LSTM_OK,      LSTM_ERR_ARG,  LSTM_ERR_SIZE,  LSTM_ERR_MEMORY,
                                  LSTM_ERR_ISA, LSTM_ERR_FILE, LSTM_ERR_FORMAT};
enum { ALL = sizeof all / sizeof *all };

/* The values belong to the contract. */
Test(status, values_are_stable)
{
	int k;

	for (k = 0; k < ALL; k++)
		cr_assert_eq(all[k], -k, "%s is %d", lstm_strerror(all[k]), all[k]);
}

Test(status, each_has_a_sentence_of_its_own)
{
	int k, j;

	for (k = 0; k < ALL; k++) {
		cr_assert_not_null(lstm_strerror(all[k]), "status %d", k);
		for (j = 0; j < k; j++)
			cr_assert(strcmp(lstm_strerror(all[k]), lstm_strerror(all[j])) != 0,
			          "%d and %d share: %s", k, j, lstm_strerror(all[k]));
	}
	cr_assert_not_null(lstm_strerror((lstm_status)1), "unknown status");
	cr_assert_not_null(lstm_strerror((lstm_status)-7), "unknown status");
}

Test(status, instruction_sets_have_names)
{
	int k, j;

	for (k = 0; k < LSTM_ISA_COUNT; k++)
		for (j = 0; j < k; j++)
			cr_assert(strcmp(lstm_isa_name((lstm_isa)k), lstm_isa_name((lstm_isa)j)) != 0,
			          "%d and %d share a name", k, j);
	cr_assert_str_eq(lstm_isa_name(LSTM_ISA_COUNT), "?", "one past the last");
	cr_assert_str_eq(lstm_isa_name((lstm_isa)-1), "?", "before the first");
	cr_assert_not(lstm_isa_supported(LSTM_ISA_COUNT), "one past the last is supported");
	cr_assert_not(lstm_isa_supported((lstm_isa)-1), "before the first is supported");
	cr_assert(lstm_isa_supported(LSTM_ISA_SCALAR), "scalar is not supported");
	cr_assert(lstm_isa_supported(LSTM_ISA_AUTO), "auto is not supported");
	cr_assert(lstm_isa_supported(lstm_isa_best()), "the best is not supported");
}

/* ---- set-up ---------------------------------------------------------------------------------- */
/* lstm_model_new on this description, and the same of lstm_model_size. */
static void expect_of(lstm_desc desc, const lstm_weights *weights, lstm_status expected,
                      const char *what)
{
	lstm_model *model = (lstm_model *)&desc;
	lstm_status got = lstm_model_new(&model, &desc, weights);

	cr_assert_eq(got, expected, "%s: %s", what, lstm_strerror(got));
	cr_assert_eq(model == NULL, expected != LSTM_OK, "%s: the model does not fit", what);
	lstm_model_free(model);
}

static void expect_of_field(const net *n, int *field, int value, const char *what)
{
	int old = *field;

	*field = value;
	expect_of(n->desc, n->weights, LSTM_ERR_ARG, what);
	*field = old;
}

Test(status, bad_descriptions_are_arguments)
{
	lstm_desc desc = {.input = 2, .hidden = 3, .projection = 2};
	net n = net_make(&desc, NET_B, 1.0f, 91);
	lstm_desc *d = &n.desc;
	lstm_weights w;
	int i, k;

	expect_of(*d, n.weights, LSTM_OK, "nothing wrong");
	expect_of_field(&n, &d->input, 0, "input 0");
	expect_of_field(&n, &d->input, -1, "input -1");
	expect_of_field(&n, &d->hidden, 0, "hidden 0");
	expect_of_field(&n, &d->projection, -1, "projection -1");
	expect_of_field(&n, &d->layers, -1, "layers -1");
	expect_of_field(&n, (int *)&d->direction, LSTM_BIDIRECTIONAL + 1, "direction");
	expect_of_field(&n, (int *)&d->direction, -1, "direction -1");
	expect_of_field(&n, (int *)&d->layout, LSTM_LAYOUT_KERAS + 1, "layout");
	expect_of_field(&n, (int *)&d->isa, LSTM_ISA_COUNT, "instruction set");
	expect_of_field(&n, (int *)&d->isa, -1, "instruction set -1");
	for (i = 0; i < 2; i++)
		for (k = 0; k < 3; k++) {
			int *function = (int *)&d->activations[i][k].function;

			expect_of_field(&n, function, LSTM_SOFTPLUS + 1, "activation");
			expect_of_field(&n, function, -1, "activation -1");
		}
	d->clip = -1;
	expect_of(*d, n.weights, LSTM_ERR_ARG, "clip -1");
	d->clip = NAN;
	expect_of(*d, n.weights, LSTM_ERR_ARG, "clip NaN");
	d->clip = 0;
	d->cell_clip = NAN;
	expect_of(*d, n.weights, LSTM_ERR_ARG, "cell_clip NaN");
	d->cell_clip = 0;

	w = *n.weights;
	w.w = NULL;
	expect_of(*d, &w, LSTM_ERR_ARG, "no w");
	w = *n.weights;
	w.u = NULL;
	expect_of(*d, &w, LSTM_ERR_ARG, "no u");
	w = *n.weights;
	w.projection = NULL;
	expect_of(*d, &w, LSTM_ERR_ARG, "no projection");
	w = *n.weights;
	d->projection = 0;
	expect_of(*d, &w, LSTM_ERR_ARG, "a projection that the description does not name");
	d->projection = 2;
	net_free(&n);
}

Test(status, null_pointers_are_arguments)
{
	lstm_desc desc = {.input = 2, .hidden = 3};
	net n = net_make(&desc, NET_B, 1.0f, 92);
	lstm_model *model, *none = NULL;
	lstm_state *state, *no_state = NULL;
	size_t bytes;

	cr_assert_eq(lstm_model_size(NULL, &bytes), LSTM_ERR_ARG, "desc");
	cr_assert_eq(lstm_model_size(&desc, NULL), LSTM_ERR_ARG, "bytes");
	cr_assert_eq(lstm_model_new(NULL, &desc, n.weights), LSTM_ERR_ARG, "model");
	cr_assert_eq(lstm_model_new(&none, NULL, n.weights), LSTM_ERR_ARG, "desc");
	cr_assert_eq(lstm_model_new(&none, &desc, NULL), LSTM_ERR_ARG, "weights");
	cr_assert_eq(lstm_model_init(NULL, &desc, n.weights, &n, 1), LSTM_ERR_ARG, "model");
	cr_assert_eq(lstm_model_init(&none, NULL, n.weights, &n, 1), LSTM_ERR_ARG, "desc");
	cr_assert_eq(lstm_model_init(&none, &desc, NULL, &n, 1), LSTM_ERR_ARG, "weights");
	cr_assert_eq(lstm_model_init(&none, &desc, n.weights, NULL, 1u << 20), LSTM_ERR_ARG,
	             "arena");
	cr_assert_eq(lstm_model_load(NULL, "no such file", NULL, NULL), LSTM_ERR_ARG, "model");
	cr_assert_eq(lstm_model_load(&none, NULL, NULL, NULL), LSTM_ERR_ARG, "path");
	cr_assert_null(none, "a model was made");

	cr_assert_eq(lstm_model_new(&model, &desc, n.weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_size(NULL, 1, 1, &bytes), LSTM_ERR_ARG, "model");
	cr_assert_eq(lstm_state_size(model, 1, 1, NULL), LSTM_ERR_ARG, "bytes");
	cr_assert_eq(lstm_state_new(NULL, model, 1, 1), LSTM_ERR_ARG, "state");
	cr_assert_eq(lstm_state_new(&no_state, NULL, 1, 1), LSTM_ERR_ARG, "model");
	cr_assert_eq(lstm_state_init(NULL, model, 1, 1, &n, 1), LSTM_ERR_ARG, "state");
	cr_assert_eq(lstm_state_init(&no_state, model, 1, 1, NULL, 1u << 20), LSTM_ERR_ARG, "arena");
	cr_assert_null(no_state, "a state was made");
	cr_assert_eq(lstm_state_new(&state, model, 1, 1), LSTM_OK, "no state");
	cr_assert_eq(lstm_run_with(NULL, &(lstm_run_args){0}), LSTM_ERR_ARG, "state");
	cr_assert_eq(lstm_run_with(state, NULL), LSTM_ERR_ARG, "args");
	lstm_state_free(state);
	lstm_model_free(model);
	lstm_state_free(NULL);
	lstm_model_free(NULL);
	lstm_file_close(NULL);
	net_free(&n);
}

/* Of a layer of int8; of any other type nobody reads them. */
Test(status, scales_that_rows_cannot_have)
{
	static const float bad[] = {0, -0.0f, -1, NAN, INFINITY, -INFINITY};
	static unsigned char arena[1 << 14] __attribute__((aligned(LSTM_ALIGN)));
	static unsigned char before[sizeof arena];
	float scales[12];
	lstm_desc desc = {.input = 2, .hidden = 3, .projection = 2, .dtype = LSTM_DTYPE_I8};
	net n = net_make(&desc, NET_B, 1.0f, 94);
	size_t k;
	int which, r;

	memset(before, 0xa5, sizeof before);
	memset(arena, 0xa5, sizeof arena);
	for (which = 0; which < 3; which++) {
		const int rows = which < 2 ? 12 : 2;
		lstm_weights w = *n.weights;
		const float **given[] = {&w.w_scale, &w.u_scale, &w.projection_scale};

		*given[which] = scales;
		for (r = 0; r < 12; r++)
			scales[r] = r < rows ? 0.01f : NAN;
		n.desc.dtype = LSTM_DTYPE_I8;
		expect_of(n.desc, &w, LSTM_OK, "scales that are fine");
		for (r = 0; r < rows; r++)
			for (k = 0; k < sizeof bad / sizeof *bad; k++) {
				lstm_model *model;

				scales[r] = bad[k];
				n.desc.dtype = LSTM_DTYPE_BF16;
				expect_of(n.desc, &w, LSTM_OK, "unread scales");
				n.desc.dtype = LSTM_DTYPE_I8;
				expect_of(n.desc, &w, LSTM_ERR_ARG, "a scale");
				cr_assert_eq(lstm_model_init(&model, &n.desc, &w, arena,
				                             sizeof arena), LSTM_ERR_ARG,
				             "array %d, scale %d: %g", which, r, (double)bad[k]);
				cr_assert(!memcmp(arena, before, sizeof arena), "touched");
				scales[r] = 0.01f;
			}
	}
	net_free(&n);
}

Test(status, an_instruction_set_of_another_machine)
{
	lstm_desc desc = {.input = 2, .hidden = 3};
	net n = net_make(&desc, NET_B, 1.0f, 93);
	int isa, refused = 0;

	for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++) {
		if (lstm_isa_supported((lstm_isa)isa))
			continue;
		n.desc.isa = (lstm_isa)isa;
		expect_of(n.desc, n.weights, LSTM_ERR_ISA, lstm_isa_name((lstm_isa)isa));
		refused++;
	}
	cr_assert_gt(refused, 0, "no machine has both NEON and AVX2");
	net_free(&n);
}

Test(status, memory_that_is_too_small_and_files_that_are_bad)
{
	static const char text[] = "this is not a file of tensors";
	lstm_desc desc = {.input = 2, .hidden = 3};
	net n = net_make(&desc, NET_B, 1.0f, 94);
	lstm_error error;
	lstm_model *model;

	cr_assert_eq(lstm_model_init(&model, &n.desc, n.weights, &n, 1), LSTM_ERR_MEMORY, "memory");
	cr_assert_eq(lstm_model_load(&model, "no such file", NULL, &error), LSTM_ERR_FILE, "file");
	cr_assert_eq(error.status, LSTM_ERR_FILE, "the error says %d", error.status);
	cr_assert_not_null(strstr(error.text, "no such file"), "not named: %s", error.text);
	cr_assert_eq(lstm_model_load_memory(&model, text, sizeof text, "text", NULL, &error),
	             LSTM_ERR_FORMAT, "format");
	cr_assert_eq(error.status, LSTM_ERR_FORMAT, "the error says %d", error.status);
	cr_assert_not_null(strstr(error.text, "text"), "not named: %s", error.text);
	cr_assert_null(model, "a model was made");
	net_free(&n);
}

/* ---- lstm_run_with: refused before anything is touched ---------------------------------------- */
enum { BATCH = 2, STEPS = 4, INPUT = 3, HIDDEN = 5, LAYERS = 2, WIDTH = 2 * HIDDEN };

struct stage {
	lstm_state *state;
	float *y;
	float before[2][LAYERS * 2 * BATCH * HIDDEN], after[2][LAYERS * 2 * BATCH * HIDDEN];
};

static void expect_untouched(struct stage *g, const lstm_run_args *args, lstm_status expected,
                             const char *what)
{
	lstm_status got;
	int k;

	for (k = 0; k < STEPS * BATCH * WIDTH; k++)
		g->y[k] = 7;
	lstm_state_get(g->state, g->before[0], g->before[1]);
	got = lstm_run_with(g->state, args);
	lstm_state_get(g->state, g->after[0], g->after[1]);
	cr_assert_eq(got, expected, "%s: %s", what, lstm_strerror(got));
	cr_assert_eq(memcmp(g->before, g->after, sizeof g->before), 0, "%s: state touched", what);
	for (k = 0; k < STEPS * BATCH * WIDTH; k++)
		cr_assert_eq(g->y[k], 7, "%s: y[%d] touched", what, k);
}

TEST_EACH_ISA(status, refused_runs_touch_nothing)
{
	const lstm_desc desc = {.input = INPUT,
	                        .hidden = HIDDEN,
	                        .layers = LAYERS,
	                        .direction = LSTM_BIDIRECTIONAL,
	                        .isa = isa};
	const size_t too_long[BATCH] = {1, STEPS + 1};
	size_t lengths[BATCH] = {1, STEPS};
	net n = net_make(&desc, NET_B, 1.0f, 95);
	sequence s = sequence_make(&desc, BATCH, STEPS, 0, 96);
	float shared[STEPS * BATCH * (WIDTH + INPUT)] = {0}, y[STEPS * BATCH * WIDTH];
	float states[LAYERS * 2 * BATCH * HIDDEN + 1] = {0};
	const unsigned char mask[STEPS * BATCH] = {0};
	struct stage g;
	lstm_run_args good = {0}, bad;
	lstm_model *model;

	cr_assert_eq(lstm_model_new(&model, &desc, n.weights), LSTM_OK, "no model");
	cr_assert_eq(lstm_state_new(&g.state, model, BATCH, STEPS), LSTM_OK, "no state");
	g.y = y;
	good.x = s.x;
	good.y = y;
	good.steps = STEPS;
	cr_assert_eq(lstm_run_with(g.state, &good), LSTM_OK, "a good call");

	bad = good;
	bad.x = NULL;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "no x");
	bad = good;
	bad.lengths = too_long;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "a length beyond steps");
	bad = good;
	bad.order = (lstm_order)(LSTM_BATCH_MAJOR + 1);
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "an unknown order");
	bad = good;
	bad.steps = STEPS + 1;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "more steps than a hard max_steps");
	bad = good;
	bad.x_step = (size_t)-1 / 2;
	expect_untouched(&g, &bad, LSTM_ERR_SIZE, "a stride of x that overflows");
	bad = good;
	bad.y_stream = (size_t)-1 / sizeof(float);
	expect_untouched(&g, &bad, LSTM_ERR_SIZE, "a stride of y that overflows");

	bad = good;
	bad.masked = (lstm_masked)(LSTM_MASKED_ZERO + 1);
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "an unknown output of masked steps");
	bad = good;
	bad.mask = mask;
	bad.mask_stream = (size_t)-1;
	bad.mask_step = (size_t)-1;
	expect_untouched(&g, &bad, LSTM_ERR_SIZE, "strides of the mask that overflow");
	bad = good;
	bad.y_direction = (size_t)-1;
	expect_untouched(&g, &bad, LSTM_ERR_SIZE, "a stride between directions that overflows");
	bad = good;
	bad.mask = (unsigned char *)y;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "the mask is y");
	bad = good;
	bad.lengths = lengths;
	bad.last = (float *)(void *)&lengths[BATCH - 1];
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "last begins within lengths");
	bad = good;
	bad.hn = y + STEPS * BATCH * WIDTH - 1;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "hn begins with y's last float");
	bad = good;
	bad.h0 = states;
	bad.hn = states + 1;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "hn is not quite h0");
	bad = good;
	bad.cn = bad.hn = states;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "hn is cn");
	bad = good;
	bad.c0 = bad.hn = states;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "hn is c0");
	bad = good;
	bad.last = y;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "last is y");
	bad = good;
	bad.h0 = bad.hn = states;
	cr_assert_eq(lstm_run_with(g.state, &bad), LSTM_OK, "hn in the place of h0");

	g.y = shared;
	bad = good;
	bad.y = shared;
	bad.x = shared;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "x is y");
	bad.x = shared + STEPS * BATCH * WIDTH - 1;
	expect_untouched(&g, &bad, LSTM_ERR_ARG, "x begins with y's last float");
	bad.x++;
	cr_assert_eq(lstm_run_with(g.state, &bad), LSTM_OK, "x right after y");

	lstm_state_free(g.state);
	lstm_model_free(model);
	sequence_free(&s);
	net_free(&n);
}
