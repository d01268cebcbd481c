/*
 * Swap: where pages go when they do not fit.
 *
 * Purpose. Find a place on disk for a page, remember who names that place, move pages there and back in as
 * few requests as possible, and never write anything else. swap_map.c has the places and who names them,
 * swap_io.c the requests; this file has the areas and turns them on, swap_off.c turns them off.
 *
 * Data. An area is a device with a mkswap header, cut into slots of a page. The slot map has 8 bytes for each
 * slot, in chunks of one frame (512 slots, 2 MiB of swap), behind directories, a frame each, with 44 bytes
 * for each chunk that count free slots by chunk and by cluster: 0.2 % of the swap space that is used. An area
 * begins with the records of its first chunk and of those with bad pages, a handful of frames whatever its
 * size is, and the map grows by a frame when all that it has is in use (swap_map.c).
 *
 * Locking. One processor: sections that do not sleep. swap_on() sleeps while the header is read, and looks
 * again whether there is room for the area before it adds it.
 *
 * Invariants: those of the slot map (swap_map.c) and of requests (swap_io.c).
 *
 * Failure. swap_on() says what is wrong with a device, or -ENOMEM, and leaves nothing behind. An area that is
 * on has its full size.
 *
 * Source. Linux's mm/swapfile.c and include/linux/swap.h for the header.
 */
#include "mm/errno.h"
#include "mm/swap_parts.h"

/* Frames for the requests: a block, since there are more than fit into one. */
#define IO_BYTES (sizeof(struct swap_io) * (SWAP_WRITES + SWAP_READS))
#define IO_ORDER                                                                                             \
    (IO_BYTES <= PAGE_SIZE ? 0u : IO_BYTES <= 2 * PAGE_SIZE ? 1u : IO_BYTES <= 4 * PAGE_SIZE ? 2u : 3u)
_Static_assert(IO_BYTES <= 8 * PAGE_SIZE, "an order that is known");

/* mkswap's header: page 0 of the area from byte 1024; the magic ends the page. */
struct swap_header {
    uint32_t version, last_page, nr_badpages;
    uint8_t uuid[16];
    char label[16];
    uint32_t padding[117];
    uint32_t badpages[];
};
#define HEADER_OFFSET  1024u
#define MAGIC_LENGTH   10u
#define MAGIC_OFFSET   (PAGE_SIZE - MAGIC_LENGTH)
#define HEADER_BAD_MAX ((MAGIC_OFFSET - HEADER_OFFSET - sizeof(struct swap_header)) / sizeof(uint32_t))

/* What is wrong with a header, or NULL. */
static const char *header_fault(const uint8_t *page, uint64_t device_pages)
{
    const struct swap_header *h = (const struct swap_header *)(page + HEADER_OFFSET);

    if (memcmp(page + MAGIC_OFFSET, "SWAP-SPACE", MAGIC_LENGTH) == 0)
        return "header version 0, made by a mkswap before 1998";
    if (memcmp(page + MAGIC_OFFSET, "SWAPSPACE2", MAGIC_LENGTH) != 0)
        return "no swap header";
    if (h->version == __builtin_bswap32(1))
        return "header in the other byte order";
    if (h->version != 1)
        return "header version is not 1";
    if (h->last_page == 0)
        return "header says that there is no page";
    if (h->last_page >= device_pages)
        return "header says more pages than the device has";
    if (h->nr_badpages > HEADER_BAD_MAX)
        return "more bad pages than a header can list";
    for (uint32_t i = 0; i < h->nr_badpages; i++)
        if (h->badpages[i] == 0 || h->badpages[i] > h->last_page)
            return "a bad page is listed outside the area";
    return NULL;
}

