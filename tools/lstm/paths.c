#include "paths.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The last part of a path, and the directory that it is in; 0 if there is no such directory. */
static int split(const char *path, const char **name, struct stat *directory)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int found;

	*name = slash ? slash + 1 : path;
	if (!slash)
		return stat(".", directory) == 0;
	parent = strndup(path, (size_t)(slash - path) + 1);
	found = parent && stat(parent, directory) == 0;
	free(parent);
	return found;
}

int paths_same(const char *a, const char *b)
{
	struct stat of_a, of_b;
	const char *name_a, *name_b;
	int there;

	if (strcmp(a, b) == 0)
		return 1;
	if (strcmp(a, "-") == 0 || strcmp(b, "-") == 0)
		return 0;
	there = stat(a, &of_a) == 0;
	if (there != (stat(b, &of_b) == 0))
		return 0;
	if (there)
		return same_file(&of_a, &of_b);
	return split(a, &name_a, &of_a) && split(b, &name_b, &of_b) && same_file(&of_a, &of_b) &&
	       strcmp(name_a, name_b) == 0;
}
