/*
 * UDP without packets: a datagram goes from the call that sends it into the queue of who is at the port, or
 * is lost, as on Linux when that one has no room (SO_RCVBUF). Its sender never waits for a receiver: who has
 * it in the queue pays for it. A connected socket that sends to a port where nobody is has -ECONNREFUSED for
 * its next call, which an ICMP message would bring.
 *
 * What goes to a group (multicast.c) is copied for each who is at the port and wants it.
 *
 * UDP-Lite is the same with ports of its own. Its checksum may cover only the beginning of a datagram:
 * nothing is ever damaged here, but a receiver can refuse what is covered less than it wants.
 *
 * Several calls can put one datagram together (MSG_MORE, UDP_CORK): its socket holds it until it is whole.
 * Where it goes to, and what goes along, is said by the first of them.
 *
 * Locking. Between sleeps. What is held grows, and is let go, under socket.lock.
 *
 * INV-UDP-1  it pays for all that is in its queue, and has no peer
 *
 * Failure. -EMSGSIZE, -EDESTADDRREQ, -EAGAIN (no port is free), what inet_route() says.
 */
#include "kernel/net/inet.h"
#include "kernel/net/inet_option.h"
#include "kernel/net/multicast.h"
#include "kernel/net/queue.h"
#include "kernel/net/scm.h"
#include "kernel/proc/signal.h"

/* Bytes behind the heads of a packet of 64 KiB. */
#define UDP4_MAX 65507u
#define UDP6_MAX 65527u

static int autobind(struct inet_socket *i)
{
    if (i->in_ports)
        return 0;
    i->own.port = 0;
    return inet_port_take(i) ? -EAGAIN : 0;
}

/* --- connecting --- */

static void disconnect(struct inet_socket *i)
{
    i->s.state = SOCKET_UNCONNECTED;
    i->tcp = TCP_CLOSE;
    if (!i->port_bound && i->in_ports) {
        inet_port_leave(i);
        i->own.port = 0;
    }
    inet_unlink(i);
}

static int udp_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
    struct inet_socket *i = inet_of(s);
    struct inet_end to, from;
    int err;

    (void)nonblock;
    if (a->size < sizeof a->family)
        return -EINVAL;
    if (a->family == AF_UNSPEC) {
        disconnect(i);
        return 0;
    }
    err = autobind(i);
    if (!err)
        err = inet_read_address(i, a, &to);
    if (!err)
        err = inet_route(i, &to, false);
    if (!err)
        err = inet_source(i, &to, &from);
    if (err)
        return err;
    if (!inet_is_group(&i->own))
        i->own = from;
    i->other = to;
    if (i->s.held && !to.six && !i->held_for.six) { /* as on Linux, and only there */
        i->held_for = to;
        i->s.held->way.from = from.ip;
        i->s.held->way.to = to.ip;
    }
    i->linked = true;
    i->tcp = TCP_ESTABLISHED;
    s->state = SOCKET_CONNECTED;
    return 0;
}

/* --- sending --- */

/* Where a call sends to: an address of its own, or the one that the socket is connected to. */
static int find_target(const struct inet_socket *i, const struct transfer *t, struct inet_end *to)
{
    int err = 0;

    if (!t->name || (i->s.family == AF_INET6 && socket_address_is_none(t->name))) {
        if (!i->linked)
            return -EDESTADDRREQ;
        *to = i->other;
        return 0;
    }
    if (t->name->size < sizeof t->name->family)
        return -EINVAL;
    err = inet_read_address(i, t->name, to);
    if (err == -EAFNOSUPPORT && i->s.family == AF_INET6)
        err = -EINVAL;
    if (err == -EAFNOSUPPORT && t->name->family == AF_UNSPEC)
        err = 0;
    if (!err && !to->port)
        err = -EINVAL;
    return err ? err : inet_route(i, to, t->scm && (t->scm->packet.on_interface || t->scm->packet.own));
}

static bool goes_to_peer(const struct inet_socket *i, const struct inet_end *to)
{
    return i->linked && i->other.ip == to->ip && i->other.port == to->port && i->other.six == to->six;
}

/* Whether r takes so many bytes from i: no less of them may be covered than it wants. */
static bool is_covered(const struct inet_socket *r, const struct inet_socket *i, uint32_t size)
{
    uint32_t all = UDP_HEAD + size, covered, wanted;

    if (i->s.protocol != IPPROTO_UDPLITE || !inet_option_is_set(r, INET_WANTS_COVERED))
        return true;
    covered = (uint32_t)inet_option_number(i, INET_SENDS_COVERED);
    wanted = (uint32_t)inet_option_number(r, INET_WANTS_COVERED);
    return !covered || covered >= all || (wanted && covered >= wanted);
}

