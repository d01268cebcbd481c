/*
 * Legacy IDE disks (PIIX and compatible).
 *
 * Purpose. Two channels at fixed ports (0x1F0, interrupt 14; 0x170, interrupt 15), each with a master and a
 * slave, become block devices hda to hdd. One command runs on a channel at a time, since its two drives share
 * the registers. Each drive has a queue in order of arrival, and the channel serves its drives in turn, so
 * that a busy disk cannot starve its neighbour.
 *
 * Transfer. Bus-master DMA with a scatter table of one entry for each run of physically adjacent pages; a run
 * ends at a 64 KiB boundary, which the controller's counter cannot cross. Without a bus master, or for a
 * drive that has no DMA mode selected, PIO moves one sector per interrupt. LBA48 commands are used only for
 * sectors that LBA28 cannot name; they cost twice the port writes.
 *
 * Waiting. Nothing here sleeps or spins but the probe at boot. A command's end is an interrupt; everything
 * that takes time without one (a drive that is slow to ask for the first sector of a write, the phases of a
 * reset, the limit of a command) is looked at by ata_due().
 *
 *     IDLE --submit--> DMA | PIO | PIO_FIRST | FLUSH --interrupt--> IDLE
 *                           | limit passed, or drive not ready
 *                           v
 *                      RESET_HOLD --time--> RESET_WAIT --ready--> IDLE
 *                                               | limit passed
 *                                               v
 *                                              DEAD (fails everything at once)
 *
 * Errors. Error status or a bus-master error ends the request with -EIO, and the next one is started. A
 * command without an answer leads to a reset of the channel, and only after it is the request ended
 * (-ETIMEDOUT): until then the drive might still move data, and the pages must not be given back. A drive
 * that finished but whose interrupt never came is noticed when the limit passes, and counts as done.
 *
 * Locking. All state of a channel is touched with interrupts off.
 *
 * Source: ATA/ATAPI-6 (T13 1410D); Programming Interface for Bus Master IDE Controller, revision 1.0; Intel
 * 82371SB (PIIX3) data sheet.
 */
#include "drivers/ata.h"
#include "drivers/block.h"
#include "drivers/io.h"
#include "drivers/pci.h"
#include "drivers/pic.h"
#include "mm/errno.h"
#include "mm/machine.h" /* PIO reaches pages by physical address */
#include "mm/slab.h"

#define CHANNELS     2u
#define DRIVES       2u /* on a channel */
#define PAGE_SECTORS ((uint32_t)(PAGE_SIZE / BLOCK_SECTOR))
#define LBA28_END    (1u << 28)
#define LBA28_PAGES  32u /* of a command: 256 sectors */

/* Command block, from the channel's first port. */
enum {
    REG_DATA = 0,
    REG_ERROR = 1,
    REG_COUNT = 2,
    REG_LBA_LOW = 3,
    REG_LBA_MID = 4,
    REG_LBA_HIGH = 5,
    REG_DRIVE = 6,
    REG_STATUS = 7,  /* reading it acknowledges the interrupt */
    REG_COMMAND = 7, /* written */
};

enum {
    STATUS_ERROR = 1 << 0,
    STATUS_DRQ = 1 << 3, /* wants or has data */
    STATUS_FAULT = 1 << 5,
    STATUS_BUSY = 1 << 7,
    STATUS_FLOATING = 0xFF, /* nobody drives the bus */
};

enum {
    CONTROL_NO_IRQ = 1 << 1,
    CONTROL_RESET = 1 << 2,
};

enum {
    DRIVE_SLAVE = 1 << 4,
    DRIVE_LBA = 1 << 6,
    DRIVE_OBSOLETE = 0xA0, /* bits that old drives want to be set */
};

enum {
    CMD_READ = 0x20,
    CMD_READ_EXT = 0x24,
    CMD_READ_DMA = 0xC8,
    CMD_READ_DMA_EXT = 0x25,
    CMD_WRITE = 0x30,
    CMD_WRITE_EXT = 0x34,
    CMD_WRITE_DMA = 0xCA,
    CMD_WRITE_DMA_EXT = 0x35,
    CMD_FLUSH = 0xE7,
    CMD_FLUSH_EXT = 0xEA,
    CMD_IDENTIFY = 0xEC,
};

/* Bus master, from the channel's first port. */
enum {
    BM_COMMAND = 0,
    BM_STATUS = 2,
    BM_TABLE = 4,

