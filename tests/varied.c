#include "varied.h"

static const lstm_function unbounded[] = {LSTM_RELU,       LSTM_LINEAR, LSTM_AFFINE,
                                          LSTM_LEAKY_RELU, LSTM_ELU,    LSTM_THRESHOLDED_RELU,
                                          LSTM_SOFTPLUS};
static const lstm_function bounded[] = {LSTM_SIGMOID,      LSTM_TANH,     LSTM_SCALED_TANH,
                                        LSTM_HARD_SIGMOID, LSTM_SOFTSIGN, LSTM_HARD_SIGMOID_KERAS3};

net varied_net(unsigned i)
{
	lstm_desc d = {0};
	rng r = rng_seeded(1000 + i);
	unsigned parts = i % 3 == 0 ? 0 : i % 3 == 1 ? NET_B : NET_B | NET_B2;
	int size = i % 8 == 7 ? 130 : 40, k;

	d.input = rng_between(&r, 1, size);
	d.hidden = rng_between(&r, 1, size);
	d.projection = i % 5 == 4 ? rng_between(&r, 1, 40) : 0;
	d.layers = i % 7 == 0 ? 3 : i % 7 < 3 ? 2 : 1;
	d.direction = (lstm_direction)(i % 4 == 3   ? LSTM_REVERSE
	                               : i % 4 == 2 ? LSTM_BIDIRECTIONAL
	                                            : 0);
	d.layout = (lstm_layout)(i / 3 % 3);
	d.input_forget = i % 6 == 5;
	if (i % 5 == 1)
		parts |= NET_PEEPHOLE;
	if (i % 4 == 1)
		d.clip = 0.5f;
	if (i % 9 == 2)
		d.cell_clip = 0.25f;
	if (i % 3 == 2) {
		for (k = 0; k < 3; k++)
			d.activations[0][k].function = bounded[rng_between(&r, 0, 5)];
		d.activations[1][1].function = bounded[rng_between(&r, 0, 5)];
	}
	if (i % 10 == 9) {
		d.clip = 1;
		d.cell_clip = 2;
		for (k = 1; k < 3; k++)
			d.activations[0][k].function = unbounded[rng_between(&r, 0, 6)];
	}
	return net_make(&d, parts, 1.5f, 2000 + i);
}

sequence varied_sequence(const net *n, int batch, size_t steps)
{
	return sequence_make(&n->desc, batch, steps, SEQUENCE_NORMAL | SEQUENCE_STATE, n->seed + 7);
}

size_t varied_width(const net *n)
{
	return (size_t)(oracle_directions(&n->desc) * oracle_units(&n->desc));
}

lstm_desc varied_kind(int kind)
{
	static const int numbers[VARIED_KINDS][5] = {
		/* input, hidden, projection, layers, direction */
		{3, 5, 0, 1, LSTM_FORWARD},        {7, 17, 4, 3, LSTM_FORWARD},
		{2, 9, 0, 1, LSTM_REVERSE},        {5, 8, 0, 2, LSTM_REVERSE},
		{4, 6, 0, 1, LSTM_BIDIRECTIONAL},  {3, 12, 5, 2, LSTM_BIDIRECTIONAL},
		{17, 33, 0, 2, LSTM_BIDIRECTIONAL}};
	lstm_desc desc = {0};

	desc.input = numbers[kind][0];
	desc.hidden = numbers[kind][1];
	desc.projection = numbers[kind][2];
	desc.layers = numbers[kind][3];
	desc.direction = (lstm_direction)numbers[kind][4];
	return desc;
}
