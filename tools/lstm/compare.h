/* What lstm compare gathers and reports. */
#ifndef LSTM_TOOL_COMPARE_H
#define LSTM_TOOL_COMPARE_H

#include "errors.h"
#include "lstm.h"
#include "npy.h"
#include "sequence.h"

struct compare_options {
	const char *model, *y, *hn, *cn, *prefix;
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

struct comparison {
	struct sequence sequence;
	struct npy_reader y;
	struct compare_runner runners[LSTM_ISA_COUNT];
	int count, moved; /* runners, and whether the last one is moved */
	float *recorded_y, *recorded_h, *recorded_c; /* of a piece, and final ones or NULL */
};

/* Print it all; an exit status. */
int compare_report(const struct comparison *k, const struct compare_options *o);

#endif
