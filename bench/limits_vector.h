/* The loops that find the limits, once per vector width.  The including file gives the words:
 * VF and VI (vectors of float and of int32), LANES, SUMS (how many sums hide the latency of an FMA
 * and still fit in registers), NAME, and v_set, v_load, v_store, v_splat (of the float at an
 * address), v_add, v_sub, v_mul, v_div, v_min, v_max, v_fma(a, b, c) = a * b + c, v_or,
 * v_scale(x, t) = x times 2 to the integer in the low bits of t, v_hold(a): a is in a register now.  Its
 * target region is open. */
#include "limits.h"

#define UNROLL BENCH_UNROLL
#define ROUNDS (48 / SUMS) /* per turn of the loop, which would cost a tenth if it were short */
#define UNITS 128          /* cells whose gates and state fill half of a first-level cache */
#define WIDTH 4            /* vectors of weights in a row of a product ... */
#define STREAMS (SUMS / WIDTH) /* ... each of which is multiplied by the x of so many streams */
#define ROWS 32            /* a quarter of a first-level cache at most */

static volatile float limit_a = 0.999f, limit_b = 0.5f; /* not for the compiler to calculate with */
static BENCH_LINES float limit_gates[4 * UNITS], limit_c[UNITS], limit_h[UNITS];
static BENCH_LINES float limit_weights[ROWS][WIDTH * LANES], limit_x[ROWS][STREAMS];

/* Lest they be left out. */
static inline BENCH_ALWAYS void limit_use(const VF *sum)
{
	VF all = sum[0];
	int k;

	UNROLL
	for (k = 1; k < SUMS; k++)
		all = v_add(all, sum[k]);
	v_store(limit_h, all);
}

/* Of numbers that stay the same, in registers. */
static long limit_still(long n)
{
	const VF a = v_set(limit_a), b = v_set(limit_b);
	VF sum[SUMS];
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
	limit_use(sum);
	return n * ROUNDS * SUMS * LANES * 2;
}

/* The second half of the rows takes back what the first has added, lest the sums grow. */
static void limit_fill_product(void)
{
	unsigned seed = 1;
	int k, j;

	for (k = 0; k < ROWS; k++) {
		for (j = 0; j < WIDTH * LANES; j++) {
			seed = seed * 1664525u + 1013904223u;
			limit_weights[k][j] = k < ROWS / 2 ? (float)(seed >> 8) / (1 << 24) - 0.5f
			                                   : limit_weights[k - ROWS / 2][j];
		}
		for (j = 0; j < STREAMS; j++) {
			seed = seed * 1664525u + 1013904223u;
			limit_x[k][j] = k < ROWS / 2 ? (float)(seed >> 8) / (1 << 24) - 0.5f
			                             : -limit_x[k - ROWS / 2][j];
		}
	}
}

/* Of a product of matrices in the first cache: each row of weights by one x of each stream.  That
 * is what Intel's clock allows, which is higher for numbers that stay the same. */
