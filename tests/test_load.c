/* An LSTM from a file: found, its sizes inferred, its weights handed on exactly, or refused with
 * the name of the tensor that does not fit. */
#include <unistd.h>

#include "harness.h"
#include "safetensors_builder.h"

#define ONE_LAYER "weight_ih_l0 F32 8 3; weight_hh_l0 F32 8 2"
#define BIASES "bias_ih_l0 F32 8; bias_hh_l0 F32 8"

typedef struct loaded {
	built b;
	lstm_file *file;
	lstm_desc desc;
	const lstm_weights *weights;
} loaded;

static loaded load(const char *tensors, const char *metadata, const char *prefix)
{
	loaded l;
	lstm_load_args args = {0};
	lstm_error error;

	args.prefix = prefix;
	l.b = built_list(tensors, metadata);
	cr_assert_eq(lstm_file_open_memory(&l.file, l.b.bytes, l.b.size, "m", &error), LSTM_OK,
	             "%s", error.text);
	cr_assert_eq(lstm_file_lstm(l.file, &args, &l.desc, &l.weights, &error), LSTM_OK, "%s",
	             error.text);
	cr_assert_str_eq(error.text, "", "a good file says %s", error.text);
	return l;
}

static void unload(loaded *l)
{
	lstm_file_close(l->file);
	built_free(&l->b);
}

static void expect_sizes(const loaded *l, int input, int hidden, int projection, int layers,
                         lstm_direction direction)
{
	cr_assert_eq(l->desc.input, input, "input %d", l->desc.input);
	cr_assert_eq(l->desc.hidden, hidden, "hidden %d", l->desc.hidden);
	cr_assert_eq(l->desc.projection, projection, "projection %d", l->desc.projection);
	cr_assert_eq(l->desc.layers, layers, "layers %d", l->desc.layers);
	cr_assert_eq(l->desc.direction, direction, "direction %d", l->desc.direction);
	cr_assert_eq(l->desc.layout, LSTM_LAYOUT_PYTORCH, "layout %d", l->desc.layout);
	cr_assert_eq(l->desc.isa, LSTM_ISA_AUTO, "isa %d", l->desc.isa);
}

/* array holds the elements first, first + 1 ... of the file. */
static void expect_array(const char *name, const float *array, size_t first, size_t count)
{
	size_t k;

	cr_assert_not_null(array, "%s is missing", name);
	for (k = 0; k < count; k++)
		cr_assert_eq(array[k], built_value(first + k), "%s[%zu]: expected %g, found %g",
		             name, k, (double)built_value(first + k), (double)array[k]);
}

Test(load, one_layer)
{
	loaded l = load(ONE_LAYER "; " BIASES, NULL, NULL);
	const uint16_t one = 1;
	int in_place;

	expect_sizes(&l, 3, 2, 0, 1, LSTM_FORWARD);
	expect_array("w", l.weights[0].w, 0, 24);
	expect_array("u", l.weights[0].u, 24, 16);
	expect_array("b", l.weights[0].b, 40, 8);
	expect_array("b2", l.weights[0].b2, 48, 8);
	cr_assert_null(l.weights[0].peephole, "peepholes from nowhere");
	cr_assert_null(l.weights[0].projection, "a projection from nowhere");
	in_place = (const void *)l.weights[0].w == (const void *)(l.b.bytes + 8 + l.b.header);
	cr_assert_eq(in_place, *(const unsigned char *)&one == 1,
	             "expected aligned F32 data in place on little-endian machines alone");
	unload(&l);
}

Test(load, a_cell_among_other_tensors)
{
	loaded l = load("vad.cell.bias_hh F32 4; other.weight F32 7; vad.cell.weight_ih F32 4 5; "
	                "vad.cell.weight_hh F32 4 1; vad.cell.bias_ih F32 4; x I64 3",
	                NULL, NULL);

	expect_sizes(&l, 5, 1, 0, 1, LSTM_FORWARD);
	expect_array("b2", l.weights[0].b2, 0, 4);
	expect_array("w", l.weights[0].w, 11, 20);
	expect_array("u", l.weights[0].u, 31, 4);
	expect_array("b", l.weights[0].b, 35, 4);
	unload(&l);
}

