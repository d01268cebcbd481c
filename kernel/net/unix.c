/*
 * Local sockets: connections, and streams over them.
 *
 * Data. Two connected sockets are each other's peer, and each holds a reference to the other, so the memory
 * of one that is closed stays until the other lets go of it: it is dead then. connect() makes the second end
 * and lets it pend at the listening socket; it is complete, and what is sent to it waits, before accept()
 * gives it a file. A datagram socket's peer is only where it sends to.
 *
 * Sleeping. connect() looks its peer up again after each sleep, as send() does; what is decided on is changed
 * before the next one.
 *
 * Locking. Between sleeps.
 */
#include "kernel/net/unix.h"
#include "kernel/net/queue.h"
#include "kernel/proc/signal.h"
#include "kernel/sched/sync.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

static bool connects(const struct socket *s)
{
    return s->type != SOCK_DGRAM;
}

int unix_bind_call(struct socket *s, const struct socket_address *a)
{
    return unix_bind(unix_of(s), a);
}

int unix_address_call(struct socket *s, enum socket_name which, struct socket_address *out)
{
    if (which != SOCKET_OWN && !s->peer)
        return -ENOTCONN;
    unix_tell_name(unix_of(which == SOCKET_OWN ? s : s->peer), out);
    return 0;
}

static void make_peers(struct socket *a, struct socket *b)
{
    a->peer = socket_get(b);
    b->peer = socket_get(a);
    a->state = b->state = SOCKET_CONNECTED;
}

int unix_pair(struct socket *a, struct socket *b)
{
    make_peers(a, b);
    socket_peer_is_current(a);
    socket_peer_is_current(b);
    return 0;
}

int unix_listen(struct socket *s, uint32_t backlog)
{
    if (!unix_of(s)->name || (s->state != SOCKET_UNCONNECTED && s->state != SOCKET_LISTENING))
        return -EINVAL;
    if (backlog > s->backlog)
        os_wake_all(&s->room);
    s->backlog = backlog;
    s->state = SOCKET_LISTENING;
    socket_peer_is_current(s);
    return 0;
}

/* --- connecting --- */

/* Who listens at an address and has room for one more, referenced. Waits for room. */
static int find_listener(const struct socket *s, const struct socket_address *a, uint64_t deadline,
                         struct socket **out)
{
    for (;;) {
        struct socket *to;
        int err = unix_find(a, s->type, &to);

        if (err)
            return err;
        if (to->state != SOCKET_LISTENING || to->dead || to->shut & SHUT_RECEIVE)
            err = -ECONNREFUSED;
        else if (to->pending <= to->backlog) {
            *out = to;
            return 0;
        } else
            err = socket_wait(&to->room, deadline);
        socket_put(to);
        if (err)
            return err;
    }
}

int unix_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
    uint64_t deadline = socket_deadline(nonblock, s->send_timeout);
    struct socket *to, *other;
    int err = unix_check_address(a);

    if (!err && socket_has(s, SO_PASSCRED) && !unix_of(s)->name)
        err = unix_autobind(unix_of(s));
    if (!err)
        err = socket_alloc(s->ops, AF_UNIX, s->type, s->protocol, &other);
    if (err)
        return err;
    err = find_listener(s, a, deadline, &to);
    if (err)
        goto out;
    if (s->state == SOCKET_UNCONNECTED) {
        make_peers(s, other);
        unix_share_name(unix_of(other), unix_of(to));
        socket_peer_is_current(other);
        socket_peer_is_of(s, to);
        socket_pend(to, other);
        socket_wake_readers(to);
        other = NULL;
    } else {
        err = s->state == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
    }
    socket_put(to);
out:
    if (other)
        socket_discard(other);
    return err;
}

/* --- ending --- */

int unix_shutdown(struct socket *s, unsigned how)
{
    struct socket *peer = connects(s) ? s->peer : NULL;

    s->shut |= (uint8_t)how;
    if (peer && !peer->dead) {
        peer->shut |= (uint8_t)((how & SHUT_RECEIVE ? SHUT_SEND : 0) | (how & SHUT_SEND ? SHUT_RECEIVE : 0));
        socket_wake_all(peer);
        if (how == SHUT_BOTH)
            socket_tell(peer, POLL_HUP);
        else if (how == SHUT_SEND)
            socket_tell(peer, POLL_IN);
    }
    socket_wake_all(s);
    return 0;
}

void unix_release(struct socket *s)
{
    struct socket *peer = connects(s) ? s->peer : NULL;
    const struct message *m = s->first;
    bool refused;

    if (m && message_is_empty(m)) /* it was received out of band */
        m = m->next;
    refused = m || !s->opened;
    s->shut = SHUT_BOTH;
    if (peer && !peer->dead) {
        peer->shut = SHUT_BOTH;
        if (refused)
            peer->error = ECONNRESET;
        socket_wake_all(peer);
        socket_tell(peer, POLL_HUP);
    }
    s->state = SOCKET_UNCONNECTED;
    unix_stop_waiting(unix_of(s));
    unix_tell_waiting(unix_of(s));
    unix_hide(unix_of(s));
}

