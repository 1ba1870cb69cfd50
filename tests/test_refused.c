/* A catalogue of what can be wrong with a safetensors file, and the sentence each answers with:
 * the file, the tensor, what was expected and what was found. */
#include "harness.h"
#include "safetensors_builder.h"

static void expect_refused(const built *b, const char *sentence)
{
	lstm_file *file;
	lstm_model *model;
	lstm_error error;
	const char *end;

	cr_assert_eq(lstm_file_open_memory(&file, b->bytes, b->size, "bad", &error),
	             LSTM_ERR_FORMAT, "expected '%s', found: %s", sentence, error.text);
	cr_assert_null(file, "%s: a file came back", sentence);
	cr_assert_eq(error.status, LSTM_ERR_FORMAT, "%s: status %d", sentence, error.status);
	end = error.text + 5;
	cr_assert_eq(strncmp(error.text, "bad: ", 5), 0, "the file is not named: %s", error.text);
	cr_assert_str_eq(end, sentence, "expected '%s', found '%s'", sentence, end);
	cr_assert_eq(lstm_file_open_memory(&file, b->bytes, b->size, "bad", NULL), LSTM_ERR_FORMAT,
	             "%s: without an error", sentence);
	cr_assert_eq(lstm_model_load_memory(&model, b->bytes, b->size, "bad", NULL, &error),
	             LSTM_ERR_FORMAT, "%s: loaded", sentence);
	cr_assert_null(model, "%s: a model came back", sentence);
	cr_assert_str_eq(error.text + 5, sentence, "%s: lstm_model_load_memory says %s", sentence,
	                 error.text);
}

typedef struct fault {
	const char *header;
	size_t data;
	const char *sentence;
} fault;

static void expect_all_refused(const fault *faults, size_t count)
{
	size_t k;

	for (k = 0; k < count; k++) {
		built b = built_text(faults[k].header, faults[k].data);

		expect_refused(&b, faults[k].sentence);
		built_free(&b);
	}
}

#define EXPECT_ALL_REFUSED(faults) expect_all_refused(faults, sizeof(faults) / sizeof((faults)[0]))

/* ---- the frame ------------------------------------------------------------------------------- */
Test(refused, files_without_a_header)
{
	static const struct {
		unsigned char bytes[12];
		size_t size;
		const char *sentence;
	} files[] = {
		{"", 0, "expected a safetensors file, found it empty"},
		{"1", 1, "expected at least 8 bytes, found 1: not a safetensors file"},
		{"1234567", 7, "expected at least 8 bytes, found 7: not a safetensors file"},
		{{3, 0, 0, 0, 0, 0, 0, 0, '{', '}'},
	         10,
	         "expected a header of 3 bytes after the first 8, found only 2: the file is cut "
	         "short, "
	         "or not a safetensors file"},
		{{0, 0xe1, 0xf5, 5, 0, 0, 0, 0, '{', '}'},
	         10,
	         "expected a header of 100000000 bytes after the first 8, found only 2: the file "
	         "is cut "
	         "short, or not a safetensors file"},
		{{1, 0xe1, 0xf5, 5, 0, 0, 0, 0, '{', '}'},
	         10,
	         "expected a header of at most 100000000 bytes, found one of 100000001: not a "
	         "safetensors file"},
		{{255, 255, 255, 255, 255, 255, 255, 255, '{', '}'},
	         10,
	         "expected a header of at most 100000000 bytes, found one of 18446744073709551615: "
	         "not a safetensors file"},
	};
	size_t k;

	for (k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
		built b;

		b.size = files[k].size;
		b.bytes = (unsigned char *)malloc(b.size + 1);
		cr_assert_not_null(b.bytes, "out of memory");
		memcpy(b.bytes, files[k].bytes, b.size);
		expect_refused(&b, files[k].sentence);
		built_free(&b);
	}
}

