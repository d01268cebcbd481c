/* Descriptors that tell what happens to files: inotify(7). See inotify.c. */
#ifndef KERNEL_FS_INOTIFY_H
#define KERNEL_FS_INOTIFY_H

#include "kernel/fs/notify.h"

/* Beside NOTIFY_*, which are the same: what inotify_add_watch(2) may be asked for, and what only news
 * have. */
enum {
    IN_Q_OVERFLOW = 1 << 14,
    IN_IGNORED = 1 << 15,
    IN_ONLYDIR = 1 << 24,
    IN_DONT_FOLLOW = 1 << 25,
    IN_EXCL_UNLINK = 1 << 26,
    IN_MASK_CREATE = 1 << 28,
    IN_MASK_ADD = 1 << 29,
};
#define IN_ONESHOT (1u << 31)
/* Every bit that has a meaning. */
#define IN_BITS                                                                                              \
    (NOTIFY_EVERYTHING | NOTIFY_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |         \
     IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | NOTIFY_ISDIR | IN_ONESHOT)

/* Once, at start-up. */
void inotify_init(void);
/* A descriptor with inotify_init1(2)'s flags, or -EINVAL, -EMFILE (the user has too many), -ENOMEM, -ENFILE.
 * Sleeps. */
int inotify_create(uint32_t flags);
/* Whether a file is one of these. */
bool inotify_is(const struct file *f);
/* Watch an inode, for mask of IN_BITS; or change what is watched of it. A number, of such a file, or -ENOSPC
 * (the user watches too many), -EEXIST (IN_MASK_CREATE), -ENOMEM. Sleeps. */
int inotify_watch(struct file *f, struct inode *i, uint32_t mask);
/* End a watch by its number: 0 or -EINVAL. Does not sleep. */
int inotify_unwatch(struct file *f, int wd);

/* /proc/sys/fs/inotify: of one descriptor, and of one user. */
extern uint32_t inotify_max_events, inotify_max_instances, inotify_max_watches;

#endif
