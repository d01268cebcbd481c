/* The registry of block devices. Drivers add to it at boot; nothing is ever removed. */
#ifndef DRIVERS_BLOCK_H
#define DRIVERS_BLOCK_H

#include "mm/block.h"

/* The device stays the driver's memory, and its name must be set. Task context. */
void block_register(struct block_device *d);
/* The first device in order of registration; the others follow through next. NULL when there is none. */
struct block_device *block_first(void);
struct block_device *block_find(const char *name);

#endif
