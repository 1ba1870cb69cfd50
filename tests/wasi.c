#include "wasi.h"

#ifdef __wasi__
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <wasi/api.h>

int getppid(void)
{
	return 1;
}

int mkstemp(char *path)
{
	char *at = path + strlen(path) - 6;
	unsigned char random[6];
	int fd, i;

	do {
		if (__wasi_random_get(random, sizeof(random)))
			return -1;
		for (i = 0; i < 6; i++)
			at[i] = (char)('a' + random[i] % 26);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL);
	} while (fd < 0 && errno == EEXIST);
	return fd;
}

/* The time that passes, as there is none of a process. */
clock_t clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (clock_t)now.tv_sec * CLOCKS_PER_SEC +
	       (clock_t)(now.tv_nsec / (1000000000 / CLOCKS_PER_SEC));
}
#endif
