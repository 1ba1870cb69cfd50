/* A job: one stream the short way, several in tiles. */

/* The tile of the `rest` vectors of units that are fewer than a tile has. */
LSTM__INLINE void LSTM__FN(tile_rest)(const struct lstm__layer *l, struct lstm__alone *in,
                                      size_t v, size_t rest)
{
	const size_t unit = 4 * LSTM__LANES;
	switch (rest) {
	case 1: LSTM__FN(tile_alone)(l, in, v, unit, unit, 1, LSTM__LANES); break;
#if LSTM__UNITS > 2
	case 2: LSTM__FN(tile_alone)(l, in, v, 2 * unit, unit, 2, LSTM__LANES); break;
	case 3: LSTM__FN(tile_alone)(l, in, v, 3 * unit, unit, 3, LSTM__LANES); break;
#endif
	}
}

/* One copy for all where a call more is not felt: at most once in a step of a layer that is read in turn. */
LSTM__NOINLINE void LSTM__FN(rest_apart)(const struct lstm__layer *l, struct lstm__alone *in, size_t v,
                                         size_t rest)
{
	LSTM__FN(tile_rest)(l, in, v, rest);
}

/* One step of a state of one stream: x is its row as the dot products take it, and start bias + W x
 * if that was projected ahead, else NULL.  The short way for what most calls do.  units: of a tile;
 * single: whether each is a block; turns: whether blocks are read in turn, see layer; joins: whether
 * the layer's last vector is among the job's and made together with those before. */
LSTM__INLINE void LSTM__FN(alone_by)(const struct lstm__job *job, const float *x,
                                     const float *start, float *y, unsigned *environment,
                                     const size_t units, const int single, const int turns,
                                     const int joins)
{
	const struct lstm__layer *l = job->layer;
	const size_t whole = (job->to - job->from) / units, rest = (job->to - job->from) % units;
	const size_t unit = 4 * LSTM__LANES;
	const size_t stride = (single ? 1 : units) * unit;
	const size_t apart = single ? unit * LSTM__FN(depth)(l) : unit;
	const int back = turns && job->phase[0];
	struct lstm__alone in;
	size_t i, v;

	in.x = x;
	in.start = start ? start : l->bias;
	in.projected = start != NULL;
	in.environment = environment;
	in.h = LSTM__FN(own)(job, 0, lstm__job_h(job, 0, 0), l->output);
	in.c = job->c;
	in.out = l->projection.words ? job->cells : lstm__job_h(job, 0, 1);
	in.y = l->projection.words ? NULL : y;
#if LSTM__JOINS
	if (joins)
		LSTM__FN(tiles_and_last)(l, &in, job->from, job->to, stride, apart);
#endif
	if (!turns && !joins) { /* by itself: a small model's step feels what the other loop needs more */
		for (v = job->from; v + units <= job->to; v += units)
			LSTM__FN(tile_alone)(l, &in, v, stride, apart, (int)units, LSTM__LANES);
		LSTM__FN(tile_rest)(l, &in, v, units > 1 ? job->to - v : 0);
	}
	for (i = 0; turns && i < whole + (rest > 0); i++) {
		const size_t block = back ? whole + (rest > 0) - 1 - i : i;
		v = job->from + block * units;
#if LSTM__BY_HALVES
		if (units == 1 && l->half && v + 1 == l->vectors)
			LSTM__LAST(tile_half)(l, &in, v);
		else
#endif
		if (block < whole)
			LSTM__FN(tile_alone)(l, &in, v, stride, apart, (int)units, LSTM__LANES);
		else
			LSTM__FN(rest_apart)(l, &in, v, rest);
	}
	if (l->projection.words)
		LSTM__FN(project_output)(job, y, 0, 1);
}

#if LSTM__LANES > 4 && !LSTM__WIDE
/* Blocks of one vector of units.  AVX2 reads two at a time: four sums of its vectors take as long as
 * eight, as each waits for its last multiply-add. */
LSTM__NOINLINE void LSTM__FN(alone_narrow)(const struct lstm__job *job, const float *x,
                                           const float *start, float *y, unsigned *environment)
{
	const int two = LSTM__LANES == 8;
	LSTM__FN(alone_by)(job, x, start, y, environment, two ? LSTM__UNITS : 1, two || LSTM__SINGLE, 1,
	                   0);
}
#endif

#if !LSTM__NARROW
LSTM__NOINLINE void LSTM__FN(alone_wide)(const struct lstm__job *job, const float *x,
                                         const float *start, float *y, unsigned *environment)
{
	LSTM__FN(alone_by)(job, x, start, y, environment, LSTM__UNITS,
	                   LSTM__WIDE ? job->layer->units == 1 : LSTM__SINGLE, 1, 0);
}
#endif

#if LSTM__JOINS
LSTM__NOINLINE void LSTM__FN(alone_joined)(const struct lstm__job *job, const float *x,
                                           const float *start, float *y, unsigned *environment)
{
	LSTM__FN(alone_by)(job, x, start, y, environment, LSTM__UNITS, LSTM__SINGLE, 0, 1);
}
#endif