/* ---- JSON ------------------------------------------------------------------------------------ */
#define WHOLE "a whole number from 0 to 18446744073709551615"

Test(refused, bad_json)
{
	static const fault faults[] = {
		{"", 0,
	         "byte 8: expected '{' at the start of the header, found the end of the header"},
		{" {}", 0, "byte 8: expected '{' at the start of the header, found ' '"},
		{"[]", 0, "byte 8: expected '{' at the start of the header, found '['"},
		{"null", 0, "byte 8: expected '{' at the start of the header, found 'null'"},
		{"{", 0, "byte 9: expected a tensor's name in quotes, found the end of the header"},
		{"{x", 0, "byte 9: expected a tensor's name in quotes, found 'x'"},
		{"{,}", 0, "byte 9: expected a tensor's name in quotes, found ','"},
		{"{\"a", 0, "byte 11: expected a closing quote, found the end of the header"},
		{"{\"a\"}", 0, "byte 12: expected ':' after a name, found '}'"},
		{"{\"a\":}", 0,
	         "tensor 'a', byte 13: expected '{' and the description of a tensor, found '}'"},
		{"{\"a\":1}", 0,
	         "tensor 'a', byte 13: expected '{' and the description of a tensor, found '1'"},
		{"{\"a\":{dtype:1}}", 0,
	         "tensor 'a', byte 14: expected a field's name in quotes, found 'dtype'"},
		{"{\"a\":{\"dtype\"}}", 0,
	         "tensor 'a', byte 21: expected ':' after a field's name, found '}'"},
		{"{\"a\":{\"dtype\":8}}", 0,
	         "tensor 'a', byte 22: expected a string as dtype, found '8'"},
		{"{\"a\":{\"dtype\":\"F32\" \"shape\":[]}}", 0,
	         "tensor 'a', byte 28: expected ',' or '}', found '\"'"},
		{"{\"a\":{\"dtype\":\"F32\",}}", 0,
	         "tensor 'a', byte 28: expected a field's name in quotes, found '}'"},
		{"{\"a\":{\"shape\":8}}", 0,
	         "tensor 'a', byte 22: expected a list as shape, found '8'"},
		{"{\"a\":{\"shape\":[1 2]}}", 0,
	         "tensor 'a', byte 25: expected ',' or ']', found '2'"},
		{"{\"a\":{\"shape\":[1,]}}", 0,
	         "tensor 'a', byte 25: expected " WHOLE ", found ']'"},
		{"{\"a\":{\"shape\":[1", 0,
	         "tensor 'a', byte 24: expected ',' or ']', found the end of the header"},
		{"{\"a\":{\"data_offsets\":0}}", 0,
	         "tensor 'a', byte 29: expected a list as data_offsets, found '0'"},
		{"{\"a\":{\"data_offsets\":[0]}}", 0,
	         "tensor 'a', byte 31: expected ',' and a second data offset, found ']'"},
		{"{\"a\":{\"data_offsets\":[0,1,2]}}", 0,
	         "tensor 'a', byte 33: expected ']' after two data offsets, found ','"},
		{"{} x", 0,
	         "byte 11: expected nothing but spaces after the header's object, found 'x'"},
		{"{}}", 0,
	         "byte 10: expected nothing but spaces after the header's object, found '}'"},
		{"{}\n", 0,
	         "byte 10: expected nothing but spaces after the header's object, found '\\x0a'"},
		{"{}\t", 0,
	         "byte 10: expected nothing but spaces after the header's object, found '\\x09'"},
	};
	built b = built_raw("{}\0", 3, NULL, 0);

	EXPECT_ALL_REFUSED(faults);
	expect_refused(&b, "byte 10: expected nothing but spaces after the header's object, found "
	                   "'\\x00'");
	built_free(&b);
}

