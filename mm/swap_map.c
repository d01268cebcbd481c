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
 * cycle when it would become free: it is never allocated again.
 *
 * Allocation is next fit by cluster: the rest of the cluster in hand, then the next cluster that is wholly
 * free, then (in a fragmented area) the next free slot. Pages that are evicted one after the other so become
 * neighbours, go out in one request and come back in one. Areas of the highest priority fill first, equal
 * ones by turns. When all are full, a slot is taken from a clean resident page, which has one only so that it
 * need not be written again.
 *
 * The swap cache is the pair of links frame.slot and slot.frame. It makes eviction and page-in atomic for all
 * who name the slot: whoever comes while a page is on its way, in either direction, finds the frame.
 *
 * Data. struct swap_slot for each slot, and counts of free slots by cluster, chunk and area (swap.h).
 *
 * Locking. One processor: everything changes in sections that do not sleep.
 *
 * Invariants.
 *   INV-SWAP-1  slot.frame and frame.slot name each other; only ANON and OBJECT frames are cached
 *   INV-SWAP-2  a slot is free if it is good, count is 0 and nothing caches it; the free and empty counts of
 *               clusters, chunks and areas say so
 *   INV-SWAP-3  total, free and kept are the sums over the areas
 *   INV-SWAP-4  the header is never named or cached, and marked bad; area.bad counts the other bad slots
 *
 * Failure. Full: swap_assign() returns false. A name too many or too few is a bug of the caller and panics.
 *
 * Source. The swap cache and next fit by cluster are those of Gorman, Understanding the Linux Virtual Memory
 * Manager, chapter 11.
 */
#include "mm/swap_parts.h"

_Static_assert(sizeof(struct swap_slot) == 8, "as documented");

struct swap_slot *swap_slot_lookup(const struct swap *sw, slot_t slot)
{
    const struct swap_area *a = swap_slot_area(sw, slot);
    uint32_t page = swap_slot_page(slot);

    mm_assert(a && page > 0 && page < a->pages, "slot %x of no area", slot);
    return swap_area_slot(a, page);
}

static inline bool is_free(const struct swap_slot *s)
{
    return s->count == 0 && s->frame == PFN_NONE && !s->bad;
}

void swap_slot_give(struct swap *sw, struct swap_area *a, uint32_t page)
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

/* The opposite of swap_slot_give(). */
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
    if (a->hint % SWAP_CLUSTER && is_free(swap_area_slot(a, a->hint)))
        page = a->hint;
    else
        page = a->empty ? find_cluster(a) : find_single(a);
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

/* Free one slot that has served. The search goes on where the last one ended, or each would pass all that is
 * taken. */
static bool slot_steal(struct vm *vm)
{
    struct swap *sw = &vm->swap;

    if (!sw->kept)
        return false;
    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        struct swap_area *a = sw->area[i];

        for (uint32_t n = 0; a && !a->off && n < a->pages; n++) {
            const struct swap_slot *s;

            if (++a->steal >= a->pages)
                a->steal = 1;
            s = swap_area_slot(a, a->steal);
            if (has_served(vm, s)) {
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

    mm_assert(f->slot == SLOT_NONE && !(f->flags & SWAP_IO_FLAGS) &&
                  (f->use == FRAME_ANON || f->use == FRAME_OBJECT),
              "frame %u: use %u, flags %x, slot %x", frame_pfn(vm->pool, f), f->use, f->flags, f->slot);
    if (!sw->free && !slot_steal(vm))
        return false;
    a = choose_area(sw);
    page = slot_find(a);
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

void swap_ref(struct vm *vm, slot_t slot)
{
    struct swap_slot *s = swap_slot_lookup(&vm->swap, slot);

    mm_assert(s->count || s->frame != PFN_NONE, "a name for the unused slot %x", slot);
    if (s->count++ == 0)
        vm->swap.kept--;
}

void swap_unref(struct vm *vm, slot_t slot)
{
    struct swap *sw = &vm->swap;
    struct swap_slot *s = swap_slot_lookup(sw, slot);
    struct frame *f;

    mm_assert(s->count > 0, "slot %x has no name to take away", slot);
    if (--s->count)
        return;
    if (s->frame == PFN_NONE) {
        if (!s->bad)
            swap_slot_give(sw, swap_slot_area(sw, slot), swap_slot_page(slot));
        return;
    }
    sw->kept++;
    f = pfn_frame(vm->pool, s->frame);
    if (!(f->flags & SWAP_IO_FLAGS))
        swap_settle(vm, f, false);
}

uint32_t swap_count(struct vm *vm, slot_t slot)
{
    return swap_slot_lookup(&vm->swap, slot)->count;
}

struct frame *swap_cached(struct vm *vm, slot_t slot)
{
    pfn_t pfn = swap_slot_lookup(&vm->swap, slot)->frame;

    return pfn == PFN_NONE ? NULL : pfn_frame(vm->pool, pfn);
}

bool swap_bad(struct vm *vm, slot_t slot)
{
    return swap_slot_lookup(&vm->swap, slot)->bad;
}

bool swap_valid(struct vm *vm, slot_t slot)
{
    const struct swap_area *a = swap_slot_area(&vm->swap, slot);
    uint32_t page = swap_slot_page(slot);
    const struct swap_slot *s;

    if (!a || page == 0 || page >= a->pages)
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
    if (!s->bad)
        swap_slot_give(sw, swap_slot_area(sw, slot), swap_slot_page(slot));
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

static bool verify_area(struct vm *vm, const struct swap_area *a, struct sums *sums)
{
    uint32_t bad = 0, free = 0, empty = 0;
    bool ok = true;

    INV("INV-SWAP-4",
        swap_area_slot(a, 0)->bad && !swap_area_slot(a, 0)->count && !swap_area_slot(a, 0)->frame,
        "header of area %u", a->index);
    for (uint32_t i = 0; i < a->chunks; i++) {
        const struct swap_chunk *c = &a->chunk[i];
        uint32_t chunk_free = 0, chunk_empty = 0;

        for (uint32_t k = 0; k < SWAP_CHUNK_CLUSTERS; k++) {
            uint32_t first = i * SWAP_CHUNK_SLOTS + k * SWAP_CLUSTER, n = 0;

            for (uint32_t page = first; page < first + SWAP_CLUSTER && page < a->pages; page++) {
                const struct swap_slot *s = swap_area_slot(a, page);

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
            if (swap_area_slot(a, page)->count)
                fn(swap_slot_number(a, page), swap_area_slot(a, page)->count, arg);
    }
}

bool swap_map_verify(struct vm *vm)
{
    const struct swap *sw = &vm->swap;
    uint32_t cached = 0;
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
        INV("INV-SWAP-1", f->slot == SLOT_NONE || swap_valid(vm, f->slot), "frame %u has slot %x", pfn,
            f->slot);
    }
    INV("INV-SWAP-1", cached == sums.cached, "%u frames have slots, %u slots have frames", cached,
        sums.cached);
    return ok;
}
