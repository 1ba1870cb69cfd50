/* exp, tanh and what is made of them.  The same operations in the same order on every instruction
 * set: fused multiply-adds by name, true division, and never a product that feeds a plain sum,
 * which a compiler might fuse on one target and not on another.
 *
 * The built-in ones go through e^y = 2^n (1 + r s): n = round(y / log 2), r = y - n log 2 and
 * s = 1 + r q(r) with q of degree 4 (tools/polynomials.py).  Adding 1.5 * 2^23 rounds to an integer
 * and leaves it in the low bits, ready to be shifted into the exponent.  The part of log 2 that
 * fp32 cannot hold is left out: it is 1.9e-9 n of the result, lost in rounding where |n| < 30. */
LSTM__INLINE lstm__vf LSTM__FN(exp_part)(lstm__vf y, lstm__vf *t, lstm__vf *r)
{
	const lstm__vf magic = lstm__set(12582912.0f);
	lstm__vf q;
	*t = lstm__fma(y, lstm__set(1.44269504f), magic); /* 1 / log 2 */
	*r = lstm__fnma(lstm__sub(*t, magic), lstm__set(0.693147182f), y);
	q = lstm__fma(lstm__set(0.0013942204f), *r, lstm__set(0.00836867746f));
	q = lstm__fma(q, *r, lstm__set(0.0416663848f));
	q = lstm__fma(q, *r, lstm__set(0.166665211f));
	q = lstm__fma(q, *r, lstm__set(0.5f));
	return lstm__fma(*r, q, lstm__set(1)); /* s */
}

/* e^y - 1 for |y| <= 87: exact to about an ulp also near zero. */
LSTM__INLINE lstm__vf LSTM__FN(expm1)(lstm__vf y)
{
	lstm__vf t, r, s = LSTM__FN(exp_part)(y, &t, &r);
	lstm__vf power = lstm__scale(lstm__set(1), t);
	return lstm__fma(power, lstm__mul(r, s), lstm__sub(power, lstm__set(1)));
}

/* x limited to [low, high]; NaN stays NaN. */
LSTM__INLINE lstm__vf LSTM__FN(limit)(lstm__vf x, float low, float high)
{
	return lstm__max(lstm__set(low), lstm__min(lstm__set(high), x));
}

#ifdef LSTM_NO_SLEEF
/* e^y for |y| <= 87. */
LSTM__INLINE lstm__vf LSTM__FN(exp)(lstm__vf y)
{
	lstm__vf t, r, s = LSTM__FN(exp_part)(y, &t, &r);
	return lstm__scale(lstm__fma(r, s, lstm__set(1)), t);
}

/* m / (m + 2) with m = e^2x - 1; 1 in fp32 from 9.02 on. */
LSTM__INLINE lstm__vf LSTM__FN(tanh_part)(lstm__vf x)
{
	x = LSTM__FN(limit)(x, -10, 10);
	return LSTM__FN(expm1)(lstm__add(x, x));
}

LSTM__INLINE lstm__vf LSTM__FN(tanh)(lstm__vf x)
{
	lstm__vf m = LSTM__FN(tanh_part)(x);
	return lstm__div(m, lstm__add(m, lstm__set(2)));
}
#else
/* SLEEF's functions of the finz family, whose bits are the same on all targets with FMA: exp within
 * 1.0 ulp, tanh within 3.5 (the 1.0 one takes three times as long, for an error that the rounding
 * of the gates' sums hides).  Declared here because sleef.h declares them only if the whole file is
 * compiled for the instruction set. */
#ifdef __cplusplus
extern "C" {
#endif
LSTM__TARGET lstm__vf LSTM__FN(sleef_exp)(lstm__vf) __asm__(LSTM__LABEL LSTM__SLEEF_EXP);
LSTM__TARGET lstm__vf LSTM__FN(sleef_tanh)(lstm__vf) __asm__(LSTM__LABEL LSTM__SLEEF_TANH);
#ifdef __cplusplus
}
#endif

LSTM__INLINE lstm__vf LSTM__FN(exp)(lstm__vf y)
{
	return LSTM__FN(sleef_exp)(y);
}

LSTM__INLINE lstm__vf LSTM__FN(tanh)(lstm__vf x)
{
	return LSTM__FN(sleef_tanh)(x);
}
#endif

