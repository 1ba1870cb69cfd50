/* The implementation that every suite links with, see inside.h. */
#include "inside.h"

#include <stdlib.h>
#include <string.h>

void *(*inside_malloc)(size_t bytes) = malloc;
void (*inside_free)(void *p) = free;

#define LSTM_MALLOC(n) inside_malloc(n)
#define LSTM_FREE(p) inside_free(p)
#define LSTM_IMPLEMENTATION
#ifdef INSIDE_AMX_MODEL
#include "amx_model.h"
#endif
#include "lstm.h"

static const struct {
	const char *name;
	const struct lstm__kernels *kernels;
} inside_known[] = {
	{"scalar", &lstm__kernels_scalar},
#ifdef LSTM__HAVE_AVX2
	{"avx2", &lstm__kernels_avx2},
#if LSTM__LOW
	{"f16_avx2", &lstm__kernels_f16_avx2},
	{"i8_avx2", &lstm__kernels_i8_avx2},
#ifdef LSTM__AVXVNNI
	{"i8dot_avx2", &lstm__kernels_i8dot_avx2},
#endif
#endif
#endif
#ifdef LSTM__HAVE_AVX512
	{"avx512", &lstm__kernels_avx512},
#if LSTM__LOW
	{"bf16_avx512", &lstm__kernels_bf16_avx512},
	{"f16_avx512", &lstm__kernels_f16_avx512},
	{"i8_avx512", &lstm__kernels_i8_avx512},
#endif
#endif
#if defined(LSTM__HAVE_NEON) && defined(LSTM__ARM64) && LSTM__LOW
	{"i8_neon", &lstm__kernels_i8_neon},
	{"i8dot_neon", &lstm__kernels_i8dot_neon},
#endif
};
enum { INSIDE_KNOWN = sizeof inside_known / sizeof *inside_known };

const char *inside_kernels(const lstm_model *model)
{
	int k;

	for (k = 0; k < INSIDE_KNOWN; k++)
		if (inside_known[k].kernels == model->layers[0].kernels)
			return inside_known[k].name;
	return "of no name";
}

int inside_has_kernels(const char *name)
{
	int k;

	for (k = 0; k < INSIDE_KNOWN; k++)
		if (strcmp(inside_known[k].name, name) == 0)
			return 1;
	return 0;
}

int inside_uses_amx(const lstm_state *state)
{
#ifdef LSTM__AMX
	return state->jobs[0].amx;
#else
	(void)state;
	return -1;
#endif
}
