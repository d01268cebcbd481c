/*
 * Extended attributes of files in memory.
 *
 * Purpose. Programs keep what they know of a file with it, by names that begin with "user.". The other
 * namespaces are the kernel's, and nothing here goes by them: "security.", "trusted." and lists of access are
 * as on a filesystem that has none of them set, and cannot be set.
 *
 * Data. A list at the node (ramfs_parts.h), the newest first.
 *
 * Limits. Attributes count for the filesystem's size, by pages that all of its attributes together would
 * fill, and as kept memory (vfs_keep()), also those of files without a name.
 *
 * Locking. One processor: nothing here sleeps.
 *
 * Failure. -errno as Linux, in its order, and nothing is changed.
 *
 * Source. xattr(7); user attributes came to Linux's tmpfs with 6.6, and those of other filesystems are the
 * same.
 */
#include "kernel/fs/xattr.h"
#include "kernel/fs/attributes.h"
#include "kernel/fs/notify.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/ramfs.h"
#include "kernel/fs/ramfs_file.h"
#include "kernel/fs/ramfs_parts.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

TALLY(xattrs, "extended attributes");

static const char user[] = "user.", trusted[] = "trusted.", security[] = "security.", sys[] = "system.";

static bool begins_with(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* The list of an inode whose filesystem keeps attributes, or NULL. */
static struct xattr **list_of(struct inode *i)
{
    return ramfs_is(i->fs) ? &ramfs_node_of(i)->xattrs : NULL;
}

static struct xattr **find(struct xattr **at, const char *name)
{
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

/* --- who may --- */

/* Whether an attribute may be looked at or (write) changed, whether there is one or not. */
static int may_access(struct inode *i, const char *name, bool write)
{
    if (write && is_fixed(i))
        return -EPERM;
    if (begins_with(name, security) || begins_with(name, sys))
        return 0;
    if (begins_with(name, trusted))
        return capable(CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
    if (begins_with(name, user)) {
        if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
            return write ? -EPERM : -ENODATA;
        if (write && S_ISDIR(i->mode) && i->mode & MODE_STICKY && !inode_is_owner(i))
            return -EPERM;
    }
    return inode_permission(i, write ? MAY_WRITE : MAY_READ);
}

/* Whether this namespace is kept: 0, -EOPNOTSUPP, -EINVAL (a name of nothing). */
static int is_kept(struct inode *i, const char *name)
{
    if (!list_of(i) || !begins_with(name, user))
        return -EOPNOTSUPP;
    return name[sizeof user - 1] ? 0 : -EINVAL;
}

/* Namespaces that Linux's tmpfs has, in which nothing is set. */
static bool is_empty_space(const char *name)
{
    return begins_with(name, security) || begins_with(name, trusted) ||
           strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0;
}

/* --- memory --- */

struct xattr *xattr_alloc(const char *name, uint32_t size)
{
    size_t n = strlen(name) + 1;
    struct xattr *a = vm_alloc(sizeof *a + n + size);

    if (!a)
        return NULL;
    *a = (struct xattr){.size = size};
    memcpy(a->name, name, n);
    return a;
}

/* Count one. 0 or -ENOSPC. */
static int keep(struct filesystem *fs, struct xattr *a)
{
    uint32_t bytes = (uint32_t)kmalloc_usable(&kmalloc_sys, a);
    int err = vfs_keep(bytes);

    if (err)
        return err;
    err = ramfs_take_bytes(fs, bytes);
    if (err) {
        vfs_give_back(bytes);
        return err;
    }
    a->kept = bytes;
    xattrs.count++;
    return 0;
}

/* Count one no more. */
static void let_go(struct filesystem *fs, const struct xattr *a)
{
    ramfs_give_bytes(fs, a->kept);
    vfs_give_back(a->kept);
    xattrs.count--;
}

/* Count one in the place of another (NULL: none), which then is no more counted. 0, or -ENOSPC and it still
 * is. */
static int keep_instead(struct filesystem *fs, struct xattr *a, struct xattr *old)
{
    int err, again;

    if (old)
        let_go(fs, old);
    err = keep(fs, a);
    if (err && old) {
        again = keep(fs, old);
        mm_assert(!again, "no room where there was some: %d", again);
    }
    return err;
}

void xattr_drop(struct inode *i)
{
    struct xattr **list = list_of(i);

    while (*list) {
        struct xattr *a = *list;

        *list = a->next;
        let_go(i->fs, a);
        kfree(a);
    }
}

/* --- what programs do --- */

/* The one attribute that a socket has; nobody changes it. */
static const char of_socket[] = "system.sockprotoname";

static int copy_text(const char *text, char *to, size_t size)
{
    size_t n = strlen(text) + 1;

    if (size && n > size)
        return -ERANGE;
    if (size)
        memcpy(to, text, n);
    return (int)n;
}

int xattr_get(struct inode *i, const char *name, void *value, size_t size)
{
    int err = may_access(i, name, false);
    struct xattr *a;

    if (err)
        return err;
    if (i->ops->protocol && strcmp(name, of_socket) == 0)
        return copy_text(i->ops->protocol(i), value, size);
    err = is_kept(i, name);
    if (err)
        return err == -EOPNOTSUPP && is_empty_space(name) ? -ENODATA : err;
    a = *find(list_of(i), name);
    if (!a)
        return -ENODATA;
    if (size) {
        if (a->size > size)
            return -ERANGE;
        memcpy(value, xattr_value(a), a->size);
    }
    return (int)a->size;
}

/* An inode's attributes have changed. */
static int changed(struct inode *i)
{
    i->ctime_ns = inode_now();
    notify_inode(i, NOTIFY_ATTRIB);
    return 0;
}

int xattr_set(struct inode *i, struct xattr *a, uint32_t flags)
{
    int err = may_access(i, a->name, true);
    struct xattr **at, *old;

    if (!err)
        err = is_kept(i, a->name);
    if (err)
        return err;
    at = find(list_of(i), a->name);
    old = *at;
    if (old && flags & XATTR_CREATE)
        return -EEXIST;
    if (!old && flags & XATTR_REPLACE)
        return -ENODATA;
    err = keep_instead(i->fs, a, old);
    if (err)
        return err;
    if (old) {
        *at = old->next;
        kfree(old);
    }
    at = list_of(i);
    a->next = *at;
    *at = a;
    return changed(i);
}

int xattr_remove(struct inode *i, const char *name)
{
    int err = may_access(i, name, true);
    struct xattr **at, *old;

    if (!err)
        err = is_kept(i, name);
    if (err)
        return err;
    at = find(list_of(i), name);
    old = *at;
    if (!old)
        return -ENODATA;
    *at = old->next;
    let_go(i->fs, old);
    kfree(old);
    return changed(i);
}

int xattr_list(const struct inode *i, char *names, size_t size)
{
    const struct xattr *a = ramfs_is(i->fs) ? container_of(i, const struct node, inode)->xattrs : NULL;
    size_t done = 0;

    if (i->ops->protocol)
        return copy_text(of_socket, names, size);
    for (; a; a = a->next) {
        size_t n = strlen(a->name) + 1;

        if (size && done + n > size)
            return -ERANGE;
        if (size)
            memcpy(names + done, a->name, n);
        done += n;
    }
    return done > XATTR_SIZE_MAX ? -E2BIG : (int)done;
}
