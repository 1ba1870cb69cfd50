/* The library against other frameworks: every golden in tests/goldens/data (see goldens/common.py
 * for what is in one), on every instruction set, in one call and step by step.
 *
 * LSTM_GOLDENS in the environment names another folder that holds data/ and cases.txt. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "harness.h"

#define NAME_SIZE 128

struct result {
	float *y, *h, *c;
};

/* The worst element seen so far, as a fraction of the tolerance. */
struct worst {
	double fraction, got, expected;
	size_t index;
	const char *array, *how;
};

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	cr_assert_not_null(memory, "out of memory: %zu elements of %zu bytes", count, size);
	return memory;
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
	if (!batch_first && !g->lengths && !g->mask) {
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
	args.mask = g->mask ? g->mask + first * (batch_first ? 1 : g->batch) : NULL;
	args.masked = g->masked;
	if (batch_first) {
		args.x_stream = g->steps * g->input;
		args.y_stream = g->steps * g->width;
		args.mask_stream = g->steps;
	}
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "%s: lstm_run_with failed", g->path);
	free(lengths);
}

/* The whole sequence in pieces of so many steps. */
static struct result run(const struct golden *g, size_t piece)
{
	struct result r;
	lstm_desc desc = g->desc;
	lstm_model *model;
	lstm_state *state;
	size_t first;

	if (!harness_has(desc.isa, desc.dtype))
		desc.dtype = LSTM_DTYPE_F32; /* which the file's bf16 and f16 are widened to */
	cr_assert_eq(lstm_model_new(&model, &desc, g->weights), LSTM_OK, "%s: lstm_model_new",
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
		        "%s (%s), %s, %s: %s[%zu], expected %.9g, found %.9g, off by %.3g times "
		        "the "
		        "tolerance of %.3g: %s\n",
		        name, golden_metadata(&g, "golden.framework"), lstm_isa_name(isa),
		        worst.how, worst.array, worst.index, worst.expected, worst.got,
		        worst.fraction, g.tolerance, golden_metadata(&g, "golden.case"));
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
	char path[GOLDEN_PATH];
	struct dirent *entry;
	size_t count = 0;
	DIR *directory;

	snprintf(path, sizeof path, "%s/data", golden_folder());
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
	char path[GOLDEN_PATH], beginning[NAME_SIZE], name[NAME_SIZE];
	FILE *list;

	snprintf(path, sizeof path, "%s/cases.txt", golden_folder());
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
	             golden_folder(), framework, cases, files);
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

TEST_EACH_ISA(goldens, keras_agrees)
{
	check_framework("keras", isa);
}

Test(goldens, every_file_is_of_a_framework_tested_here)
{
	size_t tested =
		count_files("pytorch_") + count_files("onnxruntime_") + count_files("keras_");
	size_t all = count_files("");

	cr_assert_eq(all, tested, "%s/data: files, expected %zu of frameworks tested, found %zu",
	             golden_folder(), tested, all);
}
