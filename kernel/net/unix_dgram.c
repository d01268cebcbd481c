/*
 * Local sockets for datagrams and for sequenced packets, which are datagrams over a connection.
 *
 * A socket holds at most unix_queue_max messages that have not been received, unless it sends to itself or
 * is its sender's and its sender is its peer: such a pair is limited by the sender's memory. Who sends to a
 * full one waits in its queue `room`. Who polls to send to a full peer is in that one's list of waiting
 * sockets, and is told when a message was received, or there is nobody to receive it.
 *
 * Locking. Between sleeps.
 */
#include "kernel/net/queue.h"
#include "kernel/net/scm.h"
#include "kernel/net/unix.h"
#include "kernel/proc/signal.h"
#include "kernel/sched/sync.h"

uint32_t unix_queue_max = 10;

/* --- room --- */

void unix_stop_waiting(struct unix_socket *u)
{
    struct unix_socket **at;

    if (!u->waits_for)
        return;
    for (at = &u->waits_for->waiting; *at != u; at = &(*at)->waiting_next)
        continue;
    *at = u->waiting_next;
    u->waits_for = NULL;
}

void unix_tell_waiting(struct unix_socket *u)
{
    struct unix_socket *w;

    while ((w = u->waiting) != NULL) {
        unix_stop_waiting(w);
        socket_wake_writers(&w->s);
    }
}

/* Whether `to` takes no message of s now. */
static bool is_full(const struct socket *s, const struct socket *to)
{
    return to != s && to->peer != s && to->messages > unix_queue_max;
}

/* --- connecting --- */

/* s sends to nobody any more, or to another: what its peer had sent is lost, and the peer is told. */
static void leave_peer(struct socket *s, struct socket *to)
{
    struct socket *old = s->peer;

    s->peer = to ? socket_get(to) : NULL;
    if (!old)
        return;
    unix_stop_waiting(unix_of(s));
    if (old != to) {
        bool mutual = !old->dead && old->peer == s;

        message_purge(s);
        os_wake_all(&s->room);
        unix_tell_waiting(unix_of(s));
        if (mutual && !old->dead && old->peer == s) {
            old->error = ECONNRESET;
            socket_wake_all(old);
            socket_tell(old, POLL_ERR);
        }
    }
    socket_put(old);
}

static bool may_send(const struct socket *s, const struct socket *to)
{
    return !to->peer || to->peer == s;
}

static int dgram_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
    struct socket *to;
    int err;

    (void)nonblock;
    if (socket_address_is_none(a)) {
        leave_peer(s, NULL);
        s->state = SOCKET_UNCONNECTED;
        return 0;
    }
    err = unix_check_address(a);
    if (!err && socket_has(s, SO_PASSCRED) && !unix_of(s)->name)
        err = unix_autobind(unix_of(s));
    if (!err)
        err = unix_find(a, s->type, &to);
    if (err)
        return err;
    if (to->dead)
        err = -ECONNREFUSED;
    else if (!may_send(s, to))
        err = -EPERM;
    if (!err) {
        s->state = SOCKET_CONNECTED;
        leave_peer(s, to);
    }
    socket_put(to);
    return err;
}

/* --- sending --- */

/* Where a message goes, referenced, and found anew each time. */
static int find_target(struct socket *s, const struct transfer *t, struct socket **out)
{
    if (t->name)
        return unix_find(t->name, s->type, out);
    if (!s->peer)
        return -ECONNRESET;
    *out = socket_get(s->peer);
    return 0;
}

/* Append m to what it is for. 1: look again, somebody slept. 0 or -errno. */
static int deliver(struct socket *s, struct socket *to, struct transfer *t, struct message *m,
                   uint64_t deadline)
{
    int err;

    if (!may_send(s, to))
        return -EPERM;
    if (to->dead) {
        if (s->type == SOCK_SEQPACKET)
            return -EPIPE;
        if (s->peer == to) {
            s->state = SOCKET_UNCONNECTED;
            leave_peer(s, NULL);
        }
        return -ECONNREFUSED;
    }
    if (to->shut & SHUT_RECEIVE)
        return -EPIPE;
    if (is_full(s, to)) {
        err = socket_wait(&to->room, deadline);
        return err ? err : 1;
    }
    err = message_seal(m, s, to, t->scm);
    if (err)
        return err;
    message_append(to, m);
    socket_wake_readers(to);
    return 0;
}

