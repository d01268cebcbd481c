/*
 * Holding: what came last goes first, so that the rest stays.
 *
 * Purpose. A program that goes round in a little more than there is loses each page just before it comes back
 * to it, if the oldest go first: all of them miss. The best that can be done is to give up the same few again
 * and again. While holding is on, reclaim takes frames in the order in which pages came from swap, but for
 * the latest, which the program has still to use (it reads ahead). So those that were there already stay. Of
 * a loop over N pages in M frames N - M and those latest ones miss in each round, and not N.
 *
 * What a program needs may change, so one victim in HOLD_ONE_IN is still the policy's, and of what comes the
 * same share stays: the ring forgets the oldest when it is full. This is replacement by adaptive insertion:
 * new pages are put where they go soon, but for a few.
 *
 * Data: a ring of frame numbers. They are hints: a frame that was freed, or given another use, or that may
 * not go, is passed over by reclaim. Locking: between two sleeps.
 *
 * INV-HOLD-1  the ring has at most HOLD_RING frames, and none while holding is off
 *
 * How it fails: of a program that does not go round it keeps what is not needed. Who turns it on sees whether
 * it helps (kernel/life/balance.c).
 *
 * Source: Qureshi, Jaleel, Patt, Steely and Emer, "Adaptive Insertion Policies for High Performance Caching",
 * ISCA 2007: bimodal insertion.
 */
#include "mm/hold.h"

void hold_set(struct hold *h, bool on)
{
    if (h->on == on)
        return;
    h->on = on;
    h->first = h->count = 0;
}

void hold_came(struct hold *h, pfn_t pfn)
{
    if (likely(!h->on))
        return;
    h->ring[(h->first + h->count) % HOLD_RING] = pfn;
    if (h->count < HOLD_RING)
        h->count++;
    else
        h->first = (h->first + 1) % HOLD_RING;
}

bool hold_take(struct hold *h, uint32_t keep, pfn_t *pfn)
{
    if (h->count <= keep)
        return false;
    *pfn = h->ring[h->first];
    h->first = (h->first + 1) % HOLD_RING;
    h->count--;
    return true;
}

bool hold_verify(const struct hold *h)
{
    bool ok = true;

    INV("INV-HOLD-1", h->count <= (h->on ? HOLD_RING : 0) && h->first < HOLD_RING, "%s, %u frames from %u",
        h->on ? "on" : "off", h->count, h->first);
    return ok;
}
