/* From the public calls to jobs: pieces, layers, directions. */

/* One call's view of x and y, with dense strides filled in. */
struct lstm__call {
	const float *x;
	float *y;
	size_t steps, x_step, x_stream, y_step, y_stream;
	const size_t *lengths;
};

/* Layer by layer over steps [first, first + steps). */
static void lstm__run_piece(lstm_state *s, const struct lstm__call *call, size_t first,
                            size_t steps)
{
	const lstm_model *m = s->model;
	const int layers = m->desc.layers;
	struct lstm__job *job = s->jobs;
	int layer, d;

	for (layer = 0; layer < layers; layer++)
		for (d = 0; d < m->directions; d++, job++) {
			job->lengths = call->lengths;
			job->first = first;
			job->steps = steps;
			if (layer == 0) {
				job->x = call->x + first * call->x_step;
				job->x_step = call->x_step;
				job->x_stream = call->x_stream;
			} else {
				job->x = s->between[(layer - 1) & 1];
			}
			if (layer == layers - 1) {
				job->y = call->y ? call->y + first * call->y_step : NULL;
				job->y_step = call->y_step;
				job->y_stream = call->y_stream;
			} else {
				job->y = s->between[layer & 1];
			}
			if (d == 1 && job->y)
				job->y += job->layer->output;
			m->kernels->run(job);
		}
}

static void lstm__run_call(lstm_state *s, const struct lstm__call *call)
{
	size_t first, piece = call->steps;

	unsigned environment;

	lstm__fp_enter(&environment);
	if (s->model->desc.layers > 1 && piece > s->max_steps)
		piece = s->max_steps;
	for (first = 0; first < call->steps; first += piece) {
		size_t left = call->steps - first;
		lstm__run_piece(s, call, first, left < piece ? left : piece);
	}
	lstm__fp_leave(environment);
}

/* One step of one stream through forward layers: each reads its x where the one below left h. */
static void lstm__run_once(lstm_state *s, const float *x, float *y)
{
	const lstm_model *m = s->model;
	const int layers = m->desc.layers;
	unsigned environment;
	int layer;

	for (layer = 0; layer < layers; layer++) {
		const struct lstm__job *job = &s->jobs[layer];
		m->kernels->once(job, x, layer == layers - 1 ? y : NULL,
		                 layer == 0 ? &environment : NULL);
		x = lstm__job_h(job, 0, 0);
	}
	lstm__fp_leave(environment);
}

LSTM__DEF void lstm_run(lstm_state *state, const float *x, float *y, size_t steps)
{
	const lstm_model *m = state->model;
	size_t batch = (size_t)state->batch, k;
	struct lstm__call call;

	if (steps == 1 && state->once) {
		lstm__run_once(state, x, y);
		return;
	}
	call.x = x;
	call.y = y;
	call.steps = steps;
	call.x_stream = m->layers[0].width;
	call.x_step = batch * call.x_stream;
	call.y_stream = (size_t)m->directions * m->layers[0].output;
	call.y_step = batch * call.y_stream;
	call.lengths = NULL;
	if (steps <= state->max_steps || !lstm__whole_sequences(m))
		lstm__run_call(state, &call);
	else
		for (k = 0; y && k < steps * call.y_step; k++)
			y[k] = NAN;
}

/* Strides of one of x and y: what the caller gave, or dense; 0 if the range overflows size_t.
 * *extent is the number of floats from the first to past the last. */
static int lstm__strides(const lstm_run_args *args, size_t batch, size_t width, size_t *step,
                         size_t *stream, size_t *extent)
{
	size_t row = args->order == LSTM_TIME_MAJOR ? batch : args->steps, a = 0, b = 0, bytes;
	size_t *outer = args->order == LSTM_TIME_MAJOR ? step : stream;
	size_t *inner = args->order == LSTM_TIME_MAJOR ? stream : step;

	if (!*inner)
		*inner = width;
	if (!*outer && !lstm__multiply(row, *inner, outer))
		return 0;
	if (args->steps && !lstm__multiply(args->steps - 1, *step, &a))
		return 0;
	if (!lstm__multiply(batch - 1, *stream, &b) || b > SIZE_MAX - a || width > SIZE_MAX - a - b)
		return 0;
	*extent = args->steps ? a + b + width : 0;
	return lstm__multiply(*extent, sizeof(float), &bytes);
}

static int lstm__overlap(const float *x, size_t nx, const float *y, size_t ny)
{
	uintptr_t a = (uintptr_t)x, b = (uintptr_t)y;
	return a < b ? b - a < nx * sizeof(float) : a - b < ny * sizeof(float);
}

/* The top layer's final h of each direction. */
static void lstm__copy_last(const lstm_state *s, float *last)
{
	const lstm_model *m = s->model;
	const struct lstm__job *top = s->jobs + (m->desc.layers - 1) * m->directions;
	const size_t output = top->layer->output;
	int b, d;
	for (b = 0; b < s->batch; b++)
		for (d = 0; d < m->directions; d++, last += output)
			memcpy(last, lstm__job_h(&top[d], b, 0), output * sizeof(float));
}

LSTM__DEF lstm_status lstm_run_with(lstm_state *state, const lstm_run_args *args)
{
	struct lstm__call call;
	const lstm_model *m;
	size_t batch, x_extent, y_extent, width, b;

	if (!state || !args || (unsigned)args->order > LSTM_BATCH_MAJOR ||
	    (args->steps && !args->x))
		return LSTM_ERR_ARG;
	m = state->model;
	batch = (size_t)state->batch;
	if (args->steps > state->max_steps && lstm__whole_sequences(m))
		return LSTM_ERR_ARG;
	for (b = 0; args->lengths && b < batch; b++)
		if (args->lengths[b] > args->steps)
			return LSTM_ERR_ARG;
	call.x = args->x;
	call.y = args->y;
	call.steps = args->steps;
	call.lengths = args->lengths;
	call.x_step = args->x_step;
	call.x_stream = args->x_stream;
	call.y_step = args->y_step;
	call.y_stream = args->y_stream;
	width = (size_t)m->directions * m->layers[0].output;
	if (!lstm__strides(args, batch, m->layers[0].width, &call.x_step, &call.x_stream,
	                   &x_extent) ||
	    !lstm__strides(args, batch, width, &call.y_step, &call.y_stream, &y_extent))
		return LSTM_ERR_SIZE;
	if (args->steps && args->y && lstm__overlap(args->x, x_extent, args->y, y_extent))
		return LSTM_ERR_ARG;
	lstm__run_call(state, &call);
	if (args->last)
		lstm__copy_last(state, args->last);
	return LSTM_OK;
}
