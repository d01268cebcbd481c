/*
 * Object caches.
 *
 * Purpose: kernel objects of one kind, constructed once and used many times, in constant time and with
 * little waste; memory that goes back when it is asked for.
 *
 * Three layers (Bonwick, "The Slab Allocator", 1994; Bonwick and Adams, "Magazines and Vmem", 2001):
 *
 *   magazines  A cache has two, loaded and previous; an allocation pops a pointer from the loaded one, a
 *              free pushes one. With two, an alternation at the border of one does not reach the depot,
 *              which holds full magazines (at most DEPOT_MAX) and empty ones.
 *   slabs      A block of low frames cut into objects, with a struct slab as control. An array of indices
 *              beside the control tells which objects are free, not links in the objects, so that free
 *              objects stay constructed. The control is at the end of the block, or, when objects take an
 *              eighth of a page or more, an object of an internal cache: else a power of two would not
 *              fit its page. The first object starts at a colour that differs from slab to slab, so that
 *              equal fields of objects do not all compete for the same cache lines.
 *   frames     From the pool, use FRAME_SLAB, owner = the slab: the cache of any object is found from its
 *              address.
 *
 * Data: caches of a pool are linked from pool->caches. What this file itself needs (magazines, and
 * controls of two sizes) are caches as well, at the end of that list, made in a frame of their own
 * (pool->slab_internal) when first needed and gone with the last cache of the pool. The internal caches
 * have no magazines and the small controls are on their slabs, so the recursion ends.
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
 * Locking: each function is one nosleep section (a spin lock per cache on a multiprocessor, magazines per
 * processor). Constructors must not sleep. Not from interrupts.
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
 * Failure: NULL when the pool has no frame. Without memory for a magazine a cache works without. A double
 * free, a free to the wrong cache, an overrun and a write after a free panic in a debug cache; in others,
 * a double free panics when the object goes back to its slab.
 */
#include "mm/slab.h"

/* A magazine holds at most this many bytes of objects: caches of large ones get small magazines or none. */
#define MAGAZINE_BYTES 8192u
/* Full magazines in the depot. With 8, a burst of 300 objects is served twice without the slabs. */
#define DEPOT_MAX 8u
/* Empty slabs that a cache keeps without being asked: one in use at the border and one in reserve. */
#define EMPTY_MAX 2u

/* Objects from this size (with what debug adds) on have their control elsewhere. */
#define OFF_SLAB_SIZE (PAGE_SIZE / 8)
/* The two sizes of such controls: for large objects, and for small ones that are forced off their slab. */
#define CONTROL_SMALL 20u
#define CONTROL_LARGE 512u
/* The smallest stride, so that a page has at most CONTROL_LARGE objects. */
#define STRIDE_MIN 8u

#define OBJECT_MAX (128u << 10)

#define RED_SIZE    8u
#define RED_ZONE    0xfeedfaceu
#define POISON_FREE 0xdeadbeefu
#define POISON_NEW  0xbaddcafeu

struct track {
    void *allocated_by, *freed_by; /* return addresses */
    uint32_t sum;                  /* of a free object of a cache with a constructor */
};

struct internal {
    struct cache magazines, large_controls, small_controls;
};
_Static_assert(sizeof(struct internal) <= PAGE_SIZE, "it has one frame");

uint32_t slab_default_flags;

/* Full for a free and empty for an allocation, so neither fast path needs to know that there is no magazine.
 */
static struct magazine no_magazine;

static size_t round_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* --- layout --- */

static size_t control_size(uint32_t objects)
{
    return round_up(sizeof(struct slab) + objects * sizeof(uint16_t), sizeof(void *));
}

static size_t slab_bytes(const struct cache *c)
{
    return PAGE_SIZE << c->order;
}

/* Objects that a slab of an order can take. */
static uint32_t fit(const struct cache *c, unsigned order)
{
    size_t room = PAGE_SIZE << order;

    if (room <= c->front)
        return 0;
    room -= c->front;
    if (c->flags & CACHE_OFF_SLAB)
        return (uint32_t)(room / c->stride);

    uint32_t n = (uint32_t)(room / (c->stride + sizeof(uint16_t)));

    while (n && n * c->stride + control_size(n) > room)
        n--;
    return n;
}

/* What is left over in it. */
static size_t left_over(const struct cache *c, unsigned order, uint32_t objects)
{
    size_t used = c->front + (size_t)objects * c->stride;

    if (!(c->flags & CACHE_OFF_SLAB))
        used += control_size(objects);
    return (PAGE_SIZE << order) - used;
}

