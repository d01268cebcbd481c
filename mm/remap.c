/*
 * mremap(): change the size of a mapping, and move it with its pages.
 *
 * A mapping grows in place if the pages above it are free, else it moves. Moving costs one step for each page
 * that is there, or one for each table where source and target lie alike in their spans: then the
 * directory entry moves, also of a table that is out (table.c), unless other spaces name it too. No page is
 * touched, copied or written.
 *
 * A private page keeps its number in the family (rmap.c), since other spaces may name it by that too. So a
 * region that was moved begins with a number that is not its address (moved.c). If nothing
 * private was there to be moved, the number is the new address.
 *
 * Many pages move in steps between which others run, but for who wants the space's lock. Meanwhile there are
 * both regions, each of which would be right for every page: rmap.c looks for an entry at both places.
 *
 * Acquire before the commit: the promise for what is added, the region, splits, the tables of both ranges
 * as own ones, and tables where entries will go.
 *
 * Data: none. Locking: the space's lock. How it fails: an error of space.h, and nothing has
 * changed, but for splits that are merged again. Source of the rules: mremap(2) and Linux's mm/mremap.c.
 */
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/softtlb.h"
#include "mm/space.h"
#include "mm/table.h"

#define REMAP_FLAGS (unsigned)(REMAP_MAYMOVE | REMAP_FIXED | REMAP_DONTUNMAP)

/* Linux keeps so many regions in reserve for the splits of a move. */
#define REGIONS_KEPT 3u

struct move {
    struct space *s;
    struct region *r;      /* holds [from, from + old_size) */
    vaddr_t from, to;      /* page aligned */
    size_t old_size, size; /* old_size <= size */
    bool replace;          /* what is at to */
    bool keep;             /* the old region, empty */
};

/* Where the stretch ends that lies at `at` of both ranges, in one span of each. */
static size_t stretch(const struct move *m, size_t at)
{
    vaddr_t from = m->from + (vaddr_t)at, to = m->to + (vaddr_t)at;
    size_t n = PT_SPAN - (from & (PT_SPAN - 1)), k = PT_SPAN - (to & (PT_SPAN - 1));

    if (k < n)
        n = k;
    return n < m->old_size - at ? at + n : m->old_size;
}

/* Whether a stretch is a whole span at both sides: its table can move. */
static bool is_whole(const struct move *m, size_t at)
{
    return stretch(m, at) - at == PT_SPAN;
}

static bool has_entries(const struct move *m, size_t at)
{
    const struct frame *table = pt_resident_table(&m->s->pt, m->from + (vaddr_t)at);
    const pte_t *e = pt_resident_entry(&m->s->pt, m->from + (vaddr_t)at);

    if (pt_span(&m->s->pt, m->from + (vaddr_t)at) == PT_OUT)
        return true; /* only a whole one is out still, and it is not empty */
    if (!table || !table->used || is_whole(m, at))
        return table && table->used;
    for (size_t n = (stretch(m, at) - at) >> PAGE_SHIFT; n; n--, e++)
        if (!pte_empty(*e))
            return true;
    return false;
}

static int add_table(struct space *s, vaddr_t va)
{
    struct frame *f = table_alloc(s->vm);

    if (!f)
        return -ENOMEM;
    nosleep_enter("the count of tables in use");
    pt_add_table(&s->pt, va, f);
    nosleep_exit();
    return 0;
}

/* Have an own table, in memory, wherever an entry goes, or an entry comes from alone. */
static int bring_tables(const struct move *m)
{
    struct space *s = m->s;
    vaddr_t to_last = m->to + (vaddr_t)m->size - 1;
    bool read = false;
    int err = table_in(s, m->to, &read);

    if (!err)
        err = table_in(s, to_last, &read);
    for (size_t at = 0; !err && at < m->old_size; at = stretch(m, at)) {
        vaddr_t from = m->from + (vaddr_t)at, to = m->to + (vaddr_t)at;

        if (is_whole(m, at))
            continue;
        err = table_in(s, from, &read);
        if (!err)
            err = table_in(s, to, &read);
        if (!err && pt_span(&s->pt, to) == PT_NONE && has_entries(m, at))
            err = add_table(s, to);
    }
    return err;
}

