/* Waiting: what kernel/sched.c needs of kernel/sync.c. Everybody else uses mm/os.h. */
#ifndef KERNEL_SYNC_H
#define KERNEL_SYNC_H

#include "kernel/task.h"

/* One sleeping task in a wait queue; lives on that task's stack. */
struct waiter {
    struct task *task;
    struct waitq *q; /* NULL when it was taken out */
    struct waiter *next, *prev;
    bool woken; /* by a wake-up, not by the clock */
};

/* The deadline of a sleeping task has passed. Interrupts off. */
void sync_expire(struct task *t);

#endif
