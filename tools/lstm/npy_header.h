/* The header of a .npy file: a magic string, a version, a length, and a Python dictionary. */
#ifndef LSTM_TOOL_NPY_HEADER_H
#define LSTM_TOOL_NPY_HEADER_H

#include "npy.h"

enum {
	NPY_HEADER_START = 12,   /* bytes up to the text, version 2 or 3; version 1 has 10 */
	NPY_HEADER_WHY = 400,    /* bytes of a message: "what: expected, found" */
	NPY_HEADER_WRITTEN = 256 /* bytes of a header of ours, at most */
};

/* Bytes before the text, and in *text how long it is; 0 and why not. */
size_t npy_header_begins(const unsigned char *start, size_t bytes, size_t *text, char *why);

/* Kind, size, rank, shape and count of what the text describes; 0 and why not. */
int npy_header_read(struct npy_reader *r, const char *text, enum npy_kind kind, char *why);

/* Version 1, for float32 in C order; its size. */
size_t npy_header_write(char *header, int rank, const size_t *shape);

#endif
