#define _POSIX_C_SOURCE 200809L
#include "network.h"
#include "multiply.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONTEXT = 64, /* samples of the previous frame */
	MIRROR = 64,  /* samples mirrored at the end */
	WINDOW = 256,
	HALF = WINDOW / 2,
	HOP = 128,
	STEPS = 4, /* windows per frame */
	BINS = 129,
	BINS_PADDED = 132, /* a multiple of MULTIPLY_INPUTS */
	LOW_BINS = 65,     /* see load_stft */
	LOW_PADDED = 72,   /* whole vectors of 8 */
	HIDDEN = 128,
	TAPS = 3
};

/* A convolution of width 3, padded by 1 on both sides, over few positions. */
struct convolution {
	const char *weight, *bias;   /* names of the tensors */
	size_t inputs, row, outputs; /* row: floats from one position to the next */
	int from, to, stride;        /* positions in, positions out */
};

static const struct convolution CONVOLUTIONS[] = {
	{"conv1.weight", "conv1.bias", BINS, BINS_PADDED, 128, STEPS, 4, 1},
	{"conv2.weight", "conv2.bias", 128, 128, 64, 4, 2, 2},
	{"conv3.weight", "conv3.bias", 64, 64, 64, 2, 1, 2},
	{"conv4.weight", "conv4.bias", 64, 64, HIDDEN, 1, 1, 1},
};
enum { LAYERS = sizeof(CONVOLUTIONS) / sizeof(*CONVOLUTIONS), LARGEST = 4 * BINS_PADDED };

struct network {
	lstm_model *model;
	lstm_state *state;
	void *memory;          /* behind the pointers that follow */
	float *stft[2][2];     /* [HALF / 2][LOW_PADDED], see load_stft */
	float *weight[LAYERS]; /* [TAPS][inputs, padded][outputs] */
	float *bias[LAYERS];   /* [outputs] */
	float *final;          /* [HIDDEN + 1], the bias last */
	float *sound;          /* [CONTEXT + NETWORK_FRAME + MIRROR] */
	float *folded[2][2];   /* [STEPS][HALF / 2], see spectrum */
	float *sums[2][2];     /* [STEPS][LOW_PADDED] */
	float *a, *b;          /* [LARGEST], what goes into a layer and comes out */
};

static size_t padded_inputs(const struct convolution *conv)
{
	return (conv->inputs + MULTIPLY_INPUTS - 1) / MULTIPLY_INPUTS * MULTIPLY_INPUTS;
}

/* ---- loading --------------------------------------------------------------------------------- */
/* Cut count floats off the memory, at an address that every vector width likes; without memory just
 * count the bytes. */
static float *take(char *memory, size_t *used, size_t count)
{
	float *start = memory ? (float *)(void *)(memory + *used) : NULL;

	*used += (count * sizeof(float) + LSTM_ALIGN - 1) / LSTM_ALIGN * LSTM_ALIGN;
	return start;
}

static size_t lay_out(struct network *network, char *memory)
{
	size_t used = 0;

	for (int i = 0; i < 4; i++) {
		network->stft[i / 2][i % 2] = take(memory, &used, HALF / 2 * LOW_PADDED);
		network->folded[i / 2][i % 2] = take(memory, &used, STEPS * HALF / 2);
		network->sums[i / 2][i % 2] = take(memory, &used, STEPS * LOW_PADDED);
	}
	for (int l = 0; l < LAYERS; l++) {
		const struct convolution *conv = &CONVOLUTIONS[l];

		network->weight[l] =
			take(memory, &used, TAPS * padded_inputs(conv) * conv->outputs);
		network->bias[l] = take(memory, &used, conv->outputs);
	}
	network->final = take(memory, &used, HIDDEN + 1);
	network->sound = take(memory, &used, CONTEXT + NETWORK_FRAME + MIRROR);
	network->a = take(memory, &used, LARGEST);
	network->b = take(memory, &used, LARGEST);
	return used;
}

static void shape_text(char *text, size_t size, const size_t *shape, int rank)
{
	size_t used = 0;

	for (int d = 0; d < rank && used < size; d++)
		used += (size_t)snprintf(text + used, size - used, "%s%zu", d ? ", " : "",
		                         shape[d]);
}