    BM_START = 1 << 0,
    BM_TO_MEMORY = 1 << 3,

    BM_ERROR = 1 << 1,
    BM_INTERRUPT = 1 << 2,
    BM_CAPABLE = 3 << 5, /* noted by firmware for each drive; kept as it is */
};

/* Words of the IDENTIFY data. */
enum {
    ID_MODEL = 27,
    ID_MODEL_WORDS = 20,
    ID_CAPABLE = 49, /* bit 8 DMA, bit 9 LBA */
    ID_SECTORS = 60,
    ID_VALID = 53, /* bit 2: word 88 is valid */
    ID_MWDMA = 63, /* bits 8 to 10: selected */
    ID_COMMANDS = 83,
    ID_UDMA = 88, /* bits 8 to 14: selected */
    ID_SECTORS48 = 100,
};

/* Time limits. */
#define COMMAND_NS 10000000000ull /* longer than a drive's own retries and spin-up take */
#define RESET_NS   31000000000ull /* ATA allows a drive 31 s to come back */
#define PROBE_NS   5000000000ull
#define HOLD_NS    10000ull   /* the reset signal takes 5 us */
#define SETTLE_NS  2000000ull /* after a reset the status is not valid for 2 ms */
#define POLL_NS    4000000ull /* between two looks at what brings no interrupt */
/* Reads of a status port (about 1 us each on hardware) before the timer takes over the waiting. */
#define SPINS 200u

/* One entry of the scatter table. */
struct prd {
    uint32_t address;
    uint16_t bytes; /* 0: 64 KiB */
    uint16_t end;
};
#define PRD_END   0x8000u
#define PRD_LIMIT 0x10000u
/* A power of two, so that a kmalloc block of this size lies within 64 KiB, as the controller demands. */
#define PRD_BYTES (BLOCK_MAX_SEGS * sizeof(struct prd))
_Static_assert((PRD_BYTES & (PRD_BYTES - 1)) == 0, "natural alignment keeps the table within 64 KiB");

struct ata_drive {
    struct block_device dev;
    struct ata_channel *channel;
    struct block_request *head, *tail;
    bool slave, dma, lba48, flush, flush_ext;
    char model[2 * ID_MODEL_WORDS + 1];
};

enum channel_state { IDLE, DMA, PIO, PIO_FIRST, FLUSH, RESET_HOLD, RESET_WAIT, DEAD };

struct ata_channel {
    const char *name;
    uint16_t io, control, bm; /* first ports; bm 0: no bus master */
    unsigned irq;
    struct prd *prd; /* NULL: PIO only */
    paddr_t prd_phys;
    struct ata_drive drive[DRIVES];

    enum channel_state state;
    struct ata_drive *active; /* whose request runs */
    struct block_request *request;
    struct ata_drive *selected; /* in the drive register; NULL: unknown */
    unsigned turn;              /* drive to serve next */
    uint32_t pio_sectors;       /* moved of the request */
    uint64_t deadline;          /* of the state; 0: none */
    uint64_t settle;            /* RESET_HOLD: the signal was long enough; RESET_WAIT: status is valid */
    int reset_status;           /* what the request that led to the reset gets */
};

static struct ata_channel channels[CHANNELS] = {
    {.name = "ide0", .io = 0x1F0, .control = 0x3F6, .irq = 14},
    {.name = "ide1", .io = 0x170, .control = 0x376, .irq = 15},
};
static uint64_t command_ns = COMMAND_NS;
struct ata_stats ata_stats;

static uint8_t alt_status(const struct ata_channel *c)
{
    return inb(c->control);
}

/* 400 ns, in which a drive may not answer yet: the port is read four times. */
static void settle(const struct ata_channel *c)
{
    for (unsigned i = 0; i < 4; i++)
        alt_status(c);
}

/* Errors of a broken disk must not drown the log. */
static bool worth_a_line(uint64_t n)
{
    return n <= 8 || (n & (n - 1)) == 0;
}

/* --- starting a command --- */

static void select_drive(struct ata_channel *c, struct ata_drive *d, uint8_t lba_top)
{
    outb(c->io + REG_DRIVE, (uint8_t)(DRIVE_OBSOLETE | DRIVE_LBA | (d->slave ? DRIVE_SLAVE : 0) | lba_top));
    if (c->selected != d) {
        settle(c);
        c->selected = d;
    }
}

