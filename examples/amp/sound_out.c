#define _POSIX_C_SOURCE 200809L
#include "sound.h"

#include <errno.h>
#include <fcntl.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the format's 32-bit sizes can tell, the header taken off. */
#define MOST_BYTES (UINT32_MAX - 4096.0)

struct sound_out {
	const char *path;
	char *temporary;
	SNDFILE *file;
	double bytes, frame_bytes;
};

void sound_discard(struct sound_out *out)
{
	if (!out)
		return;
	if (out->file)
		sf_close(out->file);
	if (out->temporary)
		unlink(out->temporary);
	free(out->temporary);
	free(out);
}

/* A new file beside the one wanted, so that a rename gives it its name. */
static int create(struct sound_out *out)
{
	size_t room = strlen(out->path) + 32;

	out->temporary = malloc(room);
	if (!out->temporary)
		return -1;
	snprintf(out->temporary, room, "%s.%ld.part", out->path, (long)getpid());
	return open(out->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

struct sound_out *sound_create(const char *path, int rate, int channels, char *error, size_t size)
{
	struct sound_out *out = calloc(1, sizeof(*out));
	SF_INFO info;
	int file = -1;

	if (out) {
		out->path = path;
		out->frame_bytes = sizeof(float) * (double)channels;
		file = create(out);
	}
	if (file < 0) {
		snprintf(error, size, "%s: cannot be written: %s", path, strerror(errno));
		sound_discard(out);
		return NULL;
	}
	memset(&info, 0, sizeof(info));
	info.samplerate = rate;
	info.channels = channels;
	info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
	out->file = sf_open_fd(file, SFM_WRITE, &info, SF_TRUE);
	if (!out->file) {
		snprintf(error, size, "%s: cannot be written: %s", path, sf_strerror(NULL));
		close(file);
		sound_discard(out);
		return NULL;
	}
	/* The chunk holds the time of day: without it the same sound is the same file. */
	sf_command(out->file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE);
	return out;
}

int sound_write(struct sound_out *out, const float *frames, size_t count, char *error, size_t size)
{
	out->bytes += out->frame_bytes * (double)count;
	if (out->bytes > MOST_BYTES) {
		snprintf(error, size, "%s: a WAV file of at most 4 GB expected, more found",
		         out->path);
		return 0;
	}
	if (sf_writef_float(out->file, frames, (sf_count_t)count) == (sf_count_t)count)
		return 1;
	snprintf(error, size, "%s: cannot be written: %s", out->path, sf_strerror(out->file));
	return 0;
}

int sound_finish(struct sound_out *out, char *error, size_t size)
{
	int code = sf_close(out->file);

	out->file = NULL;
	if (code)
		snprintf(error, size, "%s: cannot be written: %s", out->path,
		         sf_error_number(code));
	else if (rename(out->temporary, out->path) != 0)
		snprintf(error, size, "%s: cannot be written: %s", out->path, strerror(errno));
	else {
		free(out->temporary);
		out->temporary = NULL;
		sound_discard(out);
		return 1;
	}
	sound_discard(out);
	return 0;
}
