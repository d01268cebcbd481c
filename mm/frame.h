/*
 * Frames: one record for every physical page of the machine, and the pool that
 * hands them out. See frame.c for the theory.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation; of a pool, after the last frame_add()
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (o)  its owner only: it is on one task's stack
 */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include "mm/buddy.h"
#include "mm/os.h"
#include "mm/types.h"

/* What a frame is used for. Every frame is in exactly one use, and the uses add up to the machine. */
enum frame_use {
    FRAME_FREE,     /* in a buddy free list or a hot list */
    FRAME_RESERVED, /* not RAM we may use: firmware, holes, below mem= */
    FRAME_KERNEL,   /* kernel image, frame table, loader data, large kernel buffers */
    FRAME_SLAB,     /* slabs and large kmalloc blocks */
    FRAME_TABLE,    /* page directories and page tables */
    FRAME_STACK,    /* kernel stacks */
    FRAME_ANON,     /* private page: owner = struct family *, index = page number */
    FRAME_OBJECT,   /* page of an object: owner = struct object *, index = page of the object */
    FRAME_USES
};

/* Flags of a frame. */
enum {
    FRAME_F_BUDDY = 1 << 0,  /* heads a free block in a buddy list; order is valid */
    FRAME_F_HOT = 1 << 1,    /* free, in a hot list */
    FRAME_F_LISTED = 1 << 2, /* on one of the pageable lists of its vm */
    FRAME_F_IDLE = 1 << 2,   /* of a table: on the list of those that name no frame; see pt.h */
    FRAME_F_BUSY = 1 << 3, /* being filled from a pager or a disk: contents not valid yet; wait, never map */
    FRAME_F_WRITEBACK = 1 << 4,  /* being written to its slot; contents are valid and must not change */
    FRAME_F_DIRTY = 1 << 5,      /* contents differ from the slot or the pager's copy */
    FRAME_F_REFERENCED = 1 << 6, /* touched by other means than an entry since the clock last came by */
    FRAME_F_READAHEAD = 1 << 7,  /* read ahead from swap and not asked for since */
    FRAME_F_LAZY = 1 << 8,       /* given up by its program: may be dropped as long as no entry is dirty */
    FRAME_F_PRECIOUS = 1 << 9, /* of an object: its pager could not bring the contents again; see object.h */
    FRAME_F_PARKED = 1 << 10,  /* its policy has set it aside, so that no entry translates: policy.h */
    FRAME_F_MARKED = 1 << 11,  /* read ahead; whoever asks for it wants more to be read (ahead.c) */
    FRAME_F_WASHED = 1 << 15,  /* under WRITEBACK, and it stays in memory when that ends */
    FRAME_F_LIST = 7 << 12,    /* the number of the list, if LISTED: policy.h */
};

/*
 * 32 bytes on the target. Links are frame numbers, so that the record has one
 * layout everywhere. Which fields are live depends on the use:
 *
 *   field   FREE           TABLE                   ANON, OBJECT
 *   order   of the block   -                       the policy's byte (if FRAME_F_LISTED); set, upper part
 *   maps    -              directories naming it   entries naming it
 *   link    free list      idle (if FRAME_F_IDLE)  a pageable list (if FRAME_F_LISTED)
 *   owner   -              family; of a root: its  family / object
 *                          pages' struct policy_set
 *   index   -              groups in use           page number there
 *   slot    -              number of its span      its swap slot when it is in the swap cache, else SLOT_NONE
 *   pins    -              entries naming slots    users for I/O or a copy; a pinned frame is not evicted
 *                                                  or freed
 *   used    -              non-empty entries       the policy's number (if FRAME_F_LISTED); set, lower part
 *
 * SLAB: owner = the struct slab, index = pages from the head of the block;
 * KERNEL, STACK: owner free for the user. No interrupt changes a record: a task finishes what a disk has
 * completed.
 */
struct frame {
    uint8_t use;      /* (n) */
    uint8_t order;    /* (n) */
    uint16_t flags;   /* (n) */
    uint32_t maps;    /* (n) */
    pfn_t next, prev; /* (n) */
    uint32_t index;   /* (n) */
    slot_t slot;      /* (n) */
    uint16_t pins;    /* (n) */
    uint16_t used;    /* (n) */
    void *owner;      /* (n) */
};
_Static_assert(sizeof(void *) > 4 || sizeof(struct frame) == 32, "32 bytes a frame");

