/* kernel/dev/partition.c: requests to a part of a disk reach that part, and nothing else. */
#include "kernel/dev/partition.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "tests/kt.h"
#include "tests/testdisk.h"

#define PAGES   16u
#define SECTORS ((uint32_t)(PAGES * PAGE_SIZE / BLOCK_SECTOR))

struct rig {
    struct frame_pool *pool;
    struct testdisk disk;
    struct partition part;
    uint8_t *data;
    struct frame *frame[2];
    unsigned done;
};

static void finished(struct block_request *r)
{
    ((struct rig *)r->arg)->done++;
}

static bool rig_init(struct kt *kt, struct rig *r)
{
    memset(r, 0, sizeof *r);
    r->data = kt_alloc(PAGES * PAGE_SIZE);
    r->pool = r->data ? kt_pool(kt, 64, 16) : NULL;
    if (!r->pool) {
        kt_release(r->data);
        kt_skip(kt, "no memory for a disk");
        return false;
    }
    testdisk_init(&r->disk, r->pool, r->data, PAGES);
    for (unsigned i = 0; i < ARRAY_LEN(r->frame); i++)
        r->frame[i] = frame_alloc(r->pool, FRAME_KERNEL, 0);
    return r->frame[0] && r->frame[1];
}

static void rig_done(struct kt *kt, struct rig *r)
{
    for (unsigned i = 0; i < ARRAY_LEN(r->frame); i++)
        frame_free(r->pool, r->frame[i]);
    kt_pool_done(kt, r->pool);
    kt_release(r->data);
}

static struct block_request request(struct rig *r, bool write, uint64_t sector, uint32_t n)
{
    struct block_request q = {.write = write, .sector = sector, .nsegs = n, .done = finished, .arg = r};

    for (uint32_t i = 0; i < n && i < ARRAY_LEN(r->frame); i++)
        q.seg[i] = (paddr_t)frame_pfn(r->pool, r->frame[i]) << PAGE_SHIFT;
    return q;
}

static void fill(struct rig *r, uint8_t value)
{
    for (unsigned i = 0; i < ARRAY_LEN(r->frame); i++) {
        void *p = window_open(r->pool, frame_pfn(r->pool, r->frame[i]));

        memset(p, value, PAGE_SIZE);
        window_close(r->pool, p);
    }
}

/* Random requests, most of them about an edge: one that fits moves its bytes and no others, one that does not
 * fit fails without an effect. The caller sees its request as it made it. */
TEST(partition, bounds)
{
    struct rig r;
    uint8_t *model;

    if (!rig_init(kt, &r))
        return;
    model = kt_alloc(PAGES * PAGE_SIZE);
    for (uint32_t round = 0; model && round < kt_rounds(kt, 20000); round++) {
        uint64_t start = kt_below(kt, SECTORS), sectors = 1 + kt_below(kt, SECTORS - (uint32_t)start);
        uint32_t n = 1 + kt_below(kt, ARRAY_LEN(r.frame));
        uint64_t at = kt_below(kt, 4)   ? (sectors + kt_below(kt, 20)) - 20
                      : kt_below(kt, 2) ? kt_below(kt, (uint32_t)sectors + 8)
                                        : UINT64_MAX - kt_below(kt, 2 * SECTORS);
        bool fits = at <= sectors && n * 8 <= sectors - at, write = kt_below(kt, 2);
        struct block_request q;

        for (uint32_t i = 0; i < PAGES * PAGE_SIZE; i++)
            r.data[i] = (uint8_t)(i / BLOCK_SECTOR + round);
        memcpy(model, r.data, PAGES * PAGE_SIZE);
        fill(&r, 0xEE);
        if (fits && write)
            memset(model + (start + at) * BLOCK_SECTOR, 0xEE, (size_t)n * PAGE_SIZE);
        partition_init(&r.part, &r.disk.dev, 1, start, sectors);
        q = request(&r, write, at, n);
        r.done = 0;
        r.disk.dev.reads = r.disk.dev.writes = 0;
        block_submit(&r.part.dev, &q);
        EXPECT(r.done == 1 && q.done == finished && q.arg == &r && q.sector == at, "the request came back");
        EXPECT(q.status == (fits ? 0 : -EINVAL), "status %d of %u pages at %llu of %llu sectors", q.status, n,
               (unsigned long long)at, (unsigned long long)sectors);
        EXPECT(r.disk.dev.reads + r.disk.dev.writes == fits, "the disk was asked");
        EXPECT(r.part.dev.reads == (fits && !write) && r.part.dev.writes == (fits && write) &&
                   r.part.dev.errors == 0,
               "counts");
        EXPECT(memcmp(model, r.data, PAGES * PAGE_SIZE) == 0, "bytes outside were written");
        if (fits && !write) {
            uint8_t *p = window_open(r.pool, frame_pfn(r.pool, r.frame[n - 1]));

            EXPECT(memcmp(p, r.data + (start + at) * BLOCK_SECTOR + (size_t)(n - 1) * PAGE_SIZE, PAGE_SIZE) ==
                       0,
                   "another place was read");
            window_close(r.pool, p);
        }
        if (kt->failures)
            break;
    }
    kt_release(model);
    rig_done(kt, &r);
}

TEST(partition, errors_and_names)
{
    struct rig r;
    struct block_request q;
    struct partition *p;

    if (!rig_init(kt, &r))
        return;
    partition_init(&r.part, &r.disk.dev, 63, 8, 64);
    EXPECT(strcmp(r.part.dev.name, "test63") == 0, "name %s", r.part.dev.name);
    p = partition_of(&r.part.dev);
    EXPECT(p == &r.part && !partition_of(&r.disk.dev), "what is a partition");
    r.disk.bad_read[0] = 8 + 9;
    q = request(&r, false, 8, 1);
    block_submit(&r.part.dev, &q);
    EXPECT(q.status == -EIO && r.part.dev.errors == 1 && q.sector == 8, "status %d", q.status);
    q = request(&r, false, 16, 1);
    block_submit(&r.part.dev, &q);
    EXPECT(q.status == 0 && r.part.dev.reads == 1 && r.part.dev.read_sectors == 8, "status %d", q.status);
    r.disk.dev.read_only = true;
    partition_init(&r.part, &r.disk.dev, 5, 0, 1);
    EXPECT(strcmp(r.part.dev.name, "test5") == 0 && r.part.dev.read_only, "name %s", r.part.dev.name);
    /* A delayed disk: the request is the disk's until it is done. */
    partition_init(&r.part, &r.disk.dev, 1, 8, 64);
    r.disk.delayed = true;
    q = request(&r, true, 0, 1);
    r.done = 0;
    block_submit(&r.part.dev, &q);
    EXPECT(!r.done && testdisk_complete(&r.disk) && r.done == 1 && q.status == 0 && q.sector == 0, "delayed");
    rig_done(kt, &r);
}
