/*
 * Devices as files.
 *
 * The number of a character device leads to operations through a short table, filled at start-up by whoever
 * has a device; those of disks and partitions are asked of disk.c. Every new devtmpfs gets a node for each,
 * so a character device that is registered later appears in the next one only. Partitions come and go in all.
 */
#include "kernel/dev/devices.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/diskfile.h"
#include "kernel/dev/kmsg.h"
#include "kernel/dev/random.h"
#include "kernel/fs/file.h"
#include "kernel/fs/ramfs.h"
#include "kernel/lib/format.h"
#include "kernel/lib/printk.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/thread.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/machine.h"
#include "mm/slab.h"

#define DEVICES 32u

struct device {
    uint32_t mode; /* S_IFCHR, and permission of its node */
    uint32_t rdev;
    char name[16];
    const struct file_ops *ops;
};

static struct device devices[DEVICES];
static unsigned device_count;

/* Of its node, as Linux's devtmpfs has it: what harms nobody is for everybody, terminals are for who hands
 * them out. */
static uint32_t node_mode(uint32_t rdev)
{
    enum { MEMORY = 1, AUXILIARY = 5, KMSG = 11, TTY = 0, PTMX = 2 };
    uint32_t major = rdev >> 8, minor = rdev & MINOR_MAX;

    if (major == MEMORY)
        return minor == KMSG ? 0644 : 0666;
    return major == AUXILIARY && (minor == TTY || minor == PTMX) ? 0666 : 0600;
}

void chardev_register(uint32_t rdev, const char *name, const struct file_ops *ops)
{
    mm_assert(device_count < DEVICES, "no room for device %s", name);
    struct device *d = &devices[device_count++];

    *d = (struct device){.mode = S_IFCHR | node_mode(rdev), .rdev = rdev, .ops = ops};
    format(d->name, sizeof d->name, "%s", name);
}

int device_find(uint32_t mode, uint32_t rdev, const struct file_ops **ops, void **data)
{
    if (S_ISBLK(mode)) {
        *ops = &disk_ops;
        *data = disk_find(rdev);
        return *data ? 0 : -ENXIO;
    }
    for (unsigned i = 0; i < device_count; i++) {
        const struct device *d = &devices[i];

        if (d->rdev == rdev) {
            *ops = d->ops;
            *data = NULL;
            return 0;
        }
    }
    return -ENXIO;
}

void devices_each(void (*fn)(uint32_t mode, uint32_t rdev, const char *name, void *arg), void *arg)
{
    uint32_t rdev = 0;

    for (unsigned i = 0; i < device_count; i++)
        fn(devices[i].mode, devices[i].rdev, devices[i].name, arg);
    for (const struct disk_unit *u; (u = disk_next(rdev)) != NULL;) {
        char name[16]; /* fn may sleep, and the partition be gone */

        rdev = u->rdev;
        format(name, sizeof name, "%s", u->dev->name);
        fn(DISK_MODE, rdev, name, arg);
    }
}

struct population {
    struct inode *root;
    int err;
};

static void populate_one(uint32_t mode, uint32_t rdev, const char *name, void *arg)
{
    struct population *p = arg;

    if (!p->err)
        p->err = p->root->ops->create(p->root, name, mode, rdev, NULL);
}

static int populate(struct inode *root)
{
    static const struct {
        const char *name, *target;
    } links[] = {{"fd", "/proc/self/fd"},
                 {"stdin", "/proc/self/fd/0"},
                 {"stdout", "/proc/self/fd/1"},
                 {"stderr", "/proc/self/fd/2"}};
    struct population p = {root, root->ops->create(root, "shm", S_IFDIR | 01777, 0, NULL)};

    if (!p.err)
        p.err = root->ops->create(root, "pts", S_IFDIR | 0755, 0, NULL);
    devices_each(populate_one, &p);
    for (unsigned i = 0; !p.err && i < ARRAY_LEN(links); i++)
        p.err = root->ops->symlink(root, links[i].name, links[i].target);
    return p.err;
}

/* Make or remove the node in one devtmpfs. */
static void update_node(struct inode *root, uint32_t rdev, const char *name)
{
    struct inode *i = NULL;
    int err = root->ops->lookup(root, name, &i);
    bool wanted = disk_find(rdev) != NULL;

    if (err == -ENOENT && wanted)
        err = root->ops->create(root, name, DISK_MODE, rdev, NULL);
    else if (!err && !wanted && S_ISBLK(i->mode) && i->rdev == rdev)
        err = root->ops->unlink(root, name, false);
    inode_put(i);
    if (err && err != -ENOENT)
        os_log("devtmpfs: the node of %s is not up to date, error %d", name, -err);
}

void devices_update(uint32_t rdev, const char *name)
{
    uint32_t after = 0; /* mounts are in order of their numbers */

    for (;;) {
        const struct filesystem *fs = vfs_mounts;
        struct inode *root;

        while (fs && (fs->dev <= after || strcmp(fs->type->name, "devtmpfs") != 0))
            fs = fs->next;
        if (!fs)
            return;
        after = fs->dev;
        root = inode_get(fs->root);
        update_node(root, rdev, name);
        inode_put(root);
    }
}

/* --- null, zero, full --- */

static int null_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    (void)f;
    (void)buf;
    (void)n;
    (void)pos;
    return 0;
}

