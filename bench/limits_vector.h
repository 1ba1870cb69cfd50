/* The loops that find the limits, once per vector width.  The including file gives the words:
 * VF and VI (vectors of float and of int32), LANES, SUMS (how many sums hide the latency of an FMA
 * and still fit in registers), NAME, and v_set, v_load, v_store, v_splat (of the float at an
 * address), v_add, v_sub, v_mul, v_div, v_min, v_max, v_fma(a, b, c) = a * b + c, v_or,
 * v_scale(x, t) = x times 2 to the integer in the low bits of t.  Its target region is open. */
#include "limits.h"

#define UNROLL BENCH_UNROLL
#define ROUNDS (48 / SUMS) /* per turn of the loop, which would cost a tenth if it were short */
#define UNITS 128          /* cells whose gates and state fill half of a first-level cache */

static volatile float limit_a = 0.999f, limit_b = 0.5f; /* not for the compiler to calculate with */
static float limit_gates[4 * UNITS], limit_c[UNITS], limit_h[UNITS];

static long limit_fma(long n)
{
	const VF a = v_set(limit_a), b = v_set(limit_b);
	VF sum[SUMS], all;
	long i;
	int k;

	UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = v_set((float)k);
	for (i = 0; i < n; i++) {
		UNROLL
		for (k = 0; k < ROUNDS * SUMS; k++)
			sum[k % SUMS] = v_fma(sum[k % SUMS], a, b);
	}
	all = sum[0];
	UNROLL
	for (k = 1; k < SUMS; k++)
		all = v_add(all, sum[k]);
	v_store(limit_h, all);
	return n * ROUNDS * SUMS * LANES * 2;
}

/* Eight independent loads at a time, combined by a cheap operation lest they be left out. */
static long limit_read(const void *data, size_t bytes, long n)
{
	const size_t vectors = bytes / (LANES * sizeof(float));
	VF all[8];
	long i;
	int j;

	UNROLL
	for (j = 0; j < 8; j++)
		all[j] = v_set(0);
	for (i = 0; i < n; i++) {
		const float *p = data;
		size_t left = vectors;

		for (; left >= 8; left -= 8, p += 8 * LANES) {
			UNROLL
			for (j = 0; j < 8; j++)
				all[j] = v_or(all[j], v_load(p + j * LANES));
		}
		for (; left; left--, p += LANES)
			all[0] = v_or(all[0], v_load(p));
	}
	UNROLL
	for (j = 1; j < 8; j++)
		all[0] = v_or(all[0], all[j]);
	v_store(limit_h, all[0]);
	return n * (long)(vectors * LANES * sizeof(float));
}

/* e^y by 2^n times a polynomial, as cheap as full accuracy in fp32 allows; or e^y - 1, exact also
 * near zero. */
static inline BENCH_ALWAYS VF limit_exp(VF y, const int minus_one)
{
	const VF magic = v_set(12582912.0f); /* 1.5 * 2^23: rounds to an integer in the low bits */
	const VF t = v_fma(y, v_set(1.44269504f), magic);
	const VF n = v_sub(t, magic);
	VF r = v_fma(n, v_set(-0.693147182f), y), q;

	r = v_fma(n, v_set(1.90465421e-9f), r);
	q = v_fma(v_set(1.0f / 720), r, v_set(1.0f / 120));
	q = v_fma(q, r, v_set(1.0f / 24));
	q = v_fma(q, r, v_set(1.0f / 6));
	q = v_fma(q, r, v_set(0.5f));
	q = v_fma(q, r, v_set(1));
	if (minus_one) {
		const VF power = v_scale(v_set(1), t);
		return v_fma(power, v_mul(q, r), v_sub(power, v_set(1)));
	}
	return v_scale(v_fma(q, r, v_set(1)), t);
}

static inline BENCH_ALWAYS VF limit_sigmoid(VF x)
{
	const VF y = v_min(v_set(87), v_max(v_set(-87), v_sub(v_set(0), x)));

	return v_div(v_set(1), v_add(v_set(1), limit_exp(y, 0)));
}

static inline BENCH_ALWAYS VF limit_tanh(VF x)
{
	VF m = v_max(v_set(-10), v_min(v_set(10), x));

	m = limit_exp(v_add(m, m), 1);
	return v_div(m, v_add(m, v_set(2)));
}

/* Computing two cells or four gates side by side, operation by operation, was slower on Zen 3: the
 * divisions then come all at once, and the CPU interleaves independent cells by itself. */
static inline BENCH_ALWAYS VF limit_cell(VF i, VF f, VF g, VF o, float *c)
{
	const VF after = v_fma(limit_sigmoid(f), v_load(c), v_mul(limit_sigmoid(i), limit_tanh(g)));

	v_store(c, after);
	return v_mul(limit_sigmoid(o), limit_tanh(after));
}

static void limit_fill(void)
{
	int k;

	for (k = 0; k < 4 * UNITS; k++)
		limit_gates[k] = (float)(k % 17) / 8 - 1;
	for (k = 0; k < UNITS; k++)
		limit_h[k] = limit_c[k] = 0.25f;
}

static long limit_cells(long n)
{
	long i;
	int k;

	limit_fill();
	for (i = 0; i < n; i++)
		for (k = 0; k < UNITS; k += LANES) {
			const float *a = limit_gates + 4 * k;
			v_store(limit_h + k,
			        limit_cell(v_load(a), v_load(a + LANES), v_load(a + 2 * LANES),
			                   v_load(a + 3 * LANES), limit_c + k));
		}
	return n * UNITS;
}

/* h goes through memory, as it must for every unit to see every other's. */
static long limit_chain(long n)
{
	const VF w = v_set(0.25f);
	long i;

	limit_fill();
	for (i = 0; i < n; i++) {
		const VF h = v_splat(limit_h + i % LANES);
		const float *a = limit_gates;
		v_store(limit_h, limit_cell(v_fma(w, h, v_load(a)), v_fma(w, h, v_load(a + LANES)),
		                            v_fma(w, h, v_load(a + 2 * LANES)),
		                            v_fma(w, h, v_load(a + 3 * LANES)), limit_c));
	}
	return n;
}

const struct bench_vector LIMIT_TABLE = {NAME,        LANES,       limit_fma,
                                         limit_cells, limit_chain, limit_read};
