/*
 * The scheduler.
 *
 * Purpose. Tasks take turns on one processor. Who is next is runq.c's choice: round robin among those who
 * share alike, which is nearly always all of them; then it is not asked. A task keeps the processor until it
 * sleeps, yields or ends; an interrupt makes tasks runnable but never switches. Under torture=sleep
 * (torture.c) the next is drawn among the first of the queue. When nobody is runnable, the idle task halts
 * the processor until the next interrupt.
 *
 * A slice is used up when the task had the processor for that long in its turn; among many who want it slices
 * are shorter (turn_ns()), and an interrupt may end them between two ticks. One that the outside wakes
 * comes before its turn, as long as it has credit (has_credit()), and the one that has to make way for it
 * goes on behind it with the rest of its slice; so what it is interrupted for costs it time, not its turn.
 *
 * Data. Sleepers with a deadline are in a heap (kernel/lib/heap.c; equal deadlines in order of arrival), so
 * that a timed sleep costs the same among thousands; the timer interrupts for the first. Sleepers without one
 * are only in their wait queue (sync.c). All tasks are in a list for people and checks.
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
 *     INV-SCHED-5  a task's level follows from its policy, priority and nice value, and as many as
 *                  are counted are not of the level RUN_NORMAL
 *
 * Fails: sched_init() when there is no memory for the idle task; nothing else allocates.
 */
#include "kernel/sched/sched.h"
#include "kernel/sched/latency.h"
#include "kernel/sched/pressure.h"
#include "kernel/sched/stat.h"
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
#define SLICE_NS (SLICE_TICKS * TIME_TICK_NS)
#define FEW      10u      /* so many have whole slices; more than that share the time of theirs, */
#define LEAST_NS 1000000u /* and have so much at least */
#define SHUFFLE  16u      /* under torture the next is one of so many */

void task_switch(uint32_t *save_esp, uint32_t load_esp); /* switch.asm */

static struct task boot_task = {.name = "boot", .state = TASK_RUNNABLE, .run = {.level = RUN_NORMAL}};
static struct task *idle_task;
static struct runq queue;
static uint32_t uneven; /* tasks that are not of the level RUN_NORMAL */
uint32_t sched_rr_ms = SCHED_RR_MS;
static uint32_t rr_ticks = SCHED_RR_MS * TIME_HZ / 1000; /* the same */
static struct run_share real_time; /* what real-time tasks had, so that one that never sleeps can be ended */
static uint64_t last_tick;
static uint64_t part_ns, part_until; /* what was everybody's part of the time up to then, see has_credit() */
static struct heap timers;
static struct task *all_tasks;
struct sched_stats sched_stats;
uint32_t sched_watch;
void (*sched_watcher)(const struct task *next);

static const struct task *keeps_turn; /* who is to give way to those who are urgent only */

static struct task *task_of(const struct run_node *n)
{
    return container_of(n, struct task, run);
}

/* The running task is to give way: at its next possible sleep, or on its way back to ring 3. */
static void want(struct task *running)
{
    keeps_turn = NULL;
    running->cpu.user_work |= TASK_WORK_YIELD;
    os_nosleep |= OS_WANTED;
}

static bool realtime(const struct task *t)
{
    return run_realtime(t->run.level);
}

/* The time up to now is shared by all who want the processor; those who wait are n, and one may run. */
static void count_part(uint64_t now, uint32_t n)
{
    uint64_t ns = now - part_until;

    part_ns += n ? (ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX) / (n + 1) : ns;
    part_until = now;
}

/* How many wait for the processor. */
static uint32_t waiting(void)
{
    return queue.level[RUN_NORMAL].count + queue.others;
}

/* Whether so many want it that their turns are short. */
static bool crowded(void)
{
    return waiting() > FEW;
}

/* How long a turn is: a slice among few. Among many it is shorter, so that a round of all, which is what each
 * waits for, does not take minutes. */
static uint32_t turn_ns(void)
{
    uint32_t n = waiting(), ns;

    if (likely(n <= FEW))
        return SLICE_NS;
    ns = FEW * SLICE_NS / n;
    return ns > LEAST_NS ? ns : LEAST_NS;
}

/* Whether t had the processor for its turn; what counts is ticks. */
static bool had_its_turn(const struct task *t)
{
    return t->slice >= SLICE_TICKS || t->slice * TIME_TICK_NS >= turn_ns();
}

/*
 * Whether t may come before its turn: it had less than a turn since it was granted one. A new one is granted
 * after the time in which each of those who were there could have one, so what it gets in this way is its
 * part at most.
 */
