#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "rounding.h"

/* ---- texts ----------------------------------------------------------------------------------- */
const char *model_type(lstm_dtype type)
{
	static const char *const names[MODEL_TYPES] = {"another type", "F32",  "F64",
	                                               "F16",          "BF16", "I8"};

	return names[type];
}

const char *model_types(char *text, const struct model_facts *facts, const char *between)
{
	size_t used = 0;
	int type;

	*text = '\0';
	for (type = 0; type < MODEL_TYPES; type++)
		if (facts->types[type])
			used += (size_t)snprintf(text + used, MODEL_TEXT - used, "%s%s",
			                         used ? between : "", model_type((lstm_dtype)type));
	return text;
}

const char *model_direction(lstm_direction direction)
{
	return direction == LSTM_BIDIRECTIONAL ? "bidirectional"
	       : direction == LSTM_REVERSE     ? "reverse"
	                                       : "forward";
}

const char *model_shape(char *text, const lstm_tensor *tensor)
{
	size_t used = (size_t)sprintf(text, "[");
	int k;

	for (k = 0; k < tensor->rank; k++)
		used += (size_t)snprintf(text + used, MODEL_TEXT - used, "%s%zu", k ? ", " : "",
		                         tensor->shape[k]);
	strcpy(text + used, "]");
	return text;
}

static const struct function {
	lstm_function function;
	const char *enumerator, *name; /* the name as lstm.activations in metadata has it */
	int parameters;
} functions[] = {
	{LSTM_SIGMOID, "LSTM_SIGMOID", "sigmoid", 0},
	{LSTM_TANH, "LSTM_TANH", "tanh", 0},
	{LSTM_RELU, "LSTM_RELU", "relu", 0},
	{LSTM_LINEAR, "LSTM_LINEAR", "linear", 0},
	{LSTM_AFFINE, "LSTM_AFFINE", "affine", 2},
	{LSTM_LEAKY_RELU, "LSTM_LEAKY_RELU", "leakyrelu", 1},
	{LSTM_THRESHOLDED_RELU, "LSTM_THRESHOLDED_RELU", "thresholdedrelu", 1},
	{LSTM_SCALED_TANH, "LSTM_SCALED_TANH", "scaledtanh", 2},
	{LSTM_HARD_SIGMOID, "LSTM_HARD_SIGMOID", "hardsigmoid", 2},
	{LSTM_HARD_SIGMOID_KERAS3, "LSTM_HARD_SIGMOID_KERAS3", "hardsigmoid_keras3", 0},
	{LSTM_ELU, "LSTM_ELU", "elu", 1},
	{LSTM_SOFTSIGN, "LSTM_SOFTSIGN", "softsign", 0},
	{LSTM_SOFTPLUS, "LSTM_SOFTPLUS", "softplus", 0},
};

static const struct function *find_function(lstm_function function)
{
	const struct function *f = functions;

	while (f->function != function)
		f++;
	return f;
}

const char *model_function(lstm_function function)
{
	return find_function(function)->enumerator;
}

const char *model_activation(char *text, const lstm_activation *activation)
{
	const struct function *f = find_function(activation->function);
	const double alpha = (double)activation->alpha, beta = (double)activation->beta;

	if (f->parameters == 2)
		snprintf(text, MODEL_TEXT, "%s(%.9g,%.9g)", f->name, alpha, beta);
	else if (f->parameters)
		snprintf(text, MODEL_TEXT, "%s(%.9g)", f->name, alpha);
	else
		strcpy(text, f->name);
	return text;
}

/* ---- arrays ---------------------------------------------------------------------------------- */
int model_directions(const lstm_desc *desc)
{
	return desc->direction == LSTM_BIDIRECTIONAL ? 2 : 1;
}

int model_cells(const lstm_desc *desc)
{
	return desc->layers * model_directions(desc);
}

void model_arrays(const lstm_desc *desc, const lstm_weights *weights, int cell,
                  struct model_array arrays[MODEL_ARRAYS])
{
	const lstm_weights *w = &weights[cell];
	const float *values[MODEL_ARRAYS] = {w->w, w->u, w->b, w->b2, w->peephole, w->projection};
	size_t directions = (size_t)model_directions(desc);
	size_t hidden = (size_t)desc->hidden;
	size_t output = desc->projection ? (size_t)desc->projection : hidden;
	size_t width = (size_t)cell < directions ? (size_t)desc->input : directions * output;
	size_t counts[MODEL_ARRAYS] = {4 * hidden * width, 4 * hidden * output, 4 * hidden,
	                               4 * hidden,         3 * hidden,          output * hidden};
	size_t rows[MODEL_ARRAYS] = {4 * hidden, 4 * hidden, 0, 0, 0, output};
	const float *scales[MODEL_ARRAYS] = {w->w_scale, w->u_scale, NULL,
	                                     NULL,       NULL,       w->projection_scale};
	int k;

