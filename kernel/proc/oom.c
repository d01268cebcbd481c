/*
 * Out of memory.
 *
 * A page fault found no frame, reclaim could free nothing, and the program cannot be told: somebody has to
 * go. The one that frees most is chosen, by what it holds in memory and in swap, page tables included, moved
 * by oom_score_adj as on Linux (a thousandth of memory and swap for each point; -1000: never). init is never
 * chosen. The leaders of sessions that have a terminal, which are the shells that people would need, are
 * spared as long as they hold less than half of all there is.
 *
 * Processes that share a space are chosen, and end, together. One victim at a time: others that find no
 * memory meanwhile wait for it too. If it does not end in time (it may wait for something that the waiter
 * holds), it is left to its end and the next is chosen; but before one that is spared goes, those that are
 * on their way out get several times as long. Time is counted in looks, between which everybody else can
 * run, not by the clock: on a virtual machine that gets no processor, seconds pass in which nobody could end.
 * So nobody waits for more looks than PATIENCE for each process that there is.
 *
 * Data: the victim, by number, since it may be gone at any time. Locking: between sleeps.
 */
#include "kernel/proc/oom.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"

#define LOOK_NS   5000000u
#define PATIENCE  400u /* looks at a victim, two seconds: it may have to wait for a slow disk */
#define SPARING   9u   /* more times that, before one that is spared is chosen */
#define TABLE     8u   /* candidates that are listed */
#define ADJ_NEVER (-1000)

struct candidate {
    struct process *p;
    uint32_t resident, swapped, tables; /* pages */
    int64_t score;
};

static int victim_pid;
static unsigned patience;    /* looks that are left for it */
static unsigned sparing;     /* times that patience is renewed for the sake of those who are spared */
static uint64_t looked_last; /* several who wait look no more often than one */

static uint32_t ram_pages(void)
{
    return frame_pool_sys.end - frame_pool_sys.start - frame_pool_sys.used[FRAME_RESERVED];
}

static uint32_t all_pages(void)
{
    return ram_pages() + vm_sys.swap.total;
}

/* Measure a process that has memory. */
static struct candidate measure(struct process *p)
{
    struct candidate c = {.p = p, .tables = p->memory->space->pt.tables + 1};

    space_usage(p->memory->space, &c.resident, &c.swapped);
    c.score = (int64_t)c.resident + c.swapped + c.tables + (int64_t)p->oom_score_adj * all_pages() / 1000;
    if (c.score < 1)
        c.score = 1;
    return c;
}

unsigned oom_score(const struct process *p)
{
    if (!p->memory || p->oom_score_adj == ADJ_NEVER)
        return 0;
    return (unsigned)((measure((struct process *)(uintptr_t)p).score * 1000 + all_pages() - 1) / all_pages());
}

static bool is_dying(const struct process *p)
{
    return p->group_exit || p->state != PROCESS_ALIVE;
}

static bool may_be_chosen(const struct process *p)
{
    return p->memory && !is_dying(p) && p != process_init && p->oom_score_adj != ADJ_NEVER;
}

static bool is_spared(const struct candidate *c)
{
    const struct process *p = c->p;

    return p->tty && p->sid == p->pid && c->resident + c->swapped < all_pages() / 2;
}

/* Whether a is rather to go than b. */
static bool worse(const struct candidate *a, const struct candidate *b)
{
    if (is_spared(a) != is_spared(b))
        return is_spared(b);
    return a->score > b->score;
}

/* The worst, in order. Their number in all. */
static unsigned find_candidates(struct candidate *table, unsigned *listed)
{
    unsigned n = 0;

    *listed = 0;
    for (struct process *p = process_all; p; p = p->all_next) {
        struct candidate c;
        unsigned i;

        if (!may_be_chosen(p))
            continue;
        n++;
        c = measure(p);
        i = *listed < TABLE ? (*listed)++ : TABLE;
        for (; i > 0 && worse(&c, &table[i - 1]); i--)
            if (i < TABLE)
                table[i] = table[i - 1];
        if (i < TABLE)
            table[i] = c;
    }
    return n;
}

static const char *name_of(const struct process *p)
{
    return p->threads ? p->threads->comm : "?";
}

static void report(const struct candidate *table, unsigned listed, unsigned n)
{
    const struct process *p = table[0].p;

    os_log("oom: process %d (%s) needs memory: %u frames free of %u, %u swap slots free of %u",
           process_current()->pid, thread_current()->comm, frame_free_count(&frame_pool_sys), ram_pages(),
           vm_sys.swap.free, vm_sys.swap.total);
    os_log("oom: %7s %-15s %11s %11s %6s %9s", "process", "name", "resident KB", "swapped KB", "adjust",
           "score");
    for (unsigned i = 0; i < listed; i++)
        os_log("oom: %7d %-15s %11u %11u %6d %9d%s", table[i].p->pid, name_of(table[i].p),
               table[i].resident << (PAGE_SHIFT - 10), table[i].swapped << (PAGE_SHIFT - 10),
               table[i].p->oom_score_adj, (int)table[i].score, is_spared(&table[i]) ? "  spared" : "");
    if (n > listed)
        os_log("oom: and %u smaller ones", n - listed);
    os_log("oom: killed process %d (%s): its score is the highest of %u candidates", p->pid, name_of(p), n);
}

/* Whether somebody who was killed still has memory to give back. */
static bool somebody_is_dying(void)
{
    const struct process *p = process_all;

    while (p && !(p->memory && is_dying(p)))
        p = p->all_next;
    return p;
}

/* Kill the worst, and who shares its space, or wait once more for those who were killed. False: there is
 * nobody. */
static bool choose(void)
{
    struct candidate table[TABLE];
    unsigned listed, n = find_candidates(table, &listed);
    const struct memory *memory;

    if (!n)
        return false;
    patience = PATIENCE;
    if (is_spared(&table[0]) && sparing && somebody_is_dying()) {
        sparing--;
        return true;
    }
    report(table, listed, n);
    vm_sys.stats.oom_kills++;
    memory = table[0].p->memory;
    victim_pid = table[0].p->pid;
    sparing = SPARING;
    for (struct process *p = process_all; p; p = p->all_next)
        if (p->memory == memory && p->state == PROCESS_ALIVE)
            process_kill(p, SIGKILL);
    return true;
}

/* Whether a victim is still on its way out, within its time. */
static bool is_waiting(void)
{
    const struct process *p = victim_pid ? process_find(victim_pid) : NULL;

    return patience && (sparing < SPARING ? somebody_is_dying() : p && p->memory && is_dying(p));
}

static void look_later(void)
{
    task_sleep_ns(LOOK_NS);
    if (os_now_ns() - looked_last < LOOK_NS || !patience)
        return;
    looked_last = os_now_ns();
    patience--;
}

bool oom_kill(void)
{
    struct thread *self = thread_current();

    if (self->exiting)
        return false;
    if (!is_waiting() && !choose()) {
        os_log("oom: process %d (%s) needs memory, and nobody may be killed for it but itself",
               self->process->pid, self->comm);
        vm_sys.stats.oom_kills++;
        process_kill(self->process, SIGKILL);
    }
    while (!self->exiting && is_waiting())
        look_later();
    return !self->exiting;
}
