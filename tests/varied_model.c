#include "harness.h"
#include "varied.h"

lstm_model *varied_model(const net *n, lstm_isa isa)
{
	lstm_desc desc = n->desc;
	lstm_model *model;
	lstm_status status;

	desc.isa = isa;
	status = lstm_model_new(&model, &desc, n->weights);
	cr_assert_eq(status, LSTM_OK, "model of seed %u: %s", (unsigned)n->seed,
	             lstm_strerror(status));
	return model;
}

lstm_state *varied_state(const lstm_model *model, const sequence *s, size_t max_steps)
{
	lstm_state *state;
	lstm_status status = lstm_state_new(&state, model, s->batch, max_steps);

	cr_assert_eq(status, LSTM_OK, "state: %s", lstm_strerror(status));
	lstm_state_set(state, s->h0, s->c0);
	return state;
}
