/*
 * Names: inodes, paths, mounts.
 *
 * Purpose. From a path to an inode, and the changes of names that need no more than that; what a directory
 * contains is the filesystem's business.
 *
 * Data. Inodes are counted. A directory holds a reference to what it names, and a directory inode one to its
 * parent, so that ".." works in a directory that was removed while somebody was in it. A mount is two
 * pointers: the directory below points up (covered_by) and the root of the mount down (covers); each of the
 * mount's root and the covered directory is referenced as long as the mount lasts.
 *
 *     path_walk()   one component after the other; a symlink replaces what is left of the path by its
 *                   contents and what was left, so there is no recursion and nothing but the count of 40
 *                   limits how links follow each other
 *
 * A walk ends with a directory, the last name, and what is there. So one function serves those who want what
 * is there, those who want to make it, and those who want to remove it, and a dangling symlink at the end
 * leads O_CREAT to where its target would be.
 *
 * Locking. One processor: sections that do not sleep. A lookup may sleep (/proc), so the walk holds a
 * reference to where it is. Filesystems look again after they have slept.
 *
 * Failure. -errno as Linux; nothing is changed then.
 */
#include "kernel/fs/vfs.h"
#include "kernel/fs/file.h"
#include "kernel/fs/ramfs.h"
#include "kernel/fs/regular.h"
#include "kernel/fs/unpack.h"
#include "kernel/lib/format.h"
#include "kernel/proc/process.h"
#include "kernel/sched/time.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

#define LINKS_MAX 40u

struct filesystem_type *filesystem_types;
struct filesystem *vfs_mounts;

static struct inode *root;
/* Of kernel tasks. */
static struct fs_context kernel_context = {.refs = 1, .umask = 022};
static uint32_t next_ino, next_dev;

uint64_t inode_now(void)
{
    return os_now_ns() + time_realtime_offset;
}

/* --- inodes --- */

void inode_init(struct inode *i, struct filesystem *fs, uint32_t mode)
{
    uint64_t now = inode_now();

    *i = (struct inode){.refs = 1,
                        .ino = ++next_ino,
                        .mode = mode,
                        .nlink = 1,
                        .atime_ns = now,
                        .mtime_ns = now,
                        .ctime_ns = now,
                        .fs = fs};
    fs->inodes++;
}

struct inode *inode_get(struct inode *i)
{
    mm_assert(i->refs > 0, "inode %u", i->ino);
    i->refs++;
    return i;
}

/* A removed directory may keep a long chain of others above it: no recursion. */
void inode_put(struct inode *i)
{
    while (i) {
        mm_assert(i->refs > 0, "inode %u", i->ino);
        if (--i->refs)
            return;
        mm_assert(!i->covered_by && !i->covers, "inode %u of a mount", i->ino);

        struct inode *parent = S_ISDIR(i->mode) ? i->parent : NULL;

        i->ops->release(i);
        i = parent;
    }
}

int inode_permission(struct inode *i, unsigned want)
{
    if (want & 1 && !S_ISDIR(i->mode) && !(i->mode & 0111))
        return -EACCES;
    return 0;
}

int inode_truncate(struct inode *i, uint64_t size)
{
    int err;

    if (S_ISDIR(i->mode))
        return -EISDIR;
    if (!S_ISREG(i->mode) || !i->ops->truncate)
        return -EINVAL;
    if (i->executed)
        return -ETXTBSY;
    mutex_lock(&i->lock);
    err = size > i->size ? regular_check_size(size) : 0;
    if (!err)
        err = i->ops->truncate(i, size);
    mutex_unlock(&i->lock);
    return err;
}

/* --- where a process stands --- */

struct fs_context *fs_context_create(void)
{
    struct fs_context *c = vm_alloc(sizeof *c);

    if (!c)
        return NULL;
    *c = (struct fs_context){.refs = 1, .umask = 022, .root = inode_get(root), .cwd = inode_get(root)};
    return c;
}

struct fs_context *fs_context_copy(const struct fs_context *from)
{
    struct fs_context *c = vm_alloc(sizeof *c);

    if (!c)
        return NULL;
    *c = (struct fs_context){
        .refs = 1, .umask = from->umask, .root = inode_get(from->root), .cwd = inode_get(from->cwd)};
    return c;
}

struct fs_context *fs_context_get(struct fs_context *c)
{
    c->refs++;
    return c;
}

void fs_context_put(struct fs_context *c)
{
    if (--c->refs)
        return;
    inode_put(c->root);
    inode_put(c->cwd);
    kfree(c);
}

