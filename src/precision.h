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
 * from float LSTM__CODES on.  A number is scale * (code + offset).  Where kernels take
 * magnitudes and signs apart, the sum of the negative codes' magnitudes stands behind the offset, and
 * from float LSTM__SIGNED_CODES on the magnitudes of four codes, then their signs, bytes of 0 or -1. */
enum { LSTM__CODES = 2, LSTM__SIGNED_CODES = 4 };

/* Floats of memory that it takes, with what storing whole vectors writes more. */
static size_t lstm__code_row(size_t n, int signed_codes)
{
	if (signed_codes)
		return LSTM__SIGNED_CODES + (n + 15) / 16 * 8;
	return LSTM__CODES + (n + 15) / 16 * 4;
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

/* The next whole number, ties to even, to a float that no product has made and that is far below 2^22:
 * from 1.5 * 2^23 on fp32 has no fractions. */
LSTM__INLINE float lstm__whole(float x)
{
#if FLT_EVAL_METHOD == 0
	const float whole = x + 12582912;
#else
	volatile float whole = x;
	whole = whole + 12582912;
#endif
	return whole - 12582912;
}

/* Rows of weights are worked on in pieces of constant length, in loops that become vectors without
 * any flag. */
enum { LSTM__CHUNK = 64 };

/* How many numbers of the next chunk are left. */
LSTM__INLINE size_t lstm__chunk_of(size_t left)
{
	const size_t most = LSTM__CHUNK;
	return left < most ? left : most;
}

/* n numbers, at most a chunk of them, flushed; zeros behind them. */
LSTM__INLINE void lstm__chunk(float *to, const float *from, size_t n, size_t stride)
{
	size_t k;
	int i;
	if (stride == 1)
		memcpy(to, from, n * sizeof(float));
	else
		for (k = 0; k < n; k++)
			to[k] = from[k * stride];
	memset(to + n, 0, (LSTM__CHUNK - n) * sizeof(float));
	for (i = 0; i < LSTM__CHUNK; i++)
		to[i] = lstm__float_of((uint32_t)lstm__flush_bits((int32_t)lstm__bits_of(to[i])));
}

/* The sum of the squares of what the codes of a chunk miss, in units of (scale / 2^12)^2: a whole
 * number, so that no compiler's order or fusing matters.  Less than 2^29, as none misses more than
 * half a step and what rounding the scale adds.  beyond: whether some may have more than 127 steps. */
LSTM__INLINE int32_t lstm__chunk_error(const float *x, float scale, const int beyond)
{
	int16_t units[LSTM__CHUNK];
	int32_t sum = 0;
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) {
		const float quotient = x[i] / scale;
		int32_t code = (int32_t)lstm__whole(quotient);
		float missed;
		if (beyond) {
			code = code > 127 ? 127 : code;
			code = code < -127 ? -127 : code;
		}
		missed = quotient - (float)code; /* exact */
		units[i] = (int16_t)(missed * 4096);
	}
	for (i = 0; i < LSTM__CHUNK; i++)
		sum += (int32_t)units[i] * units[i];
	return sum;
}

/* The largest magnitude's bits. */
LSTM__INLINE int32_t lstm__chunk_most(const float *x)
{
	int32_t most = 0;
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) {
		const int32_t magnitude = (int32_t)(lstm__bits_of(x[i]) & 0x7fffffff);
		most = magnitude > most ? magnitude : most;
	}
	return most;
}

/* The scale of a row of weights: of the eight that take the largest to 127.5, 127, ... 124 steps the
 * one whose codes miss least, which misses a twentieth less than the second of them for 100 weights,
 * and finds out if all weights are multiples of the largest's 127th. */
