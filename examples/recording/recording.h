/* What a file of sound is asked beyond what libsndfile asks it: can it be read, and is it all there?
 * libsndfile takes what is left of a file that was cut, without a word. */
#ifndef RECORDING_H
#define RECORDING_H

#include <sndfile.h>
#include <stddef.h>

/* Before opening.  0: no, and error[size] is a sentence. */
int recording_readable(const char *path, char *error, size_t size);

/* After the last of so many frames that were read.  0: there should have been more. */
int recording_complete(const char *path, const SF_INFO *info, long long frames, char *error,
                       size_t size);

#endif