static int acquire(const struct move *m)
{
    struct space *s = m->s;
    vaddr_t from_end = m->from + (vaddr_t)m->old_size, to_end = m->to + (vaddr_t)m->size;
    int err = 0;

    if (m->old_size) {
        err = space_split(s, m->from);
        if (!err)
            err = space_split(s, from_end);
        if (!err)
            err = space_own_tables(s, m->from, from_end);
    }
    if (!err && m->replace) {
        err = space_split(s, m->to);
        if (!err)
            err = space_split(s, to_end);
    }
    if (!err)
        err = space_own_tables(s, m->to, to_end);
    if (!err)
        err = bring_tables(m);
    return err;
}

/* Unmap what is at the target, but keep the tables. */
static void clear_target(const struct move *m)
{
    struct space *s = m->s;
    vaddr_t end = m->to + (vaddr_t)m->size;
    struct region *r, *next;

    space_clear_entries(s, m->to, end);
    for (r = region_first_above(&s->regions, m->to); r && r->start < end; r = next) {
        next = r->next;
        if (r->flags & REGION_CHARGED)
            commit_release(s->vm, region_pages(r));
        space_delete_region(s, r);
    }
}

/* Whether there is an entry to be moved. Sleeps. */
static bool has_any(const struct move *m)
{
    size_t at = 0;

    for (; at < m->old_size && !has_entries(m, at); at = stretch(m, at))
        might_sleep();
    return at < m->old_size;
}

/* Move the entries of a stretch that has some. Nosleep. */
static void move_stretch(const struct move *m, size_t at)
{
    struct pt *pt = &m->s->pt;
    vaddr_t from = m->from + (vaddr_t)at, to = m->to + (vaddr_t)at;
    pte_t *src = pt_resident_entry(pt, from), *dst;
    struct frame *table;
    struct pt_batch batch;

    softtlb_drop(m->s, from, from + (vaddr_t)(stretch(m, at) - at));
    if (is_whole(m, at)) {
        space_trim_tables(m->s, to, to + PT_SPAN); /* it is empty now */
        pt_move_table(pt, from, to);
        return;
    }
    dst = pt_resident_entry(pt, to);
    pt_batch_begin(&batch, pt);
    for (size_t n = (stretch(m, at) - at) >> PAGE_SHIFT; n; n--, src++, dst++) {
        if (!pte_empty(*src)) {
            pt_batch_set(&batch, to, dst, *src);
            pt_batch_set(&batch, from, src, PTE_NONE);
        }
        from += PAGE_SIZE;
        to += PAGE_SIZE;
    }
    pt_batch_end(&batch);
    table = pt_resident_table(pt, m->from + (vaddr_t)at);
    if (pt_idle(table))
        pt_list_idle(pt, table);
}

static void move_entries(const struct move *m)
{
    for (size_t at = 0; at < m->old_size; at = stretch(m, at)) {
        might_sleep();
        nosleep_enter("page-table entries while they move");
        if (has_entries(m, at))
            move_stretch(m, at);
        nosleep_exit();
    }
}

/* Let go of the old region: all of it, or (keep) only what goes with the pages. */
static void leave(const struct move *m, unsigned flags)
{
    struct region *old = region_find(&m->s->regions, m->from);

    if (m->keep)
        space_set_flags(m->s, old, flags & ~(unsigned)(REGION_LOCKED | REGION_ONFAULT));
    else
        space_delete_region(m->s, old);
}

static void note_move(const struct move *m)
{
    struct event_record *e = event_of_space(m->s, EVENT_MOVED, m->from);

    e->arg = m->to >> PAGE_SHIFT;
    e->cost = (uint32_t)(m->old_size >> PAGE_SHIFT);
}

