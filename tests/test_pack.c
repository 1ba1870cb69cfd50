/* Packing: every weight arrives at its place, from every layout, whatever the shape leaves of the
 * last tile, and what is tiny counts as zero.  (That the places are right is held against the oracle
 * by other suites, and that the bits stay by the digest.) */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "nets.h"

enum { STEPS = 3 };

/* The outputs of a net, STEPS rows, from the heap. */
static float *outputs(const net *n, const sequence *s)
{
	lstm_model *model;
	lstm_state *state;
	float *y;

	cr_assert_eq(lstm_model_new(&model, &n->desc, n->weights), LSTM_OK, "model");
	cr_assert_eq(lstm_state_new(&state, model, 1, 0), LSTM_OK, "state");
	y = malloc((size_t)lstm_model_output(model) * STEPS * sizeof(float));
	cr_assert_not_null(y, "out of memory");
	lstm_run(state, s->x, y, STEPS);
	lstm_state_free(state);
	lstm_model_free(model);
	return y;
}

static size_t output_bytes(const lstm_desc *d)
{
	return (size_t)(d->projection ? d->projection : d->hidden) * STEPS * sizeof(float);
}

static void layouts_agree(lstm_isa isa, int input, int hidden, int projection)
{
	lstm_desc desc = {0};
	sequence s;
	float *y[3];
	int k;

	desc.input = input;
	desc.hidden = hidden;
	desc.projection = projection;
	desc.isa = isa;
	s = sequence_make(&desc, 1, STEPS, 0, 5);
	for (k = 0; k < 3; k++) {
		net n;
		desc.layout = (lstm_layout)k;
		n = net_make(&desc, NET_B | NET_B2 | NET_PEEPHOLE, 1, 6);
		y[k] = outputs(&n, &s);
		net_free(&n);
	}
	for (k = 1; k < 3; k++)
		cr_assert(!memcmp(y[0], y[k], output_bytes(&desc)), "%dx%d, projection %d: layout %d",
		          input, hidden, projection, k);
	for (k = 0; k < 3; k++)
		free(y[k]);
	sequence_free(&s);
}

TEST_EACH_ISA(pack, layouts_give_the_same_bits)
{
	static const int inputs[] = {1, 3, 4, 15, 16, 17, 63, 64, 65, 80};
	static const int hiddens[] = {1, 2, 5, 16, 17, 31, 33, 65};
	size_t i, h;

	for (i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		for (h = 0; h < sizeof(hiddens) / sizeof(hiddens[0]); h++) {
			layouts_agree(isa, inputs[i], hiddens[h], 0);
			layouts_agree(isa, inputs[i], hiddens[h], 1 + (int)(i + h) % hiddens[h]);
		}
}

/* Weights that count as zero, beside what does not: 2^-96 itself stays. */
TEST_EACH_ISA(pack, tiny_weights_are_zero_in_every_layout)
{
	static const float tiny[] = {1.2e-29f, -1.2e-29f, 1e-40f, -1e-40f, -0.0f};
	const int inputs[] = {7, 70};
	int layout, i, at;

	for (layout = 0; layout < 3; layout++)
		for (i = 0; i < 2; i++) {
			lstm_desc desc = {0};
			net with, without;
			sequence s;
			float *y[2];

			desc.input = inputs[i];
			desc.hidden = 19;
			desc.isa = isa;
			desc.layout = (lstm_layout)layout;
			with = net_make(&desc, NET_B, 1, 7);
			without = net_make(&desc, NET_B, 1, 7);
			s = sequence_make(&desc, 1, STEPS, 0, 8);
			for (at = 0; at < desc.input; at++)
				s.x[at] = 1e28f; /* what is not flushed shows in the sums */
			for (at = 0; at < 4 * 19 * desc.input; at += 3) {
				net_w(&with, 0)[at] = tiny[at % 5];
				net_w(&without, 0)[at] = 0;
			}
			for (at = 1; at < 4 * 19 * desc.input; at += 3)
				net_w(&with, 0)[at] = net_w(&without, 0)[at] = 1.3e-29f;
			for (at = 2; at < 4 * 19 * desc.input; at += 3)
				net_w(&with, 0)[at] = net_w(&without, 0)[at] = 0;
			y[0] = outputs(&with, &s);
			y[1] = outputs(&without, &s);
			cr_assert(!memcmp(y[0], y[1], output_bytes(&desc)), "layout %d, input %d",
			          layout, desc.input);
			for (at = 1; at < 4 * 19 * desc.input; at += 3)
				net_w(&without, 0)[at] = 0;
			free(y[1]);
			y[1] = outputs(&without, &s);
			cr_assert(memcmp(y[0], y[1], output_bytes(&desc)), "2^-96 was lost");
			free(y[1]);
			free(y[0]);
			sequence_free(&s);
			net_free(&without);
			net_free(&with);
		}
}

/* A NaN stays in the row of its unit: of the others nothing changes in the first step. */
TEST_EACH_ISA(pack, nan_stays_with_its_unit)
{
	int layout, unit, k;

	for (layout = 0; layout < 3; layout++)
		for (unit = 0; unit < 21; unit++) {
			lstm_desc desc = {0};
			net n;
			sequence s;
			float *y;
			int gate = unit % 4, feature = unit;

			desc.input = 21;
			desc.hidden = 21;
			desc.isa = isa;
			desc.layout = (lstm_layout)layout;
			n = net_make(&desc, NET_B, 1, 9);
			s = sequence_make(&desc, 1, STEPS, 0, 10);
			net_w(&n, 0)[layout == LSTM_LAYOUT_KERAS
			                     ? feature * 4 * 21 + gate * 21 + unit
			                     : (gate * 21 + unit) * 21 + feature] = NAN;
			y = outputs(&n, &s);
			for (k = 0; k < 21; k++)
				cr_assert_eq(y[k] != y[k], k == unit, "layout %d, unit %d: %d",
				             layout, unit, k);
			free(y);
			sequence_free(&s);
			net_free(&n);
		}
}
