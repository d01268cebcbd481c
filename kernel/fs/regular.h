/* Regular files: reading and writing objects. See regular.c. */
#ifndef KERNEL_FS_REGULAR_H
#define KERNEL_FS_REGULAR_H

#include "kernel/fs/vfs.h"

extern const struct file_ops regular_ops;

/* Whether the running process may make a file this long: 0, or -EFBIG and SIGXFSZ. */
int regular_check_size(uint64_t size);

/* How much of *n bytes it may write at a position, by f if that is not NULL: likewise. */
int regular_check_room(const struct file *f, uint64_t pos, size_t *n);

/* f is a pinned page of o that is about to be changed by the kernel. 0; -ENOSPC, and it may not be.
 * Sleeps. */
int regular_begin_write(struct object *o, struct frame *f);

#endif
