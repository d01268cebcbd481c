/* Bytes in a row that take as much memory as they need, up to a limit. See fifo.c. */
#ifndef KERNEL_DEV_FIFO_H
#define KERNEL_DEV_FIFO_H

#include "mm/types.h"

struct fifo {
    uint8_t *bytes;      /* a ring of size bytes, kmalloc */
    uint32_t size;       /* a power of two */
    uint32_t tail, head; /* places count on without end: [tail, head) is there */
    bool stuck;          /* there was no memory to grow: size is all that it has */
};

#define FIFO_LEAST 512u

/* An empty one of FIFO_LEAST bytes. 0 or -ENOMEM. Sleeps. */
int fifo_init(struct fifo *f);
/* Does not sleep. */
void fifo_free(struct fifo *f);
/* Bytes that are there. Does not sleep. */
static inline size_t fifo_used(const struct fifo *f)
{
    return f->head - f->tail;
}
/* Bytes that fit, if there are never to be more than limit: a power of two. As long as there is memory. */
size_t fifo_room(const struct fifo *f, size_t limit);
/* Append as many of n bytes as fit. Does not sleep. */
size_t fifo_put(struct fifo *f, const char *text, size_t n, size_t limit);
/* Take the first bytes, n at most. Does not sleep. */
size_t fifo_take(struct fifo *f, char *out, size_t n);
/* Forget all but the first n. Does not sleep. */
void fifo_cut(struct fifo *f, size_t n);
bool fifo_verify(const struct fifo *f); /* INV-FIFO-* */

#endif
