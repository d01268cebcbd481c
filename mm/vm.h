/*
 * The virtual memory system of one machine: what its spaces share. Tests make
 * others over borrowed frames.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (i)  interrupts off: interrupts change it too
 *   (r)  vm.reclaim_lock
 */
#ifndef MM_VM_H
#define MM_VM_H

#include "mm/commit.h"
#include "mm/event.h"
#include "mm/forms/form.h"
#include "mm/frame.h"
#include "mm/hold.h"
#include "mm/policy.h"
#include "mm/pt.h"
#include "mm/slab.h"
#include "mm/swap.h"

struct space;
struct object;

/* Queues of those who wait for a page: so many that sleepers seldom share one, and are woken in vain. */
#define VM_PAGE_WAITS 64u
#define VM_ACTIONS    16 /* room for enum fault_action */

/* Events since boot. Exact: tests compare them. */
struct vm_stats {
    uint64_t faults; /* (n) hardware faults handed to fault_resolve(), but for refills of software TLBs */
    uint64_t by_action[VM_ACTIONS]; /* (n) steps taken, by enum fault_action; one fault may take several */
    uint64_t tables_shared, tables_split, tables_claimed; /* (n) */
    uint64_t evicted;                                     /* (n) pages taken away from their spaces */
    uint64_t evicted_clean;                               /* (n) of evicted: without a write */
    uint64_t scanned;                                     /* (n) frames that the policy looked at */
    uint64_t scanned_direct, evicted_direct; /* (n) of scanned and evicted: by tasks that needed frames */
    uint64_t reactivated;                    /* (n) of scanned: spared because they were used */
    uint64_t tables_out, tables_in;          /* (n) tables that went to a slot, and that came back */
    uint64_t tables_emptied;                 /* (n) idle tables without entries that were freed */
    uint64_t tables_lost;                    /* (n) that could not be read, and have no root any more */
    uint64_t moves;                          /* (n) mappings that were moved with their pages */
    uint64_t lazy_freed; /* (n) of evicted_clean: the program had given them up (ADVISE_FREE) */
    uint64_t direct_reclaims, daemon_rounds, reclaim_failures; /* (n) */
    uint64_t mapped_ahead;            /* (n) pages of objects that were mapped before they were touched */
    uint64_t major;                   /* (n) faults that read from a disk */
    uint64_t oom_kills;               /* (n) programs that the kernel ended for want of memory */
    uint64_t cache_drops, slab_drops; /* (n) the operator's wishes */
};

/* Page tables that are out, and those that may go; see table.c. */
struct vm_tables {
    struct frame_list idle; /* (n) tables that name no frame, or did not when they were listed */
    uint32_t out;           /* (n) tables that are out, however many roots name each */
    uint32_t entries;       /* (n) that these have, together */
    uint32_t lost;          /* (n) names of slots that entries were which cannot be read any more */
    uint64_t names;         /* (n) sum of the mixes of the slots that both name */
    struct frame *page;     /* (c) for reading one when there is no memory */
    struct pt root;         /* (n) for the next space, ready for use; top NULL: there is none */
    struct mutex lock;      /* whose turn it is to have the page */
};

/* One line of the record of software TLBs' misses. */
enum vm_miss_kind {                    /* the first three are enum access: a miss of the program's */
                    VM_MISS_TOUCH = 3, /* the kernel put the entry in to reach the page itself */
                    VM_MISS_USE,       /* the entry was used since the space's last line of another kind */
};
struct vm_miss {
    uint32_t space, page; /* (n) */
    uint32_t out;         /* (n) the page whose entry left for it; UINT32_MAX: none */
    uint32_t kind;        /* (n) enum access or enum vm_miss_kind */
};

/* What a software TLB counts. */
struct vm_tlb_counts {
    uint64_t misses[3];        /* (n) by enum access: what the processor found no entry for */
    uint64_t refills;          /* (n) of the misses: the page was there and allowed it; the rest are faults */
    uint64_t touched;          /* (n) entries that the kernel put in to reach a page itself */
    uint64_t walks, accesses;  /* (n) of the page-table form, and memory accesses that these took */
    uint64_t unfound;          /* (n) of the refills: the form did not have the page */
    uint64_t unheld;           /* (n) translations that the form had no memory for */
    uint64_t evictions;        /* (n) entries that left for others */
    uint64_t stale;            /* (n) places taken from entries that did not translate any more */
    uint64_t switches;         /* (n) from other spaces, or the kernel's tables, to this one */
    uint64_t flushes, flushed; /* (n) at switches, and entries that these took */
    uint64_t after_switch;     /* (n) of the misses: the last flush had taken the page's entry */
};

/* What spaces with software TLBs share; see softtlb.c. */
struct vm_softtlb {
    struct form_memory *memory;     /* (c) for page-table forms; NULL: there are none */
    struct form shared[FORM_KINDS]; /* (n) those that hold the translations of all spaces */
    uint32_t users[FORM_KINDS];     /* (n) spaces that use one; 0: it does not exist */
    struct vm_tlb_counts ended;     /* (n) the sum over all that are no more */
    struct vm_miss *miss;           /* (n) the record; NULL: nobody wants one */
    uint32_t misses, room, lost;    /* (n) in it; that it has room for; that came when it was full */
    bool uses;                      /* (n) it has what was used between two misses, too */
    /* Where the program is that the running task has trapped from. NULL: nobody knows. */
    vaddr_t (*program_at)(void); /* (c) */
};

