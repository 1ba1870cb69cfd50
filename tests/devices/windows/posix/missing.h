/* Included before every suite: what POSIX has and the C library of Windows has not. */
#ifndef WINDOWS_MISSING_H
#define WINDOWS_MISSING_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static inline int setenv(const char *name, const char *value, int replace)
{
	if (!replace && getenv(name))
		return 0;
	return _putenv_s(name, value);
}

static inline int unsetenv(const char *name)
{
	return _putenv_s(name, "");
}

static inline int getppid(void)
{
	return 0;
}

/* Memory that free takes, and so malloc's: asked again until it happens to be aligned. */
static inline int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
	void *tried[256];
	int count = 0, k;

	do {
		tried[count] = malloc(bytes + (size_t)count * 16);
		*memory = tried[count];
	} while (*memory && (uintptr_t)*memory % alignment && ++count < 256);
	for (k = 0; k < count; k++)
		free(tried[k]);
	return !*memory || count == 256;
}

/* That of mingw-w64 10 is wrong by up to 8 units in the last place. */
static inline float windows_fmaf(float x, float y, float z)
{
	return (float)((double)x * y + z);
}
#define fmaf windows_fmaf

#endif
