/* Devices as files: the table of device numbers, and the devices that are nothing but memory. See devices.c.
 */
#ifndef KERNEL_DEV_DEVICES_H
#define KERNEL_DEV_DEVICES_H

#include "kernel/fs/vfs.h"

#define DISK_MODE (S_IFBLK | 0660) /* of a disk's or partition's node */

/* Register null, zero and the others. Before vfs_init(). */
void devices_init(void);
/* The operations of a device node. 0 or -ENXIO. */
int device_find(uint32_t mode, uint32_t rdev, const struct file_ops **ops, void **data);
/* Visit all devices, disks and partitions last. Sleeps if fn does. */
void devices_each(void (*fn)(uint32_t mode, uint32_t rdev, const char *name, void *arg), void *arg);
/* Make the node of a partition in every devtmpfs if there is one, else remove it. Sleeps. */
void devices_update(uint32_t rdev, const char *name);

#endif
