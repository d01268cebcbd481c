/* System V message queues. See msg.c (queues, msgctl), msg_queue.c (sending and receiving). */
#ifndef KERNEL_IPC_MSG_H
#define KERNEL_IPC_MSG_H

#include "kernel/ipc/ids.h"

/* The operator's limits: bytes of a message, bytes of a queue. How many queues there may be is
 * msg_ids.most. */
extern uint32_t msg_max, msg_queue_max;
extern struct ipc_ids msg_ids;

/* msgget(2), msgctl(2), msgsnd(2), msgrcv(2) for the running thread: what they return. old: what is at buf
 * has Linux's old form, with 16-bit ids. Sleep. */
int msg_get(uint32_t key, uint32_t flags);
int msg_control(uint32_t id, uint32_t command, vaddr_t buf, bool old);
int msg_send(uint32_t id, vaddr_t buf, uint32_t size, uint32_t flags);
int msg_receive(uint32_t id, vaddr_t buf, uint32_t size, int32_t type, uint32_t flags);

/* For /proc/sysvipc/msg: what is known of one. */
struct msg_look {
    uint32_t bytes, count;
    int32_t sender, receiver;         /* processes: the last ones */
    uint64_t sent, received, changed; /* seconds since 1970 */
};
void msg_look(const struct ipc_perm *p, struct msg_look *out);
/* INV-MSG-n; see msg_queue.c. Reads only. */
bool msg_verify(void);
/* Remove every queue, at the end. Does not sleep. */
void msg_clear(void);

#endif
