/* The 8254 interval timer: channel 0 interrupts, channel 2 measures. */
#ifndef DRIVERS_PIT_H
#define DRIVERS_PIT_H

#include "mm/types.h"

#define PIT_HZ  1193182u
#define PIT_IRQ 0u

/* Interrupt at about hz (19 or more) on PIT_IRQ. Returns the exact period in nanoseconds. */
uint32_t pit_start(unsigned hz);
/* Instead: interrupt when asked. Nothing comes before pit_once(). */
void pit_once_init(void);
/* Interrupt once, in count (1..65535) cycles of PIT_HZ and in at most one more, and not when an earlier call
 * said. After pit_once_init(). One that was on its way already may still come. */
void pit_once(uint16_t count);
/* Wait for count (1..65535) cycles of PIT_HZ, on channel 2. Works with interrupts off. */
void pit_wait(uint16_t count);

#endif
