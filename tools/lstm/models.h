/* What can be told of the LSTMs of a file by the library's public functions. */
#ifndef LSTM_TOOL_MODELS_H
#define LSTM_TOOL_MODELS_H

#include "lstm.h"

enum { MODEL_TYPES = 5, MODEL_TEXT = 200 };

struct model_facts {
	char *prefix;
	lstm_desc desc;              /* with the defaults filled in */
	const lstm_weights *weights; /* the file's */
	int output;
	size_t parameters, file_bytes;
	int types[MODEL_TYPES]; /* tensors of each lstm_dtype */
	/* Packed in fp32, by lstm_isa; 0: not here.  States are of one stream, step by step. */
	size_t model_bytes[LSTM_ISA_COUNT], state_bytes[LSTM_ISA_COUNT];
};

/* The LSTM of this prefix or, if that is NULL, all there are: in *facts, and how many.  0 after a
 * complaint.  They last until the file is closed. */
size_t models_read(lstm_file *file, const char *path, const char *prefix,
                   struct model_facts **facts);
void models_free(struct model_facts *facts, size_t count);

/* Whether the tensor belongs to one of these LSTMs. */
int models_use(const struct model_facts *facts, size_t count, const lstm_tensor *tensor);

/* Texts, in buffers of MODEL_TEXT bytes where one is given. */
const char *model_type(lstm_dtype type);
const char *model_types(char *text, const struct model_facts *facts, const char *between);
const char *model_direction(lstm_direction direction);
const char *model_shape(char *text, const lstm_tensor *tensor);
const char *model_activation(char *text, const lstm_activation *activation);

#endif
