/*
 * The text screen: 80x25 cells in a window of 32 KiB, which holds eight times as much. Scrolling moves the
 * place in the window where the screen begins; only at the window's end are the rows copied back to its
 * start. Under an emulator every access to this memory is a call, so copying the screen for every line would
 * cost more than all the rest of output.
 *
 * Of the ANSI escape sequences it knows what editors and pagers use: moving the cursor, erasing, colours.
 * Others are swallowed.
 */
#include "drivers/vga.h"
#include "drivers/io.h"

enum {
    COLUMNS = 80,
    ROWS = 25,
    WINDOW_ROWS = 0x8000 / 2 / COLUMNS,
    PLAIN = 0x07, /* grey on black */
    CRTC_INDEX = 0x3D4,
    CRTC_DATA = 0x3D5,
    CRTC_START_HIGH = 0x0C,
    CRTC_CURSOR_HIGH = 0x0E,
    ESC = 27,
    PARAMETERS = 4,
};

static volatile uint16_t *cells;
static unsigned column, row;
static unsigned first; /* row of the window where the screen begins */
static uint8_t attribute = PLAIN;

/* An escape sequence on its way: ESC [ numbers letter. */
static enum { TEXT, ESCAPE, SEQUENCE, SKIP_ONE } state;
static unsigned parameter[PARAMETERS], parameters;

static volatile uint16_t *cell(unsigned r, unsigned c)
{
    return &cells[(first + r) * COLUMNS + c];
}

/* A pair of CRTC registers: a place in the window. */
static void crtc_place(uint8_t high, unsigned at)
{
    outb(CRTC_INDEX, high);
    outb(CRTC_DATA, (uint8_t)(at >> 8));
    outb(CRTC_INDEX, high + 1);
    outb(CRTC_DATA, (uint8_t)at);
}

static void show_cursor(void)
{
    crtc_place(CRTC_CURSOR_HIGH, (first + row) * COLUMNS + column);
}

/* Two cells at a time. */
static void blank(unsigned r, unsigned from, unsigned to)
{
    uint16_t space = (uint16_t)(attribute << 8 | ' ');

    if (from & 1 && from < to)
        *cell(r, from++) = space;
    for (; from + 1 < to; from += 2)
        *(volatile uint32_t *)cell(r, from) = (uint32_t)space << 16 | space;
    if (from < to)
        *cell(r, from) = space;
}

static void scroll(void)
{
    if (first + ROWS < WINDOW_ROWS) {
        first++;
    } else {
        for (unsigned i = 0; i < (ROWS - 1) * COLUMNS / 2; i++)
            ((volatile uint32_t *)cells)[i] = ((volatile uint32_t *)cell(1, 0))[i];
        first = 0;
    }
    crtc_place(CRTC_START_HIGH, first * COLUMNS);
    blank(ROWS - 1, 0, COLUMNS);
}

static void next_row(void)
{
    column = 0;
    if (row < ROWS - 1)
        row++;
    else
        scroll();
    show_cursor();
}

void vga_init(void *base)
{
    cells = base;
    column = row = first = 0;
    crtc_place(CRTC_START_HIGH, 0);
    for (unsigned r = 0; r < ROWS; r++)
        blank(r, 0, COLUMNS);
    show_cursor();
}

/* --- escape sequences --- */

/* The i-th number, or what it is when it was left out. */
static unsigned number(unsigned i, unsigned otherwise)
{
    return i < parameters && parameter[i] ? parameter[i] : otherwise;
}

static unsigned at_most(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static void erase_screen(unsigned what)
{
    unsigned from = what == 0 ? row + 1 : 0, to = what == 1 ? row : ROWS;

    for (unsigned r = from; r < to; r++)
        blank(r, 0, COLUMNS);
}

static void erase_line(unsigned what)
{
    blank(row, what == 0 ? column : 0, what == 1 ? column + 1 : COLUMNS);
}

static void colour(unsigned n)
{
    /* ANSI counts red as 1 and blue as 4, the screen the other way round. */
    static const uint8_t colours[8] = {0, 4, 2, 6, 1, 5, 3, 7};

    if (n == 0)
        attribute = PLAIN;
    else if (n == 1)
        attribute |= 8;
    else if (n == 7)
        attribute = (uint8_t)(attribute >> 4 | attribute << 4);
    else if (n >= 30 && n <= 37)
        attribute = (uint8_t)((attribute & 0xF8) | colours[n - 30]);
    else if (n >= 40 && n <= 47)
        attribute = (uint8_t)((attribute & 0x0F) | colours[n - 40] << 4);
}

static void sequence_end(char c)
{
    switch (c) {
    case 'A':
        row -= at_most(number(0, 1), row);
        break;
    case 'B':
        row = at_most(row + number(0, 1), ROWS - 1);
        break;
    case 'C':
        column = at_most(column + number(0, 1), COLUMNS - 1);
        break;
    case 'D':
        column -= at_most(number(0, 1), column);
        break;
    case 'H':
    case 'f':
        row = at_most(number(0, 1), ROWS) - 1;
        column = at_most(number(1, 1), COLUMNS) - 1;
        break;
    case 'J':
        erase_screen(number(0, 0));
        erase_line(number(0, 0));
        break;
    case 'K':
        erase_line(number(0, 0));
        break;
    case 'm':
        for (unsigned i = 0; i < parameters; i++)
            colour(parameter[i]);
        break;
    }
    show_cursor();
}

/* A character of a sequence. */
static void in_sequence(char c)
{
    if (state == ESCAPE) {
        parameters = 1;
        parameter[0] = 0;
        state = c == '[' ? SEQUENCE : c == '(' || c == ')' ? SKIP_ONE : TEXT;
    } else if (state == SKIP_ONE) {
        state = TEXT;
    } else if (c >= '0' && c <= '9') {
        if (parameter[parameters - 1] < 1000)
            parameter[parameters - 1] = parameter[parameters - 1] * 10 + (unsigned)(c - '0');
    } else if (c == ';') {
        if (parameters < PARAMETERS)
            parameter[parameters++] = 0;
    } else if (c >= '@') {
        state = TEXT;
        sequence_end(c);
    }
}

void vga_putc(char c)
{
    if (!cells)
        return;
    if (state != TEXT) {
        in_sequence(c);
        return;
    }
    switch (c) {
    case ESC:
        state = ESCAPE;
        return;
    case '\n':
        next_row();
        return;
    case '\r':
        column = 0;
        return;
    case '\b':
        if (column > 0)
            column--;
        return;
    case '\t':
        column = (column + 8) & ~7u;
        break;
    case 7: /* the bell */
        return;
    default:
        *cell(row, column++) = (uint16_t)(attribute << 8 | (uint8_t)c);
    }
    /* The cursor register is written once a line: the port costs more than the cell. */
    if (column >= COLUMNS)
        next_row();
}
