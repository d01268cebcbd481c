/*
 * Reverse mapping: which entries name a frame?
 *
 * No chain hangs on a frame. An anonymous page keeps its page number in its
 * family across fork, so its entries are found by asking each space of the family
 * for the entry at that number. Page tables that spaces share make this cheap: the
 * second sharer finds the entry that the first has already changed. An object's page
 * is asked for in each region that maps the object.
 *
 * The page number of a private page is its address >> PAGE_SHIFT when it is first touched. Fork keeps it, and
 * so does moving it to another address: the region that moved knows the number that it begins with. So the
 * entry is at the address that the number says, or in one of the regions that were moved, which their space
 * finds by their numbers (moved.c). A number may stand for different pages in spaces of one family, or even
 * in one space (something new is mapped where a region was moved away): what counts is that the entry names
 * the frame.
 *
 * A private copy of an object's page is anonymous, so its frame does not lead to the object. It is found the
 * other way round: the object's regions lead to the entries, and what is anonymous there is a copy.
 *
 * A table that is out names no frame (table.c), so tables in memory are all that is looked at. What names
 * slots may be out: rmap_restore() leaves that, and who forgets private copies brings it in first.
 *
 * Data: family lists, written by space_alloc() and space_destroy(); trees of moved regions, written by
 * space.c. Locking: nosleep sections; the space locks are not needed, since region trees do not change while
 * somebody sleeps.
 *
 * INV-RMAP-1  a frame's entries found by rmap_each() are as many as its maps (checked after rmap_unmap())
 *
 * Compare: BSD's and Linux's anon_vma chains, which pay for each mapping at fork; McCracken's object-based
 * rmap (2003).
 */
#include "mm/rmap.h"
#include "mm/moved.h"
#include "mm/object.h"
#include "mm/space.h"

_Static_assert((uint64_t)SLOT_LOST << PT_SLOT_SHIFT < 1ull << 32,
               "an entry has room for the number of a slot");

static inline pte_t *entry_naming(struct space *s, vaddr_t va, pfn_t pfn)
{
    pte_t *e = pt_resident_entry(&s->pt, va);

    return e && pte_has_frame(*e) && pte_pfn(*e) == pfn ? e : NULL;
}

static inline pte_t *entry_swapped(struct space *s, vaddr_t va, slot_t slot)
{
    pte_t *e = pt_resident_entry(&s->pt, va);

    return e && pte_is_swap(*e) && pte_slot(*e) == slot ? e : NULL;
}

/*
 * The same for the page with a number in the family, where *va tells where it is: the entry that names a
 * frame or, if that is PFN_NONE, a slot.
 */
static inline __attribute__((always_inline)) pte_t *entry_numbered(struct space *s, uint32_t number,
                                                                   pfn_t pfn, slot_t slot, vaddr_t *va)
{
    pte_t *e = NULL;

    if (number < USER_END >> PAGE_SHIFT) {
        *va = number << PAGE_SHIFT;
        e = pfn != PFN_NONE ? entry_naming(s, *va, pfn) : entry_swapped(s, *va, slot);
    }
    if (likely(!s->moved))
        return e;
    for (struct region *r = moved_first(s->moved, number, number + 1); r && !e;
         r = moved_next(r, number, number + 1)) {
        *va = r->start + ((number - r->number) << PAGE_SHIFT);
        e = pfn != PFN_NONE ? entry_naming(s, *va, pfn) : entry_swapped(s, *va, slot);
    }
    return e;
}

void rmap_each(struct vm *vm, struct frame *f, bool (*fn)(struct space *s, vaddr_t va, pte_t *e, void *arg),
               void *arg)
{
    pfn_t pfn = frame_pfn(vm->pool, f);

    if (f->use == FRAME_ANON) {
        const struct family *family = f->owner;

        for (struct space *s = family->spaces; s; s = s->family_next) {
            vaddr_t va;
            pte_t *e = entry_numbered(s, f->index, pfn, SLOT_NONE, &va);

            if (e && !fn(s, va, e, arg))
                return;
        }
        return;
    }
    const struct object *o = f->owner;

    for (struct region *r = o->regions; r; r = r->object_next) {
        uint32_t page = f->index - r->offset; /* it wraps when the index lies before the region */

        if (page >= region_pages(r))
            continue;
        vaddr_t va = r->start + (page << PAGE_SHIFT);
        pte_t *e = entry_naming(r->space, va, pfn);

        if (e && !fn(r->space, va, e, arg))
            return;
    }
}

void rmap_each_swapped(struct family *family, uint32_t number, slot_t slot,
                       bool (*fn)(struct space *s, vaddr_t va, pte_t *e, void *arg), void *arg)
{
    for (struct space *s = family->spaces; s; s = s->family_next) {
        vaddr_t va;
        pte_t *e = entry_numbered(s, number, PFN_NONE, slot, &va);

        if (e && !fn(s, va, e, arg))
            return;
    }
}

