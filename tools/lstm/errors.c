#include "errors.h"

#include <math.h>

static double error_of(float expected, float found)
{
	if (expected == found || (isnan(expected) && isnan(found)))
		return 0;
	if (!isfinite(expected) || !isfinite(found))
		return (double)INFINITY;
	return fabs((double)expected - (double)found);
}

void errors_add(struct errors *e, const float *expected, const float *found, size_t first,
                size_t count)
{
	size_t k;
	double error;

	for (k = 0; k < count; k++) {
		error = error_of(expected[k], found[k]);
		if (error > e->max || e->count + k == 0) {
			e->max = error;
			e->at = first + k;
			e->expected = expected[k];
			e->found = found[k];
		}
		e->sum += error;
		if (isfinite(expected[k]) && fabs((double)expected[k]) > e->magnitude)
			e->magnitude = fabs((double)expected[k]);
	}
	e->count += count;
}
