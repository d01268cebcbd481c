/*
 * The slot map: which slots are free, who names the others, and which frame has a slot's page.
 *
 * The life of a slot:
 *
 *     free --swap_assign--> cached, count 0 --swap_ref--> cached, count n --swap_uncache--> count n
 *      ^                      |         ^                      |      ^                       |
 *      +-----swap_uncache-----+         +-----swap_unref-------+      +-------swap_in---------+
 *
 * and from "count n" swap_unref leads to free. A slot that fails is marked bad where it stands and leaves the
 * cycle when it would become free: it is never allocated again. Names of one that could not be read may
 * become names of SLOT_LOST, so that its area can go without them (swap_lose()).
 *
 * Allocation is next fit by cluster: the rest of the cluster in hand, then the next cluster that is wholly
 * free, then one in a chunk that was not used yet, then (in a fragmented area) the next free slot. Pages that
 * are evicted one after the other so become neighbours, go out in one request and come back in one. Areas of
 * the highest priority fill first, equal ones by turns, a cluster each, so that their disks work at once;
 * who has pages that belong together lets a turn begin with them, or they would be cut in two requests.
 * When all are full, a slot is taken from a clean resident page, which has one only so that it need not be
 * written again.
 *
 * Records. The chunks that are used, the first `mapped` ones, have a frame of slots; of the others nothing is
 * kept but their number, unless one of their pages is bad. The next chunk gets its frame while a page is on
 * its way out, when memory is short by definition: so it may be one of the last (FRAME_RESERVE). It lets 512
 * pages go. Frames of records stay until the area goes, so that pointers into them hold as long as the area
 * does. So that a small machine can have a large disk, a map that has its share of memory grows no longer for
 * the sake of whole clusters, but when most of its slots are taken.
 *
 * The swap cache is the pair of links frame.slot and slot.frame. It makes eviction and page-in atomic for all
 * who name the slot: whoever comes while a page is on its way, in either direction, finds the frame.
 *
 * Data. struct swap_slot for each slot that was ever used, and counts of free slots by cluster, chunk and
 * area (swap.h).
 *
 * Locking. One processor: everything changes in sections that do not sleep.
 *
 * Invariants.
 *   INV-SWAP-1  slot.frame and frame.slot name each other; only ANON and OBJECT frames are cached
 *   INV-SWAP-2  a slot is free if it is good, count is 0 and nothing caches it; the free and empty counts of
 *               clusters, chunks and areas say so (an area's empty: of the chunks that are mapped)
 *   INV-SWAP-3  total, free and kept are the sums over the areas
 *   INV-SWAP-4  the header is never named or cached, and marked bad; area.bad counts the other bad slots,
 *               area.bad_used those of them that are in use
 *   INV-SWAP-10 the chunks that are mapped have slots; in the others nothing is used, and area.beyond counts
 *               their free slots
 *   INV-SWAP-11 a slot that is said to hold a page table has a name
 *
 * Failure. Full, or no frame for records: swap_assign() returns false. A name too many or too few is a bug
 * of the caller and panics.
 *
 * Source. The swap cache and next fit by cluster are those of Gorman, Understanding the Linux Virtual Memory
 * Manager, chapter 11.
 */
#include "mm/swap_parts.h"

_Static_assert(sizeof(struct swap_slot) == 8, "as documented");

#define MAP_SHARE  64u /* of the low frames: a map of so many grows freely */
#define MAP_UNUSED 4u  /* a larger one does not while one slot in so many is free */

struct swap_slot *swap_slot_lookup(const struct swap *sw, slot_t slot)
{
    const struct swap_area *a = swap_slot_area(sw, slot);
    uint32_t page = swap_slot_page(slot);

    mm_assert(a && page > 0 && page < swap_area_end(a), "slot %x of no area", slot);
    return swap_area_slot(a, page);
}

static inline bool is_free(const struct swap_slot *s)
{
    return s->count == 0 && s->frame == PFN_NONE && !s->bad;
}

