/* How far values are from what was expected, over any number of parts. */
#ifndef LSTM_TOOL_ERRORS_H
#define LSTM_TOOL_ERRORS_H

#include <stddef.h>

struct errors {
	double max, sum; /* NaN for NaN and an infinity for itself are no error; else infinite */
	size_t count;
	size_t at; /* of the largest: which element */
	float expected, found;
	double magnitude; /* the largest of what was expected, infinities apart */
};

/* Count values first .. first + count - 1 of the whole. */
void errors_add(struct errors *e, const float *expected, const float *found, size_t first,
                size_t count);

#endif
