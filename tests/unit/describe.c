/* What is said of pages in every state, one by one and in runs, against what the test did to them. */
#include "mm/describe.h"
#include "mm/errno.h"
#include "tests/vtcheck.h"

#define BASE ((vaddr_t)0x400000)

static vaddr_t page(unsigned n)
{
    return BASE + n * (vaddr_t)PAGE_SIZE;
}

static struct description ask(struct space *s, vaddr_t va)
{
    struct description d;

    nosleep_enter("what a test asks");
    describe_page(s, va, &d);
    nosleep_exit();
    return d;
}

static void expect_state(struct kt *kt, int line, struct space *s, vaddr_t va, enum page_state want)
{
    struct description d = ask(s, va);

    EXPECT(d.state == want, "line %d: %x is %s, not %s", line, va, page_state_name(d.state),
           page_state_name(want));
}
#define STATE(s, va, want) expect_state(kt, __LINE__, s, va, want)

struct found {
    struct space *space[8];
    vaddr_t va[8];
    pte_t e[8];
    unsigned n;
};

static bool find_one(struct space *s, vaddr_t va, pte_t e, void *arg)
{
    struct found *f = arg;

    if (f->n == ARRAY_LEN(f->space))
        return false;
    f->space[f->n] = s;
    f->va[f->n] = va;
    f->e[f->n++] = e;
    return true;
}

static struct found places(struct space *s, vaddr_t va)
{
    struct found f = {.n = 0};
    struct description d;

    nosleep_enter("what a test asks");
    describe_page(s, va, &d);
    describe_places(&d, find_one, &f);
    nosleep_exit();
    return f;
}

/* Runs cover the regions, and say what each page says. Returns the pages in each state. */
static void check_runs(struct kt *kt, int line, struct space *s, uint32_t pages[PAGE_STATES],
                       uint32_t *entries)
{
    struct page_run run;
    vaddr_t at = 0;
    uint32_t covered = 0, mapped = 0;

    memset(pages, 0, PAGE_STATES * sizeof pages[0]);
    *entries = 0;
    nosleep_enter("what a test asks");
    while (describe_run(s, at, &run)) {
        EXPECT(run.start >= at && run.end > run.start, "line %d: %x-%x above %x", line, run.start, run.end,
               at);
        if (run.end <= run.start)
            break;
        for (vaddr_t va = run.start; va < run.end; va += PAGE_SIZE) {
            struct description d;

            describe_page(s, va, &d);
            EXPECT(d.region && d.state == run.state, "line %d: %x is %s in a run of %s", line, va,
                   page_state_name(d.state), page_state_name(run.state));
        }
        pages[run.state] += (run.end - run.start) >> PAGE_SHIFT;
        covered += (run.end - run.start) >> PAGE_SHIFT;
        *entries += run.entries;
        at = run.end;
    }
    nosleep_exit();
    for (const struct region *r = s->regions.first; r; r = r->next)
        mapped += region_pages(r);
    EXPECT(covered == mapped, "line %d: runs of %u pages, regions of %u", line, covered, mapped);
}
#define RUNS(s, pages, entries) check_runs(kt, __LINE__, s, pages, entries)

