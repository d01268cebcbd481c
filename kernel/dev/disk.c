/*
 * Disks and their partitions.
 *
 * A disk that the driver found, and each partition that its table names (ptable.c), is a unit: a block device
 * (partition.c) with a device number, open files, and at most one claim. Claims are about sectors: two that
 * overlap exclude each other, so a disk excludes its partitions, and partitions of a damaged table that lie
 * on each other do, too. What swap has claimed is written by swap alone, whatever device leads there.
 *
 * Locking. One processor: all but the contents of disks changes between two sleeps. The unit of a partition
 * is freed by disk_rescan() and disk_end() only, when it is neither open nor claimed; who wants to keep one
 * over a sleep opens or claims it.
 */
#include "kernel/dev/disk.h"
#include "drivers/ata.h"
#include "kernel/dev/devices.h"
#include "kernel/lib/format.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/sched/time.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/slab.h"

#define DISKS        4u
#define MINORS       64u /* of a disk, itself included */
#define PAGE_SECTORS ((uint32_t)(PAGE_SIZE / BLOCK_SECTOR))

_Static_assert(PTABLE_MAX + 1 == MINORS, "each partition has a number");

/* In order of device numbers. */
static struct disk disks[DISKS];
static unsigned disk_count;

/* Linux's numbers of IDE disks: hda 3,0; hdb 3,64; hdc 22,0; hdd 22,64. */
static uint32_t disk_number(unsigned index)
{
    return MKDEV(index < 2 ? 3 : 22, index % 2 * MINORS);
}

void disk_init(void)
{
    static const struct time_hook clock = {.due = ata_due, .next = ata_next};
    struct ata_options options = {.pio = params.ata_pio, .timeout_ms = params.ata_timeout};
    unsigned index = 0;

    ata_init(&options);
    time_register(&clock);
    for (struct block_device *d = block_first(); d; d = d->next) {
        struct disk *k = &disks[disk_count++];

        mm_assert(disk_count <= DISKS, "no number for %s", d->name);
        printk(LOG_INFO, "%s: %s, %llu MiB, %s%s", d->name, ata_model(d),
               (unsigned long long)(d->sectors >> 11), ata_uses_dma(d) ? "DMA" : "PIO",
               ata_uses_lba48(d) ? ", LBA48" : "");
        if (strncmp(d->name, "hd", 2) == 0 && d->name[2] >= 'a' && d->name[2] < (char)('a' + DISKS))
            index = (unsigned)(d->name[2] - 'a');
        k->whole = (struct disk_unit){.dev = d, .disk = k, .rdev = disk_number(index++)};
    }
}

/* --- units --- */

/* Unit i of a disk: itself, or partition i. NULL: there is none. */
static struct disk_unit *unit(struct disk *d, uint32_t i)
{
    return i ? d->part[i] : &d->whole;
}

struct disk_unit *disk_find(uint32_t rdev)
{
    for (unsigned i = 0; i < disk_count; i++)
        if (rdev >= disks[i].whole.rdev && rdev < disks[i].whole.rdev + MINORS)
            return unit(&disks[i], rdev - disks[i].whole.rdev);
    return NULL;
}

struct disk_unit *disk_next(uint32_t rdev)
{
    for (unsigned i = 0; i < disk_count; i++)
        for (uint32_t k = 0; k < MINORS; k++)
            if (disks[i].whole.rdev + k > rdev && unit(&disks[i], k))
                return unit(&disks[i], k);
    return NULL;
}

struct disk_unit *disk_find_name(const char *name)
{
    struct disk_unit *u = NULL;

    while ((u = disk_next(u ? u->rdev : 0)) != NULL && strcmp(u->dev->name, name) != 0)
        ;
    return u;
}

static bool overlaps(const struct disk_unit *u, uint64_t start, uint64_t sectors)
{
    return u->start < start + sectors && start < u->start + u->dev->sectors;
}

int disk_claim(struct disk_unit *u, enum disk_claim claim)
{
    for (uint32_t i = 0; i < MINORS; i++) {
        const struct disk_unit *other = unit(u->disk, i);

        if (other && other->claim != DISK_FREE && overlaps(other, u->start, u->dev->sectors))
            return -EBUSY;
    }
    u->claim = claim;
    return 0;
}

