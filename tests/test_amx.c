/* int8 by AMX: where it is used, and that its bits are those of the kernels for AVX2.  Built once more
 * with a model of AMX (amx_model.h), for CPUs that have AVX-512 with VNNI and no AMX. */
#ifdef __linux__
#define _GNU_SOURCE /* for syscall */
#endif
#include "harness.h"
#include "inside.h"
#include "varied.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Leaf 7 of CPUID: VNNI, or tiles and their products of int8. */
static int cpu_has(int reg, unsigned bits)
{
	unsigned r[4] = {0};
	return __get_cpuid_count(7, 0, &r[0], &r[1], &r[2], &r[3]) && (r[reg] & bits) == bits;
}

static int has_amx(void)
{
#ifdef INSIDE_AMX_MODEL
	return 1;
#else
	return cpu_has(3, 3u << 24) && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#endif
}

static void need(void)
{
	if (!lstm_isa_supported(LSTM_ISA_AVX512) || !lstm_isa_supported(LSTM_ISA_AVX2))
		cr_skip_test("avx512: not in this build or not on this CPU");
	if (!cpu_has(2, 1u << 11))
		cr_skip_test("avx512: no VNNI on this CPU");
	if (!has_amx())
		cr_skip_test("amx: not on this CPU");
}

/* Everything that a run leaves. */
struct outcome {
	float *y, *h, *c;
	size_t count;
	int amx;
};

static struct outcome run(const net *n, const sequence *s, lstm_isa isa, size_t max_steps)
{
	const size_t directions = n->desc.direction == LSTM_BIDIRECTIONAL ? 2 : 1;
	const size_t layers = (size_t)(n->desc.layers ? n->desc.layers : 1);
	const size_t streams = layers * directions * (size_t)s->batch;
	const size_t y = s->steps * (size_t)s->batch * varied_width(n);
	const size_t h = streams * (size_t)oracle_units(&n->desc), c = streams * (size_t)n->desc.hidden;
	lstm_model *model = varied_model(n, isa);
	lstm_state *state = varied_state(model, s, max_steps);
	lstm_run_args args = {.x = s->x, .steps = s->steps, .lengths = s->lengths};
	struct outcome o;

	o.count = y + h + c;
	o.y = calloc(o.count, sizeof(float));
	cr_assert_not_null(o.y, "out of memory");
	o.h = o.y + y;
	o.c = o.h + h;
	args.y = o.y;
	cr_assert_eq(lstm_run_with(state, &args), LSTM_OK, "refused");
	lstm_state_get(state, o.h, o.c);
	o.amx = inside_uses_amx(state);
	lstm_state_free(state);
	lstm_model_free(model);
	return o;
}

static void check(net *n, const sequence *s, size_t max_steps, int amx, unsigned number)
{
	struct outcome wanted, found;

	n->desc.dtype = LSTM_DTYPE_I8;
	wanted = run(n, s, LSTM_ISA_AVX2, max_steps);
	found = run(n, s, LSTM_ISA_AVX512, max_steps);
	cr_assert_eq(wanted.amx, 0, "net %u: AMX for AVX2", number);
	cr_assert(amx < 0 || found.amx == amx, "net %u, %d streams: AMX %d, expected %d", number,
	          s->batch, found.amx, amx);
	cr_assert(!memcmp(found.y, wanted.y, wanted.count * sizeof(float)),
	          "net %u, %d streams: other bits than AVX2", number, s->batch);
	free(found.y);
	free(wanted.y);
}

static net net_of(int input, int hidden)
{
	const lstm_desc desc = {.input = input, .hidden = hidden};
	return net_make(&desc, NET_B, 1.0f, 17);
}

/* Words of codes that fill the registers, leave some over, and are fewer than a register's rows; one
 * group of streams, halves of one that are not alike, and several groups. */
Test(amx, gives_the_bits_of_avx2_for_every_shape)
{
	static const int shapes[][2] = {{64, 64},  {128, 192}, {150, 450}, {7, 130},
	                                {1, 129},  {450, 16},  {61, 75},   {68, 140}};
	static const int batches[] = {4, 8, 15, 16, 17, 31, 32, 33, 49, 64, 65};
	size_t i, b;

	need();
	for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		net n = net_of(shapes[i][0], shapes[i][1]);
		for (b = 0; b < sizeof(batches) / sizeof(*batches); b++) {
			sequence s = sequence_make(&n.desc, batches[b], 3, SEQUENCE_STATE, 18);
			const int pays = batches[b] * shapes[i][1] >= 512;
			/* Projected ahead, a few streams are many rows. */
			check(&n, &s, 3, batches[b] < 8 ? -1 : pays, (unsigned)i);
			sequence_free(&s);
		}
		net_free(&n);
	}
}

