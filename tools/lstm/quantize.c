/* lstm quantize: a file with the matrices of its LSTMs in fewer bits. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate.h"
#include "commands.h"
#include "common.h"
#include "models.h"
#include "rounding.h"
#include "safetensors.h"

static const char help[] =
	"usage: lstm quantize [OPTION]... IN OUT --dtype bf16|f16|int8\n"
	"       lstm quantize [OPTION]... IN OUT --calibrate X.npy\n"
	"Write a safetensors file with the matrices of its LSTMs in fewer bits: weight_ih, "
        "weight_hh\n"
	"and weight_hr.  Biases, peepholes, other tensors and metadata stay as they are.\n"
	"\n"
	"  --dtype D        bf16, f16: rounded to nearest; int8: each row as codes of -127 to "
        "127,\n"
	"                   with the row's scale in a tensor NAME.scale of F32\n"
	"  --calibrate X.npy\n"
	"                   choose layer by layer: int8 where that costs at most E, else bf16 where\n"
	"                   that does, else as it is; and print a table of bytes, errors and times.\n"
	"                   X is as of lstm run.  An error is how far h of the layer is from what\n"
	"                   IN gives, when the layer alone, with its input as IN gives it, has the\n"
	"                   type; a time is of one step, measured here, the median of 25\n"
	"  --error E        the largest error of a layer's h that is taken (0.01)\n"
	"  --layout time|batch\n"
	"                   of X, as of lstm run\n"
	"  --json           print the table as one JSON object: steps, batch, limit, layers and all\n"
	"  --prefix P       only the LSTM whose tensors' names begin so (all there are)\n"
	"  --help           this\n"
	"\n"
	"OUT is run as what it holds, layer by layer, unless lstm run --dtype says otherwise.  X is\n"
	"read in pieces, but for a model with a reverse direction, which needs all of it at once.\n";

static const double usual_error = 0.01; /* a two-hundredth of the range of h */

struct quantization {
	const char *in, *out;
	lstm_dtype type;                   /* of all layers, or */
	const struct calibrated_layer *by; /* [layers]: those that were chosen */
	lstm_tensor *tensors; /* of the file to write */
	void **owned;         /* what of them was made here: data and names, NULL past the last */
	size_t count, owned_count;
};

static void *own(struct quantization *q, size_t bytes)
{
	void *memory = malloc(bytes ? bytes : 1);

	if (memory)
		q->owned[q->owned_count++] = memory;
	else
		cli_no_memory(q->in, "its weights");
	return memory;
}

/* The tensor's elements, which fit in the type, or NULL after a complaint; released with free. */
static float *weights_of(const struct quantization *q, const lstm_tensor *tensor, lstm_dtype type)
{
	const double limit = rounding_limit(type);
	size_t count = tensor->shape[0] * tensor->shape[1], k;
	float *weights;

	if (tensor->dtype == LSTM_DTYPE_I8) {
		cli_complain("%s: tensor %s: expected F32, F64, F16 or BF16, found I8", q->in,
		             tensor->name);
		return NULL;
	}
	weights = malloc(count * sizeof(*weights));
	if (!weights) {
		cli_no_memory(q->in, "its weights");
		return NULL;
	}
	lstm_tensor_read(tensor, weights, count); /* of a type that the model was read with */
	for (k = 0; k < count; k++)
		if (!(fabs((double)weights[k]) < limit)) {
			cli_complain("%s: tensor %s: expected magnitudes below %g, which %s can "
			             "hold, found %g at [%zu, %zu]",
			             q->in, tensor->name, limit, cli_dtype_name(type),
			             (double)weights[k], k / tensor->shape[1],
			             k % tensor->shape[1]);
			free(weights);
			return NULL;
		}
	return weights;
}

