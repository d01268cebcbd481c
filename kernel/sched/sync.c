/*
 * Waiting: the part of mm/os.h that needs the scheduler. What a queue is, is in waitq.h.
 *
 * A sleeping task has a struct waiter on its stack, in the wait queue's list. Whoever wakes it (another task,
 * an interrupt, the clock) takes the waiter out first and only then makes the task runnable, so that a waiter
 * is in a list exactly as long as its task sleeps, and of several wake-ups one counts.
 *
 * No wake-up is lost: the sleeper tests its condition and enters the queue with interrupts off, and no other
 * task runs in between.
 *
 * Mutexes are handed over: unlock gives the mutex to the oldest waiter before that one runs. A task that
 * comes by in the meantime queues up behind, so nobody starves, and the waiter has nothing to re-check. The
 * price is a switch for each hand-over under contention; here critical sections contain sleeps (I/O), which
 * cost more.
 *
 * Locking: interrupts off for wait queues; a mutex is only touched by tasks, between sleeps.
 */
#include "kernel/sched/sync.h"
#include "kernel/sched/latency.h"
#include "kernel/sched/pressure.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/torture.h"
#include "kernel/sched/waitq.h"
#include "kernel/x86/trap.h"
#include "mm/x86/cpu.h"

void *os_current;
uint32_t os_nosleep;
const char *os_nosleep_why = "nothing";

/* --- interrupts --- */

uint32_t os_irq_save(void)
{
    return cpu_irq_save();
}

void os_irq_restore(uint32_t state)
{
    cpu_irq_restore(state);
}

/* --- wait queues --- */

/* Take a waiter out of its queue and let its task run. */
WAITQ_INLINE void release(struct waiter *w, bool woken)
{
    struct task *t = w->task;

    waitq_leave(w);
    w->woken = woken;
    t->waiter = NULL;
    if (t->timer.key) {
        sched_timer_stop(t);
        t->timer.key = 0;
    }
    pressure_ready(t);
    sched_ready(t);
}

void sync_enter(struct waitq *q, struct waiter *w)
{
    waitq_enter(q, w);
}

void sync_leave(struct waiter *w)
{
    waitq_leave(w);
}

void sync_wake_one(struct waitq *q, uint32_t events)
{
    uint32_t irq = os_irq_save();

    waitq_wake(q, events, SYNC_ONE, release);
    os_irq_restore(irq);
}

void sync_wake_more(struct waitq *q, uint32_t events, enum sync_whom whom)
{
    uint32_t irq = os_irq_save();

    waitq_wake(q, events, whom, release);
    os_irq_restore(irq);
}

void sync_close(struct waitq *q)
{
    uint32_t irq = os_irq_save();

    waitq_close(q, release);
    os_irq_restore(irq);
}

void os_wake_one(struct waitq *q)
{
    sync_wake(q, SYNC_ANYTHING, SYNC_ONE);
}

void os_wake_all(struct waitq *q)
{
    sync_wake(q, SYNC_ANYTHING, SYNC_EVERYBODY);
}

_Noreturn void sync_bad_sleep(void)
{
    const char *name = os_current ? task_current()->name : "before the first";

    if (trap_irq_depth)
        os_panic(__FILE__, __LINE__, "a sleep in an interrupt that came while task %s ran", name);
    os_panic(__FILE__, __LINE__, "task %s may sleep in a nosleep section, depth %u, that protects %s", name,
             nosleep_depth(), os_nosleep_why);
}

void might_sleep_slow(void)
{
    sync_may_sleep();
    sched_make_way();
    torture_point();
}

/* deadline 0: none. */
static inline __attribute__((always_inline)) bool sleep_in(struct waitq *q, uint64_t deadline)
{
    struct task *self = os_current;
    struct waiter w;

    mm_assert(self, "slept before tasking has begun");
    sync_may_sleep();
    w.task = self; /* an initializer would store twice what waitq_enter() stores */
    w.wake = NULL;
    w.woken = w.exclusive = false;
    waitq_enter(q, &w);
    pressure_sleep(self);
    self->state = TASK_SLEEPING;
    self->waiter = &w;
    if (deadline) {
        self->timer.key = deadline;
        sched_timer_start(self);
    }
    sched_switch();
    return w.woken;
}

bool sync_sleep(struct waitq *q)
{
    return sleep_in(q, 0);
}

bool sync_sleep_until(struct waitq *q, uint64_t deadline)
{
    return sleep_in(q, deadline);
}

void os_sleep(struct waitq *q)
{
    sync_sleep(q);
}

bool os_sleep_until(struct waitq *q, uint64_t deadline_ns)
{
    sync_may_sleep();
    if (deadline_ns <= os_now_ns())
        return false;
    return sync_sleep_until(q, deadline_ns);
}

void sync_expire(struct task *t)
{
    release(t->waiter, false);
}

void sync_interrupt(struct task *t)
{
    uint32_t irq = os_irq_save();

    if (t->state == TASK_SLEEPING && t->interruptible)
        release(t->waiter, false);
    os_irq_restore(irq);
}

void os_give_way(void)
{
    sched_give_way();
}

static inline void give_turn(bool asked)
{
    uint32_t irq = os_irq_save();

    sync_may_sleep();
    if (sched_waiting()) {
        sched_ready_again(asked);
        sched_switch();
    } else {
        latency_chance();
    }
    os_irq_restore(irq);
}

void os_yield(void)
{
    give_turn(true);
}

void sched_step_aside(void)
{
    give_turn(false);
}

/* --- mutexes --- */

void mutex_lock_slow(struct mutex *m)
{
    uint32_t irq = os_irq_save();

    mm_assert(m->owner != os_current, "task %s locks a mutex that it holds",
              ((struct task *)os_current)->name);
    while (m->owner != os_current)
        os_sleep(&m->waiters);
    os_irq_restore(irq);
}

void mutex_unlock_slow(struct mutex *m)
{
    uint32_t irq = os_irq_save();

    mm_assert(m->owner == os_current, "task %s unlocks a mutex of another",
              ((struct task *)os_current)->name);
    m->owner = m->waiters.head->task;
    os_wake_one(&m->waiters);
    os_irq_restore(irq);
}
