#include <math.h>
#include <stdio.h>

#include "common.h"
#include "compare.h"
#include "sensitivity.h"

/* Errors n of a runner: y, then h and c of each layer and direction, empty if not recorded; NULL
 * past the last. */
static const struct errors *errors_at(const struct comparison *k, const struct compare_runner *r,
                                      size_t n)
{
	if (n == 0)
		return &r->y_errors;
	return n <= 2 * k->sequence.states ? &r->h_errors[n - 1] : NULL;
}

static double largest(const struct comparison *k, const struct compare_runner *r)
{
	const struct errors *e;
	double max = 0;
	size_t n;

	for (n = 0; (e = errors_at(k, r, n)) != NULL; n++)
		max = fmax(max, e->max);
	return max;
}

static double derive_tolerance(const struct comparison *k)
{
	const struct compare_runner *moved = &k->runners[k->count - 1];
	const struct errors *e;
	double magnitude = 0;
	size_t n;

	for (n = 0; (e = errors_at(k, moved, n)) != NULL; n++)
		magnitude = fmax(magnitude, e->magnitude);
	return sensitivity_tolerance(largest(k, moved), magnitude);
}

static void print_errors(const struct comparison *k, const char *what,
                         const struct compare_runner *r, const struct errors *e, size_t width,
                         int steps)
{
	const struct sequence *s = &k->sequence;
	size_t row = e->at / width, unit = e->at % width, step, stream;
	char place[100];

	step = s->order == LSTM_BATCH_MAJOR ? row % s->steps : row / s->batch;
	stream = s->order == LSTM_BATCH_MAJOR ? row / s->steps : row % s->batch;
	if (steps)
		snprintf(place, sizeof(place), "step %zu, stream %zu, unit %zu", step, stream,
		         unit);
	else
		snprintf(place, sizeof(place), "stream %zu, unit %zu", row, unit);
	printf("%-20s %-7s max %.3g, mean %.3g; worst at %s: expected %.9g, found %.9g\n", what,
	       lstm_isa_name(lstm_model_desc(r->model)->isa), e->max, e->sum / (double)e->count,
	       place, (double)e->expected, (double)e->found);
}

static void print_states(const struct comparison *k, const char *name, int h)
{
	const struct sequence *s = &k->sequence;
	size_t directions = (size_t)lstm_model_directions(k->runners[0].model), n;
	char what[60];
	int i;

	for (n = 0; n < s->states; n++)
		for (i = 0; i < k->count - k->moved; i++) {
			const struct compare_runner *r = &k->runners[i];

			snprintf(what, sizeof(what), "%s, layer %zu%s", name, n / directions,
			         n % directions ? " reverse" : "");
			print_errors(k, what, r, h ? &r->h_errors[n] : &r->c_errors[n],
			             h ? s->h_size : s->c_size, 0);
		}
}

int compare_report(const struct comparison *k, const struct compare_options *o)
{
	double tolerance = o->tolerance, worst = 0;
	int i, status;

	if (k->moved)
		tolerance = derive_tolerance(k);
	for (i = 0; i < k->count - k->moved; i++) {
		print_errors(k, "y", &k->runners[i], &k->runners[i].y_errors, k->sequence.output,
		             1);
		worst = fmax(worst, largest(k, &k->runners[i]));
	}
	if (k->recorded_h)
		print_states(k, "hn", 1);
	if (k->recorded_c)
		print_states(k, "cn", 0);
	printf("tolerance %.3g%s\n", tolerance, k->moved ? ", what rounding may come to" : "");
	status = cli_finish();
	if (status != CLI_DONE)
		return status;
	if (isinf(tolerance)) {
		cli_complain("%s: expected outputs that rounding does not make infinite, found "
		             "some: choose a --tolerance",
		             o->files.x);
		return CLI_FAILED;
	}
	if (worst <= tolerance)
		return CLI_DONE;
	cli_complain("%s: expected differences up to %.3g, found %.3g", o->y, tolerance, worst);
	return CLI_FAILED;
}
