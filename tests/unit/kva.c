/* Kernel address arenas by policy, and mapped memory on top. */
#include "mm/errno.h"
#include "mm/kva.h"
#include "mm/kva_map.h"
#include "mm/layout.h"
#include "mm/machine.h"
#include "mm/pt.h"
#include "tests/kt.h"

#define Q     ((size_t)4096)
#define START ((size_t)0xF0000000u)

/* An arena of n quanta with its own pool and cache. */
struct fixture {
    struct frame_pool *pool;
    struct cache segs;
    struct kva_arena a;
};

static struct fixture *setup(struct kt *kt, size_t quanta, enum kva_policy policy)
{
    struct fixture *f = kt_alloc(sizeof *f);
    struct frame_pool *p = f ? kt_pool(kt, 128, 0) : NULL;

    if (!p) {
        kt_release(f);
        kt_skip(kt, "no memory");
        return NULL;
    }
    f->pool = p;
    EXPECT(cache_init(&f->segs, p, "segs", kva_seg_size(), 0, NULL, 0) == 0, "cache");
    int err = kva_init(&f->a, "test", START, quanta * Q, Q, policy, &f->segs);

    EXPECT(err == 0, "arena: %d", err);
    return f;
}

static void teardown(struct kt *kt, struct fixture *f)
{
    EXPECT(kva_verify(&f->a), "at the end");
    EXPECT(f->a.segs == 1 && f->a.in_use == 0, "%u segments", f->a.segs);
    EXPECT(kva_fini(&f->a) == 0, "something is allocated");
    EXPECT(cache_in_use(&f->segs) == 0, "%u segments", cache_in_use(&f->segs));
    EXPECT(cache_destroy(&f->segs) == 0, "segments leaked");
    kt_pool_done(kt, f->pool);
    kt_release(f);
}

/* Where n quanta are put, in quanta from the start; -1 when nowhere. */
static int place(struct fixture *f, size_t n)
{
    size_t at;

    return kva_alloc(&f->a, n * Q, 0, &at) ? -1 : (int)((at - START) / Q);
}

static void drop(struct fixture *f, int at, size_t n)
{
    kva_free(&f->a, START + (size_t)at * Q, n * Q);
}

/*
 * The textbook's picture: free holes of 6, 3, 9, 5, 3 quanta, in this order, with a taken quantum between
 * them, and nothing behind. First to last hole at 0, 7, 11, 21, 27.
 */
static const struct {
    int at;
    size_t n;
} holes[] = {{0, 6}, {7, 3}, {11, 9}, {21, 5}, {27, 3}};

static struct fixture *picture(struct kt *kt, enum kva_policy policy)
{
    struct fixture *f = setup(kt, 31, KVA_FIRST);

    if (!f)
        return NULL;
    for (unsigned i = 0; i < ARRAY_LEN(holes); i++) {
        EXPECT(place(f, holes[i].n) == holes[i].at, "hole %u", i);
        EXPECT(place(f, 1) == holes[i].at + (int)holes[i].n, "wall %u", i);
    }
    for (unsigned i = 0; i < ARRAY_LEN(holes); i++)
        drop(f, holes[i].at, holes[i].n);
    EXPECT(f->a.segs == 10 && kva_verify(&f->a), "%u segments", f->a.segs);
    f->a.policy = policy;
    f->a.rover = NULL;
    return f;
}

static void unpicture(struct kt *kt, struct fixture *f)
{
    for (unsigned i = 0; i < ARRAY_LEN(holes); i++)
        drop(f, holes[i].at + (int)holes[i].n, 1);
    teardown(kt, f);
}

TEST(kva, first_fit)
{
    struct fixture *f = picture(kt, KVA_FIRST);

    if (!f)
        return;
    EXPECT(place(f, 5) == 0, "lowest that fits");
    EXPECT(place(f, 3) == 7, "what is left at 5 is too small");
    EXPECT(place(f, 1) == 5, "and now serves");
    EXPECT(place(f, 9) == 11 && place(f, 6) == -1, "the rest");
    drop(f, 0, 5);
    drop(f, 7, 3);
    drop(f, 5, 1);
    drop(f, 11, 9);
    unpicture(kt, f);
}

