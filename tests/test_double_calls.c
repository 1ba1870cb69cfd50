/* The manners of the call in double precision: memory, errno, the environment, refusals. */
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "job.h"
#include "watch.h"

#ifndef FE_UPWARD
#define FE_UPWARD FE_TONEAREST /* WebAssembly knows no other rounding */
#endif

enum { STEPS = 7, BATCH = 4 };

static int run_quietly(void *data)
{
	return job_run(data) != LSTM_OK;
}

Test(double_calls, allocates_nothing_and_makes_no_system_call)
{
	unsigned i;

	for (i = 0; i < 20; i++) {
		struct job j = job_make(i, BATCH, STEPS, SEQUENCE_LENGTHS | SEQUENCE_MASK);
		int calls = watch_allocator(run_quietly, &j);
		int outcome = watch_system_calls(run_quietly, &j);

		job_free(&j);
		if (calls < 0)
			cr_skip_test("a sanitizer or another C library has the allocator");
		cr_assert_eq(calls, 0, "net %u: %d calls of the allocator", i, calls);
		if (outcome == WATCH_UNABLE)
			cr_skip_test("strict seccomp is not to be had here");
		cr_assert_eq(outcome, WATCH_CLEAN, "net %u: a system call was made", i);
	}
}

Test(double_calls, keeps_errno_and_the_environment)
{
	unsigned i;

	for (i = 0; i < 20; i++) {
		struct job j = job_make(i, BATCH, STEPS, SEQUENCE_STATE);
		size_t bytes = STEPS * BATCH * j.width * sizeof(double);
		double *expected = job_allocate(1, bytes);
		int mode;

		job_run(&j);
		memcpy(expected, j.y, bytes);
		errno = 0;
		fesetround(FE_UPWARD);
		job_run(&j);
		mode = fegetround();
		fesetround(FE_TONEAREST);
		cr_assert_eq(mode, FE_UPWARD, "net %u: the rounding was not given back", i);
		cr_assert_eq(errno, 0, "net %u: errno is %d", i, errno);
#if defined(__x86_64__) || defined(__aarch64__)
		cr_assert(!memcmp(expected, j.y, bytes), "net %u: the caller's rounding matters",
		          i);
#endif
		free(expected);
		job_free(&j);
	}
}

Test(double_calls, the_workspace_is_exact)
{
	unsigned i;

	for (i = 0; i < 20; i++) { /* run at all, as in the other tests, it suffices */
		struct job j = job_make(i, BATCH, STEPS, 0);
		size_t short_bytes, long_bytes;

		j.bytes--;
		cr_assert_eq(job_run(&j), LSTM_ERR_MEMORY, "net %u: one byte less", i);
		j.bytes += LSTM_ALIGN;
		j.workspace = (char *)j.workspace + 8;
		cr_assert_eq(job_run(&j), LSTM_ERR_MEMORY, "net %u: misaligned", i);
		j.workspace = (char *)j.workspace - 8;
		lstm_f64_size(&j.n.desc, 1, 1, &short_bytes);
		lstm_f64_size(&j.n.desc, 8, 1000, &long_bytes);
		cr_assert_eq(short_bytes == long_bytes, oracle_layers(&j.n.desc) == 1,
		             "net %u: %zu and %zu bytes", i, short_bytes, long_bytes);
		job_free(&j);
	}
}

static void expect_refused(struct job *j, lstm_status expected, const char *what)
{
	size_t count = STEPS * BATCH * j->width, k;
	lstm_status got;

	for (k = 0; k < count; k++)
		j->y[k] = 7;
	got = job_run(j);
	cr_assert_eq(got, expected, "%s: %s", what, lstm_strerror(got));
	for (k = 0; k < count; k++)
		cr_assert(j->y[k] == 7, "%s: y[%zu] touched", what, k);
}

Test(double_calls, refused_calls_touch_nothing)
{
	static const size_t too_long[BATCH] = {1, STEPS + 1, 0, 0};
	struct job j = job_make(2, BATCH, STEPS, SEQUENCE_STATE), good = j;
	lstm_weights_f64 w = j.weights[0];
	size_t bytes;

	cr_assert_eq(lstm_f64_size(NULL, 1, 1, &bytes), LSTM_ERR_ARG, "no desc");
	cr_assert_eq(lstm_f64_size(&j.n.desc, 1, 1, NULL), LSTM_ERR_ARG, "no bytes");
	cr_assert_eq(lstm_f64_size(&j.n.desc, 0, 1, &bytes), LSTM_ERR_ARG, "no stream");
	cr_assert_eq(lstm_f64_size(&j.n.desc, 9, (size_t)-1 / 8, &bytes), LSTM_ERR_SIZE,
	             "too many");
	cr_assert_eq(lstm_f64_run(NULL, j.weights, &j.args, j.workspace, j.bytes), LSTM_ERR_ARG,
	             "desc");
	cr_assert_eq(lstm_f64_run(&j.n.desc, NULL, &j.args, j.workspace, j.bytes), LSTM_ERR_ARG,
	             "weights");
	cr_assert_eq(lstm_f64_run(&j.n.desc, j.weights, NULL, j.workspace, j.bytes), LSTM_ERR_ARG,
	             "args");
	cr_assert_eq(lstm_f64_run(&j.n.desc, j.weights, &j.args, NULL, j.bytes), LSTM_ERR_ARG,
	             "workspace");
	j.n.desc.hidden = 0;
	expect_refused(&j, LSTM_ERR_ARG, "hidden 0");
	j.n.desc.hidden = good.n.desc.hidden;
	j.n.desc.isa = LSTM_ISA_AVX2;
	expect_refused(&j, LSTM_ERR_ISA, "a vector instruction set");
	j.n.desc.isa = LSTM_ISA_SCALAR;
	j.weights[0].u = NULL;
	expect_refused(&j, LSTM_ERR_ARG, "no u");
	j.weights[0] = w;
	j.weights[0].projection = w.projection ? NULL : w.w;
	expect_refused(&j, LSTM_ERR_ARG, "a projection that desc does not name");
	j.weights[0] = w;
	j.args.batch = -1;
	expect_refused(&j, LSTM_ERR_ARG, "batch -1");
	j.args = good.args;
	j.args.x = NULL;
	expect_refused(&j, LSTM_ERR_ARG, "no x");
	j.args = good.args;
	j.args.lengths = too_long;
	expect_refused(&j, LSTM_ERR_ARG, "a length beyond steps");
	j.args = good.args;
	j.args.x = j.y;
	expect_refused(&j, LSTM_ERR_ARG, "x is y");
	j.args = good.args;
	j.args.h0 = j.args.cn;
	expect_refused(&j, LSTM_ERR_ARG, "cn is h0");
	j.args = good.args;
	j.args.y_direction = (size_t)-1 / 8;
	expect_refused(&j, LSTM_ERR_SIZE, "a stride that overflows");
	j.args = good.args;
	cr_assert_eq(job_run(&j), LSTM_OK, "a good call");
	job_free(&j);
}
