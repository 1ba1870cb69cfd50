/* A small stand-in for Criterion, for places where Criterion cannot start its worker processes:
 * emulators, sanitizers, an initramfs.  It knows the subset of the interface that the suites use.
 *
 * Tests register before main and run in the order of the file, each in a child process where fork
 * works, so that a crash fails one test and not the run.  Only failures and skipped tests are
 * printed; the last line counts them all.  A suite links with plain.c, which holds main:
 *
 *     suite [--no-fork] [part of suite::name]       0: all passed, 1: some failed, 2: usage
 *     suite --list                                  the names of all tests
 *     suite --only suite::name                      75: passed, 76: failed, 77: skipped
 *
 * LSTM_TEST_TIMEOUT in the environment: seconds that one test may take (needs fork). */
#ifndef LSTM_TESTS_PLAIN_H
#define LSTM_TESTS_PLAIN_H

#include <string.h>

struct plain_test {
	const char *suite, *name;
	void (*run)(void);
	struct plain_test *next;
};

void plain_register(struct plain_test *test);
__attribute__((noreturn, format(printf, 3, 4))) void plain_fail(const char *file, int line,
                                                                const char *format, ...);
__attribute__((noreturn, format(printf, 1, 2))) void plain_skip(const char *format, ...);

#define Test(suite, name)                                                                          \
	static void plain_run_##suite##_##name(void);                                              \
	__attribute__((constructor)) static void plain_add_##suite##_##name(void)                  \
	{                                                                                          \
		static struct plain_test test = {#suite, #name, plain_run_##suite##_##name, 0};    \
		plain_register(&test);                                                             \
	}                                                                                          \
	static void plain_run_##suite##_##name(void)

#define cr_assert(condition, ...)                                                                  \
	((condition) ? (void)0 : plain_fail(__FILE__, __LINE__, __VA_ARGS__))
#define cr_assert_not(condition, ...) cr_assert(!(condition), __VA_ARGS__)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b), __VA_ARGS__)
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b), __VA_ARGS__)
#define cr_assert_lt(a, b, ...) cr_assert((a) < (b), __VA_ARGS__)
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b), __VA_ARGS__)
#define cr_assert_gt(a, b, ...) cr_assert((a) > (b), __VA_ARGS__)
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b), __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp(a, b) == 0, __VA_ARGS__)
#define cr_assert_null(p, ...) cr_assert((p) == 0, __VA_ARGS__)
#define cr_assert_not_null(p, ...) cr_assert((p) != 0, __VA_ARGS__)
#define cr_skip_test(...) plain_skip(__VA_ARGS__)

#endif
