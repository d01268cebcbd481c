/* Open files and descriptors. See file.c; the system calls are in sys_file.c. */
#ifndef KERNEL_FS_FILE_H
#define KERNEL_FS_FILE_H

#include "kernel/fs/vfs.h"

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
    O_SYNC = 04010000, /* and O_DSYNC */
    O_ASYNC = 020000,
    O_DIRECT = 040000,
    O_LARGEFILE = 0100000,
    O_DIRECTORY = 0200000,
    O_NOFOLLOW = 0400000,
    O_NOATIME = 01000000,
    O_CLOEXEC = 02000000,
    O_PATH = 010000000,
    O_TMPFILE = 020200000,
    /* Not kept in file.flags. */
    O_ONCE = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC
};

struct file {
    uint32_t refs;
    struct inode *inode;
    const struct file_ops *ops;
    uint32_t flags; /* O_* */
    uint64_t pos;
    void *data;                 /* the driver's */
    uint64_t hint;              /* the driver's */
    struct epoll_item *watches; /* by sets: kernel/fs/epoll.c */
    struct async *async;        /* who is to get its signals; NULL: nobody was named */
    char *path;   /* of a file that has no name, kmalloc: pipe:[7], memfd:name; else NULL, see file_path() */
    bool ordered; /* who uses its position takes turns: of regular files and directories */
    bool writer;  /* counted in inode.writers: nobody executes it */
    struct mutex pos_lock;
};

/* Whether its descriptors may be read from and written to. O_ACCMODE itself is the mode that allows
 * neither. */
static inline bool file_reads(const struct file *f)
{
    return !(f->flags & (O_WRONLY | O_PATH));
}

static inline bool file_writes(const struct file *f)
{
    return (f->flags & (O_ACCMODE | O_PATH)) - O_WRONLY <= O_RDWR - O_WRONLY;
}

/* A file has been read, listed or mapped: keep the time, unless it is not to be known (O_NOATIME). */
static inline void file_accessed(const struct file *f)
{
    if (!(f->flags & O_NOATIME))
        inode_accessed(f->inode);
}

struct fd {
    struct file *file;
    bool cloexec;
    bool reserved; /* the number is taken, and the file comes later */
};

struct fd_table {
    uint32_t refs;
    uint32_t size;
    uint32_t free_from; /* no number below this is free */
    uint32_t taken_to;  /* nor is one from here on open or reserved */
    uint32_t locks;     /* records of fcntl.c that it owns */
    struct fd *fd;
};

/* Once, at start-up. */
void file_start(void);
/* How large a file becomes by a descriptor that was opened without O_LARGEFILE. */
#define FILE_SIZE_OLD 0x7FFFFFFFu
/* No call moves more bytes: what is beyond is cut off. Linux's MAX_RW_COUNT. */
#define RW_MAX 0x7FFFF000u

/* A new open file on an inode; takes its own reference. Calls ops->open. Sleeps. */
int file_open_inode(struct inode *i, uint32_t flags, const char *path, struct file **out);
/* open(2) with kernel strings; resolve: LOOKUP_* about how far the path may lead. Sleep. */
int file_open_within(struct inode *dir, const char *path, uint32_t flags, uint32_t mode, unsigned resolve,
                     struct file **out);
static inline int file_open(struct inode *dir, const char *path, uint32_t flags, uint32_t mode,
                            struct file **out)
{
    return file_open_within(dir, path, flags, mode, 0, out);
}
/* A reference more, and one less. file_put() sleeps; NULL is fine. */
struct file *file_get(struct file *f);
/* For the next: the last reference is gone. Sleeps. */
void file_end(struct file *f);
static inline void file_put(struct file *f)
{
    if (!f)
        return;
    mm_assert(f->refs > 0, "file of inode %u", f->inode->ino);
    if (!--f->refs)
        file_end(f);
}
/* What /proc/PID/fd shows. Length without 0, cut off at size - 1. */
int file_path(const struct file *f, char *buf, size_t size);
/* A position to write at: wherever the file ends when it is written. Of regular files. */
#define FILE_END UINT64_MAX
/*
 * Read or write as system calls do: checks the mode and the numbers, advances the position (pos NULL: the
 * file's own). Bytes, RW_MAX at most, or -errno. Sleep.
 */
int file_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos);
int file_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos);
/* file_ops.seek of what has no positions: allowed, and of no effect. 0. Does not sleep. */
int file_seek_nowhere(struct file *f, int64_t offset, int whence, uint64_t *result);
/* Have the file's own position for a call that uses it more than once, or gives it to an operation itself.
 * Between the two file_read() and file_write() of the same file need a position that is not the file's own.
 * file_pos_lock() sleeps. */
void file_pos_lock(struct file *f);
void file_pos_unlock(struct file *f);
/* Whether reads and writes are at positions, which can be chosen. */
bool file_has_positions(const struct file *f);
/* POLL* that hold; registers with table unless it is NULL. */
unsigned file_poll(struct file *f, struct poll_table *table);
/* A file that is nothing but its operations and data, which is theirs from then on. It cannot be opened a
 * second time: -ENXIO. path is copied. 0, or -ENOMEM, -ENFILE and data is still the caller's. Sleeps. */
