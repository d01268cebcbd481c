/*
 * Locks on files: fcntl(2)'s, which belong to a process and cover bytes, and flock(2)'s, which belong to an
 * open file and cover all of it. The two kinds do not see each other.
 *
 * Data. An inode's list of locks. Of one owner and kind no two overlap. A process is told apart by its table
 * of descriptors, so that threads share their locks and fork's child has none.
 *
 * Setting a lock replaces what the owner had in the range: at most one lock is split, so two new records are
 * enough, and they are allocated before anything is changed. Whoever waits sleeps in one queue for all files:
 * locks that are waited for are rare. Deadlocks are not looked for; a signal ends the wait.
 */
#include "kernel/fs/fcntl.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

struct file_lock {
    struct file_lock *next;
    const void *owner; /* struct fd_table of a process, or struct file */
    bool whole;        /* flock() */
    bool exclusive;
    uint64_t start, end; /* end UINT64_MAX: however far the file goes */
    int pid;
};

enum { LOCK_READ = 0, LOCK_WRITE = 1, LOCK_NONE = 2 }; /* F_RDLCK, F_WRLCK, F_UNLCK */

static struct waitq unlocked;

static const struct file_lock *conflict(const struct inode *i, const struct file_lock *want)
{
    for (const struct file_lock *l = i->locks; l; l = l->next)
        if (l->whole == want->whole && l->owner != want->owner && l->start < want->end &&
            want->start < l->end && (l->exclusive || want->exclusive))
            return l;
    return NULL;
}

static void drop(struct file_lock **at)
{
    struct file_lock *l = *at;

    *at = l->next;
    kfree(l);
}

/* Clear the owner's locks in [start, end). *spare is used up if one is split. */
static void clear(struct inode *i, const struct file_lock *want, struct file_lock **spare)
{
    struct file_lock **at = &i->locks;

    while (*at) {
        struct file_lock *l = *at;

        if (l->whole != want->whole || l->owner != want->owner || l->start >= want->end ||
            want->start >= l->end) {
            at = &l->next;
        } else if (l->start >= want->start && l->end <= want->end) {
            drop(at);
        } else if (l->start < want->start && l->end > want->end) {
            struct file_lock *upper = *spare;

            *spare = NULL;
            *upper = *l;
            upper->start = want->end;
            l->end = want->start;
            l->next = upper;
            at = &upper->next;
        } else {
            if (l->start < want->start)
                l->end = want->start;
            else
                l->start = want->end;
            at = &l->next;
        }
    }
}

/* Set (or, LOCK_NONE, clear) what want says. */
static int set(struct inode *i, const struct file_lock *want, unsigned type, bool wait)
{
    struct file_lock *spare = vm_alloc(sizeof *spare), *fresh = vm_alloc(sizeof *fresh);
    int err = spare && fresh ? 0 : -ENOLCK;

    while (!err && type != LOCK_NONE && conflict(i, want)) {
        uint32_t irq;

        if (!wait) {
            err = -EAGAIN;
            break;
        }
        irq = os_irq_save();
        err = thread_sleep(&unlocked);
        os_irq_restore(irq);
        if (err)
            err = -ERESTARTSYS;
    }
    if (!err) {
        clear(i, want, &spare);
        if (type != LOCK_NONE) {
            *fresh = *want;
            fresh->next = i->locks;
            i->locks = fresh;
            fresh = NULL;
        }
        os_wake_all(&unlocked);
    }
    kfree(spare);
    kfree(fresh);
    return err;
}

void file_locks_drop(struct inode *i, const void *owner)
{
    for (struct file_lock **at = &i->locks; *at;)
        if ((*at)->owner == owner)
            drop(at);
        else
            at = &(*at)->next;
    os_wake_all(&unlocked);
}

