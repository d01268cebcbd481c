/* Sockets of AF_NETLINK, and the answers that they give about the network. See netlink.c. */
#ifndef KERNEL_NET_NETLINK_H
#define KERNEL_NET_NETLINK_H

#include "kernel/net/socket.h"

/* Of struct nlmsghdr: kinds of messages, and flags. */
enum { NLMSG_ERROR = 2, NLMSG_DONE, NLMSG_MIN_TYPE = 16 };
enum { NLM_F_REQUEST = 1, NLM_F_MULTI = 2, NLM_F_ACK = 4, NLM_F_CAPPED = 0x100, NLM_F_DUMP = 0x300 };
#define NETLINK_ALIGN(n) (((n) + 3) & ~3u)

/* struct nlmsghdr. */
struct netlink_head {
    uint32_t size; /* with the head */
    uint16_t type, flags;
    uint32_t sequence, number;
};

/* The beginning of a program's message: what no question that is understood is longer than. */
struct netlink_question {
    struct netlink_head head;
    uint8_t bytes[496];
};

/* One or several messages that are received by one call. */
#define NETLINK_ANSWER_MAX 1024u
struct netlink_answer {
    uint32_t size; /* bytes that count */
    uint8_t bytes[NETLINK_ANSWER_MAX];
};

void netlink_init(void);

/* A message that the kernel will send to a socket, for which all is there that could fail. */
struct netlink_note;
/* n bytes, MESSAGE_PAGE at most, for the socket of a descriptor, which may be closed before it is sent; waits
 * while that one has more than it may: 0, -EBADF, -ENOTSOCK, -EINVAL (of another family), -ENOMEM,
 * -ERESTARTSYS. Sleeps. */
int netlink_note_make(int fd, const void *bytes, uint32_t n, struct netlink_note **out);
/* Send it, with another last byte; or do not. It is used up. Do not sleep. */
void netlink_note_send(struct netlink_note *note, uint8_t last);
void netlink_note_drop(struct netlink_note *note); /* NULL: nothing */

/* INV-NETLINK-*. Reads only; logs what is broken. Does not sleep. */
bool netlink_verify(void);

/* --- answers: netlink_answer.c. They do not sleep; `number` is of the socket that asks. --- */

/* Whether a question may be asked and can be answered: 0, -EPERM, -EOPNOTSUPP. */
int netlink_check(const struct netlink_question *q);
/* Whether it asks for all that there is. */
bool netlink_is_list(const struct netlink_question *q);
/* One of the NETLINK_PARTS parts of a list; a part may be empty. */
#define NETLINK_PARTS 2u
void netlink_list(struct netlink_answer *a, const struct netlink_question *q, unsigned part, uint32_t number);
/* The end of a list. */
void netlink_done(struct netlink_answer *a, const struct netlink_question *q, uint32_t number);
/* What is asked for by name or index: 0, -ENODEV, -EINVAL, -EOPNOTSUPP, and then it is empty. */
int netlink_one(struct netlink_answer *a, const struct netlink_question *q, uint32_t number);
/* That a question failed (err: -errno) or is done (0). whole: with all of a question that failed. */
void netlink_error(struct netlink_answer *a, const struct netlink_question *q, uint32_t number, int err,
                   bool whole);

#endif
