/*
 * The memory subsystem on the machine itself: its own frames, its processor's faults, its swap disk, its
 * tasks. Counts are exact. Where a test needs memory to be short, it takes most of it away first, so that it
 * costs the same on every machine.
 */
#include "kernel/proc/page_fault.h"
#include "kernel/sched/task.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/reclaim.h"
#include "tests/kt.h"

#define RW (REGION_READ | REGION_WRITE)
#define VA ((vaddr_t)0x00400000)

/* A smaller swap disk may be one that is full soon, or that fails (tests/boot/swap-errors.t). */
#define SWAP_LEAST 1024u

static bool has_swap(void)
{
    return vm_sys.swap.free >= SWAP_LEAST;
}

static void read_ok(struct kt *kt, int line, struct space *s, vaddr_t va, uint32_t want)
{
    uint32_t got = 0xDEADBEEF;
    enum fault_verdict v = page_fault_read32(s, va, &got);

    EXPECT(v == FAULT_RESUME && got == want, "line %d: %x of space %u: %s, %x, not %x", line, va, s->id,
           fault_verdict_name(v), got, want);
}

static void write_ok(struct kt *kt, int line, struct space *s, vaddr_t va, uint32_t value)
{
    enum fault_verdict v = page_fault_write32(s, va, value);

    EXPECT(v == FAULT_RESUME, "line %d: %x of space %u: %s", line, va, s->id, fault_verdict_name(v));
}

#define READ(s, va, want)   read_ok(kt, __LINE__, s, va, want)
#define WRITE(s, va, value) write_ok(kt, __LINE__, s, va, value)

/* Run a statement and expect that it takes so many hardware faults. */
#define FAULTS(n, ...)                                                                                       \
    do {                                                                                                     \
        uint64_t before_ = vm_sys.stats.faults;                                                              \
        __VA_ARGS__;                                                                                         \
        EXPECT(vm_sys.stats.faults - before_ == (n), "%u faults, not %u",                                    \
               (unsigned)(vm_sys.stats.faults - before_), (unsigned)(n));                                    \
    } while (0)

static vaddr_t page(unsigned i)
{
    return VA + i * PAGE_SIZE;
}

/* A space of the machine's with so many pages at VA. */
static struct space *space_with(struct kt *kt, unsigned pages, unsigned flags)
{
    struct space *s = space_create(&vm_sys);
    vaddr_t va = VA;

    if (s && space_map(s, &va, pages * PAGE_SIZE, flags | MAP_AT, NULL, 0) == 0)
        return s;
    if (s)
        space_destroy(s);
    kt_skip(kt, "no memory");
    return NULL;
}

static struct space *fork_of(struct kt *kt, struct space *s)
{
    struct space *child = NULL;
    int err = space_fork(s, &child);

    EXPECT(err == 0, "fork %d", err);
    return child;
}

static void evict(struct kt *kt, struct space *s, vaddr_t va)
{
    pte_t *e = pt_resident_entry(&s->pt, va);

    if (e && pte_has_frame(*e)) {
        int err = reclaim_evict(&vm_sys, pfn_frame(vm_sys.pool, pte_pfn(*e)));

        EXPECT(err == 0, "evicting %x: %d", va, err);
    }
}

/* Let reclaim come to rest: nothing of ours may be on its way to the disk or from it when frames are counted,
 * and a round of the daemon that began when memory was short may not take what a test counts. */
static void quiesce(void)
{
    mutex_lock(&vm_sys.reclaim_lock);
    swap_quiet(&vm_sys);
    mutex_unlock(&vm_sys.reclaim_lock);
}

TEST(machine, demand_zero)
{
    struct space *s = space_with(kt, 4, RW);
    uint32_t anon = vm_sys.pool->used[FRAME_ANON];

    if (!s)
        return;
    FAULTS(1, READ(s, page(0), 0));
    EXPECT(vm_sys.pool->used[FRAME_ANON] == anon, "reading takes no frame");
    FAULTS(1, WRITE(s, page(0), 1));
    FAULTS(1, WRITE(s, page(1), 2));
    EXPECT(vm_sys.pool->used[FRAME_ANON] == anon + 2, "a frame for each page written");
    FAULTS(0, READ(s, page(0), 1));
    FAULTS(0, READ(s, page(1) + PAGE_SIZE - 4, 0));
    space_destroy(s);
    EXPECT(vm_sys.pool->used[FRAME_ANON] == anon, "all are back");
}

