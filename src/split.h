/* ---- how a team shares the work of a state (LSTM_THREADS) ------------------------------------ */
/* One stream: each thread makes some of the units of a layer, always the same ones, so that their
 * weights stay in its own caches.  A batch: each thread runs some of the streams.  Either way a
 * worker gets copies of what it needs and its results are copied back: some kilobytes a step, and
 * the caller need not wait for a worker whose CPU was taken away.  It makes that share itself, from
 * its own copy of the state, and asks the worker again some time later, ever more rarely as long as
 * that fails.  The bits are the same whoever makes a share. */
#ifdef LSTM__TEAMS
struct lstm__share {
	struct lstm__worker *worker; /* NULL: the caller's own */
	int given, late;             /* now; and since when it was not back in time */
	int misses;                  /* in a row */
	int pause, penalty;          /* times to pass it over, and how many the next time */
	int nap, doze;               /* times to let it sleep, likewise */
};

/* A layer's units for one worker. */
struct lstm__slice {
	struct lstm__job job; /* with h, c, x and pre of its own */
	const struct lstm__kernels *kernels;
	float *x;             /* [piece][width] */
	size_t rows, row;     /* to be projected first, or 0; the step's */
	size_t piece;         /* whose x this has; 0: none */
	size_t projected;     /* the piece whose x the caller has projected for these units; 0: none */
	int ahead;            /* pre is to be used */
	int borrows;          /* what the caller has projected, row by row */
	int current;          /* c is that of the step before */
};

/* Some streams of a batch, for one worker or for the caller. */
struct lstm__band {
	lstm_state *state, *spare; /* the worker's, and for the caller in its stead */
	float *x, *y;              /* [steps][count][width] */
	float *spare_y;
	struct lstm__call call;
	int first, count;
};

struct lstm__split {
	lstm_team *team;
	int shares;
	struct lstm__share *share; /* [shares]; the first is the caller's */
	struct lstm__slice *slice; /* [jobs][shares], or NULL; job.to == 0: that layer is not split */
	struct lstm__band *band;   /* [shares], or NULL */
	size_t piece;              /* counts pieces of x from 1 */
	size_t steps;              /* capacity of a band */
	int takes_long;            /* the last share of units: longer than waking a worker up */
};

static void lstm__run_call(lstm_state *s, const struct lstm__call *call);

/* The split if the team is not at work for another state, else NULL: all is done by the caller. */
static struct lstm__split *lstm__split_take(const lstm_state *s)
{
	if (s->split && !__atomic_exchange_n(&s->split->team->taken, 1, __ATOMIC_ACQUIRE))
		return s->split;
	return NULL;
}

static void lstm__split_release(struct lstm__split *split)
{
	if (split)
		__atomic_store_n(&split->team->taken, 0, __ATOMIC_RELEASE);
}

/* ---- sharing out ----------------------------------------------------------------------------- */
/* Whether the worker can be given something.  If it is asleep it is told to wake up for the next
 * time, or, if a share takes so long that this makes no difference, for this one. */
static int lstm__share_free(struct lstm__share *s, int takes_long)
{
	if (s->late && lstm__turn(s->worker) == LSTM__TURN_CALLER)
		s->late = 0;
	if (s->late || lstm__turn(s->worker) != LSTM__TURN_CALLER) {
		lstm__worker_nudge(s->worker); /* lest it sleeps with what it was given */
		return 0;
	}
	if (s->pause > 0) {
		s->pause--;
		return 0;
	}
	if (takes_long || __atomic_load_n(&s->worker->sleep, __ATOMIC_SEQ_CST) == LSTM__AWAKE)
		return 1;
	if (s->nap > 0) {
		s->nap--;
		return 0;
	}
	s->doze = s->doze < 32 ? 2 * s->doze + 2 : 64;
	s->nap = s->doze;
	lstm__worker_nudge(s->worker);
	return 0;
}

static void lstm__share_give(struct lstm__share *s, void (*work)(void *), void *argument)
{
	s->worker->work = work;
	s->worker->argument = argument;
	s->given = 1;
	__atomic_store_n(&s->worker->turn, LSTM__TURN_WORKER, __ATOMIC_SEQ_CST);
	lstm__worker_nudge(s->worker);
}

/* Whether the worker's share is done, a quarter of the caller's own time later at most, or 8 us, as
 * what a share costs to hand over does not shrink with it. */
