/* The activation functions of the oracle: values, slopes, and the error that fp32 may make. */
#include "oracle.h"

/* Largest errors allowed to the library's own functions, wherever the argument lies.
 *
 * sigmoid = 1 / (1 + e^-x): the exponential is within 1.5 ulp (SLEEF promises 1), which is 3 u
 * relative at most, and the sum and the quotient round once each: 5 u relative.  Where the result s
 * is above 1/2, s (1 - s) of the exponential's relative error, s^2 of the sum's and half of the
 * quotient's reach it: 2 u absolute.
 * tanh: within 3.5 ulp, as SLEEF's tanhf_u35 promises; libm and the built-in one are better.  An
 * ulp is 2 u relative at most, and u absolute at most as no result is above 1.
 * Below TINY_SIGMOID a result may be flushed or held by a limit on the exponent. */
#define SIGMOID_ABSOLUTE (2.0 * NUM_U)
#define SIGMOID_RELATIVE (5.0 * NUM_U)
#define TANH_ABSOLUTE (3.5 * NUM_U)
#define TANH_RELATIVE (7.0 * NUM_U)
#define TINY_SIGMOID 1e-37

static lstm_activation with_defaults(lstm_activation a)
{
	if (a.alpha == 0.0f && a.beta == 0.0f) {
		switch (a.function) {
		case LSTM_AFFINE:
		case LSTM_THRESHOLDED_RELU:
		case LSTM_ELU: a.alpha = 1.0f; break;
		case LSTM_LEAKY_RELU: a.alpha = 0.01f; break;
		case LSTM_SCALED_TANH: a.alpha = a.beta = 1.0f; break;
		case LSTM_HARD_SIGMOID:
			a.alpha = 0.2f;
			a.beta = 0.5f;
			break;
		default: break;
		}
	}
	return a;
}

/* NaN compares false, so it is returned as it is. */
static double between_0_and_1(double x)
{
	if (x < 0.0)
		return 0.0;
	return x > 1.0 ? 1.0 : x;
}

static double sigmoid(double x)
{
	return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x));
}

double oracle_function(lstm_activation activation, double x)
{
	lstm_activation a = with_defaults(activation);
	double alpha = a.alpha, beta = a.beta;

	switch (a.function) {
	case LSTM_SIGMOID: return sigmoid(x);
	case LSTM_TANH: return tanh(x);
	case LSTM_RELU: return x < 0.0 ? 0.0 : x;
	case LSTM_LINEAR: return x;
	case LSTM_AFFINE: return alpha * x + beta;
	case LSTM_LEAKY_RELU: return x >= 0.0 ? x : alpha * x;
	case LSTM_THRESHOLDED_RELU: return x <= alpha ? 0.0 : x;
	case LSTM_SCALED_TANH: return alpha * tanh(beta * x);
	case LSTM_HARD_SIGMOID: return between_0_and_1(alpha * x + beta);
	case LSTM_HARD_SIGMOID_KERAS3: return between_0_and_1(x / 6.0 + 0.5);
	case LSTM_ELU: return x >= 0.0 ? x : alpha * expm1(x);
	case LSTM_SOFTSIGN: return x / (1.0 + fabs(x));
	case LSTM_SOFTPLUS: return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
	default: return NAN;
	}
}

/* The steepest slope within reach of x; a.alpha and a.beta with defaults. */
static double slope(lstm_activation a, double x, double reach)
{
	double alpha = fabs((double)a.alpha), beta = fabs((double)a.beta);
	double near = fmax(0.0, fabs(x) - reach); /* the nearest to zero: steepest of an S */
	double high = x + reach, t;

	switch (a.function) {
	case LSTM_SIGMOID: return sigmoid(near) * sigmoid(-near);
	case LSTM_TANH: t = tanh(near); return 1.0 - t * t;
	case LSTM_SCALED_TANH: t = tanh(beta * near); return alpha * beta * (1.0 - t * t);
	case LSTM_SOFTSIGN: return 1.0 / ((1.0 + near) * (1.0 + near));
	case LSTM_RELU: return high < 0.0 ? 0.0 : 1.0;
	case LSTM_LEAKY_RELU: return high < 0.0 ? alpha : fmax(1.0, alpha);
	case LSTM_ELU: return high < 0.0 ? alpha * exp(high) : fmax(1.0, alpha);
	case LSTM_SOFTPLUS: return sigmoid(high);
	case LSTM_AFFINE:
	case LSTM_HARD_SIGMOID: return alpha;
	case LSTM_HARD_SIGMOID_KERAS3: return 1.0 / 6.0;
	default: return 1.0;
	}
}

static double tanh_error(double value)
{
	return fmin(TANH_ABSOLUTE, TANH_RELATIVE * fabs(value));
}

/* What fp32 may be wrong by at exactly this x; a.alpha and a.beta with defaults. */
static double own_error(lstm_activation a, double x, double value)
{
	double alpha = fabs((double)a.alpha), size = fabs(value);

	switch (a.function) {
	case LSTM_SIGMOID: return fmin(SIGMOID_ABSOLUTE, SIGMOID_RELATIVE * size) + TINY_SIGMOID;
	case LSTM_TANH: return tanh_error(value);
	case LSTM_SCALED_TANH: /* beta * x and the outer product round */
		return alpha * tanh_error(tanh(a.beta * x)) + NUM_U * size +
		       slope(a, x, 0.0) * NUM_U * fabs(x);
	case LSTM_AFFINE: /* the product and the sum round */
	case LSTM_HARD_SIGMOID:
		return NUM_U * (alpha * fabs(x) + fabs(alpha * x) + fabs((double)a.beta));
	case LSTM_HARD_SIGMOID_KERAS3: /* so may 1/6 */ return NUM_U * (3.0 * fabs(x) / 6.0 + 0.5);
	case LSTM_LEAKY_RELU: return NUM_U * size;
	case LSTM_ELU: /* e^x within 1 ulp, then e^x - 1 and the product round */
		return x >= 0.0 ? 0.0 : alpha * 3.0 * NUM_U + 2.0 * NUM_U * size;
	case LSTM_SOFTSIGN: return 2.0 * NUM_U * size;
	case LSTM_SOFTPLUS: /* the exponential, the sum and the logarithm, each within 1 ulp */
		return 4.0 * NUM_U * (1.0 + size);
	default: return 0.0;
	}
}

num oracle_activate(lstm_activation activation, num x)
{
	lstm_activation a = with_defaults(activation);
	double value = oracle_function(a, x.v), error;
	double reach = fmin(x.bound, NUM_SAFETY * x.rms);
	num n;

	if (!isfinite(value))
		return num_exact(value);
	if (!isfinite(x.v)) /* a saturated function of infinity */
		return num_make(value, own_error(a, 0.0, value), own_error(a, 0.0, value));

	error = own_error(a, x.v, value);
	n = num_make(value, slope(a, x.v, x.bound) * x.bound + error,
	             slope(a, x.v, reach) * x.rms + error);
	/* The one function that jumps, by alpha at alpha. */
	if (a.function == LSTM_THRESHOLDED_RELU && fabs(x.v - a.alpha) <= x.bound)
		n.bound += fabs((double)a.alpha);
	if (a.function == LSTM_THRESHOLDED_RELU && fabs(x.v - a.alpha) <= reach)
		n.rms += fabs((double)a.alpha);
	return n;
}
