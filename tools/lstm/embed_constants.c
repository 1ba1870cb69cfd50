#include "embed_constants.h"

#include <math.h>
#include <string.h>

#include "rounding.h"

/* In the order of lstm_weights. */
static const char *const fields[MODEL_ARRAYS] = {"w", "u", "b", "b2", "peephole", "projection"};

const char *embed_field(int array)
{
	return fields[array];
}

const char *embed_array_name(char *text, const lstm_desc *desc, int cell, int array)
{
	int directions = model_directions(desc);

	snprintf(text, MODEL_TEXT, "%s_l%d%s", fields[array], cell / directions,
	         cell % directions ? "_reverse" : "");
	return text;
}

/* ---- one array ------------------------------------------------------------------------------- */
static void begin(FILE *f, const char *type, const char *name, const char *suffix, size_t count)
{
	fprintf(f, "LSTM_EMBED_SECTION LSTM_EMBED_ALIGN static const %s %s_%s[%zu] = {", type, name,
	        suffix, count);
}

void embed_float(FILE *f, float value)
{
	char text[40];

	if (isnan(value)) {
		fputs("NAN", f);
	} else if (isinf(value)) {
		fputs(value < 0 ? "-INFINITY" : "INFINITY", f);
	} else {
		snprintf(text, sizeof(text), "%.9g", (double)value);
		fprintf(f, "%s%sf", text, strpbrk(text, ".e") ? "" : ".0");
	}
}

void embed_floats(FILE *f, const char *name, const char *suffix, const float *values, size_t count)
{
	size_t k;

	begin(f, "float", name, suffix, count);
	for (k = 0; k < count; k++) {
		fputs(k % 5 ? " " : "\n\t", f);
		embed_float(f, values[k]);
		fputs(k + 1 < count ? "," : "", f);
	}
	fputs("\n};\n", f);
}

static void put_halves(FILE *f, const char *name, const char *suffix,
                       const struct model_array *matrix)
{
	unsigned char half[2];
	size_t k;

	begin(f, "uint16_t", name, suffix, matrix->count);
	for (k = 0; k < matrix->count; k++) {
		rounding_row(matrix->kept, matrix->values + k, 1, 1, half);
		fprintf(f, "%s0x%02x%02x%s", k % 11 ? " " : "\n\t", half[1], half[0],
		        k + 1 < matrix->count ? "," : "");
	}
	fputs("\n};\n", f);
}

/* The codes of a matrix, then their scales. */
static void put_codes(FILE *f, const char *name, const char *suffix,
                      const struct model_array *matrix)
{
	size_t columns = matrix->count / matrix->rows, k;
	unsigned char code;
	char scales[MODEL_TEXT + sizeof("_scale")];
	float scale = 1;

	begin(f, "signed char", name, suffix, matrix->count);
	for (k = 0; k < matrix->count; k++) {
		if (k % columns == 0)
			scale = model_row_scale(matrix, k / columns);
		rounding_row(LSTM_DTYPE_I8, matrix->values + k, 1, scale, &code);
		fprintf(f, "%s%d%s", k % 20 ? " " : "\n\t", (signed char)code,
		        k + 1 < matrix->count ? "," : "");
	}
	fputs("\n};\n", f);
	snprintf(scales, sizeof(scales), "%s_scale", suffix);
	begin(f, "float", name, scales, matrix->rows);
	for (k = 0; k < matrix->rows; k++) {
		fputs(k % 5 ? " " : "\n\t", f);
		embed_float(f, model_row_scale(matrix, k));
		fputs(k + 1 < matrix->rows ? "," : "", f);
	}
	fputs("\n};\n", f);
}

/* ---- all of them ----------------------------------------------------------------------------- */
void embed_constants(FILE *f, const char *name, const struct model_facts *m)
{
	struct model_array arrays[MODEL_ARRAYS];
	char suffix[MODEL_TEXT];
	int cell, k;

	for (cell = 0; cell < model_cells(&m->desc); cell++) {
		model_arrays(&m->desc, m->weights, cell, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++) {
			embed_array_name(suffix, &m->desc, cell, k);
			if (!arrays[k].values)
				continue;
			if (arrays[k].kept == LSTM_DTYPE_F32)
				embed_floats(f, name, suffix, arrays[k].values, arrays[k].count);
			else if (arrays[k].kept == LSTM_DTYPE_I8)
				put_codes(f, name, suffix, &arrays[k]);
			else
				put_halves(f, name, suffix, &arrays[k]);
		}
	}
}

size_t embed_constant_bytes(const struct model_facts *m)
{
	struct model_array arrays[MODEL_ARRAYS];
	size_t bytes = 0;
	int cell, k;

	for (cell = 0; cell < model_cells(&m->desc); cell++) {
		model_arrays(&m->desc, m->weights, cell, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++)
			bytes += model_array_bytes(&arrays[k], arrays[k].kept);
	}
	return bytes;
}

static int has_infinities(const struct model_array *array)
{
	size_t k = 0;

	while (k < array->count && isfinite(array->values[k]))
		k++;
	return array->kept == LSTM_DTYPE_F32 && k < array->count;
}

int embed_needs_math(const struct model_facts *m)
{
	struct model_array arrays[MODEL_ARRAYS];
	int cell, k;

	for (cell = 0; cell < model_cells(&m->desc); cell++) {
		model_arrays(&m->desc, m->weights, cell, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++)
			if (has_infinities(&arrays[k]))
				return 1;
	}
	return 0;
}

int embed_needs_stdint(const struct model_facts *m)
{
	return model_has_dtype(&m->desc, LSTM_DTYPE_BF16) ||
	       model_has_dtype(&m->desc, LSTM_DTYPE_F16);
}
