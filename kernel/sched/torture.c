/*
 * Sleeps on purpose.
 *
 * A task is preempted only where it sleeps, so a check that is not repeated after a sleep is wrong, and stays
 * unnoticed as long as that sleep is rare: most user copies find their pages, most mutexes are free, most
 * allocations need not reclaim. With torture=sleep each of these places, might_sleep() marks them, is a sleep
 * now and then.
 *
 * What others do meanwhile has to vary in length too: some races need one step of somebody else, some need
 * all that he does until he waits himself. So a sleep is one turn of the run queue, or a few, or many, or,
 * rarely, a real one, in which everybody gets as far as he can and disks and timers have their say. Who runs
 * next is drawn among the first of the queue instead of taken from its head.
 *
 * A user copy also finds pages gone: some of the program's pages are put out first, as reclaim would do it.
 *
 * All decisions come from one generator. Its seed is logged; the same seed gives the same run where
 * interrupts come at the same places, as under QEMU's -icount.
 *
 * Data: the generator's state; interrupts off. Fails: never.
 */
#include "kernel/sched/torture.h"
#include "kernel/sched/task.h"
#include "kernel/x86/usercopy.h"
#include "mm/layout.h"
#include "mm/space.h"
#include "mm/x86/cpu.h"

/* One visit in so many is a real sleep: it costs up to a tick. */
#define REAL_SLEEP_ONE_IN 2048u
#define REAL_SLEEP_NS     1000000u
/* One user copy in so many finds its first page put out. */
#define PAGE_OUT_ONE_IN 64u

static uint64_t state;

void torture_start(uint32_t seed)
{
    state = seed * 0x9E3779B97F4A7C15u + 1; /* a small number fills the word; never 0 */
    os_log("torture: sleeps on purpose, seed %u", seed);
    os_nosleep |= OS_TORTURE;
}

void torture_stop(void)
{
    os_nosleep &= ~OS_TORTURE;
}

uint32_t torture_below(uint32_t n)
{
    uint32_t irq = os_irq_save(), word;

    /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    word = (uint32_t)((state * 0x2545F4914F6CDD1Du) >> 32);
    os_irq_restore(irq);
    return (uint32_t)(((uint64_t)word * n) >> 32);
}

/* How many turns of the run queue this visit lasts: mostly none or one, sometimes many. */
static unsigned turns(void)
{
    unsigned draw = torture_below(32);

    if (draw < 16)
        return 0;
    if (draw < 28)
        return 1;
    return draw < 31 ? 2 + torture_below(6) : 8 + torture_below(56);
}

void torture_point(void)
{
    uint32_t irq;

    if (!torture_on() || !os_current)
        return;
    irq = os_irq_save();
    mm_assert(irq & EFLAGS_IF, "task %s may sleep with interrupts off", task_current()->name);
    os_irq_restore(irq);
    if (torture_below(REAL_SLEEP_ONE_IN) == 0) {
        task_sleep_ns(torture_below(REAL_SLEEP_NS));
        return;
    }
    for (unsigned n = turns(); n; n--)
        os_yield();
}

void usercopy_torture(vaddr_t va, size_t n)
{
    struct space *s = task_current() ? task_current()->space : NULL;

    if (!torture_on() || !s || va >= USER_END || torture_below(PAGE_OUT_ONE_IN) != 0)
        return;
    if (n > PAGE_SIZE && torture_below(2))
        va += torture_below((uint32_t)n); /* not always the first */
    if (va < USER_END)
        space_advise(s, PAGE_DOWN(va), PAGE_SIZE, ADVISE_PAGEOUT);
}
