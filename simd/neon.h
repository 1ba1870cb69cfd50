#if LSTM__PASS == LSTM__NEON
/* The words of NEON: 4 lanes.  AArch64 has 32 registers; only its dot product needs a region, and that
 * of Clang alone (see below). */
#ifdef LSTM__ARM64
#if LSTM__WEIGHTS == LSTM__I8_DOT && defined(__clang__)
#define LSTM__PUSHED
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#endif

#define LSTM__TARGET
#define LSTM__UNITS 4
#define LSTM__STREAMS 4
#define lstm__div(a, b) vdivq_f32(a, b)
#define LSTM__SLEEF_EXP "Sleef_finz_expf4_u10advsimd"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf4_u35advsimd"

#define lstm__vi int32x4_t
#define lstm__set_i(x) vdupq_n_s32(x)
#define lstm__splat_i(p) vreinterpretq_s32_f32(vld1q_dup_f32(p))
#define lstm__load_i(p) vld1q_s32((const int32_t *)(p))
#define lstm__xor_i(a, b) veorq_s32(a, b)
#define lstm__add_i(a, b) vaddq_s32(a, b)
#define lstm__mul_i(a, b) vmulq_s32(a, b)
#define lstm__max_i(a, b) vmaxq_s32(a, b)
#define lstm__max_u(a, b)                                                                          \
	vreinterpretq_s32_u32(vmaxq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)))
#define lstm__most(above, below, high, low)                                                        \
	(*(high) = lstm__float_of((uint32_t)vmaxvq_s32(above)),                                    \
	 *(low) = lstm__float_of((uint32_t)vmaxvq_s32(below)))
#define lstm__bits(v) vreinterpretq_s32_f32(v)
#define lstm__to_float(v) vcvtq_f32_s32(v)
#define lstm__round(v) vcvtnq_s32_f32(v)
#define lstm__low_bf16(v) vreinterpretq_f32_s32(vshlq_n_s32(v, 16))
#define lstm__high_bf16(v) vreinterpretq_f32_s32(vandq_s32(v, vdupq_n_s32((int)0xffff0000)))
#define lstm__load_f16(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))
#define LSTM__STORED 128
#define lstm__dot4(sum, w, x) LSTM__FN(dot4)(sum, w, x)
#define lstm__store_codes(p, v) lstm__store_codes_neon(p, v)
#endif

#define LSTM__V(name) lstm__##name##_neon
#define LSTM__ISA LSTM_ISA_NEON
#define LSTM__LANES 4
#define lstm__vf float32x4_t
#define lstm__vm uint32x4_t

#define lstm__set(x) vdupq_n_f32(x)
#define lstm__splat(p) vld1q_dup_f32(p)
#define lstm__load(p) vld1q_f32(p)
#define lstm__store(p, v) vst1q_f32(p, v)
#define lstm__store_n(p, v, n) lstm__store_n_neon(p, v, n)
#define lstm__add(a, b) vaddq_f32(a, b)
#define lstm__sub(a, b) vsubq_f32(a, b)
#define lstm__mul(a, b) vmulq_f32(a, b)
#define lstm__fma(a, b, c) vfmaq_f32(c, a, b)
#define lstm__fnma(a, b, c) vfmsq_f32(c, a, b)
#define lstm__min(limit, x) vminq_f32(limit, x)
#define lstm__max(limit, x) vmaxq_f32(limit, x)
#define lstm__abs(x) vabsq_f32(x)
#define lstm__lt(a, b) vcltq_f32(a, b)
#define lstm__le(a, b) vcleq_f32(a, b)
#define lstm__select(m, a, b) vbslq_f32(m, a, b)
#define lstm__clear(m, x) vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), m))
#define lstm__scale(x, t)                                                                          \
	vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(t), 23),                 \
	                                vreinterpretq_s32_f32(x)))

#if LSTM__WEIGHTS == LSTM__F32
LSTM__INLINE void lstm__store_n_neon(float *p, float32x4_t v, size_t n)
{
	float all[4];
	vst1q_f32(all, v);
	memcpy(p, all, n * sizeof(float));
}
#endif
#if LSTM__WEIGHTS == LSTM__I8
/* Two products of codes fit in 16 bits: 2 * 127 * 128 < 2^15. */
LSTM__INLINE int32x4_t lstm__dot4_i8_neon(int32x4_t sum, int32x4_t w, int32x4_t x)
{
	const int8x16_t a = vreinterpretq_s8_s32(w), b = vreinterpretq_s8_s32(x);
	const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
	return vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(a, b)));
}

LSTM__INLINE void lstm__store_codes_neon(unsigned char *p, int32x4_t v)
{
	const int16x4_t pairs = vqmovn_s32(v);
	const int8x8_t codes = vqmovn_s16(vcombine_s16(pairs, pairs));
	const uint32_t four = vget_lane_u32(vreinterpret_u32_s8(codes), 0);
	memcpy(p, &four, sizeof(four));
}
#endif
#if LSTM__WEIGHTS == LSTM__I8_DOT
/* In assembly: Clang hides the intrinsic from files that are not compiled for it, and GCC has no region
 * that adds the instruction to any file's target (it wants ARMv8.2, named, which loses what the file
 * has more, so that nothing can be inlined).  Its assembler gets the number, not the name. */
#if defined(__clang__) || defined(__ARM_FEATURE_DOTPROD)
#define LSTM__SDOT "sdot %0.4s, %1.16b, %2.16b"
#else
#define LSTM__SDOT                                                                                 \
	".ifndef .Llstm_v0\n"                                                                      \
	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29," \
	"30,31\n"                                                                                  \
	".equ .Llstm_v\\n, \\n\n"                                                                   \
	".endr\n"                                                                                  \
	".endif\n"                                                                                 \
	".inst 0x4e809400 + .Llstm_%0 + (.Llstm_%1 << 5) + (.Llstm_%2 << 16)"
#endif
LSTM__INLINE int32x4_t lstm__dot4_i8dot_neon(int32x4_t sum, int32x4_t w, int32x4_t x)
{
	__asm__(LSTM__SDOT
	        : "+w"(sum)
	        : "w"(vreinterpretq_s8_s32(w)), "w"(vreinterpretq_s8_s32(x)));
	return sum;
}
#undef LSTM__SDOT
#endif
#endif
