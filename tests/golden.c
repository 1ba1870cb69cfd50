/* See golden.h. */
#include "golden.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#ifndef LSTM_GOLDENS_DIR
#define LSTM_GOLDENS_DIR "tests/goldens" /* the suites run at the root of the repository */
#endif

/* How far a result may be from the golden, relative to the golden where that is larger than 1: the
 * sum of three parts.
 *
 * The framework's own distance from the equations, measured when the golden was made
 * (golden.error; below 1e-7 for PyTorch, which ran in double precision).
 *
 * What fp32 arithmetic costs this network: golden.fp32, the worst of eight evaluations in random
 * orders of summation.  The library's order is one more of that kind, with fewer roundings; the
 * sum of many roundings is four times its usual size about as rarely as four deviations. */
#define FP32_MARGIN 4.0

/* What the activations add.  An error of one unit in the last place, 2^-24 below 1, of the three
 * gates and of g makes c' wrong by up to |c| + |g| + i = 4 of these units where cells reach 2; a
 * forget gate of 0.7 keeps the errors of 1 / (1 - 0.7) = 3.3 steps; o and h add one each.  Together
 * 16 units. */
#define ACTIVATIONS 0x1p-20

/* Neither measured part may be larger, or the golden shows nothing: the makers hold to it too. */
#define LARGEST_MEASURED 1e-6

const char *golden_folder(void)
{
	const char *named = getenv("LSTM_GOLDENS");

	return named ? named : LSTM_GOLDENS_DIR;
}

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	cr_assert_not_null(memory, "out of memory: %zu elements of %zu bytes", count, size);
	return memory;
}

const char *golden_metadata(const struct golden *g, const char *key)
{
	const char *value = lstm_file_metadata(g->file, key);

	cr_assert_not_null(value, "%s: metadata %s, expected a value, found none", g->path, key);
	return value;
}

static double measured(const struct golden *g, const char *key)
{
	const char *text = golden_metadata(g, key);
	char *end;
	double value = strtod(text, &end);

	cr_assert(end != text && *end == '\0' && value >= 0 && value <= LARGEST_MEASURED,
	          "%s: metadata %s, expected 0..%g, found %s", g->path, key, LARGEST_MEASURED,
	          text);
	return value;
}

static float *read_floats(const struct golden *g, const char *name, size_t count)
{
	const lstm_tensor *tensor = lstm_file_find(g->file, name);
	float *values = allocate(count, sizeof *values);

	cr_assert_not_null(tensor, "%s: tensor %s, expected, found none", g->path, name);
	cr_assert_eq(lstm_tensor_read(tensor, values, count), LSTM_OK,
	             "%s: tensor %s, expected %zu numbers, found %zu bytes of dtype %d", g->path,
	             name, count, tensor->bytes, (int)tensor->dtype);
	return values;
}

static float *read_floats_if_there(const struct golden *g, const char *name, size_t count)
{
	return lstm_file_find(g->file, name) ? read_floats(g, name, count) : NULL;
}

static size_t *read_lengths(const struct golden *g)
{
	const lstm_tensor *tensor = lstm_file_find(g->file, "lengths");
	size_t *lengths, b;
	int byte;

	if (!tensor)
		return NULL;
	cr_assert_eq(tensor->bytes, g->batch * 8,
	             "%s: lengths, expected %zu of 64 bits, found %zu bytes", g->path, g->batch,
	             tensor->bytes);
	lengths = allocate(g->batch, sizeof *lengths);
	for (b = 0; b < g->batch; b++) {
		const unsigned char *little = (const unsigned char *)tensor->data + b * 8;

		for (byte = 7; byte >= 0; byte--)
			lengths[b] = lengths[b] << 8 | little[byte];
	}
	return lengths;
}

/* The mask and what it means, if there is one. */
static void read_mask(struct golden *g)
{
	const lstm_tensor *mask = lstm_file_find(g->file, "mask");
	const char *how;

	if (!mask)
		return;
	how = golden_metadata(g, "golden.masked");
	cr_assert_eq(mask->bytes, g->steps * g->batch, "%s: mask, expected %zu bytes, found %zu",
	             g->path, g->steps * g->batch, mask->bytes);
	cr_assert(strcmp(how, "hold") == 0 || strcmp(how, "zero") == 0,
	          "%s: golden.masked, expected hold or zero, found %s", g->path, how);
	g->mask = mask->data;
	g->masked = *how == 'z' ? LSTM_MASKED_ZERO : LSTM_MASKED_HOLD;
}

struct golden golden_open(const char *name, const char *framework, lstm_isa isa)
{
	struct golden g = {0};
	lstm_load_args args = {0};
	lstm_error error = {0};
	const lstm_tensor *x;
	size_t directions, layers;

	snprintf(g.path, sizeof g.path, "%s/data/%s.safetensors", golden_folder(), name);
	cr_assert_eq(lstm_file_open(&g.file, g.path, &error), LSTM_OK, "%s", error.text);
	args.prefix = "lstm.";
	args.isa = isa;
	cr_assert_eq(lstm_file_lstm(g.file, &args, &g.desc, &g.weights, &error), LSTM_OK, "%s",
	             error.text);
	cr_assert_eq(strncmp(golden_metadata(&g, "golden.framework"), framework, strlen(framework)),
	             0, "%s: golden.framework, expected %s, found %s", g.path, framework,
	             golden_metadata(&g, "golden.framework"));
	cr_assert_eq(g.desc.isa, isa, "%s: isa, expected %s, found %s", g.path, lstm_isa_name(isa),
	             lstm_isa_name(g.desc.isa));

	x = lstm_file_find(g.file, "x");
	cr_assert(x && x->rank == 3, "%s: tensor x, expected 3 dimensions", g.path);
	g.order = lstm_file_metadata(g.file, "golden.batch_first") ? LSTM_BATCH_MAJOR
	                                                           : LSTM_TIME_MAJOR;
	g.steps = x->shape[g.order == LSTM_BATCH_MAJOR];
	g.batch = x->shape[g.order == LSTM_TIME_MAJOR];
	g.input = x->shape[2];
	cr_assert_eq((size_t)g.desc.input, g.input, "%s: x, expected %d features, found %zu",
	             g.path, g.desc.input, g.input);

	directions = g.desc.direction == LSTM_BIDIRECTIONAL ? 2 : 1;
	layers = g.desc.layers ? (size_t)g.desc.layers : 1;
	g.hidden = (size_t)g.desc.hidden;
	g.output = g.desc.projection ? (size_t)g.desc.projection : g.hidden;
	g.width = directions * g.output;
	g.rows = layers * directions * g.batch;
	g.x = read_floats(&g, "x", g.steps * g.batch * g.input);
	g.h0 = read_floats_if_there(&g, "h0", g.rows * g.output);
	g.c0 = read_floats_if_there(&g, "c0", g.rows * g.hidden);
	g.y = read_floats(&g, "y", g.steps * g.batch * g.width);
	g.hn = read_floats(&g, "hn", g.rows * g.output);
	g.cn = read_floats(&g, "cn", g.rows * g.hidden);
	g.lengths = read_lengths(&g);
	read_mask(&g);
	g.tolerance = measured(&g, "golden.error") + FP32_MARGIN * measured(&g, "golden.fp32") +
	              ACTIVATIONS;
	return g;
}

void golden_close(struct golden *g)
{
	free(g->x);
	free(g->h0);
	free(g->c0);
	free(g->y);
	free(g->hn);
	free(g->cn);
	free(g->lengths);
	lstm_file_close(g->file);
}
