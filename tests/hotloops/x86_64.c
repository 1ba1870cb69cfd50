/* Loops that tools/hotloops must pass (good_...) and refuse (bad_...). */
#include <immintrin.h>
#include <stddef.h>

#define AVX2 __attribute__((target("avx2,fma")))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define EACH UNROLL for (v = 0; v < vectors; v++)

__attribute__((always_inline)) AVX2 static inline void
stream(float *to, const float *w, const float *x, size_t count, const int vectors)
{
	__m256 sum[20];
	size_t k;
	int v;
	EACH sum[v] = _mm256_loadu_ps(to + 8 * v);
	for (k = 0; k < count; k++, w += 8 * vectors) {
		const __m256 spread = _mm256_broadcast_ss(x + k);
		EACH sum[v] = _mm256_fmadd_ps(_mm256_loadu_ps(w + 8 * v), spread, sum[v]);
	}
	EACH _mm256_storeu_ps(to + 8 * v, sum[v]);
}

AVX2 void good_one_stream(float *to, const float *w, const float *x, size_t count)
{
	stream(to, w, x, count, 8);
}

/* More sums than there are registers. */
AVX2 void bad_spill(float *to, const float *w, const float *x, size_t count)
{
	stream(to, w, x, count, 20);
}

/* The same for int8: four codes a lane, and the products of two are added up in 16 bits first. */
AVX2 void bad_int8_spill(int *to, const char *w, const float *x, size_t count)
{
	enum { vectors = 20 };
	const __m256i ones = _mm256_set1_epi16(1);
	__m256i sum[vectors];
	size_t k;
	int v;
	EACH sum[v] = _mm256_loadu_si256((const __m256i *)(const void *)to + v);
	for (k = 0; k < count; k++, w += 32 * vectors) {
		const __m256i codes = _mm256_castps_si256(_mm256_broadcast_ss(x + k));
		EACH sum[v] = _mm256_add_epi32(
			sum[v],
			_mm256_madd_epi16(
				_mm256_maddubs_epi16(
					codes,
					_mm256_loadu_si256((const __m256i *)(const void *)w + v)),
				ones));
	}
	EACH _mm256_storeu_si256((__m256i *)(void *)to + v, sum[v]);
}

/* By hand, as a compiler would not be made to write it: rdi weights, rsi and rdx two rows of x. */
#define FUNCTION(name, before, body)                                                               \
	__asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" before         \
		"\n1:\n" body "\nadd $4, %rsi\ndec %rcx\njne 1b\n2: ret\n.size " #name ", .-" #name);

FUNCTION(good_two_streams, "",
         "vbroadcastss (%rsi), %ymm8\n vbroadcastss (%rdx), %ymm9\n vmovups (%rdi), %ymm10\n"
         "vfmadd231ps %ymm8, %ymm10, %ymm0\n vfmadd231ps %ymm9, %ymm10, %ymm1\n"
         "add $32, %rdi\n add $4, %rdx")
FUNCTION(good_int8, "",
         "vpbroadcastd (%rsi), %zmm8\n vpbroadcastd (%rdx), %zmm9\n vmovdqu32 (%rdi), %zmm10\n"
         "vpdpbusd %zmm10, %zmm8, %zmm0\n vpdpbusd %zmm10, %zmm9, %zmm1\n"
         "add $64, %rdi\n add $4, %rdx")
FUNCTION(good_int8_of_avx_vnni, "",
         "vpbroadcastd (%rsi), %ymm8\n {vex} vpdpbusd (%rdi), %ymm8, %ymm0\n add $32, %rdi")
FUNCTION(good_int8_of_magnitudes, "",
         "vbroadcastss (%rsi), %ymm8\n vbroadcastss 4(%rsi), %ymm9\n"
         "vpxor (%rdi), %ymm9, %ymm10\n vpmaddubsw %ymm10, %ymm8, %ymm10\n"
         "vpmaddwd %ymm10, %ymm15, %ymm10\n vpaddd %ymm10, %ymm0, %ymm0\n"
         "vpxor 32(%rdi), %ymm9, %ymm10\n vpmaddubsw %ymm10, %ymm8, %ymm10\n"
         "vpmaddwd %ymm10, %ymm15, %ymm10\n vpaddd %ymm10, %ymm1, %ymm1\n add $64, %rdi")
FUNCTION(bad_int8_without_signs, "",
         "vbroadcastss (%rsi), %ymm8\n vpmaddubsw (%rdi), %ymm8, %ymm10\n"
         "vpmaddwd %ymm10, %ymm15, %ymm10\n vpaddd %ymm10, %ymm0, %ymm0\n add $32, %rdi")
