/*
 * The textbook's allocator: variable-sized blocks in memory of its own, free ones in a list inside the free
 * memory. See freelist.c. It is for the laboratory: nothing of the kernel allocates here.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_LAB_FREELIST_H
#define MM_LAB_FREELIST_H

#include "mm/errno.h"
#include "mm/os.h"

/* Which free block is taken. */
enum freelist_fit { FREELIST_BEST, FREELIST_WORST, FREELIST_FIRST, FREELIST_NEXT, FREELIST_FITS };
/* Where a freed block is put: the list is sorted then, or it comes to one end. */
enum freelist_order {
    FREELIST_ADDRESS,
    FREELIST_SIZE_UP,
    FREELIST_SIZE_DOWN,
    FREELIST_FRONT,
    FREELIST_BACK,
    FREELIST_ORDERS
};

/* What is wrong with a free. */
enum freelist_bad {
    FREELIST_GOOD,
    FREELIST_NO_BLOCK,    /* nothing was ever handed out at this address, or it is inside a block */
    FREELIST_TWICE,       /* it lies in free memory */
    FREELIST_WRONG_MAGIC, /* a block, whose header was written over */
    FREELIST_OVERRUN,     /* a block, and what lies right behind it was written over */
    FREELIST_DAMAGED,     /* the list or a header before it is broken, so that nothing can be said */
    FREELIST_BADS
};

/* All sizes are multiples of it: what a free block needs for its size and link. */
#define FREELIST_UNIT 8u
/* So that no offset looks like a magic number. */
#define FREELIST_MOST (1u << 30)
#define FREELIST_NONE UINT32_MAX

struct freelist_rules { /* (c) */
    enum freelist_fit fit;
    enum freelist_order order;
    bool coalesce;
    uint32_t header; /* bytes before each block: 0, or a multiple of the unit */
    uint32_t align;  /* what is asked for is rounded up to a multiple of it; 0: to the unit */
    uint32_t guard;  /* bytes behind it that nobody may write to */
};

/* Offsets count from the memory's start; FREELIST_NONE ends lists. */
struct freelist {
    uint8_t *memory;             /* (c) */
    struct freelist_rules rules; /* (c) */
    uint32_t size;               /* (n) bytes of it; it grows only */
    uint32_t first;              /* (n) of the list */
    uint32_t rover;              /* (n) where next fit goes on; FREELIST_NONE: at the beginning */
    uint32_t nodes, blocks;      /* (n) free, and handed out */
    uint32_t free, taken;        /* (n) bytes in them, headers included */
    uint64_t searched;           /* (n) free blocks that allocations looked at */
    uint64_t walked;             /* (n) free blocks that frees passed, to sort and to coalesce */
};

/* memory: aligned to the unit, for as long as the allocator is used, with room for all that it grows to.
 * size: a multiple of the unit. 0 or -EINVAL. */
int freelist_init(struct freelist *l, void *memory, uint32_t size, const struct freelist_rules *rules);
/* So many more bytes behind the memory's end, a multiple of the unit, become free, as if they were a block
 * that is freed. 0 or -EINVAL. */
int freelist_grow(struct freelist *l, uint32_t size);
/* NULL: no free block is large enough, or size is 0, or the list is damaged. */
void *freelist_alloc(struct freelist *l, uint32_t size);
/* FREELIST_GOOD, and the block is free; anything else, and nothing was done. NULL is fine. Without headers
 * the size is not known: see below. */
enum freelist_bad freelist_free(struct freelist *l, void *p);
/* The same without headers; size as asked for. That it lies in free memory, or beyond all, is found out. */
enum freelist_bad freelist_free_sized(struct freelist *l, void *p, uint32_t size);
/* What would be wrong with freeing p. Reads only, and believes no header that it did not come to from block
 * to block, so it also finds one that a program has made up. */
enum freelist_bad freelist_check(const struct freelist *l, const void *p);
/* Bytes that a block of a size takes, header and guard included. 0: there is none so large. */
uint32_t freelist_block_size(const struct freelist *l, uint32_t size);
/* The free block at an offset, its size and the next one's offset. The first is l->first. */
uint32_t freelist_node(const struct freelist *l, uint32_t at, uint32_t *next);
/* Check INV-FREELIST-*; reads only; logs what is broken. */
bool freelist_verify(const struct freelist *l);
const char *freelist_fit_name(enum freelist_fit fit);
const char *freelist_order_name(enum freelist_order order);
const char *freelist_bad_name(enum freelist_bad bad);

#endif
