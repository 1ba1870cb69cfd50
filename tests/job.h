/* Calls of lstm_f64_run to compare: a network and a sequence in double, and room for the results. */
#ifndef LSTM_TESTS_JOB_H
#define LSTM_TESTS_JOB_H

#include "nets.h"

/* A network and a sequence whose numbers are doubles that fp32 does not hold. */
struct job {
	net n;
	sequence s;
	size_t cells, units, hidden, width;
	lstm_weights_f64 *weights;
	double *x, *h0, *c0; /* as the oracle wants them */
	double *y, *h, *c, *last;
	void *workspace;
	size_t bytes;
	lstm_run_args_f64 args;
};

/* The net i of varied.h, over batch streams of so many steps; what: the SEQUENCE_ bits of nets.h.
 * Frees what it made only in job_free. */
struct job job_make(unsigned i, int batch, size_t steps, unsigned what);
lstm_status job_run(struct job *j);
void job_free(struct job *j);

/* Zeroed memory; fails the test if there is none. */
void *job_allocate(size_t count, size_t size);

#endif