TEST(machine, generations)
{
    enum { N = 32, PAGES = 8 };
    struct space *s[N] = {space_with(kt, PAGES, RW)};

    if (!s[0])
        return;
    for (unsigned i = 0; i < PAGES; i++)
        WRITE(s[0], page(i), 1000 + i);
    for (unsigned g = 1; g < N; g++) {
        s[g] = fork_of(kt, s[g - 1]);
        REQUIRE(s[g], "generation %u", g);
        FAULTS(1, WRITE(s[g], page(g % PAGES), 2000 + g)); /* splits the table and copies the page, at once */
    }
    for (unsigned g = 0; g < N; g++)
        for (unsigned i = 0; i < PAGES; i++) {
            uint32_t want = 1000 + i;

            for (unsigned k = 1; k <= g; k++)
                if (k % PAGES == i)
                    want = 2000 + k;
            READ(s[g], page(i), want);
        }
    EXPECT(vm_verify(&vm_sys), "with %u generations", N);
    for (unsigned g = 0; g < N; g += 2)
        space_destroy(s[g]);
    EXPECT(vm_verify(&vm_sys), "with every second");
    for (unsigned g = 1; g < N; g += 2) {
        READ(s[g], page(g % PAGES), 2000 + g);
        WRITE(s[g], page(0), g);
        READ(s[g], page(0), g);
        space_destroy(s[g]);
    }
}

TEST(machine, siblings)
{
    enum { N = 32, PAGES = 8 };
    struct space *parent = space_with(kt, PAGES, RW), *s[N];
    uint64_t shared = vm_sys.stats.tables_shared, split = vm_sys.stats.tables_split;
    uint64_t copies = vm_sys.stats.by_action[FAULT_COPY];

    if (!parent)
        return;
    for (unsigned i = 0; i < PAGES; i++)
        WRITE(parent, page(i), i);
    for (unsigned c = 0; c < N; c++) {
        s[c] = fork_of(kt, parent);
        REQUIRE(s[c], "sibling %u", c);
    }
    EXPECT(vm_sys.stats.tables_shared - shared == N, "fork shares the table");
    for (unsigned c = 0; c < N; c++)
        FAULTS(0, READ(s[c], page(c % PAGES), c % PAGES));
    for (unsigned c = 0; c < N; c += 2)
        FAULTS(1, WRITE(s[c], page(c % PAGES), 100 + c));
    EXPECT(vm_sys.stats.tables_split - split == N / 2 && vm_sys.stats.by_action[FAULT_COPY] - copies == N / 2,
           "%u splits, %u copies", (unsigned)(vm_sys.stats.tables_split - split),
           (unsigned)(vm_sys.stats.by_action[FAULT_COPY] - copies));
    FAULTS(1, WRITE(parent, page(3), 77));
    for (unsigned c = 0; c < N; c++)
        for (unsigned i = 0; i < PAGES; i++)
            READ(s[c], page(i), c % 2 == 0 && c % PAGES == i ? 100 + c : i);
    EXPECT(vm_verify(&vm_sys), "with %u siblings", N);
    space_destroy(parent);
    for (unsigned c = N; c-- > 0;) {
        READ(s[c], page(4), c % PAGES == 4 ? 100 + c : 4);
        space_destroy(s[c]);
    }
}

