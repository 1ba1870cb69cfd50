/* Tensors and metadata of a safetensors file, with a sentence for what is not as expected. */
#ifndef LSTM_AMP_TENSORS_H
#define LSTM_AMP_TENSORS_H

#include "lstm.h"

/* What is being read, and where to say what is wrong with it: error[size], without the program's
 * name. */
struct source {
	lstm_file *file;
	const char *path;
	char *error;
	size_t size;
};

/* 0, for the caller to answer with. */
__attribute__((format(printf, 2, 3))) int source_fail(const struct source *from, const char *format,
                                                      ...);

/* A tensor of this shape as floats, to be freed; b is not used if rank is 1, and a size of 0 stands
 * for any.  NULL: refused, and said why. */
float *source_tensor(const struct source *from, const char *name, int rank, size_t a, size_t b);

/* Leave *value as it is if the file has no such key.  0: refused, and said why. */
int source_number(const struct source *from, const char *key, double least, double most,
                  double *value);

#endif
