/* What the parts of the benchmark share: cases, weights, engines.  An engine is anything that runs
 * an LSTM: this library in one of its builds on one instruction set, or a peer. */
#ifndef LSTM_BENCH_H
#define LSTM_BENCH_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" { /* one of the peers is C++ */
#endif

#define BENCH_PARTS 64 /* most layers * directions of a case */
#define BENCH_DTYPES "f32,bf16,f16,int8"

enum bench_mode {
	BENCH_STEP,     /* one step per call, the state carried on: what a live stream pays */
	BENCH_BLOCK,    /* 64 steps per call: an audio buffer */
	BENCH_SEQUENCE, /* 100 steps per call */
	BENCH_BATCH,    /* 50 steps per call of several streams in lockstep */
	BENCH_STACK,    /* two bidirectional layers over a whole sequence, from zero state */
	BENCH_STREAMS,  /* independent states of one model in turn, one step per call */
	BENCH_DECAY,    /* steps whose inputs and states are denormal or nearly so */
	BENCH_SETUP,    /* no steps: the weights made into a model */
	BENCH_MODES
};

struct bench_case {
	enum bench_mode mode;
	int input, hidden, layers, directions;
	int projection; /* or 0; no peer has one */
	int batch;   /* streams in lockstep */
	int steps;   /* per call */
	int streams; /* states that take turns, call by call */
};

/* The same weights for everybody, part = layer * directions + direction: w[4 * hidden][width],
 * u[4 * hidden][recurrent], b[4 * hidden], gates in the order i f g o, and with a projection
 * p[recurrent][hidden]. */
struct bench_net {
	const float *w[BENCH_PARTS], *u[BENCH_PARTS], *b[BENCH_PARTS], *p[BENCH_PARTS];
	float low, high; /* what x and h stay in, for who quantizes both by one scale set beforehand */
};

struct bench_engine {
	const char *name;        /* "lstm.h", or the peer's */
	const char *isa;         /* "avx2"; of a peer "own", which chooses for itself */
	const char *activations; /* "builtin", "sleef"; of a peer "own" */
	const char *dtype;       /* of the weights: one of BENCH_DTYPES */
	const char *version;
	int code; /* of the instruction set, for create */
	/* A handle in zero state, or NULL with the reason in why[size]. */
	void *(*create)(const struct bench_engine *engine, const struct bench_case *shape,
	                const struct bench_net *net, char *why, size_t size);
	/* One call: x[steps][batch][input] to y[steps][batch][directions * recurrent], of the state
	 * 0 <= stream < streams.  A stack starts from zero state in every call. */
	void (*run)(void *handle, const float *x, float *y, int stream);
	void (*destroy)(void *handle);
	/* Make the model again, in the same memory; NULL if that cannot be told apart. */
	void (*setup)(void *handle);
	/* For an engine in another process, else NULL: count more calls, the ns of each into ns, or
	 * with ns NULL only their sum as the result.  Negative if the engine is gone. */
	double (*calls)(void *handle, long count, double *ns);
};

/* Floats per step of one stream. */
int bench_width(const struct bench_case *shape, int layer); /* input of a layer */
int bench_recurrent(const struct bench_case *shape);        /* h: the projection, or all units */
int bench_output(const struct bench_case *shape);

/* Zeroed memory at a multiple of 64 bytes, in huge pages where it is large and the system has them;
 * NULL if there is none.  Released with free. */
void *bench_alloc(size_t bytes);

/* The next of a fixed sequence of numbers in [-1, 1). */
float bench_random(unsigned long long *state);

#ifdef __cplusplus
}
#endif

#endif
