/* Options of AF_INET and AF_INET6 that the kernel itself asks for. See inet_option.c. */
#ifndef KERNEL_NET_INET_OPTION_H
#define KERNEL_NET_INET_OPTION_H

#include "kernel/net/inet.h"

/* IP_RECVERR, IPV6_RECVERR: a socket that is not connected is told too that nobody is where it sent to. */
bool inet_wants_errors(const struct inet_socket *i, bool six);

#endif
