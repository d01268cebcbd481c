/*
 * Swap's requests: pages go out and come back, in as few requests as possible.
 *
 * Reading. swap_in() reads the run of used, uncached, good slots around the wanted one within its aligned
 * cluster, while free frames are above the low mark. The frames are BUSY, pinned by the reader alone, and
 * not on the pageable list until they are valid. Pages read ahead are ANON without an owner. The request is
 * on the reader's stack: reading needs no memory but the frames, and the reader finishes it. If a run fails,
 * the wanted page is tried alone, so that only the bad page pays. Then its slot is bad and the reader and all
 * who waited get -EIO.
 *
 * Writing. SWAP_WRITES requests are allocated at the start, so that writing needs no memory. The frames
 * are under WRITEBACK: valid, mappable for reading, not to be changed or freed. All frames of a
 * swap_write() are so before it sleeps for a free request, or a fault could take over one whose turn has
 * not come. A completed request waits on io_done until any task calls swap_finish(). If it failed, its
 * pages are written again one by one with the same request. A page that fails alone stays in memory: its
 * slot is bad and the frame dirty, but still cached there, so that who names the slot finds it. When the
 * last name is gone it loses the slot and can be given another.
 *
 * Data. The write requests (struct swap.io) are free, active, or active and on io_done. Frames carry BUSY and
 * WRITEBACK.
 *
 * Locking. One processor: everything changes in sections that do not sleep. The completion runs in an
 * interrupt, touches io_done (or the reader's flag) with interrupts off, and wakes io_wait. All sleepers here
 * sleep on io_wait, and look again at everything afterwards.
 *
 * Invariants.
 *   INV-SWAP-5  every request is free or active
 *   INV-SWAP-6  a BUSY anonymous frame is cached and pinned; a frame under WRITEBACK is cached and not
 *               BUSY, and the frames under WRITEBACK are those of the active requests
 *   INV-SWAP-7  every write goes to a good place: page 1 to the last of the area, never to the header
 *               (asserted)
 *
 * Failure. No memory: -ENOMEM from swap_in(). I/O errors: as above; they are counted and logged, and never
 * reach a page other than the one that failed.
 */
#include "mm/errno.h"
#include "mm/swap_parts.h"

_Static_assert(SWAP_CLUSTER <= BLOCK_MAX_SEGS, "a cluster is one request");

void swap_io_complete(struct block_request *r)
{
    struct swap_io *io = r->arg;
    struct swap *sw = io->swap;
    uint32_t s = os_irq_save();

    if (r->write) {
        io->next = sw->io_done;
        sw->io_done = io;
    } else {
        io->done = true;
    }
    os_wake_all(&sw->io_wait);
    os_irq_restore(s);
}

static void wake_waiters(struct swap *sw)
{
    uint32_t s = os_irq_save();

    os_wake_all(&sw->io_wait);
    os_irq_restore(s);
}

/* Submit frames [first, first + n) of a request. */
static void io_submit(struct vm *vm, struct swap_io *io, bool write, uint32_t first, uint32_t n)
{
    struct swap_area *a = io->area;
    uint32_t page = io->page + first;

    mm_assert(n > 0 && n <= SWAP_CLUSTER && page > 0 && page + n <= a->pages &&
                  (uint64_t)(page + n) * SWAP_PAGE_SECTORS <= a->dev->sectors,
              "INV-SWAP-7: pages [%u, %u) of %s, area of %u pages", page, page + n, a->dev->name, a->pages);
    mm_assert(!write || !a->dev->read_only, "INV-SWAP-7: write to read-only %s", a->dev->name);
    io->swap = &vm->swap;
    io->done = false;
    io->req = (struct block_request){.write = write,
                                     .sector = (uint64_t)page * SWAP_PAGE_SECTORS,
                                     .nsegs = n,
                                     .done = swap_io_complete,
                                     .arg = io};
    for (uint32_t i = 0; i < n; i++)
        io->req.seg[i] = (paddr_t)frame_pfn(vm->pool, io->frame[first + i]) << PAGE_SHIFT;
    if (write)
        vm->swap.writes++;
    else
        vm->swap.reads++;
    block_submit(a->dev, &io->req);
}

