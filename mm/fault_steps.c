/*
 * The fault path, step by step: what fault.c cannot do at once.
 *
 * Purpose. The answer to what an access needs is often a step before the real one: the table has to come in,
 * or a page from a disk, or there is no frame at hand. A step may sleep, so nothing that was looked up before
 * it holds after it: each is followed by another look, and what was brought, a frame or a table, waits in
 * struct fault_step for the step that needs it, or goes back.
 *
 * Data: struct fault_step, of one fault. Locking: the space's lock is held, and let go while a pager or the
 * disk works. Everything between looking at an entry and changing it is one nosleep section.
 *
 * It ends: see fault.c, which has the case analysis. What it leaves behind is checked by vm_verify() and
 * space_verify().
 *
 * How it fails: FAULT_NO_MEMORY, FAULT_BUS; after MAX_STEPS the access is tried again.
 */
#include "mm/errno.h"
#include "mm/fault_parts.h"
#include "mm/softtlb.h"
#include "mm/table.h"

/* More steps than any fault can need unless others keep taking its page away; then the access is simply tried
 * again. */
#define MAX_STEPS 64u

static uint32_t page_number(const struct fault_step *st)
{
    return st->region->number + ((st->va - st->region->start) >> PAGE_SHIFT);
}

static uint32_t object_index(const struct fault_step *st)
{
    return st->region->offset + ((st->va - st->region->start) >> PAGE_SHIFT);
}

/* Anything else about the fault. */
static inline __attribute__((always_inline)) void
note_as(struct fault_step *st, enum event_kind kind, unsigned action, enum fault_verdict why, uint32_t arg)
{
    struct event_record *e = event_new(&st->s->vm->events);

    e->kind = (uint8_t)kind;
    e->what = (uint8_t)action;
    e->why = (uint8_t)why;
    e->flags = st->flags;
    e->frame = st->mapped;
    e->who = st->s->id;
    e->where = st->va;
    e->arg = arg;
    e->cost = st->began;
    st->mapped = PFN_NONE;
}

static __attribute__((noinline)) void note(struct fault_step *st, enum event_kind kind, unsigned action,
                                           enum fault_verdict why, uint32_t arg)
{
    note_as(st, kind, action, why, arg);
}

/* The slow way to a frame or a table: it may sleep, so whatever comes of it, the caller looks again. */
static int bring_slowly(struct fault_step *st, struct frame **f, enum frame_use use)
{
    struct vm *vm = st->s->vm;

    note(st, EVENT_WAIT, EVENT_FOR_MEMORY, FAULT_RESUME, SLOT_NONE);
    nosleep_exit();
    *f = use == FRAME_TABLE ? table_alloc(vm) : vm_frame_alloc(vm, use, 0);
    nosleep_enter("the region and the entry that were looked up");
    return *f ? LOOK_AGAIN : FAULT_NO_MEMORY;
}

/* Have a frame to fill. FAULT_RESUME: it is there, and nothing has changed. */
static inline int bring_frame(struct fault_step *st)
{
    struct vm *vm = st->s->vm;

    if (st->spare)
        return FAULT_RESUME;
    st->spare = frame_alloc(vm->pool, FRAME_ANON, FRAME_FIRST); /* no reclaim: the slow way does it */
    if (likely(st->spare))
        return FAULT_RESUME;
    return bring_slowly(st, &st->spare, FRAME_ANON);
}

static __attribute__((noinline)) int add_table(struct fault_step *st)
{
    struct vm *vm = st->s->vm;

    if (!st->table) {
        st->table = table_try(vm);
        if (!st->table)
            return bring_slowly(st, &st->table, FRAME_TABLE);
    }
    pt_add_table(&st->s->pt, st->va, st->table);
    st->table = NULL;
    st->entry = pt_resident_entry(&st->s->pt, st->va);
    return FAULT_RESUME;
}

/* Have a table in the span. On FAULT_RESUME st->entry is valid, and nothing else has changed. */
static inline int bring_table(struct fault_step *st)
{
    return likely(st->entry) ? FAULT_RESUME : add_table(st);
}

/* The same for a step. */
static bool step_to_object(struct fault_step *st, struct frame *f)
{
    if (!install_object(st->s, st->region, st->va, st->entry, st->access, f))
        return false;
    st->mapped = frame_pfn(st->s->vm->pool, f);
    return true;
}

