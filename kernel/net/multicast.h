/* Groups: which sockets want what is sent to them. See multicast.c. */
#ifndef KERNEL_NET_MULTICAST_H
#define KERNEL_NET_MULTICAST_H

#include "kernel/net/inet.h"

struct membership;

/* One that has members. Addresses are big-endian bytes; of IPv4 four, and zeroes. */
struct group {
    struct group *next; /* in the same bucket */
    struct membership *members;
    uint32_t users;
    bool six;
    uint8_t address[16];
};

/* A socket's place in a group. */
struct membership {
    struct membership *next;     /* of the same socket, newest first */
    struct membership *all_next; /* in the same group */
    const struct inet_socket *socket;
    struct group *group;
    uint32_t address; /* IPv4: of the interface, as the program said it */
    bool excludes;    /* gets all but what its sources send; else only that */
    bool filtered;    /* it had sources once, and keeps to its way */
    uint32_t count, room;
    uint8_t (*sources)[16]; /* NULL: none yet */
};

/* /proc/sys/net/ipv4: how many groups of IPv4 a socket may be in, and how many sources each may have. */
extern uint32_t multicast_groups_max, multicast_sources_max;

/* Options of groups: 0, -errno, or 1: it is none of them. Sleeps. */
int multicast_set_option(struct inet_socket *i, int level, int option, vaddr_t value, uint32_t size);
/* It is in no group any more. */
void multicast_leave_all(struct inet_socket *i);
/* Whether a datagram of IPv4 from an address to a group comes up to the sockets: one wants it. */
bool multicast_is_wanted(uint32_t group, uint32_t source);
/* Whether this one gets it, if it comes. */
bool multicast_allows(const struct inet_socket *i, uint32_t group, uint32_t source);
/* The group after another, or the first after NULL, in any order. NULL: there is none. */
const struct group *multicast_next(const struct group *g);
bool multicast_verify(void); /* INV-GROUP-1 */

#endif