TEST(describe, a_private_page_through_its_life)
{
    struct vt t;
    struct description d;
    struct found f;

    if (!vt_begin(&t, kt, 200, 40, 64))
        return;
    struct space *s = space_create(&t.vm);

    STATE(s, BASE, PAGE_NONE);
    d = ask(s, BASE);
    EXPECT(!d.region && d.span == PT_NONE && !d.frame, "nothing is there");
    map_at(kt, s, BASE, 4, RW);
    d = ask(s, page(1) + 0x123);
    EXPECT(d.va == page(1) && d.region && d.number == page(1) >> PAGE_SHIFT && d.span == PT_NONE, "promised");
    READ(s, page(1), 0);
    STATE(s, page(1), PAGE_ZERO);
    EXPECT(ask(s, page(1)).frame == pfn_frame(t.pool, t.vm.zero_pfn), "the zero frame");
    WRITE(s, page(1), 11);
    d = ask(s, page(1));
    EXPECT(d.state == PAGE_PRIVATE && d.frame == frame_at(s, page(1)) && d.mappings == 1 && d.roots == 1 &&
               !d.holds_writes && d.span == PT_OWN && d.slot.slot == SLOT_NONE,
           "%s, %u mappings", page_state_name(d.state), d.mappings);

    struct space *c = fork_of(kt, s);

    d = ask(s, page(1));
    EXPECT(d.state == PAGE_COW && d.span == PT_SHARED && d.holds_writes && d.roots == 2 && d.mappings == 2,
           "after fork: %s, %u roots, %u mappings", page_state_name(d.state), d.roots, d.mappings);
    f = places(s, page(1));
    EXPECT(f.n == 2 && f.va[0] == page(1) && f.va[1] == page(1) && f.space[0] != f.space[1], "%u places",
           f.n);
    WRITE(c, page(2), 1); /* splits the table */
    d = ask(c, page(1));
    EXPECT(d.state == PAGE_COW && d.roots == 1 && d.frame->maps == 2 && d.mappings == 2, "after the split");
    EXPECT(places(c, page(1)).n == 2, "%u places", places(c, page(1)).n);
    WRITE(c, page(1), 12);
    STATE(c, page(1), PAGE_PRIVATE);
    STATE(s, page(1), PAGE_PRIVATE);
    EXPECT(places(s, page(1)).n == 1, "alone");

    evict_at(kt, s, page(1));
    swap_quiet(&t.vm);
    nosleep_enter("what was written");
    swap_poll(&t.vm, true);
    nosleep_exit();
    d = ask(s, page(1));
    EXPECT(d.state == PAGE_SWAPPED && !d.frame && d.slot.slot == pte_slot(d.entry) && d.slot.names == 1 &&
               d.slot.device == &t.disk.dev && d.slot.page == (d.slot.slot & (SWAP_AREA_PAGES - 1)) &&
               !d.slot.cached && !d.slot.bad && !d.slot.entries,
           "out: %s, slot %x", page_state_name(d.state), d.slot.slot);
    f = places(s, page(1));
    EXPECT(f.n == 1 && pte_is_swap(f.e[0]) && f.space[0] == s, "%u places", f.n);

    struct frame *page_frame;

    EXPECT(swap_in(&t.vm, d.slot.slot, &page_frame) == 0, "into the cache");
    d = ask(s, page(1));
    EXPECT(d.state == PAGE_CACHED && d.frame == page_frame && d.slot.cached == page_frame, "%s",
           page_state_name(d.state));
    page_frame->pins--;
    nosleep_enter("the frame");
    vm_frame_drop(&t.vm, page_frame);
    nosleep_exit();
    READ(s, page(1), 11);
    d = ask(s, page(1));
    EXPECT(d.state == PAGE_PRIVATE && d.slot.slot != SLOT_NONE && d.slot.cached == d.frame,
           "back, with its slot");

    rmap_park(&t.vm, d.frame);
    STATE(s, page(1), PAGE_PARKED);
    READ(s, page(1), 11);
    EXPECT(space_protect(s, page(1), PAGE_SIZE, 0) == 0, "protect");
    d = ask(s, page(1));
    EXPECT(d.state == PAGE_PRIVATE && pte_held(d.entry), "held: %s", page_state_name(d.state));
    vt_idle();
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

TEST(describe, objects)
{
    static const uint8_t image[3 * 4096] = {7};
    struct vt t;
    struct description d;
    vaddr_t at[2] = {BASE, BASE + 0x100000};

    if (!vt_begin(&t, kt, 200, 40, 64))
        return;
    struct space *s = space_create(&t.vm);
    struct object *shared = object_create(&t.vm, &pager_zero, 4, "shared"),
                  *file = object_create_image(&t.vm, image, sizeof image, "file");

    REQUIRE(s && shared && file, "no memory");
    EXPECT(space_map(s, &at[0], 2 << PAGE_SHIFT, RW | REGION_SHARED | MAP_AT, shared, 1) == 0, "map");
    EXPECT(space_map(s, &at[1], 3 << PAGE_SHIFT, RW | MAP_AT, file, 0) == 0, "map");
    WRITE(s, at[0], 5);
    READ(s, at[1], 7);
    WRITE(s, at[1] + PAGE_SIZE, 9);
    STATE(s, at[0], PAGE_SHMEM);
    STATE(s, at[1], PAGE_FILE);
    STATE(s, at[1] + PAGE_SIZE, PAGE_PRIVATE);
    EXPECT(ask(s, at[0]).object_page == 1, "page %u", ask(s, at[0]).object_page);
    evict_at(kt, s, at[0]);
    d = ask(s, at[0]);
    EXPECT(d.state == PAGE_NONE && d.object_slot.slot != SLOT_NONE && d.object_slot.names == 1,
           "the index names slot %x", d.object_slot.slot);
    vt_idle();
    object_put(shared);
    object_put(file);
    space_destroy(s);
    vt_end(&t);
}

TEST(describe, runs)
{
    enum { SPANS = 3 };
    struct vt t;
    uint32_t pages[PAGE_STATES], entries;
    struct space_usage u;

    if (!vt_begin(&t, kt, 260, 40, 120))
        return;
    struct space *s = space_create(&t.vm);

    RUNS(s, pages, &entries);
    /* Two regions in one span, with a hole, and one over the border of two spans. */
    map_at(kt, s, BASE, 8, RW);
    map_at(kt, s, page(10), 4, RW);
    map_at(kt, s, BASE + PT_SPAN - 2 * PAGE_SIZE, 4, RW);
    map_at(kt, s, 0x20000000, 5000, RW);
    RUNS(s, pages, &entries);
    EXPECT(pages[PAGE_NONE] == 5016, "%u untouched", pages[PAGE_NONE]);
    for (unsigned i = 0; i < 6; i++)
        WRITE(s, page(i), i);
    READ(s, page(6), 0);
    WRITE(s, page(11), 1);
    WRITE(s, BASE + PT_SPAN - PAGE_SIZE, 1);
    WRITE(s, BASE + PT_SPAN, 1);
    WRITE(s, 0x20000000 + 3000 * PAGE_SIZE, 1);
    evict_at(kt, s, page(2));
    rmap_park(&t.vm, frame_at(s, page(4)));
    RUNS(s, pages, &entries);
    space_count_usage(s, &u);
    EXPECT(pages[PAGE_ZERO] == 1 && pages[PAGE_PRIVATE] + pages[PAGE_PARKED] == u.anon &&
               pages[PAGE_PARKED] == 1 && pages[PAGE_SWAPPED] + pages[PAGE_CACHED] == u.swapped && !entries,
           "%u zero, %u private, %u parked, %u swapped", pages[PAGE_ZERO], pages[PAGE_PRIVATE],
           pages[PAGE_PARKED], pages[PAGE_SWAPPED]);

    /* Let tables go; looking brings none in, and reads nothing. */
    vt_idle();
    for (vaddr_t va = BASE; va < BASE + 2 * PT_SPAN; va += PAGE_SIZE)
        if (frame_at(s, va) && frame_at(s, va)->use == FRAME_ANON)
            evict_at(kt, s, va);
    evict_at(kt, s, 0x20000000 + 3000 * PAGE_SIZE);
    EXPECT(space_unmap(s, page(6), PAGE_SIZE) == 0, "the zero page goes");
    for (unsigned i = 0; i < 3; i++)
        reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(t.vm.tables.out == SPANS, "%u tables are out", t.vm.tables.out);
    uint64_t reads = t.vm.swap.reads, ins = t.vm.stats.tables_in;

    RUNS(s, pages, &entries);
    space_count_usage(s, &u);
    EXPECT(entries == u.swapped && entries == 9 + 1 && pages[PAGE_SWAPPED] == 0, "%u entries, %u swapped",
           entries, u.swapped);
    struct description d = ask(s, page(3));

    EXPECT(d.state == PAGE_OUT && d.span == PT_OUT && d.table_slot.entries == 8 && d.table_slot.device,
           "%s, %u entries", page_state_name(d.state), d.table_slot.entries);
    EXPECT(t.vm.swap.reads == reads && t.vm.stats.tables_in == ins && t.vm.tables.out == SPANS,
           "looking changed something");
    READ(s, page(3), 3);
    STATE(s, page(3), PAGE_PRIVATE);
    space_destroy(s);
    vt_end(&t);
}
