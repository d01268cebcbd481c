/* Clocks by number, and setting the one that shows the time of day. See sys_time.c. */
#ifndef KERNEL_SYS_SYS_TIME_H
#define KERNEL_SYS_SYS_TIME_H

#include "mm/types.h"

enum {
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_MONOTONIC_RAW,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
    CLOCK_REALTIME_ALARM,
    CLOCK_BOOTTIME_ALARM,
    CLOCK_TAI = 11,
};

/* Set it, and tell those who wait for a time of day or for its being set. 0, or -EINVAL: boot would lie
 * before 1970, or it is later than can be told. */
int time_of_day_set(uint64_t ns);
/* It goes at another rate: those who wait for a time of day look again. */
void time_of_day_changed(void);

#endif
