/* The matrices of a header in fewer bits than floats: constants, and what makes them floats. */
#include "embed_codes.h"
#include "embed_text.h"
#include "rounding.h"

/* The codes, then the rows' scales. */
static void put_int8(FILE *f, const char *name, const char *suffix,
                     const struct model_array *matrix)
{
	size_t columns = matrix->count / matrix->rows, row, k;
	const float *from = matrix->values;
	unsigned char code;
	float scale;

	fprintf(f, "LSTM_EMBED_SECTION LSTM_EMBED_ALIGN static const signed char %s_%s[%zu] = {",
	        name, suffix, matrix->count);
	for (row = 0; row < matrix->rows; row++, from += columns) {
		scale = embed_row_scale(matrix, row);
		for (k = 0; k < columns; k++) {
			rounding_row(LSTM_DTYPE_I8, from + k, 1, scale, &code);
			fprintf(f, "%s%d,", k % 20 ? " " : "\n\t", (signed char)code);
		}
	}
	fprintf(f,
	        "\n};\nLSTM_EMBED_SECTION LSTM_EMBED_ALIGN static const float %s_%s_scale[%zu] = {",
	        name, suffix, matrix->rows);
	for (row = 0; row < matrix->rows; row++) {
		fputs(row % 5 ? " " : "\n\t", f);
		embed_put_float(f, embed_row_scale(matrix, row));
		fputs(row + 1 < matrix->rows ? "," : "", f);
	}
	fputs("\n};\n", f);
}

static void put_halves(FILE *f, lstm_dtype type, const char *name, const char *suffix,
                       const struct model_array *matrix)
{
	unsigned char half[2];
	size_t k;

	fprintf(f,
	        "LSTM_EMBED_SECTION LSTM_EMBED_ALIGN static const unsigned short %s_%s[%zu] = {",
	        name, suffix, matrix->count);
	for (k = 0; k < matrix->count; k++) {
		rounding_row(type, matrix->values + k, 1, 0, half);
		fprintf(f, "%s0x%04x,", k % 12 ? " " : "\n\t", half[0] | half[1] << 8);
	}
	fputs("\n};\n", f);
}

void embed_put_codes(FILE *f, const struct model_facts *m, const char *name, const char *suffix,
                     const struct model_array *matrix)
{
	if (m->desc.dtype == LSTM_DTYPE_I8)
		put_int8(f, name, suffix, matrix);
	else
		put_halves(f, m->desc.dtype, name, suffix, matrix);
}

/* ---- to floats ------------------------------------------------------------------------------- */
static const char expand_int8[] =
	"\n/* rows * columns floats of scratch for codes; the next follow them. */\n"
	"static inline const float *@_expand(const signed char *codes, const float *scale, size_t "
	"rows,\n                                    size_t columns, float **scratch)\n{\n"
	"\tfloat *to = *scratch;\n\tsize_t row, k;\n\n"
	"\tfor (row = 0; row < rows; row++)\n"
	"\t\tfor (k = 0; k < columns; k++)\n"
	"\t\t\t*(*scratch)++ = (float)codes[row * columns + k] * scale[row];\n"
	"\treturn to;\n}\n";

static const char widen_bf16[] =
	"\nstatic inline float @_widen(unsigned short half)\n{\n"
	"\tuint32_t bits = (uint32_t)half << 16;\n\tfloat value;\n\n"
	"\tmemcpy(&value, &bits, sizeof(value));\n\treturn value;\n}\n";

/* Those below the smallest normal one are counted in its steps, as a processor that takes subnormal
 * numbers for zero could not. */
static const char widen_f16[] =
	"\nstatic inline float @_widen(unsigned short half)\n{\n"
	"\tuint32_t bits = ((uint32_t)half & 0x7fff) << 13;\n\tfloat value;\n\n"
	"\tif (half & 0x7c00) {\n\t\tbits += (uint32_t)(127 - 15) << 23;\n"
	"\t\tmemcpy(&value, &bits, sizeof(value));\n"
	"\t} else {\n\t\tvalue = (float)(half & 0x3ff) / 16777216;\n\t}\n"
	"\treturn half & 0x8000 ? -value : value;\n}\n";

static const char expand_halves[] =
	"\n/* count floats of scratch; the next follow them. */\n"
	"static inline const float *@_expand(const unsigned short *halves, size_t count, float "
	"**scratch)\n{\n"
	"\tfloat *to = *scratch;\n\tsize_t k;\n\n"
	"\tfor (k = 0; k < count; k++)\n\t\t*(*scratch)++ = @_widen(halves[k]);\n"
	"\treturn to;\n}\n";

void embed_put_expand(FILE *f, const struct model_facts *m, const char *name)
{
	if (m->desc.dtype == LSTM_DTYPE_I8) {
		embed_put(f, name, expand_int8);
		return;
	}
	embed_put(f, name, m->desc.dtype == LSTM_DTYPE_F16 ? widen_f16 : widen_bf16);
	embed_put(f, name, expand_halves);
}

void embed_put_expanded(FILE *f, const struct model_facts *m, const char *name, int cell,
                        const char *field, const char *suffix, const struct model_array *matrix)
{
	if (m->desc.dtype == LSTM_DTYPE_I8)
		fprintf(f,
		        "\tweights[%d].%s_scale = %s_%s_scale;\n"
		        "\tweights[%d].%s = %s_expand(%s_%s, %s_%s_scale, %zu, %zu, &scratch);\n",
		        cell, field, name, suffix, cell, field, name, name, suffix, name, suffix,
		        matrix->rows, matrix->count / matrix->rows);
	else
		fprintf(f, "\tweights[%d].%s = %s_expand(%s_%s, %zu, &scratch);\n", cell, field,
		        name, name, suffix, matrix->count);
}
