/*
 * Address spaces.
 *
 * A space is an ordered tree of regions (what is allowed) over page tables
 * (what is there). Mapping makes a region and touches no table; entries appear
 * by faults and disappear by unmapping, eviction and protection changes.
 *
 * Every change works in three steps. Validate: arguments, holes, room. Acquire:
 * the regions that splits need, and private copies of shared tables that would
 * be changed in part. Commit: only steps that cannot fail. So an error leaves
 * the space as it was, but for regions split at the edges of the range, which
 * nobody can see.
 *
 * Unmapping works on whole tables where it can. If no region is left in a span,
 * its table is dropped, shared or not: a shared table then merely loses a
 * root, without a copy. Only a span that keeps other regions is emptied entry by entry.
 *
 * Taking rights away changes entries; giving rights does not: the next fault
 * finds out. A region that allows nothing holds its frames in entries that are
 * not present (pte_hold()), so that they are found again when rights return.
 *
 * Data: struct space; regions and the making of entries are guarded by its
 * lock, entries themselves by nosleep sections, since eviction changes them
 * without the lock. Lock order: space, then reclaim, then nosleep.
 *
 * INV-SPACE-1  every non-empty entry lies in a region
 * INV-SPACE-2  a writable entry of a table that writes reach lies in a writable region
 * INV-SPACE-3  held entries are those of regions that allow nothing
 * INV-SPACE-4  a region knows its space, and its number is its address in pages
 *
 * How it fails: -ENOMEM before the commit. Source of the three steps: seL4's decode and invoke.
 */
#include "mm/space.h"
#include "mm/errno.h"

struct space *space_alloc(struct vm *vm, struct family *family)
{
    struct space *s = vm_cache_alloc(vm, &vm->space_cache);
    struct family *mine = NULL;

    if (!s)
        return NULL;
    if (!family) {
        mine = family = vm_cache_alloc(vm, &vm->family_cache);
        if (!family)
            goto no_family;
        *family = (struct family){0};
    }
    *s = (struct space){
        .vm = vm, .family = family, .stack_max = SPACE_STACK_MAX, .map_top = SPACE_HI, .id = ++vm->next_id};
    while (pt_create(&s->pt, vm->pool) != 0) {
        struct frame *f = vm_frame_alloc(vm, FRAME_TABLE, FRAME_LOW_ONLY); /* reclaims */

        if (!f)
            goto no_table;
        frame_free(vm->pool, f);
    }
    region_tree_init(&s->regions, SPACE_LO, SPACE_HI);

    nosleep_enter(); /* the lists that reclaim walks */
    s->family_next = family->spaces;
    if (s->family_next)
        s->family_next->family_prev = s;
    family->spaces = s;
    family->count++;
    s->all_next = vm->spaces;
    if (s->all_next)
        s->all_next->all_prev = s;
    vm->spaces = s;
    nosleep_exit();
    return s;

no_table:
    if (mine)
        cache_free(&vm->family_cache, mine);
no_family:
    cache_free(&vm->space_cache, s);
    return NULL;
}

struct space *space_create(struct vm *vm)
{
    return space_alloc(vm, NULL);
}

static void region_dispose(struct vm *vm, struct region *r)
{
    struct object *o = r->object;

    if (r->flags & REGION_LOCKED)
        vm->locked_regions--;
    if (o)
        object_detach(o, r);
    cache_free(&vm->region_cache, r);
    if (o)
        object_put(o);
}

void space_forget_entry(struct vm *vm, pte_t e)
{
    if (pte_is_swap(e)) {
        swap_unref(vm, pte_slot(e));
        return;
    }
    struct frame *f = pfn_frame(vm->pool, pte_pfn(e));

    if (pte_pfn(e) == vm->zero_pfn)
        return;
    f->maps--;
    if (f->use == FRAME_ANON)
        vm_frame_drop(vm, f);
    else if (pte_dirty(e))
        f->flags |= FRAME_F_DIRTY;
}

/* Drop the span's table; the last root gives up what its entries name. */
static void drop_table(struct space *s, vaddr_t va)
{
    struct frame *table = pt_drop_table(&s->pt, va);

    if (!table)
        return;
    pte_t *e = pt_table_entries(s->vm->pool, table);

    for (; table->used; e++)
        if (!pte_empty(*e)) {
            space_forget_entry(s->vm, *e);
            table->used--;
        }
    frame_free(s->vm->pool, table);
}

