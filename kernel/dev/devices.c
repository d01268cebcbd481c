/*
 * Devices as files.
 *
 * A device number leads to operations through a short table, filled at start-up by whoever has a device;
 * every new devtmpfs gets a node for each, so a device that is registered later appears in the next one only.
 *
 * Disks are read and written through a page of memory, without a cache. A disk that swap is on is busy: it is
 * not opened for writing, and each page that is written is checked when its request is made, since it may
 * have been turned on while the page was fetched. One holder at a time has a disk for itself: an open file
 * of O_EXCL, or swapon() until the area is there.
 */
#include "kernel/dev/devices.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/random.h"
#include "kernel/fs/file.h"
#include "kernel/fs/ramfs.h"
#include "kernel/lib/format.h"
#include "kernel/lib/printk.h"
#include "kernel/proc/thread.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/machine.h"
#include "mm/slab.h"

#define DEVICES 32u

struct device {
    uint32_t mode; /* S_IFCHR or S_IFBLK, and permission of its node */
    uint32_t rdev;
    char name[16];
    const struct file_ops *ops;
    void *data;
    const void *holder; /* who has it for himself */
};

static struct device devices[DEVICES];
static unsigned device_count;

static void add(uint32_t mode, uint32_t rdev, const char *name, const struct file_ops *ops, void *data)
{
    mm_assert(device_count < DEVICES, "no room for device %s", name);
    struct device *d = &devices[device_count++];

    *d = (struct device){.mode = mode, .rdev = rdev, .ops = ops, .data = data};
    format(d->name, sizeof d->name, "%s", name);
}

void chardev_register(uint32_t rdev, const char *name, const struct file_ops *ops)
{
    add(S_IFCHR | 0666, rdev, name, ops, NULL);
}

void blockdev_register(uint32_t rdev, const char *name, const struct file_ops *ops, void *data)
{
    add(S_IFBLK | 0660, rdev, name, ops, data);
}

int device_find(uint32_t mode, uint32_t rdev, const struct file_ops **ops, void **data)
{
    for (unsigned i = 0; i < device_count; i++) {
        const struct device *d = &devices[i];

        if (d->rdev == rdev && (d->mode & S_IFMT) == (mode & S_IFMT)) {
            *ops = d->ops;
            *data = d->data;
            return 0;
        }
    }
    return -ENXIO;
}

void devices_each(void (*fn)(uint32_t mode, uint32_t rdev, const char *name, void *arg), void *arg)
{
    for (unsigned i = 0; i < device_count; i++)
        fn(devices[i].mode, devices[i].rdev, devices[i].name, arg);
}

static int populate(struct inode *root)
{
    static const struct {
        const char *name, *target;
    } links[] = {{"fd", "/proc/self/fd"},
                 {"stdin", "/proc/self/fd/0"},
                 {"stdout", "/proc/self/fd/1"},
                 {"stderr", "/proc/self/fd/2"}};
    int err = root->ops->create(root, "shm", S_IFDIR | 01777, 0, NULL);

    for (unsigned i = 0; !err && i < device_count; i++)
        err = root->ops->create(root, devices[i].name, devices[i].mode, devices[i].rdev, NULL);
    for (unsigned i = 0; !err && i < ARRAY_LEN(links); i++)
        err = root->ops->symlink(root, links[i].name, links[i].target);
    return err;
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

static const struct file_ops null_ops = {.read = null_read, .write = null_write, .seek = null_seek};
static const struct file_ops zero_ops = {
    .read = zero_read, .write = null_write, .seek = null_seek, .mmap = zero_mmap};
static const struct file_ops full_ops = {.read = zero_read, .write = full_write, .seek = null_seek};

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

static const struct file_ops random_ops = {.read = random_read, .write = random_write, .seek = null_seek};

/* --- kmsg --- */

#define KMSG_LINE 256u

static int kmsg_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    char line[KMSG_LINE];
    size_t part = n < sizeof line ? n : sizeof line - 1;

    (void)f;
    (void)pos;
    if (user_copy_in(line, buf, part))
        return -EFAULT;
    line[part] = '\0';
    while (part && (line[part - 1] == '\n' || line[part - 1] == '\0'))
        line[--part] = '\0';
    os_log("%s", line);
    return (int)n;
}

