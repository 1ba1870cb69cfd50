/* Every command: as main, with argv[0] the command's name; answers the exit status. */
#ifndef LSTM_TOOL_COMMANDS_H
#define LSTM_TOOL_COMMANDS_H

int command_bench(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_digest(int argc, char **argv);
int command_embed(int argc, char **argv);
int command_info(int argc, char **argv);
int command_quantize(int argc, char **argv);
int command_run(int argc, char **argv);

#endif
