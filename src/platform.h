/* What the implementation needs from the compiler and the C library. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "lstm.h: compile the file that defines LSTM_IMPLEMENTATION without -ffast-math: it would reorder the sums and drop NaN"
#endif

#include <errno.h>
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
#include <cpuid.h>
#include <immintrin.h>
#ifndef LSTM_NO_AVX2
#define LSTM__HAVE_AVX2 1
#endif
#ifndef LSTM_NO_AVX512
#define LSTM__HAVE_AVX512 1
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

#if !defined(LSTM_NO_SLEEF) && defined(__has_include) &&                                           \
        (defined(LSTM__HAVE_AVX2) || defined(LSTM__HAVE_AVX512) || defined(LSTM__HAVE_NEON))
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

/* What the platform puts before the name of a C symbol ("_" on macOS), as a string. */
#ifdef __USER_LABEL_PREFIX__
#define LSTM__STRING2(x) #x
#define LSTM__STRING(x) LSTM__STRING2(x)
#define LSTM__LABEL LSTM__STRING(__USER_LABEL_PREFIX__)
#endif

/* Below this magnitude a number counts as zero (see the manual, ARITHMETIC).  Far enough above the
 * smallest normal number, 2^-126, that a product with any sane weight is still normal. */
#define LSTM__TINY 1.26217745e-29f /* 2^-96 */

static float lstm__flush(float x)
{
	return (x < 0 ? -x : x) < LSTM__TINY ? 0 : x; /* NaN stays NaN */
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
/* A caller may have set flush-to-zero, another rounding or traps (audio programs do the first);
 * each run takes the default environment and restores the caller's, which *found keeps.  In the
 * usual case, where it is the default already, that costs one read.  Answers whether it was not:
 * what was computed before, or could be moved there by the compiler, must be computed again. */
static int lstm__fp_enter(unsigned *found)
{
#if defined(LSTM__X86)
	*found = _mm_getcsr();
	if ((*found & ~0x3fu) == 0x1f80u) /* all but the sticky flags */
		return 0;
	_mm_setcsr(0x1f80u);
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
	if ((found & ~0x3fu) != 0x1f80u)
		_mm_setcsr(found);
#elif defined(LSTM__ARM64)
	if (found)
		__asm__ __volatile__("msr fpcr, %0" : : "r"((uint64_t)found));
#else
	(void)found;
#endif
}