struct vm {
    struct frame_pool *pool;  /* (c) */
    struct event_ring events; /* (n) */
    pfn_t zero_pfn;           /* (c) the shared zero frame; use KERNEL, never counted */
    struct swap swap;         /* (n) */
    struct pageable pageable; /* (n) ANON and OBJECT frames, as the policy orders them */
    struct vm_tables tables;  /* (n) */
    struct space *spaces;     /* (n) all, linked through all_next */
    struct object *objects;   /* (n) */
    struct cache region_cache, object_cache, radix_cache, family_cache, space_cache, load_cache,
        ahead_cache;                       /* (n) */
    struct mutex reclaim_lock;             /* one reclaimer at a time */
    struct waitq daemon_wait;              /* the daemon sleeps here */
    struct waitq page_wait[VM_PAGE_WAITS]; /* (i) for I/O on frames: vm_page_queue() */
    bool daemon_kicked;                    /* (n) */
    uint32_t ahead_wants;                  /* (n) frames that reading ahead wants beyond the high mark */
    uint64_t daemon_rest_until;            /* (n) a round that freed nothing is not repeated before */
    uint64_t low_rest_until;               /* (n) the same of the daemon's search for low frames */
    uint32_t next_id;                      /* (n) of a space */
    uint32_t next_object_id;               /* (n) */
    /* For each frame of the pool a bit for each who looks on and has not yet seen that it was used (look.c);
     * NULL: nobody can. */
    uint8_t *seen;           /* (c) */
    uint8_t lookers;         /* (n) the bits that are taken */
    uint32_t locked_regions; /* (n) REGION_LOCKED ones; 0 spares reclaim the look-up */
    /* Rules for all spaces; the operator's. */
    uint32_t max_regions;        /* (n) of a space */
    enum commit_mode overcommit; /* (n) */
    uint32_t overcommit_ratio;   /* (n) percent */
    uint32_t overcommit_kib;     /* (n) instead of the ratio, if not 0 */
    uint32_t swappiness; /* (n) 0 to 200: whether files' pages go first or those that need swap (reclaim.c) */
    uint32_t swap_credit, file_credit; /* (r) reclaim.c's */
    bool unlocked;      /* (n) a lock ended since reclaim last looked through what it keeps as locked */
    uint32_t rss_limit; /* (n) pages that a new program may have at first (policy.h); 0: a quarter of all */
    struct hold hold;   /* (n) on: load control wants what came last to go first (hold.c) */
    uint32_t pageable_max; /* (n) pages that the policy may have; 0: as many as there is memory for */
    /* One victim at a time and no sooner than it is wanted, nothing read or mapped ahead: so that faults are
     * those of a simulator. */
    bool exact;          /* (n) */
    uint32_t file_pages; /* (n) resident pages of objects that have an image */
    uint64_t committed;  /* (n) pages; see commit.c */
    /* Whether the running task is about to die, so that long work for it should end. NULL: never. */
    bool (*dying)(void); /* (c) */
    /* Called here, defined above: end somebody so that the kernel gets memory for the running task, and wait
     * for a moment. False: there is nobody else, or it did not help, or the task is to end. Sleeps, with
     * whatever locks the caller has. NULL: never. */
    bool (*make_room)(void);   /* (c) */
    struct vm_stats stats;     /* (n) */
    struct vm_softtlb softtlb; /* (n) */
};

/* Defaults, as Linux has them. */
#define VM_MAX_REGIONS      65530u
#define VM_OVERCOMMIT_RATIO 50u
#define VM_SWAPPINESS       60u
#define VM_SWAPPINESS_EQUAL 100u

/* Needs a pool with frames. 0 or -ENOMEM. Sleeps. */
int vm_init(struct vm *vm, struct frame_pool *pool);
/* No space or object may be left. Sleeps. */
void vm_fini(struct vm *vm);

/*
 * frame_alloc() and cache_alloc() for callers that may sleep: they reclaim while
 * that can help, and for what the kernel keeps they have somebody end. Sleeps. NULL when memory and swap, or
 * what the kernel may keep, are exhausted.
 */
struct frame *vm_frame_alloc(struct vm *vm, enum frame_use use, unsigned flags);
/* The same for somebody who can be told that there is none: nobody is ended. With FRAME_RESERVE the last
 * frames are taken when reclaim finds nothing. Sleeps. */
struct frame *vm_frame_request(struct vm *vm, enum frame_use use, unsigned flags);
/* For the next, when its first try has failed. Sleeps. */
void *vm_cache_alloc_again(struct vm *vm, struct cache *c);
static inline void *vm_cache_alloc(struct vm *vm, struct cache *c)
{
    void *obj;

    might_sleep();
    obj = cache_alloc(c);
    return likely(obj) ? obj : vm_cache_alloc_again(vm, c);
}
/* For those who allocate otherwise: have somebody end, if this is one of the first times (n from 0) that
 * there is no memory for the kernel. Whether it is worth another try. Sleeps. */
