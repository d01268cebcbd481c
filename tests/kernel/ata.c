/*
 * Real disks. Every disk is read; one is written only if it can be nothing but swap, and then only in the
 * last pages of its area, whose contents are put back. Disks whose model says so are expected to misbehave
 * (the boot tests attach them): "QUIRE BAD" fails every access to its last page, "QUIRE SLOW" never answers
 * in time.
 */
#include "drivers/ata.h"
#include "drivers/block.h"
#include "drivers/io.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/swapdev.h"
#include "kernel/lib/param.h"
#include "kernel/sched/task.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/slab.h"
#include "tests/kt.h"

#define PAGE_SECTORS ((uint32_t)(PAGE_SIZE / BLOCK_SECTOR))
#define LBA28_END    (1u << 28)
#define SCRATCH      BLOCK_MAX_SEGS /* pages at the end of a swap area */

static bool model_is(const struct block_device *d, const char *model)
{
    return strncmp(ata_model(d), model, strlen(model)) == 0;
}

static bool healthy(const struct block_device *d)
{
    return !model_is(d, "QUIRE BAD") && !model_is(d, "QUIRE SLOW");
}

/* The next healthy disk of at least so many pages after d (NULL: the first). */
static struct block_device *next_disk(struct block_device *d, uint32_t pages)
{
    for (d = d ? d->next : block_first(); d; d = d->next)
        if (healthy(d) && d->sectors >= (uint64_t)pages * PAGE_SECTORS)
            return d;
    return NULL;
}

/* --- pages to transfer --- */

struct pages {
    uint32_t n;
    struct frame *frame[BLOCK_MAX_SEGS];
    paddr_t phys[BLOCK_MAX_SEGS];
};

static void free_pages(struct pages *p)
{
    while (p->n > 0)
        frame_free(kmalloc_sys.pool, p->frame[--p->n]);
}

/* n single frames, high ones if there are any, in an order that is not the physical one. */
static bool get_pages(struct kt *kt, struct pages *p, uint32_t n)
{
    struct frame_pool *pool = kmalloc_sys.pool;

    for (p->n = 0; p->n < n; p->n++) {
        p->frame[p->n] = frame_alloc(pool, FRAME_KERNEL, p->n % 2 ? FRAME_LOW_ONLY : 0);
        if (!p->frame[p->n]) {
            free_pages(p);
            kt_skip(kt, "no memory");
            return false;
        }
    }
    for (uint32_t i = n; i-- > 1;) {
        uint32_t j = kt_below(kt, i + 1);
        struct frame *f = p->frame[i];

        p->frame[i] = p->frame[j];
        p->frame[j] = f;
    }
    for (uint32_t i = 0; i < n; i++)
        p->phys[i] = (paddr_t)frame_pfn(pool, p->frame[i]) << PAGE_SHIFT;
    return true;
}

static uint32_t word(uint32_t tag, uint32_t page, uint32_t i)
{
    return (tag + page) * 2654435761u ^ i * 40503u;
}

static void fill_page(paddr_t phys, uint32_t tag, uint32_t page)
{
    uint32_t *w = window_open(kmalloc_sys.pool, (pfn_t)(phys >> PAGE_SHIFT));

    for (uint32_t i = 0; i < PAGE_SIZE / 4; i++)
        w[i] = word(tag, page, i);
    window_close(kmalloc_sys.pool, w);
}

static bool page_holds(paddr_t phys, uint32_t tag, uint32_t page)
{
    uint32_t *w = window_open(kmalloc_sys.pool, (pfn_t)(phys >> PAGE_SHIFT));
    bool same = true;

    for (uint32_t i = 0; i < PAGE_SIZE / 4; i++)
        same &= w[i] == word(tag, page, i);
    window_close(kmalloc_sys.pool, w);
    return same;
}

static bool pages_equal(paddr_t a, paddr_t b)
{
    void *pa = window_open(kmalloc_sys.pool, (pfn_t)(a >> PAGE_SHIFT));
    void *pb = window_open(kmalloc_sys.pool, (pfn_t)(b >> PAGE_SHIFT));
    bool same = memcmp(pa, pb, PAGE_SIZE) == 0;

    window_close(kmalloc_sys.pool, pb);
    window_close(kmalloc_sys.pool, pa);
    return same;
}

