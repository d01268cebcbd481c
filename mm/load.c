/*
 * Load control: a whole space out, and in again.
 *
 * When the programs' sets do not fit together, each page that comes in drives out one that is needed as
 * soon, and every program waits for the disk all the time. Then it is better that fewer run. What reclaim
 * does page by page is done here for all that one of them has: its pages leave in order of addresses, so
 * they get slots in that order and go out in requests as large as can be, and they come back in requests of
 * the same size, before the program asks for each.
 *
 * Out. Tables are walked from the lowest address. What other spaces show too stays: a page with other
 * entries, and whatever is in a table that others name. For each span a record has a bit for each page that
 * was resident, 136 bytes for 4 MiB. Without memory for a record the pages of its span go, and are not
 * remembered: they come back by faults. Nothing else is allocated.
 *
 * A table whose pages have all gone may follow them, as any that names no frame (table.c); it comes in first.
 *
 * In. A page may have kept an older slot, so pages that are neighbours in memory need not be so on disk. So
 * of each span the slots are sorted first, and read in that order into the swap cache, which takes their
 * neighbours with them; then the entries are made in order of addresses, as a read of the program would
 * make them. Without memory to sort them in, they are read in order of addresses. Nothing comes in below
 * the high mark, or it would drive out others.
 *
 * The set says what was resident, not what is: the program may have changed all of it since (its system calls
 * go on until they end). So each page is looked up when its turn comes, and counts only if it is out.
 *
 * Data: struct load_set, the caller's. Locking: none for going out, as eviction needs none; coming in is a
 * touch of each page, which takes the space's lock.
 *
 * INV-LOAD-1  records are in order of addresses, one for a span, and none is empty
 * INV-LOAD-2  each says how many bits it has, and the set how many they are in all
 *
 * How it fails: see above; no page is ever lost.
 *
 * Source: Denning's load control (The working set model for program behavior, 1968; Working sets past and
 * present, 1980), and the swapper of VAX/VMS, which puts out whole balance sets.
 */
#include "mm/load.h"
#include "mm/fault.h"
#include "mm/reclaim.h"
#include "mm/table.h"

#define WORD_BITS  32u
#define SPAN_WORDS (PT_TABLE_ENTRIES / WORD_BITS)

struct load_span {
    struct load_span *next;    /* (o) */
    vaddr_t start;             /* (o) */
    uint32_t count;            /* (o) bits that are set */
    uint32_t bits[SPAN_WORDS]; /* (o) */
};

_Static_assert(PT_TABLE_ENTRIES * sizeof(slot_t) <= PAGE_SIZE, "the slots of a span are sorted in a frame");

size_t load_record_size(void)
{
    return sizeof(struct load_span);
}

/* One record that is on no set yet, or NULL. Sleeps. */
static struct load_span *span_alloc(struct vm *vm, vaddr_t start)
{
    struct load_span *r = cache_alloc(&vm->load_cache); /* no reclaim: not yet */

    if (!r && !frame_kernel_full(vm->pool) && reclaim_run_low(vm, SWAP_CLUSTER))
        r = cache_alloc(&vm->load_cache); /* no reclaim: that was it, and nobody is ended for a record */
    if (r)
        *r = (struct load_span){.start = start};
    return r;
}

static void note(struct load_set *set, struct load_span *r, uint32_t i)
{
    uint32_t bit = 1u << i % WORD_BITS;

    if (!r || r->bits[i / WORD_BITS] & bit)
        return;
    r->bits[i / WORD_BITS] |= bit;
    r->count++;
    set->pages++;
}

static bool is_noted(const struct load_span *r, uint32_t i)
{
    return r->bits[i / WORD_BITS] >> i % WORD_BITS & 1;
}

/* Put a record where it belongs, or give it back if it says nothing, or one is there already. */
static void add_record(struct vm *vm, struct load_set *set, struct load_span *r)
{
    if (!r)
        return;
    if (!r->count) {
        cache_free(&vm->load_cache, r);
        return;
    }
    if (set->last)
        set->last->next = r;
    else
        set->first = r;
    set->last = r;
}

/* Put out a batch, the frames of pages i of a span. How many of them are not resident any more. */
static uint32_t put_out_batch(struct space *s, vaddr_t span, struct frame **f, const uint32_t *i, unsigned n)
{
    uint32_t went = 0;

    reclaim_evict_some(s->vm, f, n);
    for (unsigned k = 0; k < n; k++)
        went += !space_exclusive_frame(s, span + (i[k] << PAGE_SHIFT));
    return went;
}

/* The pages of one span. */
static uint32_t put_out_span(struct space *s, vaddr_t span, struct load_set *set, bool (*stop)(void *),
                             void *arg)
{
    struct vm *vm = s->vm;
    struct load_span *r = NULL;
    struct frame *batch[SWAP_CLUSTER];
    uint32_t page[SWAP_CLUSTER], went = 0;
    unsigned n = 0;

    /* A set that goes on below or in its last span is one that was not emptied: its pages are known. */
    if (!set->last || set->last->start < span)
        r = span_alloc(vm, span);
    for (uint32_t i = 0; i < PT_TABLE_ENTRIES && !(n == 0 && stop && stop(arg)); i++) {
        struct frame *f = space_exclusive_frame(s, span + (i << PAGE_SHIFT));

        if (f) {
            frame_pin(f);
            page[n] = i;
            batch[n++] = f;
            note(set, r, i);
        }
        if (n == SWAP_CLUSTER) {
            went += put_out_batch(s, span, batch, page, n);
            n = 0;
        }
    }
    if (n)
        went += put_out_batch(s, span, batch, page, n);
    add_record(vm, set, r);
    return went;
}