LSTM__INLINE float lstm__weight_scale(const float *row, size_t n, size_t stride)
{
	uint64_t missed[8] = {0};
	float x[LSTM__CHUNK], scale[8], best = 0;
	int32_t bits = 0;
	double least = 0;
	size_t k;
	int half;

	for (k = 0; k < n; k += LSTM__CHUNK) {
		int32_t most;
		lstm__chunk(x, row + k * stride, lstm__chunk_of(n - k), stride);
		most = lstm__chunk_most(x);
		bits = most > bits ? most : bits;
	}
	if (bits >= 0x7f800000)
		return NAN;
	for (half = 0; half < 8; half++)
		scale[half] = lstm__float_of((uint32_t)bits) / (127.5f - 0.5f * (float)half);
	for (k = 0; bits && k < n; k += LSTM__CHUNK) {
		lstm__chunk(x, row + k * stride, lstm__chunk_of(n - k), stride);
		missed[0] += (uint64_t)lstm__chunk_error(x, scale[0], 1);
		for (half = 1; half < 8; half++)
			missed[half] += (uint64_t)lstm__chunk_error(x, scale[half], 0);
	}
	for (half = 0; bits && half < 8; half++) {
		const double unit = (double)scale[half];
		const double error = unit * unit * (double)missed[half];
		if (half == 0 || error < least) {
			best = scale[half];
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
/* The codes of weights, -127 .. 127, from weight / scale; 0 where that has no number. */
LSTM__INLINE void lstm__chunk_codes(float *codes, const float *quotients)
{
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) {
		const uint32_t bits = lstm__bits_of(quotients[i]), sign = bits & 0x80000000;
		const int32_t most = 0x42fe0000; /* 127 */
		int32_t magnitude = (int32_t)(bits & 0x7fffffff);
		magnitude = magnitude > 0x7f800000 ? 0 : magnitude;
		magnitude = magnitude > most ? most : magnitude;
		codes[i] = lstm__whole(lstm__float_of((uint32_t)magnitude | sign));
	}
}

/* To bf16, to nearest, ties to even; beyond the largest infinity, as IEEE 754 wants. */
LSTM__INLINE void lstm__chunk_bf16(uint32_t *to, const float *x)
{
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) {
		const uint32_t bits = lstm__bits_of(x[i]);
		const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
		const int nan = (int32_t)(bits & 0x7fffffff) > 0x7f800000;
		to[i] = nan ? bits >> 16 | 0x40 : rounded;
	}
}

/* To f16, likewise.  The last bit of its subnormals is 2^-24, which is that of fp32 from 0.5 on. */
LSTM__INLINE void lstm__chunk_f16(uint32_t *to, const float *x)
{
	uint32_t subnormal[LSTM__CHUNK];
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) /* a loop by itself, as compilers make no vectors of sums that an if
	                                   * below may not need */
		subnormal[i] = lstm__bits_of(lstm__float_of(lstm__bits_of(x[i]) & 0x7fffffff) + 0.5f);
	for (i = 0; i < LSTM__CHUNK; i++) {
		const uint32_t all = lstm__bits_of(x[i]), bits = all & 0x7fffffff, sign = all >> 16 & 0x8000;
		const int32_t magnitude = (int32_t)bits;
		uint32_t half = (bits + 0xfff + (bits >> 13 & 1) - ((127 - 15) << 23)) >> 13;
		half = magnitude < (127 - 14) << 23 ? subnormal[i] - 0x3f000000 : half;
		half = magnitude >= 0x477ff000 ? 0x7c00 : half; /* from 65520 on */
		half = magnitude > 0x7f800000 ? 0x7e00 : half;
		to[i] = half | sign;
	}
}

/* The next whole number to any float far below 2^22, ties to even. */
static int lstm__nearest(float x)
{
	LSTM__ROUNDED float rounded = x; /* lest a compiler fuses what is added with how x was made */
	LSTM__ROUND(rounded);
	return (int)lstm__whole(rounded);
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
		const int32_t bits = (int32_t)(lstm__bits_of(x[k]) & 0x7fffffff);
		if (lstm__bits_of(x[k]) >> 31)
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
