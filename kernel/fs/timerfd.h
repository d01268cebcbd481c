/* Timers that are files: timerfd_create(2) and its kin. See timerfd.c. */
#ifndef KERNEL_FS_TIMERFD_H
#define KERNEL_FS_TIMERFD_H

#include "mm/types.h"

/* The calls, with addresses of user memory; wide: times have 64-bit seconds. A descriptor, 0 or -errno.
 * Sleep. */
int timerfd_create(uint32_t clock, uint32_t flags);
int timerfd_set(int fd, uint32_t flags, vaddr_t new, vaddr_t old, bool wide);
int timerfd_get(int fd, vaddr_t va, bool wide);
/* The time of day was set: who asked for it is told. Does not sleep. */
void timerfd_clock_set(void);

#endif