void disk_unclaim(struct disk_unit *u)
{
    mm_assert(u->claim != DISK_FREE, "%s is not claimed", u->dev->name);
    u->claim = DISK_FREE;
}

/* --- partitions --- */

static bool read_sector(void *arg, uint64_t sector, uint8_t *bytes)
{
    struct disk_reader *r = arg;
    pfn_t pfn = frame_pfn(vm_sys.pool, r->frame);
    paddr_t page = (paddr_t)pfn << PAGE_SHIFT;
    uint64_t first = sector & ~(uint64_t)(PAGE_SECTORS - 1);

    if (r->dev->sectors < PAGE_SECTORS)
        first = 0; /* a partition that is so small cannot be read */
    else if (first > r->dev->sectors - PAGE_SECTORS)
        first = r->dev->sectors - PAGE_SECTORS;
    if (first != r->first) {
        r->first = UINT64_MAX;
        if (disk_read(r->dev, first, &page, 1) != 0)
            return false;
        r->first = first;
    }
    memcpy(bytes, (const uint8_t *)frame_ptr(vm_sys.pool, pfn) + (size_t)(sector - first) * BLOCK_SECTOR,
           BLOCK_SECTOR);
    return true;
}

int disk_reader_init(struct disk_reader *r, struct block_device *dev)
{
    r->source =
        (struct ptable_source){.name = dev->name, .sectors = dev->sectors, .read = read_sector, .arg = r};
    r->dev = dev;
    r->first = UINT64_MAX;
    r->frame = vm_frame_alloc(&vm_sys, FRAME_KERNEL, FRAME_LOW_ONLY);
    return r->frame ? 0 : -ENOMEM;
}

void disk_reader_done(struct disk_reader *r)
{
    frame_free(vm_sys.pool, r->frame);
}

/* What a scan found, before anything is changed. */
struct scan {
    struct disk_reader reader;
    struct ptable table;
    struct disk_unit *part[MINORS]; /* allocated */
};

static void scan_free(struct scan *s)
{
    for (uint32_t i = 1; i < MINORS; i++)
        kfree(s->part[i]);
    kfree(s);
}

/* Read the table of a disk and build the units of its partitions. 0, -EIO, -ENOMEM. */
static int scan(struct disk *d, struct scan **out)
{
    struct scan *s = vm_zalloc(sizeof *s);
    int err = s ? disk_reader_init(&s->reader, d->whole.dev) : -ENOMEM;

    if (err) {
        kfree(s);
        return err;
    }
    err = ptable_read(&s->reader.source, &s->table);
    disk_reader_done(&s->reader);
    for (uint32_t i = 0; !err && i < s->table.n; i++) {
        const struct ptable_entry *e = &s->table.entry[i];
        struct disk_unit *u = vm_zalloc(sizeof *u);

        if (!u) {
            err = -ENOMEM;
            break;
        }
        s->part[e->number] = u;
        partition_init(&u->part, d->whole.dev, e->number, e->start, e->sectors);
        u->dev = &u->part.dev;
        u->disk = d;
        u->rdev = d->whole.rdev + e->number;
        u->start = e->start;
        u->entry = *e;
    }
    if (err) {
        scan_free(s);
        return err;
    }
    *out = s;
    return 0;
}

/* Give the disk the partitions that a scan found; the scan has the former ones afterwards. */
static void adopt(struct disk *d, struct scan *s)
{
    char line[160];
    size_t n = 0;

    for (uint32_t i = 1; i < MINORS; i++) {
        struct disk_unit *old = d->part[i];

        d->part[i] = s->part[i];
        s->part[i] = old;
        if (d->part[i] && n + 16 < sizeof line)
            n += format(line + n, sizeof line - n, " %s", d->part[i]->dev->name);
    }
    line[n] = '\0';
    d->table = s->table.kind;
    d->what = s->table.what;
    d->unreadable = false;
    if (d->table != PTABLE_NONE)
        printk(LOG_INFO, "%s: has %s:%s", d->whole.dev->name, d->what, n ? line : " no partitions");
}

