/* The library against other frameworks: every golden in tests/goldens/data (see goldens/common.py
 * for what is in one), on every instruction set, in one call and step by step.
 *
 * LSTM_GOLDENS in the environment names another folder that holds data/ and cases.txt. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <dirent.h>
#include <math.h>
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

#define NAME_SIZE 128
#define PATH_SIZE 1024

struct golden {
	char path[PATH_SIZE];
	lstm_file *file;
	lstm_desc desc;
	const lstm_weights *weights;
	lstm_order order;
	size_t steps, batch, input, width; /* of x and y */
	size_t rows;                       /* of h and c: layers * directions * batch */
	size_t output, hidden;             /* floats in a row of h, of c */
	float *x, *h0, *c0, *y, *hn, *cn;  /* h0, c0 NULL without */
	size_t *lengths;                   /* [batch], or NULL */
	double tolerance;
};

struct result {
	float *y, *h, *c;
};

/* The worst element seen so far, as a fraction of the tolerance. */
struct worst {
	double fraction, got, expected;
	size_t index;
	const char *array, *how;
};

static const char *folder(void)
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

/* ---- reading a golden ------------------------------------------------------------------------ */

static const char *metadata(const struct golden *g, const char *key)
{
	const char *value = lstm_file_metadata(g->file, key);

	cr_assert_not_null(value, "%s: metadata %s, expected a value, found none", g->path, key);
	return value;
}

static double measured(const struct golden *g, const char *key)
{
	const char *text = metadata(g, key);
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
	int64_t value;

	if (!tensor)
		return NULL;
	cr_assert_eq(tensor->bytes, g->batch * sizeof value,
	             "%s: lengths, expected %zu of 64 bits, found %zu bytes", g->path, g->batch,
	             tensor->bytes);
	lengths = allocate(g->batch, sizeof *lengths);
	for (b = 0; b < g->batch; b++) {
		memcpy(&value, (const char *)tensor->data + b * sizeof value, sizeof value);
		lengths[b] = (size_t)value;
	}
	return lengths;
}

static struct golden golden_open(const char *name, const char *framework, lstm_isa isa)
{
	struct golden g = {0};
	lstm_load_args args = {0};
	lstm_error error = {0};
	const lstm_tensor *x;
	size_t directions, layers;

	snprintf(g.path, sizeof g.path, "%s/data/%s.safetensors", folder(), name);
	cr_assert_eq(lstm_file_open(&g.file, g.path, &error), LSTM_OK, "%s", error.text);
	args.prefix = "lstm.";
	args.isa = isa;
	cr_assert_eq(lstm_file_lstm(g.file, &args, &g.desc, &g.weights, &error), LSTM_OK, "%s",
	             error.text);
	cr_assert_eq(strncmp(metadata(&g, "golden.framework"), framework, strlen(framework)), 0,
	             "%s: golden.framework, expected %s, found %s", g.path, framework,
	             metadata(&g, "golden.framework"));
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
	g.tolerance = measured(&g, "golden.error") + FP32_MARGIN * measured(&g, "golden.fp32") +
	              ACTIVATIONS;
	return g;
}

static void golden_close(struct golden *g)
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

/* ---- running it ------------------------------------------------------------------------------ */

/* steps of the sequence from the given one on, through the call that fits the case. */
static void run_piece(const struct golden *g, lstm_state *state, float *y, size_t first,
                      size_t steps)
{
	int batch_first = g->order == LSTM_BATCH_MAJOR;
	const float *x = g->x + first * (batch_first ? 1 : g->batch) * g->input;
	size_t *lengths = NULL, b;
	lstm_run_args args = {0};

	y += first * (batch_first ? 1 : g->batch) * g->width;
	if (!batch_first && !g->lengths) {
		lstm_run(state, x, y, steps);
		return;
	}
	if (g->lengths) {
		lengths = allocate(g->batch, sizeof *lengths);
		for (b = 0; b < g->batch; b++) {
			size_t left = g->lengths[b] > first ? g->lengths[b] - first : 0;

			lengths[b] = left < steps ? left : steps;
		}
	}
	args.x = x;
	args.y = y;
	args.steps = steps;
	args.lengths = lengths;
	args.order = g->order;
	if (batch_first) {
		args.x_stream = g->steps * g->input;
		args.y_stream = g->steps * g->width;
	}
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "%s: lstm_run_with failed", g->path);
	free(lengths);
}

/* The whole sequence in pieces of so many steps. */
static struct result run(const struct golden *g, size_t piece)
{
	struct result r;
	lstm_model *model;
	lstm_state *state;
	size_t first;

