/*
 * Open files and descriptors.
 *
 * An open file is what open() makes: an inode, a position, flags, and the operations of its kind.
 * Descriptors, of one process or several, are names of it and hold one reference each; a system call that
 * sleeps holds another, so closing a descriptor does not pull a file from under it.
 *
 * A table of descriptors is shared by threads, each of which holds a reference: nobody but the thread itself
 * gives it another table, so it may be used over a sleep. Slots change between sleeps; it grows by doubling,
 * up to RLIMIT_NOFILE, which is never above fd_nr_open. A number can be reserved before its file is there.
 * `free_from` is a lower bound of the lowest free number and `taken_to` an upper one of the taken ones, so
 * that finding a number, and going through all of them, cost what lies between, not the whole table.
 *
 * Locking. One processor: what does not sleep is one step.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/attributes.h"
#include "kernel/fs/async.h"
#include "kernel/fs/dnotify.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/fcntl.h"
#include "kernel/fs/notify.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/ramfs.h"
#include "kernel/fs/regular.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/oom.h"
#include "kernel/proc/process.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/layout.h"
#include "mm/slab.h"

TALLY(files, "open files");
TALLY(tables, "tables of descriptors");

#define FDS_FIRST   32u   /* descriptors of a new table */
#define FDS_DEFAULT 1024u /* limit of a kernel task */
#define FDS_BREATH  4096u /* so many are closed before others may run */

uint32_t fd_nr_open = 1u << 20; /* as Linux begins */
uint32_t file_max = FILE_MAX_LEAST;
const struct device_table *file_devices;

/* --- files --- */

/* A descriptor of O_PATH: names a file, and does nothing with it. */
const struct file_ops path_ops = {0};

/* An inode's own kind of file. */
static int choose_ops(struct file *f)
{
    struct inode *i = f->inode;

    switch (i->mode & S_IFMT) {
    case S_IFCHR:
        if (i->file_ops) { /* its filesystem knows better than its number: devpts */
            f->ops = i->file_ops;
            return 0;
        }
        /* fall through */
    case S_IFBLK:
        return file_devices ? file_devices->find(i->mode, i->rdev, &f->ops, &f->data) : -ENXIO;
    case S_IFIFO:
        f->ops = &pipe_ops;
        return 0;
    case S_IFSOCK:
        return -ENXIO;
    case S_IFDIR:
        f->ops = i->file_ops ? i->file_ops : &directory_ops;
        return 0;
    default:
        f->ops = i->file_ops;
        return f->ops ? 0 : -ENXIO;
    }
}

static bool writes_contents(const struct file *f)
{
    return S_ISREG(f->inode->mode) && file_writes(f);
}

uint32_t file_count(void)
{
    return files.count;
}

/* Whether one file more may be open: 0 or -ENFILE. */
static int may_be_more(void)
{
    static uint32_t told;

    if (likely(files.count < file_max) || capable(CAP_SYS_ADMIN))
        return 0;
    if (files.count > told) {
        told = files.count;
        os_log("VFS: file-max limit %u reached", file_max);
    }
    return -ENFILE;
}

/* A file on an inode, with its own reference, that has no operations yet. path may be NULL. 0, -ENFILE or
 * -ENOMEM. Sleeps. */
static int file_alloc(struct inode *i, uint32_t flags, const char *path, struct file **out)
{
    int err = may_be_more();
    struct file *f;

    if (err)
        return err;
    f = vm_alloc(sizeof *f);
    if (!f)
        return -ENOMEM;
    *f = (struct file){.refs = 1, .inode = i, .flags = flags};
    if (path) {
        size_t n = strlen(path) + 1;

        f->path = vm_alloc(n);
        if (!f->path) {
            kfree(f);
            return -ENOMEM;
        }
        memcpy(f->path, path, n);
    }
    inode_get(i);
    files.count++;
    *out = f;
    return 0;
}