TEST(kva, next_fit)
{
    struct fixture *f = picture(kt, KVA_NEXT);

    if (!f)
        return;
    EXPECT(place(f, 2) == 0, "starts at the bottom");
    EXPECT(place(f, 3) == 2, "goes on in the remainder");
    EXPECT(place(f, 9) == 11, "passes what is too small");
    EXPECT(place(f, 1) == 21, "does not go back to 5");
    EXPECT(place(f, 3) == 22 && place(f, 3) == 27, "to the end");
    EXPECT(place(f, 1) == 5 && place(f, 1) == 7, "goes round");
    drop(f, 0, 2);
    drop(f, 2, 3);
    drop(f, 11, 9);
    drop(f, 21, 1);
    drop(f, 22, 3);
    drop(f, 27, 3);
    drop(f, 5, 1);
    drop(f, 7, 1);
    unpicture(kt, f);
}

TEST(kva, best_fit)
{
    struct fixture *f = picture(kt, KVA_BEST);

    if (!f)
        return;
    EXPECT(place(f, 3) == 7, "exact, the lower of two");
    EXPECT(place(f, 4) == 21, "5 is the smallest that holds 4");
    EXPECT(place(f, 1) == 25, "its remainder");
    EXPECT(place(f, 3) == 27, "exact");
    EXPECT(place(f, 7) == 11, "only one holds 7");
    EXPECT(place(f, 2) == 18, "its remainder, not the hole of 6");
    drop(f, 7, 3);
    drop(f, 21, 4);
    drop(f, 25, 1);
    drop(f, 27, 3);
    drop(f, 11, 7);
    drop(f, 18, 2);
    unpicture(kt, f);
}

TEST(kva, worst_fit)
{
    struct fixture *f = picture(kt, KVA_WORST);

    if (!f)
        return;
    EXPECT(place(f, 3) == 11, "9 is the largest");
    EXPECT(place(f, 1) == 0, "6 and 6: the lower");
    EXPECT(place(f, 1) == 14, "6 is left there");
    EXPECT(place(f, 5) == 1, "5, 5 and 5: the lowest");
    EXPECT(place(f, 6) == -1, "all are smaller");
    drop(f, 11, 3);
    drop(f, 0, 1);
    drop(f, 14, 1);
    drop(f, 1, 5);
    unpicture(kt, f);
}

TEST(kva, instant_fit)
{
    struct fixture *f = picture(kt, KVA_INSTANT);

    if (!f)
        return;
    /* Lists: 2 to 3 has two segments, 4 to 7 has two, 8 to 15 one. */
    uint64_t scanned = f->a.scanned;
    int at = place(f, 2), at2, at3;

    EXPECT((at == 7 || at == 27) && f->a.scanned == scanned + 1, "%d, %u looked at", at,
           (unsigned)(f->a.scanned - scanned));
    scanned = f->a.scanned;
    at2 = place(f, 3);
    EXPECT((at2 == 0 || at2 == 21) && f->a.scanned == scanned + 1,
           "%d: only a list of 4 and up is sure to hold 3", at2);
    scanned = f->a.scanned;
    at3 = place(f, 5);
    EXPECT(at3 == 11 && f->a.scanned == scanned + 1, "%d: only a list of 8 and up is sure to hold 5", at3);
    int at4 = place(f, 5);

    EXPECT(at4 == (at2 == 0 ? 21 : 0), "%d: none is sure to, but one does", at4);
    drop(f, at, 2);
    drop(f, at2, 3);
    drop(f, at3, 5);
    drop(f, at4, 5);
    unpicture(kt, f);
}

