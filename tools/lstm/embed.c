/* lstm embed: a model as a C header. */
#include "embed.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "commands.h"
#include "common.h"
#include "errors.h"
#include "output.h"
#include "sensitivity.h"

static const char help[] =
	"usage: lstm embed [OPTION]... MODEL -o model.h\n"
	"Write the LSTM as a header of C99 and C++11, for devices without a file system: its "
        "weights\n"
	"as constants, what lstm_model_init needs, and a self-test.\n"
	"\n"
	"  -o model.h       the header; - is standard output\n"
	"  --name N         what its identifiers begin with (the header's name without .h)\n"
	"  --prefix P       of the LSTM's names in MODEL, where there is more than one\n"
	"  --dtype f32|bf16|f16|int8\n"
	"                   what the model made of it keeps, as of lstm run, and what the constants\n"
	"                   are: 4, 2, 2 bytes or 1 for a weight, and 4 for each row of int8\n"
	"  --help           this\n"
	"\n"
	"The header's first comment says how to use it and what memory it takes.\n";

enum { NAME_MOST = 60 };

/* ---- the name -------------------------------------------------------------------------------- */
/* Letters, digits and underscores, a letter first, and not of the library's names, which its macros
 * have in capitals, as those here do. */
static int is_name(const char *name)
{
	size_t k;

	if (!isalpha((unsigned char)*name) || strncasecmp(name, "lstm", 4) == 0)
		return 0;
	for (k = 0; isalnum((unsigned char)name[k]) || name[k] == '_'; k++)
		;
	return name[k] == '\0' && k <= NAME_MOST;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *name_from_path(const char *path, char *name)
{
	const char *from = file_name(path);
	size_t size = strlen(from), k;

	if (size > 2 && strcmp(from + size - 2, ".h") == 0)
		size -= 2;
	if (size > NAME_MOST)
		size = NAME_MOST;
	for (k = 0; k < size; k++)
		name[k] = from[k];
	name[size] = '\0';
	for (k = 0; k < size; k++)
		if (!isalnum((unsigned char)name[k]))
			name[k] = '_';
	return is_name(name) ? name : "model";
}

/* ---- the self-test --------------------------------------------------------------------------- */
/* Where an activation lies on the edge between two int8 codes, rounding decides which it gets, and may
 * move the outputs by as much as a wrong weight would.  So several inputs are tried, until one has
 * none on the edge. */
enum { INPUTS = 8, MOVES = 4 };
static const double no_edge = 1e-4;

/* Multiples of 1/64 in +-1, which few digits write exactly. */
static void fill_test_input(float *x, size_t count, unsigned number)
{
	uint64_t seed = number;
	size_t k;

	for (k = 0; k < count; k++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		x[k] = ((float)(seed >> 57) - 63) / 64;
	}
}

static lstm_status run_test(const lstm_model *model, const struct embed *e, float *last)
{
	lstm_run_args args;
	lstm_state *state;
	lstm_status status = lstm_state_new(&state, model, 1, EMBED_STEPS);

	memset(&args, 0, sizeof(args));
	args.x = e->x;
	args.last = last;
	args.steps = EMBED_STEPS;
	if (status == LSTM_OK)
		status = lstm_run_with(state, &args);
	lstm_state_free(state);
	return status;
}

/* What the first model answers to this input, and how far rounding may take another one. */
static lstm_status try_input(struct embed *e, lstm_model *const models[1 + MOVES], unsigned number)
{
	const size_t output = (size_t)e->facts->output;
	struct errors errors;
	lstm_status status;
	int k;

	memset(&errors, 0, sizeof(errors));
	fill_test_input(e->x, EMBED_STEPS * (size_t)e->facts->desc.input, number);
	status = run_test(models[0], e, e->last);
	for (k = 1; k <= MOVES && status == LSTM_OK; k++) {
		status = run_test(models[k], e, e->last + output);
		errors_add(&errors, e->last, e->last + output, 0, output);
	}
	e->tolerance = sensitivity_tolerance(errors.max, errors.magnitude);
	return status;
}

static lstm_status choose_input(struct embed *e, lstm_model *const models[1 + MOVES])
{
	double least = INFINITY;
	unsigned number, best = 1;
	lstm_status status = LSTM_OK;

	for (number = 1; number <= INPUTS && status == LSTM_OK; number++) {
		status = try_input(e, models, number);
		if (e->tolerance < least) {
			least = e->tolerance;
			best = number;
		}
		if (least <= no_edge)
			break;
	}
	return status == LSTM_OK ? try_input(e, models, best) : status;
}

/* By the reference path. */
static lstm_status record_test(struct embed *e)
{
	lstm_desc desc = e->facts->desc;
	lstm_model *models[1 + MOVES] = {NULL};
	lstm_status status;
	unsigned k;

	desc.isa = LSTM_ISA_SCALAR;
	status = lstm_model_new(&models[0], &desc, e->facts->weights);
	for (k = 1; k <= MOVES && status == LSTM_OK; k++)
		status = sensitivity_model(&models[k], &desc, e->facts->weights, k);
	if (status == LSTM_OK)
		status = choose_input(e, models);
	for (k = 0; k <= MOVES; k++)
		lstm_model_free(models[k]);
	return status;
}

static int prepare(struct embed *e)
{
	size_t input = (size_t)e->facts->desc.input, output = (size_t)e->facts->output, k;
	lstm_status status = LSTM_ERR_MEMORY;

	e->x = malloc(EMBED_STEPS * input * sizeof(*e->x));
	e->last = malloc(2 * output * sizeof(*e->last));
	if (e->x && e->last)
		status = record_test(e);
	if (status != LSTM_OK)
		cli_complain("%s: self-test: %s", e->source, lstm_strerror(status));
	for (k = 0; k < output && status == LSTM_OK; k++)
		if (!isfinite(e->last[k]) || !isfinite(e->tolerance)) {
			cli_complain("%s: self-test: expected finite outputs, found others",
			             e->source);
			return 0;
		}
	return status == LSTM_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */
static int write_header(const struct embed *e, const char *path)
{
	struct output output;
	int good;

	if (!output_open(&output, path, 0))
		return CLI_FAILED;
	good = embed_write(output.stream, e) || output_failed(&output);
	good = good && output_close(&output) && output_keep(&output);
	output_drop(&output);
	return good ? CLI_DONE : CLI_FAILED;
}

static int embed(struct embed *e, const char *prefix, lstm_dtype dtype, const char *path)
{
	lstm_file *file = cli_file(e->source);
	struct model_facts *facts;
	size_t count;
	int status = CLI_FAILED;

	if (!file)
		return status;
	count = models_read(file, e->source, prefix, dtype, EMBED_STEPS, &facts);
	if (count > 1)
		cli_complain("%s: expected one LSTM, or a --prefix that chooses one, found %zu",
		             e->source, count);
	if (count == 1) {
		e->facts = facts;
		if (prepare(e))
			status = write_header(e, path);
		free(e->x);
		free(e->last);
	}
	if (count)
		models_free(facts, count);
	lstm_file_close(file);
	return status;
}

int command_embed(int argc, char **argv)
{
	const char *path = NULL, *prefix = NULL, *dtype = NULL;
	struct embed e;
	lstm_dtype type;
	char name[NAME_MOST + 1];
	const struct cli_option known[] = {
		{"-o", &path, NULL},       {"--name", &e.name, NULL}, {"--prefix", &prefix, NULL},
		{"--dtype", &dtype, NULL}, {NULL, NULL, NULL},
	};
	int status;

	memset(&e, 0, sizeof(e));
	status = cli_options(argc, argv, known, help, "MODEL", &e.source);
	if (status == CLI_GO_ON)
		status = cli_dtype(dtype, &type);
	if (status != CLI_GO_ON)
		return status;
	if (!path) {
		cli_complain("embed: expected -o model.h, found no -o");
		return CLI_MISUSED;
	}
	/* Also in capitals, which some file systems do not tell apart. */
	if (strcasecmp(file_name(path), "lstm.h") == 0) {
		cli_complain("%s: expected another name than lstm.h, which the header includes",
		             path);
		return CLI_MISUSED;
	}
	if (e.name && !is_name(e.name)) {
		cli_complain("--name: expected letters, digits and underscores, at most %d, a "
		             "letter first and not lstm, found \"%s\"",
		             NAME_MOST, e.name);
		return CLI_MISUSED;
	}
	if (!e.name)
		e.name = name_from_path(path, name);
	return embed(&e, prefix, type, path);
}
