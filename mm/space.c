/*
 * Address spaces.
 *
 * A space is an ordered tree of regions (what is allowed) over page tables
 * (what is there). Mapping makes a region and touches no table; entries appear
 * by faults and disappear by unmapping, eviction and protection changes.
 *
 * Every change works in three steps. Validate: arguments, holes, room, limits. Acquire:
 * what may have been promised (commit.h), the regions that splits need, and private copies of shared tables
 * that would be changed in part. Commit: only steps that cannot fail. So an error leaves the space as it was,
 * but for regions split at the edges of the range, which nobody can see. Protecting (protect.c) and locking
 * (populate.c) go on region by region, as their callers expect: what precedes a hole stays changed.
 *
 * Unmapping works on whole tables where it can. If no region is left in a span,
 * its table is dropped, shared or not: a shared table then merely loses a
 * root, without a copy. Only a span that keeps other regions is emptied entry by entry. Frames go back in
 * runs. A region that is mapped next to one that it continues, and one that is unmapped at an end, only
 * change the boundary of the region that stays.
 *
 * A table that is out (table.c) goes without being brought in if all of its span goes. To change a part of
 * it, it comes in, as one of the things to be acquired; from then to the commit it stays (tables_kept).
 *
 * A private page has a number in its family (rmap.c). It is its address in pages, unless its region was moved
 * (remap.c); a space finds those by their numbers (moved.c).
 *
 * Data: struct space; regions, counts and the making of entries are guarded by its
 * lock, entries themselves and the tree of moved regions by nosleep sections, since eviction looks at them
 * without the lock. Lock order: space, then reclaim, then nosleep.
 *
 * INV-SPACE-2 and -3 hold while nobody has the space's lock: a change of rights goes through a range in
 *             steps.
 *
 * INV-SPACE-1  every non-empty entry lies in a region
 * INV-SPACE-2  a writable entry of a table that writes reach, or one that will be so when it is put back,
 *              lies in a writable region
 * INV-SPACE-3  held entries are those of regions that allow nothing; these have no others with frames
 * INV-SPACE-4  a region knows its space, and is listed as moved if and only if its number is not its address
 * INV-SPACE-5  pages counts what the regions hold
 * INV-SPACE-6  resident counts the entries that name a page, the zero page apart
 *
 * How it fails: -ENOMEM, or -EIO for a table that cannot be read, before the commit. Source of the three
 * steps: seL4's decode and invoke.
 */
#include "mm/space.h"
#include "mm/errno.h"
#include "mm/moved.h"
#include "mm/softtlb.h"
#include "mm/table.h"

/* A stack whose limit is larger than a quarter of the space, or none, gets no more than that set aside. */
#define STACK_ROOM_MAX ((size_t)(SPACE_HI - SPACE_LO) / 4)

/* Regions that were moved from a place are a crowd. */
#define CROWD 32u
/* Numbers of pages from here on are no addresses. */
#define FRESH_NUMBERS (USER_END >> PAGE_SHIFT)

/* Regions that the end of a space frees without a chance for others. */
#define REGIONS_AT_ONCE 256u

/* To make a root is to copy a page, so the vm keeps one of a space that has ended. 0 or -ENOMEM. Sleeps. */
static int root_take(struct vm *vm, struct pt *pt)
{
    if (likely(vm->tables.root.top)) {
        pt_hand_over(&vm->tables.root, pt);
        return 0;
    }
    while (pt_create(pt, vm->pool) != 0) {
        struct frame *f = vm_frame_alloc(vm, FRAME_TABLE, FRAME_LOW_ONLY); /* it is for its reclaiming */

        if (!f)
            return -ENOMEM;
        frame_free(vm->pool, f);
    }
    return 0;
}

static void root_give_back(struct vm *vm, struct pt *pt)
{
    if (vm->tables.root.top)
        pt_destroy(pt);
    else
        pt_hand_over(pt, &vm->tables.root);
}

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
        .vm = vm,
        .family = family,
        .limit = {UINT32_MAX, UINT32_MAX, UINT32_MAX},
        .map_top = SPACE_HI,
        .plain_below = USER_END,
        .stack_max = SPACE_STACK_MAX,
        .id = ++vm->next_id,
    };
    if (root_take(vm, &s->pt) != 0)
        goto no_table;
    if (mine)
        mine->id = s->id;
    s->pt.owner = family;
    s->pt.idle = &vm->tables.idle;
    region_tree_init(&s->regions, SPACE_LO, SPACE_HI);
    policy_set_init(&s->set, vm->pool, s->pt.root, vm_rss_limit(vm));
    return s;

no_table:
    if (mine)
        cache_free(&vm->family_cache, mine);
no_family:
    cache_free(&vm->space_cache, s);
    return NULL;
}

