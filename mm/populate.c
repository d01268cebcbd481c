/*
 * Bringing pages in before they are touched, keeping them in, and reaching into a space that is not loaded.
 *
 * Populating makes of every page of a range what a touch would make of it, without a fault. POPULATE_MAPPED
 * is for locking and for mappings that are to be complete: of a private page that may be written a copy
 * is made, so that neither a read nor a write will fault on it.
 *
 * Locking marks regions; reclaim asks rmap_locked() before it takes a page. The order is: mark, then
 * populate, so that what comes in stays in.
 *
 * space_read() and space_write() look at an entry and copy through a window in one nosleep section, so they
 * need no pin; where the entry does not allow the access they fault it in and look again.
 *
 * Data: none. Locking: the space's lock for regions; it is free while a page is brought in,
 * and the regions are looked up again for each. How it fails: see space.h; pages that were brought in stay.
 */
#include "mm/errno.h"
#include "mm/fault_parts.h"
#include "mm/machine.h"
#include "mm/space.h"

/* The entry of va if it allows the access now, else NULL. */
static pte_t *ready_entry(struct space *s, vaddr_t va, bool write)
{
    pte_t *e = pt_resident_entry(&s->pt, va);

    if (!e || !pte_present(*e))
        return NULL;
    return write && (!pte_writable(*e) || pt_span_readonly(&s->pt, va)) ? NULL : e;
}

/* What a region's pages need: an access, or 0 and *err if there is nothing to do or it is refused. */
static int access_for(const struct region *r, enum populate how, enum access *access)
{
    *access = how == POPULATE_WRITE ? ACCESS_WRITE : ACCESS_READ;
    if (how == POPULATE_MAPPED) {
        if ((r->flags & (REGION_WRITE | REGION_SHARED)) == REGION_WRITE)
            *access = ACCESS_WRITE;
        return r->flags & REGION_PROT ? 0 : -EFAULT;
    }
    return r->flags & (how == POPULATE_WRITE ? REGION_WRITE : REGION_READ) ? 0 : -EINVAL;
}

/* One page. */
static int bring(struct space *s, vaddr_t va, enum access access)
{
    if (ready_entry(s, va, access == ACCESS_WRITE))
        return 0;
    switch (fault_touch(s, va, access)) {
    case FAULT_NO_MEMORY:
        return -ENOMEM;
    case FAULT_BUS:
        return -EFAULT;
    default:
        return 0; /* it is done, or the next look will show that the region has gone or changed */
    }
}

int space_populate(struct space *s, vaddr_t start, vaddr_t end, enum populate how)
{
    vaddr_t va = start;

    while (va < end) {
        enum access access = ACCESS_READ;
        const struct region *r;
        vaddr_t stop = end;
        bool skip = false;
        int err = 0;

        mutex_lock(&s->lock);
        r = region_first_above(&s->regions, va);
        if (!r || r->start > va) {
            if (how != POPULATE_MAPPED)
                err = -ENOMEM;
            skip = true;
            stop = r && r->start < end ? r->start : end;
        } else {
            skip = how == POPULATE_MAPPED && r->flags & REGION_ONFAULT;
            if (!skip)
                err = access_for(r, how, &access);
            stop = r->end < end ? r->end : end;
        }
        mutex_unlock(&s->lock);
        if (skip && !err)
            va = stop;
        for (; !err && va < stop; va += PAGE_SIZE) {
            might_sleep();
            err = vm_dying(s->vm) ? -EINTR : bring(s, va, access);
        }
        if (err)
            return err;
    }
    return 0;
}

/* Set the lock flags of [start, end), region by region. */
static int mark(struct space *s, vaddr_t start, vaddr_t end, unsigned flags)
{
    vaddr_t va = start;
    int err = 0;

    while (!err && va < end) {
        struct region *r;
        vaddr_t stop;
        unsigned new;

        might_sleep();
        r = region_find(&s->regions, va);
        if (!r) {
            err = -ENOMEM;
            break;
        }
        stop = r->end < end ? r->end : end;
        new = (r->flags & ~(unsigned)(REGION_LOCKED | REGION_ONFAULT)) | flags;
        if (new != r->flags) {
            err = space_split(s, va);
            if (!err)
                err = space_split(s, stop);
            if (!err)
                space_set_flags(s, region_find(&s->regions, va), new);
        }
        if (!err)
            va = stop;
    }
    space_merge(s, start, va);
    return err;
}

