/* The probability over time as bars of text, with the segments under it. */
#ifndef LSTM_VAD_BARS_H
#define LSTM_VAD_BARS_H

#include "report.h"

/* Print at most columns characters a line: block characters in UTF-8, or plain ASCII.  At least one
 * frame is needed. */
void bars_print(const struct report *report, int columns, int blocks, int coloured);

#endif
