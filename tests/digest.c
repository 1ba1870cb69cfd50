#include "digest.h"

#include <stdlib.h>
#include <string.h>

#include "varied.h"

static uint64_t add(uint64_t digest, const float *values, size_t count)
{
	size_t i;
	int byte;
	for (i = 0; i < count; i++) {
		uint32_t bits;
		memcpy(&bits, values + i, sizeof(bits));
		if (values[i] != values[i])
			bits = 0x7fc00000;
		for (byte = 0; byte < 4; byte++) {
			digest ^= bits >> 8 * byte & 255;
			digest *= 0x100000001b3;
		}
	}
	return digest;
}

static lstm_status add_net(uint64_t *digest, lstm_isa isa, lstm_dtype dtype, unsigned i)
{
	net n = varied_net(i);
	const int batch = 1 + (int)(i * 7 % 11);
	const size_t steps = i % 16 == 0 ? 80 : 1 + i % 9, b = (size_t)batch;
	const size_t cells = (size_t)(n.desc.layers * oracle_directions(&n.desc));
	const size_t ny = steps * b * varied_width(&n);
	const size_t nh = cells * b * (size_t)oracle_units(&n.desc);
	const size_t nc = cells * b * (size_t)n.desc.hidden;
	sequence s = varied_sequence(&n, batch, steps);
	lstm_model *model = NULL;
	lstm_state *state = NULL;
	float *all = malloc((ny + nh + nc) * sizeof(float));
	lstm_status status;

	n.desc.isa = isa;
	n.desc.dtype = dtype;
	status = all ? lstm_model_new(&model, &n.desc, n.weights) : LSTM_ERR_MEMORY;
	if (status == LSTM_OK)
		status = lstm_state_new(&state, model, batch, steps);
	if (status == LSTM_OK) {
		lstm_state_set(state, s.h0, s.c0);
		lstm_run(state, s.x, all, steps);
		lstm_state_get(state, all + ny, all + ny + nh);
		*digest = add(*digest, all, ny + nh + nc);
	}
	free(all);
	lstm_state_free(state);
	lstm_model_free(model);
	sequence_free(&s);
	net_free(&n);
	return status;
}

lstm_status DIGEST_OF(lstm_isa isa, lstm_dtype dtype, uint64_t *digest)
{
	lstm_status status = LSTM_OK;
	unsigned i;

	*digest = 0xcbf29ce484222325;
	for (i = 0; i < DIGEST_NETS && status == LSTM_OK; i++)
		status = add_net(digest, isa, dtype, i);
	return status;
}