static bool has_credit(struct task *t)
{
    uint32_t turn = turn_ns();

    if (time_stamps_ns(t->used - t->granted_used) < turn)
        return true;
    if (part_ns - t->granted < turn)
        return false;
    t->granted = part_ns;
    t->granted_used = t->used;
    return true;
}

/*
 * A program that an interrupt woke, or a task of the kernel, has waited for the outside: it should wait
 * neither for the rest of a program's slice nor for its turn. The program that runs goes on after it. A
 * real-time task does not wait for anybody below it, and does not give way to them. Whether t is urgent.
 */
static __attribute__((noinline)) bool make_way(struct task *t)
{
    struct task *running = os_current;
    bool program;

    if (!running)
        return false;
    program = running->thread;
    if (unlikely(uneven) && (realtime(running) || realtime(t))) {
        t->urgent_from = t->used;
        if (program && t->run.level < running->run.level)
            want(running);
        return false;
    }
    if (!trap_irq_depth && (program || !t->thread))
        return false;
    if (unlikely(torture_on())) {
        if (program)
            want(running);
        return false;
    }
    if (!has_credit(t))
        return false;
    if (program) {
        const struct task *keeps = os_nosleep & OS_WANTED ? keeps_turn : running;

        want(running);
        keeps_turn = keeps;
    }
    return true;
}

/* What a program wakes waits for its turn; but not behind a crowd, if it ran before and has credit: it may
 * have what others wait for, and waits again soon. It comes behind those who are urgent. */
static bool is_awaited(struct task *t)
{
    return crowded() && t->switches && !trap_irq_depth && !realtime(t) && !torture_on() && has_credit(t);
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
    const struct task *running = os_current;
    /* A program wakes another, and few want the processor: that needs no thought. */
    bool plain =
        running && running->thread && !trap_irq_depth && !uneven && queue.level[RUN_NORMAL].count <= FEW;

    t->state = TASK_RUNNABLE;
    if (unlikely(!plain) && make_way(t)) {
        runq_put_urgent(&queue, &t->run);
        return;
    }
    t->slice = 0;
    if (unlikely(!plain) && is_awaited(t))
        runq_put_next(&queue, &t->run);
    else
        runq_put(&queue, &t->run, false);
}

void sched_cut_turn(void)
{
    struct task *self = os_current;

    if (self->slice < SLICE_TICKS - 1 && self->thread && !realtime(self))
        self->slice = SLICE_TICKS - 1;
}

void sched_ready_again(bool asked)
{
    struct task *self = os_current;

    self->put_off++;
    if (unlikely(realtime(self))) {
        bool front = !asked && (self->how.policy == SCHED_FIFO || self->slice < rr_ticks);

        if (!front)
            self->slice = 0;
        runq_put(&queue, &self->run, front);
    } else if (!asked && keeps_turn == self && !had_its_turn(self) &&
               queue.level[self->run.level].urgent) { /* else it would give way to nobody */
        runq_put_next(&queue, &self->run);
    } else {
        self->slice = 0;
        self->granted = part_ns;
        self->granted_used = self->used + (time_stamp() - self->since);
        runq_put(&queue, &self->run, false);
    }
}

bool sched_waiting(void)
{
    return !runq_empty(&queue);
}

/* One of the first of a level becomes the very first. */
static __attribute__((noinline, cold)) void shuffle(unsigned level)
{
    unsigned waiting = 0, n;

    /* Who yields stands last, and does not get the processor from himself. */
    for (const struct run_node *w = queue.level[level].head;
         w && task_of(w) != os_current && waiting < SHUFFLE; w = w->next)
        waiting++;
    n = waiting ? torture_below(waiting) : 0;
    if (n)
        runq_bring_forward(&queue, level, n);
}

static struct task *pick(void)
{
    unsigned level = RUN_NORMAL;

    if (unlikely(queue.others))
        level = runq_choose(&queue, run_share_is_used(&real_time));
    else if (!queue.level[RUN_NORMAL].head)
        return idle_task;
    if (unlikely(torture_on()))
        shuffle(level);
    return task_of(runq_take(&queue, level));
}

static __attribute__((noinline, cold)) void watch_switch(const struct task *self, const struct task *next)
{
    if (sched_watch & SCHED_WATCH_LATENCY)
        latency_switch(self);
    if (sched_watch & SCHED_WATCH_TRACE)
        sched_watcher(next);
}