static long limit_fma(long n)
{
	VF sum[SUMS], x[STREAMS];
	long i;
	int k, s, v;

	limit_fill_product();
	UNROLL
	for (k = 0; k < SUMS; k++)
		sum[k] = v_set(0);
	for (i = 0; i < n; i++)
		for (k = 0; k < ROWS; k++) {
			UNROLL
			for (s = 0; s < STREAMS; s++)
				x[s] = v_splat(limit_x[k] + s);
			UNROLL
			for (v = 0; v < WIDTH; v++) {
				VF row = v_load(limit_weights[k] + v * LANES);
				v_hold(row); /* by one load for all streams */
				UNROLL
				for (s = 0; s < STREAMS; s++)
					sum[s * WIDTH + v] = v_fma(row, x[s], sum[s * WIDTH + v]);
			}
		}
	limit_use(sum);
	return n * ROWS * SUMS * LANES * 2;
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

/* e^(k y) as 2^n (1 + p): answers p, in few operations and a short chain of them, for full accuracy
 * in fp32. */
static inline BENCH_ALWAYS VF limit_exp(VF y, const float k, VF *power)
{
	const VF magic = v_set(12582912.0f); /* 1.5 * 2^23: rounds to an integer in the low bits */
	const VF t = v_fma(y, v_set(k * 1.44269504f), magic);
	const VF r = v_fma(v_sub(t, magic), v_set(-0.693147182f / k), y);
	const VF r2 = v_mul(r, r);
	const VF low = v_fma(v_set(k * k / 2), r2, k == 1 ? r : v_add(r, r));
	const VF middle = v_fma(v_set(k * k * k * k / 24), r, v_set(k * k * k / 6));
	const VF high = v_fma(v_set(k * k * k * k * k * k / 720), r,
	                      v_set(k * k * k * k * k / 120));

	*power = v_scale(v_set(1), t);
	return v_fma(v_fma(high, r2, middle), v_mul(r2, r), low);
}

/* A sigmoid e / (1 + e), as numerator and denominator. */
static inline BENCH_ALWAYS VF limit_sigmoid(VF x, VF *below)
{
	VF power, p = limit_exp(v_min(v_set(30), v_max(v_set(-87), x)), 1, &power);

	*below = v_fma(power, p, v_add(power, v_set(1)));
	return v_fma(power, p, power);
}

/* sigmoid(a) * tanh(b), with tanh as m / (m + 2), m = e^2b - 1, and one division for both. */
static inline BENCH_ALWAYS VF limit_product(VF a, VF b)
{
	VF power, p, below, e = limit_sigmoid(a, &below);

	p = limit_exp(v_max(v_set(-10), v_min(v_set(10), b)), 2, &power);
	return v_div(v_mul(e, v_fma(power, p, v_sub(power, v_set(1)))),
	             v_mul(below, v_fma(power, p, v_add(power, v_set(1)))));
}

static inline BENCH_ALWAYS VF limit_keep(const float *a, VF shift, float *c)
{
	VF below, e = limit_sigmoid(v_add(v_load(a + LANES), shift), &below), after;

	after = v_fma(v_div(e, below), v_load(c),
	              limit_product(v_add(v_load(a), shift), v_add(v_load(a + 2 * LANES), shift)));
	v_store(c, after);
	return after;
}

/* No candidate is 0: its c would halve until it is denormal, which some CPUs take a hundred times as
 * long for, and which no engine here calculates with. */
static void limit_fill(void)
{
	int k;

	for (k = 0; k < 4 * UNITS; k++)
		limit_gates[k] = (float)(k % 17) / 8 - 0.95f;
	for (k = 0; k < UNITS; k++)
		limit_h[k] = limit_c[k] = 0.25f;
}

/* First c of two cells and then h of them: one or four at a time are slower on Zen 4. */
static long limit_cells(long n)
{
	enum { GROUP = 2 };
	long i;
	int k, j;

	limit_fill();
	for (i = 0; i < n; i++)
		for (k = 0; k < UNITS; k += GROUP * LANES) {
			const float *a = limit_gates + 4 * k;
			UNROLL
			for (j = 0; j < GROUP; j++)
				limit_keep(a + 4 * j * LANES, v_set(0), limit_c + k + j * LANES);
			UNROLL
			for (j = 0; j < GROUP; j++)
				v_store(limit_h + k + j * LANES,
				        limit_product(v_load(a + (4 * j + 3) * LANES),
				                      v_load(limit_c + k + j * LANES)));
		}
	return n * UNITS;
}

/* h goes through memory, as it must for every unit to see every other's. */
static long limit_chain(long n)
{
	long i;

	limit_fill();
	for (i = 0; i < n; i++) {
		const VF h = v_splat(limit_h + i % LANES);
		const VF c = limit_keep(limit_gates, h, limit_c);
		v_store(limit_h, limit_product(v_add(v_load(limit_gates + 3 * LANES), h), c));
	}
	return n;
}

const struct bench_vector LIMIT_TABLE = {NAME,        LANES,       limit_fma,  limit_still,
                                         limit_cells, limit_chain, limit_read};
