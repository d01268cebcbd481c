/*
 * Locks on files: fcntl(2)'s, which cover bytes and belong to a process or (OFD) to an open file, and
 * flock(2)'s, which cover all of a file and belong to an open file. fcntl's and flock's do not see each
 * other.
 *
 * Data. An inode's list of locks: by owner, who came first being first, and of one owner by where they start.
 * The first in the list that is in the way is the one that is told of, as on Linux. Of one owner and kind no
 * two overlap. A process is told apart by its table of descriptors, so that threads share their locks and
 * fork's child has none.
 *
 * Setting a lock replaces what the owner had in the range: at most one lock is split, so two new records are
 * enough, and they are allocated before anything is looked at. After that, what is checked and what is done
 * are one step: that no other lock is in the way, and that the descriptor still names the file. It may have
 * been closed meanwhile, and a close drops the locks that are there, not those that come.
 *
 * Whoever waits sleeps in one queue for all files: locks that are waited for are rare. He is in a list, where
 * the next one who wants to wait looks whether a process would wait for itself. An open file's owner is not
 * known, so OFD and flock() waits are not looked at; a signal ends them.
 *
 * Locks are in the kernel's memory, so there is a limit to all and to one process's: -ENOLCK.
 */
#include "kernel/fs/fcntl.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

TALLY(file_locks, "file locks");

struct file_lock {
    struct file_lock *next;
    const void *owner; /* struct fd_table of a process, or struct file */
    bool whole;        /* flock() */
    bool exclusive;
    uint64_t start, end; /* end UINT64_MAX: however far the file goes */
    int pid;             /* -1: an open file's */
};

enum { LOCK_READ = 0, LOCK_WRITE = 1, LOCK_NONE = 2 }; /* F_RDLCK, F_WRLCK, F_UNLCK */

/* A process's request that waits; lives on the waiter's stack. */
struct lock_wait {
    struct lock_wait *next;
    const struct inode *inode;
    const struct file_lock *want;
};

#define CHAIN_MAX 11u /* processes that wait for each other, as far as is looked */

/* The share of low memory that all locks may take, the most that there may be, since each call looks at all
 * locks of a file, and the share of these that one process may have. */
#define LOCKS_SHARE 64u
#define LOCKS_MOST  16384u
#define OWNER_SHARE 2u

static uint32_t lock_count;

static struct waitq unlocked;
static struct lock_wait *waiting;

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
    return a->start < b->end && b->start < a->end;
}

static const struct file_lock *conflict(const struct inode *i, const struct file_lock *want)
{
    for (const struct file_lock *l = i->locks; l; l = l->next)
        if (l->whole == want->whole && l->owner != want->owner && overlap(l, want) &&
            (l->exclusive || want->exclusive))
            return l;
    return NULL;
}

/* The count of a process's locks, for its score when memory is out. */
static uint32_t *count_of(const struct file_lock *l)
{
    static uint32_t of_file;

    return l->pid <= 0 ? &of_file : &((struct fd_table *)(uintptr_t)l->owner)->locks;
}

static void count(const struct file_lock *l, int n)
{
    lock_count += (uint32_t)n;
    *count_of(l) += (uint32_t)n;
}

size_t fcntl_locks_bytes(const struct fd_table *t)
{
    return t->locks * sizeof(struct file_lock);
}

/* Whether there may be one more for want's owner. */
static bool has_room(const struct file_lock *want)
{
    uint32_t most = frame_pool_sys.managed[ZONE_LOW] / LOCKS_SHARE * (PAGE_SIZE / sizeof(struct file_lock));

    if (most > LOCKS_MOST)
        most = LOCKS_MOST;
    return lock_count < most && (want->pid <= 0 || *count_of(want) < most / OWNER_SHARE);
}

/* Whether clearing what want says cuts a lock in two. */
static bool splits(const struct inode *i, const struct file_lock *want)
{
    for (const struct file_lock *l = i->locks; l; l = l->next)
        if (l->whole == want->whole && l->owner == want->owner && l->start < want->start &&
            l->end > want->end)
            return true;
    return false;
}

