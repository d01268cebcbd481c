/*
 * Reading ahead on swap-in: which pages a space will want next. See ahead.c.
 *
 * What guards a field, by the letter in its comment:
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_AHEAD_H
#define MM_AHEAD_H

#include "mm/types.h"

struct space;
struct region;
struct frame;

#define AHEAD_STREAMS 8u  /* runs that are followed at once in a space */
#define AHEAD_MOST    64u /* pages of a window at most */

/* Wants that follow each other at equal steps. Addresses are in pages. */
struct ahead_stream {
    uint32_t last;          /* (n) the page that was wanted last; 0: the stream is unused */
    int32_t stride;         /* (n) the step; 0: none is known */
    int32_t step;           /* (n) the last one, as long as none is known */
    uint32_t next;          /* (n) where the next window begins */
    uint16_t run;           /* (n) wants that fitted, up to a few */
    uint16_t window;        /* (n) steps in a window */
    uint16_t brought, used; /* (n) pages read ahead in the last window, and asked for since it began */
    uint16_t before;        /* (n) pages read ahead in the window before */
    uint32_t stamp;         /* (n) of the space's clock, when it was wanted last */
};

/* What a space knows of itself, from its first want on. Zero-filled is the beginning. */
struct ahead {
    struct ahead_stream stream[AHEAD_STREAMS]; /* (n) */
    uint32_t clock;                            /* (n) wants so far */
    uint8_t recent;                            /* (n) the stream that the last want belongs to */
    uint8_t closed; /* (n) around a page without a pattern fewer pages are read, by so many halvings */
    int8_t score;   /* (n) how well that was used */
};

/*
 * A program wants the page at va of region r, which is in a slot and not in memory. Begin to read it, and
 * what is likely to be wanted soon, as far as memory and requests allow. Whether the page itself is on its
 * way. Nosleep.
 */
bool ahead_miss(struct space *s, const struct region *r, vaddr_t va, slot_t slot);
/* The same for a page that was found in the swap cache, valid or on its way, before it is marked as used. */
void ahead_touch(struct space *s, const struct region *r, vaddr_t va, struct frame *f);

/* INV-AHEAD-*. Reads only; logs what is broken. */
bool ahead_verify(const struct space *s);

#endif
