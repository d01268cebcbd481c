/*
 * Object caches and kmalloc. See slab.c for the theory (Bonwick 1994; Bonwick
 * and Adams 2001). Never sleeps, never reclaims; not to be used from interrupts.
 */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include "mm/frame.h"

struct slab;

enum {
    CACHE_DEBUG = 1 << 0,    /* red zones, poison, last allocator and freer; slower, larger */
    CACHE_OFF_SLAB = 1 << 1, /* force control outside the slab (large objects choose it themselves) */
    CACHE_NO_MAGAZINE = 1 << 2,
};

#define MAGAZINE_ROUNDS 30

struct magazine {
    struct magazine *next;
    uint32_t rounds;
    void *obj[MAGAZINE_ROUNDS];
};

/* The fields above the line are the fast path; the rest is slab.c's. */
struct cache {
    struct magazine *loaded; /* never NULL; a static empty one when there is no memory for magazines */
    uint32_t in_use_base;    /* see cache_in_use() */
    /* ---- */
    struct magazine *previous;
    struct magazine *full, *empty; /* depot */
    uint32_t full_count, empty_count;
    struct slab *slabs_full, *slabs_partial, *slabs_empty;
    uint32_t slab_count, empty_slabs;
    uint32_t live;   /* objects out of slabs: in use or in magazines */
    uint32_t size;   /* of the object as asked for */
    uint32_t stride; /* from object to object */
    uint32_t align;
    uint32_t per_slab;
    uint32_t order; /* of a slab's block of frames */
    uint32_t colour_next, colours, colour_step;
    uint32_t flags;
    void (*ctor)(void *obj);
    struct frame_pool *pool;
    const char *name;
    struct cache *next_cache; /* list of all caches of the pool's slab system */
    uint64_t allocs, frees, fails;
};

/* The debug default for caches made from now on: CACHE_DEBUG or 0 (boot parameter slab_debug). */
extern uint32_t slab_default_flags;

/*
 * Initialise a cache in memory that the caller owns. size 1..128 KiB, align a
 * power of two (0: pointer alignment), ctor may be NULL; it runs once when an object's
 * slab is made, and objects must be freed in constructed state. 0 or -EINVAL.
 */
int cache_init(struct cache *c, struct frame_pool *pool, const char *name, size_t size, size_t align,
               void (*ctor)(void *), uint32_t flags);
/* Give everything back. Logs a leak report and returns the number of leaked objects (their slabs stay). */
uint32_t cache_destroy(struct cache *c);

void *cache_alloc_slow(struct cache *c);
void cache_free_slow(struct cache *c, void *obj);

/* One object, constructed, or NULL. */
static inline void *cache_alloc(struct cache *c)
{
    struct magazine *m = c->loaded;

    if (likely(m->rounds > 0))
        return m->obj[--m->rounds];
    return cache_alloc_slow(c);
}

/* obj must come from this cache. Debug caches have no magazine, so they always take the slow path. */
static inline void cache_free(struct cache *c, void *obj)
{
    struct magazine *m = c->loaded;

    if (likely(m->rounds - 1u < MAGAZINE_ROUNDS - 1u)) /* neither empty (may be the static one) nor full */
        m->obj[m->rounds++] = obj;
    else
        cache_free_slow(c, obj);
}

/* Empty the magazines and give empty slabs back to the pool. Returns frames freed. */
uint32_t cache_reap(struct cache *c);
/* The same for every cache of a pool: a shrinker. */
uint32_t slab_reap_all(struct frame_pool *pool);
/* Objects handed out and not yet freed. */
uint32_t cache_in_use(const struct cache *c);
/* Check INV-SLAB-*; reads only; logs what is broken. */
bool cache_verify(const struct cache *c);
bool slab_verify_all(struct frame_pool *pool);
/* Visit every cache of a pool. */
void slab_each(struct frame_pool *pool, void (*fn)(struct cache *, void *), void *arg);
/* Log objects in use by cache; for debug caches with who allocated them. Returns their number. */
uint32_t slab_leak_report(struct frame_pool *pool);

/* --- kmalloc: size classes on top. One system, set up once over the machine's pool (a test may set up its
 * own). --- */

#define KMALLOC_CLASSES   16
#define KMALLOC_MAX_CLASS 4096u /* larger requests take a block of frames, up to 4 MiB */

struct kmalloc_system {
    struct frame_pool *pool;
    struct cache cls[KMALLOC_CLASSES];
    uint8_t by_size[KMALLOC_MAX_CLASS / 8 + 1]; /* class of (size + 7) / 8 */
};

extern struct kmalloc_system kmalloc_sys;

void kmalloc_init(struct kmalloc_system *k, struct frame_pool *pool);
/* Uninitialised memory, aligned to 8 bytes at least and to the size for powers of two up to a page. NULL when
 * there is none or size is 0. */
void *kmalloc_from(struct kmalloc_system *k, size_t size);
void kfree_to(struct kmalloc_system *k, void *p); /* NULL is fine */
size_t kmalloc_usable(struct kmalloc_system *k, const void *p);

void *kmalloc(size_t size);
void *kzalloc(size_t size);
void kfree(void *p);

#endif
