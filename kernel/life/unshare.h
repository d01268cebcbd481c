/* Having for oneself what was shared at clone(). See unshare.c. */
#ifndef KERNEL_LIFE_UNSHARE_H
#define KERNEL_LIFE_UNSHARE_H

#include "mm/types.h"

/* unshare(2) for the running thread: 0, -EINVAL, -EPERM, -ENOMEM. Sleeps. */
int unshare(uint32_t flags);

#endif
