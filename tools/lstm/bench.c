/* lstm bench: the benchmark of bench/, for shapes or for that of a model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "common.h"
#ifdef LSTM_CLI_BENCH
#include "../../bench/command.h"
#endif

/* ---- the model ------------------------------------------------------------------------------- */
/* Take the option and its value out of the arguments. */
static const char *take_prefix(int *argc, char **argv)
{
	const char *prefix = NULL;
	int i, kept = 0;

	for (i = 0; i < *argc; i++)
		if (!prefix && strcmp(argv[i], "--prefix") == 0 && i + 1 < *argc)
			prefix = argv[++i];
		else
			argv[kept++] = argv[i];
	*argc = kept;
	return prefix;
}

/* INPUTxHIDDEN of the model's first layer; an exit status or CLI_GO_ON. */
static int read_shape(const char *path, const char *prefix, char *shape, size_t size)
{
	lstm_load_args args = {prefix, LSTM_ISA_SCALAR, LSTM_DTYPE_OTHER};
	lstm_file *file = cli_file(path);
	const lstm_weights *weights;
	lstm_desc desc;
	lstm_error error;
	lstm_status status;

	if (!file)
		return CLI_FAILED;
	status = lstm_file_lstm(file, &args, &desc, &weights, &error);
	if (status == LSTM_OK)
		snprintf(shape, size, "%dx%d", desc.input, desc.hidden);
	else
		cli_complain("%s", error.text);
	lstm_file_close(file);
	return status == LSTM_OK ? CLI_GO_ON : CLI_FAILED;
}

/* ---- the benchmark --------------------------------------------------------------------------- */
#ifdef LSTM_CLI_BENCH
static int measure(int argc, char **argv)
{
	return bench_command(argc, argv);
}

static int help(void)
{
	static char program[] = "lstm bench", option[] = "--help";
	char *argv[] = {program, option, NULL};

	bench_command(2, argv);
	printf("\nlstm bench MODEL [--prefix P] [OPTION]... measures the shape of the first layer "
	       "of "
	       "a\nmodel instead.  lstm-bench, built beside this, has the peers.\n");
	return cli_finish();
}
#else
static int measure(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	cli_complain("bench: expected a build with -Dbench=enabled, found one without");
	return CLI_FAILED;
}

static int help(void)
{
	printf("usage: lstm bench [OPTION]...\n"
	       "This build is without the benchmark, which -Dbench=enabled brings (--help lists "
	       "its\n"
	       "options then).\n");
	return cli_finish();
}
#endif

/* The arguments with MODEL, the first, replaced by its shape. */
static int measure_model(int argc, char **argv)
{
	static char option[] = "--shape";
	const char *prefix = take_prefix(&argc, argv);
	char shape[40], **all;
	int i, status = read_shape(argv[1], prefix, shape, sizeof(shape));

	if (status != CLI_GO_ON)
		return status;
	for (i = 2; i < argc; i++)
		if (strcmp(argv[i], option) == 0) {
			cli_complain("--shape: expected none beside a model, found one");
			return CLI_MISUSED;
		}
	all = malloc(((size_t)argc + 2) * sizeof(*all));
	if (!all) {
		cli_no_memory("bench", "its options");
		return CLI_FAILED;
	}
	memcpy(all, argv, (size_t)argc * sizeof(*all));
	all[1] = option;
	memmove(all + 3, all + 2, ((size_t)argc - 2) * sizeof(*all));
	all[2] = shape;
	all[argc + 1] = NULL;
	status = measure(argc + 1, all);
	free(all);
	return status;
}

int command_bench(int argc, char **argv)
{
	static char program[] = "lstm bench";
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help();
	argv[0] = program; /* in messages */
	return argc > 1 && argv[1][0] != '-' ? measure_model(argc, argv) : measure(argc, argv);
}