/* It has lost the processor before it came to do what it was to do. */
static __attribute__((noinline)) void has_given_way(struct task *self)
{
    os_nosleep &= ~OS_WANTED;
    self->cpu.user_work &= ~(uint32_t)TASK_WORK_YIELD;
    keeps_turn = NULL;
}

void sched_switch(void)
{
    struct task *self = os_current;
    struct task *next = pick();
    uint64_t now = time_stamp();

    self->used += now - self->since;
    if (unlikely(uneven)) {
        runq_charge(&queue, &self->run, time_stamps_ns(now - self->since));
        if (next == self) { /* it gave way, and nobody comes before it */
            self->since = now;
            has_given_way(self);
            return;
        }
    }
    next->since = now;
    next->switches++;
    sched_stats.switches++;
    if (unlikely(os_nosleep & OS_WANTED))
        has_given_way(self);
    if (unlikely(sched_watch))
        watch_switch(self, next);
    cpu_set_kernel_stack((uintptr_t)next->stack_top); /* who never was in ring 3 does not mind */
    if (next->space && pt_active() != &next->space->pt) {
        space_switch(next->space);
        sched_stats.space_loads++;
    }
    if (next->context)
        context_load(next->context);
    os_current = next;
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
        sched_step_aside();
    else
        latency_chance();
}

/* --- deadlines --- */

void sched_timer_start(struct task *t)
{
    heap_insert(&timers, &t->timer);
    if (timers.root == &t->timer)
        time_alarm(t->timer.key);
}

void sched_timer_stop(struct task *t)
{
    heap_remove(&timers, &t->timer);
}

static struct task *first_sleeper(void)
{
    return timers.root ? container_of(timers.root, struct task, timer) : NULL;
}

/* To its like when its time is over, and to all others when that of real-time tasks is. What counts is time,
 * not how many ticks there were: on a busy host an emulator leaves out most of them. */
static void count_realtime_tick(struct task *t, uint64_t now)
{
    uint64_t had = time_stamps_ns(time_stamp() - t->since);

    if (had > now - last_tick)
        had = now - last_tick;
    run_share_count(&real_time, now, had > TIME_TICK_NS ? had : TIME_TICK_NS);
    if (run_share_is_used(&real_time))
        want(t);
    if (t->how.policy == SCHED_RR && t->slice >= rr_ticks && queue.level[t->run.level].head)
        want(t);
}

/* A program that has had the processor for its slice gives way, on its way back to ring 3, if others wait. */
static void count_tick(struct task *t, uint64_t now)
{
    if (!t->thread)
        return;
    if (trap_irq_from_user)
        t->user_ns += TIME_TICK_NS;
    else
        t->system_ns += TIME_TICK_NS;
    if (t->times && *t->times)
        t->cpu.user_work |= TASK_WORK_TIMES;
    t->slice++;
    if (runq_empty(&queue))
        return;
    if (unlikely(realtime(t)))
        count_realtime_tick(t, now);
    else if (had_its_turn(t) || torture_on())
        want(t);
}

/* Turns that are shorter than a tick end between two of them, with the interrupt that is nearest. */
static void end_short_turn(void)
{
    struct task *t = os_current;

    if (t->thread && !realtime(t) && time_stamps_ns(time_stamp() - t->since) >= turn_ns() / 2)
        want(t);
}

static void tick(void)
{
    uint64_t now = os_now_ns();

    count_part(now, waiting());
    count_tick(os_current, now);
    run_share_renew(&real_time, now);
    last_tick = now;
}

static void wake_due(uint64_t now)
{
    for (struct task *t; (t = first_sleeper()) && t->timer.key <= now;)
        sync_expire(t); /* takes it out of the heap */
    if (unlikely(crowded()))
        end_short_turn();
}

static uint64_t next_deadline(void)
{
    uint64_t at = timers.root ? timers.root->key : TIME_NEVER, turn;

    if (likely(!crowded()))
        return at;
    turn = os_now_ns() + turn_ns();
    return turn < at ? turn : at;
}

/* --- sharing --- */

static unsigned level_of(const struct sched_how *how)
{
    if (how->priority)
        return RUN_PRIORITIES - how->priority;
    return how->policy == SCHED_IDLE ? RUN_IDLE : (unsigned)(RUN_NORMAL + how->nice);
}

static void set_level(struct task *t)
{
    uneven -= t->run.level != RUN_NORMAL;
    t->run.level = (uint8_t)level_of(&t->how);
    uneven += t->run.level != RUN_NORMAL;
}

