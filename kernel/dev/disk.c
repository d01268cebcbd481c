/* Disks: bring-up, and requests that a task waits for. */
#include "kernel/dev/disk.h"
#include "drivers/ata.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/sched/time.h"
#include "mm/errno.h"

void disk_init(void)
{
    struct ata_options options = {.pio = params.ata_pio, .timeout_ms = params.ata_timeout};

    ata_init(&options);
    time_register_tick(ata_tick);
    for (const struct block_device *d = block_first(); d; d = d->next)
        printk(LOG_INFO, "%s: %s, %llu MiB, %s%s", d->name, ata_model(d),
               (unsigned long long)(d->sectors >> 11), ata_uses_dma(d) ? "DMA" : "PIO",
               ata_uses_lba48(d) ? ", LBA48" : "");
}

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

    if (n == 0 || n > BLOCK_MAX_SEGS)
        return -EINVAL;
    memcpy(r.seg, pages, n * sizeof *pages);
    return run(d, &r);
}

int disk_read(struct block_device *d, uint64_t sector, const paddr_t *pages, uint32_t n)
{
    return transfer(d, false, sector, pages, n);
}

int disk_write(struct block_device *d, uint64_t sector, const paddr_t *pages, uint32_t n)
{
    return transfer(d, true, sector, pages, n);
}

int disk_flush(struct block_device *d)
{
    struct block_request r = {.write = true};

    return run(d, &r);
}

void disk_flush_all(void)
{
    for (struct block_device *d = block_first(); d; d = d->next)
        if (d->writes > 0 && disk_flush(d) != 0)
            os_log("%s: could not flush its cache", d->name);
}
