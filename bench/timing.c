/* sched_setaffinity is Linux's own. */
#define _GNU_SOURCE
#include "timing.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#ifdef __linux__
#include <sched.h>
#endif

static double clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double bench_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

double bench_cpu(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

double bench_own_cpu(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_sort(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), ascending);
}

double bench_quantile(const double *sorted, size_t count, double q)
{
	size_t i = (size_t)(q * (double)count);

	return sorted[i < count ? i : count - 1];
}

void bench_summarize(double *values, size_t count, struct bench_summary *s)
{
	double term = 1, below = 0; /* of 2^count: ways that k values are below the median */
	size_t k, cut = 0;

	bench_sort(values, count);
	for (k = 0; k < count; k++)
		term /= 2;
	/* P(fewer than cut + 1 of count values are below the median) <= 2.5 %: then the true median
	 * is above the value of rank cut, and by symmetry below the one of rank count - 1 - cut. */
	for (k = 0; 2 * k + 1 < count && below + term <= 0.025; k++) {
		below += term;
		term *= (double)(count - k) / (double)(k + 1);
		cut = k;
	}
	if (k == 0)
		below = term;
	s->count = count;
	s->median = (values[(count - 1) / 2] + values[count / 2]) / 2;
	s->low = values[cut];
	s->high = values[count - 1 - cut];
	s->confidence = count > 1 ? 1 - 2 * below : 0;
	s->min = values[0];
	s->max = values[count - 1];
}

double bench_clock_cost(void)
{
	double values[1001], before = bench_now();
	size_t i;

	for (i = 0; i < 1001; i++) {
		double now = bench_now();
		values[i] = now - before;
		before = now;
	}
	bench_sort(values, 1001);
	return values[500];
}

int bench_pin(int cpu)
{
#ifdef __linux__
	cpu_set_t set;

	if (cpu < 0)
		cpu = sched_getcpu();
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return -1;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0 ? cpu : -1;
#else
	(void)cpu;
	return -1;
#endif
}

long bench_preemptions(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : -1;
}
