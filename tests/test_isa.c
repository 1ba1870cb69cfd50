/* Which kernels a model gets: the best, the environment's, or those asked for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "varied.h"

static lstm_status size_of(lstm_isa isa)
{
	lstm_desc desc = {0};
	size_t bytes;

	desc.input = 3;
	desc.hidden = 5;
	desc.isa = isa;
	return lstm_model_size(&desc, &bytes);
}

/* The instruction set that a model made now with desc.isa = isa has. */
static lstm_isa made_for(lstm_isa isa)
{
	net n = varied_net(0);
	lstm_model *m = varied_model(&n, isa);
	lstm_isa found = lstm_model_desc(m)->isa;

	lstm_model_free(m);
	net_free(&n);
	return found;
}

Test(isa, best_is_the_last_that_is_supported)
{
	int isa, best = LSTM_ISA_SCALAR;

	unsetenv("LSTM_ISA");
	for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++)
		if (lstm_isa_supported((lstm_isa)isa))
			best = isa;
	cr_assert_eq((int)lstm_isa_best(), best, "expected %s, found %s",
	             lstm_isa_name((lstm_isa)best), lstm_isa_name(lstm_isa_best()));
	cr_assert_eq((int)made_for(LSTM_ISA_AUTO), best, "AUTO is the best");
	cr_assert(lstm_isa_supported(LSTM_ISA_AUTO), "AUTO is usable everywhere");
	cr_assert_not(lstm_isa_supported((lstm_isa)LSTM_ISA_COUNT), "past the last");
	cr_assert_not(lstm_isa_supported((lstm_isa)-1), "before the first");
}

Test(isa, environment_overrides_auto_alone)
{
	int isa;

	for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++) {
		const char *name = lstm_isa_name((lstm_isa)isa);
		cr_assert_eq(setenv("LSTM_ISA", name, 1), 0, "setenv");
		if (lstm_isa_supported((lstm_isa)isa))
			cr_assert_eq((int)made_for(LSTM_ISA_AUTO), isa, "LSTM_ISA=%s", name);
		else
			cr_assert_eq(size_of(LSTM_ISA_AUTO), LSTM_ERR_ISA, "LSTM_ISA=%s", name);
		cr_assert_eq((int)made_for(LSTM_ISA_SCALAR), LSTM_ISA_SCALAR,
		             "LSTM_ISA=%s against a model that says scalar", name);
	}
}

Test(isa, environment_with_an_unknown_name_is_an_error)
{
	static const char *const wrong[] = {"avx1", "AVX2", "avx2 ", "0", "?"};
	static const char *const none[] = {"", "auto"};
	size_t k;

	for (k = 0; k < sizeof(wrong) / sizeof(*wrong); k++) {
		setenv("LSTM_ISA", wrong[k], 1);
		cr_assert_eq(size_of(LSTM_ISA_AUTO), LSTM_ERR_ISA, "LSTM_ISA='%s'", wrong[k]);
	}
	for (k = 0; k < sizeof(none) / sizeof(*none); k++) {
		setenv("LSTM_ISA", none[k], 1);
		cr_assert_eq(made_for(LSTM_ISA_AUTO), lstm_isa_best(), "LSTM_ISA='%s'", none[k]);
	}
}

/* The types that the manual says an instruction set has kernels for. */
static int documented(lstm_isa isa, lstm_dtype dtype)
{
#ifdef __arm__
	if (isa == LSTM_ISA_NEON)
		return dtype == LSTM_DTYPE_F32;
#endif
	return isa != LSTM_ISA_SIMD128 || dtype == LSTM_DTYPE_F32;
}

/* desc.isa of a model of one layer of each type, whose first is this one; AUTO: it was refused. */
static lstm_isa isa_of_types(lstm_isa isa, lstm_dtype first, lstm_dtype second)
{
	const lstm_dtype types[] = {first, second};
	lstm_desc desc = {.input = 3, .hidden = 5, .layers = 2, .dtypes = types};
	net n = net_make(&desc, NET_B, 1, 3);
	lstm_isa found = LSTM_ISA_AUTO;
	lstm_model *model;
	lstm_status status;
	size_t bytes;

	n.desc.isa = isa;
	status = lstm_model_new(&model, &n.desc, n.weights);
	cr_assert_eq(lstm_model_size(&n.desc, &bytes), status, "its size: %s",
	             lstm_strerror(status));
	if (status == LSTM_OK)
		found = lstm_model_desc(model)->isa;
	else
		cr_assert_eq(status, LSTM_ERR_ISA, "%s", lstm_strerror(status));
	lstm_model_free(model);
	net_free(&n);
	return found;
}

