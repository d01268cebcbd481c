/*
 * TCP without packets: how connections begin and end.
 *
 *                     connect()                        shutdown(), close()
 *     CLOSE ---------------------------> ESTABLISHED ----------------------> FIN_WAIT ---+
 *       |                                  ^     |                               the other does so too
 *       +-> SYN_SENT: no room -- accept() -+     | the other does so                     |
 *       |                                        v          shutdown(), close()          v
 *       +-> LISTEN: listen()                CLOSE_WAIT ------------------------------> CLOSE
 *
 * Both ends change in one step, so that the states between, in which packets are under way, are not there.
 * Who has sent all first keeps its ports after the end, as TIME_WAIT does, and before it when it is closed
 * (tcp_wait.c). An end that was closed is dead but stays the peer of the other; data that is sent to it
 * breaks the connection off (tcp_reset()), as does a close with data that was not received, or with SO_LINGER
 * of 0 seconds.
 *
 * A socket may connect to itself, if its own address is the one that it connects to: it is its own peer then.
 * Two that connect to each other meet if the first one still waits.
 *
 * connect() makes the other end, which pends at the listening socket. While that one is full, as many as its
 * backlog and one pending, the other ends wait in its half list, and come in as accept() takes others out, or
 * give up after a time (TCP_SYNCNT).
 * sock->state of Linux, that is what connect() has told, is socket.state here.
 *
 * Locking. Between sleeps.
 *
 * INV-TCP-1  a connected socket has a peer, and their states fit
 * INV-TCP-2  who is in SYN_SENT has its other end in a half list; who gave up has it still, but in no list.
 *            Nobody else has one
 *
 * Failure. -ECONNREFUSED, -ETIMEDOUT, -EADDRNOTAVAIL (no port is free, or there is such a connection),
 * -ENOMEM.
 */
#include "kernel/net/tcp.h"
#include "kernel/net/inet_option.h"
#include "kernel/net/multicast.h"
#include "kernel/net/queue.h"
#include "kernel/net/tcp_wait.h"
#include "kernel/proc/signal.h"
#include "kernel/sched/sync.h"

#define WAIT_MAX 120u /* seconds, between two times that a segment would be sent */

static bool is_connected(const struct inet_socket *i)
{
    return i->tcp == TCP_ESTABLISHED || i->tcp == TCP_FIN_WAIT || i->tcp == TCP_CLOSE_WAIT;
}

/* Nothing comes or goes any more. */
static void finish(struct inet_socket *i)
{
    i->tcp = TCP_CLOSE;
    i->s.shut = SHUT_BOTH;
    if (!i->port_bound)
        inet_port_leave(i);
    socket_wake_all(&i->s);
}

void tcp_reset(struct inet_socket *i)
{
    if (i->s.dead)
        tcp_wait_reset(i);
    if (i->s.dead || i->tcp == TCP_CLOSE)
        return;
    i->s.error = i->tcp == TCP_SYN_SENT ? ECONNREFUSED : i->tcp == TCP_CLOSE_WAIT ? EPIPE : ECONNRESET;
    finish(i);
    socket_tell(&i->s, POLL_ERR);
}

/* It sends no more, and the other end learns that. */
static void send_end(struct inet_socket *i)
{
    struct inet_socket *to = inet_of(i->s.peer);

    if (i->tcp == TCP_ESTABLISHED)
        i->tcp = TCP_FIN_WAIT;
    else if (i->tcp == TCP_CLOSE_WAIT)
        finish(i);
    else
        return;
    if (to->s.dead) {
        tcp_wait_for_all(to);
        return;
    }
    to->done = true;
    to->s.shut |= SHUT_RECEIVE;
    if (to->tcp == TCP_FIN_WAIT) {
        tcp_wait_begin(to, true);
        finish(to);
    } else {
        to->tcp = TCP_CLOSE_WAIT;
    }
    socket_wake_all(&to->s);
    socket_tell(&to->s, to->tcp == TCP_CLOSE ? POLL_HUP : POLL_IN);
    socket_tell(&to->s, POLL_IN); /* the end has come, as bytes come */
}

