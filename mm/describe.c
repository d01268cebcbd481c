/*
 * What is known of a page.
 *
 * Purpose. One question, "what is this page?", goes through everything that mm/ keeps: the region says what
 * is allowed, the directory entry and the entry say where the page is, the frame's record what the frame is
 * for, reverse mapping who else shows it, and the slot map what is on the disk. Each of these has its own
 * interface; here they are asked together, for /proc and for tests.
 *
 * Nothing is changed by looking: no accessed bit, no frame, no table that is out, no slot, and nothing is
 * read from a disk. What is not known in memory is answered as such: a page whose table is out is PAGE_OUT.
 *
 * Data: none of its own. Locking: nosleep sections; answers point to records, which are true until the caller
 * sleeps. No space's lock is needed, since regions change in nosleep sections too.
 *
 * Invariants: it keeps no state, so there are none of its own. The runs of a space cover each of its regions
 * from start to end, once and in order, and the state of a run is that of each of its pages
 * (tests/unit/describe.c asks page by page).
 *
 * How it fails: it cannot.
 */
#include "mm/describe.h"
#include "mm/swap_parts.h"

static const char *const state_names[PAGE_STATES] = {
    [PAGE_NONE] = "none",     [PAGE_ZERO] = "zero", [PAGE_PRIVATE] = "private", [PAGE_COW] = "shared",
    [PAGE_SHMEM] = "shmem",   [PAGE_FILE] = "file", [PAGE_PARKED] = "parked",   [PAGE_SWAPPED] = "swapped",
    [PAGE_CACHED] = "cached", [PAGE_LOST] = "lost", [PAGE_OUT] = "out",
};

const char *page_state_name(enum page_state state)
{
    return state < PAGE_STATES ? state_names[state] : "?";
}

/* How many spaces show a frame, of an entry in a table that so many roots name. */
static uint32_t mappings_of(const struct frame *f, uint32_t roots)
{
    return f->maps - 1 + roots;
}

/* Whether the policy has set aside the page of a parked entry. A software TLB parks entries of pages in use,
 * and then the frame says so; without one only a policy does. */
static bool is_set_aside(const struct space *s, const struct frame *f)
{
    return !s->tlb || f->flags & FRAME_F_PARKED;
}

/* The state of an entry of a space, in a table in memory that so many roots name. */
static enum page_state state_of(struct space *s, pte_t e, uint32_t roots)
{
    struct vm *vm = s->vm;
    const struct frame *f;

    if (pte_empty(e))
        return PAGE_NONE;
    if (pte_is_swap(e) && unlikely(swap_is_lost(vm, pte_slot(e))))
        return PAGE_LOST;
    if (pte_is_swap(e))
        return swap_cached(vm, pte_slot(e)) ? PAGE_CACHED : PAGE_SWAPPED;
    if (pte_pfn(e) == vm->zero_pfn)
        return PAGE_ZERO;
    f = pfn_frame(vm->pool, pte_pfn(e));
    if (f->use == FRAME_OBJECT)
        return object_is_shmem(f->owner) ? PAGE_SHMEM : PAGE_FILE;
    if (pte_parked(e) && is_set_aside(s, f))
        return PAGE_PARKED;
    return mappings_of(f, roots) > 1 ? PAGE_COW : PAGE_PRIVATE;
}

static void describe_slot(struct vm *vm, slot_t slot, struct slot_description *d)
{
    const struct swap_area *a = slot == SLOT_NONE ? NULL : swap_slot_area(&vm->swap, slot);

    *d = (struct slot_description){.slot = slot};
    if (!a || !swap_valid(vm, slot))
        return;
    d->device = a->dev;
    d->page = swap_slot_page(slot);
    d->names = swap_count(vm, slot);
    d->entries = swap_entries(vm, slot);
    d->bad = swap_bad(vm, slot);
    d->cached = swap_cached(vm, slot);
}

static bool is_pageable(const struct frame *f)
{
    return f->use == FRAME_ANON || f->use == FRAME_OBJECT;
}

static void describe_entry(struct description *d)
{
    struct vm *vm = d->space->vm;

    d->entry = *pt_resident_entry(&d->space->pt, d->va);
    d->state = state_of(d->space, d->entry, d->roots);
    d->no_place = pte_parked(d->entry) && d->space->tlb;
    if (pte_is_swap(d->entry)) {
        describe_slot(vm, pte_slot(d->entry), &d->slot);
        d->frame = d->slot.cached;
    } else if (pte_has_frame(d->entry)) {
        d->frame = pfn_frame(vm->pool, pte_pfn(d->entry));
        if (is_pageable(d->frame)) {
            d->mappings = mappings_of(d->frame, d->roots);
            d->set_aside = pte_parked(d->entry) && is_set_aside(d->space, d->frame);
            describe_slot(vm, d->frame->slot, &d->slot);
        }
    }
}

