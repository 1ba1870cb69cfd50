#include "embed_codes.h"

#include <math.h>

#include "common.h"
#include "rounding.h"

int embed_in_codes(const struct model_facts *m, const struct model_array *array)
{
	return m->desc.dtype != LSTM_DTYPE_F32 && array->rows && array->values;
}

float embed_row_scale(const struct model_array *matrix, size_t row)
{
	size_t columns = matrix->count / matrix->rows;

	if (matrix->scales)
		return matrix->scales[row];
	return rounding_scale(matrix->values + row * columns, columns);
}

/* Numbers that are codes, and that are floats: scales too. */
struct counts {
	size_t codes, floats;
};

static struct counts count(const struct model_facts *m)
{
	struct model_array arrays[MODEL_ARRAYS];
	struct counts all = {0, 0};
	int cell, k;

	for (cell = 0; cell < model_cells(&m->desc); cell++) {
		model_arrays(&m->desc, m->weights, cell, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++)
			if (embed_in_codes(m, &arrays[k])) {
				all.codes += arrays[k].count;
				if (m->desc.dtype == LSTM_DTYPE_I8)
					all.floats += arrays[k].rows; /* scales */
			} else {
				all.floats += arrays[k].count;
			}
	}
	return all;
}

size_t embed_scratch(const struct model_facts *m)
{
	return count(m).codes;
}

size_t embed_constant_bytes(const struct model_facts *m)
{
	const struct counts all = count(m);

	return rounding_bytes(m->desc.dtype) * all.codes + sizeof(float) * all.floats;
}

int embed_fits(const struct model_facts *m, const char *file)
{
	const double limit = rounding_limit(m->desc.dtype);
	struct model_array arrays[MODEL_ARRAYS];
	size_t n;
	int cell, k;

	for (cell = 0; cell < model_cells(&m->desc); cell++) {
		model_arrays(&m->desc, m->weights, cell, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++)
			for (n = 0; embed_in_codes(m, &arrays[k]) && n < arrays[k].count; n++)
				if (!(fabs((double)arrays[k].values[n]) < limit)) {
					cli_complain("%s: expected weights of magnitudes below %g, which %s "
					             "can hold, found %g",
					             file, limit, cli_dtype_name(m->desc.dtype),
					             (double)arrays[k].values[n]);
					return 0;
				}
	}
	return 1;
}