/* The smallest slab that wastes at most an eighth; failing that, the best of the three smallest. */
static void choose_order(struct cache *c)
{
    unsigned first = 0;

    while (fit(c, first) == 0)
        first++;
    c->order = first;
    for (unsigned order = first; order < first + 3; order++) {
        size_t waste = left_over(c, order, fit(c, order));
        size_t best = left_over(c, c->order, fit(c, c->order));

        if (waste << c->order < best << order)
            c->order = order;
        if (waste <= (PAGE_SIZE << order) / 8)
            break;
    }
    c->per_slab = fit(c, c->order);
}

static void choose_colours(struct cache *c)
{
    size_t spare = left_over(c, c->order, c->per_slab);

    /* A cache line apart where there is room for that, for a shift within a line changes little. */
    c->colour_step = c->align;
    while (c->colour_step < 64 && spare >= 2 * c->colour_step)
        c->colour_step *= 2;
    c->colours = (uint32_t)(spare / c->colour_step) + 1;
}

static struct cache *cache_list(const struct frame_pool *pool)
{
    return pool->caches;
}

int cache_init(struct cache *c, struct frame_pool *pool, const char *name, size_t size, size_t align,
               void (*ctor)(void *), uint32_t flags)
{
    if (size == 0 || size > OBJECT_MAX || (align & (align - 1)) || align > PAGE_SIZE)
        return -EINVAL;
    if (!(flags & CACHE_INTERNAL))
        flags |= slab_default_flags;
    if (flags & CACHE_DEBUG)
        flags |= CACHE_NO_MAGAZINE;
    if (align < sizeof(void *))
        align = sizeof(void *);

    size_t stride = size < STRIDE_MIN ? STRIDE_MIN : size;

    *c = (struct cache){
        .loaded = &no_magazine,
        .previous = &no_magazine,
        .size = (uint32_t)size,
        .align = (uint32_t)align,
        .ctor = ctor,
        .pool = pool,
        .name = name,
    };
    if (flags & CACHE_DEBUG) {
        stride = round_up(size, RED_SIZE) + RED_SIZE + sizeof(struct track) + RED_SIZE;
        c->front = (uint32_t)round_up(RED_SIZE, align);
    }
    c->stride = (uint32_t)round_up(stride, align);
    if (c->stride >= OFF_SLAB_SIZE)
        flags |= CACHE_OFF_SLAB;
    c->flags = flags;
    choose_order(c);
    choose_colours(c);
    if (!(flags & CACHE_NO_MAGAZINE)) {
        c->magazine_size = MAGAZINE_BYTES / c->stride;
        if (c->magazine_size > MAGAZINE_ROUNDS)
            c->magazine_size = MAGAZINE_ROUNDS;
    }
    c->next_cache = pool->caches;
    pool->caches = c;
    return 0;
}

/* --- debug --- */

static void *object_at(const struct slab *s, uint32_t i)
{
    return s->base + (size_t)i * s->cache->stride;
}

static struct track *track_of(const struct cache *c, void *obj)
{
    return (struct track *)((uint8_t *)obj + round_up(c->size, RED_SIZE) + RED_SIZE);
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
    return round_up(c->size, RED_SIZE) + RED_SIZE - c->size;
}