/* The scales of a tensor's rows, which have to be stored beside the codes. */
static int add_scales(struct quantization *q, const lstm_tensor *matrix, const float *scales)
{
	static const char end[] = ".scale";
	lstm_tensor *t = &q->tensors[q->count];
	size_t rows = matrix->shape[0], size = strlen(matrix->name), k;
	char *name = own(q, size + sizeof(end));
	unsigned char *data = name ? own(q, rows * sizeof(float)) : NULL;
	uint32_t bits;

	if (!data)
		return 0;
	memcpy(name, matrix->name, size);
	memcpy(name + size, end, sizeof(end));
	for (k = 0; k < 4 * rows; k++) {
		memcpy(&bits, &scales[k / 4], sizeof(bits));
		data[k] = (unsigned char)(bits >> k % 4 * 8);
	}
	memset(t, 0, sizeof(*t));
	t->name = name;
	t->type = model_type(LSTM_DTYPE_F32);
	t->rank = 1;
	t->shape[0] = rows;
	t->data = data;
	t->bytes = rows * sizeof(float);
	q->count++;
	return 1;
}

static int add_matrix(struct quantization *q, const lstm_tensor *tensor, lstm_dtype type)
{
	size_t rows = tensor->shape[0], columns = tensor->shape[1], row;
	size_t bytes = columns * rounding_bytes(type);
	float *weights = weights_of(q, tensor, type);
	float *scales = weights ? malloc(rows * sizeof(*scales)) : NULL;
	unsigned char *data = scales ? own(q, rows * bytes) : NULL;
	lstm_tensor *t = &q->tensors[q->count++];
	int good = data != NULL;

	if (weights && !scales)
		cli_no_memory(q->in, "its scales");
	for (row = 0; row < rows && good; row++) {
		scales[row] = rounding_scale(weights + row * columns, columns);
		rounding_row(type, weights + row * columns, columns, scales[row],
		             data + row * bytes);
	}
	*t = *tensor;
	t->type = model_type(type);
	t->data = data;
	t->bytes = rows * bytes;
	if (good && type == LSTM_DTYPE_I8)
		good = add_scales(q, tensor, scales);
	free(weights);
	free(scales);
	return good;
}

/* What a tensor becomes; LSTM_DTYPE_OTHER: it stays. */
static lstm_dtype type_of(const struct quantization *q, const lstm_tensor *tensor,
                          const struct model_facts *facts, size_t models)
{
	const struct calibrated_layer *layer;

	if (!models_matrix(facts, models, tensor))
		return LSTM_DTYPE_OTHER;
	if (!q->by)
		return q->type;
	layer = &q->by[models_layer(facts, tensor)];
	return layer->chosen ? layer->types[layer->chosen].type : LSTM_DTYPE_OTHER;
}

static int quantize(struct quantization *q, const lstm_file *file, const struct model_facts *facts,
                    size_t models)
{
	size_t count = lstm_file_count(file), k;
	const lstm_tensor *tensor;
	lstm_dtype type;
	int good;

	q->tensors = malloc((2 * count + 1) * sizeof(*q->tensors));
	q->owned = malloc((3 * count + 1) * sizeof(*q->owned));
	good = q->tensors && q->owned;
	if (!good)
		cli_no_memory(q->in, "its tensors");
	for (k = 0; good && (tensor = lstm_file_tensor(file, k)) != NULL; k++) {
		type = type_of(q, tensor, facts, models);
		if (type != LSTM_DTYPE_OTHER)
			good = add_matrix(q, tensor, type);
		else
			q->tensors[q->count++] = *tensor;
	}
	if (good)
		good = safetensors_write(q->out, file, q->tensors, q->count);
	while (q->owned_count)
		free(q->owned[--q->owned_count]);
	free(q->tensors);
	free(q->owned);
	return good;
}

/* Measure, print, and write what was chosen: an exit status. */
static int quantize_by_error(struct quantization *q, const lstm_file *file,
                             const struct model_facts *facts, size_t models,
                             struct calibration *c, int json)
{
	int status = CLI_FAILED;

