/*
 * Kernel address arenas: ranges of numbers, handed out by a fit policy.
 *
 * Purpose: find address space for stacks, tables and devices; and compare the textbook's fit policies on
 * the same data, so the policy is a parameter.
 *
 *   first    the lowest free segment that is large enough
 *   next     the same, from where the last allocation ended, going round
 *   best     the smallest that is large enough, the lowest of these
 *   worst    the largest, the lowest of these
 *   instant  any from the first list all of whose segments are large enough: no search (vmem's instant
 *            fit). Only when there is none, the lists with some that might do are searched, so that an
 *            arena does not fail with a fitting segment in it
 *
 * Data: every range is a segment, free or allocated. All are linked in address order, which serves as
 * boundary tags: a segment that is freed looks at both neighbours and merges. Free ones are in lists by
 * power of two of their size in quanta, with a bitmap of lists that are not empty; allocated ones in a
 * hash by address. Segments come from a cache that arenas may share. (Bonwick and Adams, "Magazines and
 * Vmem", 2001, section 4.)
 *
 * Locking: each function is one nosleep section (a spin lock per arena on a multiprocessor).
 *
 * Invariants, checked by kva_verify():
 *   INV-KVA-1  the segments in address order cover [start, end) without gap or overlap, in whole quanta
 *   INV-KVA-2  no two free segments are neighbours
 *   INV-KVA-3  a free segment is in the list of its size, exactly those are, and nonempty tells which
 *              lists have any
 *   INV-KVA-4  an allocated segment is in its hash chain, exactly those are
 *   INV-KVA-5  in_use is the sum of the allocated sizes; segs and allocs count the segments and the
 *              allocated ones
 *   INV-KVA-6  the rover is NULL or a segment of the arena
 *
 * Failure: -ENOMEM when no segment fits or there is no memory for the (at most two) new segments that an
 * allocation needs; nothing was changed then. kva_free() cannot fail; freeing what was not allocated
 * panics.
 */
#include "mm/kva.h"

size_t kva_seg_size(void)
{
    return sizeof(struct kva_seg);
}

static unsigned log2_of(size_t n)
{
    return 63 - (unsigned)__builtin_clzll(n);
}

/* The free list of segments of a size. */
static unsigned list_of(const struct kva_arena *a, size_t size)
{
    unsigned k = log2_of(size / a->quantum);

    return k < KVA_LISTS ? k : KVA_LISTS - 1;
}

static unsigned hash_of(const struct kva_arena *a, size_t addr)
{
    /* Fibonacci hashing takes the top bits of the product. */
    return (uint32_t)(addr >> log2_of(a->quantum)) * 2654435769u >> (32 - KVA_HASH_SHIFT);
}

static void link_at(struct kva_seg **at, struct kva_seg *s)
{
    s->lnext = *at;
    s->lat = at;
    if (*at)
        (*at)->lat = &s->lnext;
    *at = s;
}

static void unlink_seg(struct kva_seg *s)
{
    *s->lat = s->lnext;
    if (s->lnext)
        s->lnext->lat = s->lat;
}

static void free_add(struct kva_arena *a, struct kva_seg *s)
{
    unsigned k = list_of(a, s->size);

    link_at(&a->free[k], s);
    a->nonempty |= 1u << k;
}

static void free_del(struct kva_arena *a, struct kva_seg *s)
{
    unsigned k = list_of(a, s->size);

    unlink_seg(s);
    if (!a->free[k])
        a->nonempty &= ~(1u << k);
}

static void insert_after(struct kva_arena *a, struct kva_seg *prev, struct kva_seg *s)
{
    s->prev = prev;
    s->next = prev->next;
    if (s->next)
        s->next->prev = s;
    prev->next = s;
    a->segs++;
}

/* Take a segment that has a predecessor out of the arena; whoever pointed there is told to use that one. */
static void merge_into_prev(struct kva_arena *a, struct kva_seg *s)
{
    struct kva_seg *prev = s->prev;

    prev->size += s->size;
    prev->next = s->next;
    if (s->next)
        s->next->prev = prev;
    if (a->rover == s)
        a->rover = prev;
    a->segs--;
    cache_free(a->seg_cache, s);
}

int kva_init(struct kva_arena *a, const char *name, size_t start, size_t size, size_t quantum,
             enum kva_policy policy, struct cache *seg_cache)
{
    if (!quantum || (quantum & (quantum - 1)) || !size || ((start | size) & (quantum - 1)) ||
        start + size < start || policy >= KVA_POLICIES || seg_cache->size < sizeof(struct kva_seg))
        return -EINVAL;

    struct kva_seg *s = cache_alloc(seg_cache);

    if (!s)
        return -ENOMEM;
    *s = (struct kva_seg){.start = start, .size = size};
    *a = (struct kva_arena){
        .name = name,
        .start = start,
        .end = start + size,
        .quantum = quantum,
        .policy = policy,
        .all = s,
        .segs = 1,
        .seg_cache = seg_cache,
    };
    free_add(a, s);
    return 0;
}

