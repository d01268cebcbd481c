/*
 * Protecting: what a range allows.
 *
 * An entry that names a slot has no rights, so a table that is out (table.c) is left where it is.
 *
 * Taking rights away changes entries; giving rights does not: the next fault finds out. A region that allows
 * nothing holds its frames in entries that are not present (pte_hold()), so that they are found again when
 * rights return. What is parked is not present either, but loses rights like anything else: held, or
 * without the write that it would have had when put back.
 *
 * A region that is changed in part is split first, and at the end what has become alike is joined, so that
 * protecting and protecting back leaves one region where there was one.
 *
 * A locked private region that becomes writable gets private copies at once, so that no touch waits for
 * one later; what cannot be had is left to the touch.
 *
 * Data and locking: the space's (space.c), which stays locked throughout, but for the making of such copies,
 * behind which the rest of the range is looked up again; entries in nosleep sections.
 *
 * Invariants: those of space.c about the rights in entries and about held ones. space_verify() checks them.
 *
 * How it fails: -ENOMEM, -EACCES. Region by region: what precedes stays changed, as Linux has it, and
 * the region at which it failed is as it was.
 */
#include "mm/errno.h"
#include "mm/space.h"

/* What a change of rights does to entries. */
enum entry_change {
    ENTRIES_STAY,
    ENTRIES_HOLD,     /* the region allows nothing any more */
    ENTRIES_UNHOLD,   /* the region allows something again */
    ENTRIES_READONLY, /* they lose the right to write */
};

static enum entry_change entry_change(unsigned old, unsigned new)
{
    if (!new)
        return ENTRIES_HOLD; /* it is not what it was */
    if (!old)
        return ENTRIES_UNHOLD;
    return old & ~new &REGION_WRITE ? ENTRIES_READONLY : ENTRIES_STAY;
}

static inline bool is_concerned(pte_t e, enum entry_change change)
{
    if (change == ENTRIES_UNHOLD)
        return pte_held(e);
    if (change == ENTRIES_READONLY)
        return pte_writable(e);
    return pte_has_frame(e) && !pte_held(e);
}

/* A held entry that may be used again: it translates, unless its page is set aside, or its space has a
 * software TLB, which it comes into by its next use only. */
static pte_t released(const struct space *s, pte_t held)
{
    pte_t e = pte_unhold(held);

    return s->tlb || pfn_frame(s->vm->pool, pte_pfn(e))->flags & FRAME_F_PARKED ? pte_park(e) : e;
}

/* Entries of [start, end), which lies in one span. Inlined for each change, so that the loop has nothing
 * else. */
static inline __attribute__((always_inline)) void change_entries(struct space *s, vaddr_t start, vaddr_t end,
                                                                 enum entry_change change)
{
    pte_t *first = pt_resident_entry(&s->pt, start);
    const pte_t *stop = first + ((end - start) >> PAGE_SHIFT);
    struct pt_batch batch;

    pt_batch_begin(&batch, &s->pt);
    for (pte_t *e = first; e < stop; e++) {
        vaddr_t va;

        if (!is_concerned(*e, change))
            continue;
        va = start + ((vaddr_t)(e - first) << PAGE_SHIFT);
        if (change == ENTRIES_HOLD)
            pt_batch_set(&batch, va, e, pte_hold(*e));
        else if (change == ENTRIES_UNHOLD)
            pt_batch_set(&batch, va, e, released(s, *e));
        else
            pt_batch_set(&batch, va, e, pte_readonly(*e));
    }
    pt_batch_end(&batch);
}

/* Entries of a region in [start, end). Tables are own where rights were lost. */
static void protect_entries(struct space *s, vaddr_t start, vaddr_t end, enum entry_change change)
{
    vaddr_t span = start;

    while (span < end && (span = pt_next_resident(&s->pt, span, end)) < end) {
        vaddr_t lo = span > start ? span : start;
        vaddr_t hi = end - span < PT_SPAN ? end : span + PT_SPAN;

        nosleep_enter("page-table entries");
        if (change == ENTRIES_READONLY)
            change_entries(s, lo, hi, ENTRIES_READONLY);
        else if (change == ENTRIES_HOLD)
            change_entries(s, lo, hi, ENTRIES_HOLD);
        else
            change_entries(s, lo, hi, ENTRIES_UNHOLD);
        nosleep_exit();
        might_sleep(); /* an entry that lags behind its region is seen by nobody else who has the lock */
        span += PT_SPAN;
    }
}

