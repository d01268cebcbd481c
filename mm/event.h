/*
 * Events: what happens to pages, as it happens, in a ring that forgets the oldest. See event.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after event_ring_use(), which nobody calls while others record
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (o)  its owner only: a copy, or a record that is just being made
 */
#ifndef MM_EVENT_H
#define MM_EVENT_H

#include "mm/frame.h"
#include "mm/os.h"
#include "mm/x86/cycles.h"

/*
 * What happened. The words that a reader sees, and which fields each kind has, are in event_kinds[]. A page
 * of a kind is named by the frame, and by who it belongs to; a kind that speaks of several says how many in
 * `arg`.
 */
enum event_kind {
    EVENT_NOTHING, /* an unused record */
    /* Faults. what: the enum fault_action; why: the enum fault_verdict. */
    EVENT_FAULT,        /* one has ended; frame: that the entry names now; cost: cycles since it began */
    EVENT_STEP,         /* a step of one is done that is not its last; cost: cycles since the fault began */
    EVENT_WAIT,         /* one begins to wait, for a disk or for memory; arg: the slot, if it has one */
    EVENT_MAPPED_AHEAD, /* resident pages of an object were mapped before they were touched; cost: how many */
    /* Tables. frame: the table; where: the first address of its span. */
    EVENT_SHARED,        /* by a fork; who: the parent; where: 0; arg: how many; cost: the child's id */
    EVENT_SPLIT,         /* a shared table was copied; frame: the copy */
    EVENT_CLAIMED,       /* a table that nobody else names any more is the space's own again */
    EVENT_TABLE_OUT,     /* arg: the slot */
    EVENT_TABLE_IN,      /* arg: the slot */
    EVENT_TABLE_EMPTIED, /* an idle one without entries was freed */
    EVENT_TABLE_LOST,    /* it cannot be read, and its last root has ended or got another; arg: the slot */
    /* Replacement. */
    EVENT_LOOKED,      /* the policy has looked at `arg` frames; why: the policy */
    EVENT_REACTIVATED, /* of those `arg` were spared, because they were used; why: the policy */
    EVENT_VICTIM,      /* chosen; what: EVENT_BITS; why: the policy, or EVENT_HELD */
    EVENT_EVICTED,     /* taken from its spaces, and sent its way; what: EVENT_WAY_* */
    /* A run of reclaim has ended. what: 1: direct; arg: frames freed; where: looked at; cost: evicted. */
    EVENT_RECLAIMED,
    EVENT_PARKED,   /* set aside by its policy; what: 1: dirty; why: the policy */
    EVENT_SALVAGED, /* it was parked, and is back; what: 1: dirty */
    /* Disks. arg: the slot. */
    EVENT_WRITTEN,     /* its write has begun; what: 1: it stays in memory (washed) */
    EVENT_WRITE_ENDED, /* what: 0, or 1: it failed */
    EVENT_READ,        /* it was wanted; what: 1: it failed */
    EVENT_READ_AHEAD,  /* nobody has asked for it yet */
    EVENT_AHEAD_USED,  /* read ahead, and now asked for */
    EVENT_STOLEN,      /* a slot was taken from a page in memory */
    EVENT_PAGE_LOST,   /* a page could not be read, and its area is taken off */
    /* The end of pages. */
    EVENT_FREED,    /* one frame, but for those that went with a range; what: EVENT_FREED_* */
    EVENT_UNMAPPED, /* a range was emptied, all of it at the end; arg: pages that were there; cost: pages */
    EVENT_GIVEN_UP, /* the program needs it no longer, or not soon; what: the enum advice; cost: pages */
    EVENT_MOVED,    /* a mapping, with its pages; where: from; arg: to, as a page number; cost: pages */
    /* Programs. They come from above mm/. */
    EVENT_KILLED,    /* for want of memory; arg: its pid */
    EVENT_SUSPENDED, /* by load control; arg: its pid */
    EVENT_RESUMED,
    EVENT_KINDS
};

/* Whom `who` and `where` speak of, and more, in `flags`. */
enum {
    EVENT_OF_NOBODY = 0, /* the page is not known: it is the frame's, or the slot's */
    EVENT_OF_SPACE = 1,  /* who: the id of a space; where: an address, page aligned */
    EVENT_OF_FAMILY = 2, /* who: the id of the space that the family began with; where: page number there */
    EVENT_OF_OBJECT = 3, /* who: the id of an object; where: index of the page there */
    EVENT_OF = 3,
    EVENT_IS_WRITE = 1 << 2, /* of a fault: the access */
    EVENT_IS_EXEC = 1 << 3,
    EVENT_IS_TOUCH = 1 << 4,  /* of a fault: the kernel wanted the page; no program has faulted */
    EVENT_IS_MAJOR = 1 << 5,  /* of a fault: it has read from a disk */
    EVENT_HAD_TABLE = 1 << 6, /* of a fault: FAULT_OWN_TABLE was a step of it, of which there is no record */
};

/* `what` of a fault, where no enum fault_action says it. */
#define EVENT_DONE       0xFFu /* of EVENT_FAULT: what its steps did was enough */
#define EVENT_FOR_MEMORY 0xFEu /* of EVENT_WAIT: for a frame */

/* What reclaim saw of a victim. */
enum {
    EVENT_BIT_USED = 1 << 0,
    EVENT_BIT_DIRTY = 1 << 1,
    EVENT_BIT_HAS_SLOT = 1 << 2,
    EVENT_BIT_LAZY = 1 << 3,
    EVENT_BIT_LIST = 3 << 4, /* the number of the policy's list */
    EVENT_BIT_LIST_SHIFT = 4,
};
#define EVENT_HELD 0xFFu /* why: not the policy: what came last goes first (hold.c) */

