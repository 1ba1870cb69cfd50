/* What the example needs from a board: a way to say something, a clock, an end. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void board_say(const char *text);
uint32_t board_stack(void); /* bytes of it that were ever used; 0 if nobody knows */
void board_begin_clock(void);
uint32_t board_clock(void); /* ticks since then, modulo BOARD_TICKS + 1 */
#define BOARD_TICKS 0xffffffu

/* Bytes of the arenas: what lstm_model_size and lstm_state_size answer there, exactly.  Put in any
 * number at first: the program tells the right one. */
#if UINTPTR_MAX == 0xffffffff
enum { MODEL_BYTES = 4096, STATE_BYTES = 512 };
#else
enum { MODEL_BYTES = 4288, STATE_BYTES = 640 };
#endif

#endif
