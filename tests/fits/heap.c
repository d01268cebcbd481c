/*
 * The kernel's allocators behind one face.
 *
 * Purpose: the same operations through each, with the same accounts.
 *
 *   lists     mm/lab/freelist.c over memory of the heap. It grows as a program's break does: when nothing
 *             fits, by as many steps as the block needs.
 *   arenas    mm/kva.c over addresses; its segments are objects of a cache beside it. What it has not got
 *             yet is allocated in chunks from the start, and growing is freeing the next ones.
 *   kmalloc   mm/kmalloc.c over frames of the heap.
 *   slab      mm/slab.c over such frames: one cache for each size, and blocks of frames for what is too
 *             large.
 *   buddy     mm/buddy.c with units in the place of frames. It grows by blocks of the order that is wanted.
 *
 * Who hands out units of 8 cannot align, so it is asked for so much more that an aligned place is inside.
 *
 * What the heap has of the system: lists, arenas and buddy never give back; kmalloc and slabs give back empty
 * slabs, as they do in the kernel, and what they need for themselves (controls, magazines) counts.
 */
#include "tests/fits/heap.h"

#include <stdlib.h>
#include <string.h>

/* Frame 0 ends lists, and the largest blocks are aligned to this. */
#define FIRST       1024u
#define ARENA_START ((size_t)1 << 28)
#define ARENA_UNIT  8u

/* --- kinds --- */

static void name_add(struct heap_kind *k, const char *text)
{
    size_t n = strlen(k->name), more = strlen(text);

    if (n + more < sizeof k->name)
        memcpy(k->name + n, text, more + 1);
}

bool heap_kind(unsigned i, struct heap_kind *k)
{
    static const char *const others[] = {"kmalloc", "slab", "buddy"};
    const unsigned lists = (unsigned)FREELIST_FITS * FREELIST_ORDERS;

    *k = (struct heap_kind){0};
    if (i < lists || (i >= lists + KVA_POLICIES + 3 && i < 2 * lists + KVA_POLICIES + 3)) {
        k->coalesce = i < lists;
        i %= lists + KVA_POLICIES + 3;
        k->family = HEAP_LIST;
        k->fit = i / FREELIST_ORDERS;
        k->order = i % FREELIST_ORDERS;
        name_add(k, "list/");
        name_add(k, freelist_fit_name(k->fit));
        name_add(k, "/");
        name_add(k, freelist_order_name(k->order));
        if (!k->coalesce)
            name_add(k, "/apart");
        return true;
    }
    if (i >= lists + KVA_POLICIES + 3)
        return false;
    i -= lists;
    if (i < KVA_POLICIES) {
        k->family = HEAP_ARENA;
        k->policy = i;
        name_add(k, "arena/");
        name_add(k, kva_policy_name(i));
        return true;
    }
    i -= KVA_POLICIES;
    k->family = HEAP_KMALLOC + i;
    name_add(k, others[i]);
    return true;
}

bool heap_kind_by_name(const char *name, struct heap_kind *k)
{
    for (unsigned i = 0; heap_kind(i, k); i++)
        if (strcmp(k->name, name) == 0)
            return true;
    return false;
}

/* --- beginning and end --- */

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* A pool of so many frames. */
static bool begin_pool(struct heap *h, size_t frames)
{
    h->memory = aligned_alloc(PAGE_SIZE, frames * PAGE_SIZE);
    h->records = malloc(frames * sizeof *h->records);
    if (!h->memory || !h->records)
        return false;
    h->pool_size = frames;
    frame_pool_init(&h->pool, h->records, FIRST, FIRST + (pfn_t)frames, FIRST + (pfn_t)frames,
                    (uint8_t *)((uintptr_t)h->memory - (size_t)FIRST * PAGE_SIZE));
    frame_add(&h->pool, FIRST, FIRST + (pfn_t)frames);
    return true;
}

static int begin_list(struct heap *h)
{
    struct freelist_rules rules = {.fit = h->kind.fit,
                                   .order = h->kind.order,
                                   .coalesce = h->kind.coalesce,
                                   .header = h->how.header,
                                   .guard = h->how.guard};

    h->memory = aligned_alloc(PAGE_SIZE, round_up(h->how.most, PAGE_SIZE));
    if (!h->memory)
        return -ENOMEM;
    h->size = round_up(h->how.start, FREELIST_UNIT);
    return freelist_init(&h->list, h->memory, (uint32_t)h->size, &rules);
}

