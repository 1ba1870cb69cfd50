#if LSTM__PASS == LSTM__NEON
/* The words of NEON: 4 lanes.  AArch64 has 32 registers and needs no region. */
#ifdef LSTM__ARM64
#define LSTM__TARGET
#define LSTM__UNITS 4
#define LSTM__STREAMS 4
#define lstm__div(a, b) vdivq_f32(a, b)
#define LSTM__SLEEF_EXP "Sleef_finz_expf4_u10advsimd"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf4_u35advsimd"
#endif

#define LSTM__FN(name) lstm__##name##_neon
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

LSTM__INLINE void lstm__store_n_neon(float *p, float32x4_t v, size_t n)
{
	float all[4];
	vst1q_f32(all, v);
	memcpy(p, all, n * sizeof(float));
}
#endif
