/* From options to engines, from cases to rows. */
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accuracy.h"
#include "exact.h"
#include "file.h"
#include "options.h"
#include "ours.h"
#include "recorded.h"
#include "report.h"
#ifdef BENCH_WITH_PEERS
#include "peers/peers.h"
#endif
#include "lstm.h"

struct bench {
	struct bench_options options;
	struct bench_engine engines[BENCH_ENGINES];
	int engine_count;
	struct bench_machine machine;
	struct bench_row *rows;
	size_t row_count;
	struct bench_recorded recorded; /* with --net */
	struct bench_error *errors;
	size_t error_count;
};

/* ---- engines --------------------------------------------------------------------------------- */
static const char *const dtypes[] = {"f32", "bf16", "f16", "int8"};

#define DTYPES ((int)(sizeof(dtypes) / sizeof(dtypes[0])))

/* Every instruction set and build with weights of this type. */
static int add_ours_of(struct bench *b, const char *dtype)
{
	static int (*const builds[])(int isa, const char *dtype, struct bench_engine *engine) = {
		bench_ours_builtin,
#ifdef BENCH_WITH_SLEEF
		bench_ours_sleef,
#endif
	};
	const struct bench_options *o = &b->options;
	const int before = b->engine_count;
	size_t build;
	int isa;

	for (isa = LSTM_ISA_COUNT - 1; isa > LSTM_ISA_AUTO; isa--) {
		if (o->accuracy && !o->isas && b->engine_count > before)
			break; /* all vectors give the same bits */
		for (build = 0; build < sizeof(builds) / sizeof(builds[0]); build++) {
			struct bench_engine *e = &b->engines[b->engine_count];
			int runs = builds[build](isa, dtype, e);
			int asked =
				o->isas ? bench_listed(o->isas, e->isa) : isa != LSTM_ISA_SCALAR;

			if (o->activations && !bench_listed(o->activations, e->activations))
				continue;
			if (asked && o->isas && !runs) {
				fprintf(stderr,
				        "%s: --isa: %s is not in this build or not on this CPU\n",
				        o->program, e->isa);
				return 0;
			}
			b->engine_count += asked && runs;
		}
	}
	return 1;
}

static int add_ours(struct bench *b)
{
	int d;

	for (d = 0; d < DTYPES; d++)
		if (bench_listed(b->options.dtypes, dtypes[d]) && !add_ours_of(b, dtypes[d]))
			return 0;
	if (!b->engine_count)
		fprintf(stderr,
		        "%s: nothing to measure: no such instruction set with such activations\n",
		        b->options.program);
	return b->engine_count > 0;
}

#ifdef BENCH_WITH_PEERS
static int peer_known(const char *name, size_t size)
{
	const struct bench_peer *p;
	int i;

	for (i = 0; (p = bench_peer_at(i)) != NULL; i++)
		if (strlen(p->name) == size && strncmp(p->name, name, size) == 0)
			return 1;
	return (size == 3 && strncmp(name, "all", 3) == 0) ||
	       (size == 4 && strncmp(name, "none", 4) == 0);
}

static void add_peer(struct bench *b, const struct bench_peer *p)
{
	int d;

	for (d = 0; d < DTYPES; d++)
		if (bench_listed(b->options.dtypes, dtypes[d]) &&
		    bench_listed(p->dtypes, dtypes[d]))
			bench_peer_engine(p, dtypes[d], &b->engines[b->engine_count++]);
}

static int add_peers(struct bench *b)
{
	const struct bench_options *o = &b->options;
	const char *list = o->peers, *name;
	const struct bench_peer *p;
	char why[200];
	size_t size;
	int i;

	for (name = list; name; name = name[size] ? name + size + 1 : NULL) {
		size = strcspn(name, ",");
		if (!peer_known(name, size)) {
			fprintf(stderr,
			        "%s: --peers: expected names that --list shows, all or none, "
			        "found \"%.*s\"\n",
			        o->program, (int)size, name);
			return 0;
		}
	}
	for (i = 0; (p = bench_peer_at(i)) != NULL; i++) {
		int named = list && bench_listed(list, p->name);

		if (list && !named && !bench_listed(list, "all"))
			continue;
		if (p->present(why, sizeof(why)))
			add_peer(b, p);
		else
			fprintf(stderr, "%s: %s: %s\n", o->program, p->name, why);
		if (named && !p->present(why, sizeof(why)))
			return 0;
	}
	return 1;
}
#else
static int add_peers(struct bench *b)
{
	if (!b->options.peers || strcmp(b->options.peers, "none") == 0)
		return 1;
	fprintf(stderr, "%s: --peers: expected none, as this program has no peers, found \"%s\"\n",
	        b->options.program, b->options.peers);
	return 0;
}
#endif

static void list(const struct bench *b)
{
	char label[40];
	int i;

	printf("engines:\n");
	for (i = 0; i < b->engine_count; i++)
		printf("  %-26s %s\n", bench_engine_label(&b->engines[i], label, sizeof(label)),
		       b->engines[i].version);
	printf("modes:\n");
	for (i = 0; i < BENCH_MODES; i++)
		printf("  %-9s %s\n", bench_mode_name((enum bench_mode)i),
		       bench_mode_about((enum bench_mode)i));
}

/* ---- the run --------------------------------------------------------------------------------- */
static void progress(const struct bench *b, int done, int all, const struct bench_case *c)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (c)
		fprintf(stderr, "\r[%d/%d] %s %dx%d, %d engines \033[K", done + 1, all,
		        bench_mode_name(c->mode), c->input, c->hidden, b->engine_count);
	else
		fprintf(stderr, "\r\033[K");
}

