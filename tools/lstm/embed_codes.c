#include "embed_codes.h"

int embed_in_codes(const struct model_array *array)
{
	return array->kept == LSTM_DTYPE_I8 && array->values;
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
			if (embed_in_codes(&arrays[k])) {
				all.codes += arrays[k].count;
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

	return all.codes + sizeof(float) * all.floats;
}
