/* How weights are kept, and the one loop that reads them.  A row of inputs, x or h, is what the
 * weights need: fp32, or for int8 the codes (see lstm__coding). */
#if LSTM__WEIGHTS == LSTM__F32
#define LSTM__FN(name) LSTM__V(name)
#define LSTM__WEIGHT float
#define LSTM__DTYPE LSTM_DTYPE_F32
#elif LSTM__WEIGHTS == LSTM__BF16
#define LSTM__FN(name) LSTM__V(name##_bf16)
#define LSTM__WEIGHT uint32_t
#define LSTM__DTYPE LSTM_DTYPE_BF16
#elif LSTM__WEIGHTS == LSTM__F16
#define LSTM__FN(name) LSTM__V(name##_f16)
#define LSTM__WEIGHT uint16_t
#define LSTM__DTYPE LSTM_DTYPE_F16
#elif LSTM__WEIGHTS == LSTM__I8
#define LSTM__FN(name) LSTM__V(name##_i8)
#define LSTM__WEIGHT int32_t
#define LSTM__DTYPE LSTM_DTYPE_I8
#else
#define LSTM__FN(name) LSTM__V(name##_i8dot)
#define LSTM__WEIGHT int32_t
#define LSTM__DTYPE LSTM_DTYPE_I8
#endif
#ifndef LSTM__SINGLE /* blocks of one vector of units, of which wide tiles read several */
#define LSTM__SINGLE 0
#endif
#ifndef LSTM__NARROW /* blocks that are read in turn are always read one vector of units at a time */
#define LSTM__NARROW 0
#endif
#ifndef LSTM__WIDE /* always several, by one function for blocks of one and of several */
#define LSTM__WIDE 0
#endif
#ifdef lstm__fetch_far
#define LSTM__FETCHES 1
#else
#define LSTM__FETCHES 0
#endif
#ifndef LSTM__BY_STREAM /* registers hold the weights of one k for several streams */
#define LSTM__BY_STREAM 0
#endif
#ifndef LSTM__SIGNED /* codes of x and h are kept as magnitudes and signs */
#define LSTM__SIGNED 0
#endif
#define LSTM__HEAD (LSTM__SIGNED ? (int)LSTM__SIGNED_CODES : (int)LSTM__CODES)
#define LSTM__INT8 (LSTM__WEIGHTS == LSTM__I8 || LSTM__WEIGHTS == LSTM__I8_DOT)
#define LSTM__FEW (LSTM__STREAMS < 4 ? LSTM__STREAMS : 4)
#define LSTM__CELLS 12 /* made together: of whole tiles, be they of 2, 3, 4 or 6 streams */
#define LSTM__SUMS (4 * (LSTM__STREAMS > LSTM__UNITS ? LSTM__STREAMS : LSTM__UNITS)) /* of a tile */

/* Some rows of a matrix, one lane each: where the first word of each vector of them lies, for int8
 * their scales and the sums of their codes. */
struct LSTM__FN(rows) {
	const LSTM__WEIGHT *at;
	const float *scale;
	const int32_t *sum;
	const char *far; /* what is fetched meanwhile, if `fetches` */
	int fetches;     /* a literal at every call */
};

LSTM__INLINE struct LSTM__FN(rows) LSTM__FN(rows_of)(const struct lstm__matrix *m, size_t word,
                                                     size_t row)
{
	struct LSTM__FN(rows) r;
	r.at = (const LSTM__WEIGHT *)m->words + word;
	r.far = NULL;
	r.fetches = 0;
#if LSTM__INT8
	r.scale = m->scale + row;
	r.sum = m->sum + row;
#else
	(void)row;
	r.scale = NULL;
	r.sum = NULL;
#endif
	return r;
}

/* Words of a vector of gates' rows, for all k. */
LSTM__INLINE size_t LSTM__FN(depth)(const struct lstm__layer *l)
{
	return lstm__words(LSTM__DTYPE, l->width) + lstm__words(LSTM__DTYPE, l->output);
}

/* The rows of gates that begin `skip` behind row `block`, where their block of `stride` begins. */
LSTM__INLINE struct LSTM__FN(rows) LSTM__FN(rows_of_x)(const struct lstm__layer *l, size_t block,
                                                       size_t skip)
{
	return LSTM__FN(rows_of)(&l->w, block * LSTM__FN(depth)(l) + skip, block + skip);
}

LSTM__INLINE struct LSTM__FN(rows) LSTM__FN(rows_of_h)(const struct lstm__layer *l, size_t block,
                                                       size_t skip, size_t stride)
{
	const size_t x = lstm__words(LSTM__DTYPE, l->width);
	return LSTM__FN(rows_of)(&l->u, block * LSTM__FN(depth)(l) + skip + stride * x, block + skip);
}

/* Lines of far weights per k of m streams: a tile of few takes less time, and fewer of them follow. */
LSTM__INLINE int LSTM__FN(far_lines)(const int m)
{
	return LSTM__LANES == 16 && m <= 4 ? 2 : 1;
}