/* Submit a read and sleep until it is done. 0 or -EIO. */
static int io_read(struct vm *vm, struct swap_io *io, uint32_t first, uint32_t n)
{
    uint32_t s;

    io_submit(vm, io, false, first, n);
    s = os_irq_save();
    while (!io->done)
        os_sleep(&vm->swap.io_wait);
    os_irq_restore(s);
    return io->req.status ? -EIO : 0;
}

/* --- reading --- */

/* Put a frame that is about to be read into the cache. */
static void read_begin(struct vm *vm, struct swap_area *a, uint32_t page, struct frame *f, unsigned flags)
{
    swap_cache_link(vm, a, page, f);
    f->flags |= (uint16_t)(FRAME_F_BUSY | flags);
    f->pins++;
}

/* A frame for the page if it is worth reading ahead, else NULL. */
static struct frame *read_ahead(struct vm *vm, struct swap_area *a, uint32_t page)
{
    const struct swap_slot *s = swap_area_slot(a, page);
    struct frame *f;

    if (!s->count || s->frame != PFN_NONE || s->bad || frame_free_common(vm->pool) <= vm->pool->marks.low)
        return NULL;
    f = frame_alloc(vm->pool, FRAME_ANON, 0);
    if (f)
        read_begin(vm, a, page, f, FRAME_F_READAHEAD);
    return f;
}

/* The page is valid now. A page read ahead loses the reader's pin, and is freed if its names went meanwhile.
 */
static void read_finish(struct vm *vm, struct frame *f, bool keep_pin)
{
    f->flags &= (uint16_t)~FRAME_F_BUSY;
    vm->swap.pages_in++;
    vm_frame_list(vm, f);
    if (keep_pin)
        return;
    f->pins--;
    swap_settle(vm, f, false);
}

static void read_drop(struct vm *vm, struct frame *f)
{
    mm_assert(f->pins == 1, "frame %u: %u pins while it was read", frame_pfn(vm->pool, f), f->pins);
    f->flags &= (uint16_t)~FRAME_F_BUSY;
    f->pins--;
    swap_uncache(vm, f);
    vm_frame_release(vm, f);
}

/* Read the page of an uncached slot into f, and its neighbours with it. f comes out pinned, or freed. */
static int read_cluster(struct vm *vm, struct swap_area *a, uint32_t page, struct frame *f)
{
    struct swap *sw = &vm->swap;
    uint32_t base = page & ~(SWAP_CLUSTER - 1u), lo = page, hi = page + 1;
    struct frame *run[SWAP_CLUSTER], *g;
    struct swap_io io;
    int err;

    run[page - base] = f;
    read_begin(vm, a, page, f, 0);
    if (sw->clustering && !vm->exact) {
        for (; hi < base + SWAP_CLUSTER && hi < a->pages && (g = read_ahead(vm, a, hi)) != NULL; hi++)
            run[hi - base] = g;
        for (; lo > base && (g = read_ahead(vm, a, lo - 1)) != NULL; lo--)
            run[lo - 1 - base] = g;
    }
    io.area = a;
    io.page = lo;
    io.n = hi - lo;
    memcpy(io.frame, run + (lo - base), io.n * sizeof *run);
    sw->readahead += io.n - 1;
    err = io_read(vm, &io, 0, io.n);
    if (err && io.n > 1) {
        sw->read_errors++;
        for (uint32_t i = 0; i < io.n; i++)
            if (io.frame[i] != f)
                read_drop(vm, io.frame[i]);
        wake_waiters(sw);
        io.page = page;
        io.frame[0] = f;
        io.n = 1;
        err = io_read(vm, &io, 0, 1);
    }
    if (err) {
        sw->read_errors++;
        swap_slot_retire(sw, f->slot, "read");
        read_drop(vm, f);
    } else {
        for (uint32_t i = 0; i < io.n; i++)
            read_finish(vm, io.frame[i], io.frame[i] == f);
    }
    wake_waiters(sw);
    return err;
}