/* All that the ring holds, as text: gathered at open(). Read one line at a time, as a record of Linux's form.
 * */
struct kmsg {
    size_t size;
    char text[];
};

static int kmsg_open(struct file *f)
{
    struct kmsg *k;

    if ((f->flags & O_ACCMODE) == O_WRONLY)
        return 0;
    k = vm_alloc(sizeof *k + PRINTK_RING);
    if (!k)
        return -ENOMEM;
    k->size = printk_copy(k->text, PRINTK_RING);
    f->data = k;
    return 0;
}

static void kmsg_release(struct file *f)
{
    kfree(f->data);
}

static int kmsg_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    const struct kmsg *k = f->data;
    char head[32]; /* priority, sequence number, microseconds, flags; priorities and times are not kept */
    size_t at = (size_t)*pos, end = at, head_size;
    uint32_t sequence = 0;

    if (*pos >= k->size)
        return 0;
    for (size_t i = 0; i < at; i++)
        sequence += k->text[i] == '\n';
    while (end < k->size && k->text[end] != '\n')
        end++;
    end = end < k->size ? end + 1 : end;
    head_size = format(head, sizeof head, "6,%u,0,-;", sequence);
    if (n < head_size + (end - at))
        return -EINVAL;
    if (user_copy_out(buf, head, head_size) ||
        user_copy_out(buf + (vaddr_t)head_size, k->text + at, end - at))
        return -EFAULT;
    *pos = end;
    return (int)(head_size + (end - at));
}

static const struct file_ops kmsg_ops = {
    .open = kmsg_open, .release = kmsg_release, .read = kmsg_read, .write = kmsg_write};

/* --- disks --- */

#define SECTORS_A_PAGE (PAGE_SIZE / BLOCK_SECTOR)

static bool has_swap(const struct block_device *d)
{
    for (unsigned i = 0; i < SWAP_AREAS; i++)
        if (vm_sys.swap.area[i] && vm_sys.swap.area[i]->dev == d)
            return true;
    return false;
}

/* Where the holder of a disk is noted. */
static const void **holder_of(const struct block_device *d)
{
    unsigned i = 0;

    while (i < device_count && devices[i].data != d)
        i++;
    mm_assert(i < device_count, "%s is no device", d->name);
    return &devices[i].holder;
}

int disk_claim(const struct block_device *d, const void *holder)
{
    const void **at = holder_of(d);

    if (*at || has_swap(d))
        return -EBUSY;
    *at = holder;
    return 0;
}

void disk_unclaim(const struct block_device *d, const void *holder)
{
    const void **at = holder_of(d);

    if (*at == holder)
        *at = NULL;
}

static int disk_open(struct file *f)
{
    const struct block_device *d = f->data;
    bool writes = (f->flags & O_ACCMODE) != O_RDONLY;

    if (writes && d->read_only)
        return -EROFS;
    if (f->flags & O_EXCL)
        return disk_claim(d, f);
    return writes && has_swap(d) ? -EBUSY : 0;
}

static void disk_release(struct file *f)
{
    disk_unclaim(f->data, f);
}

/* One page of the disk, as far as it goes: through the frame `page`. Sleeps once its request is made, and
 * looks before that. */
static int disk_page(struct block_device *d, bool write, uint64_t index, paddr_t page)
{
    uint64_t sector = index * SECTORS_A_PAGE;

    if (sector + SECTORS_A_PAGE > d->sectors) /* a piece of a page at the end is out of reach */
        return -ENOSPC;
    if (write && has_swap(d))
        return -ETXTBSY;
    return write ? disk_write(d, sector, &page, 1) : disk_read(d, sector, &page, 1);
}

