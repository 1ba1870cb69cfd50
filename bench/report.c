/* The table and its summaries, 104 columns wide. */
#include "report.h"

#include <string.h>

int bench_is_peer(const struct bench_engine *e)
{
	return strcmp(e->name, "lstm.h") != 0;
}

const char *bench_engine_label(const struct bench_engine *e, char *text, size_t size)
{
	const int small = strcmp(e->dtype, "f32") != 0;
	int used;

	if (bench_is_peer(e))
		used = snprintf(text, size, "%s", e->name);
	else
		used = snprintf(text, size, "%s %s %s", e->name, e->isa, e->activations);
	if (small && used > 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used, " %s", e->dtype);
	return text;
}

void bench_name_case(const struct bench_case *c, char *mode, char *shape, size_t size)
{
	if (c->mode == BENCH_BATCH)
		snprintf(mode, size, "batch/%d", c->batch);
	else
		snprintf(mode, size, "%s", bench_mode_name(c->mode));
	snprintf(shape, size, "%dx%d", c->input, c->hidden);
}

/* ns with as many digits as they deserve. */
static const char *digits(double ns, char *text, size_t size)
{
	snprintf(text, size, "%.*f", ns < 100 ? 2 : ns < 10000 ? 1 : 0, ns);
	return text;
}

static int same_case(const struct bench_case *a, const struct bench_case *b)
{
	return a->mode == b->mode && a->input == b->input && a->hidden == b->hidden &&
	       a->batch == b->batch;
}

void bench_report_heading(FILE *out)
{
	fprintf(out, "\n%-8s %-9s %-26s %9s %5s %9s %7s %5s %5s %-5s %7s\n", "mode", "IxH",
	        "engine", "ns/step", "+-%", "best", "GFLOP/s", "GB/s", "of", "limit", "differs");
}

void bench_report_row(FILE *out, const struct bench_row *r)
{
	char mode[20], shape[20], label[40], ns[20], best[20];
	double spread;

	bench_name_case(&r->shape, mode, shape, sizeof(mode));
	bench_engine_label(r->engine, label, sizeof(label));
	if (r->why[0]) {
		fprintf(out, "%-8s %-9s %-26s %s\n", mode, shape, label, r->why);
		return;
	}
	spread = 50 * (r->ns.high - r->ns.low) / r->ns.median;
	fprintf(out, "%-8s %-9s %-26s %9s %4.*f%c %9s %7.1f %5.1f %5.2f %-5s %7.1e\n", mode, shape,
	        label, digits(r->ns.median, ns, sizeof(ns)), spread < 99 ? 1 : 0, spread,
	        bench_noisy(r) ? '?' : ' ', digits(r->ns.min, best, sizeof(best)),
	        bench_operations(&r->shape) / r->ns.median,
	        bench_read_bytes(&r->shape, bench_weight_bytes(r->engine->dtype)) / r->ns.median,
	        r->limit_ns / r->ns.median, r->limit, r->difference);
}

static void latencies(FILE *out, const struct bench_row *rows, size_t count)
{
	char mode[20], shape[20], label[40], ns[4][20];
	int heading = 0, k;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct bench_row *r = &rows[i];

		if (r->why[0] || r->late[0] <= 0)
			continue;
		if (!heading++)
			fprintf(out,
			        "\nSingle calls of one step, ns (less the clock's own cost)\n%-9s "
			        "%-26s "
			        "%10s %10s %10s %10s\n",
			        "IxH", "engine", "median", "p99", "p99.9", "longest");
		bench_name_case(&r->shape, mode, shape, sizeof(mode));
		for (k = 0; k < 4; k++)
			digits(r->late[k], ns[k], sizeof(ns[k]));
		fprintf(out, "%-9s %-26s %10s %10s %10s %10s\n", shape,
		        bench_engine_label(r->engine, label, sizeof(label)), ns[0], ns[1], ns[2],
		        ns[3]);
	}
}