int kva_fini(struct kva_arena *a)
{
    if (a->allocs)
        return -EBUSY;
    cache_free(a->seg_cache, a->all); /* all segments have merged into this one */
    a->all = NULL;
    a->nonempty = a->segs = 0;
    return 0;
}

/* --- the policies --- */

/* Where size bytes at a multiple of align would begin in a segment; false when they do not fit. */
static bool fits(struct kva_arena *a, const struct kva_seg *s, size_t size, size_t align, size_t *at)
{
    size_t start = (s->start + align - 1) & ~(align - 1);

    a->scanned++;
    *at = start;
    return start >= s->start && start - s->start < s->size && s->size - (start - s->start) >= size;
}

/* The first in address order of [from, until). */
static struct kva_seg *fit_in_order(struct kva_arena *a, struct kva_seg *from, const struct kva_seg *until,
                                    size_t size, size_t align)
{
    size_t at;

    for (struct kva_seg *s = from; s != until; s = s->next)
        if (!s->allocated && fits(a, s, size, align, &at))
            return s;
    return NULL;
}

static struct kva_seg *fit_next(struct kva_arena *a, size_t size, size_t align)
{
    struct kva_seg *s = fit_in_order(a, a->rover ? a->rover : a->all, NULL, size, align);

    if (!s && a->rover)
        s = fit_in_order(a, a->all, a->rover, size, align);
    return s;
}

/* Of one list the smallest (or largest) that fits, the lowest of equal ones. */
static struct kva_seg *fit_extreme(struct kva_arena *a, unsigned list, bool largest, size_t size,
                                   size_t align)
{
    struct kva_seg *found = NULL;
    size_t at;

    for (struct kva_seg *s = a->free[list]; s; s = s->lnext) {
        if (!fits(a, s, size, align, &at))
            continue;
        if (!found || (largest ? s->size > found->size : s->size < found->size) ||
            (s->size == found->size && s->start < found->start))
            found = s;
    }
    return found;
}

static struct kva_seg *fit_best(struct kva_arena *a, size_t size, size_t align)
{
    struct kva_seg *s = NULL;

    /* Sizes grow from list to list, so the first list with a fit has the smallest. */
    for (unsigned k = list_of(a, size); k < KVA_LISTS && !s; k++)
        s = fit_extreme(a, k, false, size, align);
    return s;
}

static struct kva_seg *fit_worst(struct kva_arena *a, size_t size, size_t align)
{
    struct kva_seg *s = NULL;

    for (unsigned k = KVA_LISTS; k-- > list_of(a, size) && !s;)
        s = fit_extreme(a, k, true, size, align);
    return s;
}

static struct kva_seg *fit_instant(struct kva_arena *a, size_t size, size_t align)
{
    /* With this much an aligned range is in it wherever it starts. */
    size_t enough = size + (align - a->quantum);
    unsigned k = list_of(a, enough);

    if (enough < size)
        return fit_best(a, size, align);
    if (a->quantum << k < enough)
        k++;

    uint32_t lists = k < KVA_LISTS ? a->nonempty >> k << k : 0;

    if (!lists)
        return fit_best(a, size, align);
    a->scanned++;
    return a->free[__builtin_ctz(lists)];
}

static struct kva_seg *find(struct kva_arena *a, size_t size, size_t align)
{
    switch (a->policy) {
    case KVA_FIRST:
        return fit_in_order(a, a->all, NULL, size, align);
    case KVA_NEXT:
        return fit_next(a, size, align);
    case KVA_WORST:
        return fit_worst(a, size, align);
    case KVA_INSTANT:
        return fit_instant(a, size, align);
    default:
        return fit_best(a, size, align);
    }
}

/* --- the arena --- */

static size_t round_to_quantum(const struct kva_arena *a, size_t size)
{
    return (size + a->quantum - 1) & ~(a->quantum - 1);
}

/* Cut the last size bytes off a free segment, into the given one, which is then free too but in no list. */
static void cut_tail(struct kva_arena *a, struct kva_seg *s, struct kva_seg *tail, size_t size)
{
    s->size -= size;
    *tail = (struct kva_seg){.start = s->start + s->size, .size = size};
    insert_after(a, s, tail);
}

int kva_alloc(struct kva_arena *a, size_t size, size_t align, size_t *out)
{
    if (align == 0)
        align = a->quantum;
    if (size == 0 || (align & (align - 1)))
        return -EINVAL;
    if (align < a->quantum)
        align = a->quantum;
    size = round_to_quantum(a, size);
    if (size == 0 || size > a->end - a->start)
        return -ENOMEM;

    struct kva_seg *s = find(a, size, align);
    size_t at;

    if (!s)
        return -ENOMEM;
    at = (s->start + align - 1) & ~(align - 1);

    size_t before = at - s->start, after = s->size - before - size;
    struct kva_seg *front = before ? cache_alloc(a->seg_cache) : NULL;
    struct kva_seg *back = after ? cache_alloc(a->seg_cache) : NULL;

    if ((before && !front) || (after && !back)) {
        if (front)
            cache_free(a->seg_cache, front);
        if (back)
            cache_free(a->seg_cache, back);
        return -ENOMEM;
    }

    free_del(a, s);
    if (after) {
        cut_tail(a, s, back, after);
        free_add(a, back);
    }
    if (before) {
        cut_tail(a, s, front, size);
        free_add(a, s);
        s = front;
    }
    s->allocated = true;
    link_at(&a->hash[hash_of(a, s->start)], s);
    a->rover = s->next;
    a->in_use += size;
    a->allocs++;
    *out = at;
    return 0;
}

