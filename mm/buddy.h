/*
 * Buddy allocator over one zone of frames. See buddy.c for the theory. Used by frame.c; callers want frame.h.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include "mm/types.h"

#define BUDDY_ORDERS 11 /* blocks of 1 to 1024 frames */

struct frame;

struct buddy {
    struct frame *frames;          /* (c) biased: frames[pfn] */
    pfn_t start, end;              /* (c) the zone; blocks never cross it */
    pfn_t head[BUDDY_ORDERS];      /* (n) free blocks by order, linked through next and prev */
    uint32_t blocks[BUDDY_ORDERS]; /* (n) how many */
    uint32_t nonempty;             /* (n) bit k: head[k] is not empty */
    uint32_t free;                 /* (n) frames in all lists */
};

void buddy_init(struct buddy *b, struct frame *frames, pfn_t start, pfn_t end);
/* First frame of a free block of 2^order frames, PFN_NONE when there is none. The record's flags are cleared,
 * nothing else. */
pfn_t buddy_alloc(struct buddy *b, unsigned order);
/* Give back a block that is aligned to its order and inside the zone; coalesces at once. */
void buddy_free(struct buddy *b, pfn_t pfn, unsigned order);
/* Check INV-BUDDY-*; reads only; logs what is broken. */
bool buddy_verify(const struct buddy *b);

#endif