void space_enter(struct space *s)
{
    struct vm *vm = s->vm;
    struct family *family = s->family;

    nosleep_enter("the lists that reclaim walks");
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
}

struct space *space_create(struct vm *vm)
{
    struct space *s = space_alloc(vm, NULL);

    if (s)
        space_enter(s);
    return s;
}

/* --- regions, their counts and limits --- */

/* Add n (which may be the negative of a number) to the counts that flags belong to. */
static inline void count_pages(struct space_pages *p, unsigned flags, uint32_t n)
{
    p->total += n;
    if (flags & REGION_GROWSDOWN)
        p->stack += n;
    else if ((flags & (REGION_WRITE | REGION_SHARED)) == REGION_WRITE)
        p->data += n;
    else if ((flags & (REGION_EXEC | REGION_WRITE)) == REGION_EXEC)
        p->exec += n;
    if (flags & REGION_LOCKED)
        p->locked += n;
}

static inline void count_in(struct space *s, unsigned flags, uint32_t pages)
{
    count_pages(&s->pages, flags, pages);
    if (s->pages.total > s->pages_peak)
        s->pages_peak = s->pages.total;
}

void space_count(struct space *s, const struct region *r)
{
    count_in(s, r->flags, region_pages(r));
}

void space_uncount(struct space *s, const struct region *r)
{
    count_pages(&s->pages, r->flags, 0u - region_pages(r));
}

/* Let a region be found by its pages' numbers, if it has to be. */
static inline void list_moved(struct space *s, struct region *r)
{
    if (unlikely(region_is_moved(r)))
        moved_insert(&s->moved, r);
}

/* It is no longer, since it ends or is about to change. Whether it was. */
static inline bool unlist_moved(struct space *s, struct region *r)
{
    bool listed = unlikely(s->moved) && region_is_moved(r);

    if (listed)
        moved_remove(&s->moved, r);
    return listed;
}

/* What hangs on a region that is in the tree now, and no longer. Neither counts it. */
static inline __attribute__((always_inline)) void region_begin(struct space *s, struct region *r)
{
    if (unlikely(r->flags & REGION_LOCKED))
        s->vm->locked_regions++;
    if (r->object)
        object_attach(r->object, r);
    list_moved(s, r);
}

static inline __attribute__((always_inline)) void region_end(struct space *s, struct region *r)
{
    struct object *o = r->object;

    if (unlikely(r->flags & REGION_LOCKED)) {
        s->vm->locked_regions--;
        s->vm->unlocked = true;
    }
    unlist_moved(s, r);
    if (o)
        object_detach(o, r);
    cache_free(&s->vm->region_cache, r);
    if (o)
        object_put(o);
}

void space_add_region(struct space *s, struct region *r)
{
    region_insert(&s->regions, r);
    region_begin(s, r);
    space_count(s, r);
}

void space_end_regions(struct space *s)
{
    struct region *r = s->regions.first, *next;

    region_tree_init(&s->regions, SPACE_LO, SPACE_HI);
    for (; r; r = next) {
        next = r->next;
        region_end(s, r);
        might_sleep();
    }
}

static inline __attribute__((always_inline)) void delete_region(struct space *s, struct region *r)
{
    count_pages(&s->pages, r->flags, 0u - region_pages(r));
    region_remove(&s->regions, r);
    region_end(s, r);
}

void space_delete_region(struct space *s, struct region *r)
{
    delete_region(s, r);
}

void space_set_flags(struct space *s, struct region *r, unsigned flags)
{
    uint32_t pages = region_pages(r);

    if (unlikely((r->flags ^ flags) & REGION_LOCKED)) {
        s->vm->locked_regions += flags & REGION_LOCKED ? 1u : 0u - 1u;
        s->vm->unlocked |= !(flags & REGION_LOCKED);
    }
    count_pages(&s->pages, r->flags, 0u - pages);
    count_pages(&s->pages, flags, pages);
    r->flags = flags;
}

int space_split_region(struct space *s, struct region *r, vaddr_t va)
{
    struct vm *vm = s->vm;
    struct region *upper;
    bool listed;

    if (s->regions.count >= vm->max_regions)
        return -ENOMEM;
    upper = vm_cache_alloc(vm, &vm->region_cache);
    if (!upper)
        return -ENOMEM;
    listed = unlist_moved(s, r);
    region_split(&s->regions, r, va, upper);
    if (listed)
        moved_insert(&s->moved, r);
    if (upper->object)
        object_get(upper->object);
    region_begin(s, upper);
    return 0;
}

void space_resize_region_slow(struct space *s, struct region *r, vaddr_t start, vaddr_t end)
{
    bool listed = unlist_moved(s, r);

    region_resize(&s->regions, r, start, end);
    if (listed)
        moved_insert(&s->moved, r);
}

