/* System calls that tell what a file or a filesystem is, in Linux's structures for i386. */
#include "kernel/fs/attributes.h"
#include "kernel/fs/file.h"
#include "kernel/proc/cred.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_cred.h"
#include "kernel/sys/sys_path.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/memory.h"
#include "kernel/x86/usercopy.h"

#define NS 1000000000ll

/* oldstat */
struct stat16 {
    uint16_t dev, ino, mode, nlink, uid, gid, rdev, unused;
    uint32_t size, atime, mtime, ctime;
};
_Static_assert(sizeof(struct stat16) == 32, "asm/stat.h");

/* newstat */
struct stat32 {
    uint32_t dev, ino;
    uint16_t mode, nlink, uid, gid;
    uint32_t rdev, size, blksize, blocks;
    uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
    uint32_t unused[2];
};
_Static_assert(sizeof(struct stat32) == 64, "asm/stat.h");

struct stat64 {
    uint64_t dev;
    uint32_t pad0, short_ino;
    uint32_t mode, nlink, uid, gid;
    uint64_t rdev;
    uint32_t pad3;
    int64_t size;
    uint32_t blksize;
    uint64_t blocks;
    uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
    uint64_t ino;
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct stat64) == 96, "asm/stat.h");

struct statx_time {
    int64_t sec;
    uint32_t nsec;
    int32_t reserved;
};

struct statx {
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, spare0;
    uint64_t ino, size, blocks, attributes_mask;
    struct statx_time atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mnt_id;
    uint32_t dio_mem_align, dio_offset_align;
    uint64_t spare[12];
};
_Static_assert(sizeof(struct statx) == 256, "linux/stat.h");

/* An inode's time may lie before 1970; its nanoseconds count upwards all the same. */
static int64_t seconds(uint64_t ns)
{
    int64_t t = (int64_t)ns;

    return t >= 0 ? t / NS : -((NS - 1 - t) / NS);
}

static uint32_t nanoseconds(uint64_t ns)
{
    return (uint32_t)((int64_t)ns - seconds(ns) * NS);
}

static uint32_t blocks_of(const struct inode *i)
{
    return i->object ? object_filled(i->object) * (uint32_t)(PAGE_SIZE / 512) : 0;
}

static int32_t put_stat64(const struct inode *i, vaddr_t user)
{
    struct stat64 s = {
        .dev = i->fs->dev,
        .short_ino = i->ino,
        .mode = i->mode,
        .nlink = i->nlink,
        .uid = i->uid,
        .gid = i->gid,
        .rdev = i->rdev,
        .size = (int64_t)i->size,
        .blksize = inode_block(i),
        .blocks = blocks_of(i),
        .atime = (uint32_t)seconds(i->atime_ns),
        .atime_nsec = nanoseconds(i->atime_ns),
        .mtime = (uint32_t)seconds(i->mtime_ns),
        .mtime_nsec = nanoseconds(i->mtime_ns),
        .ctime = (uint32_t)seconds(i->ctime_ns),
        .ctime_nsec = nanoseconds(i->ctime_ns),
        .ino = i->ino,
    };

    return user_copy_out(user, &s, sizeof s);
}

static int32_t put_stat32(const struct inode *i, vaddr_t user)
{
    struct stat32 s = {
        .dev = i->fs->dev,
        .ino = i->ino,
        .mode = (uint16_t)i->mode,
        .nlink = (uint16_t)i->nlink,
        .uid = (uint16_t)cred_narrow(i->uid),
        .gid = (uint16_t)cred_narrow(i->gid),
        .rdev = i->rdev,
        .size = (uint32_t)i->size,
        .blksize = inode_block(i),
        .blocks = blocks_of(i),
        .atime = (uint32_t)seconds(i->atime_ns),
        .atime_nsec = nanoseconds(i->atime_ns),
        .mtime = (uint32_t)seconds(i->mtime_ns),
        .mtime_nsec = nanoseconds(i->mtime_ns),
        .ctime = (uint32_t)seconds(i->ctime_ns),
        .ctime_nsec = nanoseconds(i->ctime_ns),
    };

    if (i->size > INT32_MAX)
        return -EOVERFLOW;
    return user_copy_out(user, &s, sizeof s);
}

