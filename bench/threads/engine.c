#define LSTM_API static
#define LSTM_NO_STDIO
#define LSTM_NO_SLEEF
#define LSTM_THREADS
#define LSTM_IMPLEMENTATION
#include "lstm.h"

#include "engine.h"

#include <stdio.h>
#include <stdlib.h>

struct engine {
	void *memory;
	const lstm_model *model;
	lstm_state *state;
	size_t steps;
};

int threads_isa(const char *name)
{
	int isa;

	if (!name)
		return lstm_isa_best();
	for (isa = LSTM_ISA_COUNT - 1; isa > LSTM_ISA_AUTO; isa--)
		if (strcmp(name, lstm_isa_name((lstm_isa)isa)) == 0)
			return lstm_isa_supported((lstm_isa)isa) ? isa : 0;
	return 0;
}

const char *threads_isa_name(int isa)
{
	return lstm_isa_name((lstm_isa)isa);
}

const char *threads_activations(void)
{
	return lstm_activations_name();
}

int threads_most(void)
{
	return LSTM_MAX_THREADS;
}

struct threads_team *threads_team_new(int threads)
{
	lstm_team *team;

	return lstm_team_new(&team, threads) == LSTM_OK ? (struct threads_team *)team : NULL;
}

void threads_team_free(struct threads_team *team)
{
	lstm_team_free((lstm_team *)team);
}

void threads_destroy(void *handle)
{
	struct engine *e = handle;

	if (!e)
		return;
	lstm_state_free(e->state);
	free(e->memory);
	free(e);
}

static lstm_status fill(struct engine *e, struct threads_team *team, const lstm_desc *desc,
                        const struct bench_case *c, const struct bench_net *net)
{
	lstm_weights weights = {0};
	lstm_model *model;
	lstm_status status;
	size_t bytes;

	weights.w = net->w[0];
	weights.u = net->u[0];
	weights.b = net->b[0];
	status = lstm_model_size(desc, &bytes);
	if (status != LSTM_OK)
		return status;
	e->memory = bench_alloc(bytes);
	if (!e->memory)
		return LSTM_ERR_MEMORY;
	status = lstm_model_init(&model, desc, &weights, e->memory, bytes);
	if (status != LSTM_OK)
		return status;
	e->model = model;
	status = lstm_state_new(&e->state, e->model, c->batch, e->steps);
	if (status != LSTM_OK)
		return status;
	return lstm_state_use_team(e->state, (lstm_team *)team);
}

void *threads_create(struct threads_team *team, int isa, const struct bench_case *c,
                     const struct bench_net *net, char *why, size_t size)
{
	struct engine *e = calloc(1, sizeof(*e));
	lstm_desc desc = {0};
	lstm_status status = LSTM_ERR_MEMORY;

	desc.input = c->input;
	desc.hidden = c->hidden;
	desc.isa = (lstm_isa)isa;
	if (e) {
		e->steps = (size_t)c->steps;
		status = fill(e, team, &desc, c, net);
	}
	if (status == LSTM_OK)
		return e;
	snprintf(why, size, "%s", lstm_strerror(status));
	threads_destroy(e);
	return NULL;
}

void threads_run(void *handle, const float *x, float *y)
{
	struct engine *e = handle;

	lstm_run(e->state, x, y, e->steps);
}
