/* The same order for bf16, f16 and int8, rounded on the way: words instead of floats.  A chunk of numbers
 * is [column][`rows`] here, of one row or, turned, of 16; rows is a literal at every call. */
#if LSTM__LOW
union lstm__low {
	uint32_t word[LSTM__CHUNK / 2];
	uint16_t half[LSTM__CHUNK];
};

/* Floats become halves, or codes; scale: of each row. */
LSTM__INLINE void lstm__low_round(uint32_t *halves, float *x, lstm_dtype dtype, const float *scale,
                                  const int rows)
{
	int at, i;
	if (dtype == LSTM_DTYPE_BF16) {
		lstm__chunk_bf16(halves, x);
	} else if (dtype == LSTM_DTYPE_F16) {
		lstm__chunk_f16(halves, x);
	} else {
		for (at = 0; at < LSTM__CHUNK; at += rows)
			for (i = 0; i < rows; i++)
				x[at + i] /= scale[i];
		lstm__chunk_codes(x, x);
	}
}

/* The same, of one row, from its halves or codes: `count` of them from element `from` on, and zeros. */
static void lstm__low_same(uint32_t *halves, float *x, const struct lstm__source *s, size_t from,
                           size_t count, float scale)
{
	const signed char *codes = (const signed char *)(const void *)s->data;
	const uint16_t *data = (const uint16_t *)(const void *)s->data;
	size_t k;
	for (k = 0; k < LSTM__CHUNK; k++) {
		const size_t at = from + k * s->column;
		if (s->dtype == LSTM_DTYPE_I8) {
			const int code = k >= count ? 0 : codes[at] < -127 ? -127 : codes[at];
			x[k] = lstm__flush((float)code * scale) != 0 ? (float)code : 0;
			continue;
		}
		halves[k] = k < count ? data[at] : 0;
		if (s->dtype == LSTM_DTYPE_BF16 && (halves[k] & 0x7fff) < LSTM__TINY_BITS >> 16)
			halves[k] = 0;
	}
}

/* Either becomes words as the kernels read them; of int8 the first byte in memory is the first column's.
 * sum: each row's codes are added to it. */
LSTM__INLINE void lstm__low_words(union lstm__low *to, const uint32_t *halves, const float *codes,
                                  lstm_dtype dtype, int32_t *sum, const int rows)
{
	int at, i;
	if (dtype == LSTM_DTYPE_BF16) {
		for (at = 0; at < LSTM__CHUNK / 2; at += rows)
			for (i = 0; i < rows; i++)
				to->word[at + i] = halves[2 * at + i] | halves[2 * at + rows + i] << 16;
	} else if (dtype == LSTM_DTYPE_F16) {
		for (i = 0; i < LSTM__CHUNK; i++)
			to->half[i] = (uint16_t)halves[i];
	} else {
		for (at = 0; at < LSTM__CHUNK / 4; at += rows)
			for (i = 0; i < rows; i++) {
				const float *x = codes + 4 * at + i;
				const int32_t a = (int32_t)x[0], b = (int32_t)x[rows];
				const int32_t c = (int32_t)x[2 * rows], d = (int32_t)x[3 * rows];
				sum[i] += a + b + c + d;
				to->word[at + i] = ((uint32_t)a & 255) << LSTM__BYTE(0) |
				                   ((uint32_t)b & 255) << LSTM__BYTE(1) |
				                   ((uint32_t)c & 255) << LSTM__BYTE(2) |
				                   ((uint32_t)d & 255) << LSTM__BYTE(3);
			}
	}
}

/* A row, which begins at element `from`: its words, `apart` bytes apart.  scale, sum: of int8. */
static void lstm__low_row(char *words, size_t apart, const struct lstm__source *s, size_t from, float scale,
                          int32_t *sum)
{
	const size_t bytes = lstm__word_bytes(s->dtype);
	uint32_t halves[LSTM__CHUNK];
	union lstm__low low;
	float x[LSTM__CHUNK];
	size_t k, i, count;
	for (k = 0; k < s->columns; k += LSTM__CHUNK, from += LSTM__CHUNK * s->column) {
		count = lstm__chunk_of(s->columns - k);
		if (s->from == LSTM_DTYPE_F32) {
			lstm__chunk(x, s->data + from, count, s->column);
			lstm__low_round(halves, x, s->dtype, &scale, 1);
		} else {
			lstm__low_same(halves, x, s, from, count, scale);
		}
		lstm__low_words(&low, halves, x, s->dtype, sum, 1);
		for (i = 0; i < lstm__words(s->dtype, count); i++, words += apart)
			memcpy(words, (const char *)&low + i * bytes, bytes);
	}
}

#ifdef LSTM__VECTORS
#define LSTM__TURNED 16

/* memcpy, whose call would take as long as rounding does: whole rows of words have one of two sizes. */
LSTM__INLINE void lstm__low_put(char *to, const char *from, size_t bytes)
{
	if (bytes == LSTM__TURNED * sizeof(uint32_t))
		memcpy(to, from, LSTM__TURNED * sizeof(uint32_t));
	else if (bytes == LSTM__TURNED * sizeof(uint16_t))
		memcpy(to, from, LSTM__TURNED * sizeof(uint16_t));
	else
		memcpy(to, from, bytes);
}

