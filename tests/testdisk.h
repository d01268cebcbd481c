/*
 * A block device in memory, for tests on both back ends and for benchmarks
 * without a disk. Errors can be injected by sector, completions delayed.
 */
#ifndef TESTS_TESTDISK_H
#define TESTS_TESTDISK_H

#include "mm/block.h"
#include "mm/frame.h"

#define TESTDISK_FAULTS 8

struct testdisk {
    struct block_device dev;
    struct frame_pool *pool; /* to reach the physical pages of requests */
    uint8_t *data;
    bool delayed;  /* requests wait for testdisk_complete() */
    bool early;    /* delayed requests move their data when they are submitted, not when they complete */
    uint32_t torn; /* anonymous pages that changed while an early write was on its way; there may be none */
    struct block_request *head, *tail;
    uint64_t bad_read[TESTDISK_FAULTS], bad_write[TESTDISK_FAULTS]; /* sectors that fail; 0: none */
};

/* data: pages * PAGE_SIZE bytes owned by the caller. */
void testdisk_init(struct testdisk *d, struct frame_pool *pool, void *data, uint32_t pages);
/* Write a SWAPSPACE2 header as mkswap does; bad: page numbers listed as bad. */
void testdisk_mkswap(struct testdisk *d, const uint32_t *bad, uint32_t nbad);
/* Complete the oldest delayed request; false when there is none. */
bool testdisk_complete(struct testdisk *d);

#endif
