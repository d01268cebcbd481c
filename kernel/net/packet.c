/*
 * Messages that are received as they were sent, one by one: datagrams and sequenced packets. See queue.c for
 * the theory.
 */
#include "kernel/net/queue.h"
#include "kernel/net/scm.h"
#include "kernel/sched/sync.h"

int packet_next(struct socket *s, unsigned flags, struct message **out)
{
    uint64_t deadline = socket_deadline(flags & MSG_DONTWAIT, s->receive_timeout);
    int err;

    *out = NULL;
    for (;;) {
        if (unlikely(s->error))
            return socket_error(s);
        if (s->first)
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
    *out = s->first;
    (*out)->refs++;
    return 0;
}

int packet_receive(struct message *m, struct socket *s, struct transfer *t)
{
    uint32_t skip = t->flags & MSG_PEEK && s->peek_off > 0 ? (uint32_t)s->peek_off : 0, n;

    if (skip > m->size)
        skip = m->size;
    n = m->size - skip < t->size ? m->size - skip : (uint32_t)t->size;
    if (n < m->size - skip)
        t->told |= MSG_TRUNC;
    if (message_copy_out(m, skip, t->buf, n))
        return -EFAULT;
    if (t->scm && socket_has(s, SO_PASSCRED)) {
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
    if (s->peek_off >= 0)
        s->peek_off = t->flags & MSG_PEEK    ? s->peek_off + (int)n
                      : s->peek_off > (int)n ? s->peek_off - (int)n
                                             : 0;
    return t->flags & MSG_TRUNC ? (int)(m->size - skip) : (int)n;
}
