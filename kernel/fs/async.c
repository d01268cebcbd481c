/*
 * Signals that tell when a file can be read or written.
 *
 * A file whose owner or signal was ever set has a record; it stands in the list of what the file is of (a
 * pipe, a terminal) as long as O_ASYNC is set. Whoever fills or empties that goes through the list.
 *
 * An owner is remembered by number and by what tells it from a later one that gets the number: a process's
 * birth, a thread's serial. A group has no birth; but if its number's process is younger than the wish, it is
 * another group.
 *
 * As on Linux, what is told is that something has happened, not that a read would not wait; and O_ASYNC given
 * to open() is shown and does nothing.
 *
 * Locking: tasks, between sleeps.
 *
 * Failure: -ENOMEM for the record. A signal that queues and finds no room is sent as SIGIO.
 */
#include "kernel/fs/async.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

TALLY(asyncs, "files that tell by signals");

struct async {
    struct async *next, **at; /* in the list; at NULL: in none */
    struct file *file;
    int fd; /* by which O_ASYNC was set */
    enum async_owner kind;
    int id; /* 0: nobody */
    uint64_t which;
    uint32_t uid, euid; /* of who named the owner: the signals are his */
    int signo;          /* 0: SIGIO */
};

/* The file's record, made if there is none. NULL: no memory. Sleeps. */
static struct async *record(struct file *f)
{
    struct async *a = f->async ? NULL : vm_zalloc(sizeof *a);

    if (f->async) { /* also if somebody else was faster */
        kfree(a);
    } else if (a) {
        a->file = f;
        f->async = a;
        asyncs.count++;
    }
    return f->async;
}

/* --- owners --- */

static uint64_t which(enum async_owner kind, int id)
{
    const struct process *p = process_find(id);
    const struct thread *t = thread_find(id);

    switch (kind) {
    case ASYNC_THREAD:
        return t ? t->serial : 0;
    case ASYNC_PROCESS:
        return p ? p->start_ns : 0;
    default:
        return os_now_ns();
    }
}

/* The thread, process or group is still the one that was meant. */
static struct thread *owner_thread(const struct async *a)
{
    struct thread *t = a->kind == ASYNC_THREAD ? thread_find(a->id) : NULL;

    return t && t->serial == a->which ? t : NULL;
}

static struct process *owner_process(const struct async *a)
{
    struct process *p = a->kind == ASYNC_PROCESS ? process_find(a->id) : NULL;

    return p && p->start_ns == a->which ? p : NULL;
}

static bool owner_group(const struct async *a)
{
    const struct process *first = process_find(a->id);

    if (a->kind != ASYNC_GROUP || (first && first->start_ns > a->which))
        return false;
    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->pgid == a->id)
            return true;
    return false;
}

int async_set_owner(struct file *f, enum async_owner kind, int id)
{
    struct async *a;

    if (id < 0 || (id && !pid_in_use(id)))
        return -ESRCH;
    if (!id && !f->async)
        return 0;
    a = record(f);
    if (!a)
        return -ENOMEM;
    a->kind = kind;
    a->id = id;
    a->which = id ? which(kind, id) : 0;
    a->uid = cred_current()->uid;
    a->euid = cred_current()->euid;
    return 0;
}

int async_suggest_owner(struct file *f, enum async_owner kind, int id)
{
    return f->async && f->async->id ? 0 : async_set_owner(f, kind, id);
}

int async_owner(const struct file *f, enum async_owner *kind)
{
    const struct async *a = f->async;

    *kind = a ? a->kind : ASYNC_THREAD;
    return a && a->id && (owner_thread(a) || owner_process(a) || owner_group(a)) ? a->id : 0;
}

void async_owner_ids(const struct file *f, uint32_t ids[2])
{
    ids[0] = f->async ? f->async->uid : 0;
    ids[1] = f->async ? f->async->euid : 0;
}

int async_set_signal(struct file *f, uint32_t signo)
{
    struct async *a;

    if (signo > SIGNALS)
        return -EINVAL;
    if (!signo && !f->async)
        return 0;
    a = record(f);
    if (!a)
        return -ENOMEM;
    a->signo = (int)signo;
    return 0;
}

int async_set_number(struct file *f, int id)
{
    if (id == INT32_MIN)
        return -EINVAL;
    return async_set_owner(f, id < 0 ? ASYNC_GROUP : ASYNC_PROCESS, id < 0 ? -id : id);
}

