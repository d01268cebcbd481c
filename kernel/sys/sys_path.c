/* System calls on paths: names, attributes, directories, mounts. */
#include "kernel/sys/sys_path.h"
#include "kernel/fs/attributes.h"
#include "kernel/fs/file.h"
#include "kernel/fs/notify.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/format.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/usertime.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

/* --- fetching paths --- */

/* Short paths, which are nearly all, do not take a page. */
#define SHORT_PATH 128u

static int copy_path(vaddr_t user, char **out)
{
    size_t size = SHORT_PATH;

    for (;;) {
        char *path = vm_alloc(size);
        int n;

        if (!path)
            return -ENOMEM;
        n = user_copy_string(path, user, size);
        if (n >= 0) {
            *out = path;
            return n;
        }
        kfree(path);
        if (n != -E2BIG)
            return n;
        if (size == PATH_MAX)
            return -ENAMETOOLONG;
        size = PATH_MAX;
    }
}

int path_from_user(int dirfd, vaddr_t user_path, unsigned flags, struct inode **dir, char **path)
{
    int n = copy_path(user_path, path);
    struct file *f;

    *dir = NULL;
    if (n < 0)
        return n;
    if (n == 0 && !(flags & AT_EMPTY_PATH)) {
        kfree(*path);
        return -ENOENT;
    }
    if (((*path)[0] == '/' && !(flags & PATH_IN_ROOT)) || dirfd == AT_FDCWD)
        return 0;
    f = fd_get(dirfd);
    if (!f || (n && !S_ISDIR(f->inode->mode))) {
        kfree(*path);
        file_put(f);
        return f ? -ENOTDIR : -EBADF;
    }
    *dir = inode_get(f->inode);
    file_put(f);
    return 0;
}

void path_done(struct inode *dir, char *path)
{
    inode_put(dir);
    kfree(path);
}

int inode_from_user(int dirfd, vaddr_t user_path, unsigned flags, struct inode **out)
{
    unsigned how =
        (flags & AT_SYMLINK_NOFOLLOW ? LOOKUP_NOFOLLOW : 0u) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0u);
    struct inode *dir;
    char *path;
    int err;

    err = path_from_user(dirfd, user_path, flags, &dir, &path);
    if (err)
        return err;
    if (!path[0] && dir) { /* the descriptor itself, a directory or not */
        *out = inode_get(dir);
    } else {
        err = path_lookup(dir, path, how, out);
    }
    path_done(dir, path);
    return err;
}

static uint32_t masked(uint32_t mode)
{
    return mode & ~fs_context_current()->umask;
}

/* --- making and removing --- */

static int32_t mknod_at(int dirfd, vaddr_t user_path, uint32_t mode, uint32_t rdev)
{
    struct inode *dir;
    char *path;
    int err = path_from_user(dirfd, user_path, 0, &dir, &path);

    if (err)
        return err;
    err = vfs_mknod(dir, path, (mode & S_IFMT) | masked(mode & 07777), rdev);
    path_done(dir, path);
    return err;
}

int32_t sys_mkdir(SYSCALL_2_ARGS(path, mode))
{
    return mknod_at(AT_FDCWD, path, S_IFDIR | (mode & 01777), 0);
}

int32_t sys_mkdirat(SYSCALL_3_ARGS(dirfd, path, mode))
{
    return mknod_at((int)dirfd, path, S_IFDIR | (mode & 01777), 0);
}

