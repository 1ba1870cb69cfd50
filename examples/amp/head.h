/* The dense layers behind the LSTM: its output in, one number out. */
#ifndef LSTM_AMP_HEAD_H
#define LSTM_AMP_HEAD_H

#include "tensors.h"

struct head;

/* head.weight [1, inputs] and head.bias [1], or a stack: head.0.weight [N, inputs], head.0.bias
 * [N], head.1.weight ... up to one output.  A layer may do without a bias; no layer at all is fine
 * if the LSTM has but one output.  amp.head_activations names a function for each layer: linear,
 * tanh, relu, sigmoid or elu.  NULL: refused, and said why. */
struct head *head_load(const struct source *from, size_t inputs);
void head_free(struct head *head); /* NULL is fine */

/* in[rows][inputs] -> out[rows].  A row's result does not depend on the others.  Cannot fail. */
void head_run(struct head *head, const float *in, float *out, size_t rows);

#endif
