/* Sockets of AF_INET and AF_INET6 on the loopback interface, which is the only one. See inet.c. */
#ifndef KERNEL_NET_INET_H
#define KERNEL_NET_INET_H

#include "kernel/net/socket.h"
#include "kernel/sched/expiry.h"

enum {
    IPPROTO_IP = 0,
    IPPROTO_ICMP = 1,
    IPPROTO_TCP = 6,
    IPPROTO_UDP = 17,
    IPPROTO_IPV6 = 41,
    IPPROTO_ICMPV6 = 58,
    IPPROTO_UDPLITE = 136
};

/* One end: an address of this machine and a port, in the processor's order of bytes. Of IPv6 there are two
 * addresses; IPv4 within IPv6 is IPv4 here. */
struct inet_end {
    uint32_t ip;
    uint16_t port;
    bool six;
};
enum { IP6_ANY = 0, IP6_LOOPBACK = 1, IP6_FOREIGN = 2, IP6_SCOPED = 3 }; /* the last: of one link */
#define IP4_ANY       0u
#define IP4_LOOPBACK  0x7F000001u
#define IP4_BROADCAST 0x7FFFFFFFu /* of the interface: nobody's */
#define IP4_ALL_HOSTS 0xE0000001u /* the group that the interface is always in */

static inline bool inet_is_any(const struct inet_end *e)
{
    return !e->ip;
}

/* Whether it is an address of the interface, or any. */
static inline bool inet_is_ours(const struct inet_end *e)
{
    return e->six ? e->ip <= IP6_LOOPBACK : !e->ip || (e->ip >> 24 == 127 && e->ip != IP4_BROADCAST);
}

static inline bool inet_same_end(const struct inet_end *a, const struct inet_end *b)
{
    return a->ip == b->ip && a->port == b->port && a->six == b->six;
}

/* Whether it is a group of IPv4. */
static inline bool inet_is_group(const struct inet_end *e)
{
    return !e->six && e->ip >> 28 == 0xE;
}

/* As /proc/net/tcp and TCP_INFO number them. */
enum tcp_state {
    TCP_ESTABLISHED = 1,
    TCP_SYN_SENT, /* there was no room at the listening one */
    TCP_FIN_WAIT = 5,
    TCP_CLOSE = 7, /* or not opened yet */
    TCP_CLOSE_WAIT,
    TCP_LISTEN = 10
};

/* Bytes of the head of a datagram of UDP or UDP-Lite, which its checksum covers. */
#define UDP_HEAD 8

/* Options that are kept as numbers; the table of inet_option.c says what they are called. */
#define INET_VALUES 44u

struct inet_socket {
    struct socket s;       /* first */
    struct inet_end own;   /* (n) its port stays when the socket has left the table */
    struct inet_end other; /* (n) */
    bool linked;           /* (n) other is said: where it sends to, and alone receives from */
    bool own_bound;        /* (n) the program chose the address */
    bool port_bound;       /* (n) the program chose the port */
    bool in_ports;         /* (n) in the table of ports */
    struct inet_socket *port_next;
    enum tcp_state tcp; /* (n) a socket of datagrams: ESTABLISHED or CLOSE */
    bool done;          /* (n) the other end has sent all that it will */
    int32_t value[INET_VALUES];
    struct inet_end held_for; /* (n) to whom s.held goes */
    struct tcp_wait *wait;    /* (n) TCP: of its connection; NULL: the other end has it, or it has begun */

    /* IP_MULTICAST_IF: whether the interface was said, and from which address it sends to groups; 0: not. */
    bool group_interface;      /* (n) */
    uint32_t group_source;     /* (n) */
    struct membership *groups; /* (n) that it is in; NULL: none */

    /* TCP, connecting while the listening socket is full: the other end, made already, is in that one's list
     * from half_first on. */
    struct inet_socket *half;      /* (n) of who connects: the other end. Its reference is the list's */
    struct inet_socket *origin;    /* (n) of the other end: who connects, referenced */
    struct inet_socket *door;      /* (n) of the other end: the listening one. Not referenced */
    struct inet_socket *half_next; /* (n) */
    struct expiry gives_up;        /* (n) of who connects: armed while it waits */
    struct inet_socket *half_first, *half_last; /* (n) of a listening one */
};

static inline struct inet_socket *inet_of(struct socket *s)
{
    return (struct inet_socket *)s;
}

void inet_init(void);