	c->model = q->in;
	if (models > 1)
		cli_complain("%s: expected one LSTM, or a --prefix that chooses one, found %zu",
		             q->in, models);
	else if (facts->types[LSTM_DTYPE_I8])
		cli_complain("%s: expected matrices of F32, F64, F16 or BF16, found I8", q->in);
	else if (calibrate(c, facts)) {
		q->by = c->layers;
		if (quantize(q, file, facts, models)) {
			if (json)
				calibration_print_json(c);
			else
				calibration_print(c);
			status = cli_finish();
		}
	}
	calibration_free(c);
	return status;
}

struct options {
	const char *dtype, *prefix, *error;
	const char *files[3]; /* IN, OUT, X */
	int json;
};

/* Options that go together, and their values: CLI_GO_ON or an exit status. */
static int check_options(const struct options *o, struct quantization *q, struct calibration *c)
{
	char *end;
	int status = cli_dtype(o->dtype, &q->type);

	if (status == CLI_GO_ON)
		status = cli_different(o->files, 3, NULL);
	if (status != CLI_GO_ON)
		return status;
	if (!c->files.x && (o->error || o->json || c->files.layout)) {
		cli_complain("quantize: expected --calibrate X.npy beside %s, found none",
		             o->error  ? "--error"
		             : o->json ? "--json"
		                       : "--layout");
		return CLI_MISUSED;
	}
	if (!c->files.x && q->type <= LSTM_DTYPE_F32) {
		cli_complain("quantize: expected --dtype bf16, f16 or int8, found %s",
		             o->dtype ? o->dtype : "none");
		return CLI_MISUSED;
	}
	if (!c->files.x)
		return CLI_GO_ON;
	if (o->dtype && q->type != LSTM_DTYPE_I8) {
		cli_complain("quantize: expected --dtype int8 or none beside --calibrate, found %s",
		             o->dtype);
		return CLI_MISUSED;
	}
	if (strcmp(o->files[1], "-") == 0) {
		cli_complain("quantize: expected a file as OUT beside --calibrate, which prints on "
		             "standard output, found -");
		return CLI_MISUSED;
	}
	c->limit = usual_error;
	if (o->error) {
		c->limit = strtod(o->error, &end);
		if (end == o->error || *end || !(c->limit > 0) || isinf(c->limit)) {
			cli_complain("--error: expected a number above 0, found \"%s\"", o->error);
			return CLI_MISUSED;
		}
	}
	return sequence_options(&c->files);
}

int command_quantize(int argc, char **argv)
{
	struct quantization q;
	struct calibration c;
	struct options o;
	const struct cli_option known[] = {
		{"--dtype", &o.dtype, NULL},   {"--prefix", &o.prefix, NULL},
		{"--error", &o.error, NULL},   {"--calibrate", &c.files.x, NULL},
		{"--json", NULL, &o.json},     {"--layout", &c.files.layout, NULL},
		{NULL, NULL, NULL},
	};
	struct model_facts *facts;
	lstm_file *file;
	size_t models;
	int status;

	memset(&q, 0, sizeof(q));
	memset(&c, 0, sizeof(c));
	memset(&o, 0, sizeof(o));
	status = cli_options(argc, argv, known, help, "IN OUT", o.files);
	o.files[2] = c.files.x;
	if (status == CLI_GO_ON)
		status = check_options(&o, &q, &c);
	if (status != CLI_GO_ON)
		return status;
	q.in = o.files[0];
	q.out = o.files[1];
	file = cli_file(q.in);
	if (!file)
		return CLI_FAILED;
	status = CLI_FAILED;
	models = models_read(file, q.in, o.prefix, LSTM_DTYPE_OTHER, 1, &facts);
	if (models && c.files.x)
		status = quantize_by_error(&q, file, facts, models, &c, o.json);
	else if (models && quantize(&q, file, facts, models))
		status = CLI_DONE;
	if (models)
		models_free(facts, models);
	lstm_file_close(file);
	return status;
}
