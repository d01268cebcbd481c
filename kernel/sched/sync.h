/* Waiting: what kernel/sched/sched.c needs of kernel/sched/sync.c. Everybody else uses mm/os.h. */
#ifndef KERNEL_SCHED_SYNC_H
#define KERNEL_SCHED_SYNC_H

#include "kernel/sched/task.h"

/* One sleeping task in a wait queue; lives on that task's stack. Or, with a function, somebody who wants to
 * know (kernel/fs/poll.c): that one is taken out and the function called, with interrupts off. */
struct waiter {
    struct task *task;
    void (*wake)(struct waiter *w);
    struct waitq *q; /* NULL when it was taken out */
    struct waiter *next, *prev;
    bool woken; /* by a wake-up, not by the clock */
};

/* The deadline of a sleeping task has passed. Interrupts off. */
void sync_expire(struct task *t);

_Noreturn void sync_bad_sleep(void);
/* What every sleep relies on: no interrupt, no nosleep section. A panic if not. For what sleeps with
 * interrupts off and so cannot call might_sleep(). */
static inline void sync_may_sleep(void)
{
    if (unlikely(nosleep_depth()))
        sync_bad_sleep();
}
/* os_sleep() or, with a deadline, os_sleep_until(), that says whether it was a wake-up that ended the sleep.
 * Sleeps. */
bool sync_sleep(struct waitq *q, uint64_t deadline);
/* End the sleep of a task that sleeps interruptibly. Any context. */
void sync_interrupt(struct task *t);
/* Put a waiter that has a function into a queue, and take it out if it is still there. Interrupts off. */
void sync_enter(struct waitq *q, struct waiter *w);
void sync_leave(struct waiter *w);

#endif
