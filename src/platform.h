/* What the implementation needs from the compiler and the C library. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||            \
        defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(_M_FP_FAST)
#error "lstm.h: compile the file that defines LSTM_IMPLEMENTATION without -ffast-math and its parts: they would reorder sums and drop NaN"
#elif defined(__GNUC__) && (defined(__clang__) || __GNUC__ < 12)
/* These compilers tell of no other part of it, except by what they take for a constant. */
#if defined(__clang__) && __clang_major__ < 14
#define LSTM__ERROR(sentence) /* the linker finds no such function */
#else
#define LSTM__ERROR(sentence) __attribute__((error(sentence)))
#endif
void lstm__compiled_with_fast_math(void) LSTM__ERROR(
        "lstm.h: compile the file that defines LSTM_IMPLEMENTATION without -ffast-math and its parts");
__attribute__((noinline, used)) static void lstm__refuse_fast_math(float x)
{
	if (__builtin_constant_p(x + 1 - x))
		lstm__compiled_with_fast_math();
}
#endif

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(LSTM_MALLOC) != defined(LSTM_FREE)
#error "lstm.h: define both LSTM_MALLOC and LSTM_FREE, or neither"
#endif
#if !defined(LSTM_NO_MALLOC) && !defined(LSTM_MALLOC)
#include <stdlib.h>
#define LSTM_MALLOC(n) malloc(n)
#define LSTM_FREE(p) free(p)
#endif
#ifndef LSTM_NO_GETENV
#include <stdlib.h>
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define LSTM__X86 1
#include <immintrin.h>
#ifndef LSTM_NO_AVX2
#define LSTM__HAVE_AVX2 1
#endif
#ifndef LSTM_NO_AVX512
#define LSTM__HAVE_AVX512 1
#endif
/* GCC asks an assembler that is not its own: one that is as old as the compilers left out here does
 * not know the instruction. */
#if !defined(LSTM_NO_AVXVNNI) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define LSTM__AVXVNNI 1
#endif
#if !defined(LSTM_NO_AMX) && defined(LSTM__HAVE_AVX512) && !defined(LSTM_F32_ONLY) &&                 \
	defined(__linux__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define LSTM__AMX 1
#endif
#if defined(_WIN32) && !defined(__clang__)
/* Windows aligns the stack to 16 bytes, and GCC moves wider vectors there with instructions that trap
 * if they are not at a multiple of their size (its bug 54412, which some distributions patch).  From
 * here on the assembler takes these instructions for the ones that do not, and are as fast. */
__asm__(".ifndef lstm__moves\n"
        ".set lstm__moves, 1\n"
        ".macro vmovaps operands:vararg\n vmovups \\operands\n.endm\n"
        ".macro vmovapd operands:vararg\n vmovupd \\operands\n.endm\n"
        ".macro vmovdqa operands:vararg\n vmovdqu \\operands\n.endm\n"
        ".macro vmovdqa32 operands:vararg\n vmovdqu32 \\operands\n.endm\n"
        ".macro vmovdqa64 operands:vararg\n vmovdqu64 \\operands\n.endm\n"
        ".endif");
#endif
#endif

#if defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define LSTM__ARM64 1
#include <arm_neon.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#ifndef LSTM_NO_NEON
#define LSTM__HAVE_NEON 1
#endif
#endif

/* 32-bit ARM.  Its NEON has fused multiply-add from VFPv4 on (Cortex-A7, A15 and later), which is no
 * part of the ABI: GCC compiles single functions for it, to be used where Linux says that it is
 * there; Clang needs the whole file to be compiled for it (-mfpu=neon-vfpv4).  A file for that unit or
 * a newer one, but without NEON, has none: which region would have all of the file's, no macro says. */
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP)
#define LSTM__ARM32 1
#if defined(__ARM_NEON) && defined(__ARM_FEATURE_FMA)
#define LSTM__NEON_FMA 1
#endif
#if defined(__ARM_PCS_VFP) && defined(__ARMEL__) && __ARM_ARCH >= 7 &&                             \
        __ARM_ARCH_PROFILE == 'A' &&                                                               \
        (defined(LSTM__NEON_FMA) ||                                                                \
         (defined(__linux__) && !defined(__clang__) && !defined(__ARM_FEATURE_FMA)))
#include <arm_neon.h>
#ifndef LSTM_NO_NEON
#define LSTM__HAVE_NEON 1
#ifndef LSTM__NEON_FMA
#include <sys/auxv.h>
#endif
#endif
#endif
#endif