/* --- addresses: inet.c. They do not sleep. --- */

/* Big-endian bytes of an address: 4, and 16, which are of IPv4 if they say so. scope: a link is named. */
uint32_t inet_read_ip4(const uint8_t *b);
void inet_write_ip4(uint8_t *b, uint32_t ip);
void inet_read_ip6(const uint8_t *b, bool scope, struct inet_end *out);
void inet_write_ip6(uint8_t *b, const struct inet_end *e);
/* What a program calls an end: 0, -EINVAL (too short), -EAFNOSUPPORT. */
int inet_read_address(const struct inet_socket *i, const struct socket_address *a, struct inet_end *out);
/* The other way round, as the socket's family has it. */
void inet_tell_address(const struct inet_socket *i, const struct inet_end *e, struct socket_address *out);
/* Where a program means to send to: any is the loopback address. by_interface: the call says that, or an
 * address of it. 0, -ENETUNREACH, -EACCES (broadcast), -EINVAL (no link is said). */
int inet_route(const struct inet_socket *i, struct inet_end *to, bool by_interface);
/* From which address of its own a socket sends there: 0 or -ENETUNREACH. */
int inet_source(const struct inet_socket *i, const struct inet_end *to, struct inet_end *from);
bool inet_v6only(const struct inet_socket *i);
/* It has no other end any more; nor a port and an address that the program did not choose. */
void inet_unlink(struct inet_socket *i);
/* Of all types; inet_ioctl() sleeps. */
int inet_bind(struct socket *s, const struct socket_address *a);
int inet_address(struct socket *s, enum socket_name which, struct socket_address *out);
int inet_ioctl(struct socket *s, unsigned cmd, vaddr_t arg);

/* --- ports: inet_port.c. They do not sleep. --- */

/* /proc/sys/net/ipv4: where free ports are looked for; the first that is for everybody. */
extern uint32_t inet_port_low, inet_port_high, inet_port_unprivileged;
/* Have i->own.port, or a free one if it is 0: 0 or -EADDRINUSE; i->own is as it was then. */
int inet_port_take(struct inet_socket *i);
/* The same for a connection that has no port yet, from one end to another: *from has the port, too. */
int inet_port_take_to(struct inet_socket *i, struct inet_end *from, const struct inet_end *to);
/* Whether it may go on to listen at the port that it has: 0 or -EADDRINUSE. */
int inet_port_may_listen(const struct inet_socket *i);
/* Be at the same port as the socket that it was connected to. */
void inet_port_share(struct inet_socket *i);
/* Not to be found any more. */
void inet_port_leave(struct inet_socket *i);
/* Whether another connection has the same two ends. */
bool inet_port_connected(const struct inet_socket *i, const struct inet_end *own,
                         const struct inet_end *other);
/* Who connects from one end to the other by TCP; NULL: nobody. */
struct inet_socket *inet_port_connecting(const struct inet_end *own, const struct inet_end *other);
/* Who gets what is sent to an end by a protocol: IPPROTO_TCP, who listens there. NULL: nobody. */
struct inet_socket *inet_port_find(unsigned protocol, const struct inet_end *to, const struct inet_end *from);
/* Those who get what is sent from an end to a group, one after the other; NULL: the first, and no further. */
struct inet_socket *inet_port_next_member(struct inet_socket *after, unsigned protocol,
                                          const struct inet_end *to, const struct inet_end *from);
bool inet_port_verify(void);

/* --- options: inet_option.c --- */

void inet_option_init(struct inet_socket *i);
int inet_set_option(struct socket *s, int level, int option, vaddr_t value, uint32_t size); /* sleeps */
int inet_get_option(struct socket *s, int level, int option, vaddr_t value, vaddr_t size);  /* sleeps */

/* --- control data: inet_control.c --- */

/* As struct socket_ops has them. */
int inet_read_control(const struct socket *s, struct scm *scm, int level, int type, const void *data,
                      uint32_t n);
int inet_write_control(const struct socket *s, const struct scm *scm, struct scm_output *o); /* sleeps */

extern const struct socket_ops tcp_ops, udp_ops;
/* Send what a socket of datagrams holds back, if there is something. Sleeps. */
void udp_push(struct inet_socket *i);
/* INV-TCP-*, INV-UDP-*. */
bool tcp_verify(const struct inet_socket *i);
bool udp_verify(const struct inet_socket *i);
bool inet_verify(void);

#endif
