/* A safetensors file, written. */
#ifndef LSTM_TOOL_SAFETENSORS_H
#define LSTM_TOOL_SAFETENSORS_H

#include "lstm.h"

/* Write these tensors, of which type, shape, data and bytes say what they are, and the metadata of a
 * file.  Those with larger elements come first, so that all are aligned.  0 after a complaint. */
int safetensors_write(const char *path, const lstm_file *metadata, const lstm_tensor *tensors,
                      size_t count);

#endif
