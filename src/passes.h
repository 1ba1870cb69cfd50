/* Passes of the header over itself, for each vector instruction set and kind of weights: see
 * LSTM__PASS below. */
#ifndef LSTM_SELF
#define LSTM_SELF "lstm.h"
#endif
#if defined(__has_include) && defined(LSTM__VECTORS)
#if !__has_include(LSTM_SELF)
#error "lstm.h: the header includes itself; if you renamed it, define LSTM_SELF as its new name: #define LSTM_SELF \"name.h\""
#endif
#endif

#define LSTM__AVX2 1
#define LSTM__AVX512 2
#define LSTM__NEON 3
#define LSTM__SIMD128 4

#define LSTM__F32 1
#define LSTM__BF16 2
#define LSTM__F16 3
#define LSTM__I8 4
#define LSTM__I8_DOT 5 /* with instructions that not every CPU of the instruction set has */

#ifdef LSTM__HAVE_AVX2
#define LSTM__PASS LSTM__AVX2
#define LSTM__WEIGHTS LSTM__F32
#include LSTM_SELF
#undef LSTM__WEIGHTS
#if LSTM__LOW
#define LSTM__WEIGHTS LSTM__BF16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__F16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__I8
#include LSTM_SELF
#undef LSTM__WEIGHTS
#ifdef LSTM__AVXVNNI
#define LSTM__WEIGHTS LSTM__I8_DOT
#include LSTM_SELF
#undef LSTM__WEIGHTS
#endif
#endif
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_AVX512
#define LSTM__PASS LSTM__AVX512
#define LSTM__WEIGHTS LSTM__F32
#include LSTM_SELF
#undef LSTM__WEIGHTS
#if LSTM__LOW
#define LSTM__WEIGHTS LSTM__BF16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__F16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__I8
#include LSTM_SELF
#undef LSTM__WEIGHTS
#endif
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_NEON
#define LSTM__PASS LSTM__NEON
#define LSTM__WEIGHTS LSTM__F32
#include LSTM_SELF
#undef LSTM__WEIGHTS
#if LSTM__LOW && defined(LSTM__ARM64)
#define LSTM__WEIGHTS LSTM__BF16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__F16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__I8
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__I8_DOT
#include LSTM_SELF
#undef LSTM__WEIGHTS
#endif
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_SIMD128
#define LSTM__PASS LSTM__SIMD128
#define LSTM__WEIGHTS LSTM__F32
#include LSTM_SELF
#undef LSTM__WEIGHTS
#undef LSTM__PASS
#endif

/* The kernels of one instruction set: those of fp32, bf16, f16 and int8. */
#if LSTM__LOW
#define LSTM__CHOOSE(dtype, f32, bf16, f16, i8)                                                    \
	((dtype) == LSTM_DTYPE_BF16  ? &(bf16)                                                     \
	 : (dtype) == LSTM_DTYPE_F16 ? &(f16)                                                      \
	 : (dtype) == LSTM_DTYPE_I8  ? (i8)                                                        \
	                             : &(f32))
#else
#define LSTM__CHOOSE(dtype, f32, bf16, f16, i8) ((void)(dtype), &(f32))
#endif

/* Whether f16 takes AVX-512: CPUs whose units are as wide as its vectors multiply twice as much at a time
 * (.55 to .83 of the time on a Xeon); others convert faster in halves of them.  Tests say yes for these. */
#ifndef LSTM__F16_WIDE
#define LSTM__F16_WIDE (lstm__cpu() & LSTM__CPU_ICE_LAKE)
#endif

/* NULL: this instruction set has none for this type, nor has a narrower one that it stands for. */
static const struct lstm__kernels *lstm__kernels_for(lstm_isa isa, lstm_dtype dtype)
{
	switch (isa) {
	case LSTM_ISA_SCALAR: return &lstm__kernels_scalar;
#ifdef LSTM__HAVE_AVX2
	case LSTM_ISA_AVX2:
#if LSTM__LOW && defined(LSTM__AVXVNNI)
		if (dtype == LSTM_DTYPE_I8 && lstm__cpu_has_int8(isa))
			return &lstm__kernels_i8dot_avx2;
#endif
		return LSTM__CHOOSE(dtype, lstm__kernels_avx2, lstm__kernels_bf16_avx2,
		                    lstm__kernels_f16_avx2, &lstm__kernels_i8_avx2);
#endif
#ifdef LSTM__HAVE_AVX512
	case LSTM_ISA_AVX512:
		if ((dtype == LSTM_DTYPE_F16 && !LSTM__F16_WIDE) ||
		    (dtype == LSTM_DTYPE_I8 && !lstm__cpu_has_int8(isa)))
			return lstm__kernels_for(LSTM_ISA_AVX2, dtype);
		return LSTM__CHOOSE(dtype, lstm__kernels_avx512, lstm__kernels_bf16_avx512,
		                    lstm__kernels_f16_avx512, &lstm__kernels_i8_avx512);
#endif
#if defined(LSTM__HAVE_NEON) && defined(LSTM__ARM64)
	case LSTM_ISA_NEON:
		return LSTM__CHOOSE(dtype, lstm__kernels_neon, lstm__kernels_bf16_neon,
		                    lstm__kernels_f16_neon,
		                    lstm__cpu_has_int8(isa) ? &lstm__kernels_i8dot_neon
		                                            : &lstm__kernels_i8_neon);
#endif
#if defined(LSTM__HAVE_NEON) && !defined(LSTM__ARM64)
	case LSTM_ISA_NEON:
		return dtype == LSTM_DTYPE_F32 ? &lstm__kernels_neon : NULL;
#endif
#ifdef LSTM__HAVE_SIMD128
	case LSTM_ISA_SIMD128:
		return dtype == LSTM_DTYPE_F32 ? &lstm__kernels_simd128 : NULL;
#endif
	default: (void)dtype; return NULL;
	}
}
