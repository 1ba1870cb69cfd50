#if LSTM__PASS == LSTM__AVX512
/* The words of AVX-512F, and VNNI for int8: 16 lanes, 32 registers.  FMA and F16C are for halves, which
 * are vectors of AVX2. */
#if LSTM__WEIGHTS == LSTM__I8
#if defined(__clang__) && defined(LSTM__AMX)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vnni,amx-int8,fma,f16c"))), apply_to = function)
#elif defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vnni,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vnni,fma,f16c")
#endif
#else
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,fma,f16c")
#endif
#endif

#define LSTM__V(name) lstm__##name##_avx512
#define LSTM__ISA LSTM_ISA_AVX512
#define LSTM__TARGET __attribute__((target("avx512f")))
#define LSTM__LANES 16
#define LSTM__UNITS 2
#define LSTM__STREAMS (LSTM__WEIGHTS == LSTM__F32 || LSTM__WEIGHTS == LSTM__F16 ? 6 : 4)
#define LSTM__SINGLE (LSTM__WEIGHTS != LSTM__BF16)
#define LSTM__BY_STREAM 1
#define LSTM__NARROW (LSTM__WEIGHTS == LSTM__F32) /* in turn always one at a time */
#if LSTM__WEIGHTS == LSTM__F32 && defined(LSTM__HAVE_AVX2)
#define LSTM__BY_HALVES 1
#define LSTM__JOINS 1
#define lstm__last_of(v) _mm512_castps512_ps256(v)
#endif
#define lstm__vf __m512
#define lstm__vm __mmask16

#define lstm__set(x) _mm512_set1_ps(x)
#define lstm__splat(p) _mm512_set1_ps(*(p))
#define lstm__load(p) _mm512_loadu_ps(p)
#define lstm__store(p, v) _mm512_storeu_ps(p, v)
#if LSTM__WEIGHTS == LSTM__F32
#define lstm__fetch_near(p) _mm_prefetch(p, _MM_HINT_T0)
#define lstm__fetch_far(p) _mm_prefetch(p, _MM_HINT_T1)
#endif
#define lstm__store_n(p, v, n) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), v)
#define lstm__add(a, b) _mm512_add_ps(a, b)
#define lstm__sub(a, b) _mm512_sub_ps(a, b)
#define lstm__mul(a, b) _mm512_mul_ps(a, b)
#define lstm__div(a, b) _mm512_div_ps(a, b)
#define lstm__fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define lstm__fma_held(a, b, c) lstm__fma_held_avx512(a, b, c)
#define lstm__fnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define lstm__min(limit, x) _mm512_min_ps(limit, x)
#define lstm__max(limit, x) _mm512_max_ps(limit, x)
#define lstm__abs(x) _mm512_abs_ps(x)
#define lstm__lt(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)
#define lstm__le(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ)
#define lstm__select(m, a, b) _mm512_mask_mov_ps(b, m, a)
#define lstm__clear(m, x) _mm512_mask_mov_ps(x, m, _mm512_setzero_ps())
#define lstm__scale(x, t)                                                                          \
	_mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(t), 23),        \
	                                     _mm512_castps_si512(x)))

#define lstm__vi __m512i
#define lstm__set_i(x) _mm512_set1_epi32(x)
#define lstm__splat_i(p) _mm512_castps_si512(_mm512_set1_ps(*(p)))
#define lstm__load_i(p) _mm512_loadu_si512(p)
#define lstm__xor_i(a, b) _mm512_xor_si512(a, b)
#define lstm__add_i(a, b) _mm512_add_epi32(a, b)
#define lstm__mul_i(a, b) _mm512_mullo_epi32(a, b)
#define lstm__max_i(a, b) _mm512_max_epi32(a, b)
#define lstm__max_u(a, b) _mm512_max_epu32(a, b)
#define lstm__most(above, below, high, low) lstm__most_avx512(above, below, high, low)
#define lstm__bits(v) _mm512_castps_si512(v)
#define lstm__to_float(v) _mm512_cvtepi32_ps(v)
#define lstm__round(v) _mm512_cvtps_epi32(v)
#define lstm__low_bf16(v) _mm512_castsi512_ps(_mm512_slli_epi32(v, 16))
#define lstm__load_f16(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define lstm__high_bf16(v)                                                                         \
	_mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000)))
