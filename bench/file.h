/* A file that is written whole or not at all. */
#ifndef LSTM_BENCH_FILE_H
#define LSTM_BENCH_FILE_H

#include <stdio.h>

struct bench_file {
	FILE *stream;
	const char *path;
	char *temporary; /* NULL: standard output, a pipe or a device, which cannot be renamed */
};

/* "-" is standard output.  0 and errno if it cannot be written. */
int bench_file_open(struct bench_file *file, const char *path);

/* Under its own name from now on.  0 and errno if that failed, and nothing is left behind. */
int bench_file_close(struct bench_file *file);

#endif
