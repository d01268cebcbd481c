/*
 * Sockets of AF_INET and AF_INET6, on the loopback interface: there is no other, and no packets. A connection
 * is two sockets that are each other's peer, a datagram goes from a call that sends into a queue (tcp.c,
 * udp.c). What programs see of packets otherwise, such as a reset or an unreachable port, is done to the
 * other socket at once: Linux's loopback is as quick.
 *
 * Data. Who is where is in the table of ports (inet_port.c), and what a socket is set to in inet_option.c.
 * All addresses that exist are 127.0.0.0/8, ::1, the two that mean any, and groups of IPv4 (multicast.c): so
 * an address is 32 bits and one that says which family. A socket of AF_INET6 that talks to an address of IPv4
 * is told it in ::ffff:0:0/96.
 *
 * Locking. Between sleeps.
 *
 * INV-INET-1  a socket whose port a program chose is in the table of ports until it is closed
 * INV-INET-2  a socket that says another end has a port of its own
 *
 * Failure. Every other address is -ENETUNREACH, and to bind to it -EADDRNOTAVAIL.
 */
#include "kernel/net/inet.h"
#include "kernel/net/multicast.h"
#include "kernel/net/queue.h"
#include "kernel/net/tcp.h"
#include "kernel/net/tcp_wait.h"
#include "kernel/proc/capability.h"
#include "kernel/x86/usercopy.h"

/* As programs have them; numbers are big-endian. */
struct sockaddr_in {
    uint16_t family;
    uint8_t port[2], ip[4];
    uint8_t zero[8];
};
struct sockaddr_in6 {
    uint16_t family;
    uint8_t port[2];
    uint32_t flow;
    uint8_t ip[16];
    uint32_t scope;
};
#define SOCKADDR_IN6_MIN 24u /* without the scope, as it was once */
#define PROTOCOL_MAX     262 /* the largest number of a protocol, which is that of MPTCP */

static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};

/* --- addresses --- */

