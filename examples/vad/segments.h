/* Segments of speech from the probabilities of 32 ms frames, one frame after the other.  All times
 * are samples at 16 kHz; frame k begins at 512 k.  A segment is told as soon as its end is certain.
 *
 * Speech begins with a frame at or above the threshold.  It ends with the first frame that is more
 * than 0.15 below the threshold, if no frame reaches the threshold again before 100 ms are over.
 * What is not longer than 250 ms is dropped; what is kept gets 30 ms before and after. */
#ifndef LSTM_VAD_SEGMENTS_H
#define LSTM_VAD_SEGMENTS_H

enum { SEGMENTS_FRAME = 512 };

struct segment {
	long long start, end;
};

struct segments {
	double threshold, low;
	long long frame;   /* the next one */
	long long start;   /* of the speech going on; -1: none */
	long long silence; /* where it may have ended; -1: it goes on */
};

void segments_init(struct segments *segments, double threshold); /* 0 < threshold < 1 */

/* Take the next frame's probability.  1: *segment is a segment that has just become final. */
int segments_add(struct segments *segments, float probability, struct segment *segment);

/* The sound was length samples long.  1: *segment is the segment that its end closed. */
int segments_end(struct segments *segments, long long length, struct segment *segment);

#endif
