/* ---- a state and a team: what is shared out, and the memory for it (LSTM_THREADS) ------------- */
#ifdef LSTM__TEAMS
/* Below these a thread costs more than it brings: bytes of weights of a layer that is split by
 * units, and multiply-adds of a band's piece. */
static const size_t lstm__split_bytes = (size_t)1 << 20, lstm__split_work = (size_t)2 << 20;
/* Enough of multiply-adds and of rows for one piece of a band. */
static const size_t lstm__split_piece = (size_t)24 << 20, lstm__split_rows = 32;

/* Whether a layer is split by units. */
static int lstm__splits(const struct lstm__layer *l, size_t shares)
{
	return l->kernels->part && !l->projection.words &&
	       (l->vectors + l->units - 1) / l->units >= shares &&
	       lstm__layer_bytes(l) >= lstm__split_bytes;
}

/* Whether a team of so many could share anything of what this state does. */
static int lstm__split_gains(const lstm_state *s, const struct lstm__split *draft)
{
	int layer;

	if (s->batch > 1)
		return draft->steps > 0;
	for (layer = 0; layer < s->model->desc.layers; layer++)
		if (lstm__splits(&s->model->layers[layer * s->model->directions],
		                 (size_t)draft->shares))
			return 1;
	return 0;
}

/* Lay out the slices of one job: with memory in the arena, or only to count. */
static void lstm__slices_lay_out(struct lstm__arena *arena, const lstm_state *s, size_t index,
                                 size_t shares, struct lstm__slice *slices)
{
	const struct lstm__job *job = &s->jobs[index];
	const struct lstm__layer *l = job->layer;
	const size_t units = l->units, blocks = (l->vectors + units - 1) / units;
	const int wanted = lstm__splits(l, shares);
	size_t i;

	for (i = 0; i < shares; i++) {
		struct lstm__slice slice;
		memset(&slice, 0, sizeof(slice));
		slice.kernels = l->kernels;
		if (wanted) {
			slice.job = *job;
			slice.job.foreign = 0;
			slice.job.from = blocks * i / shares * units;
			slice.job.to = i == shares - 1 ? l->vectors
			                               : blocks * (i + 1) / shares * units;
			slice.job.h = lstm__take_floats(arena, 2, job->h_row);
			slice.job.c = lstm__take_floats(arena, 1, job->c_row);
			slice.job.phase = (unsigned char *)lstm__take(arena, 1, 1);
			if (job->pre)
				slice.job.pre =
					lstm__take_floats(arena, job->piece, 4 * job->c_row);
			if (job->codes) {
				slice.job.codes = lstm__take_floats(arena, job->piece,
				                                    job->code_row);
				slice.job.h_codes = lstm__take_floats(arena, 1, job->code_row);
			}
			slice.x = lstm__take_floats(arena, job->piece, l->width);
			slice.job.x = slice.x;
			slice.job.x_step = l->width;
		}
		if (slices) {
			slices[i] = slice;
			if (slice.job.phase)
				slice.job.phase[0] = 0;
		}
	}
}

static struct lstm__split *lstm__split_build(struct lstm__arena *arena, const lstm_state *s,
                                             const struct lstm__split *draft)
{
	const size_t shares = (size_t)draft->shares;
	const size_t jobs = (size_t)s->model->desc.layers * (size_t)s->model->directions;
	const size_t rows = draft->steps * (((size_t)s->batch + shares - 1) / shares);
	struct lstm__split *split = (struct lstm__split *)lstm__take(arena, 1, sizeof(*split));
	struct lstm__share *share = (struct lstm__share *)lstm__take(arena, shares, sizeof(*share));
	struct lstm__slice *slice = NULL;
	struct lstm__band *band = NULL, draft_band;
	size_t i;

	if (s->batch == 1) {
		slice = (struct lstm__slice *)lstm__take(arena, jobs * shares, sizeof(*slice));
		for (i = 0; i < jobs; i++)
			lstm__slices_lay_out(arena, s, i, shares, split ? slice + i * shares : NULL);
	} else {
		band = (struct lstm__band *)lstm__take(arena, shares, sizeof(*band));
		memset(&draft_band, 0, sizeof(draft_band));
		for (i = 0; i < shares; i++) {
			draft_band.x = lstm__take_floats(arena, rows, s->model->layers[0].width);
			draft_band.y = lstm__take_floats(arena, rows, s->jobs[0].y_stream);
			draft_band.spare_y = lstm__take_floats(arena, rows, s->jobs[0].y_stream);
			draft_band.first = (int)((size_t)s->batch * i / shares);
			draft_band.count =
				(int)((size_t)s->batch * (i + 1) / shares) - draft_band.first;
			if (split)
				band[i] = draft_band;
		}
	}
	if (!split)
		return NULL;
	*split = *draft;
	split->share = share;
	split->slice = slice;
	split->band = band;
	memset(share, 0, shares * sizeof(*share));
	for (i = 1; i < shares; i++)
		share[i].worker = &draft->team->worker[i - 1];
	return split;
}

