/*
 * Who wants to know what happens to files.
 *
 * Purpose. One mechanism for inotify(7) and for fcntl(2)'s F_NOTIFY: a mark on an inode says which events are
 * wanted, and its owner's function is called when one of them happens. Whoever does something to files
 * says so here, once: file.c of what is opened, read, written and closed, vfs.c of names and sizes,
 * permission.c of modes and owners.
 *
 * What happens to an inode is told to its own marks, and before that, with its name, to those of the
 * directory that has it. Of a file with several names that is the directory of the one that was made or
 * opened last; one whose last name is gone has none.
 *
 * Data. An inode has a list of its marks, and all marks are in another one, for the end of a filesystem. A
 * mark holds no reference: who watches keeps nothing in memory and no filesystem in use. So an inode that
 * goes takes its marks off. If it had no name any more that is its end, which is told (DELETE_SELF); if it
 * had, it is one that its filesystem makes up when it is looked up, and nothing is told.
 *
 *     INV-NOTIFY-1  a mark in an inode's list names that inode, and so do all marks of the machine's list
 *     INV-NOTIFY-2  both lists' links lead back
 *     INV-NOTIFY-3  notify_marks counts the marks of the machine's list
 *
 * Locking. One processor: telling does not sleep, so who tells needs no reference to what is told of.
 *
 * Failure. None: owners see to it that news which find no memory are noticed.
 *
 * Source. The order of events is that of Linux 6.1 (fs/notify, fs/namei.c), see inotify(7).
 */
#include "kernel/fs/notify.h"
#include "kernel/lib/tally.h"

TALLY(marks, "marks on inodes");

uint32_t notify_marks;
static struct notify_mark *all;

void notify_attach(struct notify_mark *m, struct inode *i)
{
    m->inode = i;
    m->next = i->marks;
    m->at = &i->marks;
    if (m->next)
        m->next->at = &m->next;
    i->marks = m;
    m->all_next = all;
    m->all_at = &all;
    if (m->all_next)
        m->all_next->all_at = &m->all_next;
    all = m;
    notify_marks++;
    marks.count++;
}

void notify_detach(struct notify_mark *m)
{
    if (!m->inode)
        return;
    m->inode = NULL;
    *m->at = m->next;
    if (m->next)
        m->next->at = m->at;
    *m->all_at = m->all_next;
    if (m->all_next)
        m->all_next->all_at = m->all_at;
    notify_marks--;
    marks.count--;
}

/* --- telling --- */

static uint32_t kind(uint32_t mode)
{
    return S_ISDIR(mode) ? NOTIFY_ISDIR : 0;
}

/* Tell an inode's marks what has happened, to it or to what is called so in it. */
static void tell(struct inode *i, uint32_t event, const char *name, uint32_t cookie)
{
    for (struct notify_mark *m = i->marks, *next; m; m = next) {
        next = m->next;
        if (m->mask & event & ~(uint32_t)NOTIFY_ISDIR)
            m->ops->tell(m, event, name, cookie);
    }
}

void notify_tell(struct inode *i, uint32_t event)
{
    struct inode *dir = i->parent;
    const char *name = dir && dir->marks ? i->ops->name(i) : NULL;

    if (name)
        tell(dir, event | kind(i->mode), name, 0);
    tell(i, event | kind(i->mode), NULL, 0);
}

void notify_tell_self(struct inode *i, uint32_t event)
{
    tell(i, event | kind(i->mode), NULL, 0);
}

void notify_tell_made(struct inode *dir, const char *name, uint32_t mode)
{
    tell(dir, NOTIFY_CREATE | kind(mode), name, 0);
}

static void lose_marks(struct inode *i, bool ended)
{
    while (i->marks) {
        struct notify_mark *m = i->marks;

        notify_detach(m);
        m->ops->gone(m, ended);
    }
}

void notify_tell_gone(struct inode *i)
{
    bool ended = !i->nlink;

    if (ended)
        tell(i, NOTIFY_DELETE_SELF | kind(i->mode), NULL, 0);
    lose_marks(i, ended);
}

void notify_tell_removed(struct inode *dir, const char *name, struct inode *i)
{
    if (!S_ISDIR(i->mode))
        tell(i, NOTIFY_ATTRIB, NULL, 0);
    if (!i->nlink && i->refs == 1)
        notify_tell_gone(i);
    tell(dir, NOTIFY_DELETE | kind(i->mode), name, 0);
}

/* One move, of which the other half may be told next. target: what had the new name before, or NULL. */
static void tell_move(const struct path_end *from, const struct path_end *to, struct inode *target)
{
    static uint32_t cookie;
    struct inode *i = from->inode;

    cookie++;
    if (from->dir == to->dir)
        tell(from->dir, NOTIFY_RENAME | kind(i->mode), from->name, 0);
    tell(from->dir, NOTIFY_MOVED_FROM | kind(i->mode), from->name, cookie);
    tell(to->dir, NOTIFY_MOVED_TO | kind(i->mode), to->name, cookie);
    if (target)
        tell(target, NOTIFY_ATTRIB | kind(target->mode), NULL, 0);
    tell(i, NOTIFY_MOVE_SELF | kind(i->mode), NULL, 0);
}

void notify_tell_moved(const struct path_end *from, const struct path_end *to, bool exchanged)
{
    tell_move(from, to, exchanged ? NULL : to->inode);
    if (exchanged)
        tell_move(to, from, NULL);
}

void notify_tell_unmounted(const struct filesystem *fs)
{
    struct notify_mark *m = all;

    while (m) {
        struct inode *i = m->inode;

        m = m->all_next;
        if (i->fs != fs)
            continue;
        tell(i, NOTIFY_UNMOUNT, NULL, 0);
        lose_marks(i, true);
        m = all; /* others of the same inode have gone as well */
    }
}

/* --- verifying --- */

static bool in_list_of_inode(const struct notify_mark *m)
{
    const struct notify_mark *other = m->inode->marks;

    while (other && other != m)
        other = other->next;
    return other && *m->at == m;
}

bool notify_verify(void)
{
    struct notify_mark *const *at = &all;
    uint32_t n = 0;
    bool ok = true;

    for (const struct notify_mark *m; (m = *at) != NULL && n <= notify_marks; at = &m->all_next, n++) {
        INV("INV-NOTIFY-2", m->all_at == at, "mark %u of the machine's list", n);
        INV("INV-NOTIFY-1", m->inode && in_list_of_inode(m), "mark %u is not on its inode", n);
    }
    INV("INV-NOTIFY-3", n == notify_marks, "%u marks, counted %u", n, notify_marks);
    return ok;
}