void swap_area_free(struct frame_pool *pool, struct swap_area *a)
{
    for (uint32_t d = 0; d < SWAP_DIRS; d++) {
        if (!a->dir[d])
            continue;
        for (uint32_t i = 0; i < SWAP_DIR_CHUNKS; i++)
            if (a->dir[d][i].slots)
                frame_free(pool, pfn_frame(pool, ptr_pfn(pool, a->dir[d][i].slots)));
        frame_free(pool, pfn_frame(pool, ptr_pfn(pool, a->dir[d])));
    }
    frame_free(pool, pfn_frame(pool, ptr_pfn(pool, a)));
}

/* A low frame of zeroes for swap's records, or NULL: nobody is ended for it, but the last ones may be taken,
 * since pages can go then. */
static void *record_frame(struct vm *vm)
{
    struct frame *f = vm_frame_request(vm, FRAME_KERNEL, FRAME_LOW_ONLY | FRAME_RESERVE);
    void *p;

    if (!f)
        return NULL;
    p = frame_ptr(vm->pool, frame_pfn(vm->pool, f));
    memset(p, 0, PAGE_SIZE);
    return p;
}

/* Have the records of a page's slot, and never use it. False: no memory. */
static bool exclude(struct vm *vm, struct swap_area *a, uint32_t page, uint32_t *excluded)
{
    uint32_t chunk = page / SWAP_CHUNK_SLOTS;

    while (swap_map_wants(a, chunk)) {
        void *frame = record_frame(vm);

        if (!frame)
            return false;
        swap_map_give(a, chunk, frame);
    }
    *excluded += swap_map_exclude(a, page);
    return true;
}

/* Room for one more area of this device: its number, -EBUSY or -ENOSPC. */
static int area_number(const struct swap *sw, const struct block_device *dev)
{
    int number = -ENOSPC;

    for (int i = SWAP_AREAS - 1; i >= 0; i--) {
        if (!sw->area[i])
            number = i;
        else if (sw->area[i]->dev == dev)
            return -EBUSY;
    }
    return number;
}

static int header_read(struct vm *vm, struct block_device *dev, void *page)
{
    struct swap_io io = {.swap = &vm->swap};
    uint32_t s;

    io.req = (struct block_request){
        .nsegs = 1,
        .seg = {(paddr_t)ptr_pfn(vm->pool, page) << PAGE_SHIFT},
        .done = swap_io_complete,
        .arg = &io,
    };
    block_submit(dev, &io.req);
    s = os_irq_save();
    while (!io.done)
        os_sleep(&vm->swap.io_wait);
    os_irq_restore(s);
    return io.req.status ? -EIO : 0;
}

/* Build the area that a valid header describes. NULL when out of memory. */
static struct swap_area *area_build(struct vm *vm, struct block_device *dev, const struct swap_header *h)
{
    uint32_t pages = h->last_page < SWAP_AREA_PAGES ? h->last_page + 1 : SWAP_AREA_PAGES, header = 0;
    struct swap_area *a = record_frame(vm);
    bool done;

    if (!a)
        return NULL;
    if (pages <= h->last_page)
        os_log("swap: %s: only %u of %u pages used, as many as an area can have", dev->name, pages,
               h->last_page);
    a->pages = a->free = a->beyond = pages;
    a->dev = dev;
    memcpy(a->uuid, h->uuid, sizeof a->uuid);
    memcpy(a->label, h->label, sizeof h->label);
    done = exclude(vm, a, 0, &header);
    for (uint32_t i = 0; i < h->nr_badpages && done; i++)
        if (h->badpages[i] < pages)
            done = exclude(vm, a, h->badpages[i], &a->bad);
    if (!done) {
        swap_area_free(vm->pool, a);
        return NULL;
    }
    return a;
}

/* Make the area part of swap. Cannot fail. */
static void area_commit(struct swap *sw, struct swap_area *a, uint32_t number)
{
    a->index = number;
    sw->free += a->free;
    sw->total += a->free;
    sw->area[number] = a;
}

int swap_on(struct vm *vm, struct block_device *dev)
{
    return swap_on_at(vm, dev, SWAP_ANY_PRIORITY);
}