/* Join b into a, if it continues it. Whether it does. */
static inline bool join(struct space *s, struct region *a, struct region *b)
{
    bool listed = unlist_moved(s, a), joined = region_join(&s->regions, a, b);

    if (listed)
        moved_insert(&s->moved, a);
    if (joined)
        region_end(s, b);
    return joined;
}

int space_split(struct space *s, vaddr_t va)
{
    struct region *r = region_find(&s->regions, va);

    return r && r->start != va ? space_split_region(s, r, va) : 0;
}

void space_merge_from(struct space *s, struct region *r, vaddr_t end)
{
    while (r && r->start <= end) {
        struct region *next = r->next;

        if (next && join(s, r, next))
            might_sleep();
        else
            r = next;
    }
}

void space_merge(struct space *s, vaddr_t start, vaddr_t end)
{
    space_merge_from(s, region_first_above(&s->regions, start - 1), end);
}

/* --- entries --- */

/* Frames that are freed together, and where they stand if no policy has to be told. Nothing sleeps between
 * begin and end. */
struct leavers {
    struct frame_batch batch;
    struct frame *frames; /* of the pool */
    struct frame_list *list;
    uint16_t plain;
    uint32_t others; /* entries that named no resident page: slots, the zero page */
};

static inline void leavers_begin(struct leavers *l, struct vm *vm)
{
    frame_batch_begin(&l->batch, vm->pool, FRAME_ANON);
    l->frames = pfn_frame(vm->pool, 0);
    l->list = vm->pageable.plain_list;
    l->plain = vm->pageable.plain;
    l->others = 0;
}

/* What an entry named loses that name. Anonymous frames that nothing else names go to the batch. */
static inline void forget_entry(struct vm *vm, pte_t e, struct leavers *l)
{
    pfn_t pfn = pte_pfn(e);
    struct frame *f;

    if (unlikely(pte_is_swap(e))) {
        swap_unref(vm, pte_slot(e));
        l->others++;
        return;
    }
    f = l->frames + pfn;
    if (likely(f->use == FRAME_ANON && f->maps == 1 && !(f->pins | f->slot) &&
               (f->flags & FRAME_F_NOT_FREEABLE) == l->plain)) {
        f->maps = 0;
        frame_list_cut(vm->pool, l->list, f);
        frame_batch_free(&l->batch, f, pfn);
    } else if (pfn != vm->zero_pfn) {
        f->maps--;
        if (f->use == FRAME_ANON) {
            if (!f->maps)
                vm_frame_drop_last_with_range(vm, f);
        } else if (pte_dirty(e)) {
            f->flags |= FRAME_F_DIRTY;
        }
    } else {
        l->others++;
    }
}

/* Entries of a table that name a page, the zero page apart. */
static uint32_t resident_entries(const struct vm *vm, const struct frame *table)
{
    const pte_t *e = pt_table_entries(vm->pool, table);
    uint32_t n = 0;

    for (uint32_t i = 0; (i = pt_next_entry(table, e, i)) < PT_TABLE_ENTRIES; i++)
        n += pte_has_frame(e[i]) && pte_pfn(e[i]) != vm->zero_pfn;
    return n;
}

/* So many entries of [va, end) have been emptied. */
static inline void note_unmapped(struct space *s, vaddr_t va, vaddr_t end, uint32_t pages)
{
    struct event_record *e;

    if (!pages)
        return;
    e = event_new(&s->vm->events);
    e->kind = EVENT_UNMAPPED;
    e->what = e->why = 0;
    e->flags = EVENT_OF_SPACE;
    e->who = s->id;
    e->where = va;
    e->arg = pages;
    e->cost = (end - va) >> PAGE_SHIFT;
}

struct forget {
    struct vm *vm;
    struct leavers leavers;
};

static inline __attribute__((always_inline)) void forget_one(pte_t *e, void *arg)
{
    struct forget *f = arg;

    forget_entry(f->vm, *e, &f->leavers);
    *e = PTE_NONE;
}

/* The last root has dropped the table of va: give up what its entries name, and empty them, so that the frame
 * is as the next table needs it. How many there were. */
static __attribute__((noinline)) uint32_t end_table(struct space *s, vaddr_t va, struct frame *table)
{
    struct vm *vm = s->vm;
    struct forget forget;
    uint32_t pages;

    forget.vm = vm;
    leavers_begin(&forget.leavers, vm);
    pages = pt_each_entry(table, pt_table_entries(vm->pool, table), forget_one, &forget);
    space_resident_less(s, pages - forget.leavers.others);
    frame_batch_end(&forget.leavers.batch);
    mm_assert(pages == table->used, "table at %x has %u entries, says %u", va, pages, table->used);
    table_free(vm, &s->pt, table);
    return pages;
}

