/* The state: h and c of every layer, direction and stream, and the scratch memory of a run. */

/* x is staged, and for small batches projected, for up to lstm__piece steps before the recurrence
 * runs over them.  From LSTM__HOIST_BATCH streams on that gains nothing, as each weight is reused
 * across streams already: then stacks alone work in pieces, shorter ones, and x goes step by step.
 * But weights beyond the second cache are worth reading once for some steps where streams are too few to
 * be busy meanwhile: from so many bytes for each of them on (8 streams of 320x320 or 512x512: a seventh
 * to a quarter on a Xeon), and below LSTM__LARGE_BATCH. */
static const size_t lstm__piece = 64, lstm__piece_batched = 16;
static const size_t lstm__far_of_stream = (size_t)256 << 10;
enum { LSTM__HOIST_BATCH = 8, LSTM__LARGE_BATCH = 32 };

static size_t lstm__state_piece(const lstm_state *s, const struct lstm__layer *l)
{
	const size_t batch = (size_t)s->batch;
	size_t most = lstm__piece;
	if (batch >= LSTM__HOIST_BATCH)
		most = batch < LSTM__LARGE_BATCH &&
		                       lstm__layer_bytes(l) >= batch * lstm__far_of_stream
		               ? lstm__piece_batched
		               : 1;
	return s->max_steps < most ? s->max_steps : most;
}

/* The rows of h and c, wide enough for the vectors of every layer; whether all layers take the
 * reference path; whether one has int8 weights, and keeps the signs of codes apart. */
static void lstm__state_rows(const lstm_model *m, struct lstm__job *job, int *reference, int *codes,
                             int *signs)
{
	int i;
	*reference = 1;
	*codes = *signs = 0;
	for (i = 0; i < m->desc.layers * m->directions; i++) {
		const struct lstm__layer *l = &m->layers[i];
		const size_t lanes = (size_t)l->kernels->lanes;
		const size_t h_row = (l->output + lanes - 1) / lanes * lanes;
		job->h_row = h_row > job->h_row ? h_row : job->h_row;
		job->c_row = l->vectors * lanes > job->c_row ? l->vectors * lanes : job->c_row;
		*reference &= lanes == 1;
		*codes |= l->dtype == LSTM_DTYPE_I8;
		*signs |= l->kernels->signed_codes;
	}
}

/* The scratch that all jobs of a state share: as large as the first layer needs, whose x alone is
 * staged, and whose outputs are as wide as any other's. */
static void lstm__state_scratch(struct lstm__arena *arena, const lstm_state *s,
                                struct lstm__job *job)
{
	const lstm_model *m = s->model;
	const struct lstm__layer *l = &m->layers[0];
	size_t batch = (size_t)s->batch, rows = 0;
	int reference, codes, signs;

	memset(job, 0, sizeof(*job));
	job->batch = s->batch;
	lstm__state_rows(m, job, &reference, &codes, &signs);
	job->piece = reference ? 0 : lstm__state_piece(s, l); /* that path needs none */
	if (!lstm__multiply(job->piece, batch, &rows))
		arena->overflow = 1;
	job->active = (int *)lstm__take(arena, batch, sizeof(int));
	if (job->active)
		job->active[0] = 0; /* for good, if there is but one stream */
	job->stage = lstm__take_floats(arena, rows, l->width);
	if (job->piece > 1)
		job->pre = lstm__take_floats(arena, rows, 4 * job->c_row);
	if (l->projection.words)
		job->cells = lstm__take_floats(arena, batch, job->c_row);
	if (codes) {
		size_t longest = (size_t)m->directions * l->output;
		longest = longest > l->width ? longest : l->width;
		longest = longest > l->hidden ? longest : l->hidden;
		job->code_row = lstm__code_row(longest, signs);
		job->codes = lstm__take_floats(arena, rows ? rows : 1, job->code_row);
		job->h_codes = lstm__take_floats(arena, batch, job->code_row);
	}
}

/* What job i of a layer and direction does not share. */
static void lstm__state_job(struct lstm__arena *arena, const lstm_state *s, size_t i,
                            struct lstm__job *job)
{
	const lstm_model *m = s->model;
	size_t batch = (size_t)s->batch, directions = (size_t)m->directions;
	size_t width = directions * m->layers[0].output;