	for (k = 0; k < MODEL_ARRAYS; k++) {
		arrays[k].values = values[k];
		arrays[k].count = values[k] ? counts[k] : 0;
		arrays[k].rows = rows[k];
		arrays[k].scales = scales[k];
		arrays[k].kept = rows[k] ? model_dtype(desc, cell / (int)directions)
		                         : LSTM_DTYPE_F32;
	}
}

size_t model_code_bytes(const struct model_facts *m)
{
	struct model_array arrays[MODEL_ARRAYS];
	size_t bytes = 0;
	int cell, k;

	for (cell = 0; cell < model_cells(&m->desc); cell++) {
		model_arrays(&m->desc, m->weights, cell, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++)
			bytes += model_array_bytes(&arrays[k], arrays[k].rows ? LSTM_DTYPE_I8
			                                                      : LSTM_DTYPE_F32);
	}
	return bytes;
}

size_t model_array_bytes(const struct model_array *array, lstm_dtype type)
{
	if (type == LSTM_DTYPE_F32 || !array->values)
		return sizeof(float) * array->count;
	if (type == LSTM_DTYPE_I8)
		return array->count + sizeof(float) * array->rows;
	return rounding_bytes(type) * array->count;
}

float model_row_scale(const struct model_array *matrix, size_t row)
{
	size_t columns = matrix->count / matrix->rows;

	if (matrix->scales)
		return matrix->scales[row];
	return rounding_scale(matrix->values + row * columns, columns);
}

lstm_dtype model_dtype(const lstm_desc *desc, int layer)
{
	return desc->dtypes ? desc->dtypes[layer] : desc->dtype;
}

int model_has_dtype(const lstm_desc *desc, lstm_dtype dtype)
{
	int layer = 0;

	while (layer < desc->layers && model_dtype(desc, layer) != dtype)
		layer++;
	return layer < desc->layers;
}

const char *model_dtype_name(const lstm_desc *desc)
{
	return desc->dtypes ? "mixed" : cli_dtype_name(desc->dtype);
}

/* ---- facts ----------------------------------------------------------------------------------- */
static int belongs(const struct model_facts *facts, const lstm_tensor *tensor)
{
	static const char *const stems[] = {"weight_ih", "weight_hh",       "bias_ih",
	                                    "bias_hh",   "weight_peephole", "weight_hr"};
	size_t prefix = strlen(facts->prefix), k;

	if (strncmp(tensor->name, facts->prefix, prefix) != 0)
		return 0;
	/* What begins so and is not the LSTM's was refused when it was read. */
	for (k = 0; k < sizeof(stems) / sizeof(stems[0]); k++)
		if (strncmp(tensor->name + prefix, stems[k], strlen(stems[k])) == 0)
			return 1;
	return 0;
}

int models_use(const struct model_facts *facts, size_t count, const lstm_tensor *tensor)
{
	size_t k;

	for (k = 0; k < count; k++)
		if (belongs(&facts[k], tensor))
			return 1;
	return 0;
}

int models_matrix(const struct model_facts *facts, size_t count, const lstm_tensor *tensor)
{
	return tensor->rank == 2 && models_use(facts, count, tensor);
}

/* Names are an LSTMCell's, or have _l before the number and nothing but a direction after it. */
int models_layer(const struct model_facts *facts, const lstm_tensor *tensor)
{
	const char *end = strstr(tensor->name + strlen(facts->prefix), "_l");

	return end ? (int)strtol(end + 2, NULL, 10) : 0;
}

/* The scales of int8 codes are no parameters. */
static int is_scale(const lstm_tensor *tensor)
{
	static const char end[] = ".scale";
	size_t size = strlen(tensor->name), tail = strlen(end);

	return size > tail && strcmp(tensor->name + size - tail, end) == 0;
}

static void count_tensors(struct model_facts *f, const lstm_file *file)
{
	const lstm_tensor *tensor;
	size_t k, size;
	int d;

	for (k = 0; (tensor = lstm_file_tensor(file, k)) != NULL; k++) {
		if (!belongs(f, tensor))
			continue;
		for (size = 1, d = 0; d < tensor->rank; d++)
			size *= tensor->shape[d];
		f->file_bytes += tensor->bytes;
		if (is_scale(tensor))
			continue;
		f->parameters += size;
		f->types[tensor->dtype]++;
	}
}

/* Of the file's layers; LSTM_DTYPE_OTHER where they differ. */
static lstm_dtype own_dtype(const lstm_desc *desc)
{
	return desc->dtypes ? LSTM_DTYPE_OTHER : desc->dtype;
}

const struct model_memory *model_packed(const struct model_facts *f)
{
	return f->packed[own_dtype(&f->desc)];
}

