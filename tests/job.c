#include "job.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"
#include "varied.h"

void *job_allocate(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	cr_assert_not_null(p, "out of memory");
	return p;
}

/* Each a little off the float, by a factor of its own; NULL of NULL. */
static double *doubled(const float *from, size_t count)
{
	double *to;
	size_t k;

	if (!from)
		return NULL;
	to = job_allocate(count, sizeof *to);
	for (k = 0; k < count; k++)
		to[k] = (double)from[k] * (1.0 + 1e-9 * (double)(k % 97));
	return to;
}

static lstm_weights_f64 doubled_weights(const net *n, size_t cell)
{
	const lstm_weights *from = &n->weights[cell];
	size_t hidden = (size_t)n->desc.hidden, units = (size_t)oracle_units(&n->desc);
	int layer = (int)cell / oracle_directions(&n->desc);
	lstm_weights_f64 to;

	to.w = doubled(from->w, 4 * hidden * (size_t)oracle_width(&n->desc, layer));
	to.u = doubled(from->u, 4 * hidden * units);
	to.b = doubled(from->b, 4 * hidden);
	to.b2 = doubled(from->b2, 4 * hidden);
	to.peephole = doubled(from->peephole, 3 * hidden);
	to.projection = doubled(from->projection, units * hidden);
	return to;
}

struct job job_make(unsigned i, int batch, size_t steps, unsigned what)
{
	struct job j = {0};
	size_t streams = (size_t)batch, cell;
	void *p;

	j.n = varied_net(i);
	j.s = sequence_make(&j.n.desc, batch, steps, SEQUENCE_NORMAL | what, 500 + i);
	j.cells = (size_t)(oracle_layers(&j.n.desc) * oracle_directions(&j.n.desc));
	j.units = (size_t)oracle_units(&j.n.desc);
	j.hidden = (size_t)j.n.desc.hidden;
	j.width = varied_width(&j.n);
	j.weights = job_allocate(j.cells, sizeof *j.weights);
	for (cell = 0; cell < j.cells; cell++)
		j.weights[cell] = doubled_weights(&j.n, cell);
	j.x = doubled(j.s.x, steps * streams * (size_t)j.n.desc.input);
	j.h0 = doubled(j.s.h0, j.cells * streams * j.units);
	j.c0 = doubled(j.s.c0, j.cells * streams * j.hidden);
	j.y = job_allocate(steps * streams * j.width, sizeof(double));
	j.h = job_allocate(j.cells * streams * j.units, sizeof(double));
	j.c = job_allocate(j.cells * streams * j.hidden, sizeof(double));
	j.last = job_allocate(streams * j.width, sizeof(double));
	cr_assert_eq(lstm_f64_size(&j.n.desc, batch, steps, &j.bytes), LSTM_OK, "no size");
	cr_assert_eq(posix_memalign(&p, LSTM_ALIGN, j.bytes), 0, "out of memory");
	memset(p, 0xff, j.bytes); /* NaN: nothing in it is used */
	j.workspace = p;
	j.args.batch = batch;
	j.args.x = j.x;
	j.args.y = j.y;
	j.args.last = j.last;
	j.args.steps = steps;
	j.args.lengths = j.s.lengths;
	j.args.mask = j.s.mask;
	j.args.masked = j.s.zero ? LSTM_MASKED_ZERO : LSTM_MASKED_HOLD;
	j.args.h0 = j.h0;
	j.args.c0 = j.c0;
	j.args.hn = j.h;
	j.args.cn = j.c;
	return j;
}

lstm_status job_run(struct job *j)
{
	return lstm_f64_run(&j->n.desc, j->weights, &j->args, j->workspace, j->bytes);
}

void job_free(struct job *j)
{
	size_t cell;

	for (cell = 0; cell < j->cells; cell++) {
		free((double *)j->weights[cell].w);
		free((double *)j->weights[cell].u);
		free((double *)j->weights[cell].b);
		free((double *)j->weights[cell].b2);
		free((double *)j->weights[cell].peephole);
		free((double *)j->weights[cell].projection);
	}
	free(j->weights);
	free(j->x);
	free(j->h0);
	free(j->c0);
	free(j->y);
	free(j->h);
	free(j->c);
	free(j->last);
	free(j->workspace);
	sequence_free(&j->s);
	net_free(&j->n);
}
