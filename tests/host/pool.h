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

#endif