#define LSTM__STORED 0 /* the instruction takes one side unsigned */
#define lstm__dot4(sum, w, x) lstm__dot4_avx512(sum, w, x)
#define lstm__store_codes(p, v)                                                                    \
	_mm_storeu_si128((__m128i *)(void *)(p), _mm512_cvtusepi32_epi8(v))
#define LSTM__SLEEF_EXP "Sleef_finz_expf16_u10avx512f"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf16_u35avx512f"

#if LSTM__WEIGHTS == LSTM__F32
/* By its name, in either syntax of assembly: for the intrinsic GCC 12 copies sums to other registers and
 * back, and where many are in use to the stack. */
LSTM__INLINE __m512 lstm__fma_held_avx512(__m512 a, __m512 b, __m512 sum)
{
	__asm__("vfmadd231ps {%2, %1, %0|%0, %1, %2}" : "+v"(sum) : "v"(a), "v"(b));
	return sum;
}
#endif

#if LSTM__WEIGHTS == LSTM__I8
/* The largest lane of each, as a float. */
LSTM__INLINE void lstm__most_avx512(__m512i above, __m512i below, float *high, float *low)
{
	const __m512i half = _mm512_max_epi32(_mm512_shuffle_i32x4(above, below, 0x44),
	                                      _mm512_shuffle_i32x4(above, below, 0xee));
	const __m512i four = _mm512_max_epi32(half, _mm512_shuffle_i32x4(half, half, 0xb1));
	const __m512i pair = _mm512_max_epi32(four, _mm512_shuffle_epi32(four, (_MM_PERM_ENUM)0x4e));
	const __m512i one = _mm512_max_epi32(pair, _mm512_shuffle_epi32(pair, (_MM_PERM_ENUM)0xb1));
	*high = _mm512_cvtss_f32(_mm512_castsi512_ps(one));
	*low = _mm_cvtss_f32(_mm_castsi128_ps(_mm512_extracti32x4_epi32(one, 2)));
}

/* By its name: see above. */
LSTM__INLINE __m512i lstm__dot4_avx512(__m512i sum, __m512i w, __m512i x)
{
	__asm__("vpdpbusd {%2, %1, %0|%0, %1, %2}" : "+v"(sum) : "v"(x), "v"(w));
	return sum;
}
#endif

/* AMX by its names: GCC asks for no target then.  The tests have a model of it, for other CPUs. */
#if LSTM__WEIGHTS == LSTM__I8 && defined(LSTM__AMX_MODEL)
#define lstm__amx_config(p) lstm__amx_model_config(p)
#define lstm__amx_release() lstm__amx_model_config(NULL)
#define lstm__amx_zero(t) lstm__amx_model_zero(t)
#define lstm__amx_load(t, p, apart) lstm__amx_model_load(t, p, apart)
#define lstm__amx_store(t, p, apart) lstm__amx_model_store(t, p, apart)
#define lstm__amx_dot(sum, x, w) lstm__amx_model_dot(sum, x, w)
#elif LSTM__WEIGHTS == LSTM__I8 && defined(LSTM__AMX)
#define lstm__amx_config(p) __asm__ __volatile__("ldtilecfg %0" : : "m"(*(p)))
#define lstm__amx_release() __asm__ __volatile__("tilerelease")
#define lstm__amx_zero(t) __asm__ __volatile__("{tilezero %%tmm" #t "|tilezero tmm" #t "}" : :)
#define lstm__amx_load(t, p, apart)                                                                \
	__asm__ __volatile__("{tileloadd (%0,%1), %%tmm" #t "|tileloadd tmm" #t ", [%0+%1]}"       \
	                     : : "r"(p), "r"((size_t)(apart)) : "memory")
#define lstm__amx_store(t, p, apart)                                                               \
	__asm__ __volatile__("{tilestored %%tmm" #t ", (%0,%1)|tilestored [%0+%1], tmm" #t "}"     \
	                     : : "r"(p), "r"((size_t)(apart)) : "memory")
#define lstm__amx_dot(sum, x, w)                                                                   \
	__asm__ __volatile__("{tdpbusd %%tmm" #w ", %%tmm" #x ", %%tmm" #sum                       \
	                     "|tdpbusd tmm" #sum ", tmm" #x ", tmm" #w "}" : :)
#endif
#endif
