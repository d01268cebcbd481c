/*
 * System V message queues: sending and receiving.
 *
 * Who receives and finds nothing waits in a list, the oldest first. A message that is sent goes to the
 * first of them that wants it and has room for it, past the queue; those that want it and have no room go
 * with an error. Only what nobody waits for is queued. Who sends and finds the queue full sleeps, and looks
 * again each time that something was taken.
 *
 * INV-MSG-1  bytes and count are those of the messages in the queue
 * INV-MSG-2  who waits to receive wants none of them
 *
 * Locking: between sleeps. Who has slept finds the queue again by its number.
 *
 * Source: msgop(2).
 */
#include "kernel/ipc/message.h"
#include "kernel/ipc/msg.h"
#include "kernel/ipc/msg_parts.h"
#include "kernel/proc/process.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

enum { MSG_NOERROR = 010000, MSG_EXCEPT = 020000, MSG_COPY = 040000 };

/* Which messages a receiver wants. */
enum search { SEARCH_ANY, SEARCH_EQUAL, SEARCH_OTHER, SEARCH_LOWEST, SEARCH_NUMBER };

/* Lives on its thread's stack. */
struct msg_receiver {
    enum search search;
    uint32_t type; /* or the number of a message in the queue */
    uint32_t most; /* bytes */
    int32_t pid;
    struct message *message; /* that it got */
    int status;              /* RECEIVER_WAITS, or why it does not: then it is in no list */
    struct waitq q;
    struct msg_receiver *next;
};
#define RECEIVER_WAITS 1

static struct msg_queue *find(uint32_t id, int *err)
{
    struct ipc_perm *p;

    *err = ipc_find(&msg_ids, id, &p);
    return *err ? NULL : (struct msg_queue *)p;
}

static bool wants(const struct msg_receiver *r, const struct message *m)
{
    switch (r->search) {
    case SEARCH_EQUAL:
        return m->type == r->type;
    case SEARCH_OTHER:
        return m->type != r->type;
    case SEARCH_LOWEST:
        return m->type <= r->type;
    default:
        return true;
    }
}

/* --- who waits --- */

static void enter(struct msg_queue *q, struct msg_receiver *r)
{
    r->next = NULL;
    r->status = RECEIVER_WAITS;
    if (q->receivers)
        q->receivers_last->next = r;
    else
        q->receivers = r;
    q->receivers_last = r;
}

static void leave(struct msg_queue *q, struct msg_receiver *r)
{
    struct msg_receiver **at = &q->receivers, *before = NULL;

    while (*at != r) {
        before = *at;
        at = &before->next;
    }
    *at = r->next;
    if (q->receivers_last == r)
        q->receivers_last = before;
}

static void finish(struct msg_queue *q, struct msg_receiver *r, int status)
{
    leave(q, r);
    r->status = status;
    os_wake_all(&r->q);
}

void msg_expel_receivers(struct msg_queue *q, int err)
{
    while (q->receivers)
        finish(q, q->receivers, err);
}

/* --- messages in the queue --- */

static void append(struct msg_queue *q, struct message *m)
{
    m->next = NULL;
    m->prev = q->last;
    if (q->last)
        q->last->next = m;
    else
        q->first = m;
    q->last = m;
    q->bytes += m->size;
    q->count++;
    msg_all_bytes += m->size;
    msg_all_count++;
}

void msg_take(struct msg_queue *q, struct message *m)
{
    if (m->prev)
        m->prev->next = m->next;
    else
        q->first = m->next;
    if (m->next)
        m->next->prev = m->prev;
    else
        q->last = m->prev;
    q->bytes -= m->size;
    q->count--;
    msg_all_bytes -= m->size;
    msg_all_count--;
}

/* The one that a receiver gets, or NULL. */
static struct message *search(const struct msg_queue *q, const struct msg_receiver *r)
{
    struct message *best = NULL;
    uint32_t number = 0;

    for (struct message *m = q->first; m; m = m->next, number++) {
        if (!wants(r, m) || (r->search == SEARCH_NUMBER && number != r->type))
            continue;
        if (r->search != SEARCH_LOWEST)
            return m;
        if (!best || m->type < best->type)
            best = m;
    }
    return best;
}

/* --- sending --- */

/* To one who waits for it: whether there was one. */
static bool hand_over(struct msg_queue *q, struct message *m)
{
    for (struct msg_receiver *r = q->receivers, *next; r; r = next) {
        next = r->next;
        if (!wants(r, m))
            continue;
        if (m->size > r->most) {
            finish(q, r, -E2BIG);
            continue;
        }
        r->message = m;
        q->receiver = r->pid;
        q->received = ipc_now();
        finish(q, r, 0);
        return true;
    }
    return false;
}

static bool fits(const struct msg_queue *q, uint32_t size)
{
    return size + q->bytes <= q->most && 1 + q->count <= q->most;
}

