/*
 * POSIX message queues: messages of several priorities, and who waits for them.
 *
 * A message that is sent goes to the first who waits to receive one, past the queue; only what nobody waits
 * for is queued, by its priority. When one is taken out of a full queue the message of the first who waits to
 * send takes its place. The first is who has the highest priority of the scheduler's, as it was when he began
 * to wait, and of several the one who has waited longest. So who wakes has what he waited for.
 *
 * One process at a time can ask to be told of a message that comes to an empty queue and finds nobody
 * waiting: by a signal, by 32 bytes to a socket where the C library's thread listens (SIGEV_THREAD), or not
 * at all (SIGEV_NONE: it only keeps others from asking). That is once; and over when it closes a descriptor
 * of the queue, which the socket is told, too.
 *
 * INV-MQUEUE-1  who waits to send waits at a full queue, who waits to receive at an empty one
 * INV-MQUEUE-2  a queue has no more messages than its most, none of which is larger than its largest
 *
 * Memory. What a queue may hold is charged to its maker (RLIMIT_MSGQUEUE) by Linux's sum; what it does hold
 * is a part of what all messages may take (message.c), so a send may fail with -ENOMEM.
 *
 * Locking: between sleeps; who uses a queue over a sleep has an open file of it. How it fails: as on Linux.
 *
 * Source: mq_overview(7) and what it names.
 */
#include "kernel/ipc/mqueue.h"
#include "kernel/ipc/message.h"
#include "kernel/ipc/mqueue_parts.h"
#include "kernel/lib/format.h"
#include "kernel/net/netlink.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/x86/usercopy.h"

#define PRIORITIES     32768u
#define MESSAGE_CHARGE 24u /* Linux's, for each message and each priority that a queue may have */

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD };

uint32_t mqueue_msg_max = 10, mqueue_msgsize_max = 8192, mqueue_msg_default = 10,
         mqueue_msgsize_default = 8192;

/* --- limits --- */

/* As Linux adds it up: all messages at their largest, and what keeps them in order. */
static uint64_t charge_of(uint32_t most, uint32_t largest)
{
    return (uint64_t)most * largest + (uint64_t)most * MESSAGE_CHARGE +
           (uint64_t)smaller(most, PRIORITIES) * MESSAGE_CHARGE;
}

int mqueue_charge(struct mqueue *q, const struct mq_attr *attr)
{
    bool beyond = capable(CAP_SYS_RESOURCE);
    struct user *user = thread_current()->cred->user;
    uint64_t bytes;

    q->most = attr ? (uint32_t)attr->maxmsg : smaller(mqueue_msg_max, mqueue_msg_default);
    q->largest = attr ? (uint32_t)attr->msgsize : smaller(mqueue_msgsize_max, mqueue_msgsize_default);
    if ((int32_t)q->most <= 0 || (int32_t)q->largest <= 0 ||
        q->most > (beyond ? MQUEUE_MSG_HARD : mqueue_msg_max) ||
        q->largest > (beyond ? MQUEUE_MSGSIZE_HARD : mqueue_msgsize_max))
        return -EINVAL;
    bytes = charge_of(q->most, q->largest);
    if (bytes > UINT32_MAX)
        return -EOVERFLOW;
    if (user->queues + bytes > process_current()->rlimit[RLIMIT_MSGQUEUE].soft)
        return -EMFILE;
    user->queues += bytes;
    q->charged = bytes;
    q->user = user_get(user);
    return 0;
}

/* --- messages in the queue --- */

/* Behind those of its priority. */
static void insert(struct mqueue *q, struct message *m)
{
    struct message *before = q->last;

    while (before && before->type < m->type)
        before = before->prev;
    m->prev = before;
    m->next = before ? before->next : q->first;
    if (before)
        before->next = m;
    else
        q->first = m;
    if (m->next)
        m->next->prev = m;
    else
        q->last = m;
    q->count++;
    q->bytes += m->size;
}

static struct message *take(struct mqueue *q)
{
    struct message *m = q->first;

    q->first = m->next;
    if (m->next)
        m->next->prev = NULL;
    else
        q->last = NULL;
    q->count--;
    q->bytes -= m->size;
    return m;
}

void mqueue_drain(struct mqueue *q)
{
    while (q->first)
        message_free(take(q));
    netlink_note_drop(q->notice.note);
    if (q->user) {
        q->user->queues -= q->charged;
        user_put(q->user);
    }
}

bool mqueue_verify_one(const struct mqueue *q)
{
    uint32_t count = 0, bytes = 0;
    bool ok = true;

    for (const struct message *m = q->first; m; m = m->next, count++) {
        INV("INV-MQUEUE-2", m->size <= q->largest && (!m->next || m->next->type <= m->type),
            "%u bytes of priority %u", m->size, m->type);
        bytes += m->size;
    }
    INV("INV-MQUEUE-1", !q->senders || q->count == q->most, "%u of %u messages", q->count, q->most);
    INV("INV-MQUEUE-1", !q->receivers || !q->count, "%u messages", q->count);
    INV("INV-MQUEUE-2", count == q->count && bytes == q->bytes && count <= q->most,
        "%u bytes in %u, counted %u in %u", bytes, count, q->bytes, q->count);
    return ok;
}