Test(load, layers_directions_projection_peepholes)
{
	loaded l = load("weight_ih_l0 F32 8 3; weight_hh_l0 F32 8 1; weight_hr_l0 F32 1 2; "
	                "weight_ih_l0_reverse F32 8 3; weight_hh_l0_reverse F32 8 1; "
	                "weight_hr_l0_reverse F32 1 2; "
	                "weight_ih_l1 F32 8 2; weight_hh_l1 F32 8 1; weight_hr_l1 F32 1 2; "
	                "weight_ih_l1_reverse F32 8 2; weight_hh_l1_reverse F32 8 1; "
	                "weight_hr_l1_reverse F32 1 2; weight_peephole_l1_reverse F32 6; "
	                "bias_ih_l1 F32 8; bias_hh_l1 F32 8",
	                NULL, "");

	expect_sizes(&l, 3, 2, 1, 2, LSTM_BIDIRECTIONAL);
	expect_array("layer 0 forward w", l.weights[0].w, 0, 24);
	expect_array("layer 0 forward projection", l.weights[0].projection, 32, 2);
	expect_array("layer 0 reverse w", l.weights[1].w, 34, 24);
	expect_array("layer 0 reverse u", l.weights[1].u, 58, 8);
	expect_array("layer 1 forward w", l.weights[2].w, 68, 16);
	expect_array("layer 1 reverse w", l.weights[3].w, 94, 16);
	expect_array("layer 1 reverse peephole", l.weights[3].peephole, 120, 6);
	expect_array("layer 1 forward b", l.weights[2].b, 126, 8);
	expect_array("layer 1 forward b2", l.weights[2].b2, 134, 8);
	cr_assert_null(l.weights[0].b, "a bias from nowhere");
	cr_assert_null(l.weights[3].b, "a bias from nowhere");
	cr_assert_null(l.weights[2].peephole, "peepholes from nowhere");
	unload(&l);
}

Test(load, other_modules_may_stand_beside_and_below_the_lstm)
{
	loaded l = load("m.weight_ih F32 4 1; m.weight_hh F32 4 1; m.head.weight F32 3; "
	                "m.weight.gamma F32 1; mx F32 1; gamma F32 1; x.y F32 1; "
	                "m.initial_h F32 1 1; m.initial_c F32 1 1",
	                NULL, NULL);

	expect_sizes(&l, 1, 1, 0, 1, LSTM_FORWARD);
	unload(&l);
	l = load(ONE_LAYER "; initial_h F32 2; head.weight F32 2", NULL, NULL);
	expect_sizes(&l, 3, 2, 0, 1, LSTM_FORWARD);
	unload(&l);
	/* a prefix that ends in no dot is part of names that anybody may have chosen */
	l = load("m.a_weight_ih F32 4 1; m.a_weight_hh F32 4 1; m.a_b_weight_ih F32 4 1", NULL,
	         "m.a_");
	expect_sizes(&l, 1, 1, 0, 1, LSTM_FORWARD);
	unload(&l);
}

Test(load, twelve_layers_are_counted_past_nine)
{
	char tensors[1200] = "", line[100];
	loaded l;
	int k;

	for (k = 11; k >= 0; k--) {
		snprintf(line, sizeof(line), "a.weight_ih_l%d F32 4 1; a.weight_hh_l%d F32 4 1%s",
		         k, k, k ? "; " : "");
		strcat(tensors, line);
	}
	l = load(tensors, NULL, NULL);
	expect_sizes(&l, 1, 1, 0, 12, LSTM_FORWARD);
	for (k = 0; k < 12; k++) {
		expect_array("w", l.weights[k].w, (size_t)(11 - k) * 8, 4);
		expect_array("u", l.weights[k].u, (size_t)(11 - k) * 8 + 4, 4);
	}
	unload(&l);
}

Test(load, a_prefix_chooses_between_two)
{
	const char *two = "a.weight_ih_l0 F32 4 1; a.weight_hh_l0 F32 4 1; "
			  "b.weight_ih_l0 F32 8 3; b.weight_hh_l0 F32 8 2; "
			  "b.c.weight_ih F32 12 1; b.c.weight_hh F32 12 3";
	loaded a = load(two, NULL, "a."), b = load(two, NULL, "b."), c = load(two, NULL, "b.c.");

	expect_sizes(&a, 1, 1, 0, 1, LSTM_FORWARD);
	expect_sizes(&b, 3, 2, 0, 1, LSTM_FORWARD);
	expect_sizes(&c, 1, 3, 0, 1, LSTM_FORWARD);
	expect_array("a's u", a.weights[0].u, 4, 4);
	expect_array("b's u", b.weights[0].u, 32, 16);
	expect_array("c's u", c.weights[0].u, 60, 36);
	unload(&a);
	unload(&b);
	unload(&c);
}

