/*
 * Event descriptors: eventfd(2). A counter of 64 bits that write() adds to and read() takes, all of it or one
 * (EFD_SEMAPHORE), and that waits for what cannot be done yet.
 *
 * Data: struct counter, in file.data. Locking: between sleeps. As on Linux, what was taken is gone even if it
 * cannot be told.
 */
#include "kernel/fs/eventfd.h"
#include "kernel/fs/file.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/thread.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(eventfds, "eventfds");

enum { EFD_SEMAPHORE = 1 };
#define COUNT_MAX (UINT64_MAX - 1)

struct counter {
    uint64_t count;
    bool semaphore;
    struct waitq changed;
};

/* Sleep until something changes. 0, -EAGAIN or -ERESTARTSYS. */
static int wait_for_change(const struct file *f, struct counter *c)
{
    uint32_t irq;
    int err;

    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    irq = os_irq_save();
    err = thread_sleep(&c->changed);
    os_irq_restore(irq);
    return err ? -ERESTARTSYS : 0;
}

static int read_event(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct counter *c = f->data;
    uint64_t value;

    (void)pos;
    if (n < sizeof value)
        return -EINVAL;
    while (!c->count) {
        int err = wait_for_change(f, c);

        if (err)
            return err;
    }
    value = c->semaphore ? 1 : c->count;
    c->count -= value;
    sync_wake(&c->changed, POLLOUT, SYNC_TASKS);
    return user_copy_out(buf, &value, sizeof value) ? -EFAULT : (int)sizeof value;
}

static int write_event(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct counter *c = f->data;
    uint64_t value;

    (void)pos;
    if (n < sizeof value)
        return -EINVAL;
    if (user_copy_in(&value, buf, sizeof value))
        return -EFAULT;
    if (value > COUNT_MAX)
        return -EINVAL;
    while (value > COUNT_MAX - c->count) {
        int err = wait_for_change(f, c);

        if (err)
            return err;
    }
    c->count += value;
    sync_wake(&c->changed, POLLIN, SYNC_TASKS);
    return sizeof value;
}

static unsigned poll_event(struct file *f, struct poll_table *table)
{
    struct counter *c = f->data;

    poll_register(table, &c->changed);
    return (c->count ? POLLIN : 0) | (c->count < COUNT_MAX ? POLLOUT : 0);
}

static void info_event(const struct file *f, file_print_fn *print, void *to)
{
    const struct counter *c = f->data;

    print(to, "eventfd-count: %8x%08x\neventfd-id: %u\n", (uint32_t)(c->count >> 32), (uint32_t)c->count,
          f->inode->ino);
}

static void release_event(struct file *f)
{
    kfree(f->data);
    eventfds.count--;
}

static const struct file_ops event_ops = {.read = read_event,
                                          .write = write_event,
                                          .poll = poll_event,
                                          .seek = file_seek_nowhere,
                                          .info = info_event,
                                          .in_messages = true,
                                          .release = release_event};

int eventfd_create(uint32_t count, uint32_t flags)
{
    struct counter *c;
    struct file *f;
    int err;

    if (flags & ~(uint32_t)(EFD_SEMAPHORE | O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    c = vm_alloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    *c = (struct counter){.count = count, .semaphore = flags & EFD_SEMAPHORE};
    err = file_open_anonymous(&event_ops, c, "anon_inode:[eventfd]", O_RDWR | (flags & O_NONBLOCK), &f);
    if (err) {
        kfree(c);
        return err;
    }
    eventfds.count++;
    err = fd_install(f, 0, flags & O_CLOEXEC);
    if (err < 0)
        file_put(f);
    return err;
}
