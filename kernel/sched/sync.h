/* Waiting: what kernel/sched/sched.c needs of kernel/sched/sync.c. Everybody else uses mm/os.h. */
#ifndef KERNEL_SCHED_SYNC_H
#define KERNEL_SCHED_SYNC_H

#include "kernel/sched/task.h"

/* One sleeping task in a wait queue; lives on that task's stack. Or, with a function, somebody who wants to
 * know (kernel/fs/poll.c). See waitq.h. */
struct waiter {
    struct task *task;
    /* Called with interrupts off; events: POLL* that may hold now. It says whether what has happened is taken
     * care of, which matters of an exclusive one only. */
    bool (*wake)(struct waiter *w, uint32_t events);
    struct waitq *q; /* NULL when it was taken out */
    struct waiter *next, *prev;
    bool woken;     /* by a wake-up, not by the clock */
    bool exclusive; /* with a function: of several it is enough to tell one */
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
/* os_sleep() and os_sleep_until() that say whether it was a wake-up that ended the sleep. Sleep. */
bool sync_sleep(struct waitq *q);
bool sync_sleep_until(struct waitq *q, uint64_t deadline);
/* End the sleep of a task that sleeps interruptibly. Any context. */
void sync_interrupt(struct task *t);
/* Put a waiter into a queue, and take it out if it is still there. Interrupts off. */
void sync_enter(struct waitq *q, struct waiter *w);
void sync_leave(struct waiter *w);

/* Events of which nobody knows what they are: they matter to everybody. */
#define SYNC_ANYTHING (~0u)
enum sync_whom {
    SYNC_ONE,       /* one task, or one exclusive waiter */
    SYNC_TASKS,     /* all tasks, and one exclusive waiter */
    SYNC_EVERYBODY, /* also all exclusive ones */
};
/* For the next: somebody is in the queue. */
void sync_wake_one(struct waitq *q, uint32_t events);
void sync_wake_more(struct waitq *q, uint32_t events, enum sync_whom whom);
/* Wake tasks, and tell those who want to know of events. Any context. */
static inline void sync_wake(struct waitq *q, uint32_t events, enum sync_whom whom)
{
    if (!q->head)
        return;
    if (whom == SYNC_ONE)
        sync_wake_one(q, events);
    else
        sync_wake_more(q, events, whom);
}
/* The queue goes: take out all who are in it, and tell them. Any context. */
void sync_close(struct waitq *q);

#endif
