/* The limits of 128-bit vectors: AArch64 Advanced SIMD. */
#include "compiler.h"
#if defined(__aarch64__)
#include <arm_neon.h>

#define NAME "neon"
#define LIMIT_TABLE bench_vector_neon
#define VF float32x4_t
#define LANES 4
#define SUMS 24
#define v_set(x) vdupq_n_f32(x)
#define v_load(p) vld1q_f32(p)
#define v_store(p, v) vst1q_f32(p, v)
#define v_splat(p) vld1q_dup_f32(p)
#define v_add(a, b) vaddq_f32(a, b)
#define v_sub(a, b) vsubq_f32(a, b)
#define v_mul(a, b) vmulq_f32(a, b)
#define v_div(a, b) vdivq_f32(a, b)
#define v_min(a, b) vminq_f32(a, b)
#define v_max(a, b) vmaxq_f32(a, b)
#define v_or(a, b)                                                                                 \
	vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)))
#define v_hold(a) __asm__("" : "+w"(a))
#define v_fma(a, b, c) vfmaq_f32(c, a, b)
#define v_scale(x, t)                                                                              \
	vreinterpretq_f32_s32(                                                                     \
		vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(t), 23), vreinterpretq_s32_f32(x)))
#include "limits_vector.h"
#else
extern int lstm_bench_not_arm; /* C has no empty file */
#endif