void swap_slot_give(struct swap *sw, struct swap_area *a, uint32_t page)
{
    struct swap_chunk *c = swap_area_chunk(a, page / SWAP_CHUNK_SLOTS);

    if (++c->cluster_free[page % SWAP_CHUNK_SLOTS / SWAP_CLUSTER] == SWAP_CLUSTER) {
        c->empty++;
        a->empty++;
    }
    c->free++;
    a->free++;
    if (likely(!a->off))
        sw->free++;
}

/* The opposite of swap_slot_give(). */
static void slot_take(struct swap *sw, struct swap_area *a, uint32_t page)
{
    struct swap_chunk *c = swap_area_chunk(a, page / SWAP_CHUNK_SLOTS);

    if (c->cluster_free[page % SWAP_CHUNK_SLOTS / SWAP_CLUSTER]-- == SWAP_CLUSTER) {
        c->empty--;
        a->empty--;
    }
    c->free--;
    a->free--;
    sw->free--; /* nothing is taken from an area that is going */
}

void swap_slot_retire(struct swap *sw, slot_t slot, const char *what)
{
    struct swap_area *a = swap_slot_area(sw, slot);
    struct swap_slot *s = swap_area_slot(a, swap_slot_page(slot));

    os_log("swap: %s: %s error on page %u, slot retired", a->dev->name, what, swap_slot_page(slot));
    if (s->bad)
        return;
    s->bad = 1;
    a->bad++;
    a->bad_used++;
    if (!a->off)
        sw->total--;
}

/* Nothing uses a slot any more. */
static void slot_end(struct swap *sw, slot_t slot, const struct swap_slot *s)
{
    struct swap_area *a = swap_slot_area(sw, slot);

    if (unlikely(s->bad))
        a->bad_used--;
    else
        swap_slot_give(sw, a, swap_slot_page(slot));
}

/* Slots of a chunk. */
static uint32_t chunk_slots(const struct swap_area *a, uint32_t i)
{
    uint32_t left = a->pages - i * SWAP_CHUNK_SLOTS;

    return left < SWAP_CHUNK_SLOTS ? left : SWAP_CHUNK_SLOTS;
}

/* A chunk of so many slots, all free. */
static void chunk_begin(struct swap_chunk *c, uint32_t slots)
{
    c->free = slots;
    c->empty = slots / SWAP_CLUSTER;
    for (uint32_t k = 0; slots; k++) {
        uint32_t n = slots < SWAP_CLUSTER ? slots : SWAP_CLUSTER;

        c->cluster_free[k] = (uint8_t)n;
        slots -= n;
    }
}

bool swap_map_wants(const struct swap_area *a, uint32_t chunk)
{
    return !a->dir[chunk / SWAP_DIR_CHUNKS] || !swap_area_chunk(a, chunk)->slots;
}

void swap_map_give(struct swap_area *a, uint32_t chunk, void *frame)
{
    struct swap_chunk **dir = &a->dir[chunk / SWAP_DIR_CHUNKS];
    uint32_t first = chunk - chunk % SWAP_DIR_CHUNKS, chunks = swap_area_chunks(a);

    if (*dir) {
        swap_area_chunk(a, chunk)->slots = frame;
        return;
    }
    *dir = frame;
    for (uint32_t i = first; i < first + SWAP_DIR_CHUNKS && i < chunks; i++)
        chunk_begin(swap_area_chunk(a, i), chunk_slots(a, i));
}

bool swap_map_exclude(struct swap_area *a, uint32_t page)
{
    struct swap_chunk *c = swap_area_chunk(a, page / SWAP_CHUNK_SLOTS);
    struct swap_slot *s = swap_area_slot(a, page);

    if (s->bad)
        return false;
    s->bad = 1;
    if (c->cluster_free[page % SWAP_CHUNK_SLOTS / SWAP_CLUSTER]-- == SWAP_CLUSTER)
        c->empty--;
    c->free--;
    a->free--;
    a->beyond--;
    return true;
}

