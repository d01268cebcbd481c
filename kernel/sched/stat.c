/*
 * The idle task's time is exact; the rest is divided between programs and the kernel as the ticks found it.
 *
 * Load averages as Unix has them since TENEX: every five seconds load = load * e + n * (1 - e), with e the
 * fifth root of what is to be left after a minute's twelfth.
 */
#include "kernel/sched/stat.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/time.h"
#include "kernel/x86/trap.h"

#define LOADAVG_ONE   (1u << LOADAVG_SHIFT)
#define LOADAVG_TICKS (5 * TIME_HZ)

uint32_t loadavg[3];

static uint64_t user_ticks, system_ticks;
static unsigned until_load = LOADAVG_TICKS;

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

static void load_step(void)
{
    /* 2048 / exp(5 s / 1, 5, 15 min) */
    static const uint32_t keep[3] = {1884, 2014, 2037};
    uint32_t running, blocked;

    stat_threads(&running, &blocked);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t active = (running + blocked) * LOADAVG_ONE;
        uint64_t sum = (uint64_t)loadavg[i] * keep[i] + (uint64_t)active * (LOADAVG_ONE - keep[i]);

        /* Rounded up on the way up, so that it arrives. */
        loadavg[i] = (uint32_t)((sum + (active >= loadavg[i] ? LOADAVG_ONE - 1 : 0)) >> LOADAVG_SHIFT);
    }
}

static void tick(void)
{
    if (!sched_idle()) {
        if (trap_irq_from_user)
            user_ticks++;
        else
            system_ticks++;
    }
    if (--until_load == 0) {
        until_load = LOADAVG_TICKS;
        load_step();
    }
}

void stat_init(void)
{
    time_register_tick(tick);
}

uint64_t stat_user_ns(void)
{
    uint32_t irq = os_irq_save();
    uint64_t ns = user_ticks * (1000000000u / TIME_HZ);

    os_irq_restore(irq);
    return ns;
}

void stat_time(struct stat_time *t)
{
    uint64_t now = os_now_ns(), busy, ticks, user;
    uint32_t irq = os_irq_save();

    t->idle_ns = sched_idle_ns();
    busy = now > t->idle_ns ? now - t->idle_ns : 0;
    ticks = user_ticks + system_ticks;
    user = user_ticks;
    /* So that the product of microseconds and ticks fits, for months. */
    for (; ticks >> 20; ticks /= 2)
        user /= 2;
    t->user_ns = ticks ? busy / 1000 * user / ticks * 1000 : 0;
    t->system_ns = busy - t->user_ns;
    os_irq_restore(irq);
}
