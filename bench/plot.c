/* The picture: for each mode ns per step and the fraction of the limit over H, drawn by gnuplot. */
#include "report.h"

#include <signal.h>
#include <string.h>

#define PANEL_WIDTH 720
#define PANEL_HEIGHT 400
#define GROUPS 16

static int drawable(const struct bench_row *r)
{
	return !r->why[0] && r->shape.input == r->shape.hidden;
}

static int same_group(const struct bench_row *a, const struct bench_row *b)
{
	return a->shape.mode == b->shape.mode && a->shape.batch == b->shape.batch;
}

/* The first row of each mode and batch. */
static int find_groups(const struct bench_row *rows, size_t count, const struct bench_row **groups)
{
	int n = 0, k;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!drawable(&rows[i]))
			continue;
		for (k = 0; k < n && !same_group(groups[k], &rows[i]); k++)
			;
		if (k == n && n < GROUPS)
			groups[n++] = &rows[i];
	}
	return n;
}

static int find_engines(const struct bench_row *rows, size_t count,
                        const struct bench_engine **engines)
{
	int n = 0, k;
	size_t i;

	for (i = 0; i < count; i++) {
		for (k = 0; k < n && engines[k] != rows[i].engine; k++)
			;
		if (k == n && n < BENCH_ENGINES && drawable(&rows[i]))
			engines[n++] = rows[i].engine;
	}
	return n;
}

/* The rows of one engine in one group as a block of data: H, ns, fraction. */
static int write_data(FILE *out, const struct bench_row *rows, size_t count,
                      const struct bench_row *group, const struct bench_engine *engine)
{
	int points = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (drawable(&rows[i]) && same_group(&rows[i], group) && rows[i].engine == engine) {
			fprintf(out, "%d %.3f %.4f\n", rows[i].shape.hidden, rows[i].ns.median,
			        rows[i].limit_ns / rows[i].ns.median);
			points++;
		}
	return points;
}

static void write_panel(FILE *out, int group, int engines, const int *points,
                        const struct bench_engine **names, int fraction,
                        enum bench_mode mode)
{
	char label[40];
	int e, first = 1;

	if (fraction)
		fprintf(out, "unset logscale y\nset yrange [0:1.1<*<1.6]\nset ylabel 'fraction of the "
		             "limit'\nset format y '%%.1f'\nset ytics 0.2\n");
	else
		fprintf(out,
		        "set logscale y\nset yrange [*:*]\nset ylabel 'ns per %s'\n"
		        "set format y '%%.0s%%c'\nset ytics 10\n",
		        mode == BENCH_SETUP ? "model" : "step");
	fprintf(out, "plot ");
	for (e = 0; e < engines; e++) {
		if (!points[e])
			continue;
		fprintf(out, "%s$d%d_%d using 1:%d with linespoints lw 2 pt %d lt %d%s title '%s'",
		        first ? "" : ", ", group, e, fraction ? 3 : 2, e + 4, e + 1,
		        bench_is_peer(names[e]) ? " dt 2" : "",
		        bench_engine_label(names[e], label, sizeof(label)));
		first = 0;
	}
	fprintf(out, "\n");
}

static void write_script(FILE *out, const char *path, const struct bench_row *rows, size_t count)
{
	const struct bench_row *groups[GROUPS];
	const struct bench_engine *engines[BENCH_ENGINES];
	int group_count = find_groups(rows, count, groups), n = find_engines(rows, count, engines);
	int g, e, points[BENCH_ENGINES];
	static const char *const colours[] = {"9400d3", "009e73", "56b4e9", "e69f00",
	                                      "a65628", "0072b2", "e51e10", "000000",
	                                      "ff69b4", "7f7f7f", "808000", "1a237e"};
	const char *svg = strstr(path, ".svg");
	double low = 1e9, high = 1;
	size_t i;

	for (i = 0; i < count; i++)
		if (drawable(&rows[i])) {
			double h = rows[i].shape.hidden;
			low = h < low ? h : low;
			high = h > high ? h : high;
		}

	fprintf(out, "set terminal %s size %d,%d font 'sans,10'%s\nset output '%s'\n",
	        svg ? "svg" : "pngcairo", 2 * PANEL_WIDTH, group_count * PANEL_HEIGHT,
	        svg ? " background 'white'" : "", path);
	/* None pale.  Where there are more lines, colours of ours return dashed, as peers'. */
	for (i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		fprintf(out, "set linetype %zu lc rgb '#%s'\n", i + 1, colours[i]);
	fprintf(out, "set linetype cycle %zu\n", i);
	fprintf(out,
	        "set multiplot layout %d,2\nset logscale x 2\nset xlabel 'H (input = hidden)'\n"
	        "set grid\nset xrange [%.1f:%.1f]\nset xtics (%.0f",
	        group_count, low / 1.3, high * 1.3, high);
	for (i = 0; i < count; i++)
		if (drawable(&rows[i]))
			fprintf(out, ", %d", rows[i].shape.hidden);
	fprintf(out, ")\n");
	for (g = 0; g < group_count; g++) {
		const struct bench_case *c = &groups[g]->shape;

		for (e = 0; e < n; e++) {
			fprintf(out, "$d%d_%d << EOD\n", g, e);
			points[e] = write_data(out, rows, count, groups[g], engines[e]);
			fprintf(out, "EOD\n");
		}
		fprintf(out, "set title '%s: ", bench_mode_name(c->mode));
		if (c->mode != BENCH_SETUP)
			fprintf(out, "%d step%s per call, ", c->steps, c->steps > 1 ? "s" : "");
		if (c->mode == BENCH_SETUP)
			fprintf(out, "the weights made into a model'\n");
		else if (c->mode == BENCH_DECAY)
			fprintf(out, "inputs of 1e-40, states that decay'\n");
		else if (c->streams > 1)
			fprintf(out, "%d states in turn'\n", c->streams);
		else if (c->layers > 1)
			fprintf(out, "%d layers, %d directions'\n", c->layers, c->directions);
		else
			fprintf(out, "B = %d'\n", c->batch);
		/* Both of the same width, with room for the names at the right. */
		fprintf(out, "set nokey\nset lmargin at screen 0.06\nset rmargin at screen 0.4\n");
		write_panel(out, g, n, points, engines, 0, c->mode);
		fprintf(out, "set key outside right top Left reverse\nset title ' '\n"
		             "set lmargin at screen 0.46\nset rmargin at screen 0.8\n");
		write_panel(out, g, n, points, engines, 1, c->mode);
	}
	fprintf(out, "unset multiplot\nset output\n");
}

int bench_report_plot(const char *path, const struct bench_row *rows, size_t count, char *why,
                      size_t size)
{
	const struct bench_row *groups[GROUPS];
	const char *end = strrchr(path, '.');
	FILE *gnuplot;

	if (!end || (strcmp(end, ".svg") != 0 && strcmp(end, ".png") != 0) || strchr(path, '\'')) {
		snprintf(why, size, "expected a name that ends in .svg or .png");
		return -1;
	}
	if (!find_groups(rows, count, groups)) {
		snprintf(why, size, "nothing to draw: expected a shape with input = hidden");
		return -1;
	}
	signal(SIGPIPE, SIG_IGN); /* without gnuplot the script goes nowhere */
	gnuplot = popen("gnuplot", "w");
	if (!gnuplot) {
		snprintf(why, size, "gnuplot cannot be started");
		return -1;
	}
	write_script(gnuplot, path, rows, count);
	if (pclose(gnuplot) != 0) {
		snprintf(why, size, "gnuplot failed: is it installed (Debian: gnuplot-nox)?");
		return -1;
	}
	return 0;
}
