/* The tour, a working set larger than memory: two tasks fill it, then read it and verify each page. */
#include "kernel/proc/page_fault.h"
#include "kernel/sched/task.h"
#include "kernel/selftest/tour_parts.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/reclaim.h"

#define WORKERS 2u
#define BASE    0x10000000u
#define RAM_PAGES                                                                                            \
    (64u << 20 >> PAGE_SHIFT) /* of a larger machine the rest is set aside, to keep this short */
#define TURN_PAGES 16u        /* a task lets the other run after so many */
#define GIVE_BACK  16u        /* part of its pages that each task unmaps when memory has run out, to go on */
#define NS_A_MS    1000000u
#define STEPS      10u /* of progress */

struct worker {
    struct task *task;
    struct space *space;
    uint32_t pages, done;
    uint32_t wrong;
    enum fault_verdict verdict;
    bool touching; /* inside an access: while another task sees this, the access waits */
};

struct set {
    struct worker worker[WORKERS];
    struct frame_list aside; /* frames taken out of the machine */
    uint32_t ram, pages;
    bool fits; /* in memory and swap together */
};

/* One pass over the whole set. */
struct pass {
    struct set *set;
    const char *name;
    enum fault_verdict (*touch)(struct worker *w, uint32_t page); /* sleeps */
    uint32_t touched, reported;
    uint32_t overlapped; /* touches that ended while the other task waited inside one */
    uint64_t ns;
    struct tour_counts before;
};

/* What a task is told. */
struct order {
    struct pass *pass;
    struct worker *worker;
};

/* A word that tells the page and the space. */
static uint32_t mark(const struct worker *w, uint32_t page)
{
    return (page + 1) * 2654435761u ^ w->space->id;
}

static vaddr_t first_word(uint32_t page)
{
    return BASE + (page << PAGE_SHIFT);
}

static vaddr_t last_word(uint32_t page)
{
    return first_word(page) + (vaddr_t)(PAGE_SIZE - sizeof(uint32_t));
}

static enum fault_verdict fill(struct worker *w, uint32_t page)
{
    enum fault_verdict v = page_fault_write32(w->space, first_word(page), mark(w, page));

    return v == FAULT_RESUME ? page_fault_write32(w->space, last_word(page), ~mark(w, page)) : v;
}

static enum fault_verdict verify(struct worker *w, uint32_t page)
{
    uint32_t first = 0, last = 0;
    enum fault_verdict v = page_fault_read32(w->space, first_word(page), &first);

    if (v == FAULT_RESUME)
        v = page_fault_read32(w->space, last_word(page), &last);
    if (v == FAULT_RESUME)
        w->wrong += first != mark(w, page) || last != ~mark(w, page);
    return v;
}

static void progress(struct pass *p)
{
    uint32_t step = p->touched * STEPS / p->set->pages;

    if (step == p->reported)
        return;
    p->reported = step;
    tour_say("%-6s %3u %%  %6u pages, %6u out, %6u in, %6u free frames", p->name, step * 100 / STEPS,
             p->touched, (unsigned)tour_change(&p->before, TOUR_PAGES_OUT),
             (unsigned)tour_change(&p->before, TOUR_PAGES_IN), frame_free_count(vm_sys.pool));
}

static bool another_waits(const struct pass *p, const struct worker *self)
{
    for (unsigned i = 0; i < WORKERS; i++)
        if (&p->set->worker[i] != self && p->set->worker[i].touching)
            return true;
    return false;
}

static void work(void *arg)
{
    const struct order *o = arg;
    struct pass *p = o->pass;
    struct worker *w = o->worker;

    for (w->done = 0; w->done < w->pages; w->done++) {
        w->touching = true;
        w->verdict = p->touch(w, w->done);
        w->touching = false;
        if (w->verdict != FAULT_RESUME)
            break;
        p->touched++;
        p->overlapped += another_waits(p, w);
        progress(p);
        if (w->done % TURN_PAGES == 0)
            os_yield();
    }
}

/* Run both tasks over their halves. False: they could not be started. */
static bool run(struct pass *p)
{
    struct order order[WORKERS];
    uint64_t began = os_now_ns();
    bool started = true;

    tour_count(&p->before);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &p->set->worker[i];

        order[i] = (struct order){p, w};
        w->task = task_create(p->name, work, &order[i]);
        started &= tour_check(w->task, "no memory for task %u", i);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        if (p->set->worker[i].task)
            task_join(p->set->worker[i].task, NULL);
    p->ns = os_now_ns() - began;
    return started;
}

static void say_requests(const struct pass *p, const char *way, enum tour_counter pages,
                         enum tour_counter requests)
{
    uint32_t n = (uint32_t)tour_change(&p->before, pages);
    uint32_t r = (uint32_t)tour_change(&p->before, requests);

    if (r)
        tour_say("  %s: %u pages in %u requests to the disk, %u pages each", way, n, r, n / r);
}

static void say_rate(const struct pass *p)
{
    uint64_t ms = p->ns / NS_A_MS + 1;

    tour_say("%s: %u pages in %u ms, %u pages/s", p->name, p->touched, (unsigned)ms,
             (unsigned)(p->touched * 1000ull / ms));
    say_requests(p, "out", TOUR_PAGES_OUT, TOUR_WRITES);
    say_requests(p, "in", TOUR_PAGES_IN, TOUR_READS);
    if (tour_change(&p->before, TOUR_READAHEAD))
        tour_say("  read ahead: %u pages, %u of them used before they went",
                 (unsigned)tour_change(&p->before, TOUR_READAHEAD),
                 (unsigned)tour_change(&p->before, TOUR_READAHEAD_HITS));
    tour_say("  %u touches were made while the other task waited inside a fault", p->overlapped);
}

