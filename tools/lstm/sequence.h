/* The sequence that a command runs through models: opened, checked against the model, and read in
 * pieces that take little memory, or whole where the model needs that. */
#ifndef LSTM_TOOL_SEQUENCE_H
#define LSTM_TOOL_SEQUENCE_H

#include "lstm.h"
#include "npy.h"

/* What the command line names; NULL is the default. */
struct sequence_files {
	const char *x, *h0, *c0, *lengths, *layout;
	lstm_order order;
};

/* Settle the order by the layout: CLI_GO_ON or an exit status. */
int sequence_options(struct sequence_files *files);

struct sequence {
	struct npy_reader reader;
	int rank; /* of x: 3, or 2 for one stream */
	lstm_order order;
	size_t steps, batch, input;
	size_t output;         /* floats per row of y */
	size_t states, h_size; /* layers * directions, and floats of h in one of them */
	size_t c_size;
	size_t piece;       /* most steps in one */
	size_t done;        /* steps before the present piece */
	lstm_run_args args; /* the present piece; y is the caller's to set */
	float *x, *h0, *c0;
	int64_t *lengths; /* or NULL */
	size_t *left;     /* of the lengths, for the present piece */
};

/* 0 after a complaint, and the sequence is as closed. */
int sequence_open(struct sequence *s, const struct sequence_files *files, const lstm_model *model);
void sequence_close(struct sequence *s);

/* A state with h0 and c0 set; NULL after a complaint. */
lstm_state *sequence_state(const struct sequence *s, const lstm_model *model);

/* Read h or c of all layers, of this size in one: [states][batch][size]; NULL after a complaint. */
float *sequence_states(const struct sequence *s, const char *path, size_t size);

/* Room for the y of one piece; NULL after a complaint. */
float *sequence_room(const struct sequence *s);

/* From the first piece again; for readers whose parts can be read in any order. */
void sequence_again(struct sequence *s);

/* Read the next piece into args: 1, or 0 at the end.  Negative after a complaint. */
int sequence_next(struct sequence *s);

/* The present piece of an array of rows, of x or of y, is this many runs of elements in the file;
 * in memory they follow each other. */
size_t sequence_runs(const struct sequence *s);
size_t sequence_run(const struct sequence *s, size_t run, size_t row, size_t *count);

/* The shape of y in shape[3]; its rank is that of x. */
void sequence_output_shape(const struct sequence *s, size_t *shape);

#endif
