/* exp, tanh and what is made of them.  The same operations in the same order on every instruction
 * set: fused multiply-adds by name, true division, and never a product that feeds a plain sum,
 * which a compiler might fuse on one target and not on another.
 *
 * The built-in ones go through e^(k y) = 2^n (1 + p): n = round(k y / log 2), r = k y - n log 2 and
 * p = e^r - 1 = r + r^2 (q0 + q1 r + ... + q4 r^4) (tools/polynomials.py).  k is 1 or 2 and costs
 * nothing, as r / k is computed instead of r.  Adding 1.5 * 2^23 rounds to an integer and leaves it
 * in the low bits, ready to be shifted into the exponent.  The part of log 2 that fp32 cannot hold
 * is left out: it is 1.9e-9 n of the result, lost in rounding where |n| < 30.
 *
 * Two of these, one after the other, are most of a small model's step, and wait for each other: so
 * the terms are paired to keep the chain short, and e^x, e^x + 1 and the like are each one fused
 * multiply-add away from p. */
LSTM__INLINE lstm__vf LSTM__V(exp_part)(lstm__vf y, const float k, lstm__vf *power)
{
	const lstm__vf magic = lstm__set(12582912.0f);
	const lstm__vf t = lstm__fma(y, lstm__set(k * 1.44269504f), magic); /* 1 / log 2 */
	const lstm__vf r = lstm__fnma(lstm__sub(t, magic), lstm__set(0.693147182f / k), y);
	const lstm__vf r2 = lstm__mul(r, r), r3 = lstm__mul(r2, r);
	const lstm__vf low = lstm__fma(lstm__set(k * k * 0.5f), r2, k == 1 ? r : lstm__add(r, r));
	const lstm__vf middle = lstm__fma(lstm__set(k * k * k * k * 0.0416663848f), r,
	                                  lstm__set(k * k * k * 0.166665211f));
	const lstm__vf high = lstm__fma(lstm__set(k * k * k * k * k * k * 0.0013942204f), r,
	                                lstm__set(k * k * k * k * k * 0.00836867746f));
	*power = lstm__scale(lstm__set(1), t);
	return lstm__fma(lstm__fma(high, r2, middle), r3, low);
}

/* e^y - 1 for |y| <= 87: exact to about an ulp also near zero. */
LSTM__INLINE lstm__vf LSTM__V(expm1)(lstm__vf y)
{
	lstm__vf power, p = LSTM__V(exp_part)(y, 1, &power);
	return lstm__fma(power, p, lstm__sub(power, lstm__set(1)));
}

/* x limited to [low, high]; NaN stays NaN. */
LSTM__INLINE lstm__vf LSTM__V(limit)(lstm__vf x, float low, float high)
{
	return lstm__max(lstm__set(low), lstm__min(lstm__set(high), x));
}

#ifdef LSTM_NO_SLEEF
/* e^y for |y| <= 87, and *more = 1 + e^y. */
LSTM__INLINE lstm__vf LSTM__V(exp)(lstm__vf y, lstm__vf *more)
{
	lstm__vf power, p = LSTM__V(exp_part)(y, 1, &power);
	*more = lstm__fma(power, p, lstm__add(power, lstm__set(1)));
	return lstm__fma(power, p, power);
}

/* tanh(x) = m / (m + 2) with m = e^2x - 1: answers m, *more = m + 2.  1 in fp32 from 9.02 on. */
LSTM__INLINE lstm__vf LSTM__V(tanh_part)(lstm__vf x, lstm__vf *more)
{
	lstm__vf power, p = LSTM__V(exp_part)(LSTM__V(limit)(x, -10, 10), 2, &power);
	*more = lstm__fma(power, p, lstm__add(power, lstm__set(1)));
	return lstm__fma(power, p, lstm__sub(power, lstm__set(1)));
}

LSTM__INLINE lstm__vf LSTM__V(tanh)(lstm__vf x)
{
	lstm__vf more, m = LSTM__V(tanh_part)(x, &more);
	return lstm__div(m, more);
}
#else
/* SLEEF's functions of the finz family, whose bits are the same on all targets with FMA: exp within
 * 1.0 ulp, tanh within 3.5 (the 1.0 one takes three times as long, for an error that the rounding
 * of the gates' sums hides).  Declared here because sleef.h declares them only if the whole file is
 * compiled for the instruction set. */
#ifdef __cplusplus
extern "C" {
#endif
LSTM__TARGET lstm__vf LSTM__V(sleef_exp)(lstm__vf) __asm__(LSTM__LABEL LSTM__SLEEF_EXP);
LSTM__TARGET lstm__vf LSTM__V(sleef_tanh)(lstm__vf) __asm__(LSTM__LABEL LSTM__SLEEF_TANH);
#ifdef __cplusplus
}
#endif

/* Nobody calls this.  A linker that misses SLEEF names the functions that want it: here is one whose
 * name says what to do. */
LSTM__TARGET __attribute__((used)) static lstm__vf
	LSTM__V(SLEEF_is_missing_link_with_lsleef_or_define_LSTM_NO_SLEEF)(lstm__vf y)
{
	return LSTM__V(sleef_exp)(y);
}

