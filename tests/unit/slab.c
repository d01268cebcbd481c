/* Object caches: layout, constructors, colours, magazines, reaping, debug mode, and random use against a
 * model. */
#include "mm/slab.h"
#include "tests/kt.h"

/* A cache in memory of its own, so that the stack stays small. Its flags are what the test says, whatever the
 * boot parameter says. */
static struct cache *make(struct kt *kt, struct frame_pool *p, size_t size, size_t align,
                          void (*ctor)(void *), uint32_t flags)
{
    struct cache *c = kt_alloc(sizeof *c);
    uint32_t saved = slab_default_flags;

    slab_default_flags = 0;
    int err = c ? cache_init(c, p, "test", size, align, ctor, flags) : -ENOMEM;
    slab_default_flags = saved;

    EXPECT(err == 0, "cache of %u: %d", (unsigned)size, err);
    if (!err)
        return c;
    kt_release(c);
    return NULL;
}

static void unmake(struct kt *kt, struct cache *c)
{
    if (!c)
        return;
    EXPECT(cache_verify(c), "before the end");
    EXPECT(cache_in_use(c) == 0, "%u in use", cache_in_use(c));
    EXPECT(cache_destroy(c) == 0, "leaks");
    kt_release(c);
}

TEST(slab, refuses_what_makes_no_sense)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct cache *c = kt_alloc(sizeof *c);

    if (!p)
        return;
    REQUIRE(c, "no memory");
    EXPECT(cache_init(c, p, "bad", 0, 0, NULL, 0) == -EINVAL, "size 0");
    EXPECT(cache_init(c, p, "bad", (128u << 10) + 1, 0, NULL, 0) == -EINVAL, "too large");
    EXPECT(cache_init(c, p, "bad", 8, 3, NULL, 0) == -EINVAL, "align 3");
    EXPECT(cache_init(c, p, "bad", 8, 8192, NULL, 0) == -EINVAL, "align 8192");
    EXPECT(p->caches == NULL, "no cache is in the list");
    kt_release(c);
    kt_pool_done(kt, p);
}

/* All sizes and alignments: objects are aligned, apart, and their own; nothing is lost. */
static void layout(struct kt *kt, uint32_t flags)
{
    static const size_t sizes[] = {1,    3,    4,     8,     12,    24,    31,    60,   64,
                                   100,  256,  400,   496,   511,   512,   520,   700,  1000,
                                   1024, 1400, 1536,  2048,  3000,  4000,  4096,  4097, 5000,
                                   8192, 9000, 16384, 20000, 65536, 70000, 131072};
    struct frame_pool *p = kt_pool(kt, 1024, 0);

    if (!p)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t align = 0; align <= PAGE_SIZE; align = align ? align * 8 : 8) {
            struct cache *c = make(kt, p, sizes[i], align, NULL, flags);
            uint8_t *prev = NULL;
            void *obj[5] = {0};
            size_t want = align ? align : sizeof(void *);
            size_t bytes = PAGE_SIZE << (c ? c->order : 0);

            if (!c)
                continue;
            EXPECT(c->per_slab >= 1 && c->order < BUDDY_ORDERS, "%u a slab", c->per_slab);
            if (!(flags & CACHE_DEBUG))
                EXPECT(align > sizes[i] || bytes - (size_t)c->per_slab * c->stride <= bytes / 4,
                       "size %u: %u of %u in %u bytes", (unsigned)sizes[i], c->per_slab, c->stride,
                       (unsigned)bytes);
            EXPECT(!(c->flags & CACHE_OFF_SLAB) == (c->stride < PAGE_SIZE / 8 && !(flags & CACHE_OFF_SLAB)),
                   "control of size %u", (unsigned)sizes[i]);
            for (unsigned k = 0; k < 5; k++) {
                obj[k] = cache_alloc(c);
                if (!obj[k])
                    break; /* a small machine */
                EXPECT(((uintptr_t)obj[k] & (want - 1)) == 0, "%p, align %u", obj[k], (unsigned)want);
                memset(obj[k], (int)(k + 1), sizes[i]);
                EXPECT(cache_check(c, obj[k]) == NULL, "%s", cache_check(c, obj[k]));
            }
            for (unsigned k = 0; k < 5 && obj[k]; k++) {
                prev = obj[k];
                EXPECT(prev[0] == k + 1 && prev[sizes[i] - 1] == k + 1,
                       "object %u of size %u was overwritten", k, (unsigned)sizes[i]);
                cache_free(c, obj[k]);
            }
            unmake(kt, c);
        }
    }
    kt_pool_done(kt, p);
}

