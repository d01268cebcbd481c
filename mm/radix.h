/*
 * A sparse array of words by 32-bit index, as a radix tree with 64-way nodes. See radix.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_RADIX_H
#define MM_RADIX_H

#include "mm/slab.h"

#define RADIX_BLOCK 64u

struct radix_node;

struct radix {
    struct radix_node *root; /* (n) */
    uint32_t height;         /* (n) levels; 0: empty */
    uint32_t last;           /* (n) the last index that there is a place for; 0 too when there is none */
    uint32_t count;          /* (n) non-zero entries */
    struct cache *nodes;     /* (c) */
};

size_t radix_node_size(void);
void radix_init(struct radix *r, struct cache *nodes);
/* The word at index; 0 when unset. */
uintptr_t radix_get(const struct radix *r, uint32_t index);
/* The words of the aligned block of RADIX_BLOCK indices that has this one, side by side; NULL: none is set
 * there. Valid until the next change. */
const uintptr_t *radix_block(const struct radix *r, uint32_t index);
/* How many nodes radix_set() would take from the cache for this index; 0 when it cannot fail. */
uint32_t radix_missing(const struct radix *r, uint32_t index);
/* Store a non-zero word. 0 or -ENOMEM (tree unchanged). Overwriting an existing entry cannot fail. */
int radix_set(struct radix *r, uint32_t index, uintptr_t value);
/* Clear an entry and free nodes that become empty. Returns the old word. */
uintptr_t radix_clear(struct radix *r, uint32_t index);
/* First index >= *index that is set: its word, and *index updated; 0 when there is none. */
uintptr_t radix_next(const struct radix *r, uint32_t *index);
/* First index >= index that is not set; UINT64_C(1) << 32 when there is none. A full node is one step. */
uint64_t radix_next_gap(const struct radix *r, uint32_t index);
bool radix_verify(const struct radix *r); /* INV-RADIX-* */

#endif
