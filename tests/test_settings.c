/* lstm.* in __metadata__: every key, every activation, every value that is refused. */
#include "harness.h"
#include "safetensors_builder.h"

#define FORWARD "weight_ih F32 4 1; weight_hh F32 4 1"
#define BOTH                                                                                       \
	"weight_ih_l0 F32 4 1; weight_hh_l0 F32 4 1; "                                             \
	"weight_ih_l0_reverse F32 4 1; weight_hh_l0_reverse F32 4 1"

static lstm_status describe(const char *tensors, const char *metadata, lstm_desc *desc,
                            lstm_error *error)
{
	built b = built_list(tensors, metadata);
	const lstm_weights *weights;
	lstm_file *file;
	lstm_status status = lstm_file_open_memory(&file, b.bytes, b.size, "m", error);

	cr_assert_eq(status, LSTM_OK, "%s", error->text);
	status = lstm_file_lstm(file, NULL, desc, &weights, error);
	lstm_file_close(file);
	built_free(&b);
	return status;
}

static lstm_desc described(const char *tensors, const char *metadata)
{
	lstm_desc desc;
	lstm_error error;

	cr_assert_eq(describe(tensors, metadata, &desc, &error), LSTM_OK, "%s", error.text);
	return desc;
}

Test(settings, none_leaves_the_defaults)
{
	lstm_desc desc = described(FORWARD, "\"format\":\"pt\",\"lstm\":\"1\",\"LSTM.x\":\"\"");
	int d, k;

	for (d = 0; d < 2; d++)
		for (k = 0; k < 3; k++)
			cr_assert_eq(desc.activations[d][k].function, LSTM_DEFAULT,
			             "activation %d %d", d, k);
	cr_assert_eq(desc.clip, 0, "clip %g", (double)desc.clip);
	cr_assert_eq(desc.cell_clip, 0, "cell_clip %g", (double)desc.cell_clip);
	cr_assert_eq(desc.input_forget, 0, "input_forget %d", desc.input_forget);
	cr_assert_eq(desc.direction, LSTM_FORWARD, "direction %d", desc.direction);
}

Test(settings, every_key_is_read)
{
	lstm_desc desc =
		described(FORWARD, "\"lstm.gates\":\"ifgo\",\"lstm.direction\":\"reverse\","
	                           "\"lstm.clip\":\"2.5\",\"lstm.cell_clip\":\"1e1\","
	                           "\"lstm.input_forget\":\"1\",\"lstm.bias\":\"single\","
	                           "\"lstm.activations\":\"relu,linear,softsign\"");

	cr_assert_eq(desc.direction, LSTM_REVERSE, "direction %d", desc.direction);
	cr_assert_eq(desc.clip, 2.5f, "clip %g", (double)desc.clip);
	cr_assert_eq(desc.cell_clip, 10.0f, "cell_clip %g", (double)desc.cell_clip);
	cr_assert_eq(desc.input_forget, 1, "input_forget %d", desc.input_forget);
	cr_assert_eq(desc.activations[0][0].function, LSTM_RELU, "gates");
	cr_assert_eq(desc.activations[0][1].function, LSTM_LINEAR, "candidate");
	cr_assert_eq(desc.activations[0][2].function, LSTM_SOFTSIGN, "output");
	cr_assert_eq(desc.activations[1][0].function, LSTM_DEFAULT, "the direction not there");
	desc = described(FORWARD, "\"lstm.input_forget\":\"0\",\"lstm.direction\":\"forward\"");
	cr_assert_eq(desc.input_forget, 0, "input_forget %d", desc.input_forget);
	cr_assert_eq(desc.direction, LSTM_FORWARD, "direction %d", desc.direction);
	desc = described(BOTH, "\"lstm.direction\":\"bidirectional\"");
	cr_assert_eq(desc.direction, LSTM_BIDIRECTIONAL, "direction %d", desc.direction);
}