TEST(machine, shared_pages_go_out_and_come_back)
{
    enum { N = 6, PAGES = 8 };
    struct space *parent, *s[N];
    struct swap *sw = &vm_sys.swap;

    if (!has_swap()) {
        kt_skip(kt, "no swap");
        return;
    }
    parent = space_with(kt, PAGES, RW);
    if (!parent)
        return;
    quiesce();

    uint32_t slots = sw->free;

    for (unsigned i = 0; i < PAGES; i++)
        WRITE(parent, page(i), 500 + i);
    for (unsigned c = 0; c < N; c++) {
        s[c] = fork_of(kt, parent);
        REQUIRE(s[c], "child %u", c);
        if (c >= N / 2) /* half of them on a table of their own */
            WRITE(s[c], page(0), c);
    }
    uint64_t out = sw->pages_out, in = sw->pages_in;

    for (unsigned i = 1; i < PAGES; i++)
        evict(kt, parent, page(i));
    EXPECT(sw->pages_out - out == PAGES - 1, "%u pages written, once for all",
           (unsigned)(sw->pages_out - out));
    for (unsigned c = 0; c < N; c++)
        EXPECT(pte_is_swap(*pt_resident_entry(&s[c]->pt, page(1))), "child %u still has it", c);
    EXPECT(vm_verify(&vm_sys), "while they are out");
    for (unsigned c = 0; c < N; c++)
        for (unsigned i = 1; i < PAGES; i++)
            READ(s[c], page(i), 500 + i);
    EXPECT(sw->pages_in - in <= PAGES - 1, "%u pages read, once for all", (unsigned)(sw->pages_in - in));
    for (unsigned c = 0; c < N; c++)
        WRITE(s[c], page(1 + c), 900 + c);
    for (unsigned i = 1; i < PAGES; i++)
        READ(parent, page(i), 500 + i);
    for (unsigned c = 0; c < N; c++) {
        READ(s[c], page(1 + c), 900 + c);
        READ(s[c], page(0), c >= N / 2 ? c : 500);
        space_destroy(s[c]);
    }
    space_destroy(parent);
    quiesce();
    EXPECT(sw->free == slots, "%u slots are free, %u before", sw->free, slots);
}

/* --- memory that is short --- */

/* Take frames away until so many are left; they hang together by their owner fields. */
static struct frame *take_ballast(uint32_t leave)
{
    struct frame *list = NULL, *f;

    while (frame_free_common(vm_sys.pool) > leave &&
           (f = frame_alloc(vm_sys.pool, FRAME_KERNEL, 0)) != NULL) {
        f->owner = list;
        list = f;
    }
    return list;
}

static void drop_ballast(struct frame *list)
{
    while (list) {
        struct frame *next = list->owner;

        frame_free(vm_sys.pool, list);
        list = next;
    }
}

struct crowd {
    struct kt *kt;
    uint32_t pages; /* of each worker */
    unsigned running;
    uint64_t counter;      /* of the task that needs nothing but the processor */
    uint64_t during_waits; /* how far it came while a worker waited for its page */
};

struct worker {
    struct crowd *c;
    unsigned id;
    struct task *task;
};

static uint32_t content(const struct worker *w, uint32_t i, uint32_t round)
{
    return (w->id << 28) + (round << 24) + i * 2654435761u;
}

static void work(void *arg)
{
    enum { ROUNDS = 2 };
    struct worker *w = arg;
    struct crowd *c = w->c;
    struct kt *kt = c->kt;
    struct space *s = space_with(kt, c->pages, RW);

    for (uint32_t round = 0; s && round < ROUNDS; round++) {
        for (uint32_t i = 0; i < c->pages && !kt->failures; i++)
            WRITE(s, page(i), content(w, i, round));
        for (uint32_t i = 0; i < c->pages && !kt->failures; i++) {
            uint32_t at = round ? kt_below(kt, c->pages) : i;
            uint64_t before = c->counter, major = s->major;

            READ(s, page(at), content(w, at, round));
            if (s->major != major)
                c->during_waits += c->counter - before;
        }
    }
    if (s)
        space_destroy(s);
    c->running--;
}

static void count(void *arg)
{
    struct crowd *c = arg;

    while (c->running) {
        c->counter++;
        os_yield();
    }
}

/* Three tasks, each of which uses all the memory that there is, and one that must not be held up by that. */
TEST(machine, tasks_share_what_is_too_little)
{
    enum { WORKERS = 3 };
    struct frame_pool *p = vm_sys.pool;
    uint32_t leave = p->marks.high + 400;
    struct crowd c = {.kt = kt, .running = WORKERS};
    struct worker w[WORKERS];
    struct swap *sw = &vm_sys.swap;
    struct task *counter;
    struct frame *ballast;
    uint64_t out = sw->pages_out, in = sw->pages_in, rounds = vm_sys.stats.daemon_rounds;

    if (frame_free_common(p) < leave)
        leave = frame_free_common(p);
    c.pages = leave;
    if (sw->free < (WORKERS + 1) * c.pages) {
        kt_skip(kt, "too little swap");
        return;
    }
    ballast = take_ballast(leave);
    counter = task_create("counter", count, &c);
    for (unsigned i = 0; i < WORKERS; i++) {
        w[i] = (struct worker){.c = &c, .id = i};
        w[i].task = task_create("worker", work, &w[i]);
        if (!w[i].task)
            c.running--;
    }
    for (unsigned i = 0; i < WORKERS; i++)
        if (w[i].task)
            task_join(w[i].task, NULL);
    if (counter)
        task_join(counter, NULL);
    drop_ballast(ballast);
    quiesce();
    kt_note(kt,
            "%u times %u pages in %u frames: %u out, %u in; %u rounds of the daemon; the counter went on %u "
            "times while somebody waited",
            WORKERS, c.pages, leave, (unsigned)(sw->pages_out - out), (unsigned)(sw->pages_in - in),
            (unsigned)(vm_sys.stats.daemon_rounds - rounds), (unsigned)c.during_waits);
    EXPECT(counter && w[0].task && w[1].task && w[2].task, "all tasks ran");
    EXPECT(sw->pages_out - out > 2 * c.pages && sw->pages_in > in, "pages went out and came back");
    EXPECT(vm_sys.stats.daemon_rounds > rounds, "the daemon helped");
    EXPECT(c.during_waits > 0, "nobody ran while a task waited for the disk");
}