TEST(slab, layout)
{
    layout(kt, 0);
}

TEST(slab, layout_off_slab)
{
    layout(kt, CACHE_OFF_SLAB);
}

TEST(slab, layout_debug)
{
    layout(kt, CACHE_DEBUG);
}

TEST(slab, layout_debug_off_slab)
{
    layout(kt, CACHE_DEBUG | CACHE_OFF_SLAB | CACHE_NO_MAGAZINE);
}

/* Off slab: the control is an object of another cache, so all of the page is the objects'. */
TEST(slab, off_slab_control)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct cache *c = p ? make(kt, p, 2048, 2048, NULL, CACHE_NO_MAGAZINE) : NULL;

    if (!c)
        return;
    EXPECT(c->per_slab == 2 && c->order == 0, "%u in order %u", c->per_slab, c->order);
    void *a = cache_alloc(c), *b = cache_alloc(c);

    REQUIRE(a && b, "no memory");
    EXPECT(ptr_pfn(p, a) == ptr_pfn(p, b), "one page");
    const struct slab *s = pfn_frame(p, ptr_pfn(p, a))->owner;

    EXPECT(s->cache == c && ptr_pfn(p, s) != ptr_pfn(p, a), "the control is elsewhere");
    EXPECT(((struct slab *)pfn_frame(p, ptr_pfn(p, s))->owner)->cache->flags & CACHE_INTERNAL,
           "in a cache of slab.c");
    cache_free(c, a);
    cache_free(c, b);
    unmake(kt, c);
    EXPECT(p->slab_internal == NULL && p->caches == NULL, "the last cache takes the internal ones along");
    kt_pool_done(kt, p);
}

/* --- constructors --- */

struct thing {
    uint32_t magic;
    uint32_t constructed; /* how often */
    uint32_t payload[6];
};

static uint32_t ctor_runs;

static void thing_ctor(void *obj)
{
    struct thing *t = obj;

    ctor_runs++;
    /* A count that survives only if nobody else writes here. Fresh frames hold anything. */
    t->constructed = t->magic == 0x7415a110 ? t->constructed + 1 : 1;
    t->magic = 0x7415a110;
}

