/* How the weights of a model are kept: fp32, bf16, f16, or int8 codes with a scale for each row. */
#ifdef LSTM_F32_ONLY
#define LSTM__LOW 0
#else
#define LSTM__LOW 1
#endif

/* Words that k = 0 .. n - 1 of a row take, and the bytes of one.  Pairs of bf16 and fours of int8 lie
 * in words of 32 bits, as that is what a lane is. */
LSTM__INLINE size_t lstm__words(lstm_dtype dtype, size_t n)
{
	return dtype == LSTM_DTYPE_BF16 ? (n + 1) / 2 : dtype == LSTM_DTYPE_I8 ? (n + 3) / 4 : n;
}

static size_t lstm__word_bytes(lstm_dtype dtype)
{
	return dtype == LSTM_DTYPE_F16 ? 2 : 4;
}

/* Floats of memory that a row of codes takes: the scale, then a byte for each number, and what
 * storing whole vectors writes more. */
static size_t lstm__code_row(size_t n)
{
	return 1 + (n + 15) / 16 * 4;
}

static float lstm__float_of(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static uint32_t lstm__bits_of(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static float lstm__float_of_f16(uint32_t half)
{
	const uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, rest = half & 0x3ff;
	float value;

	if (exponent == 31)
		return lstm__float_of(sign | 0x7f800000 | rest << 13); /* infinity, NaN */
	if (exponent)
		return lstm__float_of(sign | (exponent + 127 - 15) << 23 | rest << 13);
	value = (float)rest / 16777216; /* subnormal: steps of 2^-24 */
	return sign ? -value : value;
}

#if LSTM__LOW
/* bits / 2^shift to the nearest whole number, ties to even. */
static uint32_t lstm__shift_rounded(uint32_t bits, int shift)
{
	const uint32_t half = 1u << (shift - 1), odd = bits >> shift & 1;
	return (bits + half - 1 + odd) >> shift;
}

/* To nearest, ties to even; beyond the largest infinity, as IEEE 754 wants. */
static uint32_t lstm__bf16_of(float value)
{
	const uint32_t bits = lstm__bits_of(value);
	return value != value ? bits >> 16 | 0x40 : lstm__shift_rounded(bits, 16);
}

static uint32_t lstm__f16_of(float value)
{
	const uint32_t bits = lstm__bits_of(value), sign = bits >> 16 & 0x8000;
	const uint32_t magnitude = bits & 0x7fffffff, exponent = magnitude >> 23;

	if (magnitude > 0x7f800000)
		return sign | 0x7e00;
	if (magnitude >= 0x477ff000) /* from 65520 on */
		return sign | 0x7c00;
	if (exponent > 127 - 15)
		return sign | (lstm__shift_rounded(magnitude, 13) - ((127 - 15) << 10));
	if (exponent < 127 - 25)
		return sign; /* below 2^-25 */
	return sign | lstm__shift_rounded((magnitude & 0x7fffff) | 0x800000,
	                                  (int)(127 - 1 - exponent));
}

/* The code of value / scale: to nearest, ties to even, -127 .. 127; 0 where that has no number. */
static int lstm__code_of(float quotient)
{
	volatile float whole; /* lest a compiler fuses what is added with how the quotient was made */
	if (!(quotient >= -127))
		return quotient < -127 ? -127 : 0;
	if (quotient > 127)
		return 127;
	whole = quotient;
	whole += 12582912; /* 1.5 * 2^23, from where on fp32 has no fractions */
	return (int)(whole - 12582912);
}

/* The scale of a row of codes whose largest magnitude has these bits, and its inverse.  If all are
 * within +-1 by their nature (`unit`), the scale is constant.  Infinity and NaN make the scale NaN:
 * so is everything then that is computed from the row. */
static float lstm__code_scale(int32_t bits, int unit, float *inverse)
{
	const float most = lstm__float_of((uint32_t)bits);
	*inverse = 0;
	if (bits >= 0x7f800000)
		return NAN;
	if (unit && bits <= 0x3f800000) {
		*inverse = 127;
		return 1.0f / 127;
	}
	if (bits == 0)
		return 0;
	*inverse = 127 / most;
	return most / 127;
}

/* The row of codes of n numbers, as the scalar path reads it; the kernels have their own. */
static void lstm__encode(float *row, const float *x, size_t n, int unit)
{
	signed char *codes = (signed char *)(row + 1);
	int32_t most = 0;
	float inverse;
	size_t k;

	for (k = 0; k < n; k++) {
		const int32_t bits = (int32_t)(lstm__bits_of(lstm__flush(x[k])) & 0x7fffffff);
		most = bits > most ? bits : most;
	}
	row[0] = lstm__code_scale(most, unit, &inverse);
	for (k = 0; k < n; k++)
		codes[k] = (signed char)lstm__code_of(lstm__flush(x[k]) * inverse);
}
#endif
