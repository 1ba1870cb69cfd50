/* A model file for ONNX Runtime: the LSTM operators of a case, as bytes.  With int8 they are ONNX
 * Runtime's own DynamicQuantizeLSTM, with weights as its quantizer writes them per channel: each row
 * symmetric, its largest magnitude 127.  It quantizes x and h when it runs. */
#ifndef LSTM_BENCH_ONNX_MODEL_H
#define LSTM_BENCH_ONNX_MODEL_H

#include "../bench.h"

struct onnx_bytes {
	unsigned char *data;
	size_t size, room;
	int failed; /* out of memory */
};

/* Inputs x[steps][batch][input] and, unless the mode is stack, h and c [1][batch][hidden]; outputs
 * y, and hn and cn likewise.  The caller frees bytes->data.  0: out of memory. */
int onnx_model(const struct bench_case *shape, const struct bench_net *net, int int8,
               struct onnx_bytes *bytes);

#endif
