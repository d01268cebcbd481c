/*
 * Descriptors that tell what happens to files: inotify(7).
 *
 * A descriptor has watches, each a mark on an inode (notify.c), and a queue of news that read() takes. News
 * that are the same as the last in the queue are not told twice. What finds the queue full, or no memory, is
 * lost, and one notice of that is put behind the rest: its memory is there from the beginning.
 *
 * A watch ends when it is taken away, with the first event if it is for one (IN_ONESHOT), or with its inode;
 * the last news of it is IN_IGNORED. Its number is not used again. One of an inode that is made up at each
 * look-up (/proc) loses that and tells nothing any more: it is as if nothing happened there.
 *
 * Data. struct instance, in file.data: the watches, newest first, and in a table by number; the queue. A user
 * has so many descriptors and watches at most (struct user), and all queues together have a share of memory.
 *
 * Locking. One processor: watches and queues change between sleeps, since nothing that tells may sleep. Only
 * read(), the making of watches and the end of a descriptor sleep.
 *
 * Failure. -errno as Linux, and nothing has changed.
 *
 * Source. inotify(7); the behaviour is that of Linux 6.1.
 */
#include "kernel/fs/inotify.h"
#include "kernel/fs/async.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/thread.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/low_share.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

TALLY(instances, "descriptors of inotify");
TALLY(watches, "watches of inotify");
TALLY(events, "news of inotify");

#define BUCKETS   64u /* of watches by number */
#define BREATH    64u /* watches are freed before others may run */
#define NAME_UNIT 16u /* names are padded to a multiple, with a 0 at least */

uint32_t inotify_max_events = 16384, inotify_max_instances = 128, inotify_max_watches;

static struct low_share queues = {.part = 32};

/* struct inotify_event. */
struct told {
    int32_t wd;
    uint32_t mask, cookie, len;
};

struct event {
    struct event *next;
    struct told told;
    char name[]; /* told.len bytes, with zeroes behind it */
};

struct instance {
    struct event *first, **end; /* of the queue */
    struct event *last;
    struct event *overflow; /* the notice */
    bool overflowing;       /* it is in the queue */
    uint32_t queued, most;
    size_t bytes; /* of the queue, as they are read */
    struct watch *newest;
    struct watch *bucket[BUCKETS];
    uint32_t watched;
    int last_wd;
    struct waitq changed;
    struct async *async;
    struct user *user; /* referenced */
};

struct watch {
    struct notify_mark mark;
    struct instance *of;
    int wd;
    uint32_t flags; /* IN_ONESHOT, IN_EXCL_UNLINK */
    struct watch *older, *newer;
    struct watch *bucket_next;
};

static const struct file_ops inotify_ops;

static struct watch *watch_of(struct notify_mark *m)
{
    return container_of(m, struct watch, mark);
}

bool inotify_is(const struct file *f)
{
    return f->ops == &inotify_ops;
}

/* --- the queue --- */

static size_t told_size(const struct event *e)
{
    return sizeof e->told + e->told.len;
}

static size_t event_size(const struct event *e)
{
    return sizeof *e + e->told.len;
}

static void append(struct instance *s, struct event *e)
{
    e->next = NULL;
    *s->end = e;
    s->end = &e->next;
    s->last = e;
    s->queued++;
    s->bytes += told_size(e);
}

/* The first of the queue. */
static struct event *take(struct instance *s)
{
    struct event *e = s->first;

    s->first = e->next;
    if (!s->first) {
        s->end = &s->first;
        s->last = NULL;
    }
    s->queued--;
    s->bytes -= told_size(e);
    return e;
}

/* Done with what was taken. */
static void event_free(struct instance *s, struct event *e)
{
    if (e == s->overflow) {
        s->overflowing = false;
        return;
    }
    low_share_give(&queues, event_size(e));
    events.count--;
    kfree(e);
}

/* NULL: there is no memory for it. */
static struct event *event_alloc(const struct told *t, const char *name)
{
    size_t bytes = sizeof(struct event) + t->len;
    struct event *e;

    if (!low_share_take(&queues, bytes))
        return NULL;
    e = kmalloc(bytes); /* no reclaim: files change between sleeps */
    if (!e) {
        low_share_give(&queues, bytes);
        return NULL;
    }
    e->told = *t;
    if (t->len) {
        memset(e->name, 0, t->len);
        memcpy(e->name, name, strlen(name));
    }
    events.count++;
    return e;
}

static bool is_last(const struct instance *s, const struct told *t, const char *name)
{
    const struct event *e = s->last;

    return e && !(e->told.mask & IN_IGNORED) && e->told.mask == t->mask && e->told.wd == t->wd &&
           e->told.len == t->len && (!t->len || strcmp(e->name, name) == 0);
}

