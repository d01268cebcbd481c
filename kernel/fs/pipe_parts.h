/* What a pipe consists of. For pipe.c and its tests. */
#ifndef KERNEL_FS_PIPE_PARTS_H
#define KERNEL_FS_PIPE_PARTS_H

#include "kernel/fs/pipe.h"

/* A page and the bytes of it that wait to be read: never none. */
struct pipe_slot {
    uint8_t *page;
    uint16_t from, size;
    bool joins;  /* what is written next may come behind them in their page */
    bool packet; /* a read takes nothing after them, and the rest of them is dropped */
};

struct pipe {
    struct mutex lock;
    uint32_t refs; /* files that have it open, and FIFO opens that wait */
    uint32_t readers, writers;
    uint32_t reader_opens, writer_opens; /* ever: for those who wait for the other end in open() */
    uint32_t head, tail;                 /* slots ever filled and emptied; wrap */
    uint32_t slots;
    struct pipe_slot *slot;
    uint8_t *spare; /* a page for the next slot, or NULL */
    struct waitq can_read, can_write, opened;
    struct async *async;     /* who wants signals */
    struct pipe *next, **at; /* in the list of all */
};

extern struct pipe *pipe_all;

#endif
