/* From the framework's arrays to the order in which the kernels read.
 *
 * A matrix of rows is cut into blocks of V vectors of rows (V = units * 4 for gates, where the four
 * gates of a vector of units lie together; 4 for a projection), the last block holding what is
 * left.  Within a block the order is [k][vector][lane], for gates first all k of x, then all of h: a
 * kernel reads it from front to back, in one stream that the processor can fetch ahead, and
 * needs one broadcast of x[k] or h[k] for V vectors.  Rows past the last are zero.  At one lane and
 * one vector per block this is the plain matrix, which is what the reference path reads. */
struct lstm__source {
	const float *data;
	size_t row, column; /* strides in elements */
	size_t columns;     /* of this matrix */
	size_t before, all; /* words of a row of a block before this matrix's, and altogether */
	size_t hidden;
	int lanes;
	unsigned char gate[4]; /* position in the framework's order of i, f, g, o */
	lstm_dtype dtype;      /* what it becomes */
	lstm_dtype from;       /* what data points to: F32, or the same */
};

/* Where row r of the packed order (unit vector, gate, lane) comes from, and how many units there are
 * from its own on: the lanes beyond are padding. */
static size_t lstm__gate_row(const struct lstm__source *s, size_t r, size_t *row)
{
	size_t lanes = (size_t)s->lanes;
	size_t unit = r / (4 * lanes) * lanes + r % lanes;
	*row = s->gate[r / lanes % 4] * s->hidden + unit;
	return unit < s->hidden ? s->hidden - unit : 0;
}

static size_t lstm__plain_row(const struct lstm__source *s, size_t r, size_t *row)
{
	*row = r;
	return r < s->hidden ? s->hidden - r : 0;
}

typedef size_t (*lstm__row_fn)(const struct lstm__source *s, size_t r, size_t *row);

#ifdef LSTM__VECTORS /* else each block is a row */
/* Packing is moving: tiles of 4 rows and 16 columns, a cache line of each row, whose loops are of
 * constant length so that they become vectors without any flag. */
#define LSTM__TILE_ROWS 4
#define LSTM__TILE_COLUMNS 16

/* The lines that are written lie a block's row apart, which processors do not guess: fetching them
 * ahead makes a model that outgrows the caches a third faster. */
#if defined(__GNUC__)
#define LSTM__WILL_WRITE(p) __builtin_prefetch(p, 1)
#else
#define LSTM__WILL_WRITE(p) ((void)(p))
#endif

/* The tile from rows that lie one behind the other; what is not real becomes zero. */
static void lstm__tile_rows(float tile[LSTM__TILE_COLUMNS][LSTM__TILE_ROWS], const float *from,
                            size_t stride, size_t real, size_t columns)
{
	float part[LSTM__TILE_ROWS * LSTM__TILE_COLUMNS];
	size_t r;
	int k;
	if (real < LSTM__TILE_ROWS || columns < LSTM__TILE_COLUMNS) {
		memset(part, 0, sizeof(part));
		for (r = 0; r < real; r++)
			memcpy(part + r * LSTM__TILE_COLUMNS, from + r * stride,
			       columns * sizeof(float));
		from = part;
		stride = LSTM__TILE_COLUMNS;
	}
	for (k = 0; k < LSTM__TILE_COLUMNS; k++) {
		tile[k][0] = from[k];
		tile[k][1] = from[stride + (size_t)k];
		tile[k][2] = from[2 * stride + (size_t)k];
		tile[k][3] = from[3 * stride + (size_t)k];
	}
}

/* The same from columns that lie one behind the other. */
static void lstm__tile_columns(float tile[LSTM__TILE_COLUMNS][LSTM__TILE_ROWS],
                               const float *from, size_t stride, size_t real, size_t columns)
{
	size_t k;
	if (real < LSTM__TILE_ROWS)
		memset(tile, 0, sizeof(tile[0]) * LSTM__TILE_COLUMNS);
	for (k = 0; k < columns; k++, from += stride)
		if (real == LSTM__TILE_ROWS)
			memcpy(tile[k], from, sizeof(tile[k]));
		else
			memcpy(tile[k], from, real * sizeof(float));
}

