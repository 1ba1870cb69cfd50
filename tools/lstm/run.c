/* lstm run: a sequence through a model. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "common.h"
#include "npy.h"
#include "sequence.h"

static const char help[] =
	"usage: lstm run [OPTION]... MODEL -i X.npy -o Y.npy\n"
	"Run a sequence through the LSTM of a safetensors file.\n"
	"\n"
	"  -i X.npy         [steps, batch, input] or [steps, input], float32 or float64\n"
	"  -o Y.npy         the outputs: [steps, batch, directions * output] or without the\n"
	"                   batch, as X is; float32\n"
	"  --h0 F.npy       the initial h: [layers * directions, batch, output] (zero)\n"
	"  --c0 F.npy       the initial c: [layers * directions, batch, hidden] (zero)\n"
	"  --hn F.npy       write the final h here\n"
	"  --cn F.npy       write the final c here\n"
	"  --lengths F.npy  steps of each stream: [batch], int32 or int64 (all of X).  Y is zero\n"
	"                   past them, and the final h and c are those of the last valid step\n"
	"  --layout time|batch\n"
	"                   time: X and Y are [steps, batch, ...]; batch: [batch, steps, ...] "
        "(time)\n"
	"  --prefix P       of the LSTM's names in MODEL, where there is more than one\n"
	"  --isa auto|scalar|neon|avx2|avx512|simd128\n"
	"                   (auto: LSTM_ISA in the environment, or the best of this CPU)\n"
	"  --dtype f32|bf16|f16|int8\n"
	"                   what the weights are kept as, rounded where MODEL has more (as MODEL\n"
	"                   has each layer: bf16, f16 or int8 if all its matrices are, else f32)\n"
	"  --help           this\n"
	"\n"
	"For X and Y - is standard input and output.  A model of forward direction alone is run "
        "in\n"
	"pieces, in memory that does not grow with the steps; any other needs all of X at once.\n";

struct options {
	const char *model, *y, *hn, *cn, *prefix;
	lstm_isa isa;
	lstm_dtype dtype;
	struct sequence_files files;
};

static int read_options(struct options *o, int argc, char **argv)
{
	const char *isa = NULL, *dtype = NULL;
	const struct cli_option known[] = {
		{"-i", &o->files.x, NULL},
		{"-o", &o->y, NULL},
		{"--h0", &o->files.h0, NULL},
		{"--c0", &o->files.c0, NULL},
		{"--hn", &o->hn, NULL},
		{"--cn", &o->cn, NULL},
		{"--lengths", &o->files.lengths, NULL},
		{"--layout", &o->files.layout, NULL},
		{"--prefix", &o->prefix, NULL},
		{"--isa", &isa, NULL},
		{"--dtype", &dtype, NULL},
		{NULL, NULL, NULL},
	};
	const char *outputs[3];
	int status;

	memset(o, 0, sizeof(*o));
	status = cli_options(argc, argv, known, help, "MODEL", &o->model);
	if (status == CLI_GO_ON)
		status = cli_dtype(dtype, &o->dtype);
	if (status == CLI_GO_ON)
		status = cli_isa(isa, &o->isa);
	if (status != CLI_GO_ON)
		return status;
	if (!o->files.x || !o->y) {
		cli_complain("run: expected -i X.npy and -o Y.npy, found no %s",
		             o->files.x ? "-o" : "-i");
		return CLI_MISUSED;
	}
	outputs[0] = o->y;
	outputs[1] = o->hn;
	outputs[2] = o->cn;
	status = cli_different(outputs, 3, NULL);
	return status == CLI_GO_ON ? sequence_options(&o->files) : status;
}

/* What a run writes; absent ones have no stream. */
struct results {
	struct npy_writer y, h, c;
};

static int create(struct results *r, const struct options *o, const struct sequence *s)
{
	size_t y[3], h[3] = {s->states, s->batch, s->h_size},
		     c[3] = {s->states, s->batch, s->c_size};
	int seeks = s->order == LSTM_BATCH_MAJOR && s->piece < s->steps;

	sequence_output_shape(s, y);
	return npy_create(&r->y, o->y, s->rank, y, seeks) &&
	       (!o->hn || npy_create(&r->h, o->hn, 3, h, 0)) &&
	       (!o->cn || npy_create(&r->c, o->cn, 3, c, 0));
}

static int run_pieces(struct sequence *s, lstm_state *state, float *y, struct npy_writer *to)
{
	size_t run, first, count;
	const float *from;
	int more;

	s->args.y = y;
	while ((more = sequence_next(s)) > 0) {
		cli_progress("lstm run", s->done, s->steps);
		if (lstm_run_with(state, &s->args) != LSTM_OK) {
			cli_complain("%s: expected sizes that memory can hold", s->reader.path);
			return 0;
		}
		from = y;
		for (run = 0; run < sequence_runs(s); run++, from += count) {
			first = sequence_run(s, run, s->output, &count);
			if (!npy_write(to, first, count, from))
				return 0;
		}
	}
	cli_progress_end();
	return more == 0;
}

static int write_states(const struct sequence *s, const lstm_state *state, struct results *r)
{
	size_t h_count = s->states * s->batch * s->h_size;
	size_t c_count = s->states * s->batch * s->c_size;
	float *h, *c;
	int good;

	if (!r->h.output.stream && !r->c.output.stream)
		return 1;
	h = malloc((h_count + c_count) * sizeof(*h));
	if (!h) {
		cli_no_memory(s->reader.path, "the final state");
		return 0;
	}
	c = h + h_count;
	lstm_state_get(state, h, c);
	good = (!r->h.output.stream || npy_write(&r->h, 0, h_count, h)) &&
	       (!r->c.output.stream || npy_write(&r->c, 0, c_count, c));
	free(h);
	return good;
}

static int finish(struct results *r)
{
	struct output *all[3] = {&r->y.output, &r->h.output, &r->c.output};
	int i;

	for (i = 0; i < 3; i++)
		if (all[i]->stream && !output_close(all[i]))
			return 0;
	for (i = 0; i < 3; i++)
		if (!output_keep(all[i]))
			return 0;
	return 1;
}

static int run(const struct options *o, struct sequence *s, const lstm_model *model)
{
	struct results results;
	lstm_state *state = sequence_state(s, model);
	float *y = sequence_room(s);
	int good = 0;

	memset(&results, 0, sizeof(results));
	if (state && y)
		good = create(&results, o, s) && run_pieces(s, state, y, &results.y) &&
		       write_states(s, state, &results) && finish(&results);
	output_drop(&results.y.output);
	output_drop(&results.h.output);
	output_drop(&results.c.output);
	free(y);
	lstm_state_free(state);
	return good;
}

int command_run(int argc, char **argv)
{
	struct options o;
	struct sequence s;
	lstm_model *model;
	int status = read_options(&o, argc, argv);

	if (status != CLI_GO_ON)
		return status;
	status = CLI_FAILED;
	model = cli_model(o.model, o.prefix, o.isa, o.dtype);
	if (model && sequence_open(&s, &o.files, model)) {
		if (run(&o, &s, model))
			status = CLI_DONE;
		sequence_close(&s);
	}
	lstm_model_free(model);
	return status;
}
