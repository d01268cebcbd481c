/* kmalloc over a pool of its own, and the machine's where there is one. */
#include "mm/slab.h"
#include "tests/kt.h"

static struct kmalloc_system *make(struct kt *kt, struct frame_pool *p)
{
    struct kmalloc_system *k = p ? kt_alloc(sizeof *k) : NULL;

    if (!k)
        kt_skip(kt, "no memory");
    else
        kmalloc_init(k, p);
    return k;
}

static void unmake(struct kt *kt, struct kmalloc_system *k)
{
    EXPECT(slab_verify_all(k->pool) && kmalloc_verify(k), "before the end");
    EXPECT(kmalloc_fini(k) == 0, "leaks");
    kt_release(k);
}

TEST(kmalloc, classes)
{
    static const uint32_t sizes[KMALLOC_CLASSES] = {8,   16,  32,  48,  64,   96,   128,  192,
                                                    256, 384, 512, 768, 1024, 1536, 2048, 4096};
    struct frame_pool *p = kt_pool(kt, 128, 0);
    struct kmalloc_system *k = make(kt, p);

    if (!k)
        return;
    for (size_t size = 1; size <= KMALLOC_MAX_CLASS; size++) {
        unsigned class = 0;

        while (sizes[class] < size)
            class ++;
        EXPECT(kmalloc_class(size) == class, "size %u is in class %u", (unsigned)size, kmalloc_class(size));
        EXPECT(k->cls[class].size == sizes[class], "class %u has size %u", class, k->cls[class].size);
        void *obj = kmalloc_from(k, size);

        REQUIRE(obj, "size %u", (unsigned)size);
        EXPECT(kmalloc_usable(k, obj) == sizes[class], "size %u: %u usable", (unsigned)size,
               (unsigned)kmalloc_usable(k, obj));
        kfree_to(k, obj);
    }
    unmake(kt, k);
    kt_pool_done(kt, p);
}

/* Several slabs of each size, for they have different colours. */
TEST(kmalloc, alignment)
{
    enum { OBJECTS = 300 };
    struct frame_pool *p = kt_pool(kt, 128, 0);
    struct kmalloc_system *k = make(kt, p);
    void **obj = kt_alloc(OBJECTS * sizeof *obj);

    if (!k || !obj)
        return;
    for (size_t size = 1; size <= 8 * PAGE_SIZE; size = size * 3 / 2 + 1) {
        for (unsigned pass = 0; pass < 2; pass++) {
            size_t n = size, align = 8;
            unsigned got = 0;

            if (pass) { /* the next power of two */
                while (n & (n - 1))
                    n += n & -n;
                align = n < 8 ? 8 : n > PAGE_SIZE ? PAGE_SIZE : n;
            }
            while (got < OBJECTS && got * n < 24 * PAGE_SIZE && (obj[got] = kmalloc_from(k, n))) {
                EXPECT(((uintptr_t)obj[got] & (align - 1)) == 0, "%u bytes at %p", (unsigned)n, obj[got]);
                got++;
            }
            while (got)
                kfree_to(k, obj[--got]);
        }
    }
    kt_release(obj);
    unmake(kt, k);
    kt_pool_done(kt, p);
}

TEST(kmalloc, large_blocks)
{
    struct frame_pool *p = kt_pool(kt, 256, 0);
    struct kmalloc_system *k = make(kt, p);

    if (!k)
        return;
    uint32_t before = frame_free_count(p);

    for (size_t size = 4097; size <= 64 << 10;
         size = size & (size - 1) ? size * 2 & -(PAGE_SIZE * 2) : size + 1) {
        uint8_t *obj = kmalloc_from(k, size);

        if (!obj)
            continue; /* a small machine */
        uint32_t frames = before - frame_free_count(p);

        EXPECT(frames << PAGE_SHIFT >= size && (frames << PAGE_SHIFT) / 2 < size, "%u bytes in %u frames",
               (unsigned)size, frames);
        EXPECT(kmalloc_usable(k, obj) == frames << PAGE_SHIFT, "%u usable", (unsigned)kmalloc_usable(k, obj));
        EXPECT(p->used[FRAME_SLAB] == frames, "%u frames of slabs", p->used[FRAME_SLAB]);
        memset(obj, 0x5a, size);
        EXPECT(frame_audit(p), "with a large block out");
        kfree_to(k, obj);
        EXPECT(frame_free_count(p) == before, "%u frames are missing", before - frame_free_count(p));
    }
    EXPECT(!kmalloc_from(k, (4u << 20) + 1), "beyond the largest block");
    EXPECT(!kmalloc_from(k, (size_t)-1) && !kmalloc_from(k, (size_t)-4096), "sizes that wrap");
    unmake(kt, k);
    kt_pool_done(kt, p);
}

