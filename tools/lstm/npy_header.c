#include "npy_header.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

enum { TEXT_MOST = 65536, QUOTED = 60 };

__attribute__((format(printf, 2, 3))) static int refuse(char *why, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(why, NPY_HEADER_WHY, format, values);
	va_end(values);
	return 0;
}

size_t npy_header_begins(const unsigned char *start, size_t bytes, size_t *text, char *why)
{
	if (bytes < NPY_HEADER_START || memcmp(start, "\x93NUMPY", 6) != 0) {
		refuse(why, "expected a .npy file, found %s", bytes ? "other data" : "no data");
		return 0;
	}
	if (start[6] < 1 || start[6] > 3 || start[7] != 0) {
		refuse(why, "expected version 1.0, 2.0 or 3.0 of the .npy format, found %d.%d",
		       start[6], start[7]);
		return 0;
	}
	*text = (size_t)start[8] | (size_t)start[9] << 8;
	if (start[6] > 1)
		*text |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
	if (*text < 2 || *text > TEXT_MOST) {
		refuse(why, "expected a header of 2 to %d bytes, found one of %zu", TEXT_MOST,
		       *text);
		return 0;
	}
	return start[6] > 1 ? 12 : 10;
}

/* ---- the dictionary -------------------------------------------------------------------------- */
static const char *skip_spaces(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/* A string in quotes of either kind, without escapes; NULL if there is none. */
static const char *read_quoted(const char *s, const char **begin, size_t *size)
{
	const char *end;

	if (*s != '\'' && *s != '"')
		return NULL;
	end = strchr(s + 1, *s);
	if (!end)
		return NULL;
	*begin = s + 1;
	*size = (size_t)(end - s - 1);
	return end + 1;
}

/* A tuple of whole numbers; NULL if there is none that memory can hold. */
static const char *read_shape(const char *s, struct npy_reader *r)
{
	uint64_t size;

	if (*s++ != '(')
		return NULL;
	r->count = 1;
	for (r->rank = 0;; r->rank++) {
		s = skip_spaces(s);
		if (*s == ')')
			return s + 1;
		if (!isdigit((unsigned char)*s) || r->rank == NPY_RANK)
			return NULL;
		for (size = 0; isdigit((unsigned char)*s); s++) {
			if (size > (UINT64_MAX - 9) / 10)
				return NULL;
			size = 10 * size + (uint64_t)(*s - '0');
		}
		/* Half of what can be counted, so that the bytes before the data fit as well. */
		if (size > SIZE_MAX / 16 || (size && r->count > SIZE_MAX / 16 / size))
			return NULL;
		r->shape[r->rank] = (size_t)size;
		r->count *= (size_t)size;
		s += *s == 'L'; /* as numpy wrote it under Python 2 */
		s = skip_spaces(s);
		if (*s == ',')
			s++;
		else if (*s != ')')
			return NULL;
	}
}

/* What stands there, up to the end of the value, with nothing that a terminal would obey. */
static const char *found_text(const char *s, char *text)
{
	size_t k;

	for (k = 0; k < QUOTED && s[k]; k++)
		text[k] = s[k] >= ' ' && s[k] < 127 ? s[k] : '?';
	text[k] = '\0';
	return text;
}

static int refuse_type(const char *type, size_t size, enum npy_kind kind, char *why)
{
	static const char *const kinds[] = {
		"ffloat", "iint",    "uunsigned int", "bbool", "ccomplex", "Sbytes",
		"Utext",  "Oobject", "Vrecord",       "Mtime", "mtime",
	};
	const char *name = NULL;
	char text[QUOTED + 1];
	size_t k;

	for (k = 0; size > 1 && k < sizeof(kinds) / sizeof(kinds[0]); k++)
		if (kinds[k][0] == type[1])
			name = kinds[k] + 1;
	found_text(type, text);
	if (size < sizeof(text))
		text[size] = '\0';
	return refuse(why, "type: expected little-endian %s, found '%s'%s%s%s%s",
	              kind == NPY_FLOATS ? "float32 or float64 ('<f4' or '<f8')"
	                                 : "int32 or int64 ('<i4' or '<i8')",
	              text, name ? ", " : "", name && type[0] == '>' ? "big-endian " : "",
	              name ? name : "",
	              !name                              ? ""
	              : type[2] == '1' && type[1] == 'b' ? ""
	              : type[2] == '2'                   ? "16"
	              : type[2] == '4'                   ? "32"
	              : type[2] == '8'                   ? "64"
	                                                 : "");
}

static const char *read_type(const char *s, struct npy_reader *r, enum npy_kind kind, char *why)
{
	const char *type, *end;
	size_t size;

	end = read_quoted(s, &type, &size);
	if (!end) {
		refuse_type(s, strcspn(s, "}"), kind, why);
		return NULL;
	}
	if (size != 3 || type[0] != '<' || type[1] != (kind == NPY_FLOATS ? 'f' : 'i') ||
	    (type[2] != '4' && type[2] != '8')) {
		refuse_type(type, size, kind, why);
		return NULL;
	}
	r->size = (size_t)(type[2] - '0');
	return end;
}

static const char *read_order(const char *s, char *why)
{
	if (strncmp(s, "False", 5) == 0)
		return s + 5;
	if (strncmp(s, "True", 4) == 0)
		refuse(why, "order: expected C order, found Fortran order "
		            "(numpy.ascontiguousarray changes it)");
	return NULL;
}

enum { SEEN_TYPE = 1, SEEN_ORDER = 2, SEEN_SHAPE = 4, SEEN_ALL = 7 };

/* A key with its value; NULL, and perhaps why not. */
static const char *read_member(const char *s, struct npy_reader *r, enum npy_kind kind, int *seen,
                               char *why)
{
	const char *key;
	size_t size;
	int is;

	s = read_quoted(s, &key, &size);
	if (!s)
		return NULL;
	is = size == 5 && memcmp(key, "descr", 5) == 0             ? SEEN_TYPE
	     : size == 13 && memcmp(key, "fortran_order", 13) == 0 ? SEEN_ORDER
	     : size == 5 && memcmp(key, "shape", 5) == 0           ? SEEN_SHAPE
	                                                           : 0;
	s = skip_spaces(s);
	if (!is || *seen & is || *s++ != ':')
		return NULL;
	*seen |= is;
	s = skip_spaces(s);
	return is == SEEN_TYPE    ? read_type(s, r, kind, why)
	       : is == SEEN_ORDER ? read_order(s, why)
	                          : read_shape(s, r);
}

int npy_header_read(struct npy_reader *r, const char *text, enum npy_kind kind, char *why)
{
	const char *s = skip_spaces(text);
	char found[QUOTED + 1];
	int seen = 0;

	*why = '\0';
	if (*s == '{')
		s = skip_spaces(s + 1);
	else
		s = NULL;
	while (s && *s != '}') {
		s = read_member(s, r, kind, &seen, why);
		s = s ? skip_spaces(s) : NULL;
		if (s && *s == ',')
			s = skip_spaces(s + 1);
		else if (s && *s != '}')
			s = NULL;
	}
	if (s && seen == SEEN_ALL && *skip_spaces(s + 1) == '\0')
		return 1;
	if (*why)
		return 0;
	return refuse(why,
	              "header: expected a dictionary of descr, fortran_order and a shape of at "
	              "most %d dimensions, found %s",
	              NPY_RANK, found_text(text, found));
}

size_t npy_header_write(char *header, int rank, const size_t *shape)
{
	char *text = header + 10;
	size_t size, all;
	int k;

	size = (size_t)sprintf(text, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
	for (k = 0; k < rank; k++)
		size += (size_t)sprintf(text + size, "%s%zu", k ? ", " : "", shape[k]);
	size += (size_t)sprintf(text + size, "%s), }", rank == 1 ? "," : "");
	/* The data begin at a multiple of 64, after a line's end. */
	all = (10 + size + 1 + 63) / 64 * 64;
	memset(text + size, ' ', all - 10 - size - 1);
	header[all - 1] = '\n';
	memcpy(header, "\x93NUMPY\x01", 8);
	header[8] = (char)((all - 10) & 255);
	header[9] = (char)((all - 10) >> 8);
	return all;
}
