/*
 * Messages that are received as they were sent, one by one: datagrams and sequenced packets. See queue.c for
 * the theory.
 */
#include "kernel/net/queue.h"
#include "kernel/net/scm.h"
#include "kernel/sched/sync.h"

/* The first that is to be received; looking from *skip on, the one that byte is in. NULL: none. */
static struct message *choose(struct socket *s, uint32_t *skip)
{
    struct message *m = s->first;

    while (unlikely(*skip) && m && *skip >= m->size) {
        *skip -= m->size;
        m = m->next;
    }
    return m;
}

int packet_next(struct socket *s, unsigned flags, uint32_t *skip, struct message **out)
{
    uint64_t deadline = socket_deadline(flags & MSG_DONTWAIT, s->receive_timeout);
    int err;

    *out = NULL;
    for (;;) {
        if (unlikely(s->error))
            return socket_error(s);
        *skip = flags & MSG_PEEK && s->peek_off > 0 ? (uint32_t)s->peek_off : 0;
        *out = choose(s, skip);
        if (*out)
            break;
        if (s->shut & SHUT_RECEIVE && deadline != 1)
            return 0;
        err = socket_wait(&s->readable, deadline);
        if (err)
            return err;
    }
    if (!(flags & MSG_PEEK)) {
        *out = message_take(s);
        sync_wake(&s->room, POLLOUT | POLLWRNORM | POLLWRBAND, SYNC_TASKS);
        return 0;
    }
    (*out)->refs++;
    return 0;
}

int packet_receive(struct message *m, uint32_t skip, struct socket *s, struct transfer *t)
{
    uint32_t n = m->size - skip < t->size ? m->size - skip : (uint32_t)t->size;

    if (n < m->size - skip)
        t->told |= MSG_TRUNC;
    if (message_copy_out(m, skip, t->buf, n))
        return -EFAULT;
    if (t->scm && m->from && socket_has(s, SO_PASSCRED)) {
        t->scm->creds = m->creds;
        t->scm->has_creds = true;
    }
    if (t->scm && (socket_has(s, SO_TIMESTAMP) || socket_has(s, SO_TIMESTAMPNS)))
        t->scm->time_ns = inode_now();
    if (m->rights && t->scm) {
        if (t->flags & MSG_PEEK) {
            t->scm->rights = rights_copy(m);
            if (!t->scm->rights)
                return -ENOMEM;
        } else {
            t->scm->rights = m->rights;
            m->rights = NULL;
            rights_land(t->scm->rights);
        }
    }
    if (unlikely(s->peek_off >= 0) && t->flags & MSG_PEEK)
        s->peek_off += (int)n;
    else if (unlikely(s->peek_off > 0))
        s->peek_off = (uint32_t)s->peek_off > m->size ? s->peek_off - (int)m->size : 0;
    return t->flags & MSG_TRUNC ? (int)(m->size - skip) : (int)n;
}
