/*
 * Partition tables: what is on a disk, told from its bytes. Portable: it reads through a function that it is
 * given, and builds on the host. See ptable.c.
 */
#ifndef KERNEL_DEV_PTABLE_H
#define KERNEL_DEV_PTABLE_H

#include "mm/types.h"

#define PTABLE_SECTOR 512u
#define PTABLE_MAX    63u /* partitions of a disk: as many as there are minor numbers */

enum ptable_kind {
    PTABLE_NONE, /* nothing says that the disk is divided */
    PTABLE_MBR,
    PTABLE_GPT,
    PTABLE_OTHER, /* something divides it that is not understood, or is damaged */
};

struct ptable_entry {
    uint32_t number; /* from 1 on, as Linux counts */
    /* Sectors: 1 or more, all on the disk. Of an extended partition, the first two only: what is behind them
     * belongs to the logical ones. */
    uint64_t start, sectors;
    bool swap;         /* the table says that it is for swap: type 82, or GPT's type of Linux swap */
    bool extended;     /* holds the logical partitions */
    uint32_t outer;    /* number of the extended partition that holds it; 0: none */
    uint64_t span;     /* sectors that the table gives it, of an extended one too */
    const char *doubt; /* what is wrong with its place, so that nothing is written there unasked; or NULL */
};

struct ptable {
    enum ptable_kind kind;
    const char *what; /* kind as text */
    uint32_t n;
    struct ptable_entry entry[PTABLE_MAX]; /* by number */
    uint8_t sector[PTABLE_SECTOR];         /* scratch */
};

/* Where the bytes come from. */
struct ptable_source {
    const char *name; /* in the log */
    uint64_t sectors;
    /* Read one sector, which is below sectors. False: it cannot be read. read may sleep. */
    bool (*read)(void *arg, uint64_t sector, uint8_t *bytes);
    void *arg;
};

/*
 * Read the partition table of a disk. Damage of any kind is told on the log, and what is sound is used. 0;
 * -EIO: the first sector cannot be read, so that nothing is known. Sleeps if read does.
 */
int ptable_read(const struct ptable_source *s, struct ptable *t);
/*
 * What is on a disk or a partition beside a swap header: a file system, a member of an array, another kind of
 * label. NULL: nothing that is known. scratch: PTABLE_SECTOR bytes. What cannot be read says nothing. Sleeps
 * if read does.
 */
const char *ptable_signature(const struct ptable_source *s, uint8_t *scratch);
/* Whether there is a swap header, good or bad: its magic at the end of the first page. Sleeps if read
 * does. */
bool ptable_has_swap(const struct ptable_source *s, uint8_t *scratch);

#endif