static void constructors(struct kt *kt, uint32_t flags)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct thing **obj = kt_alloc(600 * sizeof *obj);
    struct cache *c = p ? make(kt, p, sizeof(struct thing), 0, thing_ctor, flags) : NULL;
    uint32_t n = 0;

    if (!c || !obj)
        return;
    ctor_runs = 0;
    /* No frame may remember an earlier life. */
    for (pfn_t pfn = p->start; pfn < p->low_end; pfn++)
        if (pfn_frame(p, pfn)->use == FRAME_FREE)
            memset(frame_ptr(p, pfn), 0, PAGE_SIZE);
    for (unsigned round = 0; round < 4; round++) {
        for (n = 0; n < 600; n++) {
            obj[n] = cache_alloc(c);
            REQUIRE(obj[n], "object %u", n);
            EXPECT(obj[n]->magic == 0x7415a110 && obj[n]->constructed == 1,
                   "object %p: %x, constructed %u times", (void *)obj[n], obj[n]->magic, obj[n]->constructed);
            obj[n]->payload[0] = n;
        }
        EXPECT(ctor_runs == c->slab_count * c->per_slab, "%u runs, %u slabs of %u", ctor_runs, c->slab_count,
               c->per_slab);
        EXPECT(cache_verify(c), "round %u", round);
        while (n)
            cache_free(c, obj[--n]);
        EXPECT(cache_verify(c), "round %u", round);
        if (round == 1) {
            /* A new life: constructed again. */
            cache_reap(c);
            EXPECT(c->slab_count == 0, "%u slabs", c->slab_count);
            ctor_runs = 0;
            for (pfn_t pfn = p->start; pfn < p->low_end; pfn++)
                if (pfn_frame(p, pfn)->use == FRAME_FREE)
                    memset(frame_ptr(p, pfn), 0, PAGE_SIZE);
        } else {
            /* Slabs beyond the spare ones went back and come anew. */
            ctor_runs = c->slab_count * c->per_slab;
            for (pfn_t pfn = p->start; pfn < p->low_end; pfn++)
                if (pfn_frame(p, pfn)->use == FRAME_FREE)
                    memset(frame_ptr(p, pfn), 0, PAGE_SIZE);
        }
    }
    unmake(kt, c);
    kt_release(obj);
    kt_pool_done(kt, p);
}

TEST(slab, constructors_run_once)
{
    constructors(kt, 0);
}

TEST(slab, constructors_run_once_without_magazines)
{
    constructors(kt, CACHE_NO_MAGAZINE);
}

TEST(slab, constructors_run_once_in_debug)
{
    constructors(kt, CACHE_DEBUG);
}

TEST(slab, colours_vary)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct cache *c = p ? make(kt, p, 300, 4, NULL, CACHE_NO_MAGAZINE) : NULL;
    void *obj[12 * 13];
    uint32_t n = 0, seen = 0, changes = 0;
    const struct slab *last = NULL;

    if (!c)
        return;
    REQUIRE(c->colours > 1 && c->per_slab <= 13, "%u colours, %u a slab", c->colours, c->per_slab);
    while (n < 12 * c->per_slab && (obj[n] = cache_alloc(c))) {
        const struct slab *s = pfn_frame(p, ptr_pfn(p, obj[n]))->owner;
        uint32_t colour = (uint32_t)(s->base - (uint8_t *)frame_ptr(p, s->pfn)) / c->colour_step;

        EXPECT(colour < c->colours, "colour %u of %u", colour, c->colours);
        if (s != last) {
            changes += last && s->base - (uint8_t *)frame_ptr(p, s->pfn) !=
                                   last->base - (uint8_t *)frame_ptr(p, last->pfn);
            last = s;
        }
        seen |= 1u << colour;
        n++;
    }
    EXPECT(n == 12 * c->per_slab && changes == 11, "%u objects, %u changes of colour", n, changes);
    EXPECT(seen == (1u << c->colours) - 1, "%u colours, seen %x", c->colours, seen);
    EXPECT(c->colour_step * (c->colours - 1) <= PAGE_SIZE - c->per_slab * c->stride,
           "colours fit in what is over");
    while (n)
        cache_free(c, obj[--n]);
    unmake(kt, c);
    kt_pool_done(kt, p);
}

