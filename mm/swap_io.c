/*
 * Swap's requests: pages go out and come back, in as few requests as possible.
 *
 * Both ways a request is started by one task and finished by another: the disk's interrupt puts it on
 * io_done, and whoever comes by next calls swap_poll(): a task that waits for one of its pages, a fault, or
 * reclaim. If nobody waits, the interrupt wakes the daemon, so that nothing stays unfinished. Requests are
 * allocated at the start, so that neither way needs memory but for the frames.
 *
 * Reading. A request reads a run of slots. The frames are BUSY, pinned by the request, and not on the
 * pageable list until they are valid; they are ANON without an owner. Where a run has a hole, a page that is
 * not wanted, the disk puts it into a frame that nobody reads (swap.sink), since one request is cheaper
 * than two. Who wants a page waits for it with a pin of his own. If a request fails, none of its pages has
 * come: each is tried again, alone, by whoever wants it, so that only the bad page pays; what nobody asked
 * for is forgotten. If a page that is wanted fails alone, its slot is bad and all who wait for it get -EIO.
 *
 * Which pages are read is the caller's: swap_fetch() reads the run of used, uncached, good slots around the
 * wanted one within its aligned cluster, while free frames are above the low mark; ahead.c knows more.
 *
 * Writing. The frames are under WRITEBACK: valid, and not to be freed. All frames of a swap_write() are so
 * before it sleeps for a free request. If a request failed, its pages are written again one by one. A page
 * that fails alone stays in memory: its slot is bad and the frame dirty, but still cached there, so that who
 * names the slot finds it. When the last name is gone it loses the slot and can be given another.
 *
 * A program may want to change a page that is being written. If its entry is the only name of the page, it
 * need not wait or copy: it takes the page over (fault.c), and the frame becomes DIRTY. What arrives on the
 * disk then is of no page at all, half old and half new, and harmless, since nothing reads the slot: while
 * the frame caches it, who asks for the slot gets the frame, and when the write ends the frame gives the
 * slot up before anybody can take it for a copy.
 *
 * Data. Requests (struct swap.io) are free, active, or active and on io_done. Frames carry BUSY and
 * WRITEBACK.
 *
 * Locking. One processor: everything changes in sections that do not sleep. The completion runs in an
 * interrupt, touches io_done with interrupts off, and wakes those who wait for its frames (vm_page_queue())
 * or for any request (io_wait). Sleepers look again at everything afterwards, and finish what is there.
 *
 * Invariants.
 *   INV-SWAP-5  every request is free or active
 *   INV-SWAP-6  a BUSY anonymous frame is cached and pinned, and those are the frames of active reads; a
 *               frame under WRITEBACK is cached and not BUSY, and the frames under WRITEBACK are those of
 *               the active writes
 *   INV-SWAP-7  every write goes to a good place: page 1 to the last of the area, never to the header
 *               (asserted)
 *   INV-SWAP-8  the slot of an anonymous frame that is DIRTY under WRITEBACK has no name
 *   INV-SWAP-9  a frame that is MARKED was read ahead and not asked for since
 *
 * Failure. No memory: -ENOMEM from swap_in(). I/O errors: as above; they are counted and logged, and never
 * reach a page other than the one that failed.
 */
#include "mm/errno.h"
#include "mm/swap_parts.h"

_Static_assert(SWAP_CLUSTER <= SWAP_REQUEST && SWAP_RUN <= BLOCK_MAX_SEGS, "a run is one request");

/* Read requests that reading ahead leaves to those who cannot go on without a page. */
#define READS_KEPT 2u

static struct vm *vm_of(struct swap *sw)
{
    return (struct vm *)((char *)sw - offsetof(struct vm, swap));
}

static void wake(struct waitq *q)
{
    if (q->head)
        os_wake_all(q);
}

void swap_io_complete(struct block_request *r)
{
    struct swap_io *io = r->arg;
    struct swap *sw = io->swap;
    struct vm *vm = vm_of(sw);
    uint32_t s = os_irq_save();
    bool heard = false;

    if (io->n == 0) {
        io->done = true;
    } else {
        io->next = sw->io_done;
        sw->io_done = io;
        for (uint32_t i = 0; i < io->n; i++) {
            struct waitq *q = io->frame[i] ? vm_page_queue(vm, io->frame[i]) : NULL;

            heard |= q && q->head;
            if (q)
                wake(q);
        }
        if (!heard)
            os_wake_one(&vm->daemon_wait);
    }
    wake(&sw->io_wait);
    os_irq_restore(s);
}

