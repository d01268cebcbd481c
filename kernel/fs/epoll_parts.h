/* What a set of epoll.c consists of, for its test. */
#ifndef KERNEL_FS_EPOLL_PARTS_H
#define KERNEL_FS_EPOLL_PARTS_H

#include "kernel/fs/epoll.h"
#include "kernel/sched/sync.h"

struct epoll_item;

/* The letters: (i) interrupts off; (l) the set's lock, and between sleeps; (n) between sleeps. */

/* One queue that an item is in. */
struct epoll_place {
    struct waiter waiter; /* (i) q NULL: the queue was closed */
    struct epoll_item *item;
};
#define EPOLL_PLACES 2u

/* A file that a set watches, by its descriptor. */
struct epoll_item {
    struct epoll *set;
    struct file *file; /* not referenced: the item goes with it */
    int fd;
    uint32_t events; /* (l) POLL* and EPOLL*; without POLL* it rests */
    uint32_t data[2];
    uint32_t round;                                /* (l) of the scan that told it last */
    struct epoll_item *hash_next;                  /* (n) in the set's table */
    struct epoll_item *file_next, **file_link;     /* (n) of the same file */
    struct epoll_item *nested_next, **nested_link; /* (n) of those that are sets themselves */
    struct epoll_item *ready_next, *ready_prev;    /* (i) */
    bool ready; /* (i) it is in the set's list of those that may be ready */
    uint8_t places;
    struct epoll_place place[EPOLL_PLACES];
};

struct epoll {
    struct waitq wait;                           /* (i) epoll_wait() sleeps here */
    struct waitq watch;                          /* (i) who watches the set itself */
    struct epoll_item *ready_first, *ready_last; /* (i) */
    struct mutex lock;
    struct file *file;          /* its own */
    uint32_t refs;              /* (n) the file's, and of those who wait for the lock */
    uint32_t round;             /* (l) of scans */
    struct epoll_item **bucket; /* (n) by file and descriptor */
    uint32_t buckets, count;    /* (n) */
    struct epoll_item *nested;  /* (n) items that are sets */
    uint32_t visited;           /* by which walk through nested sets */
    uint32_t depth;             /* that it found: sets below one another, or above */
    struct epoll *found;        /* the next one that it found */
    struct epoll *next, **link; /* (n) of all */
};

extern struct epoll *epoll_all;

#endif
