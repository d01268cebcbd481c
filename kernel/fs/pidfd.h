/* Descriptors that name a process. See pidfd.c. */
#ifndef KERNEL_FS_PIDFD_H
#define KERNEL_FS_PIDFD_H

#include "kernel/fs/file.h"

struct process;

/* A process, whoever has its number now. */
struct pidfd_name {
    int pid;
    uint64_t born; /* process.start_ns */
};
/* What a descriptor of the running process names, so that it can be looked up again after a sleep; nonblock
 * (may be NULL): whether the file is O_NONBLOCK. 0; -EBADF: no such descriptor. Sleeps. */
int pidfd_get_name(int fd, struct pidfd_name *out, bool *nonblock);
/* The same of what a signal may be sent by: a descriptor of /proc/PID too. Sleeps. */
int pidfd_get_target(int fd, struct pidfd_name *out);
/* Whether p is the one, and the one itself, alive or a zombie; NULL: it is gone. Do not sleep. */
bool pidfd_names(const struct pidfd_name *n, const struct process *p);
struct process *pidfd_find(const struct pidfd_name *n);
/* Have those who poll a descriptor woken by ends of processes. At start-up. */
void pidfd_init(void);
/* A file for a process that will have this number, and names nobody yet; 0 or -errno. Sleeps. */
int pidfd_prepare(int pid, uint32_t flags, struct file **out);
/* It is this one. Does not sleep. */
void pidfd_complete(struct file *f, const struct process *p);
/* A descriptor for the process with a number, with pidfd_open(2)'s flags; or -errno. Sleeps. */
int pidfd_open(uint32_t pid, uint32_t flags);

#endif
