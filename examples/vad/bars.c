#include "bars.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RATE 16000.0

enum {
	MARGIN = 6, /* columns left of the bars */
	ROWS = 6,   /* of bars */
	TICK = 9    /* columns at least between two times under the bars */
};

/* The pieces of the picture.  levels: a cell filled to 0/8 ... 8/8.  BLOCKS is written in UTF-8. */
struct glyphs {
	const char *levels[9];
	const char *side, *corner, *floor, *tick, *threshold, *speech;
};

static const struct glyphs ASCII = {
	.levels = {" ", " ", ".", ".", ":", ":", "|", "#", "#"},
	.side = "|",
	.corner = "+",
	.floor = "-",
	.tick = "+",
	.threshold = "-",
	.speech = "=",
};
static const struct glyphs BLOCKS = {
	.levels = {" ", "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
                   "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"},
	.side = "\xe2\x94\x82",
	.corner = "\xe2\x94\x94",
	.floor = "\xe2\x94\x80",
	.tick = "\xe2\x94\xac",
	.threshold = "\xe2\x94\x88",
	.speech = "\xe2\x96\x80",
};

static struct {
	const struct glyphs *glyphs;
	int coloured;
} look;

/* The part of column that frames stand for: [first, end), never empty. */
static void frames_of(const struct report *report, int column, int columns, size_t *first,
                      size_t *end)
{
	*first = report->frames * (size_t)column / (size_t)columns;
	*end = report->frames * ((size_t)column + 1) / (size_t)columns;
	if (*end <= *first)
		*end = *first + 1;
}

static double mean_probability(const struct report *report, int column, int columns)
{
	size_t first, end;
	double sum = 0;

	frames_of(report, column, columns, &first, &end);
	for (size_t i = first; i < end; i++)
		sum += (double)report->probabilities[i];
	return sum / (double)(end - first);
}

/* The sample at which a column begins. */
static double sample_of(const struct report *report, int column, int columns)
{
	return (double)column * (double)report->frames * SEGMENTS_FRAME / columns;
}

/* Whether at least half of the column is speech. */
static int is_speech(const struct report *report, int column, int columns)
{
	double from = sample_of(report, column, columns);
	double to = sample_of(report, column + 1, columns), speech = 0;

	for (size_t i = 0; i < report->count; i++) {
		double start = fmax((double)report->segments[i].start, from);
		double end = fmin((double)report->segments[i].end, to);

		speech += fmax(end - start, 0);
	}
	return 2 * speech >= to - from;
}

/* The numbers of the segments between two columns: "3", or "3-5". */
static void numbers(const struct report *report, int from, int to, int columns, char label[64])
{
	size_t first = 0, last = 0;

	for (size_t i = 0; i < report->count; i++)
		if ((double)report->segments[i].end > sample_of(report, from, columns) &&
		    (double)report->segments[i].start < sample_of(report, to, columns)) {
			first = first ? first : i + 1;
			last = i + 1;
		}
	snprintf(label, 64, first == last ? " %zu " : " %zu-%zu ", first, last);
}

static void colour(int on, int *now)
{
	if (!look.coloured || on == *now)
		return;
	fputs(on ? "\033[32m" : "\033[0m", stdout);
	*now = on;
}

static void bar_row(const struct report *report, int row, int columns)
{
	const struct glyphs *glyphs = look.glyphs;
	int threshold_row = (int)(report->threshold * ROWS);
	int green = 0;

	if (row == threshold_row)
		printf(" %.2f ", report->threshold);
	else
		printf(row == ROWS - 1 ? " 1.00 " : row == 0 ? " 0.00 " : "      ");
	fputs(glyphs->side, stdout);
	for (int column = 0; column < columns; column++) {
		double height = mean_probability(report, column, columns) * ROWS - row;
		int level = height >= 1 ? 8 : height <= 0 ? 0 : (int)(height * 8 + 0.5);

		colour(is_speech(report, column, columns), &green);
		fputs(level == 0 && row == threshold_row ? glyphs->threshold
		                                         : glyphs->levels[level],
		      stdout);
	}
	colour(0, &green);
	putchar('\n');
}

/* Under the floor: the segments, numbered where there is room. */
static void segment_row(const struct report *report, int columns)
{
	int green = 0;

	printf("%*s", MARGIN + 1, "");
	for (int first = 0, end; first < columns; first = end) {
		int speech = is_speech(report, first, columns), length = 0;
		char label[64] = "";

		end = first + 1;
		while (end < columns && is_speech(report, end, columns) == speech)
			end++;
		if (speech)
			numbers(report, first, end, columns, label);
		if ((int)strlen(label) + 2 <= end - first)
			length = (int)strlen(label);
		colour(speech, &green);
		for (int i = 0; i < end - first;) {
			if (length && i == (end - first - length) / 2) {
				fputs(label, stdout);
				i += length;
			} else {
				fputs(speech ? look.glyphs->speech : " ", stdout);
				i++;
			}
		}
	}
	colour(0, &green);
	putchar('\n');
}

static double tick_seconds(double seconds, int columns)
{
	static const double steps[] = {0.1, 0.2, 0.5, 1,   2,   5,   10,   15,
	                               30,  60,  120, 300, 600, 900, 1800, 3600};
	size_t i = 0;

	while (i + 1 < sizeof(steps) / sizeof(*steps) && steps[i] / seconds * columns < TICK)
		i++;
	return steps[i] / seconds * columns < TICK ? seconds : steps[i];
}

static void time_label(char *label, size_t size, double seconds, double step)
{
	long whole = (long)(seconds + 0.5);

	if (step < 1)
		snprintf(label, size, "%.1f s", seconds);
	else if (step < 60 && whole < 60)
		snprintf(label, size, "%ld s", whole);
	else if (whole < 3600)
		snprintf(label, size, "%ld:%02ld", whole / 60, whole % 60);
	else
		snprintf(label, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

static void time_rows(const struct report *report, int columns)
{
	double seconds = (double)report->frames * SEGMENTS_FRAME / RATE;
	double step = tick_seconds(seconds, columns);
	double next = 0;
	char labels[1024];
	size_t used = 0;

	printf("%*s%s", MARGIN, "", look.glyphs->corner);
	for (int column = 0; column < columns; column++) {
		char label[32];
		size_t length;

		if (column < (int)(next / seconds * columns + 0.5)) {
			fputs(look.glyphs->floor, stdout);
			continue;
		}
		fputs(look.glyphs->tick, stdout);
		time_label(label, sizeof(label), next, step);
		length = strlen(label);
		if ((size_t)column + length <= (size_t)columns &&
		    (size_t)column + length < sizeof(labels)) {
			while (used < (size_t)column)
				labels[used++] = ' ';
			memcpy(labels + used, label, length);
			used += length;
		}
		next += step;
	}
	printf("\n%*s%.*s\n", MARGIN + 1, "", (int)used, labels);
}

void bars_print(const struct report *report, int columns, int blocks, int coloured)
{
	columns -= MARGIN + 1;
	look.glyphs = blocks ? &BLOCKS : &ASCII;
	look.coloured = coloured;
	for (int row = ROWS - 1; row >= 0; row--)
		bar_row(report, row, columns);
	time_rows(report, columns);
	segment_row(report, columns);
}
