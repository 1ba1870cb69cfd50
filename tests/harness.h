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
