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
/* How far another counter went while channel 2 counted. */
struct pit_measured {
    uint64_t cycles;     /* at most so far */
    uint64_t doubt;      /* and by so much less at the least */
    uint32_t pit_cycles; /* of PIT_HZ, that channel 2 counted */
};
#define PIT_MEASURED_LEAST (PIT_HZ / 500)
/*
 * Compare the counter that now() reads with channel 2, for 2 ms and until less than a thousandth is in doubt.
 * Both are read at the beginning and at the end, and whatever keeps this from running in between does no
 * harm, since they go on. False: 55 ms were not enough, and out is the best that was seen. Works with
 * interrupts off.
 */
bool pit_measure(uint64_t (*now)(void), struct pit_measured *out);

#endif
