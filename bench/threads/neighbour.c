/* sched_setaffinity is Linux's own. */
#define _GNU_SOURCE
#include "neighbour.h"

#include "../timing.h"

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>

static cpu_set_t others;

int neighbourhood_find(struct neighbourhood *n, int caller)
{
	int cpu;

	n->caller = n->second = -1;
	n->others = 0;
	if (sched_getaffinity(0, sizeof(others), &others) != 0)
		return 0;
	n->caller = caller >= 0 ? caller : sched_getcpu();
	if (n->caller >= 0)
		CPU_CLR(n->caller, &others);
	for (cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
		if (CPU_ISSET(cpu, &others))
			n->second = cpu;
	n->others = CPU_COUNT(&others);
	return n->others;
}

void neighbourhood_for_workers(const struct neighbourhood *n)
{
	if (n->others)
		(void)sched_setaffinity(0, sizeof(others), &others);
}
#else
int neighbourhood_find(struct neighbourhood *n, int caller)
{
	(void)caller;
	n->caller = n->second = -1;
	n->others = 0;
	return 0;
}

void neighbourhood_for_workers(const struct neighbourhood *n)
{
	(void)n;
}
#endif

void neighbourhood_for_caller(const struct neighbourhood *n)
{
	if (n->caller >= 0)
		(void)bench_pin(n->caller);
}

/* ---- the process ----------------------------------------------------------------------------- */
static pid_t neighbour;

/* Until it is ended, or whoever started it is gone. */
static void use_cpu(int cpu, pid_t parent)
{
	volatile unsigned long n = 0;

	(void)bench_pin(cpu);
	while (++n % 1000000 || getppid() == parent)
		;
	_exit(0);
}

int neighbour_start(const struct neighbourhood *n)
{
	const pid_t parent = getpid();

	neighbour = fork();
	if (neighbour == 0)
		use_cpu(n->second, parent);
	neighbour_busy(0);
	return neighbour > 0;
}

void neighbour_busy(int busy)
{
	if (neighbour > 0)
		(void)kill(neighbour, busy ? SIGCONT : SIGSTOP);
}

void neighbour_end(void)
{
	if (neighbour <= 0)
		return;
	(void)kill(neighbour, SIGKILL);
	(void)waitpid(neighbour, NULL, 0);
	neighbour = 0;
}