uint32_t load_put_out(struct space *s, struct load_set *set, bool (*stop)(void *), void *arg)
{
    uint32_t went = 0;

    for (vaddr_t va = SPACE_LO; !(stop && stop(arg)); va += PT_SPAN) {
        might_sleep();
        va = pt_next_resident(&s->pt, va, SPACE_HI);
        if (va >= SPACE_HI)
            break;
        va = PT_SPAN_DOWN(va);
        went += put_out_span(s, va, set, stop, arg);
    }
    /* The last requests, so that the frames are free. */
    for (unsigned i = 0; i < SWAP_WRITES && s->vm->swap.io_active; i++)
        swap_finish(s->vm, true, true);
    return went;
}

/* The slot that a noted page is in, if it is out. */
static slot_t slot_of(const struct space *s, const struct load_span *r, uint32_t i)
{
    const pte_t *e = is_noted(r, i) ? pt_resident_entry(&s->pt, r->start + (i << PAGE_SHIFT)) : NULL;

    return e && pte_is_swap(*e) ? pte_slot(*e) : SLOT_NONE;
}

static bool is_room(const struct vm *vm)
{
    return frame_free_common(vm->pool) > vm->pool->marks.high;
}

/* Read what is out of a span into the swap cache, in the order of the disk. */
static void read_span(struct space *s, const struct load_span *r, bool (*stop)(void *), void *arg)
{
    struct vm *vm = s->vm;
    /* no reclaim: without it the pages are read when they are touched */
    struct frame *page = frame_alloc_kernel(vm->pool, FRAME_KERNEL, FRAME_LOW_ONLY);
    uint32_t n = 0;
    slot_t *slot;

    if (!page)
        return;
    slot = frame_ptr(vm->pool, frame_pfn(vm->pool, page));
    for (uint32_t i = 0; i < PT_TABLE_ENTRIES; i++) {
        slot[n] = slot_of(s, r, i);
        n += slot[n] != SLOT_NONE;
    }
    swap_sort(slot, n);
    for (uint32_t i = 0; i < n && is_room(vm) && !(stop && stop(arg)); i++) {
        struct frame *f;

        /* Whose slot it is by now does not matter: it is asked again for each entry. */
        if (swap_valid(vm, slot[i]) && swap_in(vm, slot[i], &f) == 0) {
            frame_unpin(f);
            vm_frame_drop(vm, f);
        }
    }
    frame_free(vm->pool, page);
}

/* Whether a noted page is out: in a slot, or of an object that the region maps. */
static bool is_out(struct space *s, const struct load_span *r, uint32_t i)
{
    vaddr_t va = r->start + (i << PAGE_SHIFT);
    const struct region *region;
    const pte_t *e;

    if (!is_noted(r, i))
        return false;
    if (pt_span(&s->pt, va) == PT_OUT)
        return true; /* with its table */
    e = pt_resident_entry(&s->pt, va);
    if (e && !pte_empty(*e))
        return pte_is_swap(*e);
    region = region_find(&s->regions, va);
    return region && region->object;
}

static uint32_t map_span(struct space *s, const struct load_span *r, bool (*stop)(void *), void *arg)
{
    uint32_t came = 0;

    for (uint32_t i = 0; i < PT_TABLE_ENTRIES; i++) {
        might_sleep();
        if (!is_out(s, r, i))
            continue;
        if (!is_room(s->vm) || (stop && stop(arg)))
            break;
        came += fault_touch(s, r->start + (i << PAGE_SHIFT), ACCESS_READ) == FAULT_RESUME;
    }
    return came;
}

/* Take the first record off the set. */
static struct load_span *take_record(struct load_set *set)
{
    struct load_span *r = set->first;

    if (!r)
        return NULL;
    set->first = r->next;
    if (!set->first)
        set->last = NULL;
    set->pages -= r->count;
    return r;
}

uint32_t load_bring_back(struct space *s, struct load_set *set, bool (*stop)(void *), void *arg)
{
    uint32_t came = 0;
    struct load_span *r;
    bool read = false;

    while (is_room(s->vm) && !(stop && stop(arg)) && (r = take_record(set)) != NULL) {
        might_sleep();
        if (table_in(s, r->start, &read) == 0)
            read_span(s, r, stop, arg);
        came += map_span(s, r, stop, arg);
        cache_free(&s->vm->load_cache, r);
    }
    load_forget(s->vm, set);
    return came;
}

void load_forget(struct vm *vm, struct load_set *set)
{
    struct load_span *r;

    while ((r = take_record(set)) != NULL)
        cache_free(&vm->load_cache, r);
}

bool load_verify(const struct load_set *set)
{
    uint32_t pages = 0;
    bool ok = true;

    for (const struct load_span *r = set->first; r; r = r->next) {
        uint32_t count = 0;

        for (unsigned i = 0; i < SPAN_WORDS; i++)
            count += (uint32_t)__builtin_popcount(r->bits[i]);
        INV("INV-LOAD-1", !(r->start & (PT_SPAN - 1)) && r->count && (!r->next || r->start < r->next->start),
            "record of %x, %u pages, before %x", r->start, r->count, r->next ? r->next->start : 0);
        INV("INV-LOAD-2", count == r->count, "record of %x: %u bits, says %u", r->start, count, r->count);
        pages += r->count;
    }
    INV("INV-LOAD-2", pages == set->pages, "%u pages, says %u", pages, set->pages);
    return ok;
}
