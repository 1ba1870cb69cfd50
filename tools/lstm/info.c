/* lstm info: what is in a model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "common.h"
#include "models.h"

static const char help[] =
	"usage: lstm info [--prefix P] [--json] MODEL\n"
	"Describe the LSTMs of a safetensors file, and name its other tensors.\n"
	"\n"
	"  --prefix P       only the LSTM whose tensors' names begin so\n"
	"  --json           print one JSON object: file, lstms and other_tensors\n"
	"  --help           this\n"
	"\n"
	"The bytes as int8 are those of the matrices' codes, their rows' scales, and all else as F32.\n"
	"Those of a model are of its weights, packed as each --dtype of lstm run for each\n"
	"instruction set of this machine; those of a state are of one stream that runs step by\n"
	"step.\n";

/* ---- text ------------------------------------------------------------------------------------ */
static const char *biases(const lstm_weights *weights)
{
	return weights->b && weights->b2 ? "two" : weights->b || weights->b2 ? "one" : "none";
}

static void print_options(const lstm_desc *d, const lstm_weights *weights)
{
	char text[3][MODEL_TEXT];
	int directions = model_directions(d), k, gate;

	for (k = 0; k < directions; k++) {
		for (gate = 0; gate < 3; gate++)
			model_activation(text[gate], &d->activations[k][gate]);
		printf("  activations   %s %s %s%s\n", text[0], text[1], text[2],
		       directions == 1 ? ""
		       : k             ? ", reverse"
		                       : ", forward");
	}
	printf("  biases        %s\n", biases(weights));
	printf("  peepholes     %s\n", weights->peephole ? "yes" : "no");
	printf("  f gate        %s\n", d->input_forget ? "coupled, 1 - i" : "of its own");
	if (d->clip > 0)
		printf("  clip          %.9g\n", (double)d->clip);
	if (d->cell_clip > 0)
		printf("  cell clip     %.9g\n", (double)d->cell_clip);
}

static const char *packed_name(lstm_dtype dtype)
{
	return dtype == LSTM_DTYPE_OTHER ? "mixed" : cli_dtype_name(dtype);
}

static void print_packed(const struct model_facts *f, lstm_dtype dtype)
{
	const struct model_memory *packed = f->packed[dtype];
	int isa;

	for (isa = 0; isa < LSTM_ISA_COUNT; isa++)
		if (packed[isa].model_bytes)
			printf("  %-4s %-8s model of %zu bytes, state of %zu bytes\n",
			       packed_name(dtype), lstm_isa_name((lstm_isa)isa),
			       packed[isa].model_bytes, packed[isa].state_bytes);
}

static void print_lstm(const struct model_facts *f)
{
	const lstm_desc *d = &f->desc;
	char types[MODEL_TEXT];
	int k, layer;

	printf("LSTM of prefix \"%s\"\n", f->prefix);
	printf("  input         %d\n  hidden        %d\n", d->input, d->hidden);
	if (d->projection)
		printf("  projection    %d\n", d->projection);
	printf("  output        %d\n", f->output);
	printf("  layers        %d, %s\n", d->layers, model_direction(d->direction));
	printf("  parameters    %zu\n", f->parameters);
	printf("  bytes         %zu in the file (%s), %zu as F32, %zu as F16 or BF16, %zu as int8\n",
	       f->file_bytes, model_types(types, f, ", "), 4 * f->parameters, 2 * f->parameters,
	       model_code_bytes(f));
	for (layer = 0; d->dtypes && layer < d->layers; layer++)
		printf("%s%s%s", layer ? ", " : "  dtypes        ",
		       cli_dtype_name(d->dtypes[layer]), layer + 1 < d->layers ? "" : "\n");
	print_options(d, f->weights);
	for (k = 0; cli_dtype_at(k) != LSTM_DTYPE_OTHER; k++)
		print_packed(f, cli_dtype_at(k));
	print_packed(f, LSTM_DTYPE_OTHER);
}

static void print_all(const lstm_file *file, const struct model_facts *facts, size_t count)
{
	char shape[MODEL_TEXT];
	const lstm_tensor *tensor;
	size_t k;

	for (k = 0; k < count; k++)
		print_lstm(&facts[k]);
	for (k = 0; (tensor = lstm_file_tensor(file, k)) != NULL; k++) {
		if (models_use(facts, count, tensor))
			continue;
		printf("other tensor \"%s\", %s %s\n", tensor->name, model_type(tensor->dtype),
		       model_shape(shape, tensor));
	}
}

/* ---- JSON ------------------------------------------------------------------------------------ */
static void json_string(const char *key, const char *value)
{
	if (key)
		printf("\"%s\": ", key);
	putchar('"');
	for (; *value; value++)
		if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else if ((unsigned char)*value < ' ')
			printf("\\u%04x", (unsigned)*value);
		else
			putchar(*value);
	putchar('"');
}

