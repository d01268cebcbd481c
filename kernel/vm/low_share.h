/*
 * What programs leave in the kernel's memory, and their end need not give back, has a share of low
 * memory: one of each kind, however many programs there are.
 */
#ifndef KERNEL_VM_LOW_SHARE_H
#define KERNEL_VM_LOW_SHARE_H

#include "kernel/vm/memory.h"
#include "mm/os.h"

/* Changes between sleeps. */
struct low_share {
    uint32_t part; /* it is one of so many */
    size_t used;   /* bytes */
};

/* Have so many bytes of it: false, and nothing is taken, if that is more than is left. Does not sleep. */
static inline bool low_share_take(struct low_share *s, size_t bytes)
{
    size_t most = (size_t)frame_pool_sys.managed[ZONE_LOW] / s->part << PAGE_SHIFT;

    if (bytes > most || s->used > most - bytes)
        return false;
    s->used += bytes;
    return true;
}

/* After what had them was freed. Does not sleep. */
static inline void low_share_give(struct low_share *s, size_t bytes)
{
    mm_assert(s->used >= bytes, "%zu bytes are kept, %zu given back", s->used, bytes);
    s->used -= bytes;
}

#endif