/* Instant fit looks at one segment, however many there are. */
TEST(kva, instant_fit_is_constant)
{
    struct fixture *f = setup(kt, 4000, KVA_INSTANT);
    int at[200];

    if (!f)
        return;
    for (unsigned i = 0; i < 200; i++)
        at[i] = place(f, 1 + i % 7);
    for (unsigned i = 0; i < 200; i += 2)
        drop(f, at[i], 1 + i % 7);
    for (unsigned i = 0; i < 200; i += 2) {
        uint64_t scanned = f->a.scanned;

        at[i] = place(f, 1 + i % 7);
        EXPECT(at[i] >= 0 && f->a.scanned - scanned <= 1, "%u looked at", (unsigned)(f->a.scanned - scanned));
    }
    for (unsigned i = 0; i < 200; i++)
        drop(f, at[i], 1 + i % 7);
    teardown(kt, f);
}

TEST(kva, refuses_what_makes_no_sense)
{
    struct fixture *f = setup(kt, 16, KVA_BEST);
    struct kva_arena b;
    size_t at = 123;

    if (!f)
        return;
    EXPECT(kva_init(&b, "b", START, 0, Q, KVA_BEST, &f->segs) == -EINVAL, "no size");
    EXPECT(kva_init(&b, "b", START + 1, Q, Q, KVA_BEST, &f->segs) == -EINVAL, "start");
    EXPECT(kva_init(&b, "b", START, Q + 1, Q, KVA_BEST, &f->segs) == -EINVAL, "size");
    EXPECT(kva_init(&b, "b", START, Q, 3000, KVA_BEST, &f->segs) == -EINVAL, "quantum");
    EXPECT(kva_init(&b, "b", (size_t)-1 & ~(Q - 1), 2 * Q, Q, KVA_BEST, &f->segs) == -EINVAL, "wraps");
    EXPECT(kva_init(&b, "b", START, Q, Q, KVA_POLICIES, &f->segs) == -EINVAL, "policy");
    EXPECT(kva_alloc(&f->a, 0, 0, &at) == -EINVAL && kva_alloc(&f->a, Q, 3 * Q, &at) == -EINVAL, "arguments");
    EXPECT(kva_alloc(&f->a, 17 * Q, 0, &at) == -ENOMEM && kva_alloc(&f->a, (size_t)-1, 0, &at) == -ENOMEM,
           "size");
    EXPECT(at == 123 && f->a.segs == 1, "nothing was changed");
    EXPECT(kva_alloc(&f->a, 1, 0, &at) == 0 && kva_fini(&f->a) == -EBUSY, "in use");
    kva_free(&f->a, at, 1);
    for (unsigned p = 0; p < KVA_POLICIES; p++)
        EXPECT(kva_policy_by_name(kva_policy_name(p)) == p, "%s", kva_policy_name(p));
    EXPECT(kva_policy_by_name("fastest") == KVA_POLICIES, "no such policy");
    teardown(kt, f);
}

TEST(kva, alignment)
{
    for (unsigned policy = 0; policy < KVA_POLICIES; policy++) {
        struct fixture *f = setup(kt, 1000, policy);
        size_t at[6];

        if (!f)
            return;
        EXPECT(place(f, 1) == 0, "a first one, so that nothing is aligned by chance");
        for (unsigned i = 0; i < 6; i++) {
            EXPECT(kva_alloc(&f->a, 3 * Q, Q << i, &at[i]) == 0, "align %u, %s", i, kva_policy_name(policy));
            EXPECT((at[i] & ((Q << i) - 1)) == 0, "%lx", (unsigned long)at[i]);
            EXPECT(kva_verify(&f->a), "verify");
        }
        for (unsigned i = 0; i < 6; i++)
            kva_free(&f->a, at[i], 3 * Q);
        drop(f, 0, 1);
        teardown(kt, f);
    }
}

