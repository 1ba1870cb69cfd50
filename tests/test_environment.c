/* The floating-point environment is the caller's before and after, and the default one within; what
 * counts as zero stays out of the denormal range. */
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "varied.h"

#ifndef FE_UPWARD
#define FE_UPWARD FE_TONEAREST /* WebAssembly knows no other rounding */
#endif

enum { STEPS = 20 };

/* The control register: MXCSR's control bits, FPCR, those of FPSCR, or 0 where there is none. */
static uint64_t control(void)
{
#if defined(__x86_64__)
	uint32_t mxcsr;
	__asm__ __volatile__("stmxcsr %0" : "=m"(mxcsr));
	return mxcsr & ~0x3fu; /* without the sticky flags */
#elif defined(__aarch64__)
	uint64_t fpcr;
	__asm__ __volatile__("mrs %0, fpcr" : "=r"(fpcr));
	return fpcr;
#elif defined(__arm__) && defined(__ARM_FP)
	uint32_t fpscr;
	__asm__ __volatile__("vmrs %0, fpscr" : "=r"(fpscr));
	return fpscr & 0x07c09f00u; /* without what arithmetic and comparisons leave */
#else
	return 0;
#endif
}

static void set_control(uint64_t value)
{
#if defined(__x86_64__)
	uint32_t mxcsr = (uint32_t)value;
	__asm__ __volatile__("ldmxcsr %0" : : "m"(mxcsr));
#elif defined(__aarch64__)
	__asm__ __volatile__("msr fpcr, %0" : : "r"(value));
#elif defined(__arm__) && defined(__ARM_FP)
	__asm__ __volatile__("vmsr fpscr, %0" : : "r"((uint32_t)value));
#else
	(void)value;
#endif
}

#if defined(__x86_64__)
#define FLUSH_TO_ZERO 0x8040u /* FTZ and DAZ */
#define MASKS 0x1f80u         /* of all exceptions: without them the first rounding traps */
#define SERIOUS_MASKS 0x680u  /* of an invalid operation, division by zero and overflow */
#define STICKY 0x3fu
#elif defined(__aarch64__) || (defined(__arm__) && defined(__ARM_FP))
#define FLUSH_TO_ZERO 0x1000000u
#define MASKS 0u
#define SERIOUS_MASKS 0u
#define STICKY 0u
#else
#define FLUSH_TO_ZERO 0u
#define MASKS 0u
#define SERIOUS_MASKS 0u
#define STICKY 0u
#endif

TEST_EACH_ISA(environment, callers_modes_change_no_bit_and_come_back)
{
	const uint64_t usual = control();
	unsigned i;
	int mode;

	if (!FLUSH_TO_ZERO)
		cr_skip_test("no known control register on this machine");
	for (i = 0; i < 20; i++) {
		net n = varied_net(i);
		const size_t count = STEPS * 2 * varied_width(&n);
		sequence s = varied_sequence(&n, 2, STEPS);
		lstm_model *m = varied_model(&n, isa);
		float *expected = malloc(count * sizeof(float)), *y = malloc(count * sizeof(float));
		lstm_state *state = varied_state(m, &s, STEPS);

		cr_assert(expected && y, "memory");
		lstm_run(state, s.x, expected, STEPS);
		for (mode = 0; mode < 3; mode++) {
			uint64_t before, after;
			lstm_state_set(state, s.h0, s.c0);
			if (mode == 0)
				set_control(usual | FLUSH_TO_ZERO);
			else if (mode == 1)
				fesetround(FE_UPWARD);
			else
				set_control(usual & ~(uint64_t)MASKS);
			before = control();
			lstm_run(state, s.x, y, STEPS);
			after = control();
			fesetround(FE_TONEAREST);
			set_control(usual);
			cr_assert_eq(after, before, "mode %d: expected %llx back, found %llx", mode,
			             (unsigned long long)before, (unsigned long long)after);
			cr_assert(!memcmp(y, expected, count * sizeof(float)),
			          "net %u: mode %d of the caller changed a bit", i, mode);
		}
		lstm_state_free(state);
		lstm_model_free(m);
		free(expected);
		free(y);
		sequence_free(&s);
		net_free(&n);
	}
}

