/*
 * Names: inodes, paths, mounts.
 *
 * Purpose. From a path to an inode, and the changes of names that need no more than that; what a directory
 * contains is the filesystem's business.
 *
 * Data. Inodes are counted. A directory holds a reference to what it names, and a directory inode one to its
 * parent, so that ".." works in a directory that was removed while somebody was in it. These are the tree's
 * references; all others are users', and are counted for the filesystem as well. A mount is two pointers: the
 * directory below points up (covered_by) and the root of the mount down (covers). The covered directory is in
 * use as long as the mount lasts, and so is the filesystem by its place in the list of mounts.
 *
 * Unmounting takes the mount out of its place first, in one step with the look at its users; then nobody can
 * come in any more, and the tree is taken down when the last user has gone. That may sleep for long. A
 * mapping holds an object and no inode: an inode lives as long as its object, and a filesystem as its last
 * inode.
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
#include "kernel/fs/attributes.h"
#include "kernel/fs/file.h"
#include "kernel/fs/notify.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/ramfs.h"
#include "kernel/fs/regular.h"
#include "kernel/fs/unpack.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/dayclock.h"
#include "kernel/vm/low_share.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

#define LINKS_MAX 40u

struct filesystem_type *filesystem_types;
struct filesystem *vfs_mounts;
struct waitq vfs_mounts_watchers;
uint32_t vfs_mounts_version;

TALLY(inodes, "inodes");
TALLY(contexts, "roots and current directories");

static struct inode *root;
/* Of kernel tasks. */
static struct fs_context kernel_context = {.refs = 1, .umask = 022};
static uint32_t next_ino, next_dev;

uint64_t inode_now(void)
{
    return dayclock_at(&dayclock, os_now_ns());
}

/* --- what stays in the kernel's memory --- */

static struct low_share names = {.part = 8};

int vfs_keep(size_t bytes)
{
    return low_share_take(&names, bytes) ? 0 : -ENOSPC;
}

void vfs_give_back(size_t bytes)
{
    low_share_give(&names, bytes);
}

static size_t filesystem_bytes(const char *source)
{
    return sizeof(struct filesystem) + strlen(source) + 1;
}

static void filesystem_free(struct filesystem *fs)
{
    vfs_give_back(filesystem_bytes(fs->source));
    kfree(fs->source);
    kfree(fs);
}

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
                        .birth_ns = now,
                        .fs = fs};
    fs->inodes++;
    fs->users++;
    inodes.count++;
}

void inode_fini(struct inode *i)
{
    struct filesystem *fs = i->fs;

    inodes.count--;
    if (--fs->inodes == 0 && fs->ended)
        filesystem_free(fs);
}

/* The last user has gone, and the mount before it. */
static void filesystem_end(struct filesystem *fs)
{
    mm_assert(fs->detached && fs->type->destroy, "%s, device %u", fs->type->name, fs->dev);
    fs->ended = true;
    fs->inodes++; /* it stays until the tree is down */
    notify_unmounted(fs);
    fs->type->destroy(fs);
    if (--fs->inodes == 0)
        filesystem_free(fs);
}

static void filesystem_put(struct filesystem *fs)
{
    fs->expiring = false;
    if (unlikely(--fs->users == 0))
        filesystem_end(fs);
}

struct inode *inode_tree_get(struct inode *i)
{
    mm_assert(i->refs > 0, "inode %u", i->ino);
    i->refs++;
    return i;
}

struct inode *inode_get(struct inode *i)
{
    i->fs->users++;
    return inode_tree_get(i);
}

void inode_to_tree(struct inode *i)
{
    mm_assert(i->fs->users > 1, "inode %u", i->ino);
    i->fs->users--;
}

void inode_put(struct inode *i)
{
    if (!i)
        return;
    might_sleep();

    struct filesystem *fs = i->fs;

    inode_tree_put(i);
    filesystem_put(fs);
}

/* A removed directory may keep a long chain of others above it: no recursion. */
void inode_tree_put(struct inode *i)
{
    while (i) {
        mm_assert(i->refs > 0, "inode %u", i->ino);
        if (--i->refs)
            return;
        mm_assert(!i->covered_by && !i->covers, "inode %u of a mount", i->ino);
        notify_gone(i);

        struct inode *parent = S_ISDIR(i->mode) ? i->parent : NULL;

        i->ops->release(i);
        i = parent;
    }
}