#ifdef __wasm__
#ifndef LSTM_NO_SLEEF
#define LSTM_NO_SLEEF /* there is none */
#endif
#if defined(__wasm_simd128__) && !defined(LSTM_NO_SIMD128)
#include <wasm_simd128.h>
#define LSTM__HAVE_SIMD128 1
#endif
#endif

#if defined(LSTM__HAVE_AVX2) || defined(LSTM__HAVE_AVX512) || defined(LSTM__HAVE_NEON) || \
        defined(LSTM__HAVE_SIMD128)
#define LSTM__VECTORS 1
#endif

/* Where byte i of a word in memory is in the word. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LSTM__BYTE(i) (24 - 8 * (i))
#else
#define LSTM__BYTE(i) (8 * (i))
#endif

#if !defined(LSTM_NO_SLEEF) && defined(__has_include) && defined(LSTM__VECTORS)
#if !__has_include(<sleef.h>)
#error "lstm.h: SLEEF is missing: install it (Debian: libsleef-dev) and link with -lsleef, or define LSTM_NO_SLEEF to use the built-in polynomials"
#endif
#endif

#ifdef __GNUC__
#ifdef __OPTIMIZE__
#define LSTM__INLINE static inline __attribute__((always_inline))
#else
#define LSTM__INLINE static inline
#endif
#define LSTM__NOINLINE static __attribute__((noinline))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function" /* for LSTM_API = static */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" /* loops that are gone before they are unrolled */
#else
#pragma GCC diagnostic ignored "-Wuninitialized" /* g++ on its own avx512fintrin.h */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#else
#define LSTM__INLINE static inline
#define LSTM__NOINLINE static
#endif
#define LSTM__DEF LSTM_API

#if defined(LSTM_THREADS) && !defined(LSTM_NO_MALLOC)
#ifndef __GNUC__
#error "lstm.h: LSTM_THREADS needs GCC or Clang, for their atomic operations"
#endif
#define LSTM__TEAMS 1
#endif

/* Fully unroll the next loop, whose count is a constant once its function is inlined. */
#if defined(__clang__)
#define LSTM__UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define LSTM__UNROLL _Pragma("GCC unroll 32")
#else
#define LSTM__UNROLL
#endif

/* Keep a vector in one register.  GCC on x86 would rather load one again for each of its uses, as an
 * operand of the multiply-add (7 to 11 % slower, with two or three streams), and of twelve zeros it
 * keeps some on the stack.  Not for a vector with one use, whose load as an operand is free. */
#if defined(LSTM__X86) && !defined(__clang__)
#define LSTM__HOLD(v) __asm__("" : "+v"(v))
#else
#define LSTM__HOLD(v) (void)0
#endif

/* Of a sum to which unpacked weights were added: let it be made before the next weights are loaded.
 * Else compilers for ARM load all those of a turn first, and what they unpack to does not fit in the
 * registers.  The processor does not wait for it. */
#if defined(LSTM__ARM64) && !defined(__clang__)
#define LSTM__IN_TURN(v) __asm__ __volatile__("" : "+w"(v))
#elif defined(LSTM__ARM64)
#define LSTM__IN_TURN(v) __asm__ __volatile__("" : "+w"(v) : : "memory")
#else
#define LSTM__IN_TURN(v) (void)0
#endif

/* A float that is rounded to one before it is used further, and never part of a fused operation: in
 * memory, if not by the compiler's word for a register. */
#if (defined(LSTM__X86) || defined(LSTM__ARM64)) && defined(__GNUC__)
#define LSTM__ROUNDED
#ifdef LSTM__X86
#define LSTM__ROUND(x) __asm__("" : "+x"(x))
#else
#define LSTM__ROUND(x) __asm__("" : "+w"(x))
#endif
#else
#define LSTM__ROUNDED volatile
#define LSTM__ROUND(x) (void)0
#endif

/* Let what was stored at p be loaded from there.  Else GCC keeps some of it in registers until after
 * the calls of SLEEF, before which it has to go to the stack, and leaves it there in the loop. */
#if defined(LSTM__X86) && !defined(__clang__)
#define LSTM__SETTLE(p) __asm__ __volatile__("" : : "r"(p) : "memory")
#else
#define LSTM__SETTLE(p) (void)0
#endif

/* What the platform puts before the name of a C symbol ("_" on macOS), as a string. */
#ifdef __USER_LABEL_PREFIX__
#define LSTM__STRING2(x) #x
#define LSTM__STRING(x) LSTM__STRING2(x)
#define LSTM__LABEL LSTM__STRING(__USER_LABEL_PREFIX__)
#endif

