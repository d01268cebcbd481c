/* What the filesystem in memory consists of. For ramfs.c, who verifies it, and its tests. */
#ifndef KERNEL_FS_RAMFS_PARTS_H
#define KERNEL_FS_RAMFS_PARTS_H

#include "kernel/fs/vfs.h"

#define RAMFS_ENTRY_SIZE 20u /* what an entry adds to a directory's size, . and .. too, as in Linux's tmpfs */

struct entry {
    struct inode *inode;
    struct entry *hash_next;
    struct entry *next, *prev; /* in order of positions */
    struct entry *also;        /* the next name of the same inode */
    struct entry **also_at;
    struct inode *dir; /* that it lies in */
    uint64_t pos;
    uint32_t hash;
    char name[];
};

struct node {
    struct inode inode;
    struct entry *entry;             /* those that name it, the one it was made or opened by last first */
    struct node *all_next, **all_at; /* in the list of all */
    struct xattr *xattrs;            /* xattr.c */
    union {
        struct {
            struct entry *first, *last;
            struct entry **table; /* NULL: the list is short */
            uint32_t buckets;     /* a power of two */
            uint32_t count;
            uint64_t next_pos;
            struct entry *cursor; /* where the last readdir stopped; a hint */
        } dir;
        char *target; /* of a symlink */
    };
};

extern struct node *ramfs_nodes; /* of all filesystems in memory */

static inline struct node *ramfs_node_of(struct inode *i)
{
    return container_of(i, struct node, inode);
}

uint32_t ramfs_hash(const char *name);
/* Those of them that are never mounted, from 0 on; NULL: there are no more. */
const struct filesystem *ramfs_unmounted(unsigned n);

#endif
