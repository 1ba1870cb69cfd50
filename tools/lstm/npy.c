#include "npy.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"
#include "npy_header.h"

enum { CHUNK = 8192 }; /* elements converted at a time */

const char *npy_shape(char *text, int rank, const size_t *shape)
{
	size_t used = 1;
	int k;

	strcpy(text, "[");
	for (k = 0; k < rank; k++)
		used += (size_t)snprintf(text + used, NPY_SHAPE_TEXT - used, "%s%zu", k ? ", " : "",
		                         shape[k]);
	strcpy(text + used, "]");
	return text;
}

/* ---- reading --------------------------------------------------------------------------------- */
/* Bytes read from where the file is, or from an offset if that is not negative: fewer only at the
 * end.  Negative after a complaint. */
static ssize_t read_bytes(const struct npy_reader *r, void *to, size_t bytes, off_t offset)
{
	size_t done = 0;
	ssize_t got;

	while (done < bytes) {
		got = offset < 0 ? read(r->file, (char *)to + done, bytes - done)
		                 : pread(r->file, (char *)to + done, bytes - done,
		                         offset + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			cli_complain("%s: cannot be read: %s", r->path, strerror(errno));
			return -1;
		}
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static int open_file(struct npy_reader *r, const char *path)
{
	struct stat about;

	r->path = strcmp(path, "-") == 0 ? "standard input" : path;
	r->file = r->path == path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (r->file < 0) {
		cli_complain("%s: cannot be opened: %s", path, strerror(errno));
		return 0;
	}
	if (fstat(r->file, &about) == 0 && S_ISDIR(about.st_mode)) {
		cli_complain("%s: expected a .npy file, found a directory", r->path);
		return 0;
	}
	r->seeks = r->path == path && S_ISREG(about.st_mode);
	return 1;
}

static int read_header(struct npy_reader *r, enum npy_kind kind)
{
	unsigned char start[NPY_HEADER_START];
	char *text, why[NPY_HEADER_WHY];
	size_t size = 0, prefix;
	ssize_t got = read_bytes(r, start, sizeof(start), -1);
	int good;

	if (got < 0)
		return 0;
	prefix = npy_header_begins(start, (size_t)got, &size, why);
	if (!prefix) {
		cli_complain("%s: %s", r->path, why);
		return 0;
	}
	text = malloc(size + 1);
	if (!text) {
		cli_no_memory(r->path, "its header");
		return 0;
	}
	/* Version 1 has two bytes less in front of the text, which were read already. */
	memcpy(text, start + prefix, sizeof(start) - prefix);
	got = read_bytes(r, text + sizeof(start) - prefix, size - (sizeof(start) - prefix), -1);
	good = got >= 0;
	if (good && (size_t)got < size - (sizeof(start) - prefix)) {
		cli_complain("%s: expected %zu bytes of header, found the end of the file", r->path,
		             size);
		good = 0;
	}
	text[size] = '\0';
	if (good && !npy_header_read(r, text, kind, why)) {
		cli_complain("%s: %s", r->path, why);
		good = 0;
	}
	free(text);
	r->data = (off_t)(prefix + size);
	return good;
}

static int check_size(const struct npy_reader *r)
{
	char shape[NPY_SHAPE_TEXT];
	struct stat about;

	if (!r->seeks || fstat(r->file, &about) != 0 ||
	    (uintmax_t)about.st_size == (uintmax_t)r->data + r->count * r->size)
		return 1;
	cli_complain("%s: data: expected %zu bytes for shape %s, found %jd", r->path,
	             r->count * r->size, npy_shape(shape, r->rank, r->shape),
	             (intmax_t)(about.st_size - r->data));
	return 0;
}

int npy_open(struct npy_reader *r, const char *path, enum npy_kind kind)
{
	memset(r, 0, sizeof(*r));
	if (open_file(r, path) && read_header(r, kind) && check_size(r))
		return 1;
	npy_close(r);
	return 0;
}

int npy_spool(struct npy_reader *r)
{
	char bytes[1 << 16];
	FILE *spool;
	size_t left = r->count * r->size;
	ssize_t got = 1;

	if (r->seeks)
		return 1;
	spool = tmpfile();
	while (spool && left && got > 0) {
		got = read_bytes(r, bytes, left < sizeof(bytes) ? left : sizeof(bytes), -1);
		if (got > 0 && fwrite(bytes, 1, (size_t)got, spool) != (size_t)got)
			got = -2;
		left -= got > 0 ? (size_t)got : 0;
	}
	if (!spool || got == -2 || (got >= 0 && fflush(spool) != 0))
		cli_complain("%s: cannot be kept in a temporary file: %s", r->path,
		             strerror(errno));
	else if (got >= 0 && left)
		cli_complain("%s: data: expected %zu bytes, found %zu", r->path, r->count * r->size,
		             r->count * r->size - left);
	else if (got >= 0) {
		npy_close(r);
		r->file = dup(fileno(spool));
		r->seeks = 1;
		r->data = 0;
	}
	if (spool)
		fclose(spool);
	return r->seeks && r->file >= 0;
}

void npy_close(struct npy_reader *r)
{
	if (r->path && r->file > STDIN_FILENO)
		close(r->file);
	r->file = -1;
}

/* Elements that are to come next or can be reached, as they stand in the file. */
static int read_elements(struct npy_reader *r, size_t first, size_t count, unsigned char *to)
{
	off_t offset = r->seeks ? r->data + (off_t)(first * r->size) : -1;
	ssize_t got = read_bytes(r, to, count * r->size, offset);

	if (got >= 0 && (size_t)got < count * r->size)
		cli_complain("%s: data: expected %zu bytes, found %zu", r->path, r->count * r->size,
		             first * r->size + (size_t)got);
	return got == (ssize_t)(count * r->size);
}

static uint64_t little(const unsigned char *bytes, size_t size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | bytes[size];
	return value;
}

static float read_float(const unsigned char *bytes)
{
	uint32_t bits = (uint32_t)little(bytes, 4);
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static double read_double(const unsigned char *bytes)
{
	uint64_t bits = little(bytes, 8);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

int npy_read_floats(struct npy_reader *r, size_t first, size_t count, float *values)
{
	unsigned char bytes[CHUNK * 8];
	size_t k, part;
	double wide;

	for (; count; count -= part, first += part, values += part) {
		part = count < CHUNK ? count : CHUNK;
		if (!read_elements(r, first, part, bytes))
			return 0;
		for (k = 0; r->size == 4 && k < part; k++)
			values[k] = read_float(bytes + 4 * k);
		for (k = 0; r->size == 8 && k < part; k++) {
			wide = read_double(bytes + 8 * k);
			values[k] = (float)wide;
			if (isinf(values[k]) && !isinf(wide)) {
				cli_complain("%s: element %zu: expected a number in the range of "
				             "float32, found %g",
				             r->path, first + k, wide);
				return 0;
			}
		}
	}
	return 1;
}

int npy_read_wholes(struct npy_reader *r, size_t first, size_t count, int64_t *values)
{
	unsigned char bytes[CHUNK * 8];
	size_t k, part;

	for (; count; count -= part, first += part, values += part) {
		part = count < CHUNK ? count : CHUNK;
		if (!read_elements(r, first, part, bytes))
			return 0;
		for (k = 0; k < part; k++) {
			uint64_t bits = little(bytes + r->size * k, r->size);

			values[k] = r->size == 4 ? (int64_t)(int32_t)(uint32_t)bits : (int64_t)bits;
		}
	}
	return 1;
}

/* ---- writing --------------------------------------------------------------------------------- */
int npy_create(struct npy_writer *w, const char *path, int rank, const size_t *shape, int seeks)
{
	char text[NPY_HEADER_WRITTEN];
	size_t size = npy_header_write(text, rank, shape);

	if (!output_open(&w->output, path, seeks))
		return 0;
	w->data = (off_t)size;
	if (fwrite(text, 1, size, w->output.stream) == size)
		return 1;
	output_failed(&w->output);
	output_drop(&w->output);
	return 0;
}

int npy_write(struct npy_writer *w, size_t first, size_t count, const float *values)
{
	unsigned char bytes[CHUNK * 4];
	FILE *stream = w->output.stream;
	size_t k, part, byte;
	uint32_t bits;

	if (stream != w->output.direct && fseeko(stream, w->data + (off_t)(4 * first), SEEK_SET))
		return output_failed(&w->output);
	for (; count; count -= part, values += part) {
		part = count < CHUNK ? count : CHUNK;
		for (k = 0; k < part; k++) {
			memcpy(&bits, values + k, sizeof(bits));
			for (byte = 0; byte < 4; byte++)
				bytes[4 * k + byte] = (unsigned char)(bits >> 8 * byte);
		}
		if (fwrite(bytes, 4, part, stream) != part)
			return output_failed(&w->output);
	}
	return 1;
}