/* Pages of a range that are locked already. */
static uint32_t locked_pages(struct space *s, vaddr_t start, vaddr_t end)
{
    uint32_t n = 0;

    for (const struct region *r = region_first_above(&s->regions, start); r && r->start < end; r = r->next)
        if (r->flags & REGION_LOCKED)
            n += ((r->end < end ? r->end : end) - (r->start > start ? r->start : start)) >> PAGE_SHIFT;
    return n;
}

int space_lock(struct space *s, vaddr_t addr, size_t size, unsigned flags)
{
    vaddr_t start = PAGE_DOWN(addr);
    size_t length = PAGE_UP(size + (addr & PAGE_MASK));
    uint32_t pages = (uint32_t)(length >> PAGE_SHIFT);
    int err = 0;

    if (!length) /* also of what is so long that its end is its start again */
        return 0;
    if (length >= (vaddr_t)-start && start)
        return -EINVAL;
    if (start >= SPACE_HI || length > SPACE_HI - start)
        length = start >= SPACE_HI ? 0 : SPACE_HI - start;
    mutex_lock(&s->lock);
    if (flags && (uint64_t)s->pages.locked + pages > s->limit.locked) {
        uint32_t already = locked_pages(s, start, start + (vaddr_t)length);

        if ((uint64_t)s->pages.locked + pages - already > s->limit.locked)
            err = -ENOMEM;
    }
    if (!err)
        err = mark(s, start, start + (vaddr_t)length, flags);
    if (!err && pages > length >> PAGE_SHIFT)
        err = -ENOMEM; /* a program maps nothing in the kernel's half */
    mutex_unlock(&s->lock);
    if (err || !flags)
        return err;
    err = space_populate(s, start, start + (vaddr_t)length, POPULATE_MAPPED);
    if (err == -ENOMEM)
        return -EAGAIN;
    return err == -EFAULT ? -ENOMEM : err;
}

int space_lock_all(struct space *s, bool current, unsigned flags, unsigned future)
{
    int err = 0;

    mutex_lock(&s->lock);
    if (current && flags && s->pages.total > s->limit.locked)
        err = -ENOMEM;
    for (struct region *r = current ? s->regions.first : NULL; !err && r; r = r->next) {
        space_set_flags(s, r, (r->flags & ~(unsigned)(REGION_LOCKED | REGION_ONFAULT)) | flags);
        might_sleep();
    }
    if (current)
        space_merge(s, SPACE_LO, SPACE_HI);
    if (!err)
        s->lock_future = future;
    mutex_unlock(&s->lock);
    if (err || !current || !flags)
        return err;
    for (vaddr_t va = SPACE_LO; va < SPACE_HI;) {
        const struct region *r;
        vaddr_t start, end;

        mutex_lock(&s->lock);
        r = region_first_above(&s->regions, va);
        start = r && r->start > va ? r->start : va;
        end = r ? r->end : SPACE_HI;
        mutex_unlock(&s->lock);
        if (r)
            space_populate(s, start, end, POPULATE_MAPPED);
        va = end;
    }
    return 0;
}

/* Up to the end of va's page. Bytes, or 0 if the program could not do it. */
static size_t copy_page_part(struct space *s, vaddr_t va, uint8_t *buf, size_t n, bool write)
{
    size_t in_page = PAGE_SIZE - (va & PAGE_MASK);

    if (n > in_page)
        n = in_page;
    might_sleep();
    for (;;) {
        uint8_t *page;
        pte_t *e;

        nosleep_enter("the entry and its frame while they are copied");
        e = ready_entry(s, PAGE_DOWN(va), write);
        if (e) {
            page = window_open(s->vm->pool, pte_pfn(*e));
            if (write) {
                memcpy(page + (va & PAGE_MASK), buf, n);
                pt_set(&s->pt, PAGE_DOWN(va), e, pte_with_write(*e)); /* the processor would mark it so */
            } else {
                memcpy(buf, page + (va & PAGE_MASK), n);
            }
            window_close(s->vm->pool, page);
        }
        nosleep_exit();
        if (e)
            return n;
        if (fault_touch(s, va, write ? ACCESS_WRITE : ACCESS_READ) != FAULT_RESUME)
            return 0;
    }
}

static size_t copy(struct space *s, vaddr_t va, uint8_t *buf, size_t n, bool write)
{
    size_t done = 0, part;

    while (done < n && va + done < SPACE_HI &&
           (part = copy_page_part(s, va + (vaddr_t)done, buf + done, n - done, write)) != 0)
        done += part;
    return done;
}

