/* From a file to a model in one call: it is the model that the same arrays make. */
#include <unistd.h>

#include "harness.h"
#include "safetensors_builder.h"

enum { INPUT = 3, HIDDEN = 5, PROJECTION = 2, STEPS = 9, WIDTH = 2 * PROJECTION };
enum { ROWS = 4 * HIDDEN };

#define CELL(suffix, width)                                                                        \
	"n.weight_ih_" suffix " F32 20 " width "; n.weight_hh_" suffix " F32 20 2; "               \
	"n.bias_ih_" suffix " F32 20; n.bias_hh_" suffix " F32 20; "                               \
	"n.weight_peephole_" suffix " F32 15; n.weight_hr_" suffix " F32 2 5"

static const char tensors[] = CELL("l0", "3") "; " CELL("l0_reverse", "3") "; " CELL(
	"l1", "4") "; " CELL("l1_reverse", "4");

static void run(const lstm_model *model, float y[STEPS * WIDTH])
{
	float x[STEPS * INPUT];
	lstm_state *state;
	int k;

	for (k = 0; k < STEPS * INPUT; k++)
		x[k] = built_value((size_t)k);
	cr_assert_eq(lstm_state_new(&state, model, 1, STEPS), LSTM_OK, "no state");
	lstm_run(state, x, y, STEPS);
	lstm_state_free(state);
}

/* The same network from arrays: the elements of the file in its order. */
static lstm_model *from_arrays(lstm_isa isa)
{
	static float values[4000];
	lstm_weights weights[4] = {{0}};
	lstm_desc desc = {0};
	lstm_model *model;
	const float *next = values;
	size_t k;

	for (k = 0; k < sizeof(values) / sizeof(values[0]); k++)
		values[k] = built_value(k);
	for (k = 0; k < 4; k++) {
		weights[k].w = next;
		weights[k].u = next += ROWS * (k < 2 ? INPUT : WIDTH);
		weights[k].b = next += ROWS * PROJECTION;
		weights[k].b2 = next += ROWS;
		weights[k].peephole = next += ROWS;
		weights[k].projection = next += 3 * HIDDEN;
		next += PROJECTION * HIDDEN;
	}
	desc.input = INPUT;
	desc.hidden = HIDDEN;
	desc.projection = PROJECTION;
	desc.layers = 2;
	desc.direction = LSTM_BIDIRECTIONAL;
	desc.isa = isa;
	desc.activations[0][0].function = LSTM_HARD_SIGMOID;
	desc.activations[0][0].alpha = 0.25f;
	desc.activations[0][0].beta = 0.5f;
	desc.activations[0][1].function = LSTM_TANH;
	desc.activations[0][2].function = LSTM_SOFTSIGN;
	desc.clip = 1.5f;
	desc.cell_clip = 0.75f;
	cr_assert_eq(lstm_model_new(&model, &desc, weights), LSTM_OK, "no model from arrays");
	return model;
}

TEST_EACH_ISA(load_model, a_file_gives_the_bits_that_its_arrays_give)
{
	built b =
		built_list(tensors, "\"lstm.activations\":\"hardsigmoid(0.25,0.5),tanh,softsign\","
	                            "\"lstm.clip\":\"1.5\",\"lstm.cell_clip\":\"0.75\"");
	float expected[STEPS * WIDTH], y[STEPS * WIDTH];
	lstm_model *arrays = from_arrays(isa), *memory, *disk;
	lstm_load_args args = {0};
	lstm_error error;
	char path[] = "/tmp/lstm-test-XXXXXX";
	int fd = mkstemp(path), k, moved = 0;

	args.isa = isa;
	args.prefix = "n.";
	cr_assert_geq(fd, 0, "%s: cannot be made", path);
	cr_assert_eq(write(fd, b.bytes, b.size), (ssize_t)b.size, "%s: cannot be written", path);
	close(fd);
	cr_assert_eq(lstm_model_load(&disk, path, &args, &error), LSTM_OK, "%s", error.text);
	unlink(path);
	cr_assert_eq(lstm_model_load_memory(&memory, b.bytes, b.size, "m", &args, &error), LSTM_OK,
	             "%s", error.text);
	memset(b.bytes, 0xff, b.size); /* not needed afterwards */
	built_free(&b);
	cr_assert_eq(lstm_model_desc(disk)->isa, isa, "isa %d", lstm_model_desc(disk)->isa);
	run(arrays, expected);
	for (k = 1; k < STEPS * WIDTH; k++)
		moved += expected[k] != expected[k - 1];
	cr_assert_gt(moved, STEPS, "the network says nothing");
	run(memory, y);
	cr_assert_eq(memcmp(y, expected, sizeof(y)), 0, "from memory, the output differs");
	run(disk, y);
	cr_assert_eq(memcmp(y, expected, sizeof(y)), 0, "from a file, the output differs");
	lstm_model_free(arrays);
	lstm_model_free(memory);
	lstm_model_free(disk);
}

