/* lstm-vad: find the speech in a recording or a live stream, with lstm.h and the Silero network.
 * Without the build system:
 *     tools/fetch-vad
 *     cd examples/vad
 *     cc -O3 -ffp-contract=off -I../.. -o lstm-vad *.c -lsndfile -lsamplerate -lsleef -lm
 *     ./lstm-vad --weights ../../.cache/silero_vad_v6_16k.safetensors ../../.cache/speech.wav
 */
#define _POSIX_C_SOURCE 200809L
#include "lstm.h"

#include "audio.h"
#include "network.h"
#include "report.h"
#include "segments.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef LSTM_VAD_WEIGHTS_DEFAULT
#define LSTM_VAD_WEIGHTS_DEFAULT ".cache/silero_vad_v6_16k.safetensors"
#endif

enum { FAILED = 1, MISUSED = 2, ERROR_SIZE = 1200 };

static const char USAGE[] = "usage: lstm-vad [options] FILE      (lstm-vad --help explains)\n";

static const char HELP[] =
	"lstm-vad [options] FILE      find the speech in a recording\n"
	"\n"
	"FILE is a WAV or FLAC file of any rate and number of channels, or - for raw 16 kHz mono\n"
	"16-bit little endian PCM on standard input; each segment of that is printed as it ends:\n"
	"    arecord -q -t raw -f S16_LE -r 16000 -c 1 | lstm-vad -\n"
	"\n"
	"  --weights FILE   the network, as tools/fetch-vad makes it; otherwise the environment\n"
	"                   variable LSTM_VAD_WEIGHTS, otherwise\n"
	"                   " LSTM_VAD_WEIGHTS_DEFAULT "\n"
	"  --isa NAME       scalar, neon, avx2 or avx512 for the LSTM, instead of the best\n"
	"  --dtype NAME     f32, bf16, f16 or int8 for the LSTM's weights, instead of the file's\n"
	"  --threshold P    speech begins at this probability (0.5); it ends 0.15 below\n"
	"  --json           print one JSON object: sample_rate, frames, segments (start, end in\n"
	"                   samples at 16 kHz, start_s, end_s in seconds), probabilities (one per\n"
	"                   frame of 512 samples), isa, activations, frame_us_median,\n"
	"                   frame_us_worst, real_time_factor (time needed / duration)\n"
	"  --plot FILE      draw sound, probability and segments as .svg or .png with gnuplot\n"
	"  --help, --version\n";

struct options {
	const char *weights, *file, *plot;
	lstm_isa isa;
	lstm_dtype dtype;
	double threshold;
	int json;
};

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	va_list values;

	report_progress(-1, 0);
	va_start(values, format);
	fputs("lstm-vad: ", stderr);
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

static int parse_dtype(const char *name, lstm_dtype *dtype)
{
	static const struct {
		const char *name;
		lstm_dtype dtype;
	} known[] = {{"f32", LSTM_DTYPE_F32},
	             {"bf16", LSTM_DTYPE_BF16},
	             {"f16", LSTM_DTYPE_F16},
	             {"int8", LSTM_DTYPE_I8}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i].name) == 0) {
			*dtype = known[i].dtype;
			return 1;
		}
	complain("--dtype: f32, bf16, f16 or int8 expected, %s found", name);
	return 0;
}

static int parse_threshold(const char *text, double *threshold)
{
	char *end;

	*threshold = strtod(text, &end);
	if (end != text && !*end && *threshold > 0 && *threshold < 1)
		return 1;
	complain("--threshold: a number between 0 and 1 expected, %s found", text);
	return 0;
}