/* What is being read, and where to say what is wrong with it. */
struct source {
	lstm_file *file;
	const char *path;
	char *error;
	size_t size;
};

/* A tensor of this shape as floats; NULL: refused, and said why.  To be freed. */
static float *read_tensor(const struct source *from, const char *name, int rank, size_t a, size_t b,
                          size_t c)
{
	const lstm_tensor *tensor = lstm_file_find(from->file, name);
	const size_t shape[3] = {a, b, c};
	char expected[100], found[200];
	float *values;

	shape_text(expected, sizeof(expected), shape, rank);
	if (!tensor) {
		snprintf(from->error, from->size, "%s: tensor %s [%s] expected, not in the file",
		         from->path, name, expected);
		return NULL;
	}
	if (tensor->rank != rank || memcmp(tensor->shape, shape, sizeof(*shape) * (size_t)rank)) {
		shape_text(found, sizeof(found), tensor->shape, tensor->rank);
		snprintf(from->error, from->size, "%s: tensor %s: [%s] expected, [%s] found",
		         from->path, name, expected, found);
		return NULL;
	}
	values = malloc(sizeof(float) * a * b * c);
	if (!values) {
		snprintf(from->error, from->size, "%s: out of memory", from->path);
	} else if (lstm_tensor_read(tensor, values, a * b * c) != LSTM_OK) {
		snprintf(from->error, from->size,
		         "%s: tensor %s: F32, F64, F16 or BF16 expected, another type found",
		         from->path, name);
		free(values);
		values = NULL;
	}
	return values;
}

/* The rows of the transform, [2 * BINS][1][WINDOW]: cosines, then sines, under a window.  Like any
 * Fourier transform this one is full of repetitions, and a quarter of the products is enough:
 *   - sample WINDOW - k meets the same weight as sample k in a cosine row, its negative in a sine
 *     row, and sample 0 meets zero: samples 1 to HALF remain, folded;
 *   - row BINS - 1 - r has the weights of row r, every other one negated: rows 0 to HALF / 2
 *     remain, with a sum over the odd samples and one over the even ones, to be added and
 *     subtracted.
 * So stft[part][parity] holds [HALF / 2 samples][LOW_PADDED rows]. */
static int load_stft(struct network *network, const struct source *from)
{
	static const char name[] = "stft_conv.weight";
	float *rows = read_tensor(from, name, 3, 2 * BINS, 1, WINDOW);
	int regular = 1;

	if (!rows)
		return 0;
	for (size_t r = 0; r < 2 * BINS; r++) {
		size_t part = r / BINS, bin = r % BINS;
		const float *row = rows + r * WINDOW;
		const float *other = rows + (part * BINS + BINS - 1 - bin) * WINDOW;

		regular &= row[0] == 0;
		for (size_t k = 1; k <= HALF; k++) {
			size_t odd = k % 2;

			regular &= row[WINDOW - k] == (part ? -row[k] : row[k]);
			regular &= other[k] == (odd != part ? -row[k] : row[k]);
			if (bin < LOW_BINS)
				network->stft[part][odd][(k - 1) / 2 * LOW_PADDED + bin] = row[k];
		}
	}
	free(rows);
	if (!regular)
		snprintf(from->error, from->size,
		         "%s: tensor %s: %d windowed cosines, then sines expected, others found",
		         from->path, name, BINS);
	return regular;
}

/* [outputs][inputs][TAPS] -> [TAPS][inputs, padded][outputs] */
static int load_convolution(struct network *network, int layer, const struct source *from)
{
	const struct convolution *conv = &CONVOLUTIONS[layer];
	float *rows = read_tensor(from, conv->weight, 3, conv->outputs, conv->inputs, TAPS);
	float *bias = rows ? read_tensor(from, conv->bias, 1, conv->outputs, 1, 1) : NULL;

	if (bias) {
		for (size_t n = 0; n < conv->outputs; n++)
			for (size_t k = 0; k < conv->inputs; k++)
				for (size_t tap = 0; tap < TAPS; tap++) {
					size_t row = tap * padded_inputs(conv) + k;

					network->weight[layer][row * conv->outputs + n] =
						rows[(n * conv->inputs + k) * TAPS + tap];
				}
		memcpy(network->bias[layer], bias, sizeof(float) * conv->outputs);
	}
	free(rows);
	free(bias);
	return bias != NULL;
}

