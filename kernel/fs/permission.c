/*
 * Permissions of files: modes, owners, sticky directories, and the capabilities that pass over them.
 *
 * A task acts with its ids for files (struct cred): its owner's bits of the mode if it owns the file, else
 * the group's if it is in the group, else those of others; never a mixture. What the mode refuses, a
 * capability may allow: CAP_DAC_OVERRIDE everything but the execution of what nobody may execute, and
 * CAP_DAC_READ_SEARCH what changes nothing.
 *
 * Data and locking. Modes and owners change between sleeps; nothing here sleeps, so an answer is true until
 * the caller sleeps. Whoever sleeps between the question and the deed has asked for an open file, which is
 * judged by what it was opened for.
 *
 * In a directory that everybody may write to and that is sticky only owners take names away. There names
 * lead others astray, too: protected_* (sysctl fs.*) say whether links and files that others made there are
 * refused, with Linux's rules.
 *
 * Failure: -errno, and nothing has changed.
 *
 * Source: path_resolution(7), inode(7), chmod(2), chown(2), unlink(2), proc(5) (protected_*).
 */
#include "kernel/fs/permission.h"
#include "kernel/fs/attributes.h"
#include "kernel/fs/notify.h"
#include "kernel/proc/capability.h"

uint32_t protected_hardlinks = 1, protected_symlinks = 1, protected_fifos, protected_regular;

/* --- reading, writing, executing --- */

/* Whether the mode alone allows it. */
static bool mode_allows(const struct inode *i, const struct cred *c, unsigned want)
{
    uint32_t mode = i->mode;

    if (c->fsuid == i->uid)
        mode >>= 6;
    else if (((mode >> 3 ^ mode) & want) && cred_in_group(c, i->gid)) /* if it makes a difference */
        mode >>= 3;
    return !(want & ~mode);
}

int inode_permission(struct inode *i, unsigned want)
{
    const struct cred *c = cred_current();

    if (want & MAY_WRITE && (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)) && inode_may_change(i))
        return -EROFS;
    if (want & MAY_WRITE && is_immutable(i))
        return -EPERM;
    if (want & MAY_EXEC && S_ISREG(i->mode) && i->fs->flags & MOUNT_NOEXEC)
        return -EACCES;
    if (unlikely(want & MAY_WRITE && i->ops->refuse_write)) {
        int err = i->ops->refuse_write(i);

        if (err)
            return err;
    }
    if (mode_allows(i, c, want))
        return 0;
    if (want & MAY_EXEC && !S_ISDIR(i->mode) && !(i->mode & MODE_ANY_X))
        return -EACCES;
    if (c->effective & CAP_BIT(CAP_DAC_OVERRIDE))
        return 0;
    if ((S_ISDIR(i->mode) ? !(want & MAY_WRITE) : want == MAY_READ) &&
        c->effective & CAP_BIT(CAP_DAC_READ_SEARCH))
        return 0;
    return -EACCES;
}

bool inode_is_owner(const struct inode *i)
{
    const struct cred *c = cred_current();

    return c->fsuid == i->uid || c->effective & CAP_BIT(CAP_FOWNER);
}

/* --- names --- */

