/*
 * The scheduler.
 *
 * Purpose. Tasks take turns on one processor: round robin, from a run queue in order of readiness. A task
 * keeps the processor until it sleeps, yields or ends; an interrupt makes tasks runnable but never switches.
 * Under torture=sleep (torture.c) the next is drawn among the first of the queue.
 * When nobody is runnable, the idle task halts the processor until the next interrupt.
 *
 * Data. The run queue is singly linked through run_next. Sleepers with a deadline are in a heap
 * (kernel/lib/heap.c; equal deadlines in order of arrival), so that a timed sleep costs the same among
 * thousands; the tick looks at the first. Sleepers without one are only in their wait queue (sync.c). All
 * tasks are in a list for people and checks.
 *
 * Page tables are loaded lazily: a task without a space runs on whichever tables are loaded, since the kernel
 * half is the same in all. So a space may stay loaded after its last task has slept, and who destroys it
 * calls space_activate(NULL) first.
 *
 * Locking: interrupts off.
 *
 *     INV-SCHED-1  a task in the run queue is runnable, and is neither the running task nor the idle task
 *     INV-SCHED-2  the heap of deadlines holds tasks that sleep and have one, and all of them
 *     INV-SCHED-3  a sleeping task has a waiter that names it; any other task has none
 *     INV-SCHED-4  a runnable task is the running one, the idle one, or in the run queue exactly once
 *
 * Fails: sched_init() when there is no memory for the idle task; nothing else allocates.
 */
#include "kernel/sched/sched.h"
#include "kernel/sched/latency.h"
#include "kernel/sched/pressure.h"
#include "kernel/sched/sync.h"
#include "kernel/sched/time.h"
#include "kernel/sched/torture.h"
#include "kernel/x86/context.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/trap.h"
#include "mm/errno.h"
#include "mm/space.h"
#include "mm/x86/cpu.h"

#define SLICE_TICKS                                                                                          \
    5u /* 20 ms; one tick under torture, where each step of a call may wait for all who compute */
#define SHUFFLE   16u /* under torture the next is one of so many */
#define NS_A_TICK (1000000000u / TIME_HZ)

void task_switch(uint32_t *save_esp, uint32_t load_esp); /* switch.asm */

static struct task boot_task = {.name = "boot", .state = TASK_RUNNABLE};
static struct task *idle_task;
static struct task *run_head, *run_tail;
static struct heap timers;
static struct task *all_tasks;
struct sched_stats sched_stats;
uint32_t sched_watch;
void (*sched_watcher)(const struct task *next);

/* The running task is to give way: at its next possible sleep, or on its way back to ring 3. */
static void want(struct task *running)
{
    running->cpu.user_work |= TASK_WORK_YIELD;
    os_nosleep |= OS_WANTED;
}

/*
 * A task that an interrupt woke has waited for the outside, and should not wait for the rest of a program's
 * slice too.
 */
static void make_way(void)
{
    struct task *running = os_current;

    if (trap_irq_depth && running && running->thread)
        want(running);
}

void sched_give_way(void)
{
    struct task *running = os_current;
    uint32_t irq = os_irq_save();

    if (running && running->thread)
        want(running);
    os_irq_restore(irq);
}

void sched_ready(struct task *t)
{
    make_way();
    t->state = TASK_RUNNABLE;
    t->run_next = NULL;
    if (run_tail)
        run_tail->run_next = t;
    else
        run_head = t;
    run_tail = t;
}

bool sched_waiting(void)
{
    return run_head != NULL;
}

/* One of the first in the run queue becomes the very first. */
static __attribute__((noinline, cold)) void shuffle(void)
{
    struct task *before = NULL, *t = run_head;
    unsigned waiting = 0, n;

    /* Who yields stands last, and does not get the processor from himself. */
    for (const struct task *w = run_head; w && w != os_current && waiting < SHUFFLE; w = w->run_next)
        waiting++;
    n = waiting ? torture_below(waiting) : 0;
    if (!n)
        return;
    for (; n; n--) {
        before = t;
        t = t->run_next;
    }
    before->run_next = t->run_next;
    if (run_tail == t)
        run_tail = before;
    t->run_next = run_head;
    run_head = t;
}

static struct task *pick(void)
{
    struct task *t;

    if (unlikely(torture_on()))
        shuffle();
    t = run_head;
    if (!t)
        return idle_task;
    run_head = t->run_next;
    if (!run_head)
        run_tail = NULL;
    return t;
}

static __attribute__((noinline, cold)) void watch_switch(const struct task *self, const struct task *next)
{
    if (sched_watch & SCHED_WATCH_LATENCY)
        latency_switch(self);
    if (sched_watch & SCHED_WATCH_TRACE)
        sched_watcher(next);
}

void sched_switch(void)
{
    struct task *self = os_current;
    struct task *next = pick();
    uint64_t now = os_now_ns();

    self->cpu_ns += now - self->since;
    next->since = now;
    next->switches++;
    sched_stats.switches++;
    os_nosleep &= ~OS_WANTED;
    if (unlikely(sched_watch))
        watch_switch(self, next);
    if (next->stack)
        cpu_set_kernel_stack((uintptr_t)next->stack + next->stack_pages * PAGE_SIZE);
    if (next->space && pt_active() != &next->space->pt) {
        space_activate(next->space);
        sched_stats.space_loads++;
    }
    if (next->context)
        context_load(next->context);
    os_current = next;
    next->slice = 0;
    task_switch(&self->cpu.esp, next->cpu.esp);
}

