/* The frame pool: zones, hot lists, watermarks, accounting, fault injection. */
#include "mm/frame.h"
#include "tests/kt.h"

/* A pool of records alone. Nobody looks into the frames, so there need be none. */
static struct frame_pool *bare_pool(struct kt *kt, pfn_t start, pfn_t end, pfn_t low_end)
{
    struct frame_pool *p = kt_alloc(sizeof *p + (end - start) * sizeof(struct frame));

    if (!p) {
        kt_skip(kt, "no memory");
        return NULL;
    }
    frame_pool_init(p, (struct frame *)(p + 1), start, end, low_end, NULL);
    return p;
}

static struct frame_pool *ready_pool(struct kt *kt, uint32_t low, uint32_t high)
{
    pfn_t start = 1024;
    struct frame_pool *p = bare_pool(kt, start, start + low + high, start + low);

    if (p) {
        frame_add(p, start, start + low + high);
        frame_set_marks(p);
    }
    return p;
}

TEST(frame, comes_clean_and_counted)
{
    struct frame_pool *p = kt_pool(kt, 256, 64);

    if (!p)
        return;
    uint32_t before = frame_free_count(p);

    for (unsigned i = 0; i < 100; i++) {
        struct frame *f = frame_alloc(p, FRAME_ANON, i & 1 ? FRAME_LOW_ONLY : 0);

        REQUIRE(f, "round %u", i);
        EXPECT(f->use == FRAME_ANON && !f->order && !f->flags && !f->maps && !f->next && !f->prev &&
                   !f->index && !f->slot && !f->pins && !f->used && !f->owner,
               "frame %u is not clean", frame_pfn(p, f));
        EXPECT(p->used[FRAME_ANON] == 1 && frame_free_count(p) == before - 1, "%u used, %u free",
               p->used[FRAME_ANON], frame_free_count(p));
        f->flags = FRAME_F_DIRTY | FRAME_F_REFERENCED | FRAME_F_READAHEAD;
        f->next = f->prev = 77;
        f->index = 1;
        f->slot = 2;
        f->used = 3;
        f->owner = kt;
        frame_free(p, f);
        EXPECT(frame_free_count(p) == before, "%u free", frame_free_count(p));
        if (i % 16 == 0)
            frame_drain_hot(p);
    }
    EXPECT(p->allocs == 100 && frame_frees(p) == 100, "%u allocations", (unsigned)p->allocs);
    kt_pool_done(kt, p);
}

TEST(frame, blocks)
{
    struct frame_pool *p = kt_pool(kt, 256, 0);

    if (!p)
        return;
    uint32_t before = frame_free_count(p);
    struct frame *b = frame_alloc_block(p, 3, FRAME_SLAB, FRAME_LOW_ONLY);

    REQUIRE(b, "no block");
    EXPECT(b->order == 3 && (frame_pfn(p, b) & 7) == 0, "order %u at %u", b->order, frame_pfn(p, b));
    for (unsigned i = 0; i < 8; i++)
        EXPECT(b[i].use == FRAME_SLAB && (i == 0 || b[i].order == 0) && !b[i].flags, "frame %u of the block",
               i);
    EXPECT(p->used[FRAME_SLAB] == 8 && frame_free_count(p) == before - 8, "%u in use", p->used[FRAME_SLAB]);
    EXPECT(p->allocs == 8 && frame_frees(p) == 0, "%u allocated, %u freed", (unsigned)p->allocs,
           (unsigned)frame_frees(p));
    EXPECT(frame_audit(p), "with a block out");
    frame_free_block(p, b);
    EXPECT(frame_free_count(p) == before && frame_frees(p) == 8, "%u free, %u freed", frame_free_count(p),
           (unsigned)frame_frees(p));
    EXPECT(!frame_alloc_block(p, BUDDY_ORDERS, FRAME_SLAB, 0), "an order that does not exist");
    b = frame_alloc_block(p, 0, FRAME_SLAB, 0);
    REQUIRE(b, "a block of one");
    frame_free_block(p, b);
    kt_pool_done(kt, p);
}

