/* The runner behind plain.h.  WebAssembly has neither fork nor longjmp: what runs a suite there makes
 * an instance for each test (tests/devices/wasm/suite.mjs). */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "plain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifndef __wasi__
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#endif

/* The exit statuses of a test's process: none that a sanitizer or an early exit() would use. */
enum { PASSED = 75, FAILED, SKIPPED, OUTCOMES };

static struct plain_test *first, **last = &first;
static const struct plain_test *current;
static int in_child;
#ifndef __wasi__
static jmp_buf back;
#endif

void plain_register(struct plain_test *test)
{
	*last = test;
	last = &test->next;
}

/* exit in a child runs the end-of-process checks of sanitizers; _exit would skip them, which is
 * right only after a failure, where leaks follow from it. */
static void leave(int outcome)
{
	fflush(NULL);
#ifndef __wasi__
	if (!in_child)
		longjmp(back, outcome);
#endif
	_exit(outcome);
}

void plain_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("FAIL %s::%s: %s:%d: ", current->suite, current->name, file, line);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	leave(FAILED);
	abort();
}

void plain_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("SKIP %s::%s: ", current->suite, current->name);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	leave(SKIPPED);
	abort();
}

static void run_to_the_end(void)
{
	in_child = 1;
	current->run();
	exit(PASSED);
}

#ifndef __wasi__
static int died(const char *how, const char *what, int number)
{
	printf("FAIL %s::%s: %s%s (%d)\n", current->suite, current->name, how, what, number);
	return FAILED;
}

static int wait_for(pid_t child, unsigned seconds)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return died("cannot wait: ", strerror(errno), errno);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return died("timeout", ", seconds", (int)seconds);
	if (WIFSIGNALED(status))
		return died("killed by signal: ", strsignal(WTERMSIG(status)), WTERMSIG(status));
	switch (WEXITSTATUS(status)) {
	case PASSED:
	case FAILED:
	case SKIPPED:
		return WEXITSTATUS(status);
	default:
		return died("the process ended with", " status", WEXITSTATUS(status));
	}
}

static int run_here(void)
{
	int outcome = setjmp(back);

	if (outcome)
		return outcome;
	current->run();
	return PASSED;
}

static int run(int use_fork, unsigned seconds)
{
	pid_t child;

	fflush(NULL);
	child = use_fork ? fork() : -1;
	if (child > 0)
		return wait_for(child, seconds);
	if (child < 0)
		return run_here();
	alarm(seconds);
	run_to_the_end();
	return PASSED;
}
#else
static int run(int use_fork, unsigned seconds)
{
	(void)use_fork;
	(void)seconds;
	fputs("an instance runs one test: --only suite::name\n", stderr);
	exit(2);
}
#endif

enum { NAME_SIZE = 256 };

static const char *full_name(const struct plain_test *test, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s::%s", test->suite, test->name);
	return name;
}

/* Print the names of all tests. */
static int list(void)
{
	char name[NAME_SIZE];

	for (current = first; current; current = current->next)
		puts(full_name(current, name));
	return 0;
}

/* Run one test in this process, whose exit status is the outcome. */
static int only(const char *wanted)
{
	char name[NAME_SIZE];

	for (current = first; current; current = current->next)
		if (!strcmp(full_name(current, name), wanted))
			run_to_the_end();
	fprintf(stderr, "no test has the name %s\n", wanted);
	return 2;
}

int main(int argc, char **argv)
{
	const char *limit = getenv("LSTM_TEST_TIMEOUT"), *part = "";
	unsigned seconds = limit ? (unsigned)strtoul(limit, NULL, 10) : 600;
	unsigned counts[OUTCOMES] = {0};
	char name[NAME_SIZE];
	int use_fork = 1, i;

	if (argc == 2 && !strcmp(argv[1], "--list"))
		return list();
	if (argc == 3 && !strcmp(argv[1], "--only"))
		return only(argv[2]);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--no-fork") == 0) {
			use_fork = 0;
		} else if (argv[i][0] == '-' || *part) {
			fprintf(stderr,
			        "usage: %s [--no-fork] [part of suite::name] | --list | --only "
			        "suite::name\n",
			        argv[0]);
			return 2;
		} else {
			part = argv[i];
		}
	}
	for (current = first; current; current = current->next)
		if (strstr(full_name(current, name), part))
			counts[run(use_fork, seconds)]++;
	printf("%u passed, %u failed, %u skipped\n", counts[PASSED], counts[FAILED],
	       counts[SKIPPED]);
	if (counts[PASSED] + counts[FAILED] + counts[SKIPPED] == 0) {
		fprintf(stderr, "%s: no test matches \"%s\"\n", argv[0], part);
		return 1;
	}
	return counts[FAILED] != 0;
}
