/*
 * What goes along with messages of local sockets: SCM_RIGHTS, SCM_CREDENTIALS.
 *
 * Data. Descriptors that are sent are references to their files, in a struct rights: of the call that sends,
 * of a message ("flying"), of the call that receives. A socket counts how often its own file flies.
 *
 * Cycles. A socket whose file is only in messages can be received by somebody, unless these messages are only
 * in sockets of which the same is true. So after a close the sockets that are reachable are marked: from
 * those whose files have other references than flying ones, through the descriptors in their queues and in
 * the queues of who pends at them. What is left has its messages emptied of descriptors, and goes by itself.
 * It is done in one step; only giving up what was found sleeps.
 *
 * Closing a file that held the last reference to another in its queue, and so on, is no recursion: whoever is
 * giving up descriptors already, further up in the same task, is given the next ones too.
 *
 * Locking. Between sleeps.
 *
 * INV-SCM-1  what sockets count as flying is what is in messages, and no file has fewer references
 *
 * Failure. -ETOOMANYREFS: more of a user's fly than the limit of open files allows, for who has not the
 * capabilities.
 */
#include "kernel/net/scm.h"
#include "kernel/lib/tally.h"
#include "kernel/net/queue.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

TALLY(flights, "descriptors in messages");

/* Of those, sockets; and how many let a sender collect first: twice what the last collection has left. */
static uint32_t flying_sockets, collect_from;
#define COLLECT_LEAST 1000u

/* --- holding --- */

static struct rights *rights_alloc(uint32_t n)
{
    struct rights *r = vm_alloc(sizeof *r + n * sizeof *r->file);

    if (r)
        *r = (struct rights){0};
    return r;
}

struct rights *rights_copy(const struct message *m)
{
    struct rights *r = rights_alloc(RIGHTS_MAX); /* before they are looked at: others may take them */

    for (uint32_t i = 0; r && m->rights && i < m->rights->count; i++)
        r->file[r->count++] = file_get(m->rights->file[i]);
    return r;
}

/* Who is giving up descriptors, on his stack. */
struct dropper {
    const void *task;
    struct rights *list; /* through `next` */
    struct dropper *below;
};
static struct dropper *droppers;

static void drop_all(struct dropper *d)
{
    struct dropper **at;

    while (d->list) {
        struct rights *r = d->list;

        d->list = r->next;
        while (r->count)
            file_put(r->file[--r->count]);
        kfree(r);
    }
    for (at = &droppers; *at != d; at = &(*at)->below)
        continue;
    *at = d->below;
}

void rights_put(struct rights *r)
{
    struct dropper d = {.task = os_current, .below = droppers};

    if (!r)
        return;
    for (struct dropper *other = droppers; other; other = other->below) {
        if (other->task != os_current)
            continue;
        r->next = other->list;
        other->list = r;
        return;
    }
    r->next = NULL;
    d.list = r;
    droppers = &d;
    drop_all(&d);
}

void scm_drop(struct scm *s)
{
    rights_put(s->rights);
    s->rights = NULL;
    s->has_creds = false;
}

/* The local socket that a file is of, or NULL: others hold no descriptors. */
static struct socket *local_of(const struct file *f)
{
    struct socket *s = f->ops == &socket_ops ? socket_of(f) : NULL;

    return s && s->family == AF_UNIX ? s : NULL;
}

int rights_fly(struct rights *r)
{
    const struct thread *t = thread_current();
    struct user *user = cred_current()->user;

    if (t && user->flights > t->process->rlimit[RLIMIT_NOFILE].soft && !capable(CAP_SYS_RESOURCE) &&
        !capable(CAP_SYS_ADMIN))
        return -ETOOMANYREFS;
    r->user = user_get(user);
    user->flights += r->count;
    for (uint32_t i = 0; i < r->count; i++) {
        struct socket *s = local_of(r->file[i]);

        if (!s)
            continue;
        s->flying++;
        flying_sockets++;
    }
    flights.count += r->count;
    return 0;
}

void rights_land(struct rights *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct socket *s = local_of(r->file[i]);

        if (!s)
            continue;
        s->flying--;
        flying_sockets--;
    }
    flights.count -= r->count;
    r->user->flights -= r->count;
    user_put(r->user);
    r->user = NULL;
}

/* --- collecting --- */

static bool only_flies(const struct socket *s)
{
    return s->file && s->flying && s->file->refs == s->flying;
}

/* What the messages of a socket hold is reachable: those that only fly, and were not reached before, come
 * before *list. */
static void reach_from(const struct socket *s, struct socket **list)
{
    for (const struct message *m = s->first; m; m = m->next) {
        for (uint32_t i = 0; m->rights && i < m->rights->count; i++) {
            struct socket *to = local_of(m->rights->file[i]);

            if (!to || to->reached || !only_flies(to))
                continue;
            to->reached = true;
            to->reached_next = *list;
            *list = to;
        }
    }
}