enum frame_zone { ZONE_LOW, ZONE_HIGH, FRAME_ZONES }; /* low: direct mapped */

#define FRAME_F_LIST_SHIFT 12

/* Flags for allocation. */
enum {
    FRAME_LOW_ONLY = 1 << 0, /* must be direct mapped */
    FRAME_RESERVE = 1 << 1,  /* may use the last frames: for reclaim itself */
    FRAME_FIRST = 1 << 2,    /* first try of one who has another, that sleeps: NULL under frame_cap() */
};

/*
 * Single free frames in front of a zone, most recently freed first. Two lists of 64 frames are at most 0.5
 * MiB that block allocations have to ask back, and 3 % of the smallest machine. Some low ones were freed with
 * nothing but zeros in them: who needs a cleared frame takes one of these, and others when there is nothing
 * else. 16 are the tables of a few programs.
 */
#define FRAME_HOT_MAX   64u
#define FRAME_CLEAN_MAX 16u
struct frame_hot {
    pfn_t head;         /* (n) singly linked through next */
    uint32_t count;     /* (n) of both lists */
    struct buddy *zone; /* (c) the zone behind it */
    pfn_t clean;        /* (n) those that are clean, linked likewise */
    uint32_t cleans;    /* (n) of these; never more than FRAME_CLEAN_MAX */
};

/* Watermarks in frames: below low the daemon is woken, it works until high, below min only FRAME_RESERVE
 * allocates. For low frames alone the same multiples of low_min count, if there are high ones too. */
#define FRAME_MARK_LOW  2u /* times min */
#define FRAME_MARK_HIGH 3u
struct frame_marks {
    uint32_t min, low, high; /* (n) */
};

/*
 * A pool of frames. The machine has one; tests make others over borrowed
 * frames. Not to be used from interrupts. Everything in it is touched in nosleep sections only.
 */
struct frame_pool {
    struct frame *frames;              /* (c) indexed by frame number; valid in [start, end) */
    pfn_t start, end;                  /* (c) */
    pfn_t low_end;                     /* (c) frames below are direct mapped */
    uint8_t *direct;                   /* (c) where frame 0 is (or would be) mapped: frame_ptr() */
    struct buddy zone[FRAME_ZONES];    /* (n) */
    struct frame_hot hot[FRAME_ZONES]; /* (n) */
    struct frame_hot *hot_any;         /* (c) where allocations without FRAME_LOW_ONLY look first */
    uint32_t used[FRAME_USES];         /* (n) frames by use; adds up to end - start */
    uint32_t managed[FRAME_ZONES];     /* (c) frames handed over with frame_add() */
    struct frame_marks marks;          /* (n) */
    uint32_t low_min;  /* (n) low frames that only FRAME_RESERVE may take: the low zone's part of marks.min */
    uint32_t low_kept; /* (n) low frames that allocations without FRAME_LOW_ONLY leave alone */
    uint32_t slow_below; /* (n) allocation takes the slow path when its zone has fewer free frames */
    uint32_t
        kernel_max; /* (n) frames of frame_kernel_count() that may be had for programs; UINT32_MAX: all */
    bool capped;    /* (n) allocations with FRAME_FIRST fail */
    uint32_t fail_after; /* (n) fault injection: 0 off, else the Nth allocation from now fails, and so do all
                            after it */
    /* Called when an allocation leaves fewer than marks.low of frame_free_common(), or too few low frames. It
     * must not sleep. */
    void (*low_hook)(struct frame_pool *); /* (n) */
    void *hook_data;                       /* (n) */
    uint64_t allocs, fails;                /* (n) since boot: frames handed out, requests refused */
    uint32_t claimed;                      /* (n) frames that got a use by frame_claim() */
    void *caches;                          /* (n) slab.c: the caches over this pool */
    void *slab_internal;                   /* (n) slab.c: where it keeps its internal caches */
};

static inline struct frame *pfn_frame(const struct frame_pool *p, pfn_t pfn)
{
    return p->frames + pfn;
}

static inline pfn_t frame_pfn(const struct frame_pool *p, const struct frame *f)
{
    return (pfn_t)(f - p->frames);
}

/* The direct-mapped address of a low frame. High frames need window_open(). */
static inline void *frame_ptr(const struct frame_pool *p, pfn_t pfn)
{
    return p->direct + ((size_t)pfn << PAGE_SHIFT);
}

