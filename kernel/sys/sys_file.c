/*
 * System calls on descriptors. What a call means is here: checking and converting its arguments. What it does
 * is the business of file.c, regular.c, pipe.c and whoever has the file.
 */
#include "kernel/dev/devices.h"
#include "kernel/dev/disk.h"
#include "kernel/fs/attributes.h"
#include "kernel/fs/eventfd.h"
#include "kernel/fs/fcntl.h"
#include "kernel/fs/notify.h"
#include "kernel/fs/file.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/seals.h"
#include "kernel/proc/process.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_path.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

static inline uint64_t word64(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

/* --- opening and closing --- */

/* O_TMPFILE without O_DIRECTORY, which belongs to it. */
#define O_TMPFILE_ALONE (O_TMPFILE & ~O_DIRECTORY)
#define O_NONOTIFY      0x4000000u /* Linux's own, which it drops without a word */
/* What open() knows; it has forgotten other flags before it looks. */
#define O_KNOWN                                                                                              \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC |          \
     O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE_ALONE)

/* Whether flags of open() go together, before the path is looked at. */
static bool flags_fit(uint32_t flags)
{
    if (flags & O_PATH) /* which drops the others */
        return true;
    if (flags & O_CREAT && flags & O_DIRECTORY)
        return false;
    return !(flags & O_TMPFILE_ALONE) || (flags & O_DIRECTORY && flags & O_ACCMODE);
}

/* resolve: LOOKUP_* about how far the path may lead. */
static int32_t open_at(int dirfd, vaddr_t user_path, uint32_t flags, uint32_t mode, unsigned resolve)
{
    struct inode *dir;
    struct file *f;
    char *path;
    int err, fd;

    flags &= O_KNOWN;
    if (!flags_fit(flags))
        return -EINVAL;
    err = path_from_user(dirfd, user_path, resolve & LOOKUP_IN_ROOT ? PATH_IN_ROOT : 0, &dir, &path);
    if (err)
        return err;
    fd = fd_reserve(0, flags & O_CLOEXEC);
    err = fd < 0 ? fd : file_open_within(dir, path, flags, mode, resolve, &f);
    path_done(dir, path);
    if (!err && S_ISREG(f->inode->mode) && !(flags & (O_LARGEFILE | O_PATH)) &&
        f->inode->size > FILE_SIZE_OLD) {
        file_put(f);
        err = -EOVERFLOW;
    }
    if (!err)
        fd_fill(fd, f);
    else if (fd >= 0)
        fd_unreserve(fd);
    return err ? err : fd;
}

int32_t sys_open(SYSCALL_3_ARGS(path, flags, mode))
{
    return open_at(AT_FDCWD, path, flags, mode, 0);
}

int32_t sys_openat(SYSCALL_4_ARGS(dirfd, path, flags, mode))
{
    return open_at((int)dirfd, path, flags, mode, 0);
}

/* struct open_how. */
struct open_how {
    uint64_t flags, mode, resolve;
};

enum {
    RESOLVE_NO_XDEV = 1 << 0,
    RESOLVE_NO_MAGICLINKS = 1 << 1,
    RESOLVE_NO_SYMLINKS = 1 << 2,
    RESOLVE_BENEATH = 1 << 3,
    RESOLVE_IN_ROOT = 1 << 4,
    RESOLVE_CACHED = 1 << 5,
    RESOLVE_ALL = 0x3F,
};

/* Whether openat2(), which takes nothing amiss without saying so, takes this: 0, -EINVAL, -EAGAIN. */
static int check_how(const struct open_how *how)
{
    bool makes = how->flags & (O_CREAT | O_TMPFILE_ALONE);

    if (how->flags & ~(uint64_t)(O_KNOWN | O_NONOTIFY) || how->resolve & ~(uint64_t)RESOLVE_ALL ||
        !(~how->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)))
        return -EINVAL;
    if (how->mode & ~(makes ? (uint64_t)07777 : 0))
        return -EINVAL;
    if (!flags_fit((uint32_t)how->flags))
        return -EINVAL;
    if (how->flags & O_PATH &&
        how->flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONOTIFY))
        return -EINVAL;
    return how->resolve & RESOLVE_CACHED && how->flags & (O_TRUNC | O_CREAT | O_TMPFILE_ALONE) ? -EAGAIN : 0;
}