/* A hundred thousand brackets take no more stack than one. */
Test(refused, deep_nesting)
{
	const size_t depth = 100000;
	char *header = (char *)malloc(depth + 32);
	built b;

	cr_assert_not_null(header, "out of memory");
	strcpy(header, "{\"a\":{\"shape\":");
	memset(header + 14, '[', depth);
	header[14 + depth] = '\0';
	b = built_text(header, 0);
	expect_refused(&b, "tensor 'a', byte 23: expected " WHOLE ", found '['");
	built_free(&b);
	strcpy(header, "{\"a\":");
	memset(header + 5, '{', depth);
	header[5 + depth] = '\0';
	b = built_text(header, 0);
	expect_refused(&b, "tensor 'a', byte 14: expected a field's name in quotes, found '{'");
	built_free(&b);
	free(header);
}

Test(refused, bad_strings)
{
	static const fault faults[] = {
		{"{\"\n\":1}", 0,
	         "byte 10: expected no bare control character in a string, found '\\x0a'"},
		{"{\"\\n\":1}", 0, "byte 10: expected no control character in a name, found '\\'"},
		{"{\"\\u0000\":1}", 0, "byte 10: expected no character U+0000, found '\\'"},
		{"{\"\\u009f\":1}", 0,
	         "byte 10: expected no control character in a name, found '\\'"},
		{"{\"a\x7f\":1}", 0,
	         "byte 11: expected no control character in a name, found '\\x7f'"},
		{"{\"\xc2\x85\":1}", 0,
	         "byte 10: expected no control character in a name, found '\\xc2\\x85'"},
		{"{\"__metadata__\":{\"k\\t\":\"\"}}", 0,
	         "byte 27: expected no control character in a name, found '\\'"},
		{"{\"__metadata__\":{\"k\":\"\\u0000\"}}", 0,
	         "byte 30: expected no character U+0000, found '\\'"},
		{"{\"\\x\":1}", 0, "byte 10: expected one of JSON's escapes, found '\\'"},
		{"{\"\\u12g4\":1}", 0, "byte 10: expected one of JSON's escapes, found '\\'"},
		{"{\"\\u12", 0, "byte 10: expected one of JSON's escapes, found '\\'"},
		{"{\"\\", 0, "byte 10: expected one of JSON's escapes, found '\\'"},
		{"{\"\\ud83d\":1}", 0, "byte 10: expected one of JSON's escapes, found '\\'"},
		{"{\"\\ud83d\\u0041\":1}", 0,
	         "byte 10: expected one of JSON's escapes, found '\\'"},
		{"{\"\\ude00\":1}", 0, "byte 10: expected one of JSON's escapes, found '\\'"},
		{"{\"\\ude00\\ude00\":1}", 0,
	         "byte 10: expected one of JSON's escapes, found '\\'"},
		{"{\"\x80\":1}", 0, "byte 10: expected UTF-8, found '\\x80'"},
		{"{\"\xc3\":1}", 0, "byte 10: expected UTF-8, found '\\xc3'"},
		{"{\"\xc0\xaf\":1}", 0, "byte 10: expected UTF-8, found '\\xc0'"}, /* overlong */
		{"{\"\xe0\x80\xaf\":1}", 0,
	         "byte 10: expected UTF-8, found '\\xe0'"}, /* overlong */
		{"{\"\xf0\x80\x80\xaf\":1}", 0,
	         "byte 10: expected UTF-8, found '\\xf0'"}, /* overlong */
		{"{\"\xed\xa0\x80\":1}", 0,
	         "byte 10: expected UTF-8, found '\\xed'"}, /* surrogate */
		{"{\"\xf4\x90\x80\x80\":1}", 0,
	         "byte 10: expected UTF-8, found '\\xf4'"},                       /* too large */
		{"{\"\xf0\x9f\x98", 0, "byte 10: expected UTF-8, found '\\xf0'"}, /* cut */
		{"{\"\xf5\x80\x80\x80\":1}", 0,
	         "byte 10: expected UTF-8, found '\\xf5'"}, /* too large */
		{"{\"\xff\":1}", 0, "byte 10: expected UTF-8, found '\\xff'"},
	};

	EXPECT_ALL_REFUSED(faults);
}

