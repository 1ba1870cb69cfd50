/* lstm-bench-threads: what a team of threads gains, and what it costs when its CPUs are taken. */
#include "../options.h"
#include "../report.h"

#include "neighbour.h"
#include "race.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: %s [OPTION]...\n"
	"Measure lstm.h with teams of threads against one thread, in wall time.\n"
	"\n"
	"  --threads LIST       sizes of teams, the caller included (1,2 and so on, 8 at most)\n"
	"  --neighbour LIST     of quiet,busy: a process uses the second CPU or not (both)\n"
	"  --mode LIST          of step,block,sequence,batch (step,sequence,batch)\n"
	"  --shape LIST         INPUTxHIDDEN (128x128,256x256,512x512,1024x1024)\n"
	"  --batch LIST         streams in lockstep, mode batch (8,32)\n"
	"  --isa NAME           of scalar,neon,avx2,avx512 (the best)\n"
	"  --steps N            steps per call, all modes but step\n"
	"  --quick              shorter\n"
	"  --repeat N           rounds, 3 to 201 (15)\n"
	"  --cpu N              the caller's CPU (the present one); workers have the others\n"
	"  --json FILE          write the results as JSON; - for standard output\n"
	"  --help               this\n";

static const char *const neighbour_names[RACE_NEIGHBOURS] = {"quiet", "busy"};

struct program {
	struct bench_options options; /* those that lstm-bench has too */
	const char *threads, *neighbours;
	struct neighbourhood place;
	struct race_plan plan;
	struct race_row *rows;
	size_t row_count;
};

/* ---- options --------------------------------------------------------------------------------- */
static int complain(const struct program *p, const char *option, const char *expected,
                    const char *found)
{
	fprintf(stderr, "%s: %s: expected %s, found \"%s\"\n", p->options.program, option, expected,
	        found);
	return 0;
}

/* The sizes of teams: one thread first, whether it was named or not, as all are held against it. */
static int read_threads(struct program *p)
{
	struct race_plan *plan = &p->plan;
	const char *text = p->threads;
	char expected[60], *end;
	int n;

	snprintf(expected, sizeof(expected), "up to %d numbers of 1..%d", RACE_TEAMS - 1,
	         threads_most());
	plan->teams[plan->count++].threads = 1;
	for (n = 2; !text && n <= p->place.others + 1 && n <= RACE_TEAMS; n++)
		plan->teams[plan->count++].threads = n;
	while (text) {
		long value = strtol(text, &end, 10);
		if (end == text || (*end && *end != ',') || value < 1 || value > threads_most() ||
		    plan->count == RACE_TEAMS)
			return complain(p, "--threads", expected, p->threads);
		if (value > 1)
			plan->teams[plan->count++].threads = (int)value;
		text = *end ? end + 1 : NULL;
	}
	return 1;
}

static int read_neighbours(struct program *p)
{
	const char *list = p->neighbours ? p->neighbours : p->place.others ? "quiet,busy" : "quiet";
	const char *name;
	size_t size;
	int i, known;

	for (name = list; name; name = name[size] ? name + size + 1 : NULL) {
		size = strcspn(name, ",");
		for (i = known = 0; i < RACE_NEIGHBOURS; i++)
			if (strlen(neighbour_names[i]) == size &&
			    strncmp(neighbour_names[i], name, size) == 0)
				p->plan.with[i] = known = 1;
		if (!known)
			return complain(p, "--neighbour", "quiet or busy, or both", list);
	}
	if (p->plan.with[RACE_BUSY] && !p->place.others)
		return complain(p, "--neighbour", "quiet, as there is only one CPU", list);
	return 1;
}