static void set_way(struct message *m, const struct inet_socket *i, const struct inet_end *from,
                    const struct inet_end *to, const struct scm *scm)
{
    m->way = (struct message_way){.from = from->ip, .to = to->ip, .port = from->port, .six = from->six};
    m->way.hops = (uint8_t)inet_option_number(i, to->six             ? INET_HOPS6
                                                 : inet_is_group(to) ? INET_GROUP_HOPS
                                                                     : INET_HOPS4);
    m->way.tos = (uint8_t)inet_option_number(i, to->six ? INET_TOS6 : INET_TOS4);
    if (unlikely(scm && scm->packet.has_hops))
        m->way.hops = scm->packet.hops;
    if (unlikely(scm && scm->packet.has_tos))
        m->way.tos = scm->packet.tos;
}

static bool takes(const struct inet_socket *r, const struct inet_socket *i, const struct message *m)
{
    return r->s.kept <= r->s.rcvbuf && is_covered(r, i, m->size);
}

static void give(struct message *m, struct inet_socket *r)
{
    message_give(m, &r->s);
    message_append(&r->s, m);
    socket_wake_readers(&r->s);
}

/* One for each who is to get it: copies are made before anybody is given one, since that sleeps. Who has no
 * room, or for whom there is no memory, gets none. Sleeps. */
static void deliver_to_group(struct inet_socket *i, const struct inet_end *to, const struct inet_end *from,
                             struct message *m)
{
    struct inet_socket *r = NULL;
    struct message *copies = m, *copy;
    uint32_t n = 0;

    if (multicast_is_wanted(to->ip, from->ip))
        while ((r = inet_port_next_member(r, i->s.protocol, to, from)) != NULL)
            n += takes(r, i, m);
    for (; n > 1 && !message_duplicate(m, &copy); n--) {
        copy->next = copies;
        copies = copy;
    }
    r = n ? inet_port_next_member(NULL, i->s.protocol, to, from) : NULL;
    for (; r && copies; r = inet_port_next_member(r, i->s.protocol, to, from)) {
        if (!takes(r, i, copies))
            continue;
        copy = copies;
        copies = copy->next;
        give(copy, r);
    }
    while (copies) {
        copy = copies;
        copies = copy->next;
        message_put(copy);
    }
}

/* m is on its way. Its reference is given up. Sleeps. */
static void deliver(struct inet_socket *i, const struct inet_end *to, struct message *m)
{
    struct inet_end from = {.ip = m->way.from, .port = m->way.port, .six = m->way.six};
    struct inet_socket *r;

    if (unlikely(inet_is_group(to))) {
        deliver_to_group(i, to, &from, m);
        return;
    }
    r = inet_port_find(i->s.protocol, to, &from);
    if (r && takes(r, i, m)) {
        give(m, r);
        return;
    }
    if (!r && inet_is_ours(to) && (goes_to_peer(i, to) || inet_wants_errors(i, to->six))) {
        i->s.error = ECONNREFUSED;
        socket_wake_all(&i->s);
        socket_tell(&i->s, POLL_ERR);
    }
    message_put(m);
}

/* What is held is so no more. */
static struct message *let_go(struct inet_socket *i)
{
    struct message *m = i->s.held;

    i->s.held = NULL;
    return m;
}

void udp_push(struct inet_socket *i)
{
    struct inet_end to;

    mutex_lock(&i->s.lock);
    to = i->held_for;
    if (i->s.held)
        deliver(i, &to, let_go(i));
    mutex_unlock(&i->s.lock);
}

/* Only sockets of IPv6 look at the address of a call that goes on with a datagram, and forget it then. */
static int check_name(const struct inet_socket *i, const struct socket_address *name)
{
    struct inet_end to;

    if (i->s.family != AF_INET6 || !name || socket_address_is_none(name))
        return 0;
    if (name->size < sizeof name->family || inet_read_address(i, name, &to))
        return -EINVAL;
    return i->held_for.six && !to.six ? -EINVAL : 0;
}

/* Go on with what is held, and send it unless there is more to come. An error throws all of it away. Bytes,
 * -errno, or -EALREADY: nothing is held any more. */
static int send_more(struct inet_socket *i, const struct transfer *t, bool more)
{
    struct inet_end to;
    int err;

    mutex_lock(&i->s.lock);
    to = i->held_for;
    err = !i->s.held ? -EALREADY : check_name(i, t->name);
    if (!err) {
        uint32_t most = to.six ? UDP6_MAX : UDP4_MAX;

        err =
            t->size > most - i->s.held->size ? -EMSGSIZE : message_grow(i->s.held, t->buf, (uint32_t)t->size);
        to = i->held_for;
        if (err)
            message_put(let_go(i));
        else if (!more)
            deliver(i, &to, let_go(i));
    }
    mutex_unlock(&i->s.lock);
    return err ? err : (int)t->size;
}