int file_open_inode(struct inode *i, uint32_t flags, const char *path, struct file **out)
{
    struct file *f;
    int err = file_alloc(i, flags, path, &f);

    if (err)
        return err;
    if (flags & O_PATH)
        f->ops = &path_ops;
    else
        err = choose_ops(f);
    if (!err && writes_contents(f) && i->executed)
        err = -ETXTBSY;
    f->writer = !err && writes_contents(f);
    if (f->writer)
        i->writers++; /* before anything sleeps: nobody begins to execute it */
    if (!err && f->ops->open)
        err = f->ops->open(f);
    if (err) {
        if (f->writer)
            i->writers--;
        inode_put(f->inode);
        kfree(f->path);
        kfree(f);
        files.count--;
        return err;
    }
    f->flags &= ~(uint32_t)O_ONCE;
    f->ordered = S_ISREG(i->mode) || S_ISDIR(i->mode);
    if (flags & O_DIRECT && !(flags & O_PATH) && !f->ops->direct) {
        file_put(f);
        return -EINVAL;
    }
    *out = f;
    return 0;
}

/* What is at the end of a path may be opened like this? */
static int may_open(const struct path_end *end, uint32_t flags, bool made)
{
    /* By the access mode; one without a meaning is both. */
    static const uint8_t wanted[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};
    uint32_t mode = end->inode->mode;
    int err;

    if (flags & O_DIRECTORY && !S_ISDIR(mode))
        return -ENOTDIR;
    if (S_ISLNK(mode) && !(flags & O_PATH))
        return -ELOOP;
    if (flags & O_PATH)
        return 0;
    if (S_ISDIR(mode) && (flags & (O_CREAT | O_ACCMODE | O_TRUNC)))
        return -EISDIR;
    if ((S_ISCHR(mode) || S_ISBLK(mode)) && end->inode->fs->flags & MOUNT_NODEV)
        return -EACCES;
    if (made) /* its mode is for those who open it later */
        return 0;
    if (flags & O_CREAT && end->dir && permission_take(end->dir, end->inode))
        return -EACCES;
    err = inode_permission(end->inode, wanted[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0u));
    if (!err && is_append_only(end->inode) && ((flags & O_ACCMODE && !(flags & O_APPEND)) || flags & O_TRUNC))
        return -EPERM;
    return !err && flags & O_NOATIME && !inode_is_owner(end->inode) ? -EPERM : err;
}

/* What people are to be told that a file without a name is called, as far as there is memory for it: as Linux
 * calls it. Sleeps. */
static void name_temporary(struct inode *i, struct inode *dir)
{
    enum { MORE = 16 }; /* "/#", a number and the end */
    char *path = vm_alloc(PATH_MAX + MORE);
    int n = path ? path_of(dir, path, PATH_MAX) : -ENOMEM;

    if (n > 0) {
        n += (int)format(path + n, MORE, "%s#%u", n > 1 ? "/" : "", i->ino);
        i->gone = vm_alloc((size_t)n + 1);
        if (i->gone)
            memcpy(i->gone, path, (size_t)n + 1);
    }
    kfree(path);
}

static int open_temporary(struct inode *dir, const char *path, uint32_t flags, uint32_t mode,
                          unsigned resolve, struct file **out)
{
    struct inode *i, *file;
    int err;

    err = path_lookup(dir, path, resolve | LOOKUP_DIRECTORY, &i);
    if (err)
        return err;
    err = permission_create(i);
    if (!err)
        err = i->ops->create ? i->ops->create(i, NULL, S_IFREG | mode, 0, &file) : -EOPNOTSUPP;
    if (!err)
        name_temporary(file, i);
    inode_put(i);
    if (err)
        return err;
    file->linkable = !(flags & O_EXCL);
    err = file_open_inode(file, flags & ~(uint32_t)O_DIRECTORY, NULL, out);
    inode_put(file);
    return err;
}

/* The end of a path for open(); with O_CREAT a file is made there if there is none. */
static int find_or_create(struct inode *dir, const char *path, uint32_t flags, uint32_t mode,
                          unsigned resolve, struct path_end *end, bool *made)
{
    unsigned how = LOOKUP_OPEN | resolve |
                   (flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL) ? LOOKUP_NOFOLLOW : 0);
    int err;

    for (;;) {
        err = path_walk(dir, path, how | (flags & O_CREAT ? LOOKUP_MISSING | LOOKUP_CREATE : 0), end);
        if (err)
            return err;
        if (end->inode) {
            if (flags & O_CREAT && flags & O_EXCL)
                err = -EEXIST;
            break;
        }
        err = end->dir->ops->create         ? permission_create(end->dir)
              : end->dir->fs->type->made_up ? -ENOENT
                                            : -EACCES;
        if (err)
            break;
        err = end->dir->ops->create(end->dir, end->name, S_IFREG | mode, 0, &end->inode);
        *made = !err;
        if (!err)
            notify_made(end->dir, end->name, S_IFREG);
        if (err != -EEXIST || flags & O_EXCL)
            break;
        path_put(end); /* somebody was faster */
    }
    if (err)
        path_put(end);
    return err;
}

