/* The digest of law 2: one number for the bits of some hundred networks of all kinds. */
#ifndef LSTM_TESTS_DIGEST_H
#define LSTM_TESTS_DIGEST_H

#include <stdint.h>

#include "lstm.h"

enum { DIGEST_NETS = 300 };

#ifndef DIGEST_OF
#define DIGEST_OF digest_of /* programs with several builds of the library name each */
#endif

/* FNV-1a over y, h and c of varied nets 0 .. DIGEST_NETS - 1, each with a batch and steps of its
 * own, and weights kept as dtype.  Every NaN counts as one value: its bits are the CPU's. */
lstm_status DIGEST_OF(lstm_isa isa, lstm_dtype dtype, uint64_t *digest);

#endif
