#define _POSIX_C_SOURCE 200809L
#include "report.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RATE 16000.0

enum { POINTS = 2000 }; /* at most, along the picture's 1000 pixels */

extern char **environ;

/* Two panels over one time axis. */
static const char WAVE_PANEL[] =
	"set multiplot\n"
	"set lmargin at screen 0.07\n"
	"set rmargin at screen 0.97\n"
	"set tmargin at screen 0.9\n"
	"set bmargin at screen 0.53\n"
	"set border 3 linecolor rgb '#808080'\n"
	"set tics nomirror out scale 0.5 textcolor rgb '#404040'\n"
	"set format x ''\n"
	"set ylabel 'sound' textcolor rgb '#404040' offset 1\n"
	"unset key\n"
	"plot $wave using 1:2:3 with filledcurves linecolor rgb '#4c6a92'\n";

static const char PROBABILITY_PANEL[] =
	"set tmargin at screen 0.48\n"
	"set bmargin at screen 0.08\n"
	"unset title\n"
	"unset label\n"
	"set yrange [0:1.02]\n"
	"set ytics 0.25\n"
	"set ylabel 'probability of speech' textcolor rgb '#404040' offset 1\n"
	"set grid ytics linecolor rgb '#e4e4e4' linetype 1 linewidth 1\n"
	"set style fill transparent solid 0.25 noborder\n";

int report_can_plot(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcasecmp(dot, ".svg") == 0 || strcasecmp(dot, ".png") == 0);
}

/* A gnuplot string: single quotes, inside which only they themselves are special. */
static void quoted(FILE *script, const char *text)
{
	putc('\'', script);
	for (; *text; text++)
		fputs(*text == '\'' ? "''" : (char[]){*text, '\0'}, script);
	putc('\'', script);
}

/* How many neighbouring entries one point stands for. */
static size_t group_of(size_t count)
{
	return (count + POINTS - 1) / POINTS;
}

static double write_wave(const struct report *report, FILE *script)
{
	size_t count = report->frames * REPORT_ENVELOPE, group = group_of(count);
	double peak = 0.01;

	fputs("$wave << END\n", script);
	for (size_t i = 0; i < count; i += group) {
		float low = 0, high = 0;

		for (size_t k = i; k < count && k < i + group; k++) {
			const float *range =
				report->envelope[k / REPORT_ENVELOPE][k % REPORT_ENVELOPE];

			low = range[0] < low ? range[0] : low;
			high = range[1] > high ? range[1] : high;
		}
		peak = fmax(peak, fmax((double)high, (double)-low));
		fprintf(script, "%.4f %.5f %.5f\n",
		        (double)i * SEGMENTS_FRAME / REPORT_ENVELOPE / RATE, (double)low,
		        (double)high);
	}
	fputs("END\n", script);
	return peak;
}

static void write_probabilities(const struct report *report, FILE *script)
{
	size_t group = group_of(report->frames);

	fputs("$probability << END\n", script);
	for (size_t i = 0; i < report->frames; i += group) {
		size_t end = i + group < report->frames ? i + group : report->frames;
		double sum = 0;

		for (size_t k = i; k < end; k++)
			sum += (double)report->probabilities[k];
		/* In the middle of the frames that it speaks of. */
		fprintf(script, "%.4f %.5f\n", (double)(i + end) / 2 * SEGMENTS_FRAME / RATE,
		        sum / (double)(end - i));
	}
	fputs("END\n", script);
}

