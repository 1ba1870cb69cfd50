#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "recording.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Programs that write to a pipe do not know the length and declare 0, 0xffffffff, or the largest
 * that they would write: 0x80000000 is arecord's and 0x7ffff000 SoX's. */
static const uint64_t unknown = 0x7ffff000;

static uint64_t number(const unsigned char *bytes, int count, int big_endian)
{
	uint64_t value = 0;

	for (int i = 0; i < count; i++)
		value = value << 8 | bytes[big_endian ? i : count - 1 - i];
	return value;
}

/* How many bytes the samples of a WAV file (RIFF, RIFX or RF64) should have, and in *found how many
 * it has; 0: that is not known, or the file is another one. */
static uint64_t declared(FILE *file, uint64_t length, uint64_t *found)
{
	unsigned char head[12], large[16];
	uint64_t at = sizeof(head), size, data = 0;
	int big_endian;

	if (fread(head, 1, sizeof(head), file) != sizeof(head) || memcmp(head + 8, "WAVE", 4) != 0)
		return 0;
	big_endian = memcmp(head, "RIFX", 4) == 0;
	if (!big_endian && memcmp(head, "RIFF", 4) != 0 && memcmp(head, "RF64", 4) != 0)
		return 0;
	while (fseeko(file, (off_t)at, SEEK_SET) == 0 && fread(head, 1, 8, file) == 8) {
		size = number(head + 4, 4, big_endian);
		at += 8;
		if (memcmp(head, "data", 4) == 0) {
			*found = length - at;
			return data ? data : size < unknown ? size : 0;
		}
		/* RF64 has sizes of 64 bits before the data: the file's, then the data's. */
		if (memcmp(head, "ds64", 4) == 0 && fread(large, 1, sizeof(large), file) == 16)
			data = number(large + 8, 8, 0);
		at += size + size % 2;
	}
	return 0;
}

int recording_readable(const char *path, char *error, size_t size)
{
	struct stat status;
	uint64_t expected, found = 0;
	FILE *file;

	error[0] = '\0';
	if (stat(path, &status) != 0) {
		snprintf(error, size, "%s: cannot be read: %s", path, strerror(errno));
	} else if (S_ISDIR(status.st_mode)) {
		snprintf(error, size, "%s: a sound file expected, a folder found", path);
	} else if (!S_ISREG(status.st_mode)) {
		return 1; /* a pipe can be read once */
	} else if (status.st_size == 0) {
		snprintf(error, size, "%s: a sound file expected, an empty file found", path);
	} else if (!(file = fopen(path, "rb"))) {
		snprintf(error, size, "%s: cannot be read: %s", path, strerror(errno));
	} else {
		expected = declared(file, (uint64_t)status.st_size, &found);
		fclose(file);
		if (found < expected)
			snprintf(error, size,
			         "%s: cut short: %llu bytes of samples expected, %llu found", path,
			         (unsigned long long)expected, (unsigned long long)found);
	}
	return !error[0];
}

int recording_complete(const char *path, const SF_INFO *info, long long frames, char *error,
                       size_t size)
{
	/* FLAC alone: other formats' frames are estimates, or what libsndfile made of the file's size */
	if ((info->format & SF_FORMAT_TYPEMASK) != SF_FORMAT_FLAC || info->frames == SF_COUNT_MAX ||
	    frames >= info->frames)
		return 1;
	snprintf(error, size, "%s: cut short: %lld samples of each channel expected, %lld found",
	         path, (long long)info->frames, frames);
	return 0;
}