/* The frame's I/O has ended. */
static void wake_page(struct vm *vm, const struct frame *f)
{
    struct waitq *q = vm_page_queue(vm, f);
    uint32_t s;

    if (likely(!q->head)) /* interrupts only take sleepers away */
        return;
    s = os_irq_save();
    wake(q);
    os_irq_restore(s);
}

/* Submit frames [first, first + n) of a request. */
static void io_submit(struct vm *vm, struct swap_io *io, bool write, uint32_t first, uint32_t n)
{
    struct swap_area *a = io->area;
    uint32_t page = io->page + first;

    mm_assert(n > 0 && n <= BLOCK_MAX_SEGS && page > 0 && page + n <= a->pages &&
                  (uint64_t)(page + n) * SWAP_PAGE_SECTORS <= a->dev->sectors,
              "INV-SWAP-7: pages [%u, %u) of %s, area of %u pages", page, page + n, a->dev->name, a->pages);
    mm_assert(!write || !a->dev->read_only, "INV-SWAP-7: write to read-only %s", a->dev->name);
    io->swap = &vm->swap;
    io->req = (struct block_request){.write = write,
                                     .sector = (uint64_t)page * SWAP_PAGE_SECTORS,
                                     .nsegs = n,
                                     .done = swap_io_complete,
                                     .arg = io};
    for (uint32_t i = 0; i < n; i++) {
        const struct frame *f = io->frame[first + i];

        io->req.seg[i] = (paddr_t)(f ? frame_pfn(vm->pool, f) : vm->swap.sink) << PAGE_SHIFT;
    }
    if (write)
        vm->swap.writes++;
    else
        vm->swap.reads++;
    block_submit(a->dev, &io->req);
}

/* --- reading --- */

bool swap_may_read(const struct vm *vm, slot_t slot)
{
    const struct swap_slot *s;

    if (unlikely(slot == SLOT_LOST))
        return false;
    s = swap_slot_lookup(&vm->swap, slot);
    return s->count && s->frame == PFN_NONE && !s->bad;
}

/* Take a free read request that leaves `kept`, or NULL. */
static struct swap_io *read_request(struct swap *sw, unsigned kept)
{
    struct swap_io *io = sw->read_free;

    if (!io || SWAP_READS - sw->read_active <= kept)
        return NULL;
    sw->read_free = io->next;
    sw->read_active++;
    io->area = NULL;
    io->n = io->at = 0;
    io->one_by_one = io->wanted = false;
    return io;
}

static void read_request_free(struct swap *sw, struct swap_io *io)
{
    uint32_t s;

    io->n = io->at = 0;
    io->next = sw->read_free;
    sw->read_free = io;
    sw->read_active--;
    s = os_irq_save();
    os_wake_one(&sw->read_wait);
    os_irq_restore(s);
}

/* Put a frame into the cache for a page that is about to be read, and into the request behind `hole` pages
 * that are not wanted. */
static void read_add(struct vm *vm, struct swap_io *io, slot_t slot, struct frame *f, uint32_t hole)
{
    if (!io->n) {
        io->area = swap_slot_area(&vm->swap, slot);
        io->page = swap_slot_page(slot);
    }
    while (hole--)
        io->frame[io->n++] = NULL;
    io->frame[io->n++] = f;
    swap_cache_link(vm, io->area, swap_slot_page(slot), f);
    f->flags |= FRAME_F_BUSY;
    f->pins++;
}

/* A frame for a page that is read ahead, or NULL. */
static struct frame *frame_ahead(struct vm *vm)
{
    if (frame_free_common(vm->pool) <= vm->pool->marks.low)
        return NULL;
    return frame_alloc(vm->pool, FRAME_ANON, 0); /* no reclaim: only what is free is worth a guess */
}

/* Whether a page of slot s may go into a request that ends before slot `next`: it follows, behind a hole that
 * is not too large and has no bad page. */
