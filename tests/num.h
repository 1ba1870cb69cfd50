/* A number with its error: what exact arithmetic gives, and how far fp32 may be from it.
 *
 * The oracle computes in double and carries two estimates of the fp32 error along with each value.
 * With u = 2^-24, the unit roundoff of fp32, and gamma_n = n u / (1 - n u):
 *
 *   bound   never exceeded, whatever the order of the sums and with or without FMA.  A chain of n
 *           terms p_k = w_k x_k costs gamma_n sum |p_k|, plus sum |w_k| bound(x_k) inherited; a
 *           product or a sum costs u |result|; a function costs its own error and its steepest
 *           slope within reach times the bound of its argument.
 *   rms     what the error is like when the roundings inside one chain are independent, each no
 *           larger than u times the partial sum it rounds: sqrt(sum) within a chain, as errors of
 *           different units are; added in full everywhere else, as errors of one unit at different
 *           times may be (near a fixed point the same rounding is made at every step).
 *
 * The bound is the sharper one for short sums and few steps.  For long ones it grows like
 * (sqrt(H) / 2)^T, by the 1-norm of the rows of u, while the rms grows by their 2-norm, which
 * weights of +-1/sqrt(H) keep below one.  The tolerance is the smaller of the two, the rms times
 * NUM_SAFETY: a normal variable passes 6 times its deviation once in 5e8, the roundings are taken
 * as u instead of their deviation u / sqrt(3), and no suite makes more than 5e7 comparisons.
 *
 * A value that is not finite is exact: NaN and infinity are compared by kind. */
#ifndef LSTM_TESTS_NUM_H
#define LSTM_TESTS_NUM_H

#include <math.h>

#define NUM_U 0x1p-24     /* unit roundoff of fp32 */
#define NUM_SAFETY 6.0    /* deviations that an error may reach, see above */
#define NUM_TINY 0x1p-96  /* magnitudes below it count as zero: lstm.h, ARITHMETIC */
#define NUM_FLOOR 0x1p-90 /* what 64 values that counted as zero can add up to */

typedef struct num {
	double v;     /* the exact value */
	double bound; /* |fp32 - v| at most */
	double rms;   /* |fp32 - v| typically */
} num;

static inline num num_make(double v, double bound, double rms)
{
	num n = {v, bound, rms};

	if (!isfinite(v))
		n.bound = n.rms = 0.0;
	return n;
}

static inline num num_exact(double v)
{
	return num_make(v, 0.0, 0.0);
}

/* An input of the library: x, a state, a weight, a bias. */
static inline double num_input(float v)
{
	return fabs((double)v) < NUM_TINY ? 0.0 : (double)v;
}

/* fmin, because a bound that overflowed to NaN says nothing, and the rms remains. */
static inline double num_tolerance(num n)
{
	return fmin(n.bound, NUM_SAFETY * n.rms) + NUM_FLOOR;
}

/* How far two evaluations in double may be apart.  Roundings are 2^-53 instead of 2^-24, and both
 * of them make some; nothing counts as zero, but products may leave the range of normal numbers. */
static inline double num_tolerance_f64(num n)
{
	return 2.0 * 0x1p-29 * fmin(n.bound, NUM_SAFETY * n.rms) + 0x1p-1000;
}

static inline num num_add(num a, num b)
{
	double v = a.v + b.v, bound = a.bound + b.bound;

	return num_make(v, bound + NUM_U * (fabs(v) + bound), a.rms + b.rms + NUM_U * fabs(v));
}

static inline num num_mul(num a, num b)
{
	double v = a.v * b.v, fa = fabs(a.v), fb = fabs(b.v);
	double bound = fa * b.bound + fb * a.bound + a.bound * b.bound;

	return num_make(v, bound + NUM_U * (fabs(v) + bound),
	                fa * b.rms + fb * a.rms + NUM_U * fabs(v));
}

/* Limited to +-limit, if limit > 0; NaN stays NaN.  A value certainly outside is exact. */
static inline num num_limit(num a, double limit)
{
	if (!(limit > 0.0) || !(fabs(a.v) > limit))
		return a;
	return num_make(copysign(limit, a.v), fmax(0.0, a.bound - (fabs(a.v) - limit)),
	                fmax(0.0, a.rms - (fabs(a.v) - limit) / NUM_SAFETY));
}

/* A chain of multiply-adds. */
typedef struct num_chain {
	double v;
	double magnitude; /* sum of |terms|, for the bound's roundings */
	double inherited; /* sum of the bounds that the terms bring along */
	double variance;  /* sum of the squared rms that the terms bring along */
	double walk;      /* sum of the squares of all that was rounded, for the rms */
	int terms;
} num_chain;

static inline num_chain num_chain_from(num start)
{
	num_chain s = {
		start.v, fabs(start.v) + start.bound, start.bound, start.rms * start.rms, 0.0, 1};

	return s;
}

static inline void num_chain_add(num_chain *s, double w, num x)
{
	double p = w * x.v, fw = fabs(w), spread = fw * x.rms;

	s->v += p;
	s->magnitude += fabs(p) + fw * x.bound;
	s->inherited += fw * x.bound;
	s->variance += spread * spread;
	s->walk += p * p + s->v * s->v;
	s->terms++;
}

static inline num num_chain_end(const num_chain *s)
{
	double nu = s->terms * NUM_U;

	return num_make(s->v, s->inherited + nu / (1.0 - nu) * s->magnitude,
	                sqrt(s->variance + NUM_U * NUM_U * s->walk));
}

#endif
