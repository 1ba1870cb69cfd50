/* What can be told of the LSTMs of a file by the library's public functions. */
#ifndef LSTM_TOOL_MODELS_H
#define LSTM_TOOL_MODELS_H

#include "lstm.h"

enum { MODEL_TYPES = 6, MODEL_TEXT = 200 };

struct model_memory {
	size_t model_bytes, state_bytes; /* the state is of one stream */
};

struct model_facts {
	char *prefix;
	lstm_desc desc;              /* with the defaults filled in; dtypes are the file's */
	const lstm_weights *weights; /* the file's */
	int output;
	size_t parameters, file_bytes;
	int types[MODEL_TYPES]; /* tensors of each lstm_dtype */
	size_t state_steps;     /* that states were measured for */
	/* Packed, by lstm_dtype and lstm_isa; 0: not on this machine.  LSTM_DTYPE_OTHER: as the file
	 * has them, where its layers differ. */
	struct model_memory packed[MODEL_TYPES][LSTM_ISA_COUNT];
};

/* The LSTM of this prefix or, if that is NULL, all there are: in *facts, and how many.  0 after a
 * complaint.  They last until the file is closed.  States are measured for one step at a time or,
 * where a model needs whole sequences, for this many.  dtype is that of lstm_load_args. */
size_t models_read(lstm_file *file, const char *path, const char *prefix, lstm_dtype dtype,
                   size_t whole_steps, struct model_facts **facts);
void models_free(struct model_facts *facts, size_t count);

/* The arrays of one layer and direction, cell = layer * directions + direction, in the order of
 * lstm_weights; values is NULL of what is absent. */
enum {
	MODEL_ARRAYS = 6,
	MODEL_W = 0,
	MODEL_U,
	MODEL_B,
	MODEL_B2,
	MODEL_PEEPHOLE,
	MODEL_PROJECTION
};
struct model_array {
	const float *values;
	size_t count;
	size_t rows;         /* of a matrix, else 0 */
	const float *scales; /* [rows], of codes in the file, or NULL */
	lstm_dtype kept;     /* what the model makes of it */
};
void model_arrays(const lstm_desc *desc, const lstm_weights *weights, int cell,
                  struct model_array arrays[MODEL_ARRAYS]);
int model_cells(const lstm_desc *desc);
/* [LSTM_ISA_COUNT] Packed as the description says. */
const struct model_memory *model_packed(const struct model_facts *facts);

/* Of all parameters in a file, with the matrices as codes of a byte and the scales of their rows. */
size_t model_code_bytes(const struct model_facts *facts);

/* Bytes of an array as this type, with the scales of int8 codes. */
size_t model_array_bytes(const struct model_array *array, lstm_dtype type);

/* What the int8 codes of a row are multiplied by, as the file has it or as a model would choose it. */
float model_row_scale(const struct model_array *matrix, size_t row);
int model_directions(const lstm_desc *desc);

/* What a layer's weights are kept as, and whether any is of this type. */
lstm_dtype model_dtype(const lstm_desc *desc, int layer);
int model_has_dtype(const lstm_desc *desc, lstm_dtype dtype);
const char *model_dtype_name(const lstm_desc *desc); /* "mixed" where layers differ */

/* Whether the tensor belongs to one of these LSTMs, and is one of its matrices. */
int models_use(const struct model_facts *facts, size_t count, const lstm_tensor *tensor);
int models_matrix(const struct model_facts *facts, size_t count, const lstm_tensor *tensor);
int models_layer(const struct model_facts *facts, const lstm_tensor *tensor); /* of this one's */

/* Texts, in buffers of MODEL_TEXT bytes where one is given. */
const char *model_type(lstm_dtype type);
const char *model_types(char *text, const struct model_facts *facts, const char *between);
const char *model_direction(lstm_direction direction);
const char *model_shape(char *text, const lstm_tensor *tensor);
const char *model_activation(char *text, const lstm_activation *activation);
const char *model_function(lstm_function function); /* its enumerator: "LSTM_TANH" */

#endif
