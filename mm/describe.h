/*
 * What is known of one page of a space, and the states of all of its pages. See describe.c.
 *
 * What guards a field, by the letter in its comment:
 *   (o)  its owner only: it is the answer to one question, and its pointers are valid until somebody sleeps
 */
#ifndef MM_DESCRIBE_H
#define MM_DESCRIBE_H

#include "mm/space.h"

/* What a page of a region is for its program: each is in exactly one state. */
enum page_state {
    PAGE_NONE,    /* its entry is empty: never touched, or an object's page that is not mapped now */
    PAGE_ZERO,    /* the shared zero frame */
    PAGE_PRIVATE, /* a private page that only this space shows */
    PAGE_COW,     /* a private page that others show too, so that a write copies it */
    PAGE_SHMEM,   /* an object's page that begins as zeroes: shared memory */
    PAGE_FILE,    /* an object's page that comes from an image */
    PAGE_PARKED,  /* a private page that its policy has set aside */
    PAGE_SWAPPED, /* in a slot only */
    PAGE_CACHED,  /* the entry names a slot, whose page is in memory: in the swap cache */
    PAGE_LOST,    /* the entry names a slot that could not be read, or one whose area is off by now */
    PAGE_OUT,     /* its table is out, so nobody knows */
    PAGE_STATES
};

/* A word for a state. */
const char *page_state_name(enum page_state state);

/* What is known of a slot. */
struct slot_description { /* (o) */
    slot_t slot;
    const struct block_device *device; /* NULL: no area has it */
    uint32_t page;                     /* of the device */
    uint32_t names;                    /* places that name it */
    uint32_t entries;                  /* not 0: it holds a page table with so many */
    bool bad;
    struct frame *cached; /* NULL: its page is not in memory */
};

struct description { /* (o) */
    struct space *space;
    vaddr_t va;                  /* page aligned */
    const struct region *region; /* NULL: nothing is mapped there */
    uint32_t number;             /* of a region: the page's number in the family */
    uint32_t object_page;        /* of a region with an object: the page there */
    /* The directory entry, and the table. */
    enum pt_span span;
    pde_t directory;
    bool holds_writes;                  /* of a table in memory: the directory entry is read-only */
    const struct frame *table;          /* in memory, else NULL */
    uint32_t roots;                     /* of a table in memory: that name it */
    struct slot_description table_slot; /* of one that is out */
    /* The entry; PTE_NONE if there is no table, or it is out. */
    pte_t entry;
    bool set_aside; /* of a parked entry: the policy has set its page aside */
    bool no_place;  /* of a parked entry: the space's software TLB has no place for it now */
    enum page_state state;
    struct frame
        *frame; /* that the entry names, or that caches its slot; NULL: none. May be the zero frame */
    struct slot_description slot; /* that the entry or the frame names; slot is SLOT_NONE if neither does */
    uint32_t mappings;            /* of a frame that entries name: how many spaces show it */
    /* If the entry is empty and the region has an object: where the object's page is. */
    struct frame *object_frame;          /* NULL: not in memory */
    struct slot_description object_slot; /* slot is SLOT_NONE: in none */
};

/* Describe the page of va. Changes nothing, reads no disk, leaves tables out that are out. Nosleep. */
void describe_page(struct space *s, vaddr_t va, struct description *d);

/* One more place that shows the page: an entry that names its frame, or its slot. */
typedef bool (*describe_place_fn)(struct space *s, vaddr_t va, pte_t e, void *arg);
/*
 * Visit each entry, in memory, that names the frame of a page or its slot, that of d itself included; in
 * every space that shows it. Stops when fn returns false. Nosleep.
 */
void describe_places(const struct description *d, describe_place_fn fn, void *arg);

/* Pages of one region next to each other in one state. */
struct page_run { /* (o) */
    vaddr_t start, end;
    enum page_state state;
    uint32_t entries; /* PAGE_OUT: entries of the table, told once for a table that several regions use */
};
/*
 * The run at `from`, or the first above. Of any state but PAGE_NONE it ends with its table's span, so that
 * neighbours may be alike. False: there is none. It costs a step for each page of a table at most. Nosleep.
 */
bool describe_run(struct space *s, vaddr_t from, struct page_run *run);

#endif