LSTM__NOINLINE void LSTM__FN(alone)(const struct lstm__job *job, const float *x,
                                    const float *start, float *y, unsigned *environment)
{
	const struct lstm__layer *l = job->layer;
	const int turns = start ? l->turns_ahead : l->turns;
	if (!(turns | l->joins))
		LSTM__FN(alone_by)(job, x, start, y, environment, LSTM__UNITS, LSTM__SINGLE, 0, 0);
#if LSTM__JOINS
	else if (!turns && job->to == l->vectors)
		LSTM__FN(alone_joined)(job, x, start, y, environment);
#endif
#if LSTM__LANES > 4 && !LSTM__WIDE
	else if (LSTM__NARROW || l->narrow)
		LSTM__FN(alone_narrow)(job, x, start, y, environment);
#endif
#if !LSTM__NARROW
	else
		LSTM__FN(alone_wide)(job, x, start, y, environment);
#endif
}

/* pre = bias + W x for steps [first, first + n) of every stream, and step t of the n streams in active:
 * by AMX or by vectors. */
static void LSTM__FN(project)(const struct lstm__job *job, size_t first, size_t n)
{
#ifdef lstm__amx_dot
	const size_t rows = n * (size_t)job->batch;
	if (job->amx && lstm__amx_pays(job->layer, rows, lstm__words(LSTM__DTYPE, job->layer->width))) {
		LSTM__FN(amx_ahead)(job, rows);
		return;
	}
#endif
	LSTM__FN(project_ahead)(job, first, n);
}

LSTM__INLINE void LSTM__FN(step_by)(const struct lstm__job *job, size_t first, size_t t, size_t n,
                                    int ahead)
{
#ifdef lstm__amx_dot /* for streams whose rows follow each other */
	if (job->amx && lstm__amx_pays(job->layer, n, LSTM__FN(depth)(job->layer) / 2) &&
	    job->active[n - 1] == (int)n - 1) {
		LSTM__FN(amx_step)(job, first, t, n, ahead);
		return;
	}
#endif
	LSTM__FN(step)(job, first, t, n, ahead);
}

#if LSTM__INT8
/* The same from x itself. */
static void LSTM__FN(part)(const struct lstm__job *job, const float *x, const float *start, float *y,
                           unsigned *environment)
{
	if (!start)
		LSTM__FN(encode)(job->codes, x, job->layer->width);
	LSTM__FN(alone)(job, job->codes, start, y, environment);
}

static void LSTM__FN(ahead)(const struct lstm__job *job, size_t first, size_t n)
{
	LSTM__FN(stage)(job, first, n);
	LSTM__FN(project)(job, first, n);
}
#endif

/* One call of one step of one stream. */
static void LSTM__FN(once)(const struct lstm__job *job, const float *x, float *y,
                           unsigned *environment)
{
#if LSTM__INT8
	if (environment)
		lstm__fp_enter(environment); /* codes are rounded */
	LSTM__FN(part)(job, x, NULL, y, NULL);
#else
	if (job->foreign) {
		LSTM__V(flush_row)(job->stage, x, job->layer->width);
		x = job->stage;
	}
	LSTM__FN(alone)(job, x, NULL, y, environment);
#endif
}

static void LSTM__FN(run)(const struct lstm__job *job)
{
	const int alone = job->batch == 1 && !lstm__streams_vary(job);
	size_t done, n, s, a, streams;

	for (done = 0; done < job->steps; done += n) {
		size_t first;
		int ahead;
		n = job->steps - done < job->piece ? job->steps - done : job->piece;
		first = job->reverse ? job->steps - done - n : done;
		LSTM__FN(stage)(job, first, n);
		ahead = LSTM__FN(worth_projecting)(job, n);
		if (ahead)
			LSTM__FN(project)(job, first, n);
		for (s = 0; s < n; s++) {
			const size_t t = first + (job->reverse ? n - 1 - s : s);
			float *y = job->y ? job->y + t * job->y_step : NULL;
			if (alone) {
				const float *start =
					ahead ? job->pre + (t - first) * 4 * job->c_row : NULL;
				LSTM__FN(alone)(job, LSTM__FN(row)(job, first, t, 0), start, y,
				                NULL);
				job->phase[0] ^= 1;
				continue;
			}
			streams = (size_t)lstm__streams_alive(job, t);
			if (streams) {
				LSTM__FN(step_by)(job, first, t, streams, ahead);
				if (job->layer->projection.words)
					LSTM__FN(project_output)(job, y, job->y_stream, streams);
			}
			for (a = 0; a < streams; a++)
				job->phase[job->active[a]] ^= 1;
			lstm__streams_silence(job, t, job->layer->output);
		}
	}
}

static const struct lstm__kernels LSTM__FN(kernels) = {
	LSTM__ISA,     LSTM__LANES, LSTM__SINGLE ? 1 : LSTM__UNITS, LSTM__SIGNED,
	LSTM__FN(run), LSTM__FN(once),
#if LSTM__INT8
	LSTM__FN(part), LSTM__FN(ahead),
#else
	LSTM__FN(alone), LSTM__FN(project),
#endif
};