#define A_DAY (86400 * 1000000000LL) /* ns */

int inode_may_change(const struct inode *i)
{
    return i->fs->flags & MOUNT_RDONLY ? -EROFS : 0;
}

void inode_accessed(struct inode *i)
{
    unsigned flags = i->fs->flags;
    uint64_t now = inode_now();

    if (flags & (MOUNT_NOATIME | MOUNT_RDONLY) || (flags & MOUNT_NODIRATIME && S_ISDIR(i->mode)))
        return;
    if (i->attributes & ATTRIBUTE_NOATIME)
        return;
    /* Once a day, or if it was not read since it was changed. Times before 1970 are negative. */
    if (flags & MOUNT_RELATIME && (int64_t)i->atime_ns > (int64_t)i->mtime_ns &&
        (int64_t)i->atime_ns > (int64_t)i->ctime_ns && (int64_t)(now - i->atime_ns) < A_DAY)
        return;
    i->atime_ns = now;
}

int inode_truncate(struct inode *i, uint64_t size)
{
    int err;

    if (S_ISDIR(i->mode))
        return -EISDIR;
    if (S_ISREG(i->mode) && i->fs->type->made_up)
        return 0; /* it has no size, and Linux does not mind */
    if (!S_ISREG(i->mode) || !i->ops->truncate)
        return -EINVAL;
    err = inode_may_change(i);
    if (err)
        return err;
    if (i->executed)
        return -ETXTBSY;
    i->writers++; /* nobody executes it meanwhile */
    mutex_lock(&i->lock);
    err = size > i->size ? regular_check_size(size) : 0;
    if (!err)
        err = i->ops->truncate(i, size);
    if (!err)
        inode_changed(i);
    mutex_unlock(&i->lock);
    i->writers--;
    if (!err)
        notify_inode(i, NOTIFY_MODIFY);
    return err;
}

/* --- where a process stands --- */

struct fs_context *fs_context_create(void)
{
    struct fs_context *c = vm_alloc(sizeof *c);

    if (!c)
        return NULL;
    *c = (struct fs_context){.refs = 1, .umask = 022, .root = inode_get(root), .cwd = inode_get(root)};
    contexts.count++;
    return c;
}

struct fs_context *fs_context_copy(const struct fs_context *from)
{
    struct fs_context *c = vm_alloc(sizeof *c);

    if (!c)
        return NULL;
    *c = (struct fs_context){
        .refs = 1, .umask = from->umask, .root = inode_get(from->root), .cwd = inode_get(from->cwd)};
    contexts.count++;
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
    contexts.count--;
}

struct fs_context *fs_context_current(void)
{
    const struct thread *t = thread_current();

    return t ? t->process->fs : &kernel_context;
}

/* --- paths --- */

/* Step onto what is mounted at i, and on that. Takes over the reference. What is between is only looked at:
 * thousands can be mounted on each other. */
static struct inode *mounted(struct inode *i)
{
    while (i->covered_by) {
        struct inode *top = i->covered_by;

        while (top->covered_by)
            top = top->covered_by;
        inode_get(top);
        inode_put(i); /* sleeps: look again */
        i = top;
    }
    return i;
}

/* The state of a walk. */
struct walk {
    struct inode *at;
    const char *rest;
    char *text; /* the allocated path that rest points into; NULL: still the caller's */
    unsigned links;
    unsigned flags;      /* LOOKUP_* */
    struct inode *scope; /* what it may not leave, referenced; NULL: the process's root */
};

static struct inode *top_of(const struct walk *w)
{
    return w->scope ? w->scope : fs_context_current()->root;
}

/* Step onto what is mounted at *i, if the walk may; else *i is given back. Sleeps. */
static int step_onto(const struct walk *w, struct inode **i)
{
    if (likely(!(*i)->covered_by))
        return 0;
    if (w->flags & LOOKUP_NO_XDEV) {
        inode_put(*i);
        return -EXDEV;
    }
    *i = mounted(*i);
    return 0;
}