Test(refused, bad_numbers)
{
	static const char *const numbers[] = {"-1",
	                                      "1.0",
	                                      "1.5",
	                                      "1e3",
	                                      "01",
	                                      "00",
	                                      "+1",
	                                      "0x1",
	                                      "nan",
	                                      "true",
	                                      "-",
	                                      ".5",
	                                      "1E0",
	                                      "null",
	                                      "18446744073709551616",
	                                      "99999999999999999999"};
	char header[100], sentence[150];
	size_t k;

	for (k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
		built b;

		snprintf(header, sizeof(header), "{\"a\":{\"shape\":[%s]}}", numbers[k]);
		snprintf(sentence, sizeof(sentence),
		         "tensor 'a', byte 23: expected " WHOLE ", found '%s'", numbers[k]);
		if (strcmp(numbers[k], "0x1") == 0) /* a zero, and then no comma */
			strcpy(sentence, "tensor 'a', byte 24: expected ',' or ']', found 'x1'");
		b = built_text(header, 0);
		expect_refused(&b, sentence);
		built_free(&b);
	}
}

/* ---- entries --------------------------------------------------------------------------------- */
#define ENTRY(name, dtype, shape, offsets)                                                         \
	"\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

Test(refused, bad_fields)
{
	static const fault faults[] = {
		{"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
	         "tensor 'a': expected a field dtype, found none"},
		{"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4,
	         "tensor 'a': expected a field shape, found none"},
		{"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4,
	         "tensor 'a': expected a field data_offsets, found none"},
		{"{\"a\":{}}", 0, "tensor 'a': expected a field dtype, found none"},
		{"{\"a\":{\"dtype\":\"F32\",\"strides\":[1]}}", 0,
	         "tensor 'a': expected dtype, shape and data_offsets, found a field 'strides'"},
		{"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0,
	         "tensor 'a': expected one dtype, found two"},
		{"{\"a\":{\"shape\":[],\"shape\":[]}}", 0,
	         "tensor 'a': expected one shape, found two"},
		{"{" ENTRY("a", "float32", "[1]", "[0,4]") "}", 4,
	         "tensor 'a': expected a dtype of the format such as F32, found 'float32'"},
		{"{" ENTRY("a", "f32", "[1]", "[0,4]") "}", 4,
	         "tensor 'a': expected a dtype of the format such as F32, found 'f32'"},
		{"{" ENTRY("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1,
	         "tensor 'a', byte 52: expected a shape of at most 8 dimensions, found '1'"},
		{"{\"__metadata__\":1}", 0,
	         "byte 24: expected '{' and an object of strings as __metadata__, found '1'"},
		{"{\"__metadata__\":{\"k\":1}}", 0,
	         "byte 29: expected a string as metadata value, found '1'"},
		{"{\"__metadata__\":{\"k\"}}", 0,
	         "byte 28: expected ':' after a metadata key, found '}'"},
		{"{\"__metadata__\":{1:\"\"}}", 0,
	         "byte 25: expected a metadata key in quotes, found '1'"},
		{"{\"__metadata__\":{},\"__metadata__\":{}}", 0,
	         "byte 42: expected one '__metadata__' only, found '{'"},
		{"{\"__metadata__\":{\"k\":\"1\",\"j\":\"\",\"k\":\"2\"}}", 0,
	         "metadata 'k': expected one of this name, found two"},
		{"{" ENTRY("a", "U8", "[1]", "[0,1]") "," ENTRY(
			 "b", "U8", "[1]", "[1,2]") "," ENTRY("\\u0061", "U8", "[1]", "[2,3]") "}",
	         3, "tensor 'a': expected one of this name, found two"},
	};

	EXPECT_ALL_REFUSED(faults);
}

Test(refused, shapes_types_and_offsets_that_disagree)
{
	static const fault faults[] = {
		{"{" ENTRY("a", "F32", "[2,3]", "[0,20]") "}", 20,
	         "tensor 'a': expected 24 bytes for [2, 3] of F32, found 20 in [0, 20]"},
		{"{" ENTRY("a", "F16", "[]", "[0,4]") "}", 4,
	         "tensor 'a': expected 2 bytes for [] of F16, found 4 in [0, 4]"},
		{"{" ENTRY("a", "F32", "[0]", "[0,4]") "}", 4,
	         "tensor 'a': expected 0 bytes for [0] of F32, found 4 in [0, 4]"},
		{"{" ENTRY("a", "F4", "[3]", "[0,2]") "}", 2,
	         "tensor 'a': expected a whole number of bytes, found [3] of F4"},
		{"{" ENTRY("a", "F32", "[1]", "[4,0]") "}", 4,
	         "tensor 'a': expected data_offsets in ascending order, found [4, 0]"},
		{"{" ENTRY("a", "F32", "[1]", "[0,5]") "}", 4,
	         "tensor 'a': expected data_offsets up to 4, where the data end, found [0, 5]"},
		{"{" ENTRY("a", "F32", "[1]", "[18446744073709551612,18446744073709551615]") "}", 4,
	         "tensor 'a': expected data_offsets up to 4, where the data end, found "
	         "[18446744073709551612, 18446744073709551615]"},
		{"{" ENTRY("a", "F32", "[1]", "[18446744073709551612,0]") "}", 4,
	         "tensor 'a': expected data_offsets in ascending order, found "
	         "[18446744073709551612, 0]"},
		{"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[2,6]") "}", 6,
	         "tensor 'b': expected data that begin at 4, after tensor 'a', found them to "
	         "overlap "
	         "it from 2"},
		{"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[0,4]") "}", 4,
	         "tensor 'b': expected data that begin at 4, after tensor 'a', found them to "
	         "overlap "
	         "it from 0"},
		{"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[0]", "[2,2]") "}", 4,
	         "tensor 'b': expected data that begin at 4, after tensor 'a', found them to "
	         "overlap "
	         "it from 2"},
		{"{" ENTRY("b", "F32", "[1]", "[5,9]") "," ENTRY("a", "F32", "[1]", "[0,4]") "}", 9,
	         "tensor 'b': expected data that begin at 4, found a hole up to 5"},
		{"{" ENTRY("a", "F32", "[1]", "[1,5]") "}", 5,
	         "tensor 'a': expected data that begin at 0, found a hole up to 1"},
		{"{" ENTRY("a", "F32", "[1]", "[0,4]") "}", 5,
	         "expected 4 bytes of data, as the tensors say, found 5"},
		{"{}", 1, "expected 0 bytes of data, as the tensors say, found 1"},
	};

	EXPECT_ALL_REFUSED(faults);
}

Test(refused, shapes_beyond_memory)
{
	static const char *const shapes[] = {"18446744073709551615", "4294967296, 4294967296",
	                                     "9223372036854775808, 2, 0",
	                                     "2147483648, 2147483648, 8"};
	char header[150];
	size_t k;

	for (k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
		lstm_file *file;
		lstm_error error;
		built b;

		snprintf(header, sizeof(header), "{" ENTRY("a", "F32", "[%s]", "[0,0]") "}",
		         shapes[k]);
		b = built_text(header, 0);
		cr_assert_eq(lstm_file_open_memory(&file, b.bytes, b.size, "bad", &error),
		             LSTM_ERR_FORMAT, "[%s] was opened", shapes[k]);
		cr_assert_not_null(
			strstr(error.text, "tensor 'a': expected a shape that memory can hold"),
			"[%s]: %s", shapes[k], error.text);
		built_free(&b);
	}
}
