#define _POSIX_C_SOURCE 200809L
#include "audio.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <samplerate.h>
#include <signal.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../recording/recording.h"

enum {
	CHUNK = 4096,        /* frames of all channels read from the file at once */
	MOST_CHANNELS = 1024 /* what libsndfile itself allows */
};

struct audio {
	const char *path;
	char description[64];
	SNDFILE *file;        /* NULL: standard input */
	SF_INFO info;         /* of the file */
	SRC_STATE *resampler; /* NULL: the file has the right rate */
	int channels;
	double ratio; /* output rate / input rate */
	long long expected;
	long long frames;   /* read so far, for messages */
	float *interleaved; /* [CHUNK][channels] */
	float mono[CHUNK];
	size_t first, count; /* of mono, what is not yet used */
	int at_end;          /* of the file */
};

static volatile sig_atomic_t interrupted;
static int nothing = -1; /* an open file without content */

void audio_interrupt(void)
{
	interrupted = 1;
	/* A read that is about to begin must not wait for more. */
	dup2(nothing, STDIN_FILENO);
}

const char *audio_description(const struct audio *audio)
{
	return audio->description;
}

long long audio_expected(const struct audio *audio)
{
	return audio->expected;
}

void audio_close(struct audio *audio)
{
	if (!audio)
		return;
	if (audio->resampler)
		src_delete(audio->resampler);
	if (audio->file)
		sf_close(audio->file);
	free(audio->interleaved);
	free(audio);
}

/* ---- opening --------------------------------------------------------------------------------- */
static int open_file(struct audio *audio, char *error, size_t size)
{
	SF_INFO *info = &audio->info;
	int code;

	if (!recording_readable(audio->path, error, size))
		return 0;
	audio->file = sf_open(audio->path, SFM_READ, info);
	if (!audio->file) {
		snprintf(error, size, "%s: a WAV or FLAC file expected, but libsndfile says: %s",
		         audio->path, sf_strerror(NULL));
		return 0;
	}
	if (info->channels < 1 || info->channels > MOST_CHANNELS || info->samplerate < 1) {
		snprintf(error, size, "%s: 1 to %d channels expected, %d at %d Hz found",
		         audio->path, MOST_CHANNELS, info->channels, info->samplerate);
		return 0;
	}
	audio->channels = info->channels;
	audio->ratio = (double)AUDIO_RATE / info->samplerate;
	snprintf(audio->description, sizeof(audio->description), "%d Hz, %d channel%s",
	         info->samplerate, info->channels, info->channels == 1 ? "" : "s");
	if (info->samplerate != AUDIO_RATE) {
		if (!src_is_valid_ratio(audio->ratio)) {
			snprintf(error, size, "%s: a rate of 63 Hz to 4 MHz expected, %d Hz found",
			         audio->path, info->samplerate);
			return 0;
		}
		audio->resampler = src_new(SRC_SINC_BEST_QUALITY, 1, &code);
		if (!audio->resampler) {
			snprintf(error, size, "%s: the rate cannot be converted: %s", audio->path,
			         src_strerror(code));
			return 0;
		}
	}
	/* Pipes and damaged headers give nonsense here. */
	if (info->frames > 0 && info->frames < INT64_MAX / 2)
		audio->expected = (long long)((double)info->frames * audio->ratio);
	audio->interleaved = malloc(sizeof(float) * CHUNK * (size_t)info->channels);
	if (!audio->interleaved) {
		snprintf(error, size, "%s: out of memory", audio->path);
		return 0;
	}
	return 1;
}

struct audio *audio_open(const char *path, char *error, size_t size)
{
	struct audio *audio = calloc(1, sizeof(*audio));

	if (!audio) {
		snprintf(error, size, "%s: out of memory", path);
		return NULL;
	}
	audio->path = path;
	audio->channels = 1;
	audio->ratio = 1;
	if (strcmp(path, "-") == 0) {
		audio->path = "standard input";
		nothing = open("/dev/null", O_RDONLY);
		snprintf(audio->description, sizeof(audio->description), "raw, %d Hz, 1 channel",
		         AUDIO_RATE);
		return audio;
	}
	if (!open_file(audio, error, size)) {
		audio_close(audio);
		return NULL;
	}
	return audio;
}

