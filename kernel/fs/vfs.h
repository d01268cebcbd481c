/*
 * Files, as far as memory needs them. Everything is an inode in memory: the root is filled from the boot
 * module, tmpfs starts empty, /proc makes its inodes as they are looked up. A regular file's contents are a
 * memory object, so that read(), write() and mmap() see the same pages. See vfs.c (paths, mounts), ramfs.c,
 * cpio.c.
 *
 * Locking: one processor, between sleeps, except where a function says that it sleeps; inode.lock serialises
 * writes and changes of size.
 */
#ifndef KERNEL_FS_VFS_H
#define KERNEL_FS_VFS_H

#include "mm/errno.h"
#include "mm/object.h"
#include "mm/os.h"

struct inode;
struct file;
struct file_lock;
struct pipe;
struct notify_mark;
struct pidfd_name;
struct poll_table;
struct async;
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
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m)&S_IFMT) == S_IFSOCK)
/* What readdir says of a type (DT_*). */
#define MODE_DTYPE(m) (((m)&S_IFMT) >> 12)

/* No file is larger: the last page has to have a number, and a size has to fit in 63 bits. Linux's limit on
 * 32 bits. */
#define FILE_SIZE_MAX ((uint64_t)UINT32_MAX << PAGE_SHIFT)

#define NAME_MAX 255u
#define PATH_MAX 4096u

/* What a look-up found that follows links. */
enum { LOOKUP_JUMPED = 1, LOOKUP_LED };

/*
 * A directory's children by name; made by the filesystem. A NULL member: -EPERM (-ENOENT for lookup, -EINVAL
 * for readlink). Names are never "." or "..". All of these sleep, if only for memory; what they check, they
 * check again after that, and then they change everything at once.
 */
struct inode_ops {
    int (*lookup)(struct inode *dir, const char *name, struct inode **out); /* referenced. 0, -ENOENT */
    /* The same for who follows links, where some lead to an inode whatever its path is (/proc/PID/fd): it is
     * that inode then, and LOOKUP_JUMPED is returned; or LOOKUP_LED, if what the link says leads there too.
     * NULL: there are none, use lookup. */
    int (*lookup_through)(struct inode *dir, const char *name, struct inode **out);
    /* It is opened or executed by this one of its names: it is called so from now on. Does not sleep. NULL:
     * files have one name. */
    void (*opened_as)(struct inode *dir, const char *name, struct inode *i);
    /* name NULL: a file without a name (O_TMPFILE). out may be NULL. -EEXIST. */
    int (*create)(struct inode *dir, const char *name, uint32_t mode, uint32_t rdev, struct inode **out);
    int (*link)(struct inode *dir, const char *name, struct inode *target);
    int (*unlink)(struct inode *dir, const char *name, bool directory);
    int (*rename)(struct inode *dir, const char *name, struct inode *to_dir, const char *to_name,
                  unsigned flags);
    int (*symlink)(struct inode *dir, const char *name, const char *target);
    int (*readlink)(struct inode *i, char *buf, size_t size); /* bytes, cut off, without 0 */
    /*
     * Call emit for the entries from position *pos on, until it returns false. "." and ".." are not among
     * them, the caller emits these at 0 and 1; so positions begin with 2. While emit runs, *pos is the
     * position of its entry; at the end, that of the first entry that was not taken. Does not sleep between
     * entries.
     */
    int (*readdir)(struct inode *dir, uint64_t *pos,
                   bool (*emit)(void *arg, const char *name, uint32_t ino, uint32_t type), void *arg);
    /* The name in i->parent; NULL: it has none any more. Does not sleep. */
    const char *(*name)(struct inode *i);
    /* Of a directory that stands for a process (/proc/PID): say which. False: it stands for none. Does
     * not sleep. NULL: none does. */
    bool (*process)(struct inode *i, struct pidfd_name *out);
    /* Of a regular file: change its size, and fallocate(2). */
    int (*truncate)(struct inode *i, uint64_t size);
    int (*fallocate)(struct inode *i, unsigned mode, uint64_t start, uint64_t size);
    /* -errno that writing to it, or into it, is refused with, whatever its mode and the caller's capabilities
     * allow; giving it another mode; and giving it an owner, or (times) times. 0, or NULL: it is not. Do not
     * sleep. */
    int (*refuse_write)(const struct inode *i);
    int (*refuse_mode)(const struct inode *i, uint32_t mode);
    int (*refuse_change)(const struct inode *i, bool times);
    /* Of a socket: what its protocol is called, for an attribute. NULL: it is no socket. Does not sleep. */
    const char *(*protocol)(const struct inode *i);
    /* The last reference is gone: free it. inode_put() itself drops a directory's reference to its parent. */
    void (*release)(struct inode *i);
};

