/* The same program where there is an operating system. */
#include "board.h"

#include <stdio.h>
#include <time.h>

static clock_t start;

void board_say(const char *text)
{
	fputs(text, stdout);
}

uint32_t board_stack(void)
{
	return 0;
}

void board_begin_clock(void)
{
	start = clock();
}

uint32_t board_clock(void)
{
	return (uint32_t)(clock() - start) & BOARD_TICKS;
}
