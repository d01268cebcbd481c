/*
 * The boot archive becomes the root.
 *
 * Regular files keep their bytes in the archive: a page is copied when it is first touched, by the pager. So
 * the archive must stay, and unpacking costs only names.
 *
 * Members may come in any order: directories that are missing are made. Of hard links, in newc, each member
 * has the same inode number and only the last one has the data; the first makes the file, the others link to
 * it and the one with data gives it its contents. A name that leads out of the root (..) or through a symlink
 * is followed as any path: it cannot leave the root, which is all there is. A name that was there before is
 * replaced, so that one archive can correct another; a directory only if it is empty. A member that cannot be
 * made is reported by name and skipped; a broken archive ends the unpacking, and what came before stays.
 */
#include "kernel/fs/unpack.h"
#include "kernel/fs/cpio.h"
#include "kernel/fs/file.h"
#include "kernel/fs/ramfs.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

/* A file that has more links than were seen so far. */
struct seen {
    struct seen *next;
    struct inode *inode;
    uint32_t ino, dev_major, dev_minor, left;
};

#define REPORTS 10u /* members that cannot be made and are named one by one */

struct unpacking {
    struct cpio cpio;
    const void *archive;
    bool high; /* it is not mapped */
    struct seen *seen;
    unsigned failed;
    char name[CPIO_NAME_MAX];
};

static struct seen **find_seen(struct unpacking *u, const struct cpio_entry *e)
{
    struct seen **at = &u->seen;

    while (*at &&
           ((*at)->ino != e->ino || (*at)->dev_major != e->dev_major || (*at)->dev_minor != e->dev_minor))
        at = &(*at)->next;
    return at;
}

static void forget(struct seen **at)
{
    struct seen *s = *at;

    *at = s->next;
    inode_put(s->inode);
    kfree(s);
}

/* Make the directories that lead to a path. */
static int make_parents(const char *path)
{
    size_t n = strlen(path);
    char *part = vm_alloc(n + 1);
    int err = 0;

    if (!part)
        return -ENOMEM;
    for (size_t i = 1; i < n && !err; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        err = vfs_mknod(NULL, part, S_IFDIR | 0755, 0);
        if (err == -EEXIST)
            err = 0;
    }
    kfree(part);
    return err;
}

/* Make what an entry says at its path. */
static int make(const struct unpacking *u, const struct cpio_entry *e)
{
    uint32_t type = e->mode & S_IFMT;

    switch (type) {
    case S_IFLNK: {
        char *target;
        int err;

        if (e->size == 0 || e->size >= PATH_MAX)
            return -ENAMETOOLONG;
        target = vm_alloc(e->size + 1);
        if (!target)
            return -ENOMEM;
        u->cpio.fetch(&u->cpio, e->data, target, e->size);
        target[e->size] = '\0';
        err = vfs_symlink(NULL, e->name, target);
        kfree(target);
        return err;
    }
    case S_IFCHR:
    case S_IFBLK:
        if (e->rdev_major > MAJOR_MAX || e->rdev_minor > MINOR_MAX)
            return -EINVAL; /* and not another device */
        /* fall through */
    case S_IFDIR:
    case S_IFREG:
    case S_IFIFO:
    case S_IFSOCK:
        return vfs_mknod(NULL, e->name, e->mode & (S_IFMT | 07777),
                         MKDEV(e->rdev_major & MAJOR_MAX, e->rdev_minor & MINOR_MAX));
    default:
        return -EINVAL;
    }
}

static void set_attributes(struct inode *i, const struct cpio_entry *e)
{
    i->mode = (i->mode & S_IFMT) | (e->mode & 07777);
    i->uid = e->uid;
    i->gid = e->gid;
    i->mtime_ns = (uint64_t)e->mtime * 1000000000u;
}

/* A file of which another link was seen before: its inode, referenced. */
static struct inode *first_link(struct unpacking *u, const struct cpio_entry *e)
{
    struct seen **at = find_seen(u, e);

    return *at ? inode_get((*at)->inode) : NULL;
}

/* Note a link of a file with several; forget it with the last. */
static int note_link(struct unpacking *u, const struct cpio_entry *e, struct inode *i)
{
    struct seen **at = find_seen(u, e), *s = *at;

    if (!s) {
        s = vm_alloc(sizeof *s);
        if (!s)
            return -ENOMEM;
        *s = (struct seen){.inode = inode_get(i),
                           .ino = e->ino,
                           .dev_major = e->dev_major,
                           .dev_minor = e->dev_minor,
                           .left = e->nlink};
        *at = s;
    }
    if (--s->left == 0)
        forget(at);
    return 0;
}

/* Make way for an entry whose name is taken: 0 when it is free, 1 when the entry is the directory that is
 * there. */
static int make_way(const struct cpio_entry *e)
{
    struct inode *i;
    int err = path_lookup(NULL, e->name, LOOKUP_NOFOLLOW, &i);
    bool directory;

    if (err)
        return err;
    directory = S_ISDIR(i->mode);
    inode_put(i);
    return directory && S_ISDIR(e->mode) ? 1 : vfs_unlink(NULL, e->name, directory);
}

/* Make an entry, or a link to i. */
static int make_or_link(const struct unpacking *u, const struct cpio_entry *e, struct inode *i)
{
    return i ? vfs_link(i, NULL, e->name) : make(u, e);
}

static int unpack_member(struct unpacking *u, const struct cpio_entry *e)
{
    bool several = S_ISREG(e->mode) && e->nlink > 1;
    struct inode *i = several ? first_link(u, e) : NULL;
    int err = make_or_link(u, e, i);

    if (err == -ENOENT) {
        err = make_parents(e->name);
        if (!err)
            err = make_or_link(u, e, i);
    }
    if (err == -EEXIST) {
        err = make_way(e);
        if (!err)
            err = make_or_link(u, e, i);
        else if (err > 0)
            err = 0;
    }
    if (!err && !i)
        err = path_lookup(NULL, e->name, LOOKUP_NOFOLLOW, &i);
    if (!err) {
        set_attributes(i, e);
        if (S_ISREG(i->mode) && e->size)
            ramfs_set_image(i, (const uint8_t *)u->archive + e->data, u->high, e->size);
    }
    if (!err && several)
        err = note_link(u, e, i);
    inode_put(i);
    return err;
}

static void read_high(const struct cpio *c, size_t at, void *to, size_t n)
{
    image_copy(vm_sys.pool, c->start, true, at, to, n);
}

const char *unpack(const void *archive, bool high, size_t size)
{
    struct unpacking *u = vm_zalloc(sizeof *u);
    struct cpio_entry e;
    const char *why;

    if (!u)
        return "there is no memory to unpack it";
    u->archive = archive;
    u->high = high;
    cpio_begin(&u->cpio, high ? read_high : NULL, archive, size, u->name);
    while (cpio_next(&u->cpio, &e, &why)) {
        int err = unpack_member(u, &e);

        if (err && u->failed++ < REPORTS)
            os_log("boot archive: error %d: cannot make `%s`", -err, e.name);
    }
    while (u->seen)
        forget(&u->seen);
    if (u->failed > REPORTS)
        os_log("boot archive: and %u more", u->failed - REPORTS);
    kfree(u);
    return why;
}
