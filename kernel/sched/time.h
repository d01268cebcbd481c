/* Time since start-up, and the tick. os_now_ns() is declared in mm/os.h. */
#ifndef KERNEL_SCHED_TIME_H
#define KERNEL_SCHED_TIME_H

#include "mm/types.h"

#define TIME_HZ 250u

/* The first thing that kmain() does: nanosecond 0. */
void time_begin(void);
/* Calibrate the time-stamp counter (a few milliseconds) and start the tick. Needs the PIC. */
void time_init(void);
/* Call fn in every tick, with interrupts off. At most 8; more are a bug of ours. */
void time_register_tick(void (*fn)(void));
uint64_t time_ticks(void);
/* What to add to os_now_ns() for nanoseconds since 1970. */
extern uint64_t time_realtime_offset;
/* Cycles of the time-stamp counter a second; 0 when there is none. */
uint64_t time_tsc_hz(void);

/* Nanoseconds of so many cycles, and since boot at a reading of the counter. Only where there is one. */
uint64_t time_of_cycles_ns(uint64_t cycles);
uint64_t time_since_boot_ns(uint64_t tsc);

#endif
