/*
 * Which of several screens is on the display.
 *
 * The display's memory is written here only, and only with interrupts off, since kernel messages come
 * in any context. Rows are copied one by one, so interrupts are not off for longer than a row takes.
 *
 *     INV-SCREEN-1  what is shown is registered
 */
#include "kernel/lib/screen.h"
#include "mm/os.h"

struct waitq screen_switched;           /* (i) */
static struct screen *screens[SCREENS]; /* (i) */
static struct screen *front;            /* (i) */
static bool seized;

void screen_register(unsigned number, struct screen *s)
{
    mm_assert(number < SCREENS && !screens[number], "screen %u, %s", number, s->name);
    screens[number] = s;
    if (!front)
        front = s;
}

bool screen_is_shown(unsigned number)
{
    return front && front == screens[number];
}

static void paint_row(const struct screen *s, unsigned row)
{
    const uint16_t *cells = s->row(s, row);
    uint16_t blank[SCREEN_COLUMNS];

    for (unsigned i = 0; !cells && i < SCREEN_COLUMNS; i++)
        blank[i] = screen_cell(' ', COLOUR_GREY, COLOUR_BLACK);
    vga_row(row, cells ? cells : blank);
}

void screen_paint(struct screen *s)
{
    for (unsigned r = 0; r < SCREEN_ROWS; r++) {
        uint32_t irq = os_irq_save();
        bool shown = s == front;

        if (shown)
            paint_row(s, r);
        os_irq_restore(irq);
        if (!shown)
            return;
    }

    uint32_t irq = os_irq_save();

    if (s == front)
        vga_cursor(s->cursor);
    os_irq_restore(irq);
}

void screen_show(unsigned number)
{
    uint32_t irq = os_irq_save();
    struct screen *s = number < SCREENS ? screens[number] : NULL;
    bool switched = s && s != front && !seized;

    if (switched)
        front = s;
    os_irq_restore(irq);
    if (!switched)
        return;
    screen_paint(s);
    os_wake_all(&screen_switched);
}

void screen_seize(void)
{
    seized = true;
    front = screens[SCREEN_CONSOLE];
}
