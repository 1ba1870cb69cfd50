/* See check.h. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED -54321.0f /* in y before the run: no cell computes it */

/* Where the rows of x or y are: row(t, b) = base + t * step + b * stream. */
typedef struct rows {
	size_t width, step, stream, total;
	float *base;
} rows;

static void *allocate(size_t count, size_t size)
{
	void *p = malloc((count ? count : 1) * size);

	if (!p) {
		fprintf(stderr, "check: out of memory\n");
		abort();
	}
	return p;
}

static rows rows_make(const check_how *how, const sequence *s, int width, float fill)
{
	size_t row = (size_t)width + how->row_gap, n, batch = (size_t)s->batch;
	int batch_major = how->order == LSTM_BATCH_MAJOR;
	size_t block = (batch_major ? s->steps : batch) * row + how->block_gap;
	rows r = {(size_t)width, batch_major ? row : block, batch_major ? block : row, 0, NULL};

	r.total = block * (batch_major ? batch : s->steps);
	r.base = allocate(r.total, sizeof *r.base);
	for (n = 0; n < r.total; n++)
		r.base[n] = fill;
	return r;
}

static int counts(const sequence *s, size_t t, size_t stream)
{
	return (!s->lengths || t < s->lengths[stream]) &&
	       (!s->mask || s->mask[t * (size_t)s->batch + stream]);
}

/* A matrix of rows: to[columns][rows] = from[rows][columns], each element of so many bytes. */
static void *turned(const void *from, size_t rows, size_t columns, size_t bytes)
{
	char *to = allocate(rows * columns, bytes);
	size_t r, c;

	for (r = 0; r < rows; r++)
		for (c = 0; c < columns; c++)
			memcpy(to + (c * rows + r) * bytes,
			       (const char *)from + (r * columns + c) * bytes, bytes);
	return to;
}

static void say(check_result *result, const net *n, const sequence *s, const check_how *how,
                const char *what)
{
	const lstm_desc *d = &n->desc;

	result->ok = 0;
	snprintf(result->text, sizeof result->text,
	         "%s: %s; net seed %llu: input %d hidden %d projection %d layers %d direction %d "
	         "layout %d activations %d %d %d, %d %d %d coupled %d clip %g %g parts%s%s%s; "
	         "sequence seed %llu: batch %d steps %zu%s%s%s; plain %d order %d gaps %zu %zu "
	         "max_steps %zu piece %zu no_y %d states %d",
	         lstm_isa_name(how->isa), what, (unsigned long long)n->seed, d->input, d->hidden,
	         d->projection, d->layers, (int)d->direction, (int)d->layout,
	         (int)d->activations[0][0].function, (int)d->activations[0][1].function,
	         (int)d->activations[0][2].function, (int)d->activations[1][0].function,
	         (int)d->activations[1][1].function, (int)d->activations[1][2].function,
	         d->input_forget, d->clip, d->cell_clip, n->weights->b ? " b" : "",
	         n->weights->b2 ? " b2" : "", n->weights->peephole ? " peephole" : "",
	         (unsigned long long)s->seed, s->batch, s->steps, s->h0 ? " state" : "",
	         s->lengths ? " lengths" : "",
	         !s->mask  ? ""
	         : s->zero ? " mask zero"
	                   : " mask hold",
	         how->plain, (int)how->order, how->row_gap,
	         how->block_gap, how->max_steps, how->piece, how->no_y,
	         how->states);
}

int check_value(float got, num expected)
{
	if (isnan(expected.v))
		return isnan(got);
	if (isinf(expected.v))
		return (double)got == expected.v;
	return fabs((double)got - expected.v) <= num_tolerance(expected);
}

/* Count n values in; on the first that differs, say where: name[a][b][k], k < width. */
static void compare(check_result *result, const net *n, const sequence *s, const check_how *how,
                    const char *name, size_t a, size_t b, size_t width, const float *got,
                    const num *expected)
{
	char what[200];
	size_t k;

	for (k = 0; k < width && result->ok; k++) {
		double tolerance = num_tolerance(expected[k]);
		double scale = fmax(1.0, fabs(expected[k].v));

		if (!check_value(got[k], expected[k])) {
			snprintf(what, sizeof what, "%s[%zu][%zu][%zu] is %.9g, not %.9g +- %.2g",
			         name, a, b, k, (double)got[k], expected[k].v, tolerance);
			say(result, n, s, how, what);
		} else if (isfinite(expected[k].v)) {
			result->worst = fmax(result->worst,
			                     fabs((double)got[k] - expected[k].v) / tolerance);
			result->tolerance = fmax(result->tolerance, tolerance / scale);
		}
	}
}

