/* What is to be done at a time. See expiry.c. */
#ifndef KERNEL_SCHED_EXPIRY_H
#define KERNEL_SCHED_EXPIRY_H

#include "kernel/lib/heap.h"

/* Lies in the object that it is about. Zero-filled: not armed. */
struct expiry {
    struct heap_node node; /* key: the time */
    void (*fn)(struct expiry *e);
    bool armed, realtime;
};

/* Start the task. False when out of memory. Sleeps. */
bool expiry_init(void);
/*
 * Have e->fn called, once, by a task, at the time or as soon after it as that runs: of os_now_ns(), or
 * (realtime) of the time of day, however that is set meanwhile. If it is armed, the new time counts. fn does
 * not sleep, and may arm e again, or free it.
 */
void expiry_arm(struct expiry *e, uint64_t at_ns, bool realtime);
/* Have it not called. Nothing if it is not armed. */
void expiry_stop(struct expiry *e);
bool expiry_verify(void); /* INV-EXPIRY-*, INV-HEAP-* */

#endif
