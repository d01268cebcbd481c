/*
 * Swap: where pages go when they do not fit.
 *
 * Purpose. Find a place on disk for a page, remember who names that place, move pages there and back in as
 * few requests as possible, and never write anything else.
 *
 * Data. An area is a device with a mkswap header, cut into slots of a page. The slot map has 8 bytes for each
 * slot, in chunks of one frame (512 slots, 2 MiB of swap), behind a directory of 44 bytes for each chunk that
 * counts free slots by chunk and by cluster: 0.2 % of the swap space, all of it allocated by swap_on(). On a
 * machine with little memory an area is cut so that its map takes at most an eighth of the free frames.
 *
 * The life of a slot:
 *
 *     free --swap_assign--> cached, count 0 --swap_ref--> cached, count n --swap_uncache--> count n
 *      ^                      |         ^                      |      ^                       |
 *      +-----swap_uncache-----+         +-----swap_unref-------+      +-------swap_in---------+
 *
 * and from "count n" swap_unref leads to free. A slot that fails is marked bad where it stands and leaves the
 * cycle when it would become free: it is never allocated again.
 *
 * Allocation is next fit by cluster: the rest of the cluster in hand, then the next cluster that is wholly
 * free, then (in a fragmented area) the next free slot. Pages that are evicted one after the other so become
 * neighbours, go out in one request and come back in one. Areas fill in order of priority, equal ones a
 * cluster by turns. When all are full, a slot is taken from a clean resident page, which has one only so that it
 * need not be written again.
 *
 * Leaving. swap_off() takes the area out of the sums, so that nothing more is put there, and then looks through
 * all spaces and objects for names of its slots: each page is brought in and put where its names are. Frames that
 * still keep a slot lose it. What appears behind its back (a fork copies a table) is found by the next pass; there
 * are passes until every slot is free. Nobody holds a slot number across a sleep but swap_in(), which is counted.
 *
 * The swap cache is the pair of links frame.slot and slot.frame. It makes eviction and page-in atomic for all
 * who name the slot: whoever comes while a page is on its way, in either direction, finds the frame.
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
 * Locking. One processor: everything changes in sections that do not sleep. The completion runs in an
 * interrupt, touches io_done (or the reader's flag) with interrupts off, and wakes io_wait. All sleepers here
 * sleep on io_wait, and look again at everything afterwards.
 *
 * Invariants.
 *   INV-SWAP-1  slot.frame and frame.slot name each other; only ANON and OBJECT frames are cached
 *   INV-SWAP-2  a slot is free if it is good, count is 0 and nothing caches it; the free and empty counts of
 *               clusters, chunks and areas say so
 *   INV-SWAP-3  total, free and kept are the sums over the areas
 *   INV-SWAP-4  the header is never named or cached, and marked bad; area.bad counts the other bad slots
 *   INV-SWAP-5  every request is free or active
 *   INV-SWAP-6  a BUSY anonymous frame is cached and pinned; a frame under WRITEBACK is cached and not
 *               BUSY, and the frames under WRITEBACK are those of the active requests
 *   INV-SWAP-7  every write goes to a good place: page 1 to the last of the area, never to the header
 *               (asserted)
 *
 * Failure. Full: swap_assign() returns false. No memory: -ENOMEM from swap_in() and swap_on(). I/O errors: as
 * above; they are counted and logged, and never reach a page other than the one that failed.
 *
 * Source. Linux's mm/swapfile.c and include/linux/swap.h for the header; the swap cache and next fit by
 * cluster are those of Gorman, Understanding the Linux Virtual Memory Manager, chapter 11.
 */
#include "mm/swap.h"
#include "mm/errno.h"
#include "mm/space.h"

#define SECTORS_PER_PAGE (PAGE_SIZE / BLOCK_SECTOR)
#define IO_FLAGS         (FRAME_F_BUSY | FRAME_F_WRITEBACK)
#define MAP_SHARE        8        /* the slot map takes at most 1/8 of the free frames */
#define LEAVE_CHECK_NS   1000000u /* how long swap_off() sleeps before it looks again for who has not let go */

/* A request with its frames. A write: one of the preallocated ones. A read: on the reader's stack. */
struct swap_io {
    struct block_request req;
    struct swap *swap;
    struct swap_area *area;
    uint32_t page; /* slot of frame[0] in the area */
    uint32_t n;    /* frames; 0: the request is free */
    uint32_t at;   /* one by one: the frame in flight */
    bool one_by_one;
    bool done; /* of a read; set in the interrupt */
    struct swap_io *next;
    struct frame *frame[SWAP_CLUSTER];
};
_Static_assert(SWAP_CLUSTER <= BLOCK_MAX_SEGS, "a cluster is one request");
_Static_assert(sizeof(struct swap_io) * SWAP_WRITES <= PAGE_SIZE, "the write requests share a frame");
_Static_assert(sizeof(struct swap_slot) == 8, "as documented");

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

