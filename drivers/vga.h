/* The 80x25 text screen. */
#ifndef DRIVERS_VGA_H
#define DRIVERS_VGA_H

#include "mm/types.h"

#define VGA_TEXT_PADDR 0xB8000u

/* base: where VGA_TEXT_PADDR is mapped. Clears the screen. */
void vga_init(void *base);
/* Knows \n, \r, \b and \t; scrolls. */
void vga_putc(char c);

#endif