int async_number(const struct file *f)
{
    enum async_owner kind;
    int id = async_owner(f, &kind);

    return kind == ASYNC_GROUP ? -id : id;
}

int async_signal(const struct file *f)
{
    return f->async ? f->async->signo : 0;
}

/* --- lists --- */

static void leave(struct async *a)
{
    if (!a->at)
        return;
    *a->at = a->next;
    if (a->next)
        a->next->at = a->at;
    a->at = NULL;
    a->file->flags &= ~(uint32_t)O_ASYNC;
}

static int start(struct file *f, int fd)
{
    struct async *a = record(f), **list = a ? f->ops->async(f) : NULL;

    if (!list)
        return a ? -ENOTTY : -ENOMEM;
    leave(a);
    a->fd = fd;
    a->at = list;
    a->next = *list;
    if (a->next)
        a->next->at = &a->next;
    *list = a;
    f->flags |= O_ASYNC;
    return 0;
}

int async_set(struct file *f, int fd, bool on)
{
    if (!f->ops->async)
        return -ENOTTY;
    if (on)
        return start(f, fd);
    if (f->async)
        leave(f->async);
    return 0;
}

void async_stop(struct async **list, bool (*ends)(const struct file *f))
{
    for (struct async *a = *list, *next; a; a = next) {
        next = a->next;
        if (ends(a->file))
            leave(a);
    }
}

void async_drop(struct file *f)
{
    leave(f->async);
    kfree(f->async);
    f->async = NULL;
    asyncs.count--;
}

/* --- signals --- */

/* Whether who named the owner might send him a signal. */
static bool may_tell(const struct async *a, const struct cred *to)
{
    return !a->euid || a->euid == to->suid || a->euid == to->uid || a->uid == to->suid || a->uid == to->uid;
}

static int send(const struct async *a, const struct siginfo *info)
{
    struct thread *t = owner_thread(a);
    struct process *p = owner_process(a);
    int err = 0;

    if (t)
        return may_tell(a, t->cred) ? signal_send_thread(t, info) : 0;
    if (p)
        return may_tell(a, cred_of_process(p)) ? signal_send(p, info) : 0;
    if (owner_group(a))
        for (p = process_all; p; p = p->all_next)
            if (p->pgid == a->id && may_tell(a, cred_of_process(p)) && signal_send(p, info))
                err = -EAGAIN;
    return err;
}

/* Whether a signal's codes are its own: POLL_IN would mean something else. */
static bool has_codes(int signo)
{
    const sigset_t own = SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGBUS) | SIGBIT(SIGFPE) |
                         SIGBIT(SIGSEGV) | SIGBIT(SIGCHLD) | SIGBIT(SIGSYS);

    return own & SIGBIT(signo);
}

/* The POLL* of an event. */
static uint32_t band_of(int event)
{
    switch (event) {
    case POLL_IN:
        return POLLIN | POLLRDNORM;
    case POLL_OUT:
        return POLLOUT | POLLWRNORM | POLLWRBAND;
    case POLL_MSG:
        return POLLIN | POLLRDNORM | POLLMSG;
    case POLL_PRI:
        return POLLPRI | POLLRDBAND;
    case POLL_ERR:
        return POLLERR;
    default:
        return POLLHUP | POLLERR;
    }
}

static void tell(const struct async *a, int fd, int event)
{
    static const struct siginfo plain = {.signo = SIGIO, .code = SI_KERNEL};
    struct siginfo info = {.signo = a->signo, .code = event};

    if (a->signo && has_codes(a->signo))
        info.code = SI_SIGIO;
    info.band = band_of(event);
    info.uid = fd;
    if (!a->signo || send(a, &info))
        send(a, &plain);
}

void async_tell(struct async *list, int event, enum async_to to)
{
    for (const struct async *a = list; a; a = a->next)
        if ((to != ASYNC_READERS || file_reads(a->file)) && (to != ASYNC_WRITERS || file_writes(a->file)))
            tell(a, a->fd, event);
}

void async_tell_owner(const struct file *f, int fd, int event)
{
    if (f->async)
        tell(f->async, fd, event);
}

void async_urgent(const struct file *f)
{
    static const struct siginfo urgent = {.signo = SIGURG, .code = SI_KERNEL};

    if (f->async)
        send(f->async, &urgent);
}
