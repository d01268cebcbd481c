/* What the two halves of TCP know of each other: tcp.c has connections, tcp_data.c what goes over them. */
#ifndef KERNEL_NET_TCP_H
#define KERNEL_NET_TCP_H

#include "kernel/net/inet.h"

/* What Linux gives a connection to send into, and to receive from, unless a program says. */
#define TCP_SNDBUF_FRESH     16384u
#define TCP_SNDBUF_CONNECTED 2626560u
#define TCP_RCVBUF           131072u

/* The connection is broken off at the other end: an error for its next call, unless it is over already. Does
 * not sleep. */
void tcp_reset(struct inet_socket *i);

/* As struct socket_ops has them. */
int tcp_send(struct socket *s, struct transfer *t);    /* sleeps */
int tcp_receive(struct socket *s, struct transfer *t); /* sleeps */
unsigned tcp_poll(struct socket *s);

#endif
