#include "sensitivity.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"
#include "rounding.h"

static const double u = 0x1p-24;

/* -1 or 1, by Knuth's generator for MMIX. */
static double sign(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 63 ? 1.0 : -1.0;
}

static size_t moved_bytes(const lstm_desc *desc, const lstm_weights *weights, int cells)
{
	struct model_array arrays[MODEL_ARRAYS];
	size_t count = 0;
	int cell, k;

	for (cell = 0; cell < cells; cell++) {
		model_arrays(desc, weights, cell, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++)
			count += arrays[k].count + arrays[k].rows; /* scales */
		count += 4 * (size_t)desc->hidden; /* in case it has no bias */
	}
	return count * sizeof(float);
}

static void move_values(float *values, size_t count, double relative, double absolute,
                        uint64_t *seed)
{
	size_t k;

	for (k = 0; k < count; k++)
		if (isfinite(values[k])) /* an infinity stays what it is */
			values[k] = (float)((double)values[k] +
			                    sign(seed) * (relative * fabs((double)values[k]) +
			                                  absolute));
}

/* A vector, which is of fp32. */
static const float *move(float **room, const struct model_array *array, double relative,
                         double absolute, uint64_t *seed)
{
	float *to = *room;

	if (!array->values)
		return NULL;
	memmove(to, array->values, array->count * sizeof(*to)); /* may be there already */
	move_values(to, array->count, relative, absolute, seed);
	*room += array->count;
	return to;
}

/* A matrix: rounded as it is kept, then moved by itself or, of int8, by its scales. */
static const float *move_matrix(float **room, const struct model_array *matrix, double relative,
                                const float **moved_scales, uint64_t *seed)
{
	const int codes = matrix->kept == LSTM_DTYPE_I8;
	float *to = *room, *scales = to + matrix->count, scale = 1;
	size_t columns = matrix->count / matrix->rows, row;

	if (!matrix->values)
		return NULL;
	memcpy(to, matrix->values, matrix->count * sizeof(*to));
	for (row = 0; row < matrix->rows; row++) {
		if (codes)
			scales[row] = scale = model_row_scale(matrix, row);
		rounding_values(matrix->kept, to + row * columns, columns, scale);
	}
	*room += matrix->count + matrix->rows;
	if (codes) {
		move_values(scales, matrix->rows, 2 * u, 0, seed);
		*moved_scales = scales;
	} else {
		move_values(to, matrix->count, relative, 0, seed);
	}
	return to;
}

/* A value below half of fp32's unit of itself would not move a weight: sqrt(n) u is at least that
 * unit as soon as n is 4, which a gate's sum always is: a bias, x, h and the rounding of the bias. */
static void move_cell(const lstm_desc *desc, const lstm_weights *weights, int cell, float **room,
                      lstm_weights *to, uint64_t *seed)
{
	struct model_array from[MODEL_ARRAYS], zero;
	double terms, relative, projected;
	size_t rows = 4 * (size_t)desc->hidden;

	model_arrays(desc, weights, cell, from);
	terms = (double)((from[MODEL_W].count + from[MODEL_U].count) / rows) + 2;
	relative = sqrt(terms) * u;
	projected = sqrt(fmax(4, (double)desc->hidden)) * u;
	memset(to, 0, sizeof(*to));
	to->w = move_matrix(room, &from[MODEL_W], relative, &to->w_scale, seed);
	to->u = move_matrix(room, &from[MODEL_U], relative, &to->u_scale, seed);
	to->b2 = move(room, &from[MODEL_B2], relative, 0, seed);
	to->peephole = move(room, &from[MODEL_PEEPHOLE], relative, 0, seed);
	to->projection = move_matrix(room, &from[MODEL_PROJECTION], projected,
	                             &to->projection_scale, seed);
	if (!from[MODEL_B].values) {
		memset(*room, 0, rows * sizeof(float));
		zero.values = *room;
		zero.count = rows;
		from[MODEL_B] = zero;
	}
	to->b = move(room, &from[MODEL_B], relative, SENSITIVITY_COARSE, seed);
}

lstm_status sensitivity_model(lstm_model **model, const lstm_desc *desc,
                              const lstm_weights *weights, unsigned seed)
{
	int cells = model_cells(desc), k;
	lstm_desc moved_desc = *desc;
	lstm_weights *moved = malloc((size_t)cells * sizeof(*moved));
	lstm_dtype *types = malloc((size_t)desc->layers * sizeof(*types));
	float *room = malloc(moved_bytes(desc, weights, cells)), *next = room;
	lstm_status status = LSTM_ERR_MEMORY;
	uint64_t random = seed;

	*model = NULL;
	if (moved && types && room) {
		for (k = 0; k < cells; k++)
			move_cell(desc, weights, k, &next, &moved[k], &random);
		for (k = 0; k < desc->layers; k++)
			types[k] = model_dtype(desc, k) == LSTM_DTYPE_I8 ? LSTM_DTYPE_I8
			                                                 : LSTM_DTYPE_F32;
		moved_desc.dtypes = types;
		status = lstm_model_new(model, &moved_desc, moved);
	}
	free(moved);
	free(types);
	free(room);
	return status;
}

double sensitivity_tolerance(double moved, double magnitude)
{
	return SENSITIVITY_SAFETY * moved + SENSITIVITY_COARSE * fmax(1, magnitude);
}
