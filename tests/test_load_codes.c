/* Files of int8 codes with a scale for each row: what they stand for, what the model's type becomes,
 * and what is refused. */
#include <math.h>

#include "harness.h"
#include "safetensors_builder.h"

/* Input 2, hidden 1: w[4][2], u[4][1]. */
static const signed char codes[12] = {127, -127, 0, 1, -1, 64, 100, -3, 5, -6, 7, 0};
static const float scales[8] = {0.5f, 0.25f, 0.1f, 3e-5f, 1.0f, 0.0078125f, 2.0f, 1e-20f};

typedef struct codes_file {
	const char *w_scale, *w_scale_type, *w_scale_shape, *more;
	signed char codes[12];
	float scales[8];
} codes_file;

static codes_file usual(void)
{
	codes_file f;

	f.w_scale = "weight_ih_l0.scale";
	f.w_scale_type = "F32";
	f.w_scale_shape = "4";
	f.more = "";
	memcpy(f.codes, codes, sizeof(codes));
	memcpy(f.scales, scales, sizeof(scales));
	return f;
}

static built made(const codes_file *f)
{
	char header[800];
	unsigned char data[12 + 32];
	uint32_t bits;
	size_t k;
	int size;

	memcpy(data, f->codes, 12);
	for (k = 0; k < 32; k++) {
		memcpy(&bits, &f->scales[k / 4], sizeof(bits));
		data[12 + k] = (unsigned char)(bits >> k % 4 * 8);
	}
	size = snprintf(
		header, sizeof(header),
		"{\"weight_ih_l0\":{\"dtype\":\"I8\",\"shape\":[4,2],\"data_offsets\":[0,8]},"
		"\"weight_hh_l0\":{\"dtype\":\"I8\",\"shape\":[4,1],\"data_offsets\":[8,12]},"
		"\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[12,28]},"
		"\"weight_hh_l0.scale\":{\"dtype\":\"F32\",\"shape\":[4],"
		"\"data_offsets\":[28,44]}%s}",
		f->w_scale, f->w_scale_type, f->w_scale_shape, f->more);
	return built_raw(header, (size_t)size, data, sizeof(data));
}

static lstm_status loaded(const built *b, lstm_dtype dtype, lstm_file **file, lstm_desc *desc,
                          const lstm_weights **weights, lstm_error *error)
{
	lstm_load_args args;

	memset(&args, 0, sizeof(args));
	args.dtype = dtype;
	cr_assert_eq(lstm_file_open_memory(file, b->bytes, b->size, "m", error), LSTM_OK, "%s",
	             error->text);
	return lstm_file_lstm(*file, &args, desc, weights, error);
}

Test(load_codes, weights_are_codes_times_scales)
{
	const codes_file f = usual();
	built b = made(&f);
	const lstm_weights *weights;
	lstm_file *file;
	lstm_desc desc;
	lstm_error error;
	int k;

	cr_assert_eq(loaded(&b, LSTM_DTYPE_OTHER, &file, &desc, &weights, &error), LSTM_OK, "%s",
	             error.text);
	cr_assert_eq(desc.dtype, LSTM_DTYPE_I8, "all matrices are I8, the model is of %d",
	             desc.dtype);
	for (k = 0; k < 8; k++) {
		const float weight = (float)codes[k] * scales[k / 2]; /* rounded, whatever expressions are */
		cr_assert_eq(weights->w[k], weight, "w[%d]", k);
	}
	for (k = 0; k < 4; k++) {
		const float weight = (float)codes[8 + k] * scales[4 + k];
		cr_assert_eq(weights->u[k], weight, "u[%d]", k);
		cr_assert_eq(weights->w_scale[k], scales[k], "scale %d of w", k);
		cr_assert_eq(weights->u_scale[k], scales[4 + k], "scale %d of u", k);
	}
	cr_assert_null(weights->projection_scale, "scales of no projection");
	lstm_file_close(file);
	built_free(&b);
}

