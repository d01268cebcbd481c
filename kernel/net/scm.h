/* What goes along with messages of local sockets: descriptors and credentials. See scm.c. */
#ifndef KERNEL_NET_SCM_H
#define KERNEL_NET_SCM_H

#include "kernel/net/socket.h"

struct user; /* kernel/proc/cred.h */

/* Open files on their way. */
#define RIGHTS_MAX 253u
struct rights {
    uint32_t count;
    struct user *user;   /* who is charged for them while they are in a message, referenced; else NULL */
    struct rights *next; /* in a list of those that are given up */
    struct file *file[]; /* referenced */
};

struct message;

/* Of one call. Zero-filled is empty. */
struct scm {
    struct rights *rights; /* owned */
    bool has_creds;        /* the program gave them, or is to get them */
    struct socket_creds creds;
    uint64_t time_ns; /* when it was received, for SO_TIMESTAMP; realtime; 0: not asked */
    struct {
        bool has_own, has_hops, has_tos;
        bool on_interface; /* sending: which one was said */
        bool six;          /* which family `own` is of */
        uint32_t own; /* as struct inet_end has it. Sending: from where; receiving: to where it was sent */
        uint8_t hops, tos;
    } packet; /* of a datagram of AF_INET: sending, what the program chooses for it; receiving, what it had */
};

/* Where control data goes while scm_write() writes it. */
struct scm_output {
    vaddr_t at;
    uint32_t left;
    unsigned *told;
};
/* One more, as far as it fits: 0 or -EFAULT. Sleeps. */
int scm_write_one(struct scm_output *o, int level, int type, const void *data, uint32_t n);

/* /proc/sys/net/core/optmem_max: so many bytes may control data be. */
extern uint32_t scm_control_max;

/* Read the control data of a program that sends. 0 or -errno, and *s is empty. Sleeps. */
int scm_read(const struct socket *socket, struct scm *s, vaddr_t control, uint32_t size);
/* Write what came, as descriptors and credentials: *size bytes at most, which becomes what was written; MSG_*
 * that msg_flags is to have are or-ed into *told. s is empty afterwards. Sleeps. */
int scm_write(const struct socket *socket, struct scm *s, unsigned flags, vaddr_t control, uint32_t *size,
              unsigned *told);
/* Give up what it has. Sleeps. */
void scm_drop(struct scm *s);

/* References to the same files that a message has, which the caller holds; or NULL. Sleeps. */
struct rights *rights_copy(const struct message *m);
/* NULL is fine. Sleeps. */
void rights_put(struct rights *r);
/* They begin to be in a message: 0, or -ETOOMANYREFS if there are more than the limit of open files allows.
 * And they have left it. Do not sleep. */
int rights_fly(struct rights *r);
void rights_land(struct rights *r);

/* Free messages that only messages can reach: after a close. Sleeps. */
void scm_collect(void);
/* INV-SCM-*. Reads only; logs what is broken. Does not sleep. */
bool scm_verify(void);

#endif
