/* struct rusage, of getrusage(2) and of who waits. */
#ifndef KERNEL_SYS_RUSAGE_H
#define KERNEL_SYS_RUSAGE_H

#include "mm/layout.h"
#include "mm/types.h"

struct rusage {
    int32_t user_sec, user_usec, system_sec, system_usec;
    int32_t max_rss, unused1[3], min_faults, maj_faults, unused2[8];
};
_Static_assert(sizeof(struct rusage) == 72, "getrusage(2)");

static inline void rusage_fill(struct rusage *r, uint64_t user_ns, uint64_t system_ns, uint64_t minor,
                               uint64_t major, uint64_t max_pages)
{
    *r = (struct rusage){
        .user_sec = (int32_t)(user_ns / 1000000000),
        .user_usec = (int32_t)(user_ns % 1000000000 / 1000),
        .system_sec = (int32_t)(system_ns / 1000000000),
        .system_usec = (int32_t)(system_ns % 1000000000 / 1000),
        .max_rss = (int32_t)(max_pages << (PAGE_SHIFT - 10)),
        .min_faults = (int32_t)minor,
        .maj_faults = (int32_t)major,
    };
}

#endif
