/* Descriptions that between them use every option, numbered from 0, for tests of what must hold
 * whatever the network. */
#ifndef LSTM_TESTS_VARIED_H
#define LSTM_TESTS_VARIED_H

#include "nets.h"

/* Number i: sizes up to 130, 1 to 3 layers, all directions and layouts.  The functions are bounded
 * ones, or unbounded ones behind a clip, so that nothing overflows. */
net varied_net(unsigned i);

/* A sequence for it: batch streams, x normal, h0 and c0 given. */
sequence varied_sequence(const net *n, int batch, size_t steps);

/* Small descriptions, one and several layers of each direction, with projections and without. */
enum { VARIED_KINDS = 7 };
lstm_desc varied_kind(int kind);

/* Floats per row of y. */
size_t varied_width(const net *n);

/* The model of n for isa; fails the test if it cannot be made. */
lstm_model *varied_model(const net *n, lstm_isa isa);

/* A state in which s's h0 and c0 are set. */
lstm_state *varied_state(const lstm_model *model, const sequence *s, size_t max_steps);

#endif