static void write_script(const struct report *report, const char *path, FILE *script)
{
	double seconds = (double)report->frames * SEGMENTS_FRAME / RATE, speech = 0, peak;
	const char *dot = strrchr(path, '.');
	char name[200], title[300];

	fprintf(script, "set terminal %s size 1000,480 background rgb 'white' font 'sans,%d'\n",
	        strcasecmp(dot, ".svg") == 0 ? "svg" : "pngcairo",
	        strcasecmp(dot, ".svg") == 0 ? 13 : 10);
	fputs("set encoding utf8\n", script);
	peak = write_wave(report, script);
	write_probabilities(report, script);
	for (size_t i = 0; i < report->count; i++) {
		const struct segment *segment = &report->segments[i];

		speech += (double)(segment->end - segment->start) / RATE;
		fprintf(script,
		        "set object rectangle from %.4f, graph 0 to %.4f, graph 1 behind "
		        "fillcolor rgb '#d8efd3' fillstyle solid noborder\n",
		        (double)segment->start / RATE, (double)segment->end / RATE);
	}
	report_printable(name, sizeof(name), report->name);
	snprintf(title, sizeof(title), "%s: %zu segment%s, %.1f s of speech in %.1f s", name,
	         report->count, report->count == 1 ? "" : "s", speech,
	         (double)report->samples / RATE);
	fputs("set label 1 ", script);
	quoted(script, title);
	fprintf(script,
	        " at screen 0.07, 0.95 noenhanced textcolor rgb '#202020'\n"
	        "set label 2 'threshold %g' at screen 0.97, 0.95 right textcolor rgb '#b03a2e'\n",
	        report->threshold);

	fprintf(script, "set xrange [0:%.4f]\nset yrange [%.4f:%.4f]\n", seconds, -1.1 * peak,
	        1.1 * peak);
	fputs(WAVE_PANEL, script);
	fputs(PROBABILITY_PANEL, script);
	if (seconds >= 120)
		fprintf(script, "set xtics time format '%s'\n",
		        seconds >= 3600 ? "%tH:%tM:%tS" : "%tM:%tS");
	else
		fputs("set format x '%g s'\n", script);
	fprintf(script,
	        "plot $probability using 1:2 with filledcurves y1=0 linecolor rgb '#1e8449', "
	        "'' using 1:2 with lines linewidth 1.5 linecolor rgb '#1e8449', "
	        "%g with lines dashtype 2 linewidth 1.5 linecolor rgb '#b03a2e'\n"
	        "unset multiplot\n",
	        report->threshold);
}

/* gnuplot with these files as its standard streams: so no file name ever reaches it. */
static int run_gnuplot(int input, int output, int messages, int *status)
{
	char *const arguments[] = {"gnuplot", "-d", NULL};
	posix_spawn_file_actions_t actions;
	pid_t child;
	int code = posix_spawn_file_actions_init(&actions);

	if (code)
		return code;
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
	code = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (code)
		return code;
	while (waitpid(child, status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

/* Draw into the open file picture.  0: error says why not. */
static int draw(const struct report *report, const char *path, int picture, FILE *script,
                FILE *messages, char *error, size_t size)
{
	char line[200] = "";
	struct stat result;
	int code, status;

	write_script(report, path, script);
	if (fflush(script) != 0 || ferror(script)) {
		snprintf(error, size, "%s: temporary file: %s", path, strerror(errno));
		return 0;
	}
	rewind(script);
	code = run_gnuplot(fileno(script), picture, fileno(messages), &status);
	if (code) {
		snprintf(error, size, "%s: gnuplot, which draws it, cannot be run: %s", path,
		         code == ENOENT ? "it is not installed" : strerror(code));
		return 0;
	}
	if (status == 0 && fstat(picture, &result) == 0 && result.st_size > 0)
		return 1;
	/* Above its message gnuplot repeats the line, with a caret under the place. */
	rewind(messages);
	while (fgets(line, sizeof(line), messages) && !strstr(line, "line "))
		;
	line[strcspn(line, "\n")] = '\0';
	snprintf(error, size, "%s: gnuplot failed: %s", path, line);
	return 0;
}

int report_plot(const struct report *report, const char *path, char *error, size_t size)
{
	size_t length = strlen(path) + sizeof(".XXXXXX");
	char *temporary = malloc(length);
	mode_t mask = umask(0);
	int picture = -1, done = 0;
	FILE *script = tmpfile(), *messages = tmpfile();

	umask(mask);
	if (temporary) {
		snprintf(temporary, length, "%s.XXXXXX", path);
		picture = mkstemp(temporary);
	}
	if (!script || !messages || picture < 0) {
		snprintf(error, size, "%s: cannot be written: %s", path, strerror(errno));
	} else if (draw(report, path, picture, script, messages, error, size)) {
		done = fchmod(picture, 0666 & ~mask) == 0 && rename(temporary, path) == 0;
		if (!done)
			snprintf(error, size, "%s: cannot be written: %s", path, strerror(errno));
	}
	if (picture >= 0) {
		close(picture);
		if (!done)
			unlink(temporary);
	}
	if (script)
		fclose(script);
	if (messages)
		fclose(messages);
	free(temporary);
	return done;
}