void kva_free(struct kva_arena *a, size_t addr, size_t size)
{
    struct kva_seg *s = a->hash[hash_of(a, addr)];

    while (s && s->start != addr)
        s = s->lnext;
    mm_assert(s && s->size == round_to_quantum(a, size), "arena %s: %lx of %lx bytes, allocated %lx", a->name,
              (unsigned long)addr, (unsigned long)size, (unsigned long)(s ? s->size : 0));
    unlink_seg(s);
    s->allocated = false;
    a->in_use -= s->size;
    a->allocs--;
    if (s->next && !s->next->allocated) {
        free_del(a, s->next);
        merge_into_prev(a, s->next);
    }
    if (s->prev && !s->prev->allocated) {
        s = s->prev;
        free_del(a, s);
        merge_into_prev(a, s->next);
    }
    free_add(a, s);
}

static const char *const policy_names[KVA_POLICIES] = {"best", "first", "next", "worst", "instant"};

const char *kva_policy_name(enum kva_policy p)
{
    return p < KVA_POLICIES ? policy_names[p] : "unknown";
}

enum kva_policy kva_policy_by_name(const char *name)
{
    unsigned p = 0;

    while (p < KVA_POLICIES && strcmp(policy_names[p], name) != 0)
        p++;
    return (enum kva_policy)p;
}

/* --- checks --- */

/* Whether a list or chain is well linked and has s in it; counts its members. */
static bool in_list(struct kva_seg *const *head, const struct kva_seg *seg, uint32_t limit, uint32_t *n)
{
    bool found = false;
    struct kva_seg *const *at = head;

    for (const struct kva_seg *s = *head; s && *n <= limit; s = s->lnext) {
        if (s->lat != at)
            return false;
        found |= s == seg;
        at = &s->lnext;
        ++*n;
    }
    return found || !seg;
}

bool kva_verify(const struct kva_arena *a)
{
    bool ok = true;
    size_t at = a->start, in_use = 0;
    uint32_t segs = 0, allocs = 0, listed = 0, hashed = 0, ignore;
    const struct kva_seg *prev = NULL;
    bool rover = !a->rover;

    for (const struct kva_seg *s = a->all; s && segs <= a->segs; s = s->next) {
        INV("INV-KVA-1",
            s->start == at && s->size && !((s->start | s->size) & (a->quantum - 1)) && s->prev == prev,
            "arena %s: %lx + %lx where %lx is next", a->name, (unsigned long)s->start, (unsigned long)s->size,
            (unsigned long)at);
        if (!ok)
            return false;
        INV("INV-KVA-2", !prev || prev->allocated || s->allocated, "arena %s: two free segments meet at %lx",
            a->name, (unsigned long)at);
        ignore = 0;
        if (s->allocated) {
            allocs++;
            in_use += s->size;
            INV("INV-KVA-4", in_list(&a->hash[hash_of(a, s->start)], s, a->segs, &ignore),
                "arena %s: %lx is allocated and not in its chain", a->name, (unsigned long)at);
        } else {
            INV("INV-KVA-3", in_list(&a->free[list_of(a, s->size)], s, a->segs, &ignore),
                "arena %s: %lx + %lx is free and not in its list", a->name, (unsigned long)at,
                (unsigned long)s->size);
        }
        rover |= a->rover == s;
        at += s->size;
        prev = s;
        segs++;
    }
    INV("INV-KVA-1", at == a->end, "arena %s: segments end at %lx, it at %lx", a->name, (unsigned long)at,
        (unsigned long)a->end);
    for (unsigned k = 0; k < KVA_LISTS; k++) {
        INV("INV-KVA-3",
            in_list(&a->free[k], NULL, a->segs, &listed) && !a->free[k] == !(a->nonempty >> k & 1),
            "arena %s: list %u, nonempty %x", a->name, k, a->nonempty);
    }
    for (unsigned i = 0; i < KVA_HASH; i++)
        INV("INV-KVA-4", in_list(&a->hash[i], NULL, a->segs, &hashed), "arena %s: chain %u", a->name, i);
    INV("INV-KVA-3", listed == segs - allocs, "arena %s: %u segments listed, %u free", a->name, listed,
        segs - allocs);
    INV("INV-KVA-4", hashed == allocs, "arena %s: %u segments hashed, %u allocated", a->name, hashed, allocs);
    INV("INV-KVA-5", in_use == a->in_use && segs == a->segs && allocs == a->allocs,
        "arena %s: %lx bytes in %u of %u segments, counted %lx in %u of %u", a->name,
        (unsigned long)a->in_use, a->allocs, a->segs, (unsigned long)in_use, allocs, segs);
    INV("INV-KVA-6", rover, "arena %s: the rover %p is no segment", a->name, (void *)a->rover);
    return ok;
}
