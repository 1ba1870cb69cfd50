/* What a job does of several streams or steps at a time: stage x, project it ahead, step, project h. */

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

/* Streams that the tiles of gates take at the most: more than four pay where weights are fetched or
 * converted, not where they are near. */
LSTM__INLINE size_t LSTM__FN(largest)(const struct lstm__layer *l)
{
	const int many = l->fetches & LSTM__FETCH_MANY || LSTM__WEIGHTS != LSTM__F32;
	return many ? LSTM__STREAMS : LSTM__FEW;
}

/* Streams per tile: as few tiles as their limit allows, all of nearly one size. */
LSTM__INLINE size_t LSTM__FN(group)(size_t left, size_t most)
{
	size_t tiles;
	if (left <= most)
		return left;
	tiles = (left + most - 1) / most;
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
	if (LSTM__SINGLE)
		return 1;
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
	const size_t batch = (size_t)job->batch, rows = n * batch, most = LSTM__FN(largest)(l);
	struct LSTM__FN(streams) in;
	size_t v, part, units, stride, r, m, s;

	in.projected = 0;
	for (v = job->from; v < job->to; v += units) {
		units = LSTM__FN(block)(l, v);
		stride = units * 4 * LSTM__LANES;
		in.next = v + units < job->to ? (ptrdiff_t)(stride * LSTM__FN(depth)(l)) : 0;
		in.turn = 0;
		for (part = 0; part < units; part++)
			for (r = 0; r < rows; r += m) {
				m = LSTM__FN(group)(rows - r, most);
				for (s = 0; s < m; s++) {
					in.x[s] = LSTM__FN(row)(job, first, first + (r + s) / batch,
					                        (r + s) % batch);
					in.start[s] = l->bias;
					in.out[s] = job->pre + (r + s) * 4 * job->c_row;
				}
				LSTM__FN(tiles_ahead)(l, &in, v + part, part, stride, m);
				in.turn++;
			}
	}
}

/* What the tile of streams active[from], ... reads at step t; their gates go to `gates`. */
LSTM__INLINE void LSTM__FN(gather)(const struct lstm__job *job, struct LSTM__FN(streams) *in,
                                   size_t first, size_t t, size_t from, size_t m, int ahead,
                                   float *gates)
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
		in->out[s] = gates + s * 4 * LSTM__LANES;
	}
}

/* The built-in activations keep constants in registers, which the dot products need: their cells are a
 * function of their own.  SLEEF's come with each of its functions. */
#ifdef LSTM_NO_SLEEF
#define LSTM__APART LSTM__NOINLINE
#else
#define LSTM__APART LSTM__INLINE
#endif

/* The cells of the n streams active[from], ... at step t for the vector of units that begins at `unit`.
 * gates[n][gate][lane] is memory, not an array of vectors: GCC would copy such a one in halves, which
 * the processor cannot read back as a whole before they have reached the cache. */
LSTM__APART void LSTM__FN(cells)(const struct lstm__job *job, size_t t, size_t from, size_t n,
                                 const float *gates, size_t unit)
{
	const struct lstm__layer *l = job->layer;
	const int projects = l->projection.words != NULL;
	const float *g;
	size_t s;
	for (s = 0, g = gates; l->plain && s < n; s++, g += 4 * LSTM__LANES)
		LSTM__V(cell_keep)(lstm__load(g), lstm__load(g + LSTM__LANES),
		                   lstm__load(g + 2 * LSTM__LANES),
		                   job->c + (size_t)job->active[from + s] * job->c_row + unit);
	for (s = 0, g = gates; s < n; s++, g += 4 * LSTM__LANES) {
		const int stream = job->active[from + s];
		const size_t b = (size_t)stream;
		float *c = job->c + b * job->c_row + unit;
		float *out = projects ? job->cells + b * job->c_row : lstm__job_h(job, stream, 1);
		float *y = job->y && !projects ? job->y + t * job->y_step + b * job->y_stream : NULL;
		const lstm__vf o = lstm__load(g + 3 * LSTM__LANES);
		lstm__vf h;
		if (l->plain)
			h = LSTM__V(cell_show)(o, lstm__load(c));
		else
			h = LSTM__V(cell_any)(l, lstm__load(g), lstm__load(g + LSTM__LANES),
			                      lstm__load(g + 2 * LSTM__LANES), o, unit, c);
		LSTM__V(put)(h, unit, l->hidden, out, y);
	}
}

/* The codes of h of the n streams in active. */
LSTM__INLINE void LSTM__FN(own_all)(const struct lstm__job *job, size_t n)
{
	size_t s;
	for (s = 0; LSTM__INT8 && s < n; s++)
		LSTM__FN(own)(job, (size_t)job->active[s], lstm__job_h(job, job->active[s], 0),
		              job->layer->output);
}

