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

/* A row of x, of h or of what is projected for int8: its scale, its offset (an int32), then the codes
 * from float LSTM__CODES on.  A number is scale * (code + offset).  AVX2 has the
 * sum of the negative codes' magnitudes behind the offset, and from float LSTM__SIGNED_CODES on the
 * magnitudes of four codes, then their signs, as bytes of 0 or -1. */
enum { LSTM__CODES = 2, LSTM__SIGNED_CODES = 4 };

/* Floats of memory that it takes, with what storing whole vectors writes more. */
static size_t lstm__code_row(size_t n)
{
#ifdef LSTM__HAVE_AVX2
	return LSTM__SIGNED_CODES + (n + 15) / 16 * 8;
#else
	return LSTM__CODES + (n + 15) / 16 * 4;
#endif
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

/* To the nearest whole number, ties to even, where that is far below 2^22. */
static int lstm__nearest(float x)
{
	LSTM__ROUNDED float whole = x; /* lest a compiler fuses what is added with how x was made */
	LSTM__ROUND(whole);
	whole = whole + 12582912; /* 1.5 * 2^23, from where on fp32 has no fractions */
	return (int)(whole - 12582912);
}

/* The code of a weight, -127 .. 127, from weight / scale; 0 where that has no number. */
static int lstm__weight_code(float quotient)
{
	if (!(quotient >= -127))
		return quotient < -127 ? -127 : 0;
	return quotient > 127 ? 127 : lstm__nearest(quotient);
}

/* The largest magnitude's bits, what counts as zero apart. */
static int32_t lstm__most_bits(const float *row, size_t n, size_t stride)
{
	int32_t most = 0;
	size_t k;
	for (k = 0; k < n; k++) {
		const uint32_t bits = lstm__bits_of(lstm__flush(row[k * stride]));
		const int32_t magnitude = (int32_t)(bits & 0x7fffffff);
		most = magnitude > most ? magnitude : most;
	}
	return most;
}

/* The sum of the squares of what the codes of a row miss, in units of (scale / 2^12)^2: a whole
 * number, so that no compiler's order or fusing matters. */
static uint64_t lstm__code_error(const float *row, size_t n, size_t stride, float scale)
{
	uint64_t sum = 0;
	size_t k;
	for (k = 0; k < n; k++) {
		const float quotient = lstm__flush(row[k * stride]) / scale;
		const float missed = quotient - (float)lstm__weight_code(quotient); /* exact */
		const int64_t units = (int64_t)(missed * 4096);
		sum += (uint64_t)(units * units);
	}
	return sum;
}

/* The scale of a row of weights: of the eight that take the largest to 127.5, 127, ... 124 steps the
 * one whose codes miss least, which misses a twentieth less than the second of them for 100 weights,
 * and finds out if all weights are multiples of the largest's 127th. */
static float lstm__weight_scale(const float *row, size_t n, size_t stride)
{
	const int32_t bits = lstm__most_bits(row, n, stride);
	const float most = lstm__float_of((uint32_t)bits);
	float best = 0;
	double least = 0;
	int half;

	if (bits >= 0x7f800000)
		return NAN;
	for (half = 0; bits && half < 8; half++) {
		const float scale = most / (127.5f - 0.5f * (float)half);
		const double unit = (double)scale;
		const double error = unit * unit * (double)lstm__code_error(row, n, stride, scale);
		if (half == 0 || error < least) {
			best = scale;
			least = error;
		}
	}
	return best;
}

/* Whether rows can have these scales, which NULL leaves open. */
static int lstm__scales_usable(const float *scale, size_t rows)
{
	size_t r;
	for (r = 0; scale && r < rows; r++)
		if (!(scale[r] > 0 && scale[r] < INFINITY))
			return 0;
	return 1;
}

LSTM__DEF float lstm_int8_scale(const float *row, size_t count, size_t stride)
{
	unsigned environment;
	float scale;
	lstm__fp_enter(&environment);
	scale = lstm__weight_scale(row, count, stride);
	lstm__fp_leave(environment);
	return scale;
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

/* How the numbers of a row become codes: its largest number and its least, given as their magnitudes
 * and 0 if there is none beyond zero, are 255 steps apart, or 254 if they are each other's negative.
 * So zero has a code of its own, of +-1 alone both are exact, and without negative numbers all codes
 * are there for the others.  Infinity and NaN make the scale NaN: so is everything then that is
 * computed from the row. */
struct lstm__coding {
	float scale, inverse;
	int zero; /* steps from the least number up to 0 */
};

LSTM__INLINE struct lstm__coding lstm__coding_of(float high, float low)
{
	struct lstm__coding coding = {0, 0, 0};
	high = lstm__flush(high);
	low = lstm__flush(low);
	if (!(high < INFINITY && low < INFINITY)) {
		coding.scale = NAN;
	} else if (high > 0 || low > 0) {
		const float steps = high == low ? 254 : 255;
		coding.scale = high / steps + low / steps;
		coding.inverse = 1 / coding.scale;
		coding.zero = lstm__nearest(low * coding.inverse);
	}
	return coding;
}

/* What codes stand for that count from the least number and are kept as `stored` less. */
LSTM__INLINE void lstm__code_head(float *row, const struct lstm__coding *coding, int stored)
{
	const int32_t offset = stored - coding->zero;
	row[0] = coding->scale;
	memcpy(row + 1, &offset, sizeof(offset));
}

/* The row of n numbers, as the scalar path reads it; the kernels have their own. */
static void lstm__encode(float *row, const float *x, size_t n)
{
	signed char *codes = (signed char *)(row + LSTM__CODES);
	struct lstm__coding coding;
	int32_t above = 0, below = 0;
	size_t k;

	for (k = 0; k < n; k++) {
		const float value = lstm__flush(x[k]);
		const int32_t bits = (int32_t)(lstm__bits_of(value) & 0x7fffffff);
		if (lstm__bits_of(value) >> 31)
			below = bits > below ? bits : below;
		else
			above = bits > above ? bits : above;
	}
	coding = lstm__coding_of(lstm__float_of((uint32_t)above), lstm__float_of((uint32_t)below));
	lstm__code_head(row, &coding, 128);
	for (k = 0; k < n; k++) {
		const float steps = lstm__flush(x[k]) * coding.inverse;
		const int code = (steps == steps ? lstm__nearest(steps) : 0) + coding.zero;
		codes[k] = (signed char)((code < 255 ? code : 255) - 128); /* 256: of a tie */
	}
}
#endif
