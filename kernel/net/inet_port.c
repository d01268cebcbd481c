/*
 * Ports: who is at which. Each protocol has its own.
 *
 * Data. A table from protocol and port to sockets; all that have a port are in it: bound, listening,
 * connecting, connected, and those that were accepted, which are at the port of the listening one.
 *
 * An end of a connection of TCP may keep a port without a socket (tcp_wait.c).
 *
 * Several sockets may be at one port if their addresses do not meet, or by SO_REUSEADDR and SO_REUSEPORT with
 * Linux's rules: with the former nobody may listen there yet, with the latter all have to have it and be of
 * one user. Of those that share a port by SO_REUSEPORT the sender's port chooses.
 *
 * Locking. Between sleeps.
 *
 * INV-PORT-1  every socket in the table has a port, and is in that port's bucket
 *
 * Failure. -EADDRINUSE.
 */
#include "kernel/net/inet.h"
#include "kernel/net/multicast.h"
#include "kernel/net/tcp_wait.h"

#define BUCKETS 256u /* a power of two */

enum { PORTS_TCP, PORTS_UDP, PORTS_UDPLITE, PORTS_COUNT };
static struct inet_socket *table[PORTS_COUNT][BUCKETS];

uint32_t inet_port_low = 32768, inet_port_high = 60999, inet_port_unprivileged = 1024;

static struct inet_socket **bucket(unsigned protocol, uint16_t port)
{
    unsigned k = protocol == IPPROTO_TCP ? PORTS_TCP : protocol == IPPROTO_UDP ? PORTS_UDP : PORTS_UDPLITE;

    return &table[k][port % BUCKETS];
}

static void enter(struct inet_socket *i)
{
    struct inet_socket **at = bucket(i->s.protocol, i->own.port);

    i->port_next = *at;
    *at = i;
    i->in_ports = true;
}

void inet_port_leave(struct inet_socket *i)
{
    struct inet_socket **at = bucket(i->s.protocol, i->own.port);

    if (!i->in_ports)
        return;
    while (*at != i)
        at = &(*at)->port_next;
    *at = i->port_next;
    i->in_ports = false;
}

void inet_port_share(struct inet_socket *i)
{
    enter(i);
}

/* --- who may be where --- */

/* Whether one socket's address takes some of what is sent to the other's. */
static bool meet(const struct inet_socket *a, const struct inet_socket *b)
{
    const struct inet_socket *six = a->own.six ? a : b;

    if (a->own.six == b->own.six)
        return a->own.ip == b->own.ip || inet_is_any(&a->own) || inet_is_any(&b->own);
    return inet_is_any(&six->own) && !inet_v6only(six);
}

/* Whether one may not be at its port because the other is. */
static bool conflict(const struct inet_socket *a, const struct inet_socket *b)
{
    if (a == b || a->own.port != b->own.port || !meet(a, b))
        return false;
    if (socket_has(&a->s, SO_REUSEPORT) && socket_has(&b->s, SO_REUSEPORT) &&
        a->s.inode.uid == b->s.inode.uid)
        return false;
    return !socket_has(&a->s, SO_REUSEADDR) || !socket_has(&b->s, SO_REUSEADDR) || b->tcp == TCP_LISTEN;
}

static bool has_conflict(const struct inet_socket *i)
{
    const struct inet_socket *other = *bucket(i->s.protocol, i->own.port);

    while (other && !conflict(i, other))
        other = other->port_next;
    return other || (i->s.type == SOCK_STREAM && tcp_wait_conflicts(i));
}

static bool is_taken(unsigned protocol, uint16_t port)
{
    const struct inet_socket *i = *bucket(protocol, port);

    while (i && i->own.port != port)
        i = i->port_next;
    return i;
}

/* A port that nobody has, or 0, for i; for a connection to another end, if to is not NULL. Where the search
 * begins is not for a program to know beforehand, so that it does not rely on it. */
static uint16_t free_port(struct inet_socket *i, struct inet_end from, const struct inet_end *to)
{
    static uint32_t last;
    uint32_t n = inet_port_high - inet_port_low + 1;

    last = last * 1664525u + (uint32_t)os_now_ns() + 1013904223u;
    for (uint32_t k = 0, start = (last >> 8) % n; k < n; k++) {
        bool waits = false;

        from.port = (uint16_t)(inet_port_low + (start + k) % n);
        if (is_taken(i->s.protocol, from.port))
            continue;
        i->own.port = from.port;
        if (i->s.type == SOCK_STREAM)
            waits = to ? tcp_wait_forbids(&from, to) : tcp_wait_conflicts(i);
        if (!waits)
            return from.port;
    }
    return 0;
}