enum { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2 };

typedef void file_print_fn(void *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What an open file does. A NULL member: -EINVAL (-ENOTTY for ioctl); a file without poll is always ready. */
struct file_ops {
    int (*open)(struct file *f); /* sleeps */
    /* The last reference is gone. Sleeps. */
    void (*release)(struct file *f);
    /* A descriptor of the running thread that names it is closed. Does not sleep. */
    void (*flush)(struct file *f);
    /* buf is a user address; pos is read and advanced. Bytes or -errno. Sleep. */
    int (*read)(struct file *f, vaddr_t buf, size_t n, uint64_t *pos);
    int (*write)(struct file *f, vaddr_t buf, size_t n, uint64_t *pos);
    int (*ioctl)(struct file *f, unsigned cmd, vaddr_t arg);
    /* POLL* that hold now; registers with table (if not NULL) in the queues that will change it. Does not
     * sleep. */
    unsigned (*poll)(struct file *f, struct poll_table *table);
    int (*seek)(struct file *f, int64_t offset, int whence, uint64_t *result); /* NULL: the ordinary one */
    /* The object to map from page on, referenced; *out stays NULL for private zeroes. Sleeps. */
    int (*mmap)(struct file *f, uint32_t page, size_t size, unsigned region_flags, struct object **out);
    /* The list of those who want a signal when it can be read or written; NULL: nobody is told. Sleeps. */
    struct async **(*async)(struct file *f);
    /* What /proc/PID/fdinfo says beside what it says of every file, in lines. Does not sleep. */
    void (*info)(const struct file *f, file_print_fn *print, void *to);
    /* Kernel memory that it takes beside its file and inode. Does not sleep. */
    size_t (*bytes)(const struct file *f);
    bool never_out;   /* nothing can be spliced from it, */
    bool never_in;    /* or to it */
    bool direct;      /* it goes past all memory of ours: it may be opened with O_DIRECT */
    bool in_messages; /* a read takes and a write gives one thing, not bytes at a position: for no splice() */
    bool reads_apart; /* and readv() takes one for each of its parts */
    bool never_at;    /* nothing can be written to a place that the caller names: no pwrite() */
};

struct inode {
    uint32_t refs;
    uint32_t ino;
    uint32_t mode; /* type and permission */
    uint32_t uid, gid;
    uint32_t nlink;
    uint32_t rdev;
    /* Of a regular file: who has it open for writing or cuts it, and who executes it. Never both. A mapping
     * made through such an open file counts as one, in object->writers. */
    uint32_t writers, executed;
    uint64_t size;                         /* bytes */
    uint64_t atime_ns, mtime_ns, ctime_ns; /* realtime */
    uint64_t birth_ns;                     /* the same, when it was made */
    struct filesystem *fs;
    const struct inode_ops *ops;
    const struct file_ops *file_ops;
    struct object *object; /* contents of a regular file */
    struct pipe *pipe;     /* of a FIFO that is open */
    struct file_lock *locks;
    struct notify_mark *marks; /* of those who want to know what happens to it: notify.h */
    uint8_t seals;             /* SEAL_*, see seals.h */
    uint8_t attributes;        /* ATTRIBUTE_*, see attributes.h */
    uint8_t write_hint;        /* of fcntl(F_SET_RW_HINT) */
    bool linkable;             /* it may get its first name: O_TMPFILE without O_EXCL */
    struct mutex lock;
    struct inode *covered_by; /* root of what is mounted here */
    struct inode *covers;     /* of a mount's root: the directory below it */
    struct inode *parent;     /* of a directory, for .. and getcwd, referenced; of a file, if known, not */
    /* Of what is in use and has no name: what its last path was, or what is told instead. kmalloc. */
    char *gone;
    void *data; /* the filesystem's */
};

/* A kind of filesystem, for mount() and /proc/filesystems. */
struct filesystem_type {
    const char *name;
    uint32_t magic; /* statfs f_type */
    /* Make fs->root, referenced; fs is filled in otherwise. options may be NULL. 0 or -errno. Sleeps. */
    int (*mount)(struct filesystem *fs, const char *options);
    /* Other options for one that is mounted; they may add to fs->flags. NULL: it has none. 0 or -errno,
     * and nothing was changed. Does not sleep. */
    int (*remount)(struct filesystem *fs, const char *options);
    /* Whether it has users that hold no inode: programs that have its files mapped. NULL: never. Does not
     * sleep. */
    bool (*busy)(const struct filesystem *fs);
    /* Whether a program has a file open for writing or mapped for it, or one without a name that goes
     * when it is closed: it cannot become read-only. Does not sleep. NULL: never. */
    bool (*written)(const struct filesystem *fs);
    /* Nobody can come in and nobody is inside: give back the tree's references to all inodes. Sleeps. NULL:
     * it is never unmounted. */
    void (*destroy)(struct filesystem *fs);
    /* What /proc/mounts says of its options, each with a comma before it. NULL: those of memory. Does not
     * sleep. */
    void (*show)(const struct filesystem *fs, file_print_fn *print, void *to);
    uint16_t block; /* bytes, as stat(2) tells; 0: a page */
    bool nodes;     /* its inodes are ramfs.c's */
    bool abstract;  /* its files stand for what is no file: they have no birth, and are never executed */
    bool made_up;   /* inodes are made at each look-up: nothing can be mounted on one, or made beside them */
    struct filesystem_type *next;
};

/* How a filesystem is mounted: what mount(2) calls MS_*. */
enum mount_flags {
    MOUNT_RDONLY = 1 << 0,
    MOUNT_NOSUID = 1 << 1,
    MOUNT_NODEV = 1 << 2,
    MOUNT_NOEXEC = 1 << 3,
    MOUNT_SYNCHRONOUS = 1 << 4, /* everything is written at once here */
    MOUNT_MANDLOCK = 1 << 6,
    MOUNT_DIRSYNC = 1 << 7,
    MOUNT_NOSYMFOLLOW = 1 << 8,
    MOUNT_NOATIME = 1 << 10,
    MOUNT_NODIRATIME = 1 << 11,
    MOUNT_RELATIME = 1 << 21,
    MOUNT_STRICTATIME = 1 << 24, /* only said: it is neither of the two */
    MOUNT_LAZYTIME = 1 << 25,
    MOUNT_ATIME = MOUNT_NOATIME | MOUNT_NODIRATIME | MOUNT_RELATIME | MOUNT_STRICTATIME,
    /* Of the filesystem wherever it is mounted, and those of them that can be changed. */
    MOUNT_SUPER = MOUNT_RDONLY | MOUNT_SYNCHRONOUS | MOUNT_MANDLOCK | MOUNT_DIRSYNC | MOUNT_LAZYTIME,
    MOUNT_CHANGEABLE = MOUNT_SUPER & ~MOUNT_DIRSYNC,
    MOUNT_KEPT = MOUNT_SUPER | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC | MOUNT_NOSYMFOLLOW,
};

#define MOUNT_MODE 01777u /* of a root, if mount(2) says nothing */

struct filesystem {
    const struct filesystem_type *type;
    unsigned flags; /* MOUNT_* */
    uint32_t dev;   /* st_dev */
    struct inode *root;
    struct filesystem *next;
    uint32_t users;  /* references to inodes that are not the tree's own, and one of the mount itself */
    uint32_t silent; /* so many of which let it be unmounted, and stay */
    bool detached;   /* it is no mount any more, but has users yet */
    bool ended;      /* the last user has gone */
    bool expiring;   /* nobody has left it since MNT_EXPIRE was asked for */
    bool read_only;  /* it is itself, and flags say so whatever the mount is */
    char *source;    /* what mount() was given, for /proc/mounts; kmalloc */
    uint64_t max_pages, pages; /* tmpfs's size= (0: no limit), and pages that its files have */
    uint64_t image_pages;      /* that files have in the boot archive: no limit counts them */
    uint64_t bytes;            /* of attributes, which count as pages too */
    uint32_t inodes;           /* the last one takes a filesystem that has ended along */
    /* Of tmpfs, nr_inodes= (0: no limit). As on Linux, each name of a file beyond its first counts as one. */
    uint64_t max_inodes;
    uint32_t links;
    uint32_t mode, uid, gid; /* of the root, as mount(2)'s options have them */
    void *data;
};

struct fs_context {
    uint32_t refs;
    struct inode *root, *cwd;
    uint32_t umask;
};

/* In the root; a copy; a reference more, and one less. Sleep, but for fs_context_get(). */
struct fs_context *fs_context_create(void);
struct fs_context *fs_context_copy(const struct fs_context *c);
struct fs_context *fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);
/* Of the running process; of a kernel task, the kernel's own. */
struct fs_context *fs_context_current(void);