/* Step t of the n streams in active.  ahead: pre holds the input's part.  The cells of several tiles
 * are made together: by those of one the processor would wait for each of their operations. */
LSTM__INLINE void LSTM__FN(step)(const struct lstm__job *job, size_t first, size_t t, size_t n,
                                 int ahead)
{
	const struct lstm__layer *l = job->layer;
	const size_t blocks = (l->vectors + l->units - 1) / l->units, most = LSTM__FN(largest)(l);
	const int back = LSTM__FN(backwards)(job, job->active[0]);
	const ptrdiff_t block = (ptrdiff_t)(l->units * 4 * LSTM__LANES * LSTM__FN(depth)(l));
	float gates[LSTM__CELLS * 4 * LSTM__LANES];
	struct LSTM__FN(streams) in;
	size_t i, v, part, units, stride, from, m, held;

	LSTM__FN(own_all)(job, n);
	LSTM__FN(gather)(job, &in, first, t, 0, LSTM__FN(group)(n, most), ahead, gates);
	for (i = 0; i < blocks; i++) {
		v = (back ? blocks - 1 - i : i) * l->units;
		units = LSTM__FN(block)(l, v);
		stride = units * 4 * LSTM__LANES;
		in.next = i + 1 == blocks ? 0 : back ? -block : block;
		in.turn = 0;
		for (part = 0; part < units; part++)
			for (from = held = 0; from < n; from += m) {
				m = LSTM__FN(group)(n - from, most);
				if (n > m)
					LSTM__FN(gather)(job, &in, first, t, from, m, ahead,
					                 gates + held * 4 * LSTM__LANES);
				LSTM__FN(tiles)(l, &in, v + part, part, stride, m, 0);
				in.turn++;
				held += m;
				if (from + m < n && held + LSTM__STREAMS <= LSTM__CELLS)
					continue;
				LSTM__SETTLE(gates);
				LSTM__FN(cells)(job, t, from + m - held, held, gates,
				                (v + part) * LSTM__LANES);
				held = 0;
			}
	}
}

/* The outputs of m streams, all vectors of them: whole blocks of four are as a unit's gates.  A function of
 * its own has registers for the others' addresses. */
LSTM__NOINLINE void LSTM__FN(tiles_output)(const struct lstm__layer *outputs, size_t vectors,
                                           struct LSTM__FN(streams) *in, size_t m)
{
	const size_t rest = vectors % 4, stride = rest * LSTM__LANES;
	size_t v, s;
	for (s = 0; s < m; s++) {
		memset(in->out[s], 0, vectors * LSTM__LANES * sizeof(float));
		in->start[s] = in->out[s];
	}
	for (v = 0; v < vectors - rest; v += 4)
		LSTM__FN(tiles_ahead)(outputs, in, v / 4, 0, 4 * LSTM__LANES, m);
	for (; s < LSTM__FEW; s++) { /* the first one again: few sums take as long as four */
		in->x[s] = in->x[0];
		in->start[s] = in->out[s] = in->out[0];
	}
	for (; v < vectors; v++)
		if (m == 1) /* its next vector does not wait for this one, if there is little to do for it */
			LSTM__FN(tile_one)(outputs, in, v, rest - (vectors - v), stride, 1);
		else
			LSTM__FN(tile_one)(outputs, in, v, rest - (vectors - v), stride, LSTM__FEW);
}

/* h = projection (o * tanh(c)) for the n streams in active; y: the first stream's, or NULL. */
LSTM__NOINLINE void LSTM__FN(project_output)(const struct lstm__job *job, float *y, size_t y_stream,
                                             size_t n)
{
	const struct lstm__layer *l = job->layer;
	const size_t vectors = (l->output + LSTM__LANES - 1) / LSTM__LANES;
	struct lstm__layer outputs; /* whose x is what is projected, and that has no h */
	struct LSTM__FN(streams) in;
	size_t from, m, s, unit;

	memset(&outputs, 0, sizeof(outputs));
	outputs.w = l->projection;
	outputs.width = l->hidden;
	in.projected = 0;
	in.next = 0;
	in.turn = 0;
	for (from = 0; from < n; from += m) {
		m = LSTM__FN(group)(n - from, LSTM__FEW);
		for (s = 0; s < m; s++) {
			const size_t b = (size_t)job->active[from + s];
			in.x[s] = LSTM__FN(own)(job, b, job->cells + b * job->c_row, l->hidden);
			in.out[s] = lstm__job_h(job, (int)b, 1);
		}
		LSTM__FN(tiles_output)(&outputs, vectors, &in, m);
		for (s = 0; s < m; s++)
			for (unit = 0; unit < l->output; unit += LSTM__LANES)
				LSTM__V(put)(LSTM__V(flush)(lstm__load(in.out[s] + unit)), unit,
				              l->output, in.out[s],
				              y ? y + (size_t)job->active[from + s] * y_stream : NULL);
	}
}
