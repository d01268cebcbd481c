/* Messages of System V's queues (msg.c) and of POSIX's (mqueue.c): copies of what programs send. See
 * message.c. */
#ifndef KERNEL_IPC_MESSAGE_H
#define KERNEL_IPC_MESSAGE_H

#include "mm/types.h"

/* More bytes of one, in a page. */
struct message_part {
    struct message_part *next;
    uint8_t data[];
};

struct message {
    struct message *next, *prev; /* the queue's */
    struct message_part *more;
    uint32_t type; /* or priority */
    uint32_t size;
    uint8_t data[]; /* what has room beside this in a page */
};

static inline uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* A copy of size bytes of the running program, charged to what all messages may take. 0, -EFAULT, -ENOMEM.
 * Sleeps. */
int message_load(vaddr_t from, uint32_t size, struct message **out);
/* Its first n bytes, no more than there are. 0 or -EFAULT. Sleeps. */
int message_store(const struct message *m, vaddr_t to, uint32_t n);
/* Make `to`, of that size at least, a copy of the other; its size becomes that one's. Does not sleep. */
void message_copy(struct message *to, const struct message *from);
/* NULL is fine. Does not sleep. */
void message_free(struct message *m);

#endif
