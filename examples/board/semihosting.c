/* A Cortex-M under an emulator or a debugger, which does the talking: Arm's semihosting. */
#include "board.h"

#define UNUSED 0xdeadbeefu /* what the stack is filled with before main */

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };

#define SYSTICK ((volatile uint32_t *)0xe000e010) /* control, reload, value */

extern uint32_t stack_top[], data_load[], data_begin[], data_end[], bss_begin[], bss_end[];
int main(void);
void board_reset(void);

static uint32_t ask(uint32_t operation, const void *argument)
{
	register uint32_t r0 __asm__("r0") = operation;
	register const void *r1 __asm__("r1") = argument;

	__asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
	return r0;
}

static void leave(uint32_t status)
{
	uint32_t block[2] = {APPLICATION_EXIT, status};

	for (;;)
		ask(SYS_EXIT_EXTENDED, block);
}

void board_say(const char *text)
{
	ask(SYS_WRITE0, text);
}

uint32_t board_stack(void)
{
	const uint32_t *lowest = bss_end;

	while (lowest < stack_top && *lowest == UNUSED)
		lowest++;
	return (uint32_t)(stack_top - lowest) * (uint32_t)sizeof(*lowest);
}

void board_begin_clock(void)
{
	SYSTICK[1] = BOARD_TICKS;
	SYSTICK[2] = 0;
	SYSTICK[0] = 5; /* on, at the processor's clock, without interrupts */
}

uint32_t board_clock(void)
{
	return BOARD_TICKS - SYSTICK[2];
}

static void fault(void)
{
	board_say("fault: the processor met something that it cannot do\n");
	leave(3);
}

void board_reset(void)
{
	uint32_t *to, *from = data_load, *here;

#ifdef __ARM_FP
	*(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* the floating-point unit, off at reset */
	__asm__ volatile("dsb\n\tisb" : : : "memory");
#endif
	for (to = data_begin; to < data_end;)
		*to++ = *from++;
	for (to = bss_begin; to < bss_end;)
		*to++ = 0;
	__asm__ volatile("mov %0, sp" : "=r"(here));
	while (to < here)
		*to++ = UNUSED;
	leave((uint32_t)main());
}

/* No interrupt is on: the exceptions of the processor itself are all that can come. */
__attribute__((section(".vectors"), used)) static const struct {
	uint32_t *stack;
	void (*handlers[15])(void);
} vectors = {
	stack_top,
	{board_reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
         fault, fault, fault},
};