/* Frames in the hot lists are asked back before a block is refused. */
TEST(frame, block_drains_hot)
{
    struct frame_pool *p = ready_pool(kt, 64, 0);
    struct frame *f[64];
    unsigned n = 0;

    if (!p)
        return;
    while (n < 64 && (f[n] = frame_alloc(p, FRAME_KERNEL, FRAME_RESERVE)))
        n++;
    EXPECT(n == 64, "%u frames", n);
    while (n)
        frame_free(p, f[--n]);
    EXPECT(p->hot[ZONE_LOW].count > 0 && p->zone[ZONE_LOW].free < 64, "%u hot", p->hot[ZONE_LOW].count);
    struct frame *b = frame_alloc_block(p, 5, FRAME_KERNEL, 0);

    EXPECT(b, "the frames are free");
    if (b)
        frame_free_block(p, b);
    EXPECT(frame_audit(p), "audit");
    kt_release(p);
}

TEST(frame, hot_list_is_bounded)
{
    struct frame_pool *p = ready_pool(kt, 512, 256);
    struct frame **f = kt_alloc(768 * sizeof *f);
    unsigned n = 0;

    if (!p || !f) {
        kt_release(p);
        return;
    }
    while (n < 768 && (f[n] = frame_alloc(p, FRAME_ANON, FRAME_RESERVE)))
        n++;
    EXPECT(n == 768, "%u frames", n);
    for (unsigned i = 0; i < n; i++) {
        frame_free(p, f[i]);
        EXPECT(p->hot[ZONE_LOW].count <= FRAME_HOT_MAX && p->hot[ZONE_HIGH].count <= FRAME_HOT_MAX,
               "%u and %u", p->hot[ZONE_LOW].count, p->hot[ZONE_HIGH].count);
    }
    EXPECT(p->hot[ZONE_LOW].count && p->hot[ZONE_HIGH].count, "both are used");
    /* Last freed, first out. */
    EXPECT(frame_alloc(p, FRAME_ANON, FRAME_LOW_ONLY) != NULL, "one frame");
    frame_drain_hot(p);
    EXPECT(!p->hot[ZONE_LOW].count && !p->hot[ZONE_HIGH].count, "drained");
    EXPECT(frame_audit(p), "audit");
    kt_release(f);
    kt_release(p);
}

/* Have as many clean frames as are kept. Whether there was memory. */
static bool keep_clean(struct kt *kt, struct frame_pool *p)
{
    struct frame *f[FRAME_CLEAN_MAX + 4];
    unsigned n = 0;

    while (n < ARRAY_LEN(f) && (f[n] = frame_alloc(p, FRAME_TABLE, FRAME_LOW_ONLY)) != NULL) {
        memset(frame_ptr(p, frame_pfn(p, f[n])), 0, PAGE_SIZE);
        n++;
    }
    EXPECT(n == ARRAY_LEN(f), "%u frames", n);
    while (n)
        frame_free_clean(p, f[--n]);
    EXPECT(p->hot[ZONE_LOW].cleans == FRAME_CLEAN_MAX, "%u are clean", p->hot[ZONE_LOW].cleans);
    EXPECT(frame_audit(p), "with clean ones");
    return p->hot[ZONE_LOW].cleans == FRAME_CLEAN_MAX;
}

/* Who wants a cleared frame gets one that was freed clean; who does not care gets those last. */
TEST(frame, clean_ones_are_kept_apart)
{
    struct frame_pool *p = kt_pool(kt, 256, 64);
    struct frame_hot *hot = p ? &p->hot[ZONE_LOW] : NULL;
    struct frame_list got = {0};
    uint32_t left = FRAME_CLEAN_MAX;
    struct frame *f;

    if (!p)
        return;
    EXPECT(!frame_alloc_clean(p, FRAME_TABLE), "there are none at first");
    if (!keep_clean(kt, p)) {
        kt_pool_done(kt, p);
        return;
    }
    f = frame_alloc_clean(p, FRAME_TABLE);
    EXPECT(f && f->use == FRAME_TABLE && !f->flags && !f->maps && !f->next && !f->used, "its record");
    EXPECT(p->used[FRAME_TABLE] == 1 && hot->cleans == FRAME_CLEAN_MAX - 1, "%u tables, %u clean",
           p->used[FRAME_TABLE], hot->cleans);
    if (f)
        frame_free_clean(p, f);
    while ((f = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY | FRAME_RESERVE)) != NULL) {
        frame_list_push_tail(p, &got, f);
        if (frame_free_low(p) < left)
            left = frame_free_low(p);
        EXPECT(hot->cleans == left, "%u low frames are free, %u clean", frame_free_low(p), hot->cleans);
    }
    EXPECT(left == 0 && frame_audit(p), "%u are left", left);
    while (got.head) {
        f = pfn_frame(p, got.head);
        frame_list_remove(p, &got, f);
        frame_free(p, f);
    }
    kt_pool_done(kt, p);
}