static void lstm__tile_put(float *to, size_t stride,
                           float tile[LSTM__TILE_COLUMNS][LSTM__TILE_ROWS], size_t columns)
{
	size_t k;
	int r;
	for (k = 0; k < columns; k++, to += stride) {
		int32_t bits[LSTM__TILE_ROWS];
		memcpy(bits, tile[k], sizeof(bits));
		for (r = 0; r < LSTM__TILE_ROWS; r++)
			bits[r] = lstm__flush_bits(bits[r]);
		memcpy(to, bits, sizeof(bits));
	}
}

/* A tile whose rows' columns lie one behind the other, turned in registers, by what every CPU of the kind
 * has. */
#ifdef LSTM__X86
static __m128 lstm__flush_four(__m128 x)
{
	const __m128i bits = _mm_castps_si128(x);
	const __m128i size = _mm_and_si128(bits, _mm_set1_epi32(0x7fffffff));
	const __m128i tiny = _mm_cmplt_epi32(size, _mm_set1_epi32(LSTM__TINY_BITS));
	return _mm_castsi128_ps(_mm_andnot_si128(tiny, bits));
}

static int lstm__turn_tile(float *to, size_t stride, const float *from, size_t row, size_t columns)
{
	for (; columns >= 4; columns -= 4, from += 4, to += 4 * stride) {
		__m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + row);
		__m128 c = _mm_loadu_ps(from + 2 * row), d = _mm_loadu_ps(from + 3 * row);
		_MM_TRANSPOSE4_PS(a, b, c, d);
		_mm_storeu_ps(to, lstm__flush_four(a));
		_mm_storeu_ps(to + stride, lstm__flush_four(b));
		_mm_storeu_ps(to + 2 * stride, lstm__flush_four(c));
		_mm_storeu_ps(to + 3 * stride, lstm__flush_four(d));
	}
	for (; columns; columns--, from++, to += stride)
		_mm_storeu_ps(to, lstm__flush_four(_mm_setr_ps(from[0], from[row], from[2 * row],
		                                               from[3 * row])));
	return 1;
}
#else
static int lstm__turn_tile(float *to, size_t stride, const float *from, size_t row, size_t columns)
{
	(void)to, (void)stride, (void)from, (void)row, (void)columns;
	return 0;
}
#endif

#ifdef LSTM__HAVE_AVX2
/* Two tiles at a time, as each instruction moves twice as much.  The model's kernels say whether AVX2 may
 * be used, as they can run here: asking the processor may take longer than packing. */
#define LSTM__AVX2_INLINE static inline __attribute__((target("avx2")))
LSTM__AVX2_INLINE __m256 lstm__two_rows(const float *low, const float *high)
{
	return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

LSTM__AVX2_INLINE void lstm__put_eight(float *to, __m256 x)
{
	const __m256i bits = _mm256_castps_si256(x);
	const __m256i size = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
	const __m256i tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(LSTM__TINY_BITS), size);
	_mm256_storeu_ps(to, _mm256_castsi256_ps(_mm256_andnot_si256(tiny, bits)));
}

/* For columns by four: 0 if there are others. */
LSTM__AVX2_INLINE int lstm__turn_two_tiles(float *to, size_t stride, const float *low,
                                           const float *high, size_t row, size_t columns)
{
	if (columns % 4)
		return 0;
	for (; columns; columns -= 4, low += 4, high += 4, to += 4 * stride) {
		const __m256 a = lstm__two_rows(low, high), b = lstm__two_rows(low + row, high + row);
		const __m256 c = lstm__two_rows(low + 2 * row, high + 2 * row);
		const __m256 d = lstm__two_rows(low + 3 * row, high + 3 * row);
		const __m256d ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
		const __m256d cd = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
		const __m256d ab2 = _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
		const __m256d cd2 = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
		lstm__put_eight(to, _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)));
		lstm__put_eight(to + stride, _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)));
		lstm__put_eight(to + 2 * stride, _mm256_castpd_ps(_mm256_unpacklo_pd(ab2, cd2)));
		lstm__put_eight(to + 3 * stride, _mm256_castpd_ps(_mm256_unpackhi_pd(ab2, cd2)));
	}
	return 1;
}
#endif