/* Up, where the walk may not go. Who wanted only what is in memory is to ask again, as on Linux. */
static int leads_out(const struct walk *w)
{
    return w->flags & LOOKUP_CACHED ? -EAGAIN : -EXDEV;
}

/* The directory above that of the walk, referenced: not above its top, and down through the mount. */
static int above(const struct walk *w, struct inode **out)
{
    const struct inode *top = top_of(w);
    struct inode *i = w->at;

    while (i != top && i->covers)
        i = i->covers;
    if (i == top || !i->parent) {
        if (w->flags & LOOKUP_BENEATH)
            return leads_out(w);
        *out = inode_get(i);
    } else {
        if (w->flags & LOOKUP_NO_XDEV && i != w->at)
            return leads_out(w);
        *out = inode_get(i->parent);
    }
    return step_onto(w, out);
}

/* Whether i lies below top, or is it. Does not sleep. */
static bool lies_below(const struct inode *i, const struct inode *top)
{
    while (i && i != top)
        i = i->covers ? i->covers : i->parent;
    return i;
}

/* Go up. A scoped walk may have been moved out of its scope while it slept, so it looks whether it is there
 * yet. */
static int go_up(struct walk *w)
{
    struct inode *up;
    int err = above(w, &up);

    if (err)
        return err;
    inode_put(w->at);
    w->at = up;
    return w->scope && !lies_below(up, w->scope) ? -EAGAIN : 0;
}

/* The walk goes on from its top. */
static int jump_to_top(struct walk *w)
{
    struct inode *top = top_of(w);

    if (w->flags & LOOKUP_BENEATH || (w->flags & LOOKUP_NO_XDEV && top->fs != w->at->fs))
        return -EXDEV;
    inode_get(top); /* not what is mounted over it */
    inode_put(w->at);
    w->at = top;
    return 0;
}

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
    inode_accessed(link);
    n = link->ops->readlink(link, text, PATH_MAX);
    if (n <= 0) {
        kfree(text);
        return n ? n : -ENOENT;
    }
    /* A link and what is left of the path have a limit each, and none together. */
    if ((size_t)n + tail + 2 > PATH_MAX) {
        char *longer = vm_alloc((size_t)n + tail + 2);

        if (longer)
            memcpy(longer, text, (size_t)n);
        kfree(text);
        if (!longer)
            return -ENOMEM;
        text = longer;
    }
    if (tail || slash)
        text[n++] = '/';
    memcpy(text + n, after, tail + 1);
    kfree(w->text);
    w->rest = w->text = text;
    return text[0] == '/' ? jump_to_top(w) : 0;
}

/* What `name` is in the directory w->at: 0 and *out; NULL when there is nothing. Or what it leads to, and
 * LOOKUP_JUMPED or LOOKUP_LED. */