/* Steps of a band at a time; 0 if bands are not worth it.  No more than make it worth its copies and
 * each weight of the input's part serve enough rows: a worker that is interrupted takes what it was
 * given away with it, and all that took so long is to be made again. */
static size_t lstm__band_steps(const lstm_state *s, int shares)
{
	const struct lstm__layer *l = &s->model->layers[0];
	const size_t streams = (size_t)(s->batch / shares);
	const size_t work = 4 * l->hidden * (l->width + l->output) * streams;
	size_t steps = lstm__piece;

	if (s->model->desc.direction != LSTM_FORWARD)
		return work * s->max_steps < lstm__split_work ? 0 : s->max_steps;
	if (s->max_steps < steps)
		steps = s->max_steps;
	if (work * steps < lstm__split_work)
		return 0;
	while (steps > 1 && work * (steps / 2) >= lstm__split_piece &&
	       streams * (steps / 2) >= lstm__split_rows)
		steps /= 2;
	return steps;
}

static void lstm__split_free(struct lstm__split *split)
{
	int i;

	if (!split)
		return;
	while (__atomic_exchange_n(&split->team->taken, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	for (i = 1; i < split->shares; i++)
		lstm__worker_await(split->share[i].worker);
	lstm__split_release(split);
	for (i = 0; split->band && i < split->shares; i++) {
		lstm_state_free(split->band[i].state);
		lstm_state_free(split->band[i].spare);
	}
	lstm__delete(split);
}

static lstm_status lstm__bands_fill(struct lstm__split *split, const lstm_model *model)
{
	lstm_status status = LSTM_OK;
	int i;

	for (i = 0; split->band && status == LSTM_OK && i < split->shares; i++) {
		struct lstm__band *b = &split->band[i];
		status = lstm_state_new(&b->spare, model, b->count, split->steps);
		if (status == LSTM_OK && i > 0)
			status = lstm_state_new(&b->state, model, b->count, split->steps);
	}
	return status;
}

LSTM__DEF lstm_status lstm_state_use_team(lstm_state *state, lstm_team *team)
{
	struct lstm__arena arena = {NULL, 0, 0};
	struct lstm__split draft, *split;
	lstm_status status;

	if (!state)
		return LSTM_ERR_ARG;
	lstm__split_free(state->split);
	state->split = NULL;
	if (!team || team->workers == 0)
		return LSTM_OK;
	memset(&draft, 0, sizeof(draft));
	draft.team = team;
	draft.shares = team->workers + 1;
	if (state->batch > 1) {
		if (state->batch < draft.shares)
			draft.shares = state->batch;
		draft.steps = lstm__band_steps(state, draft.shares);
	}
	if (!lstm__split_gains(state, &draft))
		return LSTM_OK;
	lstm__split_build(&arena, state, &draft);
	if (arena.overflow)
		return LSTM_ERR_SIZE;
	arena.base = (unsigned char *)lstm__new(arena.used);
	if (!arena.base)
		return LSTM_ERR_MEMORY;
	arena.used = 0;
	split = lstm__split_build(&arena, state, &draft);
	status = lstm__bands_fill(split, state->model);
	if (status == LSTM_OK)
		state->split = split;
	else
		lstm__split_free(split);
	return status;
}
#endif