static int lstm__share_back(struct lstm__share *s, uint64_t began)
{
	const uint64_t done = lstm__ticks(), least = lstm__patience() / 12;
	uint64_t wait = (done - began) / 4;
	int back;

	if (wait < least)
		wait = least;
	if (!s->given)
		return 0;
	s->given = 0;
	while (!(back = lstm__turn(s->worker) == LSTM__TURN_CALLER) &&
	       lstm__ticks() - done < wait) {
		lstm__worker_nudge(s->worker);
		lstm__relax();
	}
	if (back) {
		s->penalty /= 2;
		s->misses = s->nap = s->doze = 0;
		return 1;
	}
	s->late = 1;
	if (++s->misses > 3) { /* the first may be due to cold caches */
		s->penalty = s->penalty < 8 ? 2 * s->penalty + 4 : 16;
		s->pause = s->penalty;
		s->misses = 2; /* it begins again asleep, and with cold caches: two chances */
	}
	return 0;
}

/* ---- units ----------------------------------------------------------------------------------- */
static void lstm__slice_work(void *argument)
{
	struct lstm__slice *s = (struct lstm__slice *)argument;
	const struct lstm__job *job = &s->job;
	unsigned environment;

	lstm__fp_enter(&environment);
	if (s->rows)
		s->kernels->ahead(job, 0, s->rows);
	s->rows = 0;
	s->kernels->part(job, s->x + s->row * job->layer->width,
	                 s->ahead ? job->pre + s->row * 4 * job->c_row : NULL, NULL, NULL);
	lstm__fp_leave(environment);
}

/* A piece of a layer's steps, from step `first` on, whose rows of x lie at x, x_step apart. */
struct lstm__stretch {
	const float *x;
	size_t x_step, first, steps;
	int ahead;
};

static void lstm__slice_prepare(struct lstm__slice *s, const struct lstm__split *split,
                                const struct lstm__job *job, const struct lstm__stretch *stretch,
                                size_t row)
{
	const size_t width = job->layer->width, lanes = (size_t)s->kernels->lanes;
	const size_t from = s->job.from * lanes, to = s->job.to * lanes, pre = row * 4 * job->c_row;
	size_t k;

	if (s->piece != split->piece) {
		s->piece = split->piece;
		s->ahead = stretch->ahead;
		s->borrows = stretch->ahead && s->projected == split->piece;
		s->rows = stretch->ahead && !s->borrows ? stretch->steps : 0;
		for (k = 0; !s->borrows && k < stretch->steps; k++)
			memcpy(s->x + k * width, stretch->x + k * stretch->x_step,
			       width * sizeof(float));
	}
	if (s->borrows)
		memcpy(s->job.pre + pre + 4 * from, job->pre + pre + 4 * from,
		       4 * (to - from) * sizeof(float));
	s->row = row;
	memcpy(lstm__job_h(&s->job, 0, 0), lstm__job_h(job, 0, 0), job->h_row * sizeof(float));
	if (!s->current)
		memcpy(s->job.c + from, job->c + from, (to - from) * sizeof(float));
	s->current = 0;
}

static void lstm__slice_collect(struct lstm__slice *s, struct lstm__job *job, float *y)
{
	const size_t lanes = (size_t)s->kernels->lanes, hidden = job->layer->hidden;
	const size_t from = s->job.from * lanes, to = s->job.to * lanes;
	const float *h = lstm__job_h(&s->job, 0, 1);

	memcpy(lstm__job_h(job, 0, 1) + from, h + from, (to - from) * sizeof(float));
	memcpy(job->c + from, s->job.c + from, (to - from) * sizeof(float));
	if (y)
		memcpy(y + from, h + from, ((to < hidden ? to : hidden) - from) * sizeof(float));
	s->current = 1;
}

/* The caller makes one share of a step itself. */
static void lstm__slice_stand_in(const struct lstm__split *split, struct lstm__slice *s,
                                 struct lstm__job *job, const struct lstm__stretch *stretch,
                                 size_t row, float *y)
{
	const size_t left = job->reverse ? row + 1 : stretch->steps - row;
	const float *start = NULL;

	s->current = 0; /* the worker's c is not */
	job->from = s->job.from;
	job->to = s->job.to;
	if (stretch->ahead && s->projected != split->piece && 2 * left >= stretch->steps) {
		s->kernels->ahead(job, stretch->first, stretch->steps);
		s->projected = split->piece;
	}
	if (s->projected == split->piece)
		start = job->pre + row * 4 * job->c_row;
	s->kernels->part(job, stretch->x + row * stretch->x_step, start, y, NULL);
	job->from = 0;
	job->to = job->layer->vectors;
}

