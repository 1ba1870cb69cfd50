#include "tensors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int source_fail(const struct source *from, const char *format, ...)
{
	size_t used = (size_t)snprintf(from->error, from->size, "%s: ", from->path);
	va_list values;

	if (used < from->size) {
		va_start(values, format);
		vsnprintf(from->error + used, from->size - used, format, values);
		va_end(values);
	}
	return 0;
}

static void shape_text(char *text, size_t size, const size_t *shape, int rank)
{
	size_t used = (size_t)snprintf(text, size, "[");

	for (int d = 0; d < rank && used < size; d++) {
		const char *comma = d ? ", " : "";

		used += (size_t)(shape[d] ? snprintf(text + used, size - used, "%s%zu", comma,
		                                     shape[d])
		                          : snprintf(text + used, size - used, "%sany", comma));
	}
	if (used < size)
		snprintf(text + used, size - used, "]");
}

float *source_tensor(const struct source *from, const char *name, int rank, size_t a, size_t b)
{
	const lstm_tensor *tensor = lstm_file_find(from->file, name);
	const size_t shape[2] = {a, b};
	char expected[100], found[200];
	size_t count = 1;
	float *values;
	int same;

	shape_text(expected, sizeof(expected), shape, rank);
	if (!tensor) {
		source_fail(from, "tensor %s %s expected, not in the file", name, expected);
		return NULL;
	}
	same = tensor->rank == rank;
	for (int d = 0; same && d < rank; d++) {
		same = tensor->shape[d] > 0 && (!shape[d] || tensor->shape[d] == shape[d]);
		count *= tensor->shape[d];
	}
	if (!same) {
		shape_text(found, sizeof(found), tensor->shape, tensor->rank);
		source_fail(from, "tensor %s: %s expected, %s found", name, expected, found);
		return NULL;
	}
	values = malloc(sizeof(float) * count);
	if (!values) {
		source_fail(from, "out of memory");
	} else if (lstm_tensor_read(tensor, values, count) != LSTM_OK) {
		source_fail(from, "tensor %s: F32, F64, F16 or BF16 expected, another type found",
		            name);
		free(values);
		values = NULL;
	}
	return values;
}

int source_number(const struct source *from, const char *key, double least, double most,
                  double *value)
{
	const char *text = lstm_file_metadata(from->file, key);
	double number;
	char *end;

	if (!text)
		return 1;
	number = strtod(text, &end);
	if (end == text || *end || !(number >= least && number <= most))
		return source_fail(from, "metadata %s: a number from %g to %g expected, %s found",
		                   key, least, most, text);
	*value = number;
	return 1;
}
