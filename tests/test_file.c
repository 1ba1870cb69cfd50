/* The safetensors container: files of every kind are read exactly, and none that is wrong is
 * opened.  See test_file_refused.c for the catalogue of what can be wrong. */
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "safetensors_builder.h"

static lstm_file *opened(const built *b)
{
	lstm_file *file;
	lstm_error error;
	lstm_status status = lstm_file_open_memory(&file, b->bytes, b->size, "x", &error);

	cr_assert_eq(status, LSTM_OK, "%s", error.text);
	cr_assert_eq(error.status, LSTM_OK, "the error says %d", error.status);
	cr_assert_str_eq(error.text, "", "the error of a good file says %s", error.text);
	return file;
}

/* What an accepted file promises: every tensor lies in the data, and they fill them. */
static void expect_consistent(const lstm_file *file, const unsigned char *end, size_t data_size)
{
	size_t k, covered = 0;

	for (k = 0; k < lstm_file_count(file); k++) {
		const lstm_tensor *t = lstm_file_tensor(file, k);
		const unsigned char *data = (const unsigned char *)t->data;

		cr_assert_leq(t->bytes, data_size, "tensor %zu: %zu bytes", k, t->bytes);
		cr_assert_geq(data, end - data_size, "tensor %zu begins before the data", k);
		cr_assert_leq(data, end - t->bytes, "tensor %zu ends after the data", k);
		cr_assert_eq(lstm_file_find(file, t->name), t, "tensor %zu is not found", k);
		cr_assert_leq(t->rank, 8, "tensor %zu: rank %d", k, t->rank);
		covered += t->bytes;
	}
	cr_assert_eq(covered, data_size, "%zu of %zu bytes covered", covered, data_size);
	cr_assert_null(lstm_file_tensor(file, k), "there is a tensor past the last");
}

/* ---- contents -------------------------------------------------------------------------------- */
Test(file, shapes_scalars_and_empty_tensors_are_read)
{
	built b = built_text("{\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
	                     "\"eight\":{\"dtype\":\"U8\",\"shape\":[1,2,1,1,3,1,1,1],"
	                     "\"data_offsets\":[4,10]},"
	                     "\"none\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[4,4]}}",
	                     10);
	lstm_file *file = opened(&b);
	const lstm_tensor *t = lstm_file_tensor(file, 1);
	float value;

	expect_consistent(file, b.bytes + b.size, 10);
	cr_assert_eq(lstm_file_count(file), 3, "%zu tensors", lstm_file_count(file));
	cr_assert_str_eq(t->name, "eight", "the order of the header is not kept: %s", t->name);
	cr_assert_eq(t->rank, 8, "rank %d", t->rank);
	cr_assert_eq(t->shape[4], 3, "dimension 4 is %zu", t->shape[4]);
	t = lstm_file_find(file, "none");
	cr_assert_eq(lstm_tensor_read(t, NULL, 0), LSTM_OK, "nothing cannot be read");
	t = lstm_file_find(file, "scalar");
	cr_assert_eq(t->rank, 0, "rank %d", t->rank);
	cr_assert_eq(lstm_tensor_read(t, &value, 1), LSTM_OK, "a scalar cannot be read");
	cr_assert_eq(lstm_tensor_read(t, &value, 0), LSTM_ERR_ARG, "a count too small was taken");
	cr_assert_eq(lstm_tensor_read(t, &value, 2), LSTM_ERR_ARG, "a count too large was taken");
	cr_assert_eq(lstm_tensor_read(t, NULL, 1), LSTM_ERR_ARG, "a null pointer was taken");
	cr_assert_eq(lstm_tensor_read(NULL, &value, 1), LSTM_ERR_ARG, "a null pointer was taken");
	lstm_file_close(file);
	built_free(&b);
}