bool vm_make_room(struct vm *vm, unsigned n);

/* Where those sleep who wait for I/O on f to end. */
static inline struct waitq *vm_page_queue(struct vm *vm, const struct frame *f)
{
    return &vm->page_wait[frame_pfn(vm->pool, f) % VM_PAGE_WAITS];
}

/* Have the daemon look what there is to do. It does not sleep. */
void vm_wake_daemon(struct vm *vm);

/* A page was used by other means than an entry. */
static inline void vm_frame_touch(struct vm *vm, struct frame *f)
{
    f->flags |= FRAME_F_REFERENCED;
    if (vm->seen)
        vm->seen[frame_pfn(vm->pool, f) - vm->pool->start] = 0xFF;
}

/* Let an ANON or OBJECT frame be pageable, and no longer. */
static inline void vm_frame_list(struct vm *vm, struct frame *f)
{
    mm_assert(!(f->flags & FRAME_F_LISTED), "frame %u is listed", frame_pfn(vm->pool, f));
    pageable_enter(&vm->pageable, vm->pool, f);
}

static inline void vm_frame_unlist(struct vm *vm, struct frame *f)
{
    mm_assert(f->flags & FRAME_F_LISTED, "frame %u is not listed", frame_pfn(vm->pool, f));
    pageable_leave(&vm->pageable, f);
}

/* The part of vm_frame_mapped() that is not inline. */
void vm_frame_mapped_slow(struct vm *vm, struct frame *f, struct policy_set *set);

/* pageable_mapped(), with the event if the page had been set aside. */
static inline void vm_frame_mapped(struct vm *vm, struct frame *f, struct policy_set *set)
{
    if (unlikely(vm->pageable.keeps_sets))
        vm_frame_mapped_slow(vm, f, set);
}

/* Free a frame that nothing names: no maps, no pins, not in the swap cache or an index, no I/O. Unlists it.
 */
void vm_frame_release(struct vm *vm, struct frame *f);
/* A name of a frame went away (an entry, a pin): free an anonymous frame if that was the last, also from the
 * swap cache. */
static inline void vm_frame_drop(struct vm *vm, struct frame *f);

/* vm_frame_drop() of an anonymous frame without maps. */
void vm_frame_drop_last(struct vm *vm, struct frame *f);

/* The same of one that goes with a range, of which the caller makes an event. */
void vm_frame_drop_last_with_range(struct vm *vm, struct frame *f);

static inline void vm_frame_drop(struct vm *vm, struct frame *f)
{
    if (!f->maps && f->use == FRAME_ANON)
        vm_frame_drop_last(vm, f);
}

/* Let the policy have so many pages; 0: as many as there is memory for. */
void vm_set_pageable_max(struct vm *vm, uint32_t pages);
/* Pages that a new program may have at first, for policies that limit that. */
static inline uint32_t vm_rss_limit(const struct vm *vm)
{
    return vm->rss_limit ? vm->rss_limit : (vm->pool->managed[ZONE_LOW] + vm->pool->managed[ZONE_HIGH]) / 4;
}

/* Frames of RAM, as /proc/meminfo counts them. */
static inline uint32_t vm_memory_pages(const struct vm *vm)
{
    return vm->pool->end - vm->pool->start - vm->pool->used[FRAME_RESERVED];
}

static inline bool commit_allows(const struct vm *vm, uint32_t pages)
{
    if (likely(vm->overcommit == COMMIT_HEURISTIC))
        return pages <= vm_memory_pages(vm) + vm->swap.total;
    return commit_allows_otherwise(vm, pages);
}

static inline int commit_charge(struct vm *vm, uint32_t pages)
{
    if (unlikely(!commit_allows(vm, pages)))
        return -ENOMEM;
    vm->committed += pages;
    return 0;
}

static inline void commit_release(struct vm *vm, uint32_t pages)
{
    mm_assert(vm->committed >= pages, "%llu committed, %u released", (unsigned long long)vm->committed,
              pages);
    vm->committed -= pages;
}

/* Whether long work for the running task should end. */
static inline bool vm_dying(const struct vm *vm)
{
    return vm->dying && vm->dying();
}

/* Frame records that a walk over all of them looks at before others may run. */
#define VM_FRAMES_A_STEP 4096u

/* Drop pages of objects that can be had again and that no entry names. Returns how many. Sleeps; stops if the
 * task is to die. */
uint32_t vm_drop_caches(struct vm *vm);

/*
 * The whole system recounted from scratch: every table of every space, every
 * object, the slot map, every frame. Reads only; logs each broken invariant by number.
 */
bool vm_verify(struct vm *vm);
/* The part of it that needs no recount: INV-VM-5 and 10, of the pageable list. */
bool vm_pageable_verify(struct vm *vm);

#endif
