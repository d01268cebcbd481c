/* Pipes and FIFOs. See pipe.c. */
#ifndef KERNEL_FS_PIPE_H
#define KERNEL_FS_PIPE_H

#include "kernel/fs/file.h"

#define PIPE_BUF   4096u           /* a write up to this is not divided */
#define PIPE_SIZE  65536u          /* capacity of a new pipe */
#define PIPE_SMALL (2 * PAGE_SIZE) /* when there are many */

/*
 * /proc/sys/fs: the most bytes that a pipe may be made to hold without CAP_SYS_RESOURCE; how many pages all
 * pipes together may promise before new ones of who has neither that nor CAP_SYS_ADMIN are small (soft) or
 * refused (hard). 0: no limit.
 */
extern uint32_t pipe_max_size, pipe_pages_soft, pipe_pages_hard;

/* The capacity that is made of a size: a power of two, at least a page. 0: too much. */
uint32_t pipe_round(uint32_t size);
/* Both ends of a new pipe; flags: O_NONBLOCK, and O_DIRECT, which is the writer's alone. 0, -ENOMEM,
 * -ENFILE. Sleeps. */
int pipe_create(uint32_t flags, struct file **reader, struct file **writer);
/* fcntl(): capacity, and its change. -EBADF: no pipe; -EBUSY: more than that is in it; -EPERM: a limit;
 * -ENOMEM: more than there may be; -EINVAL: no size. pipe_set_size() sleeps. */
int pipe_get_size(const struct file *f);
int pipe_set_size(struct file *f, uint32_t size);
/* Kernel memory that an inode's pipe takes; 0: it has none. */
size_t pipe_bytes(const struct inode *i);
/* Bytes that wait to be read. */
uint32_t pipe_fill(const struct file *f);
/* Write n bytes, a page at most, to a place of their own, once there is one. For vmsplice(2). Bytes or
 * -errno. Sleeps. */
int pipe_give(struct file *f, vaddr_t buf, size_t n, bool nonblock);
/* Move up to n bytes between a pipe's memory and somewhere else. How many, or -errno. May sleep; not to use
 * the pipe. */
typedef int (*pipe_move_fn)(void *arg, void *bytes, size_t n);
/*
 * Hand what is in the pipe, n bytes at most, to move(), once there is any, until it takes nothing. What it
 * has not taken stays in the pipe: nobody reads or writes in between. For splice(2). Bytes, 0 at the end, or
 * -errno if there are none. move may sleep. Sleeps.
 */
int pipe_move_out(struct file *f, size_t n, bool nonblock, pipe_move_fn move, void *arg);
/* Have move() fill the room of the pipe, n bytes at most, once there is any, until it gives less than it is
 * asked for: first so many bytes, then pages, as the pages of its file are divided. So nothing is fetched
 * that has no place. Bytes or -errno as above. move may sleep. Sleeps. */
int pipe_move_in(struct file *f, size_t n, size_t first, bool nonblock, pipe_move_fn move, void *arg);
/*
 * The next n bytes of one pipe into another, as far as there are bytes and room; keep: they also stay where
 * they are. For splice(2) and tee(2). Nobody reads or writes in between. Bytes or -errno. Sleeps, for the
 * first byte and for its place.
 */
int pipe_to_pipe(struct file *from, struct file *to, size_t n, bool nonblock, bool keep);

/* Whether all pipes are as they have to be: INV-PIPE-*. Reads only; logs what is broken. Does not sleep. */
bool pipe_verify(void);

#endif
