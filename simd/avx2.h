#if LSTM__PASS == LSTM__AVX2
/* The words of AVX2 with FMA: 8 lanes, 16 registers. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define LSTM__FN(name) lstm__##name##_avx2
#define LSTM__ISA LSTM_ISA_AVX2
#define LSTM__TARGET __attribute__((target("avx2,fma")))
#define LSTM__LANES 8
#define LSTM__UNITS 2
#define LSTM__STREAMS 3
#define lstm__vf __m256
#define lstm__vm __m256

#define lstm__set(x) _mm256_set1_ps(x)
#define lstm__splat(p) _mm256_broadcast_ss(p)
#define lstm__load(p) _mm256_loadu_ps(p)
#define lstm__store(p, v) _mm256_storeu_ps(p, v)
#define lstm__store_n(p, v, n)                                                                     \
	_mm256_maskstore_ps(p,                                                                     \
	                    _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)),                        \
	                                       _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),         \
	                    v)
#define lstm__add(a, b) _mm256_add_ps(a, b)
#define lstm__sub(a, b) _mm256_sub_ps(a, b)
#define lstm__mul(a, b) _mm256_mul_ps(a, b)
#define lstm__div(a, b) _mm256_div_ps(a, b)
#define lstm__fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define lstm__fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define lstm__min(limit, x) _mm256_min_ps(limit, x)
#define lstm__max(limit, x) _mm256_max_ps(limit, x)
#define lstm__abs(x) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x)
#define lstm__lt(a, b) _mm256_cmp_ps(a, b, _CMP_LT_OQ)
#define lstm__le(a, b) _mm256_cmp_ps(a, b, _CMP_LE_OQ)
#define lstm__select(m, a, b) _mm256_blendv_ps(b, a, m)
#define lstm__clear(m, x) _mm256_andnot_ps(m, x)
#define lstm__scale(x, t)                                                                          \
	_mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(t), 23),        \
	                                     _mm256_castps_si256(x)))
#define LSTM__SLEEF_EXP "Sleef_finz_expf8_u10avx2"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf8_u35avx2"
#endif
