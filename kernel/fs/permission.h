/* Who may do what with files and names. See permission.c. */
#ifndef KERNEL_FS_PERMISSION_H
#define KERNEL_FS_PERMISSION_H

#include "kernel/fs/vfs.h"

enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
/* Of a mode. */
enum {
    MODE_SET_UID = 04000,
    MODE_SET_GID = 02000,
    MODE_STICKY = 01000,
    MODE_GROUP_X = 010,
    MODE_ANY_X = 0111
};

/* /proc/sys/fs: whether hard links, symbolic links, FIFOs and regular files that others made in directories
 * of everybody are treated with care. */
extern uint32_t protected_hardlinks, protected_symlinks, protected_fifos, protected_regular;

/*
 * Whether the running task may read, write, execute (search, of a directory) what the inode is: MAY_*. 0,
 * -EACCES, -EROFS. Does not sleep.
 */
int inode_permission(struct inode *i, unsigned want);
/* Whether it may do what its owner may. */
bool inode_is_owner(const struct inode *i);

/* Whether a name may be made in a directory; and whether that of `victim` may be taken away. 0, -EACCES,
 * -EPERM, -EROFS. Do not sleep. */
int permission_create(struct inode *dir);
int permission_delete(struct inode *dir, const struct inode *victim);
/* Whether another name may be made for a file that the task does not own: 0 or -EPERM. */
int permission_link(struct inode *target);
/* Whether a symbolic link that was found in dir may be followed: 0 or -EACCES. */
int permission_follow(const struct inode *dir, const struct inode *link);
/* Whether open() with O_CREAT may take what it finds in dir: 0 or -EACCES. */
int permission_take(const struct inode *dir, const struct inode *found);

/* Give a new inode to the running task, whose directory it is to be in (NULL: none), with set-gid as the
 * directory says. Does not sleep. */
void inode_take_owner(struct inode *i, const struct inode *dir);

/* chmod(2) and chown(2) of an inode; ID_NONE leaves an id. -EPERM, -EROFS, -EOPNOTSUPP (a symbolic link's
 * mode). Do not sleep. */
int inode_chmod(struct inode *i, uint32_t mode);
int inode_chown(struct inode *i, uint32_t uid, uint32_t gid);
/* Whether the times may be set: to what is said, or (touch) to now. 0, -EPERM, -EACCES, -EROFS. */
int permission_times(struct inode *i, bool touch);
/* The contents have been changed by who is no owner: the file is no set-id one any more. */
void inode_changed(struct inode *i);

#endif