/* Where the object has the page that no entry names. */
static void describe_object(struct description *d)
{
    struct object *o = d->region->object;
    uintptr_t word = radix_get(&o->index, d->object_page);

    if (OBJECT_IS_FRAME(word))
        d->object_frame = pfn_frame(o->vm->pool, OBJECT_ENTRY_VALUE(word));
    else if (OBJECT_IS_SLOT(word))
        describe_slot(o->vm, OBJECT_ENTRY_VALUE(word), &d->object_slot);
}

void describe_page(struct space *s, vaddr_t va, struct description *d)
{
    va = PAGE_DOWN(va);
    *d = (struct description){.space = s, .va = va, .entry = PTE_NONE, .state = PAGE_NONE};
    d->region = region_first_above(&s->regions, va);
    if (d->region && d->region->start > va)
        d->region = NULL;
    if (d->region) {
        uint32_t page = (va - d->region->start) >> PAGE_SHIFT;

        d->number = d->region->number + page;
        d->object_page = d->region->offset + page;
    }
    d->span = pt_span(&s->pt, va);
    d->directory = pt_directory(&s->pt, va);
    switch (d->span) {
    case PT_NONE:
        break;
    case PT_OUT:
        d->state = PAGE_OUT;
        describe_slot(s->vm, pt_out_slot(&s->pt, va), &d->table_slot);
        break;
    case PT_OWN:
    case PT_SHARED:
        d->table = pt_resident_table(&s->pt, va);
        d->roots = d->table->maps;
        d->holds_writes = pt_span_readonly(&s->pt, va);
        describe_entry(d);
        break;
    }
    if (d->state == PAGE_NONE && d->region && d->region->object)
        describe_object(d);
}

struct places {
    describe_place_fn tell;
    void *arg;
    bool go_on;
};

static bool place(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    struct places *p = arg;

    p->go_on = p->tell(s, va, *e, p->arg);
    return p->go_on;
}

void describe_places(const struct description *d, describe_place_fn fn, void *arg)
{
    struct vm *vm = d->space->vm;
    struct places p = {.tell = fn, .arg = arg, .go_on = true};

    if (d->frame && is_pageable(d->frame) && d->frame->owner && d->frame->maps)
        rmap_each(vm, d->frame, place, &p);
    if (p.go_on && d->region && d->slot.slot != SLOT_NONE && d->slot.names && !d->slot.entries)
        rmap_each_swapped(d->space->family, d->number, d->slot.slot, place, &p);
}

/* The first region that has pages of the span of va. */
static bool is_first_in_span(struct space *s, const struct region *r, vaddr_t va)
{
    return region_first_above(&s->regions, PT_SPAN_DOWN(va)) == r;
}

static void run_of_entries(struct space *s, struct page_run *run, vaddr_t stop)
{
    const pte_t *e = pt_resident_entry(&s->pt, run->start);
    uint32_t roots = pt_resident_table(&s->pt, run->start)->maps;

    run->state = state_of(s, *e, roots);
    run->end = run->start;
    do {
        run->end += PAGE_SIZE;
        e++;
    } while (run->end < stop && state_of(s, *e, roots) == run->state);
}

bool describe_run(struct space *s, vaddr_t from, struct page_run *run)
{
    const struct region *r = region_first_above(&s->regions, from);
    vaddr_t stop, span;

    if (!r)
        return false;
    *run = (struct page_run){.start = r->start > from ? r->start : PAGE_DOWN(from)};
    span = PT_SPAN_DOWN(run->start);
    stop = r->end - span < PT_SPAN ? r->end : span + PT_SPAN;
    switch (pt_span(&s->pt, run->start)) {
    case PT_NONE:
        span = pt_next_span(&s->pt, run->start, r->end);
        run->state = PAGE_NONE;
        run->end = span < r->end ? span : r->end;
        break;
    case PT_OUT:
        run->state = PAGE_OUT;
        run->end = stop;
        if (is_first_in_span(s, r, run->start))
            run->entries = swap_entries(s->vm, pt_out_slot(&s->pt, run->start));
        break;
    case PT_OWN:
    case PT_SHARED:
        run_of_entries(s, run, stop);
        break;
    }
    return true;
}