/* --- the slot map --- */

static inline uint32_t slot_page(slot_t slot)
{
    return slot & (SWAP_AREA_PAGES - 1);
}

static inline struct swap_area *slot_area(const struct swap *sw, slot_t slot)
{
    uint32_t i = slot >> SWAP_AREA_SHIFT;

    return i < SWAP_AREAS ? sw->area[i] : NULL;
}

static inline struct swap_slot *area_slot(const struct swap_area *a, uint32_t page)
{
    return &a->chunk[page / SWAP_CHUNK_SLOTS].slots[page % SWAP_CHUNK_SLOTS];
}

static inline slot_t slot_make(const struct swap_area *a, uint32_t page)
{
    return (slot_t)(a->index << SWAP_AREA_SHIFT | page);
}

static struct swap_slot *slot_lookup(const struct swap *sw, slot_t slot)
{
    const struct swap_area *a = slot_area(sw, slot);
    uint32_t page = slot_page(slot);

    mm_assert(a && page > 0 && page < a->pages, "slot %x of no area", slot);
    return area_slot(a, page);
}

static inline bool is_free(const struct swap_slot *s)
{
    return s->count == 0 && s->frame == PFN_NONE && !s->bad;
}

/* Account a slot as free, and as used. */
static void slot_give(struct swap *sw, struct swap_area *a, uint32_t page)
{
    struct swap_chunk *c = &a->chunk[page / SWAP_CHUNK_SLOTS];

    if (++c->cluster_free[page % SWAP_CHUNK_SLOTS / SWAP_CLUSTER] == SWAP_CLUSTER) {
        c->empty++;
        a->empty++;
    }
    c->free++;
    a->free++;
    if (likely(!a->off))
        sw->free++;
}

static void slot_take(struct swap *sw, struct swap_area *a, uint32_t page)
{
    struct swap_chunk *c = &a->chunk[page / SWAP_CHUNK_SLOTS];

    if (c->cluster_free[page % SWAP_CHUNK_SLOTS / SWAP_CLUSTER]-- == SWAP_CLUSTER) {
        c->empty--;
        a->empty--;
    }
    c->free--;
    a->free--;
    a->taken++;
    sw->free--; /* of an area that is going nothing is taken */
}

/* A slot in use failed. It leaves the total now, and does not come back when it is let go. */
static void slot_retire(struct swap *sw, slot_t slot, const char *what)
{
    struct swap_area *a = slot_area(sw, slot);
    struct swap_slot *s = area_slot(a, slot_page(slot));

    os_log("swap: %s: %s error on page %u, slot retired", a->dev->name, what, slot_page(slot));
    if (s->bad)
        return;
    s->bad = 1;
    a->bad++;
    if (!a->off)
        sw->total--;
}

/* First page of the next wholly free cluster at or after the hint; there is one. */
static uint32_t find_cluster(const struct swap_area *a)
{
    uint32_t start = a->hint / SWAP_CHUNK_SLOTS;
    uint32_t from = (a->hint % SWAP_CHUNK_SLOTS + SWAP_CLUSTER - 1) / SWAP_CLUSTER;

    for (uint32_t i = start;; from = 0) {
        const struct swap_chunk *c = &a->chunk[i];

        if (c->empty)
            for (uint32_t k = from; k < SWAP_CHUNK_CLUSTERS; k++)
                if (c->cluster_free[k] == SWAP_CLUSTER)
                    return i * SWAP_CHUNK_SLOTS + k * SWAP_CLUSTER;
        i = i + 1 < a->chunks ? i + 1 : 0;
    }
}

/* The next free slot at or after the hint; there is one. */
static uint32_t find_single(const struct swap_area *a)
{
    uint32_t from = a->hint % SWAP_CHUNK_SLOTS;

    for (uint32_t i = a->hint / SWAP_CHUNK_SLOTS;; from = 0) {
        const struct swap_chunk *c = &a->chunk[i];
        uint32_t first = i * SWAP_CHUNK_SLOTS;

        if (c->free)
            for (uint32_t k = from; k < SWAP_CHUNK_SLOTS && first + k < a->pages; k++)
                if (is_free(&c->slots[k]))
                    return first + k;
        i = i + 1 < a->chunks ? i + 1 : 0;
    }
}

/* A free slot of an area that has one. */
static uint32_t slot_find(struct swap_area *a)
{
    uint32_t page;

    if (a->hint >= a->pages)
        a->hint = 0;
    if (a->hint % SWAP_CLUSTER && is_free(area_slot(a, a->hint)))
        page = a->hint;
    else
        page = a->empty ? find_cluster(a) : find_single(a);
    a->hint = page + 1;
    return page;
}

