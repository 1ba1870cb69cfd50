/* Protocol buffers by hand: a field is its number and kind, then a number or a length and bytes.
 * The numbers of the fields are those of onnx.proto. */
#include "onnx_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODEL_IR = 1, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };
enum {
	ATTRIBUTE_NAME = 1,
	ATTRIBUTE_I = 3,
	ATTRIBUTE_S = 4,
	ATTRIBUTE_INTS = 8,
	ATTRIBUTE_TYPE = 20
};
enum { TYPE_INT = 2, TYPE_STRING = 3, TYPE_INTS = 7 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { TENSOR_FLOAT = 1, TENSOR_INT8 = 3, TENSOR_INT64 = 7 };

static const char microsoft[] = "com.microsoft";

static void append(struct onnx_bytes *b, const void *data, size_t size)
{
	if (b->size + size > b->room && !b->failed) {
		size_t room = 2 * (b->size + size);
		unsigned char *grown = realloc(b->data, room);
		b->failed = !grown;
		if (grown) {
			b->data = grown;
			b->room = room;
		}
	}
	if (!b->failed) {
		memcpy(b->data + b->size, data, size);
		b->size += size;
	}
}

static void varint(struct onnx_bytes *b, unsigned long long value)
{
	unsigned char byte;

	do {
		byte = (unsigned char)((value & 127) | (value > 127 ? 128 : 0));
		append(b, &byte, 1);
		value >>= 7;
	} while (value);
}

static void put_number(struct onnx_bytes *b, int field, long long value)
{
	varint(b, (unsigned)field << 3);
	varint(b, (unsigned long long)value);
}

static void put_bytes(struct onnx_bytes *b, int field, const void *data, size_t size)
{
	varint(b, (unsigned)field << 3 | 2);
	varint(b, size);
	append(b, data, size);
}

static void put_text(struct onnx_bytes *b, int field, const char *text)
{
	put_bytes(b, field, text, strlen(text));
}

/* A message inside another; it is spent. */
static void put_message(struct onnx_bytes *b, int field, struct onnx_bytes *inner)
{
	put_bytes(b, field, inner->data, inner->size);
	b->failed |= inner->failed;
	free(inner->data);
}

static void put_tensor(struct onnx_bytes *graph, const char *name, int type, const long long *dims,
                       int rank, const void *data, size_t size)
{
	struct onnx_bytes t = {NULL, 0, 0, 0};
	int k;

	for (k = 0; k < rank; k++)
		put_number(&t, TENSOR_DIMS, dims[k]);
	put_number(&t, TENSOR_TYPE, type);
	put_text(&t, TENSOR_NAME, name);
	put_bytes(&t, TENSOR_RAW, data, size);
	put_message(graph, GRAPH_INITIALIZER, &t);
}

/* An input or output of the graph: fp32 of this shape. */
static void put_value(struct onnx_bytes *graph, int field, const char *name, long long a,
                      long long b, long long c)
{
	const long long dims[3] = {a, b, c};
	struct onnx_bytes value = {NULL, 0, 0, 0}, type = value, tensor = value, shape = value, dim;
	int k;

	for (k = 0; k < 3; k++) {
		memset(&dim, 0, sizeof(dim));
		put_number(&dim, 1, dims[k]); /* dim_value */
		put_message(&shape, 1, &dim);
	}
	put_number(&tensor, 1, TENSOR_FLOAT); /* elem_type */
	put_message(&tensor, 2, &shape);
	put_message(&type, 1, &tensor); /* tensor_type */
	put_text(&value, 1, name);
	put_message(&value, 2, &type);
	put_message(graph, field, &value);
}

static void put_attribute_int(struct onnx_bytes *node, const char *name, long long value)
{
	struct onnx_bytes a = {NULL, 0, 0, 0};

	put_text(&a, ATTRIBUTE_NAME, name);
	put_number(&a, ATTRIBUTE_I, value);
	put_number(&a, ATTRIBUTE_TYPE, TYPE_INT);
	put_message(node, NODE_ATTRIBUTE, &a);
}

/* The blocks of rows in the operator's order, i o f g, from i f g o. */
static const int gate_from[4] = {0, 3, 1, 2};

static void put_gates(struct onnx_bytes *all, const float *blocks, size_t block)
{
	int k;

	for (k = 0; k < 4; k++)
		append(all, blocks + (size_t)gate_from[k] * block, block * sizeof(float));
}

/* One tensor "w0", "us1" ... of a layer, which is spent; dims past the first, the directions, whose
 * last is dropped if it is 0. */
static void put_part(struct onnx_bytes *graph, const struct bench_case *c, const char *stem,
                     int layer, int type, long long a, long long b, struct onnx_bytes *data)
{
	long long dims[3];
	char name[20];

	dims[0] = c->directions;
	dims[1] = a;
	dims[2] = b;
	snprintf(name, sizeof(name), "%s%d", stem, layer);
	put_tensor(graph, name, type, dims, b ? 3 : 2, data->data, data->size);
	graph->failed |= data->failed;
	free(data->data);
}

/* A matrix as the int8 operator has it, columns[width][4h], and the scale of each column. */
static void quantize(struct onnx_bytes *codes, struct onnx_bytes *scales, const float *rows,
                     size_t h, size_t width)
{
	signed char *all = malloc(4 * h * width);
	size_t row, k;

	codes->failed |= !all;
	for (row = 0; all && row < 4 * h; row++) {
		const float *w = rows + ((size_t)gate_from[row / h] * h + row % h) * width;
		float most = 0, scale;

		for (k = 0; k < width; k++)
			most = fmaxf(most, fabsf(w[k]));
		scale = most > 0 ? most / 127 : 1;
		append(scales, &scale, sizeof(scale));
		for (k = 0; k < width; k++)
			all[k * 4 * h + row] = (signed char)lrintf(w[k] / scale);
	}
	if (all)
		append(codes, all, 4 * h * width);
	free(all);
}

/* A matrix of one layer, all its directions: [d][4h][width], or with int8 [d][width][4h] with scales
 * and zero points [d][4h]. */
static void put_matrix(struct onnx_bytes *graph, const struct bench_case *c, const char *stem,
                       const float *const *parts, int layer, size_t width, int int8)
{
	struct onnx_bytes all = {NULL, 0, 0, 0}, scales = all, zeros = all;
	size_t h = (size_t)c->hidden, k;
	char name[4];
	int d;

	for (d = 0; d < c->directions; d++) {
		const float *rows = parts[layer * c->directions + d];

		if (int8)
			quantize(&all, &scales, rows, h, width);
		else
			put_gates(&all, rows, h * width);
		for (k = 0; int8 && k < 4 * h; k++)
			append(&zeros, "", 1);
	}
	if (!int8) {
		put_part(graph, c, stem, layer, TENSOR_FLOAT, 4 * c->hidden, (long long)width,
		         &all);
		return;
	}
	put_part(graph, c, stem, layer, TENSOR_INT8, (long long)width, 4 * c->hidden, &all);
	snprintf(name, sizeof(name), "%ss", stem);
	put_part(graph, c, name, layer, TENSOR_FLOAT, 4 * c->hidden, 0, &scales);
	snprintf(name, sizeof(name), "%sz", stem);
	put_part(graph, c, name, layer, TENSOR_INT8, 4 * c->hidden, 0, &zeros);
}

static void put_weights(struct onnx_bytes *graph, const struct bench_case *c,
                        const struct bench_net *net, int layer, int int8)
{
	size_t h = (size_t)c->hidden;
	struct onnx_bytes b = {NULL, 0, 0, 0};
	float *zero = calloc(4 * h, sizeof(float)); /* the operator has a second bias */
	int d;

	put_matrix(graph, c, "w", net->w, layer, (size_t)bench_width(c, layer), int8);
	put_matrix(graph, c, "u", net->u, layer, h, int8);
	graph->failed |= !zero;
	for (d = 0; zero && d < c->directions; d++) {
		put_gates(&b, net->b[layer * c->directions + d], h);
		append(&b, zero, 4 * h * sizeof(float));
	}
	free(zero);
	put_part(graph, c, "b", layer, TENSOR_FLOAT, 8 * c->hidden, 0, &b);
}

/* Behind the operator's usual inputs: no peephole, then scales and zero points. */
static void put_scales(struct onnx_bytes *node, int layer)
{
	static const char *const stems[] = {"ws", "wz", "us", "uz"};
	char name[16];
	int k;

	put_text(node, NODE_INPUT, "");
	for (k = 0; k < 4; k++) {
		snprintf(name, sizeof(name), "%s%d", stems[k], layer);
		put_text(node, NODE_INPUT, name);
	}
}

static void put_lstm(struct onnx_bytes *graph, const struct bench_case *c, int layer, int int8)
{
	struct onnx_bytes node = {NULL, 0, 0, 0}, way = node;
	int carried = c->mode != BENCH_STACK;
	char name[16];
	const char *weights = "wub";

	snprintf(name, sizeof(name), "x%d", layer);
	put_text(&node, NODE_INPUT, layer ? name : "x");
	for (; *weights; weights++) {
		snprintf(name, sizeof(name), "%c%d", *weights, layer);
		put_text(&node, NODE_INPUT, name);
	}
	put_text(&node, NODE_INPUT, ""); /* lengths */
	put_text(&node, NODE_INPUT, carried ? "h" : "");
	put_text(&node, NODE_INPUT, carried ? "c" : "");
	if (int8)
		put_scales(&node, layer);
	snprintf(name, sizeof(name), "y%d", layer);
	put_text(&node, NODE_OUTPUT, name);
	put_text(&node, NODE_OUTPUT, carried ? "hn" : "");
	put_text(&node, NODE_OUTPUT, carried ? "cn" : "");
	put_text(&node, NODE_OP, int8 ? "DynamicQuantizeLSTM" : "LSTM");
	if (int8)
		put_text(&node, NODE_DOMAIN, microsoft);
	put_attribute_int(&node, "hidden_size", c->hidden);
	if (c->directions == 2) {
		put_text(&way, ATTRIBUTE_NAME, "direction");
		put_text(&way, ATTRIBUTE_S, "bidirectional");
		put_number(&way, ATTRIBUTE_TYPE, TYPE_STRING);
		put_message(&node, NODE_ATTRIBUTE, &way);
	}
	put_message(graph, GRAPH_NODE, &node);
}

/* [steps][directions][batch][hidden] to [steps][batch][directions * hidden]. */
static void put_join(struct onnx_bytes *graph, const char *from, const char *to)
{
	static const int order[4] = {0, 2, 1, 3};
	struct onnx_bytes transpose = {NULL, 0, 0, 0}, reshape = transpose, perm = transpose;
	char between[24];
	int k;

	snprintf(between, sizeof(between), "%s_t", from);
	put_text(&perm, ATTRIBUTE_NAME, "perm");
	for (k = 0; k < 4; k++)
		put_number(&perm, ATTRIBUTE_INTS, order[k]);
	put_number(&perm, ATTRIBUTE_TYPE, TYPE_INTS);
	put_text(&transpose, NODE_INPUT, from);
	put_text(&transpose, NODE_OUTPUT, between);
	put_text(&transpose, NODE_OP, "Transpose");
	put_message(&transpose, NODE_ATTRIBUTE, &perm);
	put_message(graph, GRAPH_NODE, &transpose);
	put_text(&reshape, NODE_INPUT, between);
	put_text(&reshape, NODE_INPUT, "joined");
	put_text(&reshape, NODE_OUTPUT, to);
	put_text(&reshape, NODE_OP, "Reshape");
	put_message(graph, GRAPH_NODE, &reshape);
}

int onnx_model(const struct bench_case *c, const struct bench_net *net, int int8,
               struct onnx_bytes *model)
{
	const long long joined[3] = {c->steps, c->batch, bench_output(c)}, rank = 3;
	struct onnx_bytes graph = {NULL, 0, 0, 0}, opset = graph, own = graph;
	char from[16], to[16];
	int layer;

