#include "amp.h"
#include "head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct amp {
	lstm_model *model;
	struct head *head;
	float *initial_h, *initial_c; /* [layers][units], or NULL for zero */
	int sample_rate, skip;
	long prewarm;
	float input_gain, output_gain;
	float knobs[AMP_KNOBS_MOST];
	/* from amp_start: */
	lstm_state *state;
	size_t channels, block;
	float *x; /* [block][channels][inputs], the knobs already in place */
	float *h; /* [block][channels][units] */
	float *f; /* [block][channels] */
};

/* ---- loading --------------------------------------------------------------------------------- */
static int load_settings(struct amp *amp, const struct source *from,
                         const struct amp_settings *settings)
{
	double rate = 0, skip = 0, prewarm = 0, input = 1, output = 1;

	if (!source_number(from, "amp.sample_rate", 1000, 768000, &rate) ||
	    !source_number(from, "amp.skip", 0, 1, &skip) ||
	    !source_number(from, "amp.prewarm", 0, 1e7, &prewarm) ||
	    !source_number(from, "amp.input_gain", -1e6, 1e6, &input) ||
	    !source_number(from, "amp.output_gain", -1e6, 1e6, &output))
		return 0;
	amp->sample_rate = (int)(rate + 0.5);
	amp->skip = (int)skip;
	amp->prewarm = (long)prewarm;
	if (skip != amp->skip || prewarm != (double)amp->prewarm)
		return source_fail(from,
		                   "metadata amp.skip, amp.prewarm: whole numbers expected, "
		                   "%g and %g found",
		                   skip, prewarm);
	amp->input_gain = (float)(input * settings->input_gain);
	amp->output_gain = (float)(output * settings->output_gain);
	memcpy(amp->knobs, settings->knobs, sizeof(amp->knobs));
	return 1;
}

static int load_lstm(struct amp *amp, const struct source *from,
                     const struct amp_settings *settings)
{
	const lstm_weights *weights;
	lstm_desc desc = {0};
	lstm_error error;
	lstm_status status;

	if (lstm_file_lstm(from->file, NULL, &desc, &weights, &error) != LSTM_OK) {
		snprintf(from->error, from->size, "%s", error.text);
		return 0;
	}
	if (desc.direction != LSTM_FORWARD)
		return source_fail(from, "an LSTM that runs forward expected, a %s one found",
		                   desc.direction == LSTM_REVERSE ? "reverse" : "bidirectional");
	if (desc.input > 1 + AMP_KNOBS_MOST)
		return source_fail(from, "a sample and at most %d knobs expected, %d inputs found",
		                   AMP_KNOBS_MOST, desc.input);
	if (desc.input - 1 != settings->knob_count)
		return source_fail(from,
		                   "%d inputs besides the sample need %d times --knob V, %d "
		                   "found",
		                   desc.input - 1, desc.input - 1, settings->knob_count);
	desc.isa = settings->isa;
	status = lstm_model_new(&amp->model, &desc, weights);
	if (status == LSTM_ERR_ISA)
		return source_fail(from, "instruction set %s: %s",
		                   desc.isa ? lstm_isa_name(desc.isa) : getenv("LSTM_ISA"),
		                   lstm_strerror(status));
	if (status != LSTM_OK)
		return source_fail(from, "%s", lstm_strerror(status));
	return 1;
}

static int load_initial(struct amp *amp, const struct source *from)
{
	const lstm_desc *desc = lstm_model_desc(amp->model);
	size_t layers = (size_t)desc->layers;

	if (lstm_file_find(from->file, "initial_h")) {
		amp->initial_h = source_tensor(from, "initial_h", 2, layers,
		                               (size_t)lstm_model_output(amp->model));
		if (!amp->initial_h)
			return 0;
	}
	if (lstm_file_find(from->file, "initial_c")) {
		amp->initial_c = source_tensor(from, "initial_c", 2, layers, (size_t)desc->hidden);
		if (!amp->initial_c)
			return 0;
	}
	return 1;
}