size_t space_read(struct space *s, vaddr_t va, void *buf, size_t n)
{
    return copy(s, va, buf, n, false);
}

size_t space_write(struct space *s, vaddr_t va, const void *buf, size_t n)
{
    return copy(s, va, (uint8_t *)(uintptr_t)buf, n, true);
}

/* --- for a debugger --- */

/* A page of a region that allows nothing, as far as there is one. Bytes, or 0. */
static size_t read_hidden(struct space *s, vaddr_t va, uint8_t *buf, size_t n)
{
    size_t in_page = PAGE_SIZE - (va & PAGE_MASK), got = 0;
    const struct region *r;
    const pte_t *e;

    n = n < in_page ? n : in_page;
    nosleep_enter("the region, its entry and the frame while it is copied");
    r = region_find(&s->regions, va);
    e = pt_resident_entry(&s->pt, PAGE_DOWN(va));
    if (r && !(r->flags & REGION_PROT)) {
        if (e && pte_has_frame(*e)) {
            uint8_t *page = window_open(s->vm->pool, pte_pfn(pte_unhold(*e)));

            memcpy(buf, page + (va & PAGE_MASK), n);
            window_close(s->vm->pool, page);
            got = n;
        } else if (!r->object && pt_span(&s->pt, va) != PT_OUT && (!e || pte_empty(*e))) {
            memset(buf, 0, n);
            got = n;
        }
    }
    nosleep_exit();
    return got;
}

/* The frame of a page that the program may not write, but that is its own: to be written. PFN_NONE: it is
 * none yet. In a nosleep section. */
static pfn_t own_frame(struct space *s, vaddr_t va)
{
    const struct region *r = region_find(&s->regions, va);
    struct pt_view view = pt_view(&s->pt, va);
    pfn_t pfn;

    if (!r || r->flags & REGION_SHARED || !view.entry || view.span != PT_OWN || view.is_readonly ||
        !pte_present(*view.entry))
        return PFN_NONE;
    pfn = pte_pfn(*view.entry);
    switch (entry_state(s->vm, *view.entry)) {
    case ENTRY_SOLE:
        fault_leave_slot(s->vm, pfn_frame(s->vm->pool, pfn));
        return pfn;
    case ENTRY_WRITABLE: /* the program may, since a moment ago */
        pt_set(&s->pt, va, view.entry, pte_with_write(*view.entry));
        return pfn;
    default:
        return PFN_NONE;
    }
}

/* Up to the end of va's page. Bytes, or 0. */
static size_t write_own(struct space *s, vaddr_t va, const uint8_t *buf, size_t n)
{
    size_t in_page = PAGE_SIZE - (va & PAGE_MASK);

    n = n < in_page ? n : in_page;
    do {
        pfn_t pfn;

        might_sleep();
        nosleep_enter("the entry and its frame while they are copied");
        pfn = own_frame(s, PAGE_DOWN(va));
        if (pfn != PFN_NONE) {
            uint8_t *page = window_open(s->vm->pool, pfn);

            memcpy(page + (va & PAGE_MASK), buf, n);
            window_close(s->vm->pool, page);
        }
        nosleep_exit();
        if (pfn != PFN_NONE)
            return n;
    } while (fault_make_own(s, va) == FAULT_RESUME);
    return 0;
}

size_t space_read_forced(struct space *s, vaddr_t va, void *buf, size_t n)
{
    uint8_t *to = buf;
    size_t done = 0;

    while (done < n && va + done < SPACE_HI) {
        vaddr_t at = va + (vaddr_t)done;
        size_t part = copy_page_part(s, at, to + done, n - done, false);

        if (!part)
            part = read_hidden(s, at, to + done, n - done);
        if (!part)
            break;
        done += part;
    }
    return done;
}

size_t space_write_forced(struct space *s, vaddr_t va, const void *buf, size_t n)
{
    const uint8_t *from = buf;
    size_t done = 0;

    while (done < n && va + done < SPACE_HI) {
        vaddr_t at = va + (vaddr_t)done;
        size_t part = copy_page_part(s, at, (uint8_t *)(uintptr_t)from + done, n - done, true);

        if (!part)
            part = write_own(s, at, from + done, n - done);
        if (!part)
            break;
        done += part;
    }
    return done;
}
