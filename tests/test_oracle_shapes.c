/* Every size against the oracle: units, features, streams and steps, on grids that between them
 * cover every remainder that a kernel's tails could depend on.
 *
 * LSTM_TEST_QUICK in the environment keeps the coverage of the first grid's sizes, each with fewer
 * partners, and thins the others. */
#include "check.h"
#include "harness.h"

static const int primes[] = {71, 79, 97, 101, 127, 131, 257};

enum { SMALL = 70, PRIMES = sizeof primes / sizeof primes[0], SIZES = SMALL + PRIMES };

static int size_at(int n)
{
	return n < SMALL ? n + 1 : primes[n - SMALL];
}

static void expect_equal(lstm_isa isa, int input, int hidden, int batch, int steps, unsigned what)
{
	lstm_desc desc = {0};
	uint64_t seed =
		(((uint64_t)hidden * 1000 + (uint64_t)input) * 100 + (uint64_t)batch) * 1000 +
		(uint64_t)steps;
	check_how how = {0};
	check_result result;
	sequence s;
	net n;

	desc.input = input;
	desc.hidden = hidden;
	how.isa = isa;
	how.plain = steps % 2;
	n = net_make(&desc, NET_B, 1.0f, seed);
	s = sequence_make(&desc, batch, (size_t)steps, what, seed + 1);
	result = check_engine(&n, &s, &how);
	sequence_free(&s);
	net_free(&n);
	cr_assert(result.ok, "%s", result.text);
	cr_assert_lt(result.tolerance, CHECK_USEFUL,
	             "input %d hidden %d steps %d: a tolerance of %.2g hides mistakes", input,
	             hidden, steps, result.tolerance);
}

/* Every size with STRIDES others as input, spread so that neighbours of H meet distant I: 27 has no
 * divisor in common with the 77 sizes but 1, so its multiples meet them all. */
TEST_EACH_ISA(oracle_shapes, every_hidden_and_input_size)
{
	int partners = check_quick("oracle_shapes") ? 1 : 5, n, p, count = 0;
	int seen_h[64] = {0}, seen_i[64] = {0};

	for (n = 0; n < SIZES; n++) {
		for (p = 0; p < partners; p++) {
			int hidden = size_at(n), input = size_at((n * 27 + p * 16) % SIZES);

			expect_equal(isa, input, hidden, 1 + count % 9, 1 + count % 5,
			             SEQUENCE_STATE);
			seen_h[hidden % 64]++;
			seen_i[input % 64]++;
			count++;
		}
	}
	for (n = 0; n < 64; n++)
		cr_assert(seen_h[n] >= partners && seen_i[n] >= partners,
		          "the grid has a hole at remainder %d", n);
}

/* The sizes of small models, each with each. */
TEST_EACH_ISA(oracle_shapes, every_pair_of_small_sizes)
{
	int highest = check_quick("oracle_shapes") ? 9 : 20, hidden, input;

	for (hidden = 1; hidden <= highest; hidden++)
		for (input = 1; input <= highest; input++)
			expect_equal(isa, input, hidden, 1 + (hidden + input) % 4, 2,
			             SEQUENCE_STATE);
}

TEST_EACH_ISA(oracle_shapes, every_batch_size)
{
	static const int sizes[][2] = {{1, 1}, {3, 8}, {16, 7}, {5, 17}, {40, 40}, {2, 64}};
	int quick = check_quick("oracle_shapes"), batch; /* thinned: 2, 7 ... 32 */
	size_t size;

	for (size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
		for (batch = quick ? 2 : 1; batch <= 33; batch += quick ? 5 : 1)
			expect_equal(isa, sizes[size][0], sizes[size][1], batch, 3, SEQUENCE_STATE);
		expect_equal(isa, sizes[size][0], sizes[size][1], 100, 2, SEQUENCE_STATE);
	}
}

TEST_EACH_ISA(oracle_shapes, every_number_of_steps)
{
	static const int sizes[][2] = {{1, 1}, {1, 16}, {24, 9}, {40, 32}};
	static const int batches[] = {1, 3, 8};
	int quick = check_quick("oracle_shapes"), steps;
	size_t size, b; /* thinned: each number of steps with one of the batches */

	for (size = 0; size < sizeof sizes / sizeof sizes[0]; size++)
		for (b = 0; b < sizeof batches / sizeof batches[0]; b++)
			for (steps = quick ? 7 * (int)b : 0; steps <= 67; steps += quick ? 21 : 1)
				expect_equal(isa, sizes[size][0], sizes[size][1], batches[b], steps,
				             SEQUENCE_STATE);
}

TEST_EACH_ISA(oracle_shapes, two_hundred_steps)
{
	static const int sizes[][2] = {{1, 1}, {3, 7}, {1, 40}, {64, 64}, {19, 70}, {100, 33}};
	size_t count = check_quick("oracle_shapes") ? 3 : sizeof sizes / sizeof sizes[0], size;

	for (size = 0; size < count; size++) {
		expect_equal(isa, sizes[size][0], sizes[size][1], 1, 200, 0);
		expect_equal(isa, sizes[size][0], sizes[size][1], 2, 200, SEQUENCE_NORMAL);
	}
}

TEST_EACH_ISA(oracle_shapes, wide_and_tall)
{
	int quick = check_quick("oracle_shapes");

	expect_equal(isa, 1000, 3, 2, 3, 0);
	expect_equal(isa, 1, quick ? 150 : 300, 2, 3, 0);
	expect_equal(isa, 3, quick ? 151 : 301, 5, 2, 0);
	expect_equal(isa, 513, 40, 4, 3, 0);
}