static void reach(const struct socket *s, struct socket **list)
{
    reach_from(s, list);
    for (const struct socket *p = s->pending_first; p; p = p->after)
        reach_from(p, list);
}

/* Take the descriptors out of the messages of a socket that nothing reaches; they come before list. */
static struct rights *empty(struct socket *s, struct rights *list)
{
    for (struct message *m = s->first; m; m = m->next) {
        if (!m->rights)
            continue;
        rights_land(m->rights);
        m->rights->next = list;
        list = m->rights;
        m->rights = NULL;
    }
    return list;
}

void scm_collect(void)
{
    struct socket *list = NULL;
    struct rights *found = NULL;

    if (likely(!flying_sockets))
        return;
    for (struct socket *s = socket_all; s; s = s->all_next)
        s->reached = false;
    for (struct socket *s = socket_all; s; s = s->all_next)
        if (s->file && !only_flies(s))
            reach(s, &list);
    while (list) {
        struct socket *s = list;

        list = s->reached_next;
        reach(s, &list);
    }
    for (struct socket *s = socket_all; s; s = s->all_next) {
        if (!only_flies(s) || s->reached)
            continue;
        found = empty(s, found);
        for (struct socket *p = s->pending_first; p; p = p->after)
            found = empty(p, found);
    }
    collect_from = flying_sockets * 2 > COLLECT_LEAST ? flying_sockets * 2 : COLLECT_LEAST;
    while (found) {
        struct rights *r = found;

        found = r->next;
        rights_put(r);
    }
}

/* --- as programs have them --- */

/* struct cmsghdr, of which all begin at multiples of 4. */
struct head {
    uint32_t size; /* with the head */
    int32_t level, type;
};
enum { SCM_RIGHTS = 1, SCM_CREDENTIALS };
#define ALIGN4(n) (((n) + 3) & ~3u)
uint32_t scm_control_max = 10240;

/* n descriptor numbers, to what there is. */
static int read_rights(struct scm *s, const int32_t *fd, uint32_t n)
{
    if (!n)
        return 0;
    if (n > RIGHTS_MAX)
        return -EINVAL;
    if (!s->rights)
        s->rights = rights_alloc(RIGHTS_MAX);
    if (!s->rights)
        return -ENOMEM;
    if (s->rights->count + n > RIGHTS_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++) {
        struct file *f = fd_get(fd[i]);

        if (!f)
            return -EBADF;
        s->rights->file[s->rights->count++] = f;
    }
    return 0;
}

/* Everybody may say who he is, by any of his ids, and with capabilities, that he is somebody else. */
static bool may_say(const struct socket_creds *c)
{
    const struct cred *own = cred_current();

    return (c->pid == process_current()->pid || capable(CAP_SYS_ADMIN)) &&
           (c->uid == own->uid || c->uid == own->euid || c->uid == own->suid || capable(CAP_SETUID)) &&
           (c->gid == own->gid || c->gid == own->egid || c->gid == own->sgid || capable(CAP_SETGID));
}

static int read_creds(struct scm *s, const struct socket_creds *c)
{
    if (c->uid == ID_NONE || c->gid == ID_NONE)
        return -EINVAL;
    if (!may_say(c))
        return -EPERM;
    if (!pid_in_use(c->pid))
        return -ESRCH;
    s->creds = *c;
    s->has_creds = true;
    return 0;
}

static int read_one(const struct socket *socket, struct scm *s, const struct head *h)
{
    const void *data = h + 1;
    uint32_t n = h->size - sizeof *h;

    if (h->level != SOL_SOCKET)
        return socket->ops->read_control ? socket->ops->read_control(socket, s, h->level, h->type, data, n)
                                         : 0;
    if (h->type == SCM_RIGHTS)
        return read_rights(s, data, n / sizeof(int32_t));
    if (h->type == SCM_CREDENTIALS && n == sizeof s->creds)
        return read_creds(s, data);
    return -EINVAL;
}

int scm_read(const struct socket *socket, struct scm *s, vaddr_t control, uint32_t size)
{
    uint8_t *all;
    int err = 0;

    *s = (struct scm){0};
    if (!size)
        return 0;
    if (size > scm_control_max)
        return -ENOBUFS;
    all = vm_alloc(size);
    if (!all)
        return -ENOBUFS;
    if (user_copy_in(all, control, size))
        err = -EFAULT;
    for (uint32_t at = 0; !err && at + sizeof(struct head) <= size;) {
        const struct head *h = (const struct head *)(all + at);

        if (h->size < sizeof *h || h->size > size - at)
            err = -EINVAL;
        else
            err = read_one(socket, s, h);
        at += !err ? ALIGN4(h->size) : 0;
    }
    kfree(all);
    if (err)
        scm_drop(s);
    if (flying_sockets > COLLECT_LEAST && flying_sockets > collect_from)
        scm_collect();
    return err;
}

