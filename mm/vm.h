/*
 * The virtual memory system of one machine: what spaces share. Tests make
 * their own over borrowed frames.
 */
#ifndef MM_VM_H
#define MM_VM_H

#include "mm/frame.h"
#include "mm/slab.h"
#include "mm/swap.h"

struct space;
struct object;

/* Events since boot. Exact: tests compare them. */
struct vm_stats {
    uint64_t faults;
    uint64_t by_action[16]; /* enum fault_action */
    uint64_t cow_copies, takeovers, zero_maps, zero_fills, swap_ins, object_ins, grows;
    uint64_t tables_shared, tables_split, tables_claimed;
    uint64_t evicted, evicted_clean, scanned, reactivated, direct_reclaims, daemon_runs, reclaim_failures;
};

struct vm {
    struct frame_pool *pool;
    pfn_t zero_pfn; /* the shared zero frame; use KERNEL, never counted */
    struct swap swap;
    struct frame_list pageable; /* ANON and OBJECT frames, in clock order: the hand is at the head */
    struct space *spaces;       /* all, linked through all_next */
    struct object *objects;
    struct cache region_cache, object_cache, radix_cache, family_cache, space_cache;
    struct waitq daemon_wait;  /* the swap daemon sleeps here */
    struct waitq memory_wait;  /* tasks that wait for frames */
    struct mutex reclaim_lock; /* one reclaimer at a time */
    bool daemon_kicked;
    struct vm_stats stats;
};

/* The machine's own, set up by the kernel. */
extern struct vm vm_sys;

/* Needs the pool. 0 or -ENOMEM. */
int vm_init(struct vm *vm, struct frame_pool *pool);
/* No space or object may be left. */
void vm_fini(struct vm *vm);

/* frame_alloc() for callers that may sleep: reclaims or waits while that can help. NULL when memory and swap
 * are exhausted. */
struct frame *vm_frame_alloc(struct vm *vm, enum frame_use use, unsigned flags);
/* cache_alloc() likewise. */
void *vm_cache_alloc(struct vm *vm, struct cache *c);

/* Put an ANON or OBJECT frame on the pageable list, and take it off. */
void vm_frame_list(struct vm *vm, struct frame *f);
void vm_frame_unlist(struct vm *vm, struct frame *f);
/* Free a pageable frame that nothing names: no maps, no pins, not in the swap cache, no I/O. Unlists it. */
void vm_frame_release(struct vm *vm, struct frame *f);

/*
 * The whole system recounted from scratch: every table of every space, every
 * object, the slot map, every frame. Reads only; allocates nothing. Logs each broken invariant by number.
 */
bool vm_verify(struct vm *vm);

#endif