static int udp_send(struct socket *s, struct transfer *t)
{
    uint64_t deadline = socket_deadline(t->flags & MSG_DONTWAIT, s->send_timeout);
    struct inet_socket *i = inet_of(s);
    struct inet_end to, from;
    bool more = t->flags & MSG_MORE || unlikely(inet_option_number(i, INET_CORKED));
    struct message *m;
    int err;

    if (t->size > UINT16_MAX && !(i->s.held && i->held_for.six))
        return -EMSGSIZE;
    if (t->flags & MSG_OOB && s->family == AF_INET)
        return -EOPNOTSUPP;
    if (unlikely(i->s.held) && !(t->flags & MSG_PROBE)) {
        err = send_more(i, t, more);
        if (err != -EALREADY)
            return err;
    }
    err = autobind(i);
    if (!err)
        err = find_target(i, t, &to);
    if (!err && t->flags & MSG_OOB && !to.six) /* which those of IPv6 do not look at */
        err = -EOPNOTSUPP;
    if (!err)
        err = inet_source(i, &to, &from);
    if (!err && unlikely(t->scm && t->scm->packet.has_own) && t->scm->packet.own) {
        if (t->scm->packet.six == to.six)
            from.ip = t->scm->packet.own;
    }
    if (!err && t->size > (to.six ? UDP6_MAX : UDP4_MAX))
        err = -EMSGSIZE;
    if (!err && t->flags & MSG_PROBE)
        return (int)t->size;
    if (!err)
        err = message_create(s, t->buf, t->size, deadline, &m);
    if (err)
        return err;
    set_way(m, i, &from, &to, t->scm);
    if (likely(!more)) {
        deliver(i, &to, m);
    } else if (i->s.held) { /* somebody else began one meanwhile */
        message_put(m);
        return -EINVAL;
    } else {
        i->s.held = m;
        i->held_for = to;
    }
    return (int)t->size;
}

/* --- receiving --- */

static int udp_receive(struct socket *s, struct transfer *t)
{
    struct message *m;
    struct inet_end from;
    uint32_t skip;
    int n;

    if (t->flags & MSG_ERRQUEUE)
        return -EAGAIN;
    n = packet_next(s, t->flags, &skip, &m);
    if (n || !m)
        return n;
    from = (struct inet_end){.ip = m->way.from, .port = m->way.port, .six = m->way.six};
    if (t->name)
        inet_tell_address(inet_of(s), &from, t->name);
    if (t->scm) {
        t->scm->packet.has_own = true;
        t->scm->packet.own = m->way.to;
        t->scm->packet.six = m->way.six;
        t->scm->packet.hops = m->way.hops;
        t->scm->packet.tos = m->way.tos;
    }
    n = packet_receive(m, skip, s, t);
    message_put(m);
    return n;
}

static int udp_shutdown(struct socket *s, unsigned how)
{
    s->shut |= (uint8_t)how;
    socket_wake_all(s);
    return inet_of(s)->linked ? 0 : -ENOTCONN;
}

static unsigned udp_poll(struct socket *s)
{
    unsigned events = 0;

    if (unlikely(s->error))
        events |= POLLERR;
    if (s->shut & SHUT_RECEIVE)
        events |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (s->shut == SHUT_BOTH)
        events |= POLLHUP;
    if (s->first)
        events |= POLLIN | POLLRDNORM;
    if (message_room(s))
        events |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return events;
}

static void udp_release(struct socket *s)
{
    struct inet_socket *i = inet_of(s);

    inet_port_leave(i);
    multicast_leave_all(i);
    i->linked = false;
    if (i->s.held)
        message_put(let_go(i));
}

const struct socket_ops udp_ops = {.bind = inet_bind,
                                   .connect = udp_connect,
                                   .address = inet_address,
                                   .send = udp_send,
                                   .receive = udp_receive,
                                   .shutdown = udp_shutdown,
                                   .ioctl = inet_ioctl,
                                   .set_option = inet_set_option,
                                   .get_option = inet_get_option,
                                   .read_control = inet_read_control,
                                   .write_control = inet_write_control,
                                   .poll = udp_poll,
                                   .release = udp_release,
                                   .size = sizeof(struct inet_socket)};

bool udp_verify(const struct inet_socket *i)
{
    const struct socket *s = &i->s;
    bool ok = true;

    INV("INV-UDP-1", !s->messages == !s->kept && !s->peer, "socket %u keeps %u bytes of %u messages, peer %p",
        s->inode.ino, s->kept, s->messages, s->peer);
    return ok;
}