Test(file, names_and_metadata_are_decoded)
{
	built b = built_text("{}", 0);
	lstm_file *file = opened(&b);

	cr_assert_eq(lstm_file_count(file), 0, "%zu tensors", lstm_file_count(file));
	cr_assert_null(lstm_file_metadata(file, "k"), "metadata where there are none");
	cr_assert_null(lstm_file_find(file, ""), "a tensor where there is none");
	lstm_file_close(file);
	built_free(&b);
	/* JSON's escapes; a surrogate pair (U+1F600); UTF-8 of 2, 3 and 4 bytes as it is */
	b = built_text(
		"{ \"a\\u00e9\\/\\\\\\\"\" :\n{\"data_offsets\" : [ 0 ,\t2 ] , \"shape\":[ 1 ]\r,"
		"\"dtype\":\"\\u0046\\u00316\"} , \"__metadata__\" : { \"z\" : \"a\\n\\tb\","
		"\"\\ud83d\\uDE00\" : \"\\u20AC\\b\\f\\r\", \"\" : \"\" },"
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\":{\"dtype\":\"U8\",\"shape\":[],"
		"\"data_offsets\":[2,3]}}     ",
		3);
	file = opened(&b);
	cr_assert_eq(lstm_file_count(file), 2, "%zu tensors", lstm_file_count(file));
	cr_assert_not_null(lstm_file_find(file, "a\xc3\xa9/\\\""), "escapes in a name");
	cr_assert_not_null(lstm_file_find(file, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "UTF-8");
	cr_assert_eq(lstm_file_tensor(file, 0)->dtype, LSTM_DTYPE_F16, "escapes in a dtype");
	cr_assert_str_eq(lstm_file_metadata(file, "z"), "a\n\tb", "escapes in a value");
	cr_assert_str_eq(lstm_file_metadata(file, "\xf0\x9f\x98\x80"), "\xe2\x82\xac\b\f\r",
	                 "a surrogate pair in a key");
	cr_assert_str_eq(lstm_file_metadata(file, ""), "", "empty strings");
	cr_assert_str_eq(lstm_file_key(file, 0), "", "the first key");
	cr_assert_str_eq(lstm_file_key(file, 1), "z", "the second key");
	cr_assert_null(lstm_file_metadata(file, "a"), "a key that is not there");
	lstm_file_close(file);
	built_free(&b);
}

/* ---- where the bytes are --------------------------------------------------------------------- */
Test(file, any_alignment_in_memory_gives_the_same)
{
	built b = built_list("a F32 3 2; b F64 5; c F16 3; d BF16 4", NULL);
	unsigned char *memory = (unsigned char *)malloc(b.size + 8);
	float expected[8], values[8];
	size_t shift, k;

	cr_assert_not_null(memory, "out of memory");
	for (shift = 0; shift < 8; shift++) {
		lstm_file *file, *there;

		memcpy(memory + shift, b.bytes, b.size);
		cr_assert_eq(lstm_file_open_memory(&there, memory + shift, b.size, NULL, NULL),
		             LSTM_OK, "not opened at offset %zu", shift);
		file = opened(&b);
		for (k = 0; k < 4; k++) {
			const lstm_tensor *t = lstm_file_tensor(file, k);
			size_t count = t->rank == 2 ? 6 : t->shape[0];

			lstm_tensor_read(t, expected, count);
			lstm_tensor_read(lstm_file_tensor(there, k), values, count);
			cr_assert_eq(memcmp(values, expected, count * sizeof(float)), 0,
			             "tensor %zu differs at offset %zu", k, shift);
		}
		cr_assert_eq(expected[0], built_value(14), "d begins with %g", (double)expected[0]);
		lstm_file_close(file);
		lstm_file_close(there);
	}
	free(memory);
	built_free(&b);
}

static void write_temporary(char path[32], const void *bytes, size_t size)
{
	int fd;

	strcpy(path, "/tmp/lstm-test-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0, "%s: cannot be made", path);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size, "%s: cannot be written", path);
	close(fd);
}

Test(file, a_file_and_its_bytes_in_memory_are_the_same)
{
	built b = built_list("a F32 3 2; b I64 5; c F16 3", "\"k\":\"v\"");
	lstm_file *disk, *memory = opened(&b);
	lstm_error error;
	char path[32];
	size_t k;

	write_temporary(path, b.bytes, b.size);
	cr_assert_eq(lstm_file_open(&disk, path, &error), LSTM_OK, "%s", error.text);
	unlink(path);
	cr_assert_eq(lstm_file_count(disk), 3, "%zu tensors", lstm_file_count(disk));
	cr_assert_str_eq(lstm_file_metadata(disk, "k"), "v", "metadata");
	for (k = 0; k < 3; k++) {
		const lstm_tensor *s = lstm_file_tensor(disk, k), *t = lstm_file_tensor(memory, k);

		cr_assert_str_eq(s->name, t->name, "names differ");
		cr_assert_eq(s->dtype, t->dtype, "%s: types differ", t->name);
		cr_assert_eq(s->bytes, t->bytes, "%s: sizes differ", t->name);
		cr_assert_eq(memcmp(s->data, t->data, t->bytes), 0, "%s: data differ", t->name);
	}
	lstm_file_close(disk);
	lstm_file_close(memory);
	built_free(&b);
}

static void expect_unreadable(const char *path, lstm_status status, const char *part)
{
	lstm_file *file;
	lstm_error error;

	cr_assert_eq(lstm_file_open(&file, path, &error), status, "%s: %s", path, error.text);
	cr_assert_null(file, "%s: a file came back", path);
	cr_assert_eq(error.status, status, "%s: the error says %d", path, error.status);
	cr_assert_eq(strncmp(error.text, path, strlen(path)), 0, "the path is not named: %s",
	             error.text);
	cr_assert_not_null(strstr(error.text, part), "expected '%s', found: %s", part, error.text);
	cr_assert_eq(lstm_file_open(&file, path, NULL), status, "%s: without an error", path);
}

Test(file, what_cannot_be_read_is_named)
{
#ifdef __wasi__
	const char *folder = "reading failed"; /* all that WASI tells */
#elif defined(_WIN32)
	const char *folder = "permission was denied"; /* all that Windows tells */
#else
	const char *folder = "found a directory";
#endif
	char path[32];
	lstm_file *file = NULL;
	lstm_error error;

	expect_unreadable("/nonexistent/model", LSTM_ERR_FILE, "found no file");
	expect_unreadable("/tmp", LSTM_ERR_FILE, folder);
	write_temporary(path, "", 0);
	expect_unreadable(path, LSTM_ERR_FORMAT, "empty");
	unlink(path);
	cr_assert_eq(lstm_file_open(NULL, "p", &error), LSTM_ERR_ARG, "no place for the file");
	cr_assert_eq(lstm_file_open(&file, NULL, &error), LSTM_ERR_ARG, "no path");
	cr_assert_eq(lstm_file_open_memory(NULL, "", 0, "p", &error), LSTM_ERR_ARG, "no place");
	cr_assert_eq(lstm_file_open_memory(&file, NULL, 1, "p", &error), LSTM_ERR_ARG, "no data");
	cr_assert_str_eq(error.text, "p: expected data, found a null pointer", "%s", error.text);
	cr_assert_eq(lstm_file_open_memory(&file, NULL, 0, "p", &error), LSTM_ERR_FORMAT, "empty");
	lstm_file_close(NULL);
}

/* ---- size and time --------------------------------------------------------------------------- */
/* Sorting and searching takes a tenth of a second of this; comparing each with each, five billion
 * comparisons, takes longer than this on any machine. */
#define MOMENT 5.0

Test(file, a_hundred_thousand_tensors_load_in_a_moment)
{
	const unsigned long count = 100000;
	built_buffer header = {NULL, 0, 0};
	clock_t start;
	char text[120];
	unsigned long k, n;
	lstm_file *file;
	double seconds;
	built b;

	built_say(&header, "{\"__metadata__\":{");
	for (k = 0; k < count; k++) {
		n = k * 7919 % count; /* in disorder */
		snprintf(text, sizeof(text), "%s\"key%lu\":\"%lu\"", k ? "," : "", n, n);
		built_say(&header, text);
	}
	built_say(&header, "}");
	for (k = 0; k < count; k++) {
		n = k * 7919 % count;
		snprintf(text, sizeof(text),
		         ",\"block.%lu.weight\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[%"
		         "lu,%lu]}",
		         n, 2 * n, 2 * n + 2);
		built_say(&header, text);
	}
	built_say(&header, "}");
	b = built_raw(header.bytes, header.used, NULL, 2 * count);
	free(header.bytes);
	start = clock();
	file = opened(&b);
	expect_consistent(file, b.bytes + b.size, 2 * count);
	cr_assert_eq(lstm_file_count(file), count, "%zu tensors", lstm_file_count(file));
	cr_assert_str_eq(lstm_file_metadata(file, "key99999"), "99999", "a key is not found");
	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	cr_assert_lt(seconds, MOMENT, "took %.1f s", seconds);
	lstm_file_close(file);
	built_free(&b);
}

/* ---- damage ---------------------------------------------------------------------------------- */
/* Exactly the bytes given are readable, so that a sanitizer sees one step too far. */
static lstm_status open_copy(const unsigned char *bytes, size_t size, size_t data_size)
{
	unsigned char *copy = (unsigned char *)malloc(size ? size : 1);
	lstm_file *file;
	lstm_error error;
	lstm_status status;

	cr_assert_not_null(copy, "out of memory");
	memcpy(copy, bytes, size);
	status = lstm_file_open_memory(&file, copy, size, "x", &error);
	if (status == LSTM_OK)
		expect_consistent(file, copy + size, data_size);
	else
		cr_assert_geq(strlen(error.text), 10, "no sentence: %s", error.text);
	lstm_file_close(file);
	free(copy);
	return status;
}

Test(file, a_file_cut_anywhere_is_refused)
{
	built b = built_list("a F32 2; b F16 3", "\"k\":\"v\"");
	size_t size;

	for (size = 0; size < b.size; size++)
		cr_assert_eq(open_copy(b.bytes, size, 0), LSTM_ERR_FORMAT,
		             "%zu of %zu bytes opened", size, b.size);
	cr_assert_eq(open_copy(b.bytes, b.size, 14), LSTM_OK, "the whole file is refused");
	built_free(&b);
}

Test(file, any_byte_changed_gives_a_refusal_or_a_consistent_file)
{
	built b = built_list("a F32 2; b\\u00e9 F16 3", "\"k\":\"\\ud83d\\ude00\"");
	size_t k, opened_count = 0, refused = 0;
	int value;

	for (k = 0; k < 8 + b.header; k++) {
		unsigned char before = b.bytes[k];

		for (value = 0; value < 256; value++) {
			b.bytes[k] = (unsigned char)value;
			if (open_copy(b.bytes, b.size, 14) == LSTM_OK)
				opened_count++;
			else
				refused++;
		}
		b.bytes[k] = before;
	}
	/* each of three letters in names can be any of 92 other printable characters */
	cr_assert_gt(opened_count, 3 * 92, "%zu opened", opened_count);
	cr_assert_gt(refused, opened_count, "%zu opened, %zu refused", opened_count, refused);
	built_free(&b);
}
