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
    GATE_ON = 0x01,
    GATE_SPEAKER = 0x02,
    GATE_OUTPUT = 0x20,
};

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

void pit_wait(uint16_t count)
{
    uint8_t gate = inb(GATE) & (uint8_t) ~(GATE_ON | GATE_SPEAKER);

    outb(GATE, gate);
    outb(COMMAND, CMD_CH2_ONE_SHOT);
    outb(CHANNEL2, (uint8_t)count);
    outb(GATE, gate | GATE_ON);
    outb(CHANNEL2, (uint8_t)(count >> 8)); /* the count starts with its second byte */
    while (!(inb(GATE) & GATE_OUTPUT))
        ;
    outb(GATE, gate);
}