/* They are free frames: blocks are made of them, the marks hold for them, and so does what the kernel may
 * have. */
TEST(frame, clean_ones_are_free)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct frame *block[16];
    unsigned n = 0;

    if (!p)
        return;
    if (keep_clean(kt, p)) {
        while (n < ARRAY_LEN(block) &&
               (block[n] = frame_alloc_block(p, 2, FRAME_SLAB, FRAME_RESERVE)) != NULL)
            n++;
        EXPECT(n > 12 && !p->hot[ZONE_LOW].cleans, "%u blocks of 4, and %u are clean", n,
               p->hot[ZONE_LOW].cleans);
        while (n)
            frame_free_block(p, block[--n]);
    }
    if (keep_clean(kt, p)) {
        p->kernel_max = frame_kernel_count(p);
        EXPECT(!frame_alloc_clean(p, FRAME_TABLE), "the kernel has what it may have");
        p->kernel_max = UINT32_MAX;
        frame_fail_after(p, 1);
        EXPECT(!frame_alloc_clean(p, FRAME_TABLE), "no allocation succeeds");
        frame_fail_after(p, 0);
        frame_drain_hot(p);
        EXPECT(!p->hot[ZONE_LOW].cleans && !p->hot[ZONE_LOW].count && frame_audit(p), "drained");
    }
    if (keep_clean(kt, p)) {
        uint32_t *word = (uint32_t *)frame_ptr(p, p->hot[ZONE_LOW].clean) + 1023;

        KT_BREAK(frame_audit(p), "INV-FRAME-8", *word, 1);
        KT_BREAK(frame_audit(p), "INV-FRAME-8", p->hot[ZONE_LOW].cleans, 3);
        KT_BREAK(frame_audit(p), "INV-FRAME-3", pfn_frame(p, p->hot[ZONE_LOW].clean)->flags, 0);
    }
    kt_pool_done(kt, p);
}

/* How many allocations with these flags succeed; gives all back. */
static uint32_t how_many(struct frame_pool *p, unsigned flags, uint32_t *low)
{
    struct frame_list got = {0};
    struct frame *f;
    uint32_t n;

    *low = 0;
    while ((f = frame_alloc(p, FRAME_ANON, flags))) {
        *low += frame_is_low(p, frame_pfn(p, f));
        frame_list_push_tail(p, &got, f);
    }
    n = got.count;
    while (got.head) {
        f = pfn_frame(p, got.head);
        frame_list_remove(p, &got, f);
        frame_free(p, f);
    }
    return n;
}

TEST(frame, reserves)
{
    struct frame_pool *p = ready_pool(kt, 512, 512);
    uint32_t low;

    if (!p)
        return;
    EXPECT(p->marks.min == 16 && p->marks.low == 32 && p->marks.high == 48, "marks %u %u %u", p->marks.min,
           p->marks.low, p->marks.high);
    EXPECT(p->low_min == 8 && p->low_kept == 8 + 16, "low_min %u, low_kept %u", p->low_min, p->low_kept);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t n = how_many(p, 0, &low);

        EXPECT(n == 1024 - p->low_kept && low == 512 - p->low_kept, "%u frames, %u low", n, low);
        n = how_many(p, FRAME_LOW_ONLY, &low);
        EXPECT(n == 512 - p->low_min && low == n, "%u low frames", n);
        n = how_many(p, FRAME_RESERVE, &low);
        EXPECT(n == 1024, "%u with the reserve", n);
        n = how_many(p, FRAME_RESERVE | FRAME_LOW_ONLY, &low);
        EXPECT(n == 512, "%u low with the reserve", n);
        EXPECT(frame_audit(p), "audit");
    }
    kt_release(p);

    /* Without a high zone only min is kept. */
    p = ready_pool(kt, 256, 0);
    if (!p)
        return;
    EXPECT(p->marks.min == 8 && how_many(p, 0, &low) == 248, "min %u", p->marks.min);
    EXPECT(how_many(p, FRAME_LOW_ONLY, &low) == 248, "low only");
    EXPECT(how_many(p, FRAME_RESERVE, &low) == 256, "with the reserve");
    kt_release(p);
}

