/* Which constants of a header are in fewer bits than floats, as codes, and what they take. */
#ifndef LSTM_TOOL_EMBED_CODES_H
#define LSTM_TOOL_EMBED_CODES_H

#include <stdio.h>

#include "models.h"

/* Whether the constants are codes: of the matrices, in a model of bf16, f16 or int8. */
int embed_in_codes(const struct model_facts *m, const struct model_array *array);

/* The scale of a row of int8, as the file has it or as a model would choose it. */
float embed_row_scale(const struct model_array *matrix, size_t row);

/* Floats that the codes take while the model is made. */
size_t embed_scratch(const struct model_facts *m);

/* Bytes of all weights as constants. */
size_t embed_constant_bytes(const struct model_facts *m);

/* Whether the type has numbers for all weights; else a complaint is made of the file. */
int embed_fits(const struct model_facts *m, const char *file);

/* In embed_matrix.c: the constants of a matrix, NAME_SUFFIX; the functions that make floats of
 * them; and the statement that has weights[cell].field point to the floats. */
void embed_put_codes(FILE *f, const struct model_facts *m, const char *name, const char *suffix,
                     const struct model_array *matrix);
void embed_put_expand(FILE *f, const struct model_facts *m, const char *name);
void embed_put_expanded(FILE *f, const struct model_facts *m, const char *name, int cell,
                        const char *field, const char *suffix, const struct model_array *matrix);

#endif