FUNCTION(bad_int8_sum_on_stack, "",
         "vpbroadcastd (%rsi), %zmm8\n vmovdqu32 (%rdi), %zmm10\n vmovdqu32 -64(%rsp), %zmm0\n"
         "vpdpbusd %zmm10, %zmm8, %zmm0\n vmovdqu32 %zmm0, -64(%rsp)\n add $64, %rdi")
FUNCTION(bad_int8_idle_weights, "",
         "vpbroadcastd (%rsi), %zmm8\n vmovdqu32 64(%rdi), %zmm9\n"
         "vpdpbusd (%rdi), %zmm8, %zmm0\n vpdpbusd 128(%rdi), %zmm8, %zmm1\n add $192, %rdi")
FUNCTION(good_matrices, "",
         "tileloadd (%rsi,%rax,1), %tmm4\n tileloadd (%rdi,%rdx,1), %tmm6\n"
         "tdpbusd %tmm6, %tmm4, %tmm0\n tileloadd 64(%rdi,%rdx,1), %tmm7\n"
         "tdpbusd %tmm7, %tmm4, %tmm1\n tileloadd (%r8,%rax,1), %tmm5\n"
         "tdpbusd %tmm6, %tmm5, %tmm2\n tdpbusd %tmm7, %tmm5, %tmm3\n"
         "add $64, %r8\n add $4096, %rdi")
FUNCTION(bad_matrices_on_stack, "",
         "tileloadd (%rsi,%rax,1), %tmm4\n tileloadd (%rsp,%rdx,1), %tmm6\n"
         "tdpbusd %tmm6, %tmm4, %tmm0\n add $64, %rdi")
FUNCTION(bad_idle_matrices, "",
         "tileloadd (%rsi,%rax,1), %tmm4\n tileloadd (%rdi,%rdx,1), %tmm6\n"
         "tileloadd 64(%rdi,%rdx,1), %tmm7\n tdpbusd %tmm6, %tmm4, %tmm0\n add $64, %rdi")
FUNCTION(good_frame_register_is_general, "push %rbp\n mov %rdi, %rbp",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps (%rbp), %ymm8, %ymm0\n add $32, %rbp")
FUNCTION(good_unrolled, "",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps (%rdi), %ymm8, %ymm0\n"
         "vbroadcastss 4(%rsi), %ymm9\n vfmadd231ps 32(%rdi), %ymm9, %ymm0\n add $64, %rdi")
FUNCTION(good_address_no_longer_on_stack, "lea 16(%rsp), %rax\n mov %rdi, %rax",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps (%rax), %ymm8, %ymm0\n add $32, %rax")
FUNCTION(bad_frame_register, "push %rbp\n mov %rsp, %rbp",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps -64(%rbp), %ymm8, %ymm0")
FUNCTION(bad_derived_address, "lea -128(%rsp), %rax\n and $-64, %rax\n mov %rax, %r9",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps (%r9), %ymm8, %ymm0\n add $32, %r9")
FUNCTION(bad_address_from_a_slot,
         "lea -128(%rsp), %rax\n mov %rax, -8(%rsp)\n xor %eax, %eax\n mov -8(%rsp), %rax",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps (%rax), %ymm8, %ymm0\n add $32, %rax")
FUNCTION(bad_address_of_one_branch, "test %rcx, %rcx\n je 1f\n lea -128(%rsp), %rdi",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps (%rdi), %ymm8, %ymm0\n add $32, %rdi")
FUNCTION(bad_scalar, "",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps (%rdi), %ymm8, %ymm0\n"
         "vfmadd231ss %xmm2, %xmm3, %xmm4\n add $32, %rdi")
FUNCTION(bad_store, "",
         "vbroadcastss (%rsi), %ymm8\n vfmadd231ps (%rdi), %ymm8, %ymm0\n vmovups %ymm0, (%rdx)\n"
         "add $32, %rdi")
FUNCTION(bad_pointer, "",
         "mov (%rdx), %rax\n vbroadcastss (%rax), %ymm8\n vfmadd231ps (%rdi), %ymm8, %ymm0\n"
         "add $32, %rdi")
FUNCTION(bad_twice, "",
         "vbroadcastss (%rsi), %ymm8\n vbroadcastss (%rdx), %ymm9\n"
         "vfmadd231ps (%rdi), %ymm8, %ymm0\n vfmadd231ps (%rdi), %ymm9, %ymm1\n"
         "add $32, %rdi\n add $4, %rdx")
FUNCTION(bad_idle_weights, "",
         "vbroadcastss (%rsi), %ymm8\n vmovups 32(%rdi), %ymm9\n vfmadd231ps (%rdi), %ymm8, %ymm0\n"
         "vfmadd231ps 64(%rdi), %ymm8, %ymm1\n add $96, %rdi")
