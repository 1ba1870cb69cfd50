/* From the public calls to jobs: pieces, layers, directions. */

static void lstm__run_job(const lstm_state *s, struct lstm__job *job, struct lstm__split *split)
{
#ifdef LSTM__TEAMS
	if (split && lstm__split_units(split, s, job))
		return;
#else
	(void)s, (void)split;
#endif
	job->layer->kernels->run(job);
}

/* Layer by layer over steps [first, first + steps). */
static void lstm__run_piece(lstm_state *s, const struct lstm__call *call, size_t first,
                            size_t steps, struct lstm__split *split)
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
				job->y += layer == layers - 1 ? call->y_direction
				                              : job->layer->output;
			lstm__run_job(s, job, split);
		}
}

static void lstm__run_call(lstm_state *s, const struct lstm__call *call)
{
	struct lstm__split *split = NULL;
	size_t first, piece = call->steps;
	unsigned environment;

#ifdef LSTM__TEAMS
	split = lstm__split_take(s);
	if (split && lstm__split_streams(s, call)) {
		lstm__split_release(split);
		return;
	}
#endif
	lstm__fp_enter(&environment);
	if (s->model->desc.layers > 1 && piece > s->max_steps)
		piece = s->max_steps;
	for (first = 0; first < call->steps; first += piece) {
		size_t left = call->steps - first;
		lstm__run_piece(s, call, first, left < piece ? left : piece, split);
	}
	lstm__fp_leave(environment);
#ifdef LSTM__TEAMS
	lstm__split_release(split);
#endif
}

/* One step of one stream through forward layers: each reads its x where the one below left h. */
static void lstm__run_once(lstm_state *s, const float *x, float *y)
{
	const int layers = s->model->desc.layers;
	unsigned environment;
	int layer;

	for (layer = 0; layer < layers; layer++) {
		struct lstm__job *job = &s->jobs[layer];
		job->layer->kernels->once(job, x, layer == layers - 1 ? y : NULL,
		                          layer == 0 ? &environment : NULL);
		job->phase[0] ^= 1;
		x = lstm__job_h(job, 0, 0);
	}
	lstm__fp_leave(environment);
}

LSTM__DEF void lstm_run(lstm_state *state, const float *x, float *y, size_t steps)
{
	const lstm_model *m = state->model;
	size_t batch = (size_t)state->batch, k;
	struct lstm__call call;

	if (steps == 1 && state->once && !state->split) {
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
	call.y_direction = m->layers[0].output;
	call.lengths = NULL;
	if (steps <= state->max_steps || !lstm__whole_sequences(m))
		lstm__run_call(state, &call);
	else
		for (k = 0; y && k < steps * call.y_step; k++)
			y[k] = NAN;
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

static struct lstm__args lstm__args_of(const lstm_state *s, const lstm_run_args *from)
{
	const struct lstm__layer *l = &s->model->layers[0];
	struct lstm__args a;

	a.number = sizeof(float);
	a.batch = (size_t)s->batch;
	a.directions = (size_t)s->model->directions;
	a.cells = lstm__state_layers(s);
	a.input = l->width;
	a.hidden = l->hidden;
	a.output = l->output;
	a.x = from->x;
	a.y = from->y;
	a.last = from->last;
	a.h0 = from->h0;
	a.c0 = from->c0;
	a.hn = from->hn;
	a.cn = from->cn;
	a.steps = from->steps;
	a.lengths = from->lengths;
	a.order = from->order;
	a.x_step = from->x_step;
	a.x_stream = from->x_stream;
	a.y_step = from->y_step;
	a.y_stream = from->y_stream;
	a.y_direction = from->y_direction;
	a.mask.at = from->mask;
	a.mask.step = from->mask_step;
	a.mask.stream = from->mask_stream;
	a.masked = from->masked;
	return a;
}

/* Only an extended call has a mask: it is set before and taken away afterwards. */
static void lstm__state_mask(lstm_state *s, const struct lstm__mask *mask)
{
	size_t i, jobs = lstm__state_layers(s);
	for (i = 0; i < jobs; i++)
		s->jobs[i].mask = mask;
}

LSTM__DEF lstm_status lstm_run_with(lstm_state *state, const lstm_run_args *args)
{
	struct lstm__args a;
	struct lstm__call call;
	lstm_status status;

	if (!state || !args)
		return LSTM_ERR_ARG;
	a = lstm__args_of(state, args);
	if (a.steps > state->max_steps && lstm__whole_sequences(state->model))
		return LSTM_ERR_ARG;
	status = lstm__args_complete(&a);
	if (status != LSTM_OK)
		return status;
	call.x = args->x;
	call.y = args->y;
	call.steps = a.steps;
	call.lengths = a.lengths;
	call.x_step = a.x_step;
	call.x_stream = a.x_stream;
	call.y_step = a.y_step;
	call.y_stream = a.y_stream;
	call.y_direction = a.y_direction;
	lstm__state_write(state, args->h0, args->c0, a.order);
	if (a.mask.at)
		lstm__state_mask(state, &a.mask);
	lstm__run_call(state, &call);
	if (a.mask.at)
		lstm__state_mask(state, NULL);
	if (args->last)
		lstm__copy_last(state, args->last);
	lstm__state_read(state, args->hn, args->cn, a.order);
	return LSTM_OK;
}
