/* The 80x25 text screen. */
#ifndef DRIVERS_VGA_H
#define DRIVERS_VGA_H

#include "mm/types.h"

#define VGA_TEXT_PADDR 0xB8000u

/* base: where VGA_TEXT_PADDR is mapped. Clears the screen. */
void vga_init(void *base);
/* Knows \n (which also goes to the first column), \r, \b, \t and the usual escape sequences. */
void vga_putc(char c);

#endif
