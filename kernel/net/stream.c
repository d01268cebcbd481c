/*
 * Streams: bytes through messages of a page. See queue.c for the theory.
 *
 * Descriptors go with the first byte of what they are sent with, and whoever receives gets no byte beyond
 * the message that has them, nor, if he asks for credentials, of somebody else: as on Linux.
 *
 * One byte may be urgent: the last of what was sent with MSG_OOB last. It stays in its place and is a mark:
 * no receive goes up to it and beyond. Who receives from there on passes it over, unless SO_OOBINLINE says
 * that it is a byte like others; until then it can be had by MSG_OOB.
 *
 * Local streams have other rules for it, which are Linux's of 6.1. The byte is a message of its own. A
 * receive stops before it, and the next one drops it; one that only looks passes it over. Had by MSG_OOB, it
 * leaves an empty message in its place. Who receives removes that with those next to it, and gets nothing
 * beyond it by the same call, but -EAGAIN if he would not wait.
 */
#include "kernel/net/queue.h"
#include "kernel/net/scm.h"
#include "kernel/x86/usercopy.h"

/* Whose a message is said to be: who gave it, or whoever sends while one of the two wants to know. */
static void name_sender(struct message *m, const struct socket *s, const struct socket *to,
                        const struct scm *scm)
{
    if (scm && scm->has_creds)
        m->creds = scm->creds;
    else if (socket_has(s, SO_PASSCRED) || !to->file || socket_has(to, SO_PASSCRED))
        m->creds = socket_creds_real();
    else
        m->creds = SOCKET_NOBODY;
}

int message_seal(struct message *m, const struct socket *s, const struct socket *to, struct scm *scm)
{
    name_sender(m, s, to, scm);
    if (likely(!scm || !scm->rights))
        return 0;

    int err = rights_fly(scm->rights);

    if (err)
        return err;
    m->rights = scm->rights;
    scm->rights = NULL;
    return 0;
}

/* One message of n bytes, with what goes along, to the other end: 0 or -errno. */
static int send_one(struct socket *s, vaddr_t buf, size_t n, struct scm *scm, bool urgent, uint64_t deadline)
{
    struct socket *to;
    struct message *m;
    int err = message_create(s, buf, n, deadline, &m);

    if (err)
        return err;
    to = s->peer;
    if (!to || to->dead || to->shut & SHUT_RECEIVE)
        err = -EPIPE;
    else
        err = message_seal(m, s, to, scm);
    if (err) {
        message_put(m);
        return err;
    }
    message_append(to, m);
    if (unlikely(urgent)) {
        to->urgent = m; /* the one before is a byte like others now */
        to->urgent_at = 0;
        socket_wake_urgent(to);
    }
    socket_wake_readers(to);
    return 0;
}

int stream_send(struct socket *s, struct transfer *t)
{
    uint64_t deadline = socket_deadline(t->flags & MSG_DONTWAIT, s->send_timeout);
    size_t sent = 0, plain = t->flags & MSG_OOB ? t->size - 1 : t->size;
    int err = s->shut & SHUT_SEND ? -EPIPE : 0;

    while (!err && sent < plain) {
        size_t n = plain - sent < MESSAGE_PAGE ? plain - sent : MESSAGE_PAGE;

        err = send_one(s, t->buf + sent, n, t->scm, false, deadline);
        sent += err ? 0 : n;
    }
    if (err == -EPIPE && !sent)
        return socket_broken_pipe(t->flags);
    if (!err && sent < t->size) { /* nothing goes along with that one */
        err = send_one(s, t->buf + sent, 1, NULL, true, deadline);
        sent += !err;
    }
    return sent ? (int)sent : err;
}

/* --- receiving --- */

/* One receive. */
struct receipt {
    struct socket *s;
    struct transfer *t;
    size_t done, target;
    uint64_t deadline;
    bool named; /* the sender's credentials matter, and are these */
    struct socket_creds creds;
    bool full; /* descriptors came, or another sender's bytes are next */
};