/* --- the place that may be written --- */

struct swap_header {
    uint32_t version, last_page, bad_pages;
};

/* First page of SCRATCH pages at the end of the swap area on d, 0 when there is no such place. */
static uint32_t scratch_page(struct kt *kt, struct block_device *d)
{
    struct pages p;
    uint32_t page = 0;

    if (!swapdev_is_swap(disk_find_name(d->name)) || !get_pages(kt, &p, 1))
        return 0;
    if (disk_read(d, 0, p.phys, 1) == 0) {
        const uint8_t *at = window_open(kmalloc_sys.pool, (pfn_t)(p.phys[0] >> PAGE_SHIFT));
        struct swap_header h;

        memcpy(&h, at + 1024, sizeof h);
        if (memcmp(at + PAGE_SIZE - 10, "SWAPSPACE2", 10) == 0 && h.version == 1 && h.bad_pages == 0 &&
            h.last_page > 2 * SCRATCH && h.last_page < d->sectors / PAGE_SECTORS)
            page = h.last_page + 1 - SCRATCH;
        window_close(kmalloc_sys.pool, (void *)at);
    }
    free_pages(&p);
    return page;
}

/* What the scratch pages held, in two requests' worth of frames. */
struct saved {
    struct pages half[2];
    uint64_t sector;
};

static bool save(struct kt *kt, struct block_device *d, uint32_t page, struct saved *s)
{
    s->sector = (uint64_t)page * PAGE_SECTORS;
    for (unsigned i = 0; i < 2; i++) {
        bool got = get_pages(kt, &s->half[i], SCRATCH / 2);

        if (got &&
            disk_read(d, s->sector + i * SCRATCH / 2 * PAGE_SECTORS, s->half[i].phys, SCRATCH / 2) == 0)
            continue;
        EXPECT(!got, "%s: its contents cannot be saved", d->name);
        if (got)
            free_pages(&s->half[i]);
        if (i == 1)
            free_pages(&s->half[0]);
        return false;
    }
    return true;
}

static void restore(struct kt *kt, struct block_device *d, struct saved *s)
{
    for (unsigned i = 0; i < 2; i++) {
        EXPECT(disk_write(d, s->sector + i * SCRATCH / 2 * PAGE_SECTORS, s->half[i].phys, SCRATCH / 2) == 0,
               "%s: cannot put its contents back", d->name);
        free_pages(&s->half[i]);
    }
}

/* Run fn on the scratch pages of every disk that has some. */
static void on_swap_disks(struct kt *kt, void (*fn)(struct kt *, struct block_device *, uint64_t sector))
{
    unsigned disks = 0;

    for (struct block_device *d = next_disk(NULL, 2 * SCRATCH); d; d = next_disk(d, 2 * SCRATCH)) {
        uint32_t page = scratch_page(kt, d);
        struct saved *s = page ? kt_alloc(sizeof *s) : NULL;

        if (s && save(kt, d, page, s)) {
            fn(kt, d, s->sector);
            restore(kt, d, s);
            disks++;
        }
        kt_release(s);
    }
    if (disks == 0)
        kt_skip(kt, "no disk with a swap header");
}

/* --- tests --- */

TEST(ata, identify)
{
    unsigned n = 0;

    for (const struct block_device *d = block_first(); d; d = d->next, n++) {
        EXPECT(d->sectors > 0, "%s has no sectors", d->name);
        EXPECT(strlen(ata_model(d)) > 0, "%s has no model", d->name);
        EXPECT(d->sectors <= 1u << 28 || ata_uses_lba48(d), "%s needs LBA48", d->name);
        EXPECT(block_find(d->name) == d, "%s is not found by name", d->name);
        kt_note(kt, "%s: %s, %llu sectors, %s%s", d->name, ata_model(d), (unsigned long long)d->sectors,
                ata_uses_dma(d) ? "DMA" : "PIO", ata_uses_lba48(d) ? ", LBA48" : "");
    }
    EXPECT(!block_find("hdz"), "found a disk that does not exist");
    if (n == 0)
        kt_skip(kt, "no disk");
}

