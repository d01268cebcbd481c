/*
 * Files, as far as memory needs them. Everything is an inode in memory: the root is filled from the boot
 * module, tmpfs starts empty, /proc makes its inodes as they are looked up. A regular file's contents are a
 * memory object, so that read(), write() and mmap() see the same pages. See vfs.c (paths, mounts), ramfs.c,
 * cpio.c.
 *
 * Locking: one processor, between sleeps, except where a function says that it sleeps; inode.lock serialises
 * writes and changes of size.
 */
#ifndef KERNEL_VFS_H
#define KERNEL_VFS_H

#include "mm/errno.h"
#include "mm/object.h"
#include "mm/os.h"

struct inode;
struct file;
struct poll_table;
struct filesystem;

enum {
    S_IFMT = 0170000,
    S_IFSOCK = 0140000,
    S_IFLNK = 0120000,
    S_IFREG = 0100000,
    S_IFBLK = 0060000,
    S_IFDIR = 0040000,
    S_IFCHR = 0020000,
    S_IFIFO = 0010000
};
#define S_ISDIR(m) (((m)&S_IFMT) == S_IFDIR)
#define S_ISREG(m) (((m)&S_IFMT) == S_IFREG)
#define S_ISLNK(m) (((m)&S_IFMT) == S_IFLNK)

#define NAME_MAX 255u
#define PATH_MAX 4096u

/* A directory's children by name; made by the filesystem. lookup returns a referenced inode. */
struct inode_ops {
    int (*lookup)(struct inode *dir, const char *name, struct inode **out); /* 0, -ENOENT */
    int (*create)(struct inode *dir, const char *name, uint32_t mode, uint32_t rdev, struct inode **out);
    int (*link)(struct inode *dir, const char *name, struct inode *target);
    int (*unlink)(struct inode *dir, const char *name, bool directory);
    int (*rename)(struct inode *dir, const char *name, struct inode *to_dir, const char *to_name);
    int (*symlink)(struct inode *dir, const char *name, const char *target);
    int (*readlink)(struct inode *i, char *buf, size_t size); /* bytes */
    /* Call emit for entries from position *pos on, until it returns false. */
    int (*readdir)(struct inode *dir, uint64_t *pos,
                   bool (*emit)(void *arg, const char *name, uint32_t ino, uint32_t type), void *arg);
    int (*truncate)(struct inode *i, uint64_t size); /* sleeps */
    void (*release)(struct inode *i);                /* the last reference is gone */
};

/* What an open file does. A NULL member: -EINVAL (-ENOTTY for ioctl); a file without poll is always ready. */
struct file_ops {
    int (*open)(struct file *f);
    void (*release)(struct file *f);
    /* buf is a user address; pos is read and advanced. Bytes or -errno. Sleep. */
    int (*read)(struct file *f, vaddr_t buf, size_t n, uint64_t *pos);
    int (*write)(struct file *f, vaddr_t buf, size_t n, uint64_t *pos);
    int (*ioctl)(struct file *f, unsigned cmd, vaddr_t arg);
    /* POLL* that hold now; registers with table (if not NULL) in the queues that will change it. */
    unsigned (*poll)(struct file *f, struct poll_table *table);
    int (*seek)(struct file *f, int64_t offset, int whence, uint64_t *result); /* NULL: the ordinary one */
    /* The object to map, referenced, for [offset, offset + size). */
    int (*mmap)(struct file *f, uint32_t page, size_t size, unsigned region_flags, struct object **out);
    int (*readdir)(struct file *f, bool (*emit)(void *arg, const char *name, uint32_t ino, uint32_t type),
                   void *arg);
};

struct inode {
    uint32_t refs;
    uint32_t ino;
    uint32_t mode; /* type and permission */
    uint32_t uid, gid;
    uint32_t nlink;
    uint32_t rdev;
    uint64_t size;                         /* bytes */
    uint64_t atime_ns, mtime_ns, ctime_ns; /* realtime */
    struct filesystem *fs;
    const struct inode_ops *ops;
    const struct file_ops *file_ops;
    struct object *object; /* contents of a regular file */
    struct mutex lock;
    struct inode *covered_by; /* root of what is mounted here */
    struct inode *covers;     /* of a mount's root: the directory below it */
    struct inode *parent;     /* of a directory, for .. and getcwd */
    void *data;               /* the filesystem's */
};

struct filesystem {
    const char *type; /* rootfs, tmpfs, proc, devtmpfs */
    uint32_t dev;     /* st_dev */
    uint32_t magic;   /* statfs f_type */
    struct inode *root;
    struct filesystem *next;
    char where[64];            /* mount point, for /proc/mounts */
    uint64_t max_pages, pages; /* tmpfs's size= */
    void *data;
};

struct fs_context {
    uint32_t refs;
    struct inode *root, *cwd;
    uint32_t umask;
};

struct inode *inode_get(struct inode *i);
void inode_put(struct inode *i);

enum { LOOKUP_NOFOLLOW = 1, LOOKUP_PARENT = 2, LOOKUP_DIRECTORY = 4, LOOKUP_EMPTY = 8 };
/* Resolve a path (kernel string) from dir (NULL: the current directory). Follows symlinks (-ELOOP after 40)
 * and mounts. */
int path_lookup(struct inode *dir, const char *path, unsigned flags, struct inode **out);
/* The directory that would hold the last component, and that component (name: NAME_MAX + 1 bytes). */
int path_parent(struct inode *dir, const char *path, struct inode **out, char *name);
/* Absolute path of a directory or, if it is known, of a file. Length without 0, or -ERANGE, -ENOENT. */
int path_of(struct inode *i, char *buf, size_t size);
/* Permission of the running process: R 4, W 2, X 1. Everything runs as root, so only X on regular files and
 * read-only matter. */
int inode_permission(struct inode *i, unsigned want);

/* Mount a new filesystem of a type on a directory. 0 or -errno. */
int vfs_mount(struct inode *dir, const char *type, const char *options, const char *where);
int vfs_umount(struct inode *root);
extern struct filesystem *vfs_mounts; /* in order of mounting */
/* Set up the root (ramfs), unpack the archive (NULL: none) and mount /proc, /dev, /tmp. A broken archive is a
 * named error: *why. */
int vfs_init(const void *archive, size_t size, const char **why);
/* Find an inode from the kernel, for the first program. */
struct inode *vfs_root(void);

/* Device numbers and their operations: registered by devices.c, tty.c, block files. */
void chardev_register(uint32_t rdev, const char *name, const struct file_ops *ops);
void blockdev_register(uint32_t rdev, const char *name, const struct file_ops *ops, void *data);
#define MKDEV(major, minor) ((uint32_t)((major) << 8 | (minor)))

/* Regular files, for exec and the pagers: read through the object into kernel memory. Bytes (short at the
 * end) or -errno. Sleeps. */
int inode_read(struct inode *i, uint64_t pos, void *buf, size_t n);

#endif
