/*
 * Reverse mapping: which entries name a frame?
 *
 * No chain hangs on a frame. An anonymous page keeps its page number in its
 * family across fork, so its entries are found by asking each space of the family
 * for the entry at that number. Page tables that spaces share make this cheap: the
 * second sharer finds the entry that the first has already changed. An object's page
 * is asked for in each region that maps the object.
 *
 * The page number of a private page is its address >> PAGE_SHIFT, which fork keeps.
 *
 * Data: family lists, written by space_create(), fork and space_destroy(). Locking: nosleep sections; the
 * space locks are not needed, since region trees do not change while somebody sleeps.
 *
 * INV-RMAP-1  a frame's entries found by rmap_each() are as many as its maps (checked after rmap_unmap())
 *
 * Compare: BSD's and Linux's anon_vma chains, which pay for each mapping at fork; McCracken's object-based
 * rmap (2003).
 */
#include "mm/rmap.h"
#include "mm/object.h"
#include "mm/space.h"

static pte_t *entry_naming(struct space *s, vaddr_t va, pfn_t pfn)
{
    pte_t *e = pt_entry(&s->pt, va);

    return e && pte_has_frame(*e) && pte_pfn(*e) == pfn ? e : NULL;
}

void rmap_each(struct vm *vm, struct frame *f, bool (*fn)(struct space *s, vaddr_t va, pte_t *e, void *arg),
               void *arg)
{
    pfn_t pfn = frame_pfn(vm->pool, f);

    if (f->use == FRAME_ANON) {
        const struct family *family = f->owner;
        vaddr_t va = (vaddr_t)f->index << PAGE_SHIFT;

        for (struct space *s = family->spaces; s; s = s->family_next) {
            pte_t *e = entry_naming(s, va, pfn);

            if (e && !fn(s, va, e, arg))
                return;
        }
        return;
    }
    const struct object *o = f->owner;

    for (struct region *r = o->regions; r; r = r->object_next) {
        uint32_t page = f->index - r->offset; /* wraps when the index lies before the region */

        if (page >= (r->end - r->start) >> PAGE_SHIFT)
            continue;
        vaddr_t va = r->start + (page << PAGE_SHIFT);
        pte_t *e = entry_naming(r->space, va, pfn);

        if (e && !fn(r->space, va, e, arg))
            return;
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
