/*
 * What goes over a TCP connection: a stream of messages as queue.c has them, in the other end's queue at
 * once.
 *
 * A sender may have as much under way as its own limit and the other end's allow together, as on Linux, where
 * one holds what the other has no room for; when all sockets have half of what they may, only a little.
 */
#include "kernel/net/queue.h"
#include "kernel/net/tcp.h"
#include "kernel/sched/sync.h"

/* What each may have under way when memory is short. */
#define UNDER_PRESSURE TCP_SNDBUF_FRESH

static bool has_room(const struct socket *s)
{
    return s->charged < s->sndbuf + s->beyond && (s->charged < UNDER_PRESSURE || !message_pressure());
}

/* Until it may send, or may never any more: 0, or -errno of a wait. */
static int wait_room(struct inet_socket *i, uint64_t deadline)
{
    struct socket *s = &i->s;
    int err = 0;

    while (!err && !s->error && !(s->shut & SHUT_SEND) && (i->tcp == TCP_SYN_SENT || !has_room(s)))
        err = socket_wait(&s->writable, deadline);
    return err;
}

/* m has been sent, and its last byte may be urgent. 0 or -EPIPE: the connection ended before. */
static int deliver(struct inet_socket *i, struct message *m, bool urgent)
{
    struct inet_socket *to = inet_of(i->s.peer);
    struct message *over = NULL;

    if (i->tcp != TCP_ESTABLISHED && i->tcp != TCP_CLOSE_WAIT) {
        message_put(m);
        return i->s.error ? socket_error(&i->s) : -EPIPE;
    }
    if (to->s.dead || to->s.shut == SHUT_BOTH) {
        tcp_reset(to);
        tcp_reset(i);
        message_put(m);
        return 0;
    }
    if (unlikely(urgent)) {
        over = message_mark(&to->s, m);
        socket_wake_urgent(&to->s);
    }
    message_append(&to->s, m);
    socket_wake_readers(&to->s);
    if (over)
        message_put(over);
    return 0;
}

/* Whether something keeps it from sending for ever. */
static bool is_over(const struct inet_socket *i)
{
    return i->s.error || i->s.shut & SHUT_SEND || (i->tcp != TCP_ESTABLISHED && i->tcp != TCP_CLOSE_WAIT);
}

/* One message of a program: 0 or -errno. */
static int send_message(struct inet_socket *i, vaddr_t buf, size_t n, bool urgent, uint64_t deadline)
{
    struct message *m;
    int err;

    while ((err = message_create(&i->s, buf, n, deadline, &m)) == -ENOBUFS && i->s.charged) {
        err = socket_wait(&i->s.writable, deadline); /* for its own to be received */
        if (err)
            return err;
    }
    return err ? err : deliver(i, m, urgent);
}

int tcp_send(struct socket *s, struct transfer *t)
{
    uint64_t deadline = socket_deadline(t->flags & MSG_DONTWAIT, s->send_timeout);
    struct inet_socket *i = inet_of(s);
    size_t sent = 0;
    int err;

    err = wait_room(i, deadline);
    if (!err && is_over(i))
        err = s->error ? socket_error(s) : -EPIPE;
    while (!err && sent < t->size) {
        size_t n = t->size - sent < MESSAGE_PAGE ? t->size - sent : MESSAGE_PAGE;

        err = send_message(i, t->buf + sent, n, t->flags & MSG_OOB && sent + n == t->size, deadline);
        if (err)
            break;
        sent += n;
        err = sent < t->size ? wait_room(i, deadline) : 0;
        if (is_over(i))
            break; /* the next call tells */
    }
    if (sent)
        return (int)sent;
    return err == -EPIPE ? socket_broken_pipe(t->flags) : err;
}

int tcp_receive(struct socket *s, struct transfer *t)
{
    struct inet_socket *i = inet_of(s);

    t->scm = NULL; /* nothing goes along */
    if (t->flags & MSG_ERRQUEUE)
        return -EAGAIN;
    if (i->tcp == TCP_LISTEN)
        return -ENOTCONN;
    if (t->flags & MSG_OOB)
        return s->urgent && i->tcp == TCP_CLOSE && !i->done ? -ENOTCONN : stream_receive_urgent(s, t);
    if (!s->first) {
        if (i->done)
            return 0;
        if (i->tcp == TCP_CLOSE && !s->error && !(s->shut & SHUT_RECEIVE))
            return -ENOTCONN;
    }
    return stream_receive(s, t);
}

unsigned tcp_poll(struct socket *s)
{
    struct inet_socket *i = inet_of(s);
    unsigned events = 0, hole = message_at_hole(s);

    if (i->tcp == TCP_LISTEN)
        return s->pending ? POLLIN | POLLRDNORM : 0;
    if (s->shut == SHUT_BOTH || i->tcp == TCP_CLOSE)
        events |= POLLHUP;
    if (s->shut & SHUT_RECEIVE)
        events |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (unlikely(s->error))
        events |= POLLERR;
    if (i->tcp == TCP_SYN_SENT)
        return events;
    if (s->first && ((s->lowat == 1 && !hole) || message_bytes(s) >= s->lowat + hole))
        events |= POLLIN | POLLRDNORM;
    if (unlikely(s->urgent) && !s->urgent_read)
        events |= POLLPRI;
    if (s->shut & SHUT_SEND || (has_room(s) && s->charged / 2 * 3 <= s->sndbuf + s->beyond))
        events |= POLLOUT | POLLWRNORM;
    else
        s->no_room = true;
    return events;
}
