/* Layers of 4 MiB of weights and more, which lie in smaller blocks than others and which a batch of 8
 * streams projects ahead: their sizes are chosen so that the last vector of units is not full,
 * whatever its width. */
#include "check.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT = 150, HIDDEN = 450, BATCH = 5 };

static net large_net(lstm_isa isa, lstm_dtype dtype, int input)
{
	lstm_desc desc = {0};

	desc.input = input;
	desc.hidden = HIDDEN;
	desc.isa = isa;
	desc.dtype = dtype;
	return net_make(&desc, NET_B, 1.0f, 91);
}

TEST_EACH_ISA(large, agrees_with_the_oracle)
{
	net n = large_net(isa, LSTM_DTYPE_F32, INPUT);
	int batch;

	for (batch = 1; batch <= BATCH; batch += 2) {
		sequence s = sequence_make(&n.desc, batch, 2, SEQUENCE_STATE, 92);
		check_how how = {0};
		check_result result;

		how.isa = isa;
		result = check_engine(&n, &s, &how);
		sequence_free(&s);
		cr_assert(result.ok, "%d streams: %s", batch, result.text);
		cr_assert_lt(result.tolerance, CHECK_USEFUL, "%.2g hides mistakes",
		             result.tolerance);
	}
	net_free(&n);
}

/* y of streams [first, first + count) of the sequence, run in calls of `steps` steps, into the
 * place that they have in the batch. */
static void run(const lstm_model *m, const sequence *s, int first, int count, size_t steps,
                float *y)
{
	const size_t batch = (size_t)s->batch, input = (size_t)lstm_model_desc(m)->input;
	const size_t inputs = (size_t)count * input, outputs = (size_t)count * HIDDEN;
	float *x = malloc(s->steps * inputs * sizeof(float));
	float *out = malloc(s->steps * outputs * sizeof(float));
	lstm_state *state;
	size_t t;

	cr_assert(x && out, "out of memory");
	cr_assert_eq(lstm_state_new(&state, m, count, steps), LSTM_OK, "refused");
	for (t = 0; t < s->steps; t++)
		memcpy(x + t * inputs, s->x + (t * batch + (size_t)first) * input,
		       inputs * sizeof(float));
	for (t = 0; t < s->steps; t += steps)
		lstm_run(state, x + t * inputs, out + t * outputs, steps);
	for (t = 0; t < s->steps; t++)
		memcpy(y + (t * batch + (size_t)first) * HIDDEN, out + t * outputs,
		       outputs * sizeof(float));
	lstm_state_free(state);
	free(out);
	free(x);
}

/* Every instruction set, in one call, in calls of `part` steps, and stream by stream. */
static void check_same_bits(lstm_dtype dtype, int input, int batch, size_t steps, size_t part)
{
	const size_t bytes = steps * (size_t)batch * HIDDEN * sizeof(float);
	float *wanted = malloc(bytes), *y = malloc(bytes);
	int isa, stream, known = 0;

	cr_assert(wanted && y, "out of memory");
	for (isa = LSTM_ISA_SCALAR + 1; isa < LSTM_ISA_COUNT; isa++) {
		net n;
		sequence s;
		lstm_model *m;

		if (!lstm_isa_supported((lstm_isa)isa) || !harness_has((lstm_isa)isa, dtype))
			continue;
		n = large_net((lstm_isa)isa, dtype, input);
		s = sequence_make(&n.desc, batch, steps, 0, 93);
		cr_assert_eq(lstm_model_new(&m, &n.desc, n.weights), LSTM_OK, "refused");
		run(m, &s, 0, batch, steps, known ? y : wanted);
		cr_assert(!known || !memcmp(y, wanted, bytes), "%s: other bits than another set",
		          lstm_isa_name((lstm_isa)isa));
		known = 1;
		run(m, &s, 0, batch, part, y);
		cr_assert(!memcmp(y, wanted, bytes), "%s: cut in parts",
		          lstm_isa_name((lstm_isa)isa));
		memset(y, 0, bytes);
		for (stream = 0; stream < batch; stream++)
			run(m, &s, stream, 1, stream % 2 ? 1 : steps, y);
		cr_assert(!memcmp(y, wanted, bytes), "%s: stream by stream",
		          lstm_isa_name((lstm_isa)isa));
		lstm_model_free(m);
		sequence_free(&s);
		net_free(&n);
	}
	free(y);
	free(wanted);
}

Test(large, gives_the_same_bits_however_it_is_run)
{
	check_same_bits(LSTM_DTYPE_F32, INPUT, BATCH, 6, 2);
}

Test(large, gives_the_same_bits_from_memory)
{
	check_same_bits(LSTM_DTYPE_F32, 1900, 8, 3, 1);
}

/* Layers below 4 MiB, whose weights are fetched ahead, by tiles of 2 to 6 streams. */
Test(large, gives_the_same_bits_in_tiles_of_every_size)
{
	static const int batches[] = {2, 3, 4, 6, 9, 11, 13};
	size_t i;

	for (i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
		check_same_bits(LSTM_DTYPE_F32, 40, batches[i], 2, 1);
		check_same_bits(LSTM_DTYPE_BF16, 41, batches[i], 2, 1);
	}
}

/* As large in their own bytes. */
Test(large, gives_the_same_bits_in_low_precision)
{
	check_same_bits(LSTM_DTYPE_BF16, 800, 2, 4, 2);
	check_same_bits(LSTM_DTYPE_F16, 800, 2, 4, 2);
	check_same_bits(LSTM_DTYPE_I8, 1900, 2, 4, 2);
}
