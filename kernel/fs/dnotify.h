/* Signals that tell what happens in directories: fcntl(2)'s F_NOTIFY. See dnotify.c. */
#ifndef KERNEL_FS_DNOTIFY_H
#define KERNEL_FS_DNOTIFY_H

#include "kernel/fs/notify.h"

/* fcntl(2)'s F_NOTIFY for descriptor fd of an open file, with its DN_* bits: 0, -EINVAL, -ENOTDIR, -ENOMEM.
 * Sleeps. */
int dnotify_set(struct file *f, int fd, uint32_t what);
/* A descriptor in a table of what may be a directory is closed: it tells no more. */
void dnotify_drop(struct file *f, const struct fd_table *t);

/* /proc/sys/fs/dir-notify-enable. */
extern uint32_t dnotify_enable;

#endif
