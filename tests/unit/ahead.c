/* Reading ahead: which pages come, in how many requests, and whether they were of use. */
#include "mm/errno.h"
#include "mm/machine.h"
#include "tests/vtcheck.h"

#define PAGES 192u /* of the program, all of them in slots at first */

struct ahead_rig {
    struct vt t;
    struct kt *kt;
    struct space *s;
    vaddr_t va;
};

static vaddr_t at(const struct ahead_rig *r, uint32_t page)
{
    return r->va + page * (vaddr_t)PAGE_SIZE;
}

/* Send all pages out that are in memory. */
static void all_out(struct ahead_rig *r)
{
    struct vm *vm = &r->t.vm;

    space_advise(r->s, r->va, PAGES * PAGE_SIZE, ADVISE_PAGEOUT);
    swap_quiet(vm);
}

/* A program whose pages, each with its number, are all in slots, in order. False: skipped. */
static bool rig_begin(struct ahead_rig *r, struct kt *kt)
{
    memset(r, 0, sizeof *r);
    r->kt = kt;
    if (!vt_begin(&r->t, kt, 512, 0, 2 * PAGES))
        return false;
    r->s = space_create(&r->t.vm);
    r->va = map(kt, r->s, PAGES, RW);
    for (uint32_t i = 0; i < PAGES; i++)
        WRITE(r->s, at(r, i), i);
    all_out(r);
    EXPECT(r->t.vm.swap.pages_out == PAGES, "%u pages went out", (unsigned)r->t.vm.swap.pages_out);
    return true;
}

static void rig_end(struct ahead_rig *r)
{
    struct kt *kt = r->kt;

    EXPECT(space_verify(r->s), "the space");
    space_destroy(r->s);
    vt_end(&r->t);
}

/* What a series of wants cost. */
struct cost {
    uint32_t requests, read, ahead, hits, major;
};

static struct cost now(const struct ahead_rig *r)
{
    const struct swap *sw = &r->t.vm.swap;

    return (struct cost){.requests = (uint32_t)sw->reads,
                         .read = (uint32_t)sw->pages_in,
                         .ahead = (uint32_t)sw->readahead,
                         .hits = (uint32_t)sw->readahead_hits,
                         .major = (uint32_t)r->t.vm.stats.major};
}

static struct cost since(const struct ahead_rig *r, struct cost c)
{
    struct cost n = now(r);

    return (struct cost){n.requests - c.requests, n.read - c.read, n.ahead - c.ahead, n.hits - c.hits,
                         n.major - c.major};
}

static struct cost walk(struct ahead_rig *r, uint32_t first, int32_t step, uint32_t n)
{
    struct kt *kt = r->kt;
    struct cost before = now(r), c;

    for (uint32_t page = first; n--; page += (uint32_t)step)
        READ(r->s, at(r, page), page);
    swap_quiet(&r->t.vm);
    c = since(r, before);
    kt_note(kt, "step %d: %u requests for %u pages, %u ahead, %u of use, %u major faults", step, c.requests,
            c.read, c.ahead, c.hits, c.major);
    EXPECT(vm_verify(&r->t.vm), "after steps of %d", step);
    return c;
}

TEST(ahead, forward)
{
    struct ahead_rig r;

    if (!rig_begin(&r, kt))
        return;
    struct cost c = walk(&r, 0, 1, PAGES);

    EXPECT(c.read == PAGES && c.requests <= PAGES / 16, "%u pages in %u requests", c.read, c.requests);
    EXPECT(c.hits == c.ahead && c.major <= 3, "%u of %u of use, %u major faults", c.hits, c.ahead, c.major);
    rig_end(&r);
}

TEST(ahead, backward)
{
    struct ahead_rig r;

    if (!rig_begin(&r, kt))
        return;
    struct cost c = walk(&r, PAGES - 1, -1, PAGES);

    EXPECT(c.read == PAGES && c.requests <= PAGES / 16, "%u pages in %u requests", c.read, c.requests);
    EXPECT(c.hits == c.ahead && c.major <= 3, "%u of %u of use, %u major faults", c.hits, c.ahead, c.major);
    rig_end(&r);
}

