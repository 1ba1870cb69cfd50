/* What each layer of a model loses in fewer bits, on inputs of the model's own, and which type that
 * leaves it: what lstm quantize --calibrate does. */
#ifndef LSTM_TOOL_CALIBRATE_H
#define LSTM_TOOL_CALIBRATE_H

#include "errors.h"
#include "models.h"
#include "sequence.h"

/* In this order: as the file has it, int8, and bf16 where the file has more than 16 bits. */
enum { CALIBRATE_TYPES = 3 };

/* A layer as one type, or a whole model. */
struct calibrated {
	lstm_dtype type;
	size_t bytes;         /* of its matrices, with the scales of int8 */
	struct errors errors; /* of h, against what the file has; none of what the file has */
	double seconds;       /* of a step */
};

struct calibrated_layer {
	struct calibrated types[CALIBRATE_TYPES];
	int count, chosen; /* how many of them, and which */
};

struct calibration {
	const char *model; /* its path, for messages */
	struct sequence_files files;
	double limit; /* the largest error that is taken */
	size_t steps, batch;
	struct calibrated_layer *layers;
	lstm_desc desc;             /* of the model with the types chosen */
	struct calibrated whole[2]; /* as the file has it, and with the types chosen */
};

/* Measure and choose.  0 after a complaint; calibration_free in any case. */
int calibrate(struct calibration *c, const struct model_facts *facts);
void calibration_free(struct calibration *c);

/* On standard output. */
void calibration_print(const struct calibration *c);
void calibration_print_json(const struct calibration *c);

#endif
