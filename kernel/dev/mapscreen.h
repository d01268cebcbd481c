/* The map of memory on the display. See mapscreen.c. */
#ifndef KERNEL_DEV_MAPSCREEN_H
#define KERNEL_DEV_MAPSCREEN_H

#include "mm/types.h"

/* Offer the screen, and show it if asked for. Without memory for it there is none. After sched_init() and
 * vm_sys_init(). Sleeps. */
void mapscreen_init(bool show);
/* How often it was drawn, and the processor time that all of it took. */
void mapscreen_cost(uint64_t *updates, uint64_t *ns);

#endif
