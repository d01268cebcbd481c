#include "drivers/power.h"
#include "drivers/io.h"

enum {
    DEBUG_EXIT = 0xF4, /* status is 2 * value + 1 */
    EXIT_OK = 0x10,
    EXIT_FAILED = 0x11,
    PM1A_CONTROL = 0x604,   /* of QEMU's pc */
    PM1A_SLEEP_S5 = 0x2000, /* SLP_EN, SLP_TYP 0: soft off */
    RESET_CONTROL = 0xCF9,  /* PIIX3 and its successors */
    RESET_HARD = 0x02,      /* what kind, to be chosen before */
    RESET_NOW = 0x04,
    KEYBOARD_COMMAND = 0x64,
    KEYBOARD_RESET = 0xFE, /* pulse the line that is wired to the processor's reset */
};

void power_debug_exit(bool ok)
{
    outb(DEBUG_EXIT, ok ? EXIT_OK : EXIT_FAILED);
}

_Noreturn void power_exit(bool ok)
{
    power_debug_exit(ok);
    outw(PM1A_CONTROL, PM1A_SLEEP_S5);
    for (;;)
        __asm__ volatile("cli; hlt");
}

_Noreturn void power_restart(void)
{
    outb(RESET_CONTROL, RESET_HARD);
    outb(RESET_CONTROL, RESET_HARD | RESET_NOW);
    outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
    for (;;)
        __asm__ volatile("cli; hlt");
}
