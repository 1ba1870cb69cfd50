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
			to->scale[first + r] =
				lstm__weight_scale(s->data + row * s->row, s->columns, s->column);
	}
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