/* Map the cached page of the slot that the entry names, read-only. */
static void install_swapped(struct fault_step *st, struct frame *f)
{
    struct vm *vm = st->s->vm;
    slot_t slot = pte_slot(*st->entry);

    swap_note_use(vm, f);
    if (!f->owner) { /* it comes from the disk, and only now it is known which page it is */
        f->owner = st->s->family;
        f->index = page_number(st);
        pageable_name(&vm->pageable, vm->pool, f);
    }
    f->maps++;
    pt_set(&st->s->pt, st->va, st->entry, pte_make(frame_pfn(vm->pool, f), PT_USER | PT_ACCESSED));
    rmap_count_resident(st->s, st->va, 1);
    swap_unref(vm, slot);
    /* A clean page keeps its slot, which saves a write later, unless slots are getting scarce. A bad slot has
     * left it with the last name. */
    if (f->slot != SLOT_NONE && !swap_keeps(vm, slot) && swap_count(vm, slot) == 0 &&
        !(f->flags & FRAME_F_WRITEBACK))
        swap_uncache(vm, f);
    vm_frame_mapped(vm, f, &st->s->set);
    st->mapped = frame_pfn(vm->pool, f);
}

/* Let the entry, which is parked, translate again. */
static void unpark(struct fault_step *st)
{
    struct vm *vm = st->s->vm;

    pt_set(&st->s->pt, st->va, st->entry, pte_unpark(*st->entry));
    st->mapped = pte_pfn(*st->entry);
    vm_frame_mapped(vm, pfn_frame(vm->pool, st->mapped), &st->s->set);
}

static __attribute__((noinline)) enum fault_action look_again(struct fault_step *st);

/* The fault wants the page of a slot: let what follows it be read, and the page itself if it is not in
 * memory. Whether that has begun. */
static bool read_ahead(struct fault_step *st, slot_t slot)
{
    struct frame *f = swap_cached(st->s->vm, slot);

    if (!f)
        return ahead_miss(st->s, st->region, st->va, slot);
    ahead_touch(st->s, st->region, st->va, f);
    return false;
}

/* Something was brought for the fault; read: from a disk. */
static void note_read(struct fault_step *st, bool read)
{
    if (!read || st->major)
        return;
    st->major = true;
    st->flags |= EVENT_IS_MAJOR;
    st->s->major++;
    st->s->vm->stats.major++;
}

/*
 * What the fault waits for is not in memory: bring it there without the lock. action: FAULT_OBJECT_IN, the
 * object's page, or FAULT_SWAP_IN, the slot's. If that is still what the fault calls for afterwards, the page
 * is mapped while the pin keeps it. Whatever came of it, the caller looks again, unless there is an error and
 * the question is the same.
 */
static __attribute__((noinline)) int fetch(struct fault_step *st, enum fault_action action)
{
    struct space *s = st->s;
    struct vm *vm = s->vm;
    struct object *o = action == FAULT_OBJECT_IN ? object_get(st->region->object) : NULL;
    uint32_t index = o ? object_index(st) : 0;
    slot_t slot = o ? object_slot(o, index) : pte_slot(*st->entry);
    bool read = slot != SLOT_NONE && read_ahead(st, slot), same;
    struct frame *f;
    int err;

    note(st, EVENT_WAIT, action, FAULT_RESUME, slot);
    pt_resident_table(&s->pt, st->va)->flags |= FRAME_F_REFERENCED; /* it is going to be needed */
    nosleep_exit();
    mutex_unlock(&s->lock);
    err = o ? object_fetch(o, index, &f, &read) : swap_fetch_alone(vm, slot, &f, &read);
    mutex_lock(&s->lock);
    nosleep_enter("the region and the entry that were looked up");
    note_read(st, read);
    same = look_again(st) == action && st->entry &&
           (o ? st->region->object == o && object_index(st) == index : pte_slot(*st->entry) == slot);
    if (!err) {
        if (same && o && object_resident(o, index) == f)
            err = step_to_object(st, f) ? 0 : -ENOSPC;
        else if (same && !o && swap_cached(vm, slot) == f)
            install_swapped(st, f);
        frame_unpin(f);
        vm_frame_drop(vm, f);
    }
    if (o) {
        nosleep_exit();
        object_put(o);
        nosleep_enter("the region and the entry that were looked up");
    }
    if (!err || err == -EAGAIN || !same)
        return LOOK_AGAIN;
    return err == -ENOMEM ? FAULT_NO_MEMORY : FAULT_BUS;
}

