/* The oracle: the equations at the head of lstm.h in double precision, written to be read, with the
 * error that fp32 may make carried along (see num.h).  It shares no code with the library. */
#ifndef LSTM_TESTS_ORACLE_H
#define LSTM_TESTS_ORACLE_H

#include "lstm.h"
#include "num.h"

/* What is run.  All arrays are dense; NULL h0 or c0 is zero, NULL lengths is steps for all. */
typedef struct oracle_input {
	int batch;
	size_t steps;
	const float *x;        /* [steps][batch][input] */
	const float *h0;       /* [layers * directions][batch][output] */
	const float *c0;       /* [layers * directions][batch][hidden] */
	const size_t *lengths; /* [batch] */
	const unsigned char *mask; /* [steps][batch], 0: the step is left out; NULL: none is */
	int zero;                  /* y is zero in a step left out; else it repeats h */
} oracle_input;

/* The same of doubles, of which nothing counts as zero but zero. */
typedef struct oracle_input_f64 {
	int batch;
	size_t steps;
	const double *x, *h0, *c0;
	const size_t *lengths;
	const unsigned char *mask;
	int zero;
} oracle_input_f64;

typedef struct oracle_output {
	num *y; /* [steps][batch][directions * output] */
	num *h; /* [layers * directions][batch][output], after the last valid step */
	num *c; /* [layers * directions][batch][hidden] */
} oracle_output;

/* Aborts if memory runs out.  oracle_free releases the three arrays. */
oracle_output oracle_run(const lstm_desc *desc, const lstm_weights *weights,
                         const oracle_input *in);

/* The error carried along is still that of fp32: num_tolerance_f64 makes it that of double. */
oracle_output oracle_run_f64(const lstm_desc *desc, const lstm_weights_f64 *weights,
                             const oracle_input_f64 *in);
void oracle_free(oracle_output *out);

int oracle_layers(const lstm_desc *desc);
int oracle_directions(const lstm_desc *desc);
int oracle_width(const lstm_desc *desc, int layer); /* floats per step into this layer */
int oracle_units(const lstm_desc *desc);            /* floats per step out of one direction */

/* One activation function, defaults of alpha and beta included.  LSTM_DEFAULT is not one. */
num oracle_activate(lstm_activation activation, num x);
double oracle_function(lstm_activation activation, double x); /* its value alone */

#endif
