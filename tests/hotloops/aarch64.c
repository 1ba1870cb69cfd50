/* Loops that tools/hotloops must pass (good_...) and refuse (bad_...). */
#include <arm_neon.h>
#include <stddef.h>

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 40")
#endif

/* More sums than there are registers. */
void bad_spill(float *to, const float *w, const float *x, size_t count)
{
	enum { vectors = 40 };
	float32x4_t sum[vectors];
	size_t k;
	int v;
	UNROLL for (v = 0; v < vectors; v++) sum[v] = vld1q_f32(to + 4 * v);
	for (k = 0; k < count; k++, w += 4 * vectors) {
		const float32x4_t spread = vld1q_dup_f32(x + k);
		UNROLL for (v = 0; v < vectors; v++)
			sum[v] = vfmaq_f32(sum[v], vld1q_f32(w + 4 * v), spread);
	}
	UNROLL for (v = 0; v < vectors; v++) vst1q_f32(to + 4 * v, sum[v]);
}

/* The same for int8, without the instruction for it. */
void bad_int8_spill(int32_t *to, const int8_t *w, const int32_t *x, size_t count)
{
	enum { vectors = 40 };
	int32x4_t sum[vectors];
	size_t k;
	int v;
	UNROLL for (v = 0; v < vectors; v++) sum[v] = vld1q_s32(to + 4 * v);
	for (k = 0; k < count; k++, w += 16 * vectors) {
		const int8x16_t codes = vreinterpretq_s8_s32(vld1q_dup_s32(x + k));
		UNROLL for (v = 0; v < vectors; v++) {
			const int8x16_t row = vld1q_s8(w + 16 * v);
			const int16x8_t low = vmull_s8(vget_low_s8(row), vget_low_s8(codes));
			sum[v] = vpadalq_s16(sum[v], vpaddq_s16(low, vmull_high_s8(row, codes)));
		}
	}
	UNROLL for (v = 0; v < vectors; v++) vst1q_s32(to + 4 * v, sum[v]);
}

/* By hand: x0 weights, x1 and x2 two rows of x, x3 counts. */
#define FUNCTION(name, before, body)                                                               \
	__asm__(".text\n.globl " #name "\n.type " #name ", %function\n" #name ":\n" before         \
		"\n1:\n" body "\nsubs x3, x3, #1\nb.ne 1b\n2: ret\n.size " #name ", .-" #name);

/* As numbers, for assemblers that would have to be told of a newer architecture. */
#define SDOT_0 "0x4e889430" /* sdot v16.4s, v1.16b, v8.16b */
#define SDOT_1 "0x4e899431" /* sdot v17.4s, v1.16b, v9.16b */

FUNCTION(good_one_stream, "",
         "ld1r {v8.4s}, [x1], #4\n ldp q1, q2, [x0], #32\n"
         "fmla v16.4s, v1.4s, v8.4s\n fmla v17.4s, v2.4s, v8.4s")
FUNCTION(good_by_element, "",
         "ldr s8, [x1], #4\n ldr q1, [x0], #16\n fmla v16.4s, v1.4s, v8.s[0]")
FUNCTION(good_two_streams, "",
         "ld1r {v8.4s}, [x1], #4\n ld1r {v9.4s}, [x2], #4\n ld1 {v1.4s, v2.4s}, [x0], #32\n"
         "fmla v16.4s, v1.4s, v8.4s\n fmla v17.4s, v2.4s, v8.4s\n"
         "fmla v18.4s, v1.4s, v9.4s\n fmla v19.4s, v2.4s, v9.4s")
FUNCTION(good_pair_of_numbers, "",
         "ldp s8, s9, [x1], #8\n ldp q1, q2, [x0], #32\n fmla v16.4s, v1.4s, v8.s[0]\n"
         "fmla v17.4s, v1.4s, v9.s[0]\n fmla v18.4s, v2.4s, v8.s[0]\n fmla v19.4s, v2.4s, v9.s[0]")
FUNCTION(good_f16, "",
         "ld1r {v8.4s}, [x1], #4\n ldr d1, [x0], #8\n fcvtl v1.4s, v1.4h\n"
         "fmla v16.4s, v1.4s, v8.4s")
FUNCTION(good_int8, "",
         "ld1r {v8.4s}, [x1], #4\n ld1r {v9.4s}, [x2], #4\n ldr q1, [x0], #16\n"
         ".inst " SDOT_0 "\n .inst " SDOT_1)
FUNCTION(good_int8_in_four, "",
         "ld1r {v8.4s}, [x1], #4\n ldr q1, [x0], #16\n smull v2.8h, v1.8b, v8.8b\n"
         "smull2 v3.8h, v1.16b, v8.16b\n addp v2.8h, v2.8h, v3.8h\n sadalp v16.4s, v2.8h")
FUNCTION(bad_int8_sum_on_stack, "",
         "ld1r {v8.4s}, [x1], #4\n ldr q1, [x0], #16\n ldr q16, [sp, #16]\n"
         ".inst " SDOT_0 "\n str q16, [sp, #16]")
FUNCTION(good_frame_register_is_general, "mov x29, x0",
         "ld1r {v8.4s}, [x1], #4\n ldr q1, [x29], #16\n fmla v16.4s, v1.4s, v8.4s")
FUNCTION(bad_frame_register, "stp x29, x30, [sp, #-64]!\n mov x29, sp",
         "ld1r {v8.4s}, [x1], #4\n ldr q1, [x29, #32]\n fmla v16.4s, v1.4s, v8.4s")
FUNCTION(bad_derived_address, "add x9, sp, #64\n add x9, x9, x2",
         "ld1r {v8.4s}, [x1], #4\n ldr q1, [x9], #16\n fmla v16.4s, v1.4s, v8.4s")
FUNCTION(bad_address_from_a_slot, "add x9, sp, #64\n str x9, [sp, #8]\n ldr x10, [sp, #8]",
         "ld1r {v8.4s}, [x1], #4\n ldr q1, [x10], #16\n fmla v16.4s, v1.4s, v8.4s")
FUNCTION(bad_scalar, "",
         "ld1r {v8.4s}, [x1], #4\n ldr q1, [x0], #16\n fmla v16.4s, v1.4s, v8.4s\n"
         "fmadd s2, s3, s4, s2")
FUNCTION(bad_store, "",
         "ld1r {v8.4s}, [x1], #4\n ldr q1, [x0], #16\n fmla v16.4s, v1.4s, v8.4s\n str q16, [x2]")
FUNCTION(bad_pointer, "",
         "ldr x9, [x2]\n ld1r {v8.4s}, [x9]\n ldr q1, [x0], #16\n fmla v16.4s, v1.4s, v8.4s")
FUNCTION(bad_twice, "",
         "ld1r {v8.4s}, [x1], #4\n ld1r {v9.4s}, [x2], #4\n ldr q1, [x0]\n ldr q2, [x0]\n"
         "fmla v16.4s, v1.4s, v8.4s\n fmla v17.4s, v2.4s, v9.4s\n add x0, x0, #16")
