/* The implementation that every suite links with. */
#define LSTM_IMPLEMENTATION
#include "lstm.h"