int flock_lock(struct file *f, unsigned how)
{
    enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
    unsigned what = how & ~(unsigned)LOCK_NB;
    struct file_lock want = {.owner = f, .whole = true, .exclusive = what == LOCK_EX, .end = UINT64_MAX};

    if (what != LOCK_SH && what != LOCK_EX && what != LOCK_UN)
        return -EINVAL;
    return set(f->inode, &want, what == LOCK_UN ? LOCK_NONE : LOCK_READ, !(how & LOCK_NB));
}

/* struct flock64, and struct flock in the same form. */
struct flock64 {
    int16_t type, whence;
    int64_t start, size;
    int32_t pid;
} __attribute__((packed, aligned(4)));

struct flock32 {
    int16_t type, whence;
    int32_t start, size, pid;
};

static int read_flock(vaddr_t arg, bool wide, struct flock64 *l)
{
    struct flock32 narrow;

    if (wide)
        return user_copy_in(l, arg, sizeof *l);
    if (user_copy_in(&narrow, arg, sizeof narrow))
        return -EFAULT;
    *l = (struct flock64){narrow.type, narrow.whence, narrow.start, narrow.size, narrow.pid};
    return 0;
}

static int write_flock(vaddr_t arg, bool wide, const struct flock64 *l)
{
    struct flock32 narrow = {l->type, l->whence, (int32_t)l->start, (int32_t)l->size, l->pid};

    return wide ? user_copy_out(arg, l, sizeof *l) : user_copy_out(arg, &narrow, sizeof narrow);
}

/* The bytes that l means. */
static int range_of(const struct file *f, const struct flock64 *l, struct file_lock *want)
{
    int64_t start = l->whence == 1 ? (int64_t)f->pos : l->whence == 2 ? (int64_t)f->inode->size : 0, end;

    if (l->whence < 0 || l->whence > 2 || __builtin_add_overflow(start, l->start, &start))
        return -EINVAL;
    if (__builtin_add_overflow(start, l->size, &end))
        return -EOVERFLOW;
    if (l->size < 0) {
        int64_t swap = start;

        start = end;
        end = swap;
    }
    if (start < 0)
        return -EINVAL;
    want->start = (uint64_t)start;
    want->end = l->size ? (uint64_t)end : UINT64_MAX;
    return 0;
}

static int tell_conflict(struct inode *i, const struct file_lock *want, struct flock64 *l)
{
    const struct file_lock *found = conflict(i, want);

    if (!found) {
        l->type = LOCK_NONE;
        return 0;
    }
    l->type = found->exclusive ? LOCK_WRITE : LOCK_READ;
    l->whence = 0;
    l->start = (int64_t)found->start;
    l->size = found->end == UINT64_MAX ? 0 : (int64_t)(found->end - found->start);
    l->pid = found->pid;
    return 0;
}

int fcntl_lock(struct file *f, unsigned cmd, vaddr_t arg)
{
    bool wide = cmd >= F_GETLK64;
    struct file_lock want = {.owner = process_current()->files, .pid = process_current()->pid};
    unsigned mode = f->flags & O_ACCMODE;
    struct flock64 l;
    int err;

    if (!(cmd >= F_GETLK && cmd <= F_SETLKW) && !(cmd >= F_GETLK64 && cmd <= F_SETLKW64))
        return -EINVAL;
    if (read_flock(arg, wide, &l))
        return -EFAULT;
    if (l.type < LOCK_READ || l.type > LOCK_NONE)
        return -EINVAL;
    err = range_of(f, &l, &want);
    if (err)
        return err;
    want.exclusive = l.type == LOCK_WRITE;
    if (cmd == F_GETLK || cmd == F_GETLK64) {
        if (l.type == LOCK_NONE)
            return -EINVAL;
        tell_conflict(f->inode, &want, &l);
        return write_flock(arg, wide, &l);
    }
    if ((l.type == LOCK_READ && mode == O_WRONLY) || (l.type == LOCK_WRITE && mode == O_RDONLY))
        return -EBADF;
    return set(f->inode, &want, (unsigned)l.type, cmd == F_SETLKW || cmd == F_SETLKW64);
}
