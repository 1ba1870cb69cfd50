/* How long blocks took: any number of them in fixed memory, each to better than one percent. */
#ifndef LSTM_AMP_TIMING_H
#define LSTM_AMP_TIMING_H

#include <stddef.h>
#include <stdint.h>

enum { TIMING_STEPS = 128, TIMING_BUCKETS = (64 - 8 + 2) * TIMING_STEPS };

struct timing {
	uint64_t count, sum, worst; /* nanoseconds */
	uint64_t buckets[TIMING_BUCKETS];
};

uint64_t timing_now(void); /* nanoseconds, from an arbitrary start */
void timing_add(struct timing *timing, uint64_t nanoseconds);

/* The time that this part of all blocks, 0 to 1, did not exceed, in nanoseconds; 0 without any. */
uint64_t timing_quantile(const struct timing *timing, double part);

#endif