Test(load_model, a_model_that_cannot_be_made_is_named)
{
	built b = built_list("weight_ih F32 8 3; weight_hh F32 8 2", NULL);
	lstm_load_args args = {0};
	lstm_model *model = NULL;
	lstm_error error;
	int isa, unsupported = 0;

	for (isa = LSTM_ISA_SCALAR; isa <= LSTM_ISA_COUNT; isa++) {
		if (isa < LSTM_ISA_COUNT && lstm_isa_supported((lstm_isa)isa))
			continue;
		args.isa = (lstm_isa)isa;
		cr_assert_neq(lstm_model_load_memory(&model, b.bytes, b.size, "m", &args, &error),
		              LSTM_OK, "isa %d made a model", isa);
		cr_assert_null(model, "isa %d: a model came back", isa);
		cr_assert_eq(strncmp(error.text, "m: model of input 3, hidden 2, layers 1: ", 41),
		             0, "isa %d: %s", isa, error.text);
		cr_assert_str_eq(error.text + 41, lstm_strerror(error.status), "isa %d: %s", isa,
		                 error.text);
		unsupported++;
	}
	cr_assert_geq(unsupported, 2, "no CPU has both NEON and AVX");
	built_free(&b);
}

Test(load_model, null_pointers_are_refused)
{
	built b = built_list("weight_ih F32 8 3; weight_hh F32 8 2", NULL);
	const lstm_weights *weights = NULL;
	lstm_model *model;
	lstm_file *file;
	lstm_desc desc;
	lstm_error error;

	cr_assert_eq(lstm_model_load(NULL, "m", NULL, &error), LSTM_ERR_ARG, "no place");
	cr_assert_str_eq(error.text, "m: expected a place for the lstm_model, found a null pointer",
	                 "%s", error.text);
	cr_assert_eq(lstm_model_load_memory(NULL, b.bytes, b.size, "m", NULL, NULL), LSTM_ERR_ARG,
	             "no place");
	cr_assert_eq(lstm_model_load(&model, NULL, NULL, &error), LSTM_ERR_ARG, "no path");
	cr_assert_null(model, "a model came back");
	cr_assert_eq(lstm_model_load_memory(&model, NULL, 5, "m", NULL, NULL), LSTM_ERR_ARG,
	             "no data");
	cr_assert_eq(lstm_model_load(&model, "/nonexistent/m", NULL, &error), LSTM_ERR_FILE, "%s",
	             error.text);
	cr_assert_eq(lstm_file_open_memory(&file, b.bytes, b.size, "m", NULL), LSTM_OK,
	             "not opened");
	cr_assert_eq(lstm_file_lstm(NULL, NULL, &desc, &weights, NULL), LSTM_ERR_ARG, "no file");
	cr_assert_eq(lstm_file_lstm(file, NULL, NULL, &weights, NULL), LSTM_ERR_ARG, "no desc");
	cr_assert_eq(lstm_file_lstm(file, NULL, &desc, NULL, &error), LSTM_ERR_ARG, "no weights");
	cr_assert_eq(error.status, LSTM_ERR_ARG, "status %d", error.status);
	lstm_file_close(file);
	built_free(&b);
}
