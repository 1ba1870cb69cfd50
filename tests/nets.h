/* Random networks and sequences, the same on every machine for the same seed. */
#ifndef LSTM_TESTS_NETS_H
#define LSTM_TESTS_NETS_H

#include <stdint.h>

#include "oracle.h"

typedef struct rng {
	uint64_t state;
} rng;

rng rng_seeded(uint64_t seed);
uint32_t rng_next(rng *r);
int rng_between(rng *r, int low, int high);       /* low..high, both included */
float rng_uniform(rng *r, float low, float high); /* low <= value < high */
float rng_normal(rng *r);                         /* mean 0, deviation 1, within +-6 */

enum { NET_B = 1, NET_B2 = 2, NET_PEEPHOLE = 4 };

typedef struct net {
	uint64_t seed;
	lstm_desc desc;
	lstm_weights *weights; /* [layers * directions] */
} net;

/* A network of this description with the parts named, NET_B ored with others; what is not named is
 * NULL.  Every value is uniform in +-scale / sqrt(hidden).  The same seed makes the same function
 * in every layout.  Aborts if memory runs out; net_free releases everything. */
net net_make(const lstm_desc *desc, unsigned parts, float scale, uint64_t seed);
void net_free(net *n);

/* The array of one layer and direction, to change an element in place.  (net_make owns it, so
 * taking the const away is sound.) */
float *net_w(net *n, int cell);
float *net_u(net *n, int cell);
float *net_b(net *n, int cell);

enum {
	SEQUENCE_NORMAL = 1,
	SEQUENCE_STATE = 2,
	SEQUENCE_LENGTHS = 4,
	SEQUENCE_MASK = 8,
	SEQUENCE_ZERO = 16
};

/* What oracle_input points to, owned. */
typedef struct sequence {
	uint64_t seed;
	int batch;
	size_t steps;
	float *x, *h0, *c0; /* h0 and c0 NULL without SEQUENCE_STATE */
	size_t *lengths;    /* NULL without SEQUENCE_LENGTHS */
	unsigned char *mask; /* [steps][batch]; NULL without SEQUENCE_MASK */
	int zero;
} sequence;

/* x is uniform in +-1, or with SEQUENCE_NORMAL normal.  SEQUENCE_STATE: h0 and c0 uniform in +-1;
 * SEQUENCE_LENGTHS: each in 0..steps, unsorted, and of two streams or more one is 0 and one steps.
 * SEQUENCE_MASK: in turn a stream with holes, one padded in front, one that is all masked and one
 * that is not, the last two if there are so many; SEQUENCE_ZERO: what is masked puts out zero.
 * Aborts if memory runs out; sequence_free releases everything. */
sequence sequence_make(const lstm_desc *desc, int batch, size_t steps, unsigned what,
                       uint64_t seed);
void sequence_free(sequence *s);

oracle_output oracle_of(const net *n, const sequence *s);

#endif