static bool continues(const struct swap *sw, const struct swap_io *io, slot_t next, slot_t s)
{
    if (s < next || s - next > SWAP_HOLE || io->n + (s - next) >= SWAP_RUN ||
        swap_slot_area(sw, s) != io->area)
        return false;
    for (; next < s; next++)
        if (swap_area_slot(io->area, swap_slot_page(next))->bad)
            return false;
    return true;
}

bool swap_read_ahead(struct vm *vm, const slot_t *slot, unsigned n, slot_t wanted, slot_t mark)
{
    struct swap *sw = &vm->swap;
    /* no reclaim: a fault that gets none takes the other way */
    struct frame *spare = wanted ? frame_alloc(vm->pool, FRAME_ANON, 0) : NULL;
    struct swap_io *io = NULL;
    slot_t next = 0; /* the slot that would continue the request */

    if (wanted && !spare)
        return false;
    for (unsigned i = 0; i < n; i++) {
        bool asked = slot[i] == wanted;
        struct frame *f;

        if (io && !continues(sw, io, next, slot[i])) {
            io_submit(vm, io, false, 0, io->n);
            io = NULL;
        }
        if (!io) {
            io = read_request(sw, asked ? 0 : READS_KEPT);
            next = slot[i];
        }
        f = !io ? NULL : asked ? spare : frame_ahead(vm);
        if (!f)
            continue;
        read_add(vm, io, slot[i], f, slot[i] - next);
        next = slot[i] + 1;
        if (asked) {
            spare = NULL;
            continue;
        }
        f->flags |= (uint16_t)(FRAME_F_READAHEAD | (slot[i] == mark ? FRAME_F_MARKED : 0));
        sw->readahead++;
        event_of_frame(vm, EVENT_READ_AHEAD, f);
    }
    if (io && io->n)
        io_submit(vm, io, false, 0, io->n);
    else if (io)
        read_request_free(sw, io);
    if (!spare)
        return wanted;
    vm_frame_release(vm, spare);
    return false;
}

/* Begin to read the page of an uncached slot into f and, unless it is to be alone, its neighbours. */
static void read_around(struct vm *vm, struct swap_io *io, slot_t slot, struct frame *f, bool alone)
{
    struct swap *sw = &vm->swap;
    const struct swap_area *a = swap_slot_area(sw, slot);
    uint32_t page = swap_slot_page(slot), base = page & ~(SWAP_CLUSTER - 1u), lo = page, hi = page + 1;
    struct frame *run[SWAP_CLUSTER], *g;

    run[page - base] = f;
    io->wanted = alone;
    alone |= !sw->clustering || vm->exact;
    for (; !alone && hi < base + SWAP_CLUSTER && hi < a->pages; run[hi++ - base] = g)
        if (!swap_may_read(vm, swap_slot_number(a, hi)) || !(g = frame_ahead(vm)))
            break;
    for (; !alone && lo > base && lo > 1; run[--lo - base] = g)
        if (!swap_may_read(vm, swap_slot_number(a, lo - 1)) || !(g = frame_ahead(vm)))
            break;
    for (page = lo; page < hi; page++) {
        read_add(vm, io, swap_slot_number(a, page), run[page - base], 0);
        if (run[page - base] == f)
            continue;
        run[page - base]->flags |= FRAME_F_READAHEAD;
        event_of_frame(vm, EVENT_READ_AHEAD, run[page - base]);
    }
    sw->readahead += io->n - 1;
    io->wanted |= io->n == 1;
    io_submit(vm, io, false, 0, io->n);
}

/* The page is valid now, or could not be read. */
static void page_read(struct vm *vm, struct swap_io *io, struct frame *f, bool good)
{
    struct swap *sw = &vm->swap;

    event_of_frame(vm, EVENT_READ, f)->what = !good;
    if (!good && io->wanted)
        swap_slot_retire(sw, f->slot, "read");
    f->flags &= (uint16_t)~FRAME_F_BUSY;
    f->pins--;
    wake_page(vm, f);
    if (good) {
        sw->pages_in++;
        vm_frame_list(vm, f);
        hold_came(&vm->hold, frame_pfn(vm->pool, f));
        swap_settle(vm, f, false); /* its names may have gone meanwhile */
    } else {
        swap_uncache(vm, f);
        if (!f->pins)
            vm_frame_release(vm, f);
    }
}

