/*
 * A part of a block device as a block device.
 *
 * A request is checked against the bounds of the part, moved to its place on the disk, and given to the disk
 * as it is; when it is done, it is moved back before its owner sees it. A request that is not wholly inside
 * fails and never reaches the disk. A flush is one of the whole disk.
 *
 * Locking. Requests belong to whoever has them: the caller, the disk, the caller again. The counts change
 * with interrupts off.
 */
#include "kernel/dev/partition.h"
#include "mm/errno.h"

#define PAGE_SECTORS ((uint32_t)(PAGE_SIZE / BLOCK_SECTOR))

static void done(struct block_request *r)
{
    struct partition *p = r->arg;
    uint64_t sectors = (uint64_t)r->nsegs * PAGE_SECTORS;

    if (r->status != 0) {
        p->dev.errors++;
    } else if (r->write) {
        p->dev.writes++;
        p->dev.write_sectors += sectors;
    } else {
        p->dev.reads++;
        p->dev.read_sectors += sectors;
    }
    r->sector -= p->start;
    r->done = r->outer_done;
    r->arg = r->outer_arg;
    r->done(r);
}

static bool is_inside(const struct partition *p, const struct block_request *r)
{
    uint64_t sectors = (uint64_t)r->nsegs * PAGE_SECTORS;

    return r->nsegs <= block_max_segs(&p->dev) && sectors <= p->dev.sectors &&
           r->sector <= p->dev.sectors - sectors;
}

static void submit(struct block_device *d, struct block_request *r)
{
    struct partition *p = d->driver;

    if (!is_inside(p, r)) {
        uint32_t irq = os_irq_save();

        r->status = -EINVAL;
        r->done(r);
        os_irq_restore(irq);
        return;
    }
    r->outer_done = r->done;
    r->outer_arg = r->arg;
    r->done = done;
    r->arg = p;
    r->sector += p->start;
    block_submit(p->disk, r);
}

static const struct block_ops ops = {.submit = submit};

struct partition *partition_of(struct block_device *d)
{
    return d->ops == &ops ? d->driver : NULL;
}

void partition_init(struct partition *p, struct block_device *disk, uint32_t number, uint64_t start,
                    uint64_t sectors)
{
    char digits[10];
    size_t n = 0, at = 0;

    mm_assert(sectors > 0 && sectors <= disk->sectors && start <= disk->sectors - sectors,
              "%s%u: %llu sectors from %llu", disk->name, number, (unsigned long long)sectors,
              (unsigned long long)start);
    *p = (struct partition){.disk = disk, .start = start};
    p->dev.sectors = sectors;
    p->dev.ops = &ops;
    p->dev.driver = p;
    p->dev.read_only = disk->read_only;
    p->dev.max_segs = disk->max_segs;
    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (at + n + 1 < sizeof p->dev.name && disk->name[at]) {
        p->dev.name[at] = disk->name[at];
        at++;
    }
    while (n > 0)
        p->dev.name[at++] = digits[--n];
}