void rmap_count_resident(struct space *s, vaddr_t va, int by)
{
    const struct frame *table = pt_resident_table(&s->pt, va);
    bool shared = table->maps > 1;

    for (struct space *o = shared ? s->family->spaces : s; o; o = shared ? o->family_next : NULL) {
        if (shared && pt_resident_table(&o->pt, va) != table)
            continue;
        if (by > 0)
            o->resident++;
        else
            space_resident_less(o, 1);
    }
}

static bool clear_accessed(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    if (pt_test_clear_accessed(&s->pt, va, e))
        *(bool *)arg = true;
    return true;
}

bool rmap_test_clear_accessed(struct vm *vm, struct frame *f)
{
    bool was = false;

    rmap_each(vm, f, clear_accessed, &was);
    return was;
}

static bool is_accessed(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    (void)s;
    (void)va;
    *(bool *)arg = pte_accessed(*e);
    return !*(bool *)arg;
}

bool rmap_accessed(struct vm *vm, struct frame *f)
{
    bool was = false;

    rmap_each(vm, f, is_accessed, &was);
    return was;
}

static bool add_bits(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    unsigned *bits = arg;

    (void)s;
    (void)va;
    *bits |= (pte_accessed(*e) ? RMAP_ACCESSED : 0) | (pte_dirty(*e) ? RMAP_DIRTY : 0);
    return *bits != (RMAP_ACCESSED | RMAP_DIRTY);
}

unsigned rmap_bits(struct vm *vm, struct frame *f)
{
    unsigned bits = 0;

    rmap_each(vm, f, add_bits, &bits);
    return bits;
}

static bool is_locked(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    const struct region *r = region_find(&s->regions, va);

    (void)e;
    *(bool *)arg = r && r->flags & REGION_LOCKED;
    return !*(bool *)arg;
}

bool rmap_locked(struct vm *vm, struct frame *f)
{
    bool locked = false;

    if (vm->locked_regions)
        rmap_each(vm, f, is_locked, &locked);
    return locked;
}

static bool is_dirty(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    (void)s;
    (void)va;
    *(bool *)arg = pte_dirty(*e);
    return !*(bool *)arg;
}

bool rmap_dirty(struct vm *vm, struct frame *f)
{
    bool dirty = false;

    rmap_each(vm, f, is_dirty, &dirty);
    return dirty;
}

static bool park_one(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    (void)arg;
    if (pte_present(*e))
        pt_set(&s->pt, va, e, pte_park(*e));
    return true;
}

static void each_private(struct vm *vm, struct frame *f,
                         bool (*fn)(struct space *s, vaddr_t va, pte_t *e, void *arg))
{
    mm_assert(f->use == FRAME_ANON && f->owner, "frame %u of use %s", frame_pfn(vm->pool, f),
              frame_use_name(f->use));
    rmap_each(vm, f, fn, NULL);
}

void rmap_park(struct vm *vm, struct frame *f)
{
    each_private(vm, f, park_one);
}

static bool wash_one(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    (void)arg;
    pt_set(&s->pt, va, e, pte_clean(pte_readonly(pte_present(*e) ? pte_park(*e) : *e)));
    return true;
}

void rmap_wash(struct vm *vm, struct frame *f)
{
    each_private(vm, f, wash_one);
}

static bool forget_one(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    struct frame *f = arg;

    pt_set(&s->pt, va, e, PTE_NONE);
    rmap_count_resident(s, va, -1);
    f->maps--;
    return false;
}

void rmap_forget(struct vm *vm, struct frame *f)
{
    mm_assert(f->use == FRAME_ANON && f->maps == 1, "frame %u has %u entries", frame_pfn(vm->pool, f),
              f->maps);
    rmap_each(vm, f, forget_one, f);
    mm_assert(f->maps == 0, "frame %u of page %x has an entry that nobody shows (INV-RMAP-1)",
              frame_pfn(vm->pool, f), f->index);
}

void rmap_restore(struct vm *vm, struct space *s, vaddr_t va, struct frame *f)
{
    const struct region *r = region_find(&s->regions, va);
    slot_t slot = f->slot;

    mm_assert(r && f->use == FRAME_ANON, "space %u at %x, frame of use %s", s->id, va,
              frame_use_name(f->use));
    swap_note_use(vm, f);
    f->owner = s->family;
    f->index = r->number + ((va - r->start) >> PAGE_SHIFT);
    for (struct space *o = s->family->spaces; o; o = o->family_next) {
        pte_t *e = entry_numbered(o, f->index, PFN_NONE, slot, &va), value;

        if (!e)
            continue;
        r = region_find(&o->regions, va);
        value = pte_make(frame_pfn(vm->pool, f), PT_USER | PT_ACCESSED);
        if (unlikely(o->tlb))
            value = pte_park(value); /* nobody uses it now */
        pt_set(&o->pt, va, e, r->flags & REGION_PROT ? value : pte_hold(value));
        rmap_count_resident(o, va, 1);
        f->maps++;
        swap_unref(vm, slot);
    }
    vm_frame_mapped(vm, f, &s->set);
}

