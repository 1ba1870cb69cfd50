#define _DEFAULT_SOURCE
#include "report.h"
#include "bars.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#define RATE 16000.0

enum { WIDTH = 80 }; /* columns where there is no terminal to ask */

static struct {
	int columns;
	int blocks; /* the locale has block characters */
	int coloured;
	int progress; /* standard error is a terminal */
} terminal;

void report_init(void)
{
	struct winsize window;
	const char *type = getenv("TERM");

	setlocale(LC_CTYPE, "");
	terminal.blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	terminal.columns = WIDTH;
	if (isatty(STDOUT_FILENO)) {
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col >= 40)
			terminal.columns = window.ws_col;
		terminal.coloured = !getenv("NO_COLOR") && type && strcmp(type, "dumb") != 0;
	}
	terminal.progress = isatty(STDERR_FILENO);
}

void report_printable(char *out, size_t size, const char *name)
{
	size_t left = strlen(name), used = 0;
	mbstate_t state;

	memset(&state, 0, sizeof(state));
	while (left && used + 1 < size) {
		wchar_t wide;
		size_t bytes = mbrtowc(&wide, name, left, &state);
		int good = bytes != (size_t)-1 && bytes != (size_t)-2 && iswprint((wint_t)wide);

		if (bytes == (size_t)-1 || bytes == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			bytes = 1;
		}
		if (used + (good ? bytes : 1) >= size)
			break;
		memcpy(out + used, good ? name : "?", good ? bytes : 1);
		used += good ? bytes : 1;
		name += bytes;
		left -= bytes;
	}
	out[used] = '\0';
}

/* ---- table ----------------------------------------------------------------------------------- */
void report_head(const struct report *report)
{
	char name[1000];

	report_printable(name, sizeof(name), report->name);
	printf("%s (%s)\n\n   #     start s       end s  duration s\n", name, report->description);
	fflush(stdout);
}

void report_segment(size_t number, const struct segment *segment)
{
	double start = (double)segment->start / RATE, end = (double)segment->end / RATE;

	printf("%4zu %11.3f %11.3f %11.3f\n", number, start, end, end - start);
	fflush(stdout);
}

/* ---- summary --------------------------------------------------------------------------------- */
static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

struct timing {
	double median, worst; /* microseconds per frame */
	double factor;        /* time needed / duration of the sound */
};

static struct timing timing_of(const struct report *report)
{
	struct timing timing = {0, 0, 0};
	size_t count = report->frames;
	float *sorted = malloc(sizeof(float) * (count + 1));
	double sum = 0;

	if (!sorted || !count) {
		free(sorted);
		return timing;
	}
	memcpy(sorted, report->microseconds, sizeof(float) * count);
	qsort(sorted, count, sizeof(float), ascending);
	for (size_t i = 0; i < count; i++)
		sum += (double)sorted[i];
	timing.median = ((double)sorted[count / 2] + (double)sorted[(count - 1) / 2]) / 2;
	timing.worst = (double)sorted[count - 1];
	timing.factor = sum * 1e-6 / ((double)count * SEGMENTS_FRAME / RATE);
	free(sorted);
	return timing;
}

void report_tail(const struct report *report)
{
	struct timing timing = timing_of(report);

	if (!report->count)
		printf("     no speech\n");
	putchar('\n');
	if (report->frames) {
		bars_print(report, terminal.columns - 1, terminal.blocks, terminal.coloured);
		printf("\n%zu frames of 32 ms, each in %.1f us (median; worst %.1f us): %.0f times "
		       "real "
		       "time\n",
		       report->frames, timing.median, timing.worst, 1 / timing.factor);
	}
	printf("lstm.h on %s, activations: %s\n", report->isa, report->activations);
}

void report_json(const struct report *report)
{
	struct timing timing = timing_of(report);

	printf("{\n  \"sample_rate\": 16000,\n  \"frames\": %zu,\n  \"segments\": [",
	       report->frames);
	for (size_t i = 0; i < report->count; i++) {
		const struct segment *segment = &report->segments[i];

		printf("%s\n    {\"start\": %lld, \"end\": %lld, \"start_s\": %.12g, \"end_s\": "
		       "%.12g}",
		       i ? "," : "", segment->start, segment->end, (double)segment->start / RATE,
		       (double)segment->end / RATE);
	}
	printf("%s],\n  \"probabilities\": [", report->count ? "\n  " : "");
	for (size_t i = 0; i < report->frames; i++)
		printf("%s%.9g", i ? ", " : "", (double)report->probabilities[i]);
	printf("],\n  \"isa\": \"%s\",\n  \"activations\": \"%s\",\n  \"frame_us_median\": %.3f,\n"
	       "  \"frame_us_worst\": %.3f,\n  \"real_time_factor\": %.6g\n}\n",
	       report->isa, report->activations, timing.median, timing.worst, timing.factor);
}

/* ---- progress -------------------------------------------------------------------------------- */
static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void report_progress(long long done, long long total)
{
	enum { BAR = 40 };
	static double begun, shown;
	double time;
	int filled;

	if (!terminal.progress)
		return;
	if (done < 0) {
		if (shown > 0)
			fputs("\r\033[K", stderr);
		return;
	}
	time = now();
	if (begun == 0)
		begun = time;
	/* Short work is over before a bar could be read. */
	if (total <= 0 || time - begun < 0.5 || time - shown < 0.1)
		return;
	shown = time;
	if (done > total)
		done = total;
	filled = (int)(done * BAR / total);
	fprintf(stderr, "\r[%.*s%*s] %3d %%", filled, "########################################",
	        BAR - filled, "", (int)(done * 100 / total));
}