/* ---- reading --------------------------------------------------------------------------------- */
static long read_raw(struct audio *audio, float *samples, size_t count, char *error, size_t size)
{
	unsigned char bytes[2 * CHUNK];
	size_t found;

	if (audio->at_end || interrupted)
		return 0;
	if (count > CHUNK)
		count = CHUNK;
	found = fread(bytes, 1, 2 * count, stdin);
	if (ferror(stdin) && !interrupted) {
		snprintf(error, size, "%s: cannot be read: %s", audio->path, strerror(errno));
		return -1;
	}
	audio->at_end = found < 2 * count;
	if (audio->frames == 0 && found >= 4 &&
	    (memcmp(bytes, "RIFF", 4) == 0 || memcmp(bytes, "fLaC", 4) == 0)) {
		snprintf(error, size,
		         "%s: raw 16 kHz mono 16-bit PCM expected, a %s file found: give its name "
		         "instead",
		         audio->path, bytes[0] == 'R' ? "WAV" : "FLAC");
		return -1;
	}
	if (found % 2 && !interrupted) {
		snprintf(error, size, "%s: 16-bit samples expected, half a sample found at the end",
		         audio->path);
		return -1;
	}
	for (size_t i = 0; i < found / 2; i++)
		samples[i] = (float)(int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8) / 32768;
	audio->frames += (long long)(found / 2);
	return (long)(found / 2);
}

/* Refill mono[] from the file.  0: damaged. */
static int read_file(struct audio *audio, char *error, size_t size)
{
	sf_count_t found = sf_readf_float(audio->file, audio->interleaved, CHUNK);
	int code = sf_error(audio->file);

	if (found < 0 || code != SF_ERR_NO_ERROR) {
		snprintf(error, size, "%s: damaged after %lld samples: %s", audio->path,
		         audio->frames, sf_error_number(code));
		return 0;
	}
	audio->first = 0;
	audio->count = (size_t)found;
	audio->at_end = found < CHUNK;
	for (size_t i = 0; i < audio->count; i++) {
		const float *all = audio->interleaved + i * (size_t)audio->channels;
		float sum = 0;

		for (int c = 0; c < audio->channels; c++)
			sum += all[c];
		if (!isfinite(sum)) {
			snprintf(error, size,
			         "%s: finite samples expected, %g found at number %lld",
			         audio->path, (double)sum, audio->frames + (long long)i);
			return 0;
		}
		audio->mono[i] = sum / (float)audio->channels;
	}
	audio->frames += found;
	return !audio->at_end ||
	       recording_complete(audio->path, &audio->info, audio->frames, error, size);
}

static long resample(struct audio *audio, float *samples, size_t count, char *error, size_t size)
{
	SRC_DATA data;
	int code;

	memset(&data, 0, sizeof(data));
	data.data_in = audio->mono + audio->first;
	data.input_frames = (long)audio->count;
	data.data_out = samples;
	data.output_frames = (long)count;
	data.src_ratio = audio->ratio;
	data.end_of_input = audio->at_end;
	code = src_process(audio->resampler, &data);
	if (code) {
		snprintf(error, size, "%s: the rate cannot be converted: %s", audio->path,
		         src_strerror(code));
		return -1;
	}
	audio->first += (size_t)data.input_frames_used;
	audio->count -= (size_t)data.input_frames_used;
	return data.output_frames_gen;
}

/* Some samples, not always all; 0 once there are no more. */
static long read_some(struct audio *audio, float *samples, size_t count, char *error, size_t size)
{
	if (!audio->file)
		return read_raw(audio, samples, count, error, size);
	for (;;) {
		long made;

		if (!audio->count && !audio->at_end && !read_file(audio, error, size))
			return -1;
		if (audio->resampler) {
			made = resample(audio, samples, count, error, size);
		} else {
			made = (long)(audio->count < count ? audio->count : count);
			memcpy(samples, audio->mono + audio->first, sizeof(float) * (size_t)made);
			audio->first += (size_t)made;
			audio->count -= (size_t)made;
		}
		/* The converter takes in some time before it gives anything out. */
		if (made || (audio->at_end && !audio->count))
			return made;
	}
}

long audio_read(struct audio *audio, float *samples, size_t count, char *error, size_t size)
{
	size_t filled = 0;

	while (filled < count) {
		long made = read_some(audio, samples + filled, count - filled, error, size);

		if (made < 0)
			return -1;
		if (made == 0)
			break;
		filled += (size_t)made;
	}
	return (long)filled;
}
