#include "calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "timing.h"

/* A model that runs piece by piece: a layer alone, or all. */
struct runner {
	lstm_model *model;
	lstm_state *state;
};

struct run {
	struct calibration *c;
	const struct model_facts *facts;
	struct sequence sequence;
	struct runner *layers;   /* [layers][CALIBRATE_TYPES] */
	struct runner whole[2];
	float *from, *to, *low;  /* a piece of a layer's input and output, and as fewer bits have it */
};

/* ---- the models ------------------------------------------------------------------------------ */
static int make_runner(struct runner *r, const struct calibration *c, const lstm_desc *desc,
                       const lstm_weights *weights)
{
	lstm_status status = lstm_model_new(&r->model, desc, weights);

	if (status != LSTM_OK)
		cli_complain("%s: model: %s", c->model, lstm_strerror(status));
	return status == LSTM_OK;
}

static size_t layer_bytes(const struct model_facts *facts, int layer, lstm_dtype type)
{
	int directions = model_directions(&facts->desc), direction, k;
	struct model_array arrays[MODEL_ARRAYS];
	size_t bytes = 0;

	for (direction = 0; direction < directions; direction++) {
		model_arrays(&facts->desc, facts->weights, layer * directions + direction, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++)
			if (arrays[k].rows)
				bytes += model_array_bytes(&arrays[k], type);
	}
	return bytes;
}

/* The layer alone, as each type. */
static int make_layer(struct run *r, int layer)
{
	const lstm_desc *whole = &r->facts->desc;
	const int directions = model_directions(whole);
	struct calibrated_layer *l = &r->c->layers[layer];
	lstm_desc desc = *whole;
	int k;

	desc.isa = LSTM_ISA_AUTO;
	desc.layers = 1;
	desc.dtypes = NULL;
	if (layer)
		desc.input = r->facts->output;
	l->types[0].type = model_dtype(whole, layer);
	l->types[1].type = LSTM_DTYPE_I8;
	l->types[2].type = LSTM_DTYPE_BF16;
	l->count = l->types[0].type == LSTM_DTYPE_F32 ? 3 : 2;
	for (k = 0; k < l->count; k++) {
		desc.dtype = l->types[k].type;
		l->types[k].bytes = layer_bytes(r->facts, layer, desc.dtype);
		if (!make_runner(&r->layers[layer * CALIBRATE_TYPES + k], r->c, &desc,
		                 r->facts->weights + layer * directions))
			return 0;
	}
	return 1;
}

static int make_whole(struct run *r)
{
	const lstm_desc *own = &r->facts->desc;
	struct calibration *c = r->c;
	lstm_dtype *types = malloc((size_t)own->layers * sizeof(*types));
	lstm_desc desc = *own;
	int layer, k;

	c->desc = *own;
	c->desc.dtypes = types;
	if (!types) {
		cli_no_memory(c->model, "its types");
		return 0;
	}
	for (layer = 0; layer < own->layers; layer++) {
		const struct calibrated_layer *l = &c->layers[layer];

		types[layer] = l->types[l->chosen].type;
		c->whole[0].bytes += l->types[0].bytes;
		c->whole[1].bytes += l->types[l->chosen].bytes;
	}
	for (k = 0; k < 2; k++) {
		desc.isa = LSTM_ISA_AUTO;
		desc.dtypes = k ? types : own->dtypes;
		if (!make_runner(&r->whole[k], c, &desc, r->facts->weights))
			return 0;
		r->whole[k].state = sequence_state(&r->sequence, r->whole[k].model);
		if (!r->whole[k].state)
			return 0;
	}
	return 1;
}

/* ---- the runs -------------------------------------------------------------------------------- */
static int check_piece(const struct sequence *s)
{
	const float *x = s->x;
	size_t run, first, count, k;

	for (run = 0; run < sequence_runs(s); run++, x += count) {
		first = sequence_run(s, run, s->input, &count);
		for (k = 0; k < count; k++)
			if (!isfinite(x[k])) {
				cli_complain("%s: element %zu: expected a finite number, found %g",
				             s->reader.path, first + k, (double)x[k]);
				return 0;
			}
	}
	return 1;
}

static int run_piece(const struct sequence *s, const struct runner *r, const float *x, float *y)
{
	lstm_run_args args = s->args;

	args.x = x;
	args.y = y;
	if (lstm_run_with(r->state, &args) == LSTM_OK)
		return 1;
	cli_complain("%s: expected sizes that memory can hold", s->reader.path);
	return 0;
}

/* What comes first is what the others are held against. */
static int compare_piece(const struct run *r, const struct runner *runners,
                         struct calibrated *results, int count, const float *x)
{
	const struct sequence *s = &r->sequence;
	size_t values = s->args.steps * s->batch * s->output;
	int k;

	if (!run_piece(s, &runners[0], x, r->to))
		return 0;
	for (k = 1; k < count; k++) {
		if (!run_piece(s, &runners[k], x, r->low))
			return 0;
		errors_add(&results[k].errors, r->to, r->low, 0, values);
	}
	return 1;
}

