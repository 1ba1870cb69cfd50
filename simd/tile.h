/* The tiles: m streams times n vectors of rows, all sums in registers.  m and n are literals at
 * every call, so that the loops over them unroll and the arrays become registers. */
struct LSTM__FN(streams) { /* what the tile of up to LSTM__STREAMS streams works on */
	const float *x[LSTM__STREAMS], *h[LSTM__STREAMS];
	const float *start[LSTM__STREAMS]; /* what the sums begin with: bias, or bias + W x */
	float *out[LSTM__STREAMS];
	int projected;  /* start includes W x */
	ptrdiff_t next; /* words from this block of weights to the one after it; 0: none */
	size_t turn;    /* tiles of this block before this one */
};

/* The rows w of the tile, which fetches its share of those of the next block meanwhile: the weights
 * beyond the second cache come while all are multiplied, not while some wait. */
LSTM__INLINE struct LSTM__FN(rows) LSTM__FN(rows_and_next)(struct LSTM__FN(rows) w,
                                                           const struct LSTM__FN(streams) *in,
                                                           size_t skip, size_t count, const int m)
{
	const size_t line = LSTM__LINE * (size_t)LSTM__FN(far_lines)(m), row = LSTM__LINE * 4;
	w.fetches = 1;
	w.far = (const char *)(w.at - skip + in->next) + in->turn * line % row * count;
	return w;
}

/* One stream times `units` vectors of units, from vector `first` on, a whole step.  Their rows of
 * weights lie as in `dot`; pitch is more than LSTM__LANES where the layer is packed for longer
 * vectors.  The latency of this is a small model's step: the cells stay in registers, and what is
 * done for all vectors before the next thing keeps enough operations in flight. */
LSTM__INLINE void LSTM__FN(tile_alone)(const struct lstm__layer *l,
                                       struct lstm__alone *in, size_t first, size_t stride,
                                       size_t apart, const int units, const int pitch)
{
	const size_t block = first * 4 * LSTM__LANES;
	size_t unit = first * LSTM__LANES;
	const float *x = in->x, *h = in->h; /* lest Clang reads them in every turn */
	float *c = in->c + unit;
	lstm__vf sum[LSTM__UNITS * 4];
	int v, u;

	do {
		LSTM__UNROLL
		for (v = 0; v < 4 * units; v++)
			sum[v] = lstm__load(in->start + block + v * pitch);
		if (!in->projected)
			LSTM__FN(dot)(sum, 1, 4 * units, LSTM__FN(rows_of_x)(l, block, 0), stride, apart,
			              pitch, &x, l->width);
	} while (lstm__fp_enter_late(&in->environment));
	LSTM__FN(dot)(sum, 1, 4 * units, LSTM__FN(rows_of_h)(l, block, 0, stride), stride, apart, pitch,
	              &h, l->output);
	if (!l->plain) {
		LSTM__UNROLL
		for (u = 0; u < units; u++, unit += LSTM__LANES, c += LSTM__LANES)
			LSTM__V(put)(LSTM__V(cell_any)(l, sum[4 * u], sum[4 * u + 1],
			                                 sum[4 * u + 2], sum[4 * u + 3], unit, c),
			              unit, l->hidden, in->out, in->y);
		return;
	}
	LSTM__UNROLL
	for (u = 0; u < units; u++)
		sum[4 * u] = LSTM__V(cell_keep)(sum[4 * u], sum[4 * u + 1], sum[4 * u + 2],
		                                 c + u * LSTM__LANES);
	LSTM__UNROLL
	for (u = 0; u < units; u++)
		LSTM__V(put)(LSTM__V(cell_show)(sum[4 * u + 3], sum[4 * u]),
		              unit + (size_t)u * LSTM__LANES, l->hidden, in->out, in->y);
}

/* m streams times the vector of units `first`; `part` vectors stand before it in its block, which has
 * `stride` words per k.  With `ahead` only the input is projected, into the row `out`, bias + W x; else
 * out[gate][lane] becomes all that its cell waits for. */