/* Whether who holds l waits, maybe by way of others, for want's owner. */
static bool waits_for(const struct file_lock *l, const struct file_lock *want)
{
    for (unsigned n = 0; l && n < CHAIN_MAX; n++) {
        const struct lock_wait *w = waiting;

        while (w && w->want->owner != l->owner)
            w = w->next;
        l = w ? conflict(w->inode, w->want) : NULL;
        if (l && l->owner == want->owner)
            return true;
    }
    return false;
}

static void drop(struct file_lock **at)
{
    struct file_lock *l = *at;

    *at = l->next;
    count(l, -1);
    kfree(l);
    file_locks.count--;
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
    return a->whole == b->whole && a->owner == b->owner;
}

/* Where the owner's locks begin in the list, or are to begin: stays so when these change. */
static struct file_lock **place_of(struct inode *i, const struct file_lock *want)
{
    struct file_lock **at = &i->locks;

    while (*at && !same_owner(*at, want))
        at = &(*at)->next;
    return at;
}

/* Into the owner's locks, which begin at `at`. */
static void insert(struct file_lock **at, struct file_lock *l)
{
    while (*at && same_owner(*at, l) && (*at)->start <= l->start)
        at = &(*at)->next;
    l->next = *at;
    *at = l;
}

/* Clear the owner's locks in [start, end), of those that begin at `first`. *spare is used up if one is
 * split. */
static void clear(struct file_lock **first, const struct file_lock *want, struct file_lock **spare)
{
    struct file_lock **at = first, *moved = NULL;

    while (*at && same_owner(*at, want)) {
        struct file_lock *l = *at;

        if (!overlap(l, want)) {
            at = &l->next;
        } else if (l->start >= want->start && l->end <= want->end) {
            drop(at);
        } else if (l->start >= want->start) { /* its end remains, and starts later: only one can be so */
            *at = l->next;
            l->start = want->end;
            moved = l;
        } else {
            if (l->end > want->end) {
                moved = *spare;
                *spare = NULL;
                file_locks.count++;
                *moved = *l;
                count(moved, 1);
                moved->start = want->end;
            }
            l->end = want->start;
            at = &l->next;
        }
    }
    if (moved)
        insert(first, moved);
}

/* Neighbours of one kind are one lock: what fresh, which is not in the list yet, touches joins it. */
static void join(struct file_lock **at, struct file_lock *fresh)
{
    while (*at && same_owner(*at, fresh)) {
        const struct file_lock *l = *at;

        if (l->exclusive == fresh->exclusive && (l->end == fresh->start || l->start == fresh->end)) {
            fresh->start = l->start < fresh->start ? l->start : fresh->start;
            fresh->end = l->end > fresh->end ? l->end : fresh->end;
            drop(at);
        } else {
            at = &(*at)->next;
        }
    }
}

/* Sleep until somebody unlocks something. 0, -EDEADLK or -ERESTARTSYS. */
static int wait_unlocked(const struct inode *i, const struct file_lock *want, const struct file_lock *blocker)
{
    struct lock_wait w = {.inode = i, .want = want}, **at = &waiting;
    bool process = want->pid > 0;
    uint32_t irq;
    int err;

    if (process && waits_for(blocker, want))
        return -EDEADLK;
    if (process) {
        w.next = waiting;
        waiting = &w;
    }
    irq = os_irq_save();
    err = thread_sleep(&unlocked);
    os_irq_restore(irq);
    while (process && *at != &w)
        at = &(*at)->next;
    if (process)
        *at = w.next;
    return err ? -ERESTARTSYS : 0;
}