/* Fill in a new inode with one reference, the caller's, times now, and a number of its own; and the last that
 * is done with an inode before it is freed. */
void inode_init(struct inode *i, struct filesystem *fs, uint32_t mode);
void inode_fini(struct inode *i);
/*
 * References of users: walks, open files, current directories. Each of them counts for the filesystem too,
 * which is busy, and stays, as long as it has one.
 */
struct inode *inode_get(struct inode *i);
void inode_put(struct inode *i); /* sleeps. NULL is fine */
/* References of the filesystem's own tree: of a name, of a directory to the one above. */
struct inode *inode_tree_get(struct inode *i);
void inode_tree_put(struct inode *i); /* sleeps. NULL is fine */
/* Make a user's reference the tree's, while another user is there. */
void inode_to_tree(struct inode *i);
/* The file whose contents the object is, or NULL. Not referenced. For /proc/PID/maps. */
struct inode *inode_of_object(const struct object *o);
/* How /proc/PID/maps and core files name an object that somebody has mapped. Valid until the next call or
 * sleep. */
const char *object_path(const struct object *o);
/* Time now as inodes keep it. */
uint64_t inode_now(void);

/* As programs give them to calls that take a directory's descriptor and a path. */
enum {
    AT_FDCWD = -100,
    AT_SYMLINK_NOFOLLOW = 0x100,
    AT_REMOVEDIR = 0x200,
    AT_EACCESS = 0x200,
    AT_SYMLINK_FOLLOW = 0x400,
    AT_NO_AUTOMOUNT = 0x800,
    AT_EMPTY_PATH = 0x1000,
};

