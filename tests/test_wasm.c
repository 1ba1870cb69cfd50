/* LSTM_WASM_EXACT: the fused multiply-add that is made of others rounds as a true one does. */
#define LSTM_API static
#define LSTM_IMPLEMENTATION
#include "harness.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__wasm_simd128__) && defined(LSTM_WASM_EXACT)
enum { COUNT = 400000 };

static void expect_fma(const float *a, const float *b, const float *c, const float *expected)
{
	float found[4];
	int k;

	wasm_v128_store(found,
	                lstm__fma_simd128(wasm_v128_load(a), wasm_v128_load(b), wasm_v128_load(c)));
	for (k = 0; k < 4; k++)
		cr_assert(isnan(expected[k]) ? isnan(found[k])
		                             : !memcmp(&found[k], &expected[k], sizeof(float)),
		          "%a * %a + %a: expected %a, found %a", (double)a[k], (double)b[k],
		          (double)c[k], (double)expected[k], (double)found[k]);
}

/* Each in all lanes, since one in doubt has its neighbours made again. */
static void expect_fma_alone(const float *a, const float *b, const float *c, const float *expected)
{
	int k;

	for (k = 0; k < 4; k++) {
		const float as[] = {a[k], a[k], a[k], a[k]}, bs[] = {b[k], b[k], b[k], b[k]};
		const float cs[] = {c[k], c[k], c[k], c[k]};
		const float sums[] = {expected[k], expected[k], expected[k], expected[k]};

		expect_fma(as, bs, cs, sums);
	}
}

static uint32_t random_bits(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16 ^ *state << 16;
}

/* So many random bits of mantissa, a random sign, an exponent from .. from + range - 1. */
static float random_float(uint32_t *state, int bits, int from, uint32_t range)
{
	uint32_t mantissa = 1u << 23 | (random_bits(state) >> 9 & ~0u << (23 - bits));
	int exponent = from + (int)(random_bits(state) % range);
	float value = ldexpf((float)mantissa, exponent - 23);

	return random_bits(state) & 1 ? -value : value;
}

/* Short mantissas and near exponents make exact sums, cancellation and ties frequent. */
static void expect_as_the_library(int bits, int from, uint32_t range, int c_from, uint32_t c_range)
{
	uint32_t state = (uint32_t)(bits + from * 31);
	int i, k;

	for (i = 0; i < COUNT / 4; i++) {
		float a[4], b[4], c[4], expected[4];

		for (k = 0; k < 4; k++) {
			a[k] = random_float(&state, bits, from, range);
			b[k] = random_float(&state, bits, from, range);
			c[k] = random_float(&state, bits, c_from, c_range);
			expected[k] = fmaf(a[k], b[k], c[k]);
		}
		expect_fma(a, b, c, expected);
	}
}

/* Near 2^40 fp32 has steps of 2^17 and doubles of 2^-12.  The product is 2^16 - 2^-30 in the first
 * three: half a step but for so little that a double sum lies halfway, and would go to even. */
Test(wasm, a_sum_that_a_double_puts_halfway_is_not_taken_for_a_tie)
{
	static const float a[] = {0x1.000002p0f, 0x1.000002p0f, 0x1.000002p0f, 0x1.000002p0f};
	static const float b[] = {0x1.fffffcp15f, -0x1.fffffcp15f, 0x1.fffffcp15f, 0x1p16f};
	static const float c[] = {0x1.000002p40f, 0x1.000002p40f, 0x1p40f, 0x1p40f};
	static const float expected[] = {0x1.000002p40f, 0x1.000002p40f, 0x1p40f, 0x1.000002p40f};

	expect_fma_alone(a, b, c, expected);
}

Test(wasm, an_exact_fma_is_that_of_the_c_library)
{
	expect_as_the_library(23, -3, 6, -6, 12);
	expect_as_the_library(4, -8, 16, -20, 40);
	expect_as_the_library(12, -2, 4, -26, 52);
	expect_as_the_library(6, -30, 60, -60, 120);
}

/* The same where the steps of fp32 are 2^-149: below half of one, from odd numbers, up to 2^-126. */
Test(wasm, a_denormal_sum_that_a_double_puts_halfway_is_not_taken_for_a_tie)
{
	static const float a[] = {0x1.000002p-75f, -0x1.000002p-75f, 0x1.000002p-75f, 0x1p-75f};
	static const float b[] = {0x1.fffffcp-76f, 0x1.fffffcp-76f, 0x1.fffffcp-76f, 0x1p-75f};
	static const float c[] = {0x1.000004p-127f, -0x1.000004p-127f, 0x1.fffffcp-127f, 0x1p-127f};

	expect_fma_alone(a, b, c, c);
}

Test(wasm, denormal_results_of_an_exact_fma_are_rounded_once)
{
	expect_as_the_library(23, -90, 30, -148, 30);
	expect_as_the_library(3, -80, 12, -149, 24);
	expect_as_the_library(12, -76, 14, -149, 4);
}

Test(wasm, an_exact_fma_carries_infinity_and_nan)
{
	static const float a[] = {INFINITY, 0, 0x1p100f, NAN}, b[] = {1, INFINITY, 0x1p100f, 1};
	static const float c[] = {-INFINITY, 1, 1, 1}, expected[] = {NAN, NAN, INFINITY, NAN};
	static const float d[] = {0, -0.0f, 1, 0x1p-149f}, e[] = {-0.0f, 1, 1, 0.5f};
	static const float f[] = {-0.0f, 0, -1, 0}, sums[] = {-0.0f, 0, 0, 0};

	expect_fma(a, b, c, expected);
	expect_fma(d, e, f, sums);
}
#else
Test(wasm, an_exact_fma_is_that_of_the_c_library)
{
	cr_skip_test("this build has none: it wants WebAssembly with SIMD128 and LSTM_WASM_EXACT");
}
#endif
