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
 * controls of two sizes) are caches as well, at the end of that list, made in a frame for them
 * (pool->slab_internal) when first needed and gone with the last cache of the pool. The internal caches
 * have no magazines and the small controls are on their slabs, so the recursion ends.
 *
 * Locking: each function is one nosleep section (a spin lock per cache on a multiprocessor, magazines per
 * processor). Constructors must not sleep. Not from interrupts.
 *
 * Debug caches, reports and the invariants are in slab_debug.c.
 *
 * Failure: NULL when the pool has no frame. Without memory for a magazine a cache works without. A double
 * free, a free to the wrong cache, an overrun and a write after a free panic in a debug cache; in others,
 * a double free panics when the object goes back to its slab.
 */
#include "mm/slab_parts.h"

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

struct internal {
    struct cache magazines, large_controls, small_controls;
};
_Static_assert(sizeof(struct internal) <= PAGE_SIZE, "it has one frame");

uint32_t slab_default_flags;

struct magazine slab_no_magazine;

/* --- layout --- */

static size_t control_size(uint32_t objects)
{
    return slab_round_up(sizeof(struct slab) + objects * sizeof(uint16_t), sizeof(void *));
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

    /* Colours are a cache line apart where there is room for that, for a shift within a line changes
     * little. */
    c->colour_step = c->align;
    while (c->colour_step < 64 && spare >= 2 * c->colour_step)
        c->colour_step *= 2;
    c->colours = (uint32_t)(spare / c->colour_step) + 1;
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
        .loaded = &slab_no_magazine,
        .previous = &slab_no_magazine,
        .size = (uint32_t)size,
        .align = (uint32_t)align,
        .ctor = ctor,
        .pool = pool,
        .name = name,
    };
    if (flags & CACHE_DEBUG) {
        stride = slab_debug_stride(size);
        c->front = (uint32_t)slab_round_up(SLAB_RED_SIZE, align);
    }
    c->stride = (uint32_t)slab_round_up(stride, align);
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

    /* They are alone in the list at first, then behind the others, since reaping in that order finds the
     * most. */
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
    struct frame *head = NULL;

    if (!frame_kernel_full(c->pool))
        head = frame_alloc_block(c->pool, c->order, FRAME_SLAB, FRAME_LOW_ONLY);
    if (!head) {
        if (s)
            cache_free(control_cache(c), s);
        return NULL;
    }

    pfn_t pfn = frame_pfn(c->pool, head);
    uint8_t *mem = frame_ptr(c->pool, pfn);

    /* The frame may hold a program's text. An emulator keeps what it made of that until the text is
     * overwritten, and is slow meanwhile to write anywhere in the page; and what was a program's is nobody's
     * to see. */
    memset(mem, 0, PAGE_SIZE << c->order);
    if (!s)
        s = (struct slab *)(mem + slab_bytes(c) - control_size(c->per_slab));
    *s = (struct slab){.cache = c, .base = mem + c->front + c->colour_next * c->colour_step, .pfn = pfn};
    c->colour_next = (c->colour_next + 1) % c->colours;
    for (uint32_t i = 0; i < 1u << c->order; i++) {
        head[i].owner = s;
        head[i].index = i;
    }
    for (uint32_t i = 0; i < c->per_slab; i++) {
        uint8_t *obj = slab_object_at(s, i);

        s->link[i] = (uint16_t)(i + 1 < c->per_slab ? i + 1 : SLAB_END);
        if (c->ctor)
            c->ctor(obj);
        if (c->flags & CACHE_DEBUG)
            slab_debug_new(c, obj);
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
    void *obj = slab_object_at(s, i);

    s->free = s->link[i];
    s->link[i] = SLAB_OUT;
    slab_count_out(c, s, 1);
    c->allocs++;
    if (c->flags & CACHE_DEBUG)
        slab_debug_alloc(c, obj, who);
    return obj;
}

static void slab_put(struct cache *c, void *obj, void *who)
{
    struct slab *s = slab_of(c->pool, obj);
    uint32_t i = 0;

    mm_assert(s && s->cache == c && slab_object_index(s, obj, &i), "cache %s: %p is no object of it", c->name,
              obj);
    mm_assert(s->link[i] == SLAB_OUT, "cache %s: object %p is free already", c->name, obj);
    if (c->flags & CACHE_DEBUG)
        slab_debug_free(c, obj, who);
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

    if (m == &slab_no_magazine)
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
    if (c->flags & CACHE_DEBUG)
        slab_debug_check(c, obj, who);
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
    c->loaded = c->previous = &slab_no_magazine;
    while (c->slabs_empty)
        slab_destroy(c, c->slabs_empty);
    return (slabs - c->slab_count) << c->order;
}

uint32_t slab_reap_all(struct frame_pool *pool)
{
    uint32_t frames = 0;

    for (struct cache *c = slab_caches(pool); c; c = c->next_cache)
        frames += cache_reap(c);
    return frames;
}

uint32_t cache_in_use(const struct cache *c)
{
    return c->live - c->loaded->rounds - c->previous->rounds - c->full_count * c->magazine_size;
}

/* The last cache of a pool is gone: so go the internal ones. */
static void internal_destroy(struct frame_pool *pool)
{
    struct internal *in = pool->slab_internal;

    slab_reap_all(pool);
    for (const struct cache *c = slab_caches(pool); c; c = c->next_cache)
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
        return slab_report_leaks(c);

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
    for (struct cache *c = slab_caches(pool); c; c = c->next_cache)
        fn(c, arg);
}