/* One entry for each run of adjacent pages. */
static void fill_prd(struct ata_channel *c, const struct ata_drive *d, const struct block_request *r)
{
    uint32_t page = block_sectors(&d->dev, r) / r->nsegs * BLOCK_SECTOR, i = 0;
    struct prd *e = c->prd;

    for (;;) {
        paddr_t start = r->seg[i];
        uint32_t bytes = page;

        while (++i < r->nsegs && r->seg[i] == start + bytes && r->seg[i] % PRD_LIMIT != 0)
            bytes += PAGE_SIZE;
        e->address = start;
        e->bytes = (uint16_t)bytes; /* 64 KiB becomes 0, as it should */
        e->end = i == r->nsegs ? PRD_END : 0;
        if (i == r->nsegs)
            return;
        e++;
    }
}

static void write_lba(const struct ata_channel *c, uint64_t lba, uint32_t count, bool ext)
{
    if (ext) {
        outb(c->io + REG_COUNT, (uint8_t)(count >> 8));
        outb(c->io + REG_LBA_LOW, (uint8_t)(lba >> 24));
        outb(c->io + REG_LBA_MID, (uint8_t)(lba >> 32));
        outb(c->io + REG_LBA_HIGH, (uint8_t)(lba >> 40));
    }
    outb(c->io + REG_COUNT, (uint8_t)count); /* LBA28: 256 is written as 0 */
    outb(c->io + REG_LBA_LOW, (uint8_t)lba);
    outb(c->io + REG_LBA_MID, (uint8_t)(lba >> 8));
    outb(c->io + REG_LBA_HIGH, (uint8_t)(lba >> 16));
}

static void begin_reset(struct ata_channel *c, int status)
{
    if (c->prd)
        outb(c->bm + BM_COMMAND, 0);
    outb(c->control, CONTROL_RESET | CONTROL_NO_IRQ);
    c->state = RESET_HOLD;
    c->settle = os_now_ns() + HOLD_NS;
    c->reset_status = status;
    c->selected = NULL;
    ata_stats.resets++;
}

static bool drive_ready(const struct ata_channel *c)
{
    for (unsigned i = 0; i < SPINS; i++)
        if (!(alt_status(c) & (STATUS_BUSY | STATUS_DRQ)))
            return true;
    return false;
}

/* Move the next sector of a PIO request through the data port. */
static void pio_sector(struct ata_channel *c)
{
    const struct block_request *r = c->request;
    const struct frame_pool *pool = kmalloc_sys.pool;
    uint8_t *page = window_open(pool, (pfn_t)(r->seg[c->pio_sectors / PAGE_SECTORS] >> PAGE_SHIFT));
    uint8_t *at = page + (size_t)(c->pio_sectors % PAGE_SECTORS) * BLOCK_SECTOR;

    if (r->write)
        outsw(c->io + REG_DATA, at, BLOCK_SECTOR / 2);
    else
        insw(c->io + REG_DATA, at, BLOCK_SECTOR / 2);
    window_close(pool, page);
    c->pio_sectors++;
}

/* Give a drive that is ready for the first sector of a write that sector. False: not ready, or an error. */
static bool pio_first(struct ata_channel *c)
{
    if ((alt_status(c) & (STATUS_BUSY | STATUS_DRQ | STATUS_ERROR | STATUS_FAULT)) != STATUS_DRQ)
        return false;
    c->state = PIO;
    pio_sector(c);
    return true;
}

static void start_transfer(struct ata_channel *c, const struct ata_drive *d, const struct block_request *r,
                           bool ext)
{
    /* [write][ext] */
    static const uint8_t dma[2][2] = {{CMD_READ_DMA, CMD_READ_DMA_EXT}, {CMD_WRITE_DMA, CMD_WRITE_DMA_EXT}};
    static const uint8_t pio[2][2] = {{CMD_READ, CMD_READ_EXT}, {CMD_WRITE, CMD_WRITE_EXT}};

    write_lba(c, r->sector, block_sectors(&d->dev, r), ext);
    if (d->dma) {
        uint8_t direction = r->write ? 0 : BM_TO_MEMORY;

        fill_prd(c, d, r);
        outl(c->bm + BM_TABLE, c->prd_phys);
        outb(c->bm + BM_COMMAND, direction);
        outb(c->bm + BM_STATUS, (inb(c->bm + BM_STATUS) & BM_CAPABLE) | BM_INTERRUPT | BM_ERROR);
        c->state = DMA;
        outb(c->io + REG_COMMAND, dma[r->write][ext]);
        outb(c->bm + BM_COMMAND, direction | BM_START);
        return;
    }
    c->pio_sectors = 0;
    c->state = r->write ? PIO_FIRST : PIO;
    outb(c->io + REG_COMMAND, pio[r->write][ext]);
    if (r->write) {
        settle(c);
        for (unsigned i = 0; i < SPINS && !pio_first(c); i++)
            ;
    }
}

