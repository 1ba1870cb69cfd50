#include "segments.h"

enum {
	MIN_SPEECH = 250 * 16,  /* 250 ms; only longer speech is kept */
	MIN_SILENCE = 100 * 16, /* 100 ms */
	PAD = 30 * 16           /* 30 ms */
};

/* The network's own package also divides the silence between neighbours whose padding overlaps.
 * There are none: a segment begins more than MIN_SILENCE after the end of the one before.  For the
 * same reason a segment is final once that silence has passed. */
typedef char padding_fits_into_silence[MIN_SILENCE >= 2 * PAD ? 1 : -1];

void segments_init(struct segments *segments, double threshold)
{
	segments->threshold = threshold;
	segments->low = threshold - 0.15 > 0.01 ? threshold - 0.15 : 0.01;
	segments->frame = 0;
	segments->start = -1;
	segments->silence = -1;
}

/* Close the speech going on at end; length limits the padding. */
static int close_segment(struct segments *segments, long long end, long long length,
                         struct segment *segment)
{
	long long start = segments->start;

	segments->start = -1;
	segments->silence = -1;
	if (end - start <= MIN_SPEECH)
		return 0;
	segment->start = start > PAD ? start - PAD : 0;
	segment->end = end + PAD < length ? end + PAD : length;
	return 1;
}

int segments_add(struct segments *segments, float probability, struct segment *segment)
{
	long long now = segments->frame++ * SEGMENTS_FRAME;

	if (probability >= segments->threshold) {
		segments->silence = -1;
		if (segments->start < 0)
			segments->start = now;
		return 0;
	}
	if (segments->start < 0 || probability >= segments->low)
		return 0;
	if (segments->silence < 0)
		segments->silence = now;
	if (now - segments->silence < MIN_SILENCE)
		return 0;
	return close_segment(segments, segments->silence, now, segment);
}

int segments_end(struct segments *segments, long long length, struct segment *segment)
{
	if (segments->start < 0)
		return 0;
	return close_segment(segments, length, length, segment);
}
