/* Law 2, one order of arithmetic: what can be done in several ways gives the same bits in all. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "varied.h"

enum { STEPS = 70 }; /* more than a piece holds */

/* How many varied nets to try.  Half of them meet every kind there is; half of the few, six, all but
 * the largest and those of unbounded functions. */
static unsigned nets(void)
{
	return check_quick("laws") ? 12 : 60;
}

static net law_net(unsigned i, lstm_dtype dtype)
{
	net n = varied_net(i);
	n.desc.dtype = dtype;
	return n;
}

/* A law for the first count nets with weights of a type. */
typedef void law(lstm_isa isa, lstm_dtype dtype, unsigned count);

/* The law for the types of low precision, each of which meets every kind of net. */
static void law_of_low(lstm_isa isa, law *holds)
{
	static const lstm_dtype low[3] = {LSTM_DTYPE_I8, LSTM_DTYPE_BF16, LSTM_DTYPE_F16};
	const unsigned count = nets() / 2;
	int k;

	for (k = 0; k < 3; k++)
		harness_need(isa, low[k]);
	for (k = 0; k < 3; k++)
		holds(isa, low[k], count);
}

static float *rows(size_t n, size_t width)
{
	float *p = malloc(n * width * sizeof(float));
	cr_assert_not_null(p, "%zu floats", n * width);
	return p;
}

/* Compare got with expected, row by row, and say where they part. */
static void same_bits(const float *got, const float *expected, size_t n, size_t width,
                      const char *what, unsigned net)
{
	size_t i;
	for (i = 0; i < n; i++)
		cr_assert(!memcmp(got + i * width, expected + i * width, width * sizeof(float)),
		          "net %u: %s: row %zu differs", net, what, i);
}

static size_t hard_limit(const net *n)
{
	return n->desc.layers > 1 && n->desc.direction != LSTM_FORWARD;
}

static void cut_anywhere(lstm_isa isa, lstm_dtype dtype, unsigned count)
{
	static const size_t limits[] = {0, 1, 5, 64, 1000};
	unsigned i, k;

	for (i = 0; i < count; i++) {
		net n = law_net(i, dtype);
		const int batch = 1 + (int)(i / 4 % 3);
		const size_t width = varied_width(&n), input = (size_t)n.desc.input,
			     b = (size_t)batch;
		sequence s = varied_sequence(&n, batch, STEPS);
		lstm_model *m = varied_model(&n, isa);
		lstm_state *whole = varied_state(m, &s, STEPS);
		float *expected = rows(STEPS * b, width), *y = rows(STEPS * b, width);
		rng r = rng_seeded(i);

		lstm_run(whole, s.x, expected, STEPS);
		for (k = 0; k < 5 && n.desc.direction == LSTM_FORWARD; k++) {
			lstm_state *cut = varied_state(m, &s, limits[k]);
			size_t t, part;
			for (t = 0; t < STEPS; t += part) {
				part = (size_t)rng_between(&r, 0, k == 4 ? 69 : 9);
				part = part < STEPS - t ? part : STEPS - t;
				lstm_run(cut, s.x + t * b * input, y + t * b * width, part);
			}
			same_bits(y, expected, STEPS * b, width, "cut", i);
			lstm_state_free(cut);
		}
		for (k = 0; k < 5 && !hard_limit(&n); k++) {
			lstm_state *limited = varied_state(m, &s, limits[k]);
			lstm_run(limited, s.x, y, STEPS);
			same_bits(y, expected, STEPS * b, width, "max_steps", i);
			lstm_state_free(limited);
		}
		lstm_state_free(whole);
		lstm_model_free(m);
		free(expected);
		free(y);
		sequence_free(&s);
		net_free(&n);
	}
}

TEST_EACH_ISA(laws, cut_anywhere_gives_same_bits)
{
	cut_anywhere(isa, LSTM_DTYPE_F32, nets());
}

TEST_EACH_ISA(laws, cut_anywhere_gives_same_bits_in_low_precision)
{
	law_of_low(isa, cut_anywhere);
}

/* Stream `stream` of s alone, over its first `steps` steps. */
static void run_alone(const lstm_model *m, const net *n, const sequence *s, int stream,
                      size_t steps, float *y, float *h, float *c)
{
	const size_t input = (size_t)n->desc.input, hidden = (size_t)n->desc.hidden;
	const size_t output = (size_t)oracle_units(&n->desc), b = (size_t)stream;
	const size_t batch = (size_t)s->batch;
	const size_t cells = (size_t)(n->desc.layers * oracle_directions(&n->desc));
	float *x = rows(s->steps, input), *h0 = rows(cells, output), *c0 = rows(cells, hidden);
	lstm_state *state;
	size_t t, i;

	for (t = 0; t < s->steps; t++)
		memcpy(x + t * input, s->x + (t * batch + b) * input, input * sizeof(float));
	for (i = 0; i < cells; i++) {
		memcpy(h0 + i * output, s->h0 + (i * batch + b) * output, output * sizeof(float));
		memcpy(c0 + i * hidden, s->c0 + (i * batch + b) * hidden, hidden * sizeof(float));
	}
	cr_assert_eq(lstm_state_new(&state, m, 1, s->steps), LSTM_OK, "state of one stream");
	lstm_state_set(state, h0, c0);
	lstm_run(state, x, y, steps);
	lstm_state_get(state, h, c);
	lstm_state_free(state);
	free(x);
	free(h0);
	free(c0);
}