void disk_read_tables(void)
{
    for (unsigned i = 0; i < disk_count; i++) {
        struct disk *d = &disks[i];
        struct scan *s;
        int err = scan(d, &s);

        if (err) {
            d->unreadable = true;
            printk(LOG_WARN, "%s: its partition table is not known, error %d", d->whole.dev->name, -err);
            continue;
        }
        adopt(d, s);
        scan_free(s);
    }
}

static bool is_busy(const struct disk *d, bool by_owner)
{
    if (d->whole.claim == DISK_SWAP || (d->whole.claim == DISK_OPENED && !by_owner))
        return true;
    for (uint32_t i = 1; i < MINORS; i++)
        if (d->part[i] && (d->part[i]->opens || d->part[i]->claim != DISK_FREE))
            return true;
    return false;
}

int disk_rescan(struct disk_unit *u, bool by_owner)
{
    struct disk *d = u->disk;
    struct scan *s;
    int err;

    if (u != &d->whole)
        return -EINVAL;
    if (is_busy(d, by_owner))
        return -EBUSY;
    err = scan(d, &s);
    if (err)
        return err;
    if (is_busy(d, by_owner)) { /* again: we slept */
        scan_free(s);
        return -EBUSY;
    }
    adopt(d, s);
    scan_free(s);
    for (uint32_t i = 1; i < MINORS; i++) {
        char name[16];

        format(name, sizeof name, "%s%u", d->whole.dev->name, i);
        devices_update(d->whole.rdev + i, name);
    }
    return 0;
}

void disk_end(void)
{
    for (unsigned i = 0; i < disk_count; i++)
        for (uint32_t k = 1; k < MINORS; k++) {
            struct disk_unit *u = disks[i].part[k];

            if (u && !u->opens && u->claim == DISK_FREE) {
                disks[i].part[k] = NULL;
                kfree(u);
            }
        }
}

/* --- requests --- */

struct wait {
    struct waitq q;
    bool done;
};

static void wake(struct block_request *r)
{
    struct wait *w = r->arg;

    w->done = true;
    os_wake_all(&w->q);
}

static int run(struct block_device *d, struct block_request *r)
{
    struct wait w = {0};

    r->done = wake;
    r->arg = &w;
    block_submit(d, r);

    uint32_t irq = os_irq_save();

    while (!w.done)
        os_sleep(&w.q);
    os_irq_restore(irq);
    return r->status;
}

static int transfer(struct block_device *d, bool write, uint64_t sector, const paddr_t *pages, uint32_t n)
{
    struct block_request r = {.write = write, .sector = sector, .nsegs = n};

    if (n == 0 || n > block_max_segs(d))
        return -EINVAL;
    memcpy(r.seg, pages, n * sizeof *pages);
    return run(d, &r);
}

int disk_read(struct block_device *d, uint64_t sector, const paddr_t *pages, uint32_t n)
{
    might_sleep();
    return transfer(d, false, sector, pages, n);
}

int disk_write(struct block_device *d, uint64_t sector, const paddr_t *pages, uint32_t n)
{
    might_sleep();
    return transfer(d, true, sector, pages, n);
}

/* Whether swap has claimed one of n sectors. */
static bool is_swapped_on(const struct disk *d, uint64_t sector, uint64_t n)
{
    for (uint32_t i = 0; i < MINORS; i++) {
        const struct disk_unit *u = i ? d->part[i] : &d->whole;

        if (u && u->claim == DISK_SWAP && overlaps(u, sector, n))
            return true;
    }
    return false;
}

int disk_write_unclaimed(const struct disk *disk, struct block_device *d, uint64_t sector, uint64_t on_disk,
                         paddr_t page)
{
    might_sleep();
    if (is_swapped_on(disk, on_disk, PAGE_SECTORS))
        return -ETXTBSY;
    return transfer(d, true, sector, &page, 1);
}

int disk_flush(struct block_device *d)
{
    struct block_request r = {.write = true};

    might_sleep();
    return run(d, &r);
}

void disk_flush_all(void)
{
    for (struct block_device *d = block_first(); d; d = d->next)
        if (d->writes > 0 && disk_flush(d) != 0)
            os_log("%s: could not flush its cache", d->name);
}