/* No memory for segments: refused, unchanged. */
TEST(kva, fail_nth_frame)
{
    struct fixture *f = setup(kt, 3000, KVA_FIRST);
    uint32_t n = 0, refused = 0;
    size_t *at = kt_alloc(1000 * sizeof *at);

    if (!f || !at)
        return;
    /* Take every other quantum, so that each allocation needs two segments; frames run dry now and then. */
    while (n < 1000 && kt->failures < 10) {
        uint32_t segs = f->a.segs;
        size_t in_use = f->a.in_use;

        frame_fail_after(f->pool, 1 + kt_below(kt, 2));
        int err = kva_alloc(&f->a, Q, 2 * Q, &at[n]);
        frame_fail_after(f->pool, 0);
        if (err) {
            EXPECT(err == -ENOMEM && f->a.segs == segs && f->a.in_use == in_use, "%d, %u segments", err,
                   f->a.segs);
            EXPECT(kva_verify(&f->a), "after a failure");
            refused++;
        } else {
            n++;
        }
    }
    EXPECT(refused > 3, "%u refused", refused);
    while (n)
        kva_free(&f->a, at[--n], Q);
    kt_release(at);
    teardown(kt, f);
}

/* --- random use against a map of quanta --- */

enum { QUANTA = 600, HELD = 150 };

struct model {
    uint8_t taken[QUANTA];
    struct {
        uint16_t at, n;
    } held[HELD];
    uint32_t holds;
};

/* Whether the model has room for n quanta at a multiple of align. */
static bool model_fits(const struct model *m, uint32_t n, uint32_t align)
{
    uint32_t run = 0;

    /* START is aligned to more than any align that is asked for. */
    for (uint32_t end = 1; end <= QUANTA; end++) {
        run = m->taken[end - 1] ? 0 : run + 1;
        for (uint32_t at = end - run; run >= n && at + n <= end; at++)
            if (at % align == 0)
                return true;
    }
    return false;
}

static void step(struct kt *kt, struct fixture *f, struct model *m)
{
    if (m->holds < HELD && kt_below(kt, 100) < 55) {
        uint32_t n = kt_below(kt, 8) ? 1 + kt_below(kt, 6) : 1 + kt_below(kt, 60);
        uint32_t align = kt_below(kt, 4) ? 1 : 1u << kt_below(kt, 5);
        size_t bytes = n * Q - kt_below(kt, Q), at;
        int err = kva_alloc(&f->a, bytes, align == 1 ? 0 : align * Q, &at);

        if (err) {
            EXPECT(err == -ENOMEM && !model_fits(m, n, align), "%u quanta at %u were refused: %d", n, align,
                   err);
            return;
        }
        uint32_t k = (uint32_t)((at - START) / Q);

        EXPECT(at % Q == 0 && k % align == 0 && k + n <= QUANTA, "%u quanta at %u", n, k);
        for (uint32_t i = 0; i < n && k + i < QUANTA; i++) {
            EXPECT(!m->taken[k + i], "quantum %u was taken", k + i);
            m->taken[k + i] = 1;
        }
        m->held[m->holds].at = (uint16_t)k;
        m->held[m->holds++].n = (uint16_t)n;
    } else if (m->holds) {
        uint32_t i = kt_below(kt, m->holds), at = m->held[i].at, n = m->held[i].n;

        memset(m->taken + at, 0, n);
        m->held[i] = m->held[--m->holds];
        kva_free(&f->a, START + at * Q, n * Q);
    }
}

TEST(kva, random_against_model)
{
    struct model *m = kt_alloc(sizeof *m);
    uint32_t rounds = kt_rounds(kt, 1000000) / KVA_POLICIES;

    if (!m)
        return;
    for (unsigned policy = 0; policy < KVA_POLICIES; policy++) {
        struct fixture *f = setup(kt, QUANTA, policy);

        if (!f)
            break;
        memset(m, 0, sizeof *m);
        for (uint32_t i = 0; i < rounds && kt->failures < 10; i++) {
            step(kt, f, m);
            if (i % 2048 == 0)
                EXPECT(kva_verify(&f->a) && cache_verify(&f->segs), "%s, round %u", kva_policy_name(policy),
                       i);
        }
        kt_note(kt, "%s fit: %u segments looked at in %u rounds", kva_policy_name(policy),
                (unsigned)f->a.scanned, rounds);
        while (m->holds) {
            m->holds--;
            kva_free(&f->a, START + m->held[m->holds].at * Q, m->held[m->holds].n * Q);
        }
        teardown(kt, f);
    }
    kt_release(m);
}

