/* The command line. */
#ifndef LSTM_BENCH_OPTIONS_H
#define LSTM_BENCH_OPTIONS_H

#include "cases.h"
#include "measure.h"

struct bench_options {
	const char *program;
	struct bench_grid grid;
	struct bench_effort effort;
	const char *isas, *activations, *peers; /* lists; NULL: all that can run */
	const char *dtypes;                     /* a list of BENCH_DTYPES; NULL: the usual */
	const char *json, *plot;
	int cpu; /* -1: the present one, -2: do not pin */
	int list, accuracy;
	const char *path;          /* of the model, or NULL */
	const char *net, *input;   /* files whose accuracy is asked for, both or neither */
	const char *prefix;        /* of the names in path or net, or NULL */
	struct bench_model model;  /* grid.model points here if there is one */
};

/* -1: go on; else exit with this status, all that is to be said has been. */
int bench_options_read(struct bench_options *options, int argc, char **argv,
                       const struct bench_host *host);

/* Whether a comma-separated list has the name. */
int bench_listed(const char *list, const char *name);

#endif
