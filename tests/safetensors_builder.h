/* Files in the safetensors format, good and bad, made in memory.  Whoever builds one releases it
 * with built_free.  Out of memory aborts: it is the test's failure, not the library's. */
#ifndef LSTM_TESTS_SAFETENSORS_BUILDER_H
#define LSTM_TESTS_SAFETENSORS_BUILDER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct built {
	unsigned char *bytes; /* the file */
	size_t size;
	size_t header; /* bytes of the header; the data follow at 8 + header */
} built;

/* A header as it stands, then these data (NULL: bytes 1, 2, 3 ...). */
static inline built built_raw(const void *header, size_t header_size, const void *data,
                              size_t data_size)
{
	built b;
	size_t k;

	b.header = header_size;
	b.size = 8 + header_size + data_size;
	b.bytes = (unsigned char *)malloc(b.size);
	if (!b.bytes)
		abort();
	for (k = 0; k < 8; k++)
		b.bytes[k] = (unsigned char)((uint64_t)header_size >> 8 * k);
	memcpy(b.bytes + 8, header, header_size);
	for (k = 0; k < data_size; k++)
		b.bytes[8 + header_size + k] =
			data ? ((const unsigned char *)data)[k] : (unsigned char)(k + 1);
	return b;
}

static inline built built_text(const char *header, size_t data_size)
{
	return built_raw(header, strlen(header), NULL, data_size);
}

static inline void built_free(built *b)
{
	free(b->bytes);
	b->bytes = NULL;
}

/* ---- from a list of tensors ------------------------------------------------------------------ */
/* Element k of every file made from a list: a multiple of 1/64 in [-0.5, 0.5), which each of the
 * four floating types holds exactly, and I8 as how many of 1/64 it is. */
static inline float built_value(size_t k)
{
	return ((float)(k * 37 % 64) - 32.0f) / 64.0f;
}

static inline size_t built_element_size(const char *dtype)
{
	if (strcmp(dtype, "F64") == 0 || strcmp(dtype, "I64") == 0)
		return 8;
	if (strcmp(dtype, "F32") == 0 || strcmp(dtype, "I32") == 0)
		return 4;
	if (strcmp(dtype, "I8") == 0)
		return 1;
	return 2; /* F16, BF16, I16 */
}

static inline void built_encode(unsigned char *out, const char *dtype, float value)
{
	double wide = value;
	uint64_t bits = 0;
	uint32_t single, rest;
	size_t k, size = built_element_size(dtype);

	memcpy(&single, &value, sizeof(single));
	if (size == 8) {
		memcpy(&bits, &wide, sizeof(bits));
	} else if (size == 4) {
		bits = single;
	} else if (size == 1) {
		bits = (uint64_t)(int64_t)(64 * value); /* codes of a scale of 1/64 */
	} else if (strcmp(dtype, "F16") == 0) {
		rest = single & 0x7fffffff; /* all values are 0 or normal in F16 */
		bits = (single >> 16 & 0x8000) | (rest ? (rest - ((127 - 15) << 23)) >> 13 : 0);
	} else {
		bits = single >> 16;
	}
	for (k = 0; k < size; k++)
		out[k] = (unsigned char)(bits >> 8 * k);
}

typedef struct built_buffer {
	char *bytes;
	size_t used, room;
} built_buffer;

static inline char *built_grow(built_buffer *b, size_t size)
{
	char *grown;

	while (b->used + size > b->room) {
		b->room = b->room ? 2 * b->room : 1024;
		grown = (char *)realloc(b->bytes, b->room);
		if (!grown)
			abort();
		b->bytes = grown;
	}
	b->used += size;
	return b->bytes + b->used - size;
}

static inline void built_say(built_buffer *b, const char *text)
{
	memcpy(built_grow(b, strlen(text)), text, strlen(text));
}

/* tensors: "weight_ih_l0 F32 8 3; bias_ih_l0 F16 8; ...", a name, a type and a shape each.  The
 * elements of each tensor are built_value of 0, 1, 2 ... counted over the whole file.  metadata:
 * JSON members such as "\"lstm.clip\":\"3\"", or NULL.  The header is padded to a multiple of 8. */
static inline built built_list(const char *tensors, const char *metadata)
{
	built_buffer header = {NULL, 0, 0}, data = {NULL, 0, 0};
	const char *s = tensors;
	char name[200], dtype[16], number[80];
	size_t element = 0, begin, count, size, k;
	int read = 0;
	built b;

	built_say(&header, "{");
	if (metadata) {
		built_say(&header, "\"__metadata__\":{");
		built_say(&header, metadata);
		built_say(&header, *tensors ? "}," : "}");
	}
	while (sscanf(s, " %199s %15s%n", name, dtype, &read) == 2) {
		unsigned long dimension;
		int rank = 0;

		s += read;
		built_say(&header, "\"");
		built_say(&header, name);
		built_say(&header, "\":{\"dtype\":\"");
		built_say(&header, dtype);
		built_say(&header, "\",\"shape\":[");
		for (count = 1; sscanf(s, " %lu%n", &dimension, &read) == 1; s += read) {
			snprintf(number, sizeof(number), rank++ ? ",%lu" : "%lu", dimension);
			built_say(&header, number);
			count *= dimension;
		}
		begin = data.used;
		size = built_element_size(dtype);
		for (k = 0; k < count; k++)
			built_encode((unsigned char *)built_grow(&data, size), dtype,
			             built_value(element++));
		snprintf(number, sizeof(number), "],\"data_offsets\":[%lu,%lu]}",
		         (unsigned long)begin, (unsigned long)data.used);
		built_say(&header, number);
		s += strspn(s, "; ");
		if (*s)
			built_say(&header, ",");
	}
	built_say(&header, "}");
	while (header.used % 8)
		built_say(&header, " ");
	b = built_raw(header.bytes, header.used, data.bytes, data.used);
	free(header.bytes);
	free(data.bytes);
	return b;
}

#endif
