#include "drivers/pic.h"
#include "drivers/io.h"
#include "mm/errno.h"
#include "mm/os.h"

enum {
    PIC1_COMMAND = 0x20,
    PIC1_DATA = 0x21,
    PIC2_COMMAND = 0xA0,
    PIC2_DATA = 0xA1,
    ICW1_INIT_ICW4 = 0x11,
    ICW4_8086 = 0x01,
    OCW2_EOI = 0x20,
    OCW3_READ_ISR = 0x0B,
    CASCADE = 2,  /* the line of the first that carries the second */
    HANDLERS = 4, /* on one line */
};

struct handler {
    void (*fn)(void *);
    void *arg;
    const char *name;
};

static struct handler handlers[IRQ_COUNT][HANDLERS];
static uint16_t masked = 0xFFFF;
static unsigned spurious;
static uint64_t counts[IRQ_COUNT];

static void write_masks(void)
{
    outb(PIC1_DATA, (uint8_t)masked);
    outb(PIC2_DATA, (uint8_t)(masked >> 8));
}

void pic_init(void)
{
    outb(PIC1_COMMAND, ICW1_INIT_ICW4);
    outb(PIC2_COMMAND, ICW1_INIT_ICW4);
    outb(PIC1_DATA, IRQ_VECTOR);
    outb(PIC2_DATA, IRQ_VECTOR + 8);
    outb(PIC1_DATA, 1 << CASCADE);
    outb(PIC2_DATA, CASCADE);
    outb(PIC1_DATA, ICW4_8086);
    outb(PIC2_DATA, ICW4_8086);
    masked = (uint16_t) ~(1u << CASCADE);
    write_masks();
}

int irq_register(unsigned irq, const char *name, void (*fn)(void *arg), void *arg)
{
    if (irq >= IRQ_COUNT || irq == CASCADE)
        return -EINVAL;
    for (unsigned i = 0; i < HANDLERS; i++) {
        struct handler *h = &handlers[irq][i];

        if (h->fn)
            continue;
        uint32_t s = os_irq_save();
        h->arg = arg;
        h->name = name;
        h->fn = fn;
        masked &= (uint16_t) ~(1u << irq);
        write_masks();
        os_irq_restore(s);
        return 0;
    }
    return -ENOMEM;
}

/* Whether the controller really delivered its lowest line: with noise it reports 7 without having it in
 * service. */
static bool in_service(unsigned irq)
{
    uint16_t command = irq < 8 ? PIC1_COMMAND : PIC2_COMMAND;

    outb(command, OCW3_READ_ISR);
    return inb(command) & 1u << (irq & 7);
}

void irq_dispatch(unsigned irq)
{
    counts[irq]++;
    if ((irq & 7) == 7 && !in_service(irq)) {
        spurious++;
        if (irq >= 8)
            outb(PIC1_COMMAND, OCW2_EOI); /* for the cascade, which was in service */
        return;
    }
    /* Acknowledged first: interrupts stay off until the trap returns, and a handler that switches tasks must
     * not leave the controller waiting. */
    if (irq >= 8)
        outb(PIC2_COMMAND, OCW2_EOI);
    outb(PIC1_COMMAND, OCW2_EOI);
    for (unsigned i = 0; i < HANDLERS && handlers[irq][i].fn; i++)
        handlers[irq][i].fn(handlers[irq][i].arg);
}

const char *irq_name(unsigned irq, unsigned handler)
{
    return handler < HANDLERS ? handlers[irq][handler].name : NULL;
}

uint64_t irq_count(unsigned irq)
{
    uint32_t s = os_irq_save();
    uint64_t n = counts[irq];

    os_irq_restore(s);
    return n;
}

unsigned irq_spurious(void)
{
    return spurious;
}
