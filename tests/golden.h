/* A golden in memory: what another framework was given, and what it answered (see goldens/common.py
 * for what is in a file). */
#ifndef LSTM_TESTS_GOLDEN_H
#define LSTM_TESTS_GOLDEN_H

#include "lstm.h"

#define GOLDEN_PATH 1024

struct golden {
	char path[GOLDEN_PATH];
	lstm_file *file;
	lstm_desc desc;
	const lstm_weights *weights;
	lstm_order order;
	size_t steps, batch, input, width; /* of x and y */
	size_t rows;                       /* of h and c: layers * directions * batch */
	size_t output, hidden;             /* floats in a row of h, of c */
	float *x, *h0, *c0, *y, *hn, *cn;  /* h0, c0 NULL without */
	size_t *lengths;                   /* [batch], or NULL */
	const unsigned char *mask;         /* [batch][steps] or [steps][batch], as x, or NULL */
	lstm_masked masked;
	double tolerance;
};

/* tests/goldens, or what LSTM_GOLDENS in the environment names: it holds data/ and cases.txt. */
const char *golden_folder(void);

/* Read data/NAME.safetensors, which is of this framework, for isa.  Fails the test if that cannot
 * be. */
struct golden golden_open(const char *name, const char *framework, lstm_isa isa);
void golden_close(struct golden *g);

/* The value of a key that must be there. */
const char *golden_metadata(const struct golden *g, const char *key);

#endif
