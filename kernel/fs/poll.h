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

/* One place in a queue on a poller's behalf. */
struct poll_entry {
    struct waiter waiter;
    struct poll_table *table;
    struct file *file; /* whose queue it is, referenced */
};

/* What a poller waits for; lives on its stack. */
struct poll_table {
    struct waitq q;                       /* the poller sleeps here */
    bool woken;                           /* one of the queues was woken since poll_begin() */
    bool failed;                          /* no memory for an entry: look again soon */
    struct file *file;                    /* that is being asked */
    unsigned count;                       /* entries in use */
    struct poll_entry first[POLL_INLINE]; /* and then */
    struct poll_more *more, *last;        /* the chunk that is being filled */
    struct poll_more *spare;              /* the next one */
};

/* Start to register, in a table that is zero-filled or was given to poll_end(). */
void poll_begin(struct poll_table *t);
/* Leave all queues, and let their files go. Sleeps. */
void poll_end(struct poll_table *t);
/* Sleep until a registered queue is woken or the deadline (0: none) passes. 0, -EINTR, -ETIMEDOUT. */
int poll_wait(struct poll_table *t, uint64_t deadline);

/* Until one of n descriptors has something to tell, the deadline (0: none, 1: at once) passes, or a signal
 * comes: revents are filled in. How many tell, -EINTR or -ENOMEM. Sleeps. */
int poll_all(struct pollfd *p, uint32_t n, uint64_t deadline);

#endif