/* --- those who wait --- */

static void leave(struct mqueue_waiter **list, const struct mqueue_waiter *w)
{
    while (*list != w)
        list = &(*list)->next;
    *list = w->next;
}

static void finish(struct mqueue_waiter **list)
{
    struct mqueue_waiter *w = *list;

    *list = w->next;
    w->done = true;
    os_wake_all(&w->q);
}

/* As Linux orders them: by real-time priorities, then by nice values. */
static int rank_of(const struct sched_how *how)
{
    return how->priority ? -how->priority : how->nice - NICE_LEAST;
}

/* In a list, by its thread's rank, until somebody has done what it waits for: 0, -ERESTARTSYS, -ETIMEDOUT.
 * Sleeps. */
static int wait(struct mqueue_waiter **list, struct mqueue_waiter *w, uint64_t deadline)
{
    struct mqueue_waiter **end = list;
    uint32_t irq = os_irq_save();
    int err = 0;

    w->rank = rank_of(&thread_current()->task->how);
    while (*end && (*end)->rank <= w->rank)
        end = &(*end)->next;
    w->next = *end;
    *end = w;
    while (!w->done && !err)
        err = thread_sleep_until(&w->q, deadline);
    os_irq_restore(irq);
    if (w->done)
        return 0;
    leave(list, w);
    return err == -EINTR ? -ERESTARTSYS : err;
}

/* --- telling --- */

/* The process that asked, if it is still there. */
static struct process *asker(const struct mqueue *q)
{
    struct process *p = q->notice.pid ? process_find(q->notice.pid) : NULL;

    return p && p->start_ns == q->notice.born && p->state == PROCESS_ALIVE ? p : NULL;
}

/* The last byte of what is sent to a socket. */
enum { NOTIFY_WOKENUP = 1, NOTIFY_REMOVED };

/* Nobody is told any more; a socket is, that it is so and why. */
static void end_notice(struct mqueue *q, uint8_t why)
{
    struct netlink_note *note = q->notice.note;

    q->notice = (struct mqueue_notice){0};
    if (note)
        netlink_note_send(note, why);
}

/* The first message of an empty queue has come, and nobody waited for it. */
static void notify(struct mqueue *q)
{
    struct process *p = asker(q), *self = process_current();

    if (p && q->notice.kind == SIGEV_SIGNAL && q->notice.signo) {
        struct siginfo info = {.signo = q->notice.signo,
                               .code = SI_MESGQ,
                               .pid = self->pid,
                               .uid = (int)thread_current()->cred->uid,
                               .value = q->notice.value};

        signal_send(p, &info);
    }
    end_notice(q, NOTIFY_WOKENUP);
}

void mqueue_flush(struct mqueue *q)
{
    const struct process *self = process_current();

    if (q->notice.pid == self->pid && q->notice.born == self->start_ns)
        end_notice(q, NOTIFY_REMOVED);
}

size_t mqueue_tell(const struct mqueue *q, char *text, size_t size)
{
    const struct mqueue_notice *n = &q->notice;

    return format(text, size, "QSIZE:%-10u NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q->bytes,
                  n->pid ? n->kind : 0, n->pid && n->kind == SIGEV_SIGNAL ? n->signo : 0,
                  asker(q) ? n->pid : 0);
}

unsigned mqueue_events(const struct mqueue *q)
{
    return (q->count ? POLLIN | POLLRDNORM : 0u) | (q->count < q->most ? POLLOUT | POLLWRNORM : 0u);
}

static void used(struct mqueue *q)
{
    q->inode.atime_ns = q->inode.mtime_ns = q->inode.ctime_ns = inode_now();
}

/* --- sending and receiving --- */

/* A message, which is given away unless this fails. Sleeps. */
static int send(struct mqueue *q, struct message *m, bool may_wait, uint64_t deadline)
{
    struct mqueue_waiter w = {.message = m};

    if (q->count == q->most)
        return may_wait ? wait(&q->senders, &w, deadline) : -EAGAIN;
    if (q->receivers) {
        q->receivers->message = m;
        finish(&q->receivers);
    } else {
        insert(q, m);
        if (q->count == 1)
            notify(q);
        sync_wake(&q->watch, POLLIN | POLLRDNORM, SYNC_TASKS);
    }
    used(q);
    return 0;
}