/* --- who waits at a full one --- */

static void half_enter(struct inet_socket *door, struct inet_socket *half)
{
    half->door = door;
    half->half_next = NULL;
    if (door->half_last)
        door->half_last->half_next = half;
    else
        door->half_first = half;
    door->half_last = half;
}

/* Take it out, unless it gave up. What it refers to its caller has: the half itself, and its origin. */
static void half_leave(struct inet_socket *half)
{
    struct inet_socket *door = half->door, **at = door ? &door->half_first : NULL, *last = NULL;

    expiry_stop(&half->origin->gives_up);
    if (!door)
        return;
    for (; *at != half; at = &(*at)->half_next)
        last = *at;
    *at = half->half_next;
    if (door->half_last == half)
        door->half_last = last;
    half->door = NULL;
}

/* It has waited as long as Linux would send its first packet again and again. The other end is given up when
 * a call of its comes to it, since that may sleep. */
static void give_up(struct expiry *e)
{
    struct inet_socket *i = container_of(e, struct inet_socket, gives_up);

    half_leave(i->half);
    i->s.error = ETIMEDOUT;
    finish(i);
    socket_tell(&i->s, POLL_ERR);
}

static uint64_t patience_ns(const struct inet_socket *i)
{
    uint64_t seconds = 0, wait = 1;

    for (int32_t n = inet_option_number(i, INET_SYN_TIMES); n >= 0; n--) {
        seconds += wait;
        wait = wait * 2 < WAIT_MAX ? wait * 2 : WAIT_MAX;
    }
    return seconds * 1000000000u;
}

/* The one that connects gives up, or is given up. Sleeps at its end. */
static void half_cancel(struct inet_socket *half, bool refused)
{
    struct inet_socket *i = half->origin;

    half_leave(half);
    half->origin = NULL;
    i->half = NULL;
    if (refused)
        tcp_reset(i);
    else
        i->tcp = TCP_CLOSE;
    socket_put(&i->s);
    socket_discard(&half->s);
}

/* --- the beginning --- */

/* What is accepted has the listening one's settings. */
static void inherit(struct inet_socket *i, const struct inet_socket *door)
{
    i->s.family = door->s.family;
    i->s.inode.uid = door->s.inode.uid;
    i->s.inode.gid = door->s.inode.gid;
    i->s.sndbuf = door->s.sndbuf;
    i->s.rcvbuf = door->s.rcvbuf;
    i->s.lowat = door->s.lowat;
    i->s.send_timeout = door->s.send_timeout;
    i->s.receive_timeout = door->s.receive_timeout;
    i->s.linger = door->s.linger;
    i->s.options = door->s.options;
    i->s.priority = door->s.priority;
    i->s.mark = door->s.mark;
    memcpy(i->value, door->value, sizeof i->value);
}

static void use_room(struct inet_socket *i, const struct inet_socket *peer)
{
    if (!socket_has(&i->s, SO_SNDBUF) && i->s.sndbuf < TCP_SNDBUF_CONNECTED)
        i->s.sndbuf = TCP_SNDBUF_CONNECTED;
    i->s.beyond = peer->s.rcvbuf;
}

/* i and its other end are connected, and that one pends. */
static void establish(struct inet_socket *i, struct inet_socket *other, struct inet_socket *door)
{
    inherit(other, door);
    other->own = i->other;
    other->other = i->own;
    other->linked = true;
    inet_port_share(other);
    i->s.peer = socket_get(&other->s);
    other->s.peer = socket_get(&i->s);
    i->tcp = other->tcp = TCP_ESTABLISHED;
    other->s.state = SOCKET_CONNECTED;
    use_room(i, other);
    use_room(other, i);
    socket_pend(&door->s, &other->s);
    socket_wake_readers(&door->s);
    socket_wake_all(&i->s);
    socket_tell(&i->s, POLL_OUT);
}

