/* This library with a team of threads: a state of one case, run by so many threads. */
#ifndef LSTM_BENCH_THREADS_ENGINE_H
#define LSTM_BENCH_THREADS_ENGINE_H

#include "../bench.h"

struct threads_team;

/* The instruction set of this name, NULL for the best; 0 if it cannot run here. */
int threads_isa(const char *name);
const char *threads_isa_name(int isa);
const char *threads_activations(void);
int threads_most(void); /* in a team */

/* Started on the CPUs that the caller may use now; NULL if the system has no more threads. */
struct threads_team *threads_team_new(int threads);
void threads_team_free(struct threads_team *team);

/* A state in zero state that the team runs, or NULL with the reason in why[size]. */
void *threads_create(struct threads_team *team, int isa, const struct bench_case *shape,
                     const struct bench_net *net, char *why, size_t size);
void threads_run(void *handle, const float *x, float *y);
void threads_destroy(void *handle);

#endif
