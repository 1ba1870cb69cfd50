/* What the implementation that every suite links with (implementation.c) shows of its inside. */
#ifndef LSTM_TESTS_INSIDE_H
#define LSTM_TESTS_INSIDE_H

#include <stddef.h>

#include "lstm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Its LSTM_MALLOC and LSTM_FREE, for a test to put its own in their places: both, and nothing that one
 * pair gave is for the other to free.  They are malloc and free at first. */
extern void *(*inside_malloc)(size_t bytes);
extern void (*inside_free)(void *p);

/* The kernels of the model's first layer: scalar, avx2, i8dot_avx2 and so on, as the header names
 * lstm__kernels_...; "of no name" if it is none of those that implementation.c lists. */
const char *inside_kernels(const lstm_model *model);

/* Whether this build has kernels of that name. */
int inside_has_kernels(const char *name);

/* Whether the state's layers may use AMX; -1 if this build has no code for it. */
int inside_uses_amx(const lstm_state *state);

#ifdef __cplusplus
}
#endif
#endif