Test(settings, every_activation_is_read)
{
	static const struct {
		const char *text;
		lstm_activation wanted;
	} names[] = {
		{"sigmoid", {LSTM_SIGMOID, 0, 0}},
		{"tanh", {LSTM_TANH, 0, 0}},
		{"relu", {LSTM_RELU, 0, 0}},
		{"linear", {LSTM_LINEAR, 0, 0}},
		{"affine", {LSTM_AFFINE, 0, 0}},
		{"affine(2,-0.5)", {LSTM_AFFINE, 2, -0.5f}},
		{"affine(0,1)", {LSTM_AFFINE, 0, 1}},
		{"leakyrelu", {LSTM_LEAKY_RELU, 0, 0}},
		{"leakyrelu(-0.25)", {LSTM_LEAKY_RELU, -0.25f, 0}},
		{"thresholdedrelu", {LSTM_THRESHOLDED_RELU, 0, 0}},
		{"thresholdedrelu(0.5)", {LSTM_THRESHOLDED_RELU, 0.5f, 0}},
		{"scaledtanh", {LSTM_SCALED_TANH, 0, 0}},
		{"scaledtanh(1.7159,0.66667)", {LSTM_SCALED_TANH, 1.7159f, 0.66667f}},
		{"hardsigmoid", {LSTM_HARD_SIGMOID, 0, 0}},
		{"hardsigmoid(0.2,0.5)", {LSTM_HARD_SIGMOID, 0.2f, 0.5f}},
		{"hardsigmoid_keras3", {LSTM_HARD_SIGMOID_KERAS3, 0, 0}},
		{"elu", {LSTM_ELU, 0, 0}},
		{"elu(1e-2)", {LSTM_ELU, 0.01f, 0}},
		{"softsign", {LSTM_SOFTSIGN, 0, 0}},
		{"softplus", {LSTM_SOFTPLUS, 0, 0}},
	};
	char metadata[200];
	size_t k;
	int place;

	for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		for (place = 0; place < 3; place++) {
			const char *text = names[k].text;
			lstm_activation got;

			snprintf(metadata, sizeof(metadata), "\"lstm.activations\":\"%s,%s,%s\"",
			         place == 0 ? text : "relu", place == 1 ? text : "relu",
			         place == 2 ? text : "relu");
			got = described(FORWARD, metadata).activations[0][place];
			cr_assert_eq(got.function, names[k].wanted.function, "%s in place %d", text,
			             place);
			cr_assert_eq(got.alpha, names[k].wanted.alpha, "%s: alpha %.9g", text,
			             (double)got.alpha);
			cr_assert_eq(got.beta, names[k].wanted.beta, "%s: beta %.9g", text,
			             (double)got.beta);
		}
	}
}

Test(settings, directions_share_three_activations_or_have_three_each)
{
	lstm_desc desc = described(BOTH, "\"lstm.activations\":\"relu,tanh,linear\"");
	int k;

	for (k = 0; k < 3; k++)
		cr_assert_eq(desc.activations[1][k].function, LSTM_DEFAULT,
		             "as in the forward one");
	desc = described(BOTH, "\"lstm.activations\":\"relu,tanh,linear,sigmoid,elu(2),softplus\"");
	cr_assert_eq(desc.activations[0][0].function, LSTM_RELU, "forward gates");
	cr_assert_eq(desc.activations[0][2].function, LSTM_LINEAR, "forward output");
	cr_assert_eq(desc.activations[1][0].function, LSTM_SIGMOID, "reverse gates");
	cr_assert_eq(desc.activations[1][1].function, LSTM_ELU, "reverse candidate");
	cr_assert_eq(desc.activations[1][1].alpha, 2, "reverse candidate's alpha");
	cr_assert_eq(desc.activations[1][2].function, LSTM_SOFTPLUS, "reverse output");
}

