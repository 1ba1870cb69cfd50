/* A trained net and inputs that it has had, from files. */
#ifndef LSTM_BENCH_RECORDED_H
#define LSTM_BENCH_RECORDED_H

#include "bench.h"

struct bench_recorded {
	struct bench_case shape; /* all steps of x in one call */
	struct bench_net net;    /* as bench_net_make makes it */
	float *x;                /* [steps][input] */
};

/* net: a safetensors file with one forward layer under PyTorch's names, after prefix, which may be
 * NULL; x: float32, little endian, [steps][input], nothing else.  -1, or an exit status after a
 * complaint; bench_recorded_free in any case. */
int bench_recorded_read(struct bench_recorded *recorded, const char *program, const char *net,
                        const char *prefix, const char *x);
void bench_recorded_free(struct bench_recorded *recorded);

#endif