struct fs_context *fs_context_current(void)
{
    const struct thread *t = thread_current();

    return t ? t->process->fs : &kernel_context;
}

/* --- paths --- */

/* Step onto what is mounted at i. Takes over the reference. */
static struct inode *mounted(struct inode *i)
{
    while (i->covered_by) {
        struct inode *up = inode_get(i->covered_by);

        inode_put(i);
        i = up;
    }
    return i;
}

/* The directory above i, referenced: not above the process's root, and down through the mount. */
static struct inode *above(struct inode *i)
{
    const struct inode *top = fs_context_current()->root;

    while (i != top && i->covers)
        i = i->covers;
    if (i == top || !i->parent)
        return mounted(inode_get(i));
    return mounted(inode_get(i->parent));
}

/* The state of a walk. */
struct walk {
    struct inode *at;
    const char *rest;
    char *text; /* the allocated path that rest points into; NULL: still the caller's */
    unsigned links;
};

/* Replace the rest of the path by what the link holds, then `after`. */
static int take_link(struct walk *w, struct inode *link, const char *after, bool slash)
{
    char *text;
    size_t tail = strlen(after);
    int n;

    if (!link->ops->readlink)
        return -EINVAL;
    text = vm_alloc(PATH_MAX);
    if (!text)
        return -ENOMEM;
    n = link->ops->readlink(link, text, PATH_MAX);
    if (n <= 0) {
        kfree(text);
        return n ? n : -ENOENT;
    }
    if ((size_t)n + tail + 2 > PATH_MAX) {
        kfree(text);
        return -ENAMETOOLONG;
    }
    if (tail || slash)
        text[n++] = '/';
    memcpy(text + n, after, tail + 1);
    kfree(w->text);
    w->rest = w->text = text;
    if (text[0] == '/') {
        inode_put(w->at);
        w->at = mounted(inode_get(fs_context_current()->root));
    }
    return 0;
}

/* What `name` is in the directory w->at: 0 and *out; NULL when there is nothing. */
static int look_up(struct walk *w, const char *name, struct inode **out)
{
    struct inode *dir = w->at;
    int err = dir->ops->lookup ? dir->ops->lookup(dir, name, out) : -ENOENT;

    if (err == 0)
        *out = mounted(*out);
    else
        *out = NULL;
    return err == -ENOENT ? 0 : err;
}

/* End at the directory itself. Its reference moves. */
static int end_at_dir(struct walk *w, enum path_kind kind, struct path_end *end)
{
    end->kind = kind;
    end->inode = w->at;
    w->at = NULL;
    return 0;
}

/* Whether a symlink at the end is followed. */
static bool follows(unsigned flags, bool slash)
{
    return !(flags & LOOKUP_NOFOLLOW) || (slash && (flags & LOOKUP_NAME) != LOOKUP_NAME);
}

/* The walk from w->at. On an error end is empty. */
static int walk(struct walk *w, unsigned flags, struct path_end *end)
{
    enum path_kind kind = PATH_ROOT;

    for (;;) {
        const char *name = w->rest, *after;
        size_t len = 0;
        struct inode *next;
        int err;

        while (*name == '/')
            name++;
        while (name[len] && name[len] != '/')
            len++;
        after = name + len;
        while (*after == '/')
            after++;
        if (!S_ISDIR(w->at->mode))
            return -ENOTDIR;
        if (len == 0)
            return end_at_dir(w, kind, end);
        if (len > NAME_MAX)
            return -ENAMETOOLONG;
        if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))) {
            kind = len == 1 ? PATH_DOT : PATH_DOTDOT;
            if (len == 2) {
                next = above(w->at);
                inode_put(w->at);
                w->at = next;
            }
            w->rest = after;
            continue;
        }

        bool last = *after == '\0', slash = last && name[len] == '/';

        if (slash && flags & LOOKUP_CREATE)
            return -EISDIR;
        memcpy(end->name, name, len);
        end->name[len] = '\0';
        err = look_up(w, end->name, &next);
        if (err)
            return err;
        if (!next && !last)
            return -ENOENT;
        if (next && S_ISLNK(next->mode) && (!last || follows(flags, slash))) {
            if (++w->links > LINKS_MAX) {
                err = -ELOOP;
            } else if (next->ops->follow) {
                struct inode *target = NULL;

                err = next->ops->follow(next, &target);
                inode_put(next);
                next = target;
                if (err)
                    return err;
                goto arrived;
            } else {
                err = take_link(w, next, after, slash);
            }
            inode_put(next);
            if (err)
                return err;
            kind = PATH_ROOT;
            continue;
        }
    arrived:
        if (last) {
            end->kind = PATH_NAME;
            end->slash = slash;
            end->dir = w->at;
            end->inode = next;
            w->at = NULL;
            return 0;
        }
        inode_put(w->at);
        w->at = next;
        w->rest = after;
        kind = PATH_ROOT;
    }
}

