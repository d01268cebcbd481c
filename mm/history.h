/*
 * What the ring of events has of one page of a space. See history.c.
 *
 * What guards a field, by the letter in its comment:
 *   (o)  its owner only: it is on one task's stack
 */
#ifndef MM_HISTORY_H
#define MM_HISTORY_H

#include "mm/describe.h"
#include "mm/event.h"

#define HISTORY_PARENTS 8u /* spaces that a page had before its space was forked from them, at most */

struct history { /* (o) */
    const struct event_ring *ring;
    uint64_t next; /* number of the record that is looked at next */
    /* The space, and those it came from: each had the page until a record, the first of them to the end. */
    struct {
        uint32_t space;
        uint64_t until;
    } owner[HISTORY_PARENTS];
    unsigned owners;
    vaddr_t va;
    uint32_t family, number;
    uint32_t object, object_page; /* object 0: none */
    pfn_t zero;
    bool is_known; /* there is something, or was: forks and tables are of interest */
    /* Where the page was after the records so far; PFN_NONE, SLOT_NONE: not known, or nowhere. */
    pfn_t frame;
    slot_t slot;
};

/* Begin with the oldest record. d: of the page; it may have changed meanwhile, its pointers are not kept.
 * Nosleep. */
void history_begin(struct history *h, const struct description *d);
/* The next record that concerns the page, and its number. False: there are none. It looks at each record of
 * the ring once in all. Nosleep. */
bool history_next(struct history *h, struct event_record *e, uint64_t *number);

#endif
