/*
 * The idle task's time is exact; the rest is divided between programs and the kernel as the ticks found it.
 *
 * Load averages as Unix has them since TENEX: every five seconds load = load * e + n * (1 - e), with e the
 * fifth root of what is to be left after a minute's twelfth. Ticks find out that the five seconds are over.
 * While nobody wants the processor there are none, and nothing that is counted changes; so the steps of that
 * time are done at its end.
 */
#include "kernel/sched/stat.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/time.h"
#include "kernel/x86/trap.h"

#define LOADAVG_ONE (1u << LOADAVG_SHIFT)
#define LOADAVG_NS  5000000000ull

uint32_t loadavg[3];

static uint64_t user_ticks, system_ticks;
static uint64_t load_at = LOADAVG_NS; /* the next step */

struct counts {
    uint32_t running, blocked;
};

static void count(const struct task *t, void *arg)
{
    struct counts *c = arg;

    if (!t->thread)
        return;
    c->running += t->state == TASK_RUNNABLE;
    c->blocked += t->state == TASK_SLEEPING && !t->interruptible;
}

void stat_threads(uint32_t *running, uint32_t *blocked)
{
    struct counts c = {0};

    task_each(count, &c);
    *running = c.running;
    *blocked = c.blocked;
}

/* One step with so many threads that count. Whether it changed an average. */
static bool load_step(uint32_t threads)
{
    /* 2048 / exp(5 s / 1, 5, 15 min) */
    static const uint32_t keep[3] = {1884, 2014, 2037};
    uint32_t active = threads * LOADAVG_ONE;
    bool changed = false;

    for (unsigned i = 0; i < 3; i++) {
        uint32_t before = loadavg[i];
        uint64_t sum = (uint64_t)loadavg[i] * keep[i] + (uint64_t)active * (LOADAVG_ONE - keep[i]);

        /* Rounded up on the way up, so that it arrives. */
        loadavg[i] = (uint32_t)((sum + (active >= loadavg[i] ? LOADAVG_ONE - 1 : 0)) >> LOADAVG_SHIFT);
        changed |= loadavg[i] != before;
    }
    return changed;
}

/* All steps that are due, with so many threads in all of them. */
static void load_steps(uint64_t now, uint32_t threads)
{
    uint64_t n = (now - load_at) / LOADAVG_NS + 1;

    load_at += n * LOADAVG_NS;
    while (n-- && load_step(threads))
        ;
}

static void count_waiting(const struct task *t, void *arg)
{
    *(uint32_t *)arg += t->thread && t->state != TASK_DEAD && !t->interruptible;
}

void stat_resume(void)
{
    uint64_t now = os_now_ns();
    uint32_t waiting = 0;

    if (now < load_at)
        return;
    /* All slept, those who are awake now too, and each still shows how. */
    task_each(count_waiting, &waiting);
    load_steps(now, waiting);
}

static void tick(void)
{
    if (!sched_idle()) {
        if (trap_irq_from_user)
            user_ticks++;
        else
            system_ticks++;
    }
    if (os_now_ns() >= load_at) {
        uint32_t running, blocked;

        stat_threads(&running, &blocked);
        load_steps(os_now_ns(), running + blocked);
    }
}

void stat_init(void)
{
    static const struct time_hook hook = {.tick = tick};

    time_register(&hook);
}

uint64_t stat_user_ns(void)
{
    uint32_t irq = os_irq_save();
    uint64_t ns = user_ticks * TIME_TICK_NS;

    os_irq_restore(irq);
    return ns;
}

void stat_time(struct stat_time *t)
{
    static struct stat_parts told;
    uint64_t now = os_now_ns(), busy, ticks, user;
    uint32_t irq = os_irq_save();

    t->idle_ns = sched_idle_ns();
    busy = now > t->idle_ns ? now - t->idle_ns : 0;
    ticks = user_ticks + system_ticks;
    user = user_ticks;
    /* So that the product of microseconds and ticks fits, for months. */
    for (; ticks >> 20; ticks /= 2)
        user /= 2;
    stat_divide(&told, busy, ticks ? busy / 1000 * user / ticks * 1000 : 0);
    t->user_ns = told.user_ns;
    t->system_ns = told.system_ns;
    os_irq_restore(irq);
}
