/* Compiled with BENCH_OURS as the name of its one function, see ours.h. */
#define LSTM_API static
#define LSTM_NO_STDIO
#define LSTM_IMPLEMENTATION
#include "lstm.h"

#include "ours.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model and states live in memory of the benchmark's own making, where the buffers that find the
 * memory's limit live too. */
struct ours {
	lstm_desc desc;
	lstm_weights weights[BENCH_PARTS]; /* the net's, which outlives this */
	void *memory;
	size_t bytes;
	const lstm_model *model;
	int steps, stack, streams;
	lstm_state **states;
	void **state_memory;
};

static void ours_destroy(void *handle)
{
	struct ours *o = handle;
	int i;

	for (i = 0; o->state_memory && i < o->streams; i++)
		free(o->state_memory[i]);
	free(o->state_memory);
	free(o->states);
	free(o->memory);
	free(o);
}

static lstm_status ours_model(struct ours *o)
{
	lstm_model *model;
	lstm_status status = lstm_model_init(&model, &o->desc, o->weights, o->memory, o->bytes);

	o->model = model;
	return status;
}

static void ours_setup(void *handle)
{
	(void)ours_model(handle); /* it worked when the handle was made */
}

static lstm_status ours_states(struct ours *o, int batch, size_t steps)
{
	size_t bytes;
	lstm_status status = lstm_state_size(o->model, batch, steps, &bytes);
	int i;

	o->states = calloc((size_t)o->streams, sizeof(*o->states));
	o->state_memory = calloc((size_t)o->streams, sizeof(*o->state_memory));
	if (!o->states || !o->state_memory)
		return LSTM_ERR_MEMORY;
	for (i = 0; status == LSTM_OK && i < o->streams; i++) {
		o->state_memory[i] = bench_alloc(bytes);
		if (!o->state_memory[i])
			return LSTM_ERR_MEMORY;
		status = lstm_state_init(&o->states[i], o->model, batch, steps, o->state_memory[i],
		                         bytes);
	}
	return status;
}

#ifdef BENCH_F32_ONLY /* a header from before there were other types: see compare */
#define HAS_DTYPE(name) (strcmp(name, "f32") == 0)
#define SET_DTYPE(desc, name) ((void)0)
#else
#define HAS_DTYPE(name) 1
#define SET_DTYPE(desc, name) ((desc)->dtype = ours_dtype(name))

static lstm_dtype ours_dtype(const char *name)
{
	if (strcmp(name, "int8") == 0)
		return LSTM_DTYPE_I8;
	if (strcmp(name, "bf16") == 0)
		return LSTM_DTYPE_BF16;
	return strcmp(name, "f16") == 0 ? LSTM_DTYPE_F16 : LSTM_DTYPE_F32;
}
#endif

static void *ours_create(const struct bench_engine *engine, const struct bench_case *c,
                         const struct bench_net *net, char *why, size_t size)
{
	struct ours *o = calloc(1, sizeof(*o));
	lstm_desc *desc;
	lstm_status status;
	int i;

	if (!o) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	desc = &o->desc;
	desc->input = c->input;
	desc->hidden = c->hidden;
	desc->layers = c->layers;
	desc->projection = c->projection;
	desc->direction = c->directions == 2 ? LSTM_BIDIRECTIONAL : LSTM_FORWARD;
	desc->isa = (lstm_isa)engine->code;
	SET_DTYPE(desc, engine->dtype);
	for (i = 0; i < c->layers * c->directions; i++) {
		o->weights[i].w = net->w[i];
		o->weights[i].u = net->u[i];
		o->weights[i].b = net->b[i];
		o->weights[i].projection = net->p[i];
	}
	o->steps = c->steps;
	o->stack = c->mode == BENCH_STACK;
	o->streams = c->streams;
	status = lstm_model_size(desc, &o->bytes);
	if (status == LSTM_OK) {
		o->memory = bench_alloc(o->bytes);
		status = o->memory ? ours_model(o) : LSTM_ERR_MEMORY;
	}
	if (status == LSTM_OK)
		status = ours_states(o, c->batch, (size_t)c->steps);
	if (status == LSTM_OK)
		return o;
	snprintf(why, size, "%s", lstm_strerror(status));
	ours_destroy(o);
	return NULL;
}

static void ours_run(void *handle, const float *x, float *y, int stream)
{
	struct ours *o = handle;

	if (o->stack)
		lstm_state_reset(o->states[stream]);
	lstm_run(o->states[stream], x, y, (size_t)o->steps);
}

int BENCH_OURS(int isa, const char *dtype, struct bench_engine *engine)
{
	static char version[32];

	snprintf(version, sizeof(version), "%d.%d.%d", LSTM_VERSION / 10000,
	         LSTM_VERSION / 100 % 100, LSTM_VERSION % 100);
	engine->name = "lstm.h";
	engine->isa = lstm_isa_name((lstm_isa)isa);
	engine->activations = lstm_activations_name();
	engine->dtype = dtype;
	engine->version = version;
	engine->code = isa;
	engine->create = ours_create;
	engine->run = ours_run;
	engine->destroy = ours_destroy;
	engine->setup = ours_setup;
	engine->calls = NULL;
	return HAS_DTYPE(dtype) && lstm_isa_supported((lstm_isa)isa);
}