/* What is paid per call and not per step: t(1) = call + step and t(n) / n = call / n + step. */
static void call_costs(FILE *out, const struct bench_row *rows, size_t count)
{
	char mode[20], shape[20], label[40], ns[3][20];
	int heading = 0;
	size_t i, k;

	for (i = 0; i < count; i++)
		for (k = 0; k < count; k++) {
			const struct bench_row *one = &rows[i], *many = &rows[k];
			double n = many->shape.steps;

			if (one->why[0] || many->why[0] || one->engine != many->engine ||
			    one->shape.mode != BENCH_STEP || many->shape.mode != BENCH_SEQUENCE ||
			    one->shape.input != many->shape.input ||
			    one->shape.hidden != many->shape.hidden || n < 2)
				continue;
			if (!heading++)
				fprintf(out,
				        "\nA call against its steps, ns (a call's own cost if a "
				        "step costs the "
				        "same in long calls;\nthe gain from projecting the input "
				        "ahead is in "
				        "it)\n%-9s %-26s %10s %14s %12s\n",
				        "IxH", "engine", "one step", "step of many", "per call");
			bench_name_case(&one->shape, mode, shape, sizeof(mode));
			digits(one->ns.median, ns[0], sizeof(ns[0]));
			digits(many->ns.median, ns[1], sizeof(ns[1]));
			digits((one->ns.median - many->ns.median) * n / (n - 1), ns[2],
			       sizeof(ns[2]));
			fprintf(out, "%-9s %-26s %10s %14s %12s\n", shape,
			        bench_engine_label(one->engine, label, sizeof(label)), ns[0], ns[1],
			        ns[2]);
		}
}

/* What numbers near and below 2^-126 cost. */
static void decays(FILE *out, const struct bench_row *rows, size_t count)
{
	char mode[20], shape[20], label[40];
	int heading = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct bench_row *r = &rows[i];

		if (r->why[0] || !r->ratio.count)
			continue;
		if (!heading++)
			fprintf(out,
			        "\nA step with inputs of 1e-40 and states that decay, against "
			        "one with usual numbers, in turn\n%-9s %-26s %8s  %s\n",
			        "IxH", "engine", "ratio", "interval");
		bench_name_case(&r->shape, mode, shape, sizeof(mode));
		fprintf(out, "%-9s %-26s %8.3f  %.3f..%.3f\n", shape,
		        bench_engine_label(r->engine, label, sizeof(label)), r->ratio.median,
		        r->ratio.low, r->ratio.high);
	}
}

/* Best of ours against best of the peers, case by case. */
static void ahead(FILE *out, const struct bench_row *rows, size_t count)
{
	char mode[20], shape[20], label[40];
	size_t i, k, cases = 0, lost = 0;

	for (i = 0; i < count; i = k) {
		const struct bench_row *ours = NULL, *peer = NULL;

		for (k = i; k < count && same_case(&rows[i].shape, &rows[k].shape); k++) {
			const struct bench_row **best =
				bench_is_peer(rows[k].engine) ? &peer : &ours;
			if (!rows[k].why[0] && (!*best || rows[k].ns.median < (*best)->ns.median))
				*best = &rows[k];
		}
		if (!ours || !peer)
			continue;
		if (!cases++)
			fprintf(out, "\nThe fastest peer against lstm.h\n");
		lost += ours->ns.median > peer->ns.median;
		bench_name_case(&ours->shape, mode, shape, sizeof(mode));
		fprintf(out, "%-8s %-9s %-19s takes %.2f times as long%s\n", mode, shape,
		        bench_engine_label(peer->engine, label, sizeof(label)),
		        peer->ns.median / ours->ns.median,
		        ours->ns.median > peer->ns.median ? ": it is ahead" : "");
	}
	if (cases)
		fprintf(out, "A peer is ahead in %zu of %zu cases.\n", lost, cases);
}

void bench_report_summary(FILE *out, const struct bench_row *rows, size_t count)
{
	size_t i, timed = 0, noisy = 0;
	double preempted = 0, confidence = 1;

	latencies(out, rows, count);
	call_costs(out, rows, count);
	decays(out, rows, count);
	ahead(out, rows, count);
	for (i = 0; i < count; i++)
		if (!rows[i].why[0]) {
			timed++;
			noisy += (size_t)bench_noisy(&rows[i]);
			preempted += rows[i].preempted;
			if (rows[i].ns.confidence < confidence)
				confidence = rows[i].ns.confidence;
		}
	if (!timed)
		return;
	fprintf(out,
	        "\nns/step: median of the repetitions, +-: half its confidence interval (%.0f %% "
	        "or "
	        "more).\nAnother process took the CPU in %.0f %% of the repetitions that count.\n",
	        100 * confidence, 100 * preempted / (double)timed);
	if (noisy)
		fprintf(out,
		        "WARNING: the machine was too noisy to say in the %zu of %zu rows marked "
		        "?: their "
		        "interval is\nwider than a tenth of the median.  Repeat them on a quiet "
		        "machine.\n",
		        noisy, timed);
}
