/*
 * Fork: a second space over the same page tables.
 *
 * Forking copies the regions and lets the child name the parent's tables, so it
 * costs one step per region and per 4 MiB, not per page. The entries of both
 * directories are read-only then. The first change that one of them needs in a span gives it its own table:
 *
 *   others still name the table   split: copy it, count every name twice from now on, and write-protect
 *                                 the private entries of both copies
 *   nobody else does any more     claim: make the directory entry writable
 *
 * A table that is out is shared like the others: its slot gets one more name for the child's directory entry
 * (table.c). To become own it comes in first.
 *
 * After a split the ordinary copy-on-write of single pages begins. Entries of an object's pages
 * stay as they are: a shared mapping writes to the same page before and after.
 *
 * Data: tables' maps fields. Locking: the parent's lock for fork; space_own_table() wants the space's lock,
 * and splits in one nosleep section, since the other sharers do not know. Mostly an empty table is at hand
 * (table.h) and the shared one in memory, so that there is nothing to wait for.
 *
 * After a split no private entry of either copy is writable, which vm_verify() checks of every frame that has
 * several entries.
 *
 * How it fails: -ENOMEM, or -EIO if a table that is out cannot be read, with both spaces as they were.
 * Source: Zhao, Gong, Fonseca, "On-demand-fork", EuroSys 2021.
 */
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/moved.h"
#include "mm/softtlb.h"
#include "mm/space.h"
#include "mm/table.h"

/* Promise the child's pages region by region: what is too much at once for the machine is so of one region,
 * as when it was made. 0 or -ENOMEM, and nothing was promised. */
static __attribute__((noinline, cold)) int charge_each(struct vm *vm, const struct space *child)
{
    uint32_t charged = 0;

    for (const struct region *r = child->regions.first; r; r = r->next) {
        uint32_t pages = r->flags & REGION_CHARGED ? region_pages(r) : 0;

        if (commit_charge(vm, pages)) {
            commit_release(vm, charged);
            return -ENOMEM;
        }
        charged += pages;
    }
    return 0;
}

/*
 * Give the child all regions of its parent, for the moment also those that it is not to get. Nobody finds
 * the child yet but through the objects that its regions map, and it has no tables, so others may run after
 * each region. Sleeps.
 */
static int copy_regions(struct space *child, const struct space *parent)
{
    struct vm *vm = parent->vm;
    uint32_t charge = 0; /* pages that are promised to the child */
    int err;

    for (const struct region *r = parent->regions.first; r; r = r->next) {
        struct region *copy = vm_cache_alloc(vm, &vm->region_cache);

        if (unlikely(!copy)) {
            space_end_regions(child);
            return -ENOMEM;
        }
        *copy = *r;
        copy->space = child;
        copy->flags = r->flags & ~(unsigned)(REGION_LOCKED | REGION_ONFAULT); /* locks are not inherited */
        if (unlikely(copy->flags & REGION_DONTFORK))
            copy->flags &= ~(unsigned)REGION_CHARGED;
        if (copy->flags & REGION_CHARGED)
            charge += region_pages(r);
        region_append(&child->regions, copy);
        if (copy->object)
            object_attach(object_get(copy->object), copy);
        if (unlikely(region_is_moved(copy)))
            moved_insert(&child->moved, copy);
    }
    err = commit_charge(vm, charge);
    if (unlikely(err))
        err = charge_each(vm, child);
    if (unlikely(err)) {
        space_end_regions(child);
        return err;
    }
    region_copy_shape(&child->regions, &parent->regions);
    child->pages = parent->pages;
    child->pages.locked = 0;
    child->pages_peak = child->pages.total;
    return 0;
}

/* Take from the child the regions that it does not get, and the pages of those that it gets empty. */
static int take_back(struct space *child, const struct space *parent)
{
    for (const struct region *r = parent->regions.first; r; r = r->next) {
        int err;

        if (likely(!(r->flags & (REGION_DONTFORK | REGION_WIPEONFORK))))
            continue;
        child->tables_kept++;
        err = space_own_edges(child, r->start, r->end);
        if (!err)
            space_clear_range(child, r->start, r->end);
        child->tables_kept--;
        if (err)
            return err;
        if (r->flags & REGION_DONTFORK)
            space_delete_region(child, region_find(&child->regions, r->start));
    }
    return 0;
}

/* The child shares `tables` tables of its parent now. */
static inline void note_shared(const struct space *parent, const struct space *child, uint32_t tables)
{
    struct vm *vm = parent->vm;
    struct event_record *e = event_new(&vm->events);

    vm->stats.tables_shared += tables;
    e->kind = EVENT_SHARED;
    e->what = e->why = 0;
    e->flags = EVENT_OF_SPACE;
    e->who = parent->id;
    e->where = 0;
    e->arg = tables;
    e->cost = child->id;
}

/* In software TLB mode no table may stay shared (softtlb.c). Until each is one's own, none has entries that
 * translate, and none goes out. Nosleep. */
static void begin_parting(struct space *parent, struct space *child)
{
    softtlb_drop(parent, 0, SPACE_HI);
    parent->tables_kept++;
    child->tables_kept++;
}

/* 0, -ENOMEM or -EIO; then tables are shared until the child is destroyed. Sleeps. */
static int part(struct space *parent, struct space *child)
{
    int err = space_own_tables(child, 0, SPACE_HI);

    if (!err)
        err = space_own_tables(parent, 0, SPACE_HI);
    if (!err)
        child->tables_kept--;
    return err;
}

