/*
 * Extended attributes: no filesystem here keeps any. The calls tell what is wrong with their arguments, in
 * Linux's order, and then that. What a filesystem without attributes is asked for on Linux, too, is merely
 * not there: access lists, labels.
 */
#include "kernel/fs/file.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_path.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

enum { XATTR_NAME_MAX = 255, XATTR_SIZE_MAX = 65536, XATTR_CREATE = 1, XATTR_REPLACE = 2 };

enum what { GET, SET, REMOVE, LIST };

/* A call's arguments: the attribute's name, and what SET is to write. */
struct request {
    enum what what;
    vaddr_t name, value;
    uint32_t size, flags;
};

static bool begins_with(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static int check_name(const struct request *r, char name[XATTR_NAME_MAX + 1])
{
    int n = user_copy_string(name, r->name, XATTR_NAME_MAX + 1);

    if (n == -E2BIG || n == 0)
        return -ERANGE;
    return n < 0 ? n : 0;
}

static int check_value(const struct request *r)
{
    uint8_t byte;

    if (r->size > XATTR_SIZE_MAX)
        return -E2BIG;
    for (uint32_t at = 0; at < r->size; at += user_part(r->value + at, r->size - at))
        if (user_copy_in(&byte, r->value + at, 1))
            return -EFAULT;
    return 0;
}

static int answer(const struct inode *i, const struct request *r)
{
    char name[XATTR_NAME_MAX + 1];
    int err;

    if (r->what == LIST)
        return 0;
    if (r->what != GET && inode_may_change(i))
        return -EROFS;
    if (r->what == SET && r->flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    err = check_name(r, name);
    if (!err && r->what == SET)
        err = check_value(r);
    if (err)
        return err;
    if (r->what == GET &&
        (begins_with(name, "security.") || begins_with(name, "trusted.") ||
         strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0))
        return -ENODATA;
    return -EOPNOTSUPP;
}

static int32_t at_path(vaddr_t path, unsigned flags, const struct request *r)
{
    struct inode *i;
    int err = inode_from_user(AT_FDCWD, path, flags, &i);

    if (err)
        return err;
    err = answer(i, r);
    inode_put(i);
    return err;
}

static int32_t at_fd(uint32_t fd, const struct request *r)
{
    struct file *f = fd_get((int)fd);
    int err = f && !(f->flags & O_PATH) ? answer(f->inode, r) : -EBADF;

    file_put(f);
    return err;
}

int32_t sys_setxattr(SYSCALL_5_ARGS(path, name, value, size, flags))
{
    return at_path(path, 0, &(struct request){SET, name, value, size, flags});
}

int32_t sys_lsetxattr(SYSCALL_5_ARGS(path, name, value, size, flags))
{
    return at_path(path, AT_SYMLINK_NOFOLLOW, &(struct request){SET, name, value, size, flags});
}

int32_t sys_fsetxattr(SYSCALL_5_ARGS(fd, name, value, size, flags))
{
    return at_fd(fd, &(struct request){SET, name, value, size, flags});
}

int32_t sys_getxattr(SYSCALL_4_ARGS(path, name, value, size))
{
    return at_path(path, 0, &(struct request){GET, name, value, size, 0});
}

int32_t sys_lgetxattr(SYSCALL_4_ARGS(path, name, value, size))
{
    return at_path(path, AT_SYMLINK_NOFOLLOW, &(struct request){GET, name, value, size, 0});
}

int32_t sys_fgetxattr(SYSCALL_4_ARGS(fd, name, value, size))
{
    return at_fd(fd, &(struct request){GET, name, value, size, 0});
}

int32_t sys_listxattr(SYSCALL_1_ARG(path))
{
    return at_path(path, 0, &(struct request){.what = LIST});
}

int32_t sys_llistxattr(SYSCALL_1_ARG(path))
{
    return at_path(path, AT_SYMLINK_NOFOLLOW, &(struct request){.what = LIST});
}

int32_t sys_flistxattr(SYSCALL_1_ARG(fd))
{
    return at_fd(fd, &(struct request){.what = LIST});
}

int32_t sys_removexattr(SYSCALL_2_ARGS(path, name))
{
    return at_path(path, 0, &(struct request){.what = REMOVE, .name = name});
}

int32_t sys_lremovexattr(SYSCALL_2_ARGS(path, name))
{
    return at_path(path, AT_SYMLINK_NOFOLLOW, &(struct request){.what = REMOVE, .name = name});
}

int32_t sys_fremovexattr(SYSCALL_2_ARGS(fd, name))
{
    return at_fd(fd, &(struct request){.what = REMOVE, .name = name});
}