/* Those that lstm-bench has too, and has a use for. */
static int read_common(struct program *p, int argc, char **argv)
{
	struct bench_options *o = &p->options;
	const char *isas;

	if (bench_options_read(o, argc, argv, NULL) >= 0)
		return 0;
	isas = o->isas;
	if (o->activations || o->peers || o->plot || o->list) {
		fprintf(stderr, "%s: an option of lstm-bench that has no use here, see --help\n",
		        o->program);
		return 0;
	}
	if (o->cpu == -2)
		return complain(p, "--cpu", "a number", "any");
	p->plan.isa = threads_isa(isas);
	if (!p->plan.isa)
		return complain(p, "--isa", "one that is in this build and on this CPU", isas);
	o->grid.modes = o->grid.modes ? o->grid.modes : "step,sequence,batch";
	o->grid.shapes = o->grid.shapes ? o->grid.shapes : "128x128,256x256,512x512,1024x1024";
	o->grid.batches = o->grid.batches ? o->grid.batches : "8,32";
	p->plan.rounds = o->effort.fixed ? o->effort.fixed : o->grid.quick ? 5 : 15;
	p->plan.repetition = o->grid.quick ? 5e6 : 3e7;
	return 1;
}

static int read_options(struct program *p, int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	int i, count = 0, good;

	if (!rest)
		return 0;
	p->options.program = argv[0];
	for (i = 0; i < argc; i++) {
		const char **own = strcmp(argv[i], "--threads") == 0     ? &p->threads
		                   : strcmp(argv[i], "--neighbour") == 0 ? &p->neighbours
		                                                         : NULL;
		if (own && i + 1 < argc)
			*own = argv[++i];
		else
			rest[count++] = argv[i];
	}
	good = read_common(p, count, rest);
	free(rest);
	if (!good)
		return 0;
	neighbourhood_find(&p->place, p->options.cpu);
	return read_threads(p) && read_neighbours(p);
}

/* ---- the run --------------------------------------------------------------------------------- */
/* How many cases the grid has; -1: it is wrong. */
static int count_cases(const struct program *p)
{
	struct bench_case c;
	char why[200];
	int index = 0, status;

	while ((status = bench_grid_next(&p->options.grid, &index, &c, why, sizeof(why))) > 0)
		if (c.layers > 1 || c.streams > 1 || c.mode == BENCH_SETUP)
			return complain(p, "--mode", "step, block, sequence or batch",
			                bench_mode_name(c.mode)) -
			       1;
	if (status < 0)
		fprintf(stderr, "%s: %s\n", p->options.program, why);
	return status < 0 ? -1 : index;
}

static void print_row(FILE *table, const struct race_row *r)
{
	char mode[20], shape[20];

	bench_name_case(&r->shape, mode, shape, sizeof(mode));
	fprintf(table, "| %-8s | %-9s | %7d | %-9s | %10.0f | %10.0f | %5.2f | %.2f..%.2f |\n", mode,
	        shape, r->threads, neighbour_names[r->neighbour], r->ns.median, r->ns.min,
	        r->gain.median, r->gain.low, r->gain.high);
}

static int measure(struct program *p, FILE *table)
{
	struct bench_case c;
	char why[200];
	int index = 0;
	size_t first;

	fprintf(table, "\n%s %s, caller on CPU %d, its neighbour on CPU %d\n\n",
	        threads_isa_name(p->plan.isa), threads_activations(), p->place.caller,
	        p->place.second);
	/* Markdown's, so that it can be published. */
	fprintf(table, "| %-8s | %-9s | %7s | %-9s | %10s | %10s | %5s | %-10s |\n", "mode", "IxH",
	        "threads", "neighbour", "ns/step", "best", "gain", "interval");
	fprintf(table, "| --- | --- | ---: | --- | ---: | ---: | ---: | --- |\n");
	while (bench_grid_next(&p->options.grid, &index, &c, why, sizeof(why)) > 0) {
		first = p->row_count;
		if (!race(&p->plan, &c, p->rows, &p->row_count, why, sizeof(why))) {
			fprintf(stderr, "%s: %s %dx%d: %s\n", p->options.program,
			        bench_mode_name(c.mode), c.input, c.hidden, why);
			return 0;
		}
		for (; first < p->row_count; first++)
			print_row(table, &p->rows[first]);
		fflush(table);
	}
	fprintf(table,
	        "\nns/step: wall time, the median of %d rounds; gain: the median of the\n"
	        "rounds' ratios, one thread's time / the team's, with its interval.\n",
	        p->plan.rounds);
	return 1;
}

