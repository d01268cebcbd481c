/*
 * kmalloc: memory by size, on top of object caches.
 *
 * Purpose: memory of any size for those who have no cache for it.
 *
 * Up to a page a size is rounded up to one of 16 classes, each a cache: powers of two and the value
 * half-way between two of them, so that mostly no more than a third is lost. Larger sizes get a block of
 * frames: use FRAME_SLAB like slabs, but owner NULL, and the order in the head. That tells kfree() what
 * it has.
 *
 * Data: struct kmalloc_system; kmalloc_sys is the machine's. Locking: as slab.c.
 *
 * Invariants are those of the caches, and
 *   INV-KMALLOC-1  a frame with use SLAB and no owner belongs to a large block (or is slab.c's); its
 *                  index is its place in the block. Checked by kmalloc_verify(); kfree() asserts that it
 *                  was given the start of one.
 *
 * Failure: NULL when the pool has no frame, or no block of the size. Sizes beyond 4 MiB always fail.
 */
#include "mm/slab.h"

struct kmalloc_system kmalloc_sys;

static const struct {
    const char *name;
    uint32_t size;
} classes[KMALLOC_CLASSES] = {
    {"kmalloc-8", 8},       {"kmalloc-16", 16},     {"kmalloc-32", 32},     {"kmalloc-48", 48},
    {"kmalloc-64", 64},     {"kmalloc-96", 96},     {"kmalloc-128", 128},   {"kmalloc-192", 192},
    {"kmalloc-256", 256},   {"kmalloc-384", 384},   {"kmalloc-512", 512},   {"kmalloc-768", 768},
    {"kmalloc-1024", 1024}, {"kmalloc-1536", 1536}, {"kmalloc-2048", 2048}, {"kmalloc-4096", 4096},
};

void kmalloc_init(struct kmalloc_system *k, struct frame_pool *pool)
{
    k->pool = pool;
    for (unsigned i = 0; i < KMALLOC_CLASSES; i++) {
        uint32_t size = classes[i].size;
        /* The alignment is the largest power of two in the size, which is the size itself for a power of
         * two. */
        int err = cache_init(&k->cls[i], pool, classes[i].name, size, size & -size, NULL, 0);

        mm_assert(err == 0, "class of %u: %d", size, err);
    }
    for (size_t size = 8; size <= KMALLOC_MAX_CLASS; size += 8)
        k->by_size[size / 8] = (uint8_t)kmalloc_class(size);
}

uint32_t kmalloc_fini(struct kmalloc_system *k)
{
    uint32_t leaked = 0;

    for (unsigned i = 0; i < KMALLOC_CLASSES; i++)
        leaked += cache_destroy(&k->cls[i]);
    return leaked;
}

/* Out of line, so that the fast paths need few registers. */
static __attribute__((noinline)) void *alloc_large(struct frame_pool *pool, size_t size)
{
    unsigned order = 0;

    if (size == 0 || frame_kernel_full(pool))
        return NULL;
    while (order < BUDDY_ORDERS && PAGE_SIZE << order < size)
        order++;

    struct frame *head = frame_alloc_block(pool, order, FRAME_SLAB, FRAME_LOW_ONLY);

    if (!head)
        return NULL;
    for (uint32_t i = 0; i < 1u << order; i++)
        head[i].index = i;
    return frame_ptr(pool, frame_pfn(pool, head));
}

static inline void *alloc_for(struct kmalloc_system *k, size_t size, void *who)
{
    if (unlikely(size - 1 >= KMALLOC_MAX_CLASS))
        return alloc_large(k->pool, size);

    struct cache *c = &k->cls[k->by_size[(size + 7) / 8]];
    struct magazine *m = c->loaded;

    if (likely(m->rounds > 0))
        return m->obj[--m->rounds];
    return cache_alloc_slow_for(c, who);
}

static struct frame *frame_of(const struct kmalloc_system *k, const void *p)
{
    return pfn_frame(k->pool, ptr_pfn(k->pool, p));
}

/* Anything that is not an object of a cache: a large block, or a mistake. */
static void check_large(const struct kmalloc_system *k, const void *p)
{
    const struct frame *f = frame_of(k, p);

    mm_assert(f->use == FRAME_SLAB && !f->owner && f->index == 0 && ((uintptr_t)p & PAGE_MASK) == 0,
              "INV-KMALLOC-1: %p in frame %u: %s, owner %p, page %u of its block", p, frame_pfn(k->pool, f),
              frame_use_name(f->use), f->owner, f->index);
}

static __attribute__((noinline)) void free_large(struct kmalloc_system *k, void *p)
{
    check_large(k, p);
    frame_free_block(k->pool, frame_of(k, p));
}

static inline void free_for(struct kmalloc_system *k, void *p, void *who)
{
    if (unlikely(!p))
        return;

    const struct frame *f = frame_of(k, p);

    if (unlikely(f->use != FRAME_SLAB || !f->owner)) {
        free_large(k, p);
        return;
    }
    struct cache *c = ((struct slab *)f->owner)->cache;
    struct magazine *m = c->loaded;

    if (likely(m->rounds < m->size))
        m->obj[m->rounds++] = p;
    else
        cache_free_slow_for(c, p, who);
}

void *kmalloc_from(struct kmalloc_system *k, size_t size)
{
    return alloc_for(k, size, __builtin_return_address(0));
}

void kfree_to(struct kmalloc_system *k, void *p)
{
    free_for(k, p, __builtin_return_address(0));
}

size_t kmalloc_usable(struct kmalloc_system *k, const void *p)
{
    const struct frame *f = frame_of(k, p);
    const struct slab *s = f->owner;

    if (f->use == FRAME_SLAB && s)
        return s->cache->size;
    check_large(k, p);
    return PAGE_SIZE << f->order;
}

bool kmalloc_verify(const struct kmalloc_system *k)
{
    const struct frame_pool *p = k->pool;
    bool ok = true;

    for (pfn_t pfn = p->start; pfn < p->low_end; pfn++) {
        const struct frame *f = pfn_frame(p, pfn);

        if (f->use != FRAME_SLAB || f->owner)
            continue;

        bool inside = f->index <= pfn - p->start;
        const struct frame *head = inside ? f - f->index : f;

        INV("INV-KMALLOC-1",
            inside && head->use == FRAME_SLAB && !head->owner && head->index == 0 &&
                f->index >> head->order == 0,
            "frame %u: page %u of a block whose head is %s, order %u", pfn, f->index,
            frame_use_name(head->use), head->order);
    }
    return ok;
}

void *kmalloc_any(size_t size)
{
    return alloc_for(&kmalloc_sys, size, __builtin_return_address(0));
}

void *kzalloc(size_t size)
{
    void *p = alloc_for(&kmalloc_sys, size, __builtin_return_address(0));

    if (p)
        memset(p, 0, size);
    return p;
}

void kfree(void *p)
{
    free_for(&kmalloc_sys, p, __builtin_return_address(0));
}