/* A slot whose page is resident, clean and in use has served: free one such slot. */
static bool slot_steal(struct vm *vm)
{
    struct swap *sw = &vm->swap;

    if (!sw->kept)
        return false;
    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        struct swap_area *a = sw->area[i];

        for (uint32_t page = 1; a && !a->off && page < a->pages; page++) {
            const struct swap_slot *s = area_slot(a, page);
            struct frame *f;

            if (s->count || !s->frame || s->bad)
                continue;
            f = pfn_frame(vm->pool, s->frame);
            if (f->pins || f->flags & (IO_FLAGS | FRAME_F_DIRTY) || (f->use == FRAME_ANON && !f->maps))
                continue;
            swap_uncache(vm, f);
            sw->stolen++;
            return true;
        }
    }
    return false;
}

static void cache_link(struct vm *vm, struct swap_area *a, uint32_t page, struct frame *f)
{
    area_slot(a, page)->frame = frame_pfn(vm->pool, f);
    f->slot = slot_make(a, page);
}

/* The area that the next page goes to, or NULL. */
static struct swap_area *choose_area(const struct swap *sw)
{
    struct swap_area *best = NULL;

    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        struct swap_area *a = sw->area[i];

        if (!a || a->off || !a->free)
            continue;
        if (!best || a->priority > best->priority ||
            (a->priority == best->priority && a->taken / SWAP_CLUSTER < best->taken / SWAP_CLUSTER))
            best = a;
    }
    return best;
}

bool swap_assign(struct vm *vm, struct frame *f)
{
    struct swap *sw = &vm->swap;
    struct swap_area *a;
    uint32_t page;

    mm_assert(f->slot == SLOT_NONE && !(f->flags & IO_FLAGS) &&
                  (f->use == FRAME_ANON || f->use == FRAME_OBJECT),
              "frame %u: use %u, flags %x, slot %x", frame_pfn(vm->pool, f), f->use, f->flags, f->slot);
    if (!sw->free && !slot_steal(vm))
        return false;
    a = choose_area(sw);
    page = slot_find(a);
    slot_take(sw, a, page);
    cache_link(vm, a, page, f);
    sw->kept++;
    f->flags |= FRAME_F_DIRTY;
    return true;
}

bool swap_keeps(const struct vm *vm, slot_t slot)
{
    return !swap_scarce(&vm->swap) && !slot_area(&vm->swap, slot)->off;
}

/* Nothing may name f any more: free it or its slot, as far as that is so. Returns whether f was freed. */
static bool settle(struct vm *vm, struct frame *f, bool free_clean)
{
    const struct swap_slot *s = slot_lookup(&vm->swap, f->slot);
    bool unnamed = s->count == 0;

    if (unnamed && s->bad)
        swap_uncache(vm, f);
    if (f->use != FRAME_ANON || f->maps || f->pins)
        return false;
    if (!unnamed && !(free_clean && !(f->flags & FRAME_F_DIRTY)))
        return false;
    if (f->slot != SLOT_NONE)
        swap_uncache(vm, f);
    vm_frame_release(vm, f);
    return true;
}

void swap_ref(struct vm *vm, slot_t slot)
{
    struct swap_slot *s = slot_lookup(&vm->swap, slot);

    mm_assert(s->count || s->frame != PFN_NONE, "a name for the unused slot %x", slot);
    if (s->count++ == 0)
        vm->swap.kept--;
}

void swap_unref(struct vm *vm, slot_t slot)
{
    struct swap *sw = &vm->swap;
    struct swap_slot *s = slot_lookup(sw, slot);
    struct frame *f;

    mm_assert(s->count > 0, "slot %x has no name to take away", slot);
    if (--s->count)
        return;
    if (s->frame == PFN_NONE) {
        if (!s->bad)
            slot_give(sw, slot_area(sw, slot), slot_page(slot));
        return;
    }
    sw->kept++;
    f = pfn_frame(vm->pool, s->frame);
    if (!(f->flags & IO_FLAGS))
        settle(vm, f, false);
}

uint32_t swap_count(struct vm *vm, slot_t slot)
{
    return slot_lookup(&vm->swap, slot)->count;
}

struct frame *swap_cached(struct vm *vm, slot_t slot)
{
    pfn_t pfn = slot_lookup(&vm->swap, slot)->frame;

    return pfn == PFN_NONE ? NULL : pfn_frame(vm->pool, pfn);
}

bool swap_bad(struct vm *vm, slot_t slot)
{
    return slot_lookup(&vm->swap, slot)->bad;
}

bool swap_valid(struct vm *vm, slot_t slot)
{
    const struct swap_area *a = slot_area(&vm->swap, slot);
    uint32_t page = slot_page(slot);
    const struct swap_slot *s;

    if (!a || page == 0 || page >= a->pages)
        return false;
    s = area_slot(a, page);
    return s->count || s->frame != PFN_NONE;
}

