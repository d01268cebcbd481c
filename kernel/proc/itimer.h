/* Interval timers: setitimer(2) and alarm(2). See itimer.c. */
#ifndef KERNEL_PROC_ITIMER_H
#define KERNEL_PROC_ITIMER_H

#include "kernel/sched/expiry.h"

struct process;

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, ITIMERS };

/* One of a process, absolute on its clock: real time since boot, or the process's processor time. Not
 * inherited by fork. */
struct itimer {
    uint64_t deadline_ns; /* 0: off. Of one whose signal has not been taken: when it expired */
    uint64_t interval_ns; /* 0: once */
    struct expiry expiry; /* of ITIMER_REAL */
};

/* How many whole intervals bring a deadline that has passed beyond now. interval_ns is not 0. */
static inline uint64_t timer_missed(uint64_t deadline_ns, uint64_t interval_ns, uint64_t now)
{
    return deadline_ns <= now ? (now - deadline_ns) / interval_ns + 1 : 0;
}

/* getitimer(2) and setitimer(2) of the running process, with addresses of user memory. Sleep. */
int itimer_get(uint32_t which, vaddr_t value);
int itimer_set(uint32_t which, vaddr_t value, vaddr_t old);
/* alarm(2): the seconds that were left of the last one, rounded to the nearest, but not to 0. */
int32_t itimer_alarm(uint32_t seconds);
/* The running process has taken a SIGALRM that was sent to it as a whole: a timer that repeats runs again. */
void itimer_taken(struct process *p);
/* The process ends. */
void itimer_stop_all(struct process *p);
/* Send what is due of the running process's timers of processor time, ptimer.c's included, and of
 * RLIMIT_CPU and RLIMIT_RTTIME. */
void itimer_check_cpu(void);
/* Whether p has one of these two limits. */
bool itimer_has_limit(const struct process *p);

#endif