/* Let one more chunk be used. False: there is none, or no memory. */
static bool map_more(struct vm *vm, struct swap_area *a)
{
    const struct swap_chunk *c;

    if (a->mapped == swap_area_chunks(a) ||
        (a->mapped >= vm->pool->managed[ZONE_LOW] / MAP_SHARE &&
         a->free - a->beyond > a->mapped * (SWAP_CHUNK_SLOTS / MAP_UNUSED)))
        return false;
    while (swap_map_wants(a, a->mapped)) {
        /* no reclaim: reclaim calls this */
        struct frame *f = frame_alloc(vm->pool, FRAME_KERNEL, FRAME_LOW_ONLY | FRAME_RESERVE);
        void *p;

        if (!f)
            return false;
        p = frame_ptr(vm->pool, frame_pfn(vm->pool, f));
        memset(p, 0, PAGE_SIZE);
        swap_map_give(a, a->mapped, p);
    }
    c = swap_area_chunk(a, a->mapped++);
    a->beyond -= c->free;
    a->empty += c->empty;
    return true;
}

/* First page of the next wholly free cluster at or after the hint; there is one. */
static uint32_t find_cluster(const struct swap_area *a)
{
    uint32_t start = a->hint / SWAP_CHUNK_SLOTS;
    uint32_t from = (a->hint % SWAP_CHUNK_SLOTS + SWAP_CLUSTER - 1) / SWAP_CLUSTER;

    for (uint32_t i = start;; from = 0) {
        const struct swap_chunk *c = swap_area_chunk(a, i);

        if (c->empty)
            for (uint32_t k = from; k < SWAP_CHUNK_CLUSTERS; k++)
                if (c->cluster_free[k] == SWAP_CLUSTER)
                    return i * SWAP_CHUNK_SLOTS + k * SWAP_CLUSTER;
        i = i + 1 < a->mapped ? i + 1 : 0;
    }
}

/* The next free slot at or after the hint; there is one. */
static uint32_t find_single(const struct swap_area *a)
{
    uint32_t from = a->hint % SWAP_CHUNK_SLOTS, end = swap_area_end(a);

    for (uint32_t i = a->hint / SWAP_CHUNK_SLOTS;; from = 0) {
        const struct swap_chunk *c = swap_area_chunk(a, i);
        uint32_t first = i * SWAP_CHUNK_SLOTS;

        if (c->free)
            for (uint32_t k = from; k < SWAP_CHUNK_SLOTS && first + k < end; k++)
                if (is_free(&c->slots[k]))
                    return first + k;
        i = i + 1 < a->mapped ? i + 1 : 0;
    }
}

/* Whether the area is in the middle of a cluster. */
static bool in_cluster(const struct swap_area *a)
{
    return a->hint % SWAP_CLUSTER && a->hint < swap_area_end(a) && is_free(swap_area_slot(a, a->hint));
}

/* A free slot of an area, or 0: it has none whose records there are, or can be. */
static uint32_t slot_find(struct vm *vm, struct swap_area *a)
{
    uint32_t page = a->hint;

    if (!in_cluster(a)) {
        while (!a->empty && map_more(vm, a))
            ;
        if (a->free == a->beyond)
            return 0;
        if (a->hint >= swap_area_end(a))
            a->hint = 0;
        page = a->empty ? find_cluster(a) : find_single(a);
    }
    a->hint = page + 1;
    return page;
}

/* Whether a slot has served: nothing but a resident, clean page in use names it. */
static bool has_served(const struct vm *vm, const struct swap_slot *s)
{
    const struct frame *f;

    if (s->count || !s->frame || s->bad)
        return false;
    f = pfn_frame(vm->pool, s->frame);
    return !f->pins && !(f->flags & (SWAP_IO_FLAGS | FRAME_F_DIRTY)) && (f->use != FRAME_ANON || f->maps);
}

