/* int8: a row of numbers becomes codes, with the scale and the offset that stand before them. */

#if LSTM__INT8
/* Numbers k, k + 1, ... of n; zeros beyond. */
LSTM__INLINE lstm__vf LSTM__FN(numbers)(const float *x, size_t k, size_t n)
{
	float last[LSTM__LANES];
	if (n - k >= LSTM__LANES)
		return lstm__load(x + k);
	memset(last, 0, sizeof(last));
	memcpy(last, x + k, (n - k) * sizeof(float));
	return lstm__load(last);
}

/* The codes of n numbers at the most, v, to word k / 4.  *negative: sums of those below zero. */
LSTM__INLINE void LSTM__FN(put_codes)(float *row, size_t k, lstm__vf v, size_t n,
                                      const struct lstm__coding *coding, lstm__vi *negative)
{
	unsigned char *to = (unsigned char *)(row + LSTM__HEAD) + k * (1 + LSTM__SIGNED);
	const lstm__vi steps = lstm__round(lstm__mul(v, lstm__set(coding->inverse)));
	lstm__vi codes = lstm__add_i(steps, lstm__set_i(coding->zero - LSTM__STORED));
#if LSTM__SIGNED
	if (n < LSTM__LANES)
		codes = lstm__first_i(codes, n);
	*negative = lstm__add_i(*negative, lstm__min_i(codes, lstm__set_i(0)));
#else
	(void)n, (void)negative;
#endif
	lstm__store_codes(to, codes);
}

/* The row of n numbers, as lstm__encode makes it.  Each step of a layer waits for this. */
LSTM__NOINLINE void LSTM__FN(encode)(float *row, const float *x, size_t n)
{
	const size_t whole = n - n % LSTM__LANES;
	lstm__vi above = lstm__set_i(0), below = above, negative = above;
	struct lstm__coding coding;
	float high, low;
	size_t k;

	/* As whole numbers: the larger of two is the one with more bits; negative floats are negative,
	 * or larger than all others where there are none. */
	for (k = 0; k < whole; k += LSTM__LANES) {
		above = lstm__max_i(above, lstm__bits(lstm__load(x + k)));
		below = lstm__max_u(below, lstm__bits(lstm__load(x + k)));
	}
	if (k < n) {
		const lstm__vi bits = lstm__bits(LSTM__FN(numbers)(x, k, n));
		above = lstm__max_i(above, bits);
		below = lstm__max_u(below, bits);
	}
	below = lstm__max_i(lstm__set_i(0), lstm__xor_i(below, lstm__set_i((int32_t)-0x7fffffff - 1)));
	lstm__most(above, below, &high, &low);
	coding = lstm__coding_of(high, low);
	lstm__code_head(row, &coding, LSTM__STORED);
	for (k = 0; coding.scale < 512 * LSTM__TINY && k < n; k += LSTM__LANES)
		LSTM__FN(put_codes)(row, k, LSTM__V(flush)(LSTM__FN(numbers)(x, k, n)), n - k, &coding,
		                    &negative);
	for (; k < whole; k += LSTM__LANES) /* what counts as zero is less than half a step */
		LSTM__FN(put_codes)(row, k, lstm__load(x + k), LSTM__LANES, &coding, &negative);
	if (k < n)
		LSTM__FN(put_codes)(row, k, LSTM__FN(numbers)(x, k, n), n - k, &coding, &negative);
#if LSTM__SIGNED
	LSTM__FN(code_sum)(row + 2, negative);
#endif
}
#endif
