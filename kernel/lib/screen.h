/*
 * Several screens on one display. A screen is 80 x 25 cells in its owner's memory; one of them is
 * shown, and what the owner changed there reaches the display when it says so. See screen.c.
 *
 *     static struct screen map = {.name = "map", .row = map_row, .cursor = SCREEN_NO_CURSOR};
 *
 *     screen_register(SCREEN_MAP, &map);
 *     ... change cells ...
 *     screen_paint(&map);
 */
#ifndef KERNEL_LIB_SCREEN_H
#define KERNEL_LIB_SCREEN_H

#include "drivers/vga.h"
#include "mm/os.h"

#define SCREEN_COLUMNS   VGA_COLUMNS
#define SCREEN_ROWS      VGA_ROWS
#define SCREEN_NO_CURSOR VGA_NO_CURSOR

/* Ctrl-Alt-F1 shows the first, F2 the second. */
enum { SCREEN_CONSOLE, SCREEN_MAP, SCREENS };

/* The colours of the adapter, for foregrounds and backgrounds; | COLOUR_BRIGHT makes another 8. */
enum {
    COLOUR_BLACK,
    COLOUR_BLUE,
    COLOUR_GREEN,
    COLOUR_CYAN,
    COLOUR_RED,
    COLOUR_MAGENTA,
    COLOUR_BROWN,
    COLOUR_GREY,
    COLOUR_BRIGHT = 8,
};

/* c: of code page 437. */
static inline uint16_t screen_cell(uint8_t c, unsigned foreground, unsigned background)
{
    return (uint16_t)(background << 12 | foreground << 8 | c);
}

struct screen {
    const char *name;
    /* The SCREEN_COLUMNS cells of a row, or NULL: blank. Interrupts are off. */
    const uint16_t *(*row)(const struct screen *s, unsigned row);
    uint32_t cursor; /* (i) which cell, counted from the left top; or SCREEN_NO_CURSOR */
};

/* Woken when another screen is shown. */
extern struct waitq screen_switched; /* (i) */

/* Offer a screen under a number. It is never taken back. Any context. */
void screen_register(unsigned number, struct screen *s);
/* Show a screen; nothing happens if none is registered under the number. Any
 * context. */
void screen_show(unsigned number);
bool screen_is_shown(unsigned number);
/* Bring what has changed to the display, if the screen is shown. Costs some thousand instructions, and
 * what it costs to write the cells that differ. Any context. */
void screen_paint(struct screen *s);
/* Show the console's without telling anybody, and nothing else from now on: for a panic. Any context. */
void screen_seize(void);

#endif