static int look_up(struct walk *w, const char *name, bool through, struct inode **out)
{
    const struct inode_ops *ops = w->at->ops;
    int err;

    if (unlikely(w->flags & LOOKUP_CACHED) && w->at->fs->type->made_up)
        return -EAGAIN;
    err = through && ops->lookup_through ? ops->lookup_through(w->at, name, out)
          : ops->lookup                  ? ops->lookup(w->at, name, out)
                                         : -ENOENT;
    if (err == 0)
        return step_onto(w, out);
    if (err < 0)
        *out = NULL;
    if (err == -ENOENT)
        return w->flags & LOOKUP_CACHED ? -EAGAIN : 0;
    return err;
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

/* Whether a name, if there is one, may be looked for. */
static int may_search(struct inode *dir, bool name)
{
    if (!S_ISDIR(dir->mode))
        return -ENOTDIR;
    return name ? inode_permission(dir, MAY_EXEC) : 0;
}

/* Whether one more link, that lies in w->at, may be followed. */
static bool may_follow(struct walk *w)
{
    return ++w->links <= LINKS_MAX &&
           !(w->at->fs->flags & MOUNT_NOSYMFOLLOW || w->flags & LOOKUP_NO_SYMLINKS);
}

/* Whether a link may be followed that leads to an inode whatever its path is: 0 or -errno. */
static int may_jump(struct walk *w, const struct inode *to)
{
    if (!may_follow(w) || w->flags & LOOKUP_NO_MAGICLINKS)
        return -ELOOP;
    return w->flags & LOOKUP_SCOPED || (w->flags & LOOKUP_NO_XDEV && to->fs != w->at->fs) ? -EXDEV : 0;
}

/* The walk from w->at. On an error end is empty. */
static int walk(struct walk *w, struct path_end *end)
{
    enum path_kind kind = PATH_ROOT;
    unsigned flags = w->flags;

    for (;;) {
        const char *name = w->rest, *after;
        size_t len = 0;
        struct inode *next;
        int err;

        while (*name == '/')
            name++;
        /* Nearly all directories may be searched by everybody. */
        if (unlikely((w->at->mode & (S_IFMT | MODE_ANY_X)) != (S_IFDIR | MODE_ANY_X))) {
            err = may_search(w->at, *name);
            if (err)
                return err;
        }
        for (char c; (c = name[len]) != '/'; len++) {
            if (!c)
                break;
            if (unlikely(len == NAME_MAX))
                return -ENAMETOOLONG;
            end->name[len] = c;
        }
        if (len == 0)
            return end_at_dir(w, kind, end);
        end->name[len] = '\0';
        after = name + len;
        while (*after == '/')
            after++;
        if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))) {
            kind = len == 1 ? PATH_DOT : PATH_DOTDOT;
            err = len == 2 ? go_up(w) : 0;
            if (err)
                return err;
            w->rest = after;
            continue;
        }

        bool last = *after == '\0', slash = last && name[len] == '/',
             through = !last || follows(flags, slash);

        if (slash && flags & LOOKUP_CREATE)
            return -EISDIR;
        err = look_up(w, end->name, through, &next);
        if (err < 0)
            return err;
        if (!next && !last)
            return -ENOENT;
        if (err > 0) {
            err = err == LOOKUP_JUMPED ? may_jump(w, next) : may_follow(w) ? 0 : -ELOOP;
            if (err) {
                inode_put(next);
                return err;
            }
        } else if (next && S_ISLNK(next->mode) && through) {
            if (!may_follow(w))
                err = -ELOOP;
            else if (unlikely(w->at->mode & MODE_STICKY) && last && permission_follow(w->at, next))
                err = -EACCES;
            else
                err = take_link(w, next, after, slash);
            inode_put(next);
            if (err)
                return err;
            kind = PATH_ROOT;
            continue;
        }
        if (last) {
            end->kind = PATH_NAME;
            end->slash = slash;
            end->dir = w->at;
            end->inode = next;
            w->at = NULL;
            if (flags & LOOKUP_OPEN && next && next->nlink > 1 && !S_ISDIR(next->mode) &&
                end->dir->ops->opened_as)
                end->dir->ops->opened_as(end->dir, end->name, next);
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
    struct walk w = {.rest = path, .flags = flags};
    int err;

    might_sleep(); /* and at each directory that is left */
    end->dir = end->inode = NULL;
    end->slash = false;
    if (!path[0] && !(flags & LOOKUP_EMPTY))
        return -ENOENT;
    if (path[0] == '/' && flags & LOOKUP_BENEATH)
        return -EXDEV;
    /* Who stands there stays below what is mounted over it. */
    w.at = inode_get(path[0] == '/' && !(flags & LOOKUP_IN_ROOT) ? c->root : dir ? dir : c->cwd);
    if (unlikely(flags & LOOKUP_SCOPED))
        w.scope = inode_get(w.at);
    if (!path[0])
        err = end_at_dir(&w, PATH_DOT, end);
    else
        err = walk(&w, end);
    kfree(w.text);
    inode_put(w.at);
    inode_put(w.scope);
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
        if (i == top || i == i->fs->root)
            break;

        const char *name = i->parent ? i->ops->name(i) : NULL;

        err = name ? prepend(buf, &at, name) : -ENOENT;
        i = i->parent;
    }
    if (err)
        return err;
    if (at == size - 1)
        buf[--at] = '/';
    memmove(buf, buf + at, size - at);
    return (int)(size - at - 1);
}

bool path_reaches_root(const struct inode *i)
{
    return lies_below(i, fs_context_current()->root);
}