void swap_uncache(struct vm *vm, struct frame *f)
{
    struct swap *sw = &vm->swap;
    struct swap_slot *s = slot_lookup(sw, f->slot);
    slot_t slot = f->slot;

    mm_assert(s->frame == frame_pfn(vm->pool, f) && !(f->flags & IO_FLAGS),
              "frame %u: flags %x, slot %x, which frame %u caches", frame_pfn(vm->pool, f), f->flags, slot,
              s->frame);
    s->frame = PFN_NONE;
    f->slot = SLOT_NONE;
    f->flags = (uint16_t)((f->flags & ~FRAME_F_READAHEAD) | FRAME_F_DIRTY);
    if (s->count)
        return;
    sw->kept--;
    if (!s->bad)
        slot_give(sw, slot_area(sw, slot), slot_page(slot));
}

/* --- requests --- */

/* Often in an interrupt. */
static void io_complete(struct block_request *r)
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
                  (uint64_t)(page + n) * SECTORS_PER_PAGE <= a->dev->sectors,
              "INV-SWAP-7: pages [%u, %u) of %s, area of %u pages", page, page + n, a->dev->name, a->pages);
    mm_assert(!write || !a->dev->read_only, "INV-SWAP-7: write to read-only %s", a->dev->name);
    io->swap = &vm->swap;
    io->done = false;
    io->req = (struct block_request){.write = write,
                                     .sector = (uint64_t)page * SECTORS_PER_PAGE,
                                     .nsegs = n,
                                     .done = io_complete,
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
    cache_link(vm, a, page, f);
    f->flags |= (uint16_t)(FRAME_F_BUSY | flags);
    f->pins++;
}

/* A frame for the page if it is worth reading ahead, else NULL. */
static struct frame *read_ahead(struct vm *vm, struct swap_area *a, uint32_t page)
{
    const struct swap_slot *s = area_slot(a, page);
    struct frame *f;

    if (!s->count || s->frame != PFN_NONE || s->bad || frame_free_count(vm->pool) <= vm->pool->marks.low)
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
    settle(vm, f, false);
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
    if (sw->clustering) {
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
        slot_retire(sw, f->slot, "read");
        read_drop(vm, f);
    } else {
        for (uint32_t i = 0; i < io.n; i++)
            read_finish(vm, io.frame[i], io.frame[i] == f);
    }
    wake_waiters(sw);
    return err;
}