#define BREAK(lvalue, value, id) KT_BREAK(kva_verify(&f->a), id, lvalue, value)

TEST(kva, verify_finds_corruption)
{
    struct fixture *f = picture(kt, KVA_NEXT);

    if (!f)
        return;
    struct kva_seg *hole = f->a.all, *wall = hole->next;

    EXPECT(!hole->allocated && wall->allocated && wall->next && !wall->next->allocated, "the picture");
    BREAK(wall->start, wall->start + Q, "INV-KVA-1");
    BREAK(wall->size, wall->size + Q, "INV-KVA-1");
    BREAK(hole->size, hole->size - 1, "INV-KVA-1");
    BREAK(wall->prev, NULL, "INV-KVA-1");
    BREAK(f->a.end, f->a.end + Q, "INV-KVA-1");
    BREAK(wall->allocated, false, "INV-KVA-2");
    BREAK(hole->allocated, true, "INV-KVA-4");
    BREAK(f->a.nonempty, 0, "INV-KVA-3");
    BREAK(f->a.free[2], NULL, "INV-KVA-3");
    BREAK(hole->lat, NULL, "INV-KVA-3");
    BREAK(wall->lat, NULL, "INV-KVA-4");
    BREAK(f->a.in_use, f->a.in_use - Q, "INV-KVA-5");
    BREAK(f->a.segs, f->a.segs + 1, "INV-KVA-5");
    BREAK(f->a.allocs, 0, "INV-KVA-5");
    BREAK(f->a.rover, (struct kva_seg *)&f->a, "INV-KVA-6");
    unpicture(kt, f);
}

/* --- mapped memory: on the host over recorded mappings, in the kernel the machine's own --- */

static struct kva_map *map_begin(struct kt *kt)
{
    if (!kt->hosted) {
        if (!kva_map_sys.pool)
            kt_skip(kt, "the kernel has no map");
        return kva_map_sys.pool ? &kva_map_sys : NULL;
    }
    struct frame_pool *p = kt_pool(kt, 128, 64);
    struct kva_map *m = kt_alloc(sizeof *m);
    int err = p && m ? kva_map_init(m, p, "test", KVA_START, 64 << 20, KVA_BEST) : -ENOMEM;

    EXPECT(err == 0, "%d", err);
    return err ? NULL : m;
}

static void map_end(struct kt *kt, struct kva_map *m)
{
    struct frame_pool *p = m->pool;

    EXPECT(kva_map_verify(m), "at the end");
    if (!kt->hosted)
        return;
    EXPECT(kva_map_fini(m) == 0, "something is mapped");
    kt_release(m);
    kt_pool_done(kt, p);
}

/* The frame mapped at an address, PFN_NONE when there is none; leaves it as it was. */
static pfn_t mapped_at(struct kva_map *m, vaddr_t va)
{
    pfn_t pfn;

    nosleep_enter("the kernel half");
    pfn = pt_kernel_unmap(va);
    if (pfn && pt_kernel_map(m->pool, va, pfn, PT_WRITE | PT_GLOBAL))
        pfn = PFN_NONE;
    nosleep_exit();
    return pfn;
}

static vaddr_t address(const void *p)
{
    return (vaddr_t)(uintptr_t)p;
}