TEST(kmalloc, verify_finds_corruption)
{
    struct frame_pool *p = kt_pool(kt, 128, 0);
    struct kmalloc_system *k = make(kt, p);

    if (!k)
        return;
    void *block = kmalloc_from(k, 3 * PAGE_SIZE);

    REQUIRE(block, "no memory");
    struct frame *f = pfn_frame(p, ptr_pfn(p, block));

    EXPECT(kmalloc_verify(k), "sound");
    kt_capture_begin();
    f[2].index = 4;
    EXPECT(!kmalloc_verify(k) && kt_captured("broken INV-KMALLOC-1"), "a page that is not in its block");
    f[2].index = 2;
    kt_capture_end();
    kfree_to(k, block);
    unmake(kt, k);
    kt_pool_done(kt, p);
}

TEST(kmalloc, nothing)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct kmalloc_system *k = make(kt, p);

    if (!k)
        return;
    EXPECT(kmalloc_from(k, 0) == NULL, "size 0");
    kfree_to(k, NULL);
    frame_fail_after(p, 1);
    EXPECT(!kmalloc_from(k, 10) && !kmalloc_from(k, 600) && !kmalloc_from(k, 10000), "no frame");
    frame_fail_after(p, 0);
    unmake(kt, k);
    kt_pool_done(kt, p);
}

TEST(kmalloc, leaks_are_counted)
{
    struct frame_pool *p = kt_pool(kt, 64, 0);
    struct kmalloc_system *k = make(kt, p);

    if (!k)
        return;
    void *a = kmalloc_from(k, 64), *b = kmalloc_from(k, 100);

    REQUIRE(a && b, "no memory");
    kt_capture_begin();
    EXPECT(slab_leak_report(p) == 2, "two");
    EXPECT(kt_captured("kmalloc-64: 1 objects") && kt_captured("kmalloc-128: 1 objects"), "by class");
    kt_capture_end();
    kfree_to(k, a);
    kfree_to(k, b);
    unmake(kt, k);
    kt_pool_done(kt, p);
}

/* Who allocated is told by the caller's address, through all the layers. */
static __attribute__((noinline)) void *allocate_here(struct kmalloc_system *k)
{
    void *p = kmalloc_from(k, 40);

    __asm__ volatile("" ::: "memory"); /* no tail call */
    return p;
}

TEST(kmalloc, debug_names_the_allocator)
{
    struct frame_pool *p = kt_pool(kt, 128, 0);
    uint32_t saved = slab_default_flags;
    uintptr_t here = (uintptr_t)allocate_here;
    bool found = false;

    if (!p)
        return;
    slab_default_flags = CACHE_DEBUG;
    struct kmalloc_system *k = make(kt, p);
    slab_default_flags = saved;
    if (!k)
        return;
    uint8_t *obj = allocate_here(k);

    REQUIRE(obj, "no memory");
    /* The track lies behind the object and its red zone: the address is a word there, as told in slab.c. */
    for (size_t i = 0; i < 48; i += sizeof(void *)) {
        uintptr_t word;

        memcpy(&word, obj + 48 + i, sizeof word);
        found |= word > here && word < here + 256;
    }
    EXPECT(found, "no return address into %p", (void *)here);
    kfree_to(k, obj);
    unmake(kt, k);
    kt_pool_done(kt, p);
}

/* --- random use against a model that owns a pattern in every object --- */

struct held {
    uint8_t *obj;
    uint32_t size;
    uint8_t pattern;
};

static uint32_t random_size(struct kt *kt)
{
    switch (kt_below(kt, 16)) {
    case 0:
        return 1 + kt_below(kt, 20000);
    case 1:
    case 2:
        return 1 + kt_below(kt, 4096);
    default:
        return 1 + kt_below(kt, 200);
    }
}

