/* A job: stage x, project it ahead where that pays, and step. */

#if LSTM__WEIGHTS == LSTM__F32
LSTM__INLINE void LSTM__V(flush_row)(float *to, const float *x, size_t width)
{
	size_t k;
	for (k = 0; k + LSTM__LANES <= width; k += LSTM__LANES)
		lstm__store(to + k, LSTM__V(flush)(lstm__load(x + k)));
	for (; k < width; k++)
		to[k] = lstm__flush(x[k]);
}
#endif

/* The row of stream b at step t, where it is. */
LSTM__INLINE const float *LSTM__FN(source)(const struct lstm__job *job, size_t t, size_t b)
{
	return job->x + t * job->x_step + b * job->x_stream;
}

/* Where rows of x are for the dot products, the row of stream b at step t: in the stage, which begins
 * at step first, or where it is. */
LSTM__INLINE const float *LSTM__FN(row)(const struct lstm__job *job, size_t first, size_t t,
                                        size_t b)
{
#if LSTM__INT8
	return job->codes + ((t - first) * (size_t)job->batch + b) * job->code_row;
#else
	if (job->foreign)
		return job->stage + ((t - first) * (size_t)job->batch + b) * job->layer->width;
	return LSTM__FN(source)(job, t, b);
#endif
}

/* Copy the rows of x for steps [first, first + n) into the stage, flushed, or encoded. */
LSTM__NOINLINE void LSTM__FN(stage)(const struct lstm__job *job, size_t first, size_t n)
{
	const size_t width = job->layer->width, batch = (size_t)job->batch;
	size_t t, b;
	for (t = first; (LSTM__INT8 || job->foreign) && t < first + n; t++)
		for (b = 0; b < batch; b++) {
			float *to = (float *)LSTM__FN(row)(job, first, t, b);
#if LSTM__INT8
			LSTM__FN(encode)(to, LSTM__FN(source)(job, t, b), width);
#else
			LSTM__V(flush_row)(to, LSTM__FN(source)(job, t, b), width);
#endif
		}
}

/* A row of n numbers of stream b, h or what is to be projected, as the dot products take it. */
LSTM__INLINE const float *LSTM__FN(own)(const struct lstm__job *job, size_t b, const float *row,
                                        size_t n)
{
#if LSTM__INT8
	float *codes = job->h_codes + b * job->code_row;
	LSTM__FN(encode)(codes, row, n);
	return codes;
#else
	(void)job, (void)b, (void)n;
	return row;
#endif
}

/* Streams per tile: as few tiles as their limit allows, all of nearly one size. */
LSTM__INLINE size_t LSTM__FN(group)(size_t left)
{
	size_t tiles;
	if (left <= LSTM__STREAMS)
		return left;
	tiles = (left + LSTM__STREAMS - 1) / LSTM__STREAMS;
	return (left + tiles - 1) / tiles;
}

/* Whether to project the input of n steps ahead of the recurrence: the tile reuses each weight for
 * several rows then, which pays once the weights outgrow the first cache. */
LSTM__INLINE int LSTM__FN(worth_projecting)(const struct lstm__job *job, size_t n)
{
	const struct lstm__layer *l = job->layer;
	const int large = l->hidden >= 24 && l->width > 3;
	return large && job->pre && n * (size_t)job->batch >= LSTM__STREAMS;
}

/* Vectors of units in the block that begins at vector v. */
LSTM__INLINE size_t LSTM__FN(block)(const struct lstm__layer *l, size_t v)
{
	return l->vectors - v < l->units ? l->vectors - v : l->units;
}

/* Blocks come in turn from front to back and from back to front, of weights that outgrow the first
 * cache: a step finds in the nearest caches what the one before it read last. */
LSTM__INLINE int LSTM__FN(backwards)(const struct lstm__job *job, int stream)
{
	return job->layer->turns && job->phase[stream];
}

/* pre = bias + W x for steps [first, first + n) of every stream. */
LSTM__NOINLINE void LSTM__FN(project_ahead)(const struct lstm__job *job, size_t first, size_t n)
{
	const struct lstm__layer *l = job->layer;
	const size_t batch = (size_t)job->batch, rows = n * batch;
	struct LSTM__FN(streams) in;
	size_t v, part, units, stride, r, m, s;

	for (v = job->from; v < job->to; v += units) {
		units = LSTM__FN(block)(l, v);
		stride = units * 4 * LSTM__LANES;
		for (part = 0; part < units; part++)
			for (r = 0; r < rows; r += m) {
				m = LSTM__FN(group)(rows - r);
				for (s = 0; s < m; s++) {
					in.x[s] = LSTM__FN(row)(job, first, first + (r + s) / batch,
					                        (r + s) % batch);
					in.start[s] = l->bias;
					in.out[s] = job->pre + (r + s) * 4 * job->c_row;
				}
				LSTM__FN(tiles)(l, &in, v + part, part, stride, m, 1);
			}
	}
}

