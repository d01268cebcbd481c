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

#define HISTORY_PARENTS 8u   /* spaces that a page had before its space was forked from them, at most */
#define HISTORY_STEP    512u /* records that are looked at without a chance for others */

struct history { /* (o) */
    const struct event_ring *ring;
    uint64_t next; /* number of the record that is looked at next */
    uint64_t last; /* number of the first that is not looked at: those that were there at the beginning are */
    uint64_t back; /* while parents are looked for: the fork is older than this record */
    /* The space, and those it came from: each had the page until a record, the first of them to the end. */
    struct {
        uint32_t space;
        uint64_t until;
    } owner[HISTORY_PARENTS];
    unsigned owners;
    bool has_owners; /* all that the ring knows of */
    vaddr_t va;
    uint32_t family, number;
    uint32_t object, object_page; /* object 0: none */
    pfn_t zero;
    bool is_known; /* there is something, or was: forks and tables are of interest */
    /* Where the page was after the records so far; PFN_NONE, SLOT_NONE: not known, or nowhere. */
    pfn_t frame;
    slot_t slot;
};

enum history_answer { HISTORY_NONE, HISTORY_RECORD, HISTORY_MORE };

/* Begin with the oldest record. d: of the page; it may have changed meanwhile, its pointers are not kept.
 * Nosleep. */
void history_begin(struct history *h, const struct description *d);
/* The next record that concerns the page, and its number. HISTORY_NONE: there is none among those that were
 * there at the beginning. HISTORY_MORE: HISTORY_STEP records were looked at; it goes on when it is called
 * again, and what is overwritten meanwhile is left out. Nosleep. */
enum history_answer history_next(struct history *h, struct event_record *e, uint64_t *number);

#endif
