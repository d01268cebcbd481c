/*
 * Mapped kernel memory that is contiguous in addresses only: stacks with guard
 * pages, large tables, device windows. Addresses come from an arena, frames from a pool. See kva_map.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_KVA_MAP_H
#define MM_KVA_MAP_H

#include "mm/kva.h"

struct kva_map {
    struct kva_arena arena;                          /* (n) */
    struct cache segs;                               /* (n) */
    struct frame_pool *pool;                         /* (c) */
    uint32_t stack_pages, table_pages, device_pages; /* (n) mapped now */
    uint32_t guard_pages;                            /* (n) of these three, never mapped */
};

/* The machine's, set up by the kernel over [KVA_START, KVA_END). */
extern struct kva_map kva_map_sys; /* (n) */

/* Manage the kernel addresses [start, start + size), whole pages, with frames of a pool. 0, -EINVAL, -ENOMEM.
 */
int kva_map_init(struct kva_map *m, struct frame_pool *pool, const char *name, vaddr_t start, size_t size,
                 enum kva_policy policy);
/* 0, or -EBUSY when something is still mapped; nothing is done then. */
int kva_map_fini(struct kva_map *m);

/*
 * A kernel stack: the address of its lowest byte. The page below it and the page above it are never mapped.
 * Its contents are undefined. NULL when there is no memory. Frames of any zone, use FRAME_STACK.
 */
void *kva_stack_alloc(struct kva_map *m, unsigned pages);
void kva_stack_free(struct kva_map *m, void *stack, unsigned pages);

/* Zeroed memory of size bytes, page aligned, followed by a page that is not mapped. NULL when there is no
 * memory or size is 0. Frames of any zone, use FRAME_KERNEL. */
void *kva_table_alloc(struct kva_map *m, size_t size);
void kva_table_free(struct kva_map *m, void *table, size_t size);

/*
 * Map size bytes of a device at paddr, uncached. The address has the offset in its page that
 * paddr has. NULL: no memory for it, or the range is empty or wraps. The frames are none of the pool's
 * business.
 */
void *kva_device_map(struct kva_map *m, paddr_t paddr, size_t size);
void kva_device_unmap(struct kva_map *m, void *window, size_t size);

/* Check INV-KVAMAP-* and the arena's; reads only; logs what is broken. */
bool kva_map_verify(const struct kva_map *m);

#endif
