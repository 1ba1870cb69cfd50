/* What a piece of code asks of the system: for one suite, which includes this once.  It replaces the
 * malloc family and mmap of the whole program by ones that count while they are watched; and it can
 * run code in a process that the kernel kills at the first system call. */
#ifndef LSTM_TESTS_WATCH_H
#define LSTM_TESTS_WATCH_H

#include <stdlib.h>

enum { WATCH_CLEAN = 0, WATCH_FAILED = 1, WATCH_UNABLE = 2, WATCH_KILLED = 3 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCH_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WATCH_SANITIZED
#endif
#endif

#if defined(__GLIBC__) && !defined(WATCH_SANITIZED)
#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);

static __thread int watching;
static __thread unsigned watched_calls;

void *malloc(size_t size)
{
	watched_calls += (unsigned)watching;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	watched_calls += (unsigned)watching;
	return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	watched_calls += (unsigned)watching;
	return __libc_realloc(p, size);
}

void *memalign(size_t alignment, size_t size)
{
	watched_calls += (unsigned)watching;
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
	*p = memalign(alignment, size);
	return *p ? 0 : ENOMEM;
}

void free(void *p)
{
	watched_calls += (unsigned)watching;
	__libc_free(p);
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
	watched_calls += (unsigned)watching;
#ifdef SYS_mmap2 /* where addresses have 32 bits, the offset counts pages */
	return (void *)syscall(SYS_mmap2, address, length, protection, flags, file,
	                       (long)(offset >> 12));
#else
	return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
#endif
}

/* How often run(data) calls the allocator or mmap, or -1 if that cannot be seen here. */
static int watch_allocator(int (*run)(void *data), void *data)
{
	watched_calls = 0;
	watching = 1;
	run(data);
	watching = 0;
	return (int)watched_calls;
}

/* run(data) under strict seccomp, which leaves read, write and exit of the thread.  WATCH_FAILED if
 * it answers other than 0. */
static int watch_system_calls(int (*run)(void *data), void *data)
{
	const long strict = 1; /* SECCOMP_MODE_STRICT of linux/seccomp.h */
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		if (prctl(PR_SET_SECCOMP, strict))
			_exit(WATCH_UNABLE);
		syscall(SYS_exit, run(data) ? WATCH_FAILED : WATCH_CLEAN);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return WATCH_UNABLE;
	if (child < 0)
		return WATCH_UNABLE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : WATCH_KILLED;
}

#else /* another C library, or a sanitizer has replaced the allocator and makes calls of its own */
static int watch_allocator(int (*run)(void *data), void *data)
{
	(void)run;
	(void)data;
	return -1;
}

static int watch_system_calls(int (*run)(void *data), void *data)
{
	(void)run;
	(void)data;
	return WATCH_UNABLE;
}
#endif
#endif
