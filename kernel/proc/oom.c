/*
 * Out of memory.
 *
 * A page fault found no frame, reclaim could free nothing, and the program cannot be told: somebody has to
 * go. The one that frees most is chosen, by what it holds in memory and in swap, page tables and what else
 * the
 * kernel keeps for it included, moved by oom_score_adj as on Linux (a thousandth of memory and swap for each
 * point; -1000: never). init is never chosen. The leaders of sessions that have a terminal, which are the
 * shells that people would need, are spared as long as they hold less than half of all there is.
 *
 * What the kernel keeps may itself be what is exhausted (frame_kernel_full()): then a system call that needs
 * some of it comes here too, and the one is chosen for which the kernel keeps most, whatever its pages are.
 * That is counted where it is: stacks, regions, descriptors and the files that they alone name, locks,
 * timers,
 * signals, and zombies, which are their parent's. What no process's end gives back (names and inodes of a
 * tmpfs) has limits of its own (kernel/fs/ramfs.c).
 *
 * Who has more than a limit of its own allows goes before others that are not spared: more in memory and swap
 * than RLIMIT_RSS, or more mapped than RLIMIT_AS or RLIMIT_DATA, which may have been lowered since.
 *
 * Processes that share a space are chosen, and end, together. One victim at a time: others that find no
 * memory meanwhile wait for it too. If it does not end in time (it may wait for something that the waiter
 * holds), it is left to its end and the next is chosen; but before one that is spared goes, those that are
 * on their way out get several times as long. Time is counted in looks, between which everybody else can
 * run, not by the clock: on a virtual machine that gets no processor, seconds pass in which nobody could end.
 * So nobody waits for more looks than PATIENCE for each process that there is.
 *
 * Pages are counted before the choice, process by process, since a large one takes milliseconds, in which
 * others run. So a score is as old as that, and who came meanwhile has none yet.
 *
 * The operator may have it otherwise: whoever asks goes, if he may be chosen (oom_kill_allocating_task); or
 * nobody does, and the machine stops (panic_on_oom).
 *
 * Before anybody goes, a swap area that is just being taken off is put on again (mm/swap_off.c).
 *
 * Data: the victim, by number, since it may be gone at any time. Locking: between sleeps.
 */
#include "kernel/proc/oom.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/ports.h"
#include "kernel/proc/ptimer.h"
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
    uint32_t resident, swapped, kernel; /* pages; the last ones with tables */
    int64_t score;
};

#define COUNTERS 2u

static int victim_pid;
static unsigned patience;    /* looks that are left for it */
static unsigned sparing;     /* times that patience is renewed for the sake of those who are spared */
static uint64_t looked_last; /* several who wait look no more often than one */

static size_t (*counters[COUNTERS])(const struct process *);
static unsigned counter_count;
static void (*count_pages)(struct process *);
static uint32_t counts; /* how often all were counted */

static uint32_t ram_pages(void)
{
    return frame_pool_sys.end - frame_pool_sys.start - frame_pool_sys.used[FRAME_RESERVED];
}

static uint32_t all_pages(void)
{
    return ram_pages() + vm_sys.swap.total;
}

void oom_count_also(size_t (*bytes)(const struct process *p))
{
    mm_assert(counter_count < COUNTERS, "%u counters", counter_count);
    counters[counter_count++] = bytes;
}

uint32_t oom_kills_asking, oom_lists_tasks = 1, oom_panics;

void oom_count_with(void (*count)(struct process *p))
{
    count_pages = count;
}

/* What the kernel keeps for a process that has memory, tables not included. */
static size_t kernel_bytes(const struct process *p)
{
    size_t per_thread =
        TASK_STACK_PAGES * PAGE_SIZE + sizeof(struct task) + sizeof(struct thread) + fpu_state_size();
    size_t bytes =
        sizeof *p + p->memory->space->regions.count * sizeof(struct region) + ptimer_bytes(p) + ldt_bytes(p);
    uint32_t signals = p->pending.records;

    for (const struct thread *t = p->threads; t; t = t->next) {
        bytes += per_thread + ports_bytes(t);
        signals += t->sig.pending.records;
    }
    bytes += signals * sizeof(struct signal_record);
    for (const struct process *child = p->children; child; child = child->sibling_next)
        if (child->state == PROCESS_ZOMBIE)
            bytes += sizeof *child;
    for (unsigned i = 0; i < counter_count; i++)
        bytes += counters[i](p);
    return bytes;
}