/* Empty the entries of [start, end), which lies in one span whose table is the space's own. */
static void clear_entries(struct space *s, vaddr_t start, vaddr_t end)
{
    enum { CHUNK = 32 };
    struct frame *table = pt_table(&s->pt, start);
    pte_t *e = pt_entry(&s->pt, start);
    vaddr_t va = start;

    while (va < end && table->used) {
        struct pt_batch batch;
        pte_t old[CHUNK];
        unsigned n = 0;

        /* What an entry named is given up only after the flush. */
        pt_batch_begin(&batch, &s->pt);
        for (; va < end && n < CHUNK && table->used; va += PAGE_SIZE, e++)
            if (!pte_empty(*e)) {
                old[n++] = *e;
                pt_batch_set(&batch, va, e, PTE_NONE);
            }
        pt_batch_end(&batch);
        for (unsigned i = 0; i < n; i++)
            space_forget_entry(s->vm, old[i]);
    }
}

/* Whether, once [start, end) is gone, no region is left in the span of va. */
static bool span_becomes_empty(struct space *s, vaddr_t va, vaddr_t start, vaddr_t end)
{
    vaddr_t span = PT_SPAN_DOWN(va);
    const struct region *r = region_first_above(&s->regions, span);

    for (; r && r->start < span + PT_SPAN; r = r->next)
        if (r->start < start || r->end > end) {
            vaddr_t lo = r->start > span ? r->start : span;
            vaddr_t hi = r->end - span < PT_SPAN ? r->end : span + PT_SPAN;

            if (lo < start || hi > end)
                return false;
        }
    return true;
}

/* Entries of [start, end), which must own every table that stays. */
static void clear_range(struct space *s, vaddr_t start, vaddr_t end)
{
    vaddr_t span = start;

    while ((span = pt_next_table(&s->pt, span, end)) < end) {
        vaddr_t lo = span > start ? span : start;
        vaddr_t hi = end - span < PT_SPAN ? end : span + PT_SPAN;

        nosleep_enter();
        if (span_becomes_empty(s, span, start, end))
            drop_table(s, span);
        else
            clear_entries(s, lo, hi);
        nosleep_exit();
        span += PT_SPAN;
    }
}

/* Own the tables at the edges of a range, as far as they stay. */
static int own_edges(struct space *s, vaddr_t start, vaddr_t end)
{
    vaddr_t edge[2] = {start, end - 1};

    for (unsigned i = 0; i < 2; i++) {
        if (span_becomes_empty(s, edge[i], start, end))
            continue;
        int err = space_own_table(s, edge[i]);

        if (err)
            return err;
    }
    return 0;
}

static int split_at(struct space *s, vaddr_t va)
{
    struct vm *vm = s->vm;
    struct region *r = region_find(&s->regions, va);
    struct region *upper;

    if (!r || r->start == va)
        return 0;
    upper = vm_cache_alloc(vm, &vm->region_cache);
    if (!upper)
        return -ENOMEM;
    region_split(&s->regions, r, va, upper);
    if (upper->object)
        object_attach(object_get(upper->object), upper);
    if (upper->flags & REGION_LOCKED)
        vm->locked_regions++;
    return 0;
}

/* Join what is alike in and at the edges of a range. */
static void merge_range(struct space *s, vaddr_t start, vaddr_t end)
{
    struct region *r = region_first_above(&s->regions, start - 1);

    while (r && r->start <= end) {
        struct region *next = r->next;

        if (next && region_continues(r, next)) {
            region_join(&s->regions, r, next);
            region_dispose(s->vm, next);
        } else {
            r = next;
        }
    }
}

/* Split at both ends of a range and own the edge tables. On an error the splits are undone. */
static int prepare_range(struct space *s, vaddr_t start, vaddr_t end)
{
    int err = split_at(s, start);

    if (!err)
        err = split_at(s, end);
    if (!err)
        err = own_edges(s, start, end);
    if (err)
        merge_range(s, start, end);
    return err;
}

/* size was rounded up, and is 0 if it wrapped. */
static bool range_ok(vaddr_t addr, size_t size)
{
    return !(addr & PAGE_MASK) && size && addr < SPACE_HI && size <= SPACE_HI - addr;
}

/* Commit of an unmap: the range was prepared. */
static void remove_range(struct space *s, vaddr_t start, vaddr_t end)
{
    struct region *r, *next;

    clear_range(s, start, end);
    for (r = region_first_above(&s->regions, start); r && r->start < end; r = next) {
        next = r->next;
        region_remove(&s->regions, r);
        region_dispose(s->vm, r);
    }
}

static int unmap_locked(struct space *s, vaddr_t start, vaddr_t end)
{
    const struct region *r = region_first_above(&s->regions, start);
    int err;

    if (!r || r->start >= end)
        return 0;
    err = prepare_range(s, start, end);
    if (!err)
        remove_range(s, start, end);
    return err;
}