/* i and one that connects to it, which may be itself, are connected. What that one waited with is the
 * caller's; NULL: nothing, since it is itself. */
static struct inet_socket *meet(struct inet_socket *i, struct inet_socket *other)
{
    struct inet_socket *half = other->half;

    if (half) {
        half_leave(half);
        half->origin = NULL;
        other->half = NULL;
        socket_put(&other->s);
    }
    i->s.peer = socket_get(&other->s);
    i->tcp = TCP_ESTABLISHED;
    if (other != i) {
        other->s.peer = socket_get(&i->s);
        other->tcp = TCP_ESTABLISHED;
        use_room(other, i);
        socket_wake_all(&other->s);
        socket_tell(&other->s, POLL_OUT);
    }
    use_room(i, other);
    socket_wake_all(&i->s);
    socket_tell(&i->s, POLL_OUT);
    return half;
}

static bool has_room(const struct inet_socket *door)
{
    return door->s.pending <= door->s.backlog;
}

/* Let those in who wait, oldest first. */
static void admit(struct inet_socket *door)
{
    struct inet_socket *half;

    while (door->tcp == TCP_LISTEN && has_room(door) && (half = door->half_first) != NULL) {
        struct inet_socket *i = half->origin;

        half_leave(half);
        half->origin = NULL;
        i->half = NULL;
        establish(i, half, door);
        socket_put(&i->s);
    }
}

/* A port for a connection: 0 or -EADDRNOTAVAIL. */
static int have_port(struct inet_socket *i, struct inet_end *from, const struct inet_end *to)
{
    const struct tcp_wait *w;

    if (!i->in_ports && inet_port_take_to(i, from, to))
        return -EADDRNOTAVAIL;
    from->port = i->own.port;
    w = tcp_wait_find(from, to);
    return inet_port_connected(i, from, to) || (w && !w->whole) ? -EADDRNOTAVAIL : 0;
}

/* Begin to connect, with the other end, which is NULL in the end if it is somebody's. *left: one that is the
 * caller's then, or NULL. */
static int start(struct inet_socket *i, struct inet_end to, struct inet_socket **other,
                 struct inet_socket **left)
{
    struct inet_socket *door, *same;
    struct inet_end from;
    int err = inet_source(i, &to, &from);

    if (!err)
        err = have_port(i, &from, &to);
    if (err)
        return err;
    i->own = from;
    i->other = to;
    i->linked = true;
    i->s.state = SOCKET_CONNECTING;
    i->tcp = TCP_SYN_SENT;
    tcp_wait_end(tcp_wait_find(&from, &to)); /* the connection is a new one */
    same = inet_port_connecting(&to, &from);
    door = inet_port_find(IPPROTO_TCP, &to, &from);
    if (door && !same)
        tcp_wait_end(tcp_wait_find(&to, &from));
    if (same) {
        if (!i->wait) {
            i->wait = (*other)->wait;
            (*other)->wait = NULL;
        }
        *left = meet(i, same);
    } else if (!door) {
        tcp_reset(i);
    } else if (has_room(door) && !door->half_first) {
        establish(i, *other, door);
        *other = NULL;
    } else {
        i->half = *other;
        i->half->origin = i;
        socket_get(&i->s);
        half_enter(door, i->half);
        i->gives_up.fn = give_up;
        expiry_arm(&i->gives_up, os_now_ns() + patience_ns(i), false);
        *other = NULL;
    }
    return 0;
}

