#include "kernel/console.h"
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

void console_write(const char *text, size_t n)
{
    uint32_t s = os_irq_save();

    for (; n > 0; n--, text++) {
        if (selected & CONSOLE_SERIAL) {
            if (*text == '\n')
                serial_putc('\r');
            serial_putc(*text);
        }
        if (selected & CONSOLE_SCREEN)
            vga_putc(*text);
    }
    os_irq_restore(s);
}
