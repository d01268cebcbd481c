/*
 * Attributes of files that chattr(1) sets and no permission passes over: immutable, append-only, and two that
 * forbid nothing. Files and directories of the file systems in memory have them.
 *
 * Whoever changes something asks in permission.c, and where a file is opened: who has it open already goes
 * on, as on Linux. Only CAP_LINUX_IMMUTABLE sets or clears the first two.
 *
 * Locking: between sleeps. Failure: -errno, and nothing has changed.
 *
 * Source: ioctl_iflags(2), chattr(1); which calls are refused is as on Linux.
 */
#include "kernel/fs/attributes.h"
#include "kernel/fs/permission.h"
#include "kernel/proc/capability.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

enum {
    FS_IOC_GETFLAGS = (int)0x80046601,
    FS_IOC_SETFLAGS = 0x40046602,
    FS_IOC_FSGETXATTR = (int)0x801C581F,
    FS_IOC_FSSETXATTR = 0x401C5820,
};

#define SETTABLE ((uint32_t)(ATTRIBUTE_IMMUTABLE | ATTRIBUTE_APPEND | ATTRIBUTE_NODUMP | ATTRIBUTE_NOATIME))

/* struct fsxattr, and its flags that are attributes under other numbers. */
struct extended {
    uint32_t flags, extent_size, extents, project, cow_extent_size;
    uint8_t reserved[8];
};
static const struct {
    uint32_t extended, attribute;
} same[] = {
    {0x8, ATTRIBUTE_IMMUTABLE},
    {0x10, ATTRIBUTE_APPEND},
    {0x40, ATTRIBUTE_NOATIME},
    {0x80, ATTRIBUTE_NODUMP},
};
/* Which of them are bound to a kind of file. */
enum { EXTENT_SIZE = 0x800, EXTENT_SIZE_INHERITED = 0x1000, COW_EXTENT_SIZE = 0x10000 };

bool attributes_are_kept(const struct inode *i)
{
    return (S_ISREG(i->mode) || S_ISDIR(i->mode)) && i->fs->type->nodes;
}

static int may_set(const struct inode *i, uint32_t attributes)
{
    if (!inode_is_owner(i))
        return -EPERM;
    if ((attributes ^ i->attributes) & (ATTRIBUTE_IMMUTABLE | ATTRIBUTE_APPEND) &&
        !capable(CAP_LINUX_IMMUTABLE))
        return -EPERM;
    return 0;
}

static int set(struct inode *i, uint32_t attributes)
{
    if (attributes & ~SETTABLE)
        return -EOPNOTSUPP;
    i->attributes = (uint8_t)attributes;
    i->ctime_ns = inode_now();
    return 0;
}

static int set_flags(struct inode *i, vaddr_t arg)
{
    uint32_t attributes;
    int err;

    if (user_read32(&attributes, arg))
        return -EFAULT;
    if (inode_may_change(i))
        return -EROFS;
    err = may_set(i, attributes);
    return err ? err : set(i, attributes);
}

static int get_extended(const struct inode *i, vaddr_t arg)
{
    struct extended x = {0};

    for (unsigned k = 0; k < ARRAY_LEN(same); k++)
        if (i->attributes & same[k].attribute)
            x.flags |= same[k].extended;
    return user_copy_out(arg, &x, sizeof x);
}

static int set_extended(struct inode *i, vaddr_t arg)
{
    uint32_t attributes = 0, rest;
    struct extended x;
    int err;

    if (user_copy_in(&x, arg, sizeof x))
        return -EFAULT;
    if (inode_may_change(i))
        return -EROFS;
    rest = x.flags;
    for (unsigned k = 0; k < ARRAY_LEN(same); k++)
        if (x.flags & same[k].extended) {
            attributes |= same[k].attribute;
            rest &= ~same[k].extended;
        }
    err = may_set(i, attributes);
    if (err)
        return err;
    if ((x.flags & EXTENT_SIZE && !S_ISREG(i->mode)) ||
        (x.flags & EXTENT_SIZE_INHERITED && !S_ISDIR(i->mode)))
        return -EINVAL;
    /* Without a size those flags mean nothing. */
    rest &= ~(uint32_t)(EXTENT_SIZE | EXTENT_SIZE_INHERITED | COW_EXTENT_SIZE);
    if (rest || x.project || x.extent_size || x.cow_extent_size)
        return -EOPNOTSUPP;
    return set(i, attributes);
}

int attributes_ioctl(struct inode *i, uint32_t cmd, vaddr_t arg)
{
    bool kept = attributes_are_kept(i);

    switch ((int)cmd) {
    case FS_IOC_GETFLAGS:
        return kept ? user_write32(arg, i->attributes) : -ENOTTY;
    case FS_IOC_SETFLAGS:
        return kept ? set_flags(i, arg) : -ENOTTY;
    case FS_IOC_FSGETXATTR:
        return kept ? get_extended(i, arg) : -ENOTTY;
    case FS_IOC_FSSETXATTR:
        return kept ? set_extended(i, arg) : -ENOTTY;
    default:
        return 1;
    }
}