static int bring_in(struct vm *vm, slot_t slot, struct frame **out, bool *read)
{
    struct swap *sw = &vm->swap;
    const struct swap_slot *s = swap_slot_lookup(sw, slot);

    for (;;) {
        struct frame *f;
        int err;

        if (s->frame != PFN_NONE) {
            f = pfn_frame(vm->pool, s->frame);
            if (f->flags & FRAME_F_BUSY) {
                uint32_t irq = os_irq_save();

                /* We have no pin, so the frame may be gone when we wake, and only the slot says what is. */
                os_sleep(&sw->io_wait);
                os_irq_restore(irq);
                continue;
            }
            swap_note_use(sw, f);
            f->pins++;
            *out = f;
            return 0;
        }
        if (!s->count)
            return -EAGAIN;
        if (s->bad)
            return -EIO;
        f = vm_frame_alloc(vm, FRAME_ANON, 0);
        if (!f)
            return -ENOMEM;
        if (s->frame != PFN_NONE || !s->count || s->bad) {
            vm_frame_release(vm, f);
            continue;
        }
        *read = true;
        err = read_cluster(vm, swap_slot_area(sw, slot), swap_slot_page(slot), f);
        if (!err)
            *out = f;
        return err;
    }
}

int swap_fetch(struct vm *vm, slot_t slot, struct frame **out, bool *read)
{
    struct swap_area *a = swap_slot_area(&vm->swap, slot);
    int err;

    mm_assert(a, "slot %x of no area", slot);
    a->readers++;
    might_sleep(); /* the area stays; whether something uses the slot is asked now */
    os_memstall_enter();
    err = bring_in(vm, slot, out, read);
    os_memstall_leave();
    a->readers--;
    return err;
}

/* --- writing --- */

/* One page came back from a write. Returns whether the frame was freed. */
static bool page_written(struct vm *vm, struct frame *f, bool good, bool free_clean)
{
    struct swap *sw = &vm->swap;

    f->flags &= (uint16_t)~FRAME_F_WRITEBACK;
    if (good) {
        sw->pages_out++;
    } else {
        swap_slot_retire(sw, f->slot, "write");
        f->flags |= FRAME_F_DIRTY;
    }
    return swap_settle(vm, f, free_clean);
}

/* A write completed: finish its pages, or go on one by one. Returns whether the request is free again. */
static bool write_finish(struct vm *vm, struct swap_io *io, bool free_clean, unsigned *freed)
{
    struct swap *sw = &vm->swap;
    bool good = io->req.status == 0;

    if (!good)
        sw->write_errors++;
    if (!good && !io->one_by_one && io->n > 1) {
        io->one_by_one = true;
        io_submit(vm, io, true, 0, 1);
        return false;
    }
    for (uint32_t last = io->one_by_one ? io->at + 1 : io->n; io->at < last; io->at++)
        *freed += page_written(vm, io->frame[io->at], good, free_clean);
    wake_waiters(sw);
    if (io->at < io->n) {
        io_submit(vm, io, true, io->at, 1);
        return false;
    }
    io->n = io->at = 0;
    io->next = sw->io_free;
    sw->io_free = io;
    sw->io_active--;
    return true;
}

unsigned swap_finish(struct vm *vm, bool wait, bool free_clean)
{
    struct swap *sw = &vm->swap;
    unsigned freed = 0;

    if (wait)
        might_sleep();
    for (;;) {
        uint32_t s = os_irq_save();
        struct swap_io *list, *io;

        while (wait && !sw->io_done && sw->io_active)
            os_sleep(&sw->io_wait);
        list = sw->io_done;
        sw->io_done = NULL;
        os_irq_restore(s);
        if (!list)
            return freed;
        while ((io = list) != NULL) {
            list = io->next;
            if (write_finish(vm, io, free_clean, &freed))
                wait = false;
        }
    }
}

/* Submit frames that are under WRITEBACK and consecutive on disk. Returns frames freed while it waited. */
static unsigned write_run(struct vm *vm, struct frame **f, unsigned n)
{
    struct swap *sw = &vm->swap;
    unsigned freed = 0;
    struct swap_io *io;

    while (!sw->io_free)
        freed += swap_finish(vm, true, true);
    io = sw->io_free;
    sw->io_free = io->next;
    sw->io_active++;
    sw->io_queued -= n;
    io->area = swap_slot_area(sw, f[0]->slot);
    io->page = swap_slot_page(f[0]->slot);
    io->n = n;
    io->at = 0;
    io->one_by_one = false;
    memcpy(io->frame, f, n * sizeof *f);
    io_submit(vm, io, true, 0, n);
    return freed;
}