/* How far what is looked at is ahead of what is received. */
static uint32_t peek_offset(const struct receipt *r)
{
    return r->t->flags & MSG_PEEK && r->s->peek_off > 0 ? (uint32_t)r->s->peek_off : 0;
}

static bool has_bytes(const struct receipt *r)
{
    uint32_t skip = peek_offset(r);

    if (r->t->flags & MSG_PEEK && message_at_hole(r->s))
        skip++;
    return r->s->first && (likely(!skip && !message_is_empty(r->s->first)) || message_bytes(r->s) > skip);
}

/* Of a local stream, before its first message is received: whether this call stops here, as what was received
 * out of band was there, which is removed, or the urgent byte, which is only if nothing came before it. */
static bool stops_here(const struct receipt *r)
{
    struct socket *s = r->s;
    struct message *m = s->first;
    bool is_urgent = m == s->urgent;

    if (!m || s->family != AF_UNIX || r->t->flags & MSG_PEEK || (!is_urgent && !message_is_empty(m)))
        return false;
    if (is_urgent) {
        if (r->done)
            return true;
        s->urgent = NULL;
        if (socket_has(s, SO_OOBINLINE))
            return false;
    }
    do
        message_put(message_take(s));
    while (!is_urgent && s->first && message_is_empty(s->first));
    return !is_urgent;
}

/* Until there are bytes: 0; its lock is let go meanwhile. -errno, or 1: there will be none. */
static int wait_message(struct receipt *r)
{
    struct socket *s = r->s;
    int err;

    for (;;) {
        bool stop = stops_here(r);

        if (likely(!stop && has_bytes(r)))
            return 0;
        if (r->done >= r->target || (stop && r->done))
            return 1;
        if (unlikely(s->error))
            return r->done ? 1 : socket_error(s); /* the next call tells */
        if (s->shut & SHUT_RECEIVE)
            return 1;
        if (stop && r->deadline != 1)
            continue;
        mutex_unlock(&s->lock);
        err = socket_wait(&s->readable, r->deadline);
        mutex_lock(&s->lock);
        if (err)
            return err;
    }
}

/* Whether the next message may be joined to what was received before. */
static bool joins(struct receipt *r, const struct message *m)
{
    if (r->named)
        return r->creds.pid == m->creds.pid && r->creds.uid == m->creds.uid && r->creds.gid == m->creds.gid;
    if (unlikely(socket_has(r->s, SO_PASSCRED))) {
        r->creds = m->creds;
        r->named = true;
    }
    return true;
}

/* Descriptors of a message, which is in the queue: they go to the program, or nowhere if it does not ask. */
static int take_rights(struct receipt *r, struct message *m)
{
    struct rights *rights = m->rights;

    r->full = true;
    if (r->t->flags & MSG_PEEK) {
        if (!r->t->scm || r->t->scm->rights)
            return 0;
        r->t->scm->rights = rights_copy(m);
        return r->t->scm->rights ? 0 : -ENOMEM;
    }
    m->rights = NULL;
    rights_land(rights);
    if (r->t->scm)
        r->t->scm->rights = rights;
    else
        rights_put(rights);
    return 0;
}

/* n bytes of m to the program: 0 or -EFAULT. MSG_TRUNC of TCP drops them instead. */
static int hand_over(const struct receipt *r, struct message *m, uint32_t at, uint32_t n)
{
    if (unlikely(r->t->flags & MSG_TRUNC) && r->s->family != AF_UNIX)
        return 0;
    return message_copy_out(m, at, r->t->buf + r->done, n);
}

/* How many bytes of m may be received at once from byte `at` on: up to the urgent one, or from it on. */
static uint32_t bytes_at_once(const struct socket *s, const struct message *m, uint32_t at)
{
    return unlikely(s->urgent == m) && at < s->urgent_at ? s->urgent_at - at : m->size - at;
}