enum {
    LOOKUP_NOFOLLOW = 1,  /* a symlink at the end is the result */
    LOOKUP_MISSING = 2,   /* path_walk(): nothing at the end is no error */
    LOOKUP_DIRECTORY = 4, /* -ENOTDIR if it is none */
    LOOKUP_EMPTY = 8,     /* "" is dir itself */
    LOOKUP_CREATE = 16,   /* open() that may create: -EISDIR if a slash follows the last name */
    /* For those who make, remove or rename: the last name as it stands. A symlink is not followed even if a
     * slash comes after it, and what a slash means is the caller's business. */
    LOOKUP_NAME = LOOKUP_NOFOLLOW | LOOKUP_MISSING | 32,
    /* How far a walk may lead, for those who do not trust the path or what lies on its way; openat2(2). */
    LOOKUP_NO_XDEV = 64,        /* -EXDEV instead of into another mount, or out of it */
    LOOKUP_NO_MAGICLINKS = 128, /* -ELOOP at a link that leads to an inode whatever its path is */
    LOOKUP_NO_SYMLINKS = 256,   /* -ELOOP at any link that is followed */
    LOOKUP_BENEATH = 512,       /* -EXDEV instead of out of where the walk starts */
    LOOKUP_IN_ROOT = 1024,      /* where it starts is the root, of absolute paths and links too */
    LOOKUP_CACHED = 2048,       /* -EAGAIN if a name is not in memory: it is made up, or there is none */
    LOOKUP_SCOPED = LOOKUP_BENEATH | LOOKUP_IN_ROOT,
    LOOKUP_OPEN = 4096, /* a file is called by this name from now on */
};
enum path_kind { PATH_NAME, PATH_DOT, PATH_DOTDOT, PATH_ROOT };

/* Where a path ends. */
struct path_end {
    enum path_kind kind;
    bool slash;          /* a slash follows the name */
    struct inode *dir;   /* that holds the name; NULL unless PATH_NAME */
    struct inode *inode; /* that is there; NULL: nothing */
    char name[NAME_MAX + 1];
};

/* Resolve a path (kernel string) from dir (NULL: the current directory) through symlinks (-ELOOP after 40)
 * and mounts. end is to be given to path_put(). -EAGAIN also if somebody moves what a scoped walk goes up
 * from. Sleep. */
int path_walk(struct inode *dir, const char *path, unsigned flags, struct path_end *end);
void path_put(struct path_end *end);
/* The same for those that want the inode only, referenced. Sleeps. */
int path_lookup(struct inode *dir, const char *path, unsigned flags, struct inode **out);
/* Absolute path, as the running process sees it, of a directory or, if it is known, of a file; of one whose
 * last name is gone, what it was and " (deleted)". What is not below the process's root is told from where
 * the way up ends. Length without 0, or -ERANGE, -ENOENT. Does not sleep. */