int file_open_within(struct inode *dir, const char *path, uint32_t flags, uint32_t mode, unsigned resolve,
                     struct file **out)
{
    struct path_end end;
    bool made = false;
    int err = may_be_more(); /* before anything is looked for or made */

    if (err)
        return err;
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    mode &= 07777 & ~fs_context_current()->umask;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return open_temporary(dir, path, flags, mode, resolve, out);
    err = find_or_create(dir, path, flags, mode, resolve, &end, &made);
    if (err)
        return err;
    err = may_open(&end, flags, made);
    if (!err)
        err = file_open_inode(end.inode, flags, NULL, out);
    if (!err && flags & O_TRUNC && S_ISREG(end.inode->mode) && !made) {
        err = inode_truncate(end.inode, 0);
        if (err == -EINVAL) /* files that are made up as they are read have no size */
            err = 0;
        if (err)
            file_put(*out);
    }
    if (!err)
        notify_inode(end.inode, NOTIFY_OPEN);
    path_put(&end);
    return err;
}

int file_open_memory(const char *path, uint32_t flags, struct file **out)
{
    struct inode *i = ramfs_anonymous(S_IFREG | 0777);
    size_t n = strlen(path) + 1;
    int err;

    if (!i)
        return -ENOMEM;
    i->gone = vm_alloc(n);
    if (!i->gone) {
        inode_put(i);
        return -ENOMEM;
    }
    memcpy(i->gone, path, n);
    err = file_open_inode(i, flags, NULL, out);
    if (!err && (*out)->writer) { /* on Linux, too, it may be executed while it is open */
        (*out)->writer = false;
        i->writers--;
    }
    inode_put(i);
    return err;
}

int file_open_own(struct inode *i, const struct file_ops *ops, void *data, const char *path, uint32_t flags,
                  struct file **out)
{
    struct file *f;
    int err = file_alloc(i, flags, path, &f);

    if (err)
        return err;
    f->ops = ops;
    f->data = data;
    *out = f;
    return 0;
}

int file_open_anonymous(const struct file_ops *ops, void *data, const char *path, uint32_t flags,
                        struct file **out)
{
    /* The inode has no operations: an open of it, by /proc/PID/fd, would make a file without the data. */
    struct inode *i = ramfs_anonymous(0600);
    int err;

    if (!i)
        return -ENOMEM;
    err = file_open_own(i, ops, data, path, flags, out);
    inode_put(i);
    return err;
}

struct file *file_get(struct file *f)
{
    mm_assert(f->refs > 0, "file of inode %u", f->inode->ino);
    f->refs++;
    return f;
}

void file_end(struct file *f)
{
    might_sleep();
    notify_inode(f->inode, file_writes(f) ? NOTIFY_CLOSE_WRITE : NOTIFY_CLOSE_NOWRITE);
    if (f->watches)
        epoll_forget(f);
    if (f->inode->locks)
        file_locks_drop(f->inode, f);
    if (f->async)
        async_drop(f);
    if (f->ops->release)
        f->ops->release(f);
    if (f->writer)
        f->inode->writers--;
    inode_put(f->inode);
    kfree(f->path);
    kfree(f);
    files.count--;
}

int file_path(const struct file *f, char *buf, size_t size)
{
    int n;

    if (f->path)
        n = (int)format(buf, size, "%s", f->path);
    else if ((n = path_of(f->inode, buf, size)) < 0)
        n = (int)format(buf, size, "inode:[%u]", f->inode->ino);
    return n < (int)size ? n : (int)size - 1;
}

/* --- reading and writing --- */

void file_pos_lock(struct file *f)
{
    if (f->ordered)
        mutex_lock(&f->pos_lock);
}

void file_pos_unlock(struct file *f)
{
    if (f->ordered)
        mutex_unlock(&f->pos_lock);
}

/* An operation at an ordered file's own position. Two readers get different bytes, whatever they sleep on. */
static __attribute__((noinline)) int at_own_pos(int (*op)(struct file *f, vaddr_t buf, size_t n,
                                                          uint64_t *pos),
                                                struct file *f, vaddr_t buf, size_t n)
{
    int done;