/* Where most memory is above the direct map: tables take the low frames, and the daemon makes room for more
 * of them while high frames are plentiful. */
TEST(machine, low_frames_alone_wake_the_daemon)
{
    struct frame_pool *p = vm_sys.pool;
    uint32_t pages = 4 * p->low_min, spare = 0;
    struct frame *high = NULL, *low = NULL, *f;
    uint64_t rounds, direct = vm_sys.stats.direct_reclaims;

    if (!p->managed[ZONE_HIGH] || vm_sys.swap.free < pages || pages > PT_TABLE_ENTRIES * 4) {
        kt_skip(kt, "no high memory, or no swap");
        return;
    }
    struct space *s = space_with(kt, pages, RW);

    if (!s)
        return;
    /* Pages in low frames, then the high ones are free again. */
    while (frame_free_count(p) - frame_free_low(p) > 0 && (f = frame_alloc(p, FRAME_KERNEL, 0)) != NULL) {
        f->owner = high;
        high = f;
    }
    for (uint32_t i = 0; i < pages; i++)
        WRITE(s, page(i), i);
    drop_ballast(high);
    rounds = vm_sys.stats.daemon_rounds;
    while (!frame_low_lacks(p, FRAME_MARK_LOW) && (f = frame_alloc(p, FRAME_TABLE, FRAME_LOW_ONLY)) != NULL) {
        f->owner = low;
        low = f;
    }
    EXPECT(frame_free_common(p) > p->marks.high, "%u frames are free", frame_free_common(p));
    for (; spare < 100 && frame_low_lacks(p, FRAME_MARK_HIGH); spare++)
        task_sleep_ns(10000000);
    EXPECT(vm_sys.stats.daemon_rounds > rounds && !frame_low_lacks(p, FRAME_MARK_HIGH),
           "%u low frames are missing after %u rounds", frame_low_lacks(p, FRAME_MARK_HIGH),
           (unsigned)(vm_sys.stats.daemon_rounds - rounds));
    EXPECT(vm_sys.stats.direct_reclaims == direct, "nobody had to reclaim by himself");
    drop_ballast(low);
    for (uint32_t i = 0; i < pages; i++)
        READ(s, page(i), i);
    space_destroy(s);
    quiesce();
}

/* --- the kernel's own accesses --- */

TEST(machine, user_copies_grow_the_stack)
{
    struct space *s = space_create(&vm_sys);
    vaddr_t top = VA + 0x100000, va = top - PAGE_SIZE;
    char text[16];
    uint32_t v;

    if (!s || space_map(s, &va, PAGE_SIZE, RW | REGION_GROWSDOWN | MAP_AT, NULL, 0) != 0) {
        if (s)
            space_destroy(s);
        kt_skip(kt, "no memory");
        return;
    }
    s->stack_max = 16 * PAGE_SIZE;
    task_set_space(s);
    EXPECT(user_copy_out(top - 2 * PAGE_SIZE - 4, "downwards", 10) == 0, "out");
    EXPECT(s->regions.first->start == top - 3 * PAGE_SIZE, "grown to %x", s->regions.first->start);
    EXPECT(user_copy_string(text, top - 2 * PAGE_SIZE - 4, sizeof text) == 9 &&
               strcmp(text, "downwards") == 0,
           "a string across two pages of it");
    EXPECT(user_read32(&v, top - 5 * PAGE_SIZE) == 0 && v == 0, "read");
    EXPECT(user_clear(top - 7 * PAGE_SIZE, 2 * PAGE_SIZE) == 0, "clear");
    EXPECT(user_write32(top - 16 * PAGE_SIZE, 1) == 0, "the last page that it may have");
    EXPECT(s->regions.first->start == top - 16 * PAGE_SIZE, "grown to %x", s->regions.first->start);
    EXPECT(user_write32(top - 16 * PAGE_SIZE - 4, 1) == -EFAULT, "beyond its limit");
    EXPECT(user_copy_out(top - 16 * PAGE_SIZE - 4, "limit", 6) == -EFAULT, "across its limit");
    EXPECT(s->regions.first->start == top - 16 * PAGE_SIZE, "grown to %x", s->regions.first->start);
    task_set_space(NULL);
    space_destroy(s);
}

