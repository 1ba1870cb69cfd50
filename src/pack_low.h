/* The same order for bf16, f16 and int8, rounded on the way: words instead of floats. */
#if LSTM__LOW
/* Row r of the packed order: where it begins, or NULL if it is padding. */
static const float *lstm__low_row(const struct lstm__source *s, lstm__row_fn find, size_t r)
{
	size_t row;
	return find(s, r, &row) ? s->data + row * s->row : NULL;
}

static void lstm__low_halves(uint16_t *to, const struct lstm__source *s, const float *from,
                             size_t stride)
{
	size_t k;
	for (k = 0; k < s->columns; k++, to += stride)
		*to = (uint16_t)(from ? lstm__f16_of(lstm__flush(from[k * s->column])) : 0);
}

static void lstm__low_pairs(uint32_t *to, const struct lstm__source *s, const float *from,
                            size_t stride)
{
	size_t k;
	for (k = 0; k < s->columns; k++) {
		const uint32_t half = from ? lstm__bf16_of(lstm__flush(from[k * s->column])) : 0;
		if (k % 2 == 0)
			*to = half;
		else
			*to |= half << 16;
		if (k % 2)
			to += stride;
	}
}

/* Codes of a row; returns their sum. */
static int32_t lstm__low_codes(signed char *to, const struct lstm__source *s, const float *from,
                               size_t stride, float scale)
{
	int32_t sum = 0;
	size_t k;
	for (k = 0; k < (s->columns + 3) / 4 * 4; k++) {
		int code = 0;
		if (from && k < s->columns)
			code = lstm__weight_code(lstm__flush(from[k * s->column]) / scale);
		to[k / 4 * 4 * stride + k % 4] = (signed char)code;
		sum += code;
	}
	return sum;
}

/* scale: of each of the framework's rows, or NULL. */
static void lstm__pack_low(const struct lstm__matrix *to, const struct lstm__source *s,
                           lstm__row_fn find, size_t rows, size_t block, const float *scale)
{
	size_t first, r, row;
	for (first = 0; first < rows; first += block) {
		const size_t n = rows - first < block ? rows - first : block;
		for (r = 0; r < n; r++) {
			const float *from = lstm__low_row(s, find, first + r);
			const size_t word = first * s->all + n * s->before + r;
			float step;
			if (s->dtype == LSTM_DTYPE_F16) {
				lstm__low_halves((uint16_t *)to->words + word, s, from, n);
				continue;
			}
			if (s->dtype == LSTM_DTYPE_BF16) {
				lstm__low_pairs((uint32_t *)to->words + word, s, from, n);
				continue;
			}
			if (!from)
				step = 0;
			else if (!scale)
				step = lstm__weight_scale(from, s->columns, s->column);
			else {
				find(s, first + r, &row);
				step = scale[row];
			}
			to->scale[first + r] = step;
			to->sum[first + r] = lstm__low_codes(
				(signed char *)to->words + 4 * word, s, from, n, step);
		}
	}
}
#endif