/* Find the queue, with room for so many bytes. Sleeps, but not after that. */
static int find_room(uint32_t id, uint32_t size, bool may_wait, struct msg_queue **out)
{
    bool slept = false;

    for (;;) {
        int err;
        struct msg_queue *q = find(id, &err);
        uint32_t irq;

        if (err)
            return slept ? -EIDRM : err;
        err = ipc_may(&q->perm, 0222);
        if (err)
            return err;
        if (fits(q, size)) {
            *out = q;
            return 0;
        }
        if (!may_wait)
            return -EAGAIN;
        irq = os_irq_save();
        err = thread_sleep(&q->senders);
        os_irq_restore(irq);
        if (err)
            return find(id, &err) ? -ERESTARTNOHAND : -EIDRM;
        slept = true;
    }
}

int msg_send(uint32_t id, vaddr_t buf, uint32_t size, uint32_t flags)
{
    struct msg_queue *q;
    struct message *m;
    uint32_t type;
    int err;

    if (user_read32(&type, buf))
        return -EFAULT;
    if (size > msg_max || (int32_t)size < 0 || (int32_t)id < 0 || (int32_t)type < 1)
        return -EINVAL;
    err = message_load(buf + sizeof type, size, &m);
    if (err)
        return err;
    m->type = type;
    err = find_room(id, size, !(flags & IPC_NOWAIT), &q);
    if (err) {
        message_free(m);
        return err;
    }
    q->sender = process_current()->pid;
    q->sent = ipc_now();
    if (!hand_over(q, m))
        append(q, m);
    return 0;
}

/* --- receiving --- */

static void choose(struct msg_receiver *r, int32_t type, uint32_t flags)
{
    r->type = (uint32_t)type;
    if (flags & MSG_COPY) {
        r->search = SEARCH_NUMBER;
    } else if (!type) {
        r->search = SEARCH_ANY;
    } else if (type < 0) {
        r->search = SEARCH_LOWEST;
        r->type = type == INT32_MIN ? INT32_MAX : (uint32_t)-type;
    } else {
        r->search = flags & MSG_EXCEPT ? SEARCH_OTHER : SEARCH_EQUAL;
    }
}

/* Sleep until there is a message for r, or it is in no list any more: 0 (with or without a message),
 * -errno. */
static int wait(uint32_t id, struct msg_queue *q, struct msg_receiver *r)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    enter(q, r);
    while (r->status == RECEIVER_WAITS && !err)
        err = thread_sleep(&r->q);
    os_irq_restore(irq);
    if (r->status == RECEIVER_WAITS) {
        mm_assert(find(id, &err) == q, "queue %u", id);
        leave(q, r);
        return -ERESTARTNOHAND;
    }
    return r->status == -EAGAIN ? 0 : r->status;
}

/* Take what r wants out of the queue, or a copy of it in `copy`, which is not NULL then. 0 or -errno.
 * Sleeps. */
static int obtain(uint32_t id, struct msg_receiver *r, uint32_t size, uint32_t flags, struct message *copy)
{
    for (bool slept = false; !r->message;) {
        int err;
        struct msg_queue *q = find(id, &err);
        struct message *m;

        if (err)
            return slept ? -EIDRM : err;
        err = ipc_may(&q->perm, 0444);
        if (err)
            return err;
        m = search(q, r);
        if (m && size < m->size && !(flags & MSG_NOERROR))
            return -E2BIG;
        if (m && copy) {
            if (m->size > copy->size)
                return -EINVAL;
            message_copy(copy, m);
            r->message = copy;
        } else if (m) {
            msg_take(q, m);
            q->receiver = r->pid;
            q->received = ipc_now();
            os_wake_all(&q->senders);
            r->message = m;
        } else if (flags & IPC_NOWAIT) {
            return -ENOMSG;
        } else {
            err = wait(id, q, r);
            if (err)
                return err;
            slept = true;
        }
    }
    return 0;
}

int msg_receive(uint32_t id, vaddr_t buf, uint32_t size, int32_t type, uint32_t flags)
{
    struct msg_receiver r = {.most = flags & MSG_NOERROR ? INT32_MAX : size, .pid = process_current()->pid};
    struct message *copy = NULL;
    int err = 0;

    if ((int32_t)id < 0 || (int32_t)size < 0)
        return -EINVAL;
    if (flags & MSG_COPY) {
        if (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT))
            return -EINVAL;
        err = message_load(buf, size < msg_max ? size : msg_max, &copy); /* the buffer has to be good, too */
        if (err)
            return err;
    }
    choose(&r, type, flags);
    err = obtain(id, &r, size, flags, copy);
    if (err) {
        message_free(copy);
        return err;
    }
    if (size > r.message->size)
        size = r.message->size;
    if (user_write32(buf, r.message->type) || message_store(r.message, buf + sizeof(uint32_t), size))
        err = -EFAULT;
    message_free(r.message);
    return err ? err : (int)size;
}
