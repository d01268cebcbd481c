/*
 * Disks and partitions as files.
 *
 * They are read and written a page at a time, without a cache. A device moves whole pages, so a write of less
 * reads the page first; a mutex of the disk keeps others from writing meanwhile, be it through another
 * partition. The last sectors of a device whose size is no multiple of a page are in a page that ends there.
 * A partition that is smaller than a page (an extended one) is reached through its disk, and of a disk that
 * is, a request moves what there is (block_sectors()).
 *
 * What swap has claimed can be read, and cannot be written through any device (ETXTBSY, as on Linux through
 * the device itself). The question is asked right before each request, with no sleep between; requests to a
 * disk are done in order, so one that was first is over before swap writes there.
 *
 * An open file counts in its unit, which therefore stays; one that was opened with O_EXCL claims it.
 */
#include "kernel/dev/diskfile.h"
#include "kernel/fs/file.h"
#include "kernel/proc/process.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/machine.h"

#define SECTORS_A_PAGE ((uint32_t)(PAGE_SIZE / BLOCK_SECTOR))

/* file.hint: the file has claimed its unit. */
enum { HINT_CLAIMED = 1 };

static int disk_open(struct file *f)
{
    struct disk_unit *u = f->data;

    if (file_writes(f) && u->dev->read_only)
        return -EROFS;
    if (f->flags & O_EXCL) {
        int err = disk_claim(u, DISK_OPENED);

        if (err)
            return err;
        f->hint = HINT_CLAIMED;
    }
    u->opens++;
    return 0;
}

static void disk_release(struct file *f)
{
    struct disk_unit *u = f->data;

    if (f->hint & HINT_CLAIMED)
        disk_unclaim(u);
    u->opens--;
}

static uint64_t size_of(const struct disk_unit *u)
{
    return u->dev->sectors * BLOCK_SECTOR;
}

/* A page of a device, and where in it a position lies. */
struct place {
    struct block_device *dev;
    uint64_t sector; /* first of the page */
    uint32_t offset; /* bytes */
};

/* The place of a byte of the unit. */
static struct place place_of(const struct disk_unit *u, uint64_t pos)
{
    struct place p = {.dev = u->dev};
    uint64_t sector = pos / BLOCK_SECTOR;

    if (u->dev->sectors < SECTORS_A_PAGE) {
        p.dev = u->disk->whole.dev;
        sector += u->start;
    }
    p.sector = sector & ~(uint64_t)(SECTORS_A_PAGE - 1);
    if (p.dev->sectors < SECTORS_A_PAGE)
        p.sector = 0;
    else if (p.sector > p.dev->sectors - SECTORS_A_PAGE)
        p.sector = p.dev->sectors - SECTORS_A_PAGE;
    p.offset = (uint32_t)(sector - p.sector) * BLOCK_SECTOR + (uint32_t)(pos % BLOCK_SECTOR);
    return p;
}

/* Frames of a transfer: one with the user's bytes, and for writes of less than a page, one with the disk's.
 * */
struct buffer {
    struct frame *frame;
    paddr_t address;
    uint8_t *bytes;
};

static bool buffer_alloc(struct buffer *b)
{
    b->frame = vm_frame_alloc(&vm_sys, FRAME_KERNEL, FRAME_LOW_ONLY);
    if (!b->frame)
        return false;

    pfn_t pfn = frame_pfn(&frame_pool_sys, b->frame);

    b->address = (paddr_t)pfn << PAGE_SHIFT;
    b->bytes = frame_ptr(&frame_pool_sys, pfn);
    return true;
}

static void buffer_free(struct buffer *b)
{
    if (b->frame)
        frame_free(&frame_pool_sys, b->frame);
}

static int read_part(const struct place *p, vaddr_t to, size_t n, const struct buffer *b)
{
    int err = disk_read(p->dev, p->sector, &b->address, 1);

    return err ? err : user_copy_out(to, b->bytes + p->offset, n) ? -EFAULT : 0;
}

/* user holds n bytes at the place's offset. */
static int put_part(const struct disk_unit *u, const struct place *p, size_t n, const struct buffer *user,
                    const struct buffer *whole)
{
    uint64_t on_disk = p->sector + (p->dev == u->dev ? u->start : 0);
    const struct buffer *b = user;

    if (n < PAGE_SIZE) {
        int err = disk_read(p->dev, p->sector, &whole->address, 1);

        if (err)
            return err;
        memcpy(whole->bytes + p->offset, user->bytes + p->offset, n);
        b = whole;
    }
    return disk_write_unclaimed(u->disk, p->dev, p->sector, on_disk, b->address);
}

static int write_part(const struct disk_unit *u, const struct place *p, vaddr_t from, size_t n,
                      const struct buffer *user, struct buffer *whole)
{
    int err;

    if (n < PAGE_SIZE && !whole->frame && !buffer_alloc(whole))
        return -ENOMEM;
    if (user_copy_in(user->bytes + p->offset, from, n))
        return -EFAULT;
    mutex_lock(&u->disk->writes);
    err = put_part(u, p, n, user, whole);
    mutex_unlock(&u->disk->writes);
    return err;
}

