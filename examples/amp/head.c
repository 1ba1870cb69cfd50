#include "head.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS_MOST = 16, WIDTH_MOST = 4096, LANES = 8 };

typedef float function(float x);

struct layer {
	float *weight; /* [outputs][inputs] */
	float *bias;   /* [outputs] */
	size_t inputs, outputs;
	function *activation;
};

struct head {
	size_t inputs;
	int layers;
	struct layer layer[LAYERS_MOST];
	float a[WIDTH_MOST], b[WIDTH_MOST]; /* what goes into a layer and comes out */
};

/* ---- activations ----------------------------------------------------------------------------- */
static float linear(float x)
{
	return x;
}

static float relu(float x)
{
	return x > 0 ? x : 0;
}

static float sigmoid(float x)
{
	return 1 / (1 + expf(-x));
}

static float elu(float x)
{
	return x > 0 ? x : expm1f(x);
}

static const struct {
	const char *name;
	function *activation;
} ACTIVATIONS[] = {
	{"linear", linear}, {"tanh", tanhf}, {"relu", relu}, {"sigmoid", sigmoid}, {"elu", elu},
};

/* ---- loading --------------------------------------------------------------------------------- */
static int load_activations(struct head *head, const struct source *from)
{
	static const char key[] = "amp.head_activations";
	const size_t known = sizeof(ACTIVATIONS) / sizeof(*ACTIVATIONS);
	const char *text = lstm_file_metadata(from->file, key), *at = text;
	int named = 0;

	for (int l = 0; l < head->layers; l++)
		head->layer[l].activation = linear;
	while (at) {
		size_t length = strcspn(at, ","), f = 0;

		while (f < known && (strlen(ACTIVATIONS[f].name) != length ||
		                     memcmp(ACTIVATIONS[f].name, at, length) != 0))
			f++;
		if (f == known)
			return source_fail(from,
			                   "metadata %s: linear, tanh, relu, sigmoid or elu with "
			                   "commas in between expected, %s found",
			                   key, text);
		if (named < head->layers)
			head->layer[named].activation = ACTIVATIONS[f].activation;
		named++;
		at = at[length] ? at + length + 1 : NULL;
	}
	if (text && named != head->layers)
		return source_fail(from,
		                   "metadata %s: a name for each of %d layers expected, %s "
		                   "found",
		                   key, head->layers, text);
	return 1;
}

/* Layer by the name of its tensors without .weight; outputs 0: as many as it has. */
static int load_layer(struct head *head, const struct source *from, const char *name, size_t inputs,
                      size_t outputs)
{
	struct layer *layer = &head->layer[head->layers];
	const lstm_tensor *tensor;
	char full[64];

	snprintf(full, sizeof(full), "%s.weight", name);
	layer->weight = source_tensor(from, full, 2, outputs, inputs);
	if (!layer->weight)
		return 0;
	head->layers++;
	tensor = lstm_file_find(from->file, full);
	layer->inputs = inputs;
	layer->outputs = tensor->shape[0];
	if (layer->outputs > WIDTH_MOST)
		return source_fail(from, "tensor %s: at most %d outputs expected, %zu found", full,
		                   WIDTH_MOST, layer->outputs);
	snprintf(full, sizeof(full), "%s.bias", name);
	if (lstm_file_find(from->file, full)) {
		layer->bias = source_tensor(from, full, 1, layer->outputs, 0);
		return layer->bias != NULL;
	}
	layer->bias = calloc(layer->outputs, sizeof(float));
	return layer->bias ? 1 : source_fail(from, "out of memory");
}

static int load_layers(struct head *head, const struct source *from)
{
	size_t width = head->inputs;
	char name[32];

	if (!lstm_file_find(from->file, "head.0.weight")) {
		if (width == 1 && !lstm_file_find(from->file, "head.weight"))
			return 1;
		return load_layer(head, from, "head", width, 1);
	}
	for (;;) {
		snprintf(name, sizeof(name), "head.%d.weight", head->layers);
		if (!lstm_file_find(from->file, name))
			break;
		if (head->layers == LAYERS_MOST)
			return source_fail(from, "at most %d layers head.N expected, more found",
			                   LAYERS_MOST);
		*strrchr(name, '.') = '\0';
		if (!load_layer(head, from, name, width, 0))
			return 0;
		width = head->layer[head->layers - 1].outputs;
	}
	if (width != 1)
		return source_fail(from,
		                   "tensor head.%d.weight: 1 output of the last layer "
		                   "expected, %zu found",
		                   head->layers - 1, width);
	return 1;
}

void head_free(struct head *head)
{
	if (!head)
		return;
	for (int l = 0; l < head->layers; l++) {
		free(head->layer[l].weight);
		free(head->layer[l].bias);
	}
	free(head);
}

struct head *head_load(const struct source *from, size_t inputs)
{
	struct head *head = calloc(1, sizeof(*head));

	if (!head) {
		source_fail(from, "out of memory");
		return NULL;
	}
	head->inputs = inputs;
	if (!load_layers(head, from) || !load_activations(head, from)) {
		head_free(head);
		return NULL;
	}
	return head;
}

/* ---- running --------------------------------------------------------------------------------- */
/* One order of additions, whatever the compiler and the block: a sum per lane, the lanes in turn,
 * then what is left over. */
static float dot(const float *a, const float *b, size_t count)
{
	float sums[LANES] = {0}, sum;
	size_t k = 0;

	for (; k + LANES <= count; k += LANES)
		for (int lane = 0; lane < LANES; lane++)
			sums[lane] += a[k + (size_t)lane] * b[k + (size_t)lane];
	sum = sums[0];
	for (int lane = 1; lane < LANES; lane++)
		sum += sums[lane];
	for (; k < count; k++)
		sum += a[k] * b[k];
	return sum;
}

void head_run(struct head *head, const float *in, float *out, size_t rows)
{
	for (size_t r = 0; r < rows; r++) {
		const float *x = in + r * head->inputs;

		for (int l = 0; l < head->layers; l++) {
			const struct layer *layer = &head->layer[l];
			float *y = l % 2 ? head->b : head->a;

			for (size_t n = 0; n < layer->outputs; n++)
				y[n] = layer->activation(
					layer->bias[n] +
					dot(layer->weight + n * layer->inputs, x, layer->inputs));
			x = y;
		}
		out[r] = *x;
	}
}