/* Set (or, LOCK_NONE, clear) what want says. fd: that has to name f when it is done; -1: none. */
static int set(struct file *f, int fd, const struct file_lock *want, unsigned type, bool wait)
{
    struct file_lock *spare = vm_alloc(sizeof *spare), *fresh = vm_alloc(sizeof *fresh);
    struct inode *i = f->inode;
    const struct file_lock *blocker;
    int err = spare && fresh ? 0 : -ENOLCK;

    /* flock() gives back what it had before it waits for the other kind, so that two cannot wait for each
     * other's. */
    if (!err && want->whole) {
        clear(place_of(i, want), want, &spare);
        os_wake_all(&unlocked);
    }
    while (!err && type != LOCK_NONE && (blocker = conflict(i, want)))
        err = wait ? wait_unlocked(i, want, blocker) : -EAGAIN;
    if (!err && fd >= 0 && type != LOCK_NONE && !fd_names(fd, f))
        err = -EBADF;
    if (!err && !has_room(want) && (type != LOCK_NONE || splits(i, want)))
        err = -ENOLCK;
    if (!err) {
        struct file_lock **place = place_of(i, want);

        clear(place, want, &spare);
        if (type != LOCK_NONE) {
            *fresh = *want;
            join(place, fresh);
            insert(place, fresh);
            file_locks.count++;
            count(fresh, 1);
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
    if (!f)
        return -EBADF;
    return set(f, -1, &want, what == LOCK_UN ? LOCK_NONE : LOCK_READ, !(how & LOCK_NB));
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

    if (!wide && l->type != LOCK_NONE && (l->start > INT32_MAX || l->start + l->size - 1 > INT32_MAX))
        return -EOVERFLOW;
    return wide ? user_copy_out(arg, l, sizeof *l) : user_copy_out(arg, &narrow, sizeof narrow);
}

/* The bytes that l means. */
static int range_of(const struct file *f, const struct flock64 *l, struct file_lock *want)
{
    int64_t start = l->whence == 1 ? (int64_t)f->pos : l->whence == 2 ? (int64_t)f->inode->size : 0;

    if (l->whence < 0 || l->whence > 2)
        return -EINVAL;
    if (__builtin_add_overflow(start, l->start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    if (l->size > 0 && l->size - 1 > INT64_MAX - start)
        return -EOVERFLOW;
    if (l->size < 0 && start + l->size < 0)
        return -EINVAL;
    want->start = (uint64_t)(l->size < 0 ? start + l->size : start);
    want->end = (uint64_t)start + (uint64_t)(l->size > 0 ? l->size : 0);
    if (!l->size || want->end > INT64_MAX) /* the last byte that a file can have is as good as no end */
        want->end = UINT64_MAX;
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

int fcntl_lock(struct file *f, int fd, unsigned cmd, vaddr_t arg)
{
    bool ofd = cmd >= F_OFD_GETLK, wide = cmd >= F_GETLK64;
    struct file_lock want = {.owner = thread_current()->files, .pid = process_current()->pid};
    struct flock64 l;
    int err;

    if (!(cmd >= F_GETLK && cmd <= F_SETLKW) && !(cmd >= F_GETLK64 && cmd <= F_SETLKW64) &&
        !(cmd >= F_OFD_GETLK && cmd <= F_OFD_SETLKW))
        return -EINVAL;
    if (read_flock(arg, wide, &l))
        return -EFAULT;
    if (l.type < LOCK_READ || l.type > LOCK_NONE || (ofd && l.pid))
        return -EINVAL;
    if (ofd) {
        want.owner = f;
        want.pid = -1;
    }
    err = range_of(f, &l, &want);
    if (err)
        return err;
    want.exclusive = l.type == LOCK_WRITE;
    if (cmd == F_GETLK || cmd == F_GETLK64 || cmd == F_OFD_GETLK) {
        if (l.type == LOCK_NONE)
            return -EINVAL;
        tell_conflict(f->inode, &want, &l);
        return write_flock(arg, wide, &l);
    }
    if ((l.type == LOCK_READ && !file_reads(f)) || (l.type == LOCK_WRITE && !file_writes(f)))
        return -EBADF;
    return set(f, ofd ? -1 : fd, &want, (unsigned)l.type,
               cmd == F_SETLKW || cmd == F_SETLKW64 || cmd == F_OFD_SETLKW);
}
