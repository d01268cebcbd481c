/*
 * Object caches: finding mistakes, of their users and of slab.c.
 *
 * Debug caches (CACHE_DEBUG) have no magazines. Each object looks like this, at a distance of `stride`:
 *
 *   red zone (8) | object (size) | red zone (8 to 15) | struct track | gap up to the alignment
 *
 * The object is filled with 0xbaddcafe when allocated and 0xdeadbeef when free, and the red zones with
 * 0xfeedface, so that a dump explains itself. A cache with a constructor cannot have its free objects
 * overwritten; they get a checksum instead, which serves the same check. An allocation looks at the
 * object that it takes, a free at its red zones, and cache_verify() at everything.
 *
 * Data: what lies around the objects of debug caches; everything else is slab.c's, and only read.
 *
 * Locking: as slab.c.
 *
 * Invariants, checked by cache_verify():
 *   INV-SLAB-1  each slab is in the list that its in_use says and names its cache; slab_count and
 *               empty_slabs count them
 *   INV-SLAB-2  each frame of a slab has use SLAB, the slab as owner and its place in the block as index
 *   INV-SLAB-3  the free list of a slab visits per_slab - in_use objects, each once; all others are
 *               SLAB_OUT
 *   INV-SLAB-4  live is the sum of in_use
 *   INV-SLAB-5  no magazine holds more than its size; previous and those in the depot are full or empty;
 *               the depot has as many as it says
 *   INV-SLAB-6  each object in a magazine belongs to the cache and is out of its slab, and no magazine
 *               has it twice
 *   INV-SLAB-7  (debug) the red zones of all objects are whole
 *   INV-SLAB-8  (debug) no free object was written to
 *   INV-SLAB-9  objects lie inside their slab and are aligned
 *
 * Failure: a double free, a free to the wrong cache, an overrun and a write after a free panic in a debug
 * cache, with who allocated and freed the object last. The verify functions log and return false.
 */
#include "mm/slab_parts.h"

#define RED_ZONE    0xfeedfaceu
#define POISON_FREE 0xdeadbeefu
#define POISON_NEW  0xbaddcafeu

struct track {
    void *allocated_by, *freed_by; /* return addresses */
    uint32_t sum;                  /* of a free object of a cache with a constructor */
};

static struct track *track_of(const struct cache *c, void *obj)
{
    return (struct track *)((uint8_t *)obj + slab_round_up(c->size, SLAB_RED_SIZE) + SLAB_RED_SIZE);
}

static void fill(void *p, size_t n, uint32_t pattern)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)(pattern >> 8 * (i & 3));
}

static bool filled(const void *p, size_t n, uint32_t pattern)
{
    for (size_t i = 0; i < n; i++)
        if (((const uint8_t *)p)[i] != (uint8_t)(pattern >> 8 * (i & 3)))
            return false;
    return true;
}

/* FNV-1a */
static uint32_t checksum(const void *p, size_t n)
{
    uint32_t sum = 2166136261u;

    for (size_t i = 0; i < n; i++)
        sum = (sum ^ ((const uint8_t *)p)[i]) * 16777619u;
    return sum;
}

static size_t red_after(const struct cache *c)
{
    return slab_round_up(c->size, SLAB_RED_SIZE) + SLAB_RED_SIZE - c->size;
}

static const char *red_zone_fault(const struct cache *c, const uint8_t *obj)
{
    if (!filled(obj - SLAB_RED_SIZE, SLAB_RED_SIZE, RED_ZONE))
        return "was written to before its start";
    if (!filled(obj + c->size, red_after(c), RED_ZONE))
        return "was written to beyond its end";
    return NULL;
}

static const char *free_fault(const struct cache *c, void *obj)
{
    bool whole =
        c->ctor ? checksum(obj, c->size) == track_of(c, obj)->sum : filled(obj, c->size, POISON_FREE);

    return whole ? NULL : "was written to after it was freed";
}

/* Mark an object that is (again) free. */
static void seal(const struct cache *c, void *obj)
{
    if (c->ctor)
        track_of(c, obj)->sum = checksum(obj, c->size);
    else
        fill(obj, c->size, POISON_FREE);
}

size_t slab_debug_stride(size_t size)
{
    return slab_round_up(size, SLAB_RED_SIZE) + SLAB_RED_SIZE + sizeof(struct track) + SLAB_RED_SIZE;
}

void slab_debug_new(const struct cache *c, void *obj)
{
    fill((uint8_t *)obj - SLAB_RED_SIZE, SLAB_RED_SIZE, RED_ZONE);
    fill((uint8_t *)obj + c->size, red_after(c), RED_ZONE);
    *track_of(c, obj) = (struct track){0};
    seal(c, obj);
}

