/* ---- bands: each thread runs some of the streams of a batch (LSTM_THREADS) -------------------- */
#ifdef LSTM__TEAMS
static void lstm__band_work(void *argument)
{
	struct lstm__band *b = (struct lstm__band *)argument;
	lstm__run_call(b->state, &b->call);
}

/* Copy h and c of `count` streams. */
static void lstm__streams_copy(lstm_state *to, int to_first, const lstm_state *from, int from_first,
                               int count)
{
	const int jobs = from->model->desc.layers * from->model->directions;
	int i, b;

	for (i = 0; i < jobs; i++) {
		const struct lstm__job *t = &to->jobs[i], *f = &from->jobs[i];
		for (b = 0; b < count; b++) {
			memcpy(lstm__job_h(t, to_first + b, 0), lstm__job_h(f, from_first + b, 0),
			       f->h_row * sizeof(float));
			memcpy(t->c + (size_t)(to_first + b) * t->c_row,
			       f->c + (size_t)(from_first + b) * f->c_row,
			       f->c_row * sizeof(float));
		}
	}
}

/* The call over steps [first, first + steps) of the band's streams, with y in memory of its own. */
static void lstm__band_call(const struct lstm__band *b, const struct lstm__call *whole,
                            size_t first, size_t steps, const float *x, float *y,
                            struct lstm__call *call)
{
	*call = *whole;
	call->steps = steps;
	call->x = whole->x + first * whole->x_step + (size_t)b->first * whole->x_stream;
	if (x) {
		call->x = x;
		call->x_stream = b->spare->model->layers[0].width;
		call->x_step = (size_t)b->count * call->x_stream;
	}
	call->y = whole->y ? y : NULL;
	call->y_stream = b->spare->jobs[0].y_stream;
	call->y_step = (size_t)b->count * call->y_stream;
}

static void lstm__band_copy_y(const struct lstm__band *b, const struct lstm__call *whole,
                              size_t first, size_t steps, const float *y)
{
	const size_t width = b->spare->jobs[0].y_stream;
	size_t s;
	int n;

	for (s = 0; whole->y && s < steps; s++)
		for (n = 0; n < b->count; n++, y += width)
			memcpy(whole->y + (first + s) * whole->y_step +
			               (size_t)(b->first + n) * whole->y_stream,
			       y, width * sizeof(float));
}

static void lstm__band_give(struct lstm__band *b, struct lstm__share *share, const lstm_state *state,
                            const struct lstm__call *whole, size_t first, size_t steps)
{
	const size_t width = state->model->layers[0].width;
	float *x = b->x;
	size_t s;
	int n;

	lstm__streams_copy(b->state, 0, state, b->first, b->count);
	for (s = first; s < first + steps; s++)
		for (n = 0; n < b->count; n++, x += width)
			memcpy(x, whole->x + s * whole->x_step +
			                  (size_t)(b->first + n) * whole->x_stream,
			       width * sizeof(float));
	lstm__band_call(b, whole, first, steps, b->x, b->y, &b->call);
	lstm__share_give(share, lstm__band_work, b);
}

/* The caller's own band, or one whose worker is late. */
static void lstm__band_stand_in(struct lstm__band *b, lstm_state *state,
                                const struct lstm__call *whole, size_t first, size_t steps)
{
	struct lstm__call call;

	lstm__streams_copy(b->spare, 0, state, b->first, b->count);
	lstm__band_call(b, whole, first, steps, NULL, b->spare_y, &call);
	lstm__run_call(b->spare, &call);
	lstm__streams_copy(state, b->first, b->spare, 0, b->count);
	lstm__band_copy_y(b, whole, first, steps, b->spare_y);
}

/* Steps of all streams by the caller, of whom the team is taken. */
static void lstm__band_none(lstm_state *state, const struct lstm__call *whole, size_t first,
                            size_t steps)
{
	struct lstm__call call = *whole;

	call.steps = steps;
	call.x += first * call.x_step;
	call.y = call.y ? call.y + first * call.y_step : NULL;
	lstm__run_call(state, &call);
}

/* The call by bands; 0 if it cannot be done so. */
static int lstm__split_streams(lstm_state *state, const struct lstm__call *whole)
{
	struct lstm__split *split = state->split;
	size_t first, steps;
	int i;

	if (!split->band || whole->lengths || state->jobs[0].mask ||
	    whole->y_direction != state->jobs[0].layer->output ||
	    (state->model->desc.direction != LSTM_FORWARD && whole->steps > split->steps))
		return 0;
	for (first = 0; first < whole->steps; first += steps) {
		size_t left = whole->steps - first;
		uint64_t began;
		int given = 0;
		steps = left < split->steps ? left : split->steps;
		for (i = 1; i < split->shares; i++)
			if (lstm__share_free(&split->share[i], 1)) {
				lstm__band_give(&split->band[i], &split->share[i], state, whole,
				                first, steps);
				given = 1;
			}
		if (!given) {
			lstm__band_none(state, whole, first, steps);
			continue;
		}
		began = lstm__ticks();
		lstm__band_stand_in(&split->band[0], state, whole, first, steps);
		for (i = 1; i < split->shares; i++) {
			struct lstm__band *b = &split->band[i];
			if (!lstm__share_back(&split->share[i], began)) {
				lstm__band_stand_in(b, state, whole, first, steps);
				continue;
			}
			lstm__streams_copy(state, b->first, b->state, 0, b->count);
			lstm__band_copy_y(b, whole, first, steps, b->y);
		}
	}
	return 1;
}
#endif
