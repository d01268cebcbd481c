/*
 * Object caches and kmalloc. See slab.c for the theory (Bonwick 1994; Bonwick
 * and Adams 2001). Never sleeps, never reclaims; not to be used from interrupts.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include "mm/errno.h"
#include "mm/frame.h"

enum {
    CACHE_DEBUG = 1 << 0,    /* red zones, poison, last allocator and freer; slower, larger */
    CACHE_OFF_SLAB = 1 << 1, /* force control outside the slab (large objects choose it themselves) */
    CACHE_NO_MAGAZINE = 1 << 2,
    CACHE_INTERNAL = 1 << 3, /* one that slab.c needs itself */
};

#define MAGAZINE_ROUNDS 30

/* Constructed objects, ready to go. 128 bytes on the target. */
struct magazine {
    struct magazine *next;      /* (n) in the depot */
    uint16_t rounds;            /* (n) objects in it */
    uint16_t size;              /* (c) how many it takes; 0: the static one, both full and empty */
    void *obj[MAGAZINE_ROUNDS]; /* (n) */
};
_Static_assert(sizeof(void *) > 4 || sizeof(struct magazine) == 128, "kmalloc-like size without waste");

struct cache;

/* One block of frames cut into objects. The owner of each of its frames points here. */
struct slab {
    struct cache *cache;      /* (c) */
    struct slab *next, *prev; /* (n) in one of the cache's three lists */
    uint8_t *base;            /* (c) first object */
    pfn_t pfn;                /* (c) first frame */
    uint16_t in_use;          /* (n) objects that are out: in use or in magazines */
    uint16_t free;            /* (n) first free object, SLAB_END when there is none */
    uint16_t link[];          /* (n) of each object: the next free one, or SLAB_OUT */
};
#define SLAB_OUT 0xFFFFu
#define SLAB_END 0xFFFEu

/* The field above the line is the fast path's; the rest is slab.c's. */
struct cache {
    struct magazine *loaded; /* (n) never NULL; a static empty one when there is no memory for magazines */
    /* ---- */
    struct magazine *previous;                             /* (n) full or empty, never in between */
    struct magazine *full, *empty;                         /* (n) depot */
    uint32_t full_count, empty_count;                      /* (n) */
    struct slab *slabs_full, *slabs_partial, *slabs_empty; /* (n) */
    uint32_t slab_count, empty_slabs;                      /* (n) */
    uint32_t live;                 /* (n) objects out of slabs: in use or in magazines */
    uint32_t size;                 /* (c) of the object as asked for */
    uint32_t stride;               /* (c) from object to object */
    uint32_t align;                /* (c) */
    uint32_t front;                /* (c) from the start of the slab to its first object, without colour */
    uint32_t per_slab;             /* (c) */
    uint32_t order;                /* (c) of a slab's block of frames */
    uint32_t magazine_size;        /* (c) */
    uint32_t colour_next;          /* (n) of the next slab that is made */
    uint32_t colours, colour_step; /* (c) how many there are, and the bytes from one to the next */
    uint32_t flags;                /* (c) */
    void (*ctor)(void *obj);       /* (c) */
    struct frame_pool *pool;       /* (c) */
    const char *name;              /* (c) */
    struct cache *next_cache;      /* (n) list of all caches of the pool */
    uint64_t allocs, frees; /* (n) objects that left the slabs and came back; the magazines spare the rest */
    uint64_t fails;         /* (n) allocations that got NULL */
};

/* The debug default for caches made from now on: CACHE_DEBUG or 0 (boot parameter slab_debug). */
extern uint32_t slab_default_flags; /* (c) */

/*
 * Initialise a cache in memory that the caller owns. size 1..128 KiB, align a
 * power of two up to a page (0: pointer alignment), ctor may be NULL; it runs once when an object's
 * slab is made, and objects must be freed in constructed state. Takes no memory. 0 or -EINVAL.
 */
int cache_init(struct cache *c, struct frame_pool *pool, const char *name, size_t size, size_t align,
               void (*ctor)(void *), uint32_t flags);