/* Of one piece: models in turns. */
static int time_piece(const struct run *r, const struct runner *runners,
                      struct calibrated *results, int count, const float *x)
{
	const struct sequence *s = &r->sequence;
	const lstm_model *models[CALIBRATE_TYPES];
	double seconds[CALIBRATE_TYPES];
	int k;

	for (k = 0; k < count; k++)
		models[k] = runners[k].model;
	if (!timing_steps(models, count, x, r->low, s->args.steps, (int)s->batch, seconds)) {
		cli_no_memory(s->reader.path, "the model's state");
		return 0;
	}
	for (k = 0; k < count; k++)
		results[k].seconds = seconds[k];
	return 1;
}

/* Each layer gets what the layers before it make of x as the file has them. */
static int run_layers(struct run *r)
{
	struct sequence *s = &r->sequence;
	const int layers = r->facts->desc.layers;
	const float *x;
	float *swap;
	int more, layer;

	while ((more = sequence_next(s)) > 0) {
		cli_progress("lstm quantize", s->done, s->steps);
		if (!check_piece(s))
			return 0;
		for (layer = 0; layer < layers; layer++) {
			struct calibrated_layer *l = &r->c->layers[layer];
			const struct runner *runners = &r->layers[layer * CALIBRATE_TYPES];

			x = layer ? r->from : s->x;
			if (!compare_piece(r, runners, l->types, l->count, x) ||
			    (s->done == 0 && !time_piece(r, runners, l->types, l->count, x)))
				return 0;
			swap = r->from;
			r->from = r->to;
			r->to = swap;
		}
	}
	cli_progress_end();
	return more == 0;
}

/* The fewest bits within the limit; what the file has always is. */
static void choose(struct calibration *c, int layers)
{
	int layer, k;

	for (layer = 0; layer < layers; layer++) {
		struct calibrated_layer *l = &c->layers[layer];

		for (k = 1; k < l->count && !(l->types[k].errors.max <= c->limit); k++)
			;
		l->chosen = k < l->count ? k : 0;
	}
}

static int run_whole(struct run *r)
{
	struct sequence *s = &r->sequence;
	int more;

	sequence_again(s);
	while ((more = sequence_next(s)) > 0) {
		cli_progress("lstm quantize", s->done, s->steps);
		if (!compare_piece(r, r->whole, r->c->whole, 2, s->x) ||
		    (s->done == 0 && !time_piece(r, r->whole, r->c->whole, 2, s->x)))
			return 0;
	}
	cli_progress_end();
	return more == 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */
static int prepare(struct run *r)
{
	struct sequence *s = &r->sequence;
	const int layers = r->facts->desc.layers;
	char found[NPY_SHAPE_TEXT];
	int layer, k;

	for (layer = 0; layer < layers; layer++)
		if (!make_layer(r, layer))
			return 0;
	if (!sequence_open(s, &r->c->files, r->layers[0].model))
		return 0;
	if (s->steps == 0) {
		cli_complain("%s: shape: expected at least one step, found %s", s->reader.path,
		             npy_shape(found, s->rank, s->reader.shape));
		return 0;
	}
	r->c->steps = s->steps;
	r->c->batch = s->batch;
	for (k = 0; k < layers * CALIBRATE_TYPES; k++)
		if (r->layers[k].model) {
			r->layers[k].state = sequence_state(s, r->layers[k].model);
			if (!r->layers[k].state)
				return 0;
		}
	r->from = sequence_room(s);
	r->to = r->from ? sequence_room(s) : NULL;
	r->low = r->to ? sequence_room(s) : NULL;
	return r->low && npy_spool(&s->reader); /* as it is read twice */
}

static void release(struct run *r)
{
	int k;

	for (k = 0; k < r->facts->desc.layers * CALIBRATE_TYPES; k++) {
		lstm_state_free(r->layers[k].state);
		lstm_model_free(r->layers[k].model);
	}
	for (k = 0; k < 2; k++) {
		lstm_state_free(r->whole[k].state);
		lstm_model_free(r->whole[k].model);
	}
	free(r->layers);
	free(r->from);
	free(r->to);
	free(r->low);
	sequence_close(&r->sequence);
}

int calibrate(struct calibration *c, const struct model_facts *facts)
{
	const size_t layers = (size_t)facts->desc.layers;
	struct run r;
	int good = 0;

	memset(&r, 0, sizeof(r));
	r.c = c;
	r.facts = facts;
	r.sequence.reader.file = -1;
	c->layers = calloc(layers, sizeof(*c->layers));
	r.layers = calloc(layers * CALIBRATE_TYPES, sizeof(*r.layers));
	if (!c->layers || !r.layers) {
		cli_no_memory(c->model, "its layers");
		free(r.layers);
		return 0;
	}
	if (prepare(&r) && run_layers(&r)) {
		choose(c, (int)layers);
		good = make_whole(&r) && run_whole(&r);
	}
	release(&r);
	return good;
}

void calibration_free(struct calibration *c)
{
	free(c->layers);
	free((void *)c->desc.dtypes);
}
