/* newc cpio archives, entry by entry. Portable. See cpio.c. */
#ifndef KERNEL_FS_CPIO_H
#define KERNEL_FS_CPIO_H

#include "mm/types.h"

struct cpio {
    const uint8_t *start;
    size_t size;
    size_t at; /* of the next header */
    uint32_t entries;
};

/* One member. name and data point into the archive; name is terminated there. */
struct cpio_entry {
    const char *name;
    const uint8_t *data;
    uint32_t size;
    uint32_t ino, mode, uid, gid, nlink, mtime;
    uint32_t dev_major, dev_minor;   /* with ino: which hard links belong together */
    uint32_t rdev_major, rdev_minor; /* of a device node */
};

void cpio_begin(struct cpio *c, const void *archive, size_t size);
/* The next member: 1. At the end of the archive: 0. What is wrong: 0 too, and *why, which names it (else
 * NULL). Reads nothing outside of the archive. */
int cpio_next(struct cpio *c, struct cpio_entry *e, const char **why);

#endif
