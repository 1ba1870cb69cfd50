/* The machine: its names and its limits. */
#define _GNU_SOURCE /* getloadavg */
#include "compiler.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define SAMPLES 15

/* The text behind the colon of the first line of the file that begins with key. */
static int field(const char *path, const char *key, char *text, size_t size)
{
	FILE *f = fopen(path, "r");
	char line[256];
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');
		if (!colon || strncmp(line, key, strlen(key)) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
		found = 1;
	}
	if (f)
		fclose(f);
	return found;
}

static void names(struct bench_machine *m)
{
	struct utsname u;
	time_t now = time(NULL);
	struct tm *t = gmtime(&now);
	char family[16] = "?", model[16] = "?";

	memset(&u, 0, sizeof(u));
	uname(&u);
	snprintf(m->system, sizeof(m->system), "%.40s %.60s %.30s", u.sysname, u.release,
	         u.machine);
	if (!field("/proc/cpuinfo", "model name", m->cpu, sizeof(m->cpu)) &&
	    !field("/proc/cpuinfo", "CPU part", m->cpu, sizeof(m->cpu)))
		snprintf(m->cpu, sizeof(m->cpu), "%.60s", u.machine);
	if (field("/proc/cpuinfo", "cpu family", family, sizeof(family)) &&
	    field("/proc/cpuinfo", "model\t", model, sizeof(model))) {
		size_t used = strlen(m->cpu);
		snprintf(m->cpu + used, sizeof(m->cpu) - used, " (family %s, model %s)", family,
		         model);
	}
	if (!t || !strftime(m->date, sizeof(m->date), "%Y-%m-%d %H:%M UTC", t))
		m->date[0] = '\0';
	m->compiler = BENCH_COMPILER;
}

static double middle(double *values)
{
	bench_sort(values, SAMPLES);
	return values[SAMPLES / 2];
}

static void measure_vector(struct bench_machine *m, int i, const struct bench_vector *v)
{
	double fma[SAMPLES], still[SAMPLES], cell[SAMPLES], chain[SAMPLES];
	int k;

	for (k = 0; k < SAMPLES; k++) {
		fma[k] = bench_limit_fma(v);
		still[k] = bench_limit_still(v);
		cell[k] = bench_limit_cell(v);
		chain[k] = bench_limit_chain(v);
	}
	m->fma[i] = middle(fma);
	m->still[i] = middle(still);
	m->cell[i] = middle(cell);
	m->chain[i] = middle(chain);
}

static void measure_ladder(struct bench_machine *m, const struct bench_vector *v)
{
	static const size_t kib[BENCH_LADDER] = {16, 128, 512, 4096, 16384, 131072};
	double ns[SAMPLES];
	int i, k;

	for (i = 0; i < BENCH_LADDER; i++) {
		size_t bytes = kib[i] * 1024;
		void *buffer = bench_alloc(bytes);

		m->ladder_bytes[i] = bytes;
		for (k = 0; buffer && k < SAMPLES; k++)
			ns[k] = bench_limit_read(v, buffer, bytes);
		m->ladder[i] = buffer ? (double)bytes / middle(ns) : 0;
		free(buffer);
	}
}

void bench_machine_name(struct bench_machine *m, int pinned)
{
	memset(m, 0, sizeof(*m));
	names(m);
	m->pinned = pinned;
	if (getloadavg(&m->load, 1) != 1)
		m->load = -1;
}

void bench_machine_measure(struct bench_machine *m, int pinned)
{
	const struct bench_vector *v, *widest = NULL;
	const struct bench_dot *d;
	double values[SAMPLES];
	int i, k;

	bench_machine_name(m, pinned);
	for (i = 0; i < 4 && (v = bench_vector_at(i)) != NULL; i++) {
		measure_vector(m, i, v);
		widest = v;
	}
	for (i = 0; i < 8 && (d = bench_dot_at(i)) != NULL; i++) {
		for (k = 0; k < SAMPLES; k++)
			values[k] = bench_limit_dot(d);
		m->dot[i] = middle(values);
	}
	if (widest)
		measure_ladder(m, widest);
}

void bench_report_machine(FILE *out, const struct bench_machine *m)
{
	const struct bench_vector *v;
	const struct bench_dot *d;
	int i;

	fprintf(out, "%s\n%s; %s; %s; ", m->cpu, m->system, m->compiler, m->date);
	if (m->pinned >= 0)
		fprintf(out, "on CPU %d; ", m->pinned);
	else
		fprintf(out, "not pinned to a CPU; ");
	fprintf(out, "load %.1f\n\nLimits, measured now (medians)\n", m->load);
	for (i = 0; i < 4 && (v = bench_vector_at(i)) != NULL; i++)
		fprintf(out,
		        "  %-7s FMA %.1f GFLOP/s, %.1f of numbers that stay the same; the cell's "
		        "arithmetic %.2f ns per unit, %.1f ns from gates to gates\n",
		        v->name, m->fma[i], m->still[i], m->cell[i], m->chain[i]);
	for (i = 0; i < 8 && (d = bench_dot_at(i)) != NULL; i++)
		fprintf(out, "  %s %.1f Gop/s\n", d->name, m->dot[i]);
	fprintf(out, "  reading");
	for (i = 0; i < BENCH_LADDER && m->ladder[i] > 0; i++) {
		size_t kib = m->ladder_bytes[i] / 1024;
		fprintf(out, "%s %zu %s %.1f", i ? "," : "", kib < 1024 ? kib : kib / 1024,
		        kib < 1024 ? "KiB" : "MiB", m->ladder[i]);
	}
	fprintf(out, " GB/s\n");
}
