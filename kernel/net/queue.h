/* Messages on their way from one socket to another, for families of all kinds. See queue.c. */
#ifndef KERNEL_NET_QUEUE_H
#define KERNEL_NET_QUEUE_H

#include "kernel/net/socket.h"

struct rights;

/* Further bytes of a message that is larger than a page. */
struct piece {
    struct piece *next;
    uint8_t bytes[PAGE_SIZE - sizeof(void *)];
};

/* From where to where a datagram went, as struct inet_end has it. */
struct message_way {
    uint32_t from, to;
    uint16_t port; /* the sender's */
    bool six;
    uint8_t hops, tos; /* as a packet's head has them */
};

struct message {
    struct message *next;
    uint32_t refs;
    struct socket *from; /* who is charged: referenced, though it may be dead. NULL: whose queue it is in */
    uint32_t size;       /* bytes that it has */
    uint32_t at;         /* of which so many were received: of a stream */
    uint32_t charge;     /* bytes, of from->charged */
    union {
        struct socket_creds creds;
        struct message_way way; /* of a datagram of AF_INET */
    };
    struct rights *rights; /* descriptors that go along; NULL: none */
    struct piece *more;    /* what does not fit into bytes[] */
    uint32_t room;         /* of bytes[] */
    uint8_t bytes[];
};
/* What fits into a message that takes a page. */
#define MESSAGE_PAGE (PAGE_SIZE - sizeof(struct message))

/*
 * A message of n bytes of a program, charged to s: waits until s may send. At most one page's worth of a
 * stream goes into one (MESSAGE_PAGE), so that its memory is given back bit by bit. 0, -EFAULT, -ENOMEM,
 * -ENOBUFS (all sockets together have too much), -EPIPE (s was shut down; no signal), -EAGAIN, -EINTR, what
 * s->error says. Sleeps.
 */
int message_create(struct socket *s, vaddr_t buf, size_t n, uint64_t deadline, struct message **out);
/* n bytes more, however much m's socket is charged already; nobody else may work with m. 0, -EFAULT,
 * -ENOBUFS: part of it may be there. Sleeps. */
int message_grow(struct message *m, vaddr_t buf, uint32_t n);
/* A message of n bytes of the kernel's own, MESSAGE_PAGE at most, charged to s however much it is charged
 * already: 0, -ENOBUFS. Sleeps. */
int message_of_kernel(struct socket *s, const void *bytes, uint32_t n, struct message **out);
/* The same bytes once more, on the same way, charged to the same socket however much it is charged already: 0
 * or -ENOBUFS. m has no descriptors. Sleeps. */
int message_duplicate(const struct message *m, struct message **out);
/* A reference less; the last gives up what it carries. Sleeps. */
void message_put(struct message *m);
/* The last reference to one of the kernel's own, with which no descriptors go. Does not sleep. */
void message_drop(struct message *m);
/* Before it is appended: say who sends it, and let the descriptors of scm (NULL: none) go along. 0 or
 * -ETOOMANYREFS. Does not sleep. */
int message_seal(struct message *m, const struct socket *from, const struct socket *to, struct scm *scm);
/* Just before it is appended: who receives it pays from now on, so that its sender may go on. */
void message_give(struct message *m, struct socket *to);
/* At the end of a queue; the reference moves. Nobody is woken. */
void message_append(struct socket *to, struct message *m);
/* Take the first, whose reference moves to the caller; there is one. */
struct message *message_take(struct socket *s);
/* Take out the one before another, if it is empty; NULL: it is not, or there is none. */
struct message *message_take_empty(struct socket *s, const struct message *before);
/* Copy n bytes from byte `from` on to a program. 0 or -EFAULT. Sleeps; m is held by the caller. */
int message_copy_out(const struct message *m, uint32_t from, vaddr_t buf, uint32_t n);
/* Throw everything away that s has not received. Sleeps. */
void message_purge(struct socket *s);
/* Whether s may send without waiting, as poll() sees it: most of its memory has been received. */
bool message_room(struct socket *s);
/* Whether all sockets together have used more than half of what they may. */
bool message_pressure(void);
/* Whether all its bytes were received: only of what was urgent in a local stream. */
static inline bool message_is_empty(const struct message *m)
{
    return m->at == m->size;
}
/* Bytes that wait in a stream, and those of them before the urgent one. */
uint32_t message_bytes(const struct socket *s);
uint32_t message_bytes_to_mark(const struct socket *s);
/* Whether the next byte of the stream is the urgent one; and whether that one is passed over, since it is not
 * in line. */
static inline bool message_at_mark(const struct socket *s)
{
    return s->urgent && s->urgent == s->first && s->urgent_at == s->urgent->at;
}
static inline bool message_at_hole(const struct socket *s)
{
    return unlikely(s->urgent) && message_at_mark(s) && !socket_has(s, SO_OOBINLINE);
}
/* The last byte of m, which is about to be appended, is urgent: the one before is so no more. If the stream
 * was received up to that one, it is passed over: its message, which had nothing else left, is the caller's.
 * Else NULL. Does not sleep. */
struct message *message_mark(struct socket *to, struct message *m);
/* Kernel memory in the queue, and in what is held. */
size_t message_memory(const struct socket *s);

/*
 * Streams. Send to s->peer, and receive what came; the family has checked that s is connected. Bytes or
 * -errno; 0 at the end of a stream. Sleep.
 */
int stream_send(struct socket *s, struct transfer *t);
int stream_receive(struct socket *s, struct transfer *t);
/* The urgent byte of TCP, for who asks for it by MSG_OOB: 1, or 0 if he has no room; -EINVAL: there is none,
 * or it is received in line, or was received. Never waits for one. Sleeps. */
int stream_receive_urgent(struct socket *s, struct transfer *t);

/*
 * The next message for who receives them whole, the reference the caller's, waiting for one: 0, -EAGAIN,
 * -EINTR, s->error. *out NULL: s is shut down, and the caller would have waited. With MSG_PEEK it stays, and
 * is the one that SO_PEEK_OFF says, from byte *skip on. Sleeps.
 */
int packet_next(struct socket *s, unsigned flags, uint32_t *skip, struct message **out);
/* Give what fits of it from byte skip on to the program, as t says, and what came along, which leaves m
 * unless it is only looked at: bytes, -EFAULT or -ENOMEM. Sleeps. */
int packet_receive(struct message *m, uint32_t skip, struct socket *s, struct transfer *t);

#endif
