/*
 * Where kernel messages go: the serial port, the console's screen, or both; and the terminal on that
 * screen, which a program may have.
 */
#ifndef KERNEL_LIB_CONSOLE_H
#define KERNEL_LIB_CONSOLE_H

#include "mm/types.h"

struct ansi;

enum { CONSOLE_SERIAL = 1 << 0, CONSOLE_SCREEN = 1 << 1 };

/* Set up both devices and write to both. */
void console_init(void);
/* Write to these only (CONSOLE_*). */
void console_select(unsigned set);
/* \n becomes CR LF. Any context; interrupts are off for the length of the text, so that lines stay
 * whole. */
void console_write(const char *text, size_t n);

/* The terminal on the screen. Touched with interrupts off. */
extern struct ansi console_terminal;
/* Bring what the terminal shows to the display, now. Any context. */
void console_paint(void);

#endif