/*
 * The part of *at in [start, end), which has other rights. *at becomes the region that is exactly this part.
 */
static int protect_region(struct space *s, struct region **at, vaddr_t start, vaddr_t end, unsigned prot)
{
    struct region *r = *at, *before = r->prev;
    unsigned flags = (r->flags & ~(unsigned)REGION_PROT) | prot;
    enum entry_change change = entry_change(r->flags & REGION_PROT, prot);
    uint32_t pages, charge = 0;
    int err = 0;

    if ((prot & REGION_WRITE && r->flags & REGION_NOWRITE) ||
        (prot & REGION_EXEC && r->flags & REGION_NOEXEC))
        return -EACCES;
    if (start < r->start)
        start = r->start;
    if (end > r->end)
        end = r->end;
    pages = (end - start) >> PAGE_SHIFT;
    if (prot & REGION_WRITE && !(r->flags & (REGION_WRITE | REGION_CHARGED))) {
        if (!(r->flags & (REGION_SHARED | REGION_GROWSDOWN)) &&
            (pages > s->limit.data || s->pages.data > s->limit.data - pages))
            return -ENOMEM;
        if (space_charges(flags)) {
            charge = pages;
            err = commit_charge(s->vm, charge);
            if (err)
                return err;
            flags |= REGION_CHARGED;
        }
    }
    if (start != r->start) {
        err = space_split_region(s, r, start);
        if (!err)
            r = r->next;
    }
    if (!err && end != r->end)
        err = space_split_region(s, r, end);
    if (!err && change && !(PT_SPAN_DOWN(start) == PT_SPAN_DOWN(end - 1) && pt_span_settled(&s->pt, start)))
        err = space_own_tables(s, start, end);
    if (err) {
        commit_release(s->vm, charge);
        space_merge_from(s, before ? before->next : s->regions.first, end);
        return err;
    }
    space_set_flags(s, r, flags);
    if (change)
        protect_entries(s, start, end, change);
    *at = r;
    return 0;
}

/* Whether private copies are to be made of a region's pages as soon as it may be written. */
static inline bool is_brought(const struct region *r, unsigned prot)
{
    return unlikely((r->flags & (REGION_LOCKED | REGION_SHARED | REGION_WRITE)) == REGION_LOCKED) &&
           prot & REGION_WRITE;
}

/* From *at up to end, or to the end of the first region that is to be brought in. *at becomes how far it
 * went, and *bring where that region began, or else the same. */
static int protect_locked(struct space *s, vaddr_t *at, vaddr_t end, unsigned prot, bool grows,
                          vaddr_t *bring)
{
    vaddr_t start = *at, va = start;
    struct region *r = region_first_above(&s->regions, start), *from;
    bool brought = false;
    int err = 0;

    *bring = start;
    if (grows) {
        if (!r || r->start >= end)
            return -ENOMEM;
        if (!(r->flags & REGION_GROWSDOWN))
            return -EINVAL;
        va = start = r->start;
    }
    /* This is the lowest region that something may be joined to. Splitting and joining leave it where it
     * is. */
    from = r && r->start >= start && r->prev ? r->prev : r;
    for (; va < end && !brought; r = r->next) {
        if (!r || r->start > va) {
            err = -ENOMEM;
        } else if ((r->flags & REGION_PROT) != prot) {
            brought = is_brought(r, prot);
            err = protect_region(s, &r, va, end, prot);
        }
        might_sleep(); /* there may be many, and each is whole by itself */
        if (err)
            break;
        *bring = va;
        va = r->end;
    }
    *at = va < end ? va : end;
    if (err || !brought)
        *bring = *at;
    space_merge_from(s, from, *at);
    return err;
}

int space_protect(struct space *s, vaddr_t addr, size_t size, unsigned prot)
{
    bool grows = prot & PROTECT_GROWSDOWN;
    vaddr_t end, bring;
    int err;

    prot &= ~PROTECT_GROWSDOWN;
    if (addr & PAGE_MASK || !size || prot & ~(unsigned)REGION_PROT)
        return -EINVAL;
    size = PAGE_UP(size);
    end = addr + (vaddr_t)size;
    if (!space_range_ok(addr, size))
        return -ENOMEM;
    do {
        mutex_lock(&s->lock);
        err = protect_locked(s, &addr, end, prot, grows, &bring);
        mutex_unlock(&s->lock);
        if (unlikely(bring < addr))
            space_populate(s, bring, addr, POPULATE_MAPPED);
        grows = false;
    } while (!err && addr < end);
    return err;
}
