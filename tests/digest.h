/* The digest of law 2: one number for the bits of some hundred networks of all kinds. */
#ifndef LSTM_TESTS_DIGEST_H
#define LSTM_TESTS_DIGEST_H

#include <stdint.h>

#include "lstm.h"

enum { DIGEST_NETS = 300 };

/* FNV-1a over y, h and c of varied nets 0 .. DIGEST_NETS - 1, each with a batch and steps of its
 * own.  Every NaN counts as one value: its bits are the CPU's. */
uint64_t digest_of(lstm_isa isa);

#endif