static int begin(struct inet_socket *i, const struct socket_address *a)
{
    struct inet_socket *half, *left = NULL;
    struct socket *other;
    struct inet_end to;
    int err = i->tcp != TCP_CLOSE ? -EISCONN : inet_read_address(i, a, &to);

    if (!err)
        err = inet_route(i, &to, false);
    if (!err)
        err = socket_alloc(&tcp_ops, AF_INET, SOCK_STREAM, IPPROTO_TCP, &other);
    if (err)
        return err;
    half = inet_of(other);
    half->tcp = TCP_CLOSE;
    half->wait = tcp_wait_create();
    if (!half->wait)
        err = -ENOMEM;
    else if (i->s.state != SOCKET_UNCONNECTED || i->tcp != TCP_CLOSE)
        err = -EALREADY; /* another thread was quicker */
    else
        err = start(i, to, &half, &left);
    if (half)
        socket_discard(&half->s);
    if (left)
        socket_discard(&left->s);
    return err;
}

/* --- the end --- */

/* Nobody is let in any more. Sleeps. */
static void stop_listening(struct inet_socket *i)
{
    struct socket *pending;

    i->tcp = TCP_CLOSE;
    while (i->half_first)
        half_cancel(i->half_first, true);
    while ((pending = socket_unpend(&i->s)) != NULL)
        socket_discard(pending);
}

/* As if it had never been connected; a connection is broken off. Sleeps. */
static void disconnect(struct inet_socket *i)
{
    struct socket *s = &i->s, *peer = s->peer;
    bool was_connected = is_connected(i);

    s->peer = NULL;
    s->state = SOCKET_UNCONNECTED;
    s->shut = 0;
    s->beyond = 0;
    if (was_connected || i->tcp == TCP_SYN_SENT)
        s->error = ECONNRESET;
    if (was_connected && peer != s)
        tcp_reset(inet_of(peer));
    if (i->tcp == TCP_LISTEN)
        stop_listening(i);
    else if (i->half)
        half_cancel(i->half, false);
    i->tcp = TCP_CLOSE;
    i->done = false;
    inet_unlink(i);
    socket_put(peer);
    mutex_lock(&s->lock);
    message_purge(s);
    mutex_unlock(&s->lock);
    socket_wake_all(s);
}

/* Until it is connected, or is not. */
static int wait_connected(struct inet_socket *i, uint64_t deadline)
{
    int err = 0;

    while (!err && i->tcp == TCP_SYN_SENT)
        err = socket_wait(&i->s.writable, deadline);
    return err == -EAGAIN ? -EINPROGRESS : err;
}

static int tcp_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
    struct inet_socket *i = inet_of(s);
    bool fresh = s->state == SOCKET_UNCONNECTED;
    int err = 0;

    if (a->size < sizeof a->family)
        return -EINVAL;
    if (a->family == AF_UNSPEC) {
        disconnect(i);
        return 0;
    }
    if (fresh)
        err = begin(i, a);
    else if (s->state != SOCKET_CONNECTING)
        err = -EISCONN;
    if (err)
        return err;
    if (nonblock && (fresh || i->tcp == TCP_SYN_SENT))
        return fresh ? -EINPROGRESS : -EALREADY;
    err = wait_connected(i, socket_deadline(nonblock, s->send_timeout));
    if (err)
        return err;
    if (i->tcp != TCP_CLOSE) {
        s->state = SOCKET_CONNECTED;
        return 0;
    }
    err = socket_error(s);
    disconnect(i);
    return err ? err : -ECONNABORTED;
}

static int tcp_listen(struct socket *s, uint32_t backlog)
{
    struct inet_socket *i = inet_of(s);
    int err = 0;

    if (i->tcp != TCP_LISTEN) {
        if (s->state != SOCKET_UNCONNECTED || i->tcp != TCP_CLOSE)
            return -EINVAL;
        if (!i->in_ports)
            i->own.port = 0;
        err = i->in_ports ? inet_port_may_listen(i) : inet_port_take(i);
        if (err)
            return err;
    }
    s->backlog = backlog;
    s->state = SOCKET_LISTENING;
    s->shut = 0;
    i->tcp = TCP_LISTEN;
    admit(i);
    return 0;
}