static inline pfn_t ptr_pfn(const struct frame_pool *p, const void *ptr)
{
    return (pfn_t)((size_t)((const uint8_t *)ptr - p->direct) >> PAGE_SHIFT);
}

/* Whether it is a page on one of the pageable lists. The flag alone means something else of a table. */
static inline bool frame_is_listed(const struct frame *f)
{
    return (f->use == FRAME_ANON || f->use == FRAME_OBJECT) && f->flags & FRAME_F_LISTED;
}

static inline bool frame_is_low(const struct frame_pool *p, pfn_t pfn)
{
    return pfn < p->low_end;
}

/*
 * Set up a pool over [start, end). Every frame begins as FRAME_RESERVED; the
 * caller then gives away RAM with frame_add(). frames is memory for (end - start)
 * records. low_end and direct as above.
 */
void frame_pool_init(struct frame_pool *p, struct frame *frames, pfn_t start, pfn_t end, pfn_t low_end,
                     void *direct);
/* Hand reserved frames [start, end) to the allocator. Called once for each range; frame 0 is in none. */
void frame_add(struct frame_pool *p, pfn_t start, pfn_t end);
/* Account reserved frames [start, end) to a use, for memory that was occupied before the pool existed. Such
 * frames can be freed later, one by one. */
void frame_claim(struct frame_pool *p, pfn_t start, pfn_t end, enum frame_use use);
/* Compute watermarks from the number of managed frames. Called after the last frame_add(). */
void frame_set_marks(struct frame_pool *p);
/* Compute them from a min of the operator's: at least what a reclaimer needs at once, at most a sixteenth of
 * all. 0 or -EINVAL. */
#define FRAME_MIN_LEAST 16u
int frame_set_min(struct frame_pool *p, uint32_t frames);

/*
 * Allocate one frame for a use. Prefers high frames unless FRAME_LOW_ONLY, and then leaves low_kept low
 * frames alone. The last marks.min frames are for FRAME_RESERVE. The record comes with use set, everything
 * else zero; the contents are undefined. NULL when there is none (never sleeps, never reclaims).
 */
static inline struct frame *frame_alloc(struct frame_pool *p, enum frame_use use, unsigned flags);
/* The same of a low frame for the kernel, with nothing but zeros in it. NULL: none is at hand, or the kernel
 * has as many as it may. */
static inline struct frame *frame_alloc_clean(struct frame_pool *p, enum frame_use use);
/* Free a single frame. It must have no maps and no pins. */
static inline void frame_free(struct frame_pool *p, struct frame *f);
/* The same of a low frame in which there is nothing but zeros. */
static inline void frame_free_clean(struct frame_pool *p, struct frame *f);
/* The same for 2^order physically contiguous frames; the head carries the order, every frame of the block the
 * use. */
struct frame *frame_alloc_block(struct frame_pool *p, unsigned order, enum frame_use use, unsigned flags);
void frame_free_block(struct frame_pool *p, struct frame *head);
/* Change the use of an allocated frame (accounting included). Neither use may be FREE or RESERVED. */
void frame_retype(struct frame_pool *p, struct frame *f, enum frame_use use);

/* Frames that the kernel has for itself and does not give back by reclaim: tables, stacks, slabs, buffers. */
static inline uint32_t frame_kernel_count(const struct frame_pool *p)
{
    return p->used[FRAME_KERNEL] + p->used[FRAME_SLAB] + p->used[FRAME_TABLE] + p->used[FRAME_STACK];
}

/* Whether the kernel has as many as it may. Whoever allocates them for programs asks first; freeing pages of
 * programs does not help then. */
static inline bool frame_kernel_full(const struct frame_pool *p)
{
    return unlikely(frame_kernel_count(p) >= p->kernel_max);
}

/* From now on the kernel may have what it has, and half of the low memory that it was given. */
void frame_limit_kernel(struct frame_pool *p);

/* The parts of frame_alloc() and frame_free() that are not inline. */
struct frame *frame_alloc_slow(struct frame_pool *p, enum frame_use use, unsigned flags);
void frame_hot_trim(struct frame_pool *p, struct frame_hot *hot);
_Noreturn void frame_not_freeable(const struct frame_pool *p, const struct frame *f);

