#include "kernel/lib/console.h"
#include "drivers/serial.h"
#include "drivers/vga.h"
#include "mm/layout.h"
#include "mm/os.h"

static unsigned selected;

void console_init(void)
{
    serial_init();
    vga_init((void *)(KERNEL_BASE + VGA_TEXT_PADDR));
    selected = CONSOLE_SERIAL | CONSOLE_SCREEN;
}

void console_select(unsigned set)
{
    selected = set;
}

static void screen(const char *text, size_t n)
{
    if (selected & CONSOLE_SCREEN)
        for (size_t i = 0; i < n; i++)
            vga_putc(text[i]);
}

void console_write(const char *text, size_t n)
{
    uint32_t s = os_irq_save();

    while (n > 0) {
        size_t line = 0;

        while (line < n && text[line] != '\n')
            line++;
        if (selected & CONSOLE_SERIAL)
            serial_write(text, line);
        screen(text, line);
        text += line;
        n -= line;
        if (n > 0) {
            if (selected & CONSOLE_SERIAL)
                serial_write("\r\n", 2);
            screen("\n", 1);
            text++;
            n--;
        }
    }
    os_irq_restore(s);
}

size_t console_put_some(const char *text, size_t n)
{
    if (selected & CONSOLE_SERIAL)
        n = serial_write_some(text, n);
    screen(text, n);
    return n;
}
