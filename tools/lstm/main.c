/* lstm: look at, run, compare, quantize and embed trained LSTMs. */
#define LSTM_IMPLEMENTATION
#include "lstm.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "common.h"

static const struct cli_command commands[] = {
	{"info", "describe the LSTMs of a file", command_info},
	{"run", "run a sequence through a model", command_run},
	{"compare", "compare recorded outputs with those of every instruction set",
         command_compare},
	{"embed", "write a model as a C header", command_embed},
	{"quantize", "write a file with a model's matrices in fewer bits", command_quantize},
	{"bench", "measure this machine", command_bench},
	{"digest", "print the digests of this machine's results", command_digest},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help(void)
{
	int i;

	printf("usage: lstm COMMAND [OPTION]...\n"
	       "Look at and run the LSTMs of safetensors files.\n\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-8s  %s\n", commands[i].name, commands[i].about);
	printf("\nlstm COMMAND --help explains each.  Exit status: 0 done, 1 bad input or a\n"
	       "difference, 2 wrong use.\n");
	return cli_finish();
}

static int version(void)
{
	printf("lstm %d.%d.%d\n", LSTM_VERSION / 10000, LSTM_VERSION / 100 % 100,
	       LSTM_VERSION % 100);
	return cli_finish();
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	int i;

	if (!name) {
		cli_complain("expected a command, found none; lstm --help lists them");
		return CLI_MISUSED;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return help();
	if (strcmp(name, "--version") == 0)
		return version();
	for (i = 0; i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	cli_complain("%s: expected a command that lstm --help lists", name);
	return CLI_MISUSED;
}
