/*
 * Regions: what a space allows where. An ordered balanced tree in which every
 * subtree bounds its gaps, so that lookup, insertion and the search for room
 * are all O(log n). See region.c.
 *
 * The caller has the space's lock. Nothing here sleeps or allocates: the
 * caller brings the memory, so that a change that was validated cannot fail.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (l)  space.lock
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (o)  its owner only: it is on one task's stack
 * With several letters: all of them to change it, one of them to read it.
 */
#ifndef MM_REGION_H
#define MM_REGION_H

#include "mm/types.h"

struct object;
struct space;

enum {
    REGION_READ = 1 << 0,
    REGION_WRITE = 1 << 1,
    REGION_EXEC = 1 << 2,
    REGION_PROT = 7,
    REGION_SHARED = 1 << 3,      /* writes go to the object */
    REGION_GROWSDOWN = 1 << 4,   /* a stack: a touch below start, within the space's limit, extends it */
    REGION_LOCKED = 1 << 5,      /* its pages are not evicted */
    REGION_ONFAULT = 1 << 6,     /* with LOCKED: pages are not brought in before they are touched */
    REGION_CHARGED = 1 << 7,     /* its pages count as committed memory (commit.h) */
    REGION_NORESERVE = 1 << 8,   /* never charge it */
    REGION_DONTFORK = 1 << 9,    /* a child does not get it */
    REGION_WIPEONFORK = 1 << 10, /* a child gets it empty */
    REGION_NOWRITE = 1 << 11,    /* may not be made writable: shared, of a file that is open for reading */
    REGION_OF_FILE = 1 << 12,    /* private zeroes that a file stands for (/dev/zero), which others do not */
    REGION_WRITER = 1 << 13,     /* of a file that was open for writing: the region has it open, as it were */
    REGION_NOEXEC = 1 << 14,     /* may not be made executable: of a file where nothing is to be executed */
    REGION_DONTDUMP = 1 << 15,   /* a core file has none of it */
    REGION_FLAGS = (1 << 16) - 1,
};

struct region {
    vaddr_t start, end;    /* (l+n) page aligned */
    uint32_t flags;        /* (l+n) REGION_* */
    struct space *space;   /* (c) */
    struct object *object; /* (l+n) NULL: anonymous. It has a reference. */
    uint32_t offset;       /* (l+n) page of the object that start maps */
    /* Page number in the family of start's private pages; it is start >> PAGE_SHIFT unless the region was
     * moved. */
    uint32_t number;                          /* (l+n) */
    struct region *object_next, *object_prev; /* (n) the object's list of regions that map it */
    /* moved.c's, if it was moved */
    struct region *moved_left, *moved_right, *moved_parent; /* (n) */
    uint32_t moved_end;                                     /* (n) */
    /* region.c's */
    struct region *left, *right, *parent; /* (l+n) */
    struct region *next, *prev;           /* (l+n) address order */
    uint32_t max_gap;                     /* (l) pages: no larger gap precedes a region of this subtree */
    bool red;                             /* (l+n) */
};

static inline uint32_t region_pages(const struct region *r)
{
    return (r->end - r->start) >> PAGE_SHIFT;
}

/* Whether its pages' numbers are not their addresses. */
static inline bool region_is_moved(const struct region *r)
{
    return r->number != r->start >> PAGE_SHIFT;
}

struct region_tree {
    struct region *root;         /* (l+n) */
    struct region *first, *last; /* (l+n) */
    struct region *last_hit;     /* (n) */
    uint32_t count;              /* (l+n) */
    vaddr_t lo, hi;              /* (c) regions lie in [lo, hi) */
    uint64_t lookups;            /* (n) that last_hit did not answer */
};

void region_tree_init(struct region_tree *t, vaddr_t lo, vaddr_t hi);

struct region *region_find_slow(struct region_tree *t, vaddr_t va);

/* The region that contains va, or NULL. */
static inline struct region *region_find(struct region_tree *t, vaddr_t va)
{
    struct region *r = t->last_hit;

    if (likely(r && va >= r->start && va < r->end))
        return r;
    return region_find_slow(t, va);
}

struct region *region_first_above_slow(struct region_tree *t, vaddr_t va);

/* The first region with end > va, or NULL. */
static inline struct region *region_first_above(struct region_tree *t, vaddr_t va)
{
    struct region *r = t->last_hit;

    if (likely(r && va >= r->start && va < r->end))
        return r;
    return region_first_above_slow(t, va);
}

/* A free range: where it starts, and the first region above it or NULL. */
struct region_gap { /* (o) */
    vaddr_t start;
    struct region *above;
};

/* Free range of size bytes within [lo, hi): the highest or the lowest. 0 and *gap, or -ENOMEM. size page
 * aligned, > 0. */
int region_find_gap(const struct region_tree *t, size_t size, vaddr_t lo, vaddr_t hi, bool top_down,
                    struct region_gap *gap);
/* True if [start, end) lies in the tree's range and touches no region. */
bool region_is_free(struct region_tree *t, vaddr_t start, vaddr_t end);

/* Insert: start, end set; must not overlap. */
void region_insert(struct region_tree *t, struct region *r);
/* The same when the first region above r is known (NULL: r is above all), without a search. */
void region_insert_below(struct region_tree *t, struct region *r, struct region *above);
void region_remove(struct region_tree *t, struct region *r);
/*
 * A copy of a whole tree, without a search: append a copy of each of its regions, in order, then take over
 * its shape. Until then none of them is found. Their ranges must be the model's.
 */
static inline void region_append(struct region_tree *t, struct region *r)
{
    r->next = NULL;
    r->prev = t->last;
    if (t->last)
        t->last->next = r;
    else
        t->first = r;
    t->last = r;
    t->count++;
}
void region_copy_shape(struct region_tree *t, const struct region_tree *model);
/* Move the boundaries without passing a neighbour. offset and number follow start, so what a page maps stays.
 */
void region_resize(struct region_tree *t, struct region *r, vaddr_t start, vaddr_t end);
/*
 * Split r at va (page aligned, inside): r keeps [start, va), upper (memory from the caller, overwritten)
 * becomes [va, end) with offset and number advanced, and is inserted. If
 * there is an object, the caller attaches upper to it (object_attach()). If r was moved, it may not be in the
 * space's tree of such regions meanwhile, and upper belongs there too.
 */
void region_split(struct region_tree *t, struct region *r, vaddr_t va, struct region *upper);
/* Whether b, which starts where a ends, continues it: equal flags, object with continuing offset, continuing
 * number. */
static inline bool region_continues(const struct region *a, const struct region *b)
{
    return a->flags == b->flags && a->end == b->start && a->space == b->space && a->object == b->object &&
           (!a->object || a->offset + region_pages(a) == b->offset) &&
           a->number + region_pages(a) == b->number;
}
/* The part of region_join() that is not inline. */
void region_take_in(struct region_tree *t, struct region *a, struct region *b);
/* If b continues a, join it into a: b is removed from the tree, and its memory and object reference are the
 * caller's to release. Whether it was so. */
static inline bool region_join(struct region_tree *t, struct region *a, struct region *b)
{
    if (!region_continues(a, b))
        return false;
    region_take_in(t, a, b);
    return true;
}

bool region_verify(const struct region_tree *t); /* INV-REGION-* */

#endif
