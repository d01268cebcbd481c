/*
 * Looking on: what every frame is used for, and which were used since the last look. See look.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (o)  its owner only: one task at a time works with a view
 */
#ifndef MM_LOOK_H
#define MM_LOOK_H

#include "mm/vm.h"

/* What a frame is used for, as it is shown. Every frame is of one class. */
enum look_class {
    LOOK_FREE,
    LOOK_KERNEL, /* FRAME_KERNEL and FRAME_STACK */
    LOOK_SLAB,
    LOOK_TABLE,
    LOOK_ANON,   /* as long as it is not BUSY; so are the next two */
    LOOK_FILE,   /* FRAME_OBJECT, and the object has an image */
    LOOK_SHARED, /* FRAME_OBJECT, and it has none: shared memory, tmpfs */
    LOOK_BUSY,   /* FRAME_ANON or FRAME_OBJECT that is being read or written */
    LOOK_HOLE,   /* FRAME_RESERVED */
    LOOK_CLASSES
};

/* A cell: the class of a run of frames, and whether one of them was used since the last look. */
#define LOOK_CLASS 0x0Fu
#define LOOK_USED  0x80u

/* Who can look on at one time: a bit of vm.seen each. */
#define LOOK_VIEWS 8u

/* What one who looks on sees. A pass goes over all frames, from the first to the last. */
struct look_view {
    struct vm *vm;    /* (c) */
    uint8_t bit;      /* (c) of vm.seen */
    uint8_t *cell;    /* (c) [cells]; the caller's memory */
    uint32_t run;     /* (c) frames of a cell; the last may have fewer */
    uint32_t cells;   /* (c) that there are */
    bool at_frames;   /* (o) the tables have been looked at in this pass */
    pfn_t at;         /* (o) where it goes on */
    uint32_t at_cell; /* (o) the cell of that frame */
    uint32_t passes;  /* (o) that have ended */
    uint32_t count[LOOK_CLASSES],
        used; /* (o) frames by class, and those used since the pass before: of the last pass */
    uint32_t counting[LOOK_CLASSES], counting_used; /* (o) and of the one that is going on */
};

/*
 * Look on, in at most `most` cells, which `cell` has room for. 0; -EBUSY: too many do already; -ENODEV: the
 * vm has no memory for that. look_end() ends it.
 */
int look_begin(struct look_view *v, struct vm *vm, uint8_t *cell, uint32_t most);
void look_end(struct look_view *v);

/* So much work is done without a sleep: a frame is 1, a table that is looked through LOOK_TABLE_WORK. On
 * machines up to 64 MiB that is a whole pass, which then is a picture of one moment. */
#define LOOK_STEP       65536u
#define LOOK_TABLE_WORK 256u

/* Go on with a pass for one step. True: it has ended. */
bool look_step(struct look_view *v);
/* A whole pass from the beginning. Sleeps between steps. */
void look_pass(struct look_view *v);

/* The cell of a frame. */
static inline uint32_t look_cell_of(const struct look_view *v, pfn_t pfn)
{
    return (pfn - v->vm->pool->start) / v->run;
}

enum look_class look_class_of(const struct frame *f);
const char *look_class_name(enum look_class c);

/* Where the policy goes on: the ends of its lists. The hand of a clock is at the head of its circle. */
struct look_mark {
    pfn_t pfn;    /* (o) */
    uint8_t list; /* (o) number of the policy's list */
    bool is_head; /* (o) the frame is offered next; else it came last */
};
#define LOOK_MARKS (2u * POLICY_KEPT)
/* Fill m, at most LOOK_MARKS. Returns how many. */
unsigned look_marks(const struct vm *vm, struct look_mark *m);

/* What has happened to pages since boot, for rates. */
enum look_total {
    LOOK_FAULTS,   /* that a program had */
    LOOK_ZERO,     /* frames of zeroes that were made for one */
    LOOK_COPY,     /* copies on write */
    LOOK_OBJECT,   /* pages of objects that were asked for */
    LOOK_MAJOR,    /* faults that read from a disk */
    LOOK_IN,       /* pages from swap, those read ahead too */
    LOOK_OUT,      /* and to it */
    LOOK_SALVAGED, /* that were set aside, and put back without a disk */
    LOOK_EVICTED,  /* that were taken away from their programs */
    LOOK_TOTALS
};
uint64_t look_total(const struct vm *vm, enum look_total what);
const char *look_total_name(enum look_total what);

/* INV-LOOK-*. Reads only. */
bool look_verify(const struct look_view *v);

#endif
