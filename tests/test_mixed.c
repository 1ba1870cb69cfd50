/* Layers of different types in one model: to the bit what models of one layer each give, one behind
 * the other, and all laws of sizes, cuts and refusals. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "varied.h"

enum { STEPS = 9, MOST_LAYERS = 3 };

static const lstm_dtype kinds[] = {LSTM_DTYPE_F32, LSTM_DTYPE_I8, LSTM_DTYPE_BF16, LSTM_DTYPE_F16,
                                   LSTM_DTYPE_OTHER};
enum { KINDS = 5 };

static void need_all(lstm_isa isa)
{
	int k;

	for (k = 0; k < KINDS - 1; k++)
		harness_need(isa, kinds[k]);
}

static int directions_of(const lstm_desc *d)
{
	return d->direction == LSTM_BIDIRECTIONAL ? 2 : 1;
}

/* Random types; what 0 stands for is random, too. */
static void choose(lstm_desc *desc, lstm_dtype *types, unsigned seed)
{
	rng r = rng_seeded(seed);
	int k;

	desc->dtype = kinds[rng_between(&r, 0, KINDS - 1)];
	for (k = 0; k < desc->layers; k++)
		types[k] = kinds[rng_between(&r, 0, KINDS - 1)];
	desc->dtypes = types;
}

struct outcome {
	float *y, *h, *c;
	size_t y_count, h_count, c_count;
};

static struct outcome room_for(const net *n, const sequence *s)
{
	const size_t cells = (size_t)(n->desc.layers * directions_of(&n->desc) * s->batch);
	struct outcome o;

	o.y_count = s->steps * (size_t)s->batch * varied_width(n);
	o.h_count = cells * (size_t)oracle_units(&n->desc);
	o.c_count = cells * (size_t)n->desc.hidden;
	o.y = malloc((o.y_count + o.h_count + o.c_count) * sizeof(float));
	cr_assert_not_null(o.y, "out of memory");
	o.h = o.y + o.y_count;
	o.c = o.h + o.h_count;
	return o;
}

static void same(const struct outcome *a, const struct outcome *b, unsigned number)
{
	cr_assert(!memcmp(a->y, b->y, a->y_count * sizeof(float)), "net %u: other bits of y",
	          number);
	cr_assert(!memcmp(a->h, b->h, a->h_count * sizeof(float)), "net %u: other bits of h",
	          number);
	cr_assert(!memcmp(a->c, b->c, a->c_count * sizeof(float)), "net %u: other bits of c",
	          number);
}

/* cut: steps of the first call, 0: all in one. */
static struct outcome at_once(const net *n, const sequence *s, lstm_isa isa, size_t cut)
{
	const size_t row = (size_t)s->batch * (size_t)n->desc.input;
	struct outcome o = room_for(n, s);
	lstm_model *model = varied_model(n, isa);
	lstm_state *state = varied_state(model, s, s->steps);

	if (cut)
		lstm_run(state, s->x, o.y, cut);
	lstm_run(state, s->x + cut * row, o.y + cut * (size_t)s->batch * varied_width(n),
	         s->steps - cut);
	lstm_state_get(state, o.h, o.c);
	lstm_state_free(state);
	lstm_model_free(model);
	return o;
}

/* A model for each layer. */
static struct outcome one_by_one(const net *n, const sequence *s, lstm_isa isa)
{
	const int directions = directions_of(&n->desc);
	const size_t streams = (size_t)(directions * s->batch);
	const size_t h = streams * (size_t)oracle_units(&n->desc);
	const size_t c = streams * (size_t)n->desc.hidden;
	struct outcome o = room_for(n, s);
	float *between = malloc(o.y_count * sizeof(float));
	sequence part = *s;
	net single = *n;
	int k;

	cr_assert_not_null(between, "out of memory");
	single.desc.layers = 1;
	single.desc.dtypes = NULL;
	for (k = 0; k < n->desc.layers; k++) {
		const lstm_dtype type = n->desc.dtypes[k];
		lstm_model *model;
		lstm_state *state;

		single.desc.dtype = type == LSTM_DTYPE_OTHER ? n->desc.dtype : type;
		single.weights = n->weights + k * directions;
		part.h0 = s->h0 + (size_t)k * h;
		part.c0 = s->c0 + (size_t)k * c;
		model = varied_model(&single, isa);
		state = varied_state(model, &part, s->steps);
		lstm_run(state, part.x, o.y, s->steps);
		lstm_state_get(state, o.h + (size_t)k * h, o.c + (size_t)k * c);
		lstm_state_free(state);
		lstm_model_free(model);
		memcpy(between, o.y, o.y_count * sizeof(float));
		part.x = between;
		single.desc.input = (int)varied_width(n);
	}
	free(between);
	return o;
}