#ifdef lstm__fetch_far
/* Fetch the weights of four rows on into the first cache and the far ones into the second.  Beyond the
 * end of all weights it does nothing. */
LSTM__INLINE void LSTM__FN(fetch)(struct LSTM__FN(rows) *w, const int m, const int n)
{
	const char *near = (const char *)w->at + 4 * 4 * LSTM__LINE;
	int i;
	LSTM__UNROLL
	for (i = 0; i < LSTM__FN(far_lines)(m); i++)
		lstm__fetch_far(w->far + i * LSTM__LINE);
	w->far += LSTM__FN(far_lines)(m) * LSTM__LINE;
	LSTM__UNROLL
	for (i = 0; i < n * LSTM__LANES * (int)sizeof(LSTM__WEIGHT); i += LSTM__LINE)
		lstm__fetch_near(near + i);
}
#endif

/* sum[s * n + v] += w[k][v] * x[s][k] for ascending k: the one order of arithmetic.  The rows of k
 * lie `stride` words apart, in them the four vectors of a unit's gates `pitch`, and those of the next
 * unit `apart`. */
#if LSTM__WEIGHTS == LSTM__F32 || LSTM__WEIGHTS == LSTM__F16
#if LSTM__WEIGHTS == LSTM__F32
#define lstm__load_row(p) lstm__load(p)
#else
#define lstm__load_row(p) lstm__load_f16(p)
#endif

#ifdef lstm__four
/* The row of one k, of one stream. */
LSTM__INLINE void LSTM__FN(dot_row)(lstm__vf *sum, const int n, const float *w, size_t apart,
                                    const int pitch, lstm__vf x)
{
	int v;
	LSTM__UNROLL
	for (v = 0; v < n; v++)
		sum[v] = lstm__fma(lstm__load(w + lstm__place(v, apart, pitch)), x, sum[v]);
}
#endif

#if LSTM__BY_STREAM
/* The row of one k, of one stream after the other: where registers hold it, and one x at a time. */
LSTM__INLINE void LSTM__FN(dot_streams)(lstm__vf *sum, const int m, const int n,
                                        const LSTM__WEIGHT *w, size_t apart, const int pitch,
                                        const float *const *x, ptrdiff_t k)
{
	lstm__vf row[4];
	int s, v;
	LSTM__UNROLL
	for (v = 0; v < n; v++) {
		row[v] = lstm__load_row(w + lstm__place(v, apart, pitch));
		LSTM__HOLD(row[v]);
	}
	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		lstm__vf xs = lstm__splat(x[s] + k);
		LSTM__HOLD(xs);
		LSTM__UNROLL
		for (v = 0; v < n; v++)
			sum[s * n + v] = lstm__fma_held(row[v], xs, sum[s * n + v]);
	}
}
#endif

LSTM__INLINE void LSTM__FN(dot)(lstm__vf *sum, const int m, const int n, struct LSTM__FN(rows) w,
                                size_t stride, size_t apart, const int pitch,
                                const float *const *x, size_t count)
{
	size_t k = 0;
	int s, v;
#if LSTM__BY_STREAM
	const float *end[LSTM__STREAMS];
	ptrdiff_t left; /* as what is left needs no second register for the end */
	int u;
#endif
#ifdef lstm__four /* eight weights and an x take longer to load than to use: one load for four of x */
	for (; m == 1 && k + 4 <= count; k += 4, w.at += 4 * stride) {
		const lstm__vf xs = lstm__four(x[0] + k);
		LSTM__FN(dot_row)(sum, n, w.at, apart, pitch, lstm__pick(xs, 0));
		LSTM__FN(dot_row)(sum, n, w.at + stride, apart, pitch, lstm__pick(xs, 1));
		LSTM__FN(dot_row)(sum, n, w.at + 2 * stride, apart, pitch, lstm__pick(xs, 2));
		LSTM__FN(dot_row)(sum, n, w.at + 3 * stride, apart, pitch, lstm__pick(xs, 3));
	}
#endif
#if LSTM__BY_STREAM /* four at a time: the processor asks for the next weights sooner */
	if (m > 1 && !w.fetches)
		k = count - count % 4;
	LSTM__UNROLL
	for (s = 0; s < m; s++)
		end[s] = x[s] + k;
	for (left = -(ptrdiff_t)k; left; left += 4, w.at += 4 * stride) {
		LSTM__UNROLL
		for (u = 0; u < 4; u++)
			LSTM__FN(dot_streams)(sum, m, n, w.at + (size_t)u * stride, apart, pitch, end,
			                      left + u);
	}
#endif
	for (; k < count; k++, w.at += stride) {
		lstm__vf xs[LSTM__STREAMS];
#ifdef lstm__fetch_far
		if (w.fetches)
			LSTM__FN(fetch)(&w, m, n);
#endif
		LSTM__UNROLL
		for (s = 0; s < m; s++)
			xs[s] = lstm__splat(x[s] + k);
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
			lstm__vf row = lstm__load_row(w.at + lstm__place(v, apart, pitch));
			if (m > 1)
				LSTM__HOLD(row);
			LSTM__UNROLL
			for (s = 0; s < m; s++) {
				sum[s * n + v] = lstm__fma(row, xs[s], sum[s * n + v]);
#if LSTM__WEIGHTS == LSTM__F16
				LSTM__IN_TURN(sum[s * n + v]);
#endif
			}
		}
	}
}

