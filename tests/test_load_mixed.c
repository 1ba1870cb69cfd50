/* Files whose layers are of different types: the model is of the same, layer by layer. */
#include "harness.h"
#include "safetensors_builder.h"

enum { STEPS = 7, INPUT = 3, HIDDEN = 2 };

/* Input 3, hidden 2: the two matrices of a layer, and the scales beside codes. */
#define LAYER(layer, w, u, width)                                                                  \
	"weight_ih_l" layer " " w " 8 " width "; weight_hh_l" layer " " u " 8 2; "
#define CODES(layer, width)                                                                        \
	LAYER(layer, "I8", "I8", width)                                                            \
	"weight_ih_l" layer ".scale F32 8; weight_hh_l" layer ".scale F32 8; "

/* The file of these tensors, whose scales are all 1/64. */
static built built_layers(const char *tensors)
{
	built b = built_list(tensors, NULL);
	const lstm_tensor *tensor;
	lstm_file *file;
	size_t k, index;

	cr_assert_eq(lstm_file_open_memory(&file, b.bytes, b.size, "m", NULL), LSTM_OK, "%s",
	             tensors);
	for (index = 0; (tensor = lstm_file_tensor(file, index)) != NULL; index++)
		for (k = 0; strstr(tensor->name, ".scale") && k < tensor->bytes; k += 4)
			built_encode(b.bytes + ((const unsigned char *)tensor->data - b.bytes) + k,
			             "F32", 0x1p-6f);
	lstm_file_close(file);
	return b;
}

static lstm_file *described(const built *b, lstm_dtype asked, lstm_desc *desc,
                            const lstm_weights **weights)
{
	lstm_load_args args = {0};
	lstm_file *file;
	lstm_error error;

	args.dtype = asked;
	cr_assert_eq(lstm_file_open_memory(&file, b->bytes, b->size, "m", NULL), LSTM_OK, "open");
	cr_assert_eq(lstm_file_lstm(file, &args, desc, weights, &error), LSTM_OK, "%s", error.text);
	return file;
}

static const struct mixture {
	const char *tensors;
	int layers;
	lstm_dtype all;      /* desc.dtype */
	lstm_dtype types[3]; /* 0: no dtypes */
} mixtures[] = {
	{CODES("0", "3") LAYER("1", "BF16", "BF16", "2"), 2, LSTM_DTYPE_F32,
         {LSTM_DTYPE_I8, LSTM_DTYPE_BF16}},
	{LAYER("0", "F16", "F16", "3") CODES("1", "2") LAYER("2", "F32", "F32", "2"), 3, LSTM_DTYPE_F32,
         {LSTM_DTYPE_F16, LSTM_DTYPE_I8, LSTM_DTYPE_F32}},
	{LAYER("0", "F64", "F64", "3") LAYER("1", "BF16", "BF16", "2"), 2, LSTM_DTYPE_F32,
         {LSTM_DTYPE_F32, LSTM_DTYPE_BF16}},
	/* Mixed within a layer. */
	{CODES("0", "3") LAYER("1", "BF16", "F16", "2"), 2, LSTM_DTYPE_F32,
         {LSTM_DTYPE_I8, LSTM_DTYPE_F32}},
	{CODES("0", "3") "weight_ih_l0_reverse BF16 8 3; weight_hh_l0_reverse BF16 8 2; "
         LAYER("1", "F16", "F16", "4")
         "weight_ih_l1_reverse F16 8 4; weight_hh_l1_reverse F16 8 2; ", 2, LSTM_DTYPE_F32,
         {LSTM_DTYPE_F32, LSTM_DTYPE_F16}},
	/* All the same. */
	{CODES("0", "3") CODES("1", "2"), 2, LSTM_DTYPE_I8, {LSTM_DTYPE_OTHER}},
	{LAYER("0", "F64", "F64", "3") LAYER("1", "F32", "F32", "2"), 2, LSTM_DTYPE_F32,
         {LSTM_DTYPE_OTHER}},
	{LAYER("0", "F16", "BF16", "3") LAYER("1", "BF16", "F32", "2"), 2, LSTM_DTYPE_F32,
         {LSTM_DTYPE_OTHER}},
	{LAYER("0", "BF16", "BF16", "3") LAYER("1", "BF16", "BF16", "2"), 2, LSTM_DTYPE_BF16,
         {LSTM_DTYPE_OTHER}},
};