TEST(ahead, strides)
{
    static const int32_t stride[] = {3, -3, 2, 4, 7, -5};

    for (unsigned i = 0; i < ARRAY_LEN(stride); i++) {
        int32_t step = stride[i];
        uint32_t apart = (uint32_t)(step < 0 ? -step : step), n = PAGES / (apart ? apart : 1);
        struct ahead_rig r;

        if (!rig_begin(&r, kt))
            return;
        struct cost c = walk(&r, step < 0 ? PAGES - 1 : 0, step, n);

        /* Around the first two pages others come, before it is known that it is a run. */
        EXPECT(c.hits * 4 >= c.ahead * 3 && c.read <= n + n / 2 + 16, "step %d: %u pages, %u of %u of use",
               step, c.read, c.hits, c.ahead);
        EXPECT(c.major <= 8, "step %d: %u major faults", step, c.major);
        EXPECT(step > 4 || step < -4 || c.requests <= n / 4, "step %d: %u requests", step, c.requests);
        rig_end(&r);
    }
}

/* The marked page begins the next window, before anybody wants a page of it. */
TEST(ahead, the_next_window_is_on_its_way)
{
    struct ahead_rig r;

    if (!rig_begin(&r, kt))
        return;
    READ(r.s, at(&r, 0), 0);
    READ(r.s, at(&r, 16), 16);
    READ(r.s, at(&r, 17), 17);

    struct cost before = now(&r);

    READ(r.s, at(&r, 24), 24); /* a run, and its first window, which is marked */
    READ(r.s, at(&r, 25), 25);
    READ(r.s, at(&r, 26), 26);
    swap_quiet(&r.t.vm);

    struct cost c = since(&r, before);
    uint32_t beyond = 0;

    for (uint32_t page = 27; page < PAGES; page++) {
        const pte_t *e = pt_resident_entry(&r.s->pt, at(&r, page));

        beyond += pte_is_swap(*e) && swap_cached(&r.t.vm, pte_slot(*e));
    }
    EXPECT(c.requests >= 2 && beyond >= 8, "%u requests, %u pages beyond what was wanted", c.requests,
           beyond);
    rig_end(&r);
}

/* Two runs at once, and wants between them that belong to none. */
TEST(ahead, runs_are_told_apart)
{
    struct ahead_rig r;

    if (!rig_begin(&r, kt))
        return;
    struct cost before = now(&r), c;

    for (uint32_t i = 0; i < 48; i++) {
        READ(r.s, at(&r, i), i);
        READ(r.s, at(&r, 120 - i), 120 - i);
        if (i % 8 == 0)
            READ(r.s, at(&r, 130 + i), 130 + i);
    }
    swap_quiet(&r.t.vm);
    c = since(&r, before);
    EXPECT(c.hits * 2 > c.ahead && c.major <= 16, "%u of %u of use, %u major faults", c.hits, c.ahead,
           c.major);
    rig_end(&r);
}

/* Pages that are wanted far apart, and go again before their neighbours are: then they come alone. */
TEST(ahead, closes_when_it_is_of_no_use)
{
    struct ahead_rig r;

    if (!rig_begin(&r, kt))
        return;
    struct cost before = now(&r), c;

    for (unsigned round = 0; round < 60; round++) {
        uint32_t page = kt_below(kt, PAGES);

        if (round == 40)
            before = now(&r);
        READ(r.s, at(&r, page), page);
        all_out(&r);
        /* What was read ahead goes too. */
        reclaim_run(&r.t.vm, 64);
        swap_quiet(&r.t.vm);
    }
    c = since(&r, before);
    EXPECT(c.ahead <= c.major, "%u pages ahead of %u faults", c.ahead, c.major);
    /* It opens again when neighbours are wanted. */
    before = now(&r);
    for (uint32_t page = 0; page < 64; page++)
        READ(r.s, at(&r, page), page);
    c = since(&r, before);
    EXPECT(c.hits > 40, "%u hits", c.hits);
    rig_end(&r);
}

