/*
 * The machine boundary: everything but page tables (pt.h) that the rest of mm/
 * asks of mm/x86/. The host tests compile mm/x86/pt.c as it is and stand in
 * for the rest (tests/host/machine.c).
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after page_ops_select()
 */
#ifndef MM_MACHINE_H
#define MM_MACHINE_H

#include "mm/frame.h"

/*
 * A short-lived mapping of any frame: the direct map for a low frame, a kernel window for a high one.
 * Windows nest and are closed in reverse order; none is open across a sleep. Any context.
 */
void *window_open(const struct frame_pool *p, pfn_t pfn);
void window_close(const struct frame_pool *p, void *ptr);

/* Page clearing and copying: the fastest of several routines, chosen by page_ops_select() at boot. Direct or
 * window addresses, page aligned. */
extern void (*page_clear)(void *page);                /* (c) */
extern void (*page_copy)(void *dst, const void *src); /* (c) */

struct page_op { /* (c) */
    const char *name;
    void (*clear)(void *); /* one of the two is NULL */
    void (*copy)(void *, const void *);
    bool usable;     /* the processor has what it needs */
    uint32_t cycles; /* best of several runs at boot; 0: not timed, the processor has no counter */
};
extern struct page_op page_ops[]; /* (c) */
extern const unsigned page_ops_count;
/* Time every usable routine on two scratch pages and choose. */
void page_ops_select(void *scratch_a, void *scratch_b);

/* Clear or copy frames wherever they are. */
void frame_clear(const struct frame_pool *p, pfn_t pfn);
void frame_copy(const struct frame_pool *p, pfn_t dst, pfn_t src);

#endif
