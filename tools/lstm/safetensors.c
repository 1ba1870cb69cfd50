#include "safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "output.h"

/* A growing text: the header. */
struct header {
	char *text;
	size_t used, room;
	int failed;
};

static void put(struct header *h, const char *text, size_t size)
{
	if (h->used + size > h->room && !h->failed) {
		size_t room = 2 * (h->used + size);
		char *grown = realloc(h->text, room);

		h->failed = !grown;
		if (grown) {
			h->text = grown;
			h->room = room;
		}
	}
	if (h->failed)
		return;
	memcpy(h->text + h->used, text, size);
	h->used += size;
}

static void put_text(struct header *h, const char *text)
{
	put(h, text, strlen(text));
}

/* Names and metadata are UTF-8, which JSON has as it is. */
static void put_string(struct header *h, const char *string)
{
	char escape[16];

	put_text(h, "\"");
	for (; *string; string++)
		if (*string == '"' || *string == '\\' || (unsigned char)*string < ' ') {
			snprintf(escape, sizeof(escape), "\\u%04x",
			         (unsigned)(unsigned char)*string);
			put_text(h, escape);
		} else {
			put(h, string, 1);
		}
	put_text(h, "\"");
}

static void put_metadata(struct header *h, const lstm_file *file)
{
	const char *key;
	size_t k;

	for (k = 0; (key = lstm_file_key(file, k)) != NULL; k++) {
		put_text(h, k ? "," : "\"__metadata__\":{");
		put_string(h, key);
		put_text(h, ":");
		put_string(h, lstm_file_metadata(file, key));
	}
	if (k)
		put_text(h, "},");
}

static void put_entry(struct header *h, const lstm_tensor *tensor, size_t begin)
{
	char number[60];
	int d;

	put_string(h, tensor->name);
	put_text(h, ":{\"dtype\":");
	put_string(h, tensor->type);
	put_text(h, ",\"shape\":[");
	for (d = 0; d < tensor->rank; d++) {
		snprintf(number, sizeof(number), "%s%zu", d ? "," : "", tensor->shape[d]);
		put_text(h, number);
	}
	snprintf(number, sizeof(number), "],\"data_offsets\":[%zu,%zu]}", begin,
	         begin + tensor->bytes);
	put_text(h, number);
}

/* Bits of an element, or 0 if there is none. */
static size_t element_bits(const lstm_tensor *tensor)
{
	size_t count = 1;
	int d;

	for (d = 0; d < tensor->rank; d++)
		count *= tensor->shape[d];
	return count ? 8 * tensor->bytes / count : 0;
}

/* The tensors in the order of the file. */
static const lstm_tensor **ordered(const lstm_tensor *tensors, size_t count)
{
	static const size_t most[] = {SIZE_MAX, 63, 31, 15};
	const lstm_tensor **order = malloc((count + 1) * sizeof(const lstm_tensor *));
	size_t used = 0, pass, k;

	for (pass = 0; order && pass < 4; pass++)
		for (k = 0; k < count; k++) {
			size_t bits = element_bits(&tensors[k]);

			if (bits <= most[pass] && (pass == 3 || bits > most[pass + 1]))
				order[used++] = &tensors[k];
		}
	return order;
}

static int write_all(struct output *output, const struct header *h, const lstm_tensor **order,
                     size_t count)
{
	unsigned char size[8];
	size_t k;

	for (k = 0; k < 8; k++)
		size[k] = (unsigned char)((uint64_t)h->used >> 8 * k);
	if (fwrite(size, 1, 8, output->stream) != 8 ||
	    fwrite(h->text, 1, h->used, output->stream) != h->used)
		return output_failed(output);
	for (k = 0; k < count; k++)
		if (fwrite(order[k]->data, 1, order[k]->bytes, output->stream) != order[k]->bytes)
			return output_failed(output);
	return output_close(output) && output_keep(output);
}

int safetensors_write(const char *path, const lstm_file *metadata, const lstm_tensor *tensors,
                      size_t count)
{
	const lstm_tensor **order = ordered(tensors, count);
	struct header h = {NULL, 0, 0, 0};
	struct output output;
	size_t k, begin = 0;
	int good;

	put_text(&h, "{");
	put_metadata(&h, metadata);
	for (k = 0; k < count && order; begin += order[k++]->bytes) {
		put_text(&h, k ? "," : "");
		put_entry(&h, order[k], begin);
	}
	put_text(&h, "}");
	while (h.used % 8 && !h.failed)
		put_text(&h, " ");
	good = order && !h.failed;
	if (!good)
		cli_no_memory(path, "its header");
	if (good)
		good = output_open(&output, path, 0);
	if (good) {
		good = write_all(&output, &h, order, count);
		output_drop(&output);
	}
	free(order);
	free(h.text);
	return good;
}
