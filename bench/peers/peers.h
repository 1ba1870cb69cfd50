/* The others: measured in the same run, one thread, the same weights. */
#ifndef LSTM_BENCH_PEERS_H
#define LSTM_BENCH_PEERS_H

#include "../bench.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A peer is an engine and a way to ask whether it is installed: 1, or 0 with the reason. */
struct bench_peer {
	const char *name, *about;
	int (*present)(char *why, size_t size);
	const char *(*version)(void); /* once it is present; one line */
	void *(*create)(const struct bench_engine *engine, const struct bench_case *shape,
	                const struct bench_net *net, char *why, size_t size);
	void (*run)(void *handle, const float *x, float *y, int stream);
	void (*destroy)(void *handle);
	double (*calls)(void *handle, long count, double *ns);
	const char *dtypes; /* a list of those it has: an engine each */
};

extern const struct bench_peer bench_peer_plain, bench_peer_openblas, bench_peer_onednn,
	bench_peer_onnxruntime, bench_peer_pytorch;

#ifdef __cplusplus
}
#endif

/* All peers of this build, NULL past the last. */
const struct bench_peer *bench_peer_at(int index);
void bench_peer_engine(const struct bench_peer *peer, const char *dtype,
                       struct bench_engine *engine);

#endif