/* Only a packed model knows what its states need. */
static lstm_status measure(struct model_facts *f, lstm_dtype dtype, lstm_isa isa)
{
	struct model_memory *memory = &f->packed[dtype][isa];
	lstm_desc desc = f->desc;
	lstm_model *model;
	lstm_status status;

	desc.isa = isa;
	if (dtype != LSTM_DTYPE_OTHER) {
		desc.dtype = dtype;
		desc.dtypes = NULL;
	}
	status = lstm_model_new(&model, &desc, f->weights);
	if (status == LSTM_OK)
		status = lstm_state_size(model, 1, f->state_steps, &memory->state_bytes);
	if (status == LSTM_OK)
		status = lstm_model_size(&desc, &memory->model_bytes);
	if (status == LSTM_OK && dtype == own_dtype(&f->desc)) {
		desc.dtypes = f->desc.dtypes; /* the model goes, the file stays */
		f->desc = *lstm_model_desc(model);
		f->desc.dtypes = desc.dtypes;
		f->output = lstm_model_output(model);
	}
	lstm_model_free(model);
	return status;
}

/* As every type and as the file is, for every instruction set that can run that. */
static int measure_all(struct model_facts *f, const char *path)
{
	const lstm_dtype own = own_dtype(&f->desc);
	int isa, k;

	for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++)
		for (k = 0; lstm_isa_supported((lstm_isa)isa); k++) {
			const lstm_dtype dtype = cli_dtype_at(k);
			lstm_status status = LSTM_ERR_ISA;
			if (dtype != LSTM_DTYPE_OTHER || own == LSTM_DTYPE_OTHER)
				status = measure(f, dtype, (lstm_isa)isa);
			if (status != LSTM_OK && status != LSTM_ERR_ISA &&
			    (status != LSTM_ERR_SIZE || dtype == own)) {
				cli_complain("%s: model for %s: %s", path,
				             lstm_isa_name((lstm_isa)isa), lstm_strerror(status));
				return 0;
			}
			if (dtype == LSTM_DTYPE_OTHER)
				break;
		}
	return 1;
}

/* size bytes of name are the prefix; all of it if size is its length. */
static int read_one(lstm_file *file, const char *path, const char *name, size_t size,
                    lstm_dtype dtype, size_t whole_steps, struct model_facts *f)
{
	lstm_load_args args = {NULL, LSTM_ISA_SCALAR, dtype};
	lstm_error error;

	memset(f, 0, sizeof(*f));
	f->prefix = malloc(size + 1);
	if (!f->prefix) {
		cli_no_memory(path, "a prefix");
		return 0;
	}
	memcpy(f->prefix, name, size);
	f->prefix[size] = '\0';
	args.prefix = f->prefix;
	if (lstm_file_lstm(file, &args, &f->desc, &f->weights, &error) != LSTM_OK) {
		cli_complain("%s", error.text);
		return 0;
	}
	count_tensors(f, file);
	f->state_steps = f->desc.direction != LSTM_FORWARD && f->desc.layers > 1 ? whole_steps : 1;
	return measure_all(f, path);
}

/* 1 if the tensor is an LSTM's first, and then how long its prefix is. */
static int is_first(const lstm_tensor *tensor, size_t *prefix)
{
	static const char *const ends[] = {"weight_ih_l0", "weight_ih"};
	size_t size = strlen(tensor->name), tail, k;

	for (k = 0; k < 2; k++) {
		tail = strlen(ends[k]);
		*prefix = size - tail;
		if (size >= tail && strcmp(tensor->name + *prefix, ends[k]) == 0)
			return 1;
	}
	return 0;
}

static int read_named(lstm_file *file, const char *path, const char *prefix, lstm_dtype dtype,
                      size_t whole_steps, struct model_facts *facts, size_t *count)
{
	const lstm_tensor *tensor;
	size_t k, size;

	*count = 1;
	if (prefix)
		return read_one(file, path, prefix, strlen(prefix), dtype, whole_steps, facts);
	*count = 0;
	for (k = 0; (tensor = lstm_file_tensor(file, k)) != NULL; k++)
		if (is_first(tensor, &size)) {
			++*count;
			if (!read_one(file, path, tensor->name, size, dtype, whole_steps,
			              &facts[*count - 1]))
				return 0;
		}
	if (*count)
		return 1;
	*count = 1; /* the library says what it misses */
	return read_one(file, path, "", 0, dtype, whole_steps, facts);
}

size_t models_read(lstm_file *file, const char *path, const char *prefix, lstm_dtype dtype,
                   size_t whole_steps, struct model_facts **facts)
{
	size_t count = 0;

	*facts = calloc(lstm_file_count(file) + 1, sizeof(**facts));
	if (!*facts) {
		cli_no_memory(path, "its description");
		return 0;
	}
	if (read_named(file, path, prefix, dtype, whole_steps, *facts, &count))
		return count;
	models_free(*facts, count);
	*facts = NULL;
	return 0;
}

void models_free(struct model_facts *facts, size_t count)
{
	while (count)
		free(facts[--count].prefix);
	free(facts);
}
