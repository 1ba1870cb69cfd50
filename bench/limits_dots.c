/* The peaks of the instructions that multiply small numbers and add up in 32 bits.  The
 * instructions are written out: compilers otherwise copy the sums, or move what does not change out
 * of the loop.  Twelve independent sums hide the latency on every CPU so far. */
#include "limits.h"
#include "compiler.h"

#define SUMS 12
#define TARGET(name) __attribute__((target(name)))

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static TARGET("avx2") long dot_maddubs(long n)
{
	__m256i sum[SUMS], product;
	const __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
	long i;
	int k;

	BENCH_UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = _mm256_setzero_si256();
	for (i = 0; i < n; i++) {
		BENCH_UNROLL
		for (k = 0; k < SUMS; k++)
			__asm__ volatile("vpmaddubsw %2, %3, %1\n\t"
			                 "vpmaddwd %1, %4, %1\n\t"
			                 "vpaddd %1, %0, %0"
			                 : "+x"(sum[k]), "=&x"(product)
			                 : "x"(a), "x"(b), "x"(ones));
	}
	return n * SUMS * 64;
}

static TARGET("avx2") long dot_avxvnni(long n)
{
	__m256i sum[SUMS];
	const __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(3);
	long i;
	int k;

	BENCH_UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = _mm256_setzero_si256();
	for (i = 0; i < n; i++) {
		BENCH_UNROLL
		for (k = 0; k < SUMS; k++)
			__asm__ volatile("%{vex%} vpdpbusd %1, %2, %0"
			                 : "+x"(sum[k])
			                 : "x"(a), "x"(b));
	}
	return n * SUMS * 64;
}

static TARGET("avx512f,avx512vl") long dot_vnni256(long n)
{
	__m256i sum[SUMS];
	const __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(3);
	long i;
	int k;

	BENCH_UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = _mm256_setzero_si256();
	for (i = 0; i < n; i++) {
		BENCH_UNROLL
		for (k = 0; k < SUMS; k++)
			__asm__ volatile("%{evex%} vpdpbusd %1, %2, %0"
			                 : "+v"(sum[k])
			                 : "v"(a), "v"(b));
	}
	return n * SUMS * 64;
}

static TARGET("avx512f") long dot_vnni512(long n)
{
	__m512i sum[SUMS];
	const __m512i a = _mm512_set1_epi32(0x01010101), b = _mm512_set1_epi32(0x03030303);
	long i;
	int k;

	BENCH_UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = _mm512_setzero_si512();
	for (i = 0; i < n; i++) {
		BENCH_UNROLL
		for (k = 0; k < SUMS; k++)
			__asm__ volatile("vpdpbusd %1, %2, %0" : "+v"(sum[k]) : "v"(a), "v"(b));
	}
	return n * SUMS * 128;
}

static TARGET("avx512f") long dot_bf16(long n)
{
	__m512 sum[SUMS];
	const __m512i a = _mm512_set1_epi32(0x3f003f00), b = a; /* 0.5 */
	long i;
	int k;

	BENCH_UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = _mm512_setzero_ps();
	for (i = 0; i < n; i++) {
		BENCH_UNROLL
		for (k = 0; k < SUMS; k++)
			__asm__ volatile("vdpbf16ps %1, %2, %0" : "+v"(sum[k]) : "v"(a), "v"(b));
	}
	return n * SUMS * 64;
}

const struct bench_dot bench_dots[] = {
	{"int8 maddubs 256", "int8", "avx2", dot_maddubs, 1},
	{"int8 vpdpbusd 256 (AVX-VNNI)", "int8", "avx2", dot_avxvnni, 1},
	{"int8 vpdpbusd 256", "int8", "avx512", dot_vnni256, 1},
	{"int8 vpdpbusd 512", "int8", "avx512", dot_vnni512, 1},
	{"bf16 vdpbf16ps 512", "bf16", "avx512", dot_bf16, 1},
	{"int8 tdpbusd (AMX)", "int8", "avx512", bench_amx_int8, 16},
	{"bf16 tdpbf16ps (AMX)", "bf16", "avx512", bench_amx_bf16, 16},
};
const int bench_dot_count = 7;

int bench_dot_runs(int index)
{
	unsigned a, b, c, d;

	__builtin_cpu_init();
	switch (index) {
	case 0: return __builtin_cpu_supports("avx2") != 0;
	case 1:
		return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
		       (a >> 4 & 1);
	case 2: return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl");
	case 3: return __builtin_cpu_supports("avx512vnni") != 0;
	case 4: return __builtin_cpu_supports("avx512bf16") != 0;
	default: return bench_amx_runs(index == 6);
	}
}

#elif defined(__aarch64__) && defined(__linux__)
#include <arm_neon.h>
#include <sys/auxv.h>

#define HAS_DOTPROD (1ul << 20) /* of AT_HWCAP: ASIMDDP */
#define HAS_BF16 (1ul << 14)    /* of AT_HWCAP2: BF16 */
#ifdef __clang__
#define WITH_DOTPROD "dotprod"
#define WITH_BF16 "bf16"
#else
#define WITH_DOTPROD "arch=armv8.2-a+dotprod"
#define WITH_BF16 "arch=armv8.2-a+bf16"
#endif

static TARGET(WITH_DOTPROD) long dot_sdot(long n)
{
	int32x4_t sum[SUMS];
	const int8x16_t a = vdupq_n_s8(1), b = vdupq_n_s8(3);
	long i;
	int k;

	BENCH_UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = vdupq_n_s32(0);
	for (i = 0; i < n; i++) {
		BENCH_UNROLL
		for (k = 0; k < SUMS; k++)
			__asm__ volatile("sdot %0.4s, %1.16b, %2.16b"
			                 : "+w"(sum[k])
			                 : "w"(a), "w"(b));
	}
	return n * SUMS * 32;
}

static TARGET(WITH_BF16) long dot_bf16(long n)
{
	float32x4_t sum[SUMS];
	const uint16x8_t a = vdupq_n_u16(0x3f00), b = a; /* 0.5 */
	long i;
	int k;

	BENCH_UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = vdupq_n_f32(0);
	for (i = 0; i < n; i++) {
		BENCH_UNROLL
		for (k = 0; k < SUMS; k++)
			__asm__ volatile("bfdot %0.4s, %1.8h, %2.8h"
			                 : "+w"(sum[k])
			                 : "w"(a), "w"(b));
	}
	return n * SUMS * 16;
}

const struct bench_dot bench_dots[] = {
	{"int8 sdot", "int8", "neon", dot_sdot, 1},
	{"bf16 bfdot", "bf16", "neon", dot_bf16, 1},
};
const int bench_dot_count = 2;

int bench_dot_runs(int index)
{
	if (index == 0)
		return (getauxval(AT_HWCAP) & HAS_DOTPROD) != 0;
	return (getauxval(AT_HWCAP2) & HAS_BF16) != 0;
}

#else
const struct bench_dot bench_dots[] = {{"", "", "", 0, 0}};
const int bench_dot_count = 0;

int bench_dot_runs(int index)
{
	(void)index;
	return 0;
}
#endif
