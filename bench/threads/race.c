#include "race.h"

#include "neighbour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 201   /* rounds */
#define WARM 0.25  /* of a repetition, before it, that is not timed */
#define CHECKED 40 /* calls of one step whose outputs are compared */

struct race {
	const struct race_plan *plan;
	const struct bench_case *shape;
	float *x, *y, *wanted;
	size_t floats; /* of the outputs of one call */
	int checked;
	void *runner[RACE_TEAMS];
	long calls[RACE_NEIGHBOURS][RACE_TEAMS];
	double ns[RACE_NEIGHBOURS][RACE_TEAMS][MOST], gain[RACE_NEIGHBOURS][RACE_TEAMS][MOST];
};

static double timed(struct race *r, int i, long calls)
{
	double before = bench_now();

	while (calls-- > 0)
		threads_run(r->runner[i], r->x, r->y);
	return bench_now() - before;
}

/* Make the states, and compare their first outputs bit by bit. */
static int start(struct race *r, const struct bench_net *net, char *why, size_t size)
{
	const struct race_plan *p = r->plan;
	int i, call;

	for (i = 0; i < p->count; i++) {
		r->runner[i] = threads_create(p->teams[i].team, p->isa, r->shape, net, why, size);
		if (!r->runner[i])
			return 0;
		for (call = 0; call < r->checked; call++) {
			float *wanted = r->wanted + (size_t)call * r->floats;
			threads_run(r->runner[i], r->x, i == 0 ? wanted : r->y);
			if (i > 0 && memcmp(wanted, r->y, r->floats * sizeof(float)) != 0) {
				snprintf(why, size, "a team of %d changed a bit",
				         p->teams[i].threads);
				return 0;
			}
		}
	}
	return 1;
}

/* How many calls fill a repetition: as measured, for with a neighbour it may be far fewer. */
static void calibrate(struct race *r, int neighbour)
{
	int i;

	for (i = 0; i < r->plan->count; i++) {
		long calls = 1;
		double time;
		while ((time = timed(r, i, calls)) < r->plan->repetition / 4)
			calls *= time < r->plan->repetition / 64 ? 16 : 2;
		r->calls[neighbour][i] = (long)(r->plan->repetition / time * (double)calls) + 1;
	}
}

static void round_of(struct race *r, int neighbour, int number)
{
	const int count = r->plan->count;
	int k;

	for (k = 0; k < count; k++) {
		const int i = (k + number) % count;
		const long calls = r->calls[neighbour][i];

		(void)timed(r, i, (long)(WARM * (double)calls) + 1);
		r->ns[neighbour][i][number] = timed(r, i, calls) / (double)calls / r->shape->steps;
	}
	for (k = 0; k < count; k++)
		r->gain[neighbour][k][number] =
			r->ns[neighbour][0][number] / r->ns[neighbour][k][number];
}

static void all_rounds(struct race *r, struct race_row *rows, size_t *count)
{
	const struct race_plan *p = r->plan;
	int neighbour, i, number;

	for (number = -1; number < p->rounds; number++)
		for (neighbour = 0; neighbour < RACE_NEIGHBOURS; neighbour++) {
			if (!p->with[neighbour])
				continue;
			neighbour_busy(neighbour == RACE_BUSY);
			if (number < 0)
				calibrate(r, neighbour);
			else
				round_of(r, neighbour, number);
			neighbour_busy(0);
		}
	for (neighbour = 0; neighbour < RACE_NEIGHBOURS; neighbour++)
		for (i = 0; p->with[neighbour] && i < p->count; i++) {
			struct race_row *row = &rows[(*count)++];

			row->shape = *r->shape;
			row->threads = p->teams[i].threads;
			row->neighbour = neighbour;
			bench_summarize(r->ns[neighbour][i], (size_t)p->rounds, &row->ns);
			bench_summarize(r->gain[neighbour][i], (size_t)p->rounds, &row->gain);
		}
}

int race(const struct race_plan *plan, const struct bench_case *c, struct race_row *rows,
         size_t *count, char *why, size_t size)
{
	struct race *r = calloc(1, sizeof(*r));
	struct bench_net net = {{0}, {0}, {0}, {0}, 0, 0};
	const size_t rows_of_call = (size_t)c->steps * (size_t)c->batch;
	unsigned long long random = 7;
	size_t k;
	int i, done = 0;

	snprintf(why, size, "out of memory");
	if (!r)
		return 0;
	r->plan = plan;
	r->shape = c;
	r->floats = rows_of_call * (size_t)bench_output(c);
	r->checked = c->steps == 1 ? CHECKED : 1;
	r->x = bench_alloc(rows_of_call * (size_t)c->input * sizeof(float));
	r->y = bench_alloc(r->floats * sizeof(float));
	r->wanted = bench_alloc((size_t)r->checked * r->floats * sizeof(float));
	if (r->x && r->y && r->wanted && bench_net_make(c, 1, &net)) {
		for (k = 0; k < rows_of_call * (size_t)c->input; k++)
			r->x[k] = bench_random(&random);
		done = start(r, &net, why, size);
		if (done)
			all_rounds(r, rows, count);
	}
	for (i = 0; i < plan->count; i++)
		threads_destroy(r->runner[i]);
	bench_net_free(&net);
	free(r->wanted);
	free(r->y);
	free(r->x);
	free(r);
	return done;
}