/* The slabs see only what the magazines do not absorb. */
TEST(slab, magazines_absorb)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct cache *c = p ? make(kt, p, 64, 0, NULL, 0) : NULL;
    void *obj[100];

    if (!c)
        return;
    REQUIRE(c->magazine_size == MAGAZINE_ROUNDS, "%u rounds", c->magazine_size);
    for (unsigned i = 0; i < 100; i++)
        obj[i] = cache_alloc(c);
    for (unsigned i = 0; i < 100; i++)
        cache_free(c, obj[i]);
    EXPECT(c->allocs == 100 && c->frees == 0, "%u and %u at the slabs", (unsigned)c->allocs,
           (unsigned)c->frees);
    EXPECT(c->loaded->rounds == 10 && c->previous->rounds == 30 && c->full_count == 2, "%u, %u and %u full",
           c->loaded->rounds, c->previous->rounds, c->full_count);
    EXPECT(c->live == 100 && cache_in_use(c) == 0, "%u live, %u in use", c->live, cache_in_use(c));
    for (unsigned round = 0; round < 50; round++) {
        uint32_t n = kt_below(kt, 100);

        for (unsigned i = 0; i < n; i++)
            obj[i] = cache_alloc(c);
        EXPECT(cache_in_use(c) == n, "%u in use of %u", cache_in_use(c), n);
        EXPECT(cache_verify(c), "round %u", round);
        for (unsigned i = 0; i < n; i++)
            cache_free(c, obj[i]);
    }
    EXPECT(c->allocs == 100 && c->frees == 0, "%u and %u at the slabs", (unsigned)c->allocs,
           (unsigned)c->frees);
    /* One more or less at the border of a magazine does not reach the depot. */
    uint32_t full = c->full_count;

    for (unsigned i = 0; i < 10; i++)
        obj[i] = cache_alloc(c);
    for (unsigned i = 0; i < 20; i++) {
        obj[10] = cache_alloc(c);
        cache_free(c, obj[10]);
        EXPECT(c->full_count == full, "%u full in the depot", c->full_count);
    }
    for (unsigned i = 0; i < 10; i++)
        cache_free(c, obj[i]);
    unmake(kt, c);

    /* Large objects: small magazines; very large ones: none. */
    c = make(kt, p, 2048, 0, NULL, 0);
    EXPECT(c && c->magazine_size == 4, "of 2048 bytes");
    unmake(kt, c);
    c = make(kt, p, 16384, 0, NULL, 0);
    EXPECT(c && c->magazine_size == 0, "of 16384 bytes");
    unmake(kt, c);
    kt_pool_done(kt, p);
}

/* The depot is bounded, so freed memory finds its way back even without reaping. */
TEST(slab, depot_is_bounded)
{
    struct frame_pool *p = kt_pool(kt, 128, 0);
    struct cache *c = p ? make(kt, p, 32, 0, NULL, 0) : NULL;
    void **obj = kt_alloc(2000 * sizeof *obj);

    if (!c || !obj)
        return;
    for (unsigned i = 0; i < 2000; i++)
        REQUIRE((obj[i] = cache_alloc(c)), "object %u", i);
    uint32_t slabs = c->slab_count;

    for (unsigned i = 0; i < 2000; i++)
        cache_free(c, obj[i]);
    EXPECT(c->full_count <= 8 && c->live <= 10 * MAGAZINE_ROUNDS, "%u full, %u live", c->full_count, c->live);
    EXPECT(c->slab_count < slabs / 2, "%u of %u slabs are left", c->slab_count, slabs);
    EXPECT(cache_verify(c), "after");
    unmake(kt, c);
    kt_release(obj);
    kt_pool_done(kt, p);
}

TEST(slab, no_memory_for_magazines)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct cache *c = p ? make(kt, p, 64, 0, NULL, 0) : NULL;
    void *a, *b;

    if (!c)
        return;
    a = cache_alloc(c);
    b = cache_alloc(c);
    REQUIRE(a && b, "no memory");
    frame_fail_after(p, 1);
    cache_free(c, a);
    EXPECT(c->loaded->size == 0 && c->live == 1 && c->frees == 1, "straight to the slab");
    a = cache_alloc(c);
    EXPECT(a, "there is one in the slab");
    frame_fail_after(p, 0);
    cache_free(c, a);
    cache_free(c, b);
    EXPECT(c->loaded->size == MAGAZINE_ROUNDS && c->loaded->rounds == 2, "%u rounds", c->loaded->rounds);
    EXPECT(cache_verify(c), "verify");
    unmake(kt, c);
    kt_pool_done(kt, p);
}

