#include "drivers/vga.h"
#include "drivers/io.h"

enum {
    COLUMNS = 80,
    ROWS = 25,
    BLANK = 0x0720, /* a space, grey on black */
    CRTC_INDEX = 0x3D4,
    CRTC_DATA = 0x3D5,
    CRTC_CURSOR_HIGH = 0x0E,
    CRTC_CURSOR_LOW = 0x0F,
};

static volatile uint16_t *cells;
static unsigned column, row;

static void blank_row(unsigned r)
{
    for (unsigned c = 0; c < COLUMNS; c++)
        cells[r * COLUMNS + c] = BLANK;
}

static void next_row(void)
{
    column = 0;
    if (++row < ROWS)
        return;
    row = ROWS - 1;
    /* Two cells at a time: this memory is slow. */
    volatile uint32_t *pair = (volatile uint32_t *)cells;
    for (unsigned i = 0; i < (ROWS - 1) * COLUMNS / 2; i++)
        pair[i] = pair[i + COLUMNS / 2];
    blank_row(ROWS - 1);
}

static void show_cursor(void)
{
    unsigned at = row * COLUMNS + column;

    outb(CRTC_INDEX, CRTC_CURSOR_HIGH);
    outb(CRTC_DATA, (uint8_t)(at >> 8));
    outb(CRTC_INDEX, CRTC_CURSOR_LOW);
    outb(CRTC_DATA, (uint8_t)at);
}

void vga_init(void *base)
{
    cells = base;
    column = row = 0;
    for (unsigned r = 0; r < ROWS; r++)
        blank_row(r);
    show_cursor();
}

void vga_putc(char c)
{
    if (!cells)
        return;
    switch (c) {
    case '\n':
        next_row();
        show_cursor();
        return;
    case '\r':
        column = 0;
        break;
    case '\b':
        if (column > 0)
            column--;
        break;
    case '\t':
        column = (column + 8) & ~7u;
        break;
    default:
        cells[row * COLUMNS + column] = (uint16_t)(0x0700 | (uint8_t)c);
        column++;
    }
    /* The cursor register is written once a line: the port costs more than the cell. */
    if (column >= COLUMNS) {
        next_row();
        show_cursor();
    }
}
