/* Elements of tensors: each type of the format, from its bits to the bits of fp32, by hand. */
#include "harness.h"
#include "safetensors_builder.h"

static void expect_values(const char *dtype, const void *data, size_t size, lstm_dtype wanted,
                          const uint32_t *bits, size_t count)
{
	char header[200];
	float values[16];
	uint32_t got;
	size_t k;
	built b;
	lstm_file *file;
	lstm_error error;
	const lstm_tensor *t;

	snprintf(header, sizeof(header),
	         "{\"v\":{\"dtype\":\"%s\",\"shape\":[%lu],\"data_offsets\":[0,%lu]}}", dtype,
	         (unsigned long)count, (unsigned long)size);
	b = built_raw(header, strlen(header), data, size);
	cr_assert_eq(lstm_file_open_memory(&file, b.bytes, b.size, "x", &error), LSTM_OK, "%s",
	             error.text);
	t = lstm_file_find(file, "v");
	cr_assert_not_null(t, "%s: no tensor", dtype);
	cr_assert_eq(t->dtype, wanted, "%s: read as type %d", dtype, t->dtype);
	cr_assert_eq(lstm_tensor_read(t, values, count), LSTM_OK, "%s is not read", dtype);
	for (k = 0; k < count; k++) {
		memcpy(&got, &values[k], sizeof(got));
		cr_assert_eq(got, bits[k], "%s, value %zu: expected %08x, found %08x", dtype, k,
		             (unsigned)bits[k], (unsigned)got);
	}
	lstm_file_close(file);
	built_free(&b);
}

Test(dtypes, f32_is_read_bit_for_bit)
{
	/* 1, -2.5, the smallest subnormal, -0, infinity, a NaN: little endian */
	static const unsigned char data[] = {0, 0, 0x80, 0x3f, 0, 0,    0x20, 0xc0,
	                                     1, 0, 0,    0,    0, 0,    0,    0x80,
	                                     0, 0, 0x80, 0x7f, 0, 0x12, 0xc0, 0x7f};
	static const uint32_t bits[] = {0x3f800000, 0xc0200000, 1,
	                                0x80000000, 0x7f800000, 0x7fc01200};

	expect_values("F32", data, sizeof(data), LSTM_DTYPE_F32, bits, 6);
}

Test(dtypes, f16_is_read_exactly)
{
	/* 1, -2, 65504 (the largest), 2^-14 (the smallest normal), 1023 * 2^-24 (the largest
	 * subnormal), 2^-24, -2^-24, -0, infinity, -infinity, NaN, 1 + 2^-10 */
	static const unsigned char data[] = {0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b, 0x00, 0x04,
	                                     0xff, 0x03, 0x01, 0x00, 0x01, 0x80, 0x00, 0x80,
	                                     0x00, 0x7c, 0x00, 0xfc, 0x00, 0x7e, 0x01, 0x3c};
	static const uint32_t bits[] = {0x3f800000, 0xc0000000, 0x477fe000, 0x38800000,
	                                0x387fc000, 0x33800000, 0xb3800000, 0x80000000,
	                                0x7f800000, 0xff800000, 0x7fc00000, 0x3f802000};

	expect_values("F16", data, sizeof(data), LSTM_DTYPE_F16, bits, 12);
}

Test(dtypes, bf16_is_read_exactly)
{
	/* 1, -3.140625, the smallest subnormal, infinity, NaN */
	static const unsigned char data[] = {0x80, 0x3f, 0x49, 0xc0, 0x01,
	                                     0x00, 0x80, 0x7f, 0xc0, 0x7f};
	static const uint32_t bits[] = {0x3f800000, 0xc0490000, 0x00010000, 0x7f800000, 0x7fc00000};

	expect_values("BF16", data, sizeof(data), LSTM_DTYPE_BF16, bits, 5);
}

Test(dtypes, f64_is_rounded_to_nearest_even)
{
	/* 1; 1 + 2^-24, half way down to even 1; 1 + 3 * 2^-24, half way up to 1 + 2^-22;
	 * 1 + 2^-24 + 2^-52, just above half way; 0.1; 1e300, beyond fp32; 2^-149; -0 */
	static const uint64_t doubles[] = {
		0x3ff0000000000000, 0x3ff0000010000000, 0x3ff0000030000000, 0x3ff0000010000001,
		0x3fb999999999999a, 0x7e37e43c8800759c, 0x36a0000000000000, 0x8000000000000000};
	static const uint32_t bits[] = {0x3f800000, 0x3f800000, 0x3f800002, 0x3f800001,
	                                0x3dcccccd, 0x7f800000, 1,          0x80000000};
	unsigned char data[64];
	int k;

	for (k = 0; k < 64; k++)
		data[k] = (unsigned char)(doubles[k / 8] >> k % 8 * 8);
	expect_values("F64", data, sizeof(data), LSTM_DTYPE_F64, bits, 8);
}

/* The format's other types: known by size, but not as fp32. */
Test(dtypes, other_types_are_known_but_not_read)
{
	static const struct {
		const char *name;
		size_t bits;
	} types[] = {{"I64", 64},    {"U64", 64},   {"I32", 32},        {"U32", 32},
	             {"I16", 16},    {"U16", 16},   {"I8", 8},          {"U8", 8},
	             {"BOOL", 8},    {"C64", 64},   {"F8_E4M3", 8},     {"F8_E5M2", 8},
	             {"F8_E8M0", 8}, {"F4", 4},     {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
	             {"F6_E2M3", 6}, {"F6_E3M2", 6}};
	char header[200];
	float values[4];
	size_t k;

	for (k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
		size_t bytes = types[k].bits * 4 / 8;
		lstm_file *file;
		lstm_error error;
		built b;

		snprintf(header, sizeof(header),
		         "{\"v\":{\"dtype\":\"%s\",\"shape\":[4],\"data_offsets\":[0,%lu]}}",
		         types[k].name, (unsigned long)bytes);
		b = built_text(header, bytes);
		cr_assert_eq(lstm_file_open_memory(&file, b.bytes, b.size, "x", &error), LSTM_OK,
		             "%s", error.text);
		cr_assert_eq(lstm_file_tensor(file, 0)->dtype,
		             strcmp(types[k].name, "I8") == 0 ? LSTM_DTYPE_I8 : LSTM_DTYPE_OTHER,
		             "%s", types[k].name);
		cr_assert_str_eq(lstm_file_tensor(file, 0)->type, types[k].name, "%s",
		                 types[k].name);
		cr_assert_eq(lstm_file_tensor(file, 0)->bytes, bytes, "%s", types[k].name);
		cr_assert_eq(lstm_tensor_read(lstm_file_tensor(file, 0), values, 4),
		             LSTM_ERR_FORMAT, "%s was read", types[k].name);
		lstm_file_close(file);
		built_free(&b);
	}
}
