/*
 * A set-associative array: which pages a translation cache of so many entries holds. See assoc.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after assoc_init()
 *   (n)  nosleep sections
 */
#ifndef MM_ASSOC_H
#define MM_ASSOC_H

#include "mm/types.h"

enum assoc_policy { ASSOC_LRU, ASSOC_FIFO, ASSOC_RANDOM, ASSOC_POLICIES };

/* One place. used 0: it is empty, and if page is not ASSOC_NONE, that page was there until the last flush. */
struct assoc_slot {
    uint32_t page, used; /* (n) */
};

#define ASSOC_NONE UINT32_MAX

struct assoc {
    struct assoc_slot *slot;  /* (c) sets * ways of them, set by set */
    uint32_t sets, ways;      /* (c) */
    enum assoc_policy policy; /* (c) */
    uint32_t clock;           /* (n) of what was put in or used last; never 0 */
    uint32_t seed;            /* (n) of random replacement; never 0 */
    uint32_t count;           /* (n) places that are not empty */
};

/* An empty one in `slot`, memory for sets * ways places. */
void assoc_init(struct assoc *a, struct assoc_slot *slot, uint32_t sets, uint32_t ways,
                enum assoc_policy policy, uint32_t seed);
/* Where the page is, or was until the last flush; NULL: nowhere. */
struct assoc_slot *assoc_find(const struct assoc *a, uint32_t page);
/* Put in a page that is not there. Returns the one that has to leave for it, or ASSOC_NONE. */
uint32_t assoc_put(struct assoc *a, uint32_t page);
/* A page that is there was seen in use. */
void assoc_touch(struct assoc *a, struct assoc_slot *slot);
/* Empty the place of a page, and forget that it was there. */
void assoc_drop(struct assoc *a, struct assoc_slot *slot);
/* Empty it all, and remember which pages were there. Returns how many. */
uint32_t assoc_flush(struct assoc *a);
const char *assoc_policy_name(enum assoc_policy policy);
/* INV-ASSOC-*; reads only; logs what is broken. */
bool assoc_verify(const struct assoc *a);

#endif
