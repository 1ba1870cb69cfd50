#define _POSIX_C_SOURCE 200809L
#include "timing.h"

#include <time.h>

uint64_t timing_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* One bucket per nanosecond at first, then TIMING_STEPS for each doubling. */
void timing_add(struct timing *timing, uint64_t nanoseconds)
{
	int shift = 0;

	while (nanoseconds >> shift >= 2 * TIMING_STEPS)
		shift++;
	timing->buckets[(size_t)shift * TIMING_STEPS + (size_t)(nanoseconds >> shift)]++;
	timing->count++;
	timing->sum += nanoseconds;
	if (nanoseconds > timing->worst)
		timing->worst = nanoseconds;
}

uint64_t timing_quantile(const struct timing *timing, double part)
{
	double wanted = part * (double)timing->count;
	uint64_t seen = 0, last;
	size_t b = 0, shift;

	if (!timing->count)
		return 0;
	while ((seen += timing->buckets[b]) < wanted || !seen)
		b++;
	shift = b < 2 * TIMING_STEPS ? 0 : b / TIMING_STEPS - 1;
	last = (((uint64_t)(b - shift * TIMING_STEPS) + 1) << shift) - 1;
	return last < timing->worst ? last : timing->worst;
}
