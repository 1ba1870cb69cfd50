/* lstm quantize: a file with the matrices of its LSTMs in fewer bits. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "common.h"
#include "models.h"
#include "rounding.h"
#include "safetensors.h"

static const char help[] =
	"usage: lstm quantize [OPTION]... IN OUT --dtype bf16|f16|int8\n"
	"Write a safetensors file with the matrices of its LSTMs in fewer bits: weight_ih, "
        "weight_hh\n"
	"and weight_hr.  Biases, peepholes, other tensors and metadata stay as they are.\n"
	"\n"
	"  --dtype D        bf16, f16: rounded to nearest; int8: each row as codes of -127 to "
        "127,\n"
	"                   with the row's scale in a tensor NAME.scale of F32\n"
	"  --prefix P       only the LSTM whose tensors' names begin so (all there are)\n"
	"  --help           this\n"
	"\n"
	"OUT is run as what it holds, unless lstm run --dtype says otherwise.\n";

struct quantization {
	const char *in, *out;
	lstm_dtype type;
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

/* The tensor's elements, or NULL after a complaint; released with free. */
static float *weights_of(const struct quantization *q, const lstm_tensor *tensor)
{
	const double limit = rounding_limit(q->type);
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
			             q->in, tensor->name, limit, cli_dtype_name(q->type),
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

static int add_matrix(struct quantization *q, const lstm_tensor *tensor)
{
	size_t rows = tensor->shape[0], columns = tensor->shape[1], row;
	size_t bytes = columns * rounding_bytes(q->type);
	float *weights = weights_of(q, tensor);
	float *scales = weights ? malloc(rows * sizeof(*scales)) : NULL;
	unsigned char *data = scales ? own(q, rows * bytes) : NULL;
	lstm_tensor *t = &q->tensors[q->count++];
	int good = data != NULL;

	if (weights && !scales)
		cli_no_memory(q->in, "its scales");
	for (row = 0; row < rows && good; row++) {
		scales[row] = rounding_scale(weights + row * columns, columns);
		rounding_row(q->type, weights + row * columns, columns, scales[row],
		             data + row * bytes);
	}
	*t = *tensor;
	t->type = model_type(q->type);
	t->data = data;
	t->bytes = rows * bytes;
	if (good && q->type == LSTM_DTYPE_I8)
		good = add_scales(q, tensor, scales);
	free(weights);
	free(scales);
	return good;
}

static int quantize(struct quantization *q, const lstm_file *file, const struct model_facts *facts,
                    size_t models)
{
	size_t count = lstm_file_count(file), k;
	const lstm_tensor *tensor;
	int good;

	q->tensors = malloc((2 * count + 1) * sizeof(*q->tensors));
	q->owned = malloc((3 * count + 1) * sizeof(*q->owned));
	good = q->tensors && q->owned;
	if (!good)
		cli_no_memory(q->in, "its tensors");
	for (k = 0; good && (tensor = lstm_file_tensor(file, k)) != NULL; k++)
		if (models_matrix(facts, models, tensor))
			good = add_matrix(q, tensor);
		else
			q->tensors[q->count++] = *tensor;
	if (good)
		good = safetensors_write(q->out, file, q->tensors, q->count);
	while (q->owned_count)
		free(q->owned[--q->owned_count]);
	free(q->tensors);
	free(q->owned);
	return good;
}

int command_quantize(int argc, char **argv)
{
	const char *dtype = NULL, *prefix = NULL, *files[2];
	struct quantization q;
	const struct cli_option known[] = {
		{"--dtype", &dtype, NULL},
		{"--prefix", &prefix, NULL},
		{NULL, NULL, NULL},
	};
	struct model_facts *facts;
	lstm_file *file;
	size_t models;
	int status = cli_options(argc, argv, known, help, "IN OUT", files);

	memset(&q, 0, sizeof(q));
	if (status == CLI_GO_ON)
		status = cli_dtype(dtype, &q.type);
	if (status == CLI_GO_ON)
		status = cli_different(files, 2, NULL);
	if (status != CLI_GO_ON)
		return status;
	if (q.type <= LSTM_DTYPE_F32) {
		cli_complain("quantize: expected --dtype bf16, f16 or int8, found %s",
		             dtype ? dtype : "none");
		return CLI_MISUSED;
	}
	q.in = files[0];
	q.out = files[1];
	file = cli_file(q.in);
	if (!file)
		return CLI_FAILED;
	status = CLI_FAILED;
	models = models_read(file, q.in, prefix, LSTM_DTYPE_OTHER, 1, &facts);
	if (models && quantize(&q, file, facts, models))
		status = CLI_DONE;
	if (models)
		models_free(facts, models);
	lstm_file_close(file);
	return status;
}
