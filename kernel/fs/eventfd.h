/* Event descriptors: eventfd(2). See eventfd.c. */
#ifndef KERNEL_FS_EVENTFD_H
#define KERNEL_FS_EVENTFD_H

#include "mm/types.h"

/* A descriptor of a new counter, with eventfd2(2)'s flags; or -errno. Sleeps. */
int eventfd_create(uint32_t count, uint32_t flags);

#endif