/* Start the oldest request of the next drive that has one. Never completes a request itself. */
static void start_next(struct ata_channel *c)
{
    struct ata_drive *d = &c->drive[c->turn];

    if (!d->head)
        d = &c->drive[c->turn ^ 1];
    if (c->state != IDLE || !d->head)
        return;

    struct block_request *r = d->head;
    bool ext = r->sector + (uint64_t)r->nsegs * PAGE_SECTORS > LBA28_END || r->nsegs > LBA28_PAGES;

    d->head = r->next;
    if (!d->head)
        d->tail = NULL;
    c->turn = d == &c->drive[0];
    c->active = d;
    c->request = r;
    c->deadline = os_now_ns() + command_ns;
    select_drive(c, d, ext ? 0 : (uint8_t)(r->sector >> 24 & 0xF));
    if (!drive_ready(c)) {
        begin_reset(c, -ETIMEDOUT);
        return;
    }
    if (r->nsegs > 0) {
        start_transfer(c, d, r, ext);
        return;
    }
    c->state = FLUSH;
    outb(c->io + REG_COMMAND, d->flush_ext ? CMD_FLUSH_EXT : CMD_FLUSH);
}

/* --- ending a command --- */

/* End the running request. The next one is started first, so that the disk works while done() runs. */
static void finish(struct ata_channel *c, int status)
{
    struct block_device *dev = &c->active->dev;
    struct block_request *r = c->request;
    uint32_t sectors = block_sectors(dev, r);

    if (status != 0) {
        dev->errors++;
    } else if (r->write) {
        dev->writes++;
        dev->write_sectors += sectors;
    } else {
        dev->reads++;
        dev->read_sectors += sectors;
    }
    c->request = NULL;
    c->active = NULL;
    c->deadline = 0;
    c->state = IDLE;
    start_next(c);
    r->status = status;
    r->done(r);
}

static void finish_error(struct ata_channel *c, uint8_t status)
{
    const struct block_request *r = c->request;
    const struct block_device *dev = &c->active->dev;

    if (worth_a_line(dev->errors + 1))
        os_log("%s: %s of %u sectors at %llu failed: status %02x, error %02x", dev->name,
               r->nsegs == 0 ? "flush" : (r->write ? "write" : "read"), block_sectors(dev, r),
               (unsigned long long)r->sector, status, inb(c->io + REG_ERROR));
    finish(c, -EIO);
}

/* True when the running DMA command has ended (and was dealt with). */
static bool finish_dma(struct ata_channel *c)
{
    uint8_t bm = inb(c->bm + BM_STATUS);

    if (!(bm & BM_INTERRUPT) || alt_status(c) & STATUS_BUSY)
        return false;

    uint8_t status = inb(c->io + REG_STATUS);

    outb(c->bm + BM_COMMAND, 0);
    outb(c->bm + BM_STATUS, (bm & BM_CAPABLE) | BM_INTERRUPT | BM_ERROR);
    if (status & (STATUS_ERROR | STATUS_FAULT | STATUS_DRQ) || bm & BM_ERROR)
        finish_error(c, status);
    else
        finish(c, 0);
    return true;
}

/* An interrupt of a PIO command: a sector can be moved, or the last one was written. */
static void pio_interrupt(struct ata_channel *c)
{
    uint32_t total = block_sectors(&c->active->dev, c->request);
    uint8_t status = inb(c->io + REG_STATUS);
    bool written = c->request->write && c->pio_sectors == total;

    if (status & STATUS_BUSY)
        return;
    if (status & (STATUS_ERROR | STATUS_FAULT) || !(status & STATUS_DRQ) != written) {
        finish_error(c, status);
        return;
    }
    if (!written)
        pio_sector(c);
    if (written || (!c->request->write && c->pio_sectors == total))
        finish(c, 0);
}