static int bring_in(struct vm *vm, slot_t slot, struct frame **out)
{
    struct swap *sw = &vm->swap;
    const struct swap_slot *s = slot_lookup(sw, slot);

    for (;;) {
        struct frame *f;
        int err;

        if (s->frame != PFN_NONE) {
            f = pfn_frame(vm->pool, s->frame);
            if (f->flags & FRAME_F_BUSY) {
                uint32_t irq = os_irq_save();

                /* Without a pin: the frame may be gone when we wake, so only the slot says what is. */
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
        err = read_cluster(vm, slot_area(sw, slot), slot_page(slot), f);
        if (!err)
            *out = f;
        return err;
    }
}

int swap_in(struct vm *vm, slot_t slot, struct frame **out)
{
    struct swap_area *a = slot_area(&vm->swap, slot);
    int err;

    mm_assert(a, "slot %x of no area", slot);
    a->readers++;
    err = bring_in(vm, slot, out);
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
        slot_retire(sw, f->slot, "write");
        f->flags |= FRAME_F_DIRTY;
    }
    return settle(vm, f, free_clean);
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
    io->area = slot_area(sw, f[0]->slot);
    io->page = slot_page(f[0]->slot);
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
    unsigned max = vm->swap.clustering ? SWAP_CLUSTER : 1, freed = 0, good = 0;

    for (unsigned i = 1; i < n; i++) {
        struct frame *x = f[i];
        unsigned k = i;

        for (; k > 0 && written_before(vm, x, f[k - 1]); k--)
            f[k] = f[k - 1];
        f[k] = x;
    }
    /* All at once, before we sleep for a request: WRITEBACK is what keeps others from changing the pages. */
    for (; good < n && !swap_bad(vm, f[good]->slot); good++) {
        struct frame *x = f[good];

        mm_assert(!(x->flags & IO_FLAGS) && !x->maps && swap_cached(vm, x->slot) == x,
                  "frame %u: flags %x, %u entries", frame_pfn(vm->pool, x), x->flags, x->maps);
        x->flags = (uint16_t)((x->flags & ~FRAME_F_DIRTY) | FRAME_F_WRITEBACK);
    }
    vm->swap.io_queued += good;
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
    for (;;) {
        uint32_t s;

        swap_finish(vm, false, false);
        if (!(f->flags & IO_FLAGS))
            return;
        s = os_irq_save();
        if (!sw->io_done)
            os_sleep(&sw->io_wait);
        os_irq_restore(s);
    }
}

/* --- areas --- */

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

static unsigned area_order(uint32_t chunks)
{
    size_t size = sizeof(struct swap_area) + chunks * sizeof(struct swap_chunk);
    unsigned order = 0;

    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

static void area_free(struct frame_pool *pool, struct swap_area *a)
{
    for (uint32_t i = 0; i < a->chunks && a->chunk[i].slots; i++)
        frame_free(pool, pfn_frame(pool, ptr_pfn(pool, a->chunk[i].slots)));
    frame_free_block(pool, pfn_frame(pool, ptr_pfn(pool, a)));
}

/* A low frame of zeroes for the kernel, or NULL. */
static void *zeroed_frame(struct frame_pool *pool)
{
    struct frame *f = frame_alloc(pool, FRAME_KERNEL, FRAME_LOW_ONLY);
    void *p;

    if (!f)
        return NULL;
    p = frame_ptr(pool, frame_pfn(pool, f));
    memset(p, 0, PAGE_SIZE);
    return p;
}

/* An area with an all-zero slot map, or NULL. */
static struct swap_area *area_alloc(struct frame_pool *pool, uint32_t pages)
{
    uint32_t chunks = (pages + SWAP_CHUNK_SLOTS - 1) / SWAP_CHUNK_SLOTS;
    struct frame *head = frame_alloc_block(pool, area_order(chunks), FRAME_KERNEL, FRAME_LOW_ONLY);
    struct swap_area *a;

    if (!head)
        return NULL;
    a = frame_ptr(pool, frame_pfn(pool, head));
    memset(a, 0, sizeof *a + chunks * sizeof a->chunk[0]);
    a->pages = pages;
    a->chunks = chunks;
    for (uint32_t i = 0; i < chunks; i++) {
        a->chunk[i].slots = zeroed_frame(pool);
        if (!a->chunk[i].slots) {
            area_free(pool, a);
            return NULL;
        }
    }
    return a;
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
        .done = io_complete,
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
    uint32_t most = frame_free_count(vm->pool) / MAP_SHARE * SWAP_CHUNK_SLOTS, pages = h->last_page;
    struct swap_area *a;

    if (most < SWAP_CHUNK_SLOTS)
        most = SWAP_CHUNK_SLOTS;
    if (most > SWAP_AREA_PAGES)
        most = SWAP_AREA_PAGES;
    pages = pages < most ? pages + 1 : most;
    if (pages <= h->last_page)
        os_log("swap: %s: only %u of %u pages used, the slot map of all would be too large", dev->name, pages,
               h->last_page);
    a = area_alloc(vm->pool, pages);
    if (!a)
        return NULL;
    a->dev = dev;
    memcpy(a->uuid, h->uuid, sizeof a->uuid);
    memcpy(a->label, h->label, sizeof h->label);
    area_slot(a, 0)->bad = 1;
    for (uint32_t i = 0; i < h->nr_badpages; i++) {
        if (h->badpages[i] >= pages || area_slot(a, h->badpages[i])->bad)
            continue;
        area_slot(a, h->badpages[i])->bad = 1;
        a->bad++;
    }
    return a;
}

/* Make the area part of swap. Cannot fail. */
static void area_commit(struct swap *sw, struct swap_area *a, uint32_t number)
{
    a->index = number;
    for (uint32_t page = 1; page < a->pages; page++)
        if (!area_slot(a, page)->bad)
            slot_give(sw, a, page);
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
    int err = area_number(sw, dev);

    if (err < 0)
        return err;
    if (dev->read_only)
        return -EROFS;
    if (dev->sectors < 2 * SECTORS_PER_PAGE) {
        os_log("swap: %s not used: smaller than two pages", dev->name);
        return -EINVAL;
    }
    page = zeroed_frame(vm->pool);
    if (!page)
        return -ENOMEM;
    err = header_read(vm, dev, page);
    if (err) {
        os_log("swap: %s not used: the header cannot be read", dev->name);
        goto out;
    }
    fault = header_fault(page, dev->sectors / SECTORS_PER_PAGE);
    if (fault) {
        os_log("swap: %s not used: %s", dev->name, fault);
        err = -EINVAL;
        goto out;
    }
    err = -ENOMEM;
    a = area_build(vm, dev, (const struct swap_header *)(page + HEADER_OFFSET));
    if (!a)
        goto out;
    err = -EINVAL;
    if (a->bad == a->pages - 1) {
        os_log("swap: %s not used: every page is listed as bad", dev->name);
        goto out;
    }
    err = area_number(sw, dev); /* again: we slept */
    if (err < 0)
        goto out;
    a->priority = priority >= 0 ? priority : --sw->lowest;
    area_commit(sw, a, (uint32_t)err);
    os_log("swap: %s: %u pages, %u bad, label '%s'", dev->name, a->free, a->bad, a->label);
    a = NULL;
    err = 0;
out:
    if (a)
        area_free(vm->pool, a);
    frame_free(vm->pool, pfn_frame(vm->pool, ptr_pfn(vm->pool, page)));
    return err;
}

/* --- leaving --- */

/* The next entry that names a slot of a: where the search goes on, and what it found. */
struct search {
    uint32_t id; /* of the space; 0: begin with the first */
    vaddr_t va;
    struct space *s;
    slot_t slot;
};

/* Whether e names a slot of a. */
static inline bool names_area(const struct swap_area *a, pte_t e)
{
    return pte_is_swap(e) && pte_slot(e) >> SWAP_AREA_SHIFT == a->index;
}

/* From f->va on in the space; f->va: where it is. */
static bool find_in_space(const struct swap_area *a, struct search *f)
{
    vaddr_t va = f->va;

    for (vaddr_t span; (span = pt_next_table(&f->s->pt, va, SPACE_HI)) < SPACE_HI; va = span + PT_SPAN) {
        if (va < span)
            va = span;
        for (const pte_t *e = pt_entry(&f->s->pt, va); va < span + PT_SPAN; va += PAGE_SIZE, e++)
            if (names_area(a, *e)) {
                f->va = va;
                f->slot = pte_slot(*e);
                return true;
            }
    }
    return false;
}

/* From the last place on. The list of spaces may have changed since. */
static bool find_entry(struct vm *vm, const struct swap_area *a, struct search *f)
{
    f->s = vm->spaces;
    while (f->id && f->s && f->s->id != f->id)
        f->s = f->s->all_next;
    if (f->id && !f->s) { /* it has gone: all over again */
        f->s = vm->spaces;
        f->va = 0;
    }
    for (; f->s; f->s = f->s->all_next, f->va = 0) {
        f->id = f->s->id;
        if (find_in_space(a, f))
            return true;
    }
    return false;
}

static bool must_stop(const struct vm *vm, bool (*stop)(void))
{
    return vm_dying(vm) || (stop && stop());
}

/* Let go of a frame that was brought back: of its slot too, as soon as that can be. */
static void let_go(struct vm *vm, struct frame *f, slot_t slot)
{
    if (f->slot == slot && !swap_count(vm, slot) && !(f->flags & IO_FLAGS))
        swap_uncache(vm, f);
    f->pins--;
    vm_frame_drop(vm, f);
}

/* Put back what entries name. *found: whether there was anything. */
static int empty_spaces(struct vm *vm, struct swap_area *a, bool (*stop)(void), bool *found)
{
    struct search at = {0};

    while (find_entry(vm, a, &at)) {
        uint32_t id = at.id;
        struct frame *f;
        int err;

        *found = true;
        if (must_stop(vm, stop))
            return -EINTR;
        err = swap_in(vm, at.slot, &f);
        if (err == -EAGAIN)
            continue;
        if (err)
            return err;
        nosleep_enter();
        slot_t slot = at.slot;
        /* The same question again: the answer may have become another while we slept. */
        if (f->slot == slot && find_entry(vm, a, &at) && at.id == id && at.slot == slot)
            rmap_restore(vm, at.s, at.va, f);
        let_go(vm, f, slot);
        nosleep_exit();
    }
    return 0;
}

static int empty_object(struct object *o, const struct swap_area *a, bool (*stop)(void), bool *found)
{
    uint32_t index = 0;
    uintptr_t word;

    for (; (word = radix_next(&o->index, &index)) != 0 && index < o->pages; index++) {
        struct frame *f;
        slot_t slot = OBJECT_ENTRY_VALUE(word);
        int err;

        if (!OBJECT_IS_SLOT(word) || slot >> SWAP_AREA_SHIFT != a->index)
            continue;
        *found = true;
        if (must_stop(o->vm, stop))
            return -EINTR;
        err = object_page(o, index, &f);
        if (err == -ERANGE)
            break;
        if (err)
            return err;
        nosleep_enter();
        let_go(o->vm, f, slot);
        nosleep_exit();
    }
    return 0;
}

/* The first object from o on that is not about to die, referenced. */
static struct object *first_live(struct object *o)
{
    while (o && !o->refs)
        o = o->next;
    return o ? object_get(o) : NULL;
}

static int empty_objects(struct vm *vm, const struct swap_area *a, bool (*stop)(void), bool *found)
{
    struct object *o = first_live(vm->objects), *next;
    int err = 0;

    for (; o; o = next) {
        if (!err)
            err = empty_object(o, a, stop, found);
        next = err ? NULL : first_live(o->next);
        object_put(o);
    }
    return err;
}

/* Take the slots away from frames that merely keep them. */
static int empty_cache(struct vm *vm, struct swap_area *a, bool (*stop)(void))
{
    for (uint32_t page = 1; page < a->pages; page++) {
        const struct swap_slot *s = area_slot(a, page);

        while (s->frame != PFN_NONE && !s->count) {
            struct frame *f = pfn_frame(vm->pool, s->frame);

            if (must_stop(vm, stop))
                return -EINTR;
            if (f->flags & IO_FLAGS) {
                swap_finish(vm, false, false);
                uint32_t irq = os_irq_save();

                if (s->frame != PFN_NONE && f->flags & IO_FLAGS && !vm->swap.io_done)
                    os_sleep(&vm->swap.io_wait);
                os_irq_restore(irq);
                continue;
            }
            nosleep_enter();
            swap_uncache(vm, f);
            vm_frame_drop(vm, f);
            nosleep_exit();
        }
    }
    return 0;
}

/* Take the area in or out of the sums. */
static void area_set_off(struct swap *sw, struct swap_area *a, bool off)
{
    uint32_t good = a->pages - 1 - a->bad;

    sw->free += off ? 0u - a->free : a->free;
    sw->total += off ? 0u - good : good;
    a->off = off;
}

static bool is_empty(const struct swap_area *a)
{
    return a->free + a->bad == a->pages - 1;
}

int swap_off(struct vm *vm, struct block_device *dev, bool (*stop)(void))
{
    struct swap *sw = &vm->swap;
    struct swap_area *a = NULL;
    int err = 0;

    for (uint32_t i = 0; i < SWAP_AREAS; i++)
        if (sw->area[i] && sw->area[i]->dev == dev && !sw->area[i]->off)
            a = sw->area[i];
    if (!a)
        return -EINVAL;
    area_set_off(sw, a, true);
    if (vm->overcommit == COMMIT_STRICT && vm->committed > commit_limit(vm))
        err = -ENOMEM;
    while (!err && !is_empty(a)) {
        bool found = false;

        err = empty_spaces(vm, a, stop, &found);
        if (!err)
            err = empty_objects(vm, a, stop, &found);
        if (!err)
            err = empty_cache(vm, a, stop);
        if (!err && must_stop(vm, stop))
            err = -EINTR;
        if (!err && !found && !is_empty(a)) { /* somebody is about to let go of the rest */
            uint32_t irq = os_irq_save();

            os_sleep_until(&sw->io_wait, os_now_ns() + LEAVE_CHECK_NS);
            os_irq_restore(irq);
        }
    }
    if (err) {
        area_set_off(sw, a, false);
        return err;
    }
    while (a->readers) {
        uint32_t irq = os_irq_save();

        os_sleep_until(&sw->io_wait, os_now_ns() + LEAVE_CHECK_NS);
        os_irq_restore(irq);
    }
    os_log("swap: %s: off", dev->name);
    sw->area[a->index] = NULL;
    area_free(vm->pool, a);
    return 0;
}

int swap_init(struct vm *vm)
{
    struct swap *sw = &vm->swap;

    *sw = (struct swap){.clustering = true, .lowest = SWAP_ANY_PRIORITY};
    sw->io = zeroed_frame(vm->pool);
    if (!sw->io)
        return -ENOMEM;
    for (unsigned i = 0; i < SWAP_WRITES; i++) {
        sw->io[i].next = sw->io_free;
        sw->io_free = &sw->io[i];
    }
    return 0;
}

void swap_fini(struct vm *vm)
{
    struct swap *sw = &vm->swap;

    while (sw->io_active)
        swap_finish(vm, true, false);
    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        struct swap_area *a = sw->area[i];

        if (!a)
            continue;
        mm_assert(a->free + a->bad == a->pages - 1, "%s: %u of %u slots free, %u bad", a->dev->name, a->free,
                  a->pages - 1, a->bad);
        sw->area[i] = NULL;
        area_free(vm->pool, a);
    }
    frame_free(vm->pool, pfn_frame(vm->pool, ptr_pfn(vm->pool, sw->io)));
    *sw = (struct swap){0};
}

/* --- checking --- */

/* What verify_area() adds up over the areas. */
struct sums {
    uint32_t free, good, kept, cached;
};

static bool verify_slot(struct vm *vm, const struct swap_area *a, uint32_t page)
{
    const struct swap_slot *s = area_slot(a, page);
    const struct frame *f;
    bool ok = true;

    if (s->frame == PFN_NONE)
        return true;
    INV("INV-SWAP-1", s->frame >= vm->pool->start && s->frame < vm->pool->end, "slot %x in frame %u",
        slot_make(a, page), s->frame);
    if (!ok)
        return false;
    f = pfn_frame(vm->pool, s->frame);
    INV("INV-SWAP-1", f->slot == slot_make(a, page) && (f->use == FRAME_ANON || f->use == FRAME_OBJECT),
        "slot %x names frame %u, which has use %u and slot %x", slot_make(a, page), s->frame, f->use,
        f->slot);
    return ok;
}

static bool verify_area(struct vm *vm, const struct swap_area *a, struct sums *sums)
{
    uint32_t bad = 0, free = 0, empty = 0;
    bool ok = true;

    INV("INV-SWAP-4", area_slot(a, 0)->bad && !area_slot(a, 0)->count && !area_slot(a, 0)->frame,
        "header of area %u", a->index);
    for (uint32_t i = 0; i < a->chunks; i++) {
        const struct swap_chunk *c = &a->chunk[i];
        uint32_t chunk_free = 0, chunk_empty = 0;

        for (uint32_t k = 0; k < SWAP_CHUNK_CLUSTERS; k++) {
            uint32_t first = i * SWAP_CHUNK_SLOTS + k * SWAP_CLUSTER, n = 0;

            for (uint32_t page = first; page < first + SWAP_CLUSTER && page < a->pages; page++) {
                const struct swap_slot *s = area_slot(a, page);

                n += is_free(s);
                bad += s->bad && page > 0;
                sums->kept += !s->count && s->frame != PFN_NONE;
                sums->cached += s->frame != PFN_NONE;
                if (!verify_slot(vm, a, page))
                    ok = false;
            }
            INV("INV-SWAP-2", n == c->cluster_free[k], "%u free slots from page %u, counted %u", n, first,
                c->cluster_free[k]);
            chunk_free += n;
            chunk_empty += n == SWAP_CLUSTER;
        }
        INV("INV-SWAP-2", chunk_free == c->free && chunk_empty == c->empty,
            "chunk %u: %u free, counted %u, %u empty clusters, counted %u", i, chunk_free, c->free,
            chunk_empty, c->empty);
        free += chunk_free;
        empty += chunk_empty;
    }
    INV("INV-SWAP-2", free == a->free && empty == a->empty,
        "area %u: %u free, counted %u, %u empty clusters, counted %u", a->index, free, a->free, empty,
        a->empty);
    INV("INV-SWAP-4", bad == a->bad, "area %u: %u bad slots, counted %u", a->index, bad, a->bad);
    if (!a->off) {
        sums->free += free;
        sums->good += a->pages - 1 - bad;
    }
    return ok;
}

void swap_each_named(struct vm *vm, void (*fn)(slot_t slot, uint32_t count, void *arg), void *arg)
{
    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        const struct swap_area *a = vm->swap.area[i];

        for (uint32_t page = 1; a && page < a->pages; page++)
            if (area_slot(a, page)->count)
                fn(slot_make(a, page), area_slot(a, page)->count, arg);
    }
}

