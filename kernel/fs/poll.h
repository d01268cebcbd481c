/* Waiting for one of several files. See poll.c. */
#ifndef KERNEL_FS_POLL_H
#define KERNEL_FS_POLL_H

#include "kernel/fs/file.h"
#include "kernel/sched/sync.h"

#define POLL_INLINE 8u

struct pollfd {
    int32_t fd;
    int16_t events, revents;
};

/* Who asks a file what holds, and wants to be told when it changes: poll(), or a set of epoll(7). */
struct poll_table {
    /* Be in one more queue of `file`. */
    void (*enter)(struct poll_table *t, struct waitq *q);
    struct file *file; /* that is being asked */
};

/* Until one of n descriptors has something to tell, the deadline (0: none, 1: at once) passes, or a signal
 * comes: revents are filled in. How many tell, -EINTR or -ENOMEM. Sleeps. */
int poll_all(struct pollfd *p, uint32_t n, uint64_t deadline);

#endif
