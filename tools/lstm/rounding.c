#include "rounding.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

size_t rounding_bytes(lstm_dtype type)
{
	return type == LSTM_DTYPE_I8 ? 1 : 2;
}

double rounding_limit(lstm_dtype type)
{
	/* Half a step past the largest number, from where on it is rounded to infinity. */
	return type == LSTM_DTYPE_F16    ? 65520
	       : type == LSTM_DTYPE_BF16 ? 0x1.ffp127
	                                 : (double)INFINITY;
}

/* To so many significant bits, or fewer where the exponent would be below the least one. */
static float to_bits(float value, int bits, int least)
{
	double step;
	int exponent;

	frexp((double)value, &exponent);
	step = ldexp(1, (exponent > least ? exponent : least) - bits);
	return (float)(rint((double)value / step) * step);
}

static unsigned bf16_of(float value)
{
	float rounded = isfinite(value) ? to_bits(value, 8, -125) : value;
	uint32_t bits;

	memcpy(&bits, &rounded, sizeof(bits));
	return bits >> 16 | (isnan(value) ? 0x40 : 0);
}

static unsigned f16_of(float value)
{
	unsigned sign = signbit(value) ? 0x8000 : 0;
	float rounded;
	uint32_t bits;

	if (isnan(value))
		return sign | 0x7e00;
	if (fabs((double)value) >= rounding_limit(LSTM_DTYPE_F16))
		return sign | 0x7c00;
	rounded = fabsf(to_bits(value, 11, -13));
	if (rounded < 0x1p-14f)
		return sign | (unsigned)(rounded * 0x1p24f);
	memcpy(&bits, &rounded, sizeof(bits));
	return sign | ((bits >> 13) - ((127 - 15) << 10));
}

/* What counts as zero when a model is made has no code but 0. */
static float kept(float weight)
{
	return fabsf(weight) < 0x1p-96f ? 0 : weight;
}

float rounding_scale(const float *weights, size_t count)
{
	float scale = lstm_int8_scale(weights, count, 1);

	return scale > 0 ? scale : 1;
}

static float code_of(float weight, float scale)
{
	return fminf(fmaxf(rintf(kept(weight) / scale), -127), 127);
}

void rounding_row(lstm_dtype type, const float *weights, size_t count, float scale,
                  unsigned char *to)
{
	unsigned bits;
	size_t k;

	for (k = 0; k < count; k++) {
		if (type == LSTM_DTYPE_I8) {
			to[k] = (unsigned char)(int)code_of(weights[k], scale);
			continue;
		}
		bits = type == LSTM_DTYPE_F16 ? f16_of(weights[k]) : bf16_of(weights[k]);
		to[2 * k] = (unsigned char)bits;
		to[2 * k + 1] = (unsigned char)(bits >> 8);
	}
}

void rounding_values(lstm_dtype type, float *weights, size_t count, float scale)
{
	size_t k;

	for (k = 0; k < count && type != LSTM_DTYPE_F32; k++)
		if (type == LSTM_DTYPE_I8)
			weights[k] = scale * code_of(weights[k], scale);
		else if (fabs((double)weights[k]) >= rounding_limit(type))
			weights[k] = copysignf(INFINITY, weights[k]);
		else if (isfinite(weights[k]))
			weights[k] = type == LSTM_DTYPE_F16 ? to_bits(weights[k], 11, -13)
			                                    : to_bits(weights[k], 8, -125);
}
