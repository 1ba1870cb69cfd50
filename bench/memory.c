/* madvise is not in POSIX. */
#define _DEFAULT_SOURCE
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define HUGE_PAGE ((size_t)2 << 20)

void *bench_alloc(size_t bytes)
{
	size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
	void *p;

	if (posix_memalign(&p, align, bytes ? bytes : 1) != 0)
		return NULL;
#ifdef MADV_HUGEPAGE
	if (bytes >= HUGE_PAGE)
		(void)madvise(p, bytes,
		              MADV_HUGEPAGE); /* a wish: without it there are small pages */
#endif
	return memset(p, 0, bytes);
}

float bench_random(unsigned long long *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (float)(int)(*state >> 40) / (1 << 23) - 1;
}