void swap_note_use_slow(struct vm *vm, struct frame *f)
{
    f->flags &= (uint16_t) ~(FRAME_F_READAHEAD | FRAME_F_MARKED);
    vm->swap.readahead_hits++;
    event_of_frame(vm, EVENT_AHEAD_USED, f);
}

/* Free one slot that has served. The search goes on where the last one ended, or each would pass all that is
 * taken. */
static bool slot_steal(struct vm *vm)
{
    struct swap *sw = &vm->swap;

    if (!sw->kept)
        return false;
    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        struct swap_area *a = sw->area[i];

        for (uint32_t n = 0; a && !a->off && n < swap_area_end(a); n++) {
            const struct swap_slot *s;

            if (++a->steal >= swap_area_end(a))
                a->steal = 1;
            s = swap_area_slot(a, a->steal);
            if (has_served(vm, s)) {
                event_of_frame(vm, EVENT_STOLEN, pfn_frame(vm->pool, s->frame));
                swap_uncache(vm, pfn_frame(vm->pool, s->frame));
                sw->stolen++;
                return true;
            }
        }
    }
    return false;
}

void swap_cache_link(struct vm *vm, struct swap_area *a, uint32_t page, struct frame *f)
{
    swap_area_slot(a, page)->frame = frame_pfn(vm->pool, f);
    f->slot = swap_slot_number(a, page);
}

void swap_next_area(struct vm *vm)
{
    vm->swap.turn_left = 0;
}

/* The area that the next page goes to, or NULL. not: areas that are not asked, by bits. */
static struct swap_area *choose_area(struct swap *sw, unsigned not )
{
    struct swap_area *best = NULL;

    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        struct swap_area *a = sw->area[i];

        if (!a || a->off || !a->free || not >> i & 1)
            continue;
        if (!best || a->priority > best->priority)
            best = a;
        else if (a->priority == best->priority && !(sw->turn_left && best->index == sw->turn_area) &&
                 ((sw->turn_left && i == sw->turn_area) || a->turn < best->turn))
            best = a;
    }
    return best;
}

/* A page went to the area: it has its turn for a cluster. */
static void take_turn(struct swap *sw, struct swap_area *a)
{
    if (!sw->turn_left || sw->turn_area != a->index) {
        sw->turn_area = a->index;
        sw->turn_left = SWAP_CLUSTER;
        a->turn = ++sw->turn;
    }
    sw->turn_left--;
}

bool swap_assign(struct vm *vm, struct frame *f)
{
    struct swap *sw = &vm->swap;
    struct swap_area *a = NULL;
    uint32_t page = 0;
    unsigned not = 0;

    mm_assert(f->slot == SLOT_NONE && !(f->flags & SWAP_IO_FLAGS) &&
                  (f->use == FRAME_ANON || f->use == FRAME_OBJECT),
              "frame %u: use %u, flags %x, slot %x", frame_pfn(vm->pool, f), f->use, f->flags, f->slot);
    if (!sw->free && !slot_steal(vm))
        return false;
    for (; !page && (a = choose_area(sw, not )) != NULL; not |= 1u << a->index)
        page = slot_find(vm, a);
    if (!page)
        return false;
    take_turn(sw, a);
    slot_take(sw, a, page);
    swap_cache_link(vm, a, page, f);
    sw->kept++;
    f->flags |= FRAME_F_DIRTY;
    return true;
}

bool swap_keeps(const struct vm *vm, slot_t slot)
{
    return !swap_scarce(&vm->swap) && !swap_slot_area(&vm->swap, slot)->off;
}

