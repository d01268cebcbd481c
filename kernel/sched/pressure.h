/* Who waits for memory, and whether anybody works meanwhile: /proc/pressure/memory. See pressure.c. */
#ifndef KERNEL_SCHED_PRESSURE_H
#define KERNEL_SCHED_PRESSURE_H

#include "kernel/lib/stall.h"
#include "kernel/sched/task.h"

enum pressure_state {
    PRESSURE_SOME,   /* at least one program's task waits for memory */
    PRESSURE_FULL,   /* and none does anything else */
    PRESSURE_THRASH, /* the same without those that wait for their turn */
};

struct pressure_counts {
    uint32_t stalled;    /* tasks that wait for memory */
    uint32_t suspended;  /* of these, by load control */
    uint32_t productive; /* tasks that run or could, and do not wait for memory */
};
extern struct pressure_counts pressure_counts; /* interrupts off */
/* Who sleeps here is woken by the next task that begins to wait for memory. */
extern struct waitq pressure_wait;

/* Begin. For sched_init(). */
void pressure_init(void);
/* The figures up to now. */
void pressure_read(struct stall *s);
/* As os_memstall_enter() and os_memstall_leave(), of a task that load control suspends. */
void pressure_suspend_enter(void);
void pressure_suspend_leave(void);
/* INV-PRESSURE-*: the counts against all tasks. Reads only. */
bool pressure_verify(void);

/* --- for those who make tasks runnable and let them sleep; interrupts off --- */

/* Add up, before the counts change. */
void pressure_account(void);

/* t becomes runnable, and no longer is. */
static inline void pressure_ready(const struct task *t)
{
    if (!t->useful)
        return;
    if (unlikely(pressure_counts.stalled) && !pressure_counts.productive)
        pressure_account();
    pressure_counts.productive++;
}

static inline void pressure_sleep(const struct task *t)
{
    if (!t->useful)
        return;
    if (unlikely(pressure_counts.stalled) && pressure_counts.productive == 1)
        pressure_account();
    pressure_counts.productive--;
}

#endif
