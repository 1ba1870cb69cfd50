/* What the network hears: how loud a frame is in six bands. */
#ifndef BANDS_H
#define BANDS_H

#include <stdint.h>

enum {
	RATE = 8000, /* Hz */
	FRAME = 256, /* samples, 32 ms */
	BANDS = 6
};

/* The levels of five octaves from 4 kHz down, and of what is below, about -3 to 2: whole numbers
 * until the last line, so that every processor finds the same. */
void bands_of(float levels[BANDS], const int16_t samples[FRAME]);

#endif