bool swap_settle(struct vm *vm, struct frame *f, bool free_clean)
{
    const struct swap_slot *s = swap_slot_lookup(&vm->swap, f->slot);
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

/* Shell's sort, with Knuth's gaps. */
void swap_sort(slot_t *slot, uint32_t n)
{
    for (uint32_t gap = 364; gap; gap /= 3) {
        for (uint32_t i = gap; i < n; i++) {
            slot_t x = slot[i];
            uint32_t k = i;

            for (; k >= gap && slot[k - gap] > x; k -= gap)
                slot[k] = slot[k - gap];
            slot[k] = x;
        }
    }
}

void swap_ref(struct vm *vm, slot_t slot)
{
    struct swap_slot *s;

    if (unlikely(slot == SLOT_LOST)) {
        mm_assert(vm->swap.lost, "a name more for what is lost, of which there is none");
        vm->swap.lost++;
        return;
    }
    s = swap_slot_lookup(&vm->swap, slot);
    mm_assert(s->count || s->frame != PFN_NONE, "a name for the unused slot %x", slot);
    mm_assert(s->count < SWAP_NAMES_MAX, "slot %x has %u names", slot, s->count);
    if (s->count++ == 0)
        vm->swap.kept--;
}

void swap_unref(struct vm *vm, slot_t slot)
{
    struct swap *sw = &vm->swap;
    struct swap_slot *s;
    struct frame *f;

    if (unlikely(slot == SLOT_LOST)) {
        mm_assert(sw->lost, "what is lost has no name to take away");
        sw->lost--;
        return;
    }
    s = swap_slot_lookup(sw, slot);
    mm_assert(s->count > 0, "slot %x has no name to take away", slot);
    if (--s->count)
        return;
    if (s->frame == PFN_NONE) {
        slot_end(sw, slot, s);
        return;
    }
    sw->kept++;
    f = pfn_frame(vm->pool, s->frame);
    if (!(f->flags & SWAP_IO_FLAGS))
        swap_settle(vm, f, false);
}

void swap_lose_unknown(struct vm *vm, uint32_t n)
{
    vm->swap.lost += n;
}

void swap_lose(struct vm *vm, slot_t slot)
{
    vm->swap.lost++;
    vm->swap.pages_lost++;
    swap_slot_area(&vm->swap, slot)->lost++;
    swap_unref(vm, slot);
}

uint32_t swap_count(struct vm *vm, slot_t slot)
{
    return likely(slot != SLOT_LOST) ? swap_slot_lookup(&vm->swap, slot)->count : vm->swap.lost;
}

uint32_t swap_entries(struct vm *vm, slot_t slot)
{
    return likely(slot != SLOT_LOST) ? swap_slot_lookup(&vm->swap, slot)->entries : 0;
}

void swap_set_entries(struct vm *vm, slot_t slot, uint32_t entries)
{
    swap_slot_lookup(&vm->swap, slot)->entries = entries & 0x7FF;
}

struct frame *swap_cached(struct vm *vm, slot_t slot)
{
    pfn_t pfn = likely(slot != SLOT_LOST) ? swap_slot_lookup(&vm->swap, slot)->frame : PFN_NONE;

    return pfn == PFN_NONE ? NULL : pfn_frame(vm->pool, pfn);
}

enum swap_look swap_look(const struct swap_area *a, uint32_t page)
{
    const struct swap_slot *s;

    if (page >= swap_area_end(a))
        return SWAP_FREE;
    s = swap_area_slot(a, page);
    if (s->bad)
        return SWAP_BAD;
    if (s->entries)
        return SWAP_TABLE;
    if (s->count)
        return s->frame == PFN_NONE ? SWAP_PAGE : SWAP_CACHED;
    return s->frame == PFN_NONE ? SWAP_FREE : SWAP_KEPT;
}

bool swap_bad(struct vm *vm, slot_t slot)
{
    return slot == SLOT_LOST || swap_slot_lookup(&vm->swap, slot)->bad;
}

bool swap_is_lost(struct vm *vm, slot_t slot)
{
    return swap_bad(vm, slot) && !swap_cached(vm, slot);
}

bool swap_valid(struct vm *vm, slot_t slot)
{
    const struct swap_area *a = swap_slot_area(&vm->swap, slot);
    uint32_t page = swap_slot_page(slot);
    const struct swap_slot *s;

    if (slot == SLOT_LOST)
        return vm->swap.lost;
    if (!a || page == 0 || page >= swap_area_end(a))
        return false;
    s = swap_area_slot(a, page);
    return s->count || s->frame != PFN_NONE;
}

void swap_uncache(struct vm *vm, struct frame *f)
{
    struct swap *sw = &vm->swap;
    struct swap_slot *s = swap_slot_lookup(sw, f->slot);
    slot_t slot = f->slot;

    mm_assert(s->frame == frame_pfn(vm->pool, f) && !(f->flags & SWAP_IO_FLAGS),
              "frame %u: flags %x, slot %x, which frame %u caches", frame_pfn(vm->pool, f), f->flags, slot,
              s->frame);
    s->frame = PFN_NONE;
    f->slot = SLOT_NONE;
    f->flags = (uint16_t)((f->flags & ~(FRAME_F_READAHEAD | FRAME_F_MARKED)) | FRAME_F_DIRTY);
    if (s->count)
        return;
    sw->kept--;
    slot_end(sw, slot, s);
}

/* What verify_area() adds up over the areas. */
struct sums {
    uint32_t free, good, kept, cached;
};

static bool verify_slot(struct vm *vm, const struct swap_area *a, uint32_t page)
{
    const struct swap_slot *s = swap_area_slot(a, page);
    const struct frame *f;
    bool ok = true;

    if (s->frame == PFN_NONE)
        return true;
    INV("INV-SWAP-1", s->frame >= vm->pool->start && s->frame < vm->pool->end, "slot %x in frame %u",
        swap_slot_number(a, page), s->frame);
    if (!ok)
        return false;
    f = pfn_frame(vm->pool, s->frame);
    INV("INV-SWAP-1",
        f->slot == swap_slot_number(a, page) && (f->use == FRAME_ANON || f->use == FRAME_OBJECT),
        "slot %x names frame %u, which has use %u and slot %x", swap_slot_number(a, page), s->frame, f->use,
        f->slot);
    return ok;
}

/* The counts of a chunk that is there, whose slots may not be. *bad: counts bad ones. */
static bool verify_chunk(struct vm *vm, const struct swap_area *a, uint32_t i, uint32_t *bad,
                         uint32_t *bad_used, struct sums *sums)
{
    const struct swap_chunk *c = swap_area_chunk(a, i);
    uint32_t free = 0, empty = 0, end = i * SWAP_CHUNK_SLOTS + chunk_slots(a, i);
    bool ok = true;

    for (uint32_t k = 0; k < SWAP_CHUNK_CLUSTERS; k++) {
        uint32_t first = i * SWAP_CHUNK_SLOTS + k * SWAP_CLUSTER, n = 0;

        for (uint32_t page = first; page < first + SWAP_CLUSTER && page < end; page++) {
            const struct swap_slot *s = c->slots ? swap_area_slot(a, page) : NULL;

            n += !s || is_free(s);
            if (!s)
                continue;
            INV("INV-SWAP-10", i < a->mapped || is_free(s) || (s->bad && !s->count && !s->frame),
                "area %u: page %u is used, %u chunks are mapped", a->index, page, a->mapped);
            INV("INV-SWAP-11", !s->entries || s->count, "slot %x is said to hold a table of %u entries",
                swap_slot_number(a, page), s->entries);
            *bad += s->bad && page > 0;
            *bad_used += s->bad && (s->count || s->frame != PFN_NONE);
            sums->kept += !s->count && s->frame != PFN_NONE;
            sums->cached += s->frame != PFN_NONE;
            if (!verify_slot(vm, a, page))
                ok = false;
        }
        INV("INV-SWAP-2", n == c->cluster_free[k], "%u free slots from page %u, counted %u", n, first,
            c->cluster_free[k]);
        free += n;
        empty += n == SWAP_CLUSTER;
    }
    INV("INV-SWAP-2", free == c->free && empty == c->empty,
        "chunk %u: %u free, counted %u, %u empty clusters, counted %u", i, free, c->free, empty, c->empty);
    return ok;
}

/* Whether all records are there that have to be. */
static bool verify_records(const struct swap_area *a)
{
    bool ok = true;

    for (uint32_t i = 0; (i == 0 || i < a->mapped) && ok; i++)
        INV("INV-SWAP-10",
            i < swap_area_chunks(a) && a->dir[i / SWAP_DIR_CHUNKS] && swap_area_chunk(a, i)->slots,
            "area %u: chunk %u of %u that are mapped has no slots", a->index, i, a->mapped);
    return ok;
}

static bool verify_area(struct vm *vm, const struct swap_area *a, struct sums *sums)
{
    uint32_t bad = 0, bad_used = 0, free = 0, beyond = 0, empty = 0, chunks = swap_area_chunks(a);
    bool ok = true;

    for (uint32_t i = 0; i < chunks; i++) {
        bool there = a->dir[i / SWAP_DIR_CHUNKS];
        uint32_t n = there ? swap_area_chunk(a, i)->free : chunk_slots(a, i);

        if (there && !verify_chunk(vm, a, i, &bad, &bad_used, sums))
            ok = false;
        free += n;
        beyond += i < a->mapped ? 0 : n;
        empty += i < a->mapped ? swap_area_chunk(a, i)->empty : 0;
    }
    INV("INV-SWAP-4",
        swap_area_slot(a, 0)->bad && !swap_area_slot(a, 0)->count && !swap_area_slot(a, 0)->frame,
        "header of area %u", a->index);
    INV("INV-SWAP-2", free == a->free && empty == a->empty,
        "area %u: %u free, counted %u, %u empty clusters, counted %u", a->index, free, a->free, empty,
        a->empty);
    INV("INV-SWAP-10", beyond == a->beyond, "area %u: %u free behind %u chunks, counted %u", a->index, beyond,
        a->mapped, a->beyond);
    INV("INV-SWAP-4", bad == a->bad && bad_used == a->bad_used,
        "area %u: %u bad slots, counted %u; %u in use, counted %u", a->index, bad, a->bad, bad_used,
        a->bad_used);
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

        for (uint32_t page = 1; a && page < swap_area_end(a); page++)
            if (swap_area_slot(a, page)->count)
                fn(swap_slot_number(a, page), swap_area_slot(a, page)->count, arg);
    }
    if (vm->swap.lost)
        fn(SLOT_LOST, vm->swap.lost, arg);
}

uint32_t swap_record_frames(const struct vm *vm)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        const struct swap_area *a = vm->swap.area[i];

        for (uint32_t c = 0, chunks = a ? swap_area_chunks(a) : 0; c < chunks; c++) {
            bool there = a->dir[c / SWAP_DIR_CHUNKS];

            n += c % SWAP_DIR_CHUNKS == 0 ? there : 0;
            n += there && swap_area_chunk(a, c)->slots;
        }
        n += a != NULL;
    }
    return n;
}

bool swap_map_verify(struct vm *vm)
{
    const struct swap *sw = &vm->swap;
    uint32_t cached = 0;
    struct sums sums = {0};
    bool ok = true;

    for (uint32_t i = 0; i < SWAP_AREAS; i++)
        ok &= !sw->area[i] || verify_records(sw->area[i]);
    if (!ok)
        return false;
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
        INV("INV-SWAP-1", f->slot == SLOT_NONE || swap_valid(vm, f->slot), "frame %u has slot %x", pfn,
            f->slot);
    }
    INV("INV-SWAP-1", cached == sums.cached, "%u frames have slots, %u slots have frames", cached,
        sums.cached);
    return ok;
}