    mutex_lock(&f->pos_lock);
    done = op(f, buf, n, &f->pos);
    mutex_unlock(&f->pos_lock);
    return done;
}

/* What is wrong with a transfer of *n bytes, in Linux's order, which is cut to RW_MAX. */
static __attribute__((noinline)) int check_transfer(vaddr_t buf, size_t *n, uint64_t pos)
{
    if (!user_range_ok(buf, *n))
        return -EFAULT;
    if (*n > INT32_MAX)
        return -EINVAL;
    if (*n > RW_MAX)
        *n = RW_MAX;
    /* The end has to be a position too. */
    return pos > (uint64_t)INT64_MAX - *n && pos != FILE_END ? -EINVAL : 0;
}

/* Let op move bytes. What has no position and asks for a usual range, as most transfers do, needs no more. */
static inline int transfer(int (*op)(struct file *f, vaddr_t buf, size_t n, uint64_t *pos), struct file *f,
                           vaddr_t buf, size_t n, uint64_t *pos)
{
    int err;

    if (likely(!pos && !f->ordered && n <= RW_MAX && buf <= USER_END - n))
        return op(f, buf, n, &f->pos);
    err = check_transfer(buf, &n, pos ? *pos : f->pos);
    if (err)
        return err;
    if (!pos && f->ordered)
        return at_own_pos(op, f, buf, n);
    return op(f, buf, n, pos ? pos : &f->pos);
}

/* The same while somebody watches files. Of what began before anybody did nobody is told. */
static __attribute__((noinline, cold)) int
transfer_told(int (*op)(struct file *f, vaddr_t buf, size_t n, uint64_t *pos), struct file *f, vaddr_t buf,
              size_t n, uint64_t *pos, uint32_t event)
{
    int done = transfer(op, f, buf, n, pos);

    notify_transfer(f->inode, event, done);
    return done;
}

static inline int read_file(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    if (!file_reads(f))
        return -EBADF;
    if (S_ISDIR(f->inode->mode))
        return user_range_ok(buf, n) ? -EISDIR : -EFAULT;
    if (!f->ops->read)
        return -EINVAL;
    if (unlikely(notify_marks))
        return transfer_told(f->ops->read, f, buf, n, pos, NOTIFY_ACCESS);
    return transfer(f->ops->read, f, buf, n, pos);
}

static inline int write_file(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    if (!file_writes(f))
        return -EBADF;
    if (!f->ops->write)
        return -EINVAL;
    if (unlikely(notify_marks))
        return transfer_told(f->ops->write, f, buf, n, pos, NOTIFY_MODIFY);
    return transfer(f->ops->write, f, buf, n, pos);
}

int file_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    return read_file(f, buf, n, pos);
}

int file_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    return write_file(f, buf, n, pos);
}

int file_seek_nowhere(struct file *f, int64_t offset, int whence, uint64_t *result)
{
    (void)offset;
    (void)whence;
    *result = f->pos;
    return 0;
}

bool file_has_positions(const struct file *f)
{
    uint32_t mode = f->inode->mode;

    return !f->ops->in_messages && (f->ops->seek || S_ISREG(mode) || S_ISDIR(mode));
}

