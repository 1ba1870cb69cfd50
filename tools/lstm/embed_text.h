/* Pieces of a header's text. */
#ifndef LSTM_TOOL_EMBED_TEXT_H
#define LSTM_TOOL_EMBED_TEXT_H

#include <stdio.h>

/* Text in which @ stands for the name and ^ for the name in capitals. */
void embed_put(FILE *f, const char *name, const char *text);

/* A constant that gives the float back, to the bit. */
void embed_put_float(FILE *f, float value);

#endif
