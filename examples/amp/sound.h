/* Sound in and out.  In: a file of any rate, converted to the one wanted, its channels interleaved,
 * read in pieces so that its length costs no memory.  Out: a WAV file of 32-bit floats, so that
 * nothing is clipped, under its name only once it is whole. */
#ifndef LSTM_AMP_SOUND_H
#define LSTM_AMP_SOUND_H

#include <stddef.h>

struct sound_in;
struct sound_out;

/* Open a WAV or FLAC file, or whatever else libsndfile reads.  rate 0: the file's own.  NULL:
 * error[size] says why, without the program's name. */
struct sound_in *sound_open(const char *path, int rate, int most_channels, char *error,
                            size_t size);
void sound_close(struct sound_in *in); /* NULL is fine */

int sound_channels(const struct sound_in *in);
int sound_file_rate(const struct sound_in *in); /* of the file */
int sound_rate(const struct sound_in *in);      /* of what is read */

/* The next count frames; fewer only at the end, 0 after it.  Negative: the file is damaged, and
 * error[size] says how. */
long sound_read(struct sound_in *in, float *frames, size_t count, char *error, size_t size);

struct sound_out *sound_create(const char *path, int rate, int channels, char *error, size_t size);
int sound_write(struct sound_out *out, const float *frames, size_t count, char *error, size_t size);

/* Give the file its name and free out.  0: it could not be written, and error[size] says why. */
int sound_finish(struct sound_out *out, char *error, size_t size);
void sound_discard(struct sound_out *out); /* leave no file; NULL is fine */

#endif
