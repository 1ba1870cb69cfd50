#include "sensitivity.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"

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
			count += arrays[k].count;
		count += 4 * (size_t)desc->hidden; /* in case it has no bias */
	}
	return count * sizeof(float);
}

static const float *move(float **room, const struct model_array *array, double relative,
                         double absolute, uint64_t *seed)
{
	float *to = *room;
	size_t k;

	if (!array->values)
		return NULL;
	for (k = 0; k < array->count; k++) {
		double value = (double)array->values[k];

		if (isfinite(value)) /* an infinity stays what it is */
			value += sign(seed) * (relative * fabs(value) + absolute);
		to[k] = (float)value;
	}
	*room += array->count;
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
	to->w = move(room, &from[MODEL_W], relative, 0, seed);
	to->u = move(room, &from[MODEL_U], relative, 0, seed);
	to->b2 = move(room, &from[MODEL_B2], relative, 0, seed);
	to->peephole = move(room, &from[MODEL_PEEPHOLE], relative, 0, seed);
	to->projection = move(room, &from[MODEL_PROJECTION], projected, 0, seed);
	if (!from[MODEL_B].values) {
		memset(*room, 0, rows * sizeof(float));
		zero.values = *room;
		zero.count = rows;
		from[MODEL_B] = zero;
	}
	to->b = move(room, &from[MODEL_B], relative, SENSITIVITY_COARSE, seed);
}

lstm_status sensitivity_model(lstm_model **model, const lstm_desc *desc,
                              const lstm_weights *weights)
{
	int cells = model_cells(desc), cell;
	lstm_desc wide = *desc;
	lstm_weights *moved = malloc((size_t)cells * sizeof(*moved));
	float *room = malloc(moved_bytes(desc, weights, cells)), *next = room;
	lstm_status status = LSTM_ERR_MEMORY;
	uint64_t seed = 1;

	*model = NULL;
	if (moved && room) {
		for (cell = 0; cell < cells; cell++)
			move_cell(desc, weights, cell, &next, &moved[cell], &seed);
		wide.dtype = LSTM_DTYPE_F32; /* which alone can hold what is moved so little */
		status = lstm_model_new(model, &wide, moved);
	}
	free(moved);
	free(room);
	return status;
}

double sensitivity_tolerance(double moved, double magnitude)
{
	return SENSITIVITY_SAFETY * moved + SENSITIVITY_COARSE * fmax(1, magnitude);
}
