/* Arrays in numpy's .npy format, version 1, 2 or 3, read and written by parts.  "-" is standard
 * input or output. */
#ifndef LSTM_TOOL_NPY_H
#define LSTM_TOOL_NPY_H

#include <stdint.h>
#include <sys/types.h>

#include "output.h"

enum { NPY_RANK = 4 }; /* more dimensions are refused */

enum npy_kind {
	NPY_FLOATS, /* float32 or float64 */
	NPY_WHOLES  /* int32 or int64 */
};

struct npy_reader {
	const char *path; /* for messages */
	int file;
	int seeks; /* parts can be read in any order */
	size_t size; /* bytes of an element: 4 or 8 */
	int rank;
	size_t shape[NPY_RANK], count;
	off_t data; /* where the elements begin */
};

/* Each answers 0 after a complaint. */
int npy_open(struct npy_reader *r, const char *path, enum npy_kind kind);
int npy_spool(struct npy_reader *r); /* from now on parts can be read in any order */
int npy_read_floats(struct npy_reader *r, size_t first, size_t count, float *values);
int npy_read_wholes(struct npy_reader *r, size_t first, size_t count, int64_t *values);
void npy_close(struct npy_reader *r);

/* "[3, 4]", in a buffer of this size. */
enum { NPY_SHAPE_TEXT = 120 };
const char *npy_shape(char *text, int rank, const size_t *shape);

struct npy_writer {
	struct output output;
	off_t data;
};

/* float32.  Without seeks the parts have to come in order.  Close, keep and drop the output. */
int npy_create(struct npy_writer *w, const char *path, int rank, const size_t *shape, int seeks);
int npy_write(struct npy_writer *w, size_t first, size_t count, const float *values);

#endif
