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
	"  --layer-y F%.npy\n"
	"                   the recorded outputs of every layer but the last, as Y would be if the\n"
	"                   model ended there; % stands for the layer's number, from 0\n"
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
		{"--layer-y", &o->layer_y, NULL},
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
	if (o->layer_y && (!strchr(o->layer_y, '%') ||
	                   strchr(o->layer_y, '%') != strrchr(o->layer_y, '%'))) {
		cli_complain("--layer-y: expected a name with one %% for the layer's number, found "
		             "\"%s\"",
		             o->layer_y);
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
struct compare_layer *compare_last(const struct comparison *k)
{
	return &k->layers[k->layer_count - 1];
}

/* The runners of this number in all layers. */
static int add_runners(struct comparison *k, const char *path, const lstm_desc *desc,
                       const lstm_weights *weights, int moved)
{
	lstm_status status;
	int layer;

	for (layer = 0; layer < k->layer_count; layer++) {
		lstm_model **model = &k->layers[layer].runners[k->count].model;
		lstm_desc part = *desc;

		part.layers = desc->layers - k->layer_count + 1 + layer;
		status = moved ? sensitivity_model(model, &part, weights, 1)
		               : lstm_model_new(model, &part, weights);
		if (status != LSTM_OK) {
			cli_complain("%s: model for %s: %s", path, lstm_isa_name(desc->isa),
			             lstm_strerror(status));
			return 0;
		}
	}
	k->count++;
	return 1;
}

/* The layer's number in place of the %. */
static char *layer_path(const char *pattern, int layer)
{
	size_t before = strcspn(pattern, "%"), room = strlen(pattern) + 12;
	char *path = malloc(room);

	if (path)
		snprintf(path, room, "%.*s%d%s", (int)before, pattern, layer, pattern + before + 1);
	return path;
}

static int add_layers(struct comparison *k, const struct compare_options *o, int layers)
{
	int layer;

	if (o->layer_y && layers == 1) {
		cli_complain("--layer-y: expected a model of more than one layer, found one in %s",
		             o->model);
		return 0;
	}
	k->layers = calloc((size_t)layers, sizeof(*k->layers));
	for (layer = o->layer_y ? 0 : layers - 1; k->layers && layer < layers; layer++) {
		struct compare_layer *l = &k->layers[k->layer_count++];

		l->y.file = -1;
		l->path = layer == layers - 1 ? strdup(o->y) : layer_path(o->layer_y, layer);
		if (!l->path)
			break;
	}
	if (!k->layers || layer < layers)
		cli_no_memory(o->model, "its layers");
	return k->layers && layer == layers;
}

/* The fastest comes first, for the network moved runs with the same instructions. */
static int add_models(struct comparison *k, const struct compare_options *o, const lstm_desc *given,
                      const lstm_weights *weights)
{
	lstm_desc desc = *given;
	int isa;

	for (isa = LSTM_ISA_COUNT - 1; isa > LSTM_ISA_AUTO; isa--) {
		desc.isa = (lstm_isa)isa;
		if (lstm_isa_supported(desc.isa) &&
		    !add_runners(k, o->model, &desc, weights, 0))
			return 0;
	}
	if (o->tolerance >= 0)
		return 1;
	desc.isa = lstm_isa_best();
	k->moved = 1;
	return add_runners(k, o->model, &desc, weights, 1);
}

static int read_models(struct comparison *k, const struct compare_options *o)
{
	const lstm_load_args args = {o->prefix, LSTM_ISA_AUTO, o->dtype};
	lstm_file *file = cli_file(o->model);
	const lstm_weights *weights;
	lstm_desc desc;
	lstm_error error;
	int good = 0;

	if (!file)
		return 0;
	if (lstm_file_lstm(file, &args, &desc, &weights, &error) != LSTM_OK)
		cli_complain("%s", error.text);
	else if (o->tolerance < 0 &&
	         (model_has_dtype(&desc, LSTM_DTYPE_I8) || o->dtype > LSTM_DTYPE_F32))
		cli_complain("%s: expected a --tolerance for weights of %s, found none", o->model,
		             model_dtype_name(&desc));
	else
		good = add_layers(k, o, desc.layers) && add_models(k, o, &desc, weights);
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

static void release_layer(struct compare_layer *l)
{
	int i;

	for (i = 0; i < LSTM_ISA_COUNT; i++) {
		struct compare_runner *r = &l->runners[i];

		lstm_state_free(r->state);
		lstm_model_free(r->model);
		free(r->y);
		free(r->h);
		free(r->h_errors);
	}
	free(l->recorded);
	npy_close(&l->y);
	free(l->path);
}

static void release(struct comparison *k)
{
	while (k->layer_count)
		release_layer(&k->layers[--k->layer_count]);
	free(k->layers);
	free(k->recorded_h);
	free(k->recorded_c);
	sequence_close(&k->sequence);
}

/* ---- the run --------------------------------------------------------------------------------- */
static int open_layer(const struct sequence *s, struct compare_layer *l)
{
	char expected[NPY_SHAPE_TEXT], found[NPY_SHAPE_TEXT];
	size_t shape[3];

	if (!npy_open(&l->y, l->path, NPY_FLOATS))
		return 0;
	sequence_output_shape(s, shape);
	if (l->y.rank != s->rank || memcmp(l->y.shape, shape, (size_t)s->rank * sizeof(*shape))) {
		cli_complain("%s: shape: expected %s, as X and the model have it, found %s",
		             l->y.path, npy_shape(expected, s->rank, shape),
		             npy_shape(found, l->y.rank, l->y.shape));
		return 0;
	}
	if (sequence_runs(s) > 1 && !npy_spool(&l->y))
		return 0;
	l->recorded = sequence_room(s);
	return l->recorded != NULL;
}

static int open_recorded(struct comparison *k, const struct compare_options *o)
{
	struct sequence *s = &k->sequence;
	char found[NPY_SHAPE_TEXT];
	int layer;

	if (s->steps == 0) {
		cli_complain("%s: shape: expected at least one step, found %s", s->reader.path,
		             npy_shape(found, s->rank, s->reader.shape));
		return 0;
	}
	for (layer = 0; layer < k->layer_count; layer++)
		if (!open_layer(s, &k->layers[layer]))
			return 0;
	if (o->hn)
		k->recorded_h = sequence_states(s, o->hn, s->h_size);
	if (o->cn)
		k->recorded_c = sequence_states(s, o->cn, s->c_size);
	return (!o->hn || k->recorded_h) && (!o->cn || k->recorded_c);
}

static int read_recorded(const struct sequence *s, struct compare_layer *l)
{
	size_t run, first, count;
	float *to = l->recorded;

	for (run = 0; run < sequence_runs(s); run++, to += count) {
		first = sequence_run(s, run, s->output, &count);
		if (!npy_read_floats(&l->y, first, count, to))
			return 0;
	}
	return 1;
}

static void add_piece(struct comparison *k, struct compare_layer *l, int i)
{
	const struct sequence *s = &k->sequence;
	struct compare_runner *r = &l->runners[i];
	const float *expected = k->moved && i == k->count - 1 ? l->runners[0].y : l->recorded;
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
	struct compare_runner *all = compare_last(k)->runners, *r = &all[i];
	int moved = k->moved && i == k->count - 1;
	const float *h = moved ? all[0].h : k->recorded_h;
	const float *c = moved ? all[0].c : k->recorded_c;
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

/* The present piece, through all runners of a layer. */
static int run_layer(struct comparison *k, struct compare_layer *l)
{
	struct sequence *s = &k->sequence;
	int i;

	if (!read_recorded(s, l))
		return 0;
	for (i = 0; i < k->count; i++) {
		s->args.y = l->runners[i].y;
		if (lstm_run_with(l->runners[i].state, &s->args) != LSTM_OK) {
			cli_complain("%s: expected sizes that memory can hold", s->reader.path);
			return 0;
		}
		add_piece(k, l, i);
	}
	return 1;
}

static int run_all(struct comparison *k)
{
	struct sequence *s = &k->sequence;
	int i, more;

	while ((more = sequence_next(s)) > 0) {
		cli_progress("lstm compare", s->done, s->steps);
		for (i = 0; i < k->layer_count; i++)
			if (!run_layer(k, &k->layers[i]))
				return 0;
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
	int status = read_options(&o, argc, argv), layer, i, good;

	if (status != CLI_GO_ON)
		return status;
	memset(&k, 0, sizeof(k));
	k.sequence.reader.file = -1;
	good = read_models(&k, &o) &&
	       sequence_open(&k.sequence, &o.files, compare_last(&k)->runners[0].model) &&
	       open_recorded(&k, &o);
	for (layer = 0; layer < k.layer_count; layer++)
		for (i = 0; i < k.count && good; i++)
			good = prepare_runner(&k, &k.layers[layer].runners[i]);
	status = good && run_all(&k) ? compare_report(&k, &o) : CLI_FAILED;
	release(&k);
	return status;
}
