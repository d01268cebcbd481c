/*
 * Regions of a space whose pages are not numbered by their addresses, found by those numbers. See moved.c.
 *
 * The caller has the space's lock to change the tree, and is in a nosleep section to read it. Nothing here
 * sleeps or allocates.
 */
#ifndef MM_MOVED_H
#define MM_MOVED_H

#include "mm/region.h"

/* Let a region be found, and no longer. While it can be, its start, end and number stay as they are. */
void moved_insert(struct region **root, struct region *r);
void moved_remove(struct region **root, struct region *r);
/* The first region with a page of number lo to hi - 1, in order of their numbers, and the one after r; NULL:
 * there is none. */
struct region *moved_first(struct region *root, uint32_t lo, uint32_t hi);
struct region *moved_next(struct region *r, uint32_t lo, uint32_t hi);
/* How many there are, at most `most`. */
unsigned moved_count(struct region *root, uint32_t lo, uint32_t hi, unsigned most);
/* INV-MOVED-*, of a tree of at most `most` regions; *count: how many there are. Reads only, logs what is
 * broken. */
bool moved_verify(const struct region *root, uint32_t most, uint32_t *count);

#endif
