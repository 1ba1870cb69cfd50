/* ---- JSON, as much of it as a safetensors header has: no recursion, so no depth to limit ----- */
#ifndef LSTM_NO_MALLOC
typedef struct lstm__json {
	const lstm__text_log *log;
	const char *tensor;        /* whose entry is being read, or NULL */
	const unsigned char *text; /* the header */
	size_t used, size;
	char *strings; /* where the next string goes; decoded, each is shorter than its JSON */
} lstm__json;

#define LSTM__JSON_FIRST 8 /* the header's first byte in the file: messages count from its start */

/* Refuse what stands at json->used. */
static lstm_status lstm__json_bad(const lstm__json *json, const char *expected)
{
	const unsigned char *s = json->text + json->used;
	size_t left = json->size - json->used, size = 0;
	lstm__text t;

	if (!json->log->error)
		return LSTM_ERR_FORMAT;
	lstm__text_begin(&t, json->log, LSTM_ERR_FORMAT);
	if (json->tensor)
		lstm__text_say(&t, "tensor %q, ", json->tensor);
	lstm__text_say(&t, "byte %u: expected %s, found ", LSTM__JSON_FIRST + (uint64_t)json->used,
	               expected);
	while (size < left && size < 24 &&
	       (s[size] == '-' || s[size] == '+' || s[size] == '.' || s[size] == '_' ||
	        (s[size] >= '0' && s[size] <= '9') || (s[size] >= 'A' && s[size] <= 'Z') ||
	        (s[size] >= 'a' && s[size] <= 'z')))
		size++; /* a word or a number in full, anything else as one character */
	if (size == 0)
		size = lstm__text_utf8(s, left);
	if (size == 0 && left)
		size = 1;
	lstm__text_put(&t, "'", size ? 1 : 0);
	lstm__text_put_foreign(&t, s, size);
	lstm__text_say(&t, size ? "'" : "the end of the header");
	return LSTM_ERR_FORMAT;
}

/* Step over white space; the next byte, or -1 at the end. */
static int lstm__json_peek(lstm__json *json)
{
	while (json->used < json->size) {
		switch (json->text[json->used]) {
		case ' ':
		case '\t':
		case '\n':
		case '\r':
			json->used++;
			break;
		default:
			return json->text[json->used];
		}
	}
	return -1;
}

static lstm_status lstm__json_mark(lstm__json *json, char mark, const char *expected)
{
	if (lstm__json_peek(json) != mark)
		return lstm__json_bad(json, expected);
	json->used++;
	return LSTM_OK;
}

/* In a list or an object, before each member: *more is 0 once the closing mark is passed. */
static lstm_status lstm__json_more(lstm__json *json, char close, int *first, int *more)
{
	*more = 0;
	if (lstm__json_peek(json) == close) {
		json->used++;
		return LSTM_OK;
	}
	*more = 1;
	if (*first) {
		*first = 0;
		return LSTM_OK;
	}
	return lstm__json_mark(json, ',', close == ']' ? "',' or ']'" : "',' or '}'");
}

static int lstm__json_hex(const unsigned char *s, size_t left, unsigned *value)
{
	int k;

	*value = 0;
	if (left < 4)
		return 0;
	for (k = 0; k < 4; k++) {
		*value <<= 4;
		if (s[k] >= '0' && s[k] <= '9')
			*value += (unsigned)(s[k] - '0');
		else if (s[k] >= 'a' && s[k] <= 'f')
			*value += (unsigned)(s[k] - 'a' + 10);
		else if (s[k] >= 'A' && s[k] <= 'F')
			*value += (unsigned)(s[k] - 'A' + 10);
		else
			return 0;
	}
	return 1;
}

/* Decode the escape at s into piece; the bytes read, or 0 if it is none of JSON's. */
static size_t lstm__json_escape(const unsigned char *s, size_t left, unsigned char piece[4],
                                size_t *length)
{
	static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* each before its meaning */
	unsigned value, low;
	size_t read = 6, k;

	if (left < 2)
		return 0;
	*length = 1;
	for (k = 0; k < sizeof(letters) - 1; k += 2) {
		piece[0] = (unsigned char)letters[k + 1];
		if (s[1] == letters[k])
			return 2;
	}
	if (s[1] != 'u' || !lstm__json_hex(s + 2, left - 2, &value))
		return 0;
	if (value >= 0xd800 && value < 0xe000) {
		if (value >= 0xdc00 || left < 12 || s[6] != '\\' || s[7] != 'u' ||
		    !lstm__json_hex(s + 8, left - 8, &low) || low < 0xdc00 || low > 0xdfff)
			return 0; /* half a pair */
		value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
		read = 12;
	}
	*length = value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
	for (k = *length - 1; k > 0; k--, value >>= 6)
		piece[k] = (unsigned char)(0x80 | (value & 0x3f));
	piece[0] = (unsigned char)(value | (*length == 1 ? 0 : (0xf00u >> *length) & 0xff));
	return read;
}

/* Decode a string into json->strings and point *string to it.  No U+0000 ever, because *string is
 * NUL-terminated, and no control character at all where the string is a name. */
static lstm_status lstm__json_string(lstm__json *json, const char *expected, int is_name,
                                     const char **string)
{
	unsigned char piece[4];
	char *out = json->strings;
	size_t length, read;
	int c;

	if (lstm__json_mark(json, '"', expected) != LSTM_OK)
		return LSTM_ERR_FORMAT;
	for (;;) {
		const unsigned char *s = json->text + json->used;
		size_t left = json->size - json->used;

		c = left ? s[0] : -1;
		if (c == -1)
			return lstm__json_bad(json, "a closing quote");
		if (c == '"')
			break;
		if (c < 0x20)
			return lstm__json_bad(json, "no bare control character in a string");
		if (c == '\\') {
			read = lstm__json_escape(s, left, piece, &length);
			if (read == 0)
				return lstm__json_bad(json, "one of JSON's escapes");
		} else {
			read = length = lstm__text_utf8(s, left);
			if (read == 0)
				return lstm__json_bad(json, "UTF-8");
			memcpy(piece, s, length);
		}
		if (piece[0] == '\0')
			return lstm__json_bad(json, "no character U+0000");
		if (is_name && lstm__text_control(piece))
			return lstm__json_bad(json, "no control character in a name");
		memcpy(out, piece, length);
		out += length;
		json->used += read;
	}
	json->used++;
	*out++ = '\0';
	*string = json->strings;
	json->strings = out;
	return LSTM_OK;
}

static lstm_status lstm__json_whole(lstm__json *json, uint64_t *number)
{
	static const char expected[] = "a whole number from 0 to 18446744073709551615";
	size_t start;
	int c = lstm__json_peek(json);

	start = json->used;
	*number = 0;
	for (; c >= '0' && c <= '9'; c = json->used < json->size ? json->text[json->used] : -1) {
		unsigned digit = (unsigned)(c - '0');

		if (*number > (UINT64_MAX - digit) / 10 || (*number == 0 && json->used > start))
			break; /* too large, or a leading zero: a digit is left, refused below */
		*number = *number * 10 + digit;
		json->used++;
	}
	if (json->used == start || c == '.' || c == 'e' || c == 'E' || (c >= '0' && c <= '9')) {
		json->used = start;
		return lstm__json_bad(json, expected);
	}
	return LSTM_OK;
}
#endif /* LSTM_NO_MALLOC */
