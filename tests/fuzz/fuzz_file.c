/* Fuzz target for libFuzzer: whatever bytes a safetensors file is made of, reading it and running
 * the model in it stays within memory, leaks nothing, is bounded, and ends in a file or a sentence.
 *
 * Built and run by tests/fuzz/run, with the sanitizers for addresses and undefined behaviour. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every allocation is counted, and one of them can be made to fail. */
static size_t fuzz_allocated, fuzz_live, fuzz_count, fuzz_fail_at;

static void *fuzz_malloc(size_t size)
{
	void *memory;

	if (++fuzz_count == fuzz_fail_at)
		return NULL;
	memory = malloc(size);
	if (memory) {
		fuzz_allocated += size;
		fuzz_live++;
	}
	return memory;
}

static void fuzz_free(void *memory)
{
	if (!memory)
		abort(); /* an LSTM_FREE need not know what to do with NULL */
	free(memory);
	fuzz_live--;
}

#define LSTM_MALLOC(n) fuzz_malloc(n)
#define LSTM_FREE(p) fuzz_free(p)
#define LSTM_IMPLEMENTATION
#include "lstm.h"

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "fuzz_file.c:%d: expected %s\n", __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

enum {
	LARGEST_READ = 1 << 16,  /* elements of one tensor that are converted */
	LARGEST_MODEL = 1 << 20, /* bytes of a model or a state that are made */
	STEPS = 2
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void expect_sentence(lstm_status status, const lstm_error *error)
{
	size_t length = strnlen(error->text, sizeof(error->text)), k;

	EXPECT(length < sizeof(error->text));
	EXPECT(error->status == status);
	EXPECT((status == LSTM_OK) == (length == 0));
	EXPECT(length == 0 || strncmp(error->text, "fuzz: ", 6) == 0);
	for (k = 0; k < length; k++)
		EXPECT((unsigned char)error->text[k] >= 0x20 && error->text[k] != 0x7f);
}

static void read_tensors(const lstm_file *file, const uint8_t *bytes, size_t size)
{
	static float values[LARGEST_READ];
	size_t k, covered = 0;
	int d;

	for (k = 0; k < lstm_file_count(file); k++) {
		const lstm_tensor *t = lstm_file_tensor(file, k);
		const uint8_t *data = (const uint8_t *)t->data;
		const int readable = t->dtype != LSTM_DTYPE_OTHER && t->dtype != LSTM_DTYPE_I8;
		size_t count = 1;

		EXPECT(t->rank >= 0 && t->rank <= 8);
		EXPECT(data >= bytes && t->bytes <= size && data <= bytes + size - t->bytes);
		EXPECT(lstm_file_find(file, t->name) == t);
		for (d = 0; d < t->rank; d++)
			count *= t->shape[d];
		covered += t->bytes;
		if (count > LARGEST_READ)
			continue;
		EXPECT(lstm_tensor_read(t, values, count) ==
		       (readable ? LSTM_OK : LSTM_ERR_FORMAT));
		EXPECT(lstm_tensor_read(t, values, count + 1) == LSTM_ERR_ARG);
	}
	EXPECT(covered < size);
	EXPECT(lstm_file_tensor(file, k) == NULL);
	lstm_file_metadata(file, "lstm.clip");
}

static void run_model(const lstm_model *model)
{
	const lstm_desc *desc = lstm_model_desc(model);
	size_t bytes, in = (size_t)desc->input, out = (size_t)lstm_model_output(model), k;
	lstm_state *state;
	float *x, *y;

	if (lstm_state_size(model, 1, STEPS, &bytes) != LSTM_OK || bytes > LARGEST_MODEL)
		return;
	if (lstm_state_new(&state, model, 1, STEPS) != LSTM_OK)
		return;
	x = (float *)malloc(STEPS * in * sizeof(float));
	y = (float *)malloc(STEPS * out * sizeof(float));
	EXPECT(x && y);
	for (k = 0; k < STEPS * in; k++)
		x[k] = (float)(k % 7) - 3;
	lstm_run(state, x, y, STEPS);
	free(x);
	free(y);
	lstm_state_free(state);
}

/* Open, look at everything, and load; the first status that is not LSTM_OK. */
static lstm_status all(const uint8_t *bytes, size_t size)
{
	static const lstm_load_args empty_prefix = {"", LSTM_ISA_AUTO};
	const lstm_weights *weights;
	lstm_desc desc;
	lstm_model *model;
	lstm_file *file;
	lstm_error error;
	size_t model_bytes = 0, live;
	lstm_status status = lstm_file_open_memory(&file, bytes, size, "fuzz", &error);

	expect_sentence(status, &error);
	EXPECT((status == LSTM_OK) == (file != NULL));
	/* the promise of lstm__file_read_header, the file's own few bytes, and one of slack for
	 * each of its allocations */
	EXPECT(fuzz_allocated <= 4 * size + 1024);
	if (status != LSTM_OK)
		return status;
	read_tensors(file, bytes, size);
	live = fuzz_live;
	if (lstm_file_lstm(file, &empty_prefix, &desc, &weights, NULL) != LSTM_OK)
		EXPECT(fuzz_live == live); /* a failure keeps nothing */
	status = lstm_file_lstm(file, NULL, &desc, &weights, &error);
	expect_sentence(status, &error);
	EXPECT((status == LSTM_OK) == (weights != NULL));
	if (status == LSTM_OK) {
		EXPECT(weights[0].w && weights[0].u);
		status = lstm_model_size(&desc, &model_bytes);
	}
	lstm_file_close(file);
	if (status != LSTM_OK || model_bytes > LARGEST_MODEL)
		return status;
	status = lstm_model_load_memory(&model, bytes, size, "fuzz", NULL, &error);
	expect_sentence(status, &error);
	EXPECT((status == LSTM_OK) == (model != NULL));
	if (status == LSTM_OK)
		run_model(model);
	lstm_model_free(model);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size_t allocations, k;

	fuzz_allocated = fuzz_count = fuzz_fail_at = 0;
	all(bytes, size);
	EXPECT(fuzz_live == 0);

	/* again, with an allocation that fails: which one, the input decides */
	allocations = fuzz_count;
	if (allocations) {
		fuzz_fail_at = 1;
		for (k = 0; k < size; k++)
			fuzz_fail_at = (fuzz_fail_at * 31 + bytes[k]) % 1000003;
		fuzz_fail_at = 1 + fuzz_fail_at % allocations;
		fuzz_allocated = fuzz_count = 0;
		all(bytes, size);
		EXPECT(fuzz_live == 0);
	}
	return 0;
}