/* The table is out: bring it in without the lock, and look again. */
static __attribute__((noinline)) int fetch_table(struct fault_step *st)
{
    struct space *s = st->s;
    bool read = false;
    int err;

    note(st, EVENT_WAIT, FAULT_TABLE_IN, FAULT_RESUME, pt_out_slot(&s->pt, st->va));
    nosleep_exit();
    mutex_unlock(&s->lock);
    err = table_in(s, st->va, &read);
    mutex_lock(&s->lock);
    nosleep_enter("the region and the entry that were looked up");
    note_read(st, read);
    if (!err || look_again(st) != FAULT_TABLE_IN)
        return LOOK_AGAIN;
    return err == -ENOMEM ? FAULT_NO_MEMORY : FAULT_BUS;
}

static void grow_stack(struct fault_step *st)
{
    struct space *s = st->s;
    struct region *r = fault_stack_above(s, st->va);

    if (r->flags & REGION_CHARGED)
        commit_charge(s->vm,
                      (r->start - st->va) >> PAGE_SHIFT); /* it cannot fail: fault_stack_above() has asked */
    space_uncount(s, r);
    space_resize_region(s, r, st->va, r->end);
    space_count(s, r);
}

static struct frame *take_spare(struct fault_step *st)
{
    struct frame *f = st->spare;

    st->spare = NULL;
    return f;
}

/*
 * Do one action; is_first: the fault had none before. FAULT_RESUME: the access is possible now, and the event
 * is recorded. LOOK_AGAIN: it may be. Called in a nosleep
 * section, which it may leave and enter again.
 */
static inline __attribute__((always_inline)) int act(struct fault_step *st, enum fault_action action,
                                                     bool is_first)
{
    struct space *s = st->s;
    struct vm *vm = s->vm;
    const uintptr_t *block;
    struct frame *f;
    int result;

    switch (action) {
    case FAULT_FILL_ZERO:
        result = bring_frame(st);
        if (likely(result == FAULT_RESUME))
            result = bring_table(st);
        if (likely(result == FAULT_RESUME))
            fill_zero(s, st->region, st->va, st->entry, take_spare(st), st->flags, st->began);
        return result;
    case FAULT_MAP_ZERO:
        result = bring_table(st);
        if (likely(result == FAULT_RESUME))
            map_zero(s, st->va, st->entry, st->flags, st->began);
        return result;
    case FAULT_COPY:
        result = bring_frame(st);
        if (likely(result == FAULT_RESUME))
            fault_copy_page(s, st->region, st->va, st->entry, take_spare(st), st->flags, st->began);
        return result;
    case FAULT_TAKE_OVER:
        if (unlikely(st->forced)) {
            fault_leave_slot(vm, pfn_frame(vm->pool, pte_pfn(*st->entry)));
            st->mapped = pte_pfn(*st->entry);
            note(st, EVENT_FAULT, action, FAULT_RESUME, 0);
            return FAULT_RESUME;
        }
        fault_take_over(s, st->va, st->entry, st->flags, st->began);
        return FAULT_RESUME;
    case FAULT_UPGRADE:
        if (object_make_precious(st->region->object, pfn_frame(vm->pool, pte_pfn(*st->entry))))
            return FAULT_BUS;
        pt_set(&s->pt, st->va, st->entry, pte_with_write(*st->entry));
        st->mapped = pte_pfn(*st->entry);
        note(st, EVENT_FAULT, action, FAULT_RESUME, 0);
        return FAULT_RESUME;
    case FAULT_OBJECT_IN:
        result = bring_table(st);
        if (result != FAULT_RESUME)
            return result;
        f = find_page(st->region->object, object_index(st), &block);
        if (!f)
            return fetch(st, action);
        if (st->access == ACCESS_WRITE && !(st->region->flags & REGION_SHARED)) {
            result = bring_frame(st);
            if (likely(result == FAULT_RESUME))
                fault_copy_object(s, st->region, st->va, st->entry, f, take_spare(st), st->flags, st->began);
            return result;
        }
        if (!step_to_object(st, f))
            return FAULT_BUS;
        if (st->access == ACCESS_WRITE)
            return LOOK_AGAIN;
        note(st, EVENT_FAULT, action, FAULT_RESUME, 0);
        fault_map_around(s, st->region, st->va, st->entry, block);
        return FAULT_RESUME;
    case FAULT_SWAP_IN:
        f = swap_cached(vm, pte_slot(*st->entry));
        if (f && f->flags & FRAME_F_BUSY && vm->swap.io_done) {
            swap_poll(vm, true);
            return LOOK_AGAIN;
        }
        if (!f || f->flags & FRAME_F_BUSY)
            return fetch(st, action);
        ahead_touch(s, st->region, st->va, f);
        install_swapped(st, f);
        return LOOK_AGAIN;
    case FAULT_UNPARK:
        unpark(st);
        return LOOK_AGAIN;
    case FAULT_OWN_TABLE:
        nosleep_exit();
        result = fault_own_table(s, st->va);
        nosleep_enter("the region and the entry that were looked up");
        return result;
    case FAULT_TABLE_IN:
        return fetch_table(st);
    case FAULT_GROW:
        grow_stack(st);
        return LOOK_AGAIN;
    case FAULT_BAD_ADDRESS:
        return FAULT_MAPERR;
    case FAULT_BAD_ACCESS:
        return FAULT_ACCERR;
    default:
        if (st->entry && pte_present(*st->entry))
            st->mapped = pte_pfn(*st->entry);
        note(st, EVENT_FAULT, is_first ? action : EVENT_DONE, FAULT_RESUME, 0);
        return FAULT_RESUME;
    }
}