/* What a page can be when the kernel is handed a pointer to it. */
enum condition {
    UNTOUCHED,
    READ_BEFORE,
    WRITTEN,
    FORKED,
    OUT,
    READ_ONLY,
    ALLOWS_NOTHING,
    UNMAPPED,
    CONDITIONS
};

static const char *const condition_name[CONDITIONS] = {
    "untouched", "read before", "written", "forked", "out", "read-only", "allows nothing", "unmapped"};

/* Make page i of the space so; returns the child that a fork needs. */
static struct space *bring_about(struct kt *kt, struct space *s, unsigned i, enum condition c)
{
    struct space *child = NULL;

    if (c == READ_BEFORE)
        READ(s, page(i), 0);
    if (c >= WRITTEN)
        WRITE(s, page(i), 0x64636261); /* "abcd" */
    switch (c) {
    case FORKED:
        child = fork_of(kt, s);
        break;
    case OUT:
        evict(kt, s, page(i));
        break;
    case READ_ONLY:
    case ALLOWS_NOTHING:
        EXPECT(space_protect(s, page(i), PAGE_SIZE, c == READ_ONLY ? REGION_READ : 0) == 0, "protect");
        break;
    case UNMAPPED:
        EXPECT(space_unmap(s, page(i), PAGE_SIZE) == 0, "unmap");
        break;
    default:
        break;
    }
    return child;
}

enum routine { COPY_IN, COPY_OUT, CLEAR, READ_WORD, WRITE_WORD, STRING, ROUTINES };

/* 0, or -EFAULT. */
static int call(enum routine r, vaddr_t va)
{
    static const uint8_t four[4] = "new";
    char text[8];
    uint32_t v;
    int n;

    switch (r) {
    case COPY_IN:
        return user_copy_in(&v, va, 4);
    case COPY_OUT:
        return user_copy_out(va, four, 4);
    case CLEAR:
        return user_clear(va, 4);
    case READ_WORD:
        return user_read32(&v, va);
    case WRITE_WORD:
        return user_write32(va, 1);
    default:
        n = user_copy_string(text, va, sizeof text);
        return n < 0 ? n : 0;
    }
}

/* Every routine on every kind of page: at its start, and from the page before into it. */
TEST(machine, every_user_copy_on_every_page)
{
    for (unsigned c = 0; c < CONDITIONS; c++)
        for (unsigned r = 0; r < ROUTINES; r++)
            for (unsigned straddles = 0; straddles < 2; straddles++) {
                bool writes = r == COPY_OUT || r == CLEAR || r == WRITE_WORD;
                bool allowed = c < READ_ONLY || (c == READ_ONLY && !writes);
                struct space *s, *child;

                if (c == OUT && !has_swap())
                    continue;
                s = space_with(kt, 3, RW);
                if (!s)
                    return;
                WRITE(s, page(0) + PAGE_SIZE - 4, 0x7A7A7A7A);
                child = bring_about(kt, s, 1, c);
                task_set_space(s);
                int err = call(r, page(1) - (straddles ? 2 : 0));
                task_set_space(NULL);

                EXPECT(err == (allowed ? 0 : -EFAULT), "routine %u, page %s, straddles %u: %d", r,
                       condition_name[c], straddles, err);
                if (child) {
                    READ(child, page(1), 0x64636261);
                    space_destroy(child);
                }
                if (c == READ_ONLY)
                    READ(s, page(1), 0x64636261);
                space_destroy(s);
            }
    quiesce();
}

/* --- everything that is claimed --- */

