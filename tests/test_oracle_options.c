/* Every field of lstm_desc against the oracle: alone, crossed with its neighbours, and several
 * hundred random descriptions.  LSTM_TEST_QUICK in the environment thins the grids. */
#include "check.h"
#include "harness.h"

#define ALL_PARTS (NET_B | NET_B2 | NET_PEEPHOLE)

enum { FUNCTIONS = LSTM_SOFTPLUS };

static const int shapes[][3] = {/* input, hidden, batch */
                                {1, 1, 1},  {3, 5, 2},   {4, 8, 1},
                                {1, 16, 3}, {19, 33, 5}, {40, 24, 9}};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static lstm_desc shaped(size_t shape)
{
	lstm_desc desc = {0};

	desc.input = shapes[shape][0];
	desc.hidden = shapes[shape][1];
	return desc;
}

static check_result run(lstm_isa isa, const lstm_desc *desc, unsigned parts, float scale, int batch,
                        size_t steps, uint64_t seed)
{
	net n = net_make(desc, parts, scale, seed);
	sequence s = sequence_make(desc, batch, steps, SEQUENCE_STATE, seed + 1);
	check_how how = {0};
	check_result result;

	how.isa = isa;
	how.max_steps = steps;
	result = check_engine(&n, &s, &how);
	sequence_free(&s);
	net_free(&n);
	return result;
}

static void expect_equal(lstm_isa isa, const lstm_desc *desc, unsigned parts, float scale,
                         size_t shape, size_t steps, uint64_t seed)
{
	check_result result = run(isa, desc, parts, scale, shapes[shape][2], steps, seed);

	cr_assert(result.ok, "%s", result.text);
}

TEST_EACH_ISA(oracle_options, every_set_of_biases_and_peepholes)
{
	size_t shape;
	unsigned parts;

	for (shape = 0; shape < SHAPES; shape++) {
		for (parts = 0; parts <= ALL_PARTS; parts++) {
			lstm_desc desc = shaped(shape);

			expect_equal(isa, &desc, parts, 2.0f, shape, 4, 10 + parts);
		}
	}
}

TEST_EACH_ISA(oracle_options, every_layout_with_every_part)
{
	size_t shape;
	int layout;

	for (shape = 0; shape < SHAPES; shape++) {
		for (layout = LSTM_LAYOUT_PYTORCH; layout <= LSTM_LAYOUT_KERAS; layout++) {
			lstm_desc desc = shaped(shape);

			desc.layout = (lstm_layout)layout;
			expect_equal(isa, &desc, ALL_PARTS, 2.0f, shape, 3, 30);
			desc.projection = (desc.hidden + 1) / 2;
			expect_equal(isa, &desc, ALL_PARTS, 2.0f, shape, 3, 31);
		}
	}
}

TEST_EACH_ISA(oracle_options, layers_directions_and_projections)
{
	size_t most = check_quick("oracle_options") ? 2 : SHAPES, shape;
	int layers, direction, projection;

	for (shape = 0; shape < most; shape++) {
		for (layers = 0; layers <= 3; layers++) {
			for (direction = LSTM_FORWARD; direction <= LSTM_BIDIRECTIONAL;
			     direction++) {
				lstm_desc desc = shaped(shape);
				int choices[4] = {0, 1, desc.hidden, 2 * desc.hidden + 1};

				desc.layers = layers;
				desc.direction = (lstm_direction)direction;
				for (projection = 0; projection < 4; projection++) {
					desc.projection = choices[projection];
					expect_equal(isa, &desc, NET_B, 1.0f, shape, 5, 50);
				}
			}
		}
	}
}

TEST_EACH_ISA(oracle_options, every_width_of_projection)
{
	int every = check_quick("oracle_options") ? 5 : 1, projection;

	for (projection = 1; projection <= 35; projection += every) {
		lstm_desc desc = {0};
		check_result result;

		desc.input = 5;
		desc.hidden = 20;
		desc.projection = projection;
		result = run(isa, &desc, NET_B, 1.0f, 1 + projection % 7, 4, 60);
		cr_assert(result.ok, "%s", result.text);
		desc.hidden = projection;
		desc.projection = 20;
		result = run(isa, &desc, NET_B, 1.0f, 1 + projection % 7, 4, 61);
		cr_assert(result.ok, "%s", result.text);
	}
}