static void random_use(struct kt *kt, uint32_t flags, uint32_t rounds)
{
    enum { HELD = 500 };
    struct frame_pool *p = kt_pool(kt, 96, 0);
    struct held *held = kt_alloc(HELD * sizeof *held);
    uint32_t saved = slab_default_flags, n = 0, refused = 0;

    slab_default_flags = flags;
    struct kmalloc_system *k = make(kt, p);
    slab_default_flags = saved;
    if (!k || !held)
        return;
    for (uint32_t i = 0; i < rounds && kt->failures < 10; i++) {
        uint32_t grow = i / 4096 & 1 ? 30 : 70;

        if (n < HELD && kt_below(kt, 100) < grow) {
            struct held *h = &held[n];

            h->size = random_size(kt);
            h->pattern = (uint8_t)kt_random(kt);
            h->obj = kmalloc_from(k, h->size);
            if (!h->obj) {
                refused++;
                if (kt_below(kt, 4) == 0)
                    slab_reap_all(p);
                continue;
            }
            EXPECT(kmalloc_usable(k, h->obj) >= h->size, "%u usable", (unsigned)kmalloc_usable(k, h->obj));
            h->obj[0] = h->obj[h->size - 1] = h->obj[h->size / 2] = h->pattern;
            n++;
        } else if (n) {
            uint32_t j = kt_below(kt, n);
            struct held h = held[j];

            EXPECT(h.obj[0] == h.pattern && h.obj[h.size - 1] == h.pattern && h.obj[h.size / 2] == h.pattern,
                   "%u bytes at %p were overwritten", h.size, (void *)h.obj);
            kfree_to(k, h.obj);
            held[j] = held[--n];
        }
        if (i % 16384 == 0) {
            EXPECT(slab_verify_all(p), "round %u", i);
            EXPECT(frame_audit(p), "round %u", i);
        }
    }
    EXPECT(!kt->hosted || refused > 0, "memory never ran out");
    while (n)
        kfree_to(k, held[--n].obj);
    unmake(kt, k);
    kt_release(held);
    kt_pool_done(kt, p);
}

TEST(kmalloc, random_against_model)
{
    random_use(kt, 0, kt_rounds(kt, 1000000));
}

TEST(kmalloc, random_against_model_debug)
{
    random_use(kt, CACHE_DEBUG, kt_rounds(kt, 100000));
}

/* Each allocation of a mixed lot fails once; what was got before goes back whole. */
TEST(kmalloc, fail_nth_frame)
{
    static const size_t sizes[] = {10, 100, 1000, 4096, 10000, 30, 600, 1500, 9000, 64};
    struct frame_pool *p = kt_pool(kt, 128, 0);

    if (!p)
        return;
    for (uint32_t n = 1; n < 60; n++) {
        struct kmalloc_system *k = make(kt, p);
        void *obj[ARRAY_LEN(sizes)];
        unsigned got = 0;

        if (!k)
            break;
        frame_fail_after(p, n);
        while (got < ARRAY_LEN(sizes) && (obj[got] = kmalloc_from(k, sizes[got])))
            got++;
        EXPECT(slab_verify_all(p) && frame_audit(p), "failing from %u", n);
        for (unsigned i = 0; i < got; i++)
            kfree_to(k, obj[i]);
        frame_fail_after(p, 0);
        unmake(kt, k);
        EXPECT(p->used[FRAME_SLAB] == 0, "failing from %u: %u frames lost", n, p->used[FRAME_SLAB]);
        if (got == ARRAY_LEN(sizes))
            break;
        EXPECT(n < 50, "it never succeeds");
    }
    kt_pool_done(kt, p);
}

/* The machine's own system, by the names that everybody uses. */
TEST(kmalloc, the_machines)
{
    struct frame_pool *p = NULL;
    bool own = !kmalloc_sys.pool;

    if (own) { /* the host has none */
        p = kt_pool(kt, 128, 0);
        if (!p)
            return;
        kmalloc_init(&kmalloc_sys, p);
    }
    uint8_t *a = kmalloc(64), *b = kmalloc(64 + (size_t)(kt_random(kt) & 1)), *c = kzalloc(3000),
            *d = kmalloc(0);

    EXPECT(a && b && c && !d, "%p %p %p %p", (void *)a, (void *)b, (void *)c, (void *)d);
    if (a && b && c) {
        EXPECT(a != b && kmalloc_usable(&kmalloc_sys, a) >= 64, "64 bytes");
        for (unsigned i = 0; i < 3000; i++)
            EXPECT(c[i] == 0, "byte %u", i);
        memset(c, 1, 3000);
    }
    kfree(a);
    kfree(b);
    kfree(c);
    kfree(NULL);
    if (own) {
        EXPECT(kmalloc_fini(&kmalloc_sys) == 0, "leaks");
        kmalloc_sys.pool = NULL;
        kt_pool_done(kt, p);
    }
}
