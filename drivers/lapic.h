/* The processor's own interrupt controller (local APIC), of which only the timer is used: lines stay with the
 * PIC, whose requests pass through it. */
#ifndef DRIVERS_LAPIC_H
#define DRIVERS_LAPIC_H

#include "mm/types.h"

#define LAPIC_SIZE         0x400u
#define LAPIC_TIMER_VECTOR 48u
#define LAPIC_NOISE_VECTOR 63u /* a request that was gone when it was taken */

/* Take it into use; registers is its memory, mapped uncached. False, and nothing has changed, if the PIC's
 * requests do not pass through it, as the BIOS left it. Interrupts off. */
bool lapic_init(volatile void *registers);
/* Interrupt once in so many cycles of the timer, 1 or more, and not when an earlier call said; fn is called
 * then, with interrupts off. */
void lapic_timer_set(uint32_t cycles);
void lapic_timer_register(void (*fn)(void));
/* Cycles that are left. */
uint32_t lapic_timer_left(void);

/* An interrupt with a vector from LAPIC_TIMER_VECTOR on came. */
void lapic_dispatch(unsigned vector);
/* Interrupts of the timer since boot. */
uint64_t lapic_timer_count(void);

#endif