void unix_forget(struct socket *s)
{
    unix_address_put(unix_of(s)->name);
}

/* --- streams --- */

static int stream_send_call(struct socket *s, struct transfer *t)
{
    if (t->flags & MSG_OOB && !t->size)
        return -EOPNOTSUPP;
    if (t->name)
        return s->state == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    return s->peer ? stream_send(s, t) : -ENOTCONN;
}

/* The urgent byte for who asks for it, even if he has no room. Waits only for others who receive. */
static int receive_urgent(struct socket *s, const struct transfer *t, unsigned *told)
{
    struct message *m, *left = NULL;
    uint8_t byte = 0;

    mutex_lock(&s->lock);
    m = socket_has(s, SO_OOBINLINE) ? NULL : s->urgent;
    if (m)
        byte = m->bytes[0];
    if (m && !(t->flags & MSG_PEEK)) {
        m->at = m->size;
        s->urgent = NULL;
        left = message_take_empty(s, m); /* else who only sends such bytes had no room at last */
    }
    mutex_unlock(&s->lock);
    if (left)
        message_put(left);
    if (!m)
        return -EINVAL;
    *told |= MSG_OOB;
    return t->size && user_copy_out(t->buf, &byte, 1) ? -EFAULT : 1;
}

static int stream_receive_call(struct socket *s, struct transfer *t)
{
    int n;

    if (s->state != SOCKET_CONNECTED)
        return -EINVAL;
    if (t->flags & MSG_OOB)
        return receive_urgent(s, t, &t->told);
    n = stream_receive(s, t);
    if (n > 0 && t->name && s->peer && unix_of(s->peer)->name)
        unix_tell_name(unix_of(s->peer), t->name);
    return n;
}

static unsigned stream_poll(struct socket *s)
{
    unsigned events = 0;

    if (unlikely(s->error))
        events |= POLLERR;
    if (s->shut == SHUT_BOTH)
        events |= POLLHUP;
    if (s->shut & SHUT_RECEIVE)
        events |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (s->first || s->pending)
        events |= POLLIN | POLLRDNORM;
    if (unlikely(s->urgent))
        events |= POLLPRI;
    if (s->state == SOCKET_UNCONNECTED)
        events |= POLLHUP;
    if (s->state != SOCKET_LISTENING && message_room(s))
        events |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return events;
}

enum { SIOCINQ = 0x541B, SIOCOUTQ = 0x5411, SIOCATMARK = 0x8905 };

int unix_ioctl(struct socket *s, unsigned cmd, vaddr_t arg)
{
    switch (cmd) {
    case SIOCINQ:
        if (s->state == SOCKET_LISTENING)
            return -EINVAL;
        return user_write32(arg, connects(s) ? message_bytes(s) : s->first ? s->first->size : 0);
    case SIOCOUTQ:
        return user_write32(arg, s->charged);
    case SIOCATMARK:
        if (s->type != SOCK_STREAM)
            return -EOPNOTSUPP;
        return user_write32(arg, message_at_mark(s));
    default:
        return -ENOTTY;
    }
}

static const struct socket_ops unix_stream_ops = {.bind = unix_bind_call,
                                                  .connect = unix_connect,
                                                  .listen = unix_listen,
                                                  .accept = socket_accept,
                                                  .address = unix_address_call,
                                                  .pair = unix_pair,
                                                  .send = stream_send_call,
                                                  .receive = stream_receive_call,
                                                  .shutdown = unix_shutdown,
                                                  .ioctl = unix_ioctl,
                                                  .poll = stream_poll,
                                                  .release = unix_release,
                                                  .forget = unix_forget,
                                                  .size = sizeof(struct unix_socket)};

static int create(uint32_t type, int protocol, struct socket **out)
{
    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    switch (type) {
    case SOCK_STREAM:
        return socket_alloc(&unix_stream_ops, AF_UNIX, type, protocol, out);
    case SOCK_RAW: /* as in BSD */
    case SOCK_DGRAM:
        return socket_alloc(&unix_dgram_ops, AF_UNIX, SOCK_DGRAM, protocol, out);
    case SOCK_SEQPACKET:
        return socket_alloc(&unix_seqpacket_ops, AF_UNIX, type, protocol, out);
    default:
        return -ESOCKTNOSUPPORT;
    }
}

void unix_init(void)
{
    static const struct socket_family family = {.create = create};

    socket_register(AF_UNIX, &family);
}
