/* What may no more be done to a file in memory: memfd_create(2)'s seals. See seals.c. */
#ifndef KERNEL_FS_SEALS_H
#define KERNEL_FS_SEALS_H

#include "kernel/fs/file.h"

enum {
    SEAL_SEAL = 1, /* no more seals */
    SEAL_SHRINK = 2,
    SEAL_GROW = 4,
    SEAL_WRITE = 8,         /* contents stay as they are */
    SEAL_FUTURE_WRITE = 16, /* the same, but for those who have it mapped */
    SEAL_TAKER = 128,       /* ours: of files in memory, which have seals at all */
};

/* fcntl(F_ADD_SEALS): -EINVAL (an unknown seal, or a file that takes none), -EPERM (not open for writing,
 * or sealed against seals), -EBUSY (SEAL_WRITE of a file that somebody has mapped for writing). Sleeps. */
int seals_add(struct file *f, uint32_t seals);
/* fcntl(F_GET_SEALS): them, or -EINVAL. */
int seals_get(const struct file *f);
/* Whether a file may be given a size, and whether it may be written to: 0 or -EPERM. With i->lock, they
 * hold until it is released. */
int seals_allow_size(const struct inode *i, uint64_t size);
int seals_allow_write(const struct inode *i);
/* REGION_NOWRITE if a mapping with REGION_* flags must not be made writable later; else 0. One that is
 * writable from the beginning is refused by the object. */
unsigned seals_for_map(const struct inode *i, unsigned region_flags);

#endif
