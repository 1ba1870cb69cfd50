/* Whether two names lead to one file. */
#ifndef LSTM_TOOL_PATHS_H
#define LSTM_TOOL_PATHS_H

/* However they are spelled, and also of a file that is yet to be written.  "-" is a stream, and the
 * same as "-" alone. */
int paths_same(const char *a, const char *b);

#endif
