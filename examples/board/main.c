/* Finds speech in a recording, on a board without an operating system: no heap, files or printf.
 * A small LSTM hears the loudness of six bands every 32 ms; the first number that it puts out is
 * above 0 in speech.  Checks itself: 0 if all is as expected, else how much is not.
 *
 * What is checked to 1e-5 is the arithmetic.  That the segments are right, within 0.4 s, says less of
 * the network: it learned from the first 164 of these 344 frames, which are the first two of the four
 * segments (see train.py). */
#include <stdint.h>

#include "bands.h"
#include "board.h"
#include "expected.h"
#include "lstm.h"
#include "recording.h"
#include "speech_model.h"

enum {
	FRAMES = sizeof(expected) / sizeof(expected[0]),
	SEGMENTS = 4,
	SHORTEST = 8, /* frames: what is shorter is neither speech nor a pause */
	NEAR = 13     /* frames, 0.4 s: where a segment begins and ends is no exact science */
};

/* What a published detector of speech hears (the example in ../vad), in milliseconds. */
static const int32_t segments[SEGMENTS][2] = {
	{322, 2270}, {3266, 4446}, {5378, 7678}, {8162, 10622}};

/* Float arithmetic in another order than here, and other exp and tanh, may differ by this. */
static const float tolerance = 1e-5f;

static union {
	unsigned char bytes[MODEL_BYTES];
	double align;
} __attribute__((aligned(LSTM_ALIGN))) model_memory;
static union {
	unsigned char bytes[STATE_BYTES];
	double align;
} __attribute__((aligned(LSTM_ALIGN))) state_memory;

static int passed, failed;

static void say_number(const char *before, uint32_t number, const char *after)
{
	char digits[11], *first = digits + sizeof(digits) - 1;

	*first = '\0';
	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	board_say(before);
	board_say(first);
	board_say(after);
}

static void check(int holds, const char *claim)
{
	board_say(holds ? "ok " : "FAIL ");
	board_say(claim);
	board_say("\n");
	passed += holds;
	failed += !holds;
}

/* Whether an arena is as large as asked for; if not, says how large. */
static int exact(const char *name, size_t need, size_t have)
{
	if (need == have)
		return 1;
	board_say(name);
	say_number(": expected an arena of ", (uint32_t)need, " bytes, ");
	say_number("found ", (uint32_t)have, "\n");
	return 0;
}

static lstm_state *set_up(void)
{
	lstm_desc desc = speech_model_desc();
	lstm_model *model;
	lstm_state *state;
	size_t bytes;

	check(lstm_model_size(&desc, &bytes) == LSTM_OK && exact("model", bytes, MODEL_BYTES),
	      "the model's arena is of exactly the size asked for");
	check(speech_model_init(&model, LSTM_ISA_AUTO, model_memory.bytes, MODEL_BYTES - 1) ==
	              LSTM_ERR_MEMORY,
	      "one byte less is refused");
	if (speech_model_init(&model, LSTM_ISA_AUTO, model_memory.bytes, MODEL_BYTES) != LSTM_OK)
		return NULL;
	check(lstm_state_size(model, 1, 1, &bytes) == LSTM_OK && exact("state", bytes, STATE_BYTES),
	      "the state's arena is of exactly the size asked for");
	check(lstm_state_init(&state, model, 1, 1, state_memory.bytes, STATE_BYTES - 1) ==
	              LSTM_ERR_MEMORY,
	      "one byte less is refused");
	if (lstm_state_init(&state, model, 1, 1, state_memory.bytes, STATE_BYTES) != LSTM_OK)
		return NULL;
	return state;
}

/* Segments as they end: a change counts once it has lasted. */
struct hearing {
	int speaking, since, lasted, count;
	int32_t found[SEGMENTS][2];
};

static void hear(struct hearing *h, int frame, int speech)
{
	h->lasted = speech == h->speaking ? 0 : h->lasted + 1;
	if (h->lasted < SHORTEST)
		return;
	if (h->speaking && h->count < SEGMENTS) {
		h->found[h->count][0] = h->since * FRAME * 1000 / RATE;
		h->found[h->count][1] = (frame + 1 - SHORTEST) * FRAME * 1000 / RATE;
		say_number("speech from ", (uint32_t)h->found[h->count][0], " ms ");
		say_number("to ", (uint32_t)h->found[h->count][1], " ms\n");
	}
	h->count += h->speaking;
	h->speaking = speech;
	h->since = frame + 1 - SHORTEST;
	h->lasted = 0;
}

static int as_published(const struct hearing *h)
{
	const int32_t near = NEAR * FRAME * 1000 / RATE;
	int k, end;

	for (k = 0; k < SEGMENTS; k++)
		for (end = 0; end < 2; end++) {
			int32_t apart = h->found[k][end] - segments[k][end];
			if (apart > near || -apart > near)
				return 0;
		}
	return h->count == SEGMENTS;
}

static void listen(lstm_state *state)
{
	struct hearing hearing = {0, 0, 0, 0, {{0, 0}}};
	uint32_t ticks = 0, before;
	float levels[BANDS], y[SPEECH_MODEL_OUTPUT];
	int frame, k, far = 0;

	for (frame = 0; frame < FRAMES; frame++) {
		int16_t samples[FRAME] = {0}; /* the last frame is not full */
		for (k = 0; k < FRAME && frame * FRAME + k < RECORDED; k++)
			samples[k] = recording[frame * FRAME + k];
		bands_of(levels, samples);
		before = board_clock();
		lstm_run(state, levels, y, 1);
		ticks += (board_clock() - before) & BOARD_TICKS;
		far += !(y[0] - expected[frame] <= tolerance &&
		         expected[frame] - y[0] <= tolerance);
		hear(&hearing, frame, y[0] > 0);
	}
	for (k = 0; k < SHORTEST; k++)
		hear(&hearing, FRAMES + k, 0);
	say_number("ticks ", ticks, "");
	say_number(" for ", FRAMES, " steps\n");
	check(far == 0, "every output is PyTorch's, within the tolerance");
	check(as_published(&hearing), "the segments are those of a published detector of speech");
}

int main(void)
{
	lstm_state *state;

	board_begin_clock();
	state = set_up();
	if (state) {
		check(speech_model_self_test(state) == LSTM_OK,
		      "the model's self-test of when it was embedded");
		listen(state);
	}
	check(state != NULL, "model and state were made");
	say_number("stack ", board_stack(), " bytes\n");
	say_number("", (uint32_t)passed, " passed, ");
	say_number("", (uint32_t)failed, " failed, 0 skipped\n");
	return failed;
}