static void flush_interrupt(struct ata_channel *c)
{
    uint8_t status = inb(c->io + REG_STATUS);

    if (status & STATUS_BUSY)
        return;
    if (status & (STATUS_ERROR | STATUS_FAULT))
        finish_error(c, status);
    else
        finish(c, 0);
}

static void on_interrupt(void *arg)
{
    struct ata_channel *c = arg;

    switch (c->state) {
    case DMA:
        finish_dma(c);
        break;
    case PIO:
        pio_interrupt(c);
        break;
    case FLUSH:
        flush_interrupt(c);
        break;
    default: /* nobody asked: acknowledge it */
        inb(c->io + REG_STATUS);
        break;
    }
}

/* --- the clock --- */

/* Reset did not help: everything that is queued or comes later fails at once. */
static void kill_channel(struct ata_channel *c)
{
    struct block_request *r = c->request;

    os_log("ata: channel at port %x does not come back from a reset and is given up", c->io);
    ata_stats.dead_channels++;
    c->state = DEAD;
    c->deadline = 0;
    c->active->dev.errors++;
    c->request = NULL;
    c->active = NULL;
    r->status = -EIO;
    r->done(r);
    for (unsigned i = 0; i < DRIVES; i++) {
        struct ata_drive *d = &c->drive[i];

        while ((r = d->head)) {
            d->head = r->next;
            if (!d->head)
                d->tail = NULL;
            d->dev.errors++;
            r->status = -EIO;
            r->done(r);
        }
    }
}

static void time_out(struct ata_channel *c)
{
    const struct block_request *r = c->request;

    if (c->state == DMA && finish_dma(c)) {
        ata_stats.lost_interrupts++;
        return;
    }
    ata_stats.timeouts++;
    if (worth_a_line(ata_stats.timeouts))
        os_log("%s: %s of %u sectors at %llu timed out, status %02x; channel reset", c->active->dev.name,
               r->nsegs == 0 ? "flush" : (r->write ? "write" : "read"), r->nsegs * PAGE_SECTORS,
               (unsigned long long)r->sector, alt_status(c));
    begin_reset(c, -ETIMEDOUT);
}

static void reset_due(struct ata_channel *c, uint64_t now)
{
    if (now < c->settle)
        return;
    if (c->state == RESET_HOLD) {
        outb(c->control, CONTROL_NO_IRQ);
        c->state = RESET_WAIT;
        c->settle = now + SETTLE_NS;
        c->deadline = now + RESET_NS;
        return;
    }
    if (!(alt_status(c) & STATUS_BUSY)) {
        inb(c->io + REG_STATUS);
        outb(c->control, 0);
        finish(c, c->reset_status);
    } else if (now >= c->deadline) {
        kill_channel(c);
    }
}

static void channel_due(struct ata_channel *c, uint64_t now)
{
    switch (c->state) {
    case RESET_HOLD:
    case RESET_WAIT:
        reset_due(c, now);
        return;
    case PIO_FIRST:
        if (pio_first(c))
            return;
        if (!(alt_status(c) & STATUS_BUSY) && alt_status(c) & (STATUS_ERROR | STATUS_FAULT)) {
            finish_error(c, inb(c->io + REG_STATUS));
            return;
        }
        break;
    default:
        break;
    }
    if (now >= c->deadline)
        time_out(c);
}

void ata_due(uint64_t now)
{
    for (unsigned i = 0; i < CHANNELS; i++)
        if (channels[i].deadline != 0)
            channel_due(&channels[i], now);
}

static uint64_t channel_next(const struct ata_channel *c)
{
    uint64_t now;

    if (c->deadline == 0)
        return UINT64_MAX;
    if (c->state != RESET_HOLD && c->state != RESET_WAIT && c->state != PIO_FIRST)
        return c->deadline;
    now = os_now_ns();
    return c->state != PIO_FIRST && now < c->settle ? c->settle : now + POLL_NS;
}

uint64_t ata_next(void)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < CHANNELS; i++) {
        uint64_t next = channel_next(&channels[i]);

        if (next < first)
            first = next;
    }
    return first;
}

/* --- block device --- */

