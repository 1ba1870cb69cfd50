/* The LSTM in double precision, against the oracle and against numbers worked by hand. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "job.h"

enum { STEPS = 7, BATCH = 4 };

static void expect_close(const struct job *j, const char *name, size_t row, size_t width,
                         const double *got, const num *want)
{
	size_t k;

	for (k = 0; k < width; k++)
		cr_assert(fabs(got[k] - want[k].v) <= num_tolerance_f64(want[k]),
		          "seed %u: %s, row %zu [%zu] is %.17g, not %.17g +- %.2g",
		          (unsigned)j->n.seed, name, row, k, got[k], want[k].v,
		          num_tolerance_f64(want[k]));
}

static void expect_oracle(struct job *j)
{
	oracle_input_f64 in = {j->s.batch, j->s.steps,   j->x,      j->h0,
	                       j->c0,      j->s.lengths, j->s.mask, j->s.zero};
	oracle_output want = oracle_run_f64(&j->n.desc, j->weights, &in);
	size_t batch = (size_t)j->s.batch, directions = (size_t)oracle_directions(&j->n.desc);
	size_t top = j->cells - directions, t, b, i;

	cr_assert_eq(job_run(j), LSTM_OK, "not run");
	for (t = 0; t < j->s.steps; t++)
		for (b = 0; b < batch; b++) {
			size_t at = j->args.order == LSTM_TIME_MAJOR ? t * batch + b
			                                             : b * j->s.steps + t;

			expect_close(j, "y", at, j->width, j->y + at * j->width,
			             want.y + (t * batch + b) * j->width);
		}
	for (i = 0; i < j->cells; i++)
		for (b = 0; b < batch; b++) {
			size_t at = i * batch + b;
			size_t mine = j->args.order == LSTM_TIME_MAJOR ? at : b * j->cells + i;

			expect_close(j, "hn", mine, j->units, j->h + mine * j->units,
			             want.h + at * j->units);
			expect_close(j, "cn", mine, j->hidden, j->c + mine * j->hidden,
			             want.c + at * j->hidden);
			if (i >= top)
				expect_close(j, "last", b, j->units,
				             j->last + (b * directions + i - top) * j->units,
				             want.h + at * j->units);
		}
	oracle_free(&want);
}

Test(double, agrees_with_the_oracle)
{
	const unsigned count = check_quick("double") ? 24 : 120;
	unsigned i, what;

	for (i = 0; i < count; i++)
		for (what = 0; what < 8; what++) {
			struct job j = job_make(i, 1 + (int)(i % BATCH), STEPS,
			                        (what & 1 ? SEQUENCE_STATE : 0) |
			                                (what & 2 ? SEQUENCE_LENGTHS : 0) |
			                                (what & 4 ? SEQUENCE_MASK : 0) |
			                                (i & 1 ? SEQUENCE_ZERO : 0));

			expect_oracle(&j);
			job_free(&j);
		}
}

/* from[rows][columns] of blocks, in place. */
static void turn(void *from, size_t rows, size_t columns, size_t bytes)
{
	char *old = from, *copy = job_allocate(rows * columns, bytes);
	size_t r, c;

	memcpy(copy, old, rows * columns * bytes);
	for (r = 0; r < rows; r++)
		for (c = 0; c < columns; c++)
			memcpy(old + (c * rows + r) * bytes, copy + (r * columns + c) * bytes,
			       bytes);
	free(copy);
}

/* Everything [batch][...], and the final state in the place of the initial one. */
Test(double, batch_major_order_agrees_with_the_oracle)
{
	unsigned i;

	for (i = 0; i < 60; i++) {
		struct job j = job_make(i, BATCH, STEPS,
		                        SEQUENCE_STATE | SEQUENCE_LENGTHS | SEQUENCE_MASK);
		double *x = j.x, *h0 = j.h0, *c0 = j.c0;
		unsigned char *mask = j.s.mask;
		size_t input = (size_t)j.n.desc.input * sizeof(double);

		j.args.order = LSTM_BATCH_MAJOR;
		j.args.x = memcpy(job_allocate(STEPS * BATCH, input), x, STEPS * BATCH * input);
		turn((double *)j.args.x, STEPS, BATCH, input);
		j.args.mask = memcpy(job_allocate(STEPS * BATCH, 1), mask, STEPS * BATCH);
		turn((unsigned char *)j.args.mask, STEPS, BATCH, 1);
		memcpy(j.h, h0, j.cells * BATCH * j.units * sizeof(double));
		memcpy(j.c, c0, j.cells * BATCH * j.hidden * sizeof(double));
		turn(j.h, j.cells, BATCH, j.units * sizeof(double));
		turn(j.c, j.cells, BATCH, j.hidden * sizeof(double));
		j.args.h0 = j.h;
		j.args.c0 = j.c;
		expect_oracle(&j);
		free((double *)j.args.x);
		free((unsigned char *)j.args.mask);
		job_free(&j);
	}
}