LSTM__INLINE lstm__vf LSTM__V(exp)(lstm__vf y, lstm__vf *more)
{
	const lstm__vf e = LSTM__V(sleef_exp)(y);
	*more = lstm__add(e, lstm__set(1));
	return e;
}

LSTM__INLINE lstm__vf LSTM__V(tanh)(lstm__vf x)
{
	return LSTM__V(sleef_tanh)(x);
}
#endif

/* sigmoid(x) = e / (1 + e) with e = e^x: answers e, *more = 1 + e.  1 in fp32 from 17 on, and 1.6e-38
 * from -87 down, which is as good as zero if what it multiplies is finite. */
LSTM__INLINE lstm__vf LSTM__V(sigmoid_part)(lstm__vf x, lstm__vf *more)
{
	return LSTM__V(exp)(LSTM__V(limit)(x, -87, 30), more);
}

LSTM__INLINE lstm__vf LSTM__V(sigmoid)(lstm__vf x)
{
	lstm__vf more, e = LSTM__V(sigmoid_part)(x, &more);
	return lstm__clear(lstm__lt(x, lstm__set(-87)), lstm__div(e, more));
}

/* sigmoid(a) * tanh(b), and in *tiny where its magnitude counts as zero.  The built-in functions are
 * quotients: one division serves for both, and what is tiny is known before it is done (|u / v| < z
 * in fp32 exactly if |u| < v z, for z a power of two). */
LSTM__INLINE lstm__vf LSTM__V(sigmoid_tanh)(lstm__vf a, lstm__vf b, lstm__vm *tiny)
{
#ifdef LSTM_NO_SLEEF
	lstm__vf below, under, e = LSTM__V(sigmoid_part)(a, &under);
	lstm__vf m = LSTM__V(tanh_part)(b, &below);
	m = lstm__mul(e, m);
	below = lstm__mul(under, below);
	*tiny = lstm__lt(lstm__abs(m), lstm__mul(below, lstm__set(LSTM__TINY)));
	return lstm__div(m, below);
#else
	const lstm__vf product = lstm__mul(LSTM__V(sigmoid)(a), LSTM__V(tanh)(b));
	*tiny = lstm__lt(lstm__abs(product), lstm__set(LSTM__TINY));
	return product;
#endif
}

/* max(x, 0) + log(1 + e^-|x|), the logarithm as 2 atanh(s), s = e / (2 + e) <= 1/3. */
LSTM__INLINE lstm__vf LSTM__V(softplus)(lstm__vf x)
{
	const lstm__vf zero = lstm__set(0);
	lstm__vf y = lstm__max(lstm__set(-87), lstm__sub(zero, lstm__abs(x)));
	lstm__vf more, e = LSTM__V(exp)(y, &more);
	lstm__vf s = lstm__div(e, lstm__add(lstm__set(1), more)), z = lstm__mul(s, s), p;
	p = lstm__fma(lstm__set(0.284339875f), z, lstm__set(0.279054016f));
	p = lstm__fma(p, z, lstm__set(0.400283813f));
	p = lstm__fma(p, z, lstm__set(0.666662693f));
	p = lstm__fma(p, z, lstm__set(2));
	return lstm__fma(p, s, lstm__clear(lstm__lt(x, zero), x));
}

/* Any function of lstm_function; off the fast path. */
LSTM__NOINLINE lstm__vf LSTM__V(activate)(const lstm_activation *f, lstm__vf x)
{
	const lstm__vf alpha = lstm__set(f->alpha), beta = lstm__set(f->beta);
	const lstm__vf zero = lstm__set(0), one = lstm__set(1);
	const lstm__vm negative = lstm__lt(x, zero);
	lstm__vf v;

	switch (f->function) {
	case LSTM_SIGMOID: return LSTM__V(sigmoid)(x);
	case LSTM_TANH: return LSTM__V(tanh)(x);
	case LSTM_RELU: return lstm__clear(negative, x);
	case LSTM_AFFINE: return lstm__fma(alpha, x, beta);
	case LSTM_LEAKY_RELU: return lstm__select(negative, lstm__mul(alpha, x), x);
	case LSTM_THRESHOLDED_RELU: return lstm__clear(lstm__le(x, alpha), x);
	case LSTM_SCALED_TANH: return lstm__mul(alpha, LSTM__V(tanh)(lstm__mul(beta, x)));
	case LSTM_HARD_SIGMOID:
	case LSTM_HARD_SIGMOID_KERAS3:
		v = lstm__fma(alpha, x, beta);
		return lstm__min(one, lstm__clear(lstm__lt(v, zero), v));
	case LSTM_ELU:
		v = lstm__max(lstm__set(-87), lstm__min(zero, x));
		return lstm__select(negative, lstm__mul(alpha, LSTM__V(expm1)(v)), x);
	case LSTM_SOFTSIGN: return lstm__div(x, lstm__add(one, lstm__abs(x)));
	case LSTM_SOFTPLUS: return LSTM__V(softplus)(x);
	case LSTM_LINEAR:
	case LSTM_DEFAULT: break;
	}
	return x;
}