/* Flags with which a frame cannot be freed. */
#define FRAME_F_NOT_FREEABLE                                                                                 \
    (FRAME_F_BUDDY | FRAME_F_HOT | FRAME_F_LISTED | FRAME_F_LIST | FRAME_F_BUSY | FRAME_F_WRITEBACK)

/* Take the first frame of one of a hot list's two, which is not empty. */
static inline struct frame *frame_hot_take(struct frame_pool *p, struct frame_hot *hot, pfn_t *list,
                                           enum frame_use use)
{
    struct frame *f = pfn_frame(p, *list);

    *list = f->next;
    hot->count--;
    p->used[FRAME_FREE]--;
    p->used[use]++;
    p->allocs++;
    /* All but maps and pins, which are 0 in a free frame. */
    f->use = (uint8_t)use;
    f->order = 0;
    f->flags = 0;
    f->next = f->prev = PFN_NONE;
    f->index = 0;
    f->slot = SLOT_NONE;
    f->used = 0;
    f->owner = NULL;
    return f;
}

/* Whether the slow path has to see to an allocation from this list's zone. */
static inline bool frame_hot_is_low(const struct frame_pool *p, const struct frame_hot *hot)
{
    return unlikely(hot->zone->free + hot->count < p->slow_below);
}

static inline struct frame *frame_alloc(struct frame_pool *p, enum frame_use use, unsigned flags)
{
    struct frame_hot *hot = flags & FRAME_LOW_ONLY ? &p->hot[ZONE_LOW] : p->hot_any;

    if (unlikely(!hot->head) || frame_hot_is_low(p, hot))
        return frame_alloc_slow(p, use, flags);
    return frame_hot_take(p, hot, &hot->head, use);
}

static inline struct frame *frame_alloc_clean(struct frame_pool *p, enum frame_use use)
{
    struct frame_hot *hot = &p->hot[ZONE_LOW];

    if (unlikely(!hot->clean) || frame_hot_is_low(p, hot) || frame_kernel_full(p))
        return NULL;
    hot->cleans--;
    return frame_hot_take(p, hot, &hot->clean, use);
}

/* frame_alloc() of such a frame: NULL also when the kernel has as many as it may. */
static inline struct frame *frame_alloc_kernel(struct frame_pool *p, enum frame_use use, unsigned flags)
{
    return frame_kernel_full(p) ? NULL : frame_alloc(p, use, flags);
}

/* Put a frame that is to be freed into one of a hot list's two. */
static inline void frame_hot_put(struct frame_pool *p, struct frame_hot *hot, pfn_t *list, struct frame *f)
{
    if (unlikely(f->use <= FRAME_RESERVED || f->order || (f->flags & FRAME_F_NOT_FREEABLE) ||
                 (f->maps | f->pins)))
        frame_not_freeable(p, f);
    p->used[f->use]--;
    p->used[FRAME_FREE]++;
    f->use = FRAME_FREE;
    f->order = 0;
    f->flags = FRAME_F_HOT;
    f->next = *list;
    *list = frame_pfn(p, f);
    if (unlikely(++hot->count > FRAME_HOT_MAX))
        frame_hot_trim(p, hot);
}

static inline void frame_free(struct frame_pool *p, struct frame *f)
{
    struct frame_hot *hot = frame_is_low(p, frame_pfn(p, f)) ? &p->hot[ZONE_LOW] : &p->hot[ZONE_HIGH];

    frame_hot_put(p, hot, &hot->head, f);
}

static inline void frame_free_clean(struct frame_pool *p, struct frame *f)
{
    struct frame_hot *hot = &p->hot[ZONE_LOW];

    if (hot->cleans == FRAME_CLEAN_MAX) {
        frame_hot_put(p, hot, &hot->head, f);
    } else {
        hot->cleans++;
        frame_hot_put(p, hot, &hot->clean, f);
    }
}

/*
 * Frames of one use that are given back together: runs of neighbours become blocks at once. All in one
 * nosleep section.
 */
struct frame_batch { /* (o) */
    struct frame_pool *pool;
    enum frame_use use;
    pfn_t start, end; /* the run at hand */
};

/* Give back the run at hand. */
void frame_batch_flush(struct frame_batch *b);

static inline void frame_batch_begin(struct frame_batch *b, struct frame_pool *p, enum frame_use use)
{
    *b = (struct frame_batch){.pool = p, .use = use};
}

/*
 * As frame_free(), for a single frame that the caller has just seen to be of the batch's use, and free of
 * maps, pins, I/O and lists. It may not be looked at any more, but is not free before the batch ends.
 */