static int32_t put_stat16(const struct inode *i, vaddr_t user)
{
    struct stat16 s = {
        .dev = (uint16_t)i->fs->dev,
        .ino = (uint16_t)i->ino,
        .mode = (uint16_t)i->mode,
        .nlink = (uint16_t)i->nlink,
        .uid = (uint16_t)cred_narrow(i->uid),
        .gid = (uint16_t)cred_narrow(i->gid),
        .rdev = (uint16_t)i->rdev,
        .size = (uint32_t)i->size,
        .atime = (uint32_t)seconds(i->atime_ns),
        .mtime = (uint32_t)seconds(i->mtime_ns),
        .ctime = (uint32_t)seconds(i->ctime_ns),
    };

    if (s.ino != i->ino || s.nlink != i->nlink || i->size > INT32_MAX)
        return -EOVERFLOW;
    return user_copy_out(user, &s, sizeof s);
}

typedef int32_t (*put_fn)(const struct inode *i, vaddr_t user);

static int32_t stat_at(int dirfd, vaddr_t path, unsigned flags, vaddr_t user, put_fn put)
{
    struct inode *i;
    int err = inode_from_user(dirfd, path, flags, &i);

    if (err)
        return err;
    err = put(i, user);
    inode_put(i);
    return err;
}

static int32_t stat_fd(uint32_t fd, vaddr_t user, put_fn put)
{
    struct file *f = fd_get((int)fd);
    int err = f ? put(f->inode, user) : -EBADF;

    file_put(f);
    return err;
}

int32_t sys_oldstat(SYSCALL_2_ARGS(path, user))
{
    return stat_at(AT_FDCWD, path, 0, user, put_stat16);
}

int32_t sys_oldlstat(SYSCALL_2_ARGS(path, user))
{
    return stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, user, put_stat16);
}

int32_t sys_oldfstat(SYSCALL_2_ARGS(fd, user))
{
    return stat_fd(fd, user, put_stat16);
}

int32_t sys_stat(SYSCALL_2_ARGS(path, user))
{
    return stat_at(AT_FDCWD, path, 0, user, put_stat32);
}

int32_t sys_lstat(SYSCALL_2_ARGS(path, user))
{
    return stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, user, put_stat32);
}

int32_t sys_fstat(SYSCALL_2_ARGS(fd, user))
{
    return stat_fd(fd, user, put_stat32);
}

int32_t sys_stat64(SYSCALL_2_ARGS(path, user))
{
    return stat_at(AT_FDCWD, path, 0, user, put_stat64);
}

int32_t sys_lstat64(SYSCALL_2_ARGS(path, user))
{
    return stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, user, put_stat64);
}

int32_t sys_fstat64(SYSCALL_2_ARGS(fd, user))
{
    return stat_fd(fd, user, put_stat64);
}

/* How hard to ask a server, whose files may have changed: there is none. */
#define AT_STATX_SYNC_TYPE 0x6000

int32_t sys_fstatat64(SYSCALL_4_ARGS(dirfd, path, user, flags))
{
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    return stat_at((int)dirfd, path, flags, user, put_stat64);
}

static struct statx_time statx_time(uint64_t ns)
{
    return (struct statx_time){.sec = seconds(ns), .nsec = nanoseconds(ns)};
}