/* All of the arena is taken, in chunks; what it starts with is given back. */
static int begin_arena(struct heap *h)
{
    size_t most = round_up(h->how.most, h->how.step), at = 0;
    int err;

    h->chunk = h->how.step;
    while (most / h->chunk > 1024)
        h->chunk *= 2;
    most = round_up(most, h->chunk);
    h->how.most = most;
    if (!begin_pool(h, most / 64 / PAGE_SIZE * sizeof(struct kva_seg) / 8 + 1024))
        return -ENOMEM;
    err = cache_init(&h->segs, &h->pool, "segments", kva_seg_size(), 0, NULL, 0);
    if (!err)
        err = kva_init(&h->arena, "fits", ARENA_START, most, ARENA_UNIT, h->kind.policy, &h->segs);
    if (err || h->how.start >= h->how.most) {
        h->size = most;
        return err;
    }
    for (size_t taken = 0; !err && taken < most; taken += h->chunk) {
        err = kva_alloc(&h->arena, h->chunk, 0, &at);
        if (!err && at != ARENA_START + taken)
            err = -EINVAL;
    }
    for (; !err && h->size < h->how.start; h->size += h->chunk)
        kva_free(&h->arena, ARENA_START + h->size, h->chunk);
    h->arena.rover = NULL;
    h->arena.scanned = 0;
    return err;
}

static int begin_frames(struct heap *h)
{
    int err = 0;

    if (!begin_pool(h, round_up(h->how.most, PAGE_SIZE) / PAGE_SIZE))
        return -ENOMEM;
    if (h->kind.family == HEAP_KMALLOC) {
        h->kmalloc = calloc(1, sizeof *h->kmalloc);
        if (!h->kmalloc)
            return -ENOMEM;
        kmalloc_init(h->kmalloc, &h->pool);
        return 0;
    }
    h->cache = calloc(h->how.sizes_n + 1, sizeof *h->cache);
    if (!h->cache)
        return -ENOMEM;
    for (unsigned i = 0; !err && i < h->how.sizes_n && h->how.sizes[i] <= PAGE_SIZE * 4; i++)
        err = cache_init(&h->cache[i], &h->pool, "fits", h->how.sizes[i], 8, NULL, 0);
    return err;
}

static void give_units(struct heap *h, uint32_t start, uint32_t end)
{
    while (start < end) {
        unsigned order = (unsigned)__builtin_ctz(start);

        if (order >= BUDDY_ORDERS)
            order = BUDDY_ORDERS - 1;
        while (end - start < 1u << order)
            order--;
        buddy_free(&h->buddy, start, order);
        start += 1u << order;
    }
}

static int begin_buddy(struct heap *h)
{
    uint32_t units = (uint32_t)(h->how.most / h->how.unit);

    h->records = calloc(units + 1, sizeof *h->records);
    if (!h->records || !units)
        return -ENOMEM;
    buddy_init(&h->buddy, (struct frame *)((uintptr_t)h->records - FIRST * sizeof *h->records), FIRST,
               FIRST + units);
    h->size = h->how.start / h->how.unit * h->how.unit;
    give_units(h, FIRST, FIRST + (uint32_t)(h->size / h->how.unit));
    return 0;
}

int heap_begin(struct heap *h, const struct heap_kind *k, const struct heap_setup *how)
{
    static int (*const begin[HEAP_FAMILIES])(struct heap *) = {begin_list, begin_arena, begin_frames,
                                                               begin_frames, begin_buddy};
    int err;

    *h = (struct heap){.kind = *k, .how = *how};
    if (how->step < 8 || (how->step & (how->step - 1)) || how->unit < 8 || (how->unit & (how->unit - 1)) ||
        how->start > how->most || !how->most || how->most > FREELIST_MOST / 2 ||
        how->header < FREELIST_UNIT || how->header % FREELIST_UNIT)
        return -EINVAL;
    err = begin[k->family](h);
    if (err)
        heap_finish(h);
    return err;
}

