/* Files that are written whole or not at all: under a temporary name beside their own, which they
 * get when everything is done.  A signal that ends the program removes what is not done. */
#ifndef LSTM_TOOL_OUTPUT_H
#define LSTM_TOOL_OUTPUT_H

#include <stdio.h>

struct output {
	FILE *stream;
	const char *path;        /* for messages */
	char *final, *temporary; /* NULL: what cannot be renamed, as a pipe or a device, is */
	FILE *direct;            /* written itself, by way of a spool if not in order */
};

/* Open for writing; "-" is standard output.  With seeks, the stream can be positioned.  0 after a
 * complaint, and the output is as closed. */
int output_open(struct output *o, const char *path, int seeks);

/* Everything is written: what is left is output_keep, which only renames.  0 after a complaint. */
int output_close(struct output *o);
int output_keep(struct output *o);

void output_drop(struct output *o);        /* whatever the state; after output_keep only tidies */
int output_failed(const struct output *o); /* complains that it cannot be written; answers 0 */

#endif
