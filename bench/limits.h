/* What the machine can do, measured: never constants.  Each function takes one sample of about half
 * a millisecond and answers a rate or a time; who asks repeats it and takes medians. */
#ifndef LSTM_BENCH_LIMITS_H
#define LSTM_BENCH_LIMITS_H

#include <stddef.h>

/* Loops over registers and memory, for one vector width; see limits_vector.h. */
struct bench_vector {
	const char *name;    /* "avx2": the instruction set as lstm_isa_name says it */
	int lanes;           /* floats per vector */
	long (*fma)(long n); /* each answers how many operations it did (2 per multiply-add) ... */
	long (*still)(long n);
	long (*cells)(long n); /* ... or units whose gates it activated ... */
	long (*chain)(long n); /* ... or cells, each waiting for the one before ... */
	long (*read)(const void *data, size_t bytes, long n); /* ... or bytes it read */
};

/* Multiply-add into 32-bit sums, of int8 or bf16 pairs, of vectors or of matrices. */
struct bench_dot {
	const char *name; /* "int8 vpdpbusd 256" */
	const char *dtype;
	const char *isa; /* whose vectors it belongs to, as lstm_isa_name says it */
	long (*dot)(long n); /* operations, 2 per multiply-add */
	int rows; /* of x or h that it multiplies at a time */
};

/* AMX's, of 16 rows: see bench_dot; whether they run here. */
long bench_amx_int8(long n);
long bench_amx_bf16(long n);
int bench_amx_runs(int bf16);

/* What this build and this CPU have, NULL past the last; widest vectors last. */
const struct bench_vector *bench_vector_at(int index);
const struct bench_vector *bench_vector_named(const char *name); /* or NULL */
const struct bench_dot *bench_dot_at(int index);

/* fp32 operations per ns, 2 per FMA: of a product of matrices in the first cache, and of numbers in
 * registers that stay the same, with which some CPUs keep a higher clock. */
double bench_limit_fma(const struct bench_vector *v);
double bench_limit_still(const struct bench_vector *v);
double bench_limit_cell(const struct bench_vector *v);  /* ns per unit: gates to h, throughput */
double bench_limit_chain(const struct bench_vector *v); /* ns from gates to h to the next gates */
double bench_limit_dot(const struct bench_dot *d);      /* operations per ns */

/* ns to read the whole buffer once, of many times over. */
double bench_limit_read(const struct bench_vector *v, const void *data, size_t bytes);
/* ns to copy it once with memcpy, likewise; the fastest of several samples. */
double bench_limit_copy(void *to, const void *data, size_t bytes);

#endif