/* ONNX's Y[steps][2][batch][hidden]: the same bits elsewhere. */
Test(double, directions_may_lie_apart)
{
	unsigned i;

	for (i = 2; i < 30; i += 4) { /* the bidirectional ones */
		struct job j = job_make(i, BATCH, STEPS, SEQUENCE_STATE | SEQUENCE_LENGTHS);
		double *apart = job_allocate(STEPS * BATCH * j.width, sizeof *apart);
		size_t t, b, d;

		cr_assert_eq(job_run(&j), LSTM_OK, "together");
		j.args.y = apart;
		j.args.y_stream = j.units;
		j.args.y_direction = BATCH * j.units;
		j.args.y_step = 2 * BATCH * j.units;
		cr_assert_eq(job_run(&j), LSTM_OK, "apart");
		for (t = 0; t < STEPS; t++)
			for (d = 0; d < 2; d++)
				for (b = 0; b < BATCH; b++)
					cr_assert(
						!memcmp(apart + ((t * 2 + d) * BATCH + b) * j.units,
					                j.y + ((t * BATCH + b) * 2 + d) * j.units,
					                j.units * sizeof(double)),
						"net %u: y[%zu][%zu] of direction %zu", i, t, b, d);
		free(apart);
		job_free(&j);
	}
}

/* ---- worked by hand --------------------------------------------------------------------------- */

/* With the doubles nearest to 0.3, -0.2, 0.6, 0.9 (w), 0.15, 0.55, -0.45, -0.35 (u), 0.12, -0.52,
 * 0.23, 0.37 (b), x = 0.1, -0.8, h = 1/3 and c = -0.7, to 45 digits with Python's decimal module:
 * step 0: i = sigmoid(0.2) = 0.54983399731247790645, f = 0.41176671075940403373,
 *         g = 0.13909244787845804722, o = 0.58500000153729382233
 * step 1: i = 0.46547776684593876389, f = 0.39481115904095389553,
 *         g = -0.19263571355800698220, o = 0.42377903815191506737
 * The smallest mistake in precision, a float in between, changes a result by 1e-9 and more; ten
 * roundings of numbers below 1 by 1.1e-15. */
Test(double, two_steps_worked_by_hand)
{
	static const double w[4] = {0.3, -0.2, 0.6, 0.9}, u[4] = {0.15, 0.55, -0.45, -0.35};
	static const double b[4] = {0.12, -0.52, 0.23, 0.37};
	static const double x[2] = {0.1, -0.8}, h0 = 1.0 / 3.0, c0 = -0.7;
	static const double want_y[2] = {-0.122059947156245200434, -0.072703081509758618896};
	static const double want_c = -0.173272434663109492879;
	const lstm_weights_f64 weights = {.w = w, .u = u, .b = b};
	const lstm_desc desc = {.input = 1, .hidden = 1};
	lstm_run_args_f64 args = {.batch = 1, .x = x, .steps = 2, .h0 = &h0, .c0 = &c0};
	double y[2], c, h;
	void *p;
	size_t bytes;

	cr_assert_eq(lstm_f64_size(&desc, 1, 2, &bytes), LSTM_OK, "no size");
	cr_assert_eq(posix_memalign(&p, LSTM_ALIGN, bytes), 0, "out of memory");
	args.y = y;
	args.hn = &h;
	args.cn = &c;
	cr_assert_eq(lstm_f64_run(&desc, &weights, &args, p, bytes), LSTM_OK, "not run");
	cr_assert(fabs(y[0] - want_y[0]) < 2e-15, "y[0] is %.17g", y[0]);
	cr_assert(fabs(y[1] - want_y[1]) < 2e-15, "y[1] is %.17g", y[1]);
	cr_assert(fabs(c - want_c) < 2e-15, "c is %.17g", c);
	cr_assert(h == y[1], "h is %.17g", h);
	free(p);
}

/* One linear cell: i = o = 1, f = 0, so h = c = x, whatever x. */
static double linear(double x)
{
	static const double w[4] = {0, 0, 1, 0}, u[4] = {0, 0, 0, 0}, b[4] = {1, 0, 0, 1};
	const lstm_weights_f64 weights = {.w = w, .u = u, .b = b};
	lstm_desc desc = {.input = 1, .hidden = 1};
	lstm_run_args_f64 args = {.batch = 1, .x = &x, .steps = 1};
	double y = -1;
	char memory[1024];
	uintptr_t at = ((uintptr_t)memory + LSTM_ALIGN - 1) / LSTM_ALIGN * LSTM_ALIGN;
	size_t bytes;
	int k;

	for (k = 0; k < 3; k++)
		desc.activations[0][k].function = LSTM_LINEAR;
	args.y = &y;
	cr_assert_eq(lstm_f64_size(&desc, 1, 1, &bytes), LSTM_OK, "no size");
	cr_assert_leq(bytes, sizeof memory - LSTM_ALIGN, "%zu bytes", bytes);
	cr_assert_eq(lstm_f64_run(&desc, &weights, &args, (void *)at, bytes), LSTM_OK, "not run");
	return y;
}

Test(double, nothing_is_flushed_or_lost)
{
	static const double same[] = {0x1p-97, 1e-200,      0x1p-1022, 0x1p-1074, -0x1p-1070,
	                              1e300,   1 + 0x1p-52, -1e300,    0.1};
	size_t k;

	for (k = 0; k < sizeof same / sizeof *same; k++)
		cr_assert(linear(same[k]) == same[k], "%a became %a", same[k], linear(same[k]));
	cr_assert(isnan(linear(NAN)), "NaN was lost");
}