static int load_final(struct network *network, const struct source *from)
{
	float *weight = read_tensor(from, "final_conv.weight", 3, 1, HIDDEN, 1);
	float *bias = weight ? read_tensor(from, "final_conv.bias", 1, 1, 1, 1) : NULL;

	if (bias) {
		memcpy(network->final, weight, sizeof(float) * HIDDEN);
		network->final[HIDDEN] = *bias;
	}
	free(weight);
	free(bias);
	return bias != NULL;
}

static int load_lstm(struct network *network, const struct source *from, lstm_isa isa,
                     lstm_dtype dtype)
{
	lstm_load_args args = {0};
	lstm_desc desc = {0};
	const lstm_weights *weights;
	lstm_error error;
	lstm_status status;

	args.prefix = "lstm_cell.";
	args.dtype = dtype;
	if (lstm_file_lstm(from->file, &args, &desc, &weights, &error) != LSTM_OK) {
		snprintf(from->error, from->size, "%s", error.text);
		return 0;
	}
	if (desc.input != HIDDEN || desc.hidden != HIDDEN || desc.projection || desc.layers > 1 ||
	    desc.direction != LSTM_FORWARD) {
		snprintf(from->error, from->size,
		         "%s: lstm_cell: 1 layer forward, input %d, hidden %d expected, "
		         "%d layer(s), input %d, hidden %d found",
		         from->path, HIDDEN, HIDDEN, desc.layers ? desc.layers : 1, desc.input,
		         desc.hidden);
		return 0;
	}
	desc.isa = isa;
	status = lstm_model_new(&network->model, &desc, weights);
	if (status == LSTM_OK)
		status = lstm_state_new(&network->state, network->model, 1, 1);
	if (status == LSTM_ERR_ISA && isa != LSTM_ISA_AUTO)
		snprintf(from->error, from->size, "instruction set %s: %s", lstm_isa_name(isa),
		         lstm_strerror(status));
	else if (status == LSTM_ERR_ISA)
		snprintf(from->error, from->size, "LSTM_ISA=%s in the environment: %s",
		         getenv("LSTM_ISA"), lstm_strerror(status));
	else if (status != LSTM_OK)
		snprintf(from->error, from->size, "%s: %s", from->path, lstm_strerror(status));
	return status == LSTM_OK;
}

static int load(struct network *network, const struct source *from, lstm_isa isa, lstm_dtype dtype)
{
	size_t bytes = lay_out(network, NULL);

	if (posix_memalign(&network->memory, LSTM_ALIGN, bytes) != 0) {
		network->memory = NULL;
		snprintf(from->error, from->size, "%s: out of memory", from->path);
		return 0;
	}
	memset(network->memory, 0, bytes); /* the padding and the silence before the first frame */
	lay_out(network, network->memory);
	if (!load_stft(network, from))
		return 0;
	for (int l = 0; l < LAYERS; l++)
		if (!load_convolution(network, l, from))
			return 0;
	return load_final(network, from) && load_lstm(network, from, isa, dtype);
}

/* From a file that has been opened, or could not be. */
static struct network *make(const struct source *from, lstm_status status, const lstm_error *why,
                            lstm_isa isa, lstm_dtype dtype)
{
	struct network *network;
	int loaded = 0;

	if (status != LSTM_OK) {
		snprintf(from->error, from->size, "%s", why->text);
		return NULL;
	}
	network = calloc(1, sizeof(*network));
	if (network)
		loaded = load(network, from, isa, dtype);
	else
		snprintf(from->error, from->size, "%s: out of memory", from->path);
	lstm_file_close(from->file);
	if (!loaded) {
		network_free(network);
		return NULL;
	}
	return network;
}

struct network *network_new(const char *path, lstm_isa isa, lstm_dtype dtype, char *error,
                            size_t size)
{
	struct source from = {NULL, path, error, size};
	lstm_error why;
	lstm_status status = lstm_file_open(&from.file, path, &why);

	return make(&from, status, &why, isa, dtype);
}

