/*
 * A terminal: bytes that a program writes become cells of a grid. What it knows is what TERM=linux
 * promises. Pure code, tested on the host. See ansi.c.
 */
#ifndef KERNEL_LIB_ANSI_H
#define KERNEL_LIB_ANSI_H

#include "mm/types.h"

#define ANSI_COLUMNS    80u
#define ANSI_ROWS       25u
#define ANSI_PARAMETERS 16u
#define ANSI_ANSWERS    64u

/* How characters look, and which character set they are of; what ESC 7 saves besides the cursor. */
struct ansi_pen {
    uint8_t foreground, background; /* of the adapter, 0 to 15 */
    bool bold, dim, underline, blink, reverse;
    uint8_t set[2]; /* G0 and G1: enum ansi_set */
    uint8_t shift;  /* which of them counts */
    bool direct;    /* neither: bytes are the display's own */
};

struct ansi_saved {
    struct ansi_pen pen;
    unsigned row, column;
};

struct ansi {
    char answers[ANSI_ANSWERS]; /* to questions, for the program's input: ansi_answer() */
    unsigned answered;
    uint16_t grid[ANSI_ROWS][ANSI_COLUMNS];
    uint16_t *row[ANSI_ROWS]; /* which line of the grid each row is */
    /* Rows that have left at the top: a ring, whose places count on without end. */
    uint16_t (*history)[ANSI_COLUMNS];
    uint32_t history_size, history_end;
    uint32_t view; /* rows that what is shown is scrolled back */
    unsigned at_row, at_column;
    bool wrap;            /* the last column was written, and the next character goes to the next row */
    unsigned top, bottom; /* [top, bottom) scrolls */
    uint32_t tabs[(ANSI_COLUMNS + 31) / 32];
    struct ansi_pen pen;
    struct ansi_saved saved;
    /* Modes. */
    bool cursor_hidden, no_wrap, origin, insert, newline, inverse;
    bool cursor_keys, keypad; /* what keys send: for who reads the keyboard */
    /* An escape sequence on its way. */
    uint8_t state; /* enum state of ansi.c */
    bool private;  /* its parameters begin with '?' */
    bool odd;      /* it has something that is not known, so all of it is not */
    unsigned parameter[ANSI_PARAMETERS], parameters;
    unsigned left; /* bytes of it to come, in some states */
    /* A character in UTF-8 on its way. */
    uint32_t unicode, least;
    unsigned more;
};

/* Blank, with the cursor at the left top. */
void ansi_init(struct ansi *a);
/* Keep up to n rows that scroll off the top, in memory that stays the caller's: n * ANSI_COLUMNS cells. */
void ansi_keep(struct ansi *a, uint16_t *rows, uint32_t n);
/* What a program writes. Does not sleep. */
void ansi_write(struct ansi *a, const char *text, size_t n);
/* Take what the terminal says itself, to be read like what is typed: at most n bytes. */
size_t ansi_answer(struct ansi *a, char *text, size_t n);
/* What the kernel says in between: plain. What the program had begun, and how it writes, goes on
 * behind it. */
void ansi_interject(struct ansi *a, const char *text, size_t n);
/* The cells of a row as it is shown. */
const uint16_t *ansi_row(const struct ansi *a, unsigned row);
/* Which cell the cursor is on, counted from the left top; UINT32_MAX: it is not shown. */
uint32_t ansi_cursor(const struct ansi *a);
/* Show what was `rows` rows before (or, below 0, after) what is shown, as far as there is something. */
void ansi_scroll_view(struct ansi *a, int rows);

bool ansi_verify(const struct ansi *a); /* INV-ANSI-* */

#endif
