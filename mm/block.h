/*
 * Block devices, as mm/ sees them and as drivers implement them. A request names
 * physical pages, so that a bus master can reach them without a mapping.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (i)  interrupts off: interrupts change it too
 *   (o)  who has the request: the caller, but from block_submit() to done() the driver
 */
#ifndef MM_BLOCK_H
#define MM_BLOCK_H

#include "mm/os.h"
#include "mm/types.h"

#define BLOCK_SECTOR   512u
#define BLOCK_MAX_SEGS 128u /* pages of one request, if the device takes so many */

struct block_device;

struct block_request {
    bool write;      /* (o) */
    uint64_t sector; /* (o) first, of 512 bytes */
    /* 1..block_max_segs() whole pages, PAGE_SIZE / 512 sectors each, consecutive on disk; see
     * block_sectors(). 0 with write: flush the device's cache, after all writes that completed before. */
    uint32_t nsegs;              /* (o) */
    paddr_t seg[BLOCK_MAX_SEGS]; /* (o) page aligned physical addresses */
    /* Called once, possibly in an interrupt, possibly before submit returns; with interrupts off. status is
     * final. Must not sleep. May submit. */
    void (*done)(struct block_request *r); /* (o) */
    void *arg;                             /* (o) for done */
    int status;                            /* (o) 0, -EIO, -ETIMEDOUT, -EINVAL (beyond the end) */
    struct block_request *next;            /* (i) the driver's queue */
    /* Where a device that is part of another one keeps the caller's done and arg meanwhile. */
    void (*outer_done)(struct block_request *r); /* (o) */
    void *outer_arg;                             /* (o) */
};

struct block_ops { /* (c) */
    /* Queue a request; the caller keeps it alive and untouched until done. Never sleeps. */
    void (*submit)(struct block_device *d, struct block_request *r);
};

struct block_device {
    char name[16];                        /* (c) */
    uint64_t sectors;                     /* (c) */
    const struct block_ops *ops;          /* (c) */
    void *driver;                         /* (c) */
    bool read_only;                       /* (c) */
    uint32_t max_segs;                    /* (c) pages of one request; 0: BLOCK_MAX_SEGS */
    struct block_device *next;            /* (n) */
    uint64_t reads, writes;               /* (i) requests */
    uint64_t read_sectors, write_sectors; /* (i) */
    uint64_t errors;                      /* (i) */
};

static inline uint32_t block_max_segs(const struct block_device *d)
{
    return d->max_segs ? d->max_segs : BLOCK_MAX_SEGS;
}

/* Sectors that a request to a whole device moves: all of its pages. Of a device that is smaller than a page
 * those that it has; the rest of the page stays as it is. */
static inline uint32_t block_sectors(const struct block_device *d, const struct block_request *r)
{
    uint32_t page = PAGE_SIZE / BLOCK_SECTOR;

    return r->nsegs == 1 && d->sectors < page ? (uint32_t)d->sectors : r->nsegs * page;
}

static inline void block_submit(struct block_device *d, struct block_request *r)
{
    d->ops->submit(d, r);
}

#endif