int permission_create(struct inode *dir)
{
    return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

int permission_delete(struct inode *dir, const struct inode *victim)
{
    int err = inode_permission(dir, MAY_WRITE | MAY_EXEC);

    if (err)
        return err;
    if (is_append_only(dir) || is_fixed(victim))
        return -EPERM;
    if (!(dir->mode & MODE_STICKY))
        return 0;
    return cred_current()->fsuid == dir->uid || inode_is_owner(victim) ? 0 : -EPERM;
}

/* Whether a second name is harmless: of a regular file that could be opened for writing and is not set-id. */
static bool safe_to_link(struct inode *i)
{
    return S_ISREG(i->mode) && !(i->mode & MODE_SET_UID) &&
           (i->mode & (MODE_SET_GID | MODE_GROUP_X)) != (MODE_SET_GID | MODE_GROUP_X) &&
           inode_permission(i, MAY_READ | MAY_WRITE) == 0;
}

int permission_link(struct inode *target)
{
    return !protected_hardlinks || inode_is_owner(target) || safe_to_link(target) ? 0 : -EPERM;
}

#define EVERYBODY (MODE_STICKY | MAY_WRITE)

int permission_follow(const struct inode *dir, const struct inode *link)
{
    if (!protected_symlinks || (dir->mode & EVERYBODY) != EVERYBODY || dir->uid == link->uid ||
        cred_current()->fsuid == link->uid)
        return 0;
    return -EACCES;
}

int permission_take(const struct inode *dir, const struct inode *found)
{
    uint32_t careful = S_ISFIFO(found->mode) ? protected_fifos : S_ISREG(found->mode) ? protected_regular : 0;

    if (!careful || !(dir->mode & MODE_STICKY) || found->uid == dir->uid ||
        cred_current()->fsuid == found->uid)
        return 0;
    return dir->mode & MAY_WRITE || (careful > 1 && dir->mode & MAY_WRITE << 3) ? -EACCES : 0;
}

/* --- owners and modes --- */

/* Whether who acts may leave a file set-gid that belongs to the group. */
static bool may_set_gid(uint32_t gid)
{
    return cred_in_group(cred_current(), gid) || capable(CAP_FSETID);
}

void inode_take_owner(struct inode *i, const struct inode *dir)
{
    const struct cred *c = cred_current();

    i->uid = c->fsuid;
    i->gid = c->fsgid;
    i->attributes = dir ? dir->attributes & ATTRIBUTES_INHERITED : 0;
    if (!dir || !(dir->mode & MODE_SET_GID))
        return;
    i->gid = dir->gid;
    if (S_ISDIR(i->mode))
        i->mode |= MODE_SET_GID;
    else if ((i->mode & (MODE_SET_GID | MODE_GROUP_X)) == (MODE_SET_GID | MODE_GROUP_X) &&
             !may_set_gid(i->gid))
        i->mode &= ~(uint32_t)MODE_SET_GID;
}

int inode_chmod(struct inode *i, uint32_t mode)
{
    if (S_ISLNK(i->mode))
        return -EOPNOTSUPP;
    if (inode_may_change(i))
        return -EROFS;
    if (is_fixed(i) || !inode_is_owner(i) || (i->ops->refuse_mode && i->ops->refuse_mode(i, mode & 07777)))
        return -EPERM;
    if (!may_set_gid(i->gid))
        mode &= ~(uint32_t)MODE_SET_GID;
    i->mode = (i->mode & S_IFMT) | (mode & 07777);
    i->ctime_ns = inode_now();
    notify_inode(i, NOTIFY_ATTRIB);
    return 0;
}

/* What a change of contents or owner leaves of the mode. */
static uint32_t without_set_id(const struct inode *i)
{
    uint32_t mode = i->mode & ~(uint32_t)MODE_SET_UID;

    return mode & MODE_GROUP_X || !may_set_gid(i->gid) ? mode & ~(uint32_t)MODE_SET_GID : mode;
}

int inode_chown(struct inode *i, uint32_t uid, uint32_t gid)
{
    const struct cred *c = cred_current();
    bool owns = c->fsuid == i->uid;
    uint32_t left = S_ISDIR(i->mode) ? i->mode : without_set_id(i);
    bool changes;

    if (inode_may_change(i))
        return -EROFS;
    if (is_fixed(i) && (uid != ID_NONE || gid != ID_NONE))
        return -EPERM;
    if (i->ops->refuse_change && (uid != ID_NONE || gid != ID_NONE)) {
        int err = i->ops->refuse_change(i, false);

        if (err)
            return err;
    }
    if (!capable(CAP_CHOWN) && ((uid != ID_NONE && !(owns && uid == i->uid)) ||
                                (gid != ID_NONE && !(owns && (gid == i->gid || cred_in_group(c, gid))))))
        return -EPERM;
    if (left != i->mode && !inode_is_owner(i))
        return -EPERM;
    changes = uid != ID_NONE || gid != ID_NONE || left != i->mode;
    i->mode = left;
    if (uid != ID_NONE)
        i->uid = uid;
    if (gid != ID_NONE)
        i->gid = gid;
    i->ctime_ns = inode_now();
    if (changes)
        notify_inode(i, NOTIFY_ATTRIB);
    return 0;
}

int permission_times(struct inode *i, bool touch)
{
    if (inode_may_change(i))
        return -EROFS;
    if (touch ? is_immutable(i) : is_fixed(i))
        return -EPERM;
    if (i->ops->refuse_change) {
        int err = i->ops->refuse_change(i, true);

        if (err)
            return err;
    }
    if (inode_is_owner(i))
        return 0;
    return touch ? inode_permission(i, MAY_WRITE) : -EPERM;
}

static void set_mode_changed(struct inode *i, uint32_t mode)
{
    if (mode == i->mode)
        return;
    i->mode = mode;
    notify_inode(i, NOTIFY_ATTRIB);
}

void inode_changed(struct inode *i)
{
    if (unlikely(i->mode & (MODE_SET_UID | MODE_SET_GID)) && S_ISREG(i->mode) && !capable(CAP_FSETID))
        set_mode_changed(i, without_set_id(i));
}
