/*
 * Who wants to know what happens to files: marks that are left on inodes, by inotify(7) and by fcntl(2)'s
 * F_NOTIFY. See notify.c.
 *
 * Locking: tasks, between sleeps. Nothing here sleeps.
 */
#ifndef KERNEL_FS_NOTIFY_H
#define KERNEL_FS_NOTIFY_H

#include "kernel/fs/file.h"

/* What happens. The values are inotify(7)'s IN_*. */
enum notify_event {
    NOTIFY_ACCESS = 1 << 0,
    NOTIFY_MODIFY = 1 << 1,
    NOTIFY_ATTRIB = 1 << 2,
    NOTIFY_CLOSE_WRITE = 1 << 3,
    NOTIFY_CLOSE_NOWRITE = 1 << 4,
    NOTIFY_OPEN = 1 << 5,
    NOTIFY_MOVED_FROM = 1 << 6,
    NOTIFY_MOVED_TO = 1 << 7,
    NOTIFY_CREATE = 1 << 8,
    NOTIFY_DELETE = 1 << 9,
    NOTIFY_DELETE_SELF = 1 << 10,
    NOTIFY_MOVE_SELF = 1 << 11,
    NOTIFY_EVERYTHING = (1 << 12) - 1,
    NOTIFY_UNMOUNT = 1 << 13,
    NOTIFY_RENAME = 1 << 28, /* within one directory; beside MOVED_FROM and MOVED_TO */
    NOTIFY_ISDIR = 1 << 30,  /* beside one of the others: it happened to a directory */
};

struct notify_mark;

/* What who left a mark does. */
struct notify_ops {
    /*
     * Something of mark.mask has happened: to the inode itself (name NULL), or to what has that name in it.
     * cookie: the same for both halves of a move, else 0. It may take away the mark that it is given, and no
     * other.
     */
    void (*tell)(struct notify_mark *m, uint32_t event, const char *name, uint32_t cookie);
    /* The inode goes, and the mark is off it. ended: for good, and not only out of memory, as what /proc
     * makes up does. */
    void (*gone)(struct notify_mark *m, bool ended);
};

struct notify_mark {
    const struct notify_ops *ops;
    struct inode *inode; /* not referenced; NULL: it is gone */
    uint32_t mask;       /* NOTIFY_* */
    struct notify_mark *next, **at;
    struct notify_mark *all_next, **all_at;
};

/* Marks that there are: as long as it is 0 nothing below costs more than a look at it. */
extern uint32_t notify_marks;

/* Leave a mark on an inode, which has to be referenced meanwhile; ops and mask are filled in. And take one
 * away, if it is still on. */
void notify_attach(struct notify_mark *m, struct inode *i);
void notify_detach(struct notify_mark *m);

/* For the functions below: somebody has left a mark somewhere. */
void notify_tell(struct inode *i, uint32_t event);
void notify_tell_self(struct inode *i, uint32_t event);
void notify_tell_made(struct inode *dir, const char *name, uint32_t mode);
void notify_tell_removed(struct inode *dir, const char *name, struct inode *i);
void notify_tell_moved(const struct path_end *from, const struct path_end *to, bool exchanged);
void notify_tell_gone(struct inode *i);
void notify_tell_unmounted(const struct filesystem *fs);

/* Something has happened to an inode, that who watches it or its directory is to know. */
static inline void notify_inode(struct inode *i, uint32_t event)
{
    if (unlikely(notify_marks))
        notify_tell(i, event);
}

/* The same for a transfer of so many bytes; -errno or 0: nothing has happened. */
static inline void notify_transfer(struct inode *i, uint32_t event, int done)
{
    if (unlikely(notify_marks) && done > 0)
        notify_tell(i, event);
}

/* The same for what is no matter of its directory: the number of its names. */
static inline void notify_self(struct inode *i, uint32_t event)
{
    if (unlikely(notify_marks))
        notify_tell_self(i, event);
}

/* An inode with this mode has got a name in a directory. */
static inline void notify_made(struct inode *dir, const char *name, uint32_t mode)
{
    if (unlikely(notify_marks))
        notify_tell_made(dir, name, mode);
}

/* An inode, to which the caller has a reference, has lost a name in a directory. */
static inline void notify_removed(struct inode *dir, const char *name, struct inode *i)
{
    if (unlikely(notify_marks))
        notify_tell_removed(dir, name, i);
}

/* What was at one end of a path is at another one now; or the two have changed places. */
static inline void notify_moved(const struct path_end *from, const struct path_end *to, bool exchanged)
{
    if (unlikely(notify_marks))
        notify_tell_moved(from, to, exchanged);
}

/* Nobody has a reference to an inode any more. */
static inline void notify_gone(struct inode *i)
{
    if (unlikely(notify_marks))
        notify_tell_gone(i);
}

/* A filesystem ends, before its tree is taken down. */
static inline void notify_unmounted(const struct filesystem *fs)
{
    if (unlikely(notify_marks))
        notify_tell_unmounted(fs);
}

/* INV-NOTIFY-*; reads only, logs what is broken. */
bool notify_verify(void);

#endif