/* -1: run; otherwise exit with that. */
static int parse(struct options *options, int count, char **arguments)
{
	static const struct option known[] = {
		{"weights", required_argument, NULL, 'w'},
		{"isa", required_argument, NULL, 'i'},
		{"threshold", required_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{"plot", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{"dtype", required_argument, NULL, 'd'},
		{NULL, 0, NULL, 0},
	};
	int letter;

	while ((letter = getopt_long(count, arguments, "", known, NULL)) != -1) {
		switch (letter) {
		case 'w': options->weights = optarg; break;
		case 'i':
			if (!parse_isa(optarg, &options->isa))
				return MISUSED;
			break;
		case 'd':
			if (!parse_dtype(optarg, &options->dtype))
				return MISUSED;
			break;
		case 't':
			if (!parse_threshold(optarg, &options->threshold))
				return MISUSED;
			break;
		case 'j': options->json = 1; break;
		case 'p':
			options->plot = optarg;
			if (!report_can_plot(optarg)) {
				complain("--plot: a name ending in .svg or .png expected, %s found",
				         optarg);
				return MISUSED;
			}
			break;
		case 'h': fputs(HELP, stdout); return 0;
		case 'v':
			printf("lstm-vad %d.%d.%d\n", LSTM_VERSION / 10000,
			       LSTM_VERSION / 100 % 100, LSTM_VERSION % 100);
			return 0;
		default: /* getopt_long has said what is wrong */ return MISUSED;
		}
	}
	if (optind != count - 1) {
		fputs(USAGE, stderr);
		return MISUSED;
	}
	options->file = arguments[optind];
	return -1;
}

/* ---- the work -------------------------------------------------------------------------------- */
static void interrupt(int signal)
{
	(void)signal;
	audio_interrupt();
}

/* Ctrl-C ends a live stream; the second one ends the program. */
static void end_stream_on_interrupt(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = interrupt;
	action.sa_flags = SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
}

static double microseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

/* Make room for one more of everything that is kept per frame.  0: out of memory. */
static int grow(struct report *report, size_t *room)
{
	size_t more = *room ? 2 * *room : 1024;
	void *probabilities, *microseconds, *envelope;

	if (report->frames < *room)
		return 1;
	probabilities = realloc(report->probabilities, more * sizeof(*report->probabilities));
	if (probabilities)
		report->probabilities = probabilities;
	microseconds = realloc(report->microseconds, more * sizeof(*report->microseconds));
	if (microseconds)
		report->microseconds = microseconds;
	envelope = realloc(report->envelope, more * sizeof(*report->envelope));
	if (envelope)
		report->envelope = envelope;
	*room = more;
	return probabilities && microseconds && envelope;
}

static int keep_segment(struct report *report, const struct segment *segment)
{
	struct segment *more;

	/* Room doubles at every power of two. */
	if ((report->count & (report->count + 1)) == 0) {
		more = realloc(report->segments, 2 * (report->count + 1) * sizeof(*more));
		if (!more)
			return 0;
		report->segments = more;
	}
	report->segments[report->count++] = *segment;
	return 1;
}

static void measure_envelope(float envelope[REPORT_ENVELOPE][2], const float *samples)
{
	enum { PIECE = NETWORK_FRAME / REPORT_ENVELOPE };

	for (int e = 0; e < REPORT_ENVELOPE; e++) {
		float low = samples[e * PIECE], high = low;

		for (int i = 1; i < PIECE; i++) {
			float sample = samples[e * PIECE + i];

			low = sample < low ? sample : low;
			high = sample > high ? sample : high;
		}
		envelope[e][0] = low;
		envelope[e][1] = high;
	}
}

/* Run the network over all of the sound.  0: failed, and said why. */
static int listen(struct audio *audio, struct network *network, struct report *report, int live)
{
	struct segments segments;
	struct segment segment;
	float samples[NETWORK_FRAME];
	char error[ERROR_SIZE];
	size_t room = 0;
	long found;

	segments_init(&segments, report->threshold);
	while ((found = audio_read(audio, samples, NETWORK_FRAME, error, sizeof(error))) > 0) {
		size_t frame = report->frames;
		double begun, ended;
		int final;

		if (!grow(report, &room)) {
			complain("%s: out of memory", report->name);
			return 0;
		}
		for (long i = found; i < NETWORK_FRAME; i++)
			samples[i] = 0;
		measure_envelope(report->envelope[frame], samples);
		begun = microseconds();
		report->probabilities[frame] = network_frame(network, samples);
		ended = microseconds();
		report->microseconds[frame] = (float)(ended - begun);
		report->frames++;
		report->samples += found;

		final = segments_add(&segments, report->probabilities[frame], &segment);
		if (final && !keep_segment(report, &segment)) {
			complain("%s: out of memory", report->name);
			return 0;
		}
		if (final && live)
			report_segment(report->count, &segment);
		report_progress(report->samples, audio_expected(audio));
	}
	report_progress(-1, 0);
	if (found < 0) {
		complain("%s", error);
		return 0;
	}
	if (segments_end(&segments, report->samples, &segment)) {
		if (!keep_segment(report, &segment)) {
			complain("%s: out of memory", report->name);
			return 0;
		}
		if (live)
			report_segment(report->count, &segment);
	}
	return 1;
}

static const char *weights_path(const struct options *options)
{
	const char *path = options->weights ? options->weights : getenv("LSTM_VAD_WEIGHTS");

	return path && *path ? path : LSTM_VAD_WEIGHTS_DEFAULT;
}

static int run(const struct options *options, struct network *network, struct audio *audio,
               struct report *report)
{
	const char *slash = strrchr(options->file, '/');
	int stream = strcmp(options->file, "-") == 0;
	char error[ERROR_SIZE];

	report->name = stream ? "standard input" : slash ? slash + 1 : options->file;
	report->description = audio_description(audio);
	report->isa = lstm_isa_name(network_isa(network));
	report->activations = lstm_activations_name();
	report->threshold = options->threshold;
	if (stream)
		end_stream_on_interrupt();
	if (stream && !options->json)
		report_head(report);
	if (!listen(audio, network, report, stream && !options->json))
		return FAILED;
	if (options->json) {
		report_json(report);
	} else {
		if (!stream) {
			report_head(report);
			for (size_t i = 0; i < report->count; i++)
				report_segment(i + 1, &report->segments[i]);
		}
		report_tail(report);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		complain("standard output: cannot be written: %s", strerror(errno));
		return FAILED;
	}
	if (options->plot && !report_plot(report, options->plot, error, sizeof(error))) {
		complain("%s", error);
		return FAILED;
	}
	return 0;
}

int main(int count, char **arguments)
{
	struct options options = {NULL, NULL, NULL, LSTM_ISA_AUTO, LSTM_DTYPE_OTHER, 0.5, 0};
	struct report report;
	struct network *network = NULL;
	struct audio *audio = NULL;
	const char *weights;
	char error[ERROR_SIZE];
	int code;

	report_init();
	code = parse(&options, count, arguments);
	if (code >= 0)
		return code;
	memset(&report, 0, sizeof(report));
	code = FAILED;
	weights = weights_path(&options);
	if (access(weights, F_OK) != 0)
		complain("%s: no weights of the network: %s; tools/fetch-vad fetches them", weights,
		         strerror(errno));
	else if (!(network = network_new(weights, options.isa, options.dtype, error,
	                                 sizeof(error))) ||
	         !(audio = audio_open(options.file, error, sizeof(error))))
		complain("%s", error);
	else
		code = run(&options, network, audio, &report);
	free(report.probabilities);
	free(report.microseconds);
	free(report.envelope);
	free(report.segments);
	audio_close(audio);
	network_free(network);
	return code;
}
