/*
 * Load control's part of mm/: a whole space goes to disk in large writes, and comes back, as it was, in large
 * reads. See load.c. Who is to go, and when, is decided elsewhere.
 *
 * What guards a field, by the letter in its comment:
 *   (o)  its owner only
 */
#ifndef MM_LOAD_H
#define MM_LOAD_H

#include "mm/space.h"

struct load_span;

/* Which pages a space had. Zero-filled is valid and empty. */
struct load_set {
    struct load_span *first, *last; /* (o) in order of addresses */
    uint32_t pages;                 /* (o) that it remembers */
};

/*
 * Put out what nobody but the space has of its resident pages, in order of addresses, and add it to the set.
 * What cannot go (locked, pinned, no room in swap) stays; what there is no memory to remember goes all the
 * same, and comes back by itself when it is touched. stop(arg) is asked between requests; NULL: never. The
 * caller sees to it that the space stays; its program may run. Returns the pages that it had and now has not.
 * Sleeps. stop does not sleep.
 */
uint32_t load_put_out(struct space *s, struct load_set *set, bool (*stop)(void *arg), void *arg);
/*
 * Bring back what the set remembers and map it, as long as there is free memory above the high mark, and
 * empty the set. What has gone from the space meanwhile is passed over, and what cannot be read is left for
 * the program to find. Returns the pages that are there again. Sleeps. stop does not sleep.
 */
uint32_t load_bring_back(struct space *s, struct load_set *set, bool (*stop)(void *arg), void *arg);
/* Empty the set. */
void load_forget(struct vm *vm, struct load_set *set);
/* Of vm.load_cache. */
size_t load_record_size(void);
/* INV-LOAD-*. Reads only; logs what is broken. */
bool load_verify(const struct load_set *set);

#endif