/* Put news into the queue, if they are new. Does not sleep. */
static void queue(struct instance *s, int wd, uint32_t mask, const char *name, uint32_t cookie)
{
    struct told t = {.wd = wd, .mask = mask, .cookie = cookie};
    struct event *e = NULL;

    if (name)
        t.len = (uint32_t)(strlen(name) + NAME_UNIT) / NAME_UNIT * NAME_UNIT;
    if (s->queued < s->most) {
        if (is_last(s, &t, name))
            return;
        e = event_alloc(&t, name);
    }
    if (!e) {
        if (s->overflowing)
            return;
        s->overflowing = true;
        e = s->overflow;
    }
    append(s, e);
    sync_wake(&s->changed, POLLIN | POLLRDNORM, SYNC_TASKS);
    async_tell(s->async, POLL_IN, ASYNC_ALL);
}

/* --- watches --- */

static struct watch **bucket_of(struct instance *s, int wd)
{
    return &s->bucket[(uint32_t)wd % BUCKETS];
}

static struct watch *find(struct instance *s, int wd)
{
    struct watch *w = *bucket_of(s, wd);

    while (w && w->wd != wd)
        w = w->bucket_next;
    return w;
}

/* The watch ends, whose mark may be off its inode already; told: and that is told. */
static void watch_free(struct watch *w, bool told)
{
    struct instance *s = w->of;
    struct watch **at = bucket_of(s, w->wd);

    notify_detach(&w->mark);
    while (*at != w)
        at = &(*at)->bucket_next;
    *at = w->bucket_next;
    if (w->newer)
        w->newer->older = w->older;
    else
        s->newest = w->older;
    if (w->older)
        w->older->newer = w->newer;
    s->watched--;
    s->user->inotify_watches--;
    watches.count--;
    if (told)
        queue(s, w->wd, IN_IGNORED, NULL, 0);
    kfree(w);
}

static void tell(struct notify_mark *m, uint32_t event, const char *name, uint32_t cookie)
{
    struct watch *w = watch_of(m);

    /* What happened to a directory itself is told without saying so, for a reason of Linux's history. */
    if (event & (NOTIFY_DELETE_SELF | NOTIFY_MOVE_SELF))
        event &= ~(uint32_t)NOTIFY_ISDIR;
    queue(w->of, w->wd, event, name, cookie);
    if (w->flags & IN_ONESHOT)
        watch_free(w, true);
}

static void gone(struct notify_mark *m, bool ended)
{
    if (ended)
        watch_free(watch_of(m), true);
}

static const struct notify_ops mark_ops = {.tell = tell, .gone = gone};

static struct watch *find_on(const struct instance *s, const struct inode *i)
{
    for (struct notify_mark *m = i->marks; m; m = m->next)
        if (m->ops == &mark_ops && watch_of(m)->of == s)
            return watch_of(m);
    return NULL;
}

/* What is to be told, and how, as asked; with what there was if that is asked for too. */
static void set_mask(struct watch *w, uint32_t mask)
{
    uint32_t wanted = mask & NOTIFY_EVERYTHING, flags = mask & (IN_ONESHOT | IN_EXCL_UNLINK);

    if (mask & IN_MASK_ADD) {
        wanted |= w->mark.mask;
        flags |= w->flags;
    }
    w->mark.mask = wanted | NOTIFY_UNMOUNT;
    w->flags = flags;
}

static void add(struct instance *s, struct watch *w, struct inode *i)
{
    struct watch **bucket;

    w->of = s;
    w->wd = ++s->last_wd;
    w->mark.ops = &mark_ops;
    bucket = bucket_of(s, w->wd);
    w->bucket_next = *bucket;
    *bucket = w;
    w->older = s->newest;
    if (w->older)
        w->older->newer = w;
    s->newest = w;
    s->watched++;
    s->user->inotify_watches++;
    watches.count++;
    notify_attach(&w->mark, i);
}

int inotify_watch(struct file *f, struct inode *i, uint32_t mask)
{
    struct instance *s = f->data;
    struct watch *fresh = vm_zalloc(sizeof *fresh), *w = find_on(s, i);

    if (w) {
        kfree(fresh);
        if (mask & IN_MASK_CREATE)
            return -EEXIST;
        set_mask(w, mask);
        return w->wd;
    }
    if (!fresh)
        return -ENOMEM;
    if (s->user->inotify_watches >= inotify_max_watches || s->last_wd == INT32_MAX) {
        kfree(fresh);
        return -ENOSPC;
    }
    set_mask(fresh, mask);
    add(s, fresh, i);
    return fresh->wd;
}

int inotify_unwatch(struct file *f, int wd)
{
    struct watch *w = find(f->data, wd);

    if (!w)
        return -EINVAL;
    watch_free(w, true);
    return 0;
}

/* --- as a file --- */

/* Sleep until there is something. 0, -EAGAIN or -ERESTARTSYS. */
static int wait_for_news(const struct file *f, struct instance *s)
{
    uint32_t irq;
    int err;

    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    irq = os_irq_save();
    err = thread_sleep(&s->changed);
    os_irq_restore(irq);
    return err ? -ERESTARTSYS : 0;
}