	put_tensor(&graph, "joined", TENSOR_INT64, &rank, 1, joined, sizeof(joined));
	for (layer = 0; layer < c->layers; layer++) {
		put_weights(&graph, c, net, layer, int8);
		put_lstm(&graph, c, layer, int8);
		snprintf(from, sizeof(from), "y%d", layer);
		snprintf(to, sizeof(to), "x%d", layer + 1);
		put_join(&graph, from, layer == c->layers - 1 ? "y" : to);
	}
	put_text(&graph, GRAPH_NAME, "lstm");
	put_value(&graph, GRAPH_INPUT, "x", c->steps, c->batch, c->input);
	put_value(&graph, GRAPH_OUTPUT, "y", c->steps, c->batch, bench_output(c));
	if (c->mode != BENCH_STACK) {
		put_value(&graph, GRAPH_INPUT, "h", 1, c->batch, c->hidden);
		put_value(&graph, GRAPH_INPUT, "c", 1, c->batch, c->hidden);
		put_value(&graph, GRAPH_OUTPUT, "hn", 1, c->batch, c->hidden);
		put_value(&graph, GRAPH_OUTPUT, "cn", 1, c->batch, c->hidden);
	}
	memset(model, 0, sizeof(*model));
	put_number(&opset, OPSET_VERSION, 14);
	put_number(model, MODEL_IR, 8);
	put_message(model, MODEL_OPSET, &opset);
	put_text(&own, OPSET_DOMAIN, microsoft);
	put_number(&own, OPSET_VERSION, 1);
	put_message(model, MODEL_OPSET, &own);
	put_message(model, MODEL_GRAPH, &graph);
	return !model->failed;
}
