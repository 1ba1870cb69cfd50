/* The results as JSON: {"machine", "limits", "rows"}. */
#include "report.h"

void bench_json_text(FILE *out, const char *s)
{
	putc('"', out);
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if ((unsigned char)*s < 32)
			fprintf(out, "\\u%04x", (unsigned char)*s);
		else
			putc(*s, out);
	putc('"', out);
}

void bench_json_machine(FILE *out, const struct bench_machine *m)
{
	fprintf(out, "{\n\"machine\": {\"cpu\": ");
	bench_json_text(out, m->cpu);
	fprintf(out, ", \"system\": ");
	bench_json_text(out, m->system);
	fprintf(out, ", \"compiler\": ");
	bench_json_text(out, m->compiler);
	fprintf(out, ", \"date\": ");
	bench_json_text(out, m->date);
	fprintf(out, ", \"pinned_to\": ");
	if (m->pinned >= 0)
		fprintf(out, "%d", m->pinned);
	else
		fprintf(out, "null");
	fprintf(out, ", \"load\": %.2f", m->load);
}

static void limits(FILE *out, const struct bench_machine *m)
{
	const struct bench_vector *v;
	const struct bench_dot *d;
	int i;

	fprintf(out, "},\n\"limits\": {\n\"vectors\": [");
	for (i = 0; i < 4 && (v = bench_vector_at(i)) != NULL; i++)
		fprintf(out,
		        "%s{\"isa\": \"%s\", \"gflops\": %.2f, \"gflops_still\": %.2f, "
		        "\"cell_ns\": %.4f, \"chain_ns\": %.2f}",
		        i ? ", " : "", v->name, m->fma[i], m->still[i], m->cell[i], m->chain[i]);
	fprintf(out, "],\n\"dots\": [");
	for (i = 0; i < 8 && (d = bench_dot_at(i)) != NULL; i++)
		fprintf(out, "%s{\"name\": \"%s\", \"dtype\": \"%s\", \"gops\": %.2f}",
		        i ? ", " : "", d->name, d->dtype, m->dot[i]);
	fprintf(out, "],\n\"read\": [");
	for (i = 0; i < BENCH_LADDER && m->ladder[i] > 0; i++)
		fprintf(out, "%s{\"bytes\": %zu, \"gb_per_s\": %.2f}", i ? ", " : "",
		        m->ladder_bytes[i], m->ladder[i]);
	fprintf(out, "]},\n\"rows\": [");
}

void bench_json_case(FILE *out, const struct bench_engine *e, const struct bench_case *c)
{
	fprintf(out,
	        "\"mode\": \"%s\", \"engine\": \"%s\", \"isa\": \"%s\", \"dtype\": \"%s\", "
	        "\"activations\": \"%s\", \"input\": %d, \"hidden\": %d, \"layers\": %d, "
	        "\"directions\": %d, \"projection\": %d, \"batch\": %d, \"steps\": %d, "
	        "\"streams\": %d, \"version\": ",
	        bench_mode_name(c->mode), e->name, e->isa, e->dtype, e->activations, c->input,
	        c->hidden, c->layers, c->directions, c->projection, c->batch, c->steps, c->streams);
	bench_json_text(out, e->version);
}

static void timed(FILE *out, const struct bench_row *r)
{
	fprintf(out,
	        ", \"ns_per_step\": %.3f, \"ns_low\": %.3f, \"ns_high\": %.3f, \"confidence\": "
	        "%.4f, "
	        "\"ns_min\": %.3f, \"repetitions\": %zu, \"preempted\": %.3f, \"noisy\": %s, "
	        "\"limit_ns\": %.3f, \"limit\": \"%s\", \"fraction\": %.4f, \"gflops\": %.3f, "
	        "\"peak_gflops\": %.3f, \"gb_per_s\": %.3f",
	        r->ns.median, r->ns.low, r->ns.high, r->ns.confidence, r->ns.min, r->ns.count,
	        r->preempted, bench_noisy(r) ? "true" : "false", r->limit_ns, r->limit,
	        r->limit_ns / r->ns.median, bench_operations(&r->shape) / r->ns.median, r->fma,
	        bench_read_bytes(&r->shape, bench_weight_bytes(r->engine->dtype)) / r->ns.median);
	if (r->ratio.count)
		fprintf(out, ", \"ratio\": %.4f, \"ratio_low\": %.4f, \"ratio_high\": %.4f",
		        r->ratio.median, r->ratio.low, r->ratio.high);
	if (r->late[0] > 0)
		fprintf(out,
		        ", \"call_median\": %.1f, \"call_p99\": %.1f, \"call_p999\": %.1f, "
		        "\"call_max\": %.1f",
		        r->late[0], r->late[1], r->late[2], r->late[3]);
}

void bench_report_json_head(FILE *out, const struct bench_machine *m)
{
	bench_json_machine(out, m);
	limits(out, m);
}

void bench_report_json(FILE *out, const struct bench_machine *m, const struct bench_row *rows,
                       size_t count)
{
	size_t i;

	bench_report_json_head(out, m);
	for (i = 0; i < count; i++) {
		const struct bench_row *r = &rows[i];

		fprintf(out, "%s\n{", i ? "," : "");
		bench_json_case(out, r->engine, &r->shape);
		if (r->difference >= 0)
			fprintf(out, ", \"difference\": %.3e", r->difference);
		if (r->why[0]) {
			fprintf(out, ", \"ns_per_step\": null, \"error\": ");
			bench_json_text(out, r->why);
		} else {
			timed(out, r);
		}
		putc('}', out);
	}
	fprintf(out, "\n]\n}\n");
}
