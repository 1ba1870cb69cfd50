/* The last vector of units together with the block before it.  By itself it waits for its few sums:
 * four of AVX2's take as long as eight.  And of AVX-512's often half is padding (H = 8, 24, 40), so
 * that its lower half alone is made, in AVX2's. */
#if LSTM__MAKES_HALVES
/* For kernels of vectors twice as long, which have packed the layer: v is their number of the vector,
 * alone in its block. */
LSTM__NOINLINE void LSTM__FN(tile_half)(const struct lstm__layer *l, struct lstm__alone *in,
                                        size_t v)
{
	LSTM__FN(tile_alone)(l, in, 2 * v, 2 * 4 * LSTM__LANES, 0, 1, 2 * LSTM__LANES);
}
#endif

#if LSTM__JOINS
#define LSTM__LAST(name) lstm__##name##_avx2

/* As `dot`, for n vectors of w, and for the four at `last`. */
LSTM__INLINE void LSTM__FN(dot_and_last)(lstm__vf *sum, __m256 *end, const int n,
                                         const float *w, size_t stride, size_t apart,
                                         const float *last, const float *x, size_t count)
{
	size_t k;
	int v;
	for (k = 0; k < count; k++, w += stride, last += 4 * LSTM__LANES) {
		const lstm__vf xs = lstm__splat(x + k);
		LSTM__UNROLL
		for (v = 0; v < n; v++)
			sum[v] = lstm__fma(lstm__load(w + lstm__place(v, apart, LSTM__LANES)), xs,
			                    sum[v]);
		LSTM__UNROLL
		for (v = 0; v < 4; v++)
			end[v] = _mm256_fmadd_ps(_mm256_loadu_ps(last + v * LSTM__LANES),
			                        lstm__last_of(xs), end[v]);
	}
}

/* As `tile_alone`, for `units` vectors of units from `first` on and the last one behind them, which
 * is alone in its block. */
LSTM__INLINE void LSTM__FN(tile_and_last)(const struct lstm__layer *l, struct lstm__alone *in,
                                          size_t first, size_t stride, size_t apart, const int units)
{
	const size_t vector = 4 * LSTM__LANES, block = first * vector;
	const size_t last = block + (size_t)units * vector;
	size_t unit = first * LSTM__LANES;
	lstm__vf sum[LSTM__UNITS * 4];
	__m256 end[4];
	int v, u;

	do {
		LSTM__UNROLL
		for (v = 0; v < 4 * units; v++)
			sum[v] = lstm__load(in->start + block + v * LSTM__LANES);
		LSTM__UNROLL
		for (v = 0; v < 4; v++)
			end[v] = _mm256_loadu_ps(in->start + last + v * LSTM__LANES);
		if (!in->projected)
			LSTM__FN(dot_and_last)(sum, end, 4 * units, LSTM__FN(rows_of_x)(l, block, 0).at,
			                       stride, apart, LSTM__FN(rows_of_x)(l, last, 0).at,
			                       in->x, l->width);
	} while (lstm__fp_enter_late(&in->environment));
	LSTM__FN(dot_and_last)(sum, end, 4 * units, LSTM__FN(rows_of_h)(l, block, 0, stride).at, stride,
	                       apart, LSTM__FN(rows_of_h)(l, last, 0, vector).at, in->h, l->output);
	LSTM__UNROLL
	for (u = 0; u < units; u++)
		sum[4 * u] = LSTM__V(cell_keep)(sum[4 * u], sum[4 * u + 1], sum[4 * u + 2],
		                                 in->c + unit + u * LSTM__LANES);
	end[0] = LSTM__LAST(cell_keep)(end[0], end[1], end[2], in->c + unit + units * LSTM__LANES);
	LSTM__UNROLL
	for (u = 0; u < units; u++, unit += LSTM__LANES)
		LSTM__V(put)(LSTM__V(cell_show)(sum[4 * u + 3], sum[4 * u]), unit, l->hidden, in->out,
		              in->y);
	LSTM__LAST(put)(LSTM__LAST(cell_show)(end[3], end[0]), unit, l->hidden, in->out, in->y);
}

/* The vectors of units from .. to, the layer's last one among them. */
LSTM__INLINE void LSTM__FN(tiles_and_last)(const struct lstm__layer *l, struct lstm__alone *in,
                                           size_t from, size_t to, size_t stride, size_t apart)
{
	for (; to - from > LSTM__UNITS + 1; from += LSTM__UNITS)
		LSTM__FN(tile_alone)(l, in, from, stride, apart, LSTM__UNITS, LSTM__LANES);
	if (to - from == LSTM__UNITS + 1)
		LSTM__FN(tile_and_last)(l, in, from, stride, apart, LSTM__UNITS);
#if LSTM__BY_HALVES
	else if (to - from == LSTM__UNITS)
		LSTM__FN(tile_and_last)(l, in, from, stride, apart, LSTM__UNITS - 1);
	else
		LSTM__LAST(tile_half)(l, in, from);
#else
	else
		LSTM__FN(tile_alone)(l, in, from, 4 * LSTM__LANES, 0, 1, LSTM__LANES);
#endif
}
#endif
