/* What the commands of lstm share: messages, options, models, progress. */
#ifndef LSTM_TOOL_COMMON_H
#define LSTM_TOOL_COMMON_H

#include <stddef.h>

#include "lstm.h"

/* Exit statuses, and what stands for none. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_MISUSED = 2, CLI_GO_ON = -1 };

struct cli_command {
	const char *name, *about;
	int (*run)(int argc, char **argv); /* argv[0] is the command; answers an exit status */
};

/* One line on standard error after the program's name: "FILE: what, expected, found". */
__attribute__((format(printf, 1, 2))) void cli_complain(const char *format, ...);
void cli_no_memory(const char *file, const char *what);

struct cli_option {
	const char *name;   /* "--prefix" or "-i" */
	const char **value; /* set to what follows; or NULL, and */
	int *flag;          /* this is set to 1 */
};

/* Read options, up to one with a NULL name, in any place, and exactly as many operands as there are
 * words in names, "MODEL" or "IN OUT"; NULL: none.  CLI_GO_ON, or an exit status after --help or a
 * complaint. */
int cli_options(int argc, char **argv, const struct cli_option *options, const char *help,
                const char *names, const char **operands);

/* The number of the name in a list that ends with NULL; -1 after a complaint. */
int cli_choice(const char *option, const char *value, const char *const *names);
/* Whether no two files are the same, however spelled, where NULL is none: CLI_GO_ON or an exit
 * status.  With only, no other name counts than this one. */
int cli_different(const char *const *files, int count, const char *only);
int cli_isa(const char *value, lstm_isa *isa); /* NULL is auto; CLI_GO_ON or an exit status */
/* NULL is LSTM_DTYPE_OTHER, as in the file; CLI_GO_ON or an exit status. */
int cli_dtype(const char *value, lstm_dtype *dtype);
const char *cli_dtype_name(lstm_dtype dtype); /* "int8" */
lstm_dtype cli_dtype_at(int index); /* each that has a name; LSTM_DTYPE_OTHER past the last */

/* NULL after a complaint. */
lstm_model *cli_model(const char *path, const char *prefix, lstm_isa isa, lstm_dtype dtype);
lstm_file *cli_file(const char *path);

/* Say how far a long run is, if standard error is a terminal and a second has passed. */
void cli_progress(const char *what, size_t done, size_t all);
void cli_progress_end(void);

/* Flush standard output: an exit status, after a complaint if it could not take everything. */
int cli_finish(void);

#endif