/* One request of many pages, and the same pages one by one. */
TEST(ata, read_whole_and_by_page)
{
    struct pages all, one;
    unsigned disks = 0;

    if (!get_pages(kt, &all, 8))
        return;
    if (!get_pages(kt, &one, 1)) {
        free_pages(&all);
        return;
    }
    for (struct block_device *d = next_disk(NULL, 8); d; d = next_disk(d, 8), disks++) {
        /* The first pages, and the last ones: on a large disk these need LBA48. */
        uint64_t starts[] = {0, d->sectors - 8 * PAGE_SECTORS};

        for (unsigned s = 0; s < ARRAY_LEN(starts); s++) {
            uint64_t reads = d->reads;

            EXPECT(disk_read(d, starts[s], all.phys, 8) == 0, "%s at %llu", d->name,
                   (unsigned long long)starts[s]);
            EXPECT(d->reads == reads + 1, "%s: %llu requests for one", d->name,
                   (unsigned long long)(d->reads - reads));
            for (uint32_t i = 0; i < 8; i++) {
                EXPECT(disk_read(d, starts[s] + i * PAGE_SECTORS, one.phys, 1) == 0, "%s page %u", d->name,
                       i);
                EXPECT(pages_equal(one.phys[0], all.phys[i]), "%s page %u differs", d->name, i);
            }
        }
    }
    free_pages(&one);
    free_pages(&all);
    if (disks == 0)
        kt_skip(kt, "no disk");
}

static void write_scattered(struct kt *kt, struct block_device *d, uint64_t sector)
{
    struct pages out, in;
    uint32_t tag = kt_random(kt), most = block_max_segs(d);

    if (!get_pages(kt, &out, BLOCK_MAX_SEGS))
        return;
    if (!get_pages(kt, &in, BLOCK_MAX_SEGS)) {
        free_pages(&out);
        return;
    }
    for (uint32_t n = 1; n <= most; n = n < 3 ? n + 1 : n * 2 - n / 2) {
        uint64_t writes = d->writes, sectors = d->write_sectors;

        for (uint32_t i = 0; i < n; i++) {
            fill_page(out.phys[i], tag + n, i);
            fill_page(in.phys[i], ~tag, i);
        }
        EXPECT(disk_write(d, sector, out.phys, n) == 0, "%s: write of %u pages", d->name, n);
        EXPECT(d->writes == writes + 1 && d->write_sectors == sectors + n * PAGE_SECTORS, "%s: miscounted",
               d->name);
        EXPECT(disk_read(d, sector, in.phys, n) == 0, "%s: read of %u pages", d->name, n);
        for (uint32_t i = 0; i < n; i++)
            EXPECT(page_holds(in.phys[i], tag + n, i), "%s: page %u of %u came back different", d->name, i,
                   n);
        if (sector >= LBA28_END) { /* with the upper bits lost, reads and writes would still agree */
            EXPECT(disk_read(d, sector % LBA28_END, in.phys, 1) == 0, "%s: the sector's alias", d->name);
            EXPECT(!page_holds(in.phys[0], tag + n, 0), "%s: written to the sector's alias", d->name);
        }
    }
    free_pages(&in);
    free_pages(&out);
}

TEST(ata, scatter)
{
    on_swap_disks(kt, write_scattered);
}

/* Adjacent pages: one entry of the controller's table, until the 64 KiB boundary. */
static void write_contiguous(struct kt *kt, struct block_device *d, uint64_t sector)
{
    struct frame_pool *pool = kmalloc_sys.pool;
    struct frame *block = frame_alloc_block(pool, 7, FRAME_KERNEL, 0);
    paddr_t phys[BLOCK_MAX_SEGS];
    uint32_t tag = kt_random(kt), most = block_max_segs(d);

    if (!block) {
        kt_skip(kt, "no block of 128 pages");
        return;
    }
    for (uint32_t i = 0; i < BLOCK_MAX_SEGS; i++)
        phys[i] = (paddr_t)(frame_pfn(pool, block) + i) << PAGE_SHIFT;
    /* All of it; then 16 pages that do not start at a boundary, so that the run is cut in the middle. */
    for (uint32_t first = 0, n = most; first <= 5; first += 5, n = 16) {
        for (uint32_t i = 0; i < n; i++)
            fill_page(phys[first + i], tag + first, i);
        EXPECT(disk_write(d, sector, phys + first, n) == 0, "%s: write from page %u", d->name, first);
        for (uint32_t i = 0; i < BLOCK_MAX_SEGS; i++)
            fill_page(phys[i], ~tag, i);
        EXPECT(disk_read(d, sector, phys + first, n) == 0, "%s: read to page %u", d->name, first);
        for (uint32_t i = 0; i < BLOCK_MAX_SEGS; i++) {
            bool moved = i >= first && i < first + n;

            EXPECT(page_holds(phys[i], moved ? tag + first : ~tag, moved ? i - first : i), "%s: page %u %s",
                   d->name, i, moved ? "came back different" : "was not to be touched");
        }
    }
    frame_free_block(pool, block);
}