/* Batch of `batch` streams of net i, time or batch major, with lengths or without: every stream's
 * y, h and c are those that it gets alone. */
static void batch_against_alone(lstm_isa isa, lstm_dtype dtype, unsigned i, int batch, size_t steps)
{
	net n = law_net(i, dtype);
	const size_t width = varied_width(&n), b = (size_t)batch;
	const size_t cells = (size_t)(n.desc.layers * oracle_directions(&n.desc));
	const size_t output = (size_t)oracle_units(&n.desc), hidden = (size_t)n.desc.hidden;
	sequence s = varied_sequence(&n, batch, steps);
	lstm_model *m = varied_model(&n, isa);
	lstm_state *state = varied_state(m, &s, steps);
	float *y = rows(steps * b, width), *alone = rows(steps, width);
	float *h = rows(cells * b, output), *c = rows(cells * b, hidden);
	float *h1 = rows(cells, output), *c1 = rows(cells, hidden);
	float *zero = calloc(width, sizeof(float));
	size_t *lengths = calloc(b, sizeof(size_t)), t, k;
	lstm_run_args args = {0};
	int stream;

	for (k = 0; k < b; k++)
		lengths[k] = i % 2 ? steps : (k * 5 + i) % (steps + 1);
	args.x = s.x;
	args.y = y;
	args.steps = steps;
	args.lengths = i % 2 ? NULL : lengths;
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "net %u", i);
	lstm_state_get(state, h, c);
	for (stream = 0; stream < batch; stream++) {
		const size_t length = lengths[stream];
		run_alone(m, &n, &s, stream, length, alone, h1, c1);
		for (t = 0; t < steps; t++)
			same_bits(y + (t * b + (size_t)stream) * width,
			          t < length ? alone + t * width : zero, 1, width, "y", i);
		for (k = 0; k < cells; k++) {
			same_bits(h + (k * b + (size_t)stream) * output, h1 + k * output, 1, output,
			          "h", i);
			same_bits(c + (k * b + (size_t)stream) * hidden, c1 + k * hidden, 1, hidden,
			          "c", i);
		}
	}
	lstm_state_free(state);
	lstm_model_free(m);
	free(y);
	free(alone);
	free(h);
	free(c);
	free(h1);
	free(c1);
	free(zero);
	free(lengths);
	sequence_free(&s);
	net_free(&n);
}

static void alone_or_not(lstm_isa isa, lstm_dtype dtype, unsigned count)
{
	unsigned i;
	for (i = 0; i < count; i++)
		batch_against_alone(isa, dtype, i, 1 + (int)(i % 9), i % 5 == 0 ? STEPS : 6);
	for (i = 0; i < 6; i++)
		batch_against_alone(isa, dtype, i, i % 2 ? 32 : 17, 5);
}

TEST_EACH_ISA(laws, stream_in_a_batch_gives_the_bits_it_gives_alone)
{
	alone_or_not(isa, LSTM_DTYPE_F32, nets());
}

TEST_EACH_ISA(laws, stream_in_a_batch_gives_the_bits_it_gives_alone_in_low_precision)
{
	law_of_low(isa, alone_or_not);
}

static void either_order(lstm_isa isa, lstm_dtype dtype, unsigned count)
{
	unsigned i;
	for (i = 0; i < count; i++) {
		net n = law_net(i, dtype);
		const size_t width = varied_width(&n), input = (size_t)n.desc.input, steps = 9,
			     b = 4;
		sequence s = varied_sequence(&n, (int)b, steps);
		lstm_model *m = varied_model(&n, isa);
		lstm_state *time = varied_state(m, &s, steps), *batch = varied_state(m, &s, steps);
		float *x = rows(steps * b, input), *y = rows(steps * b, width),
		      *z = rows(steps * b, width);
		lstm_run_args args = {0};
		size_t t, k;

		for (t = 0; t < steps; t++)
			for (k = 0; k < b; k++)
				memcpy(x + (k * steps + t) * input, s.x + (t * b + k) * input,
				       input * sizeof(float));
		args.x = x;
		args.y = z;
		args.steps = steps;
		args.order = LSTM_BATCH_MAJOR;
		lstm_run(time, s.x, y, steps);
		cr_assert_eq(lstm_run_with(batch, &args), LSTM_OK, "net %u", i);
		for (t = 0; t < steps; t++)
			for (k = 0; k < b; k++)
				same_bits(z + (k * steps + t) * width, y + (t * b + k) * width, 1,
				          width, "y", i);
		lstm_state_free(time);
		lstm_state_free(batch);
		lstm_model_free(m);
		free(x);
		free(y);
		free(z);
		sequence_free(&s);
		net_free(&n);
	}
}

TEST_EACH_ISA(laws, batch_major_gives_the_bits_of_time_major)
{
	either_order(isa, LSTM_DTYPE_F32, nets() / 2);
}

TEST_EACH_ISA(laws, batch_major_gives_the_bits_of_time_major_in_low_precision)
{
	law_of_low(isa, either_order);
}
