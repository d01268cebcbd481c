/*
 * A 16550. Its two FIFOs hold 16 characters each: an empty one is filled in one go, so the state of the line
 * is asked for once in 16 characters, and what comes in is taken out in one interrupt into a ring in memory.
 * When the ring is full the interrupt is turned off until somebody has read half of it.
 *
 * Locking: interrupts off for the ring.
 */
#include "drivers/serial.h"
#include "drivers/io.h"
#include "drivers/pic.h"
#include "mm/os.h"

#define IRQ  4u
#define RING 1024u

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
    FCR_ENABLE_CLEAR = 0x07, /* an interrupt with every character */
    IER_RECEIVED = 0x01,
    MCR_DTR_RTS_OUT2 = 0x0B,
    LSR_DATA_READY = 0x01,
    LSR_THR_EMPTY = 0x20,
};

static bool present;
static void (*notify)(void);
static uint8_t ring[RING];
static uint32_t head, tail; /* they count on without end */
static bool throttled;

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

bool serial_is_there(void)
{
    return present;
}

/* Ready for a burst: the FIFO is empty. */
static bool ready(void)
{
    return inb(REG_LSR) & LSR_THR_EMPTY;
}

static size_t burst(const char *text, size_t n)
{
    size_t i = 0;

    for (; i < n && i < SERIAL_BURST; i++)
        outb(REG_DATA, (uint8_t)text[i]);
    return i;
}

size_t serial_write_some(const char *text, size_t n)
{
    size_t done = n;

    if (!present)
        return n;
    uint32_t s = os_irq_save();
    done = ready() ? burst(text, n) : 0;
    os_irq_restore(s);
    return done;
}

void serial_write(const char *text, size_t n)
{
    while (present && n > 0) {
        /* A burst takes 1.4 ms; a port that stays busy longer than this is stuck. */
        for (unsigned i = 0; i < 100000 && !ready(); i++)
            ;
        size_t done = burst(text, n);

        text += done;
        n -= done;
    }
}

/* --- input --- */

/* Take what is in the FIFO, as far as there is room. What stays there holds back the sender, if it can be. */
static void receive(void *arg)
{
    (void)arg;
    while (inb(REG_LSR) & LSR_DATA_READY) {
        if (head - tail == RING) {
            outb(REG_IER, 0);
            throttled = true;
            break;
        }
        ring[head++ % RING] = inb(REG_DATA);
    }
    if (head != tail)
        notify();
}

int serial_listen(void (*fn)(void))
{
    int err;

    if (!present)
        return 0;
    notify = fn;
    err = irq_register(IRQ, "ttyS0", receive, NULL);
    if (!err)
        outb(REG_IER, IER_RECEIVED);
    return err;
}

bool serial_readable(void)
{
    return READ_ONCE(head) != tail;
}

size_t serial_read(uint8_t *out, size_t n)
{
    size_t got = 0;
    uint32_t s = os_irq_save();

    while (got < n && head != tail)
        out[got++] = ring[tail++ % RING];
    if (throttled && head - tail < RING / 2) {
        throttled = false;
        outb(REG_IER, IER_RECEIVED);
    }
    os_irq_restore(s);
    return got;
}
