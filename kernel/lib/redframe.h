/* A red frame on the screen around what a panic says. See redframe.c. */
#ifndef KERNEL_LIB_REDFRAME_H
#define KERNEL_LIB_REDFRAME_H

#include "mm/types.h"

/* Draw it, empty, on the console's screen, and show that and no other from now on. advice: what to do, at
 * most three lines of at most 76 characters. Interrupts are off from here to the end of the machine, for
 * all three. */
void redframe_begin(const char *title, const char *advice);
/* Whether it is there. */
bool redframe_is_up(void);
/* Write into it. Lines that are too long go on in the next row; what does not fit is left out, and the
 * last row says so. */
void redframe_write(const char *text, size_t n);

#endif
