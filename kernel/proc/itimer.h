/* Interval timers: setitimer(2) and alarm(2). See itimer.c. */
#ifndef KERNEL_PROC_ITIMER_H
#define KERNEL_PROC_ITIMER_H

#include "mm/types.h"

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, ITIMERS };

/* One of a process, absolute on its clock: real time since boot, or the process's processor time. Not
 * inherited by fork. */
struct itimer {
    uint64_t deadline_ns; /* 0: off */
    uint64_t interval_ns; /* 0: once */
};

/* Start the task that watches them, and those of ptimer.c. False when out of memory. */
bool itimer_init(void);
/* Have it look when the next one is due: one was armed, the time of day was set, or a process has an
 * RLIMIT_CPU. */
void itimer_look_again(void);
/* getitimer(2) and setitimer(2) of the running process, with addresses of user memory. Sleep. */
int itimer_get(uint32_t which, vaddr_t value);
int itimer_set(uint32_t which, vaddr_t value, vaddr_t old);
/* alarm(2): the seconds that were left of the last one, rounded to the nearest, but not to 0. */
int32_t itimer_alarm(uint32_t seconds);

#endif
