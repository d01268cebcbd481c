/*
 * Threads: their numbers, their lists and their sleeps.
 *
 * An interruptible sleep ends when somebody calls thread_interrupt(): whoever sends a signal or ends the
 * thread. No such call is lost: the sleeper looks for signals with interrupts off, and no other task runs
 * before it is in the queue.
 *
 * Locking: everything here changes between sleeps.
 */
#include "kernel/proc/cred.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/thread.h"
#include "kernel/proc/ports.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptrace.h"
#include "kernel/proc/signal_parts.h"
#include "kernel/proc/trace.h"
#include "kernel/sched/latency.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/slab.h"

#define HASH 256u

static struct cache thread_cache, fpu_cache;
static struct thread *thread_hash[HASH];

unsigned thread_count, thread_total, thread_siblings;

/* What XSAVE leaves as it is, its header's reserved bytes, has to be 0. */
static void construct_fpu(void *state)
{
    fpu_reset(state);
}

void thread_start(void)
{
    struct frame_pool *pool = kmalloc_sys.pool;

    cache_init(&thread_cache, pool, "thread", sizeof(struct thread), 0, NULL, slab_default_flags);
    fpu_init();
    cache_init(&fpu_cache, pool, "fpu", fpu_state_size(), FPU_STATE_ALIGN, construct_fpu, slab_default_flags);
}

/* --- numbers --- */

struct thread *thread_find(int tid)
{
    struct thread *t = thread_hash[(unsigned)tid % HASH];

    while (t && t->tid != tid)
        t = t->hash_next;
    return t;
}

static void hash_thread(struct thread *t)
{
    struct thread **at = &thread_hash[(unsigned)t->tid % HASH];

    t->hash_next = *at;
    *at = t;
}

static void unhash_thread(struct thread *t)
{
    struct thread **at = &thread_hash[(unsigned)t->tid % HASH];

    while (*at != t)
        at = &(*at)->hash_next;
    *at = t->hash_next;
}

/* --- making --- */

struct thread *thread_create(struct process *p, int tid, void (*fn)(void *), void *arg)
{
    struct thread *t = vm_cache_alloc(&vm_sys, &thread_cache);

    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    t->process = p;
    t->tid = tid;
    t->context.fpu = vm_cache_alloc(&vm_sys, &fpu_cache);
    if (t->context.fpu)
        t->task = task_create_thread(t, &t->context, t->comm, fn, arg);
    if (t->task) {
        t->task->times = &p->cpu_timers;
        return t;
    }
    if (t->context.fpu)
        cache_free(&fpu_cache, t->context.fpu);
    cache_free(&thread_cache, t);
    return NULL;
}

void thread_free(struct thread *t)
{
    signal_set_clear(&t->sig.pending);
    cred_end(t);
    kfree(t->context.debug);
    ports_end(t);
    cache_free(&fpu_cache, t->context.fpu);
    cache_free(&thread_cache, t);
}

void thread_discard(struct thread *t)
{
    task_discard(t->task);
    thread_free(t);
}

void thread_enter(struct thread *t)
{
    struct process *p = t->process;
    struct thread *last = p->threads;

    hash_thread(t);
    /* At the end, so that the first is the oldest. */
    while (last && last->next)
        last = last->next;
    t->prev = last;
    if (last)
        last->next = t;
    else
        p->threads = t;
    p->nthreads++;
    thread_count++;
    thread_siblings += p->nthreads > 1;
    t->serial = ++thread_total;
    t->task->space = p->memory ? p->memory->space : NULL;
    if (unlikely(p->memory && p->memory->ldt))
        ldt_attach(t, p->memory);
    if (signal_has_work(t)) /* what was sent before it was there */
        signal_mark(t);
    if (unlikely(p->memory && p->memory->balance.out))
        thread_set_work(t, TASK_WORK_BALANCE);
}

void thread_launch(struct thread *t)
{
    task_start(t->task);
}

void thread_take_pid(struct thread *t)
{
    if (t->tid == t->process->pid)
        return;
    cred_end_of_process(t->process);
    unhash_thread(t);
    t->tid = t->process->pid;
    hash_thread(t);
    ptrace_renumber(t);
}

void thread_leave(struct thread *t)
{
    struct process *p = t->process;

    if (t->prev)
        t->prev->next = t->next;
    else
        p->threads = t->next;
    if (t->next)
        t->next->prev = t->prev;
    unhash_thread(t);
    if (unlikely(t->context.ldt))
        ldt_attach(t, NULL);
    t->task->times = NULL;
    p->nthreads--;
    if (t->tid == p->pid) {
        memcpy(p->comm, t->comm, sizeof p->comm);
        p->how = t->task->how;
        p->personality = t->personality;
        cred_leave_to_process(t);
    }
    thread_count--;
    thread_siblings -= p->nthreads > 0;
}

/* --- times --- */

void thread_switches(const struct thread *t, struct switches *s)
{
    const struct task *task = t->task;

    s->forced = task->put_off;
    s->own = task->switches > s->forced ? task->switches - s->forced : 0;
}

/* The exact sum, divided as the samples say; without any, to the side that has one. */
void thread_times(const struct thread *t, uint64_t *user_ns, uint64_t *system_ns)
{
    struct task *task = t->task;
    uint64_t total = task_cpu_ns(task), sampled = task->user_ns + task->system_ns, user;

    if (task->system_ns == 0)
        user = total;
    else if (task->user_ns == 0)
        user = 0;
    else /* in microseconds, so that the product fits */
        user = total / 1000 * (task->user_ns / 1000) / (sampled / 1000) * 1000;
    stat_divide(&task->told, total, user);
    *user_ns = task->told.user_ns;
    *system_ns = task->told.system_ns;
}

void thread_set_comm(struct thread *t, const char *name)
{
    task_rename(t->task, name);
    memcpy(t->comm, t->task->name, sizeof t->comm);
    if (unlikely(trace_on) && t->task == os_current) {
        uint32_t irq = os_irq_save();

        trace_tell(t);
        os_irq_restore(irq);
    }
}

/* --- sleeping --- */

static inline __attribute__((always_inline)) int sleep_while(bool (*interrupted)(const struct thread *),
                                                             struct waitq *q, uint64_t deadline)
{
    struct thread *self = thread_current();

    sync_may_sleep();
    if (interrupted(self))
        return -EINTR;
    if (deadline && deadline <= os_now_ns())
        return -ETIMEDOUT;
    self->task->interruptible = true;
    bool woken = deadline ? sync_sleep_until(q, deadline) : sync_sleep(q);
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

int thread_wait(struct mutex *m, struct waitq *q)
{
    uint32_t irq;
    int err;

    mutex_unlock(m);
    irq = os_irq_save();
    err = sleep_while(any_signal, q, 0);
    os_irq_restore(irq);
    mutex_lock(m);
    return err;
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

    might_sleep();
    if (unlikely(task->cpu.user_work & TASK_WORK_TIMES)) {
        __atomic_fetch_and(&task->cpu.user_work, ~(uint32_t)TASK_WORK_TIMES, __ATOMIC_RELAXED);
        itimer_check_cpu();
    }
    return task->thread && signal_pending(task->thread);
}

void thread_interrupt(struct thread *t)
{
    sync_interrupt(t->task);
}

void thread_set_work(struct thread *t, uint32_t work)
{
    uint32_t irq = os_irq_save();

    t->task->cpu.user_work |= work;
    os_irq_restore(irq);
}
