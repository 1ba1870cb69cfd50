/* The benchmark as a command: what bench/main.c calls, and other programs may. */
#ifndef LSTM_BENCH_COMMAND_H
#define LSTM_BENCH_COMMAND_H

/* As main: argv[0] is the program's name in messages.  Exit status 0, 1 for a failure, 2 for a
 * wrong use. */
int bench_command(int argc, char **argv);

#endif