static const char *red_zone_fault(const struct cache *c, const uint8_t *obj)
{
    if (!filled(obj - RED_SIZE, RED_SIZE, RED_ZONE))
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

/* Make an object that is (again) free. */
static void debug_seal(const struct cache *c, void *obj)
{
    if (c->ctor)
        track_of(c, obj)->sum = checksum(obj, c->size);
    else
        fill(obj, c->size, POISON_FREE);
}

static void debug_new(const struct cache *c, uint8_t *obj)
{
    fill(obj - RED_SIZE, RED_SIZE, RED_ZONE);
    fill(obj + c->size, red_after(c), RED_ZONE);
    *track_of(c, obj) = (struct track){0};
}

/* The slab of an address, NULL when it is not in one. */
static struct slab *slab_of(const struct frame_pool *pool, const void *obj)
{
    const uint8_t *p = obj;

    if (p < (uint8_t *)frame_ptr(pool, pool->start) || p >= (uint8_t *)frame_ptr(pool, pool->low_end))
        return NULL;
    const struct frame *f = pfn_frame(pool, ptr_pfn(pool, obj));
    return f->use == FRAME_SLAB ? f->owner : NULL;
}

static _Noreturn void debug_panic(const struct cache *c, void *obj, const char *what, void *who)
{
    const struct slab *s = slab_of(c->pool, obj);

    if (s && (s->cache->flags & CACHE_DEBUG) && (uint8_t *)obj >= s->base) {
        const struct cache *owner = s->cache;
        uint32_t i = (uint32_t)((size_t)((uint8_t *)obj - s->base) / owner->stride);

        if (i < owner->per_slab)
            os_log("slab: object %p of cache %s, last allocated by %p, last freed by %p", object_at(s, i),
                   owner->name, track_of(owner, object_at(s, i))->allocated_by,
                   track_of(owner, object_at(s, i))->freed_by);
    }
    os_panic(__FILE__, __LINE__, "cache %s: object %p %s; found at %p", c->name, obj, what, who);
}

/* --- slabs --- */

static void list_add(struct slab **list, struct slab *s)
{
    s->prev = NULL;
    s->next = *list;
    if (*list)
        (*list)->prev = s;
    *list = s;
}

static void list_del(struct slab **list, struct slab *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        *list = s->next;
    if (s->next)
        s->next->prev = s->prev;
}

static struct cache *control_cache(const struct cache *c)
{
    struct internal *in = c->pool->slab_internal;

    return c->per_slab <= CONTROL_SMALL ? &in->small_controls : &in->large_controls;
}

/* The internal caches of a pool, made when first asked for. NULL: no memory. */
static struct internal *internal_get(struct frame_pool *pool)
{
    if (pool->slab_internal)
        return pool->slab_internal;

    struct frame *f = frame_alloc(pool, FRAME_SLAB, FRAME_LOW_ONLY);

    if (!f)
        return NULL;
    struct internal *in = frame_ptr(pool, frame_pfn(pool, f));
    struct cache *others = pool->caches;
    uint32_t flags = CACHE_INTERNAL | CACHE_NO_MAGAZINE;

    /* Alone in the list, then behind the others: reaping in that order finds the most. */
    pool->caches = NULL;
    cache_init(&in->small_controls, pool, "slab-control", control_size(CONTROL_SMALL), 0, NULL, flags);
    cache_init(&in->large_controls, pool, "slab-control-large", control_size(CONTROL_LARGE), 0, NULL, flags);
    cache_init(&in->magazines, pool, "magazine", sizeof(struct magazine), 0, NULL, flags);
    struct cache **link = &others;
    while (*link)
        link = &(*link)->next_cache;
    *link = pool->caches;
    pool->caches = others;
    pool->slab_internal = in;
    return in;
}

static struct slab *slab_create(struct cache *c)
{
    struct slab *s = NULL;

    if (c->flags & CACHE_OFF_SLAB) {
        if (!internal_get(c->pool))
            return NULL;
        s = cache_alloc(control_cache(c));
        if (!s)
            return NULL;
    }
    struct frame *head = frame_alloc_block(c->pool, c->order, FRAME_SLAB, FRAME_LOW_ONLY);
    if (!head) {
        if (s)
            cache_free(control_cache(c), s);
        return NULL;
    }

    pfn_t pfn = frame_pfn(c->pool, head);
    uint8_t *mem = frame_ptr(c->pool, pfn);

    if (!s)
        s = (struct slab *)(mem + slab_bytes(c) - control_size(c->per_slab));
    *s = (struct slab){.cache = c, .base = mem + c->front + c->colour_next * c->colour_step, .pfn = pfn};
    c->colour_next = (c->colour_next + 1) % c->colours;
    for (uint32_t i = 0; i < 1u << c->order; i++) {
        head[i].owner = s;
        head[i].index = i;
    }
    for (uint32_t i = 0; i < c->per_slab; i++) {
        uint8_t *obj = object_at(s, i);

        s->link[i] = (uint16_t)(i + 1 < c->per_slab ? i + 1 : SLAB_END);
        if (c->ctor)
            c->ctor(obj);
        if (c->flags & CACHE_DEBUG) {
            debug_new(c, obj);
            debug_seal(c, obj);
        }
    }
    list_add(&c->slabs_empty, s);
    c->slab_count++;
    c->empty_slabs++;
    return s;
}

/* Give an empty slab back. */
static void slab_destroy(struct cache *c, struct slab *s)
{
    struct frame *head = pfn_frame(c->pool, s->pfn);

    list_del(&c->slabs_empty, s);
    c->slab_count--;
    c->empty_slabs--;
    if (c->flags & CACHE_OFF_SLAB)
        cache_free(control_cache(c), s);
    frame_free_block(c->pool, head);
}

static struct slab **slab_list(struct cache *c, const struct slab *s)
{
    return s->in_use == 0 ? &c->slabs_empty : s->in_use == c->per_slab ? &c->slabs_full : &c->slabs_partial;
}

/* Change how many objects of a slab are out; it may change lists. */
static void slab_count_out(struct cache *c, struct slab *s, int change)
{
    struct slab **from = slab_list(c, s);

    c->live += (uint32_t)change;
    c->empty_slabs -= s->in_use == 0;
    s->in_use = (uint16_t)(s->in_use + change);
    c->empty_slabs += s->in_use == 0;

    struct slab **to = slab_list(c, s);

    if (from != to) {
        list_del(from, s);
        list_add(to, s);
    }
}

/* An object from the slabs, NULL when there is no memory for another one. */
static void *slab_take(struct cache *c, void *who)
{
    struct slab *s = c->slabs_partial;

    if (!s)
        s = c->slabs_empty;
    if (!s)
        s = slab_create(c);
    if (!s) {
        c->fails++;
        return NULL;
    }

    uint32_t i = s->free;
    void *obj = object_at(s, i);

    s->free = s->link[i];
    s->link[i] = SLAB_OUT;
    slab_count_out(c, s, 1);
    c->allocs++;
    if (c->flags & CACHE_DEBUG) {
        const char *what = red_zone_fault(c, obj);

        if (!what)
            what = free_fault(c, obj);
        if (what)
            debug_panic(c, obj, what, who);
        if (!c->ctor)
            fill(obj, c->size, POISON_NEW);
        track_of(c, obj)->allocated_by = who;
    }
    return obj;
}

/* Index of the object at an address of the slab; false when none starts there. */
static bool object_index(const struct slab *s, const void *obj, uint32_t *i)
{
    size_t offset = (size_t)((const uint8_t *)obj - s->base);

    *i = (uint32_t)(offset / s->cache->stride);
    return (const uint8_t *)obj >= s->base && *i < s->cache->per_slab && offset % s->cache->stride == 0;
}

static void slab_put(struct cache *c, void *obj, void *who)
{
    struct slab *s = slab_of(c->pool, obj);
    uint32_t i = 0;

    mm_assert(s && s->cache == c && object_index(s, obj, &i), "cache %s: %p is no object of it", c->name,
              obj);
    mm_assert(s->link[i] == SLAB_OUT, "cache %s: object %p is free already", c->name, obj);
    if (c->flags & CACHE_DEBUG) {
        debug_seal(c, obj);
        track_of(c, obj)->freed_by = who;
    }
    s->link[i] = s->free;
    s->free = (uint16_t)i;
    slab_count_out(c, s, -1);
    c->frees++;
    if (c->empty_slabs > EMPTY_MAX)
        slab_destroy(c, s);
}

/* --- magazines --- */

static void depot_push(struct magazine **list, uint32_t *count, struct magazine *m)
{
    m->next = *list;
    *list = m;
    ++*count;
}

static struct magazine *depot_pop(struct magazine **list, uint32_t *count)
{
    struct magazine *m = *list;

    if (m) {
        *list = m->next;
        --*count;
    }
    return m;
}

static void magazine_empty(struct cache *c, struct magazine *m)
{
    while (m->rounds)
        slab_put(c, m->obj[--m->rounds], NULL);
}

/* An empty magazine of the cache's size. NULL: no memory. */
static struct magazine *magazine_create(struct cache *c)
{
    struct internal *in = internal_get(c->pool);
    struct magazine *m = in ? cache_alloc(&in->magazines) : NULL;

    if (m) {
        m->rounds = 0;
        m->size = (uint16_t)c->magazine_size;
    }
    return m;
}

static void magazine_destroy(struct cache *c, struct magazine *m)
{
    struct internal *in = c->pool->slab_internal;

    if (m == &no_magazine)
        return;
    magazine_empty(c, m);
    cache_free(&in->magazines, m);
}

static void magazine_swap(struct cache *c)
{
    struct magazine *m = c->loaded;

    c->loaded = c->previous;
    c->previous = m;
}

/* The loaded magazine is empty: load one that is not. */
static bool magazine_load_full(struct cache *c)
{
    if (c->previous->rounds) {
        magazine_swap(c);
        return true;
    }
    struct magazine *m = depot_pop(&c->full, &c->full_count);
    if (!m)
        return false;
    if (c->previous->size)
        depot_push(&c->empty, &c->empty_count, c->previous);
    c->previous = c->loaded;
    c->loaded = m;
    return true;
}

/* The loaded magazine is full: load one that is not. */
static bool magazine_load_empty(struct cache *c)
{
    if (c->previous->rounds < c->previous->size) {
        magazine_swap(c);
        return true;
    }
    struct magazine *m = depot_pop(&c->empty, &c->empty_count);
    if (!m && c->full_count >= DEPOT_MAX) {
        m = depot_pop(&c->full, &c->full_count);
        magazine_empty(c, m);
    }
    if (!m)
        m = magazine_create(c);
    if (!m)
        return false;
    if (c->previous->size)
        depot_push(&c->full, &c->full_count, c->previous);
    c->previous = c->loaded;
    c->loaded = m;
    return true;
}

void *cache_alloc_slow_for(struct cache *c, void *who)
{
    if (magazine_load_full(c))
        return c->loaded->obj[--c->loaded->rounds];
    return slab_take(c, who);
}

void *cache_alloc_slow(struct cache *c)
{
    return cache_alloc_slow_for(c, __builtin_return_address(0));
}

void cache_free_slow_for(struct cache *c, void *obj, void *who)
{
    if (c->flags & CACHE_DEBUG) {
        const char *what = cache_check(c, obj);

        if (what)
            debug_panic(c, obj, what, who);
    }
    if (c->magazine_size && magazine_load_empty(c))
        c->loaded->obj[c->loaded->rounds++] = obj;
    else
        slab_put(c, obj, who);
}

void cache_free_slow(struct cache *c, void *obj)
{
    cache_free_slow_for(c, obj, __builtin_return_address(0));
}

/* --- giving back --- */

uint32_t cache_reap(struct cache *c)
{
    uint32_t slabs = c->slab_count;
    struct magazine *m;

    while ((m = depot_pop(&c->full, &c->full_count)))
        magazine_destroy(c, m);
    while ((m = depot_pop(&c->empty, &c->empty_count)))
        magazine_destroy(c, m);
    magazine_destroy(c, c->loaded);
    magazine_destroy(c, c->previous);
    c->loaded = c->previous = &no_magazine;
    while (c->slabs_empty)
        slab_destroy(c, c->slabs_empty);
    return (slabs - c->slab_count) << c->order;
}

uint32_t slab_reap_all(struct frame_pool *pool)
{
    uint32_t frames = 0;

    for (struct cache *c = cache_list(pool); c; c = c->next_cache)
        frames += cache_reap(c);
    return frames;
}

uint32_t cache_in_use(const struct cache *c)
{
    return c->live - c->loaded->rounds - c->previous->rounds - c->full_count * c->magazine_size;
}

/* Log what is in use, and in a debug cache where each came from. */
static uint32_t report_leaks(const struct cache *c)
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
                    os_log("slab: cache %s: object %p allocated by %p", c->name, object_at(s, i),
                           track_of(c, object_at(s, i))->allocated_by);
    return n;
}