TEST(ata, contiguous)
{
    on_swap_disks(kt, write_contiguous);
}

static void write_unaligned(struct kt *kt, struct block_device *d, uint64_t sector)
{
    struct pages p;
    uint32_t tag = kt_random(kt);

    if (!get_pages(kt, &p, 3))
        return;
    for (uint32_t skew = 1; skew < PAGE_SECTORS; skew += 2) {
        for (uint32_t i = 0; i < 2; i++)
            fill_page(p.phys[i], tag + skew, i);
        EXPECT(disk_write(d, sector + skew, p.phys, 2) == 0, "%s: write at +%u", d->name, skew);
        for (uint32_t i = 0; i < 2; i++) {
            EXPECT(disk_read(d, sector + skew + i * PAGE_SECTORS, p.phys + 2, 1) == 0, "%s at +%u", d->name,
                   skew);
            EXPECT(page_holds(p.phys[2], tag + skew, i), "%s: page %u at +%u is different", d->name, i, skew);
        }
    }
    free_pages(&p);
}

TEST(ata, start_within_a_page)
{
    on_swap_disks(kt, write_unaligned);
}

TEST(ata, bad_requests)
{
    struct pages p;
    unsigned disks = 0;

    if (!get_pages(kt, &p, 2))
        return;
    for (struct block_device *d = next_disk(NULL, 2); d; d = next_disk(d, 2), disks++) {
        uint64_t last = d->sectors - PAGE_SECTORS, errors = d->errors;
        paddr_t odd = p.phys[0] + 512;

        EXPECT(disk_read(d, last, p.phys, 1) == 0, "%s: the last page", d->name);
        EXPECT(disk_read(d, last + 1, p.phys, 1) == -EINVAL, "%s: a sector too far", d->name);
        EXPECT(disk_read(d, last, p.phys, 2) == -EINVAL, "%s: a page too far", d->name);
        EXPECT(disk_read(d, d->sectors, p.phys, 1) == -EINVAL, "%s: at the end", d->name);
        EXPECT(disk_read(d, UINT64_MAX - 3, p.phys, 1) == -EINVAL, "%s: the end wraps", d->name);
        EXPECT(disk_write(d, d->sectors, p.phys, 1) == -EINVAL, "%s: write at the end", d->name);
        EXPECT(disk_read(d, 0, p.phys, 0) == -EINVAL, "%s: no pages", d->name);
        EXPECT(disk_read(d, 0, p.phys, BLOCK_MAX_SEGS + 1) == -EINVAL, "%s: too many pages", d->name);
        EXPECT(disk_read(d, 0, &odd, 1) == -EINVAL, "%s: an address within a page", d->name);
        EXPECT(d->errors == errors, "%s: counted as device errors", d->name);
    }
    free_pages(&p);
    if (disks == 0)
        kt_skip(kt, "no disk");
}

/* --- many requests at once --- */

#define FLIGHT 24u

struct flight {
    struct block_request r[FLIGHT];
    unsigned of_disk[FLIGHT];
    unsigned ended, failed, out_of_order;
    unsigned others;                        /* turns of another task */
    unsigned last[4];                       /* by disk: the request that ended last, plus one */
    unsigned first_place[4], last_place[4]; /* by disk: when its first and its last request ended */
    struct waitq q;
};

