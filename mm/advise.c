/*
 * What a program says about its pages, and asks about them: madvise(), mincore(), msync().
 *
 *   DONTNEED       empty the entries: private memory begins anew, an object's pages stay with the object
 *   FREE           private pages may be dropped while nobody writes to them again: the dirty bit is
 *                  cleared and the frame marked; reclaim drops it if the bit is still clear, else the mark
 *                  is void
 *   WILLNEED       bring pages into memory, without entries, as long as memory is plentiful
 *   COLD, PAGEOUT  put pages next under the clock's hand; evict them now. Pages that others name too stay
 *   REMOVE         the object's pages read as zeroes from now on
 *   DONTFORK, ...  flags of the region, obeyed by fork.c
 *   the rest       accepted; there is nothing here that they could change
 *
 * FREE wants own tables: clearing a dirty bit in a shared table would give up other
 * spaces' pages.
 *
 * A table that is out (table.c) comes in for what changes a part of it, and for WILLNEED. COLD and PAGEOUT
 * have nothing to do there, and mincore() looks at it without bringing it in.
 *
 * Data: none. Locking: the space's lock. How it fails: see space.h; what was done before stays
 * done. Source of the rules: madvise(2), mincore(2), msync(2), and Linux's mm/madvise.c where they are
 * silent.
 */
#include "mm/errno.h"
#include "mm/fault.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/table.h"

/* A part of a region. */
struct stretch {
    struct space *s;
    struct region *r;
    vaddr_t start, end;
};

static uint32_t object_index(const struct region *r, vaddr_t va)
{
    return r->offset + ((va - r->start) >> PAGE_SHIFT);
}

/* Give the stretch other flags. */
static int set_flags(const struct stretch *t, unsigned clear, unsigned set)
{
    struct space *s = t->s;
    unsigned flags = (t->r->flags & ~clear) | set;
    int err;

    if (flags == t->r->flags)
        return 0;
    err = space_split(s, t->start);
    if (!err)
        err = space_split(s, t->end);
    if (!err)
        space_set_flags(s, region_find(&s->regions, t->start), flags);
    space_merge(s, t->start, t->end);
    return err;
}

static int drop_pages(const struct stretch *t)
{
    int err;

    t->s->tables_kept++;
    err = space_own_edges(t->s, t->start, t->end);
    if (!err)
        space_clear_range(t->s, t->start, t->end);
    t->s->tables_kept--;
    return err;
}

/* One entry that is given up. */
static void give_up(struct space *s, vaddr_t va, pte_t *e)
{
    struct vm *vm = s->vm;
    slot_t slot;
    struct frame *f;

    if (pte_is_swap(*e)) {
        slot = pte_slot(*e);
        pt_set(&s->pt, va, e, PTE_NONE);
        swap_unref(vm, slot);
        return;
    }
    if (pte_held(*e) || pte_pfn(*e) == vm->zero_pfn)
        return;
    f = pfn_frame(vm->pool, pte_pfn(*e));
    if (f->use != FRAME_ANON || f->maps != 1 || f->pins || f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK))
        return;
    if (f->slot != SLOT_NONE) {
        if (swap_count(vm, f->slot))
            return;
        swap_uncache(vm, f);
    }
    f->flags |= FRAME_F_LAZY;
    pt_set(&s->pt, va, e, pte_clean(*e));
}

/* Whether a walk over pages lets others have their turn after this one. */
static inline bool is_step(vaddr_t va)
{
    return (va >> PAGE_SHIFT) % 512 == 511;
}

/* The same for entries of [va, end), which lies in one span whose table is own and in memory. */
static void give_up_entries(struct space *s, vaddr_t va, vaddr_t end)
{
    nosleep_enter("page-table entries and the counts of their frames");
    for (pte_t *e = pt_resident_entry(&s->pt, va); va < end; va += PAGE_SIZE, e++) {
        if (!pte_empty(*e))
            give_up(s, va, e);
        if (is_step(va)) {
            nosleep_exit();
            might_sleep();
            nosleep_enter("page-table entries and the counts of their frames");
        }
    }
    nosleep_exit();
}