/*
 * Give everything back. Objects still in use are leaks: they are reported, their number is returned, and
 * the cache stays as it is (without its free slabs), so that freeing them and destroying it again works. 0:
 * it is gone.
 */
uint32_t cache_destroy(struct cache *c);

void *cache_alloc_slow(struct cache *c);
/* who: the return address to note in a debug cache. */
void *cache_alloc_slow_for(struct cache *c, void *who);
void cache_free_slow(struct cache *c, void *obj);
void cache_free_slow_for(struct cache *c, void *obj, void *who);

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

    if (likely(m->rounds < m->size))
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
/*
 * What is wrong with freeing obj to c, or NULL when nothing is: not an object of a cache, another cache's,
 * inside an object, free already, and in debug caches overrun. In caches with magazines an object that is in
 * a magazine counts as in use. Reads only.
 */
const char *cache_check(const struct cache *c, const void *obj);
/* Check INV-SLAB-*; reads only; logs what is broken. */
bool cache_verify(const struct cache *c);
bool slab_verify_all(struct frame_pool *pool);
/* Visit every cache of a pool. fn may not create or destroy caches. */
void slab_each(struct frame_pool *pool, void (*fn)(struct cache *, void *), void *arg);
/* Log objects in use by cache; for debug caches with who allocated them. Returns their number. Internal
 * caches are not counted. */
uint32_t slab_leak_report(struct frame_pool *pool);

/* --- kmalloc: size classes on top. One system, set up once over the machine's pool (a test may set up
 * another). --- */

#define KMALLOC_CLASSES   16
#define KMALLOC_MAX_CLASS 4096u /* larger requests take a block of frames, up to 4 MiB */

struct kmalloc_system {
    struct frame_pool *pool;                    /* (c) */
    struct cache cls[KMALLOC_CLASSES];          /* (n) */
    uint8_t by_size[KMALLOC_MAX_CLASS / 8 + 1]; /* (c) class of (size + 7) / 8 */
};

extern struct kmalloc_system kmalloc_sys; /* (n) */

void kmalloc_init(struct kmalloc_system *k, struct frame_pool *pool);
/* Give everything back; what is in use is reported and counted as by cache_destroy(). Large blocks are not
 * counted. */
uint32_t kmalloc_fini(struct kmalloc_system *k);
/* Uninitialised memory, aligned to 8 bytes at least and to the size for powers of two up to a page. NULL when
 * there is none or size is 0. */
void *kmalloc_from(struct kmalloc_system *k, size_t size);
void kfree_to(struct kmalloc_system *k, void *p); /* NULL is fine */
/* Check INV-KMALLOC-1; reads only; logs what is broken. Looks at every low frame of the pool. */
bool kmalloc_verify(const struct kmalloc_system *k);
/* How many bytes at p may be used: at least what was asked for. */
size_t kmalloc_usable(struct kmalloc_system *k, const void *p);

void *kmalloc_any(size_t size);
void *kzalloc(size_t size);
void kfree(void *p);

/* The class of a size from 1 to KMALLOC_MAX_CLASS: 8, 16, 32, then two for each power of two, 48 to 2048,
 * then 4096. Folds for a constant. */
static inline unsigned kmalloc_class(size_t size)
{
    if (size <= 32)
        return size <= 8 ? 0 : size <= 16 ? 1 : 2;

    unsigned n = (unsigned)size - 1;
    unsigned bit = 31 - (unsigned)__builtin_clz(n);
    unsigned class = 2 * bit - 7 + (n >> (bit - 1) & 1);

    return class < KMALLOC_CLASSES ? class : KMALLOC_CLASSES - 1;
}

static inline void *kmalloc(size_t size)
{
    if (__builtin_constant_p(size) && size > 0 && size <= KMALLOC_MAX_CLASS)
        return cache_alloc(&kmalloc_sys.cls[kmalloc_class(size)]);
    return kmalloc_any(size);
}

#endif
