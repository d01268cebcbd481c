/* Time since start-up, the tick, and who is to be called when. os_now_ns() is declared in mm/os.h. See time.c
 * for the theory. */
#ifndef KERNEL_SCHED_TIME_H
#define KERNEL_SCHED_TIME_H

#include "mm/os.h"
#include "mm/x86/cycles.h"

#define TIME_HZ      250u
#define TIME_TICK_NS (1000000000u / TIME_HZ)
#define TIME_NEVER   UINT64_MAX

/* The first thing that kmain() does: nanosecond 0. */
void time_begin(void);
/* Calibrate the time-stamp counter (a few milliseconds) and start the tick. Needs the PIC. */
void time_init(void);

/*
 * Who has something to do at certain times. All are called with interrupts off, and do not sleep; one that is
 * NULL is not called.
 *
 * tick is called TIME_HZ times a second while a task has the processor; what it sees is a sample. due is
 * called in every interrupt of the timer, and does what is due at now, nanoseconds since boot. next says when
 * due has to be called at the latest even if everybody sleeps until then; TIME_NEVER: it need not be.
 */
struct time_hook {
    void (*tick)(void);
    void (*due)(uint64_t now);
    uint64_t (*next)(void);
};
/* Call them from now on. The hook stays where it is. At most 8; more are a bug of ours. */
void time_register(const struct time_hook *h);
/* What a hook's next() says has come nearer, to at: nanoseconds since boot. Any context. */
void time_alarm(uint64_t at);

/* For the idle task, interrupts off: nobody wants the processor, before each wait; and somebody does. */
void time_rest(void);
void time_resume(void);

/* Ticks up to now; it does not tick while nobody wants the processor. */
uint64_t time_ticks(void);
/* Cycles of the time-stamp counter a second; 0 when there is none. */
uint64_t time_tsc_hz(void);

bool time_verify(void); /* INV-TIME-* */

/* Nanoseconds of so many cycles, and since boot at a reading of the counter. Only where there is one. */
uint64_t time_of_cycles_ns(uint64_t cycles);
uint64_t time_since_boot_ns(uint64_t tsc);

/*
 * A clock for what is measured often and asked for seldom: its reading is a tenth of os_now_ns(). It counts
 * cycles, or nanoseconds where there is no counter; only differences mean something. time_stamps_ns(): such a
 * difference, or a sum of some, in nanoseconds; after time_init().
 */
static inline uint64_t time_stamp(void)
{
    return likely(cycles_work()) ? cycles_now() : os_now_ns();
}
uint64_t time_stamps_ns(uint64_t stamps);

#endif
