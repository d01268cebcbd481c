/* Which disks and partitions swap uses: at boot by a rule or by name, later as programs ask. See swapdev.c.
 * */
#ifndef KERNEL_DEV_SWAPDEV_H
#define KERNEL_DEV_SWAPDEV_H

#include "kernel/dev/disk.h"

/* Swap on what the parameter swap= names, or, without it, on what can be nothing but swap. After
 * disk_read_tables(). Sleeps. */
void swapdev_boot(void);
/* Whether a device has a swap header and can be nothing but swap: the rule at boot. Sleeps. */
bool swapdev_is_swap(struct disk_unit *u);
/* swap_on_at() of a device that nothing else has claimed, else -EBUSY; it is claimed while it is on. u needs
 * no claim or count of the caller's. Sleeps. */
int swapdev_on(struct disk_unit *u, int priority);
/* swap_off() of a device, whose claim ends if that succeeds. Sleeps. */
int swapdev_off(struct disk_unit *u, bool (*stop)(void));
/* Take every area off whose slots are all free. For the end. Sleeps. */
void swapdev_end(void);

#endif