static void json_options(const lstm_desc *d, const lstm_weights *weights)
{
	char text[MODEL_TEXT];
	int directions = model_directions(d), k, gate;

	printf("\"activations\": [");
	for (k = 0; k < directions; k++)
		for (gate = 0; gate < 3; gate++) {
			printf("%s", gate ? ", " : k ? ", [" : "[");
			json_string(NULL, model_activation(text, &d->activations[k][gate]));
			printf("%s", gate == 2 ? "]" : "");
		}
	printf("], \"biases\": \"%s\", \"peepholes\": %s, \"input_forget\": %s, ", biases(weights),
	       weights->peephole ? "true" : "false", d->input_forget ? "true" : "false");
	printf("\"clip\": %.9g, \"cell_clip\": %.9g, ", (double)d->clip, (double)d->cell_clip);
}

static void json_packed(const struct model_facts *f, lstm_dtype dtype, const char **comma)
{
	const struct model_memory *packed = f->packed[dtype];
	int isa;

	for (isa = 0; isa < LSTM_ISA_COUNT; isa++)
		if (packed[isa].model_bytes) {
			printf("%s{\"dtype\": \"%s\", \"isa\": \"%s\", \"model_bytes\": %zu, "
			       "\"state_bytes\": %zu}",
			       *comma, packed_name(dtype), lstm_isa_name((lstm_isa)isa),
			       packed[isa].model_bytes, packed[isa].state_bytes);
			*comma = ", ";
		}
}

static void json_lstm(const struct model_facts *f)
{
	const lstm_desc *d = &f->desc;
	char types[MODEL_TEXT];
	const char *comma = "";
	int k, layer;

	putchar('{');
	json_string("prefix", f->prefix);
	printf(", \"input\": %d, \"hidden\": %d, \"projection\": %d, \"output\": %d, ", d->input,
	       d->hidden, d->projection, f->output);
	printf("\"layers\": %d, \"direction\": \"%s\", ", d->layers, model_direction(d->direction));
	printf("\"parameters\": %zu, \"dtypes\": [\"%s\"], ", f->parameters,
	       model_types(types, f, "\", \""));
	printf("\"bytes\": {\"file\": %zu, \"f32\": %zu, \"f16\": %zu, \"bf16\": %zu, "
	       "\"int8\": %zu}, ",
	       f->file_bytes, 4 * f->parameters, 2 * f->parameters, 2 * f->parameters,
	       model_code_bytes(f));
	for (layer = 0; layer < d->layers; layer++)
		printf("%s\"%s\"", layer ? ", " : "\"layer_dtypes\": [",
		       cli_dtype_name(model_dtype(d, layer)));
	printf("], ");
	json_options(d, f->weights);
	printf("\"dtype\": \"%s\", ", model_dtype_name(d));
	printf("\"packed\": [");
	for (k = 0; cli_dtype_at(k) != LSTM_DTYPE_OTHER; k++)
		json_packed(f, cli_dtype_at(k), &comma);
	json_packed(f, LSTM_DTYPE_OTHER, &comma);
	printf("]}");
}

static void json_all(const char *path, const lstm_file *file, const struct model_facts *facts,
                     size_t count)
{
	char shape[MODEL_TEXT];
	const lstm_tensor *tensor;
	const char *comma = "";
	size_t k;

	putchar('{');
	json_string("file", path);
	printf(", \"lstms\": [");
	for (k = 0; k < count; k++) {
		printf("%s", k ? ", " : "");
		json_lstm(&facts[k]);
	}
	printf("], \"other_tensors\": [");
	for (k = 0; (tensor = lstm_file_tensor(file, k)) != NULL; k++) {
		if (models_use(facts, count, tensor))
			continue;
		printf("%s{", comma);
		json_string("name", tensor->name);
		printf(", \"dtype\": ");
		if (tensor->dtype == LSTM_DTYPE_OTHER)
			printf("null");
		else
			printf("\"%s\"", model_type(tensor->dtype));
		printf(", \"shape\": %s}", model_shape(shape, tensor));
		comma = ", ";
	}
	printf("]}\n");
}

int command_info(int argc, char **argv)
{
	const char *path, *prefix = NULL;
	int json = 0, status;
	const struct cli_option known[] = {
		{"--prefix", &prefix, NULL},
		{"--json", NULL, &json},
		{NULL, NULL, NULL},
	};
	struct model_facts *facts;
	lstm_file *file;
	size_t count;

	status = cli_options(argc, argv, known, help, "MODEL", &path);
	if (status != CLI_GO_ON)
		return status;
	file = cli_file(path);
	if (!file)
		return CLI_FAILED;
	status = CLI_FAILED;
	count = models_read(file, path, prefix, LSTM_DTYPE_OTHER, 1, &facts);
	if (count) {
		if (json)
			json_all(path, file, facts, count);
		else
			print_all(file, facts, count);
		status = cli_finish();
		models_free(facts, count);
	}
	lstm_file_close(file);
	return status;
}
