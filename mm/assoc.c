/*
 * A set-associative array with replacement: the bookkeeping of a translation cache.
 *
 * Purpose. A cache of entries * pages is cut into sets; a page may stand only in the set that its number says
 * (number modulo sets), in any of the set's ways. One set is full associativity, one way is direct mapping.
 * When all ways of its set are taken, a page that comes in puts another one out:
 *
 *   lru     the one that was seen in use the longest time ago. What is seen is what misses, and what faults
 *           although it is there; uses that the hardware translates are not seen (LRU of misses)
 *   fifo    the one that came in first
 *   random  any, by a generator that starts with the same seed each time, so that runs can be repeated
 *
 * A flush empties all places but leaves the pages' names in them, so that somebody can tell a miss that the
 * flush has caused from others. Empty places are taken first, those without a name before those with one.
 *
 * Data: the caller's. Locking: nosleep sections, or the caller's own.
 *
 * INV-ASSOC-1  a page stands, or is remembered, in the set of its number, and once
 * INV-ASSOC-2  count is the number of places that are not empty
 * INV-ASSOC-3  places that are not empty and that are not of random policy have different times of use, none
 *              of them in the future
 *
 * It cannot fail.
 *
 * Source: Hennessy and Patterson, Computer Architecture, appendix B.
 */
#include "mm/assoc.h"
#include "mm/os.h"

void assoc_init(struct assoc *a, struct assoc_slot *slot, uint32_t sets, uint32_t ways,
                enum assoc_policy policy, uint32_t seed)
{
    *a = (struct assoc){.slot = slot, .sets = sets, .ways = ways, .policy = policy, .seed = seed ? seed : 1};
    for (uint32_t i = 0; i < sets * ways; i++)
        slot[i] = (struct assoc_slot){.page = ASSOC_NONE};
}

static inline struct assoc_slot *set_of(const struct assoc *a, uint32_t page)
{
    return a->slot + (a->sets == 1 ? 0 : page % a->sets * a->ways);
}

struct assoc_slot *assoc_find(const struct assoc *a, uint32_t page)
{
    struct assoc_slot *set = set_of(a, page);

    for (struct assoc_slot *p = set; p < set + a->ways; p++)
        if (p->page == page)
            return p;
    return NULL;
}

/* Let the times of a set be 1, 2, ... in the same order. A place's new time is not above its old one, so
 * those that have got theirs are not taken for others. */
static void renumber(struct assoc_slot *set, uint32_t ways)
{
    uint32_t last = 0;

    for (uint32_t n = 1; n <= ways; n++) {
        struct assoc_slot *next = NULL;

        for (struct assoc_slot *p = set; p < set + ways; p++)
            if (p->used > last && (!next || p->used < next->used))
                next = p;
        if (!next)
            break;
        last = next->used;
        next->used = n;
    }
}

/* The time of a use. */
static uint32_t tick(struct assoc *a)
{
    if (unlikely(++a->clock == 0)) {
        for (uint32_t i = 0; i < a->sets; i++)
            renumber(a->slot + i * a->ways, a->ways);
        a->clock = a->ways + 1;
    }
    return a->clock;
}

/* xorshift32 (Marsaglia 2003). */
static uint32_t next_random(struct assoc *a)
{
    a->seed ^= a->seed << 13;
    a->seed ^= a->seed >> 17;
    a->seed ^= a->seed << 5;
    return a->seed;
}

uint32_t assoc_put(struct assoc *a, uint32_t page)
{
    struct assoc_slot *set = set_of(a, page), *best = set;
    uint32_t out;

    /* An empty place has the time 0, which is the oldest; a name in it makes it second best. */
    for (struct assoc_slot *p = set; p < set + a->ways; p++)
        if (p->used < best->used || (!p->used && p->page == ASSOC_NONE && best->page != ASSOC_NONE))
            best = p;
    if (best->used && a->policy == ASSOC_RANDOM)
        best = set + next_random(a) % a->ways;
    out = best->used ? best->page : ASSOC_NONE;
    a->count += !best->used;
    *best = (struct assoc_slot){.page = page, .used = tick(a)};
    return out;
}

void assoc_touch(struct assoc *a, struct assoc_slot *slot)
{
    if (a->policy == ASSOC_LRU && slot->used)
        slot->used = tick(a);
}

void assoc_drop(struct assoc *a, struct assoc_slot *slot)
{
    a->count -= !!slot->used;
    *slot = (struct assoc_slot){.page = ASSOC_NONE};
}

uint32_t assoc_flush(struct assoc *a)
{
    uint32_t had = a->count;

    for (struct assoc_slot *p = a->slot; p < a->slot + a->sets * a->ways; p++) {
        if (!p->used)
            p->page = ASSOC_NONE; /* that was an earlier flush */
        p->used = 0;
    }
    a->count = 0;
    return had;
}

const char *assoc_policy_name(enum assoc_policy policy)
{
    static const char *const names[] = {"lru", "fifo", "random"};

    return (unsigned)policy < ASSOC_POLICIES ? names[policy] : "?";
}

bool assoc_verify(const struct assoc *a)
{
    uint32_t total = a->sets * a->ways, count = 0;
    bool ok = true;

    for (uint32_t i = 0; i < total; i++) {
        const struct assoc_slot *p = a->slot + i;

        count += !!p->used;
        INV("INV-ASSOC-1", p->page != ASSOC_NONE || !p->used, "place %u is taken by nothing", i);
        INV("INV-ASSOC-3", p->used <= a->clock, "place %u was used at %u, now is %u", i, p->used, a->clock);
        if (p->page == ASSOC_NONE)
            continue;
        uint32_t set = p->page % a->sets;

        INV("INV-ASSOC-1", set == i / a->ways, "page %x is in set %u of %u", p->page, i / a->ways, a->sets);
        for (uint32_t k = i + 1; k < (i / a->ways + 1) * a->ways; k++) {
            INV("INV-ASSOC-1", a->slot[k].page != p->page, "page %x is in places %u and %u", p->page, i, k);
            INV("INV-ASSOC-3", !p->used || a->slot[k].used != p->used, "places %u and %u were used at %u", i,
                k, p->used);
        }
    }
    INV("INV-ASSOC-2", count == a->count, "counted %u, says %u", count, a->count);
    return ok;
}
