#include "drivers/serial.h"
#include "drivers/io.h"

/* 16550 registers at COM1. */
enum {
    COM1 = 0x3F8,
    REG_DATA = COM1,    /* divisor low while DLAB is set */
    REG_IER = COM1 + 1, /* interrupt enable; divisor high while DLAB is set */
    REG_FCR = COM1 + 2, /* FIFO control */
    REG_LCR = COM1 + 3, /* line control */
    REG_MCR = COM1 + 4, /* modem control */
    REG_LSR = COM1 + 5, /* line status */
    REG_SCR = COM1 + 7, /* scratch: a byte of memory, to see whether the chip is there */
    LCR_8N1 = 0x03,
    LCR_DLAB = 0x80,
    FCR_ENABLE_CLEAR = 0x07,
    MCR_DTR_RTS_OUT2 = 0x0B,
    LSR_THR_EMPTY = 0x20,
};

static bool present;

bool serial_init(void)
{
    outb(REG_SCR, 0x5A);
    present = inb(REG_SCR) == 0x5A;
    if (!present)
        return false;
    outb(REG_IER, 0);
    outb(REG_LCR, LCR_DLAB);
    outb(REG_DATA, 1); /* 115200 / 1 */
    outb(REG_IER, 0);
    outb(REG_LCR, LCR_8N1);
    outb(REG_FCR, FCR_ENABLE_CLEAR);
    outb(REG_MCR, MCR_DTR_RTS_OUT2);
    return true;
}

void serial_putc(char c)
{
    if (!present)
        return;
    /* A character takes 87 us; a port that stays busy longer than this is stuck, and losing a character is
     * better than a hang. */
    for (unsigned i = 0; i < 100000 && !(inb(REG_LSR) & LSR_THR_EMPTY); i++)
        ;
    outb(REG_DATA, (uint8_t)c);
}