int32_t sys_openat2(SYSCALL_4_ARGS(dirfd, path, how, size))
{
    static const uint16_t lookup[] = {LOOKUP_NO_XDEV, LOOKUP_NO_MAGICLINKS, LOOKUP_NO_SYMLINKS,
                                      LOOKUP_BENEATH, LOOKUP_IN_ROOT,       LOOKUP_CACHED};
    struct open_how h;
    unsigned resolve = 0;
    int err = size < sizeof h ? -EINVAL : user_copy_struct(&h, sizeof h, how, size);

    if (!err)
        err = check_how(&h);
    if (err)
        return err;
    for (unsigned i = 0; i < ARRAY_LEN(lookup); i++)
        if (h.resolve & 1u << i)
            resolve |= lookup[i];
    return open_at((int)dirfd, path, (uint32_t)h.flags, (uint32_t)h.mode, resolve);
}

int32_t sys_creat(SYSCALL_2_ARGS(path, mode))
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, 0);
}

int32_t sys_close(SYSCALL_1_ARG(fd))
{
    return fd_close((int)fd);
}

int32_t sys_close_range(SYSCALL_3_ARGS(first, last, flags))
{
    enum { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4, CLOSE_BREATH = 256 };
    struct thread *self = thread_current();

    if (first > last || flags & ~(uint32_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE && self->files->refs > 1) {
        struct fd_table *shared = self->files, *own = fd_table_copy(shared);

        if (!own)
            return -ENOMEM;
        self->files = own;
        fd_table_put(shared);
    }
    for (uint32_t fd = first; fd <= last && fd < self->files->size; fd++) {
        if (flags & CLOSE_RANGE_CLOEXEC)
            self->files->fd[fd].cloexec = true;
        else
            fd_close((int)fd);
        if (fd % CLOSE_BREATH == 0)
            thread_breathe();
    }
    return 0;
}

int32_t sys_pipe2(SYSCALL_2_ARGS(user_fds, flags))
{
    struct file *end[2];
    int fd[2], err;

    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    err = pipe_create(flags & (O_NONBLOCK | O_DIRECT), &end[0], &end[1]);
    if (err)
        return err;
    fd[0] = fd_reserve(0, flags & O_CLOEXEC);
    fd[1] = fd[0] < 0 ? fd[0] : fd_reserve(0, flags & O_CLOEXEC);
    err = fd[1] < 0 ? fd[1] : 0;
    /* Nobody else can use the numbers before they are told. */
    if (!err && user_copy_out(user_fds, fd, sizeof fd))
        err = -EFAULT;
    for (unsigned i = 0; i < 2; i++)
        if (!err) {
            fd_fill(fd[i], end[i]);
        } else {
            if (fd[i] >= 0)
                fd_unreserve(fd[i]);
            file_put(end[i]);
        }
    return err;
}

int32_t sys_pipe(SYSCALL_1_ARG(user_fds))
{
    return sys_pipe2(user_fds, 0, 0, 0, 0, 0);
}

int32_t sys_memfd_create(SYSCALL_2_ARGS(user_name, flags))
{
    enum { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, NAME_LIMIT = 249 };
    static const char prefix[] = "/memfd:";
    char name[sizeof prefix + NAME_LIMIT + 1] = "/memfd:";
    struct file *f;
    int n;

    if (flags & ~(uint32_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    n = user_copy_string(name + sizeof prefix - 1, user_name, NAME_LIMIT + 1);
    if (n < 0)
        return n == -E2BIG ? -EINVAL : n;
    n = file_open_memory(name, O_RDWR | O_LARGEFILE, &f);
    if (n)
        return n;
    if (flags & MFD_ALLOW_SEALING)
        f->inode->seals &= (uint8_t)~SEAL_SEAL;
    n = fd_install(f, 0, flags & MFD_CLOEXEC);
    if (n < 0)
        file_put(f);
    return n;
}

/* --- duplicates --- */

int32_t sys_dup(SYSCALL_1_ARG(fd))
{
    struct file *f = fd_get((int)fd);
    int new_fd;

    if (!f)
        return -EBADF;
    new_fd = fd_install(f, 0, false);
    if (new_fd < 0)
        file_put(f);
    return new_fd;
}

static int32_t duplicate_to(uint32_t fd, uint32_t to, bool cloexec)
{
    struct file *f = fd_get((int)fd);
    int err;

    if (!f)
        return -EBADF;
    err = fd_replace(f, (int)to, cloexec);
    if (err < 0)
        file_put(f);
    return err;
}

int32_t sys_dup2(SYSCALL_2_ARGS(fd, to))
{
    struct file *f;

    if (fd != to)
        return duplicate_to(fd, to, false);
    f = fd_get((int)fd);
    file_put(f);
    return f ? (int32_t)fd : -EBADF;
}

int32_t sys_dup3(SYSCALL_3_ARGS(fd, to, flags))
{
    if (flags & ~(uint32_t)O_CLOEXEC || fd == to)
        return -EINVAL;
    return duplicate_to(fd, to, flags & O_CLOEXEC);
}

/* --- reading and writing --- */

int32_t sys_read(SYSCALL_3_ARGS(fd, buf, n))
{
    return fd_read((int)fd, buf, n);
}

int32_t sys_write(SYSCALL_3_ARGS(fd, buf, n))
{
    return fd_write((int)fd, buf, n);
}

typedef int (*transfer_fn)(struct file *f, vaddr_t buf, size_t n, uint64_t *pos);

/* Whether fn can be told where. */
static bool takes_position(const struct file *f, transfer_fn fn)
{
    return file_has_positions(f) && !(fn == file_write && f->ops->never_at);
}

static int32_t transfer_at(transfer_fn fn, uint32_t fd, vaddr_t buf, size_t n, int64_t pos)
{
    struct file *f;
    uint64_t at = (uint64_t)pos;
    int done = -ESPIPE;

    if (pos < 0)
        return -EINVAL;
    f = fd_get_open((int)fd);
    if (!f)
        return -EBADF;
    if (takes_position(f, fn))
        done = fn(f, buf, n, &at);
    file_put(f);
    return done;
}

int32_t sys_pread64(SYSCALL_5_ARGS(fd, buf, n, low, high))
{
    return transfer_at(file_read, fd, buf, n, (int64_t)word64(low, high));
}

int32_t sys_pwrite64(SYSCALL_5_ARGS(fd, buf, n, low, high))
{
    return transfer_at(file_write, fd, buf, n, (int64_t)word64(low, high));
}

/* Check the parts, and cut what is beyond RW_MAX. */
static int check_parts(struct io_vector *v, bool own)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (v->part[i].size > INT32_MAX)
            return -EINVAL;
    for (uint32_t i = 0; i < v->count; i++) {
        struct iovec *part = &v->part[i];
        uint32_t left = RW_MAX - v->total;

        if (own && !user_range_ok(part->base, part->size))
            return -EFAULT;
        if (own && part->size > left)
            part->size = left;
        v->total += part->size < left ? part->size : left;
    }
    return 0;
}

int io_vector_get(struct io_vector *v, vaddr_t user, uint32_t count, bool own)
{
    int err = 0;

    if (count > IOVECS_MAX)
        return -EINVAL;
    v->part = v->few;
    v->count = count;
    v->total = 0;
    if (count > IOVECS_SMALL) {
        v->part = vm_alloc(count * sizeof *v->part);
        if (!v->part)
            return -ENOMEM;
    }
    if (user_copy_in(v->part, user, count * sizeof *v->part))
        err = -EFAULT;
    if (!err)
        err = check_parts(v, own);
    if (err)
        io_vector_put(v);
    return err;
}

void io_vector_put(struct io_vector *v)
{
    if (v->part != v->few)
        kfree(v->part);
}

/* All parts in one operation, so nobody comes between two of them; more than LENT_VECTOR_MAX in several, at a
 * position that is ours. Until one is cut short. */
static int32_t transfer_whole(transfer_fn fn, struct file *f, const struct io_vector *v, uint64_t *pos)
{
    struct lent_vector lent = {.part = v->part};
    uint32_t done = 0;

    while (done < v->total) {
        uint32_t n = v->total - done < LENT_VECTOR_MAX ? v->total - done : LENT_VECTOR_MAX;
        int got = fn(f, usercopy_lend_vector(&lent, done, n), n, pos);

        usercopy_unlend();
        if (got < 0)
            return done ? (int32_t)done : got;
        done += (uint32_t)got;
        if ((uint32_t)got < n)
            break;
    }
    return (int32_t)done;
}

/* Each part is a message of its own. Until one fails or is cut short. */
static int32_t transfer_messages(transfer_fn fn, struct file *f, const struct io_vector *v)
{
    int32_t done = 0;

    for (uint32_t i = 0; i < v->count; i++) {
        int moved = fn(f, v->part[i].base, v->part[i].size, NULL);

        if (moved < 0)
            return done ? done : moved;
        done += moved;
        if ((uint32_t)moved < v->part[i].size)
            break;
    }
    return done;
}

/* pos NULL: the file's own. */
static int32_t transfer_parts(transfer_fn fn, struct file *f, const struct io_vector *v, uint64_t *pos)
{
    int32_t done;

    if (v->count == 1)
        return fn(f, v->part[0].base, v->total, pos);
    if (fn == file_write ? f->ops->in_messages : f->ops->reads_apart)
        return transfer_messages(fn, f, v);
    if (pos || v->total <= LENT_VECTOR_MAX)
        return transfer_whole(fn, f, v, pos);
    file_pos_lock(f);
    done = transfer_whole(fn, f, v, &f->pos);
    file_pos_unlock(f);
    return done;
}

enum {
    RWF_HIPRI = 1,
    RWF_DSYNC = 2,
    RWF_SYNC = 4,
    RWF_APPEND = 16,
    RWF_KNOWN = RWF_HIPRI | RWF_DSYNC | RWF_SYNC, /* of no effect on what is in memory */
};

/* Whether writers may ask for RWF_APPEND. */
static bool may_append(const struct inode *i)
{
    return i->object || S_ISFIFO(i->mode) || S_ISSOCK(i->mode);
}

/* What is wrong with moving bytes by a vector that was read, whatever is in it. */
static int check_mode(transfer_fn fn, const struct file *f)
{
    bool reads = fn == file_read;

    if (!(reads ? file_reads(f) : file_writes(f)))
        return -EBADF;
    return (reads ? f->ops->read != NULL || S_ISDIR(f->inode->mode) : f->ops->write != NULL) ? 0 : -EINVAL;
}

/* Append whatever the position is; the file's own (at NULL) is behind it then. */
static int32_t append_parts(struct file *f, const struct io_vector *v, const uint64_t *at)
{
    uint64_t end = FILE_END;
    int32_t done;

    if (at)
        return transfer_parts(file_write, f, v, &end);
    file_pos_lock(f);
    done = transfer_parts(file_write, f, v, &end);
    if (end != FILE_END)
        f->pos = end;
    file_pos_unlock(f);
    return done;
}

static int32_t transfer_vector(transfer_fn fn, uint32_t fd, vaddr_t user_vector, uint32_t count,
                               uint64_t *pos, uint32_t flags)
{
    struct file *f = fd_get_open((int)fd);
    struct io_vector v;
    bool append = false;
    int done = -EBADF;

    if (f)
        done = pos && !takes_position(f, fn) ? -ESPIPE : io_vector_get(&v, user_vector, count, true);
    if (!done) {
        done = check_mode(fn, f);
        append = fn == file_write && flags & RWF_APPEND && f->inode->object;
        /* What is read is never appended, and what has no positions always. */
        if (fn == file_read ? f->inode->object != NULL : may_append(f->inode))
            flags &= ~(uint32_t)RWF_APPEND;
        if (!done && v.total)
            done = flags & ~(uint32_t)RWF_KNOWN ? -EOPNOTSUPP
                   : append                     ? append_parts(f, &v, pos)
                                                : transfer_parts(fn, f, &v, pos);
        io_vector_put(&v);
    }
    file_put(f);
    return done;
}

int32_t sys_readv(SYSCALL_3_ARGS(fd, vector, count))
{
    return transfer_vector(file_read, fd, vector, count, NULL, 0);
}

int32_t sys_writev(SYSCALL_3_ARGS(fd, vector, count))
{
    return transfer_vector(file_write, fd, vector, count, NULL, 0);
}

int32_t sys_preadv(SYSCALL_5_ARGS(fd, vector, count, low, high))
{
    uint64_t pos = word64(low, high);

    return (int64_t)pos < 0 ? -EINVAL : transfer_vector(file_read, fd, vector, count, &pos, 0);
}

int32_t sys_pwritev(SYSCALL_5_ARGS(fd, vector, count, low, high))
{
    uint64_t pos = word64(low, high);

    return (int64_t)pos < 0 ? -EINVAL : transfer_vector(file_write, fd, vector, count, &pos, 0);
}

/* With flags; a position of -1 is the file's own. */
static int32_t transfer_vector2(transfer_fn fn, uint32_t fd, vaddr_t vector, uint32_t count, uint64_t pos,
                                uint32_t flags)
{
    if (pos == UINT64_MAX)
        return transfer_vector(fn, fd, vector, count, NULL, flags);
    return (int64_t)pos < 0 ? -EINVAL : transfer_vector(fn, fd, vector, count, &pos, flags);
}

int32_t sys_preadv2(uint32_t fd, uint32_t vector, uint32_t count, uint32_t low, uint32_t high, uint32_t flags)
{
    return transfer_vector2(file_read, fd, vector, count, word64(low, high), flags);
}

int32_t sys_pwritev2(uint32_t fd, uint32_t vector, uint32_t count, uint32_t low, uint32_t high,
                     uint32_t flags)
{
    return transfer_vector2(file_write, fd, vector, count, word64(low, high), flags);
}

/* --- positions --- */

enum { FROM_START, FROM_HERE, FROM_END, FROM_DATA, FROM_HOLE }; /* SEEK_SET and so on */

/* The next page from `index` on that has contents: of the archive, or of its own. UINT32_MAX + 1: none. */
static uint64_t next_data(const struct object *o, uint32_t index)
{
    if ((uint64_t)index << PAGE_SHIFT < o->image_size)
        return index;
    return radix_next(&o->index, &index) ? index : (uint64_t)UINT32_MAX + 1;
}

/* The same for one that has none. */
static uint64_t next_hole(const struct object *o, uint32_t index)
{
    uint32_t image = (uint32_t)PAGES_OF((uint64_t)o->image_size);

    return radix_next_gap(&o->index, index > image ? index : image);
}

/* The next byte from `at` on that is data (or in a hole) of a file in memory. */
static int64_t seek_contents(const struct inode *i, uint64_t at, bool hole)
{
    const struct object *o = i->object;
    uint32_t first = (uint32_t)(at >> PAGE_SHIFT);
    uint64_t index, found;

    if (at >= i->size)
        return -ENXIO;
    if (!o)
        return hole ? (int64_t)i->size : (int64_t)at;
    index = hole ? next_hole(o, first) : next_data(o, first);
    found = index << PAGE_SHIFT;
    if (index == first)
        return (int64_t)at;
    if (found >= i->size)
        return hole ? (int64_t)i->size : -ENXIO;
    return (int64_t)found;
}

/* The last position that a file can have. */
static uint64_t last_position(const struct inode *i)
{
    if (i->fs->type->made_up)
        return INT32_MAX;
    return S_ISREG(i->mode) ? FILE_SIZE_MAX : INT64_MAX;
}

static int64_t seek(struct file *f, int64_t offset, uint32_t whence)
{
    uint64_t result;
    int64_t base;
    int err;

    if (whence > FROM_HOLE)
        return -EINVAL;
    if (!f->ops->seek && !file_has_positions(f))
        return -ESPIPE;
    if (f->ops->seek) {
        err = f->ops->seek(f, offset, (int)whence, &result);
        return err ? err : (int64_t)result;
    }
    if (whence > FROM_HERE && S_ISDIR(f->inode->mode) && !f->inode->fs->type->made_up)
        return -EINVAL; /* places in it are where entries are */
    if (whence >= FROM_DATA) {
        base = offset < 0 ? -ENXIO : seek_contents(f->inode, (uint64_t)offset, whence == FROM_HOLE);
        offset = 0;
        if (base < 0)
            return base;
    } else {
        base = whence == FROM_START ? 0 : whence == FROM_HERE ? (int64_t)f->pos : (int64_t)f->inode->size;
    }
    if (__builtin_add_overflow(base, offset, &base) || base < 0 || (uint64_t)base > last_position(f->inode))
        return -EINVAL;
    f->pos = (uint64_t)base;
    return base;
}

int32_t sys_lseek(SYSCALL_3_ARGS(fd, offset, whence))
{
    struct file *f = fd_get_open((int)fd);
    int64_t pos;

    if (!f)
        return -EBADF;
    file_pos_lock(f);
    pos = seek(f, (int32_t)offset, whence);
    file_pos_unlock(f);
    file_put(f);
    return pos > INT32_MAX ? -EOVERFLOW : (int32_t)pos;
}

int32_t sys__llseek(SYSCALL_5_ARGS(fd, high, low, user_result, whence))
{
    struct file *f = fd_get_open((int)fd);
    int64_t pos;

    if (!f)
        return -EBADF;
    file_pos_lock(f);
    pos = seek(f, (int64_t)word64(low, high), whence);
    file_pos_unlock(f);
    file_put(f);
    if (pos < 0)
        return (int32_t)pos;
    return user_copy_out(user_result, &pos, sizeof pos);
}

/* --- size and contents --- */

/* A descriptor that may be written, of a regular file. */
static int get_writable(uint32_t fd, struct file **out)
{
    struct file *f = fd_get_open((int)fd);
    int err = 0;

    if (!f)
        return -EBADF;
    if (!file_writes(f) || !S_ISREG(f->inode->mode))
        err = -EINVAL;
    if (err)
        file_put(f);
    else
        *out = f;
    return err;
}

static int32_t truncate_fd(uint32_t fd, int64_t size)
{
    struct file *f;
    int err;

    if (size < 0)
        return -EINVAL;
    err = get_writable(fd, &f);
    if (err)
        return err;
    if (size > FILE_SIZE_OLD && !(f->flags & O_LARGEFILE))
        err = -EINVAL;
    else
        err = is_append_only(f->inode) ? -EPERM : inode_truncate(f->inode, (uint64_t)size);
    file_put(f);
    return err;
}

int32_t sys_ftruncate(SYSCALL_2_ARGS(fd, size))
{
    return truncate_fd(fd, (int32_t)size);
}

int32_t sys_ftruncate64(SYSCALL_3_ARGS(fd, low, high))
{
    return truncate_fd(fd, (int64_t)word64(low, high));
}

#define ALLOCATE_KEEP 1u /* the size of the file */

/* Whether what fallocate(2) is to do makes sense, whatever the file is. */
static int check_allocation_mode(uint32_t mode)
{
    enum { KEEP = ALLOCATE_KEEP, PUNCH = 2, COLLAPSE = 8, ZERO = 16, INSERT = 32, UNSHARE = 64 };

    if (mode & ~(uint32_t)(KEEP | PUNCH | COLLAPSE | ZERO | INSERT | UNSHARE) ||
        (mode & (PUNCH | ZERO)) == (PUNCH | ZERO) || (mode & (PUNCH | KEEP)) == PUNCH)
        return -EOPNOTSUPP;
    if ((mode & COLLAPSE && mode != COLLAPSE) || (mode & INSERT && mode != INSERT) ||
        (mode & UNSHARE && mode & ~(uint32_t)(UNSHARE | KEEP)))
        return -EINVAL;
    return 0;
}

/* What is wrong with it, in Linux's order; 0: the file's own operation decides. */
static int check_allocation(const struct file *f, uint32_t mode, int64_t start, int64_t size)
{
    int err;

    if (start < 0 || size <= 0)
        return -EINVAL;
    err = check_allocation_mode(mode);
    if (err)
        return err;
    if (!file_writes(f))
        return -EBADF;
    if (is_immutable(f->inode) || (is_append_only(f->inode) && mode & ~(uint32_t)ALLOCATE_KEEP))
        return -EPERM;
    if (S_ISFIFO(f->inode->mode))
        return -ESPIPE;
    if (!S_ISREG(f->inode->mode))
        return S_ISDIR(f->inode->mode) ? -EISDIR : -ENODEV;
    if (start > INT64_MAX - size)
        return -EFBIG;
    return f->inode->ops->fallocate ? 0 : -EOPNOTSUPP;
}

int32_t sys_fallocate(uint32_t fd, uint32_t mode, uint32_t low, uint32_t high, uint32_t size_low,
                      uint32_t size_high)
{
    int64_t start = (int64_t)word64(low, high), size = (int64_t)word64(size_low, size_high);
    struct file *f = fd_get_open((int)fd);
    int err;

    if (!f)
        return -EBADF;
    err = check_allocation(f, mode, start, size);
    if (!err) {
        mutex_lock(&f->inode->lock);
        err = f->inode->ops->fallocate(f->inode, mode, (uint64_t)start, (uint64_t)size);
        if (!err)
            inode_changed(f->inode);
        mutex_unlock(&f->inode->lock);
        if (!err)
            notify_inode(f->inode, NOTIFY_MODIFY);
    }
    file_put(f);
    return err;
}

/* Everything is in memory, so all is as safe as it gets. */
static int32_t sync_fd(uint32_t fd)
{
    struct file *f = fd_get_open((int)fd);
    int err = -EBADF;

    if (f) {
        uint32_t mode = f->inode->mode;

        err = (S_ISREG(mode) || S_ISDIR(mode) || S_ISBLK(mode)) && !f->inode->fs->type->made_up ? 0 : -EINVAL;
    }
    file_put(f);
    return err;
}

int32_t sys_fsync(SYSCALL_1_ARG(fd))
{
    return sync_fd(fd);
}

int32_t sys_fdatasync(SYSCALL_1_ARG(fd))
{
    return sync_fd(fd);
}

int32_t sys_syncfs(SYSCALL_1_ARG(fd))
{
    struct file *f = fd_get_open((int)fd);
    int err = f ? 0 : -EBADF;

    file_put(f);
    return err;
}

int32_t sys_sync_file_range(SYSCALL_6_ARGS(fd, low, high, size_low, size_high, flags))
{
    int64_t start = (int64_t)word64(low, high);
    int64_t end = (int64_t)(word64(low, high) + word64(size_low, size_high));
    struct file *f = fd_get_open((int)fd);
    int err = 0;

    if (!f)
        err = -EBADF;
    else if (flags & ~7u || start < 0 || end < start)
        err = -EINVAL;
    else if (!S_ISREG(f->inode->mode) && !S_ISDIR(f->inode->mode) && !S_ISBLK(f->inode->mode))
        err = -ESPIPE;
    file_put(f);
    return err;
}

/* Files are in memory; what was written to a disk as a device may still be on its way to the medium. */
int32_t sys_sync(SYSCALL_NO_ARGS)
{
    disk_flush_all();
    return 0;
}

/* Advice that a file in memory does not need; what is wrong is told. */
static int32_t advise(uint32_t fd, int64_t size, uint32_t advice)
{
    struct file *f = fd_get_open((int)fd);
    int err = 0;

    if (!f)
        err = -EBADF;
    else if (S_ISFIFO(f->inode->mode))
        err = -ESPIPE;
    else if (size < 0 || advice > 5)
        err = -EINVAL;
    file_put(f);
    return err;
}

int32_t sys_fadvise64(SYSCALL_5_ARGS(fd, low UNUSED, high UNUSED, size, advice))
{
    return advise(fd, size, advice); /* a size is never negative here */
}

int32_t sys_fadvise64_64(uint32_t fd, uint32_t low UNUSED, uint32_t high UNUSED, uint32_t size_low,
                         uint32_t size_high, uint32_t advice)
{
    return advise(fd, (int64_t)word64(size_low, size_high), advice);
}

int32_t sys_readahead(SYSCALL_1_ARG(fd))
{
    struct file *f = fd_get_open((int)fd);
    int err = !f || !file_reads(f) ? -EBADF : S_ISREG(f->inode->mode) ? 0 : -EINVAL;

    file_put(f);
    return err;
}

/* --- directories --- */

/* Entries gathered for the program. */
struct listing {
    uint8_t *buf;
    size_t room, size;
    size_t last;   /* where the last entry starts */
    uint64_t *pos; /* of the entry that is emitted */
    bool wide;     /* getdents64() */
    bool one;      /* readdir(): one alone, in a form of its own */
    bool full;     /* an entry did not fit */
};

struct dirent64 {
    uint64_t ino;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
} __attribute__((packed));

struct dirent32 {
    uint32_t ino, next;
    uint16_t size;
    char name[]; /* the type is in the last byte */
} __attribute__((packed));

/* The entry before has its successor's position. */
static void set_next(struct listing *l, uint64_t pos)
{
    if (l->size == 0)
        return;
    if (l->wide)
        ((struct dirent64 *)(l->buf + l->last))->next = (int64_t)pos;
    else
        ((struct dirent32 *)(l->buf + l->last))->next = (uint32_t)pos;
}

static bool list_entry(void *arg, const char *name, uint32_t ino, uint32_t type)
{
    struct listing *l = arg;
    size_t n = strlen(name);
    size_t size = l->wide ? (sizeof(struct dirent64) + n + 1 + 7) & ~(size_t)7
                          : (sizeof(struct dirent32) + n + 2 + 3) & ~(size_t)3;
    uint8_t *at = l->buf + l->size;

    set_next(l, *l->pos);
    if (size > l->room - l->size || (l->one && l->size)) {
        l->full = true;
        return false;
    }
    memset(at + size - 8, 0, 8); /* what is behind the name; `next` will be set */
    if (l->wide) {
        struct dirent64 *d = (struct dirent64 *)at;

        d->ino = ino;
        d->size = (uint16_t)size;
        d->type = (uint8_t)type;
        memcpy(d->name, name, n);
    } else {
        struct dirent32 *d = (struct dirent32 *)at;

        d->ino = ino;
        d->size = (uint16_t)size;
        memcpy(d->name, name, n);
        at[size - 1] = (uint8_t)type;
    }
    l->last = l->size;
    l->size += size;
    return true;
}

static int list(struct file *f, struct listing *l)
{
    struct inode *dir = f->inode, *up = dir;
    int err = 0;

    l->pos = &f->pos;
    while (up->covers)
        up = up->covers;
    if (up->parent)
        up = up->parent;
    if (f->pos == 0 && list_entry(l, ".", dir->ino, MODE_DTYPE(S_IFDIR)))
        f->pos = 1;
    if (f->pos == 1 && list_entry(l, "..", up->ino, MODE_DTYPE(S_IFDIR)))
        f->pos = 2;
    if (f->pos >= 2 && dir->ops->readdir)
        err = dir->ops->readdir(dir, &f->pos, list_entry, l);
    set_next(l, f->pos);
    notify_inode(dir, NOTIFY_ACCESS);
    file_accessed(f);
    return err;
}

/* Have the one entry, if there is one, in readdir()'s form. */
static void make_one(struct listing *l, uint64_t pos)
{
    struct dirent32 *d = (struct dirent32 *)l->buf;

    if (l->size == 0)
        return;
    d->next = (uint32_t)pos;
    d->size = (uint16_t)strlen(d->name);
    l->size = sizeof *d + d->size + 1;
}

/* From the file's position, which is the caller's until this returns. */
static int list_to_user(struct file *f, struct listing *l, vaddr_t user)
{
    uint64_t before = f->pos;
    int err = f->inode->nlink ? list(f, l) : -ENOENT;

    if (!err && l->size == 0 && l->full)
        err = -EINVAL;
    if (!err && l->one)
        make_one(l, before);
    if (!err && user_copy_out(user, l->buf, l->size)) {
        f->pos = before;
        err = -EFAULT;
    }
    return err;
}

static int32_t get_entries(uint32_t fd, vaddr_t user, struct listing l)
{
    struct file *f = fd_get_open((int)fd);
    int err;

    if (!f)
        return -EBADF;
    if (!S_ISDIR(f->inode->mode)) {
        err = -ENOTDIR;
    } else if (l.buf = vm_alloc(PAGE_SIZE), !l.buf) {
        err = -ENOMEM;
    } else {
        file_pos_lock(f);
        err = list_to_user(f, &l, user);
        file_pos_unlock(f);
        kfree(l.buf);
    }
    file_put(f);
    return err ? err : (int32_t)l.size;
}

int32_t sys_getdents(SYSCALL_3_ARGS(fd, buf, n))
{
    return get_entries(fd, buf, (struct listing){.room = n < PAGE_SIZE ? n : PAGE_SIZE});
}

int32_t sys_getdents64(SYSCALL_3_ARGS(fd, buf, n))
{
    return get_entries(fd, buf, (struct listing){.room = n < PAGE_SIZE ? n : PAGE_SIZE, .wide = true});
}

/* Programs have not used it for long. */
int32_t sys_readdir(SYSCALL_2_ARGS(fd, entry))
{
    int32_t n = get_entries(fd, entry, (struct listing){.room = PAGE_SIZE, .one = true});

    return n > 0 ? 1 : n;
}

/* --- other kinds --- */

int32_t sys_flock(SYSCALL_2_ARGS(fd, how))
{
    enum { LOCK_MAND = 32 }; /* was never of any use, and is taken without a look at the rest */
    struct file *f;
    int err;

    if (how & LOCK_MAND)
        return 0;
    f = fd_get_open((int)fd);
    err = flock_lock(f, how);
    file_put(f);
    return err;
}

int32_t sys_eventfd2(SYSCALL_2_ARGS(count, flags))
{
    return eventfd_create(count, flags);
}

int32_t sys_eventfd(SYSCALL_1_ARG(count))
{
    return eventfd_create(count, 0);
}