/* Weights of +-4/sqrt(H) make pre-activations and cells that pass these limits often. */
TEST_EACH_ISA(oracle_options, clip_and_cell_clip)
{
	static const float limits[] = {0.0f, 0.01f, 0.3f, 1.0f, 50.0f};
	size_t shape, a, b;

	for (shape = 0; shape < SHAPES; shape++) {
		for (a = 0; a < 5; a++) {
			for (b = 0; b < 5; b++) {
				lstm_desc desc = shaped(shape);

				desc.clip = limits[a];
				desc.cell_clip = limits[b];
				expect_equal(isa, &desc, ALL_PARTS, 4.0f, shape, 3, 70);
			}
		}
	}
}

TEST_EACH_ISA(oracle_options, coupled_gates)
{
	size_t shape;
	int layout;

	for (shape = 0; shape < SHAPES; shape++) {
		for (layout = LSTM_LAYOUT_PYTORCH; layout <= LSTM_LAYOUT_KERAS; layout++) {
			lstm_desc desc = shaped(shape);

			desc.input_forget = 1;
			desc.layout = (lstm_layout)layout;
			expect_equal(isa, &desc, NET_B, 2.0f, shape, 5, 80);
			desc.input_forget = -7;
			desc.clip = 0.5f;
			expect_equal(isa, &desc, ALL_PARTS, 2.0f, shape, 5, 81);
		}
	}
}

/* The f blocks of coupled gates are unused, so even NaN in them must not matter. */
TEST_EACH_ISA(oracle_options, coupled_gates_do_not_use_the_forget_blocks)
{
	enum { INPUT = 3, HIDDEN = 5 };
	lstm_desc desc = {0};
	check_how how = {0};
	oracle_output expected;
	check_result result;
	sequence s;
	net n;
	int row, k;

	desc.input = INPUT;
	desc.hidden = HIDDEN;
	desc.input_forget = 1;
	n = net_make(&desc, NET_B, 1.0f, 85);
	s = sequence_make(&desc, 2, 3, SEQUENCE_STATE, 86);
	expected = oracle_of(&n, &s);
	for (row = HIDDEN; row < 2 * HIDDEN; row++) {
		for (k = 0; k < INPUT; k++)
			net_w(&n, 0)[row * INPUT + k] = NAN;
		for (k = 0; k < HIDDEN; k++)
			net_u(&n, 0)[row * HIDDEN + k] = NAN;
		net_b(&n, 0)[row] = NAN;
	}
	how.isa = isa;
	result = check_against(&expected, &n, &s, &how);
	oracle_free(&expected);
	sequence_free(&s);
	net_free(&n);
	cr_assert(result.ok, "%s", result.text);
}

/* Each function in each of the three places, with its defaults and with its own numbers. */
TEST_EACH_ISA(oracle_options, every_function_in_every_place)
{
	int quick = check_quick("oracle_options"), function, place, own;
	size_t shape;

	for (shape = quick ? 4 : 0; shape < SHAPES; shape++) {
		for (function = LSTM_SIGMOID; function <= FUNCTIONS; function++) {
			for (place = 0; place < 3; place++) {
				for (own = 0; own < 2; own++) {
					lstm_desc desc = shaped(shape);
					lstm_activation *a = &desc.activations[0][place];

					a->function = (lstm_function)function;
					a->alpha = own ? 0.3f : 0.0f;
					a->beta = own ? 0.6f : 0.0f;
					expect_equal(isa, &desc, NET_B, 2.0f, shape, 3, 90);
				}
			}
		}
	}
}

/* The second direction: its own functions where named, else those of the first, with the first's
 * alpha and beta. */
TEST_EACH_ISA(oracle_options, functions_of_each_direction)
{
	int first, second, place;

	for (first = LSTM_DEFAULT; first <= FUNCTIONS; first += 3) {
		for (second = LSTM_DEFAULT; second <= FUNCTIONS; second += 2) {
			for (place = 0; place < 3; place++) {
				lstm_desc desc = shaped(1);

				desc.direction = LSTM_BIDIRECTIONAL;
				desc.layers = 2;
				desc.activations[0][place].function = (lstm_function)first;
				desc.activations[0][place].alpha = 0.4f;
				desc.activations[0][place].beta = 0.7f;
				desc.activations[1][place].function = (lstm_function)second;
				expect_equal(isa, &desc, NET_B, 1.0f, 1, 3, 95);
			}
		}
	}
}
