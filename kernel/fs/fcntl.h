/* fcntl(2): its commands, and locks on files. See fcntl.c. */
#ifndef KERNEL_FS_FCNTL_H
#define KERNEL_FS_FCNTL_H

#include "kernel/fs/file.h"

enum {
    F_DUPFD = 0,
    F_GETFD = 1,
    F_SETFD = 2,
    F_GETFL = 3,
    F_SETFL = 4,
    F_GETLK = 5,
    F_SETLK = 6,
    F_SETLKW = 7,
    F_SETOWN = 8,
    F_GETOWN = 9,
    F_SETSIG = 10,
    F_GETSIG = 11,
    F_SETOWN_EX = 15,
    F_GETOWN_EX = 16,
    F_GETOWNER_UIDS = 17,
    F_GETLK64 = 12,
    F_SETLK64 = 13,
    F_SETLKW64 = 14,
    F_OFD_GETLK = 36,
    F_OFD_SETLK = 37,
    F_OFD_SETLKW = 38,
    F_SETLEASE = 1024,
    F_GETLEASE = 1025,
    F_NOTIFY = 1026,
    F_DUPFD_CLOEXEC = 1030,
    F_SETPIPE_SZ = 1031,
    F_GETPIPE_SZ = 1032,
    F_ADD_SEALS = 1033,
    F_GET_SEALS = 1034,
    F_GET_RW_HINT = 1035,
    F_SET_RW_HINT = 1036,
};

/*
 * The locking commands of fcntl(2) on an open file that fd names; -EINVAL for any other. arg: address of a
 * struct flock or flock64. A process's lock is not given when fd names f no more by then: -EBADF. -EDEADLK:
 * it would wait for itself. Sleeps.
 */
int fcntl_lock(struct file *f, int fd, unsigned cmd, vaddr_t arg);
/* flock(2); f NULL: -EBADF, if `how` makes sense at all. Sleeps. */
int flock_lock(struct file *f, unsigned how);
/* Kernel memory that the locks of a process take. */
size_t fcntl_locks_bytes(const struct fd_table *t);

#endif