/* The reserve of low frames is there when the high frames are plentiful too. */
TEST(frame, low_reserve_with_free_high_frames)
{
    struct frame_pool *p = ready_pool(kt, 256, 768);
    struct frame_list got = {0};
    struct frame *f;

    if (!p)
        return;
    while ((f = frame_alloc(p, FRAME_TABLE, FRAME_LOW_ONLY)))
        frame_list_push_tail(p, &got, f);
    EXPECT(got.count == 256 - p->low_min && p->low_min > 0, "%u, low_min %u", got.count, p->low_min);
    /* A freed frame may be taken again, but no further. */
    f = pfn_frame(p, got.head);
    frame_list_remove(p, &got, f);
    frame_free(p, f);
    EXPECT(frame_alloc(p, FRAME_TABLE, FRAME_LOW_ONLY), "the freed one");
    EXPECT(!frame_alloc(p, FRAME_TABLE, FRAME_LOW_ONLY), "the reserve");
    EXPECT(frame_alloc(p, FRAME_TABLE, FRAME_LOW_ONLY | FRAME_RESERVE), "for reclaim");
    EXPECT(frame_alloc(p, FRAME_ANON, 0), "high frames are free");
    EXPECT(frame_audit(p), "audit");
    kt_release(p);
}

static unsigned hooked;

static void count_hooks(struct frame_pool *p)
{
    (void)p;
    hooked++;
}

/* Low frames can run out while high ones are plentiful; the daemon is told of that, and in time. */
TEST(frame, low_frames_alone_wake_the_daemon)
{
    struct frame_pool *p = ready_pool(kt, 512, 512);
    struct frame_list got = {0};
    struct frame *f;
    uint32_t first = 0;

    if (!p)
        return;
    p->low_hook = count_hooks;
    hooked = 0;
    while ((f = frame_alloc(p, FRAME_TABLE, FRAME_LOW_ONLY))) {
        frame_list_push_tail(p, &got, f);
        if (hooked && !first)
            first = frame_free_low(p);
    }
    EXPECT(frame_free_common(p) > p->marks.high, "%u free for all", frame_free_common(p));
    EXPECT(p->low_min == 8 && first == FRAME_MARK_LOW * p->low_min - 1 && hooked >= first - p->low_min,
           "first with %u low frames free, %u times", first, hooked);
    EXPECT(frame_low_lacks(p, FRAME_MARK_HIGH) == 2 * p->low_min, "%u are missing",
           frame_low_lacks(p, FRAME_MARK_HIGH));
    /* Others do not mind. */
    hooked = 0;
    f = frame_alloc(p, FRAME_ANON, 0);
    EXPECT(f && !frame_is_low(p, frame_pfn(p, f)) && !hooked, "a high frame");
    kt_release(p);

    p = ready_pool(kt, 256, 0);
    if (!p)
        return;
    EXPECT(frame_low_lacks(p, FRAME_MARK_HIGH) == 0, "without high frames the marks say all");
    kt_release(p);
}

TEST(frame, marks_by_size)
{
    static const struct {
        uint32_t low, high, min;
    } size[] = {{64, 0, 4}, {1600, 0, 20}, {2048, 0, 22}, {16384, 0, 64}, {196608, 720000, 478}};

    for (unsigned i = 0; i < ARRAY_LEN(size); i++) {
        struct frame_pool p = {.managed = {size[i].low, size[i].high}};

        frame_set_marks(&p);
        EXPECT(p.marks.min == size[i].min && p.marks.low == 2 * p.marks.min &&
                   p.marks.high == 3 * p.marks.min,
               "%u + %u frames: min %u", size[i].low, size[i].high, p.marks.min);
        EXPECT(p.low_kept <= p.low_min + size[i].low / 4, "low_kept %u", p.low_kept);
    }
}

static void count_hook(struct frame_pool *p)
{
    ++*(unsigned *)p->hook_data;
}