static void touch(void *memory, size_t size)
{
    volatile uint8_t *p = memory;

    for (size_t i = 0; p && i < size; i += PAGE_SIZE) {
        uint8_t same = p[i];

        p[i] = same;
    }
}

void heap_warm(struct heap *h)
{
    bool of_frames = h->kind.family == HEAP_KMALLOC || h->kind.family == HEAP_SLAB;

    touch(h->memory, h->pool_size ? h->pool_size * PAGE_SIZE : round_up(h->how.most, PAGE_SIZE));
    touch(h->records,
          (h->kind.family == HEAP_BUDDY ? h->how.most / h->how.unit : h->pool_size) * sizeof *h->records);
    touch(h->cache, of_frames ? h->how.sizes_n * sizeof *h->cache : 0);
}

void heap_finish(struct heap *h)
{
    free(h->memory);
    free(h->records);
    free(h->kmalloc);
    free(h->cache);
    h->memory = NULL;
    h->records = NULL;
    h->kmalloc = NULL;
    h->cache = NULL;
}

/* --- lists --- */

static bool list_grow(struct heap *h, uint32_t whole)
{
    size_t more = round_up(whole, h->how.step);

    if (!whole || h->size >= h->how.most)
        return false;
    if (more > h->how.most - h->size)
        more = (h->how.most - h->size) / FREELIST_UNIT * FREELIST_UNIT;
    if (!more || freelist_grow(&h->list, (uint32_t)more) != 0)
        return false;
    h->size += more;
    return true;
}

static bool list_alloc(struct heap *h, uint32_t size, uint32_t align, struct heap_block *b)
{
    uint32_t more = align > FREELIST_UNIT ? align - FREELIST_UNIT : 0;
    uint8_t *p = freelist_alloc(&h->list, size + more);

    if (!p && list_grow(h, freelist_block_size(&h->list, size + more)))
        p = freelist_alloc(&h->list, size + more);
    if (!p)
        return false;
    b->given = freelist_block_size(&h->list, size + more);
    b->room = size + more;
    b->at = (size_t)(p - h->memory) - h->how.header;
    return true;
}

/* --- arenas --- */

static bool arena_grow(struct heap *h, size_t size)
{
    size_t had = h->size;

    for (; h->size < h->how.most && h->size - had < size; h->size += h->chunk)
        kva_free(&h->arena, ARENA_START + h->size, h->chunk);
    return h->size > had;
}

static bool arena_alloc(struct heap *h, uint32_t size, uint32_t align, struct heap_block *b)
{
    size_t at, more = align > ARENA_UNIT ? align : 0;

    if (kva_alloc(&h->arena, size, align, &at) != 0 &&
        (!arena_grow(h, size + more) || kva_alloc(&h->arena, size, align, &at) != 0))
        return false;
    b->at = at - ARENA_START;
    b->given = b->room = (uint32_t)round_up(size, ARENA_UNIT);
    return true;
}

/* --- kmalloc and slabs --- */

