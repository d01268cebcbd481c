/* Signals that are read: signalfd(2). See signalfd.c. */
#ifndef KERNEL_FS_SIGNALFD_H
#define KERNEL_FS_SIGNALFD_H

#include "mm/types.h"

/* Once, at start-up. */
void signalfd_init(void);
/* signalfd4(2) with the address of a mask in user memory: a new descriptor (fd -1), or another mask for one.
 * The descriptor or -errno. Sleeps. */
int signalfd_create(int fd, vaddr_t mask, uint32_t size, uint32_t flags);

#endif