/* h and c as a call wants them, [cells][batch][...] or in batch-major order [batch][cells][...]. */
typedef struct states {
	size_t cells, batch, units, hidden;
	float *h, *c, *last;
} states;

static void turn_states(states *z, size_t rows, size_t columns)
{
	float *h = turned(z->h, rows, columns, z->units * sizeof *h);
	float *c = turned(z->c, rows, columns, z->hidden * sizeof *c);

	free(z->h);
	free(z->c);
	z->h = h;
	z->c = c;
}

static states states_make(const net *n, const sequence *s)
{
	states z = {0};
	size_t directions = (size_t)oracle_directions(&n->desc);

	z.cells = (size_t)oracle_layers(&n->desc) * directions;
	z.batch = (size_t)s->batch;
	z.units = (size_t)oracle_units(&n->desc);
	z.hidden = (size_t)n->desc.hidden;
	z.h = allocate(z.cells * z.batch * z.units, sizeof *z.h);
	z.c = allocate(z.cells * z.batch * z.hidden, sizeof *z.c);
	z.last = allocate(z.batch * directions * z.units, sizeof *z.last);
	memset(z.h, 0, z.cells * z.batch * z.units * sizeof *z.h);
	memset(z.c, 0, z.cells * z.batch * z.hidden * sizeof *z.c);
	if (s->h0)
		memcpy(z.h, s->h0, z.cells * z.batch * z.units * sizeof *z.h);
	if (s->c0)
		memcpy(z.c, s->c0, z.cells * z.batch * z.hidden * sizeof *z.c);
	return z;
}

static void states_free(states *z)
{
	free(z->h);
	free(z->c);
	free(z->last);
}

/* The mask of a call: dense in its order if that can be, else strided. */
static unsigned char *set_mask(lstm_run_args *args, const sequence *s, const check_how *how,
                               size_t done)
{
	size_t batch = (size_t)s->batch;
	unsigned char *dense = NULL;

	args->masked = s->zero ? LSTM_MASKED_ZERO : LSTM_MASKED_HOLD;
	args->mask = s->mask ? s->mask + done * batch : NULL;
	if (s->mask && how->order == LSTM_BATCH_MAJOR && how->row_gap) {
		args->mask_step = batch;
		args->mask_stream = 1;
	} else if (s->mask && how->order == LSTM_BATCH_MAJOR) {
		args->mask = dense = turned(args->mask, args->steps, batch, 1);
	}
	return dense;
}

/* Dense strides are given as 0, which must mean the same. */
static lstm_status run_piece(lstm_state *state, const sequence *s, const check_how *how,
                             const rows *x, const rows *y, const states *z, size_t done,
                             size_t count)
{
	const float *from = x->base + done * x->step;
	float *to = how->no_y ? NULL : y->base + done * y->step;
	lstm_run_args args = {0};
	lstm_status status;
	unsigned char *mask;

	if (how->plain) {
		lstm_run(state, from, to, count);
		return LSTM_OK;
	}
	args.x = from;
	args.y = to;
	args.last = z->last;
	args.steps = count;
	args.lengths = s->lengths;
	args.order = how->order;
	mask = set_mask(&args, s, how, done);
	if (how->states) {
		args.h0 = args.hn = z->h;
		args.c0 = args.cn = z->c;
	}
	if (how->row_gap || how->block_gap || count < s->steps) {
		args.x_step = x->step;
		args.x_stream = x->stream;
		args.y_step = y->step;
		args.y_stream = y->stream;
	}
	status = lstm_run_with(state, &args);
	free(mask);
	return status;
}

