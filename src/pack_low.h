/* The same order for bf16, f16 and int8, rounded on the way: words instead of floats. */
#if LSTM__LOW
/* A chunk of codes: of `count` weights from element `from` on, and zeros. */
static void lstm__low_codes(signed char *to, const struct lstm__source *s, size_t from, size_t count,
                            float scale)
{
	float x[LSTM__CHUNK];
	int i;
	if (s->from == LSTM_DTYPE_F32) {
		lstm__chunk(x, s->data + from, count, s->column);
		for (i = 0; i < LSTM__CHUNK; i++)
			x[i] /= scale;
		lstm__chunk_codes(x, x);
		for (i = 0; i < LSTM__CHUNK; i++)
			to[i] = (signed char)x[i];
		return;
	}
	for (i = 0; i < LSTM__CHUNK; i++) {
		int code = 0;
		if ((size_t)i < count)
			code = ((const signed char *)(const void *)s->data)[from + (size_t)i * s->column];
		code = code < -127 ? -127 : code;
		to[i] = (signed char)(lstm__flush((float)code * scale) != 0 ? code : 0);
	}
}

/* A chunk of bf16 or f16 likewise, from floats or from halves of the same type. */
static void lstm__low_halves(uint32_t *to, const struct lstm__source *s, size_t from, size_t count)
{
	const uint16_t *halves = (const uint16_t *)(const void *)s->data;
	const int bf16 = s->dtype == LSTM_DTYPE_BF16;
	float x[LSTM__CHUNK];
	size_t k;
	if (s->from == LSTM_DTYPE_F32) {
		lstm__chunk(x, s->data + from, count, s->column);
		if (bf16)
			lstm__chunk_bf16(to, x);
		else
			lstm__chunk_f16(to, x);
		return;
	}
	for (k = 0; k < LSTM__CHUNK; k++) {
		to[k] = k < count ? halves[from + k * s->column] : 0;
		if (bf16 && (to[k] & 0x7fff) < LSTM__TINY_BITS >> 16)
			to[k] = 0;
	}
}

/* The words of a chunk, `stride` apart.  scale: for int8; returns the sum of its codes. */
static int32_t lstm__low_chunk(void *words, const struct lstm__source *s, size_t from, size_t count,
                               size_t stride, float scale)
{
	const size_t n = lstm__words(s->dtype, count);
	uint32_t halves[LSTM__CHUNK];
	signed char codes[LSTM__CHUNK];
	int32_t sum = 0;
	size_t k;
	if (s->dtype == LSTM_DTYPE_I8) {
		lstm__low_codes(codes, s, from, count, scale);
		for (k = 0; k < n; k++)
			memcpy((uint32_t *)words + k * stride, codes + 4 * k, 4);
		for (k = 0; k < LSTM__CHUNK; k++)
			sum += codes[k];
		return sum;
	}
	lstm__low_halves(halves, s, from, count);
	if (s->dtype == LSTM_DTYPE_BF16)
		for (k = 0; k < n; k++)
			((uint32_t *)words)[k * stride] = halves[2 * k] | halves[2 * k + 1] << 16;
	else
		for (k = 0; k < n; k++)
			((uint16_t *)words)[k * stride] = (uint16_t)halves[k];
	return 0;
}

#ifdef LSTM__VECTORS
#define LSTM__TURNED 16 /* rows at a time */

/* The words of four columns of them, [column][row], of f16 halves, and what their codes add to each row's
 * sum. */
LSTM__INLINE void lstm__low_words(uint32_t *word, uint16_t *half, float *x, lstm_dtype dtype,
                                  const float *scale, int32_t *sum)
{
	int i;
	if (dtype == LSTM_DTYPE_BF16) {
		lstm__chunk_bf16(word, x);
		for (i = 0; i < LSTM__TURNED; i++)
			word[i] |= word[LSTM__TURNED + i] << 16;
		for (i = 0; i < LSTM__TURNED; i++)
			word[LSTM__TURNED + i] = word[2 * LSTM__TURNED + i] |
			                         word[3 * LSTM__TURNED + i] << 16;
		return;
	}
	if (dtype == LSTM_DTYPE_F16) {
		lstm__chunk_f16(word, x);
		for (i = 0; i < LSTM__CHUNK; i++)
			half[i] = (uint16_t)word[i];
		return;
	}
	for (i = 0; i < LSTM__CHUNK; i++)
		x[i] /= scale[i % LSTM__TURNED];
	lstm__chunk_codes(x, x);
	for (i = 0; i < LSTM__TURNED; i++) {
		const int32_t a = (int32_t)x[i], b = (int32_t)x[LSTM__TURNED + i];
		const int32_t c = (int32_t)x[2 * LSTM__TURNED + i];
		const int32_t d = (int32_t)x[3 * LSTM__TURNED + i];
		sum[i] += a + b + c + d;
		word[i] = ((uint32_t)a & 255) | ((uint32_t)b & 255) << 8 | ((uint32_t)c & 255) << 16 |
		          (uint32_t)d << 24;
	}
}