	job->layer = &m->layers[i];
	job->reverse = m->desc.direction == LSTM_REVERSE || i % directions == 1;
	job->foreign = i < directions;
	job->from = 0;
	job->to = job->layer->vectors;
	job->h = lstm__take_floats(arena, batch, 2 * job->h_row);
	job->c = lstm__take_floats(arena, batch, job->c_row);
	job->phase = (unsigned char *)lstm__take(arena, batch, 1);
	job->x_step = job->y_step = batch * width; /* between layers; a run knows those of x, y */
	job->x_stream = job->y_stream = width;
}

/* Lay out as model.h does: with memory in the arena, or only to count. */
static lstm_state *lstm__state_build(struct lstm__arena *arena, lstm_state *s)
{
	const lstm_model *m = s->model;
	size_t layers = (size_t)m->desc.layers, jobs = layers * (size_t)m->directions, steps = 0, i;
	lstm_state *state = (lstm_state *)lstm__take(arena, 1, sizeof(*state));
	struct lstm__job job;

	s->jobs = (struct lstm__job *)lstm__take(arena, jobs, sizeof(*s->jobs));
	lstm__state_scratch(arena, s, &job);
	for (i = 0; i < jobs; i++) {
		lstm__state_job(arena, s, i, &job);
		if (state)
			s->jobs[i] = job;
	}
	if (!lstm__multiply(s->max_steps, (size_t)s->batch, &steps))
		arena->overflow = 1;
	for (i = 0; i < 2; i++)
		s->between[i] =
			layers > i + 1 ? lstm__take_floats(arena, steps, job.x_stream) : NULL;
	if (state)
		*state = *s;
	return state;
}

static lstm_status lstm__state_measure(lstm_state *draft, const lstm_model *model, int batch,
                                       size_t max_steps, size_t *bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	int i;
	if (!model || batch <= 0)
		return LSTM_ERR_ARG;
	memset(draft, 0, sizeof(*draft));
	draft->model = model;
	draft->batch = batch;
	if (max_steps == 0) {
		if (lstm__whole_sequences(model))
			return LSTM_ERR_ARG;
		max_steps = batch < LSTM__HOIST_BATCH ? lstm__piece : lstm__piece_batched;
	}
	draft->max_steps = max_steps;
	draft->once = batch == 1 && model->directions == 1;
	for (i = 0; i < model->desc.layers; i++)
		draft->once = draft->once && model->layers[i].kernels->once;
	lstm__state_build(&arena, draft);
	if (arena.overflow)
		return LSTM_ERR_SIZE;
	*bytes = arena.used;
	return LSTM_OK;
}

LSTM__DEF lstm_status lstm_state_size(const lstm_model *model, int batch, size_t max_steps,
                                      size_t *bytes)
{
	lstm_state draft;
	return bytes ? lstm__state_measure(&draft, model, batch, max_steps, bytes) : LSTM_ERR_ARG;
}

#ifdef LSTM__AMX
/* Whether the job's steps, or the rows of x that it projects ahead, are faster by AMX. */
static int lstm__job_gains(const struct lstm__job *job)
{
	const struct lstm__layer *l = job->layer;
	const size_t x = lstm__words(l->dtype, l->width), h = lstm__words(l->dtype, l->output);
	const size_t batch = (size_t)job->batch;

	return l->dtype == LSTM_DTYPE_I8 && l->kernels->isa == LSTM_ISA_AVX512 &&
	       ((batch > 1 && lstm__amx_pays(l, batch, (x + h) / 2)) ||
	        (job->piece > 1 && lstm__amx_pays(l, job->piece * batch, x)));
}

/* Nobody is asked for what no job would use. */
static void lstm__state_amx(lstm_state *s)
{
	const size_t jobs = (size_t)s->model->desc.layers * (size_t)s->model->directions;
	int wanted = 0;
	size_t i;

	for (i = 0; i < jobs; i++)
		wanted |= lstm__job_gains(&s->jobs[i]);
	wanted = wanted && lstm__amx_allowed();
	for (i = 0; i < jobs; i++)
		s->jobs[i].amx = wanted;
}
#endif

LSTM__DEF lstm_status lstm_state_init(lstm_state **state, const lstm_model *model, int batch,
                                      size_t max_steps, void *memory, size_t bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	lstm_state draft;
	lstm_status status;
	size_t need;

	if (!state)
		return LSTM_ERR_ARG;
	*state = NULL;
	status = lstm__state_measure(&draft, model, batch, max_steps, &need);
	if (status == LSTM_OK)
		status = lstm__arena_check(memory, bytes, need);
	if (status != LSTM_OK)
		return status;
	arena.base = (unsigned char *)memory;
	*state = lstm__state_build(&arena, &draft);
#ifdef LSTM__AMX
	lstm__state_amx(*state);
#endif
	lstm_state_reset(*state);
	return LSTM_OK;
}

