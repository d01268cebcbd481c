/* newc cpio archives, entry by entry. Portable. See cpio.c. */
#ifndef KERNEL_FS_CPIO_H
#define KERNEL_FS_CPIO_H

#include "mm/types.h"

#define CPIO_NAME_MAX 4096u /* with the 0 */

struct cpio {
    /* Copy n bytes from byte `at` of the archive on, which lie in it. Does not sleep. */
    void (*fetch)(const struct cpio *c, size_t at, void *to, size_t n);
    const void *start; /* fetch's own */
    size_t size;
    size_t at; /* of the next header */
    uint32_t entries;
    char *name; /* of the last member */
};

/* One member. */
struct cpio_entry {
    const char *name; /* until the next */
    size_t data;      /* where its bytes are in the archive */
    uint32_t size;
    uint32_t ino, mode, uid, gid, nlink, mtime;
    uint32_t dev_major, dev_minor;   /* with ino: which hard links belong together */
    uint32_t rdev_major, rdev_minor; /* of a device node */
};

/* fetch NULL: start is the archive itself. name: memory of CPIO_NAME_MAX bytes, for as long as c is used. */
void cpio_begin(struct cpio *c, void (*fetch)(const struct cpio *c, size_t at, void *to, size_t n),
                const void *start, size_t size, char *name);
/* The next member: 1. At the end of the archive: 0. What is wrong: 0 too, and *why, which names it (else
 * NULL). Reads nothing outside of the archive. */
int cpio_next(struct cpio *c, struct cpio_entry *e, const char **why);

#endif
