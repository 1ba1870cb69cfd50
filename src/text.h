/* ---- text: UTF-8, error sentences, decimals -------------------------------------------------- */
#ifndef LSTM_NO_MALLOC
#include <stdarg.h>

/* Bytes of the UTF-8 character at s, where size bytes are left; 0 if it is malformed. */
static size_t lstm__text_utf8(const unsigned char *s, size_t size)
{
	size_t length, k;

	if (size == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (size < length)
		return 0;
	for (k = 1; k < length; k++)
		if ((s[k] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90))
		return 0; /* longer than it need be */
	if ((s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0; /* half of a surrogate pair, or beyond U+10FFFF */
	return length;
}

/* 1 if the well-formed character at s is a control character: C0, DEL or C1. */
static int lstm__text_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

/* One sentence in lstm_error.text.  Written here and not by snprintf, which LSTM_NO_STDIO removes
 * and which would cut a name in the middle of a character. */
typedef struct lstm__text {
	char *text;
	size_t used;
	int full;
} lstm__text;

/* Whom to tell, and the name of the file that every sentence begins with. */
typedef struct lstm__text_log {
	lstm_error *error; /* or NULL */
	const char *file;
} lstm__text_log;

#define LSTM__TEXT_SIZE sizeof(((lstm_error *)0)->text)
#define LSTM__TEXT_NAME 120 /* bytes shown of one name: a path and two tensors fit in a sentence */

/* All of the bytes or, where they do not fit, three dots and nothing ever after. */
static void lstm__text_put(lstm__text *t, const void *bytes, size_t size)
{
	if (t->full)
		return;
	if (t->used + size + sizeof("...") > LSTM__TEXT_SIZE) {
		bytes = "...";
		size = 3;
		t->full = 1;
	}
	memcpy(t->text + t->used, bytes, size);
	t->used += size;
	t->text[t->used] = '\0';
}

/* Bytes from outside, with every control character and every malformed byte as \xNN. */
static void lstm__text_put_foreign(lstm__text *t, const unsigned char *s, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t length, k;
	char escape[4];

	for (; size; s += length, size -= length) {
		length = lstm__text_utf8(s, size);
		if (length && !lstm__text_control(s)) {
			lstm__text_put(t, s, length);
			continue;
		}
		length = length ? length : 1;
		for (k = 0; k < length; k++) {
			escape[0] = '\\';
			escape[1] = 'x';
			escape[2] = digits[s[k] >> 4];
			escape[3] = digits[s[k] & 15];
			lstm__text_put(t, escape, 4);
		}
	}
}

/* A name from outside; of a long one the end, since names differ there. */
static void lstm__text_put_name(lstm__text *t, const char *name)
{
	const unsigned char *s = (const unsigned char *)name;
	size_t size = strlen(name);

	if (size > LSTM__TEXT_NAME) {
		s += size - LSTM__TEXT_NAME;
		for (size = LSTM__TEXT_NAME; size && (s[0] & 0xc0) == 0x80; size--)
			s++;
		lstm__text_put(t, "...", 3);
	}
	lstm__text_put_foreign(t, s, size);
}

static void lstm__text_put_number(lstm__text *t, uint64_t number)
{
	char digits[20];
	size_t k = sizeof(digits);

	do {
		digits[--k] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	lstm__text_put(t, digits + k, sizeof(digits) - k);
}

/* %s our own text, %q a name from outside in quotes, %u a uint64_t, %t the shape of a const
 * lstm_tensor *. */
static void lstm__text_say_list(lstm__text *t, const char *format, va_list list)
{
	const lstm_tensor *tensor;
	const char *s;
	int k;

	for (; *format; format++) {
		if (*format != '%') {
			lstm__text_put(t, format, 1);
			continue;
		}
		switch (*++format) {
		case 's':
			for (s = va_arg(list, const char *); *s; s++)
				lstm__text_put(t, s, 1);
			break;
		case 'q':
			lstm__text_put(t, "'", 1);
			lstm__text_put_name(t, va_arg(list, const char *));
			lstm__text_put(t, "'", 1);
			break;
		case 'u':
			lstm__text_put_number(t, va_arg(list, uint64_t));
			break;
		default:
			tensor = va_arg(list, const lstm_tensor *);
			lstm__text_put(t, "[", 1);
			for (k = 0; k < tensor->rank; k++) {
				if (k)
					lstm__text_put(t, ", ", 2);
				lstm__text_put_number(t, tensor->shape[k]);
			}
			lstm__text_put(t, "]", 1);
		}
	}
}

static void lstm__text_say(lstm__text *t, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	lstm__text_say_list(t, format, list);
	va_end(list);
}

/* Set the error's status and begin its sentence with the file's name; log->error is not NULL. */
static void lstm__text_begin(lstm__text *t, const lstm__text_log *log, lstm_status status)
{
	log->error->status = status;
	t->text = log->error->text;
	t->used = 0;
	t->full = 0;
	lstm__text_put_name(t, log->file);
	lstm__text_put(t, ": ", 2);
}

static lstm_status lstm__text_fail(const lstm__text_log *log, lstm_status status,
                                   const char *format, ...)
{
	lstm__text t;
	va_list list;

	if (log->error) {
		lstm__text_begin(&t, log, status);
		va_start(list, format);
		lstm__text_say_list(&t, format, list);
		va_end(list);
	}
	return status;
}

static lstm_status lstm__text_no_memory(const lstm__text_log *log, size_t bytes)
{
	return lstm__text_fail(log, LSTM_ERR_MEMORY, "expected %u bytes of memory, found less",
	                       (uint64_t)bytes);
}

static void lstm__text_clear(lstm_error *error)
{
	if (error) {
		error->status = LSTM_OK;
		error->text[0] = '\0';
	}
}

/* Read [-]digits[.digits][e[+-]digits] at *text and step over it; 0 if there is no such number, or
 * it is beyond fp32's normal range.  Not strtof: its decimal point is the locale's. */
static int lstm__text_decimal(const char **text, float *value)
{
	const char *s = *text;
	double number, scale = 1;
	uint64_t digits = 0;
	int negative = *s == '-', exponent = 0, point = 0, power = 0, sign = 1;

	s += negative;
	if (*s < '0' || *s > '9')
		return 0;
	for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
		if (*s == '.') {
			point = 1;
			if (s[1] < '0' || s[1] > '9')
				return 0;
		} else if (digits < 100000000000000000) {
			digits = digits * 10 + (uint64_t)(*s - '0');
			exponent -= point;
		} else if (!point) {
			exponent++; /* the 18th digit and on are far below one step of fp32 */
		}
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '+' || *s == '-')
			sign = *s++ == '-' ? -1 : 1;
		if (*s < '0' || *s > '9')
			return 0;
		for (; *s >= '0' && *s <= '9'; s++)
			power = power < 100000000 ? power * 10 + (*s - '0') : power;
		exponent += sign * power;
	}
	for (power = exponent < 0 ? -exponent : exponent; power > 0 && scale < 1e300; power--)
		scale *= 10;
	number = exponent < 0 ? (double)digits / scale : (double)digits * scale;
	/* half a step above the largest fp32, and the smallest normal one */
	if (number >= 3.4028235677973366e38 || (digits && number < 1.1754943508222875e-38))
		return 0;
	*value = (float)(negative ? -number : number);
	*text = s;
	return 1;
}
#endif /* LSTM_NO_MALLOC */
