/*
 * What the parts of swap share: swap.c (areas), swap_map.c (the slot map), swap_io.c (requests), swap_off.c
 * (letting an area go).
 *
 * What guards a field, by the letter in its comment:
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (i)  interrupts off: interrupts change it too
 *   (o)  who has the request: the task that took it from io_free or io_done, and in between the driver
 */
#ifndef MM_SWAP_PARTS_H
#define MM_SWAP_PARTS_H

#include "mm/swap.h"
#include "mm/vm.h"

#define SWAP_PAGE_SECTORS (PAGE_SIZE / BLOCK_SECTOR)
#define SWAP_IO_FLAGS     (FRAME_F_BUSY | FRAME_F_WRITEBACK)

/* A request with its frames: one of those in swap.io or, for a header, on the reader's stack. */
struct swap_io {
    struct block_request req;            /* (o) */
    struct swap *swap;                   /* (o) */
    struct swap_area *area;              /* (o) */
    uint32_t page;                       /* (o) slot of frame[0] in the area */
    uint32_t n;                          /* (n) frames; 0: the request is free, or reads a header */
    uint32_t at;                         /* (n) one by one: the frame in flight */
    bool one_by_one;                     /* (o) */
    bool wanted;                         /* (o) a read of nothing but what somebody cannot do without */
    bool done;                           /* (i) of one that is its reader's own; set in the interrupt */
    struct swap_io *next;                /* (i) on io_done; on a list of free ones (n) */
    struct frame *frame[BLOCK_MAX_SEGS]; /* (o) NULL: what is read here is not wanted */
};

static inline uint32_t swap_slot_page(slot_t slot)
{
    return slot & (SWAP_AREA_PAGES - 1);
}

static inline struct swap_area *swap_slot_area(const struct swap *sw, slot_t slot)
{
    uint32_t i = slot >> SWAP_AREA_SHIFT;

    return i < SWAP_AREAS ? sw->area[i] : NULL;
}

/* Chunks of an area. */
static inline uint32_t swap_area_chunks(const struct swap_area *a)
{
    return (a->pages + SWAP_CHUNK_SLOTS - 1) / SWAP_CHUNK_SLOTS;
}

/* Slots below have their records; nothing uses those from here on. */
static inline uint32_t swap_area_end(const struct swap_area *a)
{
    return a->mapped < swap_area_chunks(a) ? a->mapped * SWAP_CHUNK_SLOTS : a->pages;
}

/* Whether nothing uses any of its slots. */
static inline bool swap_area_is_empty(const struct swap_area *a)
{
    return a->free + a->bad - a->bad_used == a->pages - 1;
}

/* A chunk whose directory is there. */
static inline struct swap_chunk *swap_area_chunk(const struct swap_area *a, uint32_t i)
{
    return &a->dir[i / SWAP_DIR_CHUNKS][i % SWAP_DIR_CHUNKS];
}

/* The record of a slot below swap_area_end(). */
static inline struct swap_slot *swap_area_slot(const struct swap_area *a, uint32_t page)
{
    return &swap_area_chunk(a, page / SWAP_CHUNK_SLOTS)->slots[page % SWAP_CHUNK_SLOTS];
}

static inline slot_t swap_slot_number(const struct swap_area *a, uint32_t page)
{
    return (slot_t)(a->index << SWAP_AREA_SHIFT | page);
}

/* Free an area that is in no use. */
void swap_area_free(struct frame_pool *pool, struct swap_area *a);
/* Whether the records of a chunk want another frame; and give them one, which is low and full of zeroes. */
bool swap_map_wants(const struct swap_area *a, uint32_t chunk);
void swap_map_give(struct swap_area *a, uint32_t chunk, void *frame);
/* Let a slot of an area that is not used yet, whose chunk wants nothing, never be given to anybody. False: it
 * was so before. */
bool swap_map_exclude(struct swap_area *a, uint32_t page);
/* The record of a slot that an area has. */
struct swap_slot *swap_slot_lookup(const struct swap *sw, slot_t slot);
/* Account a slot that nothing uses any more as free. */
void swap_slot_give(struct swap *sw, struct swap_area *a, uint32_t page);
/* A slot in use failed. It leaves the total now, and does not come back when it is let go. what: "read" or
 * "write", for the log. */
void swap_slot_retire(struct swap *sw, slot_t slot, const char *what);
/* Let a slot and the frame with its page name each other. */
void swap_cache_link(struct vm *vm, struct swap_area *a, uint32_t page, struct frame *f);
/*
 * Something ended for f, which is in the swap cache: a name of its slot, or I/O. It loses its slot if that is
 * of no use, and is freed if nothing wants it; with free_clean also if only its slot, which has the same
 * contents, is named. Returns whether it was freed.
 */
bool swap_settle(struct vm *vm, struct frame *f, bool free_clean);
/* INV-SWAP-1 to 4. */
bool swap_map_verify(struct vm *vm);

/* The done function of all requests; often in an interrupt. */
void swap_io_complete(struct block_request *r);
/* INV-SWAP-5 and 6. */
bool swap_io_verify(struct vm *vm);

#endif