uint32_t inet_read_ip4(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

void inet_write_ip4(uint8_t *b, uint32_t ip)
{
    b[0] = (uint8_t)(ip >> 24);
    b[1] = (uint8_t)(ip >> 16);
    b[2] = (uint8_t)(ip >> 8);
    b[3] = (uint8_t)ip;
}

void inet_read_ip6(const uint8_t *b, bool scope, struct inet_end *out)
{
    static const uint8_t zero[15];

    out->six = memcmp(b, mapped, sizeof mapped);
    if (!out->six)
        out->ip = inet_read_ip4(b + sizeof mapped);
    else if (!memcmp(b, zero, sizeof zero) && b[15] <= 1)
        out->ip = b[15] ? IP6_LOOPBACK : IP6_ANY;
    else
        out->ip = b[0] == 0xFE && (b[1] & 0xC0) == 0x80 && !scope ? IP6_SCOPED : IP6_FOREIGN;
}

int inet_read_address(const struct inet_socket *i, const struct socket_address *a, struct inet_end *out)
{
    const struct sockaddr_in *four = (const void *)a->bytes;
    const struct sockaddr_in6 *six = (const void *)a->bytes;
    bool is_four =
        i->s.family == AF_INET || (i->s.type == SOCK_DGRAM && a->size >= 2 && a->family == AF_INET);

    if (a->size < (is_four ? sizeof *four : SOCKADDR_IN6_MIN))
        return -EINVAL;
    *out = (struct inet_end){0};
    if (is_four) {
        out->port = (uint16_t)(four->port[0] << 8 | four->port[1]);
        out->ip = inet_read_ip4(four->ip);
        return a->family == AF_INET ? 0 : -EAFNOSUPPORT;
    }
    out->port = (uint16_t)(six->port[0] << 8 | six->port[1]);
    inet_read_ip6(six->ip, a->size >= sizeof *six && six->scope, out);
    return a->family == AF_INET6 ? 0 : -EAFNOSUPPORT;
}

void inet_write_ip6(uint8_t *b, const struct inet_end *e)
{
    memset(b, 0, 16);
    if (e->six) {
        b[15] = (uint8_t)e->ip;
    } else {
        memcpy(b, mapped, sizeof mapped);
        inet_write_ip4(b + sizeof mapped, e->ip);
    }
}

void inet_tell_address(const struct inet_socket *i, const struct inet_end *e, struct socket_address *out)
{
    struct sockaddr_in *four = (void *)out->bytes;
    struct sockaddr_in6 *six = (void *)out->bytes;

    memset(out->bytes, 0, sizeof *six);
    out->family = i->s.family;
    four->port[0] = (uint8_t)(e->port >> 8);
    four->port[1] = (uint8_t)e->port;
    if (i->s.family == AF_INET) {
        out->size = sizeof *four;
        inet_write_ip4(four->ip, e->ip);
        return;
    }
    out->size = sizeof *six;
    inet_write_ip6(six->ip, e);
}

/* As on Linux: there is no route to groups, but an interface that is said, or an address of it, is enough. */
static int route_group(const struct inet_socket *i, bool by_interface)
{
    bool is_at = !inet_is_any(&i->own) && inet_is_ours(&i->own);

    return i->s.type == SOCK_DGRAM && (by_interface || i->group_interface || is_at) ? 0 : -ENETUNREACH;
}

int inet_route(const struct inet_socket *i, struct inet_end *to, bool by_interface)
{
    if (to->six && to->ip == IP6_SCOPED)
        return -EINVAL;
    if (i->s.family == AF_INET6 && !to->six && inet_v6only(i))
        return -ENETUNREACH;
    if (inet_is_any(to) && to->six && !i->own.six)
        to->six = false;
    if (inet_is_any(to))
        to->ip = to->six ? IP6_LOOPBACK : IP4_LOOPBACK;
    if (!to->six && to->ip == IP4_BROADCAST && i->s.type == SOCK_DGRAM)
        return socket_has(&i->s, SO_BROADCAST) ? 0 : -EACCES;
    if (inet_is_group(to))
        return route_group(i, by_interface);
    return inet_is_ours(to) ? 0 : -ENETUNREACH;
}

int inet_source(const struct inet_socket *i, const struct inet_end *to, struct inet_end *from)
{
    *from = i->own;
    if (!inet_is_any(from) && !inet_is_group(from)) /* who is at a group does not send from there */
        return from->six == to->six ? 0 : -ENETUNREACH;
    if (!from->six && to->six)
        return -ENETUNREACH;
    from->six = to->six;
    from->ip = to->six ? IP6_LOOPBACK : IP4_LOOPBACK;
    if (inet_is_group(to) && i->group_source)
        from->ip = i->group_source;
    return inet_is_ours(from) ? 0 : -ENETUNREACH;
}

void inet_unlink(struct inet_socket *i)
{
    i->linked = false;
    if (!i->port_bound)
        inet_port_leave(i);
    if (!i->own_bound)
        i->own = (struct inet_end){.port = i->own.port, .six = i->s.family == AF_INET6};
}

/* --- calls of all types --- */

static int check_own(const struct inet_socket *i, const struct inet_end *e)
{
    if (e->six && e->ip == IP6_SCOPED)
        return -EINVAL;
    if (i->s.family == AF_INET6 && !e->six && inet_v6only(i))
        return -EINVAL;
    return inet_is_ours(e) || inet_is_group(e) ? 0 : -EADDRNOTAVAIL;
}

int inet_bind(struct socket *s, const struct socket_address *a)
{
    struct inet_socket *i = inet_of(s);
    struct inet_end e, before = i->own;
    int err = inet_read_address(i, a, &e);

    if (!err && a->family != s->family) /* datagrams only go to others */
        err = a->size < SOCKADDR_IN6_MIN ? -EINVAL : -EAFNOSUPPORT;
    if (err == -EAFNOSUPPORT && s->family == AF_INET && a->family == AF_UNSPEC && inet_is_any(&e))
        err = 0; /* as old programs have it */
    if (!err)
        err = check_own(i, &e);
    if (!err && e.port && e.port < inet_port_unprivileged && !capable(CAP_NET_BIND_SERVICE))
        err = -EACCES;
    if (!err && (i->in_ports || i->tcp != TCP_CLOSE))
        err = -EINVAL;
    if (err)
        return err;
    i->own = e;
    err = inet_port_take(i);
    if (err) {
        i->own = before;
        return err;
    }
    i->own_bound = !inet_is_any(&e);
    i->port_bound = e.port;
    return 0;
}

int inet_address(struct socket *s, enum socket_name which, struct socket_address *out)
{
    const struct inet_socket *i = inet_of(s);

    if (which == SOCKET_PEER && (i->tcp == TCP_CLOSE || i->tcp == TCP_SYN_SENT))
        return -ENOTCONN;
    if (which != SOCKET_OWN && !i->linked)
        return -ENOTCONN;
    inet_tell_address(i, which == SOCKET_OWN ? &i->own : &i->other, out);
    return 0;
}

enum { SIOCINQ = 0x541B, SIOCOUTQ = 0x5411, SIOCATMARK = 0x8905 };

/* What FIONREAD tells of a stream: not beyond the urgent byte. */
static uint32_t bytes_to_read(const struct socket *s)
{
    return s->urgent && !socket_has(s, SO_OOBINLINE) ? message_bytes_to_mark(s) : message_bytes(s);
}

int inet_ioctl(struct socket *s, unsigned cmd, vaddr_t arg)
{
    bool stream = s->type == SOCK_STREAM;

    switch (cmd) {
    case SIOCINQ:
        if (s->state == SOCKET_LISTENING)
            return -EINVAL;
        return user_write32(arg, stream ? bytes_to_read(s) : s->first ? s->first->size : 0);
    case SIOCOUTQ:
        if (s->state == SOCKET_LISTENING)
            return -EINVAL;
        return user_write32(arg, 0); /* what was sent has arrived */
    case SIOCATMARK:
        return stream ? user_write32(arg, message_at_mark(s)) : -ENOTTY;
    default:
        return -ENOTTY;
    }
}

/* --- making --- */

static int create(unsigned family, uint32_t type, int protocol, struct socket **out)
{
    const struct socket_ops *ops = type == SOCK_STREAM ? &tcp_ops : &udp_ops;
    int usual = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    int err;

    if (protocol < 0 || protocol > PROTOCOL_MAX)
        return -EINVAL;
    if (type == SOCK_RAW)
        return protocol ? -EPERM : -EPROTONOSUPPORT;
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (type == SOCK_DGRAM && protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return -EACCES; /* no group is one that may ping */
    if (type == SOCK_DGRAM && protocol == IPPROTO_UDPLITE)
        usual = IPPROTO_UDPLITE;
    if (protocol && protocol != usual)
        return -EPROTONOSUPPORT;
    err = socket_alloc(ops, family, type, usual, out);
    if (err)
        return err;
    inet_of(*out)->own.six = family == AF_INET6;
    inet_of(*out)->tcp = TCP_CLOSE;
    inet_option_init(inet_of(*out));
    if (type == SOCK_STREAM) {
        (*out)->sndbuf = TCP_SNDBUF_FRESH;
        (*out)->rcvbuf = TCP_RCVBUF;
    }
    return 0;
}

static int create_four(uint32_t type, int protocol, struct socket **out)
{
    return create(AF_INET, type, protocol, out);
}

static int create_six(uint32_t type, int protocol, struct socket **out)
{
    return create(AF_INET6, type, protocol, out);
}

void inet_init(void)
{
    static const struct socket_family four = {.create = create_four}, six = {.create = create_six};

    tcp_wait_start();
    socket_register(AF_INET, &four);
    socket_register(AF_INET6, &six);
}

/* --- verification --- */

bool inet_verify(void)
{
    bool ok = inet_port_verify() & multicast_verify() & tcp_wait_verify();

    for (struct socket *s = socket_all; s; s = s->all_next) {
        const struct inet_socket *i = inet_of(s);

        if (s->family != AF_INET && s->family != AF_INET6)
            continue;
        INV("INV-INET-1", s->dead || !i->port_bound || i->in_ports, "socket %u, port %u", s->inode.ino,
            i->own.port);
        INV("INV-INET-2", !i->linked || i->own.port, "socket %u", s->inode.ino);
        ok &= s->type == SOCK_STREAM ? tcp_verify(i) : udp_verify(i);
    }
    return ok;
}