/* The rows of a block of n, which begins with row `first` of all, from number r on, at most 16 of them: from
 * floats, turned like those that stay floats. */
LSTM__INLINE void lstm__low_turned(const struct lstm__matrix *to, char *words,
                                   const struct lstm__source *s, lstm__row_fn find, size_t first,
                                   size_t n, size_t r)
{
	const size_t rows = n - r < LSTM__TURNED ? n - r : LSTM__TURNED;
	const size_t bytes = lstm__word_bytes(s->dtype), four = LSTM__CHUNK / LSTM__TURNED;
	float x[LSTM__CHUNK * LSTM__TURNED], scale[LSTM__TURNED] = {0};
	int32_t sum[LSTM__TURNED] = {0};
	uint32_t halves[LSTM__CHUNK];
	union lstm__low low;
	size_t k, j, i, columns, count;

	if (s->dtype == LSTM_DTYPE_I8)
		memcpy(scale, to->scale + first + r, rows * sizeof(float));
	words += r * bytes;
	for (k = 0; k < s->columns; k += LSTM__CHUNK) {
		columns = lstm__chunk_of(s->columns - k);
		if (rows < LSTM__TURNED || columns < LSTM__CHUNK)
			memset(x, 0, sizeof(x));
		lstm__pack_tiles(x, LSTM__TURNED, s, find, first + r, rows, k, k + columns);
		for (j = 0; j < columns; j += four) {
			float *part = x + j * LSTM__TURNED;
			lstm__low_round(halves, part, s->dtype, scale, LSTM__TURNED);
			lstm__low_words(&low, halves, part, s->dtype, sum, LSTM__TURNED);
			count = columns - j < four ? columns - j : four;
			for (i = 0; i < lstm__words(s->dtype, count); i++, words += n * bytes)
				lstm__low_put(words, (const char *)&low + i * LSTM__TURNED * bytes,
				              rows * bytes);
		}
	}
	if (s->dtype == LSTM_DTYPE_I8)
		memcpy(to->sum + first + r, sum, rows * sizeof(int32_t));
}
#endif

/* Rows [first, first + n), a block.  scale: of each of the framework's rows, or NULL. */
LSTM__INLINE void lstm__low_block(const struct lstm__matrix *to, const struct lstm__source *s,
                                  lstm__row_fn find, size_t first, size_t n, const float *scale)
{
	const size_t bytes = lstm__word_bytes(s->dtype);
	char *words = (char *)to->words + (first * s->all + n * s->before) * bytes;
	const int int8 = s->dtype == LSTM_DTYPE_I8;
	int padded = 0;
	size_t r, row;

	for (r = 0; r < n; r++) {
		const int real = find(s, first + r, &row) > 0;
		padded |= !real;
		if (!int8)
			continue;
		to->sum[first + r] = 0;
		to->scale[first + r] = 0;
		if (real && scale)
			to->scale[first + r] = scale[row];
		else if (real)
			to->scale[first + r] =
				lstm__weight_scale(s->data + row * s->row, s->columns, s->column);
	}
#ifdef LSTM__VECTORS
	if (n > 1 && s->from == LSTM_DTYPE_F32) {
		for (r = 0; r < n; r += LSTM__TURNED)
			lstm__low_turned(to, words, s, find, first, n, r);
		return;
	}
#endif
	if (padded)
		memset(words, 0, lstm__words(s->dtype, s->columns) * n * bytes);
	for (r = 0; r < n; r++)
		if (find(s, first + r, &row))
			lstm__low_row(words + r * bytes, n * bytes, s, row * s->row,
			              int8 ? to->scale[first + r] : 0,
			              int8 ? to->sum + first + r : NULL);
}

LSTM__INLINE void lstm__pack_low_by(const struct lstm__matrix *to, const struct lstm__source *s,
                                    lstm__row_fn find, size_t rows, size_t block, const float *scale)
{
	size_t first;
	for (first = 0; first < rows; first += block)
		lstm__low_block(to, s, find, first, rows - first < block ? rows - first : block, scale);
}

#ifdef LSTM__HAVE_AVX2
/* The same loops, which the compiler makes longer vectors of. */
static __attribute__((target("avx2"))) void
lstm__pack_low_avx2(const struct lstm__matrix *to, const struct lstm__source *s, lstm__row_fn find,
                    size_t rows, size_t block, const float *scale)
{
	lstm__pack_low_by(to, s, find, rows, block, scale);
}
#endif

static void lstm__pack_low(const struct lstm__matrix *to, const struct lstm__source *s,
                           lstm__row_fn find, size_t rows, size_t block, const float *scale)
{
#ifdef LSTM__HAVE_AVX2
	if (s->lanes >= 8) { /* as in lstm__pack_tiles */
		lstm__pack_low_avx2(to, s, find, rows, block, scale);
		return;
	}
#endif
	lstm__pack_low_by(to, s, find, rows, block, scale);
}
#endif