/* --- making and removing names --- */

/* The end of a path where something is to be made, whoever may. */
static int walk_to(struct inode *dir, const char *path, bool directory, struct path_end *end)
{
    int err = path_walk(dir, path, LOOKUP_NAME, end);

    if (err)
        return err;
    if (end->inode)
        err = -EEXIST;
    else if ((end->slash && !directory) || (end->kind == PATH_NAME && end->dir->fs->type->made_up))
        err = -ENOENT;
    else
        err = inode_may_change(end->dir);
    if (err)
        path_put(end);
    return err;
}

/* The same, if the caller may. */
static int walk_to_new(struct inode *dir, const char *path, bool directory, struct path_end *end)
{
    int err = walk_to(dir, path, directory, end);

    if (!err)
        err = permission_create(end->dir);
    if (err)
        path_put(end);
    return err;
}

int vfs_mknod(struct inode *dir, const char *path, uint32_t mode, uint32_t rdev)
{
    return vfs_mknod_get(dir, path, mode, rdev, NULL);
}

int vfs_mknod_get(struct inode *dir, const char *path, uint32_t mode, uint32_t rdev, struct inode **out)
{
    struct path_end end;
    int err = walk_to_new(dir, path, S_ISDIR(mode), &end);

    if (err)
        return err;
    if (!end.dir->ops->create || ((S_ISCHR(mode) || S_ISBLK(mode)) && !capable(CAP_MKNOD)))
        err = -EPERM;
    else
        err = end.dir->ops->create(end.dir, end.name, mode, rdev, out);
    if (!err)
        notify_made(end.dir, end.name, mode);
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
    if (!err)
        notify_made(end.dir, end.name, S_IFLNK);
    path_put(&end);
    return err;
}

int vfs_link(struct inode *target, struct inode *dir, const char *path)
{
    struct path_end end;
    int err = walk_to(dir, path, false, &end);

    if (err)
        return err;
    if (end.dir->fs != target->fs)
        err = -EXDEV;
    else
        err = permission_link(target);
    if (!err)
        err = permission_create(end.dir);
    if (!err && is_fixed(target))
        err = -EPERM;
    if (err) {
        path_put(&end);
        return err;
    }
    if (S_ISDIR(target->mode) || !end.dir->ops->link)
        err = -EPERM;
    else
        err = end.dir->ops->link(end.dir, end.name, target);
    if (!err) {
        notify_self(target, NOTIFY_ATTRIB);
        notify_made(end.dir, end.name, target->mode);
    }
    path_put(&end);
    return err;
}

/* The path of what is about to lose its last name while somebody has it open or mapped, as far as there is
 * memory for it; it is for people. */
static char *path_to_keep(struct inode *i)
{
    char *path, *kept = NULL;
    int n;

    /* One reference is the name's, one the caller's. */
    if ((!S_ISDIR(i->mode) && i->nlink > 1) || (i->refs <= 2 && !(i->object && i->object->regions)))
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

/* Let the path be what is told of it, if it has lost its last name; else free the path. NULL is fine. */
static void keep_path(struct inode *i, char *kept)
{
    if (kept && !i->nlink && !i->gone)
        i->gone = kept;
    else
        kfree(kept);
}

/* Why what is made up cannot be removed. */
static int why_never(const struct inode *i, bool directory)
{
    if (directory == !!S_ISDIR(i->mode) || (i->ops->refuse_write && i->ops->refuse_write(i) == -EPERM))
        return -EPERM;
    return directory ? -ENOTDIR : -EISDIR;
}

/* Why the end of a path cannot be unlinked; 0 leaves that to the filesystem. */
static int unlink_end(const struct path_end *end, bool directory)
{
    int err;

    if (end->kind != PATH_NAME) {
        if (!directory)
            return -EISDIR;
        return end->kind == PATH_DOT ? -EINVAL : end->kind == PATH_DOTDOT ? -ENOTEMPTY : -EBUSY;
    }
    if (inode_may_change(end->dir))
        return -EROFS;
    if (!end->inode)
        return -ENOENT;
    if (!directory && end->slash)
        return S_ISDIR(end->inode->mode) ? -EISDIR : -ENOTDIR;
    err = permission_delete(end->dir, end->inode);
    if (err)
        return err;
    if (end->inode->covers)
        return directory ? -EBUSY : -EISDIR;
    return end->dir->ops->unlink ? 0 : why_never(end->inode, directory);
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
        keep_path(end.inode, kept);
        if (!err)
            notify_removed(end.dir, end.name, end.inode);
    }
    path_put(&end);
    return err;
}

