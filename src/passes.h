/* One pass of the header over itself for each vector instruction set: see LSTM__PASS below. */
#ifndef LSTM_SELF
#define LSTM_SELF "lstm.h"
#endif
#if defined(__has_include) && (defined(LSTM__HAVE_AVX2) || defined(LSTM__HAVE_AVX512) || \
                               defined(LSTM__HAVE_NEON) || defined(LSTM__HAVE_SIMD128))
#if !__has_include(LSTM_SELF)
#error "lstm.h: the header includes itself; if you renamed it, define LSTM_SELF as its new name: #define LSTM_SELF \"name.h\""
#endif
#endif

#define LSTM__AVX2 1
#define LSTM__AVX512 2
#define LSTM__NEON 3
#define LSTM__SIMD128 4

#ifdef LSTM__HAVE_AVX2
#define LSTM__PASS LSTM__AVX2
#include LSTM_SELF
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_AVX512
#define LSTM__PASS LSTM__AVX512
#include LSTM_SELF
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_NEON
#define LSTM__PASS LSTM__NEON
#include LSTM_SELF
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_SIMD128
#define LSTM__PASS LSTM__SIMD128
#include LSTM_SELF
#undef LSTM__PASS
#endif

static const struct lstm__kernels *lstm__kernels_for(lstm_isa isa)
{
	switch (isa) {
#ifdef LSTM__HAVE_AVX2
	case LSTM_ISA_AVX2: return &lstm__kernels_avx2;
#endif
#ifdef LSTM__HAVE_AVX512
	case LSTM_ISA_AVX512: return &lstm__kernels_avx512;
#endif
#ifdef LSTM__HAVE_NEON
	case LSTM_ISA_NEON: return &lstm__kernels_neon;
#endif
#ifdef LSTM__HAVE_SIMD128
	case LSTM_ISA_SIMD128: return &lstm__kernels_simd128;
#endif
	default: return &lstm__kernels_scalar;
	}
}