static int write_json(const struct program *p, const struct bench_machine *machine)
{
	const char *path = p->options.json;
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	size_t i;
	int wrong;

	if (f)
		bench_report_json_head(f, machine);
	for (i = 0; f && i < p->row_count; i++) {
		const struct race_row *r = &p->rows[i];
		fprintf(f,
		        "%s\n{\"mode\": \"%s\", \"isa\": \"%s\", \"dtype\": \"f32\", "
		        "\"activations\": \"%s\", \"input\": %d, \"hidden\": %d, \"batch\": %d, "
		        "\"steps\": %d, \"threads\": %d, \"neighbour\": \"%s\", ",
		        i ? "," : "", bench_mode_name(r->shape.mode), threads_isa_name(p->plan.isa),
		        threads_activations(), r->shape.input, r->shape.hidden, r->shape.batch,
		        r->shape.steps, r->threads, neighbour_names[r->neighbour]);
		fprintf(f,
		        "\"ns_per_step\": %.3f, \"ns_low\": %.3f, \"ns_high\": %.3f, \"ns_min\": "
		        "%.3f, \"repetitions\": %zu, \"gain\": %.4f, \"gain_low\": %.4f, "
		        "\"gain_high\": %.4f}",
		        r->ns.median, r->ns.low, r->ns.high, r->ns.min, r->ns.count, r->gain.median,
		        r->gain.low, r->gain.high);
	}
	if (f)
		fprintf(f, "\n]\n}\n");
	wrong = !f || ferror(f) || fflush(f) != 0;
	if (f && f != stdout)
		wrong |= fclose(f) != 0;
	if (wrong)
		fprintf(stderr, "%s: %s: cannot be written: %s\n", p->options.program, path,
		        strerror(errno));
	return !wrong;
}

/* Workers start on the CPUs that are theirs, before the caller goes to its own. */
static int gather(struct program *p)
{
	int i;

	neighbourhood_for_workers(&p->place);
	for (i = 0; i < p->plan.count; i++) {
		struct race_team *t = &p->plan.teams[i];
		t->team = threads_team_new(t->threads);
		if (!t->team) {
			fprintf(stderr, "%s: --threads: %d threads cannot be started\n",
			        p->options.program, t->threads);
			return 0;
		}
	}
	neighbourhood_for_caller(&p->place);
	return 1;
}

int main(int argc, char **argv)
{
	static struct program p;
	static struct bench_machine machine;
	FILE *table = stdout;
	int i, cases, good = 0;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0) {
			printf(help, argv[0]);
			return 0;
		}
	if (!read_options(&p, argc, argv) || (cases = count_cases(&p)) < 0)
		return 2;
	if (p.options.json && strcmp(p.options.json, "-") == 0)
		table = stderr;
	if (p.plan.with[RACE_BUSY] && !neighbour_start(&p.place)) {
		fprintf(stderr, "%s: --neighbour: no process can be started: %s\n", argv[0],
		        strerror(errno));
		return 1;
	}
	bench_machine_measure(&machine, p.place.caller);
	bench_report_machine(table, &machine);
	p.rows = calloc((size_t)(cases * RACE_NEIGHBOURS * RACE_TEAMS), sizeof(*p.rows));
	if (p.rows && gather(&p))
		good = measure(&p, table) && (!p.options.json || write_json(&p, &machine));
	for (i = 0; i < p.plan.count; i++)
		threads_team_free(p.plan.teams[i].team);
	neighbour_end();
	free(p.rows);
	return good ? 0 : 1;
}
