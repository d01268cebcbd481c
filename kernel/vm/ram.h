/* Sets of frames as sorted ranges: what the loader's memory map is made into. Portable. */
#ifndef KERNEL_VM_RAM_H
#define KERNEL_VM_RAM_H

#include "mm/types.h"

#define RAM_RANGES 64u

struct ram_range {
    pfn_t start, end;
};

/* Sorted, disjoint, not touching. Zero-filled is empty. */
struct ram_map {
    struct ram_range range[RAM_RANGES];
    unsigned n;
};

/* Frames that lie wholly inside (whole) or that are touched by [addr, addr + len), up to 4 GiB. What would go
 * beyond the last byte that 64 bits can name ends there. */
struct ram_range ram_frames(uint64_t addr, uint64_t len, bool whole);
/* Add or remove [start, end). False when the ranges no longer fit: an addition is then not made, a removal
 * takes more than asked for (so that nothing that was removed is ever in the set). */
bool ram_add(struct ram_map *m, pfn_t start, pfn_t end);
bool ram_remove(struct ram_map *m, pfn_t start, pfn_t end);
/* Whether all of [start, end) is in the set. */
bool ram_contains(const struct ram_map *m, pfn_t start, pfn_t end);
/* Number of frames. */
pfn_t ram_count(const struct ram_map *m);
/* One past the last frame, 0 for an empty set. */
pfn_t ram_top(const struct ram_map *m);
/* Remove n frames in a row that lie below limit and return the first; the lowest place that has them.
 * PFN_NONE when there is none. Never hands out frame 0. */
pfn_t ram_take(struct ram_map *m, pfn_t n, pfn_t limit);

#endif
