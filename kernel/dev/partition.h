/* A part of a block device as a block device. Portable: it builds on the host. See partition.c. */
#ifndef KERNEL_DEV_PARTITION_H
#define KERNEL_DEV_PARTITION_H

#include "mm/block.h"

struct partition {
    struct block_device dev;
    struct block_device *disk;
    uint64_t start; /* first sector on the disk */
};

/* Make p the sectors [start, start + sectors), 1 or more, of a disk, named after it and the number. The disk
 * has them, and stays as long as p. */
void partition_init(struct partition *p, struct block_device *disk, uint32_t number, uint64_t start,
                    uint64_t sectors);
/* The partition that d is, or NULL: it is a disk. */
struct partition *partition_of(struct block_device *d);

#endif