/* Measure a process that has memory. for_kernel: by what the kernel keeps for it. */
static struct candidate measure(const struct process *p, bool for_kernel)
{
    struct candidate c = {.p = (struct process *)(uintptr_t)p};
    uint32_t all = for_kernel ? frame_pool_sys.kernel_max : all_pages();

    c.kernel =
        p->memory->space->pt.tables - p->memory->space->pt.out + 1 + (uint32_t)PAGES_OF(kernel_bytes(p));
    c.resident = p->memory->usage.anon + p->memory->usage.file + p->memory->usage.shmem;
    c.swapped = p->memory->usage.swapped;
    c.score = (for_kernel ? 0 : (int64_t)c.resident + c.swapped) + c.kernel;
    c.score += (int64_t)p->oom_score_adj * all / 1000;
    if (c.score < 1)
        c.score = 1;
    return c;
}

unsigned oom_score(const struct process *p)
{
    if (!p->memory || p->oom_score_adj == ADJ_NEVER)
        return 0;
    return (unsigned)((measure(p, false).score * 1000 + all_pages() - 1) / all_pages());
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

    return p->tty && p->sid == p->pid && c->resident + c->swapped + c->kernel < all_pages() / 2;
}

static bool is_beyond(const struct process *p, unsigned limit, uint32_t pages)
{
    return (uint64_t)pages << PAGE_SHIFT > p->rlimit[limit].soft;
}

static bool is_over_limit(const struct candidate *c)
{
    const struct space_pages *pages = &c->p->memory->space->pages;

    return is_beyond(c->p, RLIMIT_RSS, c->resident + c->swapped) ||
           is_beyond(c->p, RLIMIT_AS, pages->total) || is_beyond(c->p, RLIMIT_DATA, pages->data);
}

/* Whether a is rather to go than b. */
static bool worse(const struct candidate *a, const struct candidate *b)
{
    if (is_spared(a) != is_spared(b))
        return is_spared(b);
    if (is_over_limit(a) != is_over_limit(b))
        return is_over_limit(a);
    return a->score > b->score;
}

/* Count the pages of all that may be chosen. Sleeps. Several may count at a time; each is content with what a
 * later one found. Processes that are made meanwhile do not keep it from ending. */
static void count_candidates(void)
{
    uint32_t mine = ++counts;
    unsigned most = process_count;

    for (unsigned i = 0; i < most; i++) {
        struct process *p = process_all;

        while (p && (!may_be_chosen(p) || p->memory->counted >= mine))
            p = p->all_next;
        if (!p)
            break;
        p->memory->counted = mine;
        count_pages(p);
    }
}