static inline void frame_batch_free(struct frame_batch *b, struct frame *f, pfn_t pfn)
{
    f->use = FRAME_FREE;
    f->flags = 0;
    if (likely(pfn == b->end)) {
        b->end++;
    } else if (pfn + 1 == b->start) {
        b->start--;
    } else {
        frame_batch_flush(b);
        b->start = pfn;
        b->end = pfn + 1;
    }
}

static inline void frame_batch_end(struct frame_batch *b)
{
    if (b->start != b->end)
        frame_batch_flush(b);
    b->start = b->end = PFN_NONE;
}

/* Free frames now, hot ones included. */
static inline uint32_t frame_free_count(const struct frame_pool *p)
{
    return p->used[FRAME_FREE];
}

/* Free low frames. */
static inline uint32_t frame_free_low(const struct frame_pool *p)
{
    return p->zone[ZONE_LOW].free + p->hot[ZONE_LOW].count;
}

/* Free frames for all purposes, by which the watermarks are measured: those that low_kept keeps from
 * most allocations do not count, but for low_min of them. Without high frames, the free frames. */
static inline uint32_t frame_free_common(const struct frame_pool *p)
{
    uint32_t low = frame_free_low(p), extra = p->low_kept - p->low_min;

    if (low < p->low_kept)
        extra = low > p->low_min ? low - p->low_min : 0;
    return p->used[FRAME_FREE] - extra;
}

/* Low frames that are missing from so many times low_min. Without high frames the marks say all. */
static inline uint32_t frame_low_lacks(const struct frame_pool *p, uint32_t times)
{
    uint32_t want = p->managed[ZONE_HIGH] ? times * p->low_min : 0, have = frame_free_low(p);

    return have < want ? want - have : 0;
}

/* Frames given back since boot. */
static inline uint64_t frame_frees(const struct frame_pool *p)
{
    uint32_t out = p->end - p->start - p->used[FRAME_FREE] - p->used[FRAME_RESERVED];

    return p->allocs + p->claimed - out;
}

/* Empty the hot lists into the buddy lists, so that blocks can coalesce. */
void frame_drain_hot(struct frame_pool *p);
/* Whether allocations with FRAME_FIRST fail. */
void frame_cap(struct frame_pool *p, bool on);
/* Start (n > 0: the nth allocation from now and all after it fail) or stop (0) fault injection. */
void frame_fail_after(struct frame_pool *p, uint32_t n);

/*
 * Recount every use from the records and compare with the totals, walk the
 * free lists. Reads only. True when all is well; else logs each broken
 * invariant by its number and returns false.
 */
bool frame_audit(const struct frame_pool *p);
const char *frame_use_name(enum frame_use use);

/* A list of frames, linked through next and prev. Zero-filled is empty. */
struct frame_list {
    pfn_t head, tail; /* (n) */
    uint32_t count;   /* (n) */
};

static inline void frame_list_push_tail(const struct frame_pool *p, struct frame_list *l, struct frame *f)
{
    pfn_t pfn = frame_pfn(p, f);

    f->next = PFN_NONE;
    f->prev = l->tail;
    if (l->tail)
        pfn_frame(p, l->tail)->next = pfn;
    else
        l->head = pfn;
    l->tail = pfn;
    l->count++;
}

static inline void frame_list_push_head(const struct frame_pool *p, struct frame_list *l, struct frame *f)
{
    pfn_t pfn = frame_pfn(p, f);

    f->prev = PFN_NONE;
    f->next = l->head;
    if (l->head)
        pfn_frame(p, l->head)->prev = pfn;
    else
        l->tail = pfn;
    l->head = pfn;
    l->count++;
}

/* Take out a frame that is not to be used as a member of a list before it is put into one. */
static inline void frame_list_cut(const struct frame_pool *p, struct frame_list *l, const struct frame *f)
{
    if (likely(f->prev))
        pfn_frame(p, f->prev)->next = f->next;
    else
        l->head = f->next;
    if (likely(f->next))
        pfn_frame(p, f->next)->prev = f->prev;
    else
        l->tail = f->prev;
    l->count--;
}

static inline void frame_list_remove(const struct frame_pool *p, struct frame_list *l, struct frame *f)
{
    frame_list_cut(p, l, f);
    f->next = f->prev = PFN_NONE;
}

#endif
