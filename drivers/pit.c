#include "drivers/pit.h"
#include "drivers/io.h"

enum {
    CHANNEL0 = 0x40,
    CHANNEL2 = 0x42,
    COMMAND = 0x43,
    GATE = 0x61,             /* bit 0: gate of channel 2; bit 1: speaker; bit 5: output of channel 2 */
    CMD_CH0_RATE = 0x34,     /* low byte then high byte, mode 2: rate generator */
    CMD_CH0_ONE_SHOT = 0x30, /* low byte then high byte, mode 0: output rises at the end of the count */
    CMD_CH2_ONE_SHOT = 0xB0, /* the same for channel 2 */
    CMD_CH2_LATCH = 0x80,    /* hold the count until it is read */
    GATE_ON = 0x01,
    GATE_SPEAKER = 0x02,
    GATE_OUTPUT = 0x20,
};

/* Of a measurement: a thousandth of it may be in doubt, and how long its first sample may get better. */
#define DOUBT_MOST   1000u
#define FIRST_WITHIN (PIT_HZ / 2000)

uint32_t pit_start(unsigned hz)
{
    uint32_t divisor = (PIT_HZ + hz / 2) / hz;

    outb(COMMAND, CMD_CH0_RATE);
    outb(CHANNEL0, (uint8_t)divisor);
    outb(CHANNEL0, (uint8_t)(divisor >> 8));
    return (uint32_t)((uint64_t)divisor * 1000000000u / PIT_HZ);
}

void pit_once_init(void)
{
    outb(COMMAND, CMD_CH0_ONE_SHOT); /* no count yet, so nothing comes */
}

void pit_once(uint16_t count)
{
    outb(CHANNEL0, (uint8_t)count);
    outb(CHANNEL0, (uint8_t)(count >> 8)); /* the count starts with its second byte */
}

/* The counts of channel 2 and of another counter at one time. */
struct sample {
    uint64_t before, after; /* the other's: it was read in between */
    uint32_t count;         /* goes down */
};

static struct sample sample(uint64_t (*now)(void))
{
    struct sample s = {.before = now()};

    outb(COMMAND, CMD_CH2_LATCH);
    s.after = now();
    s.count = inb(CHANNEL2);
    s.count |= (uint32_t)inb(CHANNEL2) << 8;
    return s;
}

bool pit_measure(uint64_t (*now)(void), struct pit_measured *out)
{
    uint8_t gate = inb(GATE) & (uint8_t) ~(GATE_ON | GATE_SPEAKER);
    struct sample first, s;

    outb(GATE, gate | GATE_ON);
    outb(COMMAND, CMD_CH2_ONE_SHOT);
    outb(CHANNEL2, 0xFF);
    outb(CHANNEL2, 0xFF); /* the count starts with its second byte */
    *out = (struct pit_measured){.doubt = 1};
    first = sample(now);
    do {
        s = sample(now);
        if (inb(GATE) & GATE_OUTPUT)
            break; /* it has begun anew */
        if (s.after - s.before < first.after - first.before && first.count - s.count < FIRST_WITHIN)
            first = s;
        struct pit_measured m = {.cycles = s.after - first.before,
                                 .doubt = s.after - s.before + first.after - first.before,
                                 .pit_cycles = first.count - s.count};
        /* Less of it is in doubt. */
        if (m.doubt * out->cycles <= out->doubt * m.cycles)
            *out = m;
    } while (out->doubt * DOUBT_MOST > out->cycles || out->pit_cycles < PIT_MEASURED_LEAST);
    outb(GATE, gate);
    return out->doubt * DOUBT_MOST <= out->cycles && out->pit_cycles >= PIT_MEASURED_LEAST;
}
