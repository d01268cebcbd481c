/*
 * The names and files of POSIX message queues: the filesystem "mqueue".
 *
 * Queues are inodes of one filesystem that is mounted nowhere and has all of them, in a list; mq_open() looks
 * there. What is mounted as mqueue, usually on /dev/mqueue, is a directory that shows the same list: its
 * files are those inodes. So it makes no difference by which way a queue was made, and a mount can go while
 * its queues stay. A directory's own mode and owner are the mount's; mq_open() goes by those of the hidden
 * one, where everybody may make names, and its sticky bit keeps them from each other's.
 *
 * A name holds a reference to its queue. Reading a queue's file tells of it and takes nothing.
 *
 * Locking: between sleeps. A new queue gets its name when nothing is left that could sleep or fail.
 *
 * Source: mq_overview(7).
 */
#include "kernel/ipc/ids.h"
#include "kernel/ipc/mqueue_parts.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

#define MQUEUE_MAGIC   0x19800202u
#define FILE_SIZE      80u /* what Linux says */
#define NAME_SIZE      20u /* of a name in a directory, likewise */
#define FIRST_POSITION 2u

TALLY(queues, "POSIX message queues");

uint32_t mqueue_queues_max = 256;
static uint32_t queue_count, last_serial;
static struct mqueue *all;

static struct filesystem_type type;
static struct filesystem hidden = {.type = &type, .dev = 0xF1, .users = 1};
static struct inode root;

static const struct inode_ops file_inode_ops, directory_inode_ops;
static const struct file_ops queue_ops;

/* --- names --- */

static struct mqueue **find(const char *name)
{
    struct mqueue **at = &all;

    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static int lookup(struct inode *dir, const char *name, struct inode **out)
{
    struct mqueue *q = *find(name);

    (void)dir;
    if (!q)
        return -ENOENT;
    *out = inode_get(&q->inode);
    return 0;
}

static int readdir(struct inode *dir, uint64_t *pos,
                   bool (*emit)(void *arg, const char *name, uint32_t ino, uint32_t type), void *arg)
{
    (void)dir;
    for (const struct mqueue *q = all; q; q = q->next) {
        if (q->serial + (uint64_t)FIRST_POSITION < *pos)
            continue;
        *pos = q->serial + (uint64_t)FIRST_POSITION;
        if (!emit(arg, q->name, q->inode.ino, MODE_DTYPE(q->inode.mode)))
            return 0;
        ++*pos;
    }
    return 0;
}

static const char *name_of(struct inode *i)
{
    return i->nlink ? mqueue_of(i)->name : NULL;
}

static void touch(struct inode *dir, int32_t bytes)
{
    root.size = (uint64_t)((int64_t)root.size + bytes); /* of the one list that all directories show */
    dir->size = root.size;
    dir->atime_ns = dir->mtime_ns = dir->ctime_ns = inode_now();
}

/* --- making and removing --- */

static size_t queue_bytes(const char *name)
{
    return sizeof(struct mqueue) + strlen(name) + 1;
}

static void queue_free(struct mqueue *q)
{
    if (q->name)
        ipc_give_back(queue_bytes(q->name));
    kfree(q->name);
    kfree(q->inode.gone);
    kfree(q);
}

/* With its name's memory and its maker's charge, in no list. 0 or -errno. Sleeps. */
static int queue_make(const char *name, const struct mq_attr *attr, struct mqueue **out)
{
    struct mqueue *q;
    int err = ipc_keep(queue_bytes(name));

    if (err)
        return err;
    q = vm_zalloc(sizeof *q);
    if (q)
        q->name = vm_alloc(strlen(name) + 1);
    if (!q || !q->name) {
        ipc_give_back(queue_bytes(name));
        kfree(q);
        return -ENOMEM;
    }
    memcpy(q->name, name, strlen(name) + 1);
    err = mqueue_charge(q, attr);
    if (err) {
        queue_free(q);
        return err;
    }
    *out = q;
    return 0;
}

/* Give it an inode and its name. */
static void enter(struct mqueue *q, struct inode *dir, uint32_t mode)
{
    struct mqueue **end = &all;
    struct inode *i = &q->inode;

    inode_init(i, &hidden, mode);
    inode_take_owner(i, dir);
    i->ops = &file_inode_ops;
    i->file_ops = &queue_ops;
    i->size = FILE_SIZE;
    i->parent = &root;
    inode_tree_get(i);
    q->serial = ++last_serial;
    while (*end)
        end = &(*end)->next;
    *end = q;
    queue_count++;
    queues.count++;
    touch(dir, NAME_SIZE);
}

static int create_with(struct inode *dir, const char *name, uint32_t mode, const struct mq_attr *attr,
                       struct inode **out)
{
    struct mqueue *q;
    int err;