uint32_t slab_leak_report(struct frame_pool *pool)
{
    uint32_t n = 0;

    for (const struct cache *c = cache_list(pool); c; c = c->next_cache)
        if (!(c->flags & CACHE_INTERNAL))
            n += report_leaks(c);
    return n;
}

/* The last cache of a pool is gone: so go the internal ones. */
static void internal_destroy(struct frame_pool *pool)
{
    struct internal *in = pool->slab_internal;

    slab_reap_all(pool);
    for (const struct cache *c = cache_list(pool); c; c = c->next_cache)
        mm_assert(c->slab_count == 0, "cache %s has %u slabs, %u objects, when no cache is left", c->name,
                  c->slab_count, c->live);
    pool->caches = pool->slab_internal = NULL;
    frame_free(pool, pfn_frame(pool, ptr_pfn(pool, in)));
}

uint32_t cache_destroy(struct cache *c)
{
    struct frame_pool *pool = c->pool;

    cache_reap(c);
    if (c->live)
        return report_leaks(c);

    struct cache *head = pool->caches;
    struct cache **link = &head;

    while (*link != c) {
        mm_assert(*link, "cache %s is not in the list of its pool", c->name);
        link = &(*link)->next_cache;
    }
    *link = c->next_cache;
    pool->caches = head;
    if (head && (head->flags & CACHE_INTERNAL))
        internal_destroy(pool);
    return 0;
}

void slab_each(struct frame_pool *pool, void (*fn)(struct cache *, void *), void *arg)
{
    for (struct cache *c = cache_list(pool); c; c = c->next_cache)
        fn(c, arg);
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
    if (!object_index(s, obj, &i))
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
        void *obj = object_at(s, i);
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

    INV("INV-SLAB-5", m->rounds <= m->size && (m == &no_magazine || m->size == c->magazine_size),
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

    for (const struct cache *c = cache_list(pool); c; c = c->next_cache)
        ok &= cache_verify(c);
    return ok;
}