static int dgram_send(struct socket *s, struct transfer *t)
{
    uint64_t deadline = socket_deadline(t->flags & MSG_DONTWAIT, s->send_timeout);
    struct message *m;
    int err = 0;

    if (t->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (t->name)
        err = unix_check_address(t->name);
    else if (!s->peer)
        err = -ENOTCONN;
    if (!err && socket_has(s, SO_PASSCRED) && !unix_of(s)->name)
        err = unix_autobind(unix_of(s));
    if (!err && t->size > s->sndbuf - 32)
        err = -EMSGSIZE;
    if (!err)
        err = message_create(s, t->buf, t->size, deadline, &m);
    if (err)
        return err;
    do {
        struct socket *to;

        err = find_target(s, t, &to);
        if (err)
            break;
        err = deliver(s, to, t, m, deadline);
        socket_put(to);
    } while (err > 0);
    if (err) {
        message_put(m);
        return err;
    }
    return (int)t->size;
}

static int seqpacket_send(struct socket *s, struct transfer *t)
{
    if (s->error)
        return socket_error(s);
    if (s->state != SOCKET_CONNECTED)
        return -ENOTCONN;
    t->name = NULL;
    return dgram_send(s, t);
}

/* --- receiving --- */

static int dgram_receive(struct socket *s, struct transfer *t)
{
    struct message *m;
    uint32_t skip;
    int n;

    if (t->flags & MSG_OOB)
        return -EOPNOTSUPP;
    n = packet_next(s, t->flags, &skip, &m);
    if (n == -EAGAIN && s->type == SOCK_SEQPACKET && s->shut & SHUT_RECEIVE)
        n = 0;
    if (n || !m)
        return n;
    if (s->messages <= unix_queue_max)
        unix_tell_waiting(unix_of(s));
    if (t->name && unix_of(m->from)->name)
        unix_tell_name(unix_of(m->from), t->name);
    n = packet_receive(m, skip, s, t);
    message_put(m);
    return n;
}

static int seqpacket_receive(struct socket *s, struct transfer *t)
{
    return s->state == SOCKET_CONNECTED ? dgram_receive(s, t) : -ENOTCONN;
}

static bool can_send(struct socket *s)
{
    struct socket *to = s->peer;

    if (!message_room(s))
        return false;
    if (!to || to->dead || !is_full(s, to))
        return true;
    s->no_room = true;
    if (!unix_of(s)->waits_for) {
        unix_of(s)->waits_for = unix_of(to);
        unix_of(s)->waiting_next = unix_of(to)->waiting;
        unix_of(to)->waiting = unix_of(s);
    }
    return false;
}

static unsigned dgram_poll(struct socket *s)
{
    unsigned events = 0;

    if (unlikely(s->error))
        events |= POLLERR;
    if (s->shut & SHUT_RECEIVE)
        events |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (s->shut == SHUT_BOTH)
        events |= POLLHUP;
    if (s->first || s->pending)
        events |= POLLIN | POLLRDNORM;
    if (s->type == SOCK_SEQPACKET && s->state == SOCKET_UNCONNECTED)
        events |= POLLHUP;
    if (s->state != SOCKET_LISTENING && can_send(s))
        events |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return events;
}

const struct socket_ops unix_dgram_ops = {.bind = unix_bind_call,
                                          .connect = dgram_connect,
                                          .address = unix_address_call,
                                          .pair = unix_pair,
                                          .send = dgram_send,
                                          .receive = dgram_receive,
                                          .shutdown = unix_shutdown,
                                          .ioctl = unix_ioctl,
                                          .poll = dgram_poll,
                                          .release = unix_release,
                                          .forget = unix_forget,
                                          .size = sizeof(struct unix_socket)};

const struct socket_ops unix_seqpacket_ops = {.bind = unix_bind_call,
                                              .connect = unix_connect,
                                              .listen = unix_listen,
                                              .accept = socket_accept,
                                              .address = unix_address_call,
                                              .pair = unix_pair,
                                              .send = seqpacket_send,
                                              .receive = seqpacket_receive,
                                              .shutdown = unix_shutdown,
                                              .ioctl = unix_ioctl,
                                              .poll = dgram_poll,
                                              .release = unix_release,
                                              .forget = unix_forget,
                                              .size = sizeof(struct unix_socket)};