static lstm_status run_all(lstm_state *state, const sequence *s, const check_how *how,
                           const rows *x, const rows *y, states *z)
{
	size_t piece = how->piece ? how->piece : s->steps, done = 0;
	int batch_major = how->states && how->order == LSTM_BATCH_MAJOR;
	lstm_status status;

	if (batch_major)
		turn_states(z, z->cells, z->batch);
	if (!how->states)
		lstm_state_set(state, z->h, z->c);
	do {
		size_t left = s->steps - done, count = piece < left ? piece : left;

		status = run_piece(state, s, how, x, y, z, done, count);
		done += count;
	} while (done < s->steps && status == LSTM_OK);
	if (!how->states)
		lstm_state_get(state, z->h, z->c);
	if (batch_major)
		turn_states(z, z->batch, z->cells);
	return status;
}

static void compare_y(check_result *result, const oracle_output *expected, const net *n,
                      const sequence *s, const check_how *how, const rows *y)
{
	char *seen = allocate(y->total, 1);
	size_t t, b, i, batch = (size_t)s->batch;

	memset(seen, 0, y->total);
	for (t = 0; t < s->steps; t++)
		for (b = 0; b < batch; b++) {
			size_t at = t * y->step + b * y->stream;

			memset(seen + at, 1, y->width);
			if (!how->no_y)
				compare(result, n, s, how, "y", t, b, y->width, y->base + at,
				        expected->y + (t * batch + b) * y->width);
		}
	for (i = 0; i < y->total && result->ok; i++)
		if ((how->no_y || !seen[i]) && y->base[i] != UNTOUCHED)
			say(result, n, s, how, "y was written between its rows");
	free(seen);
}

static void compare_states(check_result *result, const oracle_output *expected, const net *n,
                           const sequence *s, const check_how *how, const states *z)
{
	size_t directions = (size_t)oracle_directions(&n->desc), top = z->cells - directions;
	size_t units = z->units, hidden = z->hidden, cell, b;

	for (cell = 0; cell < top + directions; cell++)
		for (b = 0; b < z->batch; b++) {
			size_t at = cell * z->batch + b;

			compare(result, n, s, how, "h", cell, b, units, z->h + at * units,
			        expected->h + at * units);
			compare(result, n, s, how, "c", cell, b, hidden,
			        z->c + at * hidden,
			        expected->c + at * hidden);
			if (!how->plain && cell >= top)
				compare(result, n, s, how, "last", b, cell - top, units,
				        z->last + (b * directions + cell - top) * units,
				        expected->h + at * units);
		}
}

check_result check_against(const oracle_output *expected, const net *n, const sequence *s,
                           const check_how *how)
{
	check_result result = {1, 0.0, 0.0, ""};
	lstm_desc desc = n->desc;
	size_t directions = (size_t)oracle_directions(&desc), batch = (size_t)s->batch, t, b;
	states z = states_make(n, s);
	rows x = rows_make(how, s, desc.input, NAN);
	rows y = rows_make(how, s, (int)(directions * z.units), UNTOUCHED);
	lstm_model *model = NULL;
	lstm_state *state = NULL;
	lstm_status status;

	for (b = 0; b < batch; b++)
		for (t = 0; t < s->steps; t++)
			if (counts(s, t, b))
				memcpy(x.base + t * x.step + b * x.stream,
				       s->x + (t * batch + b) * x.width,
				       x.width * sizeof *x.base);

	desc.isa = how->isa;
	status = lstm_model_new(&model, &desc, n->weights);
	if (status == LSTM_OK)
		status = lstm_state_new(&state, model, s->batch, how->max_steps);
	if (status == LSTM_OK)
		status = run_all(state, s, how, &x, &y, &z);
	if (status == LSTM_OK) {
		compare_y(&result, expected, n, s, how, &y);
		compare_states(&result, expected, n, s, how, &z);
	} else {
		say(&result, n, s, how, lstm_strerror(status));
	}
	lstm_state_free(state);
	lstm_model_free(model);
	free(x.base);
	free(y.base);
	states_free(&z);
	return result;
}

check_result check_engine(const net *n, const sequence *s, const check_how *how)
{
	oracle_output expected = oracle_of(n, s);
	check_result result = check_against(&expected, n, s, how);

	oracle_free(&expected);
	return result;
}

int check_quick(const char *suite)
{
	const char *wish = getenv("LSTM_TEST_QUICK");
	static int said;
	int quick = wish && *wish && strcmp(wish, "0") != 0;

	if (quick && !said++)
		fprintf(stderr, "%s: LSTM_TEST_QUICK is set, every grid is thinned\n", suite);
	return quick;
}