static _Noreturn void damaged(const struct cache *c, void *obj, const char *what, void *who)
{
    const struct slab *s = slab_of(c->pool, obj);

    if (s && (s->cache->flags & CACHE_DEBUG) && (uint8_t *)obj >= s->base) {
        const struct cache *owner = s->cache;
        uint32_t i = (uint32_t)((size_t)((uint8_t *)obj - s->base) / owner->stride);

        if (i < owner->per_slab)
            os_log("slab: object %p of cache %s, last allocated by %p, last freed by %p",
                   slab_object_at(s, i), owner->name, track_of(owner, slab_object_at(s, i))->allocated_by,
                   track_of(owner, slab_object_at(s, i))->freed_by);
    }
    os_panic(__FILE__, __LINE__, "cache %s: object %p %s; found at %p", c->name, obj, what, who);
}

void slab_debug_alloc(const struct cache *c, void *obj, void *who)
{
    const char *what = red_zone_fault(c, obj);

    if (!what)
        what = free_fault(c, obj);
    if (what)
        damaged(c, obj, what, who);
    if (!c->ctor)
        fill(obj, c->size, POISON_NEW);
    track_of(c, obj)->allocated_by = who;
}

void slab_debug_free(const struct cache *c, void *obj, void *who)
{
    seal(c, obj);
    track_of(c, obj)->freed_by = who;
}

void slab_debug_check(const struct cache *c, void *obj, void *who)
{
    const char *what = cache_check(c, obj);

    if (what)
        damaged(c, obj, what, who);
}

/* --- leaks --- */

uint32_t slab_report_leaks(const struct cache *c)
{
    uint32_t n = cache_in_use(c);

    if (!n)
        return 0;
    os_log("slab: cache %s: %u objects of %u bytes in use", c->name, n, c->size);
    if (!(c->flags & CACHE_DEBUG))
        return n;
    const struct slab *const lists[] = {c->slabs_full, c->slabs_partial};
    for (unsigned l = 0; l < ARRAY_LEN(lists); l++)
        for (const struct slab *s = lists[l]; s; s = s->next)
            for (uint32_t i = 0; i < c->per_slab; i++)
                if (s->link[i] == SLAB_OUT)
                    os_log("slab: cache %s: object %p allocated by %p", c->name, slab_object_at(s, i),
                           track_of(c, slab_object_at(s, i))->allocated_by);
    return n;
}

uint32_t slab_leak_report(struct frame_pool *pool)
{
    uint32_t n = 0;

    for (const struct cache *c = slab_caches(pool); c; c = c->next_cache)
        if (!(c->flags & CACHE_INTERNAL))
            n += slab_report_leaks(c);
    return n;
}

/* --- checks --- */

const char *cache_check(const struct cache *c, const void *obj)
{
    const struct slab *s = slab_of(c->pool, obj);
    uint32_t i;

    if (!s)
        return "is in no slab";
    if (s->cache != c)
        return "belongs to another cache";
    if (!slab_object_index(s, obj, &i))
        return "is not where an object starts";
    if (s->link[i] != SLAB_OUT)
        return "is free already";
    return c->flags & CACHE_DEBUG ? red_zone_fault(c, obj) : NULL;
}

static bool verify_frames(const struct cache *c, const struct slab *s)
{
    bool ok = true;
    const uint8_t *mem = frame_ptr(c->pool, s->pfn);

    for (uint32_t i = 0; i < 1u << c->order; i++) {
        const struct frame *f = pfn_frame(c->pool, s->pfn + i);

        INV("INV-SLAB-2", f->use == FRAME_SLAB && f->owner == s && f->index == i,
            "cache %s, frame %u: %s, owner %p, index %u; the slab is %p", c->name, s->pfn + i,
            frame_use_name(f->use), f->owner, f->index, (const void *)s);
    }
    INV("INV-SLAB-9",
        s->base >= mem && s->base + (size_t)c->per_slab * c->stride <= mem + slab_bytes(c) &&
            ((uintptr_t)s->base & (c->align - 1)) == 0,
        "cache %s, slab at frame %u: objects from %p", c->name, s->pfn, (const void *)s->base);
    return ok;
}