static void lstm__split_step(struct lstm__split *split, struct lstm__slice *slice,
                             struct lstm__job *job, const struct lstm__stretch *stretch, size_t row)
{
	float *y = job->y ? job->y + (stretch->first + row) * job->y_step : NULL;
	uint64_t began;
	int i;

	for (i = 1; i < split->shares; i++)
		if (lstm__share_free(&split->share[i], split->takes_long)) {
			lstm__slice_prepare(&slice[i], split, job, stretch, row);
			lstm__share_give(&split->share[i], lstm__slice_work, &slice[i]);
		}
	began = lstm__ticks();
	lstm__slice_stand_in(split, &slice[0], job, stretch, row, y);
	split->takes_long = lstm__ticks() - began > 3 * lstm__patience();
	for (i = 1; i < split->shares; i++)
		if (!lstm__share_back(&split->share[i], began))
			lstm__slice_stand_in(split, &slice[i], job, stretch, row, y);
		else
			lstm__slice_collect(&slice[i], job, y);
	job->phase[0] ^= 1;
}

/* Whether a worker is there for a piece, or on its way: it would be asleep again after a whole one.
 * Without one, what a step costs to share out is wasted. */
static int lstm__split_worth(struct lstm__split *split)
{
	int i, there = 0;

	for (i = 1; i < split->shares; i++) {
		struct lstm__share *s = &split->share[i];
		there |= lstm__share_free(s, split->takes_long) ||
		         __atomic_load_n(&s->worker->sleep, __ATOMIC_SEQ_CST) == LSTM__WAKING;
	}
	return there;
}

static int lstm__less(int count, size_t by)
{
	return (size_t)count > by ? count - (int)by : 0;
}

/* A piece by the caller alone. */
static void lstm__split_alone(struct lstm__split *split, struct lstm__slice *slice,
                              const struct lstm__job *job, size_t first, size_t steps)
{
	struct lstm__job piece = *job;
	int i;

	for (i = 1; i < split->shares; i++) { /* asked once for all these steps */
		struct lstm__share *s = &split->share[i];
		s->pause = lstm__less(s->pause, steps - 1);
		s->nap = lstm__less(s->nap, steps - 1);
	}
	piece.x += first * job->x_step;
	piece.y = job->y ? job->y + first * job->y_step : NULL;
	piece.steps = steps;
	slice[0].kernels->run(&piece);
	for (; slice->job.to < job->layer->vectors; slice++)
		slice[1].current = 0;
}

/* A layer's job as the kernels' run does it, each step shared out; 0 if this layer is not. */
static int lstm__split_units(struct lstm__split *split, const lstm_state *state,
                             struct lstm__job *job)
{
	const size_t width = job->layer->width;
	struct lstm__slice *slice = split->slice;
	struct lstm__stretch stretch;
	size_t done, s, k;
	int i;

	if (!slice)
		return 0;
	slice += (job - state->jobs) * split->shares;
	if (!slice->job.to || lstm__streams_vary(job))
		return 0;
	for (i = 0; i < split->shares; i++)
		slice[i].current = 0;
	for (done = 0; done < job->steps; done += stretch.steps) {
		size_t left = job->steps - done;
		stretch.steps = left < job->piece ? left : job->piece;
		stretch.first = job->reverse ? left - stretch.steps : done;
		stretch.x = job->x + stretch.first * job->x_step;
		stretch.x_step = job->x_step;
		if (job->foreign) {
			for (s = 0; s < stretch.steps; s++)
				for (k = 0; k < width; k++)
					job->stage[s * width + k] =
						lstm__flush(stretch.x[s * job->x_step + k]);
			stretch.x = job->stage;
			stretch.x_step = width;
		}
		stretch.ahead = job->pre && stretch.steps >= 4 && width > 3;
		split->piece++;
		if (!lstm__split_worth(split)) {
			lstm__split_alone(split, slice, job, stretch.first, stretch.steps);
			continue;
		}
		for (s = 0; s < stretch.steps; s++)
			lstm__split_step(split, slice, job, &stretch,
			                 job->reverse ? stretch.steps - 1 - s : s);
	}
	return 1;
}
#endif
