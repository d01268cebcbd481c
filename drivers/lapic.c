/*
 * The local APIC's timer. It counts 32 bits down at a rate of its own, which has to be measured, and is in
 * the processor, so it is set by one write.
 *
 * The BIOS leaves the controller in virtual wire mode: it is on, and passes on what the PIC requests. Nothing
 * of that is changed. Where it is not so, the timer is left alone.
 *
 * Source: Intel, Software Developer's Manual, volume 3A, chapter 11.
 */
#include "drivers/lapic.h"
#include "mm/os.h"

enum {
    TASK_PRIORITY = 0x80,
    END_OF_INTERRUPT = 0xB0,
    SPURIOUS = 0xF0,
    LVT_TIMER = 0x320,
    LVT_LINT0 = 0x350,
    INITIAL_COUNT = 0x380,
    CURRENT_COUNT = 0x390,
    DIVIDE = 0x3E0,

    ENABLED = 1 << 8, /* in SPURIOUS, above the vector */
    MASKED = 1 << 16, /* in LVT_*; the timer's other bits 0: one shot */
    DELIVERY = 7 << 8,
    DELIVERY_EXTINT = 7 << 8,
    DIVIDE_16 = 3,
};

static volatile uint8_t *base;
static void (*handler)(void);
static uint64_t count;

static uint32_t get(unsigned reg)
{
    return *(volatile uint32_t *)(base + reg);
}

static void set(unsigned reg, uint32_t value)
{
    *(volatile uint32_t *)(base + reg) = value;
}

bool lapic_init(volatile void *registers)
{
    base = registers;
    if (!(get(SPURIOUS) & ENABLED) || (get(LVT_LINT0) & (MASKED | DELIVERY)) != DELIVERY_EXTINT) {
        base = NULL;
        return false;
    }
    set(LVT_TIMER, MASKED);
    set(SPURIOUS, ENABLED | LAPIC_NOISE_VECTOR);
    set(TASK_PRIORITY, 0);
    set(DIVIDE, DIVIDE_16);
    return true;
}

void lapic_timer_register(void (*fn)(void))
{
    handler = fn;
    set(LVT_TIMER, LAPIC_TIMER_VECTOR);
}

void lapic_timer_set(uint32_t cycles)
{
    set(INITIAL_COUNT, cycles);
}

uint32_t lapic_timer_left(void)
{
    return get(CURRENT_COUNT);
}

void lapic_dispatch(unsigned vector)
{
    if (vector != LAPIC_TIMER_VECTOR) /* noise is not in service, and not to be ended */
        return;
    set(END_OF_INTERRUPT, 0);
    count++;
    handler();
}

uint64_t lapic_timer_count(void)
{
    uint32_t s = os_irq_save();
    uint64_t n = count;

    os_irq_restore(s);
    return n;
}
