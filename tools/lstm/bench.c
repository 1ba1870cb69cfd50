/* lstm bench: the benchmark of bench/, for shapes or for a model. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "common.h"

#ifdef LSTM_CLI_BENCH
#include "../../bench/command.h"

static int usual(const lstm_activation *a)
{
	return (!a[0].function || a[0].function == LSTM_SIGMOID) &&
	       (!a[1].function || a[1].function == LSTM_TANH) &&
	       (!a[2].function || a[2].function == LSTM_TANH);
}

static const char *left_out(const lstm_desc *d, const lstm_weights *weights)
{
	if (usual(d->activations[0]) && usual(d->activations[1]) && !d->input_forget &&
	    !(d->clip > 0) && !(d->cell_clip > 0) && !weights->peephole)
		return NULL;
	return "without the model's activations, clips, coupled gates or peepholes, which cost "
	       "more";
}

static int find(const char *path, const char *prefix, struct bench_model *model)
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
	if (status == LSTM_OK) {
		model->input = desc.input;
		model->hidden = desc.hidden;
		model->layers = desc.layers;
		model->directions = desc.direction == LSTM_BIDIRECTIONAL ? 2 : 1;
		model->projection = desc.projection;
		model->dtype = cli_dtype_name(desc.dtype);
		model->note = left_out(&desc, weights);
	} else {
		cli_complain("%s", error.text);
	}
	lstm_file_close(file);
	return status == LSTM_OK ? CLI_GO_ON : CLI_FAILED;
}

int command_bench(int argc, char **argv)
{
	static const struct bench_host host = {"lstm bench [OPTION]... [MODEL]", find};
	static char program[] = "lstm"; /* in messages */
	int status;

	argv[0] = program;
	status = bench_command(argc, argv, &host);
	return status == CLI_DONE ? cli_finish() : status;
}
#else
int command_bench(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			printf("usage: lstm bench [OPTION]... [MODEL]\n"
			       "This build is without the benchmark, which -Dbench=enabled brings "
			       "(--help lists\n"
			       "its options then).\n");
			return cli_finish();
		}
	cli_complain("bench: expected a build with -Dbench=enabled, found one without");
	return CLI_FAILED;
}
#endif