/* What is made up as it is looked at has no birth. */
static int32_t put_statx(const struct inode *i, vaddr_t user, bool birth)
{
    enum {
        STATX_BASIC_STATS = 0x7FF,
        STATX_BTIME = 0x800,
        STATX_MNT_ID = 0x1000,
        STATX_ATTR_MOUNT_ROOT = 0x2000,
        STATX_ATTR_FILE = ATTRIBUTE_IMMUTABLE | ATTRIBUTE_APPEND | ATTRIBUTE_NODUMP, /* the same numbers */
        STATX_ATTR_TOLD = 0x201000 | STATX_ATTR_MOUNT_ROOT /* with AUTOMOUNT and DAX, which nothing has */
    };
    /* What lies in no mounted filesystem was born if it is a file, as memfd_create()'s are. */
    bool born = birth && !i->fs->type->abstract && (i->fs->root || S_ISREG(i->mode));
    struct statx s = {
        .mask = STATX_BASIC_STATS | STATX_MNT_ID | (born ? STATX_BTIME : 0),
        .mnt_id = i->fs->dev,
        .btime = born ? statx_time(i->birth_ns) : (struct statx_time){0},
        .blksize = inode_block(i),
        .attributes = (i->covers ? STATX_ATTR_MOUNT_ROOT : 0) | (i->attributes & STATX_ATTR_FILE),
        .nlink = i->nlink,
        .uid = i->uid,
        .gid = i->gid,
        .mode = (uint16_t)i->mode,
        .ino = i->ino,
        .size = i->size,
        .blocks = blocks_of(i),
        .attributes_mask = STATX_ATTR_TOLD | (i->fs->type->nodes ? STATX_ATTR_FILE : 0),
        .atime = statx_time(i->atime_ns),
        .ctime = statx_time(i->ctime_ns),
        .mtime = statx_time(i->mtime_ns),
        .rdev_major = i->rdev >> 8,
        .rdev_minor = i->rdev & 0xFF,
        .dev_major = i->fs->dev >> 8,
        .dev_minor = i->fs->dev & 0xFF,
    };

    return user_copy_out(user, &s, sizeof s);
}

static int32_t put_statx_born(const struct inode *i, vaddr_t user)
{
    return put_statx(i, user, true);
}

static int32_t put_statx_plain(const struct inode *i, vaddr_t user)
{
    return put_statx(i, user, false);
}

int32_t sys_statx(SYSCALL_5_ARGS(dirfd, path, flags, mask, user))
{
    enum { STATX_RESERVED = (int)0x80000000, STATX_BIRTH = 0x800 };

    if (mask & (uint32_t)STATX_RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
        flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    return stat_at((int)dirfd, path, flags, user, mask & STATX_BIRTH ? put_statx_born : put_statx_plain);
}

/* --- filesystems --- */

struct statfs64 {
    uint32_t type, bsize;
    uint64_t blocks, bfree, bavail, files, ffree;
    uint32_t fsid[2];
    uint32_t namelen, frsize, flags, spare[4];
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct statfs64) == 84, "asm/statfs.h");

struct statfs32 {
    uint32_t type, bsize, blocks, bfree, bavail, files, ffree;
    uint32_t fsid[2];
    uint32_t namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct statfs32) == 64, "asm/statfs.h");

/* What statfs(2) calls ST_*: nearly mount(2)'s numbers. */
static uint32_t statfs_flags(const struct filesystem *fs)
{
    enum { ST_VALID = 0x20, ST_RELATIME = 0x1000, ST_NOSYMFOLLOW = 0x2000 };
    const unsigned alike = MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC | MOUNT_SYNCHRONOUS |
                           MOUNT_MANDLOCK | MOUNT_NOATIME | MOUNT_NODIRATIME;

    return ST_VALID | (fs->flags & alike) | (fs->flags & MOUNT_RELATIME ? ST_RELATIME : 0) |
           (fs->flags & MOUNT_NOSYMFOLLOW ? ST_NOSYMFOLLOW : 0);
}

static void describe(const struct inode *i, struct statfs64 *s)
{
    const struct filesystem *fs = i->fs;
    uint64_t left = fs->max_pages > fs->pages ? fs->max_pages - fs->pages : 0;
    uint64_t inodes = (uint64_t)fs->inodes + fs->links;

    *s = (struct statfs64){.type = fs->type->magic,
                           .bsize = PAGE_SIZE,
                           .blocks = fs->max_pages ? fs->max_pages + fs->image_pages : 0,
                           .bfree = left,
                           .bavail = left,
                           .files = fs->max_inodes,
                           .ffree = fs->max_inodes > inodes ? fs->max_inodes - inodes : 0,
                           .fsid = {fs->dev, 0},
                           .namelen = NAME_MAX,
                           .frsize = PAGE_SIZE,
                           .flags = statfs_flags(fs)};
}