static int check(const struct block_device *dev, const struct block_request *r)
{
    uint64_t sectors = block_sectors(dev, r);

    if (r->nsegs == 0)
        return r->write ? 0 : -EINVAL;
    if (r->nsegs > block_max_segs(dev) || sectors > dev->sectors || r->sector > dev->sectors - sectors)
        return -EINVAL;
    for (uint32_t i = 0; i < r->nsegs; i++)
        if (r->seg[i] & PAGE_MASK)
            return -EINVAL;
    return 0;
}

static void submit(struct block_device *dev, struct block_request *r)
{
    struct ata_drive *d = dev->driver;
    struct ata_channel *c = d->channel;
    uint32_t irq = os_irq_save();
    int status = check(dev, r);

    if (status == 0 && c->state == DEAD) {
        dev->errors++;
        status = -EIO;
    }
    if (status != 0 || (r->nsegs == 0 && !d->flush)) { /* a drive that cannot flush has nothing to flush */
        r->status = status;
        r->done(r);
    } else {
        r->next = NULL;
        if (d->tail)
            d->tail->next = r;
        else
            d->head = r;
        d->tail = r;
        start_next(c);
    }
    os_irq_restore(irq);
}

static const struct block_ops ops = {.submit = submit};

const char *ata_model(const struct block_device *d)
{
    return ((const struct ata_drive *)d->driver)->model;
}

bool ata_uses_dma(const struct block_device *d)
{
    return ((const struct ata_drive *)d->driver)->dma;
}

bool ata_uses_lba48(const struct block_device *d)
{
    return ((const struct ata_drive *)d->driver)->lba48;
}

/* --- the probe, in task context at boot, interrupts of the channel held off --- */

static void pause_ns(uint64_t ns)
{
    struct waitq nobody = {0};
    uint64_t until = os_now_ns() + ns;
    uint32_t irq = os_irq_save();

    while (os_now_ns() < until)
        os_sleep_until(&nobody, until);
    os_irq_restore(irq);
}

static bool wait_not_busy(const struct ata_channel *c)
{
    uint64_t limit = os_now_ns() + PROBE_NS;

    for (unsigned i = 0; i < SPINS; i++)
        if (!(alt_status(c) & STATUS_BUSY))
            return true;
    while (alt_status(c) & STATUS_BUSY) {
        if (os_now_ns() >= limit)
            return false;
        pause_ns(1000000);
    }
    return true;
}

static bool reset_and_wait(struct ata_channel *c)
{
    outb(c->control, CONTROL_RESET | CONTROL_NO_IRQ);
    pause_ns(SETTLE_NS);
    outb(c->control, CONTROL_NO_IRQ);
    pause_ns(SETTLE_NS);
    c->selected = NULL;
    return wait_not_busy(c);
}

/* IDENTIFY data, or false: no drive, no disk, or no answer. */
static bool identify(struct ata_channel *c, struct ata_drive *d, uint16_t *id)
{
    c->selected = NULL;
    select_drive(c, d, 0);
    if (alt_status(c) == STATUS_FLOATING)
        return false;
    if (!wait_not_busy(c) && !reset_and_wait(c)) {
        os_log("ata: drive at port %x is busy for ever, not used", c->io);
        return false;
    }
    select_drive(c, d, 0);
    write_lba(c, 0, 0, false);
    outb(c->io + REG_COMMAND, CMD_IDENTIFY);
    settle(c);
    if (alt_status(c) == 0 || alt_status(c) == STATUS_FLOATING || !wait_not_busy(c))
        return false;

    uint8_t status = inb(c->io + REG_STATUS);

    if (status & (STATUS_ERROR | STATUS_FAULT) || !(status & STATUS_DRQ)) {
        if (inb(c->io + REG_LBA_MID) == 0x14 && inb(c->io + REG_LBA_HIGH) == 0xEB)
            os_log("%s: not a disk (ATAPI), not used", d->dev.name);
        return false;
    }
    insw(c->io + REG_DATA, id, BLOCK_SECTOR / 2);
    inb(c->io + REG_STATUS);
    return true;
}

