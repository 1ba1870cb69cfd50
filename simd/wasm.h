#if LSTM__PASS == LSTM__SIMD128
/* The words of WebAssembly's SIMD128: 4 lanes, and the registers of the CPU below (16 on x86-64,
 * where one stream takes a third longer with 4 vectors of units).  No region: a module that says
 * SIMD128 anywhere is refused as a whole where there is none. */
#define LSTM__V(name) lstm__##name##_simd128
#define LSTM__ISA LSTM_ISA_SIMD128
#define LSTM__TARGET
#define LSTM__LANES 4
#define LSTM__UNITS 2
#define LSTM__STREAMS 4
#define lstm__vf v128_t
#define lstm__vm v128_t

#define lstm__set(x) wasm_f32x4_splat(x)
#define lstm__splat(p) wasm_v128_load32_splat(p)
#define lstm__load(p) wasm_v128_load(p)
#define lstm__store(p, v) wasm_v128_store(p, v)
#define lstm__store_n(p, v, n) lstm__store_n_simd128(p, v, n)
#define lstm__add(a, b) wasm_f32x4_add(a, b)
#define lstm__sub(a, b) wasm_f32x4_sub(a, b)
#define lstm__mul(a, b) wasm_f32x4_mul(a, b)
#define lstm__div(a, b) wasm_f32x4_div(a, b)
#define lstm__fma(a, b, c) lstm__fma_simd128(a, b, c)
#define lstm__fnma(a, b, c) lstm__fnma_simd128(a, b, c)
#define lstm__min(limit, x) wasm_f32x4_pmin(x, limit)
#define lstm__max(limit, x) wasm_f32x4_pmax(x, limit)
#define lstm__abs(x) wasm_f32x4_abs(x)
#define lstm__lt(a, b) wasm_f32x4_lt(a, b)
#define lstm__le(a, b) wasm_f32x4_le(a, b)
#define lstm__select(m, a, b) wasm_v128_bitselect(a, b, m)
#define lstm__clear(m, x) wasm_v128_andnot(x, m)
#define lstm__scale(x, t) wasm_i32x4_add(wasm_i32x4_shl(t, 23), x)

LSTM__INLINE void lstm__store_n_simd128(float *p, v128_t v, size_t n)
{
	float all[4];
	wasm_v128_store(all, v);
	memcpy(p, all, n * sizeof(float));
}

#ifdef LSTM_WASM_EXACT
/* a b + c of two lanes in double precision, where the product is exact, rounded to odd: a sum that
 * had to be rounded gets an odd last bit, and then rounding it to fp32 is right (53 >= 24 + 2).
 * What the sum lost is exact too (Knuth's TwoSum); with NaN or infinity it is NaN, and neither
 * below nor above zero. */
LSTM__INLINE v128_t lstm__fma_odd_simd128(v128_t a, v128_t b, v128_t c)
{
	const v128_t p = wasm_f64x2_mul(a, b), sum = wasm_f64x2_add(p, c);
	const v128_t part = wasm_f64x2_sub(sum, p), zero = wasm_f64x2_splat(0);
	const v128_t lost = wasm_f64x2_add(wasm_f64x2_sub(p, wasm_f64x2_sub(sum, part)),
	                                   wasm_f64x2_sub(c, part));
	const v128_t below = wasm_f64x2_lt(lost, zero), above = wasm_f64x2_gt(lost, zero);
	const v128_t negative = wasm_f64x2_lt(sum, zero), one = wasm_i64x2_splat(1);
	/* One less in magnitude where it was rounded away from zero; that is odd where sum is even. */
	const v128_t away = wasm_v128_bitselect(above, below, negative);
	const v128_t even = wasm_i64x2_eq(wasm_v128_and(sum, one), zero);
	const v128_t moved = wasm_v128_bitselect(wasm_i64x2_sub(sum, one), wasm_i64x2_add(sum, one),
	                                         away);
	const v128_t inexact = wasm_v128_or(below, above);
	return wasm_v128_bitselect(moved, sum, wasm_v128_and(even, inexact));
}