/* What a model keeps follows from the file, unless it is said. */
Test(load_codes, the_type_is_the_files_or_the_one_asked_for)
{
	static const struct {
		const char *tensors;
		lstm_dtype asked, wanted;
	} cases[] = {
		{"weight_ih_l0 BF16 4 2; weight_hh_l0 BF16 4 1", LSTM_DTYPE_OTHER, LSTM_DTYPE_BF16},
		{"weight_ih_l0 F16 4 2; weight_hh_l0 F16 4 1", LSTM_DTYPE_OTHER, LSTM_DTYPE_F16},
		{"weight_ih_l0 F16 4 2; weight_hh_l0 BF16 4 1", LSTM_DTYPE_OTHER, LSTM_DTYPE_F32},
		{"weight_ih_l0 F64 4 2; weight_hh_l0 F64 4 1", LSTM_DTYPE_OTHER, LSTM_DTYPE_F32},
		{"weight_ih_l0 F16 4 2; weight_hh_l0 F16 4 1; bias_ih_l0 F32 4; bias_hh_l0 F32 4",
	         LSTM_DTYPE_OTHER, LSTM_DTYPE_F16},
		{"weight_ih_l0 F32 4 2; weight_hh_l0 F32 4 1", LSTM_DTYPE_I8, LSTM_DTYPE_I8},
		{"weight_ih_l0 F16 4 2; weight_hh_l0 F16 4 1", LSTM_DTYPE_F32, LSTM_DTYPE_F32},
	};
	size_t k;

	for (k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		built b = built_list(cases[k].tensors, NULL);
		const lstm_weights *weights;
		lstm_file *file;
		lstm_desc desc;
		lstm_error error;

		cr_assert_eq(loaded(&b, cases[k].asked, &file, &desc, &weights, &error), LSTM_OK,
		             "%s", error.text);
		cr_assert_eq(desc.dtype, cases[k].wanted, "%s: expected %d, found %d",
		             cases[k].tensors, cases[k].wanted, desc.dtype);
		cr_assert_null(weights->w_scale, "%s: scales from nowhere", cases[k].tensors);
		lstm_file_close(file);
		built_free(&b);
	}
}

static void refused(const codes_file *f, const char *sentence)
{
	built b = made(f);
	const lstm_weights *weights;
	lstm_file *file;
	lstm_desc desc;
	lstm_error error;

	cr_assert_eq(loaded(&b, LSTM_DTYPE_OTHER, &file, &desc, &weights, &error), LSTM_ERR_FORMAT,
	             "expected: %s", sentence);
	cr_assert_str_eq(error.text, sentence, "expected: %s; found: %s", sentence, error.text);
	cr_assert_null(weights, "weights of a file that was refused");
	lstm_file_close(file);
	built_free(&b);
}

Test(load_codes, scales_that_do_not_fit_are_refused)
{
	codes_file f = usual();

	f.w_scale = "other";
	refused(&f, "m: tensor 'weight_ih_l0.scale': expected it beside 'weight_ih_l0' of I8, "
	            "found none");
	f = usual();
	f.w_scale_type = "I32";
	refused(&f, "m: tensor 'weight_ih_l0.scale': expected F32, found I32");
	f = usual();
	f.w_scale_shape = "2,2";
	refused(&f, "m: tensor 'weight_ih_l0.scale': expected shape [4], found [2, 2]");
	f = usual();
	f.scales[2] = 0;
	refused(&f, "m: tensor 'weight_ih_l0.scale': expected finite scales above 0, found another "
	            "one of row 2");
	f.scales[2] = -1;
	refused(&f, "m: tensor 'weight_ih_l0.scale': expected finite scales above 0, found another "
	            "one of row 2");
	f = usual();
	f.scales[7] = INFINITY;
	refused(&f, "m: tensor 'weight_hh_l0.scale': expected finite scales above 0, found another "
	            "one of row 3");
	f.scales[7] = NAN;
	refused(&f, "m: tensor 'weight_hh_l0.scale': expected finite scales above 0, found another "
	            "one of row 3");
}

Test(load_codes, a_code_without_its_opposite_is_refused)
{
	codes_file f = usual();

	f.codes[10] = -128;
	refused(&f,
	        "m: tensor 'weight_hh_l0': expected codes of -127 to 127, found -128 at [2, 0]");
}

Test(load_codes, a_bias_of_codes_is_refused)
{
	codes_file f = usual();

	f.more = ",\"bias_ih_l0\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[44,44]}";
	refused(&f, "m: tensor 'bias_ih_l0': expected F32, F64, F16 or BF16, found I8");
}

/* Scales without codes mean that the file is another one than was meant. */
Test(load_codes, scales_beside_other_types_are_refused)
{
	built b = built_list("weight_ih_l0 F32 4 2; weight_hh_l0 F32 4 1; weight_ih_l0.scale F32 4",
	                     NULL);
	const lstm_weights *weights;
	lstm_file *file;
	lstm_desc desc;
	lstm_error error;

	cr_assert_eq(loaded(&b, LSTM_DTYPE_OTHER, &file, &desc, &weights, &error), LSTM_ERR_FORMAT,
	             "scales beside F32 are taken");
	cr_assert(strstr(error.text, "'weight_ih_l0.scale'") != NULL, "found: %s", error.text);
	lstm_file_close(file);
	built_free(&b);
}
