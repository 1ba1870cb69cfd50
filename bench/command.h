/* The benchmark as a command: what bench/main.c calls, and other programs may. */
#ifndef LSTM_BENCH_COMMAND_H
#define LSTM_BENCH_COMMAND_H

/* What is measured of a model: its weights are others, of the same sizes. */
struct bench_model {
	int input, hidden, layers, directions, projection; /* 0: without a projection */
	const char *dtype; /* of its weights: "f32", "bf16", "f16" or "int8" */
	const char *note;  /* what of the model is left out; or NULL */
};

/* How another program knows models: find fills in the one of this file and prefix, which may be
 * NULL, and answers a negative number, or an exit status after a complaint. */
struct bench_host {
	const char *usage; /* "lstm bench [OPTION]... [MODEL]" */
	int (*find)(const char *path, const char *prefix, struct bench_model *model);
};

/* As main: argv[0] is the program's name in messages.  host is NULL if there are only shapes.  Exit
 * status 0, 1 for a failure, 2 for a wrong use. */
int bench_command(int argc, char **argv, const struct bench_host *host);

#endif
