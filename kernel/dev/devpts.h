/* The filesystem of pseudo-terminals. See devpts.c. */
#ifndef KERNEL_DEV_DEVPTS_H
#define KERNEL_DEV_DEVPTS_H

#include "kernel/fs/vfs.h"

struct pty;

/* One mounted filesystem: in filesystem.data. */
struct devpts {
    struct pty *ptys; /* those that have a name, or are to get one, by number: pty.c's */
    struct inode *ptmx;
    uint32_t max;  /* how many there may be: max= */
    uint32_t mode; /* of their names */
    uint32_t ptmx_mode;
    uint32_t uid, gid; /* and whose they are, if that is given; else, who opens ptmx */
    bool has_uid, has_gid;
};

#define PTY_MAJOR   136u
#define PTY_MOST    (1u << 20)
#define PTMX_RDEV   MKDEV(5, 2)
#define PTY_RDEV(n) (PTY_MAJOR << 8 | ((n)&0xFF) | ((n) & ~0xFFu) << 12)

/* The root, referenced, of the filesystem in which an opened ptmx makes its terminal: its own, or the one at
 * "pts" beside it. -ENODEV: that is none; or what the
 * look-up says. Sleeps. */
int devpts_of(const struct inode *ptmx, struct inode **root);
/* Give a terminal its name, and take it away. ops: what an open of it is; data: its inode's. 0, -ENOMEM or
 * -ENOSPC; *out: referenced. Sleep. */
int devpts_add(struct inode *root, uint32_t index, const struct file_ops *ops, void *data,
               struct inode **out);
void devpts_remove(struct inode *root, uint32_t index);
/* Know the type "devpts". */
void devpts_init(void);

#endif