static int move(const struct move *m)
{
    struct space *s = m->s;
    struct vm *vm = s->vm;
    size_t added = m->keep ? m->size : m->size - m->old_size;
    uint32_t charge = m->r->flags & REGION_CHARGED ? (uint32_t)(added >> PAGE_SHIFT) : 0;
    uint32_t skip = (m->from - m->r->start) >> PAGE_SHIFT;
    vaddr_t to_end = m->to + (vaddr_t)m->size;
    uint32_t peak = s->pages_peak;
    struct region *new, old;
    int err;

    if (s->regions.count + REGIONS_KEPT >= vm->max_regions)
        return -ENOMEM;
    new = vm_cache_alloc(vm, &vm->region_cache);
    if (!new)
        return -ENOMEM;
    err = commit_charge(vm, charge);
    if (err) {
        cache_free(&vm->region_cache, new);
        return err;
    }
    old = *m->r;
    s->tables_kept++;
    err = acquire(m);
    if (err) {
        space_trim_tables(s, m->to, to_end);
        space_merge(s, m->to, to_end);
        space_merge(s, m->from, m->from + (vaddr_t)m->old_size);
        commit_release(vm, charge);
        cache_free(&vm->region_cache, new);
        s->tables_kept--;
        return err;
    }
    if (m->replace)
        clear_target(m);
    *new = (struct region){
        .start = m->to,
        .end = to_end,
        .flags =
            old.flags & ~(unsigned)REGION_CHARGED, /* the charge is the old one's as long as it is there */
        .space = s,
        .object = old.object ? object_get(old.object) : NULL,
        .offset = old.object ? old.offset + skip : 0,
        .number = has_any(m) ? old.number + skip : m->to >> PAGE_SHIFT,
    };
    space_add_region(s, new);
    vm->stats.moves++;
    note_move(m);
    move_entries(m);
    s->tables_kept--;
    if (m->old_size)
        leave(m, old.flags);
    space_set_flags(s, new, old.flags);
    s->pages_peak = peak > s->pages.total ? peak : s->pages.total;
    space_trim_tables(s, m->to, to_end);
    if (m->old_size) {
        space_trim_tables(s, m->from, m->from + (vaddr_t)m->old_size);
        space_merge(s, m->from, m->from + (vaddr_t)m->old_size);
    }
    space_merge(s, m->to, to_end);
    return 0;
}

/* Whether [from, from + old_size) lies in r and may become `size` pages large. */
static int check(const struct space *s, const struct region *r, vaddr_t from, size_t old_size, size_t size)
{
    uint32_t page = r->offset + ((from - r->start) >> PAGE_SHIFT);

    if (!old_size && !(r->flags & REGION_SHARED))
        return -EINVAL;
    if (old_size > r->end - from)
        return -EFAULT;
    if (size <= old_size)
        return 0;
    if (page + (uint32_t)(size >> PAGE_SHIFT) < page)
        return -EINVAL;
    return space_may_add(s, r->flags, (uint32_t)((size - old_size) >> PAGE_SHIFT));
}

static bool is_good_target(vaddr_t from, size_t old_size, size_t size, vaddr_t to)
{
    if (to & PAGE_MASK || size > SPACE_HI || to > SPACE_HI - size)
        return false;
    return (uint64_t)from + old_size <= to || (uint64_t)to + size <= from;
}

/* To a given place, which is a good target, or leaving the old one mapped. */
static int remap_to(struct space *s, struct region *r, vaddr_t *addr, size_t old_size, size_t size,
                    unsigned flags, vaddr_t to)
{
    struct move m = {.s = s, .from = *addr, .to = to, .size = size};
    struct region_gap gap;
    int err;

    if (flags & REMAP_FIXED && to == m.from)
        return -EFAULT; /* what is to be doubled would be replaced first */
    err = check(s, r, m.from, old_size < size ? old_size : size, size);
    if (!err && old_size > size && old_size > SPACE_HI - m.from)
        err = -EINVAL;
    if (!err && flags & REMAP_DONTUNMAP)
        err = space_may_add(s, r->flags & ~(unsigned)REGION_LOCKED, (uint32_t)(size >> PAGE_SHIFT));
    if (err)
        return err;
    if (flags & REMAP_FIXED) {
        if (to < SPACE_LO)
            return -EPERM;
        m.replace = true;
    } else {
        err = space_gap(s, to, size, false, &gap);
        if (err)
            return err;
        m.to = gap.start;
    }
    m.old_size = old_size < size ? old_size : size;
    m.keep = flags & REMAP_DONTUNMAP;
    m.r = r;
    if (old_size > size) {
        err = space_unmap_locked(s, m.from + (vaddr_t)size, m.from + (vaddr_t)old_size);
        if (err)
            return err;
    }
    err = move(&m);
    if (!err)
        *addr = m.to;
    return err;
}

