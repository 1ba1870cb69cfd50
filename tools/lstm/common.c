#include "common.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "paths.h"

static int progress_shown;

void cli_complain(const char *format, ...)
{
	va_list values;

	cli_progress_end();
	fputs("lstm: ", stderr);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputc('\n', stderr);
}

void cli_no_memory(const char *file, const char *what)
{
	cli_complain("%s: expected memory for %s, found none left", file, what);
}

/* ---- options --------------------------------------------------------------------------------- */
static const struct cli_option *find_option(const struct cli_option *options, const char *name,
                                            size_t size)
{
	for (; options->name; options++)
		if (strlen(options->name) == size && memcmp(options->name, name, size) == 0)
			return options;
	return NULL;
}

/* One option, with its value in the same argument or in next; how many of the two it took, or 0
 * after a complaint. */
static int read_option(const struct cli_option *options, const char *command, const char *argument,
                       const char *next)
{
	size_t size = argument[1] == '-' ? strcspn(argument, "=") : 2;
	const struct cli_option *option = find_option(options, argument, size);
	const char *value = argument[size] ? argument + size + (argument[1] == '-') : NULL;

	if (!option) {
		cli_complain("%.*s: expected an option that lstm %s --help lists", (int)size,
		             argument, command);
		return 0;
	}
	if (!option->value) {
		if (value)
			cli_complain("%s: expected no value, found \"%s\"", option->name, value);
		else
			*option->flag = 1;
		return !value;
	}
	if (!value && !next) {
		cli_complain("%s: expected a value, found the end of the command", option->name);
		return 0;
	}
	if (*option->value) {
		cli_complain("%s: expected it once, found it twice", option->name);
		return 0;
	}
	*option->value = value ? value : next;
	return value ? 1 : 2;
}

static int is_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static int count_words(const char *names)
{
	int count = names != NULL;

	for (; names && *names; names++)
		count += *names == ' ';
	return count;
}

int cli_options(int argc, char **argv, const struct cli_option *options, const char *help,
                const char *names, const char **operands)
{
	int i = 1, taken, only_operands = 0, wanted = count_words(names), found = 0;

	while (i < argc) {
		const char *argument = argv[i];

		if (!only_operands && is_help(argument)) {
			fputs(help, stdout);
			return cli_finish();
		}
		if (!only_operands && strcmp(argument, "--") == 0) {
			only_operands = 1;
			i++;
			continue;
		}
		if (!only_operands && argument[0] == '-' && argument[1]) {
			taken = read_option(options, argv[0], argument,
			                    i + 1 < argc ? argv[i + 1] : NULL);
			if (!taken)
				return CLI_MISUSED;
			i += taken;
			continue;
		}
		if (found == wanted) {
			cli_complain("%s: expected %s, found \"%s\"%s", argv[0],
			             wanted == 0   ? "options only"
			             : wanted == 1 ? "one operand"
			                           : "two operands",
			             argument, wanted ? " too" : "");
			return CLI_MISUSED;
		}
		operands[found++] = argument;
		i++;
	}
	if (found < wanted) {
		cli_complain("%s: expected %s, found %s; lstm %s --help explains", argv[0], names,
		             found ? "one" : "none", argv[0]);
		return CLI_MISUSED;
	}
	return CLI_GO_ON;
}

int cli_choice(const char *option, const char *value, const char *const *names)
{
	char list[200] = "";
	int i;

	for (i = 0; names[i]; i++) {
		if (strcmp(value, names[i]) == 0)
			return i;
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
		         names[i]);
	}
	cli_complain("%s: expected one of %s, found \"%s\"", option, list, value);
	return -1;
}

int cli_different(const char *const *files, int count, const char *only)
{
	int a, b;

	for (a = 1; a < count; a++)
		for (b = 0; b < a; b++)
			if (files[a] && files[b] && paths_same(files[a], files[b]) &&
			    (!only || strcmp(files[a], only) == 0)) {
				cli_complain("%s: expected one use of this file, found two",
				             files[a]);
				return CLI_MISUSED;
			}
	return CLI_GO_ON;
}

int cli_isa(const char *value, lstm_isa *isa)
{
	const char *names[LSTM_ISA_COUNT + 1] = {NULL}, *variable = getenv("LSTM_ISA");
	const char *option = "--isa";
	int i;

	*isa = LSTM_ISA_AUTO;
	if (!value || strcmp(value, "auto") == 0) {
		if (!variable || !*variable)
			return CLI_GO_ON;
		option = "LSTM_ISA";
		value = variable;
	}
	for (i = 0; i < LSTM_ISA_COUNT; i++)
		names[i] = lstm_isa_name((lstm_isa)i);
	i = cli_choice(option, value, names);
	if (i < 0)
		return CLI_MISUSED;
	*isa = (lstm_isa)i;
	if (lstm_isa_supported(*isa))
		return CLI_GO_ON;
	cli_complain("%s: expected an instruction set of this build and this CPU, found %s", option,
	             value);
	return CLI_FAILED;
}

static const char *const dtype_names[] = {"f32", "bf16", "f16", "int8", NULL};
static const lstm_dtype dtypes[] = {LSTM_DTYPE_F32, LSTM_DTYPE_BF16, LSTM_DTYPE_F16, LSTM_DTYPE_I8,
                                    LSTM_DTYPE_OTHER};

int cli_dtype(const char *value, lstm_dtype *dtype)
{
	int i;

	*dtype = LSTM_DTYPE_OTHER;
	if (!value)
		return CLI_GO_ON;
	i = cli_choice("--dtype", value, dtype_names);
	if (i < 0)
		return CLI_MISUSED;
	*dtype = dtypes[i];
	return CLI_GO_ON;
}

const char *cli_dtype_name(lstm_dtype dtype)
{
	int i = 0;

	while (dtypes[i] != dtype)
		i++;
	return dtype_names[i];
}

lstm_dtype cli_dtype_at(int index)
{
	return dtypes[index];
}

/* ---- models ---------------------------------------------------------------------------------- */
lstm_model *cli_model(const char *path, const char *prefix, lstm_isa isa, lstm_dtype dtype)
{
	lstm_load_args args = {prefix, isa, dtype};
	lstm_model *model;
	lstm_error error;

	if (lstm_model_load(&model, path, &args, &error) != LSTM_OK)
		cli_complain("%s", error.text);
	return model;
}

lstm_file *cli_file(const char *path)
{
	lstm_file *file;
	lstm_error error;

	if (lstm_file_open(&file, path, &error) != LSTM_OK)
		cli_complain("%s", error.text);
	return file;
}

/* ---- progress -------------------------------------------------------------------------------- */
void cli_progress(const char *what, size_t done, size_t all)
{
	static struct timespec begun, shown;
	static int terminal = -1;
	struct timespec now;

	if (terminal < 0) {
		terminal = isatty(STDERR_FILENO);
		clock_gettime(CLOCK_MONOTONIC, &begun);
		shown = begun;
	}
	if (!terminal)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - begun.tv_sec < 1 ||
	    (double)(now.tv_sec - shown.tv_sec) + 1e-9 * (double)(now.tv_nsec - shown.tv_nsec) <
	            0.1)
		return;
	shown = now;
	progress_shown = 1;
	fprintf(stderr, "\r%s: %zu of %zu steps, %d %%\033[K", what, done, all,
	        all ? (int)(100.0 * (double)done / (double)all) : 100);
	fflush(stderr);
}

void cli_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = 0;
}

int cli_finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_DONE;
	cli_complain("standard output: cannot be written: %s", strerror(errno));
	return CLI_FAILED;
}