static int count_cases(const struct bench *b)
{
	struct bench_case c;
	char why[200];
	int index = 0, status;

	while ((status = bench_grid_next(&b->options.grid, &index, &c, why, sizeof(why))) > 0)
		;
	if (status < 0)
		fprintf(stderr, "%s: %s\n", b->options.program, why);
	return status < 0 ? -1 : index;
}

/* How many of the engines take part: of those that cannot make a model alone, the peers, which are
 * the last ones, none in mode setup. */
static int engines_for(const struct bench *b, const struct bench_case *c)
{
	int n = b->engine_count;

	while (c->mode == BENCH_SETUP && n > 0 && !b->engines[n - 1].setup)
		n--;
	return n;
}

static void model(const struct bench_model *m, FILE *table)
{
	fprintf(table, "  model: %d layer%s in %d direction%s, ", m->layers, m->layers > 1 ? "s" : "",
	        m->directions, m->directions > 1 ? "s" : "");
	if (m->projection)
		fprintf(table, "projection %d, ", m->projection);
	fprintf(table, "%s\n", m->dtype);
	if (m->note)
		fprintf(table, "  note: %s\n", m->note);
}

static int measure_all(struct bench *b, FILE *table)
{
	struct bench_case c;
	char why[200];
	int all = count_cases(b), index = 0, done, e;

	if (all < 0)
		return 2;
	b->rows = malloc((size_t)all * (size_t)b->engine_count * sizeof(*b->rows));
	if (!b->rows)
		return 1;
	bench_report_machine(table, &b->machine);
	for (e = 0; e < b->engine_count; e++)
		if (bench_is_peer(&b->engines[e]) &&
		    (e == 0 || strcmp(b->engines[e - 1].name, b->engines[e].name) != 0))
			fprintf(table, "  peer %s %.80s\n", b->engines[e].name,
			        b->engines[e].version);
	if (b->options.grid.model)
		model(b->options.grid.model, table);
	bench_report_heading(table);
	for (done = 0; bench_grid_next(&b->options.grid, &index, &c, why, sizeof(why)) > 0;
	     done++) {
		struct bench_row *rows = b->rows + b->row_count;
		int engines = engines_for(b, &c);

		progress(b, done, all, &c);
		if (!bench_measure(&c, b->engines, engines, &b->options.effort, rows)) {
			progress(b, done, all, NULL);
			fprintf(stderr, "%s: %dx%d: out of memory\n", b->options.program, c.input,
			        c.hidden);
			return 1;
		}
		progress(b, done, all, NULL);
		for (e = 0; e < engines; e++)
			bench_report_row(table, &rows[e]);
		fflush(table);
		b->row_count += (size_t)engines;
	}
	bench_report_summary(table, b->rows, b->row_count);
	return 0;
}

/* The types that there are, and then what others would give. */
static int accuracy(struct bench *b, FILE *table)
{
	int k;

	for (k = 0; bench_simulated(k, &b->engines[b->engine_count]); k++)
		b->engine_count++;
	return bench_accuracy(table, b->options.program, &b->options.grid,
	                      b->options.net ? &b->recorded : NULL, b->engines, b->engine_count,
	                      &b->errors, &b->error_count);
}

static int write_json(const struct bench *b)
{
	const char *path = b->options.json;
	struct bench_file file;
	int good = bench_file_open(&file, path);

	if (good && b->options.accuracy)
		bench_accuracy_json(file.stream, &b->machine, b->errors, b->error_count);
	else if (good)
		bench_report_json(file.stream, &b->machine, b->rows, b->row_count);
	good = good && bench_file_close(&file);
	if (!good)
		fprintf(stderr, "%s: %s: cannot be written: %s\n", b->options.program, path,
		        strerror(errno));
	return !good;
}

/* 1 if a peer's result was not the same. */
static int any_differs(const struct bench *b)
{
	size_t i;

	for (i = 0; i < b->row_count; i++)
		if (b->rows[i].why[0] && b->rows[i].difference >= 0)
			return 1;
	return 0;
}

int bench_command(int argc, char **argv, const struct bench_host *host)
{
	static struct bench b;
	char why[200];
	FILE *table = stdout;
	int status = bench_options_read(&b.options, argc, argv, host), cpu;

	if (status >= 0)
		return status;
	if (b.options.net) {
		status = bench_recorded_read(&b.recorded, b.options.program, b.options.net,
		                             b.options.prefix, b.options.input);
		if (status >= 0) {
			bench_recorded_free(&b.recorded);
			return status;
		}
	}
	/* First, lest a peer's threads or process be left elsewhere. */
	cpu = b.options.cpu == -2 ? -1 : bench_pin(b.options.cpu);
	/* What was asked for wrongly is said before what is not installed. */
	if (count_cases(&b) < 0 || !add_ours(&b) || !add_peers(&b))
		return 2;
	if (b.options.list) {
		list(&b);
		return 0;
	}
	if (b.options.json && strcmp(b.options.json, "-") == 0)
		table = stderr;
	if (b.options.accuracy) {
		bench_machine_name(&b.machine, cpu);
		status = accuracy(&b, table);
	} else {
		bench_machine_measure(&b.machine, cpu);
		status = measure_all(&b, table);
	}
	if (status == 0 && b.options.json)
		status = write_json(&b);
	if (status == 0 && b.options.plot &&
	    bench_report_plot(b.options.plot, b.rows, b.row_count, why, sizeof(why)) < 0) {
		fprintf(stderr, "%s: %s: %s\n", b.options.program, b.options.plot, why);
		status = 1;
	}
	if (status == 0)
		status = any_differs(&b);
	free(b.rows);
	free(b.errors);
	bench_recorded_free(&b.recorded);
	return status;
}