#elif LSTM__WEIGHTS == LSTM__BF16
/* A word holds the weights of two k, the even one low.  Sums in memory of this function: Clang 14 does
 * not see through those of a caller and stores them in every turn. */
LSTM__INLINE void LSTM__FN(dot)(lstm__vf *sum, const int m, const int n, struct LSTM__FN(rows) w,
                                size_t stride, size_t apart, const int pitch,
                                const float *const *x, size_t count)
{
	lstm__vf total[LSTM__SUMS];
	size_t k;
	int s, v;

	LSTM__UNROLL
	for (s = 0; s < m * n; s++)
		total[s] = sum[s];
	for (k = 0; k + 1 < count; k += 2, w.at += stride) {
		lstm__vf even[LSTM__STREAMS], odd[LSTM__STREAMS];
#ifdef lstm__fetch_far
		if (w.fetches)
			LSTM__FN(fetch)(&w, m, n);
#endif
		LSTM__UNROLL
		for (s = 0; s < m; s++) {
			even[s] = lstm__splat(x[s] + k);
			odd[s] = lstm__splat(x[s] + k + 1);
		}
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
			lstm__vi word = lstm__load_i(w.at + lstm__place(v, apart, pitch));
			lstm__vf low, high;
			LSTM__HOLD(word);
			low = lstm__low_bf16(word);
			high = lstm__high_bf16(word);
			LSTM__UNROLL
			for (s = 0; s < m; s++)
				total[s * n + v] = lstm__fma(low, even[s], total[s * n + v]);
			LSTM__UNROLL
			for (s = 0; s < m; s++) {
				total[s * n + v] = lstm__fma(high, odd[s], total[s * n + v]);
				LSTM__IN_TURN(total[s * n + v]);
			}
		}
	}
	if (k < count) {
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
			const lstm__vf low = lstm__low_bf16(lstm__load_i(w.at + lstm__place(v, apart, pitch)));
			LSTM__UNROLL
			for (s = 0; s < m; s++)
				total[s * n + v] =
					lstm__fma(low, lstm__splat(x[s] + k), total[s * n + v]);
		}
	}
	LSTM__UNROLL
	for (s = 0; s < m * n; s++)
		sum[s] = total[s];
}

#else
/* A word holds the codes of four k.  Their sums are whole numbers, exact in any order.  With
 * LSTM__SIGNED, where the codes of x are magnitudes |x| and signs m, 0 or -1: as -w = (w ^ -1) + 1,
 * the sum of x w is that of |x| (w ^ m), and of |x| where x is negative, which the row has. */
LSTM__INLINE void LSTM__FN(dot)(lstm__vf *sum, const int m, const int n, struct LSTM__FN(rows) w,
                                size_t stride, size_t apart, const int pitch,
                                const float *const *x, size_t count)
{
	const size_t words = lstm__words(LSTM__DTYPE, count);
	lstm__vi total[LSTM__SUMS];
#if LSTM__SIGNED
	const lstm__vi ones = lstm__ones();
#endif
	size_t k;
	int s, v;

	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		const lstm__vi offset = lstm__splat_i(x[s] + 1);
		LSTM__UNROLL
		for (v = 0; v < n; v++)
			total[s * n + v] =
				lstm__mul_i(offset, lstm__load_i(w.sum + v * pitch));
	}
	for (k = 0; k < words; k++, w.at += stride) {
		lstm__vi xs[LSTM__STREAMS];
#if LSTM__SIGNED
		lstm__vi signs[LSTM__STREAMS];
#endif
		LSTM__UNROLL
		for (s = 0; s < m; s++) {
			const float *word = x[s] + LSTM__HEAD + k * (1 + LSTM__SIGNED);
			xs[s] = lstm__splat_i(word);
#if LSTM__SIGNED
			signs[s] = lstm__splat_i(word + 1);
#endif
		}
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
			lstm__vi row = lstm__load_i(w.at + lstm__place(v, apart, pitch));
			if (m > 1)
				LSTM__HOLD(row);
			LSTM__UNROLL
			for (s = 0; s < m; s++) {
#if LSTM__SIGNED
				total[s * n + v] = lstm__dot4_signed(total[s * n + v], row, xs[s],
				                                     signs[s], ones);
#else
				total[s * n + v] = lstm__dot4(total[s * n + v], row, xs[s]);
#endif
				LSTM__IN_TURN(total[s * n + v]);
			}
		}
	}
	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		const lstm__vf scale = lstm__splat(x[s]);
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
#if LSTM__SIGNED
			total[s * n + v] = lstm__add_i(total[s * n + v], lstm__splat_i(x[s] + 2));
#endif
			sum[s * n + v] = lstm__fma(
				lstm__to_float(total[s * n + v]),
				lstm__mul(scale, lstm__load(w.scale + v * pitch)),
				sum[s * n + v]);
		}
	}
}
#endif