/* Frames stay above the low mark, and a page that is wanted comes alone then. */
TEST(ahead, stops_where_memory_is_short)
{
    struct ahead_rig r;
    struct frame *hog = NULL, *f;

    if (!rig_begin(&r, kt))
        return;
    while (frame_free_common(r.t.pool) > r.t.pool->marks.low &&
           (f = frame_alloc(r.t.pool, FRAME_KERNEL, 0)) != NULL) {
        f->owner = hog;
        hog = f;
    }
    struct cost before = now(&r), c;

    READ(r.s, at(&r, 10), 10);
    READ(r.s, at(&r, 11), 11);
    READ(r.s, at(&r, 12), 12);
    c = since(&r, before);
    EXPECT(c.read == 3 && c.ahead == 0, "%u pages, %u ahead", c.read, c.ahead);
    while ((f = hog) != NULL) {
        hog = f->owner;
        frame_free(r.t.pool, f);
    }
    rig_end(&r);
}

/* Where faults are to be those of a simulator, nothing is. */
TEST(ahead, is_off_when_exact)
{
    struct ahead_rig r;

    if (!rig_begin(&r, kt))
        return;
    r.t.vm.exact = true;
    struct cost c = walk(&r, 0, 1, PAGES);

    EXPECT(c.ahead == 0 && c.major == PAGES && c.requests == PAGES, "%u ahead, %u major faults", c.ahead,
           c.major);
    r.t.vm.exact = false;
    rig_end(&r);
}

/* The pages of shared memory are read ahead by their places in the object. */
TEST(ahead, shared_memory)
{
    struct vt t;

    if (!vt_begin(&t, kt, 512, 0, 2 * PAGES))
        return;
    struct object *o = object_create(&t.vm, &pager_zero, PAGES, "shared");
    struct space *s = space_create(&t.vm);
    vaddr_t va = 0;

    REQUIRE(o && s && space_map(s, &va, PAGES * PAGE_SIZE, RW | REGION_SHARED, o, 0) == 0, "mapping");
    for (uint32_t i = 0; i < PAGES; i++)
        WRITE(s, va + i * (vaddr_t)PAGE_SIZE, i);
    space_advise(s, va, PAGES * PAGE_SIZE, ADVISE_PAGEOUT);
    swap_quiet(&t.vm);

    uint32_t requests = (uint32_t)t.vm.swap.reads, major = (uint32_t)t.vm.stats.major;

    for (uint32_t i = 0; i < PAGES; i++)
        READ(s, va + i * (vaddr_t)PAGE_SIZE, i);
    swap_quiet(&t.vm);
    requests = (uint32_t)t.vm.swap.reads - requests;
    major = (uint32_t)t.vm.stats.major - major;
    EXPECT(requests <= PAGES / 16 && major <= 3, "%u requests, %u major faults", requests, major);
    space_destroy(s);
    object_put(o);
    vt_end(&t);
}

#define EXPECT_BROKEN(id, word, value) KT_BREAK(space_verify(r.s), id, word, value)

TEST(ahead, verify_sees_corruption)
{
    struct ahead_rig r;

    if (!rig_begin(&r, kt))
        return;
    READ(r.s, at(&r, 5), 5);

    struct ahead *a = r.s->ahead;

    REQUIRE(a, "nothing is known of a space that read");

    EXPECT_BROKEN("INV-AHEAD-1", a->closed, 9);
    EXPECT_BROKEN("INV-AHEAD-1", a->score, 100);
    EXPECT_BROKEN("INV-AHEAD-1", a->stream[2].window, 33);
    EXPECT_BROKEN("INV-AHEAD-1", a->stream[7].window, 1);
    EXPECT_BROKEN("INV-AHEAD-1", a->recent, AHEAD_STREAMS);
    EXPECT_BROKEN("INV-AHEAD-2", a->stream[0].stamp, a->clock + 1);
    rig_end(&r);
}