/* Text in IDENTIFY has the first character of a word in its high byte, and is padded with spaces. */
static void copy_model(char *to, const uint16_t *words)
{
    size_t n = 0;

    for (unsigned i = 0; i < ID_MODEL_WORDS; i++) {
        to[n++] = (char)(words[i] >> 8);
        to[n++] = (char)words[i];
    }
    while (n > 0 && to[n - 1] == ' ')
        n--;
    to[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (to[i] < ' ' || to[i] > '~')
            to[i] = '?';
}

static bool probe_drive(struct ata_channel *c, struct ata_drive *d)
{
    static uint16_t id[BLOCK_SECTOR / 2];

    if (!identify(c, d, id))
        return false;
    if (!(id[ID_CAPABLE] & 1u << 9)) {
        os_log("%s: addresses sectors by cylinder only, not used", d->dev.name);
        return false;
    }
    copy_model(d->model, id + ID_MODEL);
    d->dev.sectors = id[ID_SECTORS] | (uint32_t)id[ID_SECTORS + 1] << 16;
    if ((id[ID_COMMANDS] & 0xC000u) == 0x4000u) { /* the word is valid */
        d->lba48 = id[ID_COMMANDS] & 1u << 10;
        d->flush = id[ID_COMMANDS] & 1u << 12;
        d->flush_ext = d->flush && id[ID_COMMANDS] & 1u << 13;
    }
    if (d->lba48)
        d->dev.sectors = id[ID_SECTORS48] | (uint32_t)id[ID_SECTORS48 + 1] << 16 |
                         (uint64_t)id[ID_SECTORS48 + 2] << 32 | (uint64_t)id[ID_SECTORS48 + 3] << 48;
    /* Firmware selects the mode and sets the controller's timing to it; without one, DMA would corrupt data.
     */
    d->dma = c->prd && id[ID_CAPABLE] & 1u << 8 &&
             (id[ID_MWDMA] & 0x0700u || (id[ID_VALID] & 1u << 2 && id[ID_UDMA] & 0x7F00u));
    d->dev.max_segs = d->lba48 ? BLOCK_MAX_SEGS : LBA28_PAGES;
    d->dev.ops = &ops;
    d->dev.driver = d;
    return true;
}

static unsigned probe_channel(struct ata_channel *c, unsigned index)
{
    unsigned found = 0;

    if (irq_register(c->irq, c->name, on_interrupt, c) != 0) {
        os_log("ata: interrupt %u cannot be had, channel not used", c->irq);
        return 0;
    }
    outb(c->control, CONTROL_NO_IRQ);
    for (unsigned i = 0; i < DRIVES; i++) {
        struct ata_drive *d = &c->drive[i];

        d->channel = c;
        d->slave = i == 1;
        memcpy(d->dev.name, "hda", 4);
        d->dev.name[2] = (char)('a' + index * DRIVES + i);
        if (probe_drive(c, d)) {
            block_register(&d->dev);
            found++;
        }
    }
    c->selected = NULL;
    if (found > 0) {
        inb(c->io + REG_STATUS);
        outb(c->control, 0);
    }
    return found;
}

/* Find the bus master of both channels, and memory for their tables. */
static void find_bus_master(void)
{
    struct pci_device ide;

    if (!pci_find_class(0x01, 0x01, 0, &ide) || !(ide.prog_if & 0x80))
        return;

    uint32_t bar = pci_bar(&ide, 4);

    if (!(bar & 1) || (bar & 0xFFF0u) == 0)
        return;
    pci_enable(&ide, PCI_IO | PCI_BUS_MASTER);
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct ata_channel *c = &channels[i];

        if (ide.prog_if & 1u << (2 * i)) /* native mode: other ports, other interrupt */
            continue;
        c->prd = kmalloc(PRD_BYTES); /* no reclaim: at boot there is nothing yet */
        if (!c->prd) {
            os_log("ata: no memory for a DMA table, using PIO");
            continue;
        }
        c->prd_phys = (paddr_t)ptr_pfn(kmalloc_sys.pool, c->prd) << PAGE_SHIFT |
                      (paddr_t)((uintptr_t)c->prd & PAGE_MASK);
        c->bm = (uint16_t)((bar & 0xFFF0u) + 8 * i);
    }
}

unsigned ata_init(const struct ata_options *options)
{
    unsigned found = 0;

    if (options->timeout_ms)
        command_ns = options->timeout_ms * 1000000ull;
    if (!options->pio)
        find_bus_master();
    for (unsigned i = 0; i < CHANNELS; i++) {
        unsigned n = probe_channel(&channels[i], i);

        if (n == 0) {
            kfree(channels[i].prd);
            channels[i].prd = NULL;
        }
        found += n;
    }
    return found;
}