enum { MIXTURES = sizeof(mixtures) / sizeof(mixtures[0]) };

Test(load_mixed, layers_are_what_all_their_matrices_are)
{
	const lstm_weights *weights;
	lstm_desc desc;
	int k, layer;

	for (k = 0; k < MIXTURES; k++) {
		const struct mixture *m = &mixtures[k];
		built b = built_layers(m->tensors);
		lstm_file *file = described(&b, LSTM_DTYPE_OTHER, &desc, &weights);

		cr_assert_eq(desc.layers, m->layers, "%s: %d layers", m->tensors, desc.layers);
		cr_assert_eq(desc.dtype, m->all, "%s: found %d", m->tensors, (int)desc.dtype);
		cr_assert_eq(!desc.dtypes, !m->types[0], "%s: types that do not differ, or none",
		             m->tensors);
		for (layer = 0; desc.dtypes && layer < desc.layers; layer++)
			cr_assert_eq(desc.dtypes[layer], m->types[layer], "%s: layer %d is %d",
			             m->tensors, layer, (int)desc.dtypes[layer]);
		lstm_file_close(file);
		built_free(&b);
	}
}

Test(load_mixed, the_type_asked_for_is_that_of_all_layers)
{
	static const lstm_dtype asked[] = {LSTM_DTYPE_F32, LSTM_DTYPE_BF16, LSTM_DTYPE_F16,
	                                   LSTM_DTYPE_I8};
	const lstm_weights *weights;
	lstm_desc desc;
	int k, type;

	for (k = 0; k < MIXTURES; k++)
		for (type = 0; type < 4; type++) {
			built b = built_layers(mixtures[k].tensors);
			lstm_file *file = described(&b, asked[type], &desc, &weights);

			cr_assert_eq(desc.dtype, asked[type], "%s: found %d",
			             mixtures[k].tensors, (int)desc.dtype);
			cr_assert_null(desc.dtypes, "%s: types of layers", mixtures[k].tensors);
			lstm_file_close(file);
			built_free(&b);
		}
}

static void run(const lstm_model *model, float y[STEPS * 2 * HIDDEN])
{
	float x[STEPS * INPUT];
	lstm_state *state;
	int k;

	for (k = 0; k < STEPS * INPUT; k++)
		x[k] = 3 * built_value((size_t)k);
	cr_assert_eq(lstm_state_new(&state, model, 1, STEPS), LSTM_OK, "no state");
	lstm_run(state, x, y, STEPS);
	lstm_state_free(state);
}

/* The weights of the file under a description that the test wrote, against the call that does all. */
TEST_EACH_ISA(load_mixed, a_file_gives_the_bits_of_a_model_of_these_types)
{
	int k;

	for (k = 0; k < MIXTURES; k++) {
		const struct mixture *m = &mixtures[k];
		built b = built_layers(m->tensors);
		float expected[STEPS * 2 * HIDDEN] = {0}, found[STEPS * 2 * HIDDEN] = {0};
		const lstm_weights *weights;
		lstm_model *own, *loaded;
		lstm_load_args args = {0};
		lstm_desc desc;
		lstm_error error;
		lstm_status status;
		lstm_file *file = described(&b, LSTM_DTYPE_F32, &desc, &weights);

		args.isa = desc.isa = isa;
		desc.dtype = m->all;
		desc.dtypes = m->types[0] ? m->types : NULL;
		status = lstm_model_new(&own, &desc, weights);
		lstm_file_close(file);
		cr_assert_eq(lstm_model_load_memory(&loaded, b.bytes, b.size, "m", &args, &error),
		             status, "%s: %s", m->tensors, error.text);
		built_free(&b);
		if (status == LSTM_ERR_ISA && !harness_has(isa, LSTM_DTYPE_BF16))
			continue; /* refused alike where there are no kernels for it */
		cr_assert_eq(status, LSTM_OK, "%s", m->tensors);
		run(own, expected);
		run(loaded, found);
		cr_assert(expected[1] != 0, "%s: the network says nothing", m->tensors);
		cr_assert(!memcmp(found, expected, sizeof(found)), "%s: other bits", m->tensors);
		cr_assert_eq(!lstm_model_desc(loaded)->dtypes, !m->types[0],
		             "%s: the types of the model", m->tensors);
		lstm_model_free(own);
		lstm_model_free(loaded);
	}
}
