/* The firmware of the emulated machine, all of it: enter protected mode and jump to the kernel's
 * PVH entry. Bochs has already put the kernel and the program (see machine.py) into memory, so
 * there is no BIOS, no boot loader and no disk to wait for.
 *
 * Bochs hands out guest memory in blocks of 128 KiB in the order of first touch, but loads a RAM
 * image as if its blocks were handed out one after the other. Touching the image's blocks in
 * ascending order, before anything else is touched, makes that so. */
	.set rom, 0xf0000
	.set image, 0xfe0000 /* struct { u32 magic, end, entry, start_info; } */
	.set magic, 0x3154534c
	.set block, 0x20000
	.set shutdown_port, 0x8900

	.text
	.code16
start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl gdt_pointer
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $8, $(rom + protected)

	.code32
protected:
	movw $16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $image, %esi
	cmpl $magic, (%esi)
	jne misplaced
touch:
	movl (%esi), %eax
	addl $block, %esi
	cmpl image + 4, %esi
	jb touch
	movl image + 12, %ebx
	jmp *(image + 8)

misplaced:
	movl $(rom + word), %esi
	movl $shutdown_port, %edx
	movl $8, %ecx
	rep outsb
	hlt
word:
	.ascii "Shutdown"

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long rom + gdt

	.org 0xfff0
	.code16
	ljmp $0xf000, $start
	.org 0x10000
