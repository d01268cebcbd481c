/* Paths that programs hand in. See sys_path.c. */
#ifndef KERNEL_SYS_SYS_PATH_H
#define KERNEL_SYS_SYS_PATH_H

#include "kernel/fs/vfs.h"

/* None of Linux's flags, for path_from_user() only. */
#define PATH_IN_ROOT 0x40000000u

/*
 * Fetch a path and the directory that it starts from: *dir NULL for the current one, else referenced; *path
 * in memory of its own. flags: AT_EMPTY_PATH lets "" through; PATH_IN_ROOT: absolute paths start from the
 * directory too. Give both to path_done(). -EFAULT,
 * -ENAMETOOLONG, -ENOENT, -EBADF, -ENOTDIR. Sleep.
 */
int path_from_user(int dirfd, vaddr_t user_path, unsigned flags, struct inode **dir, char **path);
void path_done(struct inode *dir, char *path);
/* The inode that a system call's directory, path and AT_* name, referenced. A null path with AT_EMPTY_PATH is
 * "". Sleeps. */
int inode_from_user(int dirfd, vaddr_t user_path, unsigned flags, struct inode **out);

#endif
