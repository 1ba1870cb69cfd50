/* What the peers written by hand share: states, layers and directions.  They differ in how one
 * direction of one layer runs over the steps of a call. */
#ifndef LSTM_BENCH_BYHAND_H
#define LSTM_BENCH_BYHAND_H

#include "peers.h"

struct byhand_run {
	const float *w, *u, *b; /* of this layer and direction */
	int width, hidden, batch, steps, reverse;
	const float *x; /* [steps][batch][width] */
	float *y;       /* rows of hidden floats, y_stride apart: [steps][batch] */
	int y_stride;
	float *h, *c; /* [batch][hidden] */
	float *gates; /* scratch: [steps][batch][4 * hidden] */
};

void *byhand_create(const struct bench_case *shape, const struct bench_net *net,
                    void (*layer)(const struct byhand_run *), char *why, size_t size);
void byhand_run(void *handle, const float *x, float *y, int stream);
void byhand_destroy(void *handle);

/* c and h of one stream from its gates i f g o. */
void byhand_cell(const float *gates, float *c, float *h, int hidden);

#endif