static void check_pages(const struct pass *p)
{
    uint32_t wrong = 0;

    for (unsigned i = 0; i < WORKERS; i++) {
        const struct worker *w = &p->set->worker[i];

        wrong += w->wrong;
        tour_check(w->done == w->pages, "task %u ended after %u of %u pages: %s", i, w->done, w->pages,
                   fault_verdict_name(w->verdict));
    }
    tour_check(wrong == 0, "%u pages are not what was written", wrong);
}

/* What a set that exceeds memory must have used. */
static void check_swapping(const struct pass *written, const struct pass *read)
{
    uint32_t excess = written->set->pages - written->set->ram;
    uint32_t out = (uint32_t)tour_change(&written->before, TOUR_PAGES_OUT);
    uint32_t writes = (uint32_t)tour_change(&written->before, TOUR_WRITES);

    tour_check(out >= excess, "%u pages went out, of %u too many", out, excess);
    tour_check(writes < out, "no write took more than one page");
    tour_check(tour_change(&read->before, TOUR_READAHEAD_HITS) > 0, "read-ahead was of no use");
    tour_check(written->overlapped + read->overlapped > 0, "no task ran while the other waited");
}

/* Memory has run out, as meant: say so, and let each task give some pages back. */
static void give_back(struct set *set)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &set->worker[i];

        tour_say("task %u: %s after %u pages; the kernel and the pages live on", i,
                 fault_verdict_name(w->verdict), w->done);
        if (!tour_check(w->verdict == FAULT_NO_MEMORY && w->done > GIVE_BACK,
                        "task %u: expected to run out of memory", i))
            continue;
        w->pages = w->done - w->done / GIVE_BACK;
        int err = space_unmap(w->space, first_word(w->pages), (w->done / GIVE_BACK) << PAGE_SHIFT);

        tour_check(err == 0, "space_unmap says %d", err);
    }
    set->pages = set->worker[0].pages + set->worker[1].pages;
}

static void fill_and_verify(struct set *set)
{
    struct pass written = {.set = set, .name = "fill", .touch = fill};
    struct pass read = {.set = set, .name = "read", .touch = verify};

    tour_step("Filled, by two tasks with a space each");
    if (!run(&written))
        return;
    say_rate(&written);
    if (set->fits)
        check_pages(&written);
    else
        give_back(set);

    tour_step("Read in order, and every page verified");
    reclaim_run(&vm_sys, SWAP_CLUSTER); /* room for the stacks of the new tasks */
    if (!run(&read))
        return;
    say_rate(&read);
    check_pages(&read);
    if (!set->fits)
        return;
    tour_say("reading took %u %% of the time of filling",
             (unsigned)(read.ns * 100 / (written.ns ? written.ns : 1)));
    check_swapping(&written, &read);
}

/* Frames that a program's pages can still have: low memory is not theirs to the last frame. */
static uint32_t free_for_pages(void)
{
    return frame_free_count(vm_sys.pool) - vm_sys.pool->low_kept;
}

/* Leave only RAM_PAGES of a large machine. */
static void set_aside(struct set *set)
{
    struct frame_pool *p = vm_sys.pool;
    struct frame *f;

    while (free_for_pages() > RAM_PAGES + p->marks.high && (f = frame_alloc(p, FRAME_KERNEL, 0)))
        frame_list_push_tail(p, &set->aside, f);
    set->ram = p->managed[ZONE_LOW] + p->managed[ZONE_HIGH] - p->low_kept - set->aside.count;
    if (set->aside.count)
        tour_say("%u MiB of this machine are set aside meanwhile.", set->aside.count << PAGE_SHIFT >> 20);
}

static void take_back(struct set *set)
{
    while (set->aside.head) {
        struct frame *f = pfn_frame(vm_sys.pool, set->aside.head);

        frame_list_remove(vm_sys.pool, &set->aside, f);
        frame_free(vm_sys.pool, f);
    }
}

/* Pages whose writing was under way when their space ended are free when it is over. */
static void settle(void)
{
    while (vm_sys.swap.io_active)
        swap_finish(&vm_sys, true, true);
}

/* Twice the memory, or as much as memory and swap hold with an eighth of the memory to spare. */
static void choose_size(struct set *set)
{
    uint32_t twice = 2 * set->ram, spare = set->ram / 8;
    uint32_t room = free_for_pages() + vm_sys.swap.free - spare;

    set->fits = room > set->ram + spare;
    set->pages = set->fits && room < twice ? room : twice;
    tour_say("Memory: %u pages. Free slots: %u. Working set: %u pages.", set->ram, vm_sys.swap.free,
             set->pages);
    if (!set->fits)
        tour_say("There is too little swap for that, so the tasks will run out of memory.");
    else if (room < twice)
        tour_say("That is less than twice the memory: there is no more swap.");
}

static bool make_workers(struct set *set)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &set->worker[i];

        w->pages = set->pages / WORKERS;
        w->space = tour_space();
        if (!w->space)
            return false;
        tour_map(w->space, BASE, w->pages, TOUR_RW, NULL);
    }
    set->pages = WORKERS * set->worker[0].pages;
    return true;
}

void tour_large_set(void)
{
    struct set set = {0};
    struct space *space[WORKERS];
    struct tour_counts beginning;

    tour_part("A working set of twice the memory");
    tour_say("More pages than frames: what was not used for longest goes to the disk, in");
    tour_say("clusters, and a fault brings it back. While one task waits the other runs.");
    tour_count(&beginning);
    set_aside(&set);
    choose_size(&set);
    if (make_workers(&set))
        fill_and_verify(&set);
    for (unsigned i = 0; i < WORKERS; i++)
        space[i] = set.worker[i].space;
    tour_leave(space, WORKERS);
    take_back(&set);
    settle();
    tour_back(&beginning);
}