static size_t lstm__state_layers(const lstm_state *s)
{
	return (size_t)s->model->desc.layers * (size_t)s->model->directions;
}

LSTM__DEF void lstm_state_reset_stream(lstm_state *state, int stream)
{
	size_t i, layers = lstm__state_layers(state);
	if (stream < 0 || stream >= state->batch)
		return;
	for (i = 0; i < layers; i++) {
		struct lstm__job *job = &state->jobs[i];
		memset(lstm__job_h(job, stream, 0), 0, job->h_row * sizeof(float));
		memset(job->c + (size_t)stream * job->c_row, 0, job->c_row * sizeof(float));
	}
}

LSTM__DEF void lstm_state_reset(lstm_state *state)
{
	size_t i, layers = lstm__state_layers(state);
	int b;
	for (i = 0; i < layers; i++)
		memset(state->jobs[i].phase, 0, (size_t)state->batch);
	for (b = 0; b < state->batch; b++)
		lstm_state_reset_stream(state, b);
}

static void lstm__state_read(const lstm_state *state, float *h, float *c, lstm_order order)
{
	size_t i, row, layers = lstm__state_layers(state);
	int b;
	for (i = 0; i < layers; i++) {
		const struct lstm__job *job = &state->jobs[i];
		const size_t output = job->layer->output, hidden = job->layer->hidden;
		for (b = 0; b < state->batch; b++) {
			row = lstm__args_row(order, layers, (size_t)state->batch, i, (size_t)b);
			if (h)
				memcpy(h + row * output, lstm__job_h(job, b, 0),
				       output * sizeof(float));
			if (c)
				memcpy(c + row * hidden, job->c + (size_t)b * job->c_row,
				       hidden * sizeof(float));
		}
	}
}

LSTM__DEF void lstm_state_get(const lstm_state *state, float *h, float *c)
{
	lstm__state_read(state, h, c, LSTM_TIME_MAJOR);
}

static void lstm__copy_flushed(float *to, const float *from, size_t n)
{
	size_t k;
	for (k = 0; k < n; k++)
		to[k] = lstm__flush(from[k]);
}

static void lstm__state_write(lstm_state *state, const float *h, const float *c, lstm_order order)
{
	size_t i, row, layers = lstm__state_layers(state);
	int b;
	for (i = 0; i < layers; i++) {
		const struct lstm__job *job = &state->jobs[i];
		const size_t output = job->layer->output, hidden = job->layer->hidden;
		for (b = 0; b < state->batch; b++) {
			row = lstm__args_row(order, layers, (size_t)state->batch, i, (size_t)b);
			if (h)
				lstm__copy_flushed(lstm__job_h(job, b, 0), h + row * output,
				                   output);
			if (c)
				lstm__copy_flushed(job->c + (size_t)b * job->c_row,
				                   c + row * hidden, hidden);
		}
	}
}

LSTM__DEF void lstm_state_set(lstm_state *state, const float *h, const float *c)
{
	lstm__state_write(state, h, c, LSTM_TIME_MAJOR);
}

#ifndef LSTM_NO_MALLOC
LSTM__DEF lstm_status lstm_state_new(lstm_state **state, const lstm_model *model, int batch,
                                     size_t max_steps)
{
	size_t bytes;
	void *memory;
	lstm_status status;

	if (!state)
		return LSTM_ERR_ARG;
	*state = NULL;
	status = lstm_state_size(model, batch, max_steps, &bytes);
	if (status != LSTM_OK)
		return status;
	memory = lstm__new(bytes);
	if (!memory)
		return LSTM_ERR_MEMORY;
	status = lstm_state_init(state, model, batch, max_steps, memory, bytes);
	if (status == LSTM_OK)
		(*state)->owned = 1;
	else
		lstm__delete(memory);
	return status;
}

LSTM__DEF void lstm_state_free(lstm_state *state)
{
	if (!state)
		return;
#ifdef LSTM__TEAMS
	lstm_state_use_team(state, NULL);
#endif
	if (state->owned)
		lstm__delete(state);
}
#endif
