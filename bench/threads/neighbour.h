/* Which CPUs threads run on, and a process that uses one of them. */
#ifndef LSTM_BENCH_THREADS_NEIGHBOUR_H
#define LSTM_BENCH_THREADS_NEIGHBOUR_H

/* The caller's CPU and those for the team's workers: all others that this process may use.  Answers
 * how many those are; 0 where there are none or the system does not say. */
struct neighbourhood {
	int caller, second; /* a CPU and one of the others, or -1 */
	int others;
};
int neighbourhood_find(struct neighbourhood *n, int caller);

/* From now on threads of the calling one start on the others, or it runs on its own CPU alone. */
void neighbourhood_for_workers(const struct neighbourhood *n);
void neighbourhood_for_caller(const struct neighbourhood *n);

/* A process that does nothing but use the second CPU; stopped at first.  0: it cannot be started. */
int neighbour_start(const struct neighbourhood *n);
void neighbour_busy(int busy);
void neighbour_end(void);

#endif