static void landed(struct block_request *r)
{
    struct flight *f = r->arg;
    unsigned i = (unsigned)(r - f->r);

    if (r->status != 0)
        f->failed++;
    if (f->last[f->of_disk[i]] > i)
        f->out_of_order++;
    if (f->last[f->of_disk[i]] == 0)
        f->first_place[f->of_disk[i]] = f->ended;
    f->last[f->of_disk[i]] = i + 1;
    f->last_place[f->of_disk[i]] = f->ended++;
    os_wake_all(&f->q);
}

/* Runs when the task that submitted them sleeps. */
static void take_turn(void *arg)
{
    struct flight *f = arg;

    f->others++;
}

/* Whether two disks are master and slave of one channel: hda and hdb, hdc and hdd. */
static bool share_channel(const struct block_device *a, const struct block_device *b)
{
    return a != b && (a->name[2] - 'a') / 2 == (b->name[2] - 'a') / 2;
}

TEST(ata, queues_of_all_disks)
{
    struct block_device *disk[4];
    struct pages p;
    unsigned disks = 0;

    for (struct block_device *d = next_disk(NULL, FLIGHT); d && disks < 4; d = next_disk(d, FLIGHT))
        disk[disks++] = d;
    if (disks == 0) {
        kt_skip(kt, "no disk");
        return;
    }

    struct flight *f = kzalloc(sizeof *f);

    REQUIRE(f, "no memory");
    if (get_pages(kt, &p, FLIGHT)) {
        for (unsigned i = 0; i < FLIGHT; i++) {
            f->of_disk[i] = i % disks;
            f->r[i] = (struct block_request){
                .sector = i * PAGE_SECTORS, .nsegs = 1, .seg = {p.phys[i]}, .done = landed, .arg = f};
        }

        struct task *t = task_create("turn", take_turn, f);
        uint32_t irq = os_irq_save(); /* nothing can end before this task sleeps */

        for (unsigned i = 0; i < FLIGHT; i++)
            block_submit(disk[f->of_disk[i]], &f->r[i]);
        EXPECT(f->ended == 0, "%u ended with interrupts off", f->ended);
        while (f->ended < FLIGHT)
            os_sleep(&f->q);
        EXPECT(f->others == 1, "nobody else ran while this task waited");
        os_irq_restore(irq);
        if (t)
            task_join(t, NULL);
        EXPECT(f->failed == 0, "%u failed", f->failed);
        EXPECT(f->out_of_order == 0, "%u ended out of order", f->out_of_order);
        for (unsigned a = 0; a < disks; a++)
            for (unsigned b = 0; b < disks; b++)
                if (share_channel(disk[a], disk[b]))
                    EXPECT(f->first_place[b] < f->last_place[a], "%s had to wait for all of %s",
                           disk[b]->name, disk[a]->name);
        free_pages(&p);
    }
    kt_release(f);
}

/* done() submits the next request, as a swap daemon may. */
struct chain {
    struct block_device *disk;
    struct block_request r;
    unsigned left;
    bool ended;
    struct waitq q;
};

static void next_link(struct block_request *r)
{
    struct chain *c = r->arg;

    if (r->status == 0 && --c->left > 0) {
        r->sector += PAGE_SECTORS;
        block_submit(c->disk, r);
        return;
    }
    c->ended = true;
    os_wake_all(&c->q);
}

TEST(ata, submit_from_done)
{
    struct chain c = {.disk = next_disk(NULL, 32), .left = 32};
    struct pages p;

    if (!c.disk) {
        kt_skip(kt, "no disk");
        return;
    }
    if (!get_pages(kt, &p, 1))
        return;
    c.r = (struct block_request){.nsegs = 1, .seg = {p.phys[0]}, .done = next_link, .arg = &c};
    block_submit(c.disk, &c.r);

    uint32_t irq = os_irq_save();

    while (!c.ended)
        os_sleep(&c.q);
    os_irq_restore(irq);
    EXPECT(c.left == 0 && c.r.status == 0, "%u left, status %d", c.left, c.r.status);
    free_pages(&p);
}

TEST(ata, flush)
{
    unsigned disks = 0;

    for (struct block_device *d = next_disk(NULL, 0); d; d = next_disk(d, 0), disks++)
        EXPECT(disk_flush(d) == 0, "%s", d->name);
    if (disks == 0)
        kt_skip(kt, "no disk");
}

