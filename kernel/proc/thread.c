/*
 * Threads, as the scheduler and the way back to ring 3 see them.
 *
 * FS, GS, the thread's segment descriptors and the FPU's registers stay loaded while kernel tasks run, so
 * they change hands only between threads: thread_loaded says whose they are.
 *
 * An interruptible sleep ends when somebody calls thread_interrupt(): whoever sends a signal or ends the
 * thread. No such call is lost: the sleeper looks for signals with interrupts off, and no other task runs
 * before it is in the queue.
 */
#include "kernel/proc/futex.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/sched/time.h"
#include "mm/errno.h"
#include "mm/slab.h"

struct thread *thread_loaded;

void thread_store(struct thread *t)
{
    if (t != thread_loaded)
        return;
    t->fs = cpu_fs();
    t->gs = cpu_gs();
    fpu_save(t->fpu);
}

void thread_load_slow(struct thread *t)
{
    if (thread_loaded)
        thread_store(thread_loaded);
    thread_loaded = t;
    cpu_set_tls(t->tls);
    cpu_set_fs(t->fs);
    cpu_set_gs(t->gs);
    fpu_load(t->fpu);
}

void thread_reload(struct thread *t)
{
    uint32_t irq = os_irq_save();

    thread_loaded = NULL;
    thread_load_slow(t);
    os_irq_restore(irq);
}

void thread_unload(struct thread *t)
{
    if (thread_loaded == t)
        thread_loaded = NULL;
}

void thread_tick(struct thread *t, bool from_user)
{
    if (from_user)
        t->user_ns += 1000000000u / TIME_HZ;
    else
        t->system_ns += 1000000000u / TIME_HZ;
}

/* The exact sum, divided as the samples say; without any, to the side that has one. */
void thread_times(const struct thread *t, uint64_t *user_ns, uint64_t *system_ns)
{
    uint64_t total = task_cpu_ns(t->task), sampled = t->user_ns + t->system_ns;

    if (t->system_ns == 0)
        *user_ns = total;
    else if (t->user_ns == 0)
        *user_ns = 0;
    else /* in microseconds, so that the product fits */
        *user_ns = total / 1000 * (t->user_ns / 1000) / (sampled / 1000) * 1000;
    *system_ns = total - *user_ns;
}

void thread_set_comm(struct thread *t, const char *name)
{
    task_rename(t->task, name);
    memcpy(t->comm, t->task->name, sizeof t->comm);
}

/* --- sleeping --- */

static int sleep_while(bool (*interrupted)(const struct thread *), struct waitq *q, uint64_t deadline)
{
    struct thread *self = thread_current();

    sync_may_sleep();
    if (interrupted(self))
        return -EINTR;
    if (deadline && deadline <= os_now_ns())
        return -ETIMEDOUT;
    self->task->interruptible = true;
    bool woken = sync_sleep(q, deadline);
    self->task->interruptible = false;
    if (woken)
        return 0;
    if (interrupted(self))
        return -EINTR;
    return deadline && deadline <= os_now_ns() ? -ETIMEDOUT : 0;
}

static bool any_signal(const struct thread *t)
{
    return signal_pending(t);
}

static bool its_end(const struct thread *t)
{
    return t->exiting;
}

int thread_sleep(struct waitq *q)
{
    return sleep_while(any_signal, q, 0);
}

int thread_sleep_until(struct waitq *q, uint64_t deadline_ns)
{
    return sleep_while(any_signal, q, deadline_ns);
}

int thread_sleep_killable(struct waitq *q)
{
    return sleep_while(its_end, q, 0);
}

bool thread_breathe(void)
{
    struct task *task = task_current();
    uint32_t irq;
    bool yield;

    might_sleep();
    irq = os_irq_save();
    yield = task->user_work & TASK_WORK_YIELD;

    task->user_work &= ~(uint32_t)TASK_WORK_YIELD;
    os_irq_restore(irq);
    if (yield)
        os_yield();
    return task->thread && signal_pending(task->thread);
}

void thread_interrupt(struct thread *t)
{
    sync_interrupt(t->task);
}

/* --- the way back to ring 3 --- */

void thread_set_work(struct thread *t, uint32_t work)
{
    uint32_t irq = os_irq_save();

    t->task->user_work |= work;
    os_irq_restore(irq);
}

void thread_return_to_user(struct trap_frame *tf)
{
    struct thread *self = thread_current();
    uint32_t irq = os_irq_save();
    uint32_t work = self->task->user_work;

    self->task->user_work = 0;
    os_irq_restore(irq);
    if (self->exiting)
        thread_exit(0);
    if (work & TASK_WORK_YIELD)
        os_yield();
    if (work & TASK_WORK_SIGNAL)
        signal_deliver(tf);
}
