/* The filesystem in memory: the root, tmpfs, devtmpfs, and files without a name. See ramfs.c. */
#ifndef KERNEL_FS_RAMFS_H
#define KERNEL_FS_RAMFS_H

#include "kernel/fs/vfs.h"

/* Register the types rootfs, tmpfs and devtmpfs. */
void ramfs_register(void);
/* Let a new regular file's contents be the bytes of an image, as object_set_image() has it, which stay where
 * they are. */
void ramfs_set_image(struct inode *i, const void *image, bool high, size_t size);
/* A file in memory that has no name and counts nowhere: memfd_create(), shared memory; or, without a type in
 * mode, an inode that cannot be opened, for files that are made otherwise. NULL when out of memory.
 * Sleeps. */
struct inode *ramfs_anonymous(uint32_t mode);
/* For types whose inodes are nodes in memory (type.nodes): make the root, and take all away. Sleep. */
int ramfs_mount_root(struct filesystem *fs, uint32_t mode);
void ramfs_destroy(struct filesystem *fs);
/* Pages that a filesystem in memory may have when nobody says how many: half of memory. */
uint64_t ramfs_default_limit(void);
/* And inodes: one for two pages, as on Linux, but not more than there are low pages. */
uint64_t ramfs_default_inodes(void);
/* Whether an inode is one of those that cannot be opened: for files that are made otherwise. */
bool ramfs_is_bare(const struct inode *i);
/* Whether a filesystem is one of these. */
bool ramfs_is(const struct filesystem *fs);
/* Whether all of it is as it has to be: INV-RAMFS-*. Reads only; logs what is broken. Does not sleep. */
bool ramfs_verify(void);
/* Fill a new devtmpfs: devices.c. */
int devices_populate(struct inode *root);

#endif
