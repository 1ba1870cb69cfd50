/* What an error says, whatever the names in it: UTF-8, whole characters, no control characters, and
 * an end. */
#include "harness.h"
#include "safetensors_builder.h"

/* Length of the longest prefix of whole UTF-8 characters, by the leading bytes alone. */
static size_t whole_characters(const char *s, size_t size)
{
	size_t k = 0, length;

	while (k < size) {
		unsigned char c = (unsigned char)s[k];

		length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		if (k + length > size)
			return k;
		k += length;
	}
	return k;
}

Test(sentences, long_names_are_cut_between_characters)
{
	char name[800], header[3000];
	size_t pad, k;

	for (pad = 0; pad < 8; pad++) {
		lstm_file *file;
		lstm_error error;
		size_t length;
		built b;

		memset(name, 'x', sizeof(name));
		for (k = pad; k + 4 <= 600; k += 4)
			memcpy(name + k, "\xf0\x9f\x98\x80", 4);
		name[600] = '\0';
		snprintf(header, sizeof(header), "{\"%s\":{\"dtype\":\"%s\"}}", name, name);
		b = built_text(header, 0);
		memset(&error, '#', sizeof(error));
		cr_assert_eq(lstm_file_open_memory(&file, b.bytes, b.size, name, &error),
		             LSTM_ERR_FORMAT, "opened");
		cr_assert_not_null(memchr(error.text, '\0', sizeof(error.text)), "no end");
		length = strlen(error.text);
		cr_assert_eq(whole_characters(error.text, length), length, "cut in a character");
		cr_assert_eq(strncmp(error.text, "...\xf0", 4), 0, "begins in a character: %s",
		             error.text);
		cr_assert_not_null(strstr(error.text, "expected a dtype"),
		                   "lost what was expected: %s", error.text);
		built_free(&b);
	}
}

Test(sentences, an_overlong_sentence_ends_in_dots)
{
	char name[400];
	lstm_file *file;
	lstm_error error;
	built b = built_text("{\"n\":{\"dtype\":\"\\u1234\"}}", 0);

	memset(name, '\x01', sizeof(name));
	name[399] = '\0';
	cr_assert_eq(lstm_file_open_memory(&file, b.bytes, b.size, name, &error), LSTM_ERR_FORMAT,
	             "opened");
	cr_assert_leq(strlen(error.text), sizeof(error.text) - 1, "%zu bytes", strlen(error.text));
	cr_assert_eq(strncmp(error.text, "...\\x01\\x01", 11), 0, "not escaped: %s", error.text);
	cr_assert_str_eq(error.text + strlen(error.text) - 3, "...", "not cut: %s", error.text);
	built_free(&b);
}

Test(sentences, control_characters_and_stray_bytes_are_escaped)
{
	lstm_file *file;
	lstm_error error;

	lstm_file_open_memory(&file, "", 0, "a\n\x1b[2J\xff\xc2\x9b\xc3\xa9", &error);
	cr_assert_str_eq(
		error.text,
		"a\\x0a\\x1b[2J\\xff\\xc2\\x9b\xc3\xa9: expected a safetensors file, found "
		"it empty",
		"%s", error.text);
}
