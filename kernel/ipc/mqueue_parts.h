/* What mqueue.c (queues, sending, receiving) and mqueue_fs.c (names and files) share. */
#ifndef KERNEL_IPC_MQUEUE_PARTS_H
#define KERNEL_IPC_MQUEUE_PARTS_H

#include "kernel/fs/file.h"
#include "kernel/ipc/mqueue.h"

struct message;
struct netlink_note;
struct user;

/* Who waits to send (a message) or to receive (one); lives on its thread's stack. */
struct mqueue_waiter {
    struct message *message;
    bool done; /* it is in no list any more */
    int rank;  /* less: it comes before others */
    struct waitq q;
    struct mqueue_waiter *next;
};

/* Who is told of a message that comes to an empty queue. */
struct mqueue_notice {
    int pid; /* 0: nobody */
    uint64_t born;
    int kind, signo;
    uint32_t value;
    struct netlink_note *note; /* SIGEV_THREAD: what it is told by */
};

struct mqueue {
    struct inode inode;
    struct mqueue *next; /* that have names, in the order of their serials */
    uint32_t serial;
    char *name;             /* kmalloc */
    uint32_t most, largest; /* messages, bytes of one */
    uint32_t count, bytes;
    struct message *first, *last;    /* by falling priority, then by age */
    struct mqueue_waiter *senders;   /* by rank, then by age; there are none unless it is full, */
    struct mqueue_waiter *receivers; /* and none of these unless it is empty */
    struct waitq watch;              /* pollers */
    struct mqueue_notice notice;
    struct user *user; /* who is charged, referenced */
    uint64_t charged;  /* bytes, of RLIMIT_MSGQUEUE */
};

static inline struct mqueue *mqueue_of(const struct inode *i)
{
    return container_of((struct inode *)(uintptr_t)i, struct mqueue, inode);
}

/* Charge a new queue to the running thread's user, by its limits: 0, -EMFILE, -EINVAL, -EOVERFLOW. attr may
 * be NULL. Does not sleep. */
int mqueue_charge(struct mqueue *q, const struct mq_attr *attr);
/* Nobody uses it: free the messages and what was charged. Does not sleep. */
void mqueue_drain(struct mqueue *q);
/* What is in it and who is told of what, as its file says it: characters. Does not sleep. */
size_t mqueue_tell(const struct mqueue *q, char *text, size_t size);
/* The running process closes a descriptor of it, and so is told nothing any more. Does not sleep. */
void mqueue_flush(struct mqueue *q);
/* INV-MQUEUE-n of one. Reads only. */
bool mqueue_verify_one(const struct mqueue *q);
/* The events that hold. */
unsigned mqueue_events(const struct mqueue *q);

/* The queue of a descriptor of the running thread, with its file referenced. 0 or -EBADF. Sleeps. */
int mqueue_get(int fd, struct mqueue **out, struct file **f);

#endif