void rmap_lose(struct space *s, vaddr_t va)
{
    const struct region *r = region_find(&s->regions, va);
    pte_t *e = pt_resident_entry(&s->pt, va);
    slot_t slot = pte_slot(*e);
    struct event_record *event = event_plain(s->vm, EVENT_PAGE_LOST);

    mm_assert(r && pte_is_swap(*e), "space %u at %x: entry %x", s->id, va, pte_bits(*e));
    event->flags = EVENT_OF_FAMILY;
    event->who = s->family->id;
    event->where = r->number + ((va - r->start) >> PAGE_SHIFT);
    event->arg = slot;
    pt_set(&s->pt, va, e, pte_make_swap(SLOT_LOST));
    swap_lose(s->vm, slot);
}

static bool unmap_one(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    struct frame *f = arg;

    if (f->use == FRAME_ANON) {
        swap_ref(s->vm, f->slot);
        pt_set(&s->pt, va, e, pte_make_swap(f->slot));
    } else {
        if (pte_dirty(*e))
            f->flags |= FRAME_F_DIRTY;
        pt_set(&s->pt, va, e, PTE_NONE);
    }
    rmap_count_resident(s, va, -1);
    return --f->maps > 0;
}

void rmap_unmap(struct vm *vm, struct frame *f)
{
    mm_assert(f->use == FRAME_OBJECT || f->slot != SLOT_NONE, "frame %u has no slot", frame_pfn(vm->pool, f));
    if (f->maps)
        rmap_each(vm, f, unmap_one, f);
    mm_assert(f->maps == 0, "frame %u of page %x has %u entries that nobody shows (INV-RMAP-1)",
              frame_pfn(vm->pool, f), f->index, f->maps);
}

/* Take the entry of a private copy away. Others that share the table lose it too: they share the mapping. */
static void forget_copy(struct space *s, vaddr_t va, pte_t *e)
{
    struct vm *vm = s->vm;
    pte_t old = *e;
    struct frame *f = pte_has_frame(old) ? pfn_frame(vm->pool, pte_pfn(old)) : NULL;

    if (pte_empty(old) || (f && f->use != FRAME_ANON))
        return;
    pt_set(&s->pt, va, e, PTE_NONE);
    if (f) {
        rmap_count_resident(s, va, -1);
        f->maps--;
        vm_frame_drop(vm, f);
    } else {
        swap_unref(vm, pte_slot(old));
    }
}

/* Where a private mapping shows pages [first, end) of its object. False: nowhere. */
static bool place_of_pages(const struct region *r, uint32_t first, uint32_t end, vaddr_t *from, vaddr_t *stop)
{
    uint32_t size = region_pages(r), lo = first > r->offset ? first - r->offset : 0,
             hi = end > r->offset ? end - r->offset : 0;

    if (hi > size)
        hi = size;
    *from = r->start + (lo << PAGE_SHIFT);
    *stop = r->start + (hi << PAGE_SHIFT);
    return lo < hi && !(r->flags & REGION_SHARED);
}

void rmap_forget_copies(struct object *o, uint32_t first, uint32_t end)
{
    for (struct region *r = o->regions; r; r = r->object_next) {
        struct space *s = r->space;
        vaddr_t from, stop;

        if (!place_of_pages(r, first, end, &from, &stop))
            continue;
        for (vaddr_t span = from; (span = pt_next_resident(&s->pt, span, stop)) < stop; span += PT_SPAN)
            for (vaddr_t va = span < from ? from : span; va < span + PT_SPAN && va < stop; va += PAGE_SIZE)
                forget_copy(s, va, pt_resident_entry(&s->pt, va));
    }
}

bool rmap_copies_out(struct object *o, uint32_t first, uint32_t end, struct space **s, vaddr_t *va)
{
    for (struct region *r = o->regions; r; r = r->object_next) {
        const struct pt *pt = &r->space->pt;
        vaddr_t from, stop;

        if (!place_of_pages(r, first, end, &from, &stop))
            continue;
        for (vaddr_t span = from; (span = pt_next_out(pt, span, stop)) < stop; span += PT_SPAN) {
            slot_t slot = pt_out_slot(pt, span);

            if (swap_bad(r->space->vm, slot) && !swap_cached(r->space->vm, slot))
                continue;
            *s = r->space;
            *va = span;
            return true;
        }
    }
    return false;
}