int path_of(struct inode *i, char *buf, size_t size);
/* Whether the way up from i leads to the running process's root. */
bool path_reaches_root(const struct inode *i);
/* Whether what the inode is or holds may be changed by anybody: 0; -EROFS: its filesystem is mounted
 * read-only. */
int inode_may_change(const struct inode *i);
/* It has been read: keep the time, as its mount wants it. */
void inode_accessed(struct inode *i);
/* How much is best read or written at a time. */
static inline uint32_t inode_block(const struct inode *i)
{
    return i->fs->type->block ? i->fs->type->block : PAGE_SIZE;
}
/* Change the size of a regular file. -EROFS, -EISDIR, -EINVAL, -EFBIG. Sleeps. */
int inode_truncate(struct inode *i, uint64_t size);

/* Name things from kernel or system calls, with Linux's rules for what may be where. flags as path_walk()'s
 * dir and path. mode: type and permission, umask applied. out: what was made, referenced. Sleep. */
int vfs_mknod_get(struct inode *dir, const char *path, uint32_t mode, uint32_t rdev, struct inode **out);
int vfs_mknod(struct inode *dir, const char *path, uint32_t mode, uint32_t rdev);
int vfs_symlink(struct inode *dir, const char *path, const char *target);
int vfs_link(struct inode *target, struct inode *dir, const char *path);
int vfs_unlink(struct inode *dir, const char *path, bool directory);
int vfs_rename(struct inode *dir, const char *path, struct inode *to_dir, const char *to_path,
               unsigned flags);

/*
 * Names, inodes and mounts are in the kernel's memory, and no process's end gives them back: together they
 * have a share of it. Have so many bytes of that: 0 or -ENOSPC. vfs_give_back() after they are freed.
 */
int vfs_keep(size_t bytes);
void vfs_give_back(size_t bytes);

void filesystem_register(struct filesystem_type *type);
extern struct filesystem_type *filesystem_types;
/* Mount a new filesystem of a type on a directory, with MOUNT_* flags. -ENODEV: no such type. Sleeps. */
int vfs_mount(struct inode *dir, const char *type, const char *source, unsigned flags, const char *options);
enum { UMOUNT_DETACH = 2, UMOUNT_EXPIRE = 4 };
/*
 * Take a mount away by its root, whose reference moves here. -EINVAL: it is none; -EBUSY: it has users. With
 * UMOUNT_DETACH users do not matter, and what is mounted below goes too: the filesystem ends with its last
 * user. UMOUNT_EXPIRE: -EAGAIN, unless nobody has used it since that was said. Sleeps.
 */
int vfs_umount(struct inode *root, unsigned flags);
/* Give a mount, named by its root, other flags and options (may be NULL); or, mount_only, those flags
 * that are not the filesystem's. -EINVAL: it is none; -EBUSY: it is to be read-only, and somebody writes.
 * Does not sleep. */
int vfs_remount(struct inode *root, bool mount_only, unsigned flags, const char *options);
/*
 * At the end, when no program runs: take away every mount, the root too, that nobody uses. How many are
 * left; with report they are named. May be called again. No path leads anywhere afterwards. Sleeps.
 */
unsigned vfs_end(bool report);
extern struct filesystem *vfs_mounts; /* in order of mounting */
extern uint32_t vfs_mounts_version;   /* another one after each change of them, and who waits for that */
extern struct waitq vfs_mounts_watchers;
/*
 * Set up the root, unpack the archive into it (NULL: none; high: as unpack() has it), and mount /dev, /tmp,
 * and /proc, /sys and /dev/pts if they are registered. A broken archive is a named error, *why (else NULL);
 * what came before the damage is there. -errno only if there is no memory for a root. Sleeps.
 */
int vfs_init(const void *archive, bool high, size_t size, const char **why);

/* The number of a character device and its operations: registered by devices.c, tty.c; name appears in
 * /dev. */
void chardev_register(uint32_t rdev, const char *name, const struct file_ops *ops);
#define MAJOR_MAX           0xFFFu
#define MINOR_MAX           0xFFu
#define MKDEV(major, minor) ((uint32_t)((major) << 8 | (minor)))

/* Regular files, for exec and the pagers: read through the object into kernel memory. Bytes (short at the
 * end) or -errno. Sleeps. */
int inode_read(struct inode *i, uint64_t pos, void *buf, size_t n);

#endif
