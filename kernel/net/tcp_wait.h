/* Ends of TCP connections that keep their ports when their sockets have no use for them. See tcp_wait.c. */
#ifndef KERNEL_NET_TCP_WAIT_H
#define KERNEL_NET_TCP_WAIT_H

#include "kernel/net/inet.h"

/* One end. It is made with the connection, and belongs to one of its sockets until it begins. */
struct tcp_wait {
    struct tcp_wait *next, *prev; /* (n) by time, soonest first */
    struct tcp_wait *port_next;   /* (n) in the same bucket */
    struct inet_end own, other;
    uint64_t since, until; /* ns */
    uint16_t family;
    bool begun;
    bool whole; /* the other end has sent all, too: TIME_WAIT; else FIN_WAIT */
    bool reuse_address, reuse_port;
    struct inet_socket *socket; /* (n) while it is not whole: the closed one, of which it still is */
};

/* /proc/sys/net/ipv4: how many there may be; seconds that a closed one waits for the other end; whether a new
 * connection may take the ports of one (0: no, after a second else). */
extern uint32_t tcp_wait_max, tcp_wait_fin_seconds, tcp_wait_reuse;

/* Once, at start-up. */
void tcp_wait_start(void);
/* For a connection that begins: one for i, or NULL. Sleeps. */
struct tcp_wait *tcp_wait_create(void);
/* The end i begins to keep its ports; nothing happens if there are too many. Does not sleep. */
void tcp_wait_begin(struct inet_socket *i, bool whole);
/* The other end of i, which is closed, has sent all. Does not sleep. */
void tcp_wait_for_all(struct inet_socket *i);
/* It ends, or never begins: memory is freed. NULL is fine. Do not sleep. */
void tcp_wait_end(struct tcp_wait *w);
/* i is closed, and its connection is broken off. */
void tcp_wait_reset(struct inet_socket *i);
/* The end of a connection from `own` to `other`, or NULL. */
struct tcp_wait *tcp_wait_find(const struct inet_end *own, const struct inet_end *other);
/* Whether a new connection from a port that is chosen for it may not be that one once more. */
bool tcp_wait_forbids(const struct inet_end *own, const struct inet_end *other);
/* Whether i may not have its port because of one. */
bool tcp_wait_conflicts(const struct inet_socket *i);
/* All of them, soonest first; and how many. */
extern struct tcp_wait *tcp_wait_first;
uint32_t tcp_wait_count(void);
/* The machine ends: none is left. */
void tcp_wait_clear(void);
bool tcp_wait_verify(void); /* INV-WAIT-1 */

#endif
