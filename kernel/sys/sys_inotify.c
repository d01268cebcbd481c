/* System calls: inotify(7). */
#include "kernel/fs/inotify.h"
#include "kernel/fs/permission.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_path.h"
#include "kernel/sys/syscall.h"

int32_t sys_inotify_init1(SYSCALL_1_ARG(flags))
{
    return inotify_create(flags);
}

int32_t sys_inotify_init(SYSCALL_NO_ARGS)
{
    return inotify_create(0);
}

/* Watch what is at a path, which who asks has to be allowed to read. */
static int watch_path(struct file *f, vaddr_t path, uint32_t mask)
{
    struct inode *i;
    int err = inode_from_user(AT_FDCWD, path, mask & IN_DONT_FOLLOW ? AT_SYMLINK_NOFOLLOW : 0, &i);

    if (err)
        return err;
    if (mask & IN_ONLYDIR && !S_ISDIR(i->mode))
        err = -ENOTDIR;
    if (!err)
        err = inode_permission(i, MAY_READ);
    if (!err)
        err = inotify_watch(f, i, mask);
    inode_put(i);
    return err;
}

int32_t sys_inotify_add_watch(SYSCALL_3_ARGS(fd, path, mask))
{
    struct file *f;
    int result;

    if (mask & ~IN_BITS || !mask)
        return -EINVAL;
    f = fd_get_open((int)fd);
    if (!f)
        return -EBADF;
    if ((mask & IN_MASK_ADD && mask & IN_MASK_CREATE) || !inotify_is(f))
        result = -EINVAL;
    else
        result = watch_path(f, path, mask);
    file_put(f);
    return result;
}

int32_t sys_inotify_rm_watch(SYSCALL_2_ARGS(fd, wd))
{
    struct file *f = fd_get_open((int)fd);
    int err = !f ? -EBADF : inotify_is(f) ? inotify_unwatch(f, (int)wd) : -EINVAL;

    file_put(f);
    return err;
}