/* One step a call takes a way of its own.  Traps on what finite numbers cannot raise stay quiet. */
TEST_EACH_ISA(environment, callers_modes_change_no_bit_of_single_steps)
{
	const uint64_t usual = control();
	unsigned i;
	int mode;

	if (!FLUSH_TO_ZERO)
		cr_skip_test("no known control register on this machine");
	for (i = 0; i < 20; i++) {
		net n = varied_net(i);
		const size_t width = varied_width(&n), input = (size_t)n.desc.input;
		sequence s = varied_sequence(&n, 1, STEPS);
		lstm_model *m = varied_model(&n, isa);
		float *expected = malloc(STEPS * width * sizeof(float)), *y = malloc(width * sizeof(float));
		lstm_state *state = varied_state(m, &s, STEPS);
		size_t t, k;

		cr_assert(expected && y, "memory");
		for (k = 0; k < STEPS * input; k += 3)
			s.x[k] *= 0x1p-95f; /* products with weights become denormal */
		for (t = 0; t < STEPS; t++)
			lstm_run(state, s.x + t * input, expected + t * width, 1);
		for (mode = 0; mode < 3; mode++) {
			lstm_state_set(state, s.h0, s.c0);
			for (t = 0; t < STEPS; t++) {
				uint64_t before, after;
				if (mode == 0)
					set_control(usual | FLUSH_TO_ZERO);
				else if (mode == 1)
					fesetround(FE_UPWARD);
				else
					set_control(usual & ~(uint64_t)SERIOUS_MASKS);
				before = control();
				lstm_run(state, s.x + t * input, y, 1);
				after = control();
				fesetround(FE_TONEAREST);
				set_control(usual);
				cr_assert_eq(after & ~STICKY, before & ~STICKY,
				             "mode %d: expected %llx back, found %llx", mode,
				             (unsigned long long)before, (unsigned long long)after);
				cr_assert(!memcmp(y, expected + t * width, width * sizeof(float)),
				          "net %u, step %zu: mode %d of the caller changed a bit", i, t, mode);
			}
		}
		lstm_state_free(state);
		lstm_model_free(m);
		free(expected);
		free(y);
		sequence_free(&s);
		net_free(&n);
	}
}

static void assert_zero_or_large(const float *values, size_t count, size_t step)
{
	size_t k;
	for (k = 0; k < count; k++)
		cr_assert(values[k] == 0 || fabsf(values[k]) >= 0x1p-96f,
		          "step %zu: element %zu is %g, in the range that counts as zero", step, k,
		          (double)values[k]);
}

TEST_EACH_ISA(environment, decaying_states_reach_zero_and_no_denormal)
{
	enum { HIDDEN = 37 };
	static float x[5], h[HIDDEN], c[HIDDEN];
	lstm_desc d = {0};
	sequence s;
	lstm_state *state;
	lstm_model *m;
	size_t t, k, alive = 0;
	net n;

	d.input = 5;
	d.hidden = HIDDEN;
	n = net_make(&d, 0, 0.1f, 5); /* no bias: f is about a half, and c halves every step */
	s = sequence_make(&d, 1, 1, SEQUENCE_STATE, 6);
	m = varied_model(&n, isa);
	state = varied_state(m, &s, 1);
	for (t = 0; t < 300; t++) {
		lstm_run(state, x, NULL, 1);
		lstm_state_get(state, h, c);
		assert_zero_or_large(h, HIDDEN, t);
		assert_zero_or_large(c, HIDDEN, t);
		for (k = 0; t == 50 && k < HIDDEN; k++)
			alive += c[k] != 0;
	}
	cr_assert_eq(alive, HIDDEN, "after 50 halvings 2^-50 is still a number: %zu are", alive);
	for (k = 0; k < HIDDEN; k++)
		cr_assert(h[k] == 0 && c[k] == 0, "unit %zu: expected 0, found %g, %g", k,
		          (double)h[k], (double)c[k]);
	lstm_state_free(state);
	lstm_model_free(m);
	sequence_free(&s);
	net_free(&n);
}

/* x, h0, c0, weights and biases of magnitude below 2^-96, denormal or not, are as good as zero. */
TEST_EACH_ISA(environment, tiny_inputs_states_and_weights_are_zero)
{
	static const float tiny[] = {1e-45f, -1e-40f, FLT_MIN, 1e-30f, -0x1.fffffep-97f};
	const float least = 0x1p-96f;
	float y[64], z[64];
	lstm_desc d = {0};
	size_t k, j;
	sequence s;
	lstm_state *state;
	lstm_model *m;
	net n;

	d.input = 3;
	d.hidden = 21;
	n = net_make(&d, NET_B, 1, 9);
	s = sequence_make(&d, 1, 1, SEQUENCE_STATE, 6);
	for (k = 0; k < sizeof(tiny) / sizeof(*tiny); k++)
		for (j = 0; j < 2; j++) {
			const float value = j ? 0 : tiny[k];
			s.x[0] = s.h0[1] = s.h0[20] = s.c0[2] = s.c0[19] = value;
			net_w(&n, 0)[4] = net_u(&n, 0)[5] = net_b(&n, 0)[6] = value;
			m = varied_model(&n, isa);
			state = varied_state(m, &s, 1);
			lstm_run(state, s.x, j ? z : y, 1);
			cr_assert(!j || !memcmp(y, z, 21 * sizeof(float)), "%g is not zero",
			          (double)tiny[k]);
			lstm_state_free(state);
			lstm_model_free(m);
		}
	m = varied_model(&n, isa);
	s.h0[1] = least;
	state = varied_state(m, &s, 1);
	lstm_state_get(state, y, NULL);
	cr_assert_eq(y[1], least, "2^-96 itself is a number");
	lstm_state_free(state);
	lstm_model_free(m);
	sequence_free(&s);
	net_free(&n);
}
