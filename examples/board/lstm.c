/* The library, in a file of its own. */
#define LSTM_IMPLEMENTATION
#include "lstm.h"