static bool verify_objects(const struct cache *c, const struct slab *s)
{
    bool ok = true;
    uint32_t out = 0, steps = 0;

    for (uint32_t i = s->free; i != SLAB_END && steps <= c->per_slab; steps++) {
        INV("INV-SLAB-3", i < c->per_slab, "cache %s, slab at frame %u: object %u of %u", c->name, s->pfn, i,
            c->per_slab);
        if (!ok)
            return false;
        i = s->link[i];
    }
    for (uint32_t i = 0; i < c->per_slab; i++)
        out += s->link[i] == SLAB_OUT;
    INV("INV-SLAB-3", steps == c->per_slab - s->in_use && out == s->in_use,
        "cache %s, slab at frame %u: %u free, %u out, in_use %u of %u", c->name, s->pfn, steps, out,
        s->in_use, c->per_slab);
    if (!(c->flags & CACHE_DEBUG))
        return ok;
    for (uint32_t i = 0; i < c->per_slab; i++) {
        void *obj = slab_object_at(s, i);
        const struct track *t = track_of(c, obj);
        const char *red = red_zone_fault(c, obj);
        const char *freed = s->link[i] == SLAB_OUT ? NULL : free_fault(c, obj);

        INV("INV-SLAB-7", !red, "cache %s, object %p %s; allocated by %p, freed by %p", c->name, obj, red,
            t->allocated_by, t->freed_by);
        INV("INV-SLAB-8", !freed, "cache %s, object %p %s; allocated by %p, freed by %p", c->name, obj, freed,
            t->allocated_by, t->freed_by);
    }
    return ok;
}

/* The slabs of one list, which must have `least` to `most` objects out. */
static bool verify_list(const struct cache *c, const struct slab *list, uint32_t least, uint32_t most,
                        uint32_t *slabs, uint32_t *live)
{
    bool ok = true;
    const struct slab *prev = NULL;

    for (const struct slab *s = list; s && *slabs <= c->slab_count; s = s->next) {
        ++*slabs;
        *live += s->in_use;
        INV("INV-SLAB-1", s->cache == c && s->prev == prev && s->in_use >= least && s->in_use <= most,
            "cache %s, slab at frame %u: cache %p, %u objects out, list is for %u to %u", c->name, s->pfn,
            (const void *)s->cache, s->in_use, least, most);
        if (!ok)
            return false;
        ok &= verify_frames(c, s);
        ok &= verify_objects(c, s);
        prev = s;
    }
    return ok;
}

static bool verify_magazine(const struct cache *c, const struct magazine *m)
{
    bool ok = true;

    INV("INV-SLAB-5", m->rounds <= m->size && (m == &slab_no_magazine || m->size == c->magazine_size),
        "cache %s: %u rounds, size %u of %u", c->name, m->rounds, m->size, c->magazine_size);
    if (!ok)
        return false;
    for (uint32_t i = 0; i < m->rounds; i++) {
        const char *what = cache_check(c, m->obj[i]);

        INV("INV-SLAB-6", !what, "cache %s: object %p in a magazine %s", c->name, m->obj[i], what);
        for (uint32_t j = 0; j < i; j++)
            INV("INV-SLAB-6", m->obj[i] != m->obj[j], "cache %s: object %p is in a magazine twice", c->name,
                m->obj[i]);
    }
    return ok;
}

static bool verify_depot(const struct cache *c, const struct magazine *list, uint32_t count, uint32_t rounds)
{
    bool ok = true;
    uint32_t n = 0;

    for (const struct magazine *m = list; m && n <= count; m = m->next, n++) {
        INV("INV-SLAB-5", m->rounds == rounds, "cache %s: %u rounds in the depot's list for %u", c->name,
            m->rounds, rounds);
        ok &= verify_magazine(c, m);
    }
    INV("INV-SLAB-5", n == count, "cache %s: %u or more magazines in the depot, count is %u", c->name, n,
        count);
    return ok;
}

bool cache_verify(const struct cache *c)
{
    bool ok = true;
    uint32_t slabs = 0, live = 0, empty = 0;
    const struct magazine *prev = c->previous;

    ok &= verify_list(c, c->slabs_full, c->per_slab, c->per_slab, &slabs, &live);
    ok &= verify_list(c, c->slabs_partial, 1, c->per_slab - 1, &slabs, &live);
    empty = slabs;
    ok &= verify_list(c, c->slabs_empty, 0, 0, &slabs, &live);
    empty = slabs - empty;
    if (!ok)
        return false;
    INV("INV-SLAB-1", slabs == c->slab_count && empty == c->empty_slabs,
        "cache %s: %u slabs, %u empty; counted %u and %u", c->name, c->slab_count, c->empty_slabs, slabs,
        empty);
    INV("INV-SLAB-4", live == c->live, "cache %s: live is %u, counted %u", c->name, c->live, live);
    INV("INV-SLAB-5", prev->rounds == 0 || prev->rounds == prev->size,
        "cache %s: %u of %u rounds in the previous magazine", c->name, prev->rounds, prev->size);
    ok &= verify_magazine(c, c->loaded);
    ok &= verify_magazine(c, c->previous);
    ok &= verify_depot(c, c->full, c->full_count, c->magazine_size);
    ok &= verify_depot(c, c->empty, c->empty_count, 0);
    return ok;
}

bool slab_verify_all(struct frame_pool *pool)
{
    bool ok = true;

    for (const struct cache *c = slab_caches(pool); c; c = c->next_cache)
        ok &= cache_verify(c);
    return ok;
}
