/* Regular files of the filesystem in memory: what ramfs.c and ramfs_file.c know of each other. */
#ifndef KERNEL_FS_RAMFS_FILE_H
#define KERNEL_FS_RAMFS_FILE_H

#include "kernel/fs/vfs.h"

/* Give a new inode of a regular file its object, which holds the inode. 0 or -ENOMEM. Sleeps. */
int ramfs_file_init(struct inode *i);
/* struct inode_ops; with inode.lock held. Sleep. */
int ramfs_truncate(struct inode *i, uint64_t size);
int ramfs_fallocate(struct inode *i, unsigned mode, uint64_t start, uint64_t size);

/* Have so many bytes beside the files' pages count for a filesystem's size, by pages that all of them would
 * fill: 0 or -ENOSPC. And give them back. Do not sleep. */
int ramfs_take_bytes(struct filesystem *fs, uint32_t bytes);
void ramfs_give_bytes(struct filesystem *fs, uint32_t bytes);

/* Of ramfs.c: the inode and its object are both gone. */
void ramfs_node_free(struct inode *i);

#endif