/* e^x for a sigmoid, which is e / (1 + e): 1 in fp32 from 17 on, and 1.6e-38 from -87 down.  That
 * is as good as zero if what it multiplies is finite. */
LSTM__INLINE lstm__vf LSTM__FN(sigmoid_part)(lstm__vf x)
{
	return LSTM__FN(exp)(LSTM__FN(limit)(x, -87, 30));
}

LSTM__INLINE lstm__vf LSTM__FN(sigmoid)(lstm__vf x)
{
	lstm__vf e = LSTM__FN(sigmoid_part)(x);
	e = lstm__div(e, lstm__add(lstm__set(1), e));
	return lstm__clear(lstm__lt(x, lstm__set(-87)), e);
}

/* sigmoid(a) * tanh(b), before what counts as zero is made zero.  The built-in functions are
 * quotients: one division serves for both. */
LSTM__INLINE lstm__vf LSTM__FN(sigmoid_tanh)(lstm__vf a, lstm__vf b)
{
#ifdef LSTM_NO_SLEEF
	lstm__vf e = LSTM__FN(sigmoid_part)(a), m = LSTM__FN(tanh_part)(b);
	lstm__vf below = lstm__mul(lstm__add(lstm__set(1), e), lstm__add(m, lstm__set(2)));
	return lstm__div(lstm__mul(e, m), below);
#else
	return lstm__mul(LSTM__FN(sigmoid)(a), LSTM__FN(tanh)(b));
#endif
}

/* max(x, 0) + log(1 + e^-|x|), the logarithm as 2 atanh(s), s = e / (2 + e) <= 1/3. */
LSTM__INLINE lstm__vf LSTM__FN(softplus)(lstm__vf x)
{
	const lstm__vf zero = lstm__set(0);
	lstm__vf y = lstm__max(lstm__set(-87), lstm__sub(zero, lstm__abs(x)));
	lstm__vf e = LSTM__FN(exp)(y);
	lstm__vf s = lstm__div(e, lstm__add(lstm__set(2), e)), z = lstm__mul(s, s), p;
	p = lstm__fma(lstm__set(0.284339875f), z, lstm__set(0.279054016f));
	p = lstm__fma(p, z, lstm__set(0.400283813f));
	p = lstm__fma(p, z, lstm__set(0.666662693f));
	p = lstm__fma(p, z, lstm__set(2));
	return lstm__fma(p, s, lstm__clear(lstm__lt(x, zero), x));
}

/* Any function of lstm_function; off the fast path. */
LSTM__NOINLINE lstm__vf LSTM__FN(activate)(const lstm_activation *f, lstm__vf x)
{
	const lstm__vf alpha = lstm__set(f->alpha), beta = lstm__set(f->beta);
	const lstm__vf zero = lstm__set(0), one = lstm__set(1);
	const lstm__vm negative = lstm__lt(x, zero);
	lstm__vf v;

	switch (f->function) {
	case LSTM_SIGMOID: return LSTM__FN(sigmoid)(x);
	case LSTM_TANH: return LSTM__FN(tanh)(x);
	case LSTM_RELU: return lstm__clear(negative, x);
	case LSTM_AFFINE: return lstm__fma(alpha, x, beta);
	case LSTM_LEAKY_RELU: return lstm__select(negative, lstm__mul(alpha, x), x);
	case LSTM_THRESHOLDED_RELU: return lstm__clear(lstm__le(x, alpha), x);
	case LSTM_SCALED_TANH: return lstm__mul(alpha, LSTM__FN(tanh)(lstm__mul(beta, x)));
	case LSTM_HARD_SIGMOID:
	case LSTM_HARD_SIGMOID_KERAS3:
		v = lstm__fma(alpha, x, beta);
		return lstm__min(one, lstm__clear(lstm__lt(v, zero), v));
	case LSTM_ELU:
		v = lstm__max(lstm__set(-87), lstm__min(zero, x));
		return lstm__select(negative, lstm__mul(alpha, LSTM__FN(expm1)(v)), x);
	case LSTM_SOFTSIGN: return lstm__div(x, lstm__add(one, lstm__abs(x)));
	case LSTM_SOFTPLUS: return LSTM__FN(softplus)(x);
	case LSTM_LINEAR:
	case LSTM_DEFAULT: break;
	}
	return x;
}