/* A table whose only page is in a slot goes to one itself, and one fault brings both back. */
static void put_table_out(struct kt *kt)
{
    struct space *s = space_with(kt, 1, RW);

    if (!s)
        return;
    WRITE(s, page(0), 11);
    evict(kt, s, page(0));
    reclaim_tables(&vm_sys, 1);
    EXPECT(pt_span(&s->pt, page(0)) == PT_OUT, "the table is in memory");
    FAULTS(1, READ(s, page(0), 11));
    space_destroy(s);
}

/* Every mechanism once, and what the counters say of it: what is never exercised is not there. */
TEST(machine, coverage)
{
    struct vm_stats before, *now = &vm_sys.stats;
    struct swap *sw = &vm_sys.swap;

    quiesce();
    before = *now;
    uint64_t out = sw->pages_out, in = sw->pages_in;
    bool swap = has_swap();
    struct object *o = object_create(&vm_sys, &pager_zero, 4, "coverage");
    struct space *s = space_with(kt, 8, RW), *child;
    vaddr_t va = VA + 0x1000000, stack = VA + 0x2000000;
    uint32_t v;

    REQUIRE(o && s, "no memory");
    EXPECT(space_map(s, &va, 4 * PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    EXPECT(space_map(s, &stack, PAGE_SIZE, RW | REGION_GROWSDOWN | MAP_AT, NULL, 0) == 0, "map");
    FAULTS(1, READ(s, page(0), 0));            /* map zero */
    FAULTS(1, WRITE(s, page(0), 1));           /* fill zero over the zero frame */
    FAULTS(1, WRITE(s, page(1), 2));           /* fill zero */
    FAULTS(1, WRITE(s, stack - PAGE_SIZE, 3)); /* grow */
    FAULTS(1, READ(s, va, 0));                 /* object in */
    FAULTS(1, WRITE(s, va, 4));                /* upgrade */
    FAULTS(1, WRITE(s, va + PAGE_SIZE, 5));    /* object in, to be written */
    FAULTS(1, EXPECT(page_fault_read32(s, page(8), &v) == FAULT_MAPERR, "bad address"));
    EXPECT(space_protect(s, page(7), PAGE_SIZE, REGION_READ) == 0, "protect");
    FAULTS(1, EXPECT(page_fault_write32(s, page(7), 1) == FAULT_ACCERR, "bad access"));
    child = fork_of(kt, s);
    REQUIRE(child, "no memory");
    FAULTS(1, WRITE(child, page(0), 6)); /* split and copy */
    FAULTS(1, WRITE(s, page(0), 7));     /* claim and take over */
    FAULTS(1, WRITE(child, page(1), 8)); /* copy */
    FAULTS(1, WRITE(s, page(1), 9));     /* take over */
    rmap_park(&vm_sys, pfn_frame(vm_sys.pool, pte_pfn(*pt_resident_entry(&s->pt, page(1)))));
    FAULTS(1, READ(s, page(1), 9)); /* unpark */
    if (swap) {
        evict(kt, s, page(0));
        FAULTS(1, READ(s, page(0), 7));   /* swap in */
        evict(kt, s, page(0));            /* clean: no write */
        FAULTS(1, WRITE(s, page(0), 10)); /* swap in and take over */
        evict(kt, s, va);
        FAULTS(1, READ(child, va, 4)); /* an object's page from its slot */
        put_table_out(kt);
    }
    space_destroy(child);
    space_destroy(s);
    object_put(o);
    quiesce();
    for (unsigned a = 0; a < FAULT_ACTIONS; a++)
        if (a != FAULT_SPURIOUS && ((a != FAULT_SWAP_IN && a != FAULT_TABLE_IN) || swap))
            EXPECT(now->by_action[a] > before.by_action[a], "never: %s", fault_action_name(a));
    EXPECT(now->tables_shared > before.tables_shared && now->tables_split > before.tables_split &&
               now->tables_claimed > before.tables_claimed,
           "tables are shared, split and claimed");
    if (!swap) {
        kt_note(kt, "without swap");
        return;
    }
    EXPECT(now->evicted - before.evicted == 4, "%u evicted", (unsigned)(now->evicted - before.evicted));
    EXPECT(now->evicted_clean - before.evicted_clean == 1, "%u without a write",
           (unsigned)(now->evicted_clean - before.evicted_clean));
    EXPECT(sw->pages_out - out == 4 && sw->pages_in - in == 5, "%u pages out, %u in",
           (unsigned)(sw->pages_out - out), (unsigned)(sw->pages_in - in));
}
