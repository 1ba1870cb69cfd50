/* tests/digest.c, compiled for each build of the activations. */
#ifndef LSTM_TOOL_DIGEST_BUILDS_H
#define LSTM_TOOL_DIGEST_BUILDS_H

#include <stdint.h>

#include "lstm.h"

lstm_status digest_of_builtin(lstm_isa isa, lstm_dtype dtype, uint64_t *digest);
lstm_status digest_of_sleef(lstm_isa isa, lstm_dtype dtype, uint64_t *digest); /* only in builds with SLEEF */

#endif