/* x of many steps at once, of one stream and of few. */
Test(amx, gives_the_bits_of_avx2_for_sequences)
{
	static const int batches[] = {1, 2, 7};
	size_t b;

	need();
	for (b = 0; b < sizeof(batches) / sizeof(*batches); b++) {
		net n = net_of(150, 200);
		sequence s = sequence_make(&n.desc, batches[b], 150, SEQUENCE_STATE | SEQUENCE_NORMAL, 19);
		check(&n, &s, 150, 1, (unsigned)b);
		check(&n, &s, 70, 1, (unsigned)b);
		sequence_free(&s);
		net_free(&n);
	}
}

/* Streams that end: those that are left do not follow each other. */
Test(amx, gives_the_bits_of_avx2_for_streams_of_every_length)
{
	net n = net_of(64, 96);
	sequence s;

	need();
	s = sequence_make(&n.desc, 40, 30, SEQUENCE_STATE | SEQUENCE_LENGTHS, 20);
	check(&n, &s, 30, 1, 0);
	sequence_free(&s);
	net_free(&n);
}

Test(amx, gives_the_bits_of_avx2_with_every_option)
{
	unsigned i;

	need();
	for (i = 0; i < 60; i++) {
		net n = varied_net(i);
		sequence s = varied_sequence(&n, 33, 5);
		check(&n, &s, 5, -1, i);
		sequence_free(&s);
		net_free(&n);
	}
}

/* The largest codes of both signs everywhere. */
Test(amx, does_not_saturate)
{
	net n = net_of(512, 64);
	sequence s;
	int k, sign;

	need();
	s = sequence_make(&n.desc, 16, 1, 0, 21);
	for (sign = -1; sign <= 1; sign += 2) {
		for (k = 0; k < 4 * 64 * 512; k++)
			net_w(&n, 0)[k] = (float)sign * 1e-3f;
		for (k = 0; k < 16 * 512; k++)
			s.x[k] = 1;
		check(&n, &s, 1, 1, 0);
	}
	sequence_free(&s);
	net_free(&n);
}

static int used(int input, int hidden, lstm_dtype dtype, int batch, size_t max_steps)
{
	net n = net_of(input, hidden);
	lstm_model *model;
	lstm_state *state;
	int amx;

	n.desc.dtype = dtype;
	model = varied_model(&n, LSTM_ISA_AVX512);
	cr_assert_eq(lstm_state_new(&state, model, batch, max_steps), LSTM_OK, "refused");
	amx = inside_uses_amx(state);
	lstm_state_free(state);
	lstm_model_free(model);
	net_free(&n);
	return amx;
}

/* Where it is not, the process is not asked for its registers. */
Test(amx, is_for_int8_that_gains_by_it)
{
	need();
	cr_assert_eq(used(128, 128, LSTM_DTYPE_I8, 8, 1), 1, "8 streams");
	cr_assert_eq(used(128, 128, LSTM_DTYPE_I8, 1, 64), 1, "64 steps");
	cr_assert_eq(used(128, 128, LSTM_DTYPE_I8, 1, 1), 0, "a single step");
	cr_assert_eq(used(16, 16, LSTM_DTYPE_I8, 64, 1), 0, "a small layer");
	cr_assert_eq(used(32, 32, LSTM_DTYPE_I8, 32, 1), 0, "32 streams of one that is not used");
	cr_assert_eq(used(128, 600, LSTM_DTYPE_I8, 1, 1), 0, "a single step of a large one");
	cr_assert_eq(used(128, 128, LSTM_DTYPE_F32, 8, 1), 0, "fp32");
	cr_assert_eq(used(128, 128, LSTM_DTYPE_BF16, 8, 1), 0, "bf16");
}
#else
Test(amx, is_for_linux_on_x86_64)
{
	cr_skip_test("amx: not in this build");
}
#endif
