/* The 8254 interval timer: channel 0 ticks, channel 2 measures. */
#ifndef DRIVERS_PIT_H
#define DRIVERS_PIT_H

#include "mm/types.h"

#define PIT_HZ  1193182u
#define PIT_IRQ 0u

/* Interrupt at about hz (19 or more) on PIT_IRQ. Returns the exact period in nanoseconds. */
uint32_t pit_start(unsigned hz);
/* Wait for count (1..65535) cycles of PIT_HZ, on channel 2. Works with interrupts off. */
void pit_wait(uint16_t count);

#endif
