/* Attributes of files, chattr(1): see attributes.c. */
#ifndef KERNEL_FS_ATTRIBUTES_H
#define KERNEL_FS_ATTRIBUTES_H

#include "kernel/fs/vfs.h"

/* Linux's FS_*_FL. */
enum {
    ATTRIBUTE_IMMUTABLE = 0x10, /* neither contents nor anything else of it changes, nor its names */
    ATTRIBUTE_APPEND = 0x20,    /* the same, but what is written to its end, or made in it */
    ATTRIBUTE_NODUMP = 0x40,    /* for backups; nothing here looks at it */
    ATTRIBUTE_NOATIME = 0x80,   /* reading it is not remembered */
    ATTRIBUTES_INHERITED = ATTRIBUTE_NODUMP | ATTRIBUTE_NOATIME,
};

static inline bool is_immutable(const struct inode *i)
{
    return unlikely(i->attributes & ATTRIBUTE_IMMUTABLE);
}

static inline bool is_append_only(const struct inode *i)
{
    return unlikely(i->attributes & ATTRIBUTE_APPEND);
}

/* Owner, mode, names and such can be changed by nobody. */
static inline bool is_fixed(const struct inode *i)
{
    return unlikely(i->attributes & (ATTRIBUTE_IMMUTABLE | ATTRIBUTE_APPEND));
}

/* Whether the inode has attributes: files and directories in memory. */
bool attributes_are_kept(const struct inode *i);

/* ioctl(2) for them: FS_IOC_GETFLAGS, SETFLAGS, FSGETXATTR, FSSETXATTR. 1: another one. Sleeps. */
int attributes_ioctl(struct inode *i, uint32_t cmd, vaddr_t arg);

#endif
