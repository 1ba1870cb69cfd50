/* The limits of 512-bit vectors: AVX-512F. */
#include "compiler.h"
#if defined(__x86_64__)
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f")
#endif

#define NAME "avx512"
#define LIMIT_TABLE bench_vector_avx512
#define VF __m512
#define LANES 16
#define SUMS 24
#define v_set(x) _mm512_set1_ps(x)
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, v) _mm512_storeu_ps(p, v)
#define v_splat(p) _mm512_set1_ps(*(p))
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_div(a, b) _mm512_div_ps(a, b)
#define v_min(a, b) _mm512_min_ps(a, b)
#define v_max(a, b) _mm512_max_ps(a, b)
#define v_or(a, b)                                                                                 \
	_mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)))
#define v_hold(a) __asm__("" : "+v"(a))
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_scale(x, t)                                                                              \
	_mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(t), 23),        \
	                                     _mm512_castps_si512(x)))
#include "limits_vector.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
extern int lstm_bench_not_x86; /* C has no empty file */
#endif