static int free_pages(const struct stretch *t)
{
    struct space *s = t->s;
    vaddr_t span = t->start;
    bool read = false;
    int err;

    s->tables_kept++;
    err = space_own_tables(s, t->start, t->end);
    for (; !err && (span = pt_next_span(&s->pt, span, t->end)) < t->end; span += PT_SPAN) {
        vaddr_t lo = span > t->start ? span : t->start;
        vaddr_t hi = t->end - span < PT_SPAN ? t->end : span + PT_SPAN;

        if (pt_span(&s->pt, span) == PT_OUT && hi - lo == PT_SPAN) {
            table_drop_out(s, span); /* its pages are in slots, and given up */
            if (pt_span(&s->pt, span) == PT_NONE)
                continue;
        }
        err = table_in(s, span, &read);
        if (!err && pt_resident_table(&s->pt, span))
            give_up_entries(s, lo, hi);
    }
    s->tables_kept--;
    return err;
}

/* Whether another page may be brought in for the future. */
static bool is_plenty(const struct vm *vm)
{
    return frame_free_count(vm->pool) > vm->pool->marks.high;
}

static int need_pages(const struct stretch *t)
{
    struct vm *vm = t->s->vm;

    bool read = false;

    for (vaddr_t va = t->start; va < t->end && is_plenty(vm) && !vm_dying(vm); va += PAGE_SIZE) {
        const pte_t *e;
        struct frame *f;

        if (is_step(va))
            might_sleep();
        if (table_in(t->s, va, &read))
            break; /* a touch will say what is wrong */
        e = pt_resident_entry(&t->s->pt, va);
        if (e && pte_is_swap(*e)) {
            if (swap_in(vm, pte_slot(*e), &f) == 0) {
                frame_unpin(f);
                vm_frame_drop(vm, f);
            }
        } else if (t->r->object && (!e || pte_empty(*e))) {
            int err = object_page(t->r->object, object_index(t->r, va), &f);

            if (err)
                break; /* the object has ended, or a touch will say what is wrong */
            frame_unpin(f);
        }
    }
    return 0;
}

struct frame *space_exclusive_frame(struct space *s, vaddr_t va)
{
    const pte_t *e = pt_resident_entry(&s->pt, va);
    struct frame *f;

    if (!e || !pte_has_frame(*e) || pte_pfn(*e) == s->vm->zero_pfn)
        return NULL;
    f = pfn_frame(s->vm->pool, pte_pfn(*e));
    return f->maps == 1 && pt_resident_table(&s->pt, va)->maps == 1 && f->flags & FRAME_F_LISTED ? f : NULL;
}

static int page_out(const struct stretch *t)
{
    struct vm *vm = t->s->vm;
    struct frame *batch[SWAP_CLUSTER];
    unsigned n = 0;

    swap_finish(vm, false, true); /* pages that went before, and are written by now */
    for (vaddr_t va = t->start; va < t->end; va += PAGE_SIZE) {
        struct frame *f;

        if (is_step(va))
            might_sleep();
        f = space_exclusive_frame(t->s, va);
        if (f) {
            frame_pin(f);
            batch[n++] = f;
        }
        if (n == SWAP_CLUSTER || (n && va + PAGE_SIZE >= t->end)) {
            reclaim_evict_some(vm, batch, n);
            n = 0;
        }
    }
    return 0;
}

static int make_cold(const struct stretch *t)
{
    struct vm *vm = t->s->vm;

    nosleep_enter("the order of the pageable list");
    for (vaddr_t va = t->start; va < t->end; va += PAGE_SIZE) {
        struct frame *f;

        if (is_step(va)) {
            nosleep_exit();
            might_sleep();
            nosleep_enter("the order of the pageable list");
        }
        f = space_exclusive_frame(t->s, va);
        if (!f)
            continue;
        rmap_test_clear_accessed(vm, f);
        f->flags &= (uint16_t)~FRAME_F_REFERENCED;
        pageable_cold(&vm->pageable, f);
    }
    nosleep_exit();
    return 0;
}