TEST(kva, stacks_have_guards)
{
    struct kva_map *m = map_begin(kt);

    if (!m)
        return;
    uint32_t stacks = m->pool->used[FRAME_STACK], pages = m->stack_pages;
    void *s[4];

    for (unsigned i = 0; i < 4; i++) {
        s[i] = kva_stack_alloc(m, 2);
        REQUIRE(s[i], "stack %u", i);
    }
    EXPECT(m->pool->used[FRAME_STACK] == stacks + 8 && m->stack_pages == pages + 8, "%u frames, %u pages",
           m->pool->used[FRAME_STACK], m->stack_pages);
    EXPECT(kva_map_verify(m), "with stacks");
    for (unsigned i = 0; i < 4; i++) {
        vaddr_t va = address(s[i]);

        EXPECT(!mapped_at(m, va - PAGE_SIZE), "stack %u: below", i);
        EXPECT(!mapped_at(m, va + 2 * PAGE_SIZE), "stack %u: above", i);
        pfn_t a = mapped_at(m, va), b = mapped_at(m, va + PAGE_SIZE);

        EXPECT(a && b && a != b, "stack %u: frames %u and %u", i, a, b);
        EXPECT(pfn_frame(m->pool, a)->use == FRAME_STACK, "frame %u", a);
        if (!kt->hosted)
            memset(s[i], 0x55, 2 * PAGE_SIZE);
    }
    for (unsigned i = 0; i < 4; i++) {
        vaddr_t va = address(s[i]);

        kva_stack_free(m, s[i], 2);
        EXPECT(!mapped_at(m, va) && !mapped_at(m, va + PAGE_SIZE), "stack %u is mapped after it was freed",
               i);
    }
    EXPECT(m->pool->used[FRAME_STACK] == stacks && m->stack_pages == pages, "%u frames",
           m->pool->used[FRAME_STACK]);
    EXPECT(!kva_stack_alloc(m, 0), "no pages");
    map_end(kt, m);
}

TEST(kva, tables_are_zeroed)
{
    struct kva_map *m = map_begin(kt);

    if (!m)
        return;
    uint32_t kernel = m->pool->used[FRAME_KERNEL];
    void *t = NULL;

    /* Twice: the second one gets the frames that the first one left dirty. */
    for (unsigned pass = 0; pass < 2; pass++) {
        if (t)
            kva_table_free(m, t, 5 * PAGE_SIZE - 100);
        t = kva_table_alloc(m, 5 * PAGE_SIZE - 100);
        REQUIRE(t, "no memory");
        EXPECT((address(t) & PAGE_MASK) == 0 && m->pool->used[FRAME_KERNEL] == kernel + 5, "%p", t);
        for (vaddr_t i = 0; i < 5; i++) {
            pfn_t pfn = mapped_at(m, address(t) + (i << PAGE_SHIFT));
            uint8_t *bytes;
            size_t dirty = 0;

            REQUIRE(pfn && pfn_frame(m->pool, pfn)->use == FRAME_KERNEL, "page %u", i);
            bytes = window_open(m->pool, pfn);
            for (size_t k = 0; k < PAGE_SIZE; k++)
                dirty += bytes[k] != 0;
            memset(bytes, 0xAA, PAGE_SIZE);
            window_close(m->pool, bytes);
            EXPECT(dirty == 0, "page %u: %u bytes are not 0", i, (unsigned)dirty);
        }
    }
    EXPECT(!mapped_at(m, address(t) + 5 * PAGE_SIZE), "behind it");
    EXPECT(kva_map_verify(m), "with a table");
    kva_table_free(m, t, 5 * PAGE_SIZE - 100);
    EXPECT(m->pool->used[FRAME_KERNEL] == kernel, "frames");
    EXPECT(!kva_table_alloc(m, 0) && !kva_table_alloc(m, (size_t)-1) && !kva_table_alloc(m, 0xF0000000u),
           "sizes that make no sense");
    map_end(kt, m);
}

