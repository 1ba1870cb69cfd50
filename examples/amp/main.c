/* lstm-amp: play a recording through a guitar amplifier or pedal that an LSTM has learned.
 * Without the build system:
 *     cd examples/amp
 *     cc -O3 -ffp-contract=off -I../.. -o lstm-amp *.c -lsndfile -lsamplerate -lsleef -lm
 *     ./lstm-amp -o out.wav pedal.safetensors guitar.wav
 */
#define _POSIX_C_SOURCE 200809L
#include "lstm.h"

#include "amp.h"
#include "sound.h"
#include "timing.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILED = 1, MISUSED = 2, ERROR_SIZE = 1200 };

static const char USAGE[] =
	"usage: lstm-amp [options] MODEL.safetensors IN.wav      (lstm-amp --help explains)\n";

static const char HELP[] =
	"lstm-amp [options] MODEL.safetensors IN.wav      play through an LSTM amplifier or pedal\n"
	"\n"
	"MODEL is a file of examples/amp/train.py, or one that tools/convert made of an AIDA-X,\n"
	"RTNeural, GuitarML or Neural Amp Modeler file.  IN.wav is a WAV or FLAC file; each of\n"
	"its channels is a stream of its own, and another rate is converted to the model's.\n"
	"\n"
	"  -o, --output OUT.wav   write what comes out, 32-bit floats at the model's rate;\n"
	"                         otherwise only measure\n"
	"  --block N              samples per call, 1 to 4096 (64); the output is the same\n"
	"  --knob V               value of the model's next input besides the sample, for each\n"
	"  --input-gain DB        play louder into the model; --output-gain DB, out of it\n"
	"  --isa NAME             scalar, neon, avx2 or avx512 for the LSTM, instead of the best\n"
	"  --json                 print one JSON object: sample_rate, input_sample_rate,\n"
	"                         channels, frames, hidden, layers, isa, activations, prewarm,\n"
	"                         block, blocks, blocks_late (longer than they last),\n"
	"                         block_us_available, block_us_median, block_us_p999,\n"
	"                         block_us_worst, real_time_factor (time needed / duration),\n"
	"                         peak\n"
	"  --help, --version\n";

struct options {
	const char *model, *in, *out;
	struct amp_settings amp;
	size_t block;
	int json;
};

struct report {
	struct timing timing;
	long long frames;
	uint64_t late; /* blocks that took longer than they last */
	float peak;
};

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	fputs("lstm-amp: ", stderr);
	vfprintf(stderr, format, values);
	fputc('\n', stderr);
	va_end(values);
}

/* ---- options --------------------------------------------------------------------------------- */
static int parse_isa(const char *name, lstm_isa *isa)
{
	for (int i = LSTM_ISA_SCALAR; i < LSTM_ISA_COUNT; i++)
		if (strcmp(name, lstm_isa_name((lstm_isa)i)) == 0) {
			*isa = (lstm_isa)i;
			return 1;
		}
	complain("--isa: scalar, neon, avx2 or avx512 expected, %s found", name);
	return 0;
}

static int parse_number(const char *option, const char *text, double least, double most,
                        double *value)
{
	char *end;

	*value = strtod(text, &end);
	if (end != text && !*end && *value >= least && *value <= most)
		return 1;
	complain("%s: a number from %g to %g expected, %s found", option, least, most, text);
	return 0;
}

static int parse_block(const char *text, size_t *block)
{
	double value;

	if (!parse_number("--block", text, 1, AMP_BLOCK_MOST, &value))
		return 0;
	*block = (size_t)value;
	if ((double)*block == value)
		return 1;
	complain("--block: a whole number expected, %s found", text);
	return 0;
}

static int parse_knob(const char *text, struct amp_settings *amp)
{
	double value;

	if (!parse_number("--knob", text, -1e6, 1e6, &value))
		return 0;
	if (amp->knob_count == AMP_KNOBS_MOST) {
		complain("--knob: at most %d expected, more found", AMP_KNOBS_MOST);
		return 0;
	}
	amp->knobs[amp->knob_count++] = (float)value;
	return 1;
}

static int parse_gain(const char *option, const char *text, double *factor)
{
	double decibels;

	if (!parse_number(option, text, -100, 100, &decibels))
		return 0;
	*factor = pow(10, decibels / 20);
	return 1;
}