/* Drop the span's table. How many entries went with it. */
static inline uint32_t drop_table(struct space *s, vaddr_t va)
{
    struct frame *table = pt_resident_table(&s->pt, va);

    if (table->maps > 1 && !s->ending)
        space_resident_less(s, resident_entries(s->vm, table));
    table = pt_drop_table(&s->pt, va);
    return table ? end_table(s, va, table) : 0;
}

/* Empty the entries of [start, end), which lies in one span whose table is own. How many there were. */
static uint32_t clear_entries(struct space *s, vaddr_t start, vaddr_t end)
{
    enum { CHUNK = 64 };
    struct leavers leavers;
    pte_t old[CHUNK];
    uint32_t sum = 0;
    unsigned n;

    leavers_begin(&leavers, s->vm);
    /* What an entry named is given up only after the flush. */
    for (; (n = pt_take_entries(&s->pt, &start, end, old, CHUNK)) != 0; sum += n)
        for (unsigned i = 0; i < n; i++)
            forget_entry(s->vm, old[i], &leavers);
    space_resident_less(s, sum - leavers.others);
    frame_batch_end(&leavers.batch);
    return sum;
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

void space_clear_entries(struct space *s, vaddr_t start, vaddr_t end)
{
    uint32_t pages = 0;

    for (vaddr_t span = start; span < end && (span = pt_next_span(&s->pt, span, end)) < end;
         span += PT_SPAN) {
        if (pt_is_out(&s->pt, span)) {
            table_drop_out(s, span);
            if (pt_span(&s->pt, span) == PT_NONE)
                continue;
        }
        nosleep_enter("page-table entries and the counts of their frames");
        pages += clear_entries(s, span > start ? span : start, end - span < PT_SPAN ? end : span + PT_SPAN);
        nosleep_exit();
        might_sleep();
    }
    note_unmapped(s, start, end, pages);
}

/* space_clear_range() without its event. How many entries there were. Sleeps. */
static inline __attribute__((always_inline)) uint32_t clear_range(struct space *s, vaddr_t start, vaddr_t end)
{
    uint32_t pages = 0;

    for (vaddr_t span = start; span < end && (span = pt_next_span(&s->pt, span, end)) < end;
         span += PT_SPAN) {
        vaddr_t lo = span > start ? span : start;
        vaddr_t hi = end - span < PT_SPAN ? end : span + PT_SPAN;
        struct frame *table;
        bool drop = hi - lo == PT_SPAN;

        might_sleep();
        if (pt_is_out(&s->pt, span) && (drop || span_becomes_empty(s, span, start, end)))
            table_drop_out(s, span); /* it may have come in behind our back */
        table = pt_resident_table(&s->pt, span);
        if (unlikely(!table))
            continue;
        nosleep_enter("the table and the counts of its entries");
        if (!drop) {
            /* Entries that are left show that there are other regions, so the tree need not be looked at. */
            if (table->maps == 1)
                pages += clear_entries(s, lo, hi);
            drop = (table->maps > 1 || !table->used) && span_becomes_empty(s, span, start, end);
        }
        if (drop)
            pages += drop_table(s, span);
        else if (unlikely(!table->used))
            pt_list_idle(&s->pt, table); /* reclaim may have it */
        nosleep_exit();
    }
    return pages;
}

void space_clear_range(struct space *s, vaddr_t start, vaddr_t end)
{
    note_unmapped(s, start, end, clear_range(s, start, end));
}

int space_own_edges_slow(struct space *s, vaddr_t start, vaddr_t end)
{
    vaddr_t edge[2] = {start, end - 1};
    unsigned spans = PT_SPAN_DOWN(start) == PT_SPAN_DOWN(end - 1) ? 1 : 2;

    for (unsigned i = 0; i < spans; i++) {
        if (pt_span_settled(&s->pt, edge[i]) || span_becomes_empty(s, edge[i], start, end))
            continue;
        int err = space_own_table(s, edge[i]);

        if (err)
            return err;
    }
    return 0;
}

int space_own_tables(struct space *s, vaddr_t start, vaddr_t end)
{
    int err = 0;

    for (vaddr_t va = start; !err && va < end && (va = pt_next_span(&s->pt, va, end)) < end; va += PT_SPAN)
        if (!pt_span_settled(&s->pt, va) &&
            (!pt_is_out(&s->pt, va) || swap_count(s->vm, pt_out_slot(&s->pt, va)) > 1))
            err = space_own_table(s, va);
    return err;
}

void space_trim_tables(struct space *s, vaddr_t start, vaddr_t end)
{
    nosleep_enter("the tables that are looked at");
    for (vaddr_t va = start; (va = pt_next_resident(&s->pt, va, end)) < end; va += PT_SPAN)
        if (!pt_resident_table(&s->pt, va)->used)
            drop_table(s, va);
    nosleep_exit();
}

/* --- unmapping --- */

/* Commit of an unmap: r is the first region, the tables at the edges are owned, and no region reaches beyond
 * both ends. */
static void remove_range(struct space *s, struct region *r, vaddr_t start, vaddr_t end)
{
    struct vm *vm = s->vm;
    struct region *next;

    if (pt_next_span(&s->pt, start, end) < end)
        space_clear_range(s, start, end);
    for (; r && r->start < end; r = next) {
        vaddr_t lo, hi;

        next = r->next;
        if (r->start >= start && r->end <= end) {
            if (r->flags & REGION_CHARGED)
                commit_release(vm, region_pages(r));
            delete_region(s, r);
            might_sleep();
            continue;
        }
        lo = r->start > start ? r->start : start;
        hi = r->end < end ? r->end : end;
        if (r->flags & REGION_CHARGED)
            commit_release(vm, (hi - lo) >> PAGE_SHIFT);
        count_pages(&s->pages, r->flags, 0u - ((hi - lo) >> PAGE_SHIFT));
        if (lo == r->start)
            space_resize_region(s, r, hi, r->end);
        else
            space_resize_region(s, r, r->start, lo);
    }
}

int space_unmap_locked(struct space *s, vaddr_t start, vaddr_t end)
{
    struct region *r = region_first_above(&s->regions, start);
    bool inside;
    int err = 0;

    if (!r || r->start >= end)
        return 0;
    inside = r->start < start && r->end > end;
    if (inside)
        err = space_split(s, end);
    s->tables_kept++;
    if (!err)
        err = space_own_edges(s, start, end);
    if (!err)
        remove_range(s, r, start, end);
    else if (inside)
        space_merge(s, end, end);
    s->tables_kept--;
    return err;
}

int space_unmap(struct space *s, vaddr_t addr, size_t size)
{
    int err;

    size = PAGE_UP(size);
    if (!space_range_ok(addr, size))
        return -EINVAL;
    mutex_lock(&s->lock);
    err = space_unmap_locked(s, addr, addr + (vaddr_t)size);
    mutex_unlock(&s->lock);
    return err;
}

/* --- mapping --- */

/* What a region keeps free below itself: what a stack may still take, or in a crowded space only its gap. */
static vaddr_t room_below(const struct space *s, const struct region *r, bool whole)
{
    vaddr_t room = r->start - SPACE_LO, want = SPACE_STACK_GAP;

    if (!(r->flags & REGION_GROWSDOWN))
        return 0;
    if (whole) {
        size_t max = s->stack_max < STACK_ROOM_MAX ? s->stack_max : STACK_ROOM_MAX;
        size_t size = r->end - r->start;

        want = max > size ? (vaddr_t)(max - size) : 0;
    }
    return want < room ? want : room;
}

/* Whether a new mapping, below which nothing is in the way, ends early enough for the region above. */
static bool leaves_room(const struct space *s, const struct region *above, vaddr_t end, bool whole)
{
    return !above || end <= above->start - room_below(s, above, whole);
}

static inline __attribute__((always_inline)) int
search_gap(struct space *s, size_t size, vaddr_t hi, bool bottom_up, bool whole, struct region_gap *gap)
{
    vaddr_t lo = SPACE_LO;

    for (;;) {
        int err = region_find_gap(&s->regions, size, lo, hi, !bottom_up, gap);

        if (err || leaves_room(s, gap->above, gap->start + (vaddr_t)size, whole))
            return err;
        /* The gap is too near to a stack above, so the search goes on beyond its room. */
        if (bottom_up)
            lo = gap->above->end;
        else
            hi = gap->above->start - room_below(s, gap->above, whole);
    }
}

static __attribute__((noinline)) int find_gap(struct space *s, size_t size, bool bottom_up, bool whole,
                                              struct region_gap *gap)
{
    return search_gap(s, size, SPACE_HI, bottom_up, whole, gap);
}

int space_gap(struct space *s, vaddr_t hint, size_t size, bool bottom_up, struct region_gap *gap)
{
    hint = PAGE_DOWN(hint);
    if (hint && hint < SPACE_LO)
        hint = SPACE_LO;
    if (hint && hint <= SPACE_HI - size) {
        *gap = (struct region_gap){.start = hint, .above = region_first_above(&s->regions, hint)};
        if (leaves_room(s, gap->above, hint + (vaddr_t)size, false))
            return 0;
    }
    if (likely(!bottom_up) && search_gap(s, size, s->map_top, false, true, gap) == 0)
        return 0;
    if (find_gap(s, size, true, true, gap) == 0)
        return 0;
    return find_gap(s, size, bottom_up, false, gap);
}

/* Where a mapping goes: addr is the order or a hint. What is above an order is known only when that place is
 * free. */
static int choose_place(struct space *s, vaddr_t addr, size_t size, unsigned flags, struct region_gap *gap)
{
    if (!(flags & MAP_AT))
        return space_gap(s, addr, size, flags & MAP_BOTTOM_UP, gap);
    if (addr > SPACE_HI - size)
        return -ENOMEM;
    if (addr & PAGE_MASK)
        return -EINVAL;
    if (addr < SPACE_LO)
        return -EPERM;
    gap->start = addr;
    gap->above = region_first_above(&s->regions, addr);
    if (flags & MAP_NOREPLACE && gap->above && gap->above->start < addr + (vaddr_t)size)
        return -EEXIST;
    return 0;
}

/* Pages of regions in a range. */
static uint32_t mapped_pages(struct space *s, vaddr_t start, vaddr_t end)
{
    uint32_t n = 0;

    for (const struct region *r = region_first_above(&s->regions, start); r && r->start < end; r = r->next)
        n += ((r->end < end ? r->end : end) - (r->start > start ? r->start : start)) >> PAGE_SHIFT;
    return n;
}

/* Whether limits allow a mapping, which may replace what is there. */
static int admit(struct space *s, vaddr_t addr, size_t size, unsigned flags)
{
    uint32_t pages = (uint32_t)(size >> PAGE_SHIFT);
    int err = space_may_add(s, flags, pages);

    if (err == -ENOMEM && flags & MAP_AT)
        err = space_may_add(s, flags, pages - mapped_pages(s, addr, addr + (vaddr_t)size));
    return err;
}

/*
 * The number of a new region's first page: its address, unless pages of many regions that were moved away
 * from there have that. Who looks for a page by its number would have to look at all of them; so it gets
 * numbers that no address has, as long as there are any.
 */
static uint32_t number_for(struct space *s, const struct region *r)
{
    uint32_t number = r->start >> PAGE_SHIFT, pages = region_pages(r);
    struct family *family = s->family;

    if (likely(!s->moved) || moved_count(s->moved, number, number + pages, CROWD) < CROWD ||
        pages > UINT32_MAX - FRESH_NUMBERS - family->numbers)
        return number;
    number = FRESH_NUMBERS + family->numbers;
    family->numbers += pages;
    return number;
}

/* Map r, which says everything but where. It is used up if this succeeds. */
static int map_locked(struct space *s, vaddr_t *addr, struct region *r, size_t size, unsigned flags)
{
    struct vm *vm = s->vm;
    struct region *before;
    struct region_gap gap;
    uint32_t charge = 0;
    int err = s->regions.count > vm->max_regions ? -ENOMEM : choose_place(s, *addr, size, flags, &gap);

    if (err)
        return err;
    r->start = *addr = gap.start;
    r->end = r->start + (vaddr_t)size;
    r->number = number_for(s, r);
    err = admit(s, r->start, size, r->flags | (flags & MAP_AT));
    if (!err && space_charges(r->flags)) {
        r->flags |= REGION_CHARGED;
        charge = region_pages(r);
        err = commit_charge(vm, charge);
    }
    if (err)
        return err;
    if (flags & MAP_AT && gap.above && gap.above->start < r->end) {
        err = space_unmap_locked(s, r->start, r->end);
        if (err) {
            commit_release(vm, charge);
            return err;
        }
        gap.above = region_first_above(&s->regions, r->start);
    }
    if (r->object && r->object->sealed && (r->flags & (REGION_SHARED | REGION_NOWRITE)) == REGION_SHARED) {
        commit_release(vm, charge);
        return -EPERM;
    }
    before = gap.above ? gap.above->prev : s->regions.last;
    count_in(s, r->flags, region_pages(r));
    if (before && region_continues(before, r)) {
        space_resize_region(s, before, before->start, r->end);
        cache_free(&vm->region_cache, r);
        r = before;
    } else {
        if (r->object)
            object_get(r->object);
        region_insert_below(&s->regions, r, gap.above);
        region_begin(s, r);
    }
    if (gap.above)
        join(s, r, gap.above);
    return 0;
}

/* What a new region begins as; NULL: no memory. What is not set is set by who puts it where it belongs:
 * map_locked(), region.c, object_attach(), moved.c. */
static struct region *new_region(struct space *s, unsigned flags, struct object *object, uint32_t offset)
{
    struct region *r = vm_cache_alloc(s->vm, &s->vm->region_cache);

    if (!r)
        return NULL;
    r->flags = flags & REGION_FLAGS & ~(unsigned)REGION_CHARGED;
    r->space = s;
    r->object = object;
    r->offset = object ? offset : 0;
    if (s->vm->overcommit == COMMIT_STRICT)
        r->flags &= ~(unsigned)REGION_NORESERVE;
    return r;
}

int space_map(struct space *s, vaddr_t *addr, size_t size, unsigned flags, struct object *object,
              uint32_t offset)
{
    struct region *r;
    int err;

    if (size == 0 || (flags & REGION_SHARED && !object))
        return -EINVAL;
    if (size > SPACE_HI - SPACE_LO)
        return -ENOMEM;
    if (object && offset + (uint32_t)PAGES_OF(size) - 1 < offset)
        return -EOVERFLOW;
    r = new_region(s, flags, object, offset);
    if (!r)
        return -ENOMEM;
    mutex_lock(&s->lock);
    r->flags |= s->lock_future;
    err = map_locked(s, addr, r, PAGE_UP(size), flags);
    mutex_unlock(&s->lock);
    if (err)
        cache_free(&s->vm->region_cache, r);
    return err;
}

/* The region at start, if all of [start, end) is shared memory of one object, mapped alike. */
static struct region *find_shared(struct space *s, vaddr_t start, vaddr_t end)
{
    struct region *first = region_find(&s->regions, start), *r = first;

    /* What can never be written counts as not shared, as on Linux. */
    if (!r || (r->flags & (REGION_SHARED | REGION_NOWRITE)) != REGION_SHARED)
        return NULL;
    while (r && r->end < end) {
        struct region *next = r->next;

        r = next && next->start == r->end && next->object == r->object && next->flags == r->flags ? next
                                                                                                  : NULL;
    }
    return r ? first : NULL;
}

/* Whether o ends when nothing of it is mapped in [start, end) of s any more. */
static bool ends_without(const struct object *o, const struct space *s, vaddr_t start, vaddr_t end)
{
    const struct region *r = o->regions;

    if (!o->pager->ends_unmapped || !o->pager->ends_unmapped(o))
        return false;
    while (r && r->space == s && r->start >= start && r->end <= end)
        r = r->object_next;
    return !r;
}

int space_map_again(struct space *s, vaddr_t start, size_t size, uint32_t offset)
{
    vaddr_t end = start + (vaddr_t)size;
    struct region *r = new_region(s, 0, NULL, 0);
    const struct region *old;
    struct object *o = NULL;
    int err = -EINVAL;

    if (!r)
        return -ENOMEM;
    mutex_lock(&s->lock);
    old = find_shared(s, start, end);
    if (old && ends_without(old->object, s, start, end)) {
        err = space_unmap_locked(s, start, end);
        err = err ? err : -EINVAL;
    } else if (old) {
        o = object_get(old->object); /* the last region of it may be replaced */
        r->flags = (old->flags & ~(unsigned)REGION_CHARGED) | s->lock_future;
        r->object = o;
        r->offset = offset;
        o->writers++; /* it is not open less in between */
        err = map_locked(s, &start, r, size, r->flags | MAP_AT);
        o->writers--;
    }
    mutex_unlock(&s->lock);
    if (err)
        cache_free(&s->vm->region_cache, r);
    if (o)
        object_put(o);
    return err;
}

/* --- the end, and looking --- */

static __attribute__((noinline)) uint32_t clear_at_end(struct space *s, vaddr_t start, vaddr_t end)
{
    return clear_range(s, start, end);
}

/* All at once, which needs no balanced tree in between; but of very many most one by one. */
static void end_all_regions(struct space *s)
{
    struct region *r, *next;

    while (s->regions.count > REGIONS_AT_ONCE) {
        r = s->regions.first;
        if (r->flags & REGION_CHARGED)
            commit_release(s->vm, region_pages(r));
        space_delete_region(s, r);
        might_sleep();
    }
    r = s->regions.first;
    region_tree_init(&s->regions, SPACE_LO, SPACE_HI); /* what follows may sleep, and others look */
    s->pages = (struct space_pages){0};
    for (; r; r = next) {
        next = r->next;
        if (r->flags & REGION_CHARGED)
            commit_release(s->vm, region_pages(r));
        region_end(s, r);
    }
}

void space_destroy(struct space *s)
{
    struct vm *vm = s->vm;
    struct family *family = s->family;
    uint32_t pages = 0;

    s->ending = true;
    if (pt_active() == &s->pt)
        pt_activate(NULL);
    /* What is in memory goes first, so that reading the tables that are out finds room. */
    for (vaddr_t va = 0; s->pt.out && (va = pt_next_resident(&s->pt, va, SPACE_HI)) < SPACE_HI;) {
        va += PT_SPAN;
        pages += clear_at_end(s, va - PT_SPAN, va);
    }
    pages += clear_at_end(s, SPACE_LO, SPACE_HI);
    note_unmapped(s, SPACE_LO, SPACE_HI, pages);
    end_all_regions(s);
    pageable_end_set(&vm->pageable, &s->set);
    softtlb_free(s);
    nosleep_enter("the lists that reclaim walks");
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
    root_give_back(vm, &s->pt);
    nosleep_exit();
    if (--family->count == 0)
        cache_free(&vm->family_cache, family);
    if (s->ahead)
        cache_free(&vm->ahead_cache, s->ahead);
    cache_free(&vm->space_cache, s);
}

void space_set_resident(struct space *s, uint32_t most)
{
    s->set.most = most > SPACE_RESIDENT_LEAST ? most : SPACE_RESIDENT_LEAST;
}

void space_set_rss_limit(struct vm *vm, uint32_t pages)
{
    vm->rss_limit = pages;
    nosleep_enter("the list of spaces");
    for (struct space *s = vm->spaces; s; s = s->all_next)
        s->set.limit = vm_rss_limit(vm);
    nosleep_exit();
}

void space_activate(struct space *s)
{
    bool other = s && pt_active() != &s->pt;

    pt_activate(s ? &s->pt : NULL);
    if (other && unlikely(s->tlb))
        softtlb_switched(s);
}

/* What a table shows, as far as it is the space's own use. */
static void table_usage(const struct frame_pool *pool, const struct frame *table, struct space_usage *u)
{
    const pte_t *e = pt_table_entries(pool, table);

    for (uint32_t left = table->used; left; e++) {
        const struct frame *f;

        if (pte_empty(*e))
            continue;
        left--;
        if (pte_is_swap(*e)) {
            u->swapped += pte_slot(*e) != SLOT_LOST;
            continue;
        }
        f = pfn_frame(pool, pte_pfn(*e));
        if (f->use == FRAME_ANON)
            u->anon++;
        else if (f->use == FRAME_OBJECT)
            *(object_is_shmem(f->owner) ? &u->shmem : &u->file) += 1;
    }
}

void space_count_usage(struct space *s, struct space_usage *u)
{
    *u = (struct space_usage){0};
    for (vaddr_t va = 0;; va += PT_SPAN) {
        might_sleep();
        nosleep_enter("the table that is walked");
        va = pt_next_span(&s->pt, va, SPACE_HI);
        if (va < SPACE_HI && pt_span(&s->pt, va) == PT_OUT)
            u->swapped += swap_entries(s->vm, pt_out_slot(&s->pt, va));
        else if (va < SPACE_HI)
            table_usage(s->vm->pool, pt_resident_table(&s->pt, va), u);
        nosleep_exit();
        if (va >= SPACE_HI)
            break;
    }
}

static bool table_entries_verify(struct space *s, vaddr_t span)
{
    const pte_t *e = pt_table_entries(s->vm->pool, pt_resident_table(&s->pt, span));
    bool reach = !pt_span_readonly(&s->pt, span);
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
        if (s->lock.owner) /* rights may just be changing */
            continue;
        INV("INV-SPACE-2", !reach || !pte_writable(*e) || r->flags & REGION_WRITE,
            "space %u at %x, region flags %x", s->id, va, r->flags);
        INV("INV-SPACE-3", !pte_has_frame(*e) || pte_held(*e) == !(r->flags & REGION_PROT),
            "space %u at %x, region flags %x", s->id, va, r->flags);
    }
    return ok;
}

