/* What lstm compare gathers and reports. */
#ifndef LSTM_TOOL_COMPARE_H
#define LSTM_TOOL_COMPARE_H

#include "errors.h"
#include "lstm.h"
#include "npy.h"
#include "sequence.h"

struct compare_options {
	const char *model, *y, *layer_y, *hn, *cn, *prefix;
	lstm_dtype dtype;
	double tolerance; /* negative: to be found */
	struct sequence_files files;
};

/* One model that runs beside the others: an instruction set, or in the last place the network
 * moved, whose errors are against the first. */
struct compare_runner {
	lstm_model *model;
	lstm_state *state;
	float *y, *h, *c;
	struct errors y_errors, *h_errors, *c_errors; /* one for each layer and direction */
};

/* One layer's outputs: those of the network up to it, which other programs can run and record. */
struct compare_layer {
	char *path; /* of the recorded y */
	struct npy_reader y;
	float *recorded; /* of a piece */
	struct compare_runner runners[LSTM_ISA_COUNT];
};

struct comparison {
	struct sequence sequence;
	struct compare_layer *layers; /* the last is the model's */
	int layer_count;
	int count, moved; /* runners of each, and whether the last one is moved */
	float *recorded_h, *recorded_c; /* final ones, or NULL */
};

struct compare_layer *compare_last(const struct comparison *k);

/* Print it all; an exit status. */
int compare_report(const struct comparison *k, const struct compare_options *o);

#endif