TEST(frame, low_hook)
{
    struct frame_pool *p = ready_pool(kt, 400, 0);
    unsigned calls = 0, n = 0;
    struct frame *last = NULL, *f;

    if (!p)
        return;
    p->low_hook = count_hook;
    p->hook_data = &calls;
    while ((f = frame_alloc(p, FRAME_ANON, 0))) {
        last = f;
        n++;
        uint32_t below = frame_free_count(p) < p->marks.low ? p->marks.low - frame_free_count(p) : 0;
        EXPECT(calls == below, "%u calls with %u free, low is %u", calls, frame_free_count(p), p->marks.low);
    }
    EXPECT(calls == p->marks.low - p->marks.min + 1, "%u calls after %u", calls, n);
    REQUIRE(last, "none");
    kt_release(p);
}

/* With high frames, low ones that are kept for others do not delay the hook. */
TEST(frame, low_hook_with_two_zones)
{
    struct frame_pool *p = ready_pool(kt, 1024, 512);
    unsigned calls = 0, n = 0;

    if (!p)
        return;
    p->low_hook = count_hook;
    p->hook_data = &calls;
    EXPECT(p->low_kept > p->low_min, "%u low frames are kept", p->low_kept);
    while (frame_alloc(p, FRAME_ANON, 0)) {
        n++;
        EXPECT((calls > 0) == (frame_free_common(p) < p->marks.low), "%u calls with %u free, low is %u",
               calls, frame_free_common(p), p->marks.low);
    }
    EXPECT(frame_free_count(p) >= p->low_kept && calls > p->marks.min, "%u free, %u calls after %u",
           frame_free_count(p), calls, n);
    kt_release(p);
}

TEST(frame, fault_injection)
{
    struct frame_pool *p = kt_pool(kt, 128, 0);

    if (!p)
        return;
    for (uint32_t n = 1; n < 6; n++) {
        struct frame *got[8] = {0};
        uint32_t fails = (uint32_t)p->fails;

        frame_fail_after(p, n);
        for (uint32_t i = 1; i <= 8; i++) {
            got[i - 1] = i & 1 ? frame_alloc(p, FRAME_ANON, 0) : frame_alloc_block(p, 1, FRAME_ANON, 0);
            EXPECT(!got[i - 1] == (i >= n), "allocation %u, failing from %u", i, n);
        }
        EXPECT(p->fails - fails == 8 - n + 1, "%u failures", (unsigned)(p->fails - fails));
        frame_fail_after(p, 0);
        for (unsigned i = 0; i < 8; i++)
            if (got[i])
                frame_free_block(p, got[i]);
        EXPECT(frame_audit(p), "audit");
    }
    struct frame *f = frame_alloc(p, FRAME_ANON, 0);

    EXPECT(f, "off again");
    if (f)
        frame_free(p, f);
    kt_pool_done(kt, p);
}

TEST(frame, claim_retype_and_free)
{
    struct frame_pool *p = bare_pool(kt, 1, 200, 100);

    if (!p)
        return;
    EXPECT(p->used[FRAME_RESERVED] == 199 && frame_audit(p), "all reserved");
    EXPECT(!frame_alloc(p, FRAME_KERNEL, 0), "nothing was added");
    frame_add(p, 50, 150);
    frame_add(p, 180, 190);
    frame_claim(p, 1, 20, FRAME_KERNEL);
    frame_set_marks(p);
    EXPECT(p->managed[ZONE_LOW] == 50 && p->managed[ZONE_HIGH] == 60, "%u and %u", p->managed[0],
           p->managed[1]);
    EXPECT(p->used[FRAME_KERNEL] == 19 && p->used[FRAME_FREE] == 110 && p->used[FRAME_RESERVED] == 70,
           "kernel %u, free %u, reserved %u", p->used[FRAME_KERNEL], p->used[FRAME_FREE],
           p->used[FRAME_RESERVED]);
    EXPECT(frame_audit(p), "audit");

    frame_free(p, pfn_frame(p, 7)); /* loader data, say */
    EXPECT(p->used[FRAME_KERNEL] == 18 && p->used[FRAME_FREE] == 111 && frame_frees(p) == 1, "frees %u",
           (unsigned)frame_frees(p));
    struct frame *f = frame_alloc(p, FRAME_ANON, 0);

    REQUIRE(f, "no frame");
    frame_retype(p, f, FRAME_OBJECT);
    EXPECT(f->use == FRAME_OBJECT && p->used[FRAME_OBJECT] == 1 && p->used[FRAME_ANON] == 0, "%s",
           frame_use_name(f->use));
    EXPECT(frame_audit(p), "audit");
    kt_release(p);
}

