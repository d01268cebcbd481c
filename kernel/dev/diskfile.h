/* Disks and partitions as files: what is behind /dev/hda and /dev/hda1. See diskfile.c. */
#ifndef KERNEL_DEV_DISKFILE_H
#define KERNEL_DEV_DISKFILE_H

#include "kernel/dev/disk.h"
#include "kernel/fs/vfs.h"

extern const struct file_ops disk_ops;

/* The disk or partition of a block device node, or NULL. Good until the next sleep, unless it is claimed. */
struct disk_unit *disk_of_inode(const struct inode *i);

#endif