/* Up to 16 rows from row `at` of all on, from column `first` to `end`: whole cache lines of what is written,
 * [column][`stride`]. */
static void lstm__pack_tiles(float *to, size_t stride, const struct lstm__source *s, lstm__row_fn find,
                             size_t at, size_t rows, size_t first, size_t end)
{
	float tile[LSTM__TILE_COLUMNS][LSTM__TILE_ROWS];
	const float *from[4];
	size_t real[4], tiles, t, k, row;
	for (tiles = 0; tiles < 4 && tiles * LSTM__TILE_ROWS < rows; tiles++) {
		real[tiles] = find(s, at + tiles * LSTM__TILE_ROWS, &row);
		if (real[tiles] > LSTM__TILE_ROWS)
			real[tiles] = LSTM__TILE_ROWS;
		from[tiles] = s->data + (real[tiles] ? row * s->row : 0);
	}
	for (k = first; k < end; k += LSTM__TILE_COLUMNS, to += LSTM__TILE_COLUMNS * stride) {
		size_t columns = end - k < LSTM__TILE_COLUMNS ? end - k : LSTM__TILE_COLUMNS;
		for (t = 0; end - k >= 4 * LSTM__TILE_COLUMNS && t < LSTM__TILE_COLUMNS; t++)
			LSTM__WILL_WRITE(to + (3 * LSTM__TILE_COLUMNS + t) * stride);
		for (t = 0; t < tiles; t++) {
			const float *x = from[t] + k * s->column;
			float *y = to + t * LSTM__TILE_ROWS;
			const int whole = s->column == 1 && real[t] == LSTM__TILE_ROWS;
#ifdef LSTM__HAVE_AVX2
			if (whole && s->lanes >= 8 && t + 1 < tiles &&
			    real[t + 1] == LSTM__TILE_ROWS &&
			    lstm__turn_two_tiles(y, stride, x, from[t + 1] + k, s->row, columns)) {
				t++;
				continue;
			}
#endif
			if (whole && lstm__turn_tile(y, stride, x, s->row, columns))
				continue;
			if (s->column == 1)
				lstm__tile_rows(tile, x, s->row, real[t], columns);
			else
				lstm__tile_columns(tile, x, s->column, real[t], columns);
			lstm__tile_put(y, stride, tile, columns);
		}
	}
}

/* Rows are read to their end, 16 at a time, as the processor fetches ahead.  Of columns some at a time, as the
 * lines that this touches are touched again by the next rows. */
static void lstm__pack_block(float *to, const struct lstm__source *s, lstm__row_fn find, size_t first,
                             size_t n)
{
	const size_t ahead = s->column == 1 ? s->columns : 2 * LSTM__TILE_COLUMNS;
	size_t r, k;
	for (k = 0; k < s->columns; k += ahead)
		for (r = 0; r < n; r += 4 * LSTM__TILE_ROWS)
			lstm__pack_tiles(to + k * n + r, n, s, find, first + r, n - r, k,
			                 s->columns - k < ahead ? s->columns : k + ahead);
}
#endif

/* rows (padded) x columns, in blocks of at most block rows. */
static void lstm__pack(float *all, const struct lstm__source *s, lstm__row_fn find, size_t rows,
                       size_t block)
{
	size_t first, k, row;
	for (first = 0; first < rows; first += block) {
		size_t n = rows - first < block ? rows - first : block;
		float *to = all + first * s->all + n * s->before;
#ifdef LSTM__VECTORS
		if (n > 1) {
			lstm__pack_block(to, s, find, first, n);
			continue;
		}
#endif
		find(s, first, &row);
		for (k = 0; k < s->columns; k++)
			to[k] = lstm__flush(s->data[row * s->row + k * s->column]);
	}
}
