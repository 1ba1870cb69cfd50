/* The library against the oracle: one network, one sequence, one way to run it. */
#ifndef LSTM_TESTS_CHECK_H
#define LSTM_TESTS_CHECK_H

#include "nets.h"

typedef struct check_how {
	lstm_isa isa;
	int plain; /* lstm_run: dense, time major, no lengths; else lstm_run_with */
	lstm_order order;
	size_t row_gap;   /* unused floats after each row of x and of y */
	size_t block_gap; /* and after each block of rows: a step if time major, else a stream */
	int no_y;         /* y = NULL */
	int states;       /* initial and final state through lstm_run_args, in its order */
	size_t max_steps; /* of the state */
	size_t piece;     /* steps per call, for forward models without lengths; 0: all in one */
} check_how;

typedef struct check_result {
	int ok;
	double worst;     /* largest error as a fraction of its tolerance */
	double tolerance; /* largest tolerance, relative to values above 1 */
	char text[600];   /* what differed, and how to make it again; empty if nothing */
} check_result;

/* What the tolerance of networks with the usual activations and scale 1 stays below, whatever their
 * size and however long they run: the error of a coarse activation function. */
#define CHECK_USEFUL 1e-4

/* Run n over s as how says, and compare y, last, h and c with what is expected.  Floats between
 * the rows of x, beyond the lengths and in steps left out hold NaN, and those of y must come back untouched. */
check_result check_against(const oracle_output *expected, const net *n, const sequence *s,
                           const check_how *how);

/* The same, with the oracle asked for what is expected. */
check_result check_engine(const net *n, const sequence *s, const check_how *how);

/* A float and what is expected of it: NaN for NaN, the same infinity, or within the tolerance. */
int check_value(float got, num expected);

/* 1 if LSTM_TEST_QUICK in the environment asks for thinner grids (for emulators); says so on
 * stderr, naming the suite. */
int check_quick(const char *suite);

#endif
