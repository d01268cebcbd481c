/* What msg.c (queues and msgctl) and msg_queue.c (sending and receiving) share. */
#ifndef KERNEL_IPC_MSG_PARTS_H
#define KERNEL_IPC_MSG_PARTS_H

#include "kernel/ipc/ids.h"
#include "mm/os.h"

struct msg_receiver;

struct msg_queue {
    struct ipc_perm perm;
    struct message *first, *last; /* the oldest first */
    uint32_t bytes, count, most;  /* of the messages; most: bytes that it takes, and so many messages */
    int32_t sender, receiver;
    uint64_t sent, received, changed;
    struct msg_receiver *receivers, *receivers_last; /* who waits, the oldest first */
    struct waitq senders;                            /* who waits looks again, by the number */
};

/* Messages that lie in queues, and their bytes. */
extern uint32_t msg_all_count, msg_all_bytes;

/* All who wait to receive go, with an error; -EAGAIN: they look again. Does not sleep. */
void msg_expel_receivers(struct msg_queue *q, int err);
/* Take a message out. Does not sleep. */
void msg_take(struct msg_queue *q, struct message *m);

#endif
