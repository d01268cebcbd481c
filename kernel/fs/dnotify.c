/*
 * Signals that tell what happens in directories: fcntl(2)'s F_NOTIFY, the older of the two ways to hear of
 * it.
 *
 * A record says which events of a directory are to be told by a signal, to whom an open file's owner is
 * (async.c), who is the calling process if there was nobody before. It belongs to an open file and a table of
 * descriptors, goes with the first descriptor of the file that is closed there, and unless DN_MULTISHOT was
 * asked for, with the first signal.
 *
 * Data. A record is a mark on the inode (notify.c), which the open file keeps.
 *
 * Locking. One processor, between sleeps.
 *
 * Source. fcntl(2); the behaviour is that of Linux 6.1.
 */
#include "kernel/fs/dnotify.h"
#include "kernel/fs/async.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

TALLY(records, "directories that tell by signals");

uint32_t dnotify_enable = 1;

enum {
    DN_ACCESS = 1 << 0,
    DN_MODIFY = 1 << 1,
    DN_CREATE = 1 << 2,
    DN_DELETE = 1 << 3,
    DN_RENAME = 1 << 4,
    DN_ATTRIB = 1 << 5
};
#define DN_MULTISHOT (1u << 31)

struct record {
    struct notify_mark mark;
    const struct file *file;
    const struct fd_table *table;
    int fd;
    bool again; /* DN_MULTISHOT */
};

static void free_record(struct record *r)
{
    notify_detach(&r->mark);
    kfree(r);
    records.count--;
}

static void tell(struct notify_mark *m, uint32_t event, const char *name, uint32_t cookie)
{
    struct record *r = container_of(m, struct record, mark);

    (void)event;
    (void)name;
    (void)cookie;
    async_tell_owner(r->file, r->fd, POLL_MSG);
    if (!r->again)
        free_record(r);
}

static void gone(struct notify_mark *m, bool ended)
{
    (void)ended;
    free_record(container_of(m, struct record, mark));
}

static const struct notify_ops mark_ops = {.tell = tell, .gone = gone};

static struct record *find(const struct file *f, const struct fd_table *t)
{
    for (struct notify_mark *m = f->inode->marks; m; m = m->next) {
        struct record *r = container_of(m, struct record, mark);

        if (m->ops == &mark_ops && r->file == f && r->table == t)
            return r;
    }
    return NULL;
}

/* What happens to files when DN_* is to be told. */
static uint32_t events_of(uint32_t what)
{
    static const uint32_t event[] = {
        NOTIFY_ACCESS, NOTIFY_MODIFY, NOTIFY_CREATE | NOTIFY_MOVED_TO, NOTIFY_DELETE | NOTIFY_MOVED_FROM,
        NOTIFY_RENAME, NOTIFY_ATTRIB};
    uint32_t mask = 0;

    for (unsigned bit = 0; bit < ARRAY_LEN(event); bit++)
        if (what >> bit & 1)
            mask |= event[bit];
    return mask;
}

int dnotify_set(struct file *f, int fd, uint32_t what)
{
    const struct fd_table *t = thread_current()->files;
    struct record *r, *fresh;
    int err;

    if (!dnotify_enable)
        return -EINVAL;
    if (!(what & ~DN_MULTISHOT)) {
        dnotify_drop(f, t);
        return 0;
    }
    if (!S_ISDIR(f->inode->mode))
        return -ENOTDIR;
    fresh = vm_zalloc(sizeof *fresh);
    if (!fresh)
        return -ENOMEM;
    err = async_suggest_owner(f, ASYNC_PROCESS, process_current()->pid);
    if (!err && !fd_names(fd, f)) /* closed meanwhile: nobody would take it away */
        err = -EBADF;
    r = err ? NULL : find(f, t);
    if (err || r) {
        kfree(fresh);
    } else {
        r = fresh;
        r->mark.ops = &mark_ops;
        r->file = f;
        r->table = t;
        records.count++;
        notify_attach(&r->mark, f->inode);
    }
    if (err)
        return err;
    r->fd = fd;
    r->mark.mask |= events_of(what);
    r->again |= (what & DN_MULTISHOT) != 0;
    return 0;
}

void dnotify_drop(struct file *f, const struct fd_table *t)
{
    struct record *r = find(f, t);

    if (r)
        free_record(r);
}
