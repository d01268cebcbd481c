/* The time of day. os_now_ns() (mm/os.h) counts from boot; see kernel/sched/time.h for the tick. */
#ifndef KERNEL_SCHED_CLOCK_H
#define KERNEL_SCHED_CLOCK_H

#include "mm/types.h"

/* Take the date from the battery-backed clock. After time_init(). */
void clock_init(void);
/* Nanoseconds since 1970. */
uint64_t clock_realtime_ns(void);
/* Set it; os_now_ns() does not change. */
void clock_set_realtime(uint64_t ns);
/* adjtimex(2), but for ADJ_SETOFFSET: kernel/sched/dayclock.h. */
struct dayclock_adjust;
int clock_adjust(struct dayclock_adjust *a);

#endif
