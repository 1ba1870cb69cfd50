/* Clocks, order statistics and the quiet that measuring needs. */
#ifndef LSTM_BENCH_TIMING_H
#define LSTM_BENCH_TIMING_H

#include <stddef.h>

double bench_now(void); /* ns, from an arbitrary start, never backwards */

/* ns of CPU that this process has had, all its threads together: what one thread needs, also where
 * other processes take turns with it, and what several threads need if a peer starts some. */
double bench_cpu(void);

/* The same of the calling thread alone: a BLAS has others that spin for a while when it is loaded. */
double bench_own_cpu(void);

/* The median with its confidence interval: the order statistics between which the true median lies
 * with at least 95 % probability, whatever the distribution; with fewer than six values the
 * smallest and the largest, and less confidence. */
struct bench_summary {
	double median, low, high, min, max;
	double confidence; /* of [low, high], 0..1 */
	size_t count;
};
void bench_summarize(double *values, size_t count, struct bench_summary *summary); /* sorts */

/* Smallest value that is not below the fraction q of the sorted values. */
double bench_quantile(const double *sorted, size_t count, double q);
void bench_sort(double *values, size_t count);

double bench_clock_cost(void); /* ns between two readings of the clock, the median of many */

/* Stay on one CPU: the one given, or with -1 the present one.  Answers its number, or -1 if the
 * system does not allow it. */
int bench_pin(int cpu);

/* ns that whatever is timed runs before.  Intel's CPUs need up to 3 ms to be as fast as they are with it for
 * long: vectors of 512 bits begin slowly, and all else is slow after loops that read such vectors. */
#define BENCH_WARM 3e6

/* How often at least what is timed reads its weights before.  Where other buffers were read meanwhile that
 * outgrow the second cache, a Xeon takes twice as long for the first two readings of 4 to 32 MB, and a tenth
 * longer for the third. */
#define BENCH_READS 5

long bench_preemptions(void); /* how often this process had to give way; -1 if not known */

#endif
