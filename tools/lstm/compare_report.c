#include <math.h>
#include <stdio.h>
#include <string.h>

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
	const struct errors *e;
	double magnitude = 0, max = 0;
	size_t n;
	int layer;

	for (layer = 0; layer < k->layer_count; layer++) {
		const struct compare_runner *moved = &k->layers[layer].runners[k->count - 1];

		for (n = 0; (e = errors_at(k, moved, n)) != NULL; n++)
			magnitude = fmax(magnitude, e->magnitude);
		max = fmax(max, largest(k, moved));
	}
	return sensitivity_tolerance(max, magnitude);
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
	const struct compare_runner *r = compare_last(k)->runners;
	size_t directions = (size_t)lstm_model_directions(r->model), n;
	char what[60];
	int i;

	for (n = 0; n < s->states; n++)
		for (i = 0; i < k->count - k->moved; i++) {
			snprintf(what, sizeof(what), "%s, layer %zu%s", name, n / directions,
			         n % directions ? " reverse" : "");
			print_errors(k, what, &r[i], h ? &r[i].h_errors[n] : &r[i].c_errors[n],
			             h ? s->h_size : s->c_size, 0);
		}
}

/* And the largest error; *where is set to the file that it is of. */
static double print_layers(const struct comparison *k, const char **where)
{
	double worst = -1, error;
	char what[60];
	int layer, i;

	for (layer = 0; layer < k->layer_count; layer++)
		for (i = 0; i < k->count - k->moved; i++) {
			const struct compare_layer *l = &k->layers[layer];

			if (l == compare_last(k))
				strcpy(what, "y");
			else
				snprintf(what, sizeof(what), "y, layer %d", layer);
			print_errors(k, what, &l->runners[i], &l->runners[i].y_errors,
			             k->sequence.output, 1);
			error = largest(k, &l->runners[i]);
			if (error > worst) {
				worst = error;
				*where = l->path;
			}
		}
	return worst;
}

int compare_report(const struct comparison *k, const struct compare_options *o)
{
	const char *where = o->y;
	double tolerance = k->moved ? derive_tolerance(k) : o->tolerance;
	double worst = print_layers(k, &where);
	int status;

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
	cli_complain("%s: expected differences up to %.3g, found %.3g", where, tolerance, worst);
	return CLI_FAILED;
}