/* A read completed. */
static void read_finish(struct vm *vm, struct swap_io *io)
{
    struct swap *sw = &vm->swap;
    bool good = io->req.status == 0;

    sw->read_errors += !good;
    for (uint32_t i = 0; i < io->n; i++)
        if (io->frame[i])
            page_read(vm, io, io->frame[i], good);
    read_request_free(sw, io);
}

void swap_pause(struct vm *vm, const struct frame *f)
{
    uint32_t s;

    might_sleep();
    swap_poll(vm, true);
    s = os_irq_save();
    if (f->flags & SWAP_IO_FLAGS && !vm->swap.io_done)
        os_sleep(vm_page_queue(vm, f));
    os_irq_restore(s);
}

/* A read request. Sleeps until there is one. */
static struct swap_io *read_request_wait(struct vm *vm)
{
    struct swap *sw = &vm->swap;
    struct swap_io *io;

    while ((io = read_request(sw, 0)) == NULL) {
        uint32_t s;

        swap_poll(vm, true);
        s = os_irq_save();
        if (!sw->read_free && !sw->io_done)
            os_sleep(&sw->read_wait);
        os_irq_restore(s);
    }
    return io;
}

/* Wait for the page that f is to get, and keep it. False: it cannot be read. */
static bool wait_valid(struct vm *vm, slot_t slot, struct frame *f)
{
    f->pins++;
    while (f->flags & FRAME_F_BUSY)
        swap_pause(vm, f);
    if (f->slot == slot) {
        swap_note_use(vm, f);
        return true;
    }
    f->pins--;
    vm_frame_drop(vm, f);
    return false;
}

static int bring_in(struct vm *vm, slot_t slot, bool alone, struct frame **out, bool *read)
{
    struct swap *sw = &vm->swap;
    const struct swap_slot *s = swap_slot_lookup(sw, slot);

    for (;;) {
        struct swap_io *io;
        struct frame *f;

        if (s->frame != PFN_NONE) {
            f = pfn_frame(vm->pool, s->frame);
            if (wait_valid(vm, slot, f)) {
                *out = f;
                return 0;
            }
            alone = true;
            continue;
        }
        if (!s->count)
            return -EAGAIN;
        if (s->bad)
            return -EIO;
        f = vm_frame_alloc(vm, FRAME_ANON, 0);
        if (!f)
            return -ENOMEM;
        io = read_request_wait(vm);
        if (!swap_may_read(vm, slot)) {
            read_request_free(sw, io);
            vm_frame_release(vm, f);
            continue;
        }
        *read = true;
        read_around(vm, io, slot, f, alone);
    }
}

static int fetch(struct vm *vm, slot_t slot, bool alone, struct frame **out, bool *read)
{
    struct swap_area *a = swap_slot_area(&vm->swap, slot);
    int err;

    if (unlikely(slot == SLOT_LOST))
        return -EIO;
    mm_assert(a, "slot %x of no area", slot);
    a->readers++;
    might_sleep(); /* the area stays; whether something uses the slot is asked now */
    os_memstall_enter();
    err = bring_in(vm, slot, alone, out, read);
    os_memstall_leave();
    a->readers--;
    return err;
}

int swap_fetch(struct vm *vm, slot_t slot, struct frame **out, bool *read)
{
    return fetch(vm, slot, false, out, read);
}

int swap_fetch_alone(struct vm *vm, slot_t slot, struct frame **out, bool *read)
{
    return fetch(vm, slot, true, out, read);
}

int swap_read(struct vm *vm, slot_t slot, struct frame *f)
{
    struct swap *sw = &vm->swap;
    struct swap_area *a = swap_slot_area(sw, slot);
    struct swap_io io = {
        .area = a, .page = swap_slot_page(slot), .frame = {f}}; /* n is 0: it is ours alone */

    might_sleep();
    a->readers++; /* the area stays */
    io_submit(vm, &io, false, 0, 1);
    while (!io.done) {
        uint32_t s = os_irq_save();

        if (!io.done)
            os_sleep(&sw->io_wait);
        os_irq_restore(s);
    }
    a->readers--;
    if (!io.req.status)
        return 0;
    sw->read_errors++;
    swap_slot_retire(sw, slot, "read");
    return -EIO;
}

/* --- writing --- */

