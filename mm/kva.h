/*
 * Kernel address arena: ranges of addresses, after vmem (Bonwick and Adams
 * 2001), with the textbook's fit policies. See kva.c. On top of it,
 * kva_map.c maps frames there: stacks with guard pages and large tables.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_KVA_H
#define MM_KVA_H

#include "mm/slab.h"

enum kva_policy { KVA_BEST, KVA_FIRST, KVA_NEXT, KVA_WORST, KVA_INSTANT, KVA_POLICIES };

/* One range, free or allocated. */
struct kva_seg {
    size_t start, size;          /* (n) */
    bool allocated;              /* (n) */
    struct kva_seg *next, *prev; /* (n) in address order */
    struct kva_seg *lnext;       /* (n) the next one in a free list or a hash chain */
    struct kva_seg **lat;        /* (n) the link there that names this one */
};

#define KVA_LISTS      32 /* free segments by power of two of their size */
#define KVA_HASH_SHIFT 6
#define KVA_HASH       (1 << KVA_HASH_SHIFT) /* allocated segments by start */

struct kva_arena {
    const char *name;                /* (c) */
    size_t start, end;               /* (c) addresses, multiples of quantum */
    size_t quantum;                  /* (c) unit, a power of two */
    enum kva_policy policy;          /* (c) */
    struct kva_seg *all;             /* (n) in address order */
    struct kva_seg *free[KVA_LISTS]; /* (n) */
    uint32_t nonempty;               /* (n) */
    struct kva_seg *hash[KVA_HASH];  /* (n) */
    struct kva_seg *rover;           /* (n) next fit */
    size_t in_use;                   /* (n) bytes allocated */
    uint32_t segs, allocs;           /* (n) */
    uint64_t scanned;                /* (n) free segments looked at, the cost of the policy */
    struct cache *seg_cache;         /* (c) */
};

/* seg_cache: a cache of kva_seg_size() objects, shared by arenas. 0, -EINVAL, -ENOMEM. */
int kva_init(struct kva_arena *a, const char *name, size_t start, size_t size, size_t quantum,
             enum kva_policy policy, struct cache *seg_cache);
size_t kva_seg_size(void);
/* Frees its segments; everything must have been freed (else -EBUSY and nothing is done). */
int kva_fini(struct kva_arena *a);
/* A range of size bytes (rounded up to the quantum) at a multiple of align (0: quantum). 0 and *out, -EINVAL,
 * -ENOMEM. */
int kva_alloc(struct kva_arena *a, size_t size, size_t align, size_t *out);
/* size as given to kva_alloc(). Coalesces at once. */
void kva_free(struct kva_arena *a, size_t addr, size_t size);
bool kva_verify(const struct kva_arena *a); /* INV-KVA-* */
const char *kva_policy_name(enum kva_policy p);
/* KVA_POLICIES when there is no such name. */
enum kva_policy kva_policy_by_name(const char *name);

#endif
