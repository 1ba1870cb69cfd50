#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

enum { PENDING = 4 };

/* The temporary names that a signal has to remove. */
static char *volatile pending[PENDING];

static void remove_pending(int number)
{
	int i;

	for (i = 0; i < PENDING; i++)
		if (pending[i])
			unlink(pending[i]);
	raise(number); /* again, by default: SA_RESETHAND */
}

static void watch_signals(void)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGXCPU};
	static int watching;
	struct sigaction action, before;
	size_t i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = remove_pending;
	action.sa_flags = SA_RESETHAND;
	for (i = 0; !watching && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(numbers[i], &action, NULL);
	signal(SIGXFSZ, SIG_IGN); /* a limit of the size is an error of the write */
	watching = 1;
}

static void remember(char *name, char *replacement)
{
	int i;

	for (i = 0; i < PENDING; i++)
		if (pending[i] == name) {
			pending[i] = replacement;
			return;
		}
}

int output_failed(const struct output *o)
{
	cli_complain("%s: cannot be written: %s", o->path, strerror(errno));
	return 0;
}

/* A new file of a name of its own, beside the final one, with the mode that this has or would. */
static FILE *open_temporary(struct output *o, const struct stat *old)
{
	mode_t mask = umask(0);
	size_t room = strlen(o->final) + sizeof(".XXXXXX");
	FILE *stream = NULL;
	int file;

	umask(mask);
	o->temporary = malloc(room);
	if (!o->temporary)
		return NULL;
	snprintf(o->temporary, room, "%s.XXXXXX", o->final);
	watch_signals();
	file = mkstemp(o->temporary);
	if (file < 0) {
		free(o->temporary);
		o->temporary = NULL;
		return NULL;
	}
	remember(NULL, o->temporary);
	if (fchmod(file, old ? old->st_mode & 0777 : 0666 & ~mask) == 0)
		stream = fdopen(file, "wb");
	if (!stream)
		close(file);
	return stream;
}

/* A file with room for a name yet to come is replaced, and a symbolic link leads to the file. */
static int open_file(struct output *o, const char *path)
{
	struct stat old;
	int there = stat(path, &old) == 0;

	if (there && !S_ISREG(old.st_mode)) {
		o->direct = fopen(path, "wb");
		return o->direct != NULL;
	}
	if (there && access(path, W_OK) != 0)
		return 0;
	o->final = there ? realpath(path, NULL) : strdup(path);
	if (o->final)
		o->stream = open_temporary(o, there ? &old : NULL);
	return o->stream != NULL;
}

int output_open(struct output *o, const char *path, int seeks)
{
	int opened;

	memset(o, 0, sizeof(*o));
	o->path = strcmp(path, "-") == 0 ? "standard output" : path;
	if (o->path != path) {
		o->direct = stdout;
		opened = 1;
	} else {
		opened = open_file(o, path);
	}
	if (opened && o->direct) {
		o->stream = seeks ? tmpfile() : o->direct;
		opened = o->stream != NULL;
	}
	if (!opened) {
		output_failed(o);
		output_drop(o);
	}
	return opened;
}

static int copy_spool(struct output *o)
{
	char bytes[1 << 16];
	size_t count;

	rewind(o->stream);
	while ((count = fread(bytes, 1, sizeof(bytes), o->stream)) > 0)
		if (fwrite(bytes, 1, count, o->direct) != count)
			return 0;
	return !ferror(o->stream);
}

int output_close(struct output *o)
{
	int good = fflush(o->stream) == 0 && !ferror(o->stream);

	if (good && o->direct) {
		good = o->stream == o->direct || copy_spool(o);
		good = good && fflush(o->direct) == 0;
	}
	if (o->stream != o->direct) {
		good = fclose(o->stream) == 0 && good;
		o->stream = NULL;
	}
	return good || output_failed(o);
}

int output_keep(struct output *o)
{
	if (!o->temporary)
		return 1;
	if (rename(o->temporary, o->final) != 0)
		return output_failed(o);
	remember(o->temporary, NULL);
	free(o->temporary);
	o->temporary = NULL;
	return 1;
}

void output_drop(struct output *o)
{
	if (o->stream && o->stream != o->direct)
		fclose(o->stream);
	if (o->direct && o->direct != stdout)
		fclose(o->direct);
	if (o->temporary) {
		unlink(o->temporary);
		remember(o->temporary, NULL);
	}
	free(o->temporary);
	free(o->final);
	memset(o, 0, sizeof(*o));
}
