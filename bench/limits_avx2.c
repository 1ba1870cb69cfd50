/* The limits of 256-bit vectors: AVX2 with FMA. */
#include "compiler.h"
#if defined(__x86_64__)
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define NAME "avx2"
#define LIMIT_TABLE bench_vector_avx2
#define VF __m256
#define LANES 8
#define SUMS 12
#define v_set(x) _mm256_set1_ps(x)
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, v) _mm256_storeu_ps(p, v)
#define v_splat(p) _mm256_broadcast_ss(p)
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_div(a, b) _mm256_div_ps(a, b)
#define v_min(a, b) _mm256_min_ps(a, b)
#define v_max(a, b) _mm256_max_ps(a, b)
#define v_or(a, b) _mm256_or_ps(a, b)
#define v_hold(a) __asm__("" : "+x"(a))
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_scale(x, t)                                                                              \
	_mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(t), 23),        \
	                                     _mm256_castps_si256(x)))
#include "limits_vector.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
extern int lstm_bench_not_x86; /* C has no empty file */
#endif
