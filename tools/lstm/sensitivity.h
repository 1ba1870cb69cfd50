/* How far rounding may move a network's outputs: the network, moved a little. */
#ifndef LSTM_TOOL_SENSITIVITY_H
#define LSTM_TOOL_SENSITIVITY_H

#include "lstm.h"

/* Pack the network, rounded to the types that it is kept in, with weights off by what the rounding
 * of fp32 comes to.
 *
 * With u = 2^-24, a gate's sum of n terms, rounded at each, is the exact sum of terms that are each
 * off by about sqrt(n) u of themselves: every weight is moved up or down by that.  A coarse
 * activation is wrong by SENSITIVITY_COARSE at the most, at a slope of 1 as if its bias were: every
 * bias is moved by that too.  Which way is random, by the seed, and unlike rounding the
 * same at every step, so that the errors add up where those of rounding may.
 *
 * The codes of int8 layers stay, as their sums are exact: what moves is the scales, by the 2 u of the
 * few roundings behind those sums, and the biases.  All other layers become fp32, which alone can hold
 * what is moved so little.
 *
 * What that moves an output by is what a sound implementation may differ by.  SENSITIVITY_SAFETY
 * times the largest such difference, and SENSITIVITY_COARSE for the output's own activation where
 * its slope is nothing, is what none should pass: PyTorch and the equations in double precision
 * stay below a tenth of it. */
#define SENSITIVITY_SAFETY 6
#define SENSITIVITY_COARSE 0x1p-21 /* 8 u */
lstm_status sensitivity_model(lstm_model **model, const lstm_desc *desc,
                              const lstm_weights *weights, unsigned seed);

/* The tolerance, when outputs as large as magnitude, or less than 1, were moved by so much. */
double sensitivity_tolerance(double moved, double magnitude);

#endif