/* The worst, in order. Their number in all. */
static unsigned find_candidates(struct candidate *table, unsigned *listed)
{
    bool for_kernel = frame_kernel_full(&frame_pool_sys);
    unsigned n = 0;

    *listed = 0;
    for (struct process *p = process_all; p; p = p->all_next) {
        struct candidate c;
        unsigned i;

        if (!may_be_chosen(p))
            continue;
        n++;
        c = measure(p, for_kernel);
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

static void list(const struct candidate *table, unsigned listed, unsigned n)
{
    os_log("oom: %7s %-15s %11s %11s %11s %6s %9s", "process", "name", "resident KB", "swapped KB",
           "kernel KB", "adjust", "score");
    for (unsigned i = 0; i < listed; i++)
        os_log("oom: %7d %-15s %11u %11u %11u %6d %9d%s", table[i].p->pid, name_of(table[i].p),
               table[i].resident << (PAGE_SHIFT - 10), table[i].swapped << (PAGE_SHIFT - 10),
               table[i].kernel << (PAGE_SHIFT - 10), table[i].p->oom_score_adj, (int)table[i].score,
               is_spared(&table[i])       ? "  spared"
               : is_over_limit(&table[i]) ? "  over its limit"
                                          : "");
    if (n > listed)
        os_log("oom: and %u smaller ones", n - listed);
}

static const char *reason(const struct candidate *c, bool asked)
{
    if (asked)
        return "it asked for memory, and is one";
    return is_over_limit(c) && !is_spared(c) ? "it is over its limit, and its score the highest of those,"
                                             : "its score is the highest";
}

static void report(const struct candidate *chosen, const struct candidate *table, unsigned listed, unsigned n)
{
    const struct process *p = chosen->p;

    os_log("oom: process %d (%s) needs memory%s: %u frames free of %u, %u swap slots free of %u",
           process_current()->pid, thread_current()->comm,
           frame_kernel_full(&frame_pool_sys) ? " of the kernel's" : "", frame_free_count(&frame_pool_sys),
           ram_pages(), vm_sys.swap.free, vm_sys.swap.total);
    if (oom_lists_tasks)
        list(table, listed, n);
    if (oom_panics)
        os_panic(__FILE__, __LINE__, "memory is exhausted, and panic_on_oom says that this is the end");
    os_log("oom: killed process %d (%s): %s of %u candidates", p->pid, name_of(p),
           reason(chosen, chosen != table), n);
}

/* Whether somebody who was killed still has memory to give back. */
static bool somebody_is_dying(void)
{
    const struct process *p = process_all;

    while (p && !(p->memory && is_dying(p)))
        p = p->all_next;
    return p;
}

/* Whether a victim is still on its way out, within its time. */
static bool is_waiting(void)
{
    const struct process *p = victim_pid ? process_find(victim_pid) : NULL;

    return patience && (sparing < SPARING ? somebody_is_dying() : p && p->memory && is_dying(p));
}

/* One is ended for want of memory. */
static void note_killed(const struct process *p)
{
    vm_sys.stats.oom_kills++;
    if (p->memory)
        event_of_space(p->memory->space, EVENT_KILLED, 0)->arg = (uint32_t)p->pid;
}

/* Kill the worst, and who shares its space, or wait once more for those who were killed. False: there is
 * nobody; or, with others, it would be the running process. Sleeps. */
static bool choose(bool others)
{
    struct candidate table[TABLE], asking, *chosen = table;
    struct process *self = process_current();
    const struct memory *memory;
    unsigned listed, n;

    count_candidates();
    if (thread_current()->exiting || is_waiting())
        return true; /* somebody else chose meanwhile */
    n = find_candidates(table, &listed);
    if (n && oom_kills_asking && may_be_chosen(self)) {
        asking = measure(self, frame_kernel_full(&frame_pool_sys));
        chosen = &asking;
    }
    if (!n || (others && chosen->p->memory == self->memory))
        return false;
    patience = PATIENCE;
    if (is_spared(chosen) && sparing && somebody_is_dying()) {
        sparing--;
        return true;
    }
    report(chosen, table, listed, n);
    memory = chosen->p->memory;
    victim_pid = chosen->p->pid;
    note_killed(chosen->p);
    sparing = SPARING;
    for (struct process *p = process_all; p; p = p->all_next)
        if (p->memory == memory && p->state == PROCESS_ALIVE)
            process_kill(p, SIGKILL);
    return true;
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
    if (swap_give_way(&vm_sys))
        return true;
    if (!is_waiting() && !choose(false)) {
        os_log("oom: process %d (%s) needs memory, and nobody may be killed for it but itself",
               self->process->pid, self->comm);
        note_killed(self->process);
        process_kill(self->process, SIGKILL);
    }
    os_memstall_enter();
    while (!self->exiting && is_waiting())
        look_later();
    os_memstall_leave();
    return !self->exiting;
}

/* For vm_sys.make_room: the caller has locks, for which the victim may have to wait until this gives up. A
 * system call can fail, so if it is the worst itself that asks, it is told rather than ended. */
static bool make_room(void)
{
    struct thread *self = task_current() ? thread_current() : NULL;

    if (swap_give_way(&vm_sys))
        return true;
    if (!self || self->exiting || (!is_waiting() && !choose(true)))
        return false;
    os_memstall_enter();
    while (!self->exiting && is_waiting())
        look_later();
    os_memstall_leave();
    return !self->exiting && patience;
}

void oom_start(void)
{
    vm_sys.make_room = make_room;
}