/* The compiler's own literals stand beside the text. */
Test(settings, decimals_are_the_nearest_floats)
{
#define NUMBER(x)                                                                                  \
	{                                                                                          \
#x, x##f                                                                           \
	}
	static const struct {
		const char *text;
		float value;
	} numbers[] = {
		NUMBER(0.1),
		NUMBER(0.2),
		NUMBER(0.3),
		NUMBER(1e-5),
		NUMBER(1.5e+3),
		NUMBER(3.14159265358979),
		NUMBER(0.20000000298023224),
		NUMBER(3.4028234663852886e38),
		NUMBER(1.1754943508222876e-38),
		NUMBER(16777217.0),
		NUMBER(16777219.0),
		NUMBER(123456789.125),
		NUMBER(9.87654321E-20),
		NUMBER(0.000000000000000000012345),
		NUMBER(12345678901234567890123.0),
		NUMBER(7e22),
		NUMBER(1.00000000000000000000000000001),
		NUMBER(0.30000001192092896),
		{"5", 5},
		{"005", 5},
		{"1000000000000000000000e-20", 10},
	};
	char metadata[200];
	size_t k;

	for (k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
		float got;

		snprintf(metadata, sizeof(metadata), "\"lstm.clip\":\"%s\"", numbers[k].text);
		got = described(FORWARD, metadata).clip;
		cr_assert_eq(got, numbers[k].value, "%s: expected %.9g, found %.9g",
		             numbers[k].text, (double)numbers[k].value, (double)got);
	}
}