int32_t sys_mknodat(SYSCALL_4_ARGS(dirfd, path, mode, dev))
{
    uint32_t type = mode & S_IFMT ? mode & S_IFMT : (uint32_t)S_IFREG;

    if (type == S_IFDIR)
        return -EPERM;
    if (type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
        return -EINVAL;
    return mknod_at((int)dirfd, path, type | (mode & 07777), MKDEV(dev >> 8 & 0xFFF, dev & 0xFF));
}

int32_t sys_mknod(SYSCALL_3_ARGS(path, mode, dev))
{
    return sys_mknodat((uint32_t)AT_FDCWD, path, mode, dev, 0, 0);
}

static int32_t unlink_at(int dirfd, vaddr_t user_path, bool directory)
{
    struct inode *dir;
    char *path;
    int err = path_from_user(dirfd, user_path, 0, &dir, &path);

    if (err)
        return err;
    err = vfs_unlink(dir, path, directory);
    path_done(dir, path);
    return err;
}

int32_t sys_unlink(SYSCALL_1_ARG(path))
{
    return unlink_at(AT_FDCWD, path, false);
}

int32_t sys_rmdir(SYSCALL_1_ARG(path))
{
    return unlink_at(AT_FDCWD, path, true);
}

int32_t sys_unlinkat(SYSCALL_3_ARGS(dirfd, path, flags))
{
    if (flags & ~(uint32_t)AT_REMOVEDIR)
        return -EINVAL;
    return unlink_at((int)dirfd, path, flags & AT_REMOVEDIR);
}

int32_t sys_renameat2(SYSCALL_5_ARGS(dirfd, path, to_dirfd, to_path, flags))
{
    struct inode *from_dir, *to_dir;
    char *from, *to;
    int err;

    if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    /* An empty path fails in the walk, in its turn. */
    err = path_from_user((int)dirfd, path, AT_EMPTY_PATH, &from_dir, &from);
    if (err)
        return err;
    err = path_from_user((int)to_dirfd, to_path, AT_EMPTY_PATH, &to_dir, &to);
    if (!err) {
        err = vfs_rename(from_dir, from, to_dir, to, flags);
        path_done(to_dir, to);
    }
    path_done(from_dir, from);
    return err;
}

int32_t sys_renameat(SYSCALL_4_ARGS(dirfd, path, to_dirfd, to_path))
{
    return sys_renameat2(dirfd, path, to_dirfd, to_path, 0, 0);
}

int32_t sys_rename(SYSCALL_2_ARGS(path, to_path))
{
    return sys_renameat2((uint32_t)AT_FDCWD, path, (uint32_t)AT_FDCWD, to_path, 0, 0);
}

int32_t sys_linkat(SYSCALL_5_ARGS(dirfd, path, to_dirfd, to_path, flags))
{
    struct inode *target, *to_dir;
    char *to;
    int err;

    if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    /* A descriptor that was handed over must not become a name. */
    if (flags & AT_EMPTY_PATH && !capable(CAP_DAC_READ_SEARCH))
        return -ENOENT;
    err = inode_from_user((int)dirfd, path,
                          (flags & AT_EMPTY_PATH) | (flags & AT_SYMLINK_FOLLOW ? 0u : AT_SYMLINK_NOFOLLOW),
                          &target);
    if (err)
        return err;
    err = path_from_user((int)to_dirfd, to_path, 0, &to_dir, &to);
    if (!err) {
        err = vfs_link(target, to_dir, to);
        path_done(to_dir, to);
    }
    inode_put(target);
    return err;
}

int32_t sys_link(SYSCALL_2_ARGS(path, to_path))
{
    return sys_linkat((uint32_t)AT_FDCWD, path, (uint32_t)AT_FDCWD, to_path, 0, 0);
}

int32_t sys_symlinkat(SYSCALL_3_ARGS(target, dirfd, path))
{
    struct inode *dir;
    char *text, *name;
    int err = copy_path(target, &text);

    if (err < 0)
        return err;
    err = err ? path_from_user((int)dirfd, path, 0, &dir, &name) : -ENOENT;
    if (!err) {
        err = vfs_symlink(dir, name, text);
        path_done(dir, name);
    }
    kfree(text);
    return err;
}

int32_t sys_symlink(SYSCALL_2_ARGS(target, path))
{
    return sys_symlinkat(target, (uint32_t)AT_FDCWD, path, 0, 0, 0);
}

/* Of a path that was fetched before. */
static bool is_empty(vaddr_t user_path)
{
    char first;

    return user_copy_in(&first, user_path, 1) == 0 && !first;
}

/* flags: whether an empty path may name the descriptor itself. */
static int32_t read_link(int dirfd, vaddr_t path, unsigned flags, vaddr_t user, uint32_t n)
{
    struct inode *i;
    char *text;
    int err;

    if ((int32_t)n <= 0)
        return -EINVAL;
    err = inode_from_user(dirfd, path, flags | AT_SYMLINK_NOFOLLOW, &i);
    if (err)
        return err;
    text = vm_alloc(PATH_MAX);
    if (!text)
        err = -ENOMEM;
    else
        err = S_ISLNK(i->mode) && i->ops->readlink ? i->ops->readlink(i, text, n < PATH_MAX ? n : PATH_MAX)
              : is_empty(path)                     ? -ENOENT
                                                   : -EINVAL;
    if (err > 0)
        inode_accessed(i);
    if (err > 0 && user_copy_out(user, text, (size_t)err))
        err = -EFAULT;
    kfree(text);
    inode_put(i);
    return err;
}

int32_t sys_readlinkat(SYSCALL_4_ARGS(dirfd, path, user, n))
{
    return read_link((int)dirfd, path, AT_EMPTY_PATH, user, n);
}

int32_t sys_readlink(SYSCALL_3_ARGS(path, user, n))
{
    return read_link(AT_FDCWD, path, 0, user, n);
}

/* --- attributes --- */

int32_t sys_fchmodat(SYSCALL_3_ARGS(dirfd, path, mode))
{
    struct inode *i;
    int err = inode_from_user((int)dirfd, path, 0, &i);

    if (err)
        return err;
    err = inode_chmod(i, mode);
    inode_put(i);
    return err;
}

int32_t sys_chmod(SYSCALL_2_ARGS(path, mode))
{
    return sys_fchmodat((uint32_t)AT_FDCWD, path, mode, 0, 0, 0);
}

int32_t sys_fchmod(SYSCALL_2_ARGS(fd, mode))
{
    struct file *f = fd_get_open((int)fd);
    int err = f ? inode_chmod(f->inode, mode) : -EBADF;

    file_put(f);
    return err;
}

static int32_t chown_at(int dirfd, vaddr_t path, uint32_t uid, uint32_t gid, unsigned flags)
{
    struct inode *i;
    int err = inode_from_user(dirfd, path, flags, &i);

    if (err)
        return err;
    err = inode_chown(i, uid, gid);
    inode_put(i);
    return err;
}

int32_t sys_fchownat(SYSCALL_5_ARGS(dirfd, path, uid, gid, flags))
{
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return chown_at((int)dirfd, path, uid, gid, flags);
}

int32_t sys_chown32(SYSCALL_3_ARGS(path, uid, gid))
{
    return chown_at(AT_FDCWD, path, uid, gid, 0);
}

int32_t sys_lchown32(SYSCALL_3_ARGS(path, uid, gid))
{
    return chown_at(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

int32_t sys_chown(SYSCALL_3_ARGS(path, uid, gid))
{
    return chown_at(AT_FDCWD, path, cred_widen(uid), cred_widen(gid), 0);
}

int32_t sys_lchown(SYSCALL_3_ARGS(path, uid, gid))
{
    return chown_at(AT_FDCWD, path, cred_widen(uid), cred_widen(gid), AT_SYMLINK_NOFOLLOW);
}

int32_t sys_fchown32(SYSCALL_3_ARGS(fd, uid, gid))
{
    struct file *f = fd_get_open((int)fd);
    int err = f ? inode_chown(f->inode, uid, gid) : -EBADF;

    file_put(f);
    return err;
}

int32_t sys_fchown(SYSCALL_3_ARGS(fd, uid, gid))
{
    return sys_fchown32(fd, cred_widen(uid), cred_widen(gid), 0, 0, 0);
}

/* --- times --- */

#define NS        1000000000
#define TIME_NOW  0x3FFFFFFF /* instead of nanoseconds */
#define TIME_OMIT 0x3FFFFFFE
#define SEC_MAX   (INT64_MAX / NS - 1)

/* What an inode can keep of a time: it may lie before 1970, and is cut to 292 years from there. */
static uint64_t inode_time(const struct usertime *t)
{
    int64_t sec = t->sec > SEC_MAX ? SEC_MAX : t->sec < -SEC_MAX ? -SEC_MAX : t->sec;

    return (uint64_t)(sec * NS + t->part);
}

static void set_time(uint64_t *at, const struct usertime *t, uint64_t now)
{
    if (t->part == TIME_NOW)
        *at = now;
    else if (t->part != TIME_OMIT)
        *at = inode_time(t);
}

static bool time_ok(const struct usertime *t)
{
    return (t->part >= 0 && t->part < NS) || t->part == TIME_NOW || t->part == TIME_OMIT;
}

/* Times were set: one alone is told as if what it is of had happened. */
static void tell_times(struct inode *i, bool access, bool change)
{
    uint32_t event = access && change ? NOTIFY_ATTRIB : access ? NOTIFY_ACCESS : NOTIFY_MODIFY;

    if (access || change)
        notify_inode(i, event);
}

/* times: of access and of change. path 0: of the descriptor. */
static int32_t set_times(int dirfd, vaddr_t path, const struct usertime *times, unsigned flags)
{
    uint64_t now = inode_now();
    struct inode *i;
    int err;

    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (path) {
        err = inode_from_user(dirfd, path, flags, &i);
        if (err)
            return err;
    } else {
        struct file *f;

        if (dirfd == AT_FDCWD)
            return -EFAULT;
        if (flags)
            return -EINVAL;
        f = fd_get_open(dirfd);
        if (!f)
            return -EBADF;
        i = inode_get(f->inode);
        file_put(f);
    }
    err = time_ok(&times[0]) && time_ok(&times[1])
              ? permission_times(i, times[0].part == TIME_NOW && times[1].part == TIME_NOW)
              : -EINVAL;
    if (!err) {
        set_time(&i->atime_ns, &times[0], now);
        set_time(&i->mtime_ns, &times[1], now);
        i->ctime_ns = now;
        tell_times(i, times[0].part != TIME_OMIT, times[1].part != TIME_OMIT);
    }
    inode_put(i);
    return err;
}

static const struct usertime both_now[2] = {{0, TIME_NOW}, {0, TIME_NOW}};

static int fetch_times(vaddr_t user, enum usertime_form form, struct usertime t[2])
{
    int err = usertime_fetch(user, form, &t[0]);

    return err ? err : usertime_fetch(user + usertime_size(form), form, &t[1]);
}

static int32_t utimens(uint32_t dirfd, vaddr_t path, vaddr_t user_times, bool wide, unsigned flags)
{
    struct usertime t[2];

    if (!user_times)
        return set_times((int)dirfd, path, both_now, flags);
    if (fetch_times(user_times, USERTIME_SPEC(wide), t))
        return -EFAULT;
    if (t[0].part == TIME_OMIT && t[1].part == TIME_OMIT) /* whatever it is of */
        return 0;
    return set_times((int)dirfd, path, t, flags);
}

int32_t sys_utimensat(SYSCALL_4_ARGS(dirfd, path, user_times, flags))
{
    return utimens(dirfd, path, user_times, false, flags);
}

int32_t sys_utimensat_time64(SYSCALL_4_ARGS(dirfd, path, user_times, flags))
{
    return utimens(dirfd, path, user_times, true, flags);
}

/* Seconds and microseconds. */
int32_t sys_futimesat(SYSCALL_3_ARGS(dirfd, path, user_times))
{
    struct usertime t[2];

    if (!user_times)
        return set_times((int)dirfd, path, both_now, 0);
    if (fetch_times(user_times, USERTIME_VAL, t))
        return -EFAULT;
    for (unsigned i = 0; i < 2; i++) {
        if (t[i].part < 0 || t[i].part >= 1000000)
            return -EINVAL;
        t[i].part *= 1000;
    }
    return set_times((int)dirfd, path, t, 0);
}

int32_t sys_utimes(SYSCALL_2_ARGS(path, user_times))
{
    return sys_futimesat((uint32_t)AT_FDCWD, path, user_times, 0, 0, 0);
}

int32_t sys_utime(SYSCALL_2_ARGS(path, user_times))
{
    int32_t t[2];

    if (!user_times)
        return set_times(AT_FDCWD, path, both_now, 0);
    if (user_copy_in(t, user_times, sizeof t))
        return -EFAULT;
    return set_times(AT_FDCWD, path, (struct usertime[]){{t[0], 0}, {t[1], 0}}, 0);
}

/* --- access --- */

/* Have the running thread act with its real ids. 0 or -ENOMEM; cred_act_again() afterwards. Sleeps. */
static int act_really(void)
{
    const struct cred *c = thread_current()->cred;
    uint64_t caps = c->securebits & SECURE_NO_SETUID_FIXUP ? c->effective : c->uid ? 0 : c->permitted;
    struct cred *new;

    if (c->fsuid == c->uid && c->fsgid == c->gid && c->effective == caps)
        return 0;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    new->fsuid = c->uid;
    new->fsgid = c->gid;
    new->effective = caps;
    cred_act(new);
    return 0;
}

int32_t sys_faccessat2(SYSCALL_4_ARGS(dirfd, path, mode, flags))
{
    struct inode *i;
    int err;

    if (mode & ~7u || flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    err = flags & AT_EACCESS ? 0 : act_really();
    if (err)
        return err;
    err = inode_from_user((int)dirfd, path, flags & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH), &i);
    if (!err) {
        err = inode_permission(i, mode);
        inode_put(i);
    }
    cred_act_again();
    return err;
}

int32_t sys_faccessat(SYSCALL_3_ARGS(dirfd, path, mode))
{
    return sys_faccessat2(dirfd, path, mode, 0, 0, 0);
}

int32_t sys_access(SYSCALL_2_ARGS(path, mode))
{
    return sys_faccessat2((uint32_t)AT_FDCWD, path, mode, 0, 0, 0);
}

/* --- where a process stands --- */

static int32_t change(struct inode **at, struct inode *to)
{
    struct inode *old = *at;

    *at = to;
    inode_put(old);
    return 0;
}

static int may_stand(struct inode *i)
{
    return S_ISDIR(i->mode) ? inode_permission(i, MAY_EXEC) : -ENOTDIR;
}

/* cap: what it takes; CAP_LAST + 1: nothing. */
static int32_t change_by_path(vaddr_t user_path, struct inode **at, unsigned cap)
{
    struct inode *i;
    int err = inode_from_user(AT_FDCWD, user_path, 0, &i);

    if (err)
        return err;
    err = may_stand(i);
    if (!err && cap <= CAP_LAST && !capable((enum capability)cap))
        err = -EPERM;
    if (err) {
        inode_put(i);
        return err;
    }
    return change(at, i);
}

int32_t sys_chdir(SYSCALL_1_ARG(path))
{
    return change_by_path(path, &fs_context_current()->cwd, CAP_LAST + 1);
}

int32_t sys_chroot(SYSCALL_1_ARG(path))
{
    return change_by_path(path, &fs_context_current()->root, CAP_SYS_CHROOT);
}

int32_t sys_fchdir(SYSCALL_1_ARG(fd))
{
    struct file *f = fd_get((int)fd);
    int err = f ? may_stand(f->inode) : -EBADF;

    if (!err)
        change(&fs_context_current()->cwd, inode_get(f->inode));
    file_put(f);
    return err;
}

/* Length with the 0. */
int32_t sys_getcwd(SYSCALL_2_ARGS(user, n))
{
    char *path = vm_alloc(PATH_MAX);
    struct inode *cwd;
    size_t skip = 0;
    int len;

    if (!path)
        return -ENOMEM;
    cwd = fs_context_current()->cwd;
    if (!cwd->nlink) {
        kfree(path);
        return -ENOENT;
    }
    if (!path_reaches_root(cwd))
        skip = format(path, PATH_MAX, "(unreachable)");
    len = path_of(cwd, path + skip, PATH_MAX - skip);
    if (len == -ERANGE)
        len = -ENAMETOOLONG;
    if (len >= 0)
        len = (uint32_t)len + skip + 1 > n ? -ERANGE : len + (int)skip + 1;
    if (len > 0 && user_copy_out(user, path, (size_t)len))
        len = -EFAULT;
    kfree(path);
    return len;
}

int32_t sys_umask(SYSCALL_1_ARG(mask))
{
    struct fs_context *c = fs_context_current();
    uint32_t old = c->umask;

    c->umask = mask & 0777;
    return (int32_t)old;
}

/* --- size by path --- */

static int32_t truncate_path(vaddr_t path, int64_t size)
{
    struct inode *i;
    int err;

    if (size < 0)
        return -EINVAL;
    err = inode_from_user(AT_FDCWD, path, 0, &i);
    if (err)
        return err;
    err = S_ISREG(i->mode) ? inode_permission(i, MAY_WRITE) : 0; /* of others it is a question of kind */
    if (!err && is_append_only(i))
        err = -EPERM;
    if (!err)
        err = inode_truncate(i, (uint64_t)size);
    inode_put(i);
    return err;
}

int32_t sys_truncate(SYSCALL_2_ARGS(path, size))
{
    return truncate_path(path, (int32_t)size);
}

int32_t sys_truncate64(SYSCALL_3_ARGS(path, low, high))
{
    return truncate_path(path, (int64_t)((uint64_t)high << 32 | low));
}

/* --- mounts --- */

enum {
    MS_REMOUNT = 32,
    MS_BIND = 4096,
    MS_MOVE = 8192,
    MS_TYPES = 15 << 17,  /* unbindable, private, slave, shared: how mounts spread over namespaces */
    MS_MAGIC = 0xC0ED,    /* once all flags had this above them */
    MS_NOUSER = 1u << 31, /* the kernel's own */
};

/* A string of mount(2), which may be null. One that is too long makes no sense: -EINVAL. */
static int optional_string(vaddr_t user, char **out)
{
    int n;

    *out = NULL;
    if (!user)
        return 0;
    n = copy_path(user, out);
    return n == -ENAMETOOLONG ? -EINVAL : n < 0 ? n : 0;
}

/* Up to a page of a filesystem's own words, which may be null: as much as there is, with a 0 behind it. */
static int optional_page(vaddr_t user, char **out)
{
    size_t part = user_part(user, PAGE_SIZE);

    *out = NULL;
    if (!user)
        return 0;
    *out = vm_zalloc(PAGE_SIZE + 1);
    if (!*out)
        return -ENOMEM;
    if (user_copy_in(*out, user, part))
        return -EFAULT;
    if (user_copy_in(*out + part, user + part, PAGE_SIZE - part))
        memset(*out + part, 0, PAGE_SIZE - part);
    return 0;
}

int32_t sys_mount(SYSCALL_5_ARGS(source, target, type, flags, options))
{
    char *s = NULL, *t = NULL, *o = NULL;
    struct inode *dir = NULL;
    int err;

    err = optional_string(type, &t);
    if (!err)
        err = optional_string(source, &s);
    if (!err)
        err = optional_page(options, &o);
    if (!err)
        err = inode_from_user(AT_FDCWD, target, 0, &dir);
    if (!err) {
        if (flags >> 16 == MS_MAGIC)
            flags &= 0xFFFF;
        if (flags & MS_NOUSER)
            err = -EINVAL;
        else if (!capable(CAP_SYS_ADMIN))
            err = -EPERM;
        else if (flags & MS_REMOUNT)
            err = vfs_remount(dir, flags & MS_BIND, flags, o);
        else if (flags & (MS_BIND | MS_MOVE) || !t)
            err = -EINVAL;
        else
            err = vfs_mount(dir, t, s ? s : "none", flags, o);
        inode_put(dir);
    }
    kfree(s);
    kfree(t);
    kfree(o);
    return err;
}

int32_t sys_umount2(SYSCALL_2_ARGS(target, flags))
{
    enum { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8 };
    struct inode *i;
    int err;

    if (flags & ~(uint32_t)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    err = inode_from_user(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0, &i);
    if (!err && !capable(CAP_SYS_ADMIN)) {
        inode_put(i);
        err = -EPERM;
    }
    if (!err && flags & MNT_EXPIRE && flags & (MNT_FORCE | MNT_DETACH)) {
        inode_put(i);
        err = -EINVAL;
    }
    return err ? err : vfs_umount(i, flags & (MNT_DETACH | MNT_EXPIRE));
}

int32_t sys_umount(SYSCALL_1_ARG(target))
{
    return sys_umount2(target, 0, 0, 0, 0, 0);
}
