/* Weights of int8 as the manual says, in double from codes of its own: shares no code with the library
 * but lstm_int8_scale, which it checks. */
#ifndef LSTM_TESTS_INT8_MODEL_H
#define LSTM_TESTS_INT8_MODEL_H

#include "nets.h"

/* Run the first layer of n, of one direction, over so many steps, each from the library's own state:
 * what differs is one step's rounding.  Fails the test if that is more than it may be. */
void int8_expect(const net *n, lstm_isa isa, size_t steps, const char *what);

#endif