/* As on Linux, what was taken is gone even if it cannot be told. */
static int read_news(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct instance *s = f->data;
    size_t done = 0;
    int err = 0;

    (void)pos;
    while (!err) {
        struct event *e = s->first;

        if (!e) {
            err = done ? 1 : wait_for_news(f, s);
        } else if (told_size(e) > n - done) {
            err = -EINVAL;
        } else {
            take(s);
            err = user_copy_out(buf + done, &e->told, sizeof e->told);
            if (!err)
                err = user_copy_out(buf + done + sizeof e->told, e->name, e->told.len);
            done += told_size(e);
            event_free(s, e);
        }
    }
    return err == -EFAULT || !done ? err : (int)done;
}

static unsigned poll_news(struct file *f, struct poll_table *table)
{
    struct instance *s = f->data;

    poll_register(table, &s->changed);
    return s->first ? POLLIN | POLLRDNORM : 0;
}

static int ioctl_news(struct file *f, unsigned cmd, vaddr_t arg)
{
    enum { FIONREAD = 0x541B };
    const struct instance *s = f->data;

    return cmd == FIONREAD ? user_write32(arg, (uint32_t)s->bytes) : -ENOTTY;
}

static struct async **async_of(struct file *f)
{
    return &((struct instance *)f->data)->async;
}

static void info_news(const struct file *f, file_print_fn *print, void *to)
{
    enum { INFO_MAX = 1000 };
    const struct instance *s = f->data;
    unsigned lines = 0;

    for (const struct watch *w = s->newest; w && lines < INFO_MAX; w = w->older) {
        const struct inode *i = w->mark.inode;

        if (!i)
            continue;
        print(to, "inotify wd:%x ino:%x sdev:%x mask:%x ignored_mask:0 \n", w->wd, i->ino, i->fs->dev,
              (w->mark.mask & NOTIFY_EVERYTHING) | w->flags);
        lines++;
    }
}

static size_t bytes_of_news(const struct file *f)
{
    const struct instance *s = f->data;

    return sizeof *s + s->watched * sizeof(struct watch) + s->queued * offsetof(struct event, told) +
           s->bytes;
}

static void release_news(struct file *f)
{
    struct instance *s = f->data;

    for (unsigned steps = 1; s->newest; steps++) {
        watch_free(s->newest, false);
        if (steps % BREATH == 0)
            might_sleep();
    }
    for (unsigned steps = 1; s->first; steps++) {
        event_free(s, take(s));
        if (steps % BREATH == 0)
            might_sleep();
    }
    s->user->inotify_instances--;
    user_put(s->user);
    kfree(s->overflow);
    kfree(s);
    instances.count--;
}

static const struct file_ops inotify_ops = {.read = read_news,
                                            .ioctl = ioctl_news,
                                            .poll = poll_news,
                                            .seek = file_seek_nowhere,
                                            .async = async_of,
                                            .info = info_news,
                                            .bytes = bytes_of_news,
                                            .in_messages = true,
                                            .reads_apart = true,
                                            .release = release_news};

/* Sleeps. */
static struct instance *instance_alloc(void)
{
    static const struct told notice = {.wd = -1, .mask = IN_Q_OVERFLOW};
    struct instance *s = vm_zalloc(sizeof *s);
    struct event *overflow = vm_alloc(sizeof *overflow);

    if (!s || !overflow) {
        kfree(overflow);
        kfree(s);
        return NULL;
    }
    overflow->told = notice;
    s->overflow = overflow;
    s->end = &s->first;
    s->most = inotify_max_events;
    return s;
}

int inotify_create(uint32_t flags)
{
    struct instance *s;
    struct file *f;
    int err;

    if (flags & ~(uint32_t)(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    s = instance_alloc();
    if (!s)
        return -ENOMEM;
    s->user = user_get(cred_current()->user);
    err = s->user->inotify_instances >= inotify_max_instances ? -EMFILE : 0;
    if (!err) {
        s->user->inotify_instances++;
        err = file_open_anonymous(&inotify_ops, s, "anon_inode:inotify", O_RDONLY | (flags & O_NONBLOCK), &f);
        s->user->inotify_instances -= err != 0;
    }
    if (err) {
        user_put(s->user);
        kfree(s->overflow);
        kfree(s);
        return err;
    }
    instances.count++;
    err = fd_install(f, 0, flags & O_CLOEXEC);
    if (err < 0)
        file_put(f);
    return err;
}

void inotify_init(void)
{
    enum { SHARE = 100, LEAST = 1024, MOST = 1 << 20 }; /* Linux's share: a hundredth of low memory */
    uint32_t n =
        (uint32_t)((kmalloc_sys.pool->managed[ZONE_LOW] << PAGE_SHIFT) / SHARE / sizeof(struct watch));

    inotify_max_watches = n < LEAST ? LEAST : n > MOST ? MOST : n;
}
