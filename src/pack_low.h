/* The same order for bf16, f16 and int8, rounded on the way: words instead of floats. */
#if LSTM__LOW
static int lstm__low_code(const struct lstm__source *s, size_t i, float scale)
{
	int code;
	if (s->from == LSTM_DTYPE_F32)
		return lstm__weight_code(lstm__flush(s->data[i]) / scale);
	code = ((const signed char *)(const void *)s->data)[i];
	if (code < -127)
		code = -127;
	return lstm__flush((float)code * scale) != 0 ? code : 0;
}

/* From floats, or from halves of the same type: two loops, as asking at each element takes as long
 * as rounding it. */
static void lstm__low_halves(uint16_t *to, const struct lstm__source *s, size_t from, size_t stride)
{
	const uint16_t *halves = (const uint16_t *)(const void *)s->data;
	const float *floats = s->data;
	size_t k;
	if (s->from == LSTM_DTYPE_F32)
		for (k = 0; k < s->columns; k++, to += stride)
			*to = (uint16_t)lstm__f16_of(lstm__flush(floats[from + k * s->column]));
	else
		for (k = 0; k < s->columns; k++, to += stride)
			*to = halves[from + k * s->column];
}

static uint32_t lstm__flush_bf16(uint32_t half)
{
	return (half & 0x7fff) < LSTM__TINY_BITS >> 16 ? 0 : half;
}

LSTM__INLINE uint32_t *lstm__low_pair(uint32_t *to, uint32_t half, size_t k, size_t stride)
{
	if (k % 2 == 0) {
		*to = half;
		return to;
	}
	*to |= half << 16;
	return to + stride;
}

static void lstm__low_pairs(uint32_t *to, const struct lstm__source *s, size_t from, size_t stride)
{
	const uint16_t *halves = (const uint16_t *)(const void *)s->data;
	const float *floats = s->data;
	size_t k;
	if (s->from == LSTM_DTYPE_F32)
		for (k = 0; k < s->columns; k++)
			to = lstm__low_pair(to, lstm__bf16_of(lstm__flush(floats[from + k * s->column])),
			                    k, stride);
	else
		for (k = 0; k < s->columns; k++)
			to = lstm__low_pair(to, lstm__flush_bf16(halves[from + k * s->column]), k, stride);
}

/* Codes of a row; returns their sum. */
static int32_t lstm__low_codes(signed char *to, const struct lstm__source *s, size_t from,
                               size_t stride, float scale)
{
	int32_t sum = 0;
	size_t k;
	for (k = 0; k < (s->columns + 3) / 4 * 4; k++) {
		const int code =
			k < s->columns ? lstm__low_code(s, from + k * s->column, scale) : 0;
		to[k / 4 * 4 * stride + k % 4] = (signed char)code;
		sum += code;
	}
	return sum;
}

/* Row r of a block of n that begins with this word: zeros. */
static void lstm__low_padding(const struct lstm__matrix *to, const struct lstm__source *s,
                              size_t word, size_t n)
{
	const size_t bytes = lstm__word_bytes(s->dtype), words = lstm__words(s->dtype, s->columns);
	size_t k;
	for (k = 0; k < words; k++)
		memset((char *)to->words + (word + k * n) * bytes, 0, bytes);
}

/* scale: of each of the framework's rows, or NULL. */
static void lstm__pack_low(const struct lstm__matrix *to, const struct lstm__source *s,
                           lstm__row_fn find, size_t rows, size_t block, const float *scale)
{
	size_t first, r, row;
	for (first = 0; first < rows; first += block) {
		const size_t n = rows - first < block ? rows - first : block;
		for (r = 0; r < n; r++) {
			const int real = find(s, first + r, &row) > 0;
			const size_t from = row * s->row;
			const size_t word = first * s->all + n * s->before + r;
			float step = 0;
			if (!real) {
				lstm__low_padding(to, s, word, n);
			} else if (s->dtype == LSTM_DTYPE_F16) {
				lstm__low_halves((uint16_t *)to->words + word, s, from, n);
			} else if (s->dtype == LSTM_DTYPE_BF16) {
				lstm__low_pairs((uint32_t *)to->words + word, s, from, n);
			} else {
				step = scale ? scale[row]
				             : lstm__weight_scale(s->data + from, s->columns,
				                                  s->column);
			}
			if (s->dtype == LSTM_DTYPE_I8) {
				to->scale[first + r] = step;
				to->sum[first + r] =
					real ? lstm__low_codes((signed char *)to->words + 4 * word,
				                               s, from, n, step)
					     : 0;
			}
		}
	}
}
#endif
