/*
 * Page faults: what the trap stub decodes, what a fault means (a pure function), and
 * how it is resolved. See fault.c for the case analysis.
 *
 * What guards a field, by the letter in its comment:
 *   (o)  its owner only: one fault of one task
 */
#ifndef MM_FAULT_H
#define MM_FAULT_H

#include "mm/space.h"

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

/* Decoded by the trap stub from CR2 and the error code. */
struct fault { /* (o) */
    vaddr_t va;
    enum access access : 8;
    bool user;     /* from ring 3 */
    bool present;  /* a protection fault; false: no entry */
    bool reserved; /* reserved bit set in a table: corruption */
};

/* What the entry says, in the words of classification. */
enum entry_state {
    ENTRY_EMPTY,    /* nothing, or no table */
    ENTRY_ZERO,     /* the shared zero frame */
    ENTRY_SOLE,     /* private frame, read-only, nobody else names it or its slot */
    ENTRY_COPY,     /* private frame, read-only, others name it or its slot */
    ENTRY_OBJECT,   /* the object's page, read-only */
    ENTRY_WRITABLE, /* present and writable, whatever it names */
    ENTRY_PARKED,   /* a frame that is set aside */
    ENTRY_SWAP,     /* a swap slot */
    ENTRY_STATES
};

/* What a fault calls for. */
enum fault_action {
    FAULT_BAD_ADDRESS, /* no region: SEGV_MAPERR */
    FAULT_BAD_ACCESS,  /* the region forbids it: SEGV_ACCERR */
    FAULT_GROW,        /* below a stack: extend it, then look again */
    FAULT_SPURIOUS,    /* the entry allows it already */
    FAULT_TABLE_IN,    /* the table lies in a slot: bring it in, then look again */
    FAULT_OWN_TABLE,   /* the table is shared or read-only: split or claim it, then look again */
    FAULT_MAP_ZERO,    /* map the shared zero frame */
    FAULT_FILL_ZERO,   /* a fresh zeroed frame */
    FAULT_OBJECT_IN,   /* get the object's page, then look again */
    FAULT_SWAP_IN,     /* get the slot's page, then look again */
    FAULT_UNPARK,      /* put the parked page back, then look again */
    FAULT_TAKE_OVER,   /* only reference: make it writable */
    FAULT_COPY,        /* copy to a fresh frame */
    FAULT_UPGRADE,     /* shared object page, first write: make it writable */
    FAULT_ACTIONS
};

struct region;

/*
 * Pure. region: the one that contains the address, or NULL; can_grow: with no region, a stack above may be
 * extended to it; state: of the entry; table: of the span; readonly: its directory entry is.
 */
enum fault_action fault_classify(const struct region *region, bool can_grow, enum entry_state state,
                                 enum pt_span table, bool readonly, enum access access);
const char *fault_action_name(enum fault_action a);

enum fault_verdict {
    FAULT_RESUME, /* try the instruction again */
    FAULT_MAPERR, /* SIGSEGV, SEGV_MAPERR */
    FAULT_ACCERR, /* SIGSEGV, SEGV_ACCERR */
    FAULT_BUS,    /* SIGBUS: beyond the object's end, or an I/O error */
    FAULT_NO_MEMORY,
};
const char *fault_verdict_name(enum fault_verdict v);

/* Resolve a fault in a space. Sleeps; takes the space's lock. */
enum fault_verdict fault_resolve(struct space *s, const struct fault *f);
/* Make an access to va possible, though no program has faulted on it. Sleeps; takes the space's lock. */
enum fault_verdict fault_touch(struct space *s, vaddr_t va, enum access access);
/* Let the page of va in a private mapping, of which something is allowed, be the space's own, as a write
 * would, but without the right to write. Sleeps; takes the space's lock. */
enum fault_verdict fault_make_own(struct space *s, vaddr_t va);

#endif