int file_open_anonymous(const struct file_ops *ops, void *data, const char *path, uint32_t flags,
                        struct file **out);
/* The same for an inode that is theirs too, with all that there is to know of it: sockets. Takes its own
 * reference. Sleeps. */
int file_open_own(struct inode *i, const struct file_ops *ops, void *data, const char *path, uint32_t flags,
                  struct file **out);
/* A file in memory that has no name, for memfd_create() and shared memory. path is copied. 0 or -ENOMEM.
 * Sleeps. */
int file_open_memory(const char *path, uint32_t flags, struct file **out);

/* Files that are open in the whole system, and how many may be (/proc/sys/fs/file-max): more are -ENFILE for
 * who has not CAP_SYS_ADMIN. */
uint32_t file_count(void);
extern uint32_t file_max;
#define FILE_MAX_LEAST 8192u /* it begins with that at least */
/* The most that RLIMIT_NOFILE can be set to: /proc/sys/fs/nr_open, which may be FD_NR_OPEN_MAX at most, so
 * that a table can be doubled. */
extern uint32_t fd_nr_open;
#define FD_NR_OPEN_MIN 32u
#define FD_NR_OPEN_MAX 0x3FFFFFE0u
/* The file of a number in a table, not referenced; NULL if it is not open. */
static inline struct file *fd_table_file(const struct fd_table *t, uint32_t fd)
{
    return fd < t->size ? t->fd[fd].file : NULL;
}
/* The file of a descriptor of the running thread, referenced; NULL if it is not open. */
struct file *fd_get(int fd);
/* The same, but NULL also for one of O_PATH, which names a file and does nothing with it. */
struct file *fd_get_open(int fd);
/* file_read() and file_write() of what a number names, at its own position; -EBADF: nothing. Sleep. */
int fd_read(int fd, vaddr_t buf, size_t n);
int fd_write(int fd, vaddr_t buf, size_t n);
/*
 * Take the lowest free number >= min for a file that is still to be opened, so that a call that finds no
 * number has no effect, and what comes later cannot fail. To be given to fd_fill() or fd_unreserve() by the
 * same thread. fd or -EMFILE, -ENOMEM. Sleeps.
 */
int fd_reserve(int min, bool cloexec);
/* Let a reserved number name the file, whose reference moves. */
void fd_fill(int fd, struct file *f);
void fd_unreserve(int fd);
/* Give a file (its reference moves) the lowest free number >= min. fd or -EMFILE, -ENOMEM (the reference is
 * still the caller's). Sleep. */
int fd_install(struct file *f, int min, bool cloexec);
int fd_close(int fd);
/* Whether the descriptor of the running thread is open and names f. */
bool fd_names(int fd, const struct file *f);
/* dup2(), without its check for equal numbers: f's reference moves. fd or -EBADF, -ENOMEM; -EBUSY: the number
 * is reserved. Sleeps. */
int fd_replace(struct file *f, int fd, bool cloexec);
struct fd_table *fd_table_create(void);
/* A table of its own with the same open files; t has to be held by the caller. NULL: out of memory.
 * Sleeps. */
struct fd_table *fd_table_copy(struct fd_table *t);
/* A reference more, and one less: the last closes the files. fd_table_put() sleeps. */
struct fd_table *fd_table_get(struct fd_table *t);
void fd_table_put(struct fd_table *t);
/* Close what is FD_CLOEXEC. Sleeps. */
void fd_table_close_exec(struct fd_table *t);

/* Who knows device nodes; kernel/dev/ sets it at start-up. */
struct device_table {
    /* The operations of a node. 0 or -ENXIO. */
    int (*find)(uint32_t mode, uint32_t rdev, const struct file_ops **ops, void **data);
    /* Make the nodes in the root of a new devtmpfs. 0 or -errno. Sleeps. */
    int (*populate)(struct inode *root);
};
extern const struct device_table *file_devices; /* NULL: there are no devices */

/* The kinds of files that devices.c, pipe.c and others give out. */
extern const struct file_ops directory_ops, pipe_ops, path_ops;
/* fcntl.c: locks on files. What a file, or a table of descriptors at a close, holds is given back. */
void file_locks_drop(struct inode *i, const void *owner);

enum {
    POLLIN = 1,
    POLLPRI = 2,
    POLLOUT = 4,
    POLLERR = 8,
    POLLHUP = 16,
    POLLNVAL = 32,
    POLLRDNORM = 64,
    POLLRDBAND = 128,
    POLLWRNORM = 256,
    POLLWRBAND = 512,
    POLLMSG = 1024,
    POLLRDHUP = 0x2000
};
/* Have the poller told when q is woken (sync_wake() with POLL* that may hold then). Called by poll
 * operations, for two queues at most. q must live as long as the file that is asked, or be given to
 * sync_close(). */
void poll_register(struct poll_table *table, struct waitq *q);

#endif