/* The order of writing: by slot, and last what would be of no use to write, its slot being bad. */
static bool written_before(struct vm *vm, const struct frame *a, const struct frame *b)
{
    bool bad_a = swap_bad(vm, a->slot), bad_b = swap_bad(vm, b->slot);

    return bad_a != bad_b ? bad_b : a->slot < b->slot;
}

unsigned swap_write(struct vm *vm, struct frame **f, unsigned n)
{
    unsigned max = vm->swap.clustering && !vm->exact ? SWAP_CLUSTER : 1, freed = 0, good = 0;

    for (unsigned i = 1; i < n; i++) {
        struct frame *x = f[i];
        unsigned k = i;

        for (; k > 0 && written_before(vm, x, f[k - 1]); k--)
            f[k] = f[k - 1];
        f[k] = x;
    }
    /* This is done for all before we sleep for a request, since WRITEBACK is what keeps others from changing
     * the pages. */
    for (; good < n && !swap_bad(vm, f[good]->slot); good++) {
        struct frame *x = f[good];

        mm_assert(!(x->flags & SWAP_IO_FLAGS) && !x->maps && swap_cached(vm, x->slot) == x,
                  "frame %u: flags %x, %u entries", frame_pfn(vm->pool, x), x->flags, x->maps);
        x->flags = (uint16_t)((x->flags & ~FRAME_F_DIRTY) | FRAME_F_WRITEBACK);
    }
    vm->swap.io_queued += good;
    might_sleep();
    while (good > 0) {
        unsigned run = 1;

        while (run < good && run < max && f[run]->slot == f[0]->slot + run)
            run++;
        freed += write_run(vm, f, run);
        f += run;
        good -= run;
    }
    return freed;
}

void swap_wait_frame(struct vm *vm, struct frame *f)
{
    struct swap *sw = &vm->swap;

    mm_assert(f->pins > 0, "frame %u", frame_pfn(vm->pool, f));
    might_sleep();
    for (;;) {
        uint32_t s;

        swap_finish(vm, false, false);
        if (!(f->flags & SWAP_IO_FLAGS))
            return;
        s = os_irq_save();
        if (!sw->io_done)
            os_sleep(&sw->io_wait);
        os_irq_restore(s);
    }
}

bool swap_io_verify(struct vm *vm)
{
    const struct swap *sw = &vm->swap;
    uint32_t writeback = 0, in_flight = 0, idle = 0;
    bool ok = true;

    for (pfn_t pfn = vm->pool->start; pfn < vm->pool->end; pfn++) {
        const struct frame *f = pfn_frame(vm->pool, pfn);

        if (f->use != FRAME_ANON && f->use != FRAME_OBJECT)
            continue;
        writeback += !!(f->flags & FRAME_F_WRITEBACK);
        if (f->flags & FRAME_F_WRITEBACK)
            INV("INV-SWAP-6", f->slot != SLOT_NONE && !(f->flags & FRAME_F_BUSY),
                "frame %u: flags %x, slot %x", pfn, f->flags, f->slot);
        if (f->flags & FRAME_F_BUSY && f->use == FRAME_ANON)
            INV("INV-SWAP-6", f->slot != SLOT_NONE && f->pins > 0, "frame %u: slot %x, %u pins", pfn, f->slot,
                f->pins);
    }
    for (const struct swap_io *io = sw->io_free; io && idle <= SWAP_WRITES; io = io->next)
        idle++;
    for (unsigned i = 0; i < SWAP_WRITES; i++)
        in_flight += sw->io[i].n - sw->io[i].at;
    INV("INV-SWAP-5", idle + sw->io_active == SWAP_WRITES, "%u requests free, %u active", idle,
        sw->io_active);
    INV("INV-SWAP-6", writeback == in_flight + sw->io_queued,
        "%u frames under writeback, %u in requests, %u wait", writeback, in_flight, sw->io_queued);
    return ok;
}