int mqueue_send(int fd, vaddr_t from, uint32_t size, uint32_t priority, uint64_t deadline)
{
    struct message *m = NULL;
    struct mqueue *q;
    struct file *f;
    int err;

    if (priority >= PRIORITIES)
        return -EINVAL;
    err = mqueue_get(fd, &q, &f);
    if (err)
        return err;
    if (!file_writes(f))
        err = -EBADF;
    else if (size > q->largest)
        err = -EMSGSIZE;
    else
        err = message_load(from, size, &m);
    if (!err) {
        m->type = priority;
        err = send(q, m, !(f->flags & O_NONBLOCK), deadline);
        if (err)
            message_free(m);
    }
    file_put(f);
    return err;
}

/* The first message, which is the caller's then. Sleeps. */
static int receive(struct mqueue *q, bool may_wait, uint64_t deadline, struct message **out)
{
    struct mqueue_waiter w = {0};
    int err;

    if (!q->count) {
        err = may_wait ? wait(&q->receivers, &w, deadline) : -EAGAIN;
        *out = w.message;
        return err;
    }
    *out = take(q);
    if (q->senders) {
        insert(q, q->senders->message);
        finish(&q->senders);
    } else {
        sync_wake(&q->watch, POLLOUT | POLLWRNORM, SYNC_TASKS);
    }
    used(q);
    return 0;
}

int mqueue_receive(int fd, vaddr_t to, uint32_t size, vaddr_t priority, uint64_t deadline)
{
    struct message *m;
    struct mqueue *q;
    struct file *f;
    int err = mqueue_get(fd, &q, &f);

    if (err)
        return err;
    if (!file_reads(f))
        err = -EBADF;
    else if (size < q->largest)
        err = -EMSGSIZE;
    else
        err = receive(q, !(f->flags & O_NONBLOCK), deadline, &m);
    if (!err) {
        err = (int)m->size;
        if ((priority && user_write32(priority, m->type)) || message_store(m, to, m->size))
            err = -EFAULT; /* and the message is lost, as on Linux */
        message_free(m);
    }
    file_put(f);
    return err;
}

/* --- asking to be told --- */

/* Linux's struct sigevent. */
struct event {
    uint32_t value, signo;
    int32_t kind;
    uint32_t rest[13];
};
_Static_assert(sizeof(struct event) == 64, "Linux's");

#define COOKIE_SIZE 32u

/* SIGEV_THREAD: bytes of the program's, for a socket of AF_NETLINK that it names instead of a signal.
 * Sleeps. */
static int make_note(const struct event *e, struct netlink_note **out)
{
    uint8_t cookie[COOKIE_SIZE];

    if (user_copy_in(cookie, e->value, sizeof cookie))
        return -EFAULT;
    return netlink_note_make((int)e->signo, cookie, sizeof cookie, out);
}

/* 0 or -errno; and a note if one is wanted. Sleeps. */
static int check_event(const struct event *e, struct netlink_note **note)
{
    switch (e->kind) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL:
        return e->signo > SIGNALS ? -EINVAL : 0;
    case SIGEV_THREAD:
        return make_note(e, note);
    default:
        return -EINVAL;
    }
}

int mqueue_notify(int fd, vaddr_t event)
{
    const struct process *self = process_current();
    struct netlink_note *note = NULL;
    struct event e = {0};
    struct mqueue *q;
    struct file *f;
    int err = event && user_copy_in(&e, event, sizeof e) ? -EFAULT : 0;

    if (!err && event)
        err = check_event(&e, &note);
    if (!err)
        err = mqueue_get(fd, &q, &f);
    if (err) {
        netlink_note_drop(note);
        return err;
    }
    if (!event)
        mqueue_flush(q);
    else if (q->notice.pid)
        err = -EBUSY;
    else
        q->notice = (struct mqueue_notice){.pid = self->pid,
                                           .born = self->start_ns,
                                           .kind = e.kind,
                                           .signo = (int)e.signo,
                                           .value = e.value,
                                           .note = note};
    if (err)
        netlink_note_drop(note);
    else
        q->inode.atime_ns = q->inode.ctime_ns = inode_now();
    file_put(f);
    return err;
}

int mqueue_attributes(int fd, const struct mq_attr *set, struct mq_attr *was)
{
    struct mqueue *q;
    struct file *f;
    int err = set && set->flags & ~O_NONBLOCK ? -EINVAL : mqueue_get(fd, &q, &f);

    if (err)
        return err;
    *was = (struct mq_attr){.flags = (int32_t)(f->flags & O_NONBLOCK),
                            .maxmsg = (int32_t)q->most,
                            .msgsize = (int32_t)q->largest,
                            .curmsgs = (int32_t)q->count};
    if (set) {
        f->flags = (f->flags & ~(uint32_t)O_NONBLOCK) | ((uint32_t)set->flags & O_NONBLOCK);
        q->inode.atime_ns = q->inode.ctime_ns = inode_now();
    }
    file_put(f);
    return 0;
}
