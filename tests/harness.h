/* What every suite includes: Criterion, or a small stand-in where Criterion cannot start its
 * sandboxed processes (under emulators), and tests that run once for each instruction set. */
#ifndef LSTM_TESTS_HARNESS_H
#define LSTM_TESTS_HARNESS_H

#ifdef LSTM_TEST_PLAIN
#include "plain.h"
#else
#include <criterion/criterion.h>
#endif
#ifdef __wasi__
#include "wasi.h"
#endif
#include "lstm.h"

static inline void harness_run(lstm_isa isa, void (*claim)(lstm_isa))
{
	if (!lstm_isa_supported(isa))
		cr_skip_test("%s: not in this build or not on this CPU", lstm_isa_name(isa));
	claim(isa);
}

/* Whether isa has kernels for this type of weights; test_isa.c knows where it must. */
static inline int harness_has(lstm_isa isa, lstm_dtype dtype)
{
	lstm_desc desc = {0};
	size_t bytes;

	desc.input = desc.hidden = 1;
	desc.isa = isa;
	desc.dtype = dtype;
	return lstm_model_size(&desc, &bytes) != LSTM_ERR_ISA;
}

/* For claims about weights of a type: skip them where isa has no kernels for it. */
static inline void harness_need(lstm_isa isa, lstm_dtype dtype)
{
	static const char *const names[] = {"other", "f32", "f64", "f16", "bf16", "int8"};

	if (!harness_has(isa, dtype))
		cr_skip_test("%s: has no kernels for %s", lstm_isa_name(isa), names[dtype]);
}

/* TEST_EACH_ISA(suite, claim) { ... isa ... } makes five tests, claim_scalar to claim_simd128; those
 * that this machine cannot run are reported as skipped. */
#define TEST_EACH_ISA(suite, claim)                                                                \
	static void suite##_##claim(lstm_isa isa);                                                 \
	Test(suite, claim##_scalar)                                                                \
	{                                                                                          \
		harness_run(LSTM_ISA_SCALAR, suite##_##claim);                                     \
	}                                                                                          \
	Test(suite, claim##_neon)                                                                  \
	{                                                                                          \
		harness_run(LSTM_ISA_NEON, suite##_##claim);                                       \
	}                                                                                          \
	Test(suite, claim##_avx2)                                                                  \
	{                                                                                          \
		harness_run(LSTM_ISA_AVX2, suite##_##claim);                                       \
	}                                                                                          \
	Test(suite, claim##_avx512)                                                                \
	{                                                                                          \
		harness_run(LSTM_ISA_AVX512, suite##_##claim);                                     \
	}                                                                                          \
	Test(suite, claim##_simd128)                                                               \
	{                                                                                          \
		harness_run(LSTM_ISA_SIMD128, suite##_##claim);                                    \
	}                                                                                          \
	static void suite##_##claim(lstm_isa isa)

#endif