bool space_verify(struct space *s)
{
    bool ok = region_verify(&s->regions) && pt_verify(&s->pt), walkable = ok;
    struct space_pages pages = {0};
    uint32_t moved = 0, listed = 0, resident = 0;

    for (const struct region *r = s->regions.first; r; r = r->next) {
        INV("INV-SPACE-4", r->space == s, "space %u: region at %x of space %p", s->id, r->start,
            (void *)r->space);
        moved += region_is_moved(r);
        count_pages(&pages, r->flags, region_pages(r));
    }
    ok &= moved_verify(s->moved, s->regions.count, &listed);
    INV("INV-SPACE-4", listed == moved, "space %u: %u regions are moved, %u or more are listed", s->id, moved,
        listed);
    ok &= ahead_verify(s);
    if (walkable)
        ok &= softtlb_verify(s);
    INV("INV-SPACE-5", memcmp(&pages, &s->pages, sizeof pages) == 0,
        "space %u: %u %u %u %u %u, says %u %u %u %u %u", s->id, pages.total, pages.data, pages.stack,
        pages.exec, pages.locked, s->pages.total, s->pages.data, s->pages.stack, s->pages.exec,
        s->pages.locked);
    for (vaddr_t va = 0; walkable && (va = pt_next_resident(&s->pt, va, SPACE_HI)) < SPACE_HI;
         va += PT_SPAN) {
        ok &= table_entries_verify(s, va);
        resident += resident_entries(s->vm, pt_resident_table(&s->pt, va));
    }
    INV("INV-SPACE-6", !walkable || s->ending || resident == s->resident,
        "space %u: %u entries name pages, says %u", s->id, resident, s->resident);
    return ok;
}