/* A directory that moves to another one is written to: its .. changes. */
static int may_move(const struct path_end *from, const struct path_end *to)
{
    return from->dir != to->dir && S_ISDIR(from->inode->mode) ? inode_permission(from->inode, MAY_WRITE) : 0;
}

static int may_rename(const struct path_end *from, const struct path_end *to, bool exchange)
{
    int err = permission_delete(from->dir, from->inode);

    if (!err)
        err = to->inode ? permission_delete(to->dir, to->inode) : permission_create(to->dir);
    if (!err)
        err = may_move(from, to);
    return !err && exchange ? may_move(to, from) : err;
}

/* Why something that is mounted on, or is to take the place of such, stays where it is. */
static int why_not_over(const struct inode *i, const struct inode *old)
{
    if (!old || S_ISDIR(i->mode) == S_ISDIR(old->mode))
        return -EBUSY;
    return S_ISDIR(old->mode) ? -EISDIR : -ENOTDIR;
}

/* Whether two inodes are one file, which of what is made at each look-up has a number, and no one inode. */
static bool same_file(const struct inode *a, const struct inode *b)
{
    return a == b || (b && a->fs == b->fs && a->fs->type->made_up && a->ino == b->ino);
}

static const struct filesystem *end_fs(const struct path_end *end)
{
    return (end->dir ? end->dir : end->inode)->fs;
}

