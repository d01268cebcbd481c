/* Pipes and FIFOs. See pipe.c. */
#ifndef KERNEL_FS_PIPE_H
#define KERNEL_FS_PIPE_H

#include "kernel/fs/file.h"

#define PIPE_BUF  4096u  /* a write up to this is not divided */
#define PIPE_SIZE 65536u /* capacity of a new pipe */
#define PIPE_MAX  (1u << 20)

/* Both ends of a new pipe; flags: O_NONBLOCK, O_CLOEXEC is not theirs. 0, -ENOMEM. */
int pipe_create(uint32_t flags, struct file **reader, struct file **writer);
/* fcntl(): capacity, and its change. -EBADF: no pipe; -EBUSY: more than that is in it; -EPERM: too much. */
int pipe_get_size(const struct file *f);
int pipe_set_size(struct file *f, uint32_t size);
/* Bytes that wait to be read. */
uint32_t pipe_fill(const struct file *f);
/* tee(2): the next n bytes of one pipe also into another. Bytes or -errno. */
int pipe_tee(struct file *from, struct file *to, size_t n, bool nonblock);

#endif