/* From the first message: 0, or -errno if there are no bytes yet. */
static int take_bytes(struct receipt *r)
{
    struct message *m = r->s->first;
    bool hole = message_at_hole(r->s);
    uint32_t left = bytes_at_once(r->s, m, m->at);
    uint32_t n = hole ? 0 : r->t->size - r->done < left ? (uint32_t)(r->t->size - r->done) : left;

    if (n && hand_over(r, m, m->at, n))
        return -EFAULT;
    r->done += n;
    m->at += hole ? 1 : n;
    if (unlikely(r->s->urgent == m) && m->at > r->s->urgent_at)
        r->s->urgent = NULL;
    if (unlikely(r->s->peek_off > 0))
        r->s->peek_off = (uint32_t)r->s->peek_off > n ? r->s->peek_off - (int)n : 0;
    if (m->rights)
        take_rights(r, m);
    if (m->at == m->size)
        message_put(message_take(r->s));
    return 0;
}

/* Look at what is in the queue, from SO_PEEK_OFF on. The lock is ours, so messages stay; senders append. */
static int peek_bytes(struct receipt *r)
{
    bool local = r->s->family == AF_UNIX, skipped = false;
    uint32_t skip = peek_offset(r);
    int err = 0;

    for (struct message *m = r->s->first; m && r->done < r->t->size && !err && !r->full; m = m->next) {
        uint32_t left = m->size - m->at, n;
        bool to_mark;

        if (unlikely(r->s->urgent == m) && local && !skipped) {
            if (r->done)
                break;
            if (!socket_has(r->s, SO_OOBINLINE))
                continue;
        }
        if (skip >= left) {
            skip -= left;
            skipped = true; /* up to the urgent byte of a local stream, which is like others then */
            continue;
        }
        skipped = false;
        if (r->done && !joins(r, m))
            break;
        if (unlikely(r->s->urgent == m) && !local && m->at + skip == r->s->urgent_at) {
            if (r->done)
                break;
            if (!socket_has(r->s, SO_OOBINLINE) && ++skip == left) {
                skip = 0;
                continue;
            }
        }
        to_mark = unlikely(r->s->urgent == m) && m->at + skip < r->s->urgent_at;
        left = bytes_at_once(r->s, m, m->at + skip);
        n = r->t->size - r->done < left ? (uint32_t)(r->t->size - r->done) : left;
        if (hand_over(r, m, m->at + skip, n))
            err = -EFAULT;
        else
            r->done += n;
        skip = 0;
        if (!err && m->rights)
            err = take_rights(r, m);
        if (to_mark)
            break;
    }
    if (r->s->peek_off >= 0)
        r->s->peek_off += (int)r->done;
    return err;
}

int stream_receive(struct socket *s, struct transfer *t)
{
    struct receipt r = {
        .s = s, .t = t, .deadline = socket_deadline(t->flags & MSG_DONTWAIT, s->receive_timeout)};
    int err;

    r.target = t->flags & MSG_WAITALL || s->lowat > t->size ? t->size : s->lowat;
    if (!r.target)
        r.target = 1;
    mutex_lock(&s->lock);
    do {
        err = wait_message(&r);
        if (err)
            break;
        if (!joins(&r, s->first) || (unlikely(s->urgent) && r.done && message_at_mark(s)))
            break;
        err = t->flags & MSG_PEEK ? peek_bytes(&r) : take_bytes(&r);
    } while (!err && r.done < t->size && !r.full && !(t->flags & MSG_PEEK));
    mutex_unlock(&s->lock);
    if (r.named && t->scm) {
        t->scm->creds = r.creds;
        t->scm->has_creds = true;
    }
    return r.done || err > 0 ? (int)r.done : err;
}

int stream_receive_urgent(struct socket *s, struct transfer *t)
{
    uint8_t byte;

    if (!s->urgent || s->urgent_read || socket_has(s, SO_OOBINLINE))
        return -EINVAL;
    byte = s->urgent->bytes[s->urgent_at]; /* messages of streams have no pieces */
    s->urgent_read = !(t->flags & MSG_PEEK);
    t->told |= t->size ? MSG_OOB : MSG_OOB | MSG_TRUNC;
    if (t->size && !(t->flags & MSG_TRUNC) && user_copy_out(t->buf, &byte, 1))
        return -EFAULT;
    return t->size > 0;
}