/* How a page goes. */
enum {
    EVENT_WAY_UNMAPPED = 1 << 0, /* entries named it */
    EVENT_WAY_CLEAN = 1 << 1,    /* it was freed without a write */
    EVENT_WAY_GIVEN_UP = 1 << 2, /* its program had given it up */
};

/* Why one frame was freed. */
enum { EVENT_FREED_LAST_NAME, EVENT_FREED_DROPPED };

/* 32 bytes, and each field a whole one, so that a record is a few plain stores. In the ring, fields that the
 * kind does not have are whatever was there before, and the cost that is a time is not worked out: the lower
 * word of cycles_now() stands there, when it began. event_get() does both; without the clock it is 0. */
struct event_record {
    uint64_t time; /* (o) cycles_now(), or ns of os_now_ns() on a processor without that clock */
    uint8_t kind, what, why, flags; /* (o) */
    pfn_t frame;                    /* (o) PFN_NONE: no frame */
    uint32_t who;                   /* (o) */
    uint32_t where;                 /* (o) */
    uint32_t arg;                   /* (o) */
    uint32_t cost;                  /* (o) in the ring, of a kind with EVENT_HAS_COST: when it began */
};
_Static_assert(sizeof(struct event_record) == 32, "32 bytes an event");

/* Of an event_kinds[] entry. */
enum {
    EVENT_HAS_FRAME = 1 << 0,
    EVENT_HAS_SLOT = 1 << 1,  /* arg is a slot, or SLOT_NONE */
    EVENT_HAS_COUNT = 1 << 2, /* arg is a number of pages, tables or frames */
    EVENT_HAS_PID = 1 << 3,   /* arg is a pid */
    EVENT_HAS_COST = 1 << 4,  /* cost is a time */
    EVENT_HAS_RANGE = 1 << 5, /* it speaks of `cost` pages from `where` on */
    EVENT_HAS_TO = 1 << 6,    /* arg is a page number */
    EVENT_HAS_CHILD = 1 << 7, /* cost is the id of a space */
    EVENT_HAS_RUN = 1 << 8,   /* where and cost are frames looked at and evicted */
};
struct event_kind_info { /* (c) */
    const char *name;    /* one word, lower case, with dashes */
    unsigned has;
};
extern const struct event_kind_info event_kinds[EVENT_KINDS]; /* (c) */

/* Records of the ring that is there before there is memory, and with events=off: for panics. */
#define EVENT_LEAST 32u

struct event_ring {
    struct event_record *next;              /* (n) the record that comes next */
    struct event_record *end;               /* (c) behind the last; NULL: every record takes the slow way */
    struct event_record *start;             /* (c) */
    uint32_t count;                         /* (c) records from start */
    bool is_on;                             /* (c) false: only the ring for panics, or none at all */
    bool has_cycles;                        /* (c) */
    uint64_t oldest;                        /* (c) number of the record that was the first here */
    uint64_t before;                        /* (n) sequence number of the record at start */
    struct event_record least[EVENT_LEAST]; /* (n) */
};

/* A ring of EVENT_LEAST records within itself. has_cycles: cycles_now() works. */
void event_ring_init(struct event_ring *r, bool has_cycles);
/* From now on the records go to memory (bytes, at least EVENT_LEAST records; aligned as a record). What was
 * recorded moves with them. The memory stays the caller's, who takes it back with event_ring_init(). */
void event_ring_use(struct event_ring *r, void *memory, size_t bytes);

/* The part of event_new() that is not inline. */
struct event_record *event_new_slow(struct event_ring *r);

/* The record of what just happened, with its time; the caller fills it in at once, in the same nosleep
 * section or stretch. It never fails, allocates nothing, and does not sleep. */
static inline __attribute__((always_inline)) struct event_record *event_new(struct event_ring *r)
{
    struct event_record *e = r->next;

    if (unlikely(e >= r->end))
        return event_new_slow(r);
    r->next = e + 1;
    e->time = cycles_now();
    return e;
}

struct vm;
struct space;
/* The same with kind and flags, where 14 instructions do not matter. Of the page in a frame: frame, who,
 * where, and arg, its slot, are there too; what and why are 0. Of an address of a space: all else is 0. */
struct event_record *event_of_frame(struct vm *vm, enum event_kind kind, const struct frame *f);
struct event_record *event_of_space(struct space *s, enum event_kind kind, vaddr_t va);
/* Of nobody. */
struct event_record *event_plain(struct vm *vm, enum event_kind kind);

/* Sequence numbers: each record has one, from 0 at the first since boot. Those that can be read now are
 * [event_first(), event_last()). */
uint64_t event_last(const struct event_ring *r);
uint64_t event_first(const struct event_ring *r);
/* Copy the record of a sequence number, with 0 in fields that its kind does not have. False: it was
 * overwritten already, or has not been made yet. */
bool event_get(const struct event_ring *r, uint64_t number, struct event_record *out);
/*
 * One record says all of a usual fault, so that it costs one. These are what else can be asked for: that a
 * fault began, and ended, that a frame was zeroed, and that pages were mapped.
 */
enum event_part { EVENT_BEGUN, EVENT_ENDED, EVENT_ZEROED, EVENT_MAPPED, EVENT_PARTS };
/* A set of them, 1 << part each. */
unsigned event_parts(const struct event_record *e);
const char *event_part_name(enum event_part part);
/* The words for e->what and e->why of its kind; "" if there is nothing to say. */
const char *event_what_name(const struct event_record *e);
const char *event_why_name(const struct event_record *e);
/* INV-EVENT-*. Reads only; logs what is broken. */
bool event_verify(const struct event_ring *r);

#endif