/* One page came back from a write. Returns whether the frame was freed. */
static bool page_written(struct vm *vm, struct frame *f, bool good, bool free_clean)
{
    struct swap *sw = &vm->swap;
    bool taken_over = f->use == FRAME_ANON && f->flags & FRAME_F_DIRTY;

    sw->writing--;
    sw->washing -= !!(f->flags & FRAME_F_WASHED);
    f->flags &= (uint16_t) ~(FRAME_F_WRITEBACK | FRAME_F_WASHED);
    event_of_frame(vm, EVENT_WRITE_ENDED, f)->what = !good;
    wake_page(vm, f);
    if (good) {
        sw->pages_out++;
    } else {
        swap_slot_retire(sw, f->slot, "write");
        f->flags |= FRAME_F_DIRTY;
    }
    if (!taken_over)
        return swap_settle(vm, f, free_clean);
    swap_uncache(vm, f);
    if (f->maps || f->pins)
        return false;
    vm_frame_release(vm, f);
    return true;
}

/* A write completed: finish its pages, or go on one by one. Returns how many frames were freed. */
static unsigned write_finish(struct vm *vm, struct swap_io *io, bool free_clean)
{
    struct swap *sw = &vm->swap;
    bool good = io->req.status == 0;
    unsigned freed = 0;

    if (!good)
        sw->write_errors++;
    if (!good && !io->one_by_one && io->n > 1) {
        io->one_by_one = true;
        io_submit(vm, io, true, 0, 1);
        return 0;
    }
    for (uint32_t last = io->one_by_one ? io->at + 1 : io->n; io->at < last; io->at++)
        freed += page_written(vm, io->frame[io->at], good, free_clean);
    if (io->at < io->n) {
        io_submit(vm, io, true, io->at, 1);
        return freed;
    }
    io->n = io->at = 0;
    io->next = sw->io_free;
    sw->io_free = io;
    sw->io_active--;
    sw->writes_ended++;
    return freed;
}

unsigned swap_poll(struct vm *vm, bool free_clean)
{
    struct swap *sw = &vm->swap;
    unsigned freed = 0;

    while (sw->io_done) {
        uint32_t s = os_irq_save();
        struct swap_io *io = sw->io_done;

        sw->io_done = io->next;
        os_irq_restore(s);
        if (io->req.write)
            freed += write_finish(vm, io, free_clean);
        else
            read_finish(vm, io);
    }
    sw->freed += freed;
    return freed;
}

unsigned swap_finish(struct vm *vm, bool wait, bool free_clean)
{
    struct swap *sw = &vm->swap;
    uint64_t ended = sw->writes_ended;
    unsigned freed;

    if (wait)
        might_sleep();
    freed = swap_poll(vm, free_clean);
    while (wait && sw->writes_ended == ended && sw->io_active) {
        uint32_t s = os_irq_save();

        if (!sw->io_done)
            os_sleep(&sw->io_wait);
        os_irq_restore(s);
        freed += swap_poll(vm, free_clean);
    }
    return freed;
}

