/* System calls: ioctl and fcntl, as far as all files have them. */
#include "kernel/fs/fcntl.h"
#include "kernel/fs/async.h"
#include "kernel/fs/dnotify.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/seals.h"
#include "kernel/proc/process.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"

enum { FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIONBIO = 0x5421, FIOASYNC = 0x5452, FIONREAD = 0x541B };

static int set_cloexec(uint32_t fd, bool on)
{
    struct fd_table *t = thread_current()->files;

    if (fd >= t->size || !t->fd[fd].file)
        return -EBADF;
    t->fd[fd].cloexec = on;
    return 0;
}

static int set_nonblock(struct file *f, vaddr_t arg)
{
    uint32_t on;

    if (user_read32(&on, arg))
        return -EFAULT;
    f->flags = on ? f->flags | O_NONBLOCK : f->flags & ~(uint32_t)O_NONBLOCK;
    return 0;
}

static int set_async(struct file *f, uint32_t fd, vaddr_t arg)
{
    uint32_t on;

    if (user_read32(&on, arg))
        return -EFAULT;
    return !on == !(f->flags & O_ASYNC) ? 0 : async_set(f, (int)fd, on);
}

int32_t sys_ioctl(SYSCALL_3_ARGS(fd, cmd, arg))
{
    struct file *f = fd_get_open((int)fd);
    int err;

    if (!f)
        return -EBADF;
    if (cmd == FIOCLEX || cmd == FIONCLEX)
        err = set_cloexec(fd, cmd == FIOCLEX);
    else if (cmd == FIONBIO)
        err = set_nonblock(f, arg);
    else if (cmd == FIOASYNC)
        err = set_async(f, fd, arg);
    else if (cmd == FIONREAD && S_ISREG(f->inode->mode))
        err = user_write32(arg, (uint32_t)(f->inode->size - f->pos));
    else if (cmd == FIONREAD && f->ops == &pipe_ops)
        err = user_write32(arg, pipe_fill(f));
    else
        err = f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
    file_put(f);
    return err;
}

/* What F_SETFL can change; O_ASYNC changes itself. */
#define SETTABLE ((uint32_t)O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/* O_DIRECT makes packets of what is written to a pipe. O_ASYNC means nothing to a file that never tells. */
static int set_flags(struct file *f, uint32_t fd, uint32_t flags)
{
    int err = 0;

    if (flags & O_DIRECT && !S_ISFIFO(f->inode->mode) && !f->ops->direct)
        return -EINVAL;
    if ((flags ^ f->flags) & O_ASYNC && f->ops->async)
        err = async_set(f, (int)fd, flags & O_ASYNC);
    if (!err)
        f->flags = (f->flags & ~SETTABLE) | (flags & SETTABLE);
    return err;
}

/* --- owners of signals --- */

struct owner {
    int32_t kind, id;
};

static int set_owner_ex(struct file *f, vaddr_t arg)
{
    struct owner o;

    if (user_copy_in(&o, arg, sizeof o))
        return -EFAULT;
    if (o.kind < ASYNC_THREAD || o.kind > ASYNC_GROUP)
        return -EINVAL;
    return async_set_owner(f, (enum async_owner)o.kind, o.id);
}

static int get_owner_ex(const struct file *f, vaddr_t arg)
{
    enum async_owner kind;
    struct owner o = {.id = async_owner(f, &kind)};

    o.kind = (int32_t)kind;
    return user_copy_out(arg, &o, sizeof o);
}

static int32_t control(struct file *f, uint32_t fd, uint32_t cmd, uint32_t arg)
{
    int err;

    switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (arg >= process_current()->rlimit[RLIMIT_NOFILE].soft)
            return -EINVAL;
        err = fd_install(file_get(f), (int)arg, cmd == F_DUPFD_CLOEXEC);
        if (err < 0)
            file_put(f);
        return err;
    case F_GETFD:
        return thread_current()->files->fd[fd].cloexec;
    case F_SETFD:
        return set_cloexec(fd, arg & 1);
    case F_GETFL:
        return (int32_t)f->flags;
    default:
        break;
    }
    if (f->flags & O_PATH)
        return -EBADF;
    switch (cmd) {
    case F_SETFL:
        return set_flags(f, fd, arg);
    case F_GETPIPE_SZ:
        return pipe_get_size(f);
    case F_SETPIPE_SZ:
        return pipe_set_size(f, arg);
    case F_ADD_SEALS:
        return seals_add(f, arg);
    case F_GET_SEALS:
        return seals_get(f);
    case F_SETOWN:
        return async_set_number(f, (int)arg);
    case F_GETOWN:
        return async_number(f);
    case F_SETOWN_EX:
        return set_owner_ex(f, arg);
    case F_GETOWN_EX:
        return get_owner_ex(f, arg);
    case F_NOTIFY:
        return dnotify_set(f, (int)fd, arg);
    case F_SETSIG:
        return async_set_signal(f, arg);
    case F_GETSIG:
        return async_signal(f);
    default:
        return fcntl_lock(f, (int)fd, cmd, arg);
    }
}

int32_t sys_fcntl(SYSCALL_3_ARGS(fd, cmd, arg))
{
    struct file *f = fd_get((int)fd);
    int32_t result;

    if (!f)
        return -EBADF;
    result = control(f, fd, cmd, arg);
    file_put(f);
    return result;
}