struct network *network_new_memory(const void *bytes, size_t count, const char *name, lstm_isa isa,
                                   lstm_dtype dtype, char *error, size_t size)
{
	struct source from = {NULL, name, error, size};
	lstm_error why;
	lstm_status status = lstm_file_open_memory(&from.file, bytes, count, name, &why);

	return make(&from, status, &why, isa, dtype);
}

void network_free(struct network *network)
{
	if (!network)
		return;
	lstm_state_free(network->state);
	lstm_model_free(network->model);
	free(network->memory);
	free(network);
}

lstm_isa network_isa(const struct network *network)
{
	return lstm_model_desc(network->model)->isa;
}

/* ---- running --------------------------------------------------------------------------------- */
/* The magnitudes of the frame's STEPS windows: out[STEPS][BINS_PADDED]. */
static void spectrum(struct network *network, const float *samples, float *out)
{
	float *sound = network->sound;

	memmove(sound, sound + NETWORK_FRAME, sizeof(float) * CONTEXT);
	memcpy(sound + CONTEXT, samples, sizeof(float) * NETWORK_FRAME);
	for (int i = 0; i < MIRROR; i++)
		sound[CONTEXT + NETWORK_FRAME + i] = sound[CONTEXT + NETWORK_FRAME - 2 - i];

	for (int s = 0; s < STEPS; s++) {
		const float *window = sound + s * HOP;

		for (int k = 1; k <= HALF; k++) {
			int at = s * HALF / 2 + (k - 1) / 2;
			float mirrored = k < HALF ? window[WINDOW - k] : 0;

			network->folded[0][k % 2][at] = window[k] + mirrored;
			network->folded[1][k % 2][at] = window[k] - mirrored;
		}
	}
	for (int i = 0; i < 4; i++) {
		float *sums = network->sums[i / 2][i % 2];

		memset(sums, 0, sizeof(float) * STEPS * LOW_PADDED);
		multiply_add(sums, LOW_PADDED, network->stft[i / 2][i % 2],
		             network->folded[i / 2][i % 2], HALF / 2, HALF / 2, STEPS);
	}
	for (int s = 0; s < STEPS; s++)
		magnitudes(out + s * BINS_PADDED, network->sums[0][0] + s * LOW_PADDED,
		           network->sums[0][1] + s * LOW_PADDED,
		           network->sums[1][0] + s * LOW_PADDED,
		           network->sums[1][1] + s * LOW_PADDED, LOW_BINS);
}

/* in[from][row] -> out[to][outputs] */
static void convolve(const struct convolution *conv, const float *weight, const float *bias,
                     const float *in, float *out)
{
	size_t inputs = padded_inputs(conv);
	size_t count = conv->outputs * (size_t)conv->to;

	for (int p = 0; p < conv->to; p++)
		memcpy(out + (size_t)p * conv->outputs, bias, sizeof(float) * conv->outputs);
	/* Tap t of position p meets input p * stride + t - 1; outside there are only zeros. */
	for (int t = 0; t < TAPS; t++) {
		int first = t == 0 ? 1 : 0;
		int last = (conv->from - t) / conv->stride;

		if (last > conv->to - 1)
			last = conv->to - 1;
		if (last < first)
			continue;
		multiply_add(out + (size_t)first * conv->outputs, conv->outputs,
		             weight + (size_t)t * inputs * conv->outputs,
		             in + (size_t)(first * conv->stride + t - 1) * conv->row,
		             (size_t)conv->stride * conv->row, inputs, last - first + 1);
	}
	for (size_t i = 0; i < count; i++)
		out[i] = out[i] > 0 ? out[i] : 0;
}

float network_frame(struct network *network, const float samples[NETWORK_FRAME])
{
	float *in = network->a, *out = network->b;
	float sum = network->final[HIDDEN];

	spectrum(network, samples, in);
	for (int l = 0; l < LAYERS; l++) {
		float *swap = in;

		convolve(&CONVOLUTIONS[l], network->weight[l], network->bias[l], in, out);
		in = out;
		out = swap;
	}
	lstm_run(network->state, in, out, 1);
	for (int i = 0; i < HIDDEN; i++)
		sum += network->final[i] * (out[i] > 0 ? out[i] : 0);
	return 1 / (1 + expf(-sum));
}
