/* The 80 x 25 text screen: what is written to the adapter. See vga.c. */
#ifndef DRIVERS_VGA_H
#define DRIVERS_VGA_H

#include "mm/types.h"

#define VGA_TEXT_PADDR 0xB8000u
#define VGA_COLUMNS    80u
#define VGA_ROWS       25u
#define VGA_NO_CURSOR  UINT32_MAX

/* base: where VGA_TEXT_PADDR is mapped. Clears the screen; the cell at its left top is the first of
 * the memory from here on, and cells have sixteen background colours. */
void vga_init(void *base);
/* Show VGA_COLUMNS cells in a row: a character of code page 437 in the low byte, above it the
 * foreground and the background colour, 4 bits each. Only what differs from what is shown is written.
 * Any context; one at a time. Nothing before vga_init(). */
void vga_row(unsigned row, const uint16_t *cells);
/* Show the cursor at a cell, counted from the left top, or nowhere. Context as above. */
void vga_cursor(uint32_t place);

#endif