Test(load, one_file_gives_several_models_while_it_is_open)
{
	loaded l = load("a.weight_ih F16 4 1; a.weight_hh F64 4 1; "
	                "b.weight_ih BF16 4 2; b.weight_hh F32 4 1",
	                NULL, "a.");
	const lstm_weights *first = l.weights, *second;
	lstm_load_args args = {0};
	lstm_desc desc;

	args.prefix = "b.";
	cr_assert_eq(lstm_file_lstm(l.file, &args, &desc, &second, NULL), LSTM_OK, "b");
	args.prefix = "c.";
	cr_assert_eq(lstm_file_lstm(l.file, &args, &desc, &l.weights, NULL), LSTM_ERR_FORMAT, "c");
	cr_assert_null(l.weights, "weights of a model that is not there");
	cr_assert_eq(desc.input, 0, "a description of a model that is not there");
	expect_array("a's w", first[0].w, 0, 4);
	expect_array("a's u", first[0].u, 4, 4);
	expect_array("b's w", second[0].w, 8, 8);
	expect_array("b's u", second[0].u, 16, 4);
	unload(&l);
}

Test(load, every_floating_type_at_every_alignment)
{
	static const char *const types[] = {"F32", "F64", "F16", "BF16"};
	char tensors[200];
	size_t k, shift;

	for (k = 0; k < 4; k++) {
		built b;
		unsigned char *memory;

		snprintf(tensors, sizeof(tensors), "weight_ih_l0 %s 8 3; weight_hh_l0 %s 8 2",
		         types[k], types[k]);
		b = built_list(tensors, NULL);
		memory = (unsigned char *)malloc(b.size + 8);
		cr_assert_not_null(memory, "out of memory");
		for (shift = 0; shift < 8; shift++) {
			const lstm_weights *weights;
			lstm_desc desc;
			lstm_file *file;

			memcpy(memory + shift, b.bytes, b.size);
			lstm_file_open_memory(&file, memory + shift, b.size, "m", NULL);
			cr_assert_eq(lstm_file_lstm(file, NULL, &desc, &weights, NULL), LSTM_OK,
			             "%s at %zu", types[k], shift);
			cr_assert_eq((size_t)weights[0].w % sizeof(float), 0,
			             "%s at %zu: unaligned", types[k], shift);
			expect_array(types[k], weights[0].w, 0, 24);
			expect_array(types[k], weights[0].u, 24, 16);
			lstm_file_close(file);
		}
		free(memory);
		built_free(&b);
	}
}

Test(load, one_bias_alone_needs_metadata)
{
	loaded l = load(ONE_LAYER "; bias_ih_l0 F32 8", "\"lstm.bias\":\"single\"", NULL);

	expect_array("b", l.weights[0].b, 40, 8);
	cr_assert_null(l.weights[0].b2, "a second bias from nowhere");
	unload(&l);
	l = load(ONE_LAYER, "\"lstm.bias\":\"single\"", NULL);
	cr_assert_null(l.weights[0].b, "a bias from nowhere");
	unload(&l);
}

/* ---- models that do not hold together -------------------------------------------------------- */
typedef struct fault {
	const char *tensors, *metadata, *prefix, *sentence;
} fault;

