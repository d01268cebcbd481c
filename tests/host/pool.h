/* A pool whose frames are host memory. */
#ifndef TESTS_HOST_POOL_H
#define TESTS_HOST_POOL_H

#include "mm/frame.h"

struct host_pool {
    struct frame_pool pool; /* first: window_open() finds the rest from it */
    uint8_t *low,
        *high; /* separate allocations, so that ASan sees a high frame reached through the direct map */
    struct frame *records;
    uint32_t total;
};

struct kt;
/* A pool in memory that the caller owns; see kt_pool(). */
void host_pool_begin(struct host_pool *hp, uint32_t frames, uint32_t high);
void host_pool_end(struct kt *kt, struct host_pool *hp);

#endif
