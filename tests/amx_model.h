/* AMX's registers and products of int8 in plain C, as Intel's manual describes them, for CPUs that
 * have none: simd/avx512.h calls them where LSTM__AMX_MODEL is defined.  What a CPU would refuse ends
 * the program. */
#ifndef LSTM_TESTS_AMX_MODEL_H
#define LSTM_TESTS_AMX_MODEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LSTM__AMX_MODEL 1

static struct {
	int set;
	unsigned char shape[64];
	unsigned char tile[8][16][64];
} amx_model;

static inline void amx_model_refuse(const char *what)
{
	fprintf(stderr, "AMX would fault: %s\n", what);
	abort();
}

static inline int amx_model_rows(int t)
{
	return amx_model.shape[48 + t];
}

static inline int amx_model_bytes(int t)
{
	return amx_model.shape[16 + 2 * t] + 256 * amx_model.shape[17 + 2 * t];
}

/* NULL: tilerelease. */
static inline void lstm__amx_model_config(const void *shape)
{
	int t;

	memset(&amx_model, 0, sizeof(amx_model));
	if (!shape)
		return;
	amx_model.set = 1;
	memcpy(amx_model.shape, shape, sizeof(amx_model.shape));
	if (amx_model.shape[0] != 1)
		amx_model_refuse("a palette that is not 1");
	for (t = 0; t < 8; t++)
		if (amx_model_rows(t) > 16 || amx_model_bytes(t) > 64 ||
		    !amx_model_rows(t) != !amx_model_bytes(t))
			amx_model_refuse("a register of no possible shape");
	for (t = 16; t < 64; t++) /* beyond eight registers */
		if ((t < 48 ? t >= 32 : t >= 56) && amx_model.shape[t])
			amx_model_refuse("reserved bytes that are not 0");
}

static inline void amx_model_check(int t)
{
	if (!amx_model.set)
		amx_model_refuse("registers that are not set");
	if (!amx_model_rows(t))
		amx_model_refuse("a register that is not in use");
}

static inline void lstm__amx_model_zero(int t)
{
	amx_model_check(t);
	memset(amx_model.tile[t], 0, sizeof(amx_model.tile[t]));
}

static inline void lstm__amx_model_load(int t, const void *p, size_t apart)
{
	int r;

	lstm__amx_model_zero(t);
	for (r = 0; r < amx_model_rows(t); r++)
		memcpy(amx_model.tile[t][r], (const char *)p + (size_t)r * apart,
		       (size_t)amx_model_bytes(t));
}

static inline void lstm__amx_model_store(int t, void *p, size_t apart)
{
	int r;

	amx_model_check(t);
	for (r = 0; r < amx_model_rows(t); r++)
		memcpy((char *)p + (size_t)r * apart, amx_model.tile[t][r], (size_t)amx_model_bytes(t));
}

/* tdpbusd: unsigned bytes of x times signed ones of w. */
static inline void lstm__amx_model_dot(int sum, int x, int w)
{
	int m, n, k, i;

	amx_model_check(sum);
	amx_model_check(x);
	amx_model_check(w);
	if (amx_model_rows(sum) != amx_model_rows(x) || amx_model_bytes(sum) != amx_model_bytes(w) ||
	    amx_model_bytes(x) != 4 * amx_model_rows(w))
		amx_model_refuse("shapes that do not fit each other");
	for (m = 0; m < amx_model_rows(sum); m++)
		for (n = 0; n < amx_model_bytes(sum) / 4; n++) {
			int32_t all;
			memcpy(&all, amx_model.tile[sum][m] + 4 * n, sizeof(all));
			for (k = 0; k < amx_model_rows(w); k++)
				for (i = 0; i < 4; i++)
					all += amx_model.tile[x][m][4 * k + i] *
					       (signed char)amx_model.tile[w][k][4 * n + i];
			memcpy(amx_model.tile[sum][m] + 4 * n, &all, sizeof(all));
		}
}

#endif
