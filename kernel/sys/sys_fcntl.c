/* System calls: ioctl and fcntl, as far as all files have them. */
#include "kernel/fs/attributes.h"
#include "kernel/fs/fcntl.h"
#include "kernel/fs/async.h"
#include "kernel/fs/dnotify.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/seals.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"

enum {
    FIBMAP = 1,
    FIGETBSZ = 2,
    FIONREAD = 0x541B,
    FIONBIO = 0x5421,
    FIONCLEX = 0x5450,
    FIOCLEX = 0x5451,
    FIOASYNC = 0x5452,
    FIOQSIZE = 0x5460,
    FIEMAP = (int)0xC020660B,
    FIFREEZE = (int)0xC0045877,
    FITHAW = (int)0xC0045878,
    FICLONE = 0x40049409,
    FICLONERANGE = 0x4020940D,
    FIDEDUPERANGE = (int)0xC0189436,
};

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

/* Where the blocks of a file are, which are nowhere. */
static int no_block(vaddr_t arg)
{
    uint32_t block;

    if (!capable(CAP_SYS_RAWIO))
        return -EPERM;
    return user_read32(&block, arg) ? -EFAULT : -EINVAL;
}

/* How much of it there is, which is less than its size if it has holes. */
static int tell_size(const struct inode *i, vaddr_t arg)
{
    uint64_t bytes = i->object ? (uint64_t)object_filled(i->object) * PAGE_SIZE : 0;

    return S_ISREG(i->mode) || S_ISDIR(i->mode) ? user_copy_out(arg, &bytes, sizeof bytes) : -ENOTTY;
}

/* What can be asked of the file system that any file is in, or of any file of a kind; 1: something else. */
static int ask_filesystem(struct inode *i, uint32_t cmd, vaddr_t arg)
{
    switch ((int)cmd) {
    case FIGETBSZ:
        return user_write32(arg, inode_block(i));
    case FIOQSIZE:
        return tell_size(i, arg);
    case FIEMAP:
        return -EOPNOTSUPP;
    case FIFREEZE:
        return capable(CAP_SYS_ADMIN) ? -EOPNOTSUPP : -EPERM;
    case FITHAW:
        return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    case FIBMAP:
        return S_ISREG(i->mode) ? no_block(arg) : 1;
    default:
        return attributes_ioctl(i, cmd, arg);
    }
}

/* --- files that are to share their blocks, which no file system here has --- */

static int clone_file(const struct file *to, uint32_t fd)
{
    struct file *from = fd_get_open((int)fd);
    int err = -EOPNOTSUPP;

    if (!from)
        return -EBADF;
    if (from->inode->fs != to->inode->fs)
        err = -EXDEV;
    else if (S_ISDIR(from->inode->mode) || S_ISDIR(to->inode->mode))
        err = -EISDIR;
    else if (!S_ISREG(from->inode->mode) || !S_ISREG(to->inode->mode))
        err = -EINVAL;
    else if (!file_reads(from) || !file_writes(to) || to->flags & O_APPEND)
        err = -EBADF;
    file_put(from);
    return err;
}

static int clone_range(const struct file *to, vaddr_t arg)
{
    struct {
        int64_t fd;
        uint64_t offset, size, to;
    } r;

    return user_copy_in(&r, arg, sizeof r) ? -EFAULT : clone_file(to, (uint32_t)r.fd);
}

static int share_range(const struct file *f, vaddr_t arg)
{
    enum { INFO = 32 }; /* bytes, for each of the others */
    struct {
        uint64_t offset, size;
        uint16_t count, reserved;
        uint32_t reserved2;
        uint8_t info[];
    } r;
    uint8_t last;

    if (user_copy_in(&r, arg, sizeof r))
        return -EFAULT;
    if (sizeof r + r.count * INFO > PAGE_SIZE)
        return -ENOMEM;
    if (r.count && user_copy_in(&last, arg + sizeof r + r.count * INFO - 1, 1))
        return -EFAULT;
    if (!file_reads(f) || r.reserved || r.reserved2)
        return -EINVAL;
    return S_ISDIR(f->inode->mode) ? -EISDIR : S_ISREG(f->inode->mode) ? -EOPNOTSUPP : -EINVAL;
}

/* 1: it is something else. */
static int ask_sharing(const struct file *f, uint32_t cmd, vaddr_t arg)
{
    switch ((int)cmd) {
    case FICLONE:
        return clone_file(f, arg);
    case FICLONERANGE:
        return clone_range(f, arg);
    case FIDEDUPERANGE:
        return share_range(f, arg);
    default:
        return 1;
    }
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
        err = ask_filesystem(f->inode, cmd, arg);
    if (err > 0)
        err = ask_sharing(f, cmd, arg);
    if (err > 0)
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

    if ((flags ^ f->flags) & O_APPEND && is_append_only(f->inode))
        return -EPERM;
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

static int get_owner_ids(const struct file *f, vaddr_t arg)
{
    uint32_t ids[2];

    async_owner_ids(f, ids);
    return user_copy_out(arg, ids, sizeof ids);
}

/* How long the owner of a file thinks that what is written to it will stay: kept, and nothing goes by it. */
static int set_hint(struct inode *i, vaddr_t arg)
{
    enum { EXTREME = 5 }; /* the longest there is a word for */
    uint64_t hint;

    if (user_copy_in(&hint, arg, sizeof hint))
        return -EFAULT;
    if (hint > EXTREME)
        return -EINVAL;
    i->write_hint = (uint8_t)hint;
    return 0;
}

static int get_hint(const struct inode *i, vaddr_t arg)
{
    uint64_t hint = i->write_hint;

    return user_copy_out(arg, &hint, sizeof hint);
}

enum { F_UNLCK = 2 }; /* of leases, too */

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
    case F_GETLEASE: /* there are none */
        return F_UNLCK;
    case F_SETLEASE:
        return arg == F_UNLCK && S_ISREG(f->inode->mode) ? -EAGAIN : -EINVAL;
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
    case F_GETOWNER_UIDS:
        return get_owner_ids(f, arg);
    case F_NOTIFY:
        return dnotify_set(f, (int)fd, arg);
    case F_SETSIG:
        return async_set_signal(f, arg);
    case F_GETSIG:
        return async_signal(f);
    case F_GET_RW_HINT:
        return get_hint(f->inode, arg);
    case F_SET_RW_HINT:
        return set_hint(f->inode, arg);
    default:
        return fcntl_lock(f, (int)fd, cmd, arg);
    }
}

/* What takes a struct flock64 is of fcntl64() only. */
int32_t sys_fcntl(SYSCALL_3_ARGS(fd, cmd, arg))
{
    struct file *f;

    if (!(cmd >= F_GETLK64 && cmd <= F_SETLKW64) && !(cmd >= F_OFD_GETLK && cmd <= F_OFD_SETLKW))
        return sys_fcntl64(fd, cmd, arg, 0, 0, 0);
    f = fd_get_open((int)fd);
    file_put(f);
    return f ? -EINVAL : -EBADF;
}

int32_t sys_fcntl64(SYSCALL_3_ARGS(fd, cmd, arg))
{
    struct file *f = fd_get((int)fd);
    int32_t result;

    if (!f)
        return -EBADF;
    result = control(f, fd, cmd, arg);
    file_put(f);
    return result;
}
