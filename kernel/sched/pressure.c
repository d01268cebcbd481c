/*
 * Pressure: time that programs lose because memory is short.
 *
 * A task stalls while it waits for what there would be if memory were larger: for a page that comes back from
 * swap, for a frame that has to be freed first, for its turn when load control has suspended it. mm/ says so
 * with os_memstall_enter() and os_memstall_leave(). "Some" holds while at least one task stalls, "full" while
 * at least one does and none is runnable for another purpose: the processor could not do anything useful. A
 * task that is runnable in a stall, because it looks for pages to evict, is not productive either. Linux's
 * kernel/sched/psi.c has the definitions.
 *
 * Tasks of the kernel alone count nowhere: what the swap daemon does is no program's work.
 *
 * It costs a test and a count where a task falls asleep or wakes. The clock is only asked where a state
 * begins or ends: there time is added to what held up to then, and periods that are over end
 * (kernel/lib/stall.c), so that there is no timer; who reads adds up first.
 *
 * Data: the counts, and the sums. Locking: interrupts off.
 *
 *     INV-PRESSURE-1  stalled and suspended are the numbers of living tasks with a stall, and of those with
 *                     one of load control's
 *     INV-PRESSURE-2  productive is the number of program's tasks that are runnable and have no stall
 *     INV-PRESSURE-3  useful says of each task whether it would be one of them if it were runnable
 */
#include "kernel/sched/pressure.h"
#include "kernel/sched/sched.h"

struct pressure_counts pressure_counts;
struct waitq pressure_wait;

static struct stall sums;

void pressure_init(void)
{
    stall_init(&sums, os_now_ns());
}

static unsigned states(void)
{
    const struct pressure_counts *c = &pressure_counts;
    unsigned set = 0;

    if (c->stalled) {
        set = 1u << PRESSURE_SOME;
        if (!c->productive)
            set |= 1u << PRESSURE_FULL | (c->stalled > c->suspended ? 1u << PRESSURE_THRASH : 0);
    }
    return set;
}

void pressure_account(void)
{
    stall_advance(&sums, os_now_ns(), states());
}

void pressure_read(struct stall *s)
{
    uint32_t irq = os_irq_save();

    pressure_account();
    *s = sums;
    os_irq_restore(irq);
}

static void enter(bool suspended)
{
    struct task *t = task_current();
    uint32_t irq = os_irq_save();

    if (t && t->program && t->stalls++ == 0) {
        pressure_account();
        pressure_counts.productive--;
        pressure_counts.stalled++;
        pressure_counts.suspended += suspended;
        t->suspended = suspended;
        t->useful = false;
        os_wake_all(&pressure_wait);
    }
    os_irq_restore(irq);
}

static void leave(void)
{
    struct task *t = task_current();
    uint32_t irq = os_irq_save();

    if (t && t->program && --t->stalls == 0) {
        pressure_account();
        pressure_counts.productive++;
        pressure_counts.stalled--;
        pressure_counts.suspended -= t->suspended;
        t->suspended = false;
        t->useful = true;
    }
    os_irq_restore(irq);
}

void os_memstall_enter(void)
{
    enter(false);
}

void os_memstall_leave(void)
{
    leave();
}

void pressure_suspend_enter(void)
{
    enter(true);
}

void pressure_suspend_leave(void)
{
    leave();
}

struct recount {
    struct pressure_counts counts;
    uint32_t wrong;
};

static void recount(const struct task *t, void *arg)
{
    struct recount *r = arg;

    r->wrong += t->useful != (t->program && !t->stalls);
    if (!t->program || t->state == TASK_DEAD)
        return;
    r->counts.stalled += t->stalls > 0;
    r->counts.suspended += t->suspended;
    r->counts.productive += !t->stalls && t->state == TASK_RUNNABLE;
}

bool pressure_verify(void)
{
    uint32_t irq = os_irq_save();
    const struct pressure_counts *is = &pressure_counts;
    struct recount r = {0};
    bool ok = true;

    task_each(recount, &r);
    INV("INV-PRESSURE-1", r.counts.stalled == is->stalled && r.counts.suspended == is->suspended,
        "%u tasks stall, counted %u; %u are suspended, counted %u", r.counts.stalled, is->stalled,
        r.counts.suspended, is->suspended);
    INV("INV-PRESSURE-2", r.counts.productive == is->productive, "%u tasks are productive, counted %u",
        r.counts.productive, is->productive);
    INV("INV-PRESSURE-3", r.wrong == 0, "useful is wrong of %u tasks", r.wrong);
    os_irq_restore(irq);
    return ok;
}
