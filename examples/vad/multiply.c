#include "multiply.h"

#include <math.h>

/* Plain loops that compilers vectorize over the outputs, compiled once per vector width and chosen
 * when the program starts: without -m flags x86-64 means SSE2, which takes 1.6 times as long as
 * AVX2.  Products and sums are rounded separately (-ffp-contract=off), so that every width gives
 * the same bits. */
#if defined(__x86_64__) && defined(__GLIBC__) &&                                                   \
	((defined(__clang__) && __clang_major__ >= 14) || (!defined(__clang__) && __GNUC__ >= 8))
#define EACH_WIDTH __attribute__((target_clones("default", "avx2", "avx512f")))
#define INLINE inline __attribute__((always_inline))
#else
#define EACH_WIDTH
#define INLINE inline
#endif

/* Four inputs at a time for all outputs: the sums travel to memory and back once for four products,
 * and w is read from first to last as it lies.  One input at a time takes 10 % longer, eight 15 %;
 * tiles that stay in registers gain 20 % from Clang, but GCC keeps them in memory. */
static INLINE void rows(float *restrict out, size_t outputs, const float *restrict w,
                        const float *restrict x, size_t x_stride, size_t inputs, int positions)
{
	for (size_t k = 0; k < inputs; k += MULTIPLY_INPUTS, w += MULTIPLY_INPUTS * outputs) {
		float factor[4][MULTIPLY_INPUTS];

		for (int p = 0; p < positions; p++)
			for (int i = 0; i < MULTIPLY_INPUTS; i++)
				factor[p][i] = x[(size_t)p * x_stride + k + (size_t)i];
		for (size_t n = 0; n < outputs; n++)
			for (int p = 0; p < positions; p++) {
				float sum = out[(size_t)p * outputs + n];

				for (int i = 0; i < MULTIPLY_INPUTS; i++)
					sum += w[(size_t)i * outputs + n] * factor[p][i];
				out[(size_t)p * outputs + n] = sum;
			}
	}
}

/* With the number of positions a constant the inner loops unroll. */
EACH_WIDTH
static void multiply_each(float *out, size_t outputs, const float *w, const float *x,
                          size_t x_stride, size_t inputs, int positions)
{
	switch (positions) {
	case 1:
		rows(out, outputs, w, x, x_stride, inputs, 1);
		break;
	case 2:
		rows(out, outputs, w, x, x_stride, inputs, 2);
		break;
	case 3:
		rows(out, outputs, w, x, x_stride, inputs, 3);
		break;
	default:
		rows(out, outputs, w, x, x_stride, inputs, 4);
		break;
	}
}

EACH_WIDTH
static void magnitudes_each(float *restrict out, const float *restrict re0,
                            const float *restrict re1, const float *restrict im0,
                            const float *restrict im1, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		float re = re0[i] - re1[i], im = im0[i] - im1[i];

		out[2 * (count - 1) - i] = sqrtf(re * re + im * im);
	}
	for (size_t i = 0; i < count; i++) {
		float re = re0[i] + re1[i], im = im0[i] + im1[i];

		out[i] = sqrtf(re * re + im * im);
	}
}

/* Clang 14 gives cloned functions names that other files cannot call. */
void multiply_add(float *out, size_t outputs, const float *w, const float *x, size_t x_stride,
                  size_t inputs, int positions)
{
	multiply_each(out, outputs, w, x, x_stride, inputs, positions);
}

void magnitudes(float *out, const float *re0, const float *re1, const float *im0, const float *im1,
                size_t count)
{
	magnitudes_each(out, re0, re1, im0, im1, count);
}