TEST(kva, devices)
{
    struct kva_map *m = map_begin(kt);

    if (!m)
        return;
    uint32_t before = frame_free_count(m->pool);
    void *w = kva_device_map(m, 0xFEC00FF0u, 0x20);

    REQUIRE(w, "no memory");
    EXPECT((address(w) & PAGE_MASK) == 0xFF0 && m->device_pages >= 2, "%p", w);
    EXPECT(m->arena.in_use >= 3 * PAGE_SIZE && kva_map_verify(m), "two pages and a guard");
    kva_device_unmap(m, w, 0x20);
    EXPECT(!mapped_at(m, address(w) - 0xFF0) && !mapped_at(m, address(w) + 0x10), "unmapped");
    EXPECT(kt->hosted ? frame_free_count(m->pool) <= before : true, "no frames of the pool's");
    EXPECT(!kva_device_map(m, 0xFFFFF000u, 0x2000) && !kva_device_map(m, 0x1000, 0),
           "ranges that make no sense");
    w = kva_device_map(m, 0xFFFFF000u, 0x1000);
    EXPECT(w, "the last page there is");
    if (w)
        kva_device_unmap(m, w, 0x1000);
    map_end(kt, m);
}

/* The frame, the table or the segment that is missing: nothing is left behind. */
TEST(kva, map_is_all_or_nothing)
{
    struct kva_map *m = map_begin(kt);

    if (!m)
        return;
    if (!kt->hosted) {
        kt_skip(kt, "the machine's pool is everybody's");
        return;
    }
    for (unsigned kind = 0; kind < 3; kind++) {
        for (uint32_t n = 1; n < 30; n++) {
            void *p;

            slab_reap_all(m->pool);
            uint32_t before = frame_free_count(m->pool);
            size_t in_use = m->arena.in_use;

            frame_fail_after(m->pool, n);
            p = kind == 0   ? kva_stack_alloc(m, 4)
                : kind == 1 ? kva_table_alloc(m, 9 * PAGE_SIZE)
                            : kva_device_map(m, 0xE0000000u, 5 << 20);
            frame_fail_after(m->pool, 0);
            if (!p) {
                slab_reap_all(m->pool);
                EXPECT(frame_free_count(m->pool) == before && m->arena.in_use == in_use,
                       "kind %u, failing from %u: %u frames lost", kind, n,
                       before - frame_free_count(m->pool));
                EXPECT(kva_map_verify(m) && frame_audit(m->pool), "kind %u, failing from %u", kind, n);
                continue;
            }
            EXPECT(n > 1, "kind %u needs no memory", kind);
            if (kind == 0)
                kva_stack_free(m, p, 4);
            else if (kind == 1)
                kva_table_free(m, p, 9 * PAGE_SIZE);
            else
                kva_device_unmap(m, p, 5 << 20);
            break;
        }
    }
    map_end(kt, m);
}

TEST(kva, map_verify_finds_corruption)
{
    struct kva_map *m = map_begin(kt);

    if (!m)
        return;
    void *s = kva_stack_alloc(m, 1);

    REQUIRE(s, "no memory");
    kt_capture_begin();
    m->guard_pages++;
    EXPECT(!kva_map_verify(m) && kt_captured("broken INV-KVAMAP-2"), "guard_pages");
    m->guard_pages--;
    m->stack_pages += 1000;
    EXPECT(!kva_map_verify(m) && kt_captured("broken INV-KVAMAP-3"), "stack_pages");
    m->stack_pages -= 1000;
    nosleep_enter("the kernel half");
    pfn_t pfn = pt_kernel_unmap((vaddr_t)(uintptr_t)s);
    EXPECT(!kva_map_verify(m) && kt_captured("broken INV-KVAMAP-1"), "a page of the stack is not mapped");
    EXPECT(pt_kernel_map(m->pool, (vaddr_t)(uintptr_t)s, pfn, PT_WRITE | PT_GLOBAL) == 0, "mapped again");
    nosleep_exit();
    kt_capture_end();
    EXPECT(kva_map_verify(m), "mended");
    kva_stack_free(m, s, 1);
    map_end(kt, m);
}