int space_unmap(struct space *s, vaddr_t addr, size_t size)
{
    int err;

    size = PAGE_UP(size);
    if (!range_ok(addr, size))
        return -EINVAL;
    mutex_lock(&s->lock);
    err = unmap_locked(s, addr, addr + size);
    mutex_unlock(&s->lock);
    return err;
}

/* Where a mapping goes: *addr is the order or a hint, then the answer. */
static int choose_address(struct space *s, vaddr_t *addr, size_t size, unsigned flags)
{
    vaddr_t hint = PAGE_DOWN(*addr);

    if (flags & MAP_AT) {
        if (!range_ok(*addr, size) || *addr < SPACE_LO)
            return -EINVAL;
        if (flags & MAP_NOREPLACE)
            return region_is_free(&s->regions, *addr, *addr + size) ? 0 : -EEXIST;
        return unmap_locked(s, *addr, *addr + size);
    }
    if (hint >= SPACE_LO && hint <= SPACE_HI - size && region_is_free(&s->regions, hint, hint + size)) {
        *addr = hint;
        return 0;
    }
    if (!(flags & MAP_BOTTOM_UP) && region_gap(&s->regions, size, SPACE_LO, s->map_top, true, addr) == 0)
        return 0;
    return region_gap(&s->regions, size, SPACE_LO, SPACE_HI, !(flags & MAP_BOTTOM_UP), addr);
}

int space_map(struct space *s, vaddr_t *addr, size_t size, unsigned flags, struct object *object,
              uint32_t offset)
{
    struct vm *vm = s->vm;
    struct region *r;
    int err;

    if (size == 0 || (flags & REGION_SHARED && !object))
        return -EINVAL;
    if (size > SPACE_HI - SPACE_LO)
        return -ENOMEM;
    size = PAGE_UP(size);
    r = vm_cache_alloc(vm, &vm->region_cache);
    if (!r)
        return -ENOMEM;
    mutex_lock(&s->lock);
    err = choose_address(s, addr, size, flags);
    if (err) {
        mutex_unlock(&s->lock);
        cache_free(&vm->region_cache, r);
        return err;
    }
    *r = (struct region){
        .start = *addr,
        .end = *addr + (vaddr_t)size,
        .flags = flags & (REGION_PROT | REGION_SHARED | REGION_GROWSDOWN | REGION_LOCKED),
        .space = s,
        .object = object,
        .offset = object ? offset : 0,
        .number = *addr >> PAGE_SHIFT,
    };
    region_insert(&s->regions, r);
    if (object)
        object_attach(object_get(object), r);
    if (r->flags & REGION_LOCKED)
        vm->locked_regions++;
    merge_range(s, r->start, r->end);
    mutex_unlock(&s->lock);
    return 0;
}

/* Entries of a region in [start, end) after its rights changed. Tables are the space's own where rights were
 * lost. */
static void protect_entries(struct space *s, vaddr_t start, vaddr_t end, unsigned prot)
{
    bool hold = !(prot & REGION_PROT);
    bool write = prot & REGION_WRITE;
    vaddr_t span = start;

    while ((span = pt_next_table(&s->pt, span, end)) < end) {
        vaddr_t lo = span > start ? span : start;
        vaddr_t hi = end - span < PT_SPAN ? end : span + PT_SPAN;
        struct pt_batch batch;

        nosleep_enter();
        pte_t *e = pt_entry(&s->pt, lo);

        pt_batch_begin(&batch, &s->pt);
        for (vaddr_t va = lo; va < hi; va += PAGE_SIZE, e++) {
            if (!pte_has_frame(*e))
                continue;
            if (hold && pte_present(*e))
                pt_batch_set(&batch, va, e, pte_hold(*e));
            else if (!hold && !pte_present(*e))
                pt_batch_set(&batch, va, e, pte_unhold(*e));
            else if (!hold && !write && pte_writable(*e))
                pt_batch_set(&batch, va, e, pte_readonly(*e));
        }
        pt_batch_end(&batch);
        nosleep_exit();
        span += PT_SPAN;
    }
}

/* Whether the change of rights has to touch entries. */
static bool entries_change(const struct region *r, unsigned prot)
{
    unsigned old = r->flags & REGION_PROT;

    return (old & REGION_WRITE && !(prot & REGION_WRITE)) || !old != !prot;
}

static bool has_hole(struct space *s, vaddr_t start, vaddr_t end)
{
    const struct region *r = region_find(&s->regions, start);

    while (r && r->end < end) {
        if (!r->next || r->next->start != r->end)
            return true;
        r = r->next;
    }
    return !r;
}

