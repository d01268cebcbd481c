/* Local sockets, AF_UNIX. See unix.c and unix_name.c. */
#ifndef KERNEL_NET_UNIX_H
#define KERNEL_NET_UNIX_H

#include "kernel/net/socket.h"

/* The name of a socket, as bind() was given it: its family, then a path with its 0, or a 0 and an abstract
 * name. Shared with sockets that were accepted from it. */
struct unix_address {
    uint32_t refs;
    uint32_t size;
    uint8_t bytes[];
};

struct unix_socket {
    struct socket s;               /* first */
    struct unix_address *name;     /* (n) referenced; NULL: none. Kept when it is dead */
    struct inode *path;            /* (n) of a path: referenced, until it is dead */
    bool found;                    /* (n) by its name, in a table */
    struct unix_socket *hash_next; /* (n) */
    /* Datagrams: who has found the queue of its peer full, and wants to be told. */
    struct unix_socket *waits_for; /* (n) whose; not referenced: both know of each other's end */
    struct unix_socket *waiting;   /* (n) who waits for this one, through waiting_next */
    struct unix_socket *waiting_next;
};

static inline struct unix_socket *unix_of(struct socket *s)
{
    return (struct unix_socket *)s;
}

/* /proc/sys/net/unix/max_dgram_qlen: datagrams that may wait in a socket. */
extern uint32_t unix_queue_max;

void unix_init(void);
/* 0, or -EINVAL: no address of a local socket. */
int unix_check_address(const struct socket_address *a);
/* Give a socket a name: 0, -EINVAL (it has one), -EADDRINUSE, what making a file may fail with. Sleeps. */
int unix_bind(struct unix_socket *u, const struct socket_address *a);
/* A free abstract name, if it has none. 0, -ENOSPC, -ENOMEM. Sleeps. */
int unix_autobind(struct unix_socket *u);
/* The socket of a type that has a name, referenced: 0, -ECONNREFUSED, -EPROTOTYPE, what a path may fail with.
 * Sleeps. */
int unix_find(const struct socket_address *a, unsigned type, struct socket **out);
/* One that is accepted has the listener's name. Does not sleep. */
void unix_share_name(struct unix_socket *u, const struct unix_socket *listener);
/* Nobody finds it any more. Sleeps. */
void unix_hide(struct unix_socket *u);
/* A reference less; NULL is fine. Does not sleep. */
void unix_address_put(struct unix_address *a);
/* What getsockname() says. */
void unix_tell_name(const struct unix_socket *u, struct socket_address *out);

/* Datagrams: unix_dgram.c. */
extern const struct socket_ops unix_dgram_ops, unix_seqpacket_ops;
/* Who waits for room in its queue is told; it waits no more itself. Do not sleep. */
void unix_tell_waiting(struct unix_socket *u);
void unix_stop_waiting(struct unix_socket *u);
/* For all types: see struct socket_ops. Sleep, but for unix_listen(), unix_address_call(), unix_pair(),
 * unix_shutdown() and unix_forget(). */
int unix_bind_call(struct socket *s, const struct socket_address *a);
int unix_connect(struct socket *s, const struct socket_address *a, bool nonblock);
int unix_listen(struct socket *s, uint32_t backlog);
int unix_address_call(struct socket *s, enum socket_name which, struct socket_address *out);
int unix_pair(struct socket *a, struct socket *b);
int unix_shutdown(struct socket *s, unsigned how);
int unix_ioctl(struct socket *s, unsigned cmd, vaddr_t arg);
void unix_release(struct socket *s);
void unix_forget(struct socket *s);

#endif
