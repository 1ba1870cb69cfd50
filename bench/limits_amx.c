/* The peaks of AMX's products of matrices, where Linux lets this process use its registers. */
#ifdef __linux__
#define _GNU_SOURCE /* for syscall */
#endif
#include "limits.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64, ROUNDS = 4 };

/* Four sums of two matrices times two. */
#define PRODUCTS(name)                                                                             \
	__asm__ volatile("{" name " %%tmm6, %%tmm4, %%tmm0|" name " tmm0, tmm4, tmm6}\n\t"         \
	                 "{" name " %%tmm7, %%tmm4, %%tmm1|" name " tmm1, tmm4, tmm7}\n\t"         \
	                 "{" name " %%tmm6, %%tmm5, %%tmm2|" name " tmm2, tmm5, tmm6}\n\t"         \
	                 "{" name " %%tmm7, %%tmm5, %%tmm3|" name " tmm3, tmm5, tmm7}" ::)

#ifdef __clang__
#define AMX __attribute__((target("amx-int8,amx-bf16")))
#else
#define AMX /* GCC's assembler asks for no target */
#endif

AMX static void begin(void)
{
	unsigned char shape[64];
	int t;

	memset(shape, 0, sizeof(shape));
	shape[0] = 1; /* the palette */
	for (t = 0; t < TILES; t++) {
		shape[16 + 2 * t] = ROW_BYTES;
		shape[48 + t] = ROWS;
	}
	__asm__ volatile("ldtilecfg %0" : : "m"(shape)); /* all registers are zero then */
}

AMX long bench_amx_int8(long n)
{
	long i;

	begin();
	for (i = 0; i < n; i++)
		PRODUCTS("tdpbusd");
	__asm__ volatile("tilerelease");
	return n * ROUNDS * ROWS * ROWS * ROW_BYTES * 2;
}

AMX long bench_amx_bf16(long n)
{
	long i;

	begin();
	for (i = 0; i < n; i++)
		PRODUCTS("tdpbf16ps");
	__asm__ volatile("tilerelease");
	return n * ROUNDS * ROWS * ROWS * ROW_BYTES;
}

/* Leaf 7 of CPUID: tiles, and products of int8 or bf16; ARCH_REQ_XCOMP_PERM of XTILEDATA. */
int bench_amx_runs(int bf16)
{
	const unsigned bits = 1u << 24 | 1u << (bf16 ? 22 : 25);
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & bits) == bits &&
	       syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}
#else
int bench_amx_runs(int bf16)
{
	(void)bf16;
	return 0;
}

long bench_amx_int8(long n)
{
	return n;
}

long bench_amx_bf16(long n)
{
	return n;
}
#endif
