/* Every vector instruction set gives these digests, on every machine and from every compiler.  They
 * change only with the arithmetic itself, which is news for the changelog. */
#include <inttypes.h>
#include <stdio.h>

#include "digest.h"
#include "harness.h"

static const lstm_dtype dtypes[] = {LSTM_DTYPE_F32, LSTM_DTYPE_BF16, LSTM_DTYPE_F16, LSTM_DTYPE_I8};
static const char *const names[] = {"f32", "bf16", "f16", "int8"};
enum { DTYPES = 4 };

#ifdef LSTM_NO_SLEEF
static const uint64_t known[DTYPES] = {0x8f95e64ec2a7f4bb, 0xf17b099f41447b27, 0x2d02d09dc07d5fb0,
                                       0x0db07572e28e5c1f};
#else
#include <sleef.h>
#if SLEEF_VERSION_MAJOR == 3 && SLEEF_VERSION_MINOR == 5
static const uint64_t known[DTYPES] = {0x0af1a29c66214dc3, 0x49dd475111d05297, 0x1f0d490d8c755f7d,
                                       0x59fccacd8997a039};
#else
static const uint64_t known[DTYPES] = {0};
#endif
#endif

/* WebAssembly without fused multiply-adds: the same bits in every engine, and in no other set. */
static const uint64_t separately_rounded = 0x0c7b1b149818268e;

/* What fp32 must give on isa, where it has been found to give that. */
static uint64_t expected_of(lstm_isa isa, uint64_t found)
{
#ifndef LSTM_WASM_EXACT
#ifdef __wasm_relaxed_simd__ /* the engine may fuse or not */
	if (isa == LSTM_ISA_SIMD128 && found != known[0])
		return separately_rounded;
#else
	if (isa == LSTM_ISA_SIMD128)
		return separately_rounded;
#endif
#endif
	(void)isa;
	(void)found;
	return known[0];
}

static uint64_t digest(lstm_isa isa, int dtype)
{
	uint64_t found;
	const lstm_status status = digest_of(isa, dtypes[dtype], &found);

	cr_assert_eq(status, LSTM_OK, "%s %s: %s", lstm_isa_name(isa), names[dtype],
	             lstm_strerror(status));
	return found;
}

static void expect_known(lstm_isa isa)
{
	int d;

	for (d = 0; d < DTYPES && harness_has(isa, dtypes[d]); d++) {
		const uint64_t found = digest(isa, d);
		const uint64_t expected = d ? known[d] : expected_of(isa, found);
		printf("digest %s %s %s %016" PRIx64 "\n", lstm_isa_name(isa), names[d],
		       lstm_activations_name(), found);
		if (!expected)
			cr_skip_test("%s: no digest is on record for this version of SLEEF",
			             lstm_isa_name(isa));
		cr_assert_eq(found, expected, "%s %s: expected %016" PRIx64 ", found %016" PRIx64,
		             lstm_isa_name(isa), names[d], expected, found);
	}
}

#define TEST_DIGEST(name, isa)                                                                     \
	Test(digest, name##_gives_the_bits_on_record)                                              \
	{                                                                                          \
		harness_run(isa, expect_known);                                                    \
	}
TEST_DIGEST(neon, LSTM_ISA_NEON)
TEST_DIGEST(avx2, LSTM_ISA_AVX2)
TEST_DIGEST(avx512, LSTM_ISA_AVX512)
TEST_DIGEST(simd128, LSTM_ISA_SIMD128)

/* Those of them that this machine has. */
Test(digest, neon_avx2_and_avx512_agree_where_none_is_on_record)
{
	static const lstm_isa all[] = {LSTM_ISA_NEON, LSTM_ISA_AVX2, LSTM_ISA_AVX512};
	lstm_isa here[3];
	uint64_t first[DTYPES] = {0}, found;
	int sets = 0, i, d;

	for (i = 0; i < 3; i++)
		if (lstm_isa_supported(all[i]))
			here[sets++] = all[i];
	if (known[0])
		cr_skip_test("each is held against the digest on record");
	if (sets < 2)
		cr_skip_test("one vector instruction set at most on this machine");
	for (i = 0; i < sets; i++)
		for (d = 0; d < DTYPES && harness_has(here[i], dtypes[d]); d++) {
			found = digest(here[i], d);
			if (i)
				cr_assert_eq(found, first[d],
				             "%s %s: expected %016" PRIx64 ", found %016" PRIx64,
				             lstm_isa_name(here[i]), names[d], first[d], found);
			first[d] = found;
		}
}
