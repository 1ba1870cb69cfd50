#if LSTM__PASS == LSTM__AVX2
/* The words of AVX2 with FMA and F16C: 8 lanes, 16 registers. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#define LSTM__V(name) lstm__##name##_avx2
#define LSTM__ISA LSTM_ISA_AVX2
#define LSTM__TARGET __attribute__((target("avx2,fma,f16c")))
#define LSTM__LANES 8
#define LSTM__UNITS 2
/* fp32 has a function for either kind of blocks: its loops do nothing but load, and take 1.08 to 1.15 times
 * as long (64x64 to 256x256 on a Xeon) where the distances are no constants. */
#define LSTM__WIDE (LSTM__WEIGHTS != LSTM__F32)
#if LSTM__WEIGHTS == LSTM__F32
#ifdef LSTM__HAVE_AVX512
#define LSTM__MAKES_HALVES 1
#endif
#define LSTM__JOINS 1
#define lstm__last_of(v) (v)
#define lstm__four(p) _mm256_broadcast_ps((const __m128 *)(const void *)(p)) /* in both halves */
#define lstm__pick(v, i) _mm256_permute_ps(v, 0x55 * (i))
#endif
#ifdef __clang__ /* which has f16 on the stack with three */
#define LSTM__STREAMS (LSTM__WEIGHTS == LSTM__F32 || LSTM__WEIGHTS == LSTM__I8_DOT ? 3 : 2)
#else
#define LSTM__STREAMS (LSTM__WEIGHTS == LSTM__I8 || LSTM__WEIGHTS == LSTM__BF16 ? 2 : 3)
#endif
#define lstm__vf __m256
#define lstm__vm __m256

#define lstm__set(x) _mm256_set1_ps(x)
#define lstm__splat(p) _mm256_broadcast_ss(p)
#define lstm__load(p) _mm256_loadu_ps(p)
#define lstm__store(p, v) _mm256_storeu_ps(p, v)
#if LSTM__WEIGHTS == LSTM__F32 || LSTM__WEIGHTS == LSTM__BF16
#define lstm__fetch_near(p) _mm_prefetch(p, _MM_HINT_T0)
#define lstm__fetch_far(p) _mm_prefetch(p, _MM_HINT_T1)
#endif
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

#define lstm__vi __m256i
#define lstm__set_i(x) _mm256_set1_epi32(x)
#define lstm__splat_i(p) _mm256_castps_si256(_mm256_broadcast_ss(p))
#define lstm__load_i(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define lstm__xor_i(a, b) _mm256_xor_si256(a, b)
#define lstm__add_i(a, b) _mm256_add_epi32(a, b)
#define lstm__mul_i(a, b) _mm256_mullo_epi32(a, b)
#define lstm__max_i(a, b) _mm256_max_epi32(a, b)
#define lstm__max_u(a, b) _mm256_max_epu32(a, b)
#define lstm__most(above, below, high, low) lstm__most_avx2(above, below, high, low)
#define lstm__bits(v) _mm256_castps_si256(v)
#define lstm__to_float(v) _mm256_cvtepi32_ps(v)
#define lstm__round(v) _mm256_cvtps_epi32(v)
#define lstm__low_bf16(v) _mm256_castsi256_ps(_mm256_slli_epi32(v, 16))
#define lstm__high_bf16(v)                                                                         \
	_mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32((int)0xffff0000)))
#define lstm__load_f16(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#if LSTM__WEIGHTS == LSTM__I8_DOT
#define LSTM__STORED 0 /* AVX-VNNI's instruction takes one side unsigned */
#define lstm__dot4(sum, w, x) lstm__dot4_i8dot_avx2(sum, w, x)
#define lstm__store_codes(p, v) lstm__store_codes_i8dot_avx2(p, v)
#else
/* Two products fit in 16 bits: magnitudes are 128 at most, w ^ m is -128 .. 127. */
#define LSTM__STORED 128
#define LSTM__SIGNED (LSTM__WEIGHTS == LSTM__I8)
#define lstm__min_i(a, b) _mm256_min_epi32(a, b)
#define lstm__first_i(v, n)                                                                        \
	_mm256_and_si256(v, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)),                        \
	                                       _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)))
#define lstm__store_codes(p, v) lstm__store_codes_avx2(p, v)
#define lstm__ones() lstm__ones_i8_avx2()
#define lstm__dot4_signed(sum, w, x, signs, ones) lstm__dot4_i8_avx2(sum, w, x, signs, ones)
#endif
#define LSTM__SLEEF_EXP "Sleef_finz_expf8_u10avx2"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf8_u35avx2"

#if LSTM__WEIGHTS == LSTM__I8
/* The largest lane of each, as a float. */
LSTM__INLINE void lstm__most_avx2(__m256i above, __m256i below, float *high, float *low)
{
	const __m256i both = _mm256_max_epi32(_mm256_permute2x128_si256(above, below, 0x20),
	                                      _mm256_permute2x128_si256(above, below, 0x31));
	const __m256i pair = _mm256_max_epi32(both, _mm256_shuffle_epi32(both, 0x4e));
	const __m256i one = _mm256_max_epi32(pair, _mm256_shuffle_epi32(pair, 0xb1));
	*high = _mm256_cvtss_f32(_mm256_castsi256_ps(one));
	*low = _mm_cvtss_f32(_mm_castsi128_ps(_mm256_extracti128_si256(one, 1)));
}

/* Two words of magnitudes, each with its signs behind it. */
LSTM__INLINE void lstm__store_codes_avx2(unsigned char *p, __m256i v)
{
	const __m128i pairs = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	const __m128i codes = _mm_packs_epi16(pairs, pairs);
	const __m128i signs = _mm_cmpgt_epi8(_mm_setzero_si128(), codes);
	_mm_storeu_si128((__m128i *)(void *)p, _mm_unpacklo_epi32(_mm_abs_epi8(codes), signs));
}

/* In a register: Clang would load them at every use. */
LSTM__INLINE __m256i lstm__ones_i8_avx2(void)
{
	__m256i ones = _mm256_set1_epi16(1);
	__asm__("" : "+x"(ones));
	return ones;
}

LSTM__INLINE __m256i lstm__dot4_i8_avx2(__m256i sum, __m256i w, __m256i x, __m256i signs,
                                        __m256i ones)
{
	const __m256i pairs = _mm256_maddubs_epi16(x, _mm256_xor_si256(w, signs));
	sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
#ifndef __clang__ /* GCC 12 keeps sums on the stack if it may make all pairs first */
	__asm__ __volatile__("" : "+x"(sum));
#endif
	return sum;
}

/* What the row says of its negative codes, whose sums these are. */
LSTM__INLINE void lstm__code_sum_i8_avx2(float *to, __m256i negative)
{
	__m128i sum = _mm_add_epi32(_mm256_castsi256_si128(negative),
	                            _mm256_extracti128_si256(negative, 1));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
	_mm_store_ss(to, _mm_castsi128_ps(_mm_sub_epi32(_mm_setzero_si128(), sum)));
}
#endif
#if LSTM__WEIGHTS == LSTM__I8_DOT
/* By its name: see AVX-512's. */
LSTM__INLINE __m256i lstm__dot4_i8dot_avx2(__m256i sum, __m256i w, __m256i x)
{
	__asm__("%{vex%} vpdpbusd {%2, %1, %0|%0, %1, %2}" : "+x"(sum) : "x"(x), "x"(w));
	return sum;
}

LSTM__INLINE void lstm__store_codes_i8dot_avx2(unsigned char *p, __m256i v)
{
	const __m128i pairs = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	_mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(pairs, pairs));
}
#endif
#endif