int path_walk(struct inode *dir, const char *path, unsigned flags, struct path_end *end)
{
    struct fs_context *c = fs_context_current();
    struct walk w = {.rest = path};
    int err;

    end->dir = end->inode = NULL;
    end->slash = false;
    if (!path[0] && !(flags & LOOKUP_EMPTY))
        return -ENOENT;
    w.at = mounted(inode_get(path[0] == '/' ? c->root : dir ? dir : c->cwd));
    if (!path[0])
        err = end_at_dir(&w, PATH_DOT, end);
    else
        err = walk(&w, flags, end);
    kfree(w.text);
    inode_put(w.at);
    if (err) {
        end->dir = end->inode = NULL;
        return err;
    }
    if (!end->inode)
        err = flags & LOOKUP_MISSING ? 0 : -ENOENT;
    else if (((end->slash && (flags & LOOKUP_NAME) != LOOKUP_NAME) || flags & LOOKUP_DIRECTORY) &&
             !S_ISDIR(end->inode->mode))
        err = -ENOTDIR;
    if (err)
        path_put(end);
    return err;
}

void path_put(struct path_end *end)
{
    inode_put(end->dir);
    inode_put(end->inode);
    end->dir = end->inode = NULL;
}

int path_lookup(struct inode *dir, const char *path, unsigned flags, struct inode **out)
{
    struct path_end end;
    int err = path_walk(dir, path, flags, &end);

    if (err)
        return err;
    *out = end.inode;
    inode_put(end.dir);
    return 0;
}

/* --- from an inode back to its path --- */

struct search {
    uint32_t ino;
    char name[NAME_MAX + 1];
    bool found;
};

static bool match(void *arg, const char *name, uint32_t ino, uint32_t type)
{
    struct search *s = arg;

    (void)type;
    if (ino != s->ino)
        return true;
    s->found = true;
    memcpy(s->name, name, strlen(name) + 1);
    return false;
}

/* Put "/name" before the text that starts at *at in buf. */
static int prepend(char *buf, size_t *at, const char *name)
{
    size_t n = strlen(name);

    if (n + 1 > *at)
        return -ERANGE;
    *at -= n;
    memcpy(buf + *at, name, n);
    buf[--*at] = '/';
    return 0;
}

static int prepend_name_of(struct inode *i, char *buf, size_t *at)
{
    struct search *s;
    uint64_t pos = 2;
    int err;

    if (i->ops->name) {
        const char *name = i->ops->name(i);

        return name ? prepend(buf, at, name) : -ENOENT;
    }
    if (!i->parent->ops->readdir)
        return -ENOENT;
    s = vm_alloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    s->ino = i->ino;
    s->found = false;
    err = i->parent->ops->readdir(i->parent, &pos, match, s);
    if (err >= 0)
        err = s->found ? prepend(buf, at, s->name) : -ENOENT;
    kfree(s);
    return err;
}

int path_of(struct inode *i, char *buf, size_t size)
{
    const struct inode *top = fs_context_current()->root;
    size_t at = size - 1;
    int err = 0;

    if (size < 2)
        return -ERANGE;
    if (i->gone) {
        size_t n = format(buf, size, "%s (deleted)", i->gone);

        return n < size ? (int)n : -ERANGE;
    }
    buf[at] = '\0';
    while (!err && i != top) {
        while (i->covers && i != top)
            i = i->covers;
        if (i == top || i == root)
            break;
        if (!i->parent)
            return -ENOENT;
        err = prepend_name_of(i, buf, &at);
        i = i->parent;
    }
    if (err)
        return err;
    if (at == size - 1)
        buf[--at] = '/';
    memmove(buf, buf + at, size - at);
    return (int)(size - at - 1);
}

/* --- making and removing names --- */

/* The end of a path where something is to be made. */
static int walk_to_new(struct inode *dir, const char *path, bool directory, struct path_end *end)
{
    int err = path_walk(dir, path, LOOKUP_NAME, end);

    if (err)
        return err;
    if (end->inode)
        err = -EEXIST;
    else if (end->slash && !directory)
        err = -ENOENT;
    if (err)
        path_put(end);
    return err;
}