void sched_make_way(void)
{
    struct task *self = os_current;
    uint32_t irq = os_irq_save();
    bool wanted = self && os_nosleep & OS_WANTED && irq & EFLAGS_IF;

    if (wanted) {
        os_nosleep &= ~OS_WANTED;
        self->cpu.user_work &= ~(uint32_t)TASK_WORK_YIELD;
    }
    os_irq_restore(irq);
    if (wanted)
        os_yield();
    else
        latency_chance();
}

/* --- deadlines --- */

void sched_timer_start(struct task *t)
{
    heap_insert(&timers, &t->timer);
}

void sched_timer_stop(struct task *t)
{
    heap_remove(&timers, &t->timer);
}

static struct task *first_sleeper(void)
{
    return timers.root ? container_of(timers.root, struct task, timer) : NULL;
}

/* A program that has had the processor for its slice gives way, on its way back to ring 3, if others wait. */
static void count_tick(struct task *t)
{
    if (!t->thread)
        return;
    if (trap_irq_from_user)
        t->user_ns += NS_A_TICK;
    else
        t->system_ns += NS_A_TICK;
    if (t->times && *t->times)
        t->cpu.user_work |= TASK_WORK_TIMES;
    t->slice++;
    if (run_head && (t->slice >= SLICE_TICKS || torture_on()))
        want(t);
}

static void tick(void)
{
    count_tick(os_current);
    if (!timers.root)
        return;

    uint64_t now = os_now_ns();

    for (struct task *t; (t = first_sleeper()) && t->timer.key <= now;)
        sync_expire(t); /* takes it out of the heap */
}

/* --- all tasks --- */

void sched_add(struct task *t)
{
    t->all_prev = NULL;
    t->all_next = all_tasks;
    if (all_tasks)
        all_tasks->all_prev = t;
    all_tasks = t;
    sched_stats.tasks++;
}

void sched_remove(struct task *t)
{
    if (t->all_prev)
        t->all_prev->all_next = t->all_next;
    else
        all_tasks = t->all_next;
    if (t->all_next)
        t->all_next->all_prev = t->all_prev;
    sched_stats.tasks--;
}

void task_each(void (*fn)(const struct task *, void *), void *arg)
{
    uint32_t irq = os_irq_save();

    for (const struct task *t = all_tasks; t; t = t->all_next)
        fn(t, arg);
    os_irq_restore(irq);
}

/* --- idle --- */

/* Runs when nobody else can. Never sleeps, and is never in the run queue. */
static void idle(void *arg)
{
    (void)arg;
    cpu_irq_off();
    for (;;) {
        if (run_head)
            sched_switch();
        else
            cpu_wait();
    }
}

bool sched_idle(void)
{
    return os_current == idle_task;
}

uint64_t sched_idle_ns(void)
{
    return task_cpu_ns(idle_task);
}

int sched_init(void)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    task_init();
    boot_task.since = os_now_ns();
    pressure_init();
    os_current = &boot_task;
    sched_add(&boot_task);
    idle_task = task_create("idle", idle, NULL);
    if (idle_task) {
        pick(); /* takes it off the run queue again: it is the first and only one there */
        time_register_tick(tick);
    } else {
        sched_remove(&boot_task);
        os_current = NULL;
        err = -ENOMEM;
    }
    os_irq_restore(irq);
    return err;
}

/* --- checks --- */

static uint32_t times_queued(const struct task *t)
{
    uint32_t n = 0;

    for (const struct task *r = run_head; r; r = r->run_next)
        n += r == t;
    return n;
}

static void check_sleeper(const struct heap_node *n, void *arg)
{
    const struct task *t = container_of(n, struct task, timer);
    uint32_t *sleepers = arg;
    bool ok = true;

    INV("INV-SCHED-2", t->state == TASK_SLEEPING && t->timer.key, "task %u %s, state %d", t->id, t->name,
        t->state);
    *sleepers += ok;
}

bool sched_verify(void)
{
    uint32_t irq = os_irq_save(), sleepers = 0, waiting = 0;
    bool ok = heap_verify(&timers);

    for (const struct task *t = run_head; t; t = t->run_next)
        INV("INV-SCHED-1", t->state == TASK_RUNNABLE && t != os_current && t != idle_task,
            "task %u %s, state %d", t->id, t->name, t->state);
    if (ok)
        heap_each(&timers, check_sleeper, &sleepers);
    for (const struct task *t = all_tasks; t; t = t->all_next) {
        INV("INV-SCHED-3",
            (t->state == TASK_SLEEPING) == (t->waiter != NULL) && (!t->waiter || t->waiter->task == t),
            "task %u %s, state %d, waiter %p", t->id, t->name, t->state, (void *)t->waiter);
        waiting += t->state == TASK_SLEEPING && t->timer.key;
        if (t->state == TASK_RUNNABLE && t != os_current && t != idle_task)
            INV("INV-SCHED-4", times_queued(t) == 1, "task %u %s is queued %u times", t->id, t->name,
                times_queued(t));
    }
    if (ok)
        INV("INV-SCHED-2", sleepers == waiting, "%u of %u tasks with a deadline", sleepers, waiting);
    os_irq_restore(irq);
    return pressure_verify() && ok;
}