static unsigned cache_of(const struct heap *h, uint32_t size)
{
    unsigned low = 0, high = h->how.sizes_n;

    size = (size + 7) & ~7u;
    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (h->how.sizes[middle] < size)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* As kmalloc does for what is larger than its classes. */
static void *slab_large(struct heap *h, uint32_t size)
{
    unsigned order = 0;
    struct frame *f;

    while (order < BUDDY_ORDERS && PAGE_SIZE << order < size)
        order++;
    f = order < BUDDY_ORDERS ? frame_alloc_block(&h->pool, order, FRAME_SLAB, FRAME_LOW_ONLY) : NULL;
    return f ? frame_ptr(&h->pool, frame_pfn(&h->pool, f)) : NULL;
}

static bool slab_has(const struct heap *h, unsigned i)
{
    return i < h->how.sizes_n && h->cache[i].size;
}

static void *slab_take(struct heap *h, uint32_t size, uint32_t *given)
{
    unsigned i = cache_of(h, size);
    void *p;

    if (slab_has(h, i)) {
        *given = h->cache[i].size;
        return cache_alloc(&h->cache[i]);
    }
    p = slab_large(h, size);
    *given = p ? (uint32_t)(PAGE_SIZE << pfn_frame(&h->pool, ptr_pfn(&h->pool, p))->order) : 0;
    return p;
}

static bool frames_alloc(struct heap *h, uint32_t size, uint32_t align, struct heap_block *b)
{
    bool is_kmalloc = h->kind.family == HEAP_KMALLOC;
    uint32_t more = align > 8 ? align - 8 : 0, given = 0;
    uint8_t *p;

    /* Powers of two are aligned to themselves, up to a page. */
    if (is_kmalloc && align > 8 && align <= PAGE_SIZE) {
        more = 0;
        while (align < size)
            align *= 2;
        size = align;
    }
    p = is_kmalloc ? kmalloc_from(h->kmalloc, size + more) : slab_take(h, size + more, &given);
    if (!p)
        return false;
    h->looked++;
    b->at = (size_t)(p - h->memory);
    b->given = b->room = is_kmalloc ? (uint32_t)kmalloc_usable(h->kmalloc, p) : given;
    return true;
}

static void slab_free(struct heap *h, const struct heap_block *b)
{
    void *p = h->memory + b->at;
    const struct frame *f = pfn_frame(&h->pool, ptr_pfn(&h->pool, p));

    if (f->owner)
        cache_free(((struct slab *)f->owner)->cache, p);
    else
        frame_free_block(&h->pool, pfn_frame(&h->pool, ptr_pfn(&h->pool, p)));
}

/* --- buddy --- */

static bool buddy_grow(struct heap *h, unsigned order)
{
    uint32_t had = (uint32_t)(h->size / h->how.unit), end = (had + (1u << order) - 1) >> order << order;
    uint32_t step = h->how.step > h->how.unit ? (uint32_t)(h->how.step / h->how.unit) : 1;

    end += 1u << order > step ? 1u << order : step;
    if ((size_t)end * h->how.unit > h->how.most)
        end = (uint32_t)(h->how.most / h->how.unit);
    if (end <= had)
        return false;
    give_units(h, FIRST + had, FIRST + end);
    h->size = (size_t)end * h->how.unit;
    return true;
}

static pfn_t buddy_take(struct heap *h, unsigned order)
{
    uint32_t fitting = h->buddy.nonempty >> order << order;

    /* Its list, and one more for each split. */
    h->looked += fitting ? (unsigned)__builtin_ctz(fitting) - order + 1 : 1;
    return buddy_alloc(&h->buddy, order);
}

static bool buddy_take_size(struct heap *h, uint32_t size, uint32_t align, struct heap_block *b)
{
    unsigned order = 0;
    pfn_t at;

    if (size < align)
        size = align;
    while (order < BUDDY_ORDERS && (size_t)h->how.unit << order < size)
        order++;
    if (order == BUDDY_ORDERS)
        return false;
    at = buddy_take(h, order);
    if (!at && buddy_grow(h, order))
        at = buddy_take(h, order);
    if (!at)
        return false;
    b->at = (size_t)(at - FIRST) * h->how.unit;
    b->given = b->room = h->how.unit << order;
    return true;
}

static void buddy_give(struct heap *h, const struct heap_block *b)
{
    buddy_free(&h->buddy, FIRST + (pfn_t)(b->at / h->how.unit),
               (unsigned)__builtin_ctz(b->given / h->how.unit));
}

/* --- the face --- */

bool heap_alloc(struct heap *h, uint32_t size, uint32_t align, struct heap_block *b)
{
    static bool (*const alloc[HEAP_FAMILIES])(struct heap *, uint32_t, uint32_t, struct heap_block *) = {
        list_alloc, arena_alloc, frames_alloc, frames_alloc, buddy_take_size};

    h->allocs++;
    b->asked = size;
    if (size > FREELIST_MOST / 2 || align > FREELIST_MOST / 2 || !alloc[h->kind.family](h, size, align, b)) {
        h->fails++;
        return false;
    }
    h->given += b->given;
    h->asked += size;
    return true;
}

void heap_free(struct heap *h, const struct heap_block *b)
{
    h->given -= b->given;
    h->asked -= b->asked;
    switch (h->kind.family) {
    case HEAP_LIST: {
        enum freelist_bad bad = freelist_free(&h->list, h->memory + b->at + h->how.header);

        mm_assert(bad == FREELIST_GOOD, "%s: the block at %lx: %s", h->kind.name, (unsigned long)b->at,
                  freelist_bad_name(bad));
        break;
    }
    case HEAP_ARENA:
        kva_free(&h->arena, ARENA_START + b->at, b->given);
        break;
    case HEAP_KMALLOC:
        kfree_to(h->kmalloc, h->memory + b->at);
        break;
    case HEAP_SLAB:
        slab_free(h, b);
        break;
    default:
        buddy_give(h, b);
        break;
    }
}

bool heap_resize(struct heap *h, struct heap_block *b, uint32_t size)
{
    struct heap_block other = {0};

    /* What a program has in it would be copied otherwise, which is no work of an allocator. */
    if (size <= b->room && size > b->room / 2) {
        h->asked += size - b->asked;
        b->asked = size;
        return true;
    }
    if (!heap_alloc(h, size, 0, &other))
        return false;
    h->moved++;
    heap_free(h, b);
    *b = other;
    return true;
}

size_t heap_needed(const struct heap *h)
{
    bool of_frames = h->kind.family == HEAP_KMALLOC || h->kind.family == HEAP_SLAB;

    return of_frames ? h->pool.used[FRAME_SLAB] * PAGE_SIZE : h->size;
}

uint64_t heap_searched(const struct heap *h)
{
    switch (h->kind.family) {
    case HEAP_LIST:
        return h->list.searched;
    case HEAP_ARENA:
        return h->arena.scanned;
    default:
        return h->looked;
    }
}

/* Free frames in the pieces that buddy would make of them if none were in the hot list. */
static void each_free_frame(const struct heap *h, void (*fn)(void *arg, size_t at, size_t size), void *arg)
{
    for (pfn_t at = FIRST, end; at < h->pool.end; at = end) {
        end = at + 1;
        if (pfn_frame(&h->pool, at)->use != FRAME_FREE)
            continue;
        while (end < h->pool.end && pfn_frame(&h->pool, end)->use == FRAME_FREE)
            end++;
        for (pfn_t from = at; from < end;) {
            unsigned order = (unsigned)__builtin_ctz(from);

            if (order >= BUDDY_ORDERS)
                order = BUDDY_ORDERS - 1;
            while (end - from < 1u << order)
                order--;
            fn(arg, (from - FIRST) * PAGE_SIZE, PAGE_SIZE << order);
            from += 1u << order;
        }
    }
}

void heap_each_free(const struct heap *h, void (*fn)(void *arg, size_t at, size_t size), void *arg)
{
    switch (h->kind.family) {
    case HEAP_LIST:
        for (uint32_t at = h->list.first, next; at != FREELIST_NONE; at = next)
            fn(arg, at, freelist_node(&h->list, at, &next));
        break;
    case HEAP_ARENA:
        for (const struct kva_seg *s = h->arena.all; s; s = s->next)
            if (!s->allocated)
                fn(arg, s->start - ARENA_START, s->size);
        break;
    case HEAP_BUDDY:
        for (unsigned k = 0; k < BUDDY_ORDERS; k++)
            for (pfn_t at = h->buddy.head[k]; at; at = h->buddy.frames[at].next)
                fn(arg, (size_t)(at - FIRST) * h->how.unit, (size_t)h->how.unit << k);
        break;
    default:
        each_free_frame(h, fn, arg);
        break;
    }
}

bool heap_verify(const struct heap *h)
{
    switch (h->kind.family) {
    case HEAP_LIST:
        return freelist_verify(&h->list);
    case HEAP_ARENA:
        return kva_verify(&h->arena);
    case HEAP_BUDDY:
        return buddy_verify(&h->buddy);
    case HEAP_KMALLOC:
        return kmalloc_verify(h->kmalloc) && frame_audit(&h->pool);
    default:
        for (unsigned i = 0; i < h->how.sizes_n; i++)
            if (h->cache[i].size && !cache_verify(&h->cache[i]))
                return false;
        return frame_audit(&h->pool);
    }
}
