/* System calls for POSIX message queues. */
#include "kernel/ipc/mqueue.h"
#include "kernel/sched/time.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_path.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"

int32_t sys_mq_open(SYSCALL_4_ARGS(name, flags, mode, attr))
{
    struct mq_attr a;
    struct inode *dir;
    char *text;
    int err;

    if (attr && user_copy_in(&a, attr, sizeof a))
        return -EFAULT;
    err = path_from_user(AT_FDCWD, name, 0, &dir, &text);
    if (err)
        return err;
    err = mqueue_open(text, flags, mode, attr ? &a : NULL);
    path_done(dir, text);
    return err;
}

int32_t sys_mq_unlink(SYSCALL_1_ARG(name))
{
    struct inode *dir;
    char *text;
    int err = path_from_user(AT_FDCWD, name, 0, &dir, &text);

    if (err)
        return err;
    err = mqueue_unlink(text);
    path_done(dir, text);
    return err;
}

/* A time of CLOCK_REALTIME as a deadline of os_now_ns(); 0: none. Sleeps. */
static int deadline_of(vaddr_t limit, enum usertime_form form, uint64_t *deadline)
{
    uint64_t ns;
    int err;

    *deadline = 0;
    if (!limit)
        return 0;
    err = usertime_read(limit, form, &ns);
    if (!err)
        *deadline = usertime_until(ns);
    return err;
}

static int32_t send(uint32_t fd, vaddr_t from, uint32_t size, uint32_t priority, vaddr_t limit,
                    enum usertime_form form)
{
    uint64_t deadline;
    int err = deadline_of(limit, form, &deadline);

    return err ? err : mqueue_send((int)fd, from, size, priority, deadline);
}

static int32_t receive(uint32_t fd, vaddr_t to, uint32_t size, vaddr_t priority, vaddr_t limit,
                       enum usertime_form form)
{
    uint64_t deadline;
    int err = deadline_of(limit, form, &deadline);

    return err ? err : mqueue_receive((int)fd, to, size, priority, deadline);
}

int32_t sys_mq_timedsend(SYSCALL_5_ARGS(fd, from, size, priority, limit))
{
    return send(fd, from, size, priority, limit, USERTIME_32);
}

int32_t sys_mq_timedsend_time64(SYSCALL_5_ARGS(fd, from, size, priority, limit))
{
    return send(fd, from, size, priority, limit, USERTIME_64);
}

int32_t sys_mq_timedreceive(SYSCALL_5_ARGS(fd, to, size, priority, limit))
{
    return receive(fd, to, size, priority, limit, USERTIME_32);
}

int32_t sys_mq_timedreceive_time64(SYSCALL_5_ARGS(fd, to, size, priority, limit))
{
    return receive(fd, to, size, priority, limit, USERTIME_64);
}

int32_t sys_mq_notify(SYSCALL_2_ARGS(fd, event))
{
    return mqueue_notify((int)fd, event);
}

int32_t sys_mq_getsetattr(SYSCALL_3_ARGS(fd, set, was))
{
    struct mq_attr with, before;
    int err;

    if (set && user_copy_in(&with, set, sizeof with))
        return -EFAULT;
    err = mqueue_attributes((int)fd, set ? &with : NULL, &before);
    if (!err && was && user_copy_out(was, &before, sizeof before))
        err = -EFAULT;
    return err;
}
