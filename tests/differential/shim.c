/* lstm.h and the oracle as a shared library, with one flat description of an ONNX LSTM operator for
 * both: so that Python need not know how the header's structs are laid out. */
#define LSTM_IMPLEMENTATION
#include "lstm.h"

#include <stdlib.h>
#include <string.h>

#include "oracle.h"

/* instance.py and engine.py speak of the same fields. */
struct instance {
	int isa, input, hidden, batch, direction, batch_major, input_forget;
	int functions[2][3];
	float alpha[2][3], beta[2][3], clip;
	size_t steps, max_steps;
	const void *x, *w, *r, *b, *p, *h0, *c0; /* ONNX's tensors, NULL where absent */
	const size_t *lengths;
	void *y, *hn, *cn; /* as ONNX lays them out; NULL if not asked for */
};

static lstm_desc desc_of(const struct instance *o)
{
	lstm_desc d = {0};
	int i, k;

	d.input = o->input;
	d.hidden = o->hidden;
	d.direction = (lstm_direction)o->direction;
	d.layout = LSTM_LAYOUT_ONNX;
	d.isa = (lstm_isa)o->isa;
	d.input_forget = o->input_forget;
	d.clip = o->clip;
	for (i = 0; i < 2; i++)
		for (k = 0; k < 3; k++) {
			d.activations[i][k].function = (lstm_function)o->functions[i][k];
			d.activations[i][k].alpha = o->alpha[i][k];
			d.activations[i][k].beta = o->beta[i][k];
		}
	return d;
}

/* Number count * k of an array of floats or doubles, or NULL. */
static const void *part(const void *from, size_t count, size_t k, size_t number)
{
	return from ? (const char *)from + count * k * number : NULL;
}

static void weights_of(const struct instance *o, lstm_weights *f32, lstm_weights_f64 *f64)
{
	const size_t hidden = (size_t)o->hidden, input = (size_t)o->input;
	const size_t number = f32 ? sizeof(float) : sizeof(double);
	size_t d;

	for (d = 0; d < 2; d++) {
		const void *w = part(o->w, 4 * hidden * input, d, number);
		const void *u = part(o->r, 4 * hidden * hidden, d, number);
		const void *b = part(o->b, 8 * hidden, d, number);
		const void *b2 = part(b, 4 * hidden, 1, number);
		const void *p = part(o->p, 3 * hidden, d, number);

		if (f32) {
			memset(&f32[d], 0, sizeof(f32[d]));
			f32[d].w = w;
			f32[d].u = u;
			f32[d].b = b;
			f32[d].b2 = b2;
			f32[d].peephole = p;
		} else {
			const lstm_weights_f64 all = {w, u, b, b2, p, NULL};

			f64[d] = all;
		}
	}
}

/* ONNX's Y[steps][directions][batch][hidden]; in layout 1 it is dense. */
static void strides_of(const struct instance *o, size_t *step, size_t *stream, size_t *direction)
{
	const size_t hidden = (size_t)o->hidden, batch = (size_t)o->batch;

	*direction = *stream = *step = 0;
	if (o->batch_major)
		return;
	*stream = hidden;
	*direction = batch * hidden;
	*step = (o->direction == LSTM_BIDIRECTIONAL ? 2 : 1) * *direction;
}

int shim_f32(const struct instance *o)
{
	lstm_desc d = desc_of(o);
	lstm_weights weights[2];
	lstm_run_args args = {0};
	lstm_model *model;
	lstm_state *state = NULL;
	lstm_status status;

	weights_of(o, weights, NULL);
	status = lstm_model_new(&model, &d, weights);
	if (status == LSTM_OK)
		status = lstm_state_new(&state, model, o->batch, o->max_steps);
	args.x = o->x;
	args.y = o->y;
	args.steps = o->steps;
	args.lengths = o->lengths;
	args.order = o->batch_major ? LSTM_BATCH_MAJOR : LSTM_TIME_MAJOR;
	strides_of(o, &args.y_step, &args.y_stream, &args.y_direction);
	args.h0 = o->h0;
	args.c0 = o->c0;
	args.hn = o->hn;
	args.cn = o->cn;
	if (status == LSTM_OK)
		status = lstm_run_with(state, &args);
	lstm_state_free(state);
	lstm_model_free(model);
	return status;
}

int shim_f64(const struct instance *o)
{
	lstm_desc d = desc_of(o);
	lstm_weights_f64 weights[2];
	lstm_run_args_f64 args = {0};
	void *workspace = NULL;
	size_t bytes = 0;
	lstm_status status;

	weights_of(o, NULL, weights);
	args.batch = o->batch;
	args.x = o->x;
	args.y = o->y;
	args.steps = o->steps;
	args.lengths = o->lengths;
	args.order = o->batch_major ? LSTM_BATCH_MAJOR : LSTM_TIME_MAJOR;
	strides_of(o, &args.y_step, &args.y_stream, &args.y_direction);
	args.h0 = o->h0;
	args.c0 = o->c0;
	args.hn = o->hn;
	args.cn = o->cn;
	status = lstm_f64_size(&d, o->batch, o->steps, &bytes);
	if (status == LSTM_OK && posix_memalign(&workspace, LSTM_ALIGN, bytes))
		status = LSTM_ERR_MEMORY;
	if (status == LSTM_OK)
		status = lstm_f64_run(&d, weights, &args, workspace, bytes);
	free(workspace);
	return status;
}

static void put(double (*to)[2], const num *from, size_t count, int f64)
{
	size_t k;

	for (k = 0; k < count; k++) {
		to[k][0] = from[k].v;
		to[k][1] = f64 ? num_tolerance_f64(from[k]) : num_tolerance(from[k]);
	}
}

/* Values and tolerances: y[steps][batch][directions * hidden], h and c [directions][batch][hidden].
 * x, h0 and c0 are time-major whatever batch_major says. */
void shim_oracle(const struct instance *o, int f64, double (*y)[2], double (*h)[2], double (*c)[2])
{
	lstm_desc d = desc_of(o);
	lstm_weights weights[2];
	lstm_weights_f64 weights_f64[2];
	oracle_input in = {o->batch, o->steps, o->x, o->h0, o->c0, o->lengths, NULL, 0};
	oracle_input_f64 in_f64 = {o->batch, o->steps, o->x, o->h0, o->c0, o->lengths, NULL, 0};
	const size_t rows = (size_t)oracle_directions(&d) * (size_t)o->batch;
	const size_t state = rows * (size_t)o->hidden;
	oracle_output out;

	weights_of(o, f64 ? NULL : weights, weights_f64);
	out = f64 ? oracle_run_f64(&d, weights_f64, &in_f64) : oracle_run(&d, weights, &in);
	put(y, out.y, o->steps * state, f64);
	put(h, out.h, state, f64);
	put(c, out.c, state, f64);
	oracle_free(&out);
}
