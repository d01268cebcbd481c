/* Timers that programs make: timer_create(2) and its kin. See ptimer.c. */
#ifndef KERNEL_PROC_PTIMER_H
#define KERNEL_PROC_PTIMER_H

#include "mm/types.h"

struct process;
struct siginfo;

/* Kernel memory that its timers take. */
size_t ptimer_bytes(const struct process *p);
/* Send what is due of timers of processor time. Whether any runs on. */
bool ptimer_check_cpu(struct process *p);
/* The running process has taken a timer's signal: it says how often the timer expired meanwhile, and one that
 * repeats runs again. */
void ptimer_taken(struct siginfo *info);
/* The process ends, or executes something else. Sleeps. */
void ptimer_delete_all(struct process *p);
/* The process will be forgotten: timers of others that count its time do not run any more. */
void ptimer_forget_clock(struct process *p);

/* Clocks of processor time have negative numbers: the complement of an id (0: whoever asks), shifted, and
 * what kind it is. */
enum {
    CPUCLOCK_SHIFT = 3,
    CPUCLOCK_THREAD = 4,
    CPUCLOCK_KIND = 3,
    CPUCLOCK_PROF = 0,
    CPUCLOCK_VIRT = 1,
    CPUCLOCK_SCHED = 2,
    CPUCLOCK_FD = 3, /* not of processor time: the number names a descriptor */
};
/* Whose time a clock below 0 counts, or which descriptor it names. */
static inline int cpuclock_id(int clock)
{
    return (int)(~(uint32_t)clock >> CPUCLOCK_SHIFT);
}

/*
 * timer_create(2) and its kin for the running process, with addresses of user memory; wide: times have 64-bit
 * seconds. 0 or -errno. Sleep, but for ptimer_delete().
 */
int ptimer_create(uint32_t clock, vaddr_t event, vaddr_t id);
int ptimer_set(uint32_t id, uint32_t flags, vaddr_t new, vaddr_t old, bool wide);
int ptimer_get(uint32_t id, vaddr_t va, bool wide);
int ptimer_delete(uint32_t id);
/* How often it expired beyond the signal that was taken last, or -EINVAL. */
int32_t ptimer_overruns(uint32_t id);

#endif