int scm_write_one(struct scm_output *o, int level, int type, const void *data, uint32_t n)
{
    struct head h = {.size = sizeof h + n, .level = level, .type = type};
    uint32_t space;

    if (o->left < sizeof h) {
        *o->told |= MSG_CTRUNC;
        return 0;
    }
    if (o->left < h.size) {
        *o->told |= MSG_CTRUNC;
        h.size = o->left;
    }
    space = ALIGN4(h.size) < o->left ? ALIGN4(h.size) : o->left;
    if (user_copy_out(o->at, &h, sizeof h) || user_copy_out(o->at + sizeof h, data, h.size - sizeof h))
        return -EFAULT;
    o->at += space;
    o->left -= space;
    return 0;
}

/* Seconds, and micro- or nanoseconds, of 32 bits each or of 64. */
static int write_time(struct scm_output *o, const struct socket *socket, uint64_t ns)
{
    bool fine = socket_has(socket, SO_TIMESTAMPNS), wide = socket_has(socket, SO_TIMESTAMP_NEW);
    uint32_t part = (uint32_t)(ns % 1000000000u);
    uint64_t t[2] = {ns / 1000000000u, fine ? part : part / 1000};
    const uint32_t old[2] = {(uint32_t)t[0], (uint32_t)t[1]};

    if (wide)
        return scm_write_one(o, SOL_SOCKET, fine ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMP_NEW, t, sizeof t);
    return scm_write_one(o, SOL_SOCKET, fine ? SO_TIMESTAMPNS : SO_TIMESTAMP, old, sizeof old);
}

/* Give a file a number, which is told at an address. */
static int install(struct file *f, bool cloexec, vaddr_t at)
{
    int fd = fd_reserve(0, cloexec);

    if (fd < 0)
        return fd;
    if (user_write32(at, (uint32_t)fd)) {
        fd_unreserve(fd);
        return -EFAULT;
    }
    fd_fill(fd, file_get(f));
    return 0;
}

static void write_rights(struct scm_output *o, const struct rights *r, bool cloexec)
{
    uint32_t most = o->left <= sizeof(struct head) ? 0 : (o->left - sizeof(struct head)) / 4, n = 0;
    struct head h = {.level = SOL_SOCKET, .type = SCM_RIGHTS};

    while (n < most && n < r->count && !install(r->file[n], cloexec, o->at + sizeof h + n * 4))
        n++;
    h.size = sizeof h + n * 4;
    if (n && user_copy_out(o->at, &h, sizeof h) == 0) {
        o->at += h.size;
        o->left -= h.size;
    }
    if (n < r->count)
        *o->told |= MSG_CTRUNC;
}

static void creds_for_program(struct socket_creds *c)
{
    if (c->uid == ID_NONE)
        c->uid = ID_OVERFLOW; /* as Linux calls who is nobody here */
    if (c->gid == ID_NONE)
        c->gid = ID_OVERFLOW;
}

int scm_write(const struct socket *socket, struct scm *s, unsigned flags, vaddr_t control, uint32_t *size,
              unsigned *told)
{
    struct scm_output o = {.at = control, .left = control ? *size : 0, .told = told};
    int err = 0;

    if (!control) {
        if (s->rights || s->time_ns || socket_has(socket, SO_PASSCRED))
            *told |= MSG_CTRUNC;
    } else {
        if (s->time_ns)
            err = write_time(&o, socket, s->time_ns);
        if (!err && s->has_creds) {
            creds_for_program(&s->creds);
            err = scm_write_one(&o, SOL_SOCKET, SCM_CREDENTIALS, &s->creds, sizeof s->creds);
        }
        if (!err && socket->ops->write_control)
            err = socket->ops->write_control(socket, s, &o);
        if (!err && s->rights)
            write_rights(&o, s->rights, flags & MSG_CMSG_CLOEXEC);
    }
    *size = o.at - control;
    scm_drop(s);
    return err;
}

/* --- verification --- */

bool scm_verify(void)
{
    uint32_t counted = 0, found = 0;
    bool ok = true;

    for (const struct socket *s = socket_all; s; s = s->all_next) {
        counted += s->flying;
        INV("INV-SCM-1", !s->flying || (s->file && s->file->refs >= s->flying),
            "socket %u flies %u times, its file is %p", s->inode.ino, s->flying, s->file);
        for (const struct message *m = s->first; m; m = m->next)
            for (uint32_t i = 0; m->rights && i < m->rights->count; i++)
                found += local_of(m->rights->file[i]) != NULL;
    }
    INV("INV-SCM-1", counted == found && found == flying_sockets,
        "%u sockets are in messages, their counts are %u, of all %u", found, counted, flying_sockets);
    return ok;
}