/* Without the lock, since it waits for others who work with the pages, and these may want it. */
static int remove_pages(const struct stretch *t)
{
    const struct region *r = t->r;
    struct object *o;
    uint32_t first;
    int err;

    if (r->flags & REGION_LOCKED || (!r->object && !(r->flags & REGION_OF_FILE)))
        return -EINVAL;
    if (!(r->flags & REGION_SHARED) || r->flags & REGION_NOWRITE)
        return -EACCES;
    o = object_get(r->object);
    first = object_index(r, t->start);
    mutex_unlock(&t->s->lock);
    err = object_punch(o, first, first + ((t->end - t->start) >> PAGE_SHIFT));
    object_put(o);
    mutex_lock(&t->s->lock);
    return err;
}

/* May let the lock go: the region may be gone afterwards. */
static int advise_stretch(const struct stretch *t, int advice)
{
    const struct region *r = t->r;

    switch (advice) {
    case ADVISE_WILLNEED:
        return need_pages(t);
    case ADVISE_DONTNEED:
        return r->flags & REGION_LOCKED ? -EINVAL : drop_pages(t);
    case ADVISE_DONTNEED_LOCKED:
        return drop_pages(t);
    case ADVISE_FREE:
        return r->flags & REGION_LOCKED || r->object ? -EINVAL : free_pages(t);
    case ADVISE_REMOVE:
        return remove_pages(t);
    case ADVISE_COLD:
        return r->flags & REGION_LOCKED ? -EINVAL : make_cold(t);
    case ADVISE_PAGEOUT:
        return r->flags & REGION_LOCKED ? -EINVAL : page_out(t);
    case ADVISE_DONTFORK:
        return set_flags(t, 0, REGION_DONTFORK);
    case ADVISE_DOFORK:
        return set_flags(t, REGION_DONTFORK, 0);
    case ADVISE_WIPEONFORK:
        return r->object || r->flags & REGION_OF_FILE ? -EINVAL : set_flags(t, 0, REGION_WIPEONFORK);
    case ADVISE_KEEPONFORK:
        return set_flags(t, REGION_WIPEONFORK, 0);
    case ADVISE_DONTDUMP:
        return set_flags(t, 0, REGION_DONTDUMP);
    case ADVISE_DODUMP:
        return set_flags(t, REGION_DONTDUMP, 0);
    default:
        return 0;
    }
}

/* Nothing merges equal pages here, so who asks for that (MERGEABLE) is told so. */
static bool is_known(int advice)
{
    if (advice == ADVISE_MERGEABLE || advice == ADVISE_UNMERGEABLE)
        return false;
    return (advice >= ADVISE_NORMAL && advice <= ADVISE_DONTNEED) ||
           (advice >= ADVISE_FREE && advice <= ADVISE_DONTNEED_LOCKED);
}

static void note_given_up(const struct stretch *t, int advice)
{
    struct event_record *e = event_of_space(t->s, EVENT_GIVEN_UP, t->start);

    e->what = (uint8_t)advice;
    e->cost = (t->end - t->start) >> PAGE_SHIFT;
}

int space_advise(struct space *s, vaddr_t addr, size_t size, int advice)
{
    size_t length = PAGE_UP(size);
    bool hole = false;
    int err = 0;
    vaddr_t end, va = addr;

    if (!is_known(advice) || addr & PAGE_MASK || (size && !length) || length > (vaddr_t)-1 - addr)
        return -EINVAL;
    if (!length)
        return 0;
    end = addr + (vaddr_t)length;
    if (advice == ADVISE_POPULATE_READ || advice == ADVISE_POPULATE_WRITE)
        return space_populate(s, addr, end, advice == ADVISE_POPULATE_READ ? POPULATE_READ : POPULATE_WRITE);
    mutex_lock(&s->lock);
    while (!err && va < end) {
        might_sleep();

        struct stretch t = {.s = s, .r = region_first_above(&s->regions, va), .start = va};

        if (!t.r || t.r->start >= end) {
            hole = true;
            break;
        }
        if (t.r->start > va) {
            hole = true;
            t.start = t.r->start;
        }
        va = t.end = t.r->end < end ? t.r->end : end;
        if (advice == ADVISE_FREE || advice == ADVISE_DONTNEED || advice == ADVISE_COLD ||
            advice == ADVISE_PAGEOUT || advice == ADVISE_REMOVE)
            note_given_up(&t, advice);
        err = advise_stretch(&t, advice);
    }
    mutex_unlock(&s->lock);
    if (err)
        return err;
    return hole ? -ENOMEM : 0;
}