/* Floats: turned like those that stay floats, and rounded then.  The block's rows from r on, up to 16. */
LSTM__INLINE void lstm__low_turned(const struct lstm__matrix *to, char *words,
                                   const struct lstm__source *s, lstm__row_fn find, size_t first,
                                   size_t n, size_t r)
{
	const size_t rows = n - r < LSTM__TURNED ? n - r : LSTM__TURNED;
	const size_t bytes = lstm__word_bytes(s->dtype);
	float x[LSTM__CHUNK * LSTM__TURNED], scale[LSTM__TURNED] = {0};
	int32_t sum[LSTM__TURNED] = {0};
	uint32_t word[LSTM__CHUNK];
	uint16_t half[LSTM__CHUNK];
	const int halves = s->dtype == LSTM_DTYPE_F16;
	size_t k, j, i, columns;

	if (s->dtype == LSTM_DTYPE_I8)
		memcpy(scale, to->scale + first + r, rows * sizeof(float));
	for (k = 0; k < s->columns; k += LSTM__CHUNK) {
		columns = lstm__chunk_of(s->columns - k);
		if (rows < LSTM__TURNED || columns < LSTM__CHUNK)
			memset(x, 0, sizeof(x));
		lstm__pack_tiles(x, LSTM__TURNED, s, find, first + r, rows, k, k + columns);
		for (j = 0; j < columns; j += 4) {
			const size_t at = lstm__words(s->dtype, k + j);
			const size_t end = lstm__words(s->dtype, columns - j < 4 ? k + columns : k + j + 4);
			lstm__low_words(word, half, x + j * LSTM__TURNED, s->dtype, scale, sum);
			for (i = 0; i < end - at; i++) {
				char *row = words + ((at + i) * n + r) * bytes;
				if (rows < LSTM__TURNED)
					memcpy(row, halves ? (void *)(half + i * LSTM__TURNED)
					                   : (void *)(word + i * LSTM__TURNED),
					       rows * bytes);
				else if (halves)
					memcpy(row, half + i * LSTM__TURNED, LSTM__TURNED * 2);
				else
					memcpy(row, word + i * LSTM__TURNED, LSTM__TURNED * 4);
			}
		}
	}
	if (s->dtype == LSTM_DTYPE_I8)
		memcpy(to->sum + first + r, sum, rows * sizeof(int32_t));
}

LSTM__INLINE void lstm__low_block_by(const struct lstm__matrix *to, char *words,
                                     const struct lstm__source *s, lstm__row_fn find, size_t first,
                                     size_t n)
{
	size_t r;
	for (r = 0; r < n; r += LSTM__TURNED)
		lstm__low_turned(to, words, s, find, first, n, r);
}

#ifdef LSTM__HAVE_AVX2
/* The same loops in longer vectors, which only the compiler makes of them: where AVX2 may be used, see
 * above. */
static __attribute__((target("avx2"))) void
lstm__low_block_avx2(const struct lstm__matrix *to, char *words, const struct lstm__source *s,
                     lstm__row_fn find, size_t first, size_t n)
{
	lstm__low_block_by(to, words, s, find, first, n);
}

static __attribute__((target("avx2"))) float lstm__weight_scale_avx2(const float *row, size_t n,
                                                                     size_t stride)
{
	return lstm__least_missing(row, n, stride);
}
#endif

static void lstm__low_block(const struct lstm__matrix *to, char *words, const struct lstm__source *s,
                            lstm__row_fn find, size_t first, size_t n)
{
#ifdef LSTM__HAVE_AVX2
	if (s->lanes >= 8) {
		lstm__low_block_avx2(to, words, s, find, first, n);
		return;
	}
#endif
	lstm__low_block_by(to, words, s, find, first, n);
}
#endif

/* The scale of a row of floats. */
static float lstm__low_scale(const struct lstm__source *s, size_t row)
{
	const float *from = s->data + row * s->row;
#ifdef LSTM__HAVE_AVX2
	if (s->lanes >= 8)
		return lstm__weight_scale_avx2(from, s->columns, s->column);
#endif
	return lstm__weight_scale(from, s->columns, s->column);
}

/* Rows [first, first + n), a block.  scale: of each of the framework's rows, or NULL. */
static void lstm__pack_low_block(const struct lstm__matrix *to, const struct lstm__source *s,
                                 lstm__row_fn find, size_t first, size_t n, const float *scale)
{
	const size_t bytes = lstm__word_bytes(s->dtype);
	char *words = (char *)to->words + (first * s->all + n * s->before) * bytes;
	const int int8 = s->dtype == LSTM_DTYPE_I8;
	int padded = 0;
	size_t r, k, row;

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
			to->scale[first + r] = lstm__low_scale(s, row);
	}
#ifdef LSTM__VECTORS
	if (n > 1 && s->from == LSTM_DTYPE_F32) {
		lstm__low_block(to, words, s, find, first, n);
		return;
	}
#endif
	if (padded)
		memset(words, 0, lstm__words(s->dtype, s->columns) * n * bytes);
	for (r = 0; r < n; r++) {
		if (!find(s, first + r, &row))
			continue;
		for (k = 0; k < s->columns; k += LSTM__CHUNK) {
			char *chunk = words + (lstm__words(s->dtype, k) * n + r) * bytes;
			const int32_t sum = lstm__low_chunk(
				chunk, s, row * s->row + k * s->column,
				lstm__chunk_of(s->columns - k), n, int8 ? to->scale[first + r] : 0);
			if (int8)
				to->sum[first + r] += sum;
		}
	}
}

static void lstm__pack_low(const struct lstm__matrix *to, const struct lstm__source *s,
                           lstm__row_fn find, size_t rows, size_t block, const float *scale)
{
	size_t first;
	for (first = 0; first < rows; first += block)
		lstm__pack_low_block(to, s, find, first, rows - first < block ? rows - first : block,
		                     scale);
}
#endif
