/* Extended attributes of files in memory: xattr(7). See xattr.c. */
#ifndef KERNEL_FS_XATTR_H
#define KERNEL_FS_XATTR_H

#include "kernel/fs/vfs.h"

#define XATTR_NAME_MAX 255u   /* bytes, without 0 */
#define XATTR_SIZE_MAX 65536u /* of a value, and of a list */
enum { XATTR_CREATE = 1, XATTR_REPLACE = 2 };

/* One attribute. */
struct xattr {
    struct xattr *next;
    uint32_t size; /* of the value */
    uint32_t kept; /* bytes that it counts as */
    char name[];   /* with its 0; the value lies behind that */
};

/* A new attribute, whose value of so many bytes is to be filled in. NULL: out of memory. Sleeps. */
struct xattr *xattr_alloc(const char *name, uint32_t size);

/* Where its value is. */
static inline void *xattr_value(struct xattr *a)
{
    return a->name + strlen(a->name) + 1;
}
/* Copy the value of an attribute if it has at most size bytes (0: none is asked for). Its size; -ERANGE: it
 * is larger; -ENODATA, -EOPNOTSUPP, -EACCES, -EINVAL. Does not sleep. */
int xattr_get(struct inode *i, const char *name, void *value, size_t size);
/* Set an attribute, with XATTR_CREATE and XATTR_REPLACE; it moves here unless this fails. 0, or -EEXIST,
 * -ENODATA, -ENOSPC, -EOPNOTSUPP, -EPERM, -EACCES, -EROFS, -EINVAL. Does not sleep. */
int xattr_set(struct inode *i, struct xattr *a, uint32_t flags);
/* Remove one: the same errors. Does not sleep. */
int xattr_remove(struct inode *i, const char *name);
/* The names, each with its 0, as xattr_get() has a value. Does not sleep. */
int xattr_list(const struct inode *i, char *names, size_t size);
/* An inode of a filesystem in memory goes: so do its attributes. Does not sleep. */
void xattr_drop(struct inode *i);

#endif
