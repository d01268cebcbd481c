/* A block device in memory. See testdisk.h. */
#include "tests/testdisk.h"
#include "mm/errno.h"
#include "mm/machine.h"

static bool hits(const uint64_t *bad, uint64_t sector, uint64_t count)
{
    for (unsigned i = 0; i < TESTDISK_FAULTS; i++)
        if (bad[i] && bad[i] >= sector && bad[i] < sector + count)
            return true;
    return false;
}

static int transfer(struct testdisk *d, struct block_request *r)
{
    uint64_t count = block_sectors(&d->dev, r);

    if (r->nsegs == 0 || r->nsegs > BLOCK_MAX_SEGS || r->sector + count > d->dev.sectors)
        return -EINVAL;
    if (hits(r->write ? d->bad_write : d->bad_read, r->sector, count)) {
        d->dev.errors++;
        return -EIO;
    }
    for (uint32_t i = 0; i < r->nsegs; i++) {
        uint8_t *disk = d->data + r->sector * BLOCK_SECTOR + (size_t)i * PAGE_SIZE;
        void *page = window_open(d->pool, (pfn_t)(r->seg[i] >> PAGE_SHIFT));

        if (r->write)
            memcpy(disk, page, PAGE_SIZE);
        else
            memcpy(page, disk, PAGE_SIZE);
        window_close(d->pool, page);
    }
    if (r->write) {
        d->dev.writes++;
        d->dev.write_sectors += count;
    } else {
        d->dev.reads++;
        d->dev.read_sectors += count;
    }
    return 0;
}

#define TO_BE_MOVED 1 /* status of a delayed request whose data is not moved yet */

static void submit(struct block_device *dev, struct block_request *r)
{
    struct testdisk *d = dev->driver;

    r->status = !d->delayed || d->early ? transfer(d, r) : TO_BE_MOVED;
    if (!d->delayed) {
        r->done(r);
        return;
    }
    r->next = NULL;
    if (d->tail)
        d->tail->next = r;
    else
        d->head = r;
    d->tail = r;
}

/* A private page that is on its way to its slot may not change, unless its frame says that the slot is given
 * up. */
static void check_unchanged(struct testdisk *d, const struct block_request *r)
{
    for (uint32_t i = 0; i < r->nsegs; i++) {
        pfn_t pfn = (pfn_t)(r->seg[i] >> PAGE_SHIFT);
        void *page = window_open(d->pool, pfn);

        if (pfn_frame(d->pool, pfn)->use == FRAME_ANON && !(pfn_frame(d->pool, pfn)->flags & FRAME_F_DIRTY))
            d->torn +=
                memcmp(d->data + r->sector * BLOCK_SECTOR + (size_t)i * PAGE_SIZE, page, PAGE_SIZE) != 0;
        window_close(d->pool, page);
    }
}

bool testdisk_complete(struct testdisk *d)
{
    struct block_request *r = d->head;

    if (!r)
        return false;
    d->head = r->next;
    if (!d->head)
        d->tail = NULL;
    if (r->status == TO_BE_MOVED)
        r->status = transfer(d, r);
    else if (r->write && r->status == 0)
        check_unchanged(d, r);
    r->done(r);
    return true;
}

void testdisk_init(struct testdisk *d, struct frame_pool *pool, void *data, uint32_t pages)
{
    static const struct block_ops ops = {.submit = submit};

    memset(d, 0, sizeof *d);
    memcpy(d->dev.name, "test", 5);
    d->dev.sectors = (uint64_t)pages * (PAGE_SIZE / BLOCK_SECTOR);
    d->dev.ops = &ops;
    d->dev.driver = d;
    d->pool = pool;
    d->data = data;
}

void testdisk_mkswap(struct testdisk *d, const uint32_t *bad, uint32_t nbad)
{
    struct {
        uint32_t version, last_page, nr_badpages;
        uint8_t uuid[16];
        char volume[16];
        uint32_t padding[117];
    } h = {.version = 1, .nr_badpages = nbad, .volume = "test"};

    h.last_page = (uint32_t)(d->dev.sectors / (PAGE_SIZE / BLOCK_SECTOR)) - 1;
    memset(d->data, 0, PAGE_SIZE);
    memcpy(d->data + 1024, &h, sizeof h);
    for (uint32_t i = 0; i < nbad; i++)
        memcpy(d->data + 1024 + sizeof h + 4 * i, &bad[i], 4);
    memcpy(d->data + PAGE_SIZE - 10, "SWAPSPACE2", 10);
}