TEST(slab, reaping_returns_frames)
{
    struct frame_pool *p = kt_pool(kt, 128, 0);
    struct cache *c = p ? make(kt, p, 100, 0, NULL, 0) : NULL;
    struct cache *d = p ? make(kt, p, 1024, 0, NULL, 0) : NULL;
    uint32_t before = p ? frame_free_count(p) : 0;
    void *obj[200], *big[10];

    if (!c || !d)
        return;
    for (unsigned i = 0; i < 200; i++)
        obj[i] = cache_alloc(c);
    for (unsigned i = 0; i < 10; i++)
        big[i] = cache_alloc(d);
    for (unsigned i = 1; i < 200; i++)
        cache_free(c, obj[i]);
    for (unsigned i = 0; i < 10; i++)
        cache_free(d, big[i]);

    uint32_t held = frame_free_count(p), freed = slab_reap_all(p);

    EXPECT(freed > 0 && frame_free_count(p) == held + freed, "%u freed, %u came back", freed,
           frame_free_count(p) - held);
    /* What is left: the slab of obj[0], and the frame of the internal caches. */
    EXPECT(c->slab_count == 1 && d->slab_count == 0, "%u and %u slabs", c->slab_count, d->slab_count);
    EXPECT(frame_free_count(p) == before - 2, "%u frames are held", before - frame_free_count(p));
    EXPECT(slab_reap_all(p) == 0, "nothing is left to reap");
    EXPECT(cache_in_use(c) == 1 && slab_verify_all(p), "%u in use", cache_in_use(c));
    cache_free(c, obj[0]);
    unmake(kt, c);
    unmake(kt, d);
    kt_pool_done(kt, p);
}

static void count_caches(struct cache *c, void *arg)
{
    uint32_t *n = arg;

    n[c->flags & CACHE_INTERNAL ? 1 : 0]++;
}

TEST(slab, caches_of_a_pool)
{
    struct frame_pool *p = kt_pool(kt, 64, 0), *q = p ? kt_pool(kt, 64, 0) : NULL;
    struct cache *c[4];
    uint32_t n[2] = {0};

    if (!q) {
        if (p)
            kt_pool_done(kt, p);
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        c[i] = make(kt, p, 16 + i, 0, NULL, 0);
    c[3] = make(kt, q, 16, 0, NULL, 0);
    REQUIRE(c[0] && c[1] && c[2] && c[3], "caches");
    void *a = cache_alloc(c[1]), *b = cache_alloc(c[3]);

    REQUIRE(a && b, "objects");
    EXPECT(ptr_pfn(p, a) < p->end && ptr_pfn(q, b) < q->end, "each from its pool");
    EXPECT(cache_check(c[3], a) && cache_check(c[0], a) && !cache_check(c[1], a), "%s", "whose it is");
    cache_free(c[1], a);
    cache_free(c[3], b);
    slab_each(p, count_caches, n);
    EXPECT(n[0] == 3 && n[1] == 3, "%u caches, %u internal", n[0], n[1]);
    /* From the middle, the head and the end of the list. */
    unmake(kt, c[1]);
    unmake(kt, c[2]);
    EXPECT(slab_verify_all(p), "one is left");
    unmake(kt, c[0]);
    EXPECT(!p->caches && !p->slab_internal, "none is left");
    unmake(kt, c[3]);
    kt_pool_done(kt, q);
    kt_pool_done(kt, p);
}

TEST(slab, leaks_are_reported)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct cache *c = p ? make(kt, p, 40, 0, NULL, 0) : NULL,
                 *d = p ? make(kt, p, 40, 0, NULL, CACHE_DEBUG) : NULL;

    if (!c || !d)
        return;
    void *a = cache_alloc(c), *b = cache_alloc(c), *x = cache_alloc(d);

    REQUIRE(a && b && x, "no memory");
    cache_free(c, b);
    kt_capture_begin();
    EXPECT(slab_leak_report(p) == 2, "two are in use");
    EXPECT(kt_captured("cache test: 1 objects of 40 bytes"), "the cache");
    EXPECT(kt_captured("allocated by"), "by whom");
    EXPECT(cache_destroy(c) == 1 && cache_destroy(d) == 1, "one each");
    kt_capture_end();
    cache_free(c, a);
    cache_free(d, x);
    EXPECT(slab_leak_report(p) == 0, "none");
    unmake(kt, c);
    unmake(kt, d);
    kt_pool_done(kt, p);
}

