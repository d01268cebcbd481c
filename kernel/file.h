/* Open files and descriptors. See file.c; the system calls are in sys_file.c. */
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

#include "kernel/vfs.h"

enum {
    O_ACCMODE = 3,
    O_RDONLY = 0,
    O_WRONLY = 1,
    O_RDWR = 2,
    O_CREAT = 0100,
    O_EXCL = 0200,
    O_NOCTTY = 0400,
    O_TRUNC = 01000,
    O_APPEND = 02000,
    O_NONBLOCK = 04000,
    O_DIRECT = 040000,
    O_LARGEFILE = 0100000,
    O_DIRECTORY = 0200000,
    O_NOFOLLOW = 0400000,
    O_CLOEXEC = 02000000,
    O_PATH = 010000000,
    O_TMPFILE = 020200000
};

struct file {
    uint32_t refs;
    struct inode *inode;
    const struct file_ops *ops;
    uint32_t flags; /* O_* */
    uint64_t pos;
    void *data; /* the driver's */
    char *path; /* as opened, kmalloc; for /proc/PID/fd, maps; may be NULL */
};

struct fd {
    struct file *file;
    bool cloexec;
};

struct fd_table {
    uint32_t refs;
    uint32_t size;
    struct fd *fd;
};

/* A new open file on an inode; takes its own reference. Calls ops->open. */
int file_open_inode(struct inode *i, uint32_t flags, const char *path, struct file **out);
/* open(2) with kernel strings. */
int file_open(struct inode *dir, const char *path, uint32_t flags, uint32_t mode, struct file **out);
struct file *file_get(struct file *f);
void file_put(struct file *f);

/* The file of a descriptor of the running process, referenced; NULL if it is not open. */
struct file *fd_get(int fd);
/* Give a file (its reference moves) the lowest free number >= min. fd or -EMFILE, -ENOMEM (the reference is
 * still the caller's). */
int fd_install(struct file *f, int min, bool cloexec);
int fd_close(int fd);
struct fd_table *fd_table_create(void);
struct fd_table *fd_table_copy(const struct fd_table *t);
struct fd_table *fd_table_get(struct fd_table *t);
void fd_table_put(struct fd_table *t);
void fd_table_close_exec(struct fd_table *t);

enum {
    POLLIN = 1,
    POLLPRI = 2,
    POLLOUT = 4,
    POLLERR = 8,
    POLLHUP = 16,
    POLLNVAL = 32,
    POLLRDNORM = 64,
    POLLWRNORM = 256
};
/* Have the poller woken when q is. Called by poll operations. */
void poll_register(struct poll_table *table, struct waitq *q);

#endif
