/* lstm compare: recorded outputs against those of every instruction set. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "common.h"
#include "compare.h"
#include "models.h"
#include "sensitivity.h"

static const char help[] =
	"usage: lstm compare [OPTION]... MODEL -i X.npy -y Y.npy\n"
	"Run X through the LSTM with every instruction set of this machine, and compare with "
	"outputs\n"
	"that another program recorded.  Exit status 1 if any is further off than the tolerance.\n"
	"\n"
	"  -i X.npy         as of lstm run\n"
	"  -y Y.npy         the recorded outputs, of the shape that lstm run would write\n"
	"  --hn F.npy       a recorded final h, [layers * directions, batch, output]\n"
	"  --cn F.npy       a recorded final c, [layers * directions, batch, hidden]\n"
	"  --tolerance T    the largest absolute difference that is taken\n"
	"  --h0 F.npy, --c0 F.npy, --lengths F.npy, --layout time|batch, --prefix P,\n"
	"  --dtype f32|bf16|f16|int8\n"
	"                   as of lstm run\n"
	"  --help           this\n"
	"\n"
	"Without --tolerance it is 6 times what the outputs move by when every weight is moved, "
	"at\n"
	"random, by sqrt(n) 2^-24 of itself, where n is the number of terms in a gate's sum, and "
	"every\n"
	"bias by 2^-21 more: what rounding comes to in an fp32 implementation that adds in "
	"another\n"
	"order and has coarser activations.  Another --dtype than f32, and models\n"
	"with layers of int8, need a --tolerance.\n";

static int read_options(struct compare_options *o, int argc, char **argv)
{
	const char *tolerance = NULL, *dtype = NULL;
	const struct cli_option known[] = {
		{"-i", &o->files.x, NULL},
		{"-y", &o->y, NULL},
		{"--hn", &o->hn, NULL},
		{"--cn", &o->cn, NULL},
		{"--tolerance", &tolerance, NULL},
		{"--h0", &o->files.h0, NULL},
		{"--c0", &o->files.c0, NULL},
		{"--lengths", &o->files.lengths, NULL},
		{"--layout", &o->files.layout, NULL},
		{"--prefix", &o->prefix, NULL},
		{"--dtype", &dtype, NULL},
		{NULL, NULL, NULL},
	};
	char *end;
	int status;

	memset(o, 0, sizeof(*o));
	o->tolerance = -1;
	status = cli_options(argc, argv, known, help, "MODEL", &o->model);
	if (status == CLI_GO_ON)
		status = cli_dtype(dtype, &o->dtype);
	if (status != CLI_GO_ON)
		return status;
	if (!o->files.x || !o->y) {
		cli_complain("compare: expected -i X.npy and -y Y.npy, found no %s",
		             o->files.x ? "-y" : "-i");
		return CLI_MISUSED;
	}
	if (tolerance) {
		o->tolerance = strtod(tolerance, &end);
		if (end == tolerance || *end || !(o->tolerance >= 0) || isinf(o->tolerance)) {
			cli_complain("--tolerance: expected a number of 0 or more, found \"%s\"",
			             tolerance);
			return CLI_MISUSED;
		}
	}
	return sequence_options(&o->files);
}

/* ---- the models ------------------------------------------------------------------------------ */
static int add_runner(struct comparison *k, const char *path, const lstm_desc *desc,
                      const lstm_weights *weights, int moved)
{
	struct compare_runner *r = &k->runners[k->count++];
	lstm_status status = moved ? sensitivity_model(&r->model, desc, weights, 1)
	                           : lstm_model_new(&r->model, desc, weights);

	if (status != LSTM_OK)
		cli_complain("%s: model for %s: %s", path, lstm_isa_name(desc->isa),
		             lstm_strerror(status));
	return status == LSTM_OK;
}

/* The fastest comes first, for the network moved runs with the same instructions. */
static int add_models(struct comparison *k, const struct compare_options *o)
{
	const lstm_load_args args = {o->prefix, LSTM_ISA_AUTO, o->dtype};
	lstm_file *file = cli_file(o->model);
	const lstm_weights *weights;
	lstm_desc desc;
	lstm_error error;
	int isa, good = 1;

	if (!file)
		return 0;
	if (lstm_file_lstm(file, &args, &desc, &weights, &error) != LSTM_OK) {
		cli_complain("%s", error.text);
		good = 0;
	} else if (o->tolerance < 0 &&
	           (model_has_dtype(&desc, LSTM_DTYPE_I8) || o->dtype > LSTM_DTYPE_F32)) {
		cli_complain("%s: expected a --tolerance for weights of %s, found none", o->model,
		             model_dtype_name(&desc));
		good = 0;
	}
	for (isa = LSTM_ISA_COUNT - 1; isa > LSTM_ISA_AUTO && good; isa--) {
		desc.isa = (lstm_isa)isa;
		if (lstm_isa_supported(desc.isa))
			good = add_runner(k, o->model, &desc, weights, 0);
	}
	if (good && o->tolerance < 0) {
		desc.isa = lstm_isa_best();
		good = add_runner(k, o->model, &desc, weights, 1);
		k->moved = 1;
	}
	lstm_file_close(file);
	return good;
}