TEST(frame, names)
{
    for (unsigned u = 0; u < FRAME_USES; u++)
        for (unsigned v = 0; v < u; v++)
            EXPECT(strcmp(frame_use_name(u), frame_use_name(v)) != 0, "%u and %u", u, v);
    EXPECT(strcmp(frame_use_name(FRAME_USES), "invalid") == 0, "%s", frame_use_name(FRAME_USES));
}

/* --- random operations against a map of uses --- */

struct model {
    uint8_t *use;   /* by frame, from start */
    uint8_t *order; /* of the head of what is allocated, 0xFF elsewhere */
    uint32_t used[FRAME_USES];
};

static void model_set(struct model *m, pfn_t at, unsigned order, enum frame_use use)
{
    for (uint32_t i = 0; i < 1u << order; i++) {
        m->used[m->use[at + i]]--;
        m->used[use]++;
        m->use[at + i] = (uint8_t)use;
    }
    m->order[at] = use == FRAME_FREE ? 0xFF : (uint8_t)order;
}

static void step(struct kt *kt, struct frame_pool *p, struct model *m)
{
    uint32_t n = p->end - p->start, what = kt_below(kt, 100);

    if (what < 50) {
        unsigned order = kt_below(kt, 8) ? 0 : kt_below(kt, 6), flags = kt_below(kt, 4);
        enum frame_use use = FRAME_KERNEL + kt_below(kt, FRAME_USES - FRAME_KERNEL);
        struct frame *f = order ? frame_alloc_block(p, order, use, flags) : frame_alloc(p, use, flags);
        uint32_t free = frame_free_count(p);

        if (!f) {
            EXPECT(order || ((flags & FRAME_LOW_ONLY) && !(flags & FRAME_RESERVE)) || free <= p->low_kept ||
                       (flags & FRAME_RESERVE),
                   "refused with %u free, flags %u", free, flags);
            return;
        }
        pfn_t pfn = frame_pfn(p, f);

        EXPECT(!(flags & FRAME_LOW_ONLY) || frame_is_low(p, pfn), "frame %u is high", pfn);
        EXPECT((flags & FRAME_RESERVE) || free >= p->marks.min, "%u left", free);
        for (uint32_t i = 0; i < 1u << order; i++)
            EXPECT(m->use[pfn - p->start + i] == FRAME_FREE, "frame %u was not free", pfn + i);
        model_set(m, pfn - p->start, order, use);
        return;
    }
    /* Something allocated near a random place. */
    pfn_t at = kt_below(kt, n);
    uint32_t tries = 0;

    while (m->order[at] == 0xFF && ++tries < 64)
        at = (at + 1) % n;
    if (m->order[at] == 0xFF)
        return;
    struct frame *f = pfn_frame(p, p->start + at);

    if (what < 90) {
        unsigned order = m->order[at];

        model_set(m, at, order, FRAME_FREE);
        if (order)
            frame_free_block(p, f);
        else
            frame_free(p, f);
    } else if (what < 99) {
        enum frame_use use = FRAME_KERNEL + kt_below(kt, FRAME_USES - FRAME_KERNEL);

        if (m->order[at] == 0) {
            frame_retype(p, f, use);
            model_set(m, at, 0, use);
        }
    } else if (kt_below(kt, 16) == 0) {
        frame_drain_hot(p);
    }
}

static void random_pool(struct kt *kt, uint32_t low, uint32_t high, uint32_t rounds)
{
    struct frame_pool *p = ready_pool(kt, low, high);
    struct model m = {.use = kt_alloc(low + high), .order = kt_alloc(low + high)};

    if (p && m.use && m.order) {
        memset(m.use, FRAME_FREE, low + high);
        memset(m.order, 0xFF, low + high);
        m.used[FRAME_FREE] = low + high;
        for (uint32_t i = 0; i < rounds && kt->failures < 10; i++) {
            step(kt, p, &m);
            if (i % 2048 == 0) {
                EXPECT(frame_audit(p), "round %u", i);
                EXPECT(memcmp(m.used, p->used, sizeof m.used) == 0, "round %u", i);
                for (uint32_t k = 0; k < low + high; k++)
                    EXPECT(p->frames[p->start + k].use == m.use[k], "frame %u", p->start + k);
            }
        }
        EXPECT(frame_audit(p), "at the end");
    } else {
        kt_skip(kt, "no memory");
    }
    kt_release(m.use);
    kt_release(m.order);
    kt_release(p);
}

