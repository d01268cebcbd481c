/*
 * Block devices, as mm/ sees them and as drivers implement them. A request names
 * physical pages, so that a bus master can reach them without a mapping.
 */
#ifndef MM_BLOCK_H
#define MM_BLOCK_H

#include "mm/os.h"
#include "mm/types.h"

#define BLOCK_SECTOR   512u
#define BLOCK_MAX_SEGS 32u /* pages of one request */

struct block_device;

struct block_request {
    bool write;
    uint64_t sector; /* first, of 512 bytes */
    /* 1..BLOCK_MAX_SEGS whole pages, PAGE_SIZE / 512 sectors each, consecutive on disk. 0 with write: flush
     * the device's cache, after all writes that completed before. */
    uint32_t nsegs;
    paddr_t seg[BLOCK_MAX_SEGS]; /* page aligned physical addresses */
    /* Called once, possibly in an interrupt, possibly before submit returns; with interrupts off. status is
     * final. Must not sleep. May submit. */
    void (*done)(struct block_request *r);
    void *arg;                  /* for done */
    int status;                 /* 0, -EIO, -ETIMEDOUT, -EINVAL (beyond the end) */
    struct block_request *next; /* the driver's queue */
};

struct block_ops {
    /* Queue a request; the caller keeps it alive and untouched until done. Never sleeps. */
    void (*submit)(struct block_device *d, struct block_request *r);
};

struct block_device {
    char name[16];
    uint64_t sectors;
    const struct block_ops *ops;
    void *driver;
    bool read_only;
    struct block_device *next;
    uint64_t reads, writes; /* requests */
    uint64_t read_sectors, write_sectors;
    uint64_t errors;
};

static inline void block_submit(struct block_device *d, struct block_request *r)
{
    d->ops->submit(d, r);
}

#endif