static int disk_transfer(struct file *f, bool write, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct block_device *d = f->data;
    uint64_t size = (d->sectors / SECTORS_A_PAGE) << PAGE_SHIFT;
    struct frame *frame;
    size_t done = 0;
    int err = 0;

    if (*pos >= size)
        return write && n ? -ENOSPC : 0;
    if (n > size - *pos)
        n = (size_t)(size - *pos);
    frame = vm_frame_alloc(&vm_sys, FRAME_KERNEL, FRAME_LOW_ONLY);
    if (!frame)
        return -ENOMEM;

    pfn_t pfn = frame_pfn(&frame_pool_sys, frame);
    paddr_t address = (paddr_t)pfn << PAGE_SHIFT;
    uint8_t *bytes = frame_ptr(&frame_pool_sys, pfn);

    while (done < n && !err) {
        size_t offset = *pos & PAGE_MASK, part = PAGE_SIZE - offset;

        if (part > n - done)
            part = n - done;
        if (!write || part < PAGE_SIZE)
            err = disk_page(d, false, *pos >> PAGE_SHIFT, address);
        if (!err && !write)
            err = user_copy_out(buf + done, bytes + offset, part);
        if (!err && write)
            err = user_copy_in(bytes + offset, buf + done, part);
        if (!err && write)
            err = disk_page(d, true, *pos >> PAGE_SHIFT, address);
        if (err)
            break;
        done += part;
        *pos += part;
        if (thread_breathe())
            break;
    }
    frame_free(&frame_pool_sys, frame);
    return done ? (int)done : err;
}

static int disk_file_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    return disk_transfer(f, false, buf, n, pos);
}

static int disk_file_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    return disk_transfer(f, true, buf, n, pos);
}

enum { BLKGETSIZE = 0x1260, BLKSSZGET = 0x1268, BLKBSZGET = 0x80041270u, BLKGETSIZE64 = 0x80041272u };

static int disk_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
    const struct block_device *d = f->data;
    uint64_t bytes = d->sectors * BLOCK_SECTOR;

    switch (cmd) {
    case BLKGETSIZE:
        return user_write32(arg, (uint32_t)d->sectors);
    case BLKSSZGET:
        return user_write32(arg, BLOCK_SECTOR);
    case BLKBSZGET:
        return user_write32(arg, PAGE_SIZE);
    case BLKGETSIZE64:
        return user_copy_out(arg, &bytes, sizeof bytes);
    default:
        return -ENOTTY;
    }
}

static int disk_seek(struct file *f, int64_t offset, int whence, uint64_t *result)
{
    const struct block_device *d = f->data;
    int64_t base = whence == 0 ? 0 : whence == 1 ? (int64_t)f->pos : (int64_t)(d->sectors * BLOCK_SECTOR);

    if (whence > 2 || base + offset < 0)
        return -EINVAL;
    *result = f->pos = (uint64_t)(base + offset);
    return 0;
}

static const struct file_ops disk_ops = {.open = disk_open,
                                         .release = disk_release,
                                         .read = disk_file_read,
                                         .write = disk_file_write,
                                         .ioctl = disk_ioctl,
                                         .seek = disk_seek};

struct block_device *device_block(const struct inode *i)
{
    const struct file_ops *ops;
    void *data;

    if (!S_ISBLK(i->mode) || device_find(i->mode, i->rdev, &ops, &data) || ops != &disk_ops)
        return NULL;
    return data;
}

void devices_init(void)
{
    static const struct device_table table = {.find = device_find, .populate = populate};
    unsigned minor = 0;

    file_devices = &table;
    chardev_register(MKDEV(1, 3), "null", &null_ops);
    chardev_register(MKDEV(1, 5), "zero", &zero_ops);
    chardev_register(MKDEV(1, 7), "full", &full_ops);
    chardev_register(MKDEV(1, 8), "random", &random_ops);
    chardev_register(MKDEV(1, 9), "urandom", &random_ops);
    chardev_register(MKDEV(1, 11), "kmsg", &kmsg_ops);
    /* Linux's numbers of IDE disks: hda 3,0; hdb 3,64; hdc 22,0; hdd 22,64. */
    for (struct block_device *d = block_first(); d; d = d->next) {
        if (strncmp(d->name, "hd", 2) == 0 && d->name[2] >= 'a' && d->name[2] <= 'd')
            minor = (unsigned)(d->name[2] - 'a');
        blockdev_register(MKDEV(minor < 2 ? 3 : 22, minor % 2 * 64), d->name, &disk_ops, d);
        minor++;
    }
}
