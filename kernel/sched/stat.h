/* Statistics of the whole system that nobody else keeps: load, and where the processor's time went. */
#ifndef KERNEL_SCHED_STAT_H
#define KERNEL_SCHED_STAT_H

#include "mm/types.h"

#define LOADAVG_SHIFT 11u
/* Tasks that ran, wanted to, or waited for a disk, on average over 1, 5 and 15 minutes; fixed point. */
extern uint32_t loadavg[3];

struct stat_time {
    uint64_t user_ns, system_ns, idle_ns; /* add up to the time since boot */
};

/* A time in two parts, as it was told last. */
struct stat_parts {
    uint64_t user_ns, system_ns;
};

/* Tell the parts of a total that is not less than last time; `user` is an estimate of one, which moves when
 * the samples do. They add up to the total, and neither becomes less: who takes the difference of two is not
 * to get less than nothing. */
static inline void stat_divide(struct stat_parts *told, uint64_t total, uint64_t user)
{
    if (user < told->user_ns)
        user = told->user_ns;
    if (user > total - told->system_ns)
        user = total - told->system_ns;
    *told = (struct stat_parts){.user_ns = user, .system_ns = total - user};
}

/* After sched_init(). */
void stat_init(void);
/* For the idle task, with interrupts off: somebody wants the processor again, for the first time since
 * everybody slept. */
void stat_resume(void);
void stat_time(struct stat_time *t);
/* Time in ring 3 as the ticks found it. Of a short time it tells more than stat_time(). */
uint64_t stat_user_ns(void);
/* Threads that run or could, and those that wait for something that is not a signal's to end. */
void stat_threads(uint32_t *running, uint32_t *blocked);

#endif