struct amp *amp_load(const char *path, const struct amp_settings *settings, char *error,
                     size_t size)
{
	struct source from = {NULL, path, error, size};
	struct amp *amp = NULL;
	lstm_error why;

	if (lstm_file_open(&from.file, path, &why) != LSTM_OK) {
		snprintf(error, size, "%s", why.text);
		return NULL;
	}
	amp = calloc(1, sizeof(*amp));
	if (!amp)
		source_fail(&from, "out of memory");
	else if (!load_lstm(amp, &from, settings) || !load_settings(amp, &from, settings) ||
	         !load_initial(amp, &from) ||
	         !(amp->head = head_load(&from, (size_t)lstm_model_output(amp->model)))) {
		amp_free(amp);
		amp = NULL;
	}
	lstm_file_close(from.file);
	return amp;
}

void amp_free(struct amp *amp)
{
	if (!amp)
		return;
	lstm_state_free(amp->state);
	lstm_model_free(amp->model);
	head_free(amp->head);
	free(amp->initial_h);
	free(amp->initial_c);
	free(amp->x);
	free(amp->h);
	free(amp->f);
	free(amp);
}

int amp_sample_rate(const struct amp *amp)
{
	return amp->sample_rate;
}

long amp_prewarm(const struct amp *amp)
{
	return amp->prewarm;
}

const lstm_desc *amp_lstm(const struct amp *amp)
{
	return lstm_model_desc(amp->model);
}

/* ---- starting -------------------------------------------------------------------------------- */
/* [layers][units] -> [layers][channels][units]; zeros from nothing.  NULL: out of memory. */
static float *spread(const float *from, size_t layers, size_t channels, size_t units)
{
	float *to = calloc(layers * channels * units, sizeof(float));

	for (size_t l = 0; to && from && l < layers; l++)
		for (size_t c = 0; c < channels; c++)
			memcpy(to + (l * channels + c) * units, from + l * units,
			       sizeof(float) * units);
	return to;
}

static int set_initial(struct amp *amp)
{
	const lstm_desc *desc = lstm_model_desc(amp->model);
	size_t layers = (size_t)desc->layers;
	float *h = spread(amp->initial_h, layers, amp->channels,
	                  (size_t)lstm_model_output(amp->model));
	float *c = spread(amp->initial_c, layers, amp->channels, (size_t)desc->hidden);

	if (h && c)
		lstm_state_set(amp->state, h, c);
	free(h);
	free(c);
	return h && c;
}

int amp_start(struct amp *amp, int channels, size_t block)
{
	size_t inputs = (size_t)lstm_model_desc(amp->model)->input;
	size_t units = (size_t)lstm_model_output(amp->model);
	size_t rows = block * (size_t)channels;
	float silence[AMP_CHANNELS_MOST] = {0}, out[AMP_CHANNELS_MOST];

	amp->channels = (size_t)channels;
	amp->block = block;
	amp->x = calloc(rows * inputs, sizeof(float));
	amp->h = calloc(rows * units, sizeof(float));
	amp->f = calloc(rows, sizeof(float));
	if (!amp->x || !amp->h || !amp->f ||
	    lstm_state_new(&amp->state, amp->model, channels, block) != LSTM_OK ||
	    !set_initial(amp))
		return 0;
	for (size_t r = 0; r < rows; r++)
		memcpy(amp->x + r * inputs + 1, amp->knobs, sizeof(float) * (inputs - 1));
	for (long i = 0; i < amp->prewarm; i++)
		amp_process(amp, silence, out, 1);
	return 1;
}

/* ---- running --------------------------------------------------------------------------------- */
void amp_process(struct amp *amp, const float *in, float *out, size_t frames)
{
	size_t inputs = (size_t)lstm_model_desc(amp->model)->input;

	while (frames) {
		size_t steps = frames < amp->block ? frames : amp->block;
		size_t rows = steps * amp->channels;

		for (size_t r = 0; r < rows; r++)
			amp->x[r * inputs] = amp->input_gain * in[r];
		lstm_run(amp->state, amp->x, amp->h, steps);
		head_run(amp->head, amp->h, amp->f, rows);
		for (size_t r = 0; r < rows; r++) {
			float clean = amp->skip ? amp->x[r * inputs] : 0;

			out[r] = amp->output_gain * (amp->f[r] + clean);
		}
		in += rows;
		out += rows;
		frames -= steps;
	}
}
