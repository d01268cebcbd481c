/*
 * The filesystem of pseudo-terminals: /dev/pts.
 *
 * Purpose. Each mounted one has numbers of its own. It has a file ptmx, whose opening makes a pair (pty.c),
 * and for each pair a device by its number, which is the terminal. Nothing else can be made or removed in it.
 *
 * Data. A filesystem in memory (ramfs.c) whose root has operations of its own: looking up, listing, and no
 * other. Names come and go with their pairs. A pair holds a reference to the root, so a filesystem that
 * has one stays, though it may be unmounted when nobody has a file of it open.
 *
 * Locking: as ramfs.c. Failure: -errno, and there is no name.
 *
 * Source: Linux's Documentation/filesystems/devpts.rst and mount(8).
 */
#include "kernel/dev/devpts.h"
#include "kernel/fs/notify.h"
#include "kernel/fs/ramfs.h"
#include "kernel/lib/format.h"
#include "kernel/lib/number.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

#define DEVPTS_MAGIC 0x1CD1u
#define FIRST_INO    3u /* of terminal 0; the root has 1 and ptmx 2 */

static struct filesystem_type type;

/* Of the root: the filesystem in memory's, without what makes names or takes them away. */
static struct inode_ops root_ops;
/* All of these. */
static const struct inode_ops *all_ops;

int devpts_of(const struct inode *ptmx, struct inode **root)
{
    struct inode *i;
    int err;

    if (ptmx->fs->type == &type) {
        *root = inode_get(ptmx->fs->root);
        return 0;
    }
    if (!ptmx->parent)
        return -ENODEV;
    err = path_lookup(ptmx->parent, "pts", LOOKUP_DIRECTORY, &i);
    if (err)
        return err;
    if (i->fs->type != &type || i != i->fs->root) {
        inode_put(i);
        return -ENODEV;
    }
    *root = i;
    return 0;
}

int devpts_add(struct inode *root, uint32_t index, const struct file_ops *ops, void *data, struct inode **out)
{
    const struct devpts *d = root->fs->data;
    char name[12];
    int err;

    format(name, sizeof name, "%u", index);
    err = all_ops->create(root, name, S_IFCHR | d->mode, PTY_RDEV(index), out);
    if (err)
        return err;
    notify_made(root, name, S_IFCHR);
    (*out)->ino = index + FIRST_INO;
    (*out)->file_ops = ops;
    (*out)->data = data;
    if (d->has_uid)
        (*out)->uid = d->uid;
    if (d->has_gid)
        (*out)->gid = d->gid;
    return 0;
}

void devpts_remove(struct inode *root, uint32_t index)
{
    struct inode *i;
    char name[12];

    format(name, sizeof name, "%u", index);
    if (all_ops->lookup(root, name, &i))
        return;
    if (all_ops->unlink(root, name, false) == 0)
        notify_removed(root, name, i);
    inode_put(i);
}

/* --- mounting --- */

/* NAME=NUMBER in a base, which ends the option. Whether it was that name; *err: 0 or -EINVAL. */
static bool parse_number(const char **s, const char *name, unsigned base, uint32_t *value, int *err)
{
    size_t length = strlen(name);
    uint64_t n;

    if (strncmp(*s, name, length) != 0)
        return false;
    *s += length;
    *err = number_digits(s, base, &n) && n <= INT32_MAX && (**s == ',' || !**s) ? 0 : -EINVAL;
    if (!*err)
        *value = (uint32_t)n;
    return true;
}

/* uid=N, gid=N, mode=OCTAL, ptmxmode=OCTAL, max=N, newinstance, which each of them is. */
static int parse(struct devpts *d, const char *s)
{
    static const char word[] = "newinstance";
    size_t length = sizeof word - 1;

    *d = (struct devpts){.ptys = d->ptys, .ptmx = d->ptmx, .max = PTY_MOST, .mode = 0600};
    while (s && *s) {
        int err = 0;

        if (*s == ',') {
            s++;
        } else if (strncmp(s, word, length) == 0 && (s[length] == ',' || !s[length])) {
            s += length;
        } else if (parse_number(&s, "uid=", 10, &d->uid, &err)) {
            d->has_uid = true;
        } else if (parse_number(&s, "gid=", 10, &d->gid, &err)) {
            d->has_gid = true;
        } else if (!parse_number(&s, "mode=", 8, &d->mode, &err) &&
                   !parse_number(&s, "ptmxmode=", 8, &d->ptmx_mode, &err) &&
                   !parse_number(&s, "max=", 10, &d->max, &err)) {
            err = -EINVAL;
        }
        if (err)
            return err;
    }
    if (d->max > PTY_MOST)
        return -EINVAL;
    d->mode &= 07777;
    d->ptmx_mode &= 07777;
    return 0;
}

/* The root and its ptmx. Sleeps. */
static int fill(struct filesystem *fs, struct devpts *d)
{
    int err = ramfs_mount_root(fs, 0755);

    if (err)
        return err;
    all_ops = fs->root->ops;
    root_ops = *all_ops;
    root_ops.create = NULL;
    root_ops.link = NULL;
    root_ops.unlink = NULL;
    root_ops.rename = NULL;
    root_ops.symlink = NULL;
    err = all_ops->create(fs->root, "ptmx", S_IFCHR | d->ptmx_mode, PTMX_RDEV, &d->ptmx);
    if (err) {
        ramfs_destroy(fs);
        return err;
    }
    fs->root->ops = &root_ops;
    fs->root->ino = 1;
    d->ptmx->ino = 2;
    inode_put(d->ptmx); /* its name keeps it */
    return 0;
}

static int mount(struct filesystem *fs, const char *options)
{
    struct devpts *d = vm_zalloc(sizeof *d);
    int err = d ? parse(d, options) : -ENOMEM;

    if (!err)
        err = fill(fs, d);
    if (err) {
        kfree(d);
        return err;
    }
    fs->data = d;
    return 0;
}

static int remount(struct filesystem *fs, const char *options)
{
    struct devpts *d = fs->data, with = *d;
    int err = parse(&with, options);

    if (err)
        return err;
    *d = with;
    d->ptmx->mode = S_IFCHR | d->ptmx_mode;
    return 0;
}

static void destroy(struct filesystem *fs)
{
    struct devpts *d = fs->data;

    mm_assert(!d->ptys, "terminals in devpts %u", fs->dev);
    kfree(d);
    ramfs_destroy(fs);
}

static void show_options(const struct filesystem *fs, file_print_fn *print, void *to)
{
    const struct devpts *d = fs->data;

    if (d->has_uid)
        print(to, ",uid=%u", d->uid);
    if (d->has_gid)
        print(to, ",gid=%u", d->gid);
    print(to, ",mode=%03o,ptmxmode=%03o", d->mode, d->ptmx_mode);
    if (d->max < PTY_MOST)
        print(to, ",max=%u", d->max);
}

static struct filesystem_type type = {.name = "devpts",
                                      .magic = DEVPTS_MAGIC,
                                      .block = 1024,
                                      .mount = mount,
                                      .remount = remount,
                                      .destroy = destroy,
                                      .show = show_options};

void devpts_init(void)
{
    filesystem_register(&type);
}
