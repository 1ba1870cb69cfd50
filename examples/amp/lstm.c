/* The one file that holds the implementation; SLEEF or not is decided by the build. */
#define LSTM_IMPLEMENTATION
#include "lstm.h"
