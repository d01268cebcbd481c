/* POSIX message queues. See mqueue.c (queues, sending, receiving), mqueue_fs.c (their names and files). */
#ifndef KERNEL_IPC_MQUEUE_H
#define KERNEL_IPC_MQUEUE_H

#include "kernel/sched/usertime.h"

struct inode;
struct file;

/* The operator's limits, and what a queue is like of which nobody says it. */
extern uint32_t mqueue_queues_max, mqueue_msg_max, mqueue_msgsize_max, mqueue_msg_default,
    mqueue_msgsize_default;
#define MQUEUE_MSG_HARD     65536u
#define MQUEUE_MSGSIZE_HARD (16u << 20)
#define MQUEUE_MSGSIZE_MIN  128u

/* Linux's struct mq_attr for i386. */
struct mq_attr {
    int32_t flags, maxmsg, msgsize, curmsgs, reserved[4];
};

/* mq_open(2): attr may be NULL. A descriptor, or -errno. Sleeps. */
int mqueue_open(const char *name, uint32_t flags, uint32_t mode, const struct mq_attr *attr);
/* mq_unlink(2). 0 or -errno. Sleeps. */
int mqueue_unlink(const char *name);
/* mq_timedsend(2) and mq_timedreceive(2) for the running thread, until a deadline in os_now_ns() (0: none).
 * What they return. Sleep. */
int mqueue_send(int fd, vaddr_t from, uint32_t size, uint32_t priority, uint64_t deadline);
int mqueue_receive(int fd, vaddr_t to, uint32_t size, vaddr_t priority, uint64_t deadline);
/* mq_notify(2): event is where the struct sigevent is; 0: not any more. Sleeps. */
int mqueue_notify(int fd, vaddr_t event);
/* mq_getsetattr(2): with NULL nothing is set. 0 or -errno. Sleeps. */
int mqueue_attributes(int fd, const struct mq_attr *set, struct mq_attr *was);

/* The type of filesystem, once at start-up. */
void mqueue_init(void);
/* INV-MQUEUE-n; see mqueue.c. Of queues that have names; reads only. */
bool mqueue_verify(void);
/* Take away every name, at the end. Sleeps. */
void mqueue_clear(void);

#endif