static int32_t put_statfs64(const struct inode *i, vaddr_t user)
{
    struct statfs64 s;

    describe(i, &s);
    return user_copy_out(user, &s, sizeof s);
}

static int32_t put_statfs32(const struct inode *i, vaddr_t user)
{
    struct statfs64 s;

    describe(i, &s);
    struct statfs32 n = {.type = s.type,
                         .bsize = s.bsize,
                         .blocks = (uint32_t)s.blocks,
                         .bfree = (uint32_t)s.bfree,
                         .bavail = (uint32_t)s.bavail,
                         .files = (uint32_t)s.files,
                         .ffree = (uint32_t)s.ffree,
                         .fsid = {s.fsid[0], s.fsid[1]},
                         .namelen = s.namelen,
                         .frsize = s.frsize,
                         .flags = s.flags};

    return user_copy_out(user, &n, sizeof n);
}

int32_t sys_statfs(SYSCALL_2_ARGS(path, user))
{
    return stat_at(AT_FDCWD, path, 0, user, put_statfs32);
}

int32_t sys_fstatfs(SYSCALL_2_ARGS(fd, user))
{
    return stat_fd(fd, user, put_statfs32);
}

int32_t sys_statfs64(SYSCALL_3_ARGS(path, size, user))
{
    if (size != sizeof(struct statfs64))
        return -EINVAL;
    return stat_at(AT_FDCWD, path, 0, user, put_statfs64);
}

int32_t sys_fstatfs64(SYSCALL_3_ARGS(fd, size, user))
{
    if (size != sizeof(struct statfs64))
        return -EINVAL;
    return stat_fd(fd, user, put_statfs64);
}

struct ustat {
    uint32_t free, inodes;
    char name[6], pack[6];
};
_Static_assert(sizeof(struct ustat) == 20, "linux/types.h");

int32_t sys_ustat(SYSCALL_2_ARGS(dev, user))
{
    const struct filesystem *fs = vfs_mounts;
    struct ustat u = {0};
    struct statfs64 s;

    while (fs && fs->dev != dev)
        fs = fs->next;
    if (!fs)
        return -EINVAL;
    describe(fs->root, &s);
    u.free = (uint32_t)s.bfree;
    u.inodes = (uint32_t)s.ffree;
    return user_copy_out(user, &u, sizeof u);
}

/* sysfs(2): the kinds of filesystems, by name and by number. */
static int32_t kind_by_name(vaddr_t user)
{
    struct inode *dir;
    int32_t n = 0;
    char *name;
    int err = path_from_user(AT_FDCWD, user, 0, &dir, &name);

    if (err)
        return err;
    const struct filesystem_type *t = filesystem_types;

    for (; t && strcmp(t->name, name); t = t->next)
        n++;
    path_done(dir, name);
    return t ? n : -EINVAL;
}

static int32_t name_of_kind(uint32_t n, vaddr_t user)
{
    const struct filesystem_type *t = filesystem_types;

    for (; t && n; t = t->next)
        n--;
    return t ? user_copy_out(user, t->name, strlen(t->name) + 1) : -EINVAL;
}

int32_t sys_sysfs(SYSCALL_3_ARGS(option, name, user))
{
    enum { BY_NAME = 1, NAME, HOW_MANY };
    int32_t n = 0;

    switch (option) {
    case BY_NAME:
        return kind_by_name(name);
    case NAME:
        return name_of_kind(name, user);
    case HOW_MANY:
        for (const struct filesystem_type *t = filesystem_types; t; t = t->next)
            n++;
        return n;
    default:
        return -EINVAL;
    }
}