static int transfer(const struct disk_unit *u, bool write, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct buffer user, whole = {0};
    size_t done = 0;
    int err = 0;

    if (!n)
        return 0;
    if (*pos >= size_of(u))
        return write ? -ENOSPC : 0;
    if (n > size_of(u) - *pos)
        n = (size_t)(size_of(u) - *pos);
    if (!buffer_alloc(&user))
        return -ENOMEM;
    while (done < n) {
        size_t part = n - done;
        struct place p = place_of(u, *pos);

        if (part > PAGE_SIZE - p.offset)
            part = PAGE_SIZE - p.offset;
        err = write ? write_part(u, &p, buf + done, part, &user, &whole)
                    : read_part(&p, buf + done, part, &user);
        if (err)
            break;
        done += part;
        *pos += part;
        if (thread_breathe())
            break;
    }
    buffer_free(&whole);
    buffer_free(&user);
    return done ? (int)done : err;
}

/* What is to go directly consists of sectors, in the program's memory too. */
static bool in_sectors(const struct file *f, vaddr_t buf, size_t n, uint64_t pos)
{
    return !(f->flags & O_DIRECT) || !((buf | n | pos) & (BLOCK_SECTOR - 1));
}

static int disk_file_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    return in_sectors(f, buf, n, *pos) ? transfer(f->data, false, buf, n, pos) : -EINVAL;
}

static int disk_file_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    return in_sectors(f, buf, n, *pos) ? transfer(f->data, true, buf, n, pos) : -EINVAL;
}

enum {
    HDIO_GETGEO = 0x0301,
    BLKROGET = 0x125E,
    BLKRRPART = 0x125F,
    BLKGETSIZE = 0x1260,
    BLKFLSBUF = 0x1261,
    BLKSSZGET = 0x1268,
    BLKPBSZGET = 0x127B,
    BLKBSZGET = 0x80041270u,
    BLKGETSIZE64 = 0x80041272u,
};

#define GEOMETRY_HEADS   255u
#define GEOMETRY_SECTORS 63u

/* What BIOSes and Linux say of a disk that is too large for a true answer. */
static int get_geometry(const struct disk_unit *u, vaddr_t arg)
{
    uint64_t cylinders = u->disk->whole.dev->sectors / (GEOMETRY_HEADS * GEOMETRY_SECTORS);
    const struct {
        uint8_t heads, sectors;
        uint16_t cylinders;
        uint32_t start;
    } geometry = {GEOMETRY_HEADS, GEOMETRY_SECTORS, cylinders > UINT16_MAX ? UINT16_MAX : (uint16_t)cylinders,
                  (uint32_t)u->start};

    if (!arg)
        return -EINVAL;
    return user_copy_out(arg, &geometry, sizeof geometry) ? -EFAULT : 0;
}

static int disk_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
    struct disk_unit *u = f->data;
    uint64_t bytes = size_of(u);

    switch (cmd) {
    case HDIO_GETGEO:
        return get_geometry(u, arg);
    case BLKROGET:
        return user_write32(arg, u->dev->read_only);
    case BLKRRPART:
        return disk_rescan(u, f->hint & HINT_CLAIMED);
    case BLKGETSIZE:
        return u->dev->sectors > UINT32_MAX ? -EFBIG : user_write32(arg, (uint32_t)u->dev->sectors);
    case BLKFLSBUF:
        return disk_flush(u->dev);
    case BLKSSZGET:
    case BLKPBSZGET:
        return user_write32(arg, BLOCK_SECTOR);
    case BLKBSZGET:
        return user_write32(arg, PAGE_SIZE);
    case BLKGETSIZE64:
        return user_copy_out(arg, &bytes, sizeof bytes);
    default:
        return -ENOTTY;
    }
}

enum { SEEK_FROM_START, SEEK_FROM_POS, SEEK_FROM_END };

static int disk_seek(struct file *f, int64_t offset, int whence, uint64_t *result)
{
    int64_t size = (int64_t)size_of(f->data), at;
    int64_t base = whence == SEEK_FROM_START ? 0 : whence == SEEK_FROM_POS ? (int64_t)f->pos : size;

    if (whence > SEEK_FROM_END || __builtin_add_overflow(base, offset, &at) || at < 0 || at > size)
        return -EINVAL;
    *result = f->pos = (uint64_t)at;
    return 0;
}

const struct file_ops disk_ops = {.open = disk_open,
                                  .release = disk_release,
                                  .read = disk_file_read,
                                  .write = disk_file_write,
                                  .ioctl = disk_ioctl,
                                  .seek = disk_seek,
                                  .direct = true};

struct disk_unit *disk_of_inode(const struct inode *i)
{
    return S_ISBLK(i->mode) ? disk_find(i->rdev) : NULL;
}