static int grow(struct space *s, struct region *r, vaddr_t *addr, size_t old_size, size_t size,
                unsigned flags)
{
    struct move m = {.s = s, .r = r, .from = *addr, .old_size = old_size, .size = size};
    uint32_t pages = (uint32_t)((size - old_size) >> PAGE_SHIFT);
    vaddr_t end = m.from + (vaddr_t)size;
    struct region_gap gap;
    int err = check(s, r, m.from, old_size, size);

    if (err)
        return err;
    if (old_size == r->end - m.from && size <= SPACE_HI - m.from &&
        region_is_free(&s->regions, r->end, end)) {
        err = r->flags & REGION_CHARGED ? commit_charge(s->vm, pages) : 0;
        if (err)
            return err;
        space_uncount(s, r);
        space_resize_region(s, r, r->start, end);
        space_count(s, r);
        space_merge(s, end, end);
        return 0;
    }
    if (!(flags & REMAP_MAYMOVE))
        return -ENOMEM;
    if (size > SPACE_HI - SPACE_LO)
        return -ENOMEM;
    err = space_gap(s, 0, size, false, &gap);
    if (err)
        return err;
    m.to = gap.start;
    err = move(&m);
    if (!err)
        *addr = m.to;
    return err;
}

static int remap_locked(struct space *s, vaddr_t *addr, size_t old_size, size_t size, unsigned flags,
                        vaddr_t to)
{
    struct region *r = region_find(&s->regions, *addr);

    if (!r)
        return -EFAULT;
    if (flags & (REMAP_FIXED | REMAP_DONTUNMAP) && !is_good_target(*addr, old_size, size, to))
        return -EINVAL;
    if (flags & (REMAP_FIXED | REMAP_DONTUNMAP))
        return remap_to(s, r, addr, old_size, size, flags, to);
    if (old_size == size)
        return 0;
    if (old_size < size)
        return grow(s, r, addr, old_size, size, flags);
    if (old_size > SPACE_HI - *addr)
        return -EINVAL;
    return space_unmap_locked(s, *addr + (vaddr_t)size, *addr + (vaddr_t)old_size);
}

int space_remap(struct space *s, vaddr_t *addr, size_t old_size, size_t new_size, unsigned flags, vaddr_t to)
{
    const struct region *r;
    bool locked;
    int err;

    if (flags & ~REMAP_FLAGS || (flags & (REMAP_FIXED | REMAP_DONTUNMAP) && !(flags & REMAP_MAYMOVE)))
        return -EINVAL;
    if (flags & REMAP_DONTUNMAP && old_size != new_size)
        return -EINVAL;
    if (*addr & PAGE_MASK)
        return -EINVAL;
    old_size = PAGE_UP(old_size);
    new_size = PAGE_UP(new_size);
    if (!new_size)
        return -EINVAL;
    mutex_lock(&s->lock);
    err = remap_locked(s, addr, old_size, new_size, flags, to);
    r = err ? NULL : region_find(&s->regions, *addr);
    locked = r && r->flags & REGION_LOCKED;
    mutex_unlock(&s->lock);
    if (locked && new_size > old_size)
        space_populate(s, *addr + (vaddr_t)old_size, *addr + (vaddr_t)new_size, POPULATE_MAPPED);
    return err;
}