bool swap_verify(struct vm *vm)
{
    const struct swap *sw = &vm->swap;
    uint32_t cached = 0, writeback = 0, in_flight = 0, idle = 0;
    struct sums sums = {0};
    bool ok = true;

    for (uint32_t i = 0; i < SWAP_AREAS; i++)
        if (sw->area[i] && !verify_area(vm, sw->area[i], &sums))
            ok = false;
    INV("INV-SWAP-3", sums.free == sw->free && sums.good == sw->total && sums.kept == sw->kept,
        "%u free, counted %u; %u good, counted %u; %u kept, counted %u", sums.free, sw->free, sums.good,
        sw->total, sums.kept, sw->kept);

    for (pfn_t pfn = vm->pool->start; pfn < vm->pool->end; pfn++) {
        const struct frame *f = pfn_frame(vm->pool, pfn);

        if (f->use != FRAME_ANON && f->use != FRAME_OBJECT)
            continue;
        cached += f->slot != SLOT_NONE;
        writeback += !!(f->flags & FRAME_F_WRITEBACK);
        INV("INV-SWAP-1", f->slot == SLOT_NONE || swap_valid(vm, f->slot), "frame %u has slot %x", pfn,
            f->slot);
        if (f->flags & FRAME_F_WRITEBACK)
            INV("INV-SWAP-6", f->slot != SLOT_NONE && !(f->flags & FRAME_F_BUSY),
                "frame %u: flags %x, slot %x", pfn, f->flags, f->slot);
        if (f->flags & FRAME_F_BUSY && f->use == FRAME_ANON)
            INV("INV-SWAP-6", f->slot != SLOT_NONE && f->pins > 0, "frame %u: slot %x, %u pins", pfn, f->slot,
                f->pins);
    }
    INV("INV-SWAP-1", cached == sums.cached, "%u frames have slots, %u slots have frames", cached,
        sums.cached);

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
