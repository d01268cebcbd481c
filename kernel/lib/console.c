/*
 * Kernel messages reach the display at once: whoever reads the last of them may be looking at a
 * machine that hangs. What programs write there is brought to it by the terminal's task
 * (kernel/dev/tty.c), several lines at a time.
 */
#include "kernel/lib/console.h"
#include "drivers/serial.h"
#include "kernel/lib/ansi.h"
#include "kernel/lib/redframe.h"
#include "kernel/lib/screen.h"
#include "mm/layout.h"
#include "mm/os.h"

struct ansi console_terminal; /* (i) */
static unsigned selected;

static const uint16_t *console_row(const struct screen *s, unsigned row)
{
    (void)s;
    return ansi_row(&console_terminal, row);
}

static struct screen console_screen = {.name = "console", .row = console_row};

void console_init(void)
{
    serial_init();
    vga_init((void *)(KERNEL_BASE + VGA_TEXT_PADDR));
    ansi_init(&console_terminal);
    screen_register(SCREEN_CONSOLE, &console_screen);
    selected = CONSOLE_SERIAL | CONSOLE_SCREEN;
}

void console_select(unsigned set)
{
    selected = set;
}

void console_paint(void)
{
    uint32_t s = os_irq_save();

    console_screen.cursor = ansi_cursor(&console_terminal);
    os_irq_restore(s);
    screen_paint(&console_screen);
}

static void both(const char *text, size_t n)
{
    if (selected & CONSOLE_SERIAL)
        serial_write(text, n);
    if (redframe_is_up())
        redframe_write(text, n);
    else if (selected & CONSOLE_SCREEN)
        ansi_interject(&console_terminal, text, n);
}

void console_write(const char *text, size_t n)
{
    uint32_t s = os_irq_save();

    while (n > 0) {
        size_t line = 0;

        while (line < n && text[line] != '\n')
            line++;
        both(text, line);
        text += line;
        n -= line;
        if (n > 0) {
            both("\r\n", 2);
            text++;
            n--;
        }
    }
    if (selected & CONSOLE_SCREEN && !redframe_is_up())
        console_paint();
    os_irq_restore(s);
}
