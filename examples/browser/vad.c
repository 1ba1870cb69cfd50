/* What the page calls: lstm-vad's network and segments behind plain numbers.  One instance of the
 * module hears one recording or one stream; for another the page makes another instance. */
#include "../vad/network.h"
#include "../vad/segments.h"

#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

static struct network *network;
static struct segments segments;
static float frame[NETWORK_FRAME];
static double last[2];
static char error[1200];

/* Room for the bytes of the file of weights; NULL: out of memory. */
void *EXPORT(vad_room)(size_t bytes)
{
	return malloc(bytes);
}

/* Load the weights and release their room.  0: failed, and vad_error says why. */
int EXPORT(vad_load)(void *weights, size_t bytes, double threshold)
{
	network = network_new_memory(weights, bytes, "weights", LSTM_ISA_AUTO, 0, error, sizeof(error));
	free(weights);
	segments_init(&segments, threshold);
	return network != NULL;
}

const char *EXPORT(vad_error)(void)
{
	return error;
}

const char *EXPORT(vad_isa)(void)
{
	return lstm_isa_name(network_isa(network));
}

/* Where the next NETWORK_FRAME samples in [-1, 1) at 16 kHz go. */
float *EXPORT(vad_frame)(void)
{
	return frame;
}

static int keep(int found, const struct segment *segment)
{
	last[0] = (double)segment->start;
	last[1] = (double)segment->end;
	return found;
}

/* The probability that somebody speaks in that frame. */
float EXPORT(vad_probability)(void)
{
	return network_frame(network, frame);
}

/* Take a frame's probability.  1: a segment has become final, and vad_segment has it. */
int EXPORT(vad_add)(float probability)
{
	struct segment segment = {0, 0};
	int found = segments_add(&segments, probability, &segment);

	return keep(found, &segment);
}

/* The sound was length samples long; answers as vad_add does. */
int EXPORT(vad_end)(double length)
{
	struct segment segment = {0, 0};
	int found = segments_end(&segments, (long long)length, &segment);

	return keep(found, &segment);
}

/* First sample of the last final segment, and the one after its end. */
const double *EXPORT(vad_segment)(void)
{
	return last;
}

/* Where the speech that goes on began, in samples; negative: nobody speaks. */
double EXPORT(vad_speaking_since)(void)
{
	return (double)segments.start;
}
