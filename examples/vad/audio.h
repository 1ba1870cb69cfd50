/* Sound in: a file of any rate and number of channels, or raw PCM on standard input, comes out as
 * one channel of floats at 16 kHz.  It is read in pieces, so that its length costs no memory. */
#ifndef LSTM_VAD_AUDIO_H
#define LSTM_VAD_AUDIO_H

#include <stddef.h>

enum { AUDIO_RATE = 16000 };

struct audio;

/* Open a WAV or FLAC file, or whatever else libsndfile reads; "-" is standard input with raw 16 kHz
 * mono 16-bit little endian PCM.  NULL: error[size] says why, without the program's name. */
struct audio *audio_open(const char *path, char *error, size_t size);
void audio_close(struct audio *audio); /* NULL is fine */

/* The next count samples in [-1, 1); fewer only at the end, 0 after it.  Negative: the input is
 * damaged, and error[size] says how.  Several channels are replaced by their mean; another rate is
 * converted; 16 kHz mono comes through untouched. */
long audio_read(struct audio *audio, float *samples, size_t count, char *error, size_t size);

/* For people: what was opened, for instance "44100 Hz, 2 channels". */
const char *audio_description(const struct audio *audio);

/* About how many samples at 16 kHz there will be; 0: nobody knows (a live stream). */
long long audio_expected(const struct audio *audio);

/* From a signal handler: what has been read from standard input so far shall be all of it. */
void audio_interrupt(void);

#endif
