/* Disks and their partitions: bring-up, who claims which sectors, and requests that a task waits for. */
#ifndef KERNEL_DEV_DISK_H
#define KERNEL_DEV_DISK_H

#include "drivers/block.h"
#include "kernel/dev/partition.h"
#include "kernel/dev/ptable.h"

enum disk_claim {
    DISK_FREE,
    DISK_OPENED, /* a file that was opened with O_EXCL */
    DISK_SWAP,   /* swap is on, or about to be: nobody else writes there */
};

/* A disk or a partition of it. Changes between sleeps only. */
struct disk_unit {
    struct block_device *dev;
    struct disk *disk;
    uint32_t rdev;             /* device number */
    uint64_t start;            /* first sector on the disk */
    uint32_t opens;            /* open files */
    enum disk_claim claim;     /* of all its sectors */
    struct ptable_entry entry; /* of a partition: number is not 0 */
    struct partition part;
};

struct disk {
    struct disk_unit whole;
    struct disk_unit *part[PTABLE_MAX + 1]; /* by number; allocated */
    enum ptable_kind table;
    const char *what;    /* divides it, as text */
    bool unreadable;     /* its first sector: nothing is known of it */
    struct mutex writes; /* one page is read, changed and written at a time */
};

/* Find the disks, and print a line for each. Sleeps. */
void disk_init(void);
/* Read the partition tables of all disks, and print a line for each disk that has one. Needs vm_sys.
 * Sleeps. */
void disk_read_tables(void);

/* By device number or name; NULL if there is none. */
struct disk_unit *disk_find(uint32_t rdev);
struct disk_unit *disk_find_name(const char *name);
/* Visit disks, each followed by its partitions: the one after the device number, which need not be there any
 * more; the first of all for 0. */
struct disk_unit *disk_next(uint32_t rdev);

/*
 * Claim all sectors of a disk or partition, for swap or for a file. -EBUSY: something has claimed some of
 * them, be it through the disk or through a partition.
 */
int disk_claim(struct disk_unit *u, enum disk_claim claim);
void disk_unclaim(struct disk_unit *u);
/*
 * Read the partition table again, and make the devices anew, in /dev too. by_owner: the caller has claimed
 * the disk. -EINVAL: u is no disk; -EBUSY: a partition is open or claimed, or the disk is; -EIO, -ENOMEM: all
 * is as it was. Sleeps.
 */
int disk_rescan(struct disk_unit *u, bool by_owner);

/* Forget the partitions that are neither open nor claimed. For the end. */
void disk_end(void);

/* Reading sectors of a disk or a partition, for ptable.c: through a frame that keeps what was read last. */
struct disk_reader {
    struct ptable_source source;
    struct block_device *dev;
    struct frame *frame;
    uint64_t first; /* sector in the frame; UINT64_MAX: none */
    uint8_t scratch[PTABLE_SECTOR];
};
/* 0 or -ENOMEM. disk_reader_init() sleeps. */
int disk_reader_init(struct disk_reader *r, struct block_device *dev);
void disk_reader_done(struct disk_reader *r);

/* Read or write n pages (1 to BLOCK_MAX_SEGS), consecutive on disk from sector, and wait. 0, -EIO,
 * -ETIMEDOUT, -EINVAL. Sleeps. */
int disk_read(struct block_device *d, uint64_t sector, const paddr_t *pages, uint32_t n);
int disk_write(struct block_device *d, uint64_t sector, const paddr_t *pages, uint32_t n);
/* Write a page of d, which lies on the disk's sectors from on_disk on, unless swap has claimed one of them:
 * -ETXTBSY. Between that question and the request there is no sleep. Sleeps. */
int disk_write_unclaimed(const struct disk *disk, struct block_device *d, uint64_t sector, uint64_t on_disk,
                         paddr_t page);
/* Wait until everything written is on the medium. Sleeps. */
int disk_flush(struct block_device *d);
/* The same for every disk that was written to; before power-off. Sleeps. */
void disk_flush_all(void);

#endif