/* Fail the Nth frame: the allocation fails or not, nothing is lost. */
static void sweep(struct kt *kt, size_t size, uint32_t flags)
{
    struct frame_pool *p = kt_pool(kt, 256, 0);

    if (!p)
        return;
    for (uint32_t n = 1; n < 100; n++) {
        struct cache *c = make(kt, p, size, 0, NULL, flags);
        void *obj[40];
        uint32_t got = 0;

        if (!c)
            break;
        frame_fail_after(p, n);
        while (got < 40 && (obj[got] = cache_alloc(c)))
            got++;
        EXPECT(cache_verify(c), "failing from %u", n);
        EXPECT(cache_in_use(c) == got, "%u in use, got %u", cache_in_use(c), got);
        for (uint32_t i = 0; i < got; i++)
            cache_free(c, obj[i]);
        EXPECT(cache_verify(c), "failing from %u", n);
        frame_fail_after(p, 0);
        unmake(kt, c);
        EXPECT(p->used[FRAME_SLAB] == 0, "failing from %u: %u frames lost", n, p->used[FRAME_SLAB]);
        if (got == 40 && n > 50)
            break;
    }
    kt_pool_done(kt, p);
}

TEST(slab, fail_nth_frame)
{
    sweep(kt, 200, 0);
    sweep(kt, 200, CACHE_OFF_SLAB);
    sweep(kt, 1536, 0);
    sweep(kt, 8, CACHE_OFF_SLAB);
    sweep(kt, 700, CACHE_DEBUG);
}

/* --- debug mode: what it finds, by cache_check() and cache_verify() --- */

/* Write a byte, expect the report, mend it. */
static void spoil(struct kt *kt, struct cache *c, uint8_t *at, const void *obj, const char *inv,
                  const char *what)
{
    uint8_t saved = *at;

    *at ^= 0x40;
    kt_capture_begin();
    bool ok = cache_verify(c), seen = kt_captured(inv), said = kt_captured(what),
         who = kt_captured("allocated by");
    kt_capture_end();
    EXPECT(!ok && seen && said && who, "%s (%s)", inv, what);
    if (obj)
        EXPECT(cache_check(c, obj) && strcmp(cache_check(c, obj), what) == 0, "%s", what);
    *at = saved;
    EXPECT(cache_verify(c), "mended");
}

static void debug_detects(struct kt *kt, size_t size, size_t align, void (*ctor)(void *), uint32_t flags)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct cache *c = p ? make(kt, p, size, align, ctor, CACHE_DEBUG | flags) : NULL;
    struct cache *other = p ? make(kt, p, size, 0, NULL, CACHE_DEBUG) : NULL;

    if (!c || !other)
        return;
    uint8_t *a = cache_alloc(c), *b = cache_alloc(c), *x = cache_alloc(other);

    REQUIRE(a && b && x, "no memory");
    if (!ctor && size >= 4) {
        static const uint8_t fresh[4] = {0xfe, 0xca, 0xdd, 0xba};

        EXPECT(memcmp(a, fresh, 4) == 0, "uninitialised memory is %02x%02x", a[0], a[1]);
    }
    spoil(kt, c, a + size, a, "INV-SLAB-7", "was written to beyond its end");
    spoil(kt, c, a + size + 7, a, "INV-SLAB-7", "was written to beyond its end");
    spoil(kt, c, a - 1, a, "INV-SLAB-7", "was written to before its start");
    spoil(kt, c, a - 8, a, "INV-SLAB-7", "was written to before its start");
    EXPECT(!cache_check(c, a) && !cache_check(c, b), "nothing is wrong");
    EXPECT(cache_check(c, x) && strcmp(cache_check(c, x), "belongs to another cache") == 0, "wrong cache");
    EXPECT(cache_check(c, a + 1) && strcmp(cache_check(c, a + 1), "is not where an object starts") == 0,
           "inside");
    EXPECT(cache_check(c, &c) && strcmp(cache_check(c, &c), "is in no slab") == 0, "the stack");
    cache_free(c, a);
    EXPECT(cache_check(c, a) && strcmp(cache_check(c, a), "is free already") == 0, "double free");
    if (!ctor && size >= 4) {
        static const uint8_t freed[4] = {0xef, 0xbe, 0xad, 0xde};

        EXPECT(memcmp(a, freed, 4) == 0, "free memory is %02x%02x", a[0], a[1]);
    }
    spoil(kt, c, a, NULL, "INV-SLAB-8", "was written to after it was freed");
    spoil(kt, c, a + size - 1, NULL, "INV-SLAB-8", "was written to after it was freed");
    spoil(kt, c, a + size, NULL, "INV-SLAB-7", "was written to beyond its end");
    cache_free(c, b);
    cache_free(other, x);
    unmake(kt, c);
    unmake(kt, other);
    kt_pool_done(kt, p);
}