    if (!S_ISREG(mode))
        return -EPERM;
    if (!name)
        return -EOPNOTSUPP;
    if (queue_count >= mqueue_queues_max && !capable(CAP_SYS_RESOURCE))
        return -ENOSPC;
    err = queue_make(name, attr, &q);
    if (err)
        return err;
    if (*find(name)) { /* somebody was faster */
        mqueue_drain(q);
        queue_free(q);
        return -EEXIST;
    }
    enter(q, dir, mode);
    if (out)
        *out = &q->inode;
    else
        inode_put(&q->inode);
    return 0;
}

static int create(struct inode *dir, const char *name, uint32_t mode, uint32_t rdev, struct inode **out)
{
    (void)rdev;
    return create_with(dir, name, mode, NULL, out);
}

static void remove_name(struct mqueue **at)
{
    struct mqueue *q = *at;

    *at = q->next;
    q->inode.nlink = 0;
    q->inode.ctime_ns = inode_now();
    inode_tree_put(&q->inode);
}

static int unlink(struct inode *dir, const char *name, bool directory)
{
    struct mqueue **at = find(name);

    if (!*at)
        return -ENOENT;
    if (directory)
        return -ENOTDIR;
    touch(dir, -(int32_t)NAME_SIZE);
    remove_name(at);
    return 0;
}

static void release_queue(struct inode *i)
{
    struct mqueue *q = mqueue_of(i);

    mqueue_drain(q);
    queue_count--;
    queues.count--;
    inode_fini(i);
    queue_free(q);
}

static const struct inode_ops file_inode_ops = {.name = name_of, .release = release_queue};

static void release_directory(struct inode *i)
{
    inode_fini(i);
    kfree(i->gone);
    kfree(i);
}

static const struct inode_ops directory_inode_ops = {
    .lookup = lookup, .create = create, .unlink = unlink, .readdir = readdir, .release = release_directory};

bool mqueue_verify(void)
{
    bool ok = true;

    for (const struct mqueue *q = all; q; q = q->next)
        ok &= mqueue_verify_one(q);
    return ok;
}

void mqueue_clear(void)
{
    while (all)
        remove_name(&all);
}

/* --- files --- */

static int read_queue(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    char line[FILE_SIZE];
    size_t size = mqueue_tell(mqueue_of(f->inode), line, sizeof line);

    if (size >= sizeof line)
        size = sizeof line - 1;
    if (*pos >= size || !n)
        return 0;
    if (n > size - (size_t)*pos)
        n = size - (size_t)*pos;
    if (user_copy_out(buf, line + *pos, n))
        return -EFAULT;
    *pos += n;
    f->inode->atime_ns = f->inode->ctime_ns = inode_now();
    return (int)n;
}

static unsigned poll_queue(struct file *f, struct poll_table *table)
{
    struct mqueue *q = mqueue_of(f->inode);

    poll_register(table, &q->watch);
    return mqueue_events(q);
}

static void flush_queue(struct file *f)
{
    mqueue_flush(mqueue_of(f->inode));
}

static const struct file_ops queue_ops = {
    .read = read_queue, .poll = poll_queue, .flush = flush_queue, .never_out = true};

int mqueue_get(int fd, struct mqueue **out, struct file **f)
{
    *f = fd_get(fd);
    if (*f && (*f)->ops == &queue_ops) {
        *out = mqueue_of((*f)->inode);
        return 0;
    }
    file_put(*f);
    return -EBADF;
}

/* --- mq_open --- */

/* Names of queues are those of files in a directory: no path. */
static int check_name(const char *name)
{
    size_t n = strlen(name);

    if (!n)
        return -ENOENT;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EACCES;
    for (const char *s = name; *s; s++)
        if (*s == '/')
            return -EACCES;
    return n > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* The queue, referenced, that may be used so, or a new one. Sleeps. */
static int find_or_create(const char *name, uint32_t flags, uint32_t mode, const struct mq_attr *attr,
                          struct inode **out)
{
    static const uint8_t wanted[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE};
    struct inode *i;
    int err = lookup(&root, name, &i);

    while (err == -ENOENT && flags & O_CREAT) {
        err = permission_create(&root);
        if (!err)
            err =
                create_with(&root, name, S_IFREG | (mode & 07777 & ~fs_context_current()->umask), attr, out);
        if (err != -EEXIST)
            return err;
        err = lookup(&root, name, &i); /* somebody was faster */
    }
    if (err)
        return err;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        err = -EEXIST;
    else if ((flags & O_ACCMODE) == O_ACCMODE)
        err = -EINVAL;
    else
        err = inode_permission(i, wanted[flags & O_ACCMODE]);
    if (err)
        inode_put(i);
    else
        *out = i;
    return err;
}

int mqueue_open(const char *name, uint32_t flags, uint32_t mode, const struct mq_attr *attr)
{
    int fd = fd_reserve(0, true), err;
    struct inode *i;
    struct file *f;

    if (fd < 0)
        return fd;
    err = check_name(name);
    if (!err)
        err = find_or_create(name, flags, mode, attr, &i);
    if (!err) {
        err = file_open_inode(i, flags & ~(uint32_t)(O_PATH | O_TMPFILE), NULL, &f);
        inode_put(i);
    }
    if (err) {
        fd_unreserve(fd);
        return err;
    }
    fd_fill(fd, f);
    return fd;
}

int mqueue_unlink(const char *name)
{
    int err = check_name(name);

    return err ? err : vfs_unlink(&root, name, false);
}

/* --- mounting --- */

static void make_directory(struct inode *i, struct filesystem *fs)
{
    inode_init(i, fs, S_IFDIR | MODE_STICKY | 0777);
    i->ops = &directory_inode_ops;
    i->nlink = 2;
    i->size = 2 * NAME_SIZE;
}

static int mount(struct filesystem *fs, const char *options)
{
    struct inode *i = vm_zalloc(sizeof *i);

    (void)options;
    if (!i)
        return -ENOMEM;
    make_directory(i, fs);
    inode_take_owner(i, NULL);
    i->size = root.size;
    inode_to_tree(i);
    fs->root = i;
    return 0;
}

static void destroy(struct filesystem *fs)
{
    inode_tree_put(fs->root);
}

static void show(const struct filesystem *fs, file_print_fn *print, void *to)
{
    (void)fs;
    (void)print;
    (void)to;
}

static struct filesystem_type type = {.name = "mqueue",
                                      .magic = MQUEUE_MAGIC,
                                      .mount = mount,
                                      .destroy = destroy,
                                      .show = show,
                                      .abstract = true};

void mqueue_init(void)
{
    make_directory(&root, &hidden);
    hidden.root = &root;
    filesystem_register(&type);
}
