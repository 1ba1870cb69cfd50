/* What the suites use of POSIX and WASI's C library has not. */
#ifndef LSTM_TESTS_WASI_H
#define LSTM_TESTS_WASI_H

int getppid(void); /* 1: there is no process that it could name */
int mkstemp(char *path);

#endif