static int tcp_accept(struct socket *s, bool nonblock, struct socket **out)
{
    int err = socket_accept(s, nonblock, out);

    if (!err)
        admit(inet_of(s));
    return err;
}

static int tcp_shutdown(struct socket *s, unsigned how)
{
    struct inet_socket *i = inet_of(s);

    if (i->tcp == TCP_SYN_SENT || (i->tcp == TCP_LISTEN && how & SHUT_RECEIVE)) {
        disconnect(i);
        return 0;
    }
    if (i->tcp == TCP_LISTEN)
        return 0;
    s->shut |= (uint8_t)how;
    if (!is_connected(i)) {
        socket_wake_all(s);
        return -ENOTCONN;
    }
    s->state = SOCKET_CONNECTED;
    if (how & SHUT_SEND)
        send_end(i);
    socket_wake_all(s);
    return 0;
}

/* It is closed, and sends no more: if the other end still may, its ports are kept. */
static void close_connection(struct inet_socket *i)
{
    send_end(i);
    if (i->tcp == TCP_FIN_WAIT)
        tcp_wait_begin(i, i->s.peer == &i->s);
}

static void tcp_release(struct socket *s)
{
    struct inet_socket *i = inet_of(s);

    inet_port_leave(i);
    multicast_leave_all(i);
    if (i->tcp == TCP_LISTEN)
        stop_listening(i);
    else if (i->half)
        half_cancel(i->half, false);
    else if (is_connected(i) && (s->first || !s->opened || s->linger == 0))
        tcp_reset(inet_of(s->peer));
    else if (is_connected(i))
        close_connection(i);
    i->tcp = TCP_CLOSE;
    i->linked = false;
}

static void tcp_forget(struct socket *s)
{
    tcp_wait_end(inet_of(s)->wait);
}

const struct socket_ops tcp_ops = {.bind = inet_bind,
                                   .connect = tcp_connect,
                                   .listen = tcp_listen,
                                   .accept = tcp_accept,
                                   .address = inet_address,
                                   .send = tcp_send,
                                   .receive = tcp_receive,
                                   .shutdown = tcp_shutdown,
                                   .ioctl = inet_ioctl,
                                   .set_option = inet_set_option,
                                   .get_option = inet_get_option,
                                   .poll = tcp_poll,
                                   .release = tcp_release,
                                   .forget = tcp_forget,
                                   .size = sizeof(struct inet_socket)};

/* --- verification --- */

static bool states_fit(enum tcp_state a, const struct inet_socket *peer)
{
    enum tcp_state b = peer->tcp;

    if (a == TCP_ESTABLISHED)
        return b == TCP_ESTABLISHED && !peer->s.dead;
    return a == TCP_CLOSE_WAIT ? b == TCP_FIN_WAIT || peer->s.dead : b == TCP_CLOSE_WAIT && !peer->s.dead;
}

bool tcp_verify(const struct inet_socket *i)
{
    const struct socket *peer = i->s.peer;
    bool ok = true;

    if (!i->s.dead && is_connected(i))
        INV("INV-TCP-1", peer && states_fit(i->tcp, inet_of(i->s.peer)),
            "socket %u is in state %u, its peer %u in state %u", i->s.inode.ino, i->tcp,
            peer ? peer->inode.ino : 0, peer ? inet_of(i->s.peer)->tcp : 0);
    INV("INV-TCP-2", (i->tcp == TCP_SYN_SENT) == (i->half && i->half->door), "socket %u in state %u, half %p",
        i->s.inode.ino, i->tcp, i->half);
    INV("INV-TCP-2", !i->half || (i->half->origin == i && i->gives_up.armed == (i->half->door != NULL)),
        "half of socket %u", i->s.inode.ino);
    return ok;
}