LSTM__INLINE void LSTM__FN(tile)(const struct lstm__layer *l, const struct LSTM__FN(streams) *in,
                                 size_t first, size_t part, size_t stride, const int m,
                                 const int ahead, const int far)
{
	const size_t block = (first - part) * 4 * LSTM__LANES, skip = part * 4 * LSTM__LANES;
	const float *from[LSTM__STREAMS]; /* x, then h, as there are no registers for both: copied lest Clang
	                                   * reads them in every turn */
	lstm__vf sum[LSTM__STREAMS * 4];
	int s, v;

	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		from[s] = in->x[s];
		LSTM__UNROLL
		for (v = 0; v < 4; v++)
			sum[s * 4 + v] = lstm__load(in->start[s] + block + skip + v * LSTM__LANES);
	}
	if (ahead || !in->projected) {
		struct LSTM__FN(rows) w = LSTM__FN(rows_of_x)(l, block, skip);
		if (far)
			w = LSTM__FN(rows_and_next)(w, in, skip, lstm__words(LSTM__DTYPE, l->width), m);
		LSTM__FN(dot)(sum, m, 4, w, stride, 0, LSTM__LANES, from, l->width);
	}
	if (!ahead) {
		struct LSTM__FN(rows) w = LSTM__FN(rows_of_h)(l, block, skip, stride);
		LSTM__UNROLL
		for (s = 0; s < m; s++)
			from[s] = in->h[s];
		if (far)
			w = LSTM__FN(rows_and_next)(w, in, skip, lstm__words(LSTM__DTYPE, l->output), m);
		LSTM__FN(dot)(sum, m, 4, w, stride, 0, LSTM__LANES, from, l->output);
	}
	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		float *to = in->out[s] + (ahead ? block + skip : 0);
		LSTM__UNROLL
		for (v = 0; v < 4; v++)
			lstm__store(to + v * LSTM__LANES, sum[s * 4 + v]);
	}
}

/* The tile of one vector of units with m, at run time, made a literal; more than four where `many`. */
LSTM__INLINE void LSTM__FN(tiles_of)(const struct lstm__layer *l, const struct LSTM__FN(streams) *in,
                                     size_t first, size_t part, size_t stride, size_t m,
                                     const int ahead, const int far, const int many)
{
	(void)many;
	switch (m) {
	case 1: LSTM__FN(tile)(l, in, first, part, stride, 1, ahead, 0); break;
	case 2: LSTM__FN(tile)(l, in, first, part, stride, 2, ahead, far); break;
#if LSTM__STREAMS > 2
	case 3: LSTM__FN(tile)(l, in, first, part, stride, 3, ahead, far); break;
#endif
#if LSTM__STREAMS > 3
	case 4: LSTM__FN(tile)(l, in, first, part, stride, 4, ahead, far); break;
#endif
#if LSTM__STREAMS > 5
	case 5:
		if (many)
			LSTM__FN(tile)(l, in, first, part, stride, 5, ahead, far);
		break;
	case 6:
		if (many)
			LSTM__FN(tile)(l, in, first, part, stride, 6, ahead, far);
		break;
#endif
	}
}

/* Those that fetch weights ahead, and those of f16 for AVX-512: a function of its own has registers for
 * the rows of six streams, and is much code, of which one copy is as fast. */
LSTM__NOINLINE void LSTM__FN(tiles_apart)(const struct lstm__layer *l,
                                          const struct LSTM__FN(streams) *in, size_t first,
                                          size_t part, size_t stride, size_t m, int ahead)
{
	LSTM__FN(tiles_of)(l, in, first, part, LSTM__SINGLE ? 4 * LSTM__LANES : stride, m, ahead,
	                   LSTM__FETCHES, 1);
}

LSTM__INLINE void LSTM__FN(tiles)(const struct lstm__layer *l, const struct LSTM__FN(streams) *in,
                                  size_t first, size_t part, size_t stride, size_t m,
                                  const int ahead)
{
	const int fetches = m > 4           ? LSTM__FETCH_MANY
	                    : in->projected ? LSTM__FETCH_FEW_AHEAD
	                                    : LSTM__FETCH_FEW;
	if (LSTM__FETCHES ? m > 1 && l->fetches & fetches : LSTM__STREAMS > 5)
		LSTM__FN(tiles_apart)(l, in, first, part, stride, m, ahead);
	else
		LSTM__FN(tiles_of)(l, in, first, part, stride, m, ahead, 0, 0);
}

/* Those of the input alone, and of the outputs that are projected: a function for both. */
LSTM__NOINLINE void LSTM__FN(tiles_ahead)(const struct lstm__layer *l,
                                          const struct LSTM__FN(streams) *in, size_t first,
                                          size_t part, size_t stride, size_t m)
{
	LSTM__FN(tiles)(l, in, first, part, stride, m, 1);
}

/* The same of vector `first` of the rows alone, which is number `part` of a block of fewer than four. */
LSTM__INLINE void LSTM__FN(tile_one)(const struct lstm__layer *l, const struct LSTM__FN(streams) *in,
                                     size_t first, size_t part, size_t stride, const int m)
{
	const size_t block = (first - part) * LSTM__LANES, skip = part * LSTM__LANES;
	const float *from[LSTM__STREAMS];
	lstm__vf sum[LSTM__STREAMS];
	int s;
	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		from[s] = in->x[s];
		sum[s] = lstm__load(in->start[s] + first * LSTM__LANES);
	}
	LSTM__FN(dot)(sum, m, 1, LSTM__FN(rows_of_x)(l, block, skip), stride, 0, LSTM__LANES, from, l->width);
	LSTM__UNROLL
	for (s = 0; s < m; s++)
		lstm__store(in->out[s] + first * LSTM__LANES, sum[s]);
}