/* As if the region, if it is private and allows something, allowed to write. */
static enum fault_action look_forced(struct fault_step *st)
{
    struct region *r = region_find(&st->s->regions, st->va), as;

    if (!r || !(r->flags & REGION_PROT) || r->flags & REGION_SHARED)
        return look(st->s, st->va, st->access, &st->region, &st->entry);
    as = *r;
    as.flags |= REGION_WRITE;
    st->region = r;
    return look_at_entry(st->s, st->va, st->access, &as, false, &st->entry);
}

static enum fault_action look_again(struct fault_step *st)
{
    if (unlikely(st->forced))
        return look_forced(st);
    return look(st->s, st->va, st->access, &st->region, &st->entry);
}

enum fault_verdict fault_take_steps(struct fault_step *st, enum fault_action action, unsigned steps)
{
    struct vm *vm = st->s->vm;
    int result = LOOK_AGAIN;

    for (bool known = true; steps < MAX_STEPS; steps++, known = false) {
        if (!known)
            action = look_again(st);
        if (action != FAULT_SPURIOUS || steps == 0) /* the end of a resolved fault is no spurious one */
            vm->stats.by_action[action]++;
        result = act(st, action, steps == 0);
        if (result != LOOK_AGAIN)
            break;
        note_as(st, EVENT_STEP, action, FAULT_RESUME, 0);
    }
    if (result == LOOK_AGAIN)
        note(st, EVENT_FAULT, EVENT_DONE, FAULT_RESUME, 0);
    else if (result != FAULT_RESUME)
        note(st, EVENT_FAULT, action, (enum fault_verdict)result, 0);
    if (unlikely(st->spare))
        frame_free(vm->pool, st->spare);
    if (unlikely(st->table))
        frame_free_clean(vm->pool, st->table);
    return result == LOOK_AGAIN ? FAULT_RESUME : (enum fault_verdict)result;
}

static enum fault_verdict touch(struct space *s, vaddr_t va, enum access access, bool forced)
{
    struct fault_step st = {.s = s,
                            .va = PAGE_DOWN(va),
                            .access = access,
                            .forced = forced,
                            .flags = (uint8_t)(flags_of(access) | EVENT_IS_TOUCH)};
    enum fault_verdict verdict;

    if (va >= USER_END)
        return FAULT_MAPERR;
    st.began = fault_now();
    s->faults++;
    mutex_lock(&s->lock);
    nosleep_enter("the region and the entry that are looked up");
    verdict = fault_take_steps(&st, look_again(&st), 0);
    if (unlikely(s->tlb))
        softtlb_touch(s, st.va);
    nosleep_exit();
    mutex_unlock(&s->lock);
    return verdict;
}

enum fault_verdict fault_touch(struct space *s, vaddr_t va, enum access access)
{
    return touch(s, va, access, false);
}

enum fault_verdict fault_make_own(struct space *s, vaddr_t va)
{
    return touch(s, va, ACCESS_WRITE, true);
}