/* In the order in which Linux looks. */
static int rename_ends(struct path_end *from, struct path_end *to, unsigned flags)
{
    bool exchange = flags & RENAME_EXCHANGE;
    char *kept;
    int err;

    if (end_fs(from) != end_fs(to))
        return -EXDEV;
    if (from->kind != PATH_NAME)
        return -EBUSY;
    if (to->kind != PATH_NAME)
        return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (inode_may_change(from->dir))
        return -EROFS;
    if (!from->inode)
        return -ENOENT;
    if (!to->inode && to->dir->fs->type->made_up)
        return -ENOENT;
    if (flags & RENAME_NOREPLACE && to->inode)
        return -EEXIST;
    if (exchange && !to->inode)
        return -ENOENT;
    if (exchange && to->slash && !S_ISDIR(to->inode->mode))
        return -ENOTDIR;
    if (!S_ISDIR(from->inode->mode) && (from->slash || (!exchange && to->slash)))
        return -ENOTDIR;
    if (same_file(from->inode, to->inode))
        return 0;
    err = may_rename(from, to, exchange);
    if (err)
        return err;
    if (from->inode->covers || (to->inode && to->inode->covers))
        return why_not_over(from->inode, exchange ? NULL : to->inode);
    if (!from->dir->ops->rename)
        return -EPERM;
    kept = to->inode && !exchange ? path_to_keep(to->inode) : NULL;
    err = from->dir->ops->rename(from->dir, from->name, to->dir, to->name, flags);
    if (kept)
        keep_path(to->inode, kept);
    if (!err)
        notify_moved(from, to, exchange);
    return err;
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

/* Whoever waits for it is told that mounts are others. */
static void mounts_changed(void)
{
    vfs_mounts_version++;
    os_wake_all(&vfs_mounts_watchers);
}

static void append_mount(struct filesystem *fs)
{
    struct filesystem **end = &vfs_mounts;

    while (*end)
        end = &(*end)->next;
    *end = fs;
    mounts_changed();
}

/* Whether something can be mounted on what may be a directory, now. */
static int can_cover(const struct inode *dir)
{
    if (!dir->fs->root || dir->fs->detached) /* it is in no mounted filesystem */
        return -EINVAL;
    if (!dir->nlink) /* removed, maybe meanwhile */
        return -ENOENT;
    if (!S_ISDIR(dir->mode))
        return -ENOTDIR;
    return dir->fs->type->made_up && dir != dir->fs->root ? -EINVAL : 0;
}

/* What is kept of what mount(2) is told. Times of access are kept as if `relatime` was said, if nothing
 * is. */
static unsigned kept_flags(unsigned flags)
{
    unsigned kept = flags & (MOUNT_KEPT | MOUNT_NOATIME | MOUNT_NODIRATIME);

    if (!(flags & MOUNT_NOATIME))
        kept |= MOUNT_RELATIME;
    if (flags & MOUNT_STRICTATIME)
        kept &= ~(unsigned)(MOUNT_NOATIME | MOUNT_RELATIME);
    return kept;
}

/* A filesystem that remembers what it is made of, and nothing else yet. Sleeps. */
static int filesystem_alloc(const char *source, struct filesystem **out)
{
    struct filesystem *fs;
    int err = vfs_keep(filesystem_bytes(source));

    if (err)
        return err;
    fs = vm_zalloc(sizeof *fs);
    if (fs)
        fs->source = vm_alloc(strlen(source) + 1);
    if (!fs || !fs->source) {
        kfree(fs);
        vfs_give_back(filesystem_bytes(source));
        return -ENOMEM;
    }
    memcpy(fs->source, source, strlen(source) + 1);
    *out = fs;
    return 0;
}

/* What is read-only itself stays so, whatever the mount is. */
static void add_read_only(struct filesystem *fs, unsigned flags)
{
    fs->read_only = fs->flags & MOUNT_RDONLY;
    fs->flags |= flags & MOUNT_RDONLY;
}

/* dir NULL: nothing is below. */
int vfs_mount(struct inode *dir, const char *type, const char *source, unsigned flags, const char *options)
{
    const struct filesystem_type *t = filesystem_types;
    struct filesystem *fs;
    int err;

    while (t && strcmp(t->name, type) != 0)
        t = t->next;
    if (!t)
        return -ENODEV;
    err = filesystem_alloc(source, &fs);
    if (err)
        return err;
    fs->type = t;
    fs->flags = kept_flags(flags);
    fs->mode = MOUNT_MODE;
    fs->dev = ++next_dev;
    fs->users = 1;
    err = t->mount(fs, options);
    if (err) {
        filesystem_free(fs);
        return err;
    }
    add_read_only(fs, flags);
    if (dir) {
        dir = mounted(inode_get(dir));
        err = can_cover(dir);
        if (err) {
            inode_put(dir);
            fs->detached = true;
            filesystem_put(fs);
            return err;
        }
        dir->covered_by = fs->root;
        fs->root->covers = dir;
    }
    append_mount(fs);
    return 0;
}

int vfs_remount(struct inode *top, bool mount_only, unsigned flags, const char *options)
{
    struct filesystem *fs = top->fs;
    const struct filesystem_type *t = fs->type;
    unsigned kept = kept_flags(flags), old = fs->flags, same;
    bool was = fs->read_only;
    int err;

    if (top != fs->root || fs->detached)
        return -EINVAL;
    if (!(flags & MOUNT_ATIME))
        kept = (kept & MOUNT_KEPT) | (old & MOUNT_ATIME);
    same = MOUNT_SUPER & ~(mount_only ? MOUNT_RDONLY : MOUNT_CHANGEABLE);
    fs->flags = (kept & ~same) | (old & same);
    err = t->remount && !mount_only ? t->remount(fs, options) : 0;
    if (mount_only)
        fs->flags |= was ? MOUNT_RDONLY : 0;
    else
        add_read_only(fs, flags);
    if (!err && fs->flags & ~old & MOUNT_RDONLY && t->written && t->written(fs))
        err = -EBUSY;
    if (err) {
        fs->flags = old;
        fs->read_only = was;
    } else {
        mounts_changed();
    }
    return err;
}

/* Why the mount with this root, which the caller uses, cannot go. Does not sleep. */
static int can_umount(const struct inode *top, unsigned flags)
{
    const struct filesystem *fs = top->fs;

    if (top != fs->root || !top->covers || fs->detached || !fs->type->destroy)
        return -EINVAL;
    if (flags & UMOUNT_DETACH)
        return flags & UMOUNT_EXPIRE ? -EINVAL : 0;
    if (flags & UMOUNT_EXPIRE && top == fs_context_current()->root)
        return -EINVAL;
    if (fs->users - fs->silent > 2 || (fs->type->busy && fs->type->busy(fs)))
        return -EBUSY;
    return flags & UMOUNT_EXPIRE && !fs->expiring ? -EAGAIN : 0;
}

/* Take a mount, and what is mounted below it, out of the list of mounts. They are marked and listed. Does not
 * sleep. */
static struct filesystem *take_out(struct filesystem *fs)
{
    struct filesystem *out = NULL, **end = &out, **at = &vfs_mounts;

    /* What was mounted on something comes after it. */
    while (*at) {
        struct filesystem *f = *at;

        if (f == fs || (f->root->covers && f->root->covers->fs->detached)) {
            f->detached = true;
            *at = f->next;
            f->next = NULL;
            *end = f;
            end = &f->next;
        } else {
            at = &f->next;
        }
    }
    return out;
}

int vfs_umount(struct inode *top, unsigned flags)
{
    struct filesystem *fs, *out;
    int err;

    top = mounted(top); /* over who named where he stands */
    fs = top->fs;
    err = can_umount(top, flags);

    if (err) {
        inode_put(top);
        if (err == -EAGAIN) /* the look itself was no use; it has not slept */
            fs->expiring = true;
        return err;
    }
    out = take_out(fs);
    for (struct filesystem *f = out; f; f = f->next)
        f->root->covers->covered_by = NULL;
    mounts_changed();
    inode_put(top);
    while (out) {
        struct filesystem *f = out;
        struct inode *below = f->root->covers;

        out = f->next;
        f->root->covers = NULL;
        filesystem_put(f);
        inode_put(below);
    }
    return 0;
}

/* Whether nobody uses it and nothing is mounted on it. */
static bool can_end(const struct filesystem *fs)
{
    return fs->users == 1 && fs->type->destroy && !(fs->type->busy && fs->type->busy(fs));
}

unsigned vfs_end(bool report)
{
    struct filesystem **at = &vfs_mounts;
    unsigned left = 0;

    inode_put(kernel_context.root);
    inode_put(kernel_context.cwd);
    kernel_context.root = kernel_context.cwd = NULL;
    while (*at) {
        struct filesystem *fs = *at;
        struct inode *below = fs->root->covers;

        if (!can_end(fs)) {
            at = &fs->next;
            continue;
        }
        *at = fs->next;
        fs->detached = true;
        if (below)
            below->covered_by = NULL;
        fs->root->covers = NULL;
        filesystem_put(fs);
        inode_put(below);
        at = &vfs_mounts; /* it may have been what kept another */
    }
    for (const struct filesystem *fs = vfs_mounts; fs; fs = fs->next) {
        char where[64];

        left++;
        if (!report || fs->root->covered_by)
            continue;
        os_log("vfs: %s at %s is in use, %u users", fs->type->name,
               path_of(fs->root, where, sizeof where) < 0 ? fs->source : where, fs->users - 1);
    }
    return left;
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
        err = vfs_mount(dir, type, type, 0, options);
    inode_put(dir);
    if (err)
        os_log("no %s at %s: error %d", type, path, -err);
}

int vfs_init(const void *archive, bool high, size_t size, const char **why)
{
    int err;

    ramfs_register();
    err = vfs_mount(NULL, "rootfs", "rootfs", 0, NULL);
    if (err)
        return err;
    root = vfs_mounts->root;
    kernel_context.root = inode_get(root);
    kernel_context.cwd = inode_get(root);
    *why = archive ? unpack(archive, high, size) : NULL;
    mount_at("devtmpfs", "/dev", NULL);
    mount_at("tmpfs", "/tmp", "mode=1777");
    mount_at("tmpfs", "/dev/shm", "mode=1777");
    for (const struct filesystem_type *t = filesystem_types; t; t = t->next)
        if (strcmp(t->name, "proc") == 0)
            mount_at("proc", "/proc", NULL);
        else if (strcmp(t->name, "sysfs") == 0)
            mount_at("sysfs", "/sys", NULL);
        else if (strcmp(t->name, "devpts") == 0)
            mount_at("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666");
    return 0;
}
