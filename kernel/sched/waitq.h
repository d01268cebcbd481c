/*
 * Wait queues: who is in one, and who is told when it is woken.
 *
 * Two kinds wait. A task that sleeps is taken out when it is woken; what lets it run is the
 * scheduler's. Somebody who only wants to know has a function, and stays until he leaves: pollers and sets of
 * epoll(7) (kernel/fs/poll.c, epoll.c). He says which events matter to him when he is told.
 *
 * Those who only want to know are at the head, and do not take the place of a task that waits; so whoever
 * wakes one task tells all of them first. But the exclusive ones (EPOLLEXCLUSIVE) wait among the tasks, in
 * the order in which they came, and are told by turns like these.
 *
 * A function that is called may wake other queues, but neither enters nor leaves this one.
 *
 * These are the bodies of the functions of sync.h, for sync.c and for what stands in for it in hosted tests,
 * which give release(): it takes a task's waiter out and lets the task run.
 *
 * Locking: interrupts off.
 */
#ifndef KERNEL_SCHED_WAITQ_H
#define KERNEL_SCHED_WAITQ_H

#include "kernel/sched/sync.h"

#define WAITQ_INLINE static inline __attribute__((always_inline))

WAITQ_INLINE void waitq_enter(struct waitq *q, struct waiter *w)
{
    w->q = q;
    if (w->wake && !w->exclusive) {
        w->prev = NULL;
        w->next = q->head;
        if (q->head)
            q->head->prev = w;
        else
            q->tail = w;
        q->head = w;
        return;
    }
    w->next = NULL;
    w->prev = q->tail;
    if (q->tail)
        q->tail->next = w;
    else
        q->head = w;
    q->tail = w;
}

WAITQ_INLINE void waitq_leave(struct waiter *w)
{
    struct waitq *q = w->q;

    if (!q)
        return;
    if (w->prev)
        w->prev->next = w->next;
    else
        q->head = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        q->tail = w->prev;
    w->q = NULL;
}

WAITQ_INLINE void waitq_wake(struct waitq *q, uint32_t events, enum sync_whom whom,
                             void (*release)(struct waiter *w, bool woken))
{
    bool taken = false;

    for (struct waiter *w = q->head, *next; w; w = next) {
        next = w->next;
        if (!w->wake)
            release(w, true);
        else if ((w->exclusive && taken) || !w->wake(w, events) || !w->exclusive)
            continue;
        else
            taken = whom != SYNC_EVERYBODY;
        if (whom == SYNC_ONE)
            break;
    }
}

WAITQ_INLINE void waitq_close(struct waitq *q, void (*release)(struct waiter *w, bool woken))
{
    while (q->head) {
        struct waiter *w = q->head;

        if (w->wake) {
            waitq_leave(w);
            w->wake(w, SYNC_ANYTHING);
        } else {
            release(w, true);
        }
    }
}

#endif