int inet_port_take(struct inet_socket *i)
{
    uint16_t before = i->own.port;

    if (!i->own.port)
        i->own.port = free_port(i, i->own, NULL);
    if (!i->own.port || has_conflict(i)) {
        i->own.port = before;
        return -EADDRINUSE;
    }
    enter(i);
    return 0;
}

int inet_port_take_to(struct inet_socket *i, struct inet_end *from, const struct inet_end *to)
{
    from->port = i->own.port = free_port(i, *from, to);
    if (!from->port)
        return -EADDRINUSE;
    enter(i);
    return 0;
}

int inet_port_may_listen(const struct inet_socket *i)
{
    return has_conflict(i) ? -EADDRINUSE : 0;
}

bool inet_port_connected(const struct inet_socket *i, const struct inet_end *own,
                         const struct inet_end *other)
{
    const struct inet_socket *k = *bucket(i->s.protocol, own->port);

    while (k && (k == i || !k->linked || !inet_same_end(&k->own, own) || !inet_same_end(&k->other, other)))
        k = k->port_next;
    return k;
}

struct inet_socket *inet_port_connecting(const struct inet_end *own, const struct inet_end *other)
{
    struct inet_socket *k = *bucket(IPPROTO_TCP, own->port);

    while (k && (k->tcp != TCP_SYN_SENT || !inet_same_end(&k->own, own) || !inet_same_end(&k->other, other)))
        k = k->port_next;
    return k;
}

/* --- finding --- */

/* How well a socket fits for what goes from one end to the other; 0: not at all. */
static unsigned score(const struct inet_socket *i, const struct inet_end *to, const struct inet_end *from)
{
    unsigned n = 1;

    if (i->own.port != to->port || (i->s.type == SOCK_STREAM && i->tcp != TCP_LISTEN))
        return 0;
    if (i->own.six == to->six) {
        if (!inet_is_any(&i->own) && i->own.ip != to->ip)
            return 0;
    } else if (!i->own.six || !inet_is_any(&i->own) || inet_v6only(i)) {
        return 0;
    }
    if (i->s.type == SOCK_DGRAM && i->linked && !inet_same_end(&i->other, from))
        return 0;
    n += (i->s.family == AF_INET) == !to->six ? 1 : 0;
    n += i->s.type == SOCK_DGRAM && i->linked ? 2 : 0;
    n += inet_is_any(&i->own) ? 0 : 4;
    return n;
}

struct inet_socket *inet_port_find(unsigned protocol, const struct inet_end *to, const struct inet_end *from)
{
    struct inet_socket *best = NULL;
    unsigned most = 0, equal = 0, choice = (from->port * 40503u) >> 4;

    for (struct inet_socket *i = *bucket(protocol, to->port); i; i = i->port_next) {
        unsigned n = score(i, to, from);

        if (!n || n < most)
            continue;
        if (n > most) {
            most = n;
            equal = 1;
            best = i;
        } else if (socket_has(&i->s, SO_REUSEPORT) && choice % ++equal == 0) {
            best = i;
        }
    }
    return best;
}

struct inet_socket *inet_port_next_member(struct inet_socket *after, unsigned protocol,
                                          const struct inet_end *to, const struct inet_end *from)
{
    struct inet_socket *i = after ? after->port_next : *bucket(protocol, to->port);

    while (i && (!score(i, to, from) || !multicast_allows(i, to->ip, from->ip)))
        i = i->port_next;
    return i;
}

/* --- verification --- */

bool inet_port_verify(void)
{
    bool ok = true;

    for (unsigned k = 0; k < PORTS_COUNT * BUCKETS; k++) {
        for (const struct inet_socket *i = table[k / BUCKETS][k % BUCKETS]; i; i = i->port_next) {
            bool at_home = bucket(i->s.protocol, i->own.port) == &table[k / BUCKETS][k % BUCKETS];

            INV("INV-PORT-1", i->in_ports && !i->s.dead && i->own.port && at_home, "socket %u at port %u",
                i->s.inode.ino, i->own.port);
        }
    }
    return ok;
}
