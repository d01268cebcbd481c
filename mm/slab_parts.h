/*
 * What slab.c and slab_debug.c share.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant
 */
#ifndef MM_SLAB_PARTS_H
#define MM_SLAB_PARTS_H

#include "mm/slab.h"

/* Of the red zone before an object; the one behind it may be larger. */
#define SLAB_RED_SIZE 8u

/* Full for a free and empty for an allocation, so neither fast path needs to know that there is no magazine.
 */
extern struct magazine slab_no_magazine; /* (c) */

static inline size_t slab_round_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

static inline size_t slab_bytes(const struct cache *c)
{
    return PAGE_SIZE << c->order;
}

static inline struct cache *slab_caches(const struct frame_pool *pool)
{
    return pool->caches;
}

static inline void *slab_object_at(const struct slab *s, uint32_t i)
{
    return s->base + (size_t)i * s->cache->stride;
}

/* The slab of an address, NULL when it is not in one. */
static inline struct slab *slab_of(const struct frame_pool *pool, const void *obj)
{
    const uint8_t *p = obj;

    if (p < (uint8_t *)frame_ptr(pool, pool->start) || p >= (uint8_t *)frame_ptr(pool, pool->low_end))
        return NULL;
    const struct frame *f = pfn_frame(pool, ptr_pfn(pool, obj));
    return f->use == FRAME_SLAB ? f->owner : NULL;
}

/* Index of the object at an address of the slab; false when none starts there. */
static inline bool slab_object_index(const struct slab *s, const void *obj, uint32_t *i)
{
    size_t offset = (size_t)((const uint8_t *)obj - s->base);

    *i = (uint32_t)(offset / s->cache->stride);
    return (const uint8_t *)obj >= s->base && *i < s->cache->per_slab && offset % s->cache->stride == 0;
}

/* Bytes that an object of a debug cache takes, red zones and tracking included, before alignment. */
size_t slab_debug_stride(size_t size);
/* Prepare an object of a new slab, which is free. */
void slab_debug_new(const struct cache *c, void *obj);
/* An object leaves its slab, and comes back. who: return address to note. Panics when it was damaged. */
void slab_debug_alloc(const struct cache *c, void *obj, void *who);
void slab_debug_free(const struct cache *c, void *obj, void *who);
/* Panic if obj cannot be freed to the cache. */
void slab_debug_check(const struct cache *c, void *obj, void *who);
/* Log what is in use, and in a debug cache where each came from. Returns how many objects. */
uint32_t slab_report_leaks(const struct cache *c);

#endif