/* What the tile of streams active[from], ... reads and writes at step t. */
LSTM__INLINE void LSTM__FN(gather)(const struct lstm__job *job, struct LSTM__FN(streams) *in,
                                   size_t first, size_t t, size_t from, size_t m, int ahead)
{
	const size_t width = 4 * job->c_row;
	size_t s;
	in->projected = ahead;
	for (s = 0; s < m; s++) {
		const int stream = job->active[from + s];
		const size_t b = (size_t)stream;
		in->x[s] = LSTM__FN(row)(job, first, t, b);
		in->start[s] = job->layer->bias;
		if (ahead)
			in->start[s] = job->pre + ((t - first) * (size_t)job->batch + b) * width;
#if LSTM__INT8
		in->h[s] = job->h_codes + b * job->code_row;
#else
		in->h[s] = lstm__job_h(job, stream, 0);
#endif
		in->c[s] = job->c + b * job->c_row;
		in->out[s] = lstm__job_h(job, stream, 1);
		in->y[s] = job->y ? job->y + t * job->y_step + b * job->y_stream : NULL;
		if (job->layer->projection.words) {
			in->out[s] = job->cells + b * job->c_row;
			in->y[s] = NULL;
		}
	}
}

/* Step t of the n streams in active.  ahead: pre holds the input's part. */
LSTM__INLINE void LSTM__FN(step)(const struct lstm__job *job, size_t first, size_t t, size_t n,
                                 int ahead)
{
	const struct lstm__layer *l = job->layer;
	const size_t blocks = (l->vectors + l->units - 1) / l->units;
	const int back = LSTM__FN(backwards)(job, job->active[0]);
	struct LSTM__FN(streams) in;
	size_t i, v, part, units, stride, from, m;

	for (from = 0; LSTM__INT8 && from < n; from++)
		LSTM__FN(own)(job, (size_t)job->active[from], lstm__job_h(job, job->active[from], 0),
		              l->output);
	LSTM__FN(gather)(job, &in, first, t, 0, LSTM__FN(group)(n), ahead);
	for (i = 0; i < blocks; i++) {
		v = (back ? blocks - 1 - i : i) * l->units;
		units = LSTM__FN(block)(l, v);
		stride = units * 4 * LSTM__LANES;
		for (part = 0; part < units; part++)
			for (from = 0; from < n; from += m) {
				m = LSTM__FN(group)(n - from);
				if (n > m)
					LSTM__FN(gather)(job, &in, first, t, from, m, ahead);
				LSTM__FN(tiles)(l, &in, v + part, part, stride, m, 0);
			}
	}
}

/* h = projection (o * tanh(c)) for the n streams in active; y: the first stream's, or NULL. */
LSTM__NOINLINE void LSTM__FN(project_output)(const struct lstm__job *job, float *y, size_t y_stream,
                                             size_t n)
{
	const struct lstm__layer *l = job->layer;
	const size_t vectors = (l->output + LSTM__LANES - 1) / LSTM__LANES;
	struct LSTM__FN(streams) in;
	size_t v, part, from, m, s, units, stride;

	for (from = 0; from < n; from += m) {
		m = LSTM__FN(group)(n - from);
		for (s = 0; s < m; s++) {
			const int stream = job->active[from + s];
			const size_t b = (size_t)stream;
			in.h[s] = LSTM__FN(own)(job, b, job->cells + b * job->c_row, l->hidden);
			in.out[s] = lstm__job_h(job, stream, 1);
			in.y[s] = y ? y + b * y_stream : NULL;
		}
		for (v = 0; v < vectors; v += units) {
			units = vectors - v < 4 ? vectors - v : 4;
			stride = units * LSTM__LANES;
			if (units == 4)
				LSTM__FN(tiles_output)(l, &in, v, 0, stride, m, 4);
			for (part = 0; units < 4 && part < units; part++)
				LSTM__FN(tiles_output)(l, &in, v + part, part, stride, m, 1);
		}
	}
}

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
			LSTM__FN(tile_rest)(l, &in, v, rest);
	}
	if (l->projection.words)
		LSTM__FN(project_output)(job, y, 0, 1);
}

#if LSTM__LANES > 4
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
	LSTM__FN(alone_by)(job, x, start, y, environment, LSTM__UNITS, LSTM__SINGLE, 1, 0);
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
#if LSTM__LANES > 4
	else if (LSTM__NARROW || l->narrow)
		LSTM__FN(alone_narrow)(job, x, start, y, environment);
#endif
#if !LSTM__NARROW
	else
		LSTM__FN(alone_wide)(job, x, start, y, environment);
#endif
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
	LSTM__FN(project_ahead)(job, first, n);
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
			LSTM__FN(project_ahead)(job, first, n);
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
				LSTM__FN(step)(job, first, t, streams, ahead);
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
	LSTM__ISA,     LSTM__LANES,    LSTM__SINGLE ? 1 : LSTM__UNITS,
	LSTM__FN(run), LSTM__FN(once),
#if LSTM__INT8
	LSTM__FN(part), LSTM__FN(ahead),
#else
	LSTM__FN(alone), LSTM__FN(project_ahead),
#endif
};