int space_fork(struct space *parent, struct space **child)
{
    struct vm *vm = parent->vm;
    struct space *s;
    bool parting = false;
    int err;

    mutex_lock(&parent->lock);
    s = space_alloc(vm, parent->family);
    err = s ? copy_regions(s, parent) : -ENOMEM;
    if (!err)
        err = softtlb_inherit(s, parent);
    if (s) {
        s->limit = parent->limit;
        s->stack_max = parent->stack_max;
        s->map_top = parent->map_top;
        s->set.most = parent->set.most;
        nosleep_enter("the family, and the counts of names of its shared tables");
        space_enter(s);
        if (!err) {
            parting = s->tlb;
            if (unlikely(parting))
                begin_parting(parent, s);
            note_shared(parent, s, pt_share_tables(&s->pt, &parent->pt));
            s->resident = parent->resident;
            if (unlikely(s->pt.out))
                table_count_shared(vm, &s->pt);
        }
        nosleep_exit();
    }
    if (!err)
        err = take_back(s, parent);
    if (!err && unlikely(s->tlb))
        err = part(parent, s);
    mutex_unlock(&parent->lock);
    if (!err)
        *child = s;
    else if (s)
        space_destroy(s);
    if (unlikely(parting))
        parent->tables_kept--;
    return err;
}

/* A table that is being copied. */
struct duplicate {
    struct vm *vm;
    struct frame *frames;
    ptrdiff_t copy; /* from an entry to its copy */
};

/* Copy an entry that names a frame, or is empty. Count the frame once more, and write-protect it in both
 * tables if it is private. So were the directory entries, and no flush is needed. */
static inline __attribute__((always_inline)) void duplicate_frame(pte_t *e, pte_t *copy, void *frames)
{
    pte_t value = pte_read(e);
    struct frame *f;

    if (pte_empty(value))
        return;
    *copy = value;
    f = (struct frame *)frames + pte_pfn(value);
    f->maps++;
    if (unlikely(f->use == FRAME_ANON))
        *e = *copy = pte_readonly(pte_read(e)); /* it is in no register any more */
}

/* Copy an entry, and count what it names once more. */
static inline __attribute__((always_inline)) void duplicate_entry(pte_t *e, void *arg)
{
    const struct duplicate *d = arg;

    if (likely(pte_has_frame(*e))) {
        duplicate_frame(e, e + d->copy, d->frames);
    } else {
        e[d->copy] = *e;
        swap_ref(d->vm, pte_slot(*e));
    }
}

/* The same for a whole table that names no slots, as nearly all do. */
static __attribute__((noinline)) void duplicate_frames(struct frame *frames, const struct frame *table,
                                                       pte_t *entries, pte_t *copy)
{
    pt_each_pair(table, entries, copy, duplicate_frame, frames);
}

/* Give copy, which is empty, the entries of a table that others name too. */
static void duplicate_entries(struct vm *vm, const struct frame *table, pte_t *copy)
{
    pte_t *entries = pt_table_entries(vm->pool, table);
    struct frame *frames = pfn_frame(vm->pool, 0);
    struct frame *zero = frames + vm->zero_pfn;
    uint32_t zero_maps = zero->maps;

    if (likely(!table->pins)) {
        duplicate_frames(frames, table, entries, copy);
    } else {
        struct duplicate d = {vm, frames, copy - entries};

        pt_each_entry(table, entries, duplicate_entry, &d);
    }
    zero->maps = zero_maps; /* of its entries nobody keeps a count */
}

/* The table of va is the space's own now. */
static inline __attribute__((always_inline)) void note_own(const struct space *s, enum event_kind kind,
                                                           vaddr_t va, const struct frame *table)
{
    struct event_record *e = event_new(&s->vm->events);

    e->kind = (uint8_t)kind;
    e->what = e->why = 0;
    e->flags = EVENT_OF_SPACE;
    e->frame = frame_pfn(s->vm->pool, table);
    e->who = s->id;
    e->where = PT_SPAN_DOWN(va);
}

bool space_own_table_at_once(struct space *s, vaddr_t va, struct frame **copy)
{
    struct vm *vm = s->vm;

    switch (pt_span(&s->pt, va)) {
    case PT_NONE:
        break;
    case PT_OUT:
        return false;
    case PT_OWN:
        if (pt_span_readonly(&s->pt, va)) {
            pt_claim_table(&s->pt, va);
            vm->stats.tables_claimed++;
            note_own(s, EVENT_CLAIMED, va, pt_resident_table(&s->pt, va));
        }
        break;
    case PT_SHARED:
        if (!*copy)
            *copy = table_try(vm);
        if (unlikely(!*copy))
            return false;
        duplicate_entries(vm, pt_resident_table(&s->pt, va), pt_table_entries(vm->pool, *copy));
        pt_split_table(&s->pt, va, *copy);
        vm->stats.tables_split++;
        note_own(s, EVENT_SPLIT, va, *copy);
        *copy = NULL;
        break;
    }
    return true;
}

int space_own_table(struct space *s, vaddr_t va)
{
    struct vm *vm = s->vm;
    struct frame *copy = NULL;
    bool read = false;
    int err = 0;

    might_sleep();
    /* Each step may sleep, so the table may go out meanwhile, or the other sharers be gone. */
    while (!err) {
        bool done;

        nosleep_enter("the table, its sharers and the counts of its entries");
        done = space_own_table_at_once(s, va, &copy);
        nosleep_exit();
        if (done)
            break;
        if (pt_span(&s->pt, va) == PT_OUT) {
            err = table_in(s, va, &read);
        } else {
            copy = table_alloc(vm);
            err = copy ? 0 : -ENOMEM;
        }
    }
    if (unlikely(copy))
        frame_free_clean(vm->pool, copy);
    return err;
}