TEST_EACH_ISA(mixed, layers_give_the_bits_of_models_of_their_own)
{
	const unsigned count = check_quick("mixed") ? 12 : 60;
	unsigned i;

	need_all(isa);

	for (i = 0; i < count; i++) {
		static const int batches[] = {1, 2, 9};
		lstm_dtype types[MOST_LAYERS];
		net n = varied_net(i);
		sequence s = varied_sequence(&n, batches[i % 3], STEPS);
		struct outcome all, single;

		choose(&n.desc, types, i);
		all = at_once(&n, &s, isa, 0);
		single = one_by_one(&n, &s, isa);
		same(&all, &single, i);
		free(single.y);
		if (n.desc.direction == LSTM_FORWARD) {
			single = at_once(&n, &s, isa, 1); /* the short way for one step */
			same(&all, &single, i);
			free(single.y);
		}
		free(all.y);
		sequence_free(&s);
		net_free(&n);
	}
}

TEST_EACH_ISA(mixed, types_are_the_models_own)
{
	lstm_dtype types[] = {LSTM_DTYPE_OTHER, LSTM_DTYPE_I8};
	lstm_desc desc = {.input = 3, .hidden = 5, .layers = 2, .isa = isa, .dtypes = types};
	net n = net_make(&desc, NET_B, 1, 3);
	lstm_model *model;
	const lstm_desc *found;

	need_all(isa);
	cr_assert_eq(lstm_model_new(&model, &n.desc, n.weights), LSTM_OK, "refused");
	types[0] = types[1] = LSTM_DTYPE_F64;
	found = lstm_model_desc(model);
	cr_assert(found->dtypes && found->dtypes != types, "borrowed after the model was made");
	cr_assert(found->dtypes[0] == LSTM_DTYPE_F32 && found->dtypes[1] == LSTM_DTYPE_I8,
	          "found %d and %d", (int)found->dtypes[0], (int)found->dtypes[1]);
	lstm_model_free(model);
	n.desc.dtypes = NULL;
	cr_assert_eq(lstm_model_new(&model, &n.desc, n.weights), LSTM_OK, "refused");
	cr_assert_null(lstm_model_desc(model)->dtypes, "types that nobody gave");
	lstm_model_free(model);
	net_free(&n);
}

static size_t bytes_of(const lstm_desc *desc)
{
	size_t bytes;

	cr_assert_eq(lstm_model_size(desc, &bytes), LSTM_OK, "refused");
	return bytes;
}

TEST_EACH_ISA(mixed, each_layer_takes_the_bytes_of_its_type)
{
	static const lstm_dtype types[] = {LSTM_DTYPE_BF16, LSTM_DTYPE_I8, LSTM_DTYPE_F32};
	lstm_desc desc = {.input = 96, .hidden = 96, .layers = 3, .isa = isa, .dtypes = types};
	lstm_desc one = {.input = 96, .hidden = 96, .isa = isa};
	size_t expected = 0, found;
	int k;

	need_all(isa);
	found = bytes_of(&desc);
	for (k = 0; k < 3; k++) {
		one.dtype = types[k];
		expected += bytes_of(&one);
	}
	/* The model itself, and roundings up to lines. */
	cr_assert(found < expected + 512 && expected < found + 1024,
	          "expected about %zu bytes, found %zu", expected, found);
}

Test(mixed, refuses_types_that_models_cannot_have)
{
	static const lstm_dtype bad[] = {LSTM_DTYPE_F64, (lstm_dtype)77, (lstm_dtype)-1};
	lstm_dtype types[] = {LSTM_DTYPE_F32, LSTM_DTYPE_F32};
	lstm_desc desc = {.input = 4, .hidden = 4, .layers = 2, .dtypes = types};
	size_t bytes;
	int k;

	for (k = 0; k < 3; k++) {
		types[1] = bad[k];
		cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_ERR_ARG, "type %d", (int)bad[k]);
	}
	types[1] = LSTM_DTYPE_I8;
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_OK, "int8");
	cr_assert_eq(lstm_f64_size(&desc, 1, 1, &bytes), LSTM_ERR_ARG, "double of int8");
	desc.hidden = (1 << 15) + 1;
	cr_assert_eq(lstm_model_size(&desc, &bytes), LSTM_ERR_SIZE, "a sum beyond 32 bits");
}