/* --- disks that misbehave --- */

static struct block_device *disk_of_model(const char *model)
{
    struct block_device *d = block_first();

    while (d && !model_is(d, model))
        d = d->next;
    return d;
}

TEST(ata, io_error)
{
    struct block_device *d = disk_of_model("QUIRE BAD");
    struct pages p;

    if (!d) {
        kt_skip(kt, "no disk with errors");
        return;
    }
    if (!get_pages(kt, &p, 2))
        return;

    uint64_t bad = d->sectors - PAGE_SECTORS, errors = d->errors;

    kt_capture_begin();
    EXPECT(disk_read(d, bad, p.phys, 1) == -EIO, "the bad page was read");
    EXPECT(disk_read(d, bad - PAGE_SECTORS, p.phys, 2) == -EIO, "a request with the bad page in it");
    EXPECT(kt_captured(d->name) && kt_captured("failed"), "nothing was logged");
    kt_capture_end();
    EXPECT(d->errors == errors + 2, "%llu errors", (unsigned long long)(d->errors - errors));
    EXPECT(disk_read(d, bad - PAGE_SECTORS, p.phys, 1) == 0, "the page before it");
    EXPECT(disk_read(d, 0, p.phys, 2) == 0, "the first pages");
    free_pages(&p);
}

TEST(ata, time_out)
{
    struct block_device *d = disk_of_model("QUIRE SLOW");
    struct ata_stats before = ata_stats;
    struct pages p;

    if (!d) {
        kt_skip(kt, "no slow disk");
        return;
    }
    if (!get_pages(kt, &p, 1))
        return;
    kt_capture_begin();
    EXPECT(disk_read(d, 0, p.phys, 1) == -ETIMEDOUT, "the disk was in time");
    EXPECT(disk_read(d, 8, p.phys, 1) == -ETIMEDOUT, "the disk was in time, after a reset");
    EXPECT(kt_captured(d->name) && kt_captured("timed out"), "nothing was logged");
    kt_capture_end();
    EXPECT(ata_stats.timeouts == before.timeouts + 2, "%u time-outs", ata_stats.timeouts - before.timeouts);
    EXPECT(ata_stats.resets == before.resets + 2, "%u resets", ata_stats.resets - before.resets);
    for (struct block_device *o = next_disk(NULL, 1); o; o = next_disk(o, 1))
        EXPECT(disk_read(o, 0, p.phys, 1) == 0, "%s after the resets", o->name);
    free_pages(&p);
}

#define PIC2_MASK  0xA1 /* bit n: interrupt 8 + n */
#define SLAVE_IDES 0xC0 /* interrupts 14 and 15 */

/* The disk finishes, but nobody hears of it: the watchdog looks, and the request has not failed. */
TEST(ata, lost_interrupt)
{
    struct block_device *d = next_disk(NULL, 1);
    uint32_t lost = ata_stats.lost_interrupts, timeouts = ata_stats.timeouts;
    struct pages p;

    if (!d || !ata_uses_dma(d) || params.ata_timeout == 0 || params.ata_timeout > 1000) {
        kt_skip(kt, "needs a disk with DMA and ata_timeout=1000 or less");
        return;
    }
    if (!get_pages(kt, &p, 2))
        return;
    EXPECT(disk_read(d, 0, p.phys, 1) == 0, "%s", d->name);

    uint8_t mask = inb(PIC2_MASK);

    outb(PIC2_MASK, mask | SLAVE_IDES);
    EXPECT(disk_read(d, 0, p.phys + 1, 1) == 0, "%s without interrupts", d->name);
    outb(PIC2_MASK, mask);
    EXPECT(ata_stats.lost_interrupts == lost + 1, "%u lost", ata_stats.lost_interrupts - lost);
    EXPECT(ata_stats.timeouts == timeouts, "%u time-outs", ata_stats.timeouts - timeouts);
    EXPECT(pages_equal(p.phys[0], p.phys[1]), "%s: read something else", d->name);
    EXPECT(disk_read(d, 0, p.phys, 1) == 0, "%s after the late interrupt", d->name);
    free_pages(&p);
}
