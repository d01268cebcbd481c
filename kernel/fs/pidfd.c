/*
 * Descriptors that name a process: pidfd_open(2), and what the calls need that take one.
 *
 * A number may come to belong to another process; a descriptor does not: it keeps the time of birth beside
 * the number. The file is readable once the process has ended.
 *
 * Data: struct pidfd_name, in file.data. Locking: between sleeps.
 */
#include "kernel/fs/pidfd.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(pidfds, "pidfds");

bool pidfd_names(const struct pidfd_name *n, const struct process *p)
{
    return p->pid == n->pid && p->start_ns == n->born;
}

struct process *pidfd_find(const struct pidfd_name *n)
{
    struct process *p = process_find(n->pid);

    return p && pidfd_names(n, p) ? p : NULL;
}

static unsigned poll_pidfd(struct file *f, struct poll_table *table)
{
    struct process *p = pidfd_find(f->data);

    if (!p || p->state != PROCESS_ALIVE)
        return POLLIN | POLLRDNORM;
    poll_register(table, &p->end_watch);
    return 0;
}

static void release_pidfd(struct file *f)
{
    kfree(f->data);
    pidfds.count--;
}

static const struct file_ops pidfd_ops = {.poll = poll_pidfd, .release = release_pidfd};

/* Nothing will change any more, and the queue goes with the process. */
static void process_ended(struct process *p)
{
    sync_close(&p->end_watch);
}

void pidfd_init(void)
{
    process_on_end(process_ended);
}

int pidfd_get_name(int fd, struct pidfd_name *out, bool *nonblock)
{
    struct file *f = fd_get(fd);
    int err = -EBADF;

    if (f && f->ops == &pidfd_ops) {
        *out = *(const struct pidfd_name *)f->data;
        if (nonblock)
            *nonblock = f->flags & O_NONBLOCK;
        err = 0;
    }
    file_put(f);
    return err;
}

int pidfd_get_target(int fd, struct pidfd_name *out)
{
    int err = pidfd_get_name(fd, out, NULL);
    struct file *f = err ? fd_get_open(fd) : NULL;

    if (f && f->inode->ops->process && f->inode->ops->process(f->inode, out))
        err = 0;
    file_put(f);
    return err;
}

int pidfd_prepare(int pid, uint32_t flags, struct file **out)
{
    struct pidfd_name *d = vm_zalloc(sizeof *d);
    int err;

    if (!d)
        return -ENOMEM;
    d->pid = pid;
    err = file_open_anonymous(&pidfd_ops, d, "anon_inode:[pidfd]", O_RDWR | flags, out);
    if (err)
        kfree(d);
    else
        pidfds.count++;
    return err;
}

void pidfd_complete(struct file *f, const struct process *p)
{
    struct pidfd_name *d = f->data;

    d->born = p->start_ns;
}

int pidfd_open(uint32_t pid, uint32_t flags)
{
    struct process *p;
    struct file *f;
    int err;

    if (flags & ~(uint32_t)O_NONBLOCK || (int32_t)pid <= 0)
        return -EINVAL;
    if (!process_find((int)pid))
        return thread_find((int)pid) ? -EINVAL : -ESRCH; /* a thread that does not lead is not enough */
    err = pidfd_prepare((int)pid, flags, &f);
    if (err)
        return err;
    p = process_find((int)pid);
    if (p)
        pidfd_complete(f, p);
    err = p ? fd_install(f, 0, true) : -ESRCH;
    if (err < 0)
        file_put(f);
    return err;
}