int swap_on_at(struct vm *vm, struct block_device *dev, int priority)
{
    struct swap *sw = &vm->swap;
    struct swap_area *a = NULL;
    const char *fault;
    uint8_t *page;
    int err;

    might_sleep();
    err = area_number(sw, dev);
    if (err < 0)
        return err;
    if (dev->read_only)
        return -EROFS;
    if (dev->sectors < 2 * SWAP_PAGE_SECTORS) {
        os_log("swap: %s not used: smaller than two pages", dev->name);
        return -EINVAL;
    }
    page = record_frame(vm);
    if (!page)
        return -ENOMEM;
    err = header_read(vm, dev, page);
    if (err) {
        os_log("swap: %s not used: the header cannot be read", dev->name);
        goto out;
    }
    fault = header_fault(page, dev->sectors / SWAP_PAGE_SECTORS);
    if (fault) {
        os_log("swap: %s not used: %s", dev->name, fault);
        err = -EINVAL;
        goto out;
    }
    err = -ENOMEM;
    a = area_build(vm, dev, (const struct swap_header *)(page + HEADER_OFFSET));
    if (!a) {
        os_log("swap: %s not used: no memory for its records", dev->name);
        goto out;
    }
    err = -EINVAL;
    if (a->bad == a->pages - 1) {
        os_log("swap: %s not used: every page is listed as bad", dev->name);
        goto out;
    }
    err = area_number(sw, dev); /* we slept, so another may have been added */
    if (err < 0)
        goto out;
    a->priority = priority >= 0 ? priority : --sw->lowest;
    area_commit(sw, a, (uint32_t)err);
    os_log("swap: %s: %u pages, %u bad, label '%s'", dev->name, a->free, a->bad, a->label);
    a = NULL;
    err = 0;
out:
    if (a)
        swap_area_free(vm->pool, a);
    frame_free(vm->pool, pfn_frame(vm->pool, ptr_pfn(vm->pool, page)));
    return err;
}

int swap_init(struct vm *vm)
{
    struct swap *sw = &vm->swap;
    /* no reclaim: vm_init() calls */
    struct frame *block = frame_alloc_block(vm->pool, IO_ORDER, FRAME_KERNEL, FRAME_LOW_ONLY);
    struct frame *sink = frame_alloc(vm->pool, FRAME_KERNEL, FRAME_LOW_ONLY); /* no reclaim: the same */

    *sw = (struct swap){.clustering = true, .lowest = SWAP_ANY_PRIORITY};
    if (!block || !sink) {
        if (block)
            frame_free_block(vm->pool, block);
        if (sink)
            frame_free(vm->pool, sink);
        return -ENOMEM;
    }
    sw->sink = frame_pfn(vm->pool, sink);
    sw->io = frame_ptr(vm->pool, frame_pfn(vm->pool, block));
    memset(sw->io, 0, (size_t)PAGE_SIZE << IO_ORDER);
    for (unsigned i = 0; i < SWAP_WRITES + SWAP_READS; i++) {
        struct swap_io **list = i < SWAP_WRITES ? &sw->io_free : &sw->read_free;

        sw->io[i].next = *list;
        *list = &sw->io[i];
    }
    return 0;
}

void swap_fini(struct vm *vm)
{
    struct swap *sw = &vm->swap;

    swap_quiet(vm);
    mm_assert(!sw->lost, "%u names of what is lost are left", sw->lost);
    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        struct swap_area *a = sw->area[i];

        if (!a)
            continue;
        mm_assert(swap_area_is_empty(a), "%s: %u of %u slots free, %u bad, %u of these in use", a->dev->name,
                  a->free, a->pages - 1, a->bad, a->bad_used);
        sw->area[i] = NULL;
        swap_area_free(vm->pool, a);
    }
    frame_free_block(vm->pool, pfn_frame(vm->pool, ptr_pfn(vm->pool, sw->io)));
    frame_free(vm->pool, pfn_frame(vm->pool, sw->sink));
    *sw = (struct swap){0};
}

bool swap_verify(struct vm *vm)
{
    return swap_map_verify(vm) & swap_io_verify(vm);
}
