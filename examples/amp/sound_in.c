#include "sound.h"

#include <math.h>
#include <samplerate.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../recording/recording.h"

enum { CHUNK = 4096 }; /* frames read from the file at once, where they are to be converted */

struct sound_in {
	const char *path;
	SNDFILE *file;
	SF_INFO info;         /* of the file */
	SRC_STATE *converter; /* NULL: the file has the right rate */
	int channels, file_rate, rate;
	long long frames;    /* read so far, for messages */
	float *chunk;        /* [CHUNK][channels] */
	size_t first, count; /* of chunk, frames that are not yet used */
	int at_end;          /* of the file */
};

int sound_channels(const struct sound_in *in)
{
	return in->channels;
}

int sound_file_rate(const struct sound_in *in)
{
	return in->file_rate;
}

int sound_rate(const struct sound_in *in)
{
	return in->rate;
}

void sound_close(struct sound_in *in)
{
	if (!in)
		return;
	if (in->converter)
		src_delete(in->converter);
	if (in->file)
		sf_close(in->file);
	free(in->chunk);
	free(in);
}

/* ---- opening --------------------------------------------------------------------------------- */
static int convert_to(struct sound_in *in, int rate, char *error, size_t size)
{
	int code;

	in->rate = rate;
	if (!src_is_valid_ratio((double)rate / in->file_rate)) {
		snprintf(error, size,
		         "%s: a rate that can be converted to %d Hz expected, %d Hz "
		         "found",
		         in->path, rate, in->file_rate);
		return 0;
	}
	in->chunk = malloc(sizeof(float) * CHUNK * (size_t)in->channels);
	in->converter = src_new(SRC_SINC_BEST_QUALITY, in->channels, &code);
	if (!in->chunk || !in->converter) {
		snprintf(error, size, "%s: the rate cannot be converted: %s", in->path,
		         in->chunk ? src_strerror(code) : "out of memory");
		return 0;
	}
	return 1;
}

static int open_file(struct sound_in *in, int most_channels, char *error, size_t size)
{
	SF_INFO *info = &in->info;

	if (!recording_readable(in->path, error, size))
		return 0;
	in->file = sf_open(in->path, SFM_READ, info);
	if (!in->file) {
		snprintf(error, size, "%s: a WAV or FLAC file expected, but libsndfile says: %s",
		         in->path, sf_strerror(NULL));
		return 0;
	}
	if (info->channels < 1 || info->channels > most_channels || info->samplerate < 1) {
		snprintf(error, size, "%s: 1 to %d channels expected, %d at %d Hz found", in->path,
		         most_channels, info->channels, info->samplerate);
		return 0;
	}
	in->channels = info->channels;
	in->file_rate = in->rate = info->samplerate;
	return 1;
}

struct sound_in *sound_open(const char *path, int rate, int most_channels, char *error, size_t size)
{
	struct sound_in *in = calloc(1, sizeof(*in));

	if (!in) {
		snprintf(error, size, "%s: out of memory", path);
		return NULL;
	}
	in->path = path;
	if (!open_file(in, most_channels, error, size) ||
	    (rate && rate != in->file_rate && !convert_to(in, rate, error, size))) {
		sound_close(in);
		return NULL;
	}
	return in;
}

/* ---- reading --------------------------------------------------------------------------------- */
static long read_file(struct sound_in *in, float *frames, size_t count, char *error, size_t size)
{
	sf_count_t found = sf_readf_float(in->file, frames, (sf_count_t)count);
	int code = sf_error(in->file);
	size_t samples = found > 0 ? (size_t)found * (size_t)in->channels : 0;

	if (found < 0 || code != SF_ERR_NO_ERROR) {
		snprintf(error, size, "%s: damaged after %lld frames: %s", in->path, in->frames,
		         sf_error_number(code));
		return -1;
	}
	for (size_t i = 0; i < samples; i++)
		if (!isfinite(frames[i])) {
			snprintf(error, size, "%s: finite samples expected, %g found in frame %lld",
			         in->path, (double)frames[i],
			         in->frames + (long long)(i / (size_t)in->channels));
			return -1;
		}
	in->frames += found;
	in->at_end = (size_t)found < count;
	if (in->at_end && !recording_complete(in->path, &in->info, in->frames, error, size))
		return -1;
	return (long)found;
}

/* Some frames at the rate wanted; 0 once there are no more. */
static long convert(struct sound_in *in, float *frames, size_t count, char *error, size_t size)
{
	SRC_DATA data;
	long found;
	int code;

	do {
		if (!in->count && !in->at_end) {
			found = read_file(in, in->chunk, CHUNK, error, size);
			if (found < 0)
				return -1;
			in->first = 0;
			in->count = (size_t)found;
		}
		memset(&data, 0, sizeof(data));
		data.data_in = in->chunk + in->first * (size_t)in->channels;
		data.input_frames = (long)in->count;
		data.data_out = frames;
		data.output_frames = (long)count;
		data.src_ratio = (double)in->rate / in->file_rate;
		data.end_of_input = in->at_end;
		code = src_process(in->converter, &data);
		if (code) {
			snprintf(error, size, "%s: the rate cannot be converted: %s", in->path,
			         src_strerror(code));
			return -1;
		}
		in->first += (size_t)data.input_frames_used;
		in->count -= (size_t)data.input_frames_used;
		/* The converter takes in some time before it gives anything out. */
	} while (!data.output_frames_gen && (in->count || !in->at_end));
	return data.output_frames_gen;
}

long sound_read(struct sound_in *in, float *frames, size_t count, char *error, size_t size)
{
	size_t filled = 0;
	long found;

	if (!in->converter)
		return in->at_end ? 0 : read_file(in, frames, count, error, size);
	do {
		found = convert(in, frames + filled * (size_t)in->channels, count - filled, error,
		                size);
		if (found < 0)
			return -1;
		filled += (size_t)found;
	} while (found && filled < count);
	return (long)filled;
}