TEST(slab, debug_detects)
{
    debug_detects(kt, 1, 0, NULL, 0);
    debug_detects(kt, 61, 0, NULL, 0);
    debug_detects(kt, 64, 64, NULL, 0);
    debug_detects(kt, 64, 0, NULL, CACHE_OFF_SLAB);
    debug_detects(kt, 3000, 0, NULL, 0);
    debug_detects(kt, 4096, 4096, NULL, 0);
    debug_detects(kt, sizeof(struct thing), 0, thing_ctor, 0);
}

/* --- random use against a model that owns a pattern in every object --- */

struct held {
    uint8_t *obj;
    uint32_t cache;
    uint8_t pattern;
};

static bool holds(const uint8_t *p, uint8_t pattern, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != pattern)
            return false;
    return true;
}

static void random_use(struct kt *kt, uint32_t flags, uint32_t rounds)
{
    static const size_t sizes[] = {8, 24, 64, 200, 600, 2000};
    enum { CACHES = ARRAY_LEN(sizes), HELD = 400 };
    struct frame_pool *p = kt_pool(kt, 64, 16); /* little, so that it runs out */
    struct held *held = kt_alloc(HELD * sizeof *held);
    struct cache *c[CACHES];
    uint32_t in_use[CACHES] = {0}, n = 0, refused = 0;

    if (!p || !held)
        return;
    for (unsigned i = 0; i < CACHES; i++) {
        c[i] = make(kt, p, sizes[i], 0, NULL, flags);
        REQUIRE(c[i], "cache %u", i);
    }
    for (uint32_t i = 0; i < rounds && kt->failures < 10; i++) {
        /* Waves, so that slabs fill and empty. */
        uint32_t grow = i / 4096 & 1 ? 30 : 70;

        if (n < HELD && kt_below(kt, 100) < grow) {
            struct held *h = &held[n];

            *h = (struct held){.cache = kt_below(kt, CACHES), .pattern = (uint8_t)kt_random(kt)};
            h->obj = cache_alloc(c[h->cache]);
            if (!h->obj) {
                refused++;
                if (kt_below(kt, 4) == 0)
                    slab_reap_all(p);
                continue;
            }
            memset(h->obj, h->pattern, sizes[h->cache]);
            in_use[h->cache]++;
            n++;
        } else if (n) {
            uint32_t k = kt_below(kt, n);
            struct held h = held[k];

            EXPECT(holds(h.obj, h.pattern, sizes[h.cache]), "object %p of %u bytes was overwritten",
                   (void *)h.obj, (unsigned)sizes[h.cache]);
            cache_free(c[h.cache], h.obj);
            in_use[h.cache]--;
            held[k] = held[--n];
        }
        if (kt_below(kt, 20000) == 0)
            slab_reap_all(p);
        if (i % 8192 == 0) {
            EXPECT(slab_verify_all(p), "round %u", i);
            EXPECT(frame_audit(p), "round %u", i);
            for (unsigned k = 0; k < CACHES; k++)
                EXPECT(cache_in_use(c[k]) == in_use[k], "cache %u: %u in use, the model has %u", k,
                       cache_in_use(c[k]), in_use[k]);
        }
    }
    EXPECT(!kt->hosted || refused > 0, "memory never ran out");
    while (n) {
        n--;
        cache_free(c[held[n].cache], held[n].obj);
    }
    for (unsigned i = 0; i < CACHES; i++)
        unmake(kt, c[i]);
    kt_release(held);
    kt_pool_done(kt, p);
}