void swap_quiet(struct vm *vm)
{
    struct swap *sw = &vm->swap;

    might_sleep();
    while (swap_poll(vm, true), sw->io_active || sw->read_active) {
        uint32_t s = os_irq_save();

        if (!sw->io_done)
            os_sleep(&sw->io_wait);
        os_irq_restore(s);
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

/* Pages of one request to the area of a slot. */
static unsigned run_max(const struct vm *vm, slot_t slot)
{
    uint32_t most = block_max_segs(swap_slot_area(&vm->swap, slot)->dev);

    if (!vm->swap.clustering || vm->exact)
        return 1;
    return most < SWAP_REQUEST ? most : SWAP_REQUEST;
}

unsigned swap_write(struct vm *vm, struct frame **f, unsigned n)
{
    unsigned freed = 0, good = 0;

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

        mm_assert(!(x->flags & SWAP_IO_FLAGS) && (!x->maps || x->flags & FRAME_F_PARKED) &&
                      swap_cached(vm, x->slot) == x,
                  "frame %u: flags %x, %u entries", frame_pfn(vm->pool, x), x->flags, x->maps);
        x->flags = (uint16_t)((x->flags & ~FRAME_F_DIRTY) | FRAME_F_WRITEBACK);
        vm->swap.washing += !!(x->flags & FRAME_F_WASHED);
        event_of_frame(vm, EVENT_WRITTEN, x)->what = !!(x->flags & FRAME_F_WASHED);
    }
    for (unsigned i = good; i < n; i++)
        f[i]->flags &= (uint16_t)~FRAME_F_WASHED;
    vm->swap.io_queued += good;
    vm->swap.writing += good;
    might_sleep();
    while (good > 0) {
        unsigned max = run_max(vm, f[0]->slot), run = 1;

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
    mm_assert(f->pins > 0, "frame %u", frame_pfn(vm->pool, f));
    might_sleep();
    while (f->flags & SWAP_IO_FLAGS)
        swap_pause(vm, f);
}

/* What verify_frame() adds up over the frames. */
struct sums {
    uint32_t writeback, busy, washed;
};

static bool verify_frame(struct vm *vm, const struct frame *f, struct sums *sums)
{
    pfn_t pfn = frame_pfn(vm->pool, f);
    bool ok = true;

    if (f->flags & FRAME_F_MARKED)
        INV("INV-SWAP-9", f->flags & FRAME_F_READAHEAD && f->slot != SLOT_NONE, "frame %u: flags %x", pfn,
            f->flags);
    if (f->flags & FRAME_F_WRITEBACK) {
        sums->writeback++;
        sums->washed += !!(f->flags & FRAME_F_WASHED);
        INV("INV-SWAP-6", f->slot != SLOT_NONE && !(f->flags & FRAME_F_BUSY), "frame %u: flags %x, slot %x",
            pfn, f->flags, f->slot);
        if (f->use == FRAME_ANON && f->flags & FRAME_F_DIRTY && f->slot != SLOT_NONE)
            INV("INV-SWAP-8", !swap_valid(vm, f->slot) || !swap_count(vm, f->slot), "frame %u: slot %x", pfn,
                f->slot);
    }
    if (f->flags & FRAME_F_BUSY && f->use == FRAME_ANON) {
        sums->busy++;
        INV("INV-SWAP-6", f->slot != SLOT_NONE && f->pins > 0, "frame %u: slot %x, %u pins", pfn, f->slot,
            f->pins);
    }
    return ok;
}

/* Frames of a read request. */
static uint32_t frames_of(const struct swap_io *io)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < io->n; i++)
        n += io->frame[i] != NULL;
    return n;
}

static uint32_t count_free(const struct swap_io *io)
{
    uint32_t n = 0;

    for (; io && n <= SWAP_WRITES + SWAP_READS; io = io->next)
        n++;
    return n;
}

bool swap_io_verify(struct vm *vm)
{
    const struct swap *sw = &vm->swap;
    uint32_t writes = 0, reads = 0, idle;
    struct sums sums = {0};
    bool ok = true;

    for (pfn_t pfn = vm->pool->start; pfn < vm->pool->end; pfn++) {
        const struct frame *f = pfn_frame(vm->pool, pfn);

        if ((f->use == FRAME_ANON || f->use == FRAME_OBJECT) && !verify_frame(vm, f, &sums))
            ok = false;
    }
    idle = count_free(sw->io_free);
    INV("INV-SWAP-5", idle + sw->io_active == SWAP_WRITES, "%u write requests free, %u active", idle,
        sw->io_active);
    idle = count_free(sw->read_free);
    INV("INV-SWAP-5", idle + sw->read_active == SWAP_READS, "%u read requests free, %u active", idle,
        sw->read_active);
    for (unsigned i = 0; i < SWAP_WRITES; i++)
        writes += sw->io[i].n - sw->io[i].at;
    for (unsigned i = SWAP_WRITES; i < SWAP_WRITES + SWAP_READS; i++)
        reads += frames_of(&sw->io[i]);
    INV("INV-SWAP-6", sums.writeback == writes + sw->io_queued && sums.writeback == sw->writing,
        "%u frames under writeback, %u in requests, %u wait, says %u", sums.writeback, writes, sw->io_queued,
        sw->writing);
    INV("INV-SWAP-6", sums.washed == sw->washing, "%u frames are washed, says %u", sums.washed, sw->washing);
    INV("INV-SWAP-6", sums.busy == reads, "%u frames are busy, %u in requests", sums.busy, reads);
    return ok;
}