/* Below this magnitude a number counts as zero (see the manual, ARITHMETIC).  Far enough above the
 * smallest normal number, 2^-126, that a product with any sane weight is still normal.  The cast
 * makes it exact where the compiler keeps more digits of a constant than fp32 has. */
#define LSTM__TINY ((float)1.262177448353619e-29) /* 2^-96 */

static float lstm__flush(float x)
{
	return (x < 0 ? -x : x) < LSTM__TINY ? 0 : x; /* NaN stays NaN */
}

/* lstm__flush of the bits of a float: compilers make vectors of this, and not of a comparison of
 * floats, which could trap. */
#define LSTM__TINY_BITS 0x0f800000 /* of LSTM__TINY */

static int32_t lstm__flush_bits(int32_t bits)
{
	return (bits & 0x7fffffff) < LSTM__TINY_BITS ? 0 : bits;
}

/* *product = a * b; 0 if that overflows. */
static int lstm__multiply(size_t a, size_t b, size_t *product)
{
	if (b && a > SIZE_MAX / b)
		return 0;
	*product = a * b;
	return 1;
}

/* ---- the floating-point environment ---------------------------------------------------------- */
#if defined(LSTM__X86) && defined(_WIN32)
/* There the C library computes exp and tanh on the x87, whose control word has the rounding, too. */
#define LSTM__FP_DEFAULT 0x037f1f80u

static unsigned lstm__fp_control(void)
{
	unsigned short x87;
	__asm__ __volatile__("fnstcw %0" : "=m"(x87));
	return (unsigned)x87 << 16 | (_mm_getcsr() & 0xffffu);
}

static void lstm__fp_set_control(unsigned control)
{
	unsigned short x87 = (unsigned short)(control >> 16);
	__asm__ __volatile__("fldcw %0" : : "m"(x87));
	_mm_setcsr(control & 0xffffu);
}
#elif defined(LSTM__X86)
#define LSTM__FP_DEFAULT 0x1f80u
#define lstm__fp_control() _mm_getcsr()
#define lstm__fp_set_control(control) _mm_setcsr(control)
#elif defined(LSTM__ARM32)
#define LSTM__FPSCR 0x07c09f00u /* half precision, NaN, flush to zero, rounding, traps */
#endif

/* A caller may have set flush-to-zero, another rounding or traps (audio programs do the first);
 * each run takes the default environment and restores the caller's, which *found keeps.  In the
 * usual case, where it is the default already, that costs one read.  Answers whether it was not:
 * what was computed before, or could be moved there by the compiler, must be computed again. */
static int lstm__fp_enter(unsigned *found)
{
#if defined(LSTM__X86)
	*found = lstm__fp_control();
	if ((*found & ~0x3fu) == LSTM__FP_DEFAULT) /* all but the sticky flags */
		return 0;
	lstm__fp_set_control(LSTM__FP_DEFAULT);
	__asm__ __volatile__("" : : : "memory");
	return 1;
#elif defined(LSTM__ARM64)
	uint64_t control;
	__asm__ __volatile__("mrs %0, fpcr" : "=r"(control));
	*found = (unsigned)control;
	if (!control)
		return 0;
	__asm__ __volatile__("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
	return 1;
#elif defined(LSTM__ARM32)
	__asm__ __volatile__("vmrs %0, fpscr" : "=r"(*found));
	if (!(*found & LSTM__FPSCR))
		return 0;
	__asm__ __volatile__("vmsr fpscr, %0" : : "r"(*found & ~LSTM__FPSCR) : "memory");
	return 1;
#else
	*found = 0;
	return 0;
#endif
}

/* Once, late: reading the control register waits for all arithmetic before it, so the one step of a
 * call does so where it has to wait anyway.  *environment is NULL where somebody else did. */
LSTM__INLINE int lstm__fp_enter_late(unsigned **environment)
{
	unsigned *found = *environment;
	*environment = NULL;
	return found && lstm__fp_enter(found);
}

static void lstm__fp_leave(unsigned found)
{
#if defined(LSTM__X86)
	if ((found & ~0x3fu) != LSTM__FP_DEFAULT)
		lstm__fp_set_control(found);
#elif defined(LSTM__ARM64)
	if (found)
		__asm__ __volatile__("msr fpcr, %0" : : "r"((uint64_t)found));
#elif defined(LSTM__ARM32)
	if (found & LSTM__FPSCR)
		__asm__ __volatile__("vmsr fpscr, %0" : : "r"(found));
#else
	(void)found;
#endif
}