void sched_set(struct task *t, const struct sched_how *how)
{
    uint32_t irq = os_irq_save();
    bool queued = t->run.queued;
    uint64_t urgent_from = realtime(t)       ? t->urgent_from
                           : t == os_current ? t->used + (time_stamp() - t->since)
                                             : t->used;

    if (queued)
        runq_remove(&queue, &t->run);
    t->how = *how;
    set_level(t);
    if (queued)
        sched_ready(t);
    else if (t == os_current && !runq_empty(&queue))
        want(t);                  /* others may come first now */
    t->urgent_from = urgent_from; /* it has not slept */
    os_irq_restore(irq);
}

uint64_t sched_unslept_ns(void)
{
    const struct task *self = os_current;

    return realtime(self) ? time_stamps_ns(self->used + (time_stamp() - self->since) - self->urgent_from) : 0;
}

void sched_inherit_other(struct task *child, const struct task *parent)
{
    if (parent->how.reset) {
        if (child->how.priority || child->how.nice < 0)
            child->how.nice = 0;
        if (child->how.priority)
            child->how.policy = SCHED_OTHER;
        child->how.priority = 0;
        child->how.reset = false;
    }
    child->run.level = (uint8_t)level_of(&child->how);
}

void sched_set_rr(uint32_t ms)
{
    sched_rr_ms = ms;
    rr_ticks = (uint32_t)((ms * (uint64_t)TIME_HZ + 999) / 1000);
}

uint64_t sched_slice_ns(const struct sched_how *how)
{
    unsigned ticks = how->policy == SCHED_FIFO ? 0 : how->policy == SCHED_RR ? rr_ticks : SLICE_TICKS;

    return (uint64_t)ticks * TIME_TICK_NS;
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
    if (unlikely(t->run.level != RUN_NORMAL))
        uneven++;
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
    if (unlikely(t->run.level != RUN_NORMAL))
        uneven--;
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
        if (runq_empty(&queue)) {
            time_rest();
            cpu_wait();
        } else {
            count_part(os_now_ns(), 0);
            stat_resume();
            time_resume();
            sched_switch();
        }
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
    static const struct time_hook hook = {.tick = tick, .due = wake_due, .next = next_deadline};
    uint32_t irq = os_irq_save();
    int err = 0;

    task_init();
    boot_task.since = time_stamp();
    pressure_init();
    os_current = &boot_task;
    sched_add(&boot_task);
    idle_task = task_create("idle", idle, NULL);
    if (idle_task) {
        runq_take(&queue,
                  RUN_NORMAL); /* takes it off the run queue again: it is the first and only one there */
        time_register(&hook);
    } else {
        sched_remove(&boot_task);
        os_current = NULL;
        err = -ENOMEM;
    }
    os_irq_restore(irq);
    return err;
}

/* --- checks --- */

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
    uint32_t irq = os_irq_save(), sleepers = 0, waiting = 0, others = 0;
    bool ok = heap_verify(&timers);

    ok = runq_verify(&queue) && ok;
    for (unsigned l = 0; ok && l < RUN_LEVELS; l++)
        for (const struct run_node *n = queue.level[l].head; n; n = n->next) {
            const struct task *t = task_of(n);

            INV("INV-SCHED-1", t->state == TASK_RUNNABLE && t != os_current && t != idle_task,
                "task %u %s, state %d", t->id, t->name, t->state);
        }
    if (ok)
        heap_each(&timers, check_sleeper, &sleepers);
    for (const struct task *t = all_tasks; t; t = t->all_next) {
        INV("INV-SCHED-3",
            (t->state == TASK_SLEEPING) == (t->waiter != NULL) && (!t->waiter || t->waiter->task == t),
            "task %u %s, state %d, waiter %p", t->id, t->name, t->state, (void *)t->waiter);
        waiting += t->state == TASK_SLEEPING && t->timer.key;
        if (t->state == TASK_RUNNABLE && t != os_current && t != idle_task)
            INV("INV-SCHED-4", t->run.queued, "task %u %s is not queued", t->id, t->name);
        INV("INV-SCHED-5", t->run.level == level_of(&t->how), "task %u %s, level %u", t->id, t->name,
            t->run.level);
        others += t->run.level != RUN_NORMAL;
    }
    INV("INV-SCHED-5", others == uneven, "%u of %u tasks", others, uneven);
    if (ok)
        INV("INV-SCHED-2", sleepers == waiting, "%u of %u tasks with a deadline", sleepers, waiting);
    os_irq_restore(irq);
    return time_verify() & pressure_verify() && ok;
}