#define LSTM__LOWER(x) wasm_f64x2_promote_low_f32x4(x)
#define LSTM__UPPER(x) wasm_f64x2_promote_low_f32x4(wasm_i32x4_shuffle(x, x, 2, 3, 2, 3))
#define LSTM__JOIN(low, high)                                                                      \
	wasm_i32x4_shuffle(wasm_f32x4_demote_f64x2_zero(low), wasm_f32x4_demote_f64x2_zero(high),  \
	                   0, 1, 4, 5)

LSTM__NOINLINE v128_t lstm__fma_hard_simd128(v128_t a, v128_t b, v128_t c)
{
	return LSTM__JOIN(lstm__fma_odd_simd128(LSTM__LOWER(a), LSTM__LOWER(b), LSTM__LOWER(c)),
	                  lstm__fma_odd_simd128(LSTM__UPPER(a), LSTM__UPPER(b), LSTM__UPPER(c)));
}

/* The product is exact in double precision, and rounding the sum a second time, to fp32, is right
 * in nearly all cases.  In doubt are sums halfway between two numbers of fp32, and results up to the
 * smallest normal one, below which those lie farther apart: these are made again. */
LSTM__INLINE v128_t lstm__fma_simd128(v128_t a, v128_t b, v128_t c)
{
	const v128_t low = wasm_f64x2_add(wasm_f64x2_mul(LSTM__LOWER(a), LSTM__LOWER(b)), LSTM__LOWER(c));
	const v128_t high =
		wasm_f64x2_add(wasm_f64x2_mul(LSTM__UPPER(a), LSTM__UPPER(b)), LSTM__UPPER(c));
	const v128_t sum = LSTM__JOIN(low, high);
	const v128_t tail = wasm_v128_and(wasm_i32x4_shuffle(low, high, 0, 2, 4, 6),
	                                  wasm_i32x4_splat(0x1fffffff));
	const v128_t halfway = wasm_i32x4_eq(tail, wasm_i32x4_splat(0x10000000));
	const v128_t small = wasm_u32x4_lt(
		wasm_i32x4_sub(wasm_i32x4_shl(sum, 1), wasm_i32x4_splat(1)), /* zero is not */
		wasm_i32x4_splat(0x01000000));
	if (wasm_v128_any_true(wasm_v128_or(halfway, small)))
		return lstm__fma_hard_simd128(a, b, c);
	return sum;
}
#undef LSTM__LOWER
#undef LSTM__UPPER
#undef LSTM__JOIN

LSTM__INLINE v128_t lstm__fnma_simd128(v128_t a, v128_t b, v128_t c)
{
	return lstm__fma_simd128(wasm_f32x4_neg(a), b, c);
}
#else
/* Relaxed SIMD's multiply-add is a fused one where the CPU has that.  Clang 15 and older know other
 * numbers of these instructions than engines do. */
#if defined(__wasm_relaxed_simd__) && defined(__clang__) && __clang_major__ >= 16
LSTM__INLINE v128_t lstm__fma_simd128(v128_t a, v128_t b, v128_t c)
{
	return (v128_t)__builtin_wasm_relaxed_madd_f32x4((__f32x4)a, (__f32x4)b, (__f32x4)c);
}
#else
LSTM__INLINE v128_t lstm__fma_simd128(v128_t a, v128_t b, v128_t c)
{
	return wasm_f32x4_add(wasm_f32x4_mul(a, b), c);
}
#endif

/* c - a b, where a is a whole number below 2^8 in magnitude and c near a b, as exp_part needs it:
 * a times the upper 16 bits of b is exact, and so is its difference from c and a times the rest.
 * Rounding all of a b first would cost e^-80 thirty ulp. */
LSTM__INLINE v128_t lstm__fnma_simd128(v128_t a, v128_t b, v128_t c)
{
	const v128_t upper = wasm_v128_and(b, wasm_i32x4_splat(-256));
	const v128_t rest = wasm_f32x4_sub(c, wasm_f32x4_mul(a, upper));
	return wasm_f32x4_sub(rest, wasm_f32x4_mul(a, wasm_f32x4_sub(b, upper)));
}
#endif
#endif
