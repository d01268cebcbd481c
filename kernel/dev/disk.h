/* Disks: bring-up, and requests that a task waits for. */
#ifndef KERNEL_DEV_DISK_H
#define KERNEL_DEV_DISK_H

#include "drivers/block.h"

/* Find the disks, and print a line for each. Sleeps. */
void disk_init(void);

/* Read or write n pages (1 to BLOCK_MAX_SEGS), consecutive on disk from sector, and wait. 0, -EIO,
 * -ETIMEDOUT, -EINVAL. Sleeps. */
int disk_read(struct block_device *d, uint64_t sector, const paddr_t *pages, uint32_t n);
int disk_write(struct block_device *d, uint64_t sector, const paddr_t *pages, uint32_t n);
/* Wait until everything written is on the medium. */
int disk_flush(struct block_device *d);
/* The same for every disk that was written to; before power-off. */
void disk_flush_all(void);

#endif
