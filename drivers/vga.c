/*
 * The text screen: 80 x 25 cells of an adapter that is compatible with VGA.
 *
 * Under an emulator every access to this memory is a call, so a copy of what is shown is kept, and
 * only cells that differ are written, two at a time. Reading is as costly, and never done.
 *
 * Bit 7 of a cell's attribute can mean that the character blinks or that the background is bright, as
 * the attribute controller's mode register says. Here it is the background.
 */
#include "drivers/vga.h"
#include "drivers/io.h"

enum {
    BLANK = 0x0720, /* a space, grey on black */
    ATTRIBUTE = 0x3C0,
    ATTRIBUTE_READ = 0x3C1,
    ATTRIBUTE_MODE = 0x10,
    ATTRIBUTE_SCREEN_ON = 0x20, /* with the index: the screen gets its colours from the palette */
    MODE_BLINK = 1 << 3,
    STATUS = 0x3DA, /* reading it makes the next write to ATTRIBUTE an index */
    CRTC_INDEX = 0x3D4,
    CRTC_DATA = 0x3D5,
    CRTC_CURSOR_START = 0x0A,
    CRTC_START_HIGH = 0x0C,
    CRTC_CURSOR_HIGH = 0x0E,
    CURSOR_OFF = 1 << 5,
};

static volatile uint32_t *memory;
static uint32_t shown[VGA_ROWS * VGA_COLUMNS / 2];
static uint32_t cursor;

/* A pair of CRTC registers. */
static void crtc_pair(uint8_t high, uint32_t value)
{
    outb(CRTC_INDEX, high);
    outb(CRTC_DATA, (uint8_t)(value >> 8));
    outb(CRTC_INDEX, high + 1);
    outb(CRTC_DATA, (uint8_t)value);
}

static void cursor_enable(bool on)
{
    outb(CRTC_INDEX, CRTC_CURSOR_START);

    uint8_t v = inb(CRTC_DATA);

    outb(CRTC_DATA, on ? v & (uint8_t)~CURSOR_OFF : v | CURSOR_OFF);
}

static void bright_backgrounds(void)
{
    inb(STATUS);
    outb(ATTRIBUTE, ATTRIBUTE_MODE | ATTRIBUTE_SCREEN_ON);

    uint8_t mode = inb(ATTRIBUTE_READ);

    outb(ATTRIBUTE, mode & (uint8_t)~MODE_BLINK);
    inb(STATUS);
}

void vga_init(void *base)
{
    memory = base;
    crtc_pair(CRTC_START_HIGH, 0);
    bright_backgrounds();
    for (unsigned i = 0; i < ARRAY_LEN(shown); i++)
        memory[i] = shown[i] = (uint32_t)BLANK << 16 | BLANK;
    crtc_pair(CRTC_CURSOR_HIGH, 0);
    cursor_enable(true);
    cursor = 0;
}

void vga_row(unsigned row, const uint16_t *cells)
{
    unsigned at = row * VGA_COLUMNS / 2;

    if (!memory)
        return;
    for (unsigned i = 0; i < VGA_COLUMNS / 2; i++, at++) {
        uint32_t two = (uint32_t)cells[2 * i + 1] << 16 | cells[2 * i];

        if (shown[at] != two)
            memory[at] = shown[at] = two;
    }
}

void vga_cursor(uint32_t place)
{
    if (!memory || place == cursor)
        return;
    if (place != VGA_NO_CURSOR)
        crtc_pair(CRTC_CURSOR_HIGH, place);
    if ((place == VGA_NO_CURSOR) != (cursor == VGA_NO_CURSOR))
        cursor_enable(place != VGA_NO_CURSOR);
    cursor = place;
}
