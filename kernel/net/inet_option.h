/* Options of AF_INET and AF_INET6 that the kernel itself asks for. See inet_option.c. */
#ifndef KERNEL_NET_INET_OPTION_H
#define KERNEL_NET_INET_OPTION_H

#include "kernel/net/inet.h"

/* IP_RECVERR, IPV6_RECVERR: a socket that is not connected is told too that nobody is where it sent to. */
bool inet_wants_errors(const struct inet_socket *i, bool six);

/* Numbers that datagrams go by: what they are sent with, and what who receives them wants to know. */
enum inet_number {
    INET_TOS4,
    INET_HOPS4,
    INET_TOS6,
    INET_HOPS6,
    INET_WANTS_OWN4,
    INET_WANTS_HOPS4,
    INET_WANTS_TOS4,
    INET_WANTS_OWN6,
    INET_WANTS_HOPS6,
    INET_WANTS_TOS6,
    INET_SENDS_COVERED,
    INET_WANTS_COVERED,
    INET_CORKED,
    INET_GROUP_HOPS,
    INET_ALL_GROUPS,
    INET_SYN_TIMES
};
int32_t inet_option_number(const struct inet_socket *i, enum inet_number what);
/* Whether a program has said it: of those whose beginning is no value that they can be set to. */
bool inet_option_is_set(const struct inet_socket *i, enum inet_number what);

#endif