	cr_assert_eq(lstm_model_new(&model, &g->desc, g->weights), LSTM_OK, "%s: lstm_model_new",
	             g->path);
	cr_assert_eq(lstm_state_new(&state, model, (int)g->batch, piece), LSTM_OK,
	             "%s: lstm_state_new", g->path);
	r.y = allocate(g->steps * g->batch * g->width, sizeof *r.y);
	r.h = allocate(g->rows * g->output, sizeof *r.h);
	r.c = allocate(g->rows * g->hidden, sizeof *r.c);
	memset(r.y, 0xff, g->steps * g->batch * g->width * sizeof *r.y); /* NaN */
	lstm_state_set(state, g->h0, g->c0);
	for (first = 0; first < g->steps; first += piece)
		run_piece(g, state, r.y, first, piece);
	lstm_state_get(state, r.h, r.c);
	lstm_state_free(state);
	lstm_model_free(model);
	return r;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void compare(const struct golden *g, const char *array, const char *how, const float *got,
                    const float *expected, size_t count, struct worst *worst)
{
	size_t i;

	for (i = 0; i < count; i++) {
		double scale = fmax(1, fabs((double)expected[i]));
		double off = fabs((double)got[i] - (double)expected[i]) / scale / g->tolerance;

		if (off <= worst->fraction)
			continue;
		worst->fraction = isnan(off) ? HUGE_VAL : off;
		worst->got = (double)got[i];
		worst->expected = (double)expected[i];
		worst->index = i;
		worst->array = array;
		worst->how = how;
	}
}

static void run_and_compare(const struct golden *g, size_t piece, const char *how,
                            struct worst *worst)
{
	struct result r = run(g, piece);

	compare(g, "y", how, r.y, g->y, g->steps * g->batch * g->width, worst);
	compare(g, "hn", how, r.h, g->hn, g->rows * g->output, worst);
	compare(g, "cn", how, r.c, g->cn, g->rows * g->hidden, worst);
	free(r.y);
	free(r.h);
	free(r.c);
}

/* 1 if the library agrees with the golden; else a sentence on stderr tells how it does not. */
static int agrees(const char *name, const char *framework, lstm_isa isa)
{
	struct golden g = golden_open(name, framework, isa);
	struct worst worst = {0};

	run_and_compare(&g, g.steps, "in one call", &worst);
	if (g.desc.direction == LSTM_FORWARD)
		run_and_compare(&g, 1, "step by step", &worst);
	if (worst.fraction > 1)
		fprintf(stderr,
		        "%s (%s), %s, %s: %s[%zu], expected %.9g, found %.9g, off by %.3g times the "
		        "tolerance of %.3g: %s\n",
		        name, metadata(&g, "golden.framework"), lstm_isa_name(isa), worst.how,
		        worst.array, worst.index, worst.expected, worst.got, worst.fraction,
		        g.tolerance, metadata(&g, "golden.case"));
	golden_close(&g);
	return worst.fraction <= 1;
}

/* ---- the folder and its list ----------------------------------------------------------------- */

static int begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* How many *.safetensors in data/ begin with this. */
static size_t count_files(const char *beginning)
{
	static const char ending[] = ".safetensors";
	char path[PATH_SIZE];
	struct dirent *entry;
	size_t count = 0;
	DIR *directory;

	snprintf(path, sizeof path, "%s/data", folder());
	directory = opendir(path);
	cr_assert_not_null(directory, "%s: the folder of the goldens cannot be read", path);
	while ((entry = readdir(directory)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');

		count += dot && strcmp(dot, ending) == 0 && begins(entry->d_name, beginning);
	}
	closedir(directory);
	return count;
}

/* Run every listed case whose name begins with the framework's; data/ must hold exactly these. */
static void check_framework(const char *framework, lstm_isa isa)
{
	size_t cases = 0, failed = 0, files;
	char path[PATH_SIZE], beginning[NAME_SIZE], name[NAME_SIZE];
	FILE *list;

	snprintf(path, sizeof path, "%s/cases.txt", folder());
	snprintf(beginning, sizeof beginning, "%s_", framework);
	list = fopen(path, "r");
	cr_assert_not_null(list, "%s: the list of the goldens cannot be read", path);
	while (fgets(name, sizeof name, list)) {
		name[strcspn(name, "\n")] = '\0';
		if (!begins(name, beginning))
			continue;
		cases++;
		failed += !agrees(name, framework, isa);
	}
	fclose(list);
	files = count_files(beginning);
	cr_assert_gt(cases, 0, "%s: cases of %s, expected some, found none", path, framework);
	cr_assert_eq(files, cases, "%s/data: files of %s, expected %zu as listed, found %zu",
	             folder(), framework, cases, files);
	cr_assert_eq(failed, 0, "%s, %s: %zu of %zu cases do not agree (above)", framework,
	             lstm_isa_name(isa), failed, cases);
}

TEST_EACH_ISA(goldens, pytorch_agrees)
{
	check_framework("pytorch", isa);
}

TEST_EACH_ISA(goldens, onnxruntime_agrees)
{
	check_framework("onnxruntime", isa);
}

Test(goldens, every_file_is_of_a_framework_tested_here)
{
	size_t tested = count_files("pytorch_") + count_files("onnxruntime_");
	size_t all = count_files("");

	cr_assert_eq(all, tested, "%s/data: files, expected %zu of frameworks tested, found %zu",
	             folder(), tested, all);
}