Test(settings, what_is_wrong_is_named)
{
#define NUMBER_ABOVE_0 "a number above 0 in the range of fp32"
	static const struct {
		const char *tensors, *key, *value, *expected;
	} faults[] = {
		{FORWARD, "gates", "iofg", "ifgo"},
		{FORWARD, "gates", "IFGO", "ifgo"},
		{FORWARD, "gates", "", "ifgo"},
		{FORWARD, "direction", "backward", "forward, reverse or bidirectional"},
		{FORWARD, "direction", "bidirectional",
	         "forward or reverse, as there are tensors of one direction"},
		{BOTH, "direction", "reverse",
	         "bidirectional, as there are tensors of both directions"},
		{BOTH, "direction", "forward",
	         "bidirectional, as there are tensors of both directions"},
		{FORWARD, "clip", "", NUMBER_ABOVE_0},
		{FORWARD, "clip", "0", NUMBER_ABOVE_0},
		{FORWARD, "clip", "0.0e99999", NUMBER_ABOVE_0},
		{FORWARD, "clip", "-1", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1,5", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1.", NUMBER_ABOVE_0},
		{FORWARD, "clip", ".5", NUMBER_ABOVE_0},
		{FORWARD, "clip", "+1", NUMBER_ABOVE_0},
		{FORWARD, "clip", " 1", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1 ", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1e", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1e+", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1.2.3", NUMBER_ABOVE_0},
		{FORWARD, "clip", "0x1p3", NUMBER_ABOVE_0},
		{FORWARD, "clip", "inf", NUMBER_ABOVE_0},
		{FORWARD, "clip", "nan", NUMBER_ABOVE_0},
		{FORWARD, "clip", "3.5e38", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1e-39", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1e99999999999", NUMBER_ABOVE_0},
		{FORWARD, "clip", "1e-99999999999", NUMBER_ABOVE_0},
		{FORWARD, "cell_clip", "-0", NUMBER_ABOVE_0},
		{FORWARD, "cell_clip", "x", NUMBER_ABOVE_0},
		{FORWARD, "input_forget", "", "0 or 1"},
		{FORWARD, "input_forget", "2", "0 or 1"},
		{FORWARD, "input_forget", "true", "0 or 1"},
		{FORWARD, "input_forget", "10", "0 or 1"},
		{FORWARD, "bias", "double", "single"},
		{FORWARD, "Clip", "1",
	         "a key of gates, direction, activations, clip, cell_clip, input_forget, bias"},
		{FORWARD, "", "1",
	         "a key of gates, direction, activations, clip, cell_clip, input_forget, bias"},
		{FORWARD, "activations", "", "names such as sigmoid or hardsigmoid(0.2,0.5)"},
		{FORWARD, "activations", "Sigmoid,tanh,tanh",
	         "names such as sigmoid or hardsigmoid(0.2,0.5)"},
		{FORWARD, "activations", "sigmoid, tanh, tanh",
	         "names such as sigmoid or hardsigmoid(0.2,0.5)"},
		{FORWARD, "activations", "sig,tanh,tanh",
	         "names such as sigmoid or hardsigmoid(0.2,0.5)"},
		{FORWARD, "activations", "hardsigmoid_keras,tanh,tanh",
	         "names such as sigmoid or hardsigmoid(0.2,0.5)"},
		{FORWARD, "activations", "sigmoid,,tanh",
	         "names such as sigmoid or hardsigmoid(0.2,0.5)"},
		{FORWARD, "activations", "sigmoid", "three activations"},
		{FORWARD, "activations", "sigmoid,tanh", "three activations"},
		{FORWARD, "activations", "sigmoid,tanh,tanh,tanh", "three activations"},
		{FORWARD, "activations", "relu,relu,relu,relu,relu,relu", "three activations"},
		{BOTH, "activations", "relu,relu,relu,relu", "three or six activations"},
		{BOTH, "activations", "relu,relu,relu,relu,relu,relu,relu",
	         "three or six activations"},
		{FORWARD, "activations", "sigmoid,tanh,tanh,", "names with a comma in between"},
		{FORWARD, "activations", "sigmoid,tanh,tanh)", "names with a comma in between"},
		{FORWARD, "activations", "elu(1)x,tanh,tanh", "names with a comma in between"},
		{FORWARD, "activations", "tanh(1),tanh,tanh",
	         "no parameters where a function has none"},
		{FORWARD, "activations", "tanh(),tanh,tanh",
	         "no parameters where a function has none"},
		{FORWARD, "activations", "elu(),tanh,tanh", "one number in parentheses, or none"},
		{FORWARD, "activations", "elu(1,2),tanh,tanh",
	         "one number in parentheses, or none"},
		{FORWARD, "activations", "elu(1", "one number in parentheses, or none"},
		{FORWARD, "activations", "elu(", "one number in parentheses, or none"},
		{FORWARD, "activations", "affine(1),tanh,tanh",
	         "two numbers in parentheses, or none"},
		{FORWARD, "activations", "affine(1,),tanh,tanh",
	         "two numbers in parentheses, or none"},
		{FORWARD, "activations", "affine(1, 2),tanh,tanh",
	         "two numbers in parentheses, or none"},
		{FORWARD, "activations", "affine(1,2", "two numbers in parentheses, or none"},
		{FORWARD, "activations", "affine(1,2,3),tanh,tanh",
	         "two numbers in parentheses, or none"},
		{FORWARD, "activations", "affine(0,0),tanh,tanh",
	         "parameters that are not all zero, which stands for the defaults"},
		{FORWARD, "activations", "elu(0),tanh,tanh",
	         "parameters that are not all zero, which stands for the defaults"},
		{FORWARD, "activations", "leakyrelu(-0.0),tanh,tanh",
	         "parameters that are not all zero, which stands for the defaults"},
	};
	char metadata[200], sentence[300];
	size_t k;

	for (k = 0; k < sizeof(faults) / sizeof(faults[0]); k++) {
		lstm_desc desc;
		lstm_error error;

		snprintf(metadata, sizeof(metadata), "\"lstm.%s\":\"%s\"", faults[k].key,
		         faults[k].value);
		snprintf(sentence, sizeof(sentence),
		         "m: metadata 'lstm.%s': expected %s, found '%s'", faults[k].key,
		         faults[k].expected, faults[k].value);
		cr_assert_eq(describe(faults[k].tensors, metadata, &desc, &error), LSTM_ERR_FORMAT,
		             "%s was taken", metadata);
		cr_assert_str_eq(error.text, sentence, "expected '%s', found '%s'", sentence,
		                 error.text);
	}
}