/* One option.  -1: go on; otherwise exit with that. */
static int parse_one(struct options *options, int letter)
{
	switch (letter) {
	case 'o': options->out = optarg; return -1;
	case 'b': return parse_block(optarg, &options->block) ? -1 : MISUSED;
	case 'k': return parse_knob(optarg, &options->amp) ? -1 : MISUSED;
	case 'g':
		return parse_gain("--input-gain", optarg, &options->amp.input_gain) ? -1 : MISUSED;
	case 'G':
		return parse_gain("--output-gain", optarg, &options->amp.output_gain) ? -1
		                                                                      : MISUSED;
	case 'i': return parse_isa(optarg, &options->amp.isa) ? -1 : MISUSED;
	case 'j': options->json = 1; return -1;
	case 'h': fputs(HELP, stdout); return 0;
	case 'v':
		printf("lstm-amp %d.%d.%d\n", LSTM_VERSION / 10000, LSTM_VERSION / 100 % 100,
		       LSTM_VERSION % 100);
		return 0;
	default: /* getopt_long has said what is wrong */ return MISUSED;
	}
}

/* -1: run; otherwise exit with that. */
static int parse(struct options *options, int count, char **arguments)
{
	static const struct option known[] = {
		{"output", required_argument, NULL, 'o'},
		{"block", required_argument, NULL, 'b'},
		{"knob", required_argument, NULL, 'k'},
		{"input-gain", required_argument, NULL, 'g'},
		{"output-gain", required_argument, NULL, 'G'},
		{"isa", required_argument, NULL, 'i'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int letter, code;

	while ((letter = getopt_long(count, arguments, "o:", known, NULL)) != -1) {
		code = parse_one(options, letter);
		if (code >= 0)
			return code;
	}
	if (optind != count - 2) {
		fputs(USAGE, stderr);
		return MISUSED;
	}
	options->model = arguments[optind];
	options->in = arguments[optind + 1];
	return -1;
}

/* ---- the work -------------------------------------------------------------------------------- */
/* Play all of the sound, a block at a time; out may be NULL.  0: failed, and error says why. */
static int play(struct amp *amp, struct sound_in *in, struct sound_out *out, float *frames,
                size_t block, struct report *report, char *error)
{
	size_t channels = (size_t)sound_channels(in);
	long found;

	while ((found = sound_read(in, frames, block, error, ERROR_SIZE)) > 0) {
		uint64_t begun = timing_now(), needed;

		amp_process(amp, frames, frames, (size_t)found);
		needed = timing_now() - begun;
		timing_add(&report->timing, needed);
		report->late += (double)needed > (double)found * 1e9 / sound_rate(in);
		report->frames += found;
		for (size_t i = 0; i < (size_t)found * channels; i++)
			report->peak = fmaxf(report->peak, fabsf(frames[i]));
		if (out && !sound_write(out, frames, (size_t)found, error, ERROR_SIZE))
			return 0;
	}
	return found == 0;
}

static void print_json(const struct options *options, const struct amp *amp,
                       const struct sound_in *in, const struct report *report)
{
	const struct timing *timing = &report->timing;
	double rate = sound_rate(in);
	double duration = report->frames ? (double)report->frames / rate : 1;

	printf("{\n  \"sample_rate\": %d,\n  \"input_sample_rate\": %d,\n  \"channels\": %d,\n"
	       "  \"frames\": %lld,\n  \"hidden\": %d,\n  \"layers\": %d,\n  \"isa\": \"%s\",\n"
	       "  \"activations\": \"%s\",\n  \"prewarm\": %ld,\n",
	       sound_rate(in), sound_file_rate(in), sound_channels(in), report->frames,
	       amp_lstm(amp)->hidden, amp_lstm(amp)->layers, lstm_isa_name(amp_lstm(amp)->isa),
	       lstm_activations_name(), amp_prewarm(amp));
	printf("  \"block\": %zu,\n  \"blocks\": %llu,\n  \"blocks_late\": %llu,\n"
	       "  \"block_us_available\": %.3f,\n"
	       "  \"block_us_median\": %.3f,\n  \"block_us_p999\": %.3f,\n"
	       "  \"block_us_worst\": %.3f,\n  \"real_time_factor\": %.6g,\n  \"peak\": %.9g\n}\n",
	       options->block, (unsigned long long)timing->count, (unsigned long long)report->late,
	       (double)options->block * 1e6 / rate, (double)timing_quantile(timing, 0.5) * 1e-3,
	       (double)timing_quantile(timing, 0.999) * 1e-3, (double)timing->worst * 1e-3,
	       (double)timing->sum * 1e-9 / duration, (double)report->peak);
}

static void print_text(const struct options *options, const struct amp *amp,
                       const struct sound_in *in, const struct report *report)
{
	const struct timing *timing = &report->timing;
	const lstm_desc *lstm = amp_lstm(amp);
	double rate = sound_rate(in), seconds = (double)report->frames / rate;

	printf("LSTM of %d layer%s, %d units, behind %ld samples of silence\n", lstm->layers,
	       lstm->layers == 1 ? "" : "s", lstm->hidden, amp_prewarm(amp));
	if (!amp_sample_rate(amp))
		printf("the model does not tell its rate: that of the sound, %d Hz, is taken\n",
		       sound_rate(in));
	else if (sound_file_rate(in) != sound_rate(in))
		printf("the sound has %d Hz: converted to the model's %d Hz\n", sound_file_rate(in),
		       sound_rate(in));
	printf("%.3f s at %d Hz, %d channel%s, peak %.3f\n", seconds, sound_rate(in),
	       sound_channels(in), sound_channels(in) == 1 ? "" : "s", (double)report->peak);
	if (report->frames) {
		printf("%llu blocks of %zu samples, each in %.1f us (median; 99.9 %% within %.1f "
		       "us, worst %.1f us) of %.1f us; %llu late\n",
		       (unsigned long long)timing->count, options->block,
		       (double)timing_quantile(timing, 0.5) * 1e-3,
		       (double)timing_quantile(timing, 0.999) * 1e-3, (double)timing->worst * 1e-3,
		       (double)options->block * 1e6 / rate, (unsigned long long)report->late);
		printf("real-time factor %.4f: %.0f times faster than played\n",
		       (double)timing->sum * 1e-9 / seconds,
		       seconds / ((double)timing->sum * 1e-9));
	}
	printf("lstm.h on %s, activations: %s\n", lstm_isa_name(lstm->isa),
	       lstm_activations_name());
	if (options->out)
		printf("written: %s\n", options->out);
}

/* 0: failed, and error says why. */
static int run(const struct options *options, struct amp *amp, struct sound_in *in,
               struct report *report, char *error)
{
	int channels = sound_channels(in), done;
	float *frames = calloc(options->block * (size_t)channels, sizeof(float));
	struct sound_out *out = NULL;

	if (!frames || !amp_start(amp, channels, options->block)) {
		snprintf(error, ERROR_SIZE, "%s: out of memory", options->model);
		free(frames);
		return 0;
	}
	done = !options->out ||
	       (out = sound_create(options->out, sound_rate(in), channels, error, ERROR_SIZE));
	done = done && play(amp, in, out, frames, options->block, report, error);
	free(frames);
	if (!done) {
		sound_discard(out);
		return 0;
	}
	return !out || sound_finish(out, error, ERROR_SIZE);
}

int main(int count, char **arguments)
{
	static struct report report;
	struct options options = {0};
	struct amp *amp = NULL;
	struct sound_in *in = NULL;
	char error[ERROR_SIZE];
	int code;

	options.block = 64;
	options.amp.input_gain = options.amp.output_gain = 1;
	code = parse(&options, count, arguments);
	if (code >= 0)
		return code;
	code = FAILED;
	amp = amp_load(options.model, &options.amp, error, sizeof(error));
	if (amp)
		in = sound_open(options.in, amp_sample_rate(amp), AMP_CHANNELS_MOST, error,
		                sizeof(error));
	if (!in || !run(&options, amp, in, &report, error)) {
		complain("%s", error);
	} else {
		(options.json ? print_json : print_text)(&options, amp, in, &report);
		code = 0;
		if (fflush(stdout) != 0 || ferror(stdout)) {
			complain("standard output: cannot be written: %s", strerror(errno));
			code = FAILED;
		}
	}
	sound_close(in);
	amp_free(amp);
	return code;
}