int vfs_mknod(struct inode *dir, const char *path, uint32_t mode, uint32_t rdev)
{
    struct path_end end;
    int err = walk_to_new(dir, path, S_ISDIR(mode), &end);

    if (err)
        return err;
    err = end.dir->ops->create ? end.dir->ops->create(end.dir, end.name, mode, rdev, NULL) : -EPERM;
    path_put(&end);
    return err;
}

int vfs_symlink(struct inode *dir, const char *path, const char *target)
{
    struct path_end end;
    int err;

    if (!target[0])
        return -ENOENT;
    err = walk_to_new(dir, path, false, &end);
    if (err)
        return err;
    err = end.dir->ops->symlink ? end.dir->ops->symlink(end.dir, end.name, target) : -EPERM;
    path_put(&end);
    return err;
}

int vfs_link(struct inode *target, struct inode *dir, const char *path)
{
    struct path_end end;
    int err = walk_to_new(dir, path, false, &end);

    if (err)
        return err;
    if (end.dir->fs != target->fs)
        err = -EXDEV;
    else if (S_ISDIR(target->mode) || !end.dir->ops->link)
        err = -EPERM;
    else
        err = end.dir->ops->link(end.dir, end.name, target);
    path_put(&end);
    return err;
}

/* The path of a file that is about to lose its last name while somebody has it open or mapped, as far as
 * there is memory for it; it is for people. */
static char *path_to_keep(struct inode *i)
{
    char *path, *kept = NULL;
    int n;

    /* One reference is the name's, one the caller's. */
    if (S_ISDIR(i->mode) || i->nlink > 1 || (i->refs <= 2 && !(i->object && i->object->regions)))
        return NULL;
    path = vm_alloc(PATH_MAX);
    if (!path)
        return NULL;
    n = path_of(i, path, PATH_MAX);
    if (n > 0)
        kept = vm_alloc((size_t)n + 1);
    if (kept)
        memcpy(kept, path, (size_t)n + 1);
    kfree(path);
    return kept;
}

/* Why the end of a path cannot be unlinked; 0 leaves that to the filesystem. */
static int unlink_end(const struct path_end *end, bool directory)
{
    if (end->kind != PATH_NAME) {
        if (!directory)
            return -EISDIR;
        return end->kind == PATH_DOT ? -EINVAL : end->kind == PATH_DOTDOT ? -ENOTEMPTY : -EBUSY;
    }
    if (!end->inode)
        return -ENOENT;
    if (!directory && end->slash)
        return S_ISDIR(end->inode->mode) ? -EISDIR : -ENOTDIR;
    if (end->inode->covers)
        return directory ? -EBUSY : -EISDIR;
    return end->dir->ops->unlink ? 0 : -EPERM;
}

int vfs_unlink(struct inode *dir, const char *path, bool directory)
{
    struct path_end end;
    int err = path_walk(dir, path, LOOKUP_NAME, &end);

    if (err)
        return err;
    err = unlink_end(&end, directory);
    if (!err) {
        char *kept = path_to_keep(end.inode);

        err = end.dir->ops->unlink(end.dir, end.name, directory);
        if (!err && kept && !end.inode->nlink && !end.inode->gone) {
            end.inode->gone = kept;
            kept = NULL;
        }
        kfree(kept);
    }
    path_put(&end);
    return err;
}

/* In the order in which Linux looks. */
static int rename_ends(struct path_end *from, struct path_end *to, unsigned flags)
{
    bool exchange = flags & RENAME_EXCHANGE;

    if (from->kind != PATH_NAME)
        return -EBUSY;
    if (to->kind != PATH_NAME)
        return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (from->dir->fs != to->dir->fs)
        return -EXDEV;
    if (!from->inode)
        return -ENOENT;
    if (flags & RENAME_NOREPLACE && to->inode)
        return -EEXIST;
    if (exchange && !to->inode)
        return -ENOENT;
    if (exchange && to->slash && !S_ISDIR(to->inode->mode))
        return -ENOTDIR;
    if (!S_ISDIR(from->inode->mode) && (from->slash || (!exchange && to->slash)))
        return -ENOTDIR;
    if (from->inode->covers || (to->inode && to->inode->covers))
        return -EBUSY;
    if (!from->dir->ops->rename)
        return -EPERM;
    return from->dir->ops->rename(from->dir, from->name, to->dir, to->name, flags);
}

