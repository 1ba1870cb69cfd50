/* The weights of a model as constants of a C header, each in the type that the model keeps. */
#ifndef LSTM_TOOL_EMBED_CONSTANTS_H
#define LSTM_TOOL_EMBED_CONSTANTS_H

#include <stdio.h>

#include "models.h"

/* Their names: the field of lstm_weights with the layer, and the direction if there are two.  In a
 * buffer of MODEL_TEXT bytes. */
const char *embed_array_name(char *text, const lstm_desc *desc, int cell, int array);
const char *embed_field(int array);

/* Nine digits give every float back, to the bit. */
void embed_float(FILE *f, float value);
void embed_floats(FILE *f, const char *name, const char *suffix, const float *values, size_t count);

/* All of them, with the scales of int8 codes under NAME_scale; and their bytes. */
void embed_constants(FILE *f, const char *name, const struct model_facts *m);
size_t embed_constant_bytes(const struct model_facts *m);

/* Whether they need <math.h>, for infinities, and <stdint.h>. */
int embed_needs_math(const struct model_facts *m);
int embed_needs_stdint(const struct model_facts *m);

#endif
