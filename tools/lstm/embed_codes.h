/* Which constants of a header are int8 codes, and what they take. */
#ifndef LSTM_TOOL_EMBED_CODES_H
#define LSTM_TOOL_EMBED_CODES_H

#include "models.h"

/* Whether the constants are codes: of the matrices, in layers of int8. */
int embed_in_codes(const struct model_array *array);

/* Floats that the codes take while the model is made. */
size_t embed_scratch(const struct model_facts *m);

/* Bytes of all weights as constants. */
size_t embed_constant_bytes(const struct model_facts *m);

#endif
