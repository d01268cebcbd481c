/* Devices as files: the table of device numbers, and the devices that are nothing but memory. See devices.c.
 */
#ifndef KERNEL_DEV_DEVICES_H
#define KERNEL_DEV_DEVICES_H

#include "drivers/block.h"
#include "kernel/fs/vfs.h"

/* Register null, zero and the others, and the disks. Before vfs_init(). */
void devices_init(void);
/* The operations of a device node. 0 or -ENXIO. */
int device_find(uint32_t mode, uint32_t rdev, const struct file_ops **ops, void **data);
/* Visit the registered devices, for /proc/devices. */
void devices_each(void (*fn)(uint32_t mode, uint32_t rdev, const char *name, void *arg), void *arg);
/* The disk of a block device node, or NULL. For swapon(). */
struct block_device *device_block(const struct inode *i);
/* Have a disk for oneself. holder: anything that tells one from another. 0; -EBUSY: somebody has it, or
 * swap is on it. Do not sleep. */
int disk_claim(const struct block_device *d, const void *holder);
void disk_unclaim(const struct block_device *d, const void *holder);

#endif