int space_protect(struct space *s, vaddr_t addr, size_t size, unsigned prot)
{
    vaddr_t end;
    struct region *r;
    int err;

    size = PAGE_UP(size);
    if (!range_ok(addr, size) || prot & ~(unsigned)REGION_PROT)
        return -EINVAL;
    end = addr + (vaddr_t)size;
    mutex_lock(&s->lock);
    err = has_hole(s, addr, end) ? -ENOMEM : split_at(s, addr);
    if (!err)
        err = split_at(s, end);
    /* All tables whose entries will change, before the first change. */
    for (r = region_first_above(&s->regions, addr); !err && r && r->start < end; r = r->next)
        if (entries_change(r, prot))
            for (vaddr_t va = r->start; !err && (va = pt_next_table(&s->pt, va, r->end)) < r->end;
                 va += PT_SPAN)
                err = space_own_table(s, va);

    for (r = region_first_above(&s->regions, addr); !err && r && r->start < end; r = r->next) {
        bool change = entries_change(r, prot);

        r->flags = (r->flags & ~(unsigned)REGION_PROT) | prot;
        if (change)
            protect_entries(s, r->start, r->end, prot);
    }
    merge_range(s, addr, end);
    mutex_unlock(&s->lock);
    return err;
}

void space_clear(struct space *s)
{
    if (pt_active() == &s->pt)
        pt_activate(NULL);
    remove_range(s, SPACE_LO, SPACE_HI);
}

void space_destroy(struct space *s)
{
    struct vm *vm = s->vm;
    struct family *family = s->family;

    space_clear(s);
    nosleep_enter();
    if (s->family_prev)
        s->family_prev->family_next = s->family_next;
    else
        family->spaces = s->family_next;
    if (s->family_next)
        s->family_next->family_prev = s->family_prev;
    if (s->all_prev)
        s->all_prev->all_next = s->all_next;
    else
        vm->spaces = s->all_next;
    if (s->all_next)
        s->all_next->all_prev = s->all_prev;
    pt_destroy(&s->pt);
    nosleep_exit();
    if (--family->count == 0)
        cache_free(&vm->family_cache, family);
    cache_free(&vm->space_cache, s);
}

void space_activate(struct space *s)
{
    pt_activate(s ? &s->pt : NULL);
}

void space_usage(struct space *s, uint32_t *resident, uint32_t *swapped)
{
    *resident = *swapped = 0;
    nosleep_enter();
    for (vaddr_t va = 0; (va = pt_next_table(&s->pt, va, SPACE_HI)) < SPACE_HI; va += PT_SPAN) {
        const struct frame *table = pt_table(&s->pt, va);
        const pte_t *e = pt_table_entries(s->vm->pool, table);

        for (uint32_t left = table->used; left; e++) {
            left -= !pte_empty(*e);
            *resident += pte_has_frame(*e) && pte_pfn(*e) != s->vm->zero_pfn;
            *swapped += pte_is_swap(*e);
        }
    }
    nosleep_exit();
}

static bool table_entries_verify(struct space *s, vaddr_t span)
{
    const pte_t *e = pt_table_entries(s->vm->pool, pt_table(&s->pt, span));
    bool reach = !pt_span_held(&s->pt, span);
    bool ok = true;

    for (uint32_t i = 0; i < PT_TABLE_ENTRIES; i++, e++) {
        vaddr_t va = span + (i << PAGE_SHIFT);

        if (pte_empty(*e))
            continue;
        const struct region *r = region_first_above(&s->regions, va);
        bool inside = r && r->start <= va;

        INV("INV-SPACE-1", inside, "space %u at %x: entry outside every region", s->id, va);
        if (!inside)
            continue;
        INV("INV-SPACE-2", !reach || !pte_present(*e) || !pte_writable(*e) || r->flags & REGION_WRITE,
            "space %u at %x, region flags %x", s->id, va, r->flags);
        INV("INV-SPACE-3", !pte_has_frame(*e) || pte_present(*e) == !!(r->flags & REGION_PROT),
            "space %u at %x, region flags %x", s->id, va, r->flags);
    }
    return ok;
}

bool space_verify(struct space *s)
{
    bool ok = region_verify(&s->regions) && pt_verify(&s->pt);

    for (const struct region *r = s->regions.first; r; r = r->next)
        INV("INV-SPACE-4", r->space == s && r->number == r->start >> PAGE_SHIFT,
            "space %u: region at %x of space %p, number %x", s->id, r->start, (void *)r->space, r->number);
    for (vaddr_t va = 0; ok && (va = pt_next_table(&s->pt, va, SPACE_HI)) < SPACE_HI; va += PT_SPAN)
        ok &= table_entries_verify(s, va);
    return ok;
}