TEST(slab, random_against_model)
{
    random_use(kt, 0, kt_rounds(kt, 1000000));
}

TEST(slab, random_against_model_no_magazine)
{
    random_use(kt, CACHE_NO_MAGAZINE | CACHE_OFF_SLAB, kt_rounds(kt, 300000));
}

TEST(slab, random_against_model_debug)
{
    random_use(kt, CACHE_DEBUG, kt_rounds(kt, 100000));
}

/* --- the checker --- */

#define BREAK(lvalue, value, id) KT_BREAK(cache_verify(c), id, lvalue, value)

TEST(slab, verify_finds_corruption)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct cache *c = p ? make(kt, p, 64, 0, NULL, 0) : NULL;
    void *obj[150];

    if (!c)
        return;
    for (unsigned i = 0; i < 150; i++)
        REQUIRE((obj[i] = cache_alloc(c)), "object %u", i);
    for (unsigned i = 0; i < 75; i++)
        cache_free(c, obj[i]);
    REQUIRE(c->slabs_full && c->slabs_partial && c->full && c->previous->rounds && c->loaded->rounds,
            "one of each");
    struct slab *full = c->slabs_full, *part = c->slabs_partial;

    BREAK(c->slab_count, c->slab_count + 1, "INV-SLAB-1");
    BREAK(c->empty_slabs, 7, "INV-SLAB-1");
    BREAK(full->cache, NULL, "INV-SLAB-1");
    BREAK(full->in_use, (uint16_t)(full->in_use - 1), "INV-SLAB-1");
    BREAK(c->slabs_full, part, "INV-SLAB-1");
    BREAK(pfn_frame(p, full->pfn)->owner, part, "INV-SLAB-2");
    BREAK(pfn_frame(p, full->pfn)->index, 1, "INV-SLAB-2");
    BREAK(pfn_frame(p, full->pfn)->use, FRAME_KERNEL, "INV-SLAB-2");
    BREAK(part->link[part->free], part->free, "INV-SLAB-3");
    BREAK(part->free, 5000, "INV-SLAB-3");
    BREAK(part->link[0], SLAB_END, "INV-SLAB-3");
    BREAK(c->live, c->live + 1, "INV-SLAB-4");
    BREAK(c->previous->rounds, (uint16_t)(c->previous->rounds - 1), "INV-SLAB-5");
    BREAK(c->loaded->rounds, (uint16_t)(c->loaded->size + 1), "INV-SLAB-5");
    BREAK(c->full->rounds, 1, "INV-SLAB-5");
    BREAK(c->full_count, 0, "INV-SLAB-5");
    BREAK(c->loaded->obj[0], &c, "INV-SLAB-6");
    BREAK(c->loaded->obj[0], c->loaded->obj[1], "INV-SLAB-6");
    BREAK(c->loaded->obj[0], (uint8_t *)c->loaded->obj[0] + 4, "INV-SLAB-6");
    BREAK(full->base, full->base + 1, "INV-SLAB-9");

    for (unsigned i = 75; i < 150; i++)
        cache_free(c, obj[i]);
    unmake(kt, c);
    kt_pool_done(kt, p);
}