static int null_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    (void)f;
    (void)buf;
    (void)pos;
    return (int)n;
}

static int null_seek(struct file *f, int64_t offset, int whence, uint64_t *result)
{
    (void)offset;
    (void)whence;
    *result = f->pos = 0;
    return 0;
}

static int zero_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    size_t done = 0;

    (void)f;
    (void)pos;
    while (done < n) {
        size_t part = user_part(buf + done, n - done);

        if (user_clear(buf + done, part))
            return done ? (int)done : -EFAULT;
        done += part;
        if (thread_breathe())
            break;
    }
    return (int)done;
}

static int full_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    (void)f;
    (void)buf;
    (void)n;
    (void)pos;
    return -ENOSPC;
}

/* Shared: shared anonymous memory, as much as is mapped, wherever that begins. Private: private zeroes. */
static int zero_mmap(struct file *f, uint32_t page, size_t size, unsigned region_flags, struct object **out)
{
    (void)f;
    (void)page;
    return region_flags & REGION_SHARED ? vm_shared_zeroes(size, region_flags, out) : 0;
}

static const struct file_ops null_ops = {
    .read = null_read, .write = null_write, .seek = null_seek, .never_out = true};
static const struct file_ops zero_ops = {.read = zero_read,
                                         .write = null_write,
                                         .seek = null_seek,
                                         .mmap = zero_mmap,
                                         .never_out = true,
                                         .never_in = true};
static const struct file_ops full_ops = {
    .read = zero_read, .write = full_write, .seek = null_seek, .never_out = true, .never_in = true};

/* --- random --- */

static int random_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    uint8_t chunk[256];
    size_t done = 0;

    (void)f;
    (void)pos;
    while (done < n) {
        size_t part = user_part(buf + done, n - done < sizeof chunk ? n - done : sizeof chunk);

        random_bytes(chunk, part);
        if (user_copy_out(buf + done, chunk, part))
            return done ? (int)done : -EFAULT;
        done += part;
        if (thread_breathe())
            break;
    }
    return (int)done;
}

static int random_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    uint8_t chunk[64];
    size_t part = n < sizeof chunk ? n : sizeof chunk;

    (void)f;
    (void)pos;
    if (user_copy_in(chunk, buf, part))
        return -EFAULT;
    random_mix(chunk, part);
    return (int)n;
}

/* It always has bytes, and says so to who asks. */
static unsigned random_poll(struct file *f, struct poll_table *table)
{
    (void)f;
    (void)table;
    return POLLIN | POLLRDNORM;
}

enum {
    ENTROPY_BITS = 256, /* there is always as much as a key has */
    RNDGETENTCNT = (int)0x80045200,
    RNDADDTOENTCNT = 0x40045201,
    RNDADDENTROPY = 0x40085203,
    RNDZAPENTCNT = 0x5204,
    RNDCLEARPOOL = 0x5206,
    RNDRESEEDCRNG = 0x5207,
};

/* struct rand_pool_info, or only its count: bytes that somebody vouches for are stirred in like others. */
static int add_entropy(vaddr_t arg, bool bytes)
{
    uint32_t count, n = 0;

    if (user_read32(&count, arg))
        return -EFAULT;
    if ((int32_t)count < 0)
        return -EINVAL;
    if (!bytes)
        return 0;
    if (user_read32(&n, arg + 4))
        return -EFAULT;
    for (uint8_t chunk[64]; n;) {
        uint32_t part = n < sizeof chunk ? n : sizeof chunk;

        if (user_copy_in(chunk, arg + 8, part))
            return -EFAULT;
        random_mix(chunk, part);
        arg += part;
        n -= part;
        thread_breathe();
    }
    return 0;
}

static int random_ioctl(struct file *f, uint32_t cmd, vaddr_t arg)
{
    (void)f;
    switch ((int)cmd) {
    case RNDGETENTCNT:
        return user_write32(arg, ENTROPY_BITS);
    case RNDADDTOENTCNT:
    case RNDADDENTROPY:
        return capable(CAP_SYS_ADMIN) ? add_entropy(arg, (int)cmd == RNDADDENTROPY) : -EPERM;
    case RNDZAPENTCNT:
    case RNDCLEARPOOL: /* as on Linux, no count goes down any more */
    case RNDRESEEDCRNG:
        return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
    default:
        return -EINVAL;
    }
}

static const struct file_ops random_ops = {.read = random_read,
                                           .write = random_write,
                                           .poll = random_poll,
                                           .seek = null_seek,
                                           .ioctl = random_ioctl};
static const struct file_ops urandom_ops = {
    .read = random_read, .write = random_write, .seek = null_seek, .ioctl = random_ioctl};

void devices_init(void)
{
    static const struct device_table table = {.find = device_find, .populate = populate};

    file_devices = &table;
    kmsg_init();
    chardev_register(MKDEV(1, 3), "null", &null_ops);
    chardev_register(MKDEV(1, 5), "zero", &zero_ops);
    chardev_register(MKDEV(1, 7), "full", &full_ops);
    chardev_register(MKDEV(1, 8), "random", &random_ops);
    chardev_register(MKDEV(1, 9), "urandom", &urandom_ops);
    chardev_register(MKDEV(1, 11), "kmsg", &kmsg_ops);
}
