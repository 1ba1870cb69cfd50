/* Detection, and one sample of each limit. */
#include "limits.h"
#include "timing.h"

#include <string.h>

#define TRIES 8    /* if another process takes the CPU */
#define COPIES 3
#define SAMPLE 5e5 /* ns: long against the clock's resolution, short against a time slice */

extern const struct bench_vector bench_vector_avx2, bench_vector_avx512, bench_vector_neon;
extern const struct bench_dot bench_dots[];
extern const int bench_dot_count;
int bench_dot_runs(int index);

const struct bench_vector *bench_vector_at(int index)
{
	const struct bench_vector *present[2];
	int count = 0;

#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		present[count++] = &bench_vector_avx2;
	if (__builtin_cpu_supports("avx512f"))
		present[count++] = &bench_vector_avx512;
#elif defined(__aarch64__)
	present[count++] = &bench_vector_neon;
#endif
	return index < count ? present[index] : NULL;
}

const struct bench_vector *bench_vector_named(const char *name)
{
	const struct bench_vector *v;
	int i;

	for (i = 0; (v = bench_vector_at(i)) != NULL; i++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

const struct bench_dot *bench_dot_at(int index)
{
	int i;

	for (i = 0; i < bench_dot_count; i++)
		if (bench_dot_runs(i) && index-- == 0)
			return &bench_dots[i];
	return NULL;
}

/* What a sample measures: a loop over registers, or over memory, read or copied. */
struct loop {
	long (*over)(long n);
	const struct bench_vector *reads;
	const void *data;
	size_t bytes;
	void *to;
};

static long copies(const struct loop *l, long n)
{
	long i;

	for (i = 0; i < n; i++) {
		memcpy(l->to, l->data, l->bytes);
		__asm__ volatile("" ::: "memory"); /* lest one copy serve for all */
	}
	return (long)l->bytes * n;
}

static long go_round(const struct loop *l, long n)
{
	if (l->over)
		return l->over(n);
	return l->to ? copies(l, n) : l->reads->read(l->data, l->bytes, n);
}

/* Operations, units or bytes per ns.  How often to go round is found by trying. */
static double rate(const struct loop *l)
{
	const double start = bench_now();
	long n = 1;
	int tries = 0;

	for (;;) {
		long preemptions = bench_preemptions();
		double before = bench_own_cpu(), time;
		long done = go_round(l, n);

		time = bench_own_cpu() - before;
		if (bench_preemptions() != preemptions && ++tries < TRIES)
			continue;
		if (time >= SAMPLE && bench_now() - start > BENCH_WARM)
			return (double)done / time;
		if (time < SAMPLE)
			n = time < SAMPLE / 100 ? 10 * n : (long)(1.2 * SAMPLE / time * (double)n) + 1;
	}
}

double bench_limit_fma(const struct bench_vector *v)
{
	const struct loop l = {v->fma, NULL, NULL, 0, NULL};

	return rate(&l);
}

double bench_limit_still(const struct bench_vector *v)
{
	const struct loop l = {v->still, NULL, NULL, 0, NULL};

	return rate(&l);
}

double bench_limit_cell(const struct bench_vector *v)
{
	const struct loop l = {v->cells, NULL, NULL, 0, NULL};

	return 1 / rate(&l);
}

double bench_limit_chain(const struct bench_vector *v)
{
	const struct loop l = {v->chain, NULL, NULL, 0, NULL};

	return 1 / rate(&l);
}

double bench_limit_dot(const struct bench_dot *d)
{
	const struct loop l = {d->dot, NULL, NULL, 0, NULL};

	return rate(&l);
}

double bench_limit_read(const struct bench_vector *v, const void *data, size_t bytes)
{
	const struct loop l = {NULL, v, data, bytes, NULL};

	v->read(data, bytes, BENCH_READS); /* into whatever caches it fits */
	return (double)bytes / rate(&l);
}

double bench_limit_copy(void *to, const void *data, size_t bytes)
{
	const struct loop l = {NULL, NULL, data, bytes, to};
	double best = 0, found;
	int i;

	for (i = 0; i < COPIES; i++) { /* the first finds large buffers far away */
		found = rate(&l);
		best = found > best ? found : best;
	}
	return (double)bytes / best;
}