TEST(frame, random_against_model)
{
    uint32_t rounds = kt_rounds(kt, 1000000) / 4;

    random_pool(kt, 700, 300, rounds);
    random_pool(kt, 64, 0, rounds);
    random_pool(kt, 1000, 0, rounds);
    random_pool(kt, 100, 900, rounds);
}

/* Break one thing, expect the number, mend it. */
#define BREAK(lvalue, value, id)                                                                             \
    do {                                                                                                     \
        __typeof__(lvalue) saved_ = (lvalue);                                                                \
        (lvalue) = (value);                                                                                  \
        kt_capture_begin();                                                                                  \
        bool ok_ = frame_audit(p);                                                                           \
        bool seen_ = kt_captured("broken " id);                                                              \
        kt_capture_end();                                                                                    \
        (lvalue) = saved_;                                                                                   \
        EXPECT(!ok_ && seen_, "%s for %s = %s", id, #lvalue, #value);                                        \
        EXPECT(frame_audit(p), "mended %s", #lvalue);                                                        \
    } while (0)

TEST(frame, audit_finds_corruption)
{
    struct frame_pool *p = ready_pool(kt, 300, 100);

    if (!p)
        return;
    struct frame *a = frame_alloc(p, FRAME_ANON, 0), *b = frame_alloc(p, FRAME_TABLE, FRAME_LOW_ONLY);
    struct frame *block = frame_alloc_block(p, 2, FRAME_SLAB, FRAME_LOW_ONLY);

    REQUIRE(a && b && block, "no frames");
    struct frame *hot = pfn_frame(p, p->hot[ZONE_LOW].head);
    struct frame *head = NULL;

    for (unsigned k = 1; k < BUDDY_ORDERS; k++)
        if (p->zone[ZONE_LOW].head[k])
            head = pfn_frame(p, p->zone[ZONE_LOW].head[k]);
    REQUIRE(head && p->hot[ZONE_LOW].count > 1, "free frames of both kinds");
    EXPECT(frame_audit(p), "before");

    BREAK(p->used[FRAME_ANON], 2, "INV-FRAME-1");
    BREAK(a->use, FRAME_TABLE, "INV-FRAME-1");
    BREAK(p->used[FRAME_RESERVED], 1, "INV-FRAME-1: expected sum");
    BREAK(a->use, 200, "INV-FRAME-2");
    BREAK(block->order, 11, "INV-FRAME-2");
    BREAK(block[1].order, 1, "INV-FRAME-2");
    BREAK(hot->use, FRAME_KERNEL, "INV-FRAME-3");
    BREAK(hot->flags, 0, "INV-FRAME-3");
    BREAK(hot->next, PFN_NONE, "INV-FRAME-3");
    BREAK(hot->next, frame_pfn(p, hot), "INV-FRAME-3");
    BREAK(hot->next, p->end, "INV-FRAME-3");
    BREAK(p->hot[ZONE_LOW].count, 3, "INV-FRAME-3");
    BREAK(a->flags, FRAME_F_HOT, "INV-FRAME-4");
    BREAK(b->flags, FRAME_F_BUDDY, "INV-FRAME-4");
    BREAK(head[1].use, FRAME_KERNEL, "INV-FRAME-5");
    BREAK(head[1].flags, FRAME_F_HOT, "INV-FRAME-5");
    BREAK(p->used[FRAME_FREE], p->used[FRAME_FREE] + 1, "INV-FRAME-5");
    BREAK(head[1].maps, 1, "INV-FRAME-6");
    BREAK(hot->pins, 1, "INV-FRAME-6");
    BREAK(p->marks.low, p->marks.high + 1, "INV-FRAME-7");
    BREAK(p->slow_below, 0, "INV-FRAME-7");
    BREAK(p->zone[ZONE_LOW].free, 1, "INV-BUDDY-4");
    kt_release(p);
}
