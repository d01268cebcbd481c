/*
 * Holding: what came last goes first, so that the rest stays. See hold.c.
 *
 * What guards a field, by the letter in its comment:
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_HOLD_H
#define MM_HOLD_H

#include "mm/frame.h"

#define HOLD_RING 1024u

/* Zero-filled is valid: off. */
struct hold {
    bool on;               /* (n) */
    uint32_t first, count; /* (n) of the ring: the oldest, and how many there are */
    pfn_t ring[HOLD_RING]; /* (n) frames in the order in which pages came into them from swap */
};

/* Begin or end; a change forgets what has come. */
void hold_set(struct hold *h, bool on);
/* A page came from swap into this frame. */
void hold_came(struct hold *h, pfn_t pfn);
/* Take out the frame that came first, unless only `keep` or fewer are there; false: so few. The frame may
 * have another use by now: that is the caller's to see. */
bool hold_take(struct hold *h, uint32_t keep, pfn_t *pfn);
/* INV-HOLD-*. Reads only; logs what is broken. */
bool hold_verify(const struct hold *h);

#endif
