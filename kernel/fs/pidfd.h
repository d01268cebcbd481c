/* Descriptors that name a process. See pidfd.c. */
#ifndef KERNEL_FS_PIDFD_H
#define KERNEL_FS_PIDFD_H

#include "kernel/fs/file.h"

struct process;

/* The process that a descriptor of the running process names, alive or a zombie; nonblock (may be NULL):
 * whether the file is O_NONBLOCK. 0; -EBADF: no such descriptor; -ESRCH: nobody any more. Sleeps. */
int pidfd_process(int fd, struct process **out, bool *nonblock);
/* Have those who poll a descriptor woken by ends of processes. At start-up. */
void pidfd_init(void);
/* A descriptor for the process with a number, with pidfd_open(2)'s flags; or -errno. Sleeps. */
int pidfd_open(uint32_t pid, uint32_t flags);

#endif