static int prepare_runner(struct comparison *k, struct compare_runner *r)
{
	const struct sequence *s = &k->sequence;
	size_t rows = s->states * s->batch;

	r->state = sequence_state(s, r->model);
	r->y = r->state ? sequence_room(s) : NULL;
	if (!r->y)
		return 0;
	r->h = malloc(rows * (s->h_size + s->c_size) * sizeof(*r->h));
	r->h_errors = calloc(2 * s->states, sizeof(*r->h_errors));
	if (!r->h || !r->h_errors) {
		cli_no_memory(s->reader.path, "its final state");
		return 0;
	}
	r->c = r->h + rows * s->h_size;
	r->c_errors = r->h_errors + s->states;
	return 1;
}

static void release(struct comparison *k)
{
	int i;

	for (i = 0; i < k->count; i++) {
		struct compare_runner *r = &k->runners[i];

		lstm_state_free(r->state);
		lstm_model_free(r->model);
		free(r->y);
		free(r->h);
		free(r->h_errors);
	}
	free(k->recorded_y);
	free(k->recorded_h);
	free(k->recorded_c);
	npy_close(&k->y);
	sequence_close(&k->sequence);
}

/* ---- the run --------------------------------------------------------------------------------- */
static int open_recorded(struct comparison *k, const struct compare_options *o)
{
	struct sequence *s = &k->sequence;
	char expected[NPY_SHAPE_TEXT], found[NPY_SHAPE_TEXT];
	size_t shape[3];

	if (s->steps == 0) {
		cli_complain("%s: shape: expected at least one step, found %s", s->reader.path,
		             npy_shape(found, s->rank, s->reader.shape));
		return 0;
	}
	if (!npy_open(&k->y, o->y, NPY_FLOATS))
		return 0;
	sequence_output_shape(s, shape);
	if (k->y.rank != s->rank || memcmp(k->y.shape, shape, (size_t)s->rank * sizeof(*shape))) {
		cli_complain("%s: shape: expected %s, as X and the model have it, found %s",
		             k->y.path, npy_shape(expected, s->rank, shape),
		             npy_shape(found, k->y.rank, k->y.shape));
		return 0;
	}
	if (sequence_runs(s) > 1 && !npy_spool(&k->y))
		return 0;
	k->recorded_y = sequence_room(s);
	if (o->hn)
		k->recorded_h = sequence_states(s, o->hn, s->h_size);
	if (o->cn)
		k->recorded_c = sequence_states(s, o->cn, s->c_size);
	return k->recorded_y && (!o->hn || k->recorded_h) && (!o->cn || k->recorded_c);
}

static int read_recorded(struct comparison *k)
{
	const struct sequence *s = &k->sequence;
	size_t run, first, count;
	float *to = k->recorded_y;

	for (run = 0; run < sequence_runs(s); run++, to += count) {
		first = sequence_run(s, run, s->output, &count);
		if (!npy_read_floats(&k->y, first, count, to))
			return 0;
	}
	return 1;
}

static void add_piece(struct comparison *k, int i)
{
	const struct sequence *s = &k->sequence;
	struct compare_runner *r = &k->runners[i];
	const float *expected = k->moved && i == k->count - 1 ? k->runners[0].y : k->recorded_y;
	const float *found = r->y;
	size_t run, first, count;

	for (run = 0; run < sequence_runs(s); run++, expected += count, found += count) {
		first = sequence_run(s, run, s->output, &count);
		errors_add(&r->y_errors, expected, found, first, count);
	}
}

/* Final states of a runner, a layer and direction at a time. */
static void add_states(struct comparison *k, int i)
{
	const struct sequence *s = &k->sequence;
	struct compare_runner *r = &k->runners[i];
	int moved = k->moved && i == k->count - 1;
	const float *h = moved ? k->runners[0].h : k->recorded_h;
	const float *c = moved ? k->runners[0].c : k->recorded_c;
	size_t n, h_count = s->batch * s->h_size, c_count = s->batch * s->c_size;

	lstm_state_get(r->state, r->h, r->c);
	for (n = 0; n < s->states; n++) {
		if (k->recorded_h)
			errors_add(&r->h_errors[n], h + n * h_count, r->h + n * h_count, 0,
			           h_count);
		if (k->recorded_c)
			errors_add(&r->c_errors[n], c + n * c_count, r->c + n * c_count, 0,
			           c_count);
	}
}

static int run_all(struct comparison *k)
{
	struct sequence *s = &k->sequence;
	int i, more;

	while ((more = sequence_next(s)) > 0) {
		cli_progress("lstm compare", s->done, s->steps);
		if (!read_recorded(k))
			return 0;
		for (i = 0; i < k->count; i++) {
			s->args.y = k->runners[i].y;
			if (lstm_run_with(k->runners[i].state, &s->args) != LSTM_OK) {
				cli_complain("%s: expected sizes that memory can hold",
				             s->reader.path);
				return 0;
			}
			add_piece(k, i);
		}
	}
	cli_progress_end();
	for (i = 0; i < k->count && more == 0; i++)
		add_states(k, i);
	return more == 0;
}

int command_compare(int argc, char **argv)
{
	struct compare_options o;
	struct comparison k;
	int status = read_options(&o, argc, argv), i, good;

	if (status != CLI_GO_ON)
		return status;
	memset(&k, 0, sizeof(k));
	k.y.file = k.sequence.reader.file = -1;
	good = add_models(&k, &o) && sequence_open(&k.sequence, &o.files, k.runners[0].model) &&
	       open_recorded(&k, &o);
	for (i = 0; i < k.count && good; i++)
		good = prepare_runner(&k, &k.runners[i]);
	status = good && run_all(&k) ? compare_report(&k, &o) : CLI_FAILED;
	release(&k);
	return status;
}