/* By field or environment; and where none is named, on what there is, each layer for itself. */
Test(isa, types_without_kernels_are_refused_to_who_names_it)
{
	static const lstm_dtype types[] = {LSTM_DTYPE_F32, LSTM_DTYPE_BF16, LSTM_DTYPE_F16,
	                                   LSTM_DTYPE_I8};
	int isa, k;

	for (k = 0; k < 4; k++) {
		const lstm_isa best = lstm_isa_best();
		const int has = documented(best, types[k]);

		for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++) {
			const int runs = documented((lstm_isa)isa, types[k]);

			if (!lstm_isa_supported((lstm_isa)isa))
				continue;
			setenv("LSTM_ISA", lstm_isa_name((lstm_isa)isa), 1);
			cr_assert_eq(harness_has((lstm_isa)isa, types[k]), runs, "%s, type %d",
			             lstm_isa_name((lstm_isa)isa), (int)types[k]);
			cr_assert_eq(isa_of_types((lstm_isa)isa, types[k], LSTM_DTYPE_F32) !=
			                     LSTM_ISA_AUTO, runs, "type %d first", (int)types[k]);
			cr_assert_eq(isa_of_types(LSTM_ISA_AUTO, LSTM_DTYPE_F32, types[k]) !=
			                     LSTM_ISA_AUTO, runs, "type %d second", (int)types[k]);
		}
		unsetenv("LSTM_ISA");
		cr_assert_eq(isa_of_types(LSTM_ISA_AUTO, LSTM_DTYPE_F32, types[k]), best,
		             "fp32 before type %d", (int)types[k]);
		isa = isa_of_types(LSTM_ISA_AUTO, types[k], LSTM_DTYPE_F32);
		cr_assert(has ? isa > LSTM_ISA_SCALAR || best == LSTM_ISA_SCALAR
		              : isa == LSTM_ISA_SCALAR,
		          "type %d: found %s", (int)types[k], lstm_isa_name((lstm_isa)isa));
	}
}

Test(isa, models_for_different_ones_live_side_by_side)
{
	static const float x[130];
	float y[2 * 130], first[2 * 130];
	lstm_model *models[LSTM_ISA_COUNT];
	lstm_state *states[LSTM_ISA_COUNT];
	net n = varied_net(4);
	size_t width = varied_width(&n), k;
	int isa, step;

	for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++)
		if (lstm_isa_supported((lstm_isa)isa)) {
			models[isa] = varied_model(&n, (lstm_isa)isa);
			cr_assert_eq(lstm_state_new(&states[isa], models[isa], 1, 1), LSTM_OK,
			             "state");
		}
	for (step = 0; step < 5; step++)
		for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++)
			if (lstm_isa_supported((lstm_isa)isa)) {
				lstm_run(states[isa], x, isa == LSTM_ISA_SCALAR ? first : y, 1);
				for (k = 0; isa != LSTM_ISA_SCALAR && k < width; k++)
					cr_assert(fabsf(y[k] - first[k]) < 1e-5f,
					          "step %d, element %zu: scalar %g, %s %g", step, k,
					          (double)first[k], lstm_isa_name((lstm_isa)isa),
					          (double)y[k]);
			}
	for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++)
		if (lstm_isa_supported((lstm_isa)isa)) {
			lstm_state_free(states[isa]);
			lstm_model_free(models[isa]);
		}
	net_free(&n);
}

/* lstm_run cannot answer a status: what it cannot run, it marks. */
TEST_EACH_ISA(isa, a_stack_run_for_too_long_gives_nan_and_keeps_its_state)
{
	enum { STEPS = 8 };
	net n = varied_net(2); /* two layers, both directions */
	sequence s = varied_sequence(&n, 2, STEPS + 1);
	lstm_model *m = varied_model(&n, isa);
	lstm_state *state = varied_state(m, &s, STEPS);
	const size_t count = (STEPS + 1) * 2 * varied_width(&n);
	const size_t cells = (size_t)(n.desc.layers * oracle_directions(&n.desc)) * 2;
	const size_t nc = cells * (size_t)n.desc.hidden;
	float *y = malloc(count * sizeof(float)), *c = malloc(nc * sizeof(float));
	size_t k;

	cr_assert(y && c, "memory");
	cr_assert(n.desc.layers == 2 && n.desc.direction == LSTM_BIDIRECTIONAL, "the net meant");
	lstm_run(state, s.x, y, STEPS + 1);
	for (k = 0; k < count; k++)
		cr_assert(isnan(y[k]), "element %zu: expected NaN, found %g", k, (double)y[k]);
	lstm_run(state, s.x, NULL, STEPS + 1);
	lstm_state_get(state, NULL, c);
	cr_assert(!memcmp(c, s.c0, nc * sizeof(float)), "the state changed");
	lstm_run(state, s.x, y, STEPS);
	for (k = 0; k < STEPS * 2 * varied_width(&n); k++)
		cr_assert_not(isnan(y[k]), "element %zu of a run that is not too long", k);
	lstm_state_free(state);
	lstm_model_free(m);
	free(y);
	free(c);
	sequence_free(&s);
	net_free(&n);
}
