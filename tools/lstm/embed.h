/* A model as a C header: what lstm embed writes. */
#ifndef LSTM_TOOL_EMBED_H
#define LSTM_TOOL_EMBED_H

#include <stdio.h>

#include "models.h"

enum { EMBED_STEPS = 8 }; /* of the self-test */

struct embed {
	const char *source, *name; /* the model's file; what identifiers begin with */
	const struct model_facts *facts;
	float *x, *last; /* the self-test: [EMBED_STEPS][input] in, [output] out */
	double tolerance;
};

/* 0 and errno if the stream failed. */
int embed_write(FILE *f, const struct embed *e);

#endif
