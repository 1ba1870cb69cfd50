#define LSTM_API static
#define LSTM_NO_SLEEF
#define LSTM_F32_ONLY
#define LSTM_IMPLEMENTATION
#include "lstm.h"

#include "recorded.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

#define MOST_STEPS 100000 /* as of --steps */

static int out_of_memory(const char *program, const char *path)
{
	fprintf(stderr, "%s: %s: out of memory\n", program, path);
	return 1;
}

/* ---- the net --------------------------------------------------------------------------------- */
/* What peers cannot be told of, or NULL. */
static const char *beyond_peers(const lstm_desc *desc, const lstm_weights *weights)
{
	int direction, k;

	if (desc->layers != 1)
		return "several layers";
	if (desc->direction != LSTM_FORWARD)
		return desc->direction == LSTM_REVERSE ? "the reverse direction"
		                                       : "both directions";
	if (desc->projection)
		return "a projection";
	if (weights->peephole)
		return "peepholes";
	for (direction = 0; direction < 2; direction++)
		for (k = 0; k < 3; k++)
			if (desc->activations[direction][k].function != LSTM_DEFAULT)
				return "activations of its own";
	if (desc->input_forget || desc->clip > 0 || desc->cell_clip > 0)
		return "coupled gates or a clip";
	return NULL;
}

static float *copied(float *to, const float *from, size_t count)
{
	memcpy(to, from, count * sizeof(*to));
	return to + count;
}

/* One block of memory, and one bias, as everybody has one. */
static int take_weights(struct bench_net *net, const lstm_desc *desc, const lstm_weights *weights)
{
	const size_t rows = 4 * (size_t)desc->hidden, k_w = rows * (size_t)desc->input,
		     k_u = rows * (size_t)desc->hidden;
	float *all = bench_alloc((k_w + k_u + rows) * sizeof(float)), *b;
	size_t k;

	if (!all)
		return 0;
	net->w[0] = all;
	net->u[0] = copied(all, weights->w, k_w);
	b = copied(all + k_w, weights->u, k_u);
	net->b[0] = b;
	for (k = 0; k < rows; k++)
		b[k] = (weights->b ? weights->b[k] : 0) + (weights->b2 ? weights->b2[k] : 0);
	return 1;
}

static int read_net(struct bench_recorded *r, const char *program, const char *path,
                    const char *prefix)
{
	const lstm_weights *weights = NULL;
	const char *found;
	lstm_load_args args;
	lstm_error error;
	lstm_desc desc;
	lstm_file *file;
	int status = 1;

	memset(&args, 0, sizeof(args));
	args.prefix = prefix;
	if (lstm_file_open(&file, path, &error) != LSTM_OK) {
		fprintf(stderr, "%s: %s\n", program, error.text);
		return 1;
	}
	if (lstm_file_lstm(file, &args, &desc, &weights, &error) != LSTM_OK) {
		fprintf(stderr, "%s: %s\n", program, error.text);
	} else if ((found = beyond_peers(&desc, weights)) != NULL) {
		fprintf(stderr, "%s: %s: expected one plain forward layer, found %s\n", program,
		        path, found);
	} else if (!take_weights(&r->net, &desc, weights)) {
		status = out_of_memory(program, path);
	} else {
		r->shape.mode = BENCH_SEQUENCE;
		r->shape.input = desc.input;
		r->shape.hidden = desc.hidden;
		r->shape.layers = r->shape.directions = r->shape.batch = r->shape.streams = 1;
		status = -1;
	}
	lstm_file_close(file);
	return status;
}

/* ---- its inputs ------------------------------------------------------------------------------ */
/* The whole file, or if it is longer more than most bytes of it; NULL and errno if that failed. */
static unsigned char *read_bytes(const char *path, size_t most, size_t *bytes)
{
	FILE *file = fopen(path, "rb");
	unsigned char *data = NULL, *grown;
	size_t room = 0, count = 1;
	int error = 0;

	*bytes = 0;
	if (!file)
		return NULL;
	while (count && *bytes <= most) {
		if (*bytes == room) {
			room = room ? 2 * room : 1 << 16;
			grown = realloc(data, room);
			if (!grown) {
				error = ENOMEM;
				break;
			}
			data = grown;
		}
		count = fread(data + *bytes, 1, room - *bytes, file);
		*bytes += count;
	}
	if (ferror(file))
		error = errno;
	fclose(file);
	if (error) {
		free(data);
		data = NULL;
	}
	errno = error;
	return data;
}

static float little_endian(const unsigned char *p)
{
	const uint32_t bits = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	                      (uint32_t)p[3] << 24;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Also what an engine that quantizes x and h by one scale must know of them. */
static int take_inputs(struct bench_recorded *r, const char *program, const char *path,
                       const unsigned char *data)
{
	const size_t input = (size_t)r->shape.input, count = (size_t)r->shape.steps * input;
	size_t k;

	r->x = bench_alloc(count * sizeof(float));
	if (!r->x)
		return out_of_memory(program, path);
	r->net.low = -1;
	r->net.high = 1;
	for (k = 0; k < count; k++) {
		r->x[k] = little_endian(data + 4 * k);
		if (!isfinite(r->x[k])) {
			fprintf(stderr,
			        "%s: %s: step %zu, input %zu: expected a finite number, found %g\n",
			        program, path, k / input, k % input, (double)r->x[k]);
			return 1;
		}
		r->net.low = fminf(r->net.low, r->x[k]);
		r->net.high = fmaxf(r->net.high, r->x[k]);
	}
	return -1;
}

static int read_inputs(struct bench_recorded *r, const char *program, const char *path)
{
	const size_t step = 4 * (size_t)r->shape.input;
	size_t bytes;
	unsigned char *data = read_bytes(path, MOST_STEPS * step, &bytes);
	int status = 1;

	if (!data) {
		fprintf(stderr, "%s: %s: cannot be read: %s\n", program, path, strerror(errno));
	} else if (bytes > MOST_STEPS * step) {
		fprintf(stderr, "%s: %s: expected at most %d steps of %zu bytes, found more\n",
		        program, path, MOST_STEPS, step);
	} else if (bytes == 0 || bytes % step != 0) {
		fprintf(stderr,
		        "%s: %s: expected steps of %d float32, %zu bytes each, found %zu bytes\n",
		        program, path, r->shape.input, step, bytes);
	} else {
		r->shape.steps = (int)(bytes / step);
		status = take_inputs(r, program, path, data);
	}
	free(data);
	return status;
}

int bench_recorded_read(struct bench_recorded *r, const char *program, const char *net,
                        const char *prefix, const char *x)
{
	int status;

	memset(r, 0, sizeof(*r));
	status = read_net(r, program, net, prefix);
	return status < 0 ? read_inputs(r, program, x) : status;
}

void bench_recorded_free(struct bench_recorded *r)
{
	bench_net_free(&r->net);
	free(r->x);
}
