/* An amplifier or a pedal: a sample in, a sample out.
 *
 *     v = input_gain * x
 *     f = head(LSTM([v, knobs]))        the LSTM is lstm.h's; the head, dense layers
 *     y = output_gain * (f + skip * v)
 *
 * The LSTM, the head and where it starts (initial_h, initial_c [layers, units]) are tensors of a
 * safetensors file; the rest stands in its metadata:
 *     amp.sample_rate    Hz; without it any rate is taken for the right one
 *     amp.skip           1: the input is added to the head's output; 0, the default: it is not
 *     amp.prewarm        samples of silence to run before the first one, 0 by default
 *     amp.input_gain, amp.output_gain      factors, 1 by default
 *     amp.head_activations                 see head.h
 */
#ifndef LSTM_AMP_AMP_H
#define LSTM_AMP_AMP_H

#include "lstm.h"

enum { AMP_KNOBS_MOST = 15, AMP_BLOCK_MOST = 4096, AMP_CHANNELS_MOST = 64 };

struct amp;

struct amp_settings {
	lstm_isa isa;
	int knob_count;
	float knobs[AMP_KNOBS_MOST];
	double input_gain, output_gain; /* factors on top of the file's */
};

/* Read a model.  NULL: error[size] says why, without the program's name. */
struct amp *amp_load(const char *path, const struct amp_settings *settings, char *error,
                     size_t size);
void amp_free(struct amp *amp); /* NULL is fine */

int amp_sample_rate(const struct amp *amp); /* 0: the file does not tell */
long amp_prewarm(const struct amp *amp);
const lstm_desc *amp_lstm(const struct amp *amp);

/* Everything that takes memory or time: states for 1..AMP_CHANNELS_MOST channels, each a stream of
 * its own, room for blocks of at most 1..AMP_BLOCK_MOST frames, and the run through silence.
 * 0: out of memory. */
int amp_start(struct amp *amp, int channels, size_t block);

/* The next frames, interleaved: in[frames][channels] -> out[frames][channels]; out may be in.  The
 * same bits however the frames are cut into calls.  This is the real-time part: it neither fails
 * nor allocates, locks or calls the system. */
void amp_process(struct amp *amp, const float *in, float *out, size_t frames);

#endif