unsigned file_poll(struct file *f, struct poll_table *table)
{
    if (f->flags & O_PATH)
        return POLLNVAL;
    if (f->ops->poll) {
        if (table)
            table->file = f;
        return f->ops->poll(f, table);
    }
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

const struct file_ops directory_ops = {0};

/* --- tables of descriptors --- */

struct fd_table *fd_table_create(void)
{
    struct fd_table *t = vm_alloc(sizeof *t);

    if (!t)
        return NULL;
    *t = (struct fd_table){.refs = 1};
    tables.count++;
    return t;
}

static bool is_taken(const struct fd *d)
{
    return d->file || d->reserved;
}

/* Numbers up to the highest that is taken. What was closed above it is looked at once only. */
static uint32_t numbers_used(struct fd_table *t)
{
    while (t->taken_to && !is_taken(&t->fd[t->taken_to - 1]))
        t->taken_to--;
    return t->taken_to;
}

struct fd_table *fd_table_copy(struct fd_table *from)
{
    struct fd_table *t = fd_table_create();
    uint32_t used;

    if (!t)
        return NULL;
    /* It may change while memory is sought. */
    while ((used = numbers_used(from)) > t->size) {
        uint32_t size = used < FDS_FIRST ? FDS_FIRST : used;
        struct fd *fd = vm_table_alloc(size, sizeof *fd);

        vm_table_free(t->fd, t->size, sizeof *fd);
        t->fd = fd;
        t->size = fd ? size : 0;
        if (!fd) {
            kfree(t);
            tables.count--;
            return NULL;
        }
    }
    t->free_from = t->taken_to = used;
    for (uint32_t i = 0; i < used; i++) {
        if (from->fd[i].file) /* a reserved number is its thread's business */
            t->fd[i] = (struct fd){.file = file_get(from->fd[i].file), .cloexec = from->fd[i].cloexec};
        else if (i < t->free_from)
            t->free_from = i;
    }
    return t;
}

struct fd_table *fd_table_get(struct fd_table *t)
{
    t->refs++;
    return t;
}

/* A descriptor of t named it. POSIX: a process's locks on a file go with any close of it. So do signals of
 * directories. */
static void closed(struct fd_table *t, struct file *f)
{
    if (f->ops->flush)
        f->ops->flush(f);
    if (f->inode->locks)
        file_locks_drop(f->inode, t);
    if (f->inode->marks)
        dnotify_drop(f, t);
    file_put(f);
}

static void close_slot(struct fd_table *t, uint32_t fd)
{
    struct file *f = t->fd[fd].file;

    t->fd[fd] = (struct fd){0};
    if (fd < t->free_from)
        t->free_from = fd;
    closed(t, f);
}

void fd_table_put(struct fd_table *t)
{
    if (--t->refs)
        return;
    for (uint32_t i = 0; i < t->taken_to; i++) {
        if (t->fd[i].file)
            close_slot(t, i);
        if (i % FDS_BREATH == FDS_BREATH - 1)
            thread_breathe();
    }
    vm_table_free(t->fd, t->size, sizeof *t->fd);
    kfree(t);
    tables.count--;
}

void fd_table_close_exec(struct fd_table *t)
{
    for (uint32_t i = 0; i < t->taken_to; i++) {
        if (t->fd[i].file && t->fd[i].cloexec)
            close_slot(t, i);
        if (i % FDS_BREATH == FDS_BREATH - 1)
            thread_breathe();
    }
}

/* Kernel memory that a file takes, and its inode if nothing but files names it. */
static size_t file_bytes(const struct file *f)
{
    const struct inode *i = f->inode;
    size_t bytes = sizeof *f + (i->gone ? strlen(i->gone) : 0);

    if (f->ops->bytes)
        bytes += f->ops->bytes(f);
    if (S_ISFIFO(i->mode))
        bytes += pipe_bytes(i);
    else if (!i->nlink || ramfs_is_bare(i))
        bytes += sizeof *i + sizeof(struct object);
    return bytes;
}

/* Of a process, for the score of those who may be ended. What several descriptors name is divided. */
static size_t descriptors_bytes(const struct process *p)
{
    const struct fd_table *t = p->threads ? p->threads->files : NULL;
    size_t bytes;

    if (!t)
        return 0;
    bytes = t->size * sizeof *t->fd + fcntl_locks_bytes(t);
    for (uint32_t i = 0; i < t->taken_to; i++)
        if (t->fd[i].file)
            bytes += file_bytes(t->fd[i].file) / t->fd[i].file->refs;
    return bytes;
}

void file_start(void)
{
    const struct frame_pool *pool = &frame_pool_sys;
    uint32_t kib = (pool->managed[ZONE_LOW] + pool->managed[ZONE_HIGH]) << (PAGE_SHIFT - 10);

    /* Linux's rule: with its inode and its name a file takes about a KiB, and a tenth of memory may go. */
    if (kib / 10 > file_max)
        file_max = kib / 10;
    oom_count_also(descriptors_bytes);
}

/* --- descriptors of the running thread --- */

static uint32_t fd_limit(void)
{
    const struct thread *t = thread_current();
    uint64_t limit = t ? t->process->rlimit[RLIMIT_NOFILE].soft : FDS_DEFAULT;

    return limit < fd_nr_open ? (uint32_t)limit : fd_nr_open;
}

/* Not referenced. */
static inline struct file *look(int fd)
{
    return fd_table_file(thread_current()->files, (uint32_t)fd);
}

static inline struct file *get(int fd)
{
    struct file *f = look(fd);

    if (likely(f))
        f->refs++;
    return f;
}

struct file *fd_get(int fd)
{
    return get(fd);
}

struct file *fd_get_open(int fd)
{
    struct file *f = look(fd);

    return f && !(f->flags & O_PATH) ? file_get(f) : NULL;
}

int fd_read(int fd, vaddr_t buf, size_t n)
{
    struct file *f = get(fd);
    int done;

    if (unlikely(!f))
        return -EBADF;
    done = read_file(f, buf, n, NULL);
    file_put(f);
    return done;
}

int fd_write(int fd, vaddr_t buf, size_t n)
{
    struct file *f = get(fd);
    int done;

    if (unlikely(!f))
        return -EBADF;
    done = write_file(f, buf, n, NULL);
    file_put(f);
    return done;
}

/* Have room for number fd. */
static int grow(struct fd_table *t, uint32_t fd)
{
    while (fd >= t->size) {
        uint32_t old = t->size, size = old ? old : FDS_FIRST;
        struct fd *bigger;

        while (size <= fd)
            size *= 2;
        bigger = vm_table_alloc(size, sizeof *bigger);
        if (!bigger)
            return -ENOMEM;
        if (t->size != old) { /* another thread has done it */
            vm_table_free(bigger, size, sizeof *bigger);
            continue;
        }
        if (old)
            memcpy(bigger, t->fd, old * sizeof *bigger);
        vm_table_free(t->fd, old, sizeof *bigger);
        t->fd = bigger;
        t->size = size;
    }
    return 0;
}

/* Number fd gets a file, or is reserved. */
static void take(struct fd_table *t, uint32_t fd, struct fd d)
{
    t->fd[fd] = d;
    if (t->taken_to <= fd)
        t->taken_to = fd + 1;
}

int fd_reserve(int min, bool cloexec)
{
    struct fd_table *t = thread_current()->files;
    uint32_t from = (uint32_t)min, fd;

    might_sleep();
    for (;;) {
        fd = from > t->free_from ? from : t->free_from;
        while (fd < t->size && is_taken(&t->fd[fd]))
            fd++;
        if (fd >= fd_limit())
            return -EMFILE;
        if (fd < t->size)
            break;
        if (grow(t, fd))
            return -ENOMEM;
    }
    if (from <= t->free_from)
        t->free_from = fd + 1;
    take(t, fd, (struct fd){.cloexec = cloexec, .reserved = true});
    return (int)fd;
}

void fd_fill(int fd, struct file *f)
{
    struct fd *d = &thread_current()->files->fd[fd];

    mm_assert(d->reserved && !d->file, "descriptor %d", fd);
    d->file = f;
    d->reserved = false;
}

void fd_unreserve(int fd)
{
    struct fd_table *t = thread_current()->files;

    mm_assert(t->fd[fd].reserved, "descriptor %d", fd);
    t->fd[fd] = (struct fd){0};
    if ((uint32_t)fd < t->free_from)
        t->free_from = (uint32_t)fd;
}

int fd_install(struct file *f, int min, bool cloexec)
{
    int fd = fd_reserve(min, cloexec);

    if (fd >= 0)
        fd_fill(fd, f);
    return fd;
}

bool fd_names(int fd, const struct file *f)
{
    const struct fd_table *t = thread_current()->files;

    return (uint32_t)fd < t->size && t->fd[fd].file == f;
}

int fd_replace(struct file *f, int fd, bool cloexec)
{
    struct fd_table *t = thread_current()->files;
    struct file *old;

    if (fd < 0 || (uint32_t)fd >= fd_limit())
        return -EBADF;
    if (grow(t, (uint32_t)fd))
        return -ENOMEM;
    if (t->fd[fd].reserved)
        return -EBUSY;
    old = t->fd[fd].file;
    take(t, (uint32_t)fd, (struct fd){.file = f, .cloexec = cloexec});
    if (old)
        closed(t, old);
    return fd;
}

int fd_close(int fd)
{
    struct fd_table *t = thread_current()->files;

    if ((uint32_t)fd >= t->size || !t->fd[fd].file)
        return -EBADF;
    close_slot(t, (uint32_t)fd);
    return 0;
}
