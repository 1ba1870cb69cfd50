#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Beside the file, with the mode that a new one has. */
static FILE *open_temporary(struct bench_file *f)
{
	size_t room = strlen(f->path) + sizeof(".XXXXXX");
	mode_t mask = umask(0);
	FILE *stream;
	int number;

	umask(mask);
	f->temporary = malloc(room);
	if (!f->temporary)
		return NULL;
	snprintf(f->temporary, room, "%s.XXXXXX", f->path);
	number = mkstemp(f->temporary);
	stream = number >= 0 && fchmod(number, 0666 & ~mask) == 0 ? fdopen(number, "w") : NULL;
	if (!stream && number >= 0) {
		close(number);
		unlink(f->temporary);
	}
	if (!stream)
		free(f->temporary);
	return stream;
}

int bench_file_open(struct bench_file *f, const char *path)
{
	struct stat old;

	memset(f, 0, sizeof(*f));
	f->path = path;
	if (strcmp(path, "-") == 0)
		f->stream = stdout;
	else if (stat(path, &old) == 0 && !S_ISREG(old.st_mode))
		f->stream = fopen(path, "w");
	else
		f->stream = open_temporary(f);
	return f->stream != NULL;
}

int bench_file_close(struct bench_file *f)
{
	int good = fflush(f->stream) == 0 && !ferror(f->stream), error;

	if (f->stream != stdout)
		good = fclose(f->stream) == 0 && good;
	if (!f->temporary)
		return good;
	good = good && rename(f->temporary, f->path) == 0;
	error = errno;
	if (!good)
		unlink(f->temporary);
	free(f->temporary);
	errno = error;
	return good;
}
