/*
 * System calls: extended attributes. What is fetched from programs and handed to them is here, with what is
 * wrong with it, in Linux's order; the attributes are in kernel/fs/xattr.c.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/xattr.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_path.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

/* A call's arguments: the attribute's name, the value or where it or the list is to go. */
struct request {
    int (*serve)(struct inode *i, const struct request *r); /* what it asks for; sleeps */
    vaddr_t name, value;
    uint32_t size, flags;
};

static int fetch_name(const struct request *r, char name[XATTR_NAME_MAX + 1])
{
    int n = user_copy_string(name, r->name, XATTR_NAME_MAX + 1);

    if (n == -E2BIG || n == 0)
        return -ERANGE;
    return n < 0 ? n : 0;
}

/* The attribute that is to be set. */
static int fetch(const struct request *r, struct xattr **out)
{
    char name[XATTR_NAME_MAX + 1];
    struct xattr *a;
    int err = fetch_name(r, name);

    if (!err && r->size > XATTR_SIZE_MAX)
        err = -E2BIG;
    if (err)
        return err;
    a = xattr_alloc(name, r->size);
    if (!a)
        return -ENOMEM;
    if (user_copy_in(xattr_value(a), r->value, r->size)) {
        kfree(a);
        return -EFAULT;
    }
    *out = a;
    return 0;
}

static int set(struct inode *i, const struct request *r)
{
    struct xattr *a;
    int err = inode_may_change(i);

    if (!err && r->flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
        err = -EINVAL;
    if (!err)
        err = fetch(r, &a);
    if (err)
        return err;
    err = xattr_set(i, a, r->flags);
    if (err)
        kfree(a);
    return err;
}

static int remove(struct inode *i, const struct request *r)
{
    char name[XATTR_NAME_MAX + 1];
    int err = inode_may_change(i);

    if (!err)
        err = fetch_name(r, name);
    return err ? err : xattr_remove(i, name);
}

/* The value of a name, or (NULL) the list, as the two functions have it. */
static int read_one(struct inode *i, const char *name, void *to, size_t size)
{
    return name ? xattr_get(i, name, to, size) : xattr_list(i, to, size);
}

/* Hand one to the program. Its size may change while there is a wait for memory to put it in. */
static int hand_out(struct inode *i, const struct request *r, const char *name)
{
    for (;;) {
        int size = read_one(i, name, NULL, 0), got;
        void *copy;

        if (size <= 0 || !r->size)
            return size;
        if ((uint32_t)size > r->size)
            return -ERANGE;
        copy = vm_alloc((size_t)size);
        if (!copy)
            return -ENOMEM;
        got = read_one(i, name, copy, (size_t)size);
        if (got > 0 && user_copy_out(r->value, copy, (size_t)got))
            got = -EFAULT;
        kfree(copy);
        if (got != -ERANGE)
            return got;
    }
}

static int get(struct inode *i, const struct request *r)
{
    char name[XATTR_NAME_MAX + 1];
    int err = fetch_name(r, name);

    return err ? err : hand_out(i, r, name);
}

static int list(struct inode *i, const struct request *r)
{
    return hand_out(i, r, NULL);
}

static int32_t at_path(vaddr_t path, unsigned flags, const struct request *r)
{
    struct inode *i;
    int err = inode_from_user(AT_FDCWD, path, flags, &i);

    if (err)
        return err;
    err = r->serve(i, r);
    inode_put(i);
    return err;
}

static int32_t at_fd(uint32_t fd, const struct request *r)
{
    struct file *f = fd_get_open((int)fd);
    int err = f ? r->serve(f->inode, r) : -EBADF;

    file_put(f);
    return err;
}

int32_t sys_setxattr(SYSCALL_5_ARGS(path, name, value, size, flags))
{
    return at_path(
        path, 0, &(struct request){.serve = set, .name = name, .value = value, .size = size, .flags = flags});
}

int32_t sys_lsetxattr(SYSCALL_5_ARGS(path, name, value, size, flags))
{
    return at_path(
        path, AT_SYMLINK_NOFOLLOW,
        &(struct request){.serve = set, .name = name, .value = value, .size = size, .flags = flags});
}

int32_t sys_fsetxattr(SYSCALL_5_ARGS(fd, name, value, size, flags))
{
    return at_fd(fd,
                 &(struct request){.serve = set, .name = name, .value = value, .size = size, .flags = flags});
}

int32_t sys_getxattr(SYSCALL_4_ARGS(path, name, value, size))
{
    return at_path(path, 0, &(struct request){.serve = get, .name = name, .value = value, .size = size});
}

int32_t sys_lgetxattr(SYSCALL_4_ARGS(path, name, value, size))
{
    return at_path(path, AT_SYMLINK_NOFOLLOW,
                   &(struct request){.serve = get, .name = name, .value = value, .size = size});
}

int32_t sys_fgetxattr(SYSCALL_4_ARGS(fd, name, value, size))
{
    return at_fd(fd, &(struct request){.serve = get, .name = name, .value = value, .size = size});
}

int32_t sys_listxattr(SYSCALL_3_ARGS(path, names, size))
{
    return at_path(path, 0, &(struct request){.serve = list, .value = names, .size = size});
}

int32_t sys_llistxattr(SYSCALL_3_ARGS(path, names, size))
{
    return at_path(path, AT_SYMLINK_NOFOLLOW, &(struct request){.serve = list, .value = names, .size = size});
}

int32_t sys_flistxattr(SYSCALL_3_ARGS(fd, names, size))
{
    return at_fd(fd, &(struct request){.serve = list, .value = names, .size = size});
}

int32_t sys_removexattr(SYSCALL_2_ARGS(path, name))
{
    return at_path(path, 0, &(struct request){.serve = remove, .name = name});
}

int32_t sys_lremovexattr(SYSCALL_2_ARGS(path, name))
{
    return at_path(path, AT_SYMLINK_NOFOLLOW, &(struct request){.serve = remove, .name = name});
}

int32_t sys_fremovexattr(SYSCALL_2_ARGS(fd, name))
{
    return at_fd(fd, &(struct request){.serve = remove, .name = name});
}