int vfs_rename(struct inode *dir, const char *path, struct inode *to_dir, const char *to_path, unsigned flags)
{
    struct path_end *end; /* two names are too much for the stack */
    int err;

    end = vm_alloc(2 * sizeof *end);
    if (!end)
        return -ENOMEM;
    err = path_walk(dir, path, LOOKUP_NAME, &end[0]);
    if (err)
        goto out;
    err = path_walk(to_dir, to_path, LOOKUP_NAME, &end[1]);
    if (!err) {
        err = rename_ends(&end[0], &end[1], flags);
        path_put(&end[1]);
    }
    path_put(&end[0]);
out:
    kfree(end);
    return err;
}

/* --- mounts --- */

void filesystem_register(struct filesystem_type *type)
{
    struct filesystem_type **end = &filesystem_types;

    while (*end)
        end = &(*end)->next;
    type->next = NULL;
    *end = type;
}

static void append_mount(struct filesystem *fs)
{
    struct filesystem **end = &vfs_mounts;

    while (*end)
        end = &(*end)->next;
    *end = fs;
}

/* dir NULL: nothing is below. */
int vfs_mount(struct inode *dir, const char *type, const char *source, const char *options, const char *where)
{
    const struct filesystem_type *t = filesystem_types;
    struct filesystem *fs;
    int err;

    while (t && strcmp(t->name, type) != 0)
        t = t->next;
    if (!t)
        return -ENODEV;
    if (dir && !S_ISDIR(dir->mode))
        return -ENOTDIR;
    fs = vm_alloc(sizeof *fs);
    if (!fs)
        return -ENOMEM;
    *fs = (struct filesystem){.type = t, .dev = ++next_dev};
    format(fs->where, sizeof fs->where, "%s", where);
    format(fs->source, sizeof fs->source, "%s", source);
    err = t->mount(fs, options);
    if (err) {
        kfree(fs);
        return err;
    }
    append_mount(fs);
    if (dir) {
        dir = mounted(inode_get(dir));
        dir->covered_by = fs->root;
        fs->root->covers = dir;
    }
    return 0;
}

int vfs_remount(struct inode *top, const char *options)
{
    const struct filesystem_type *t = top->fs->type;

    if (top != top->fs->root)
        return -EINVAL;
    return t->remount ? t->remount(top->fs, options) : 0;
}

int vfs_umount(struct inode *top)
{
    struct filesystem *fs = top->fs;
    struct inode *below = top->covers;
    struct filesystem **at = &vfs_mounts;
    int err;

    inode_put(top);
    if (!below || top->covered_by)
        return below ? -EBUSY : -EINVAL;
    if (!fs->type->umount)
        return -EBUSY;
    top->covers = NULL;
    err = fs->type->umount(fs);
    if (err) {
        top->covers = below;
        return err;
    }
    while (*at != fs)
        at = &(*at)->next;
    *at = fs->next;
    below->covered_by = NULL;
    inode_put(below);
    kfree(fs);
    return 0;
}

/* Mount at a directory of the root, which is made if need be. */
static void mount_at(const char *type, const char *path, const char *options)
{
    struct inode *dir = NULL;
    int err = path_lookup(NULL, path, LOOKUP_DIRECTORY, &dir);

    if (err == -ENOENT) {
        err = vfs_mknod(NULL, path, S_IFDIR | 0755, 0);
        if (!err)
            err = path_lookup(NULL, path, LOOKUP_DIRECTORY, &dir);
    }
    if (!err)
        err = vfs_mount(dir, type, type, options, path);
    inode_put(dir);
    if (err)
        os_log("no %s at %s: error %d", type, path, -err);
}

int vfs_init(const void *archive, size_t size, const char **why)
{
    int err;

    ramfs_register();
    err = vfs_mount(NULL, "rootfs", "rootfs", NULL, "/");
    if (err)
        return err;
    root = vfs_mounts->root;
    kernel_context.root = inode_get(root);
    kernel_context.cwd = inode_get(root);
    *why = archive ? unpack(archive, size) : NULL;
    mount_at("devtmpfs", "/dev", NULL);
    mount_at("tmpfs", "/tmp", "mode=1777");
    mount_at("tmpfs", "/dev/shm", "mode=1777");
    for (const struct filesystem_type *t = filesystem_types; t; t = t->next)
        if (strcmp(t->name, "proc") == 0)
            mount_at("proc", "/proc", NULL);
    return 0;
}
