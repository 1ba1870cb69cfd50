/* What lstm-vad tells: text for people, one JSON object for programs, a picture. */
#ifndef LSTM_VAD_REPORT_H
#define LSTM_VAD_REPORT_H

#include <stddef.h>

#include "segments.h"

enum { REPORT_ENVELOPE = 4 }; /* pieces of a frame whose lowest and highest sample are kept */

struct report {
	const char *name;        /* of the recording */
	const char *description; /* its rate and channels */
	const char *isa, *activations;
	double threshold;
	long long samples; /* at 16 kHz */
	size_t frames;
	float *probabilities;                  /* [frames] */
	float *microseconds;                   /* [frames], what each took */
	float (*envelope)[REPORT_ENVELOPE][2]; /* [frames], lowest and highest sample */
	size_t count;
	struct segment *segments; /* [count] */
};

/* Look at the terminal and the locale, once, before anything is written. */
void report_init(void);

/* The recording's name and the head of the table of segments, then a line per segment, then, with
 * everything in it, the rest: bars and summary. */
void report_head(const struct report *report);
void report_segment(size_t number, const struct segment *segment); /* from 1 */
void report_tail(const struct report *report);

void report_json(const struct report *report);

/* Progress on the terminal of standard error, if it is one and the work takes long.  done of total
 * samples; total 0: unknown, nothing is shown.  done < 0 wipes it away. */
void report_progress(long long done, long long total);

/* The picture as SVG or PNG, by the ending of path.  0: error[size] says why there is none, without
 * the program's name; an existing file is then left as it was. */
int report_plot(const struct report *report, const char *path, char *error, size_t size);

/* Whether report_plot knows the ending of path. */
int report_can_plot(const char *path);

/* Copy a name that somebody else chose into out[size] for display: what cannot be printed in this
 * locale becomes '?'. */
void report_printable(char *out, size_t size, const char *name);

#endif
