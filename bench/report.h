/* The results: a table as they come, summaries, JSON, a picture. */
#ifndef LSTM_BENCH_REPORT_H
#define LSTM_BENCH_REPORT_H

#include <stdio.h>

#include "measure.h"

#define BENCH_LADDER 6 /* buffers whose reading shows the levels of the caches */

struct bench_machine {
	char cpu[100], system[140], date[30];
	const char *compiler;
	int pinned;  /* CPU, or -1 */
	double load; /* processes that wanted to run, over the last minute, when it began; or -1 */
	double fma[4], still[4], cell[4], chain[4]; /* by bench_vector_at */
	double dot[8];                    /* by bench_dot_at */
	size_t ladder_bytes[BENCH_LADDER];
	double ladder[BENCH_LADDER]; /* bytes per ns, by the widest vectors */
};

/* Names alone; and with medians of what the whole machine can do, in a second or two. */
void bench_machine_name(struct bench_machine *machine, int pinned);
void bench_machine_measure(struct bench_machine *machine, int pinned);
void bench_report_machine(FILE *out, const struct bench_machine *machine);

void bench_report_heading(FILE *out);
void bench_report_row(FILE *out, const struct bench_row *row);
/* Latencies, the cost of a call, who was ahead where, and how far to trust it all. */
void bench_report_summary(FILE *out, const struct bench_row *rows, size_t count);

/* Parts of a JSON file: a string; "machine" and the limits' name without what they are; the members
 * of a row that say what ran. */
void bench_json_text(FILE *out, const char *text);
void bench_json_machine(FILE *out, const struct bench_machine *machine);
void bench_json_case(FILE *out, const struct bench_engine *engine, const struct bench_case *shape);
void bench_report_json(FILE *out, const struct bench_machine *machine, const struct bench_row *rows,
                       size_t count);
/* Only its beginning, "machine" and "limits", up to the first of the rows. */
void bench_report_json_head(FILE *out, const struct bench_machine *machine);
/* ns per step and fraction of the limit over H, of the shapes with input = hidden, by gnuplot; the
 * name ends in .svg or .png.  0: done; else a sentence that says why not is in why[size]. */
int bench_report_plot(const char *path, const struct bench_row *rows, size_t count, char *why,
                      size_t size);

/* "batch/32", "64x64"; each has room for size. */
void bench_name_case(const struct bench_case *c, char *mode, char *shape, size_t size);
/* "lstm.h avx2 sleef", or a peer's name; " int8" after it if that is the type of its weights. */
const char *bench_engine_label(const struct bench_engine *engine, char *text, size_t size);
int bench_is_peer(const struct bench_engine *engine);

#endif