Test(load, what_does_not_fit_is_named)
{
	static const fault faults[] = {
		{"", NULL, NULL,
	         "expected a tensor weight_ih_l0 or weight_ih, of any prefix, found no tensor at "
	         "all"},
		{"b F32 1; a F32 1", NULL, NULL,
	         "expected a tensor weight_ih_l0 or weight_ih, of any prefix, found 'a', 'b'"},
		{"a F32 1; b F32 1; c F32 1; d F32 1; e F32 1; f F32 1", NULL, NULL,
	         "expected a tensor weight_ih_l0 or weight_ih, of any prefix, found 'a', 'b', 'c', "
	         "'d' "
	         "and 2 more"},
		{"b.weight_ih F32 4 1; a.weight_ih_l0 F32 4 1", NULL, NULL,
	         "expected one LSTM, or a prefix that chooses one, found 'a.weight_ih_l0', "
	         "'b.weight_ih'"},
		{"a.weight_ih_l0 F32 4 1", NULL, "a",
	         "expected weight_ih_l0 or weight_ih under prefix 'a', found 'a.weight_ih_l0'"},
		{"a F32 1", NULL, "a",
	         "expected weight_ih_l0 or weight_ih under prefix 'a', found 'a'"},
		{"a.weight_ih_l0 F32 4 1; a.weight_ih F32 4 1", NULL, NULL,
	         "tensor 'a.weight_ih_l0': expected this or one without _l0, found both"},
		{"weight_ih_l0 F32 8", NULL, NULL,
	         "tensor 'weight_ih_l0': expected shape [4 * hidden, input], found [8]"},
		{"weight_ih_l0 F32 6 3", NULL, NULL,
	         "tensor 'weight_ih_l0': expected shape [4 * hidden, input], found [6, 3]"},
		{"weight_ih_l0 F32 0 3", NULL, NULL,
	         "tensor 'weight_ih_l0': expected shape [4 * hidden, input], found [0, 3]"},
		{"weight_ih_l0 F32 8 0", NULL, NULL,
	         "tensor 'weight_ih_l0': expected shape [4 * hidden, input], found [8, 0]"},
		{"p.weight_ih_l0 F32 8 3", NULL, NULL,
	         "tensor 'p.weight_hh_l0': expected one of this name, found none"},
		{"weight_ih_l0 F32 8 3; weight_hh_l0 F32 8 3", NULL, NULL,
	         "tensor 'weight_hh_l0': expected shape [8, 2], found [8, 3]"},
		{"weight_ih_l0 F32 8 3; weight_hh_l0 F32 12 2", NULL, NULL,
	         "tensor 'weight_hh_l0': expected shape [8, 2], found [12, 2]"},
		{"weight_ih_l0 F32 8 3; weight_hh_l0 F32 8 2 1", NULL, NULL,
	         "tensor 'weight_hh_l0': expected shape [8, 2], found [8, 2, 1]"},
		{"weight_ih_l0 I32 8 3; weight_hh_l0 F32 8 2", NULL, NULL,
	         "tensor 'weight_ih_l0': expected F32, F64, F16, BF16 or I8, found I32"},
		{ONE_LAYER "; bias_ih_l0 I16 8; bias_hh_l0 F32 8", NULL, NULL,
	         "tensor 'bias_ih_l0': expected F32, F64, F16 or BF16, found I16"},
		{ONE_LAYER "; bias_ih_l0 F32 4; bias_hh_l0 F32 8", NULL, NULL,
	         "tensor 'bias_ih_l0': expected shape [8], found [4]"},
		{ONE_LAYER "; bias_ih_l0 F32 8; bias_hh_l0 F32 8 1", NULL, NULL,
	         "tensor 'bias_hh_l0': expected shape [8], found [8, 1]"},
		{ONE_LAYER "; bias_ih_l0 F32 8", NULL, NULL,
	         "tensor 'bias_hh_l0': expected it beside bias_ih, found none (one bias alone "
	         "needs "
	         "metadata lstm.bias = single)"},
		{ONE_LAYER "; bias_hh_l0 F32 8", NULL, NULL,
	         "tensor 'bias_ih_l0': expected it beside bias_hh, found none"},
		{ONE_LAYER "; bias_hh_l0 F32 8", "\"lstm.bias\":\"single\"", NULL,
	         "tensor 'bias_hh_l0': expected none, as metadata 'lstm.bias' is 'single'"},
		{ONE_LAYER "; weight_peephole_l0 F32 8", NULL, NULL,
	         "tensor 'weight_peephole_l0': expected shape [6], found [8]"},
		{"weight_ih_l0 F32 8 3; weight_hh_l0 F32 8 1; weight_hr_l0 F32 1 3", NULL, NULL,
	         "tensor 'weight_hr_l0': expected shape [projection, 2], found [1, 3]"},
		{"weight_ih_l0 F32 8 3; weight_hh_l0 F32 8 1; weight_hr_l0 F32 0 2", NULL, NULL,
	         "tensor 'weight_hr_l0': expected shape [projection, 2], found [0, 2]"},
		{"weight_ih_l0 F32 8 3; weight_hh_l0 F32 8 2; weight_hr_l0 F32 1 2", NULL, NULL,
	         "tensor 'weight_hh_l0': expected shape [8, 1], found [8, 2]"},
		{"weight_ih_l0 F32 8 3; weight_hh_l0 F32 8 1; weight_hr_l0 F32 1 2; "
	         "weight_ih_l1 F32 8 1; weight_hh_l1 F32 8 1",
	         NULL, NULL, "tensor 'weight_hr_l1': expected one of this name, found none"},
		{ONE_LAYER "; weight_hr_l1 F32 1 2", NULL, NULL,
	         "tensor 'weight_hr_l1': expected none beyond the layers found (1, in one "
	         "direction)"},
		{ONE_LAYER "; weight_ih_l1 F32 8 3; weight_hh_l1 F32 8 2", NULL, NULL,
	         "tensor 'weight_ih_l1': expected shape [8, 2], found [8, 3]"},
		{ONE_LAYER "; weight_ih_l2 F32 8 2; weight_hh_l2 F32 8 2", NULL, NULL,
	         "tensor 'weight_ih_l2': expected none beyond the layers found (1, in one "
	         "direction)"},
		{ONE_LAYER "; weight_hh_l0_reverse F32 8 2", NULL, NULL,
	         "tensor 'weight_hh_l0_reverse': expected none beyond the layers found (1, in one "
	         "direction)"},
		{ONE_LAYER "; weight_ih_l0_reverse F32 8 3; weight_hh_l0_reverse F32 8 2; "
	                   "weight_ih_l1 F32 8 4; weight_hh_l1 F32 8 2",
	         NULL, NULL,
	         "tensor 'weight_ih_l1_reverse': expected one of this name, found none"},
		{ONE_LAYER "; weight_ih_l1 F32 8 2; weight_hh_l1 F32 8 2; "
	                   "weight_ih_l1_reverse F32 8 2",
	         NULL, NULL,
	         "tensor 'weight_ih_l1_reverse': expected none beyond the layers found (2, in one "
	         "direction)"},
		{"weight_ih F32 8 3; weight_hh F32 8 2; weight_ih_reverse F32 8 3", NULL, NULL,
	         "tensor 'weight_ih_reverse': expected none beyond the layers found (1, in one "
	         "direction)"},
		{"x.weight_ih F32 8 3; x.weight_hh F32 8 2; x.bias_ih_l0 F32 8", NULL, NULL,
	         "tensor 'x.bias_ih_l0': expected none beyond the layers found (1, in one "
	         "direction)"},
		{ONE_LAYER "; weight_ih_l00 F32 8 2", NULL, NULL,
	         "tensor 'weight_ih_l00': expected none beyond the layers found (1, in one "
	         "direction)"},
		{"rnn.weight_ih F32 8 3; rnn.weight_hh F32 8 2; rnn.gamma F32 8", NULL, NULL,
	         "tensor 'rnn.gamma': expected only the LSTM's own directly under prefix 'rnn.', "
	         "found this one too"},
		{"a.weight_ih_l0 F32 8 3; a.weight_hh_l0 F32 8 2; a.bias F32 8; a.b.c F32 1", NULL,
	         "a.",
	         "tensor 'a.bias': expected only the LSTM's own directly under prefix 'a.', found "
	         "this one too"},
		{ONE_LAYER "; weight_peephole_l1 F32 6", NULL, NULL,
	         "tensor 'weight_peephole_l1': expected none beyond the layers found (1, in one "
	         "direction)"},
	};
	size_t k;

	for (k = 0; k < sizeof(faults) / sizeof(faults[0]); k++) {
		const fault *f = &faults[k];
		built b = built_list(f->tensors, f->metadata);
		lstm_load_args args = {0};
		lstm_model *model;
		lstm_error error;

		args.prefix = f->prefix;
		cr_assert_eq(lstm_model_load_memory(&model, b.bytes, b.size, "m", &args, &error),
		             LSTM_ERR_FORMAT, "expected '%s', found: %s", f->sentence, error.text);
		cr_assert_null(model, "%s: a model came back", f->sentence);
		cr_assert_eq(strncmp(error.text, "m: ", 3), 0, "the file is not named: %s",
		             error.text);
		cr_assert_str_eq(error.text + 3, f->sentence, "expected '%s', found '%s'",
		                 f->sentence, error.text + 3);
		cr_assert_eq(lstm_model_load_memory(&model, b.bytes, b.size, "m", &args, NULL),
		             LSTM_ERR_FORMAT, "%s: without an error", f->sentence);
		built_free(&b);
	}
}