void space_clear_accessed(struct space *s, bool anonymous, bool objects)
{
    struct vm *vm = s->vm;

    mutex_lock(&s->lock);
    for (const struct region *r = s->regions.first; r && !vm_dying(vm); r = r->next) {
        if (!(r->object ? objects : anonymous))
            continue;
        for (vaddr_t va = r->start, span; va < r->end;) {
            vaddr_t stop;
            pte_t *e;

            might_sleep();
            span = pt_next_resident(&s->pt, va, r->end);
            if (span >= r->end)
                break;
            va = span > va ? span : va;
            stop = r->end - PT_SPAN_DOWN(va) < PT_SPAN ? r->end : PT_SPAN_DOWN(va) + (vaddr_t)PT_SPAN;
            nosleep_enter("the table that is walked");
            for (e = pt_resident_entry(&s->pt, va); va < stop; va += PAGE_SIZE, e++) {
                if (!pte_has_frame(*e) || pte_pfn(*e) == vm->zero_pfn)
                    continue;
                pt_test_clear_accessed(&s->pt, va, e);
                pfn_frame(vm->pool, pte_pfn(*e))->flags &= (uint16_t)~FRAME_F_REFERENCED;
            }
            nosleep_exit();
        }
    }
    mutex_unlock(&s->lock);
}

/* Whether a page of a region is in memory. e: its entry, NULL if it has no table. */
static bool is_in_core(struct space *s, const struct region *r, vaddr_t va, const pte_t *e)
{
    const struct frame *f;

    if (e && pte_has_frame(*e))
        return true;
    if (e && pte_is_swap(*e)) {
        f = swap_cached(s->vm, pte_slot(*e));
        return f && !(f->flags & FRAME_F_BUSY);
    }
    return r->object && object_resident(r->object, object_index(r, va));
}

int space_mincore(struct space *s, vaddr_t addr, uint32_t n, uint8_t *vec)
{
    vaddr_t va = addr, end = addr + (n << PAGE_SHIFT);
    int err = 0;

    mutex_lock(&s->lock);
    while (!err && va < end) {
        struct table_view view;

        /* Of a table that cannot be had nothing is in memory. */
        table_view_begin(&view, s, va);
        do {
            const struct region *r = region_find(&s->regions, va);

            if (!r) {
                err = -ENOMEM;
                break;
            }
            *vec++ = is_in_core(s, r, va, table_view_entry(&view, va));
            va += PAGE_SIZE;
        } while (va < end && (va >> PAGE_SHIFT) % 512);
        table_view_end(&view);
    }
    mutex_unlock(&s->lock);
    return err;
}

int space_sync(struct space *s, vaddr_t addr, size_t size, unsigned flags)
{
    size_t length = PAGE_UP(size);
    vaddr_t va = addr, end;
    int err = 0, holes = 0;

    if (flags & ~(unsigned)(SYNC_ASYNC | SYNC_INVALIDATE | SYNC_SYNC) || addr & PAGE_MASK ||
        (flags & SYNC_ASYNC && flags & SYNC_SYNC))
        return -EINVAL;
    if (length > (vaddr_t)-1 - addr) /* PAGE_UP() may have wrapped to 0, which is nothing to do */
        return -ENOMEM;
    end = addr + (vaddr_t)length;
    mutex_lock(&s->lock);
    while (!err && va < end) {
        const struct region *r;

        might_sleep();
        r = region_first_above(&s->regions, va);
        if (!r || r->start >= end) {
            holes = -ENOMEM;
            break;
        }
        if (r->start > va)
            holes = -ENOMEM;
        if (flags & SYNC_INVALIDATE && r->flags & REGION_LOCKED)
            err = -EBUSY;
        va = r->end;
    }
    mutex_unlock(&s->lock);
    return err ? err : holes;
}
