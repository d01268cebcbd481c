/*
 * What the two ways of resolving a fault share: fault.c (at once, the usual faults) and fault_steps.c (step
 * by step, all of them). What is inline here is most of the usual way.
 *
 * What guards a field, by the letter in its comment:
 *   (o)  its owner only: one fault of one task
 */
#ifndef MM_FAULT_PARTS_H
#define MM_FAULT_PARTS_H

#include "mm/fault.h"
#include "mm/machine.h"
#include "mm/object.h"

/* What an action comes to, beside a verdict: nothing is decided yet, look again. */
enum { LOOK_AGAIN = -1 };

/* One fault on its way: what was found, and what was brought for it. */
struct fault_step { /* (o) */
    struct space *s;
    vaddr_t va; /* page aligned */
    enum access access;
    struct region *region;
    pte_t *entry;        /* NULL: no table, or it is out */
    struct frame *spare; /* a frame allocated for this fault */
    struct frame *table; /* an empty table, allocated likewise */
    pfn_t mapped;        /* the frame that this step has mapped, or PFN_NONE */
    bool forced;         /* a write to a private page, whether or not the region allows it */
    bool major;          /* the fault is counted as one that read from a disk */
    uint8_t flags;       /* for its events */
    uint32_t began;      /* cycles_now(), the lower word */
};

/* The stack above va that may grow down to it, or NULL. */
struct region *fault_stack_above(struct space *s, vaddr_t va);
/* Let a shared or read-only table be the space's own. LOOK_AGAIN, or a verdict. Sleeps. */
int fault_own_table(struct space *s, vaddr_t va);
/* The object's page was just mapped for reading: map what is in memory around it. block: of find_page(). */
void fault_map_around(struct space *s, const struct region *r, vaddr_t va, pte_t *e, const uintptr_t *block);
/* Last actions, with their event; flags are for it. Copy the page that the entry names to f. */
void fault_copy_page(struct space *s, const struct region *r, vaddr_t va, pte_t *e, struct frame *f,
                     unsigned flags, uint32_t began);
/* The same where there is no entry yet, of an object's page in frame `from`: with it the step that finds that
 * page, which needs no entry, is counted as an event, and the copy among the actions. */
void fault_copy_object(struct space *s, const struct region *r, vaddr_t va, pte_t *e,
                       const struct frame *from, struct frame *f, unsigned flags, uint32_t began);
/* Make the entry's own page writable. */
void fault_take_over(struct space *s, vaddr_t va, pte_t *e, unsigned flags, uint32_t began);
/* The contents of f, which only one entry names and no slot's entry, are going to change. */
void fault_leave_slot(struct vm *vm, struct frame *f);
/* Take the steps of a fault, the first of which is known; `steps` were taken before. Called in a nosleep
 * section, which it may leave and enter again. Sleeps. */
enum fault_verdict fault_take_steps(struct fault_step *st, enum fault_action action, unsigned steps);

/* The processor cannot forbid reading what may be written or executed. */
static inline bool allows(const struct region *r, enum access access)
{
    return r->flags & (access == ACCESS_WRITE ? REGION_WRITE : REGION_PROT);
}

static inline __attribute__((always_inline)) enum fault_action classify(const struct region *region,
                                                                        bool can_grow, enum entry_state state,
                                                                        enum pt_span table, bool readonly,
                                                                        enum access access)
{
    bool write = access == ACCESS_WRITE;

    if (unlikely(!region))
        return can_grow ? FAULT_GROW : FAULT_BAD_ADDRESS;
    if (unlikely(!allows(region, access)))
        return FAULT_BAD_ACCESS;
    if (unlikely(table == PT_OUT))
        return FAULT_TABLE_IN;
    if (unlikely((write && (readonly || table == PT_SHARED)) || (table == PT_SHARED && state == ENTRY_EMPTY)))
        return FAULT_OWN_TABLE;
    switch (state) {
    case ENTRY_EMPTY:
        if (region->object)
            return FAULT_OBJECT_IN;
        return write ? FAULT_FILL_ZERO : FAULT_MAP_ZERO;
    case ENTRY_SWAP:
        return FAULT_SWAP_IN;
    case ENTRY_PARKED:
        return FAULT_UNPARK;
    case ENTRY_ZERO:
        return write ? FAULT_FILL_ZERO : FAULT_SPURIOUS;
    case ENTRY_SOLE:
        return write ? FAULT_TAKE_OVER : FAULT_SPURIOUS;
    case ENTRY_COPY:
        return write ? FAULT_COPY : FAULT_SPURIOUS;
    case ENTRY_OBJECT:
        if (!write)
            return FAULT_SPURIOUS;
        return region->flags & REGION_SHARED ? FAULT_UPGRADE : FAULT_COPY;
    default:
        return FAULT_SPURIOUS;
    }
}

static inline enum entry_state entry_state(struct vm *vm, pte_t e)
{
    const struct frame *f;

    if (pte_empty(e))
        return ENTRY_EMPTY;
    if (unlikely(!pte_present(e))) /* a held one is nobody's to touch, so its state is not asked for */
        return pte_is_swap(e) ? ENTRY_SWAP : ENTRY_PARKED;
    if (pte_writable(e))
        return ENTRY_WRITABLE;
    if (pte_pfn(e) == vm->zero_pfn)
        return ENTRY_ZERO;
    f = pfn_frame(vm->pool, pte_pfn(e));
    if (f->use == FRAME_OBJECT)
        return ENTRY_OBJECT;
    if (f->maps > 1 || (f->slot != SLOT_NONE && swap_count(vm, f->slot)))
        return ENTRY_COPY;
    return ENTRY_SOLE;
}

/* See what there is, and say what it calls for, in a region that is known, or where there is none: r NULL. */
static inline __attribute__((always_inline)) enum fault_action look_at_entry(struct space *s, vaddr_t va,
                                                                             enum access access,
                                                                             const struct region *r,
                                                                             bool can_grow, pte_t **entry)
{
    struct pt_view view = pt_view(&s->pt, va);

    *entry = view.entry;
    if (unlikely(!view.entry))
        return classify(r, can_grow, ENTRY_EMPTY, view.span, false, access);
    return classify(r, can_grow, entry_state(s->vm, *view.entry), view.span, view.is_readonly, access);
}

/* See what there is, and say what it calls for. */
static inline __attribute__((always_inline)) enum fault_action
look(struct space *s, vaddr_t va, enum access access, struct region **region, pte_t **entry)
{
    struct region *r = region_find(&s->regions, va);
    bool can_grow = false;

    *region = r;
    if (unlikely(!r)) {
        can_grow = fault_stack_above(s, va);
    } else if (unlikely(!allows(r, access))) { /* whatever there is */
        *entry = NULL;
        return FAULT_BAD_ACCESS;
    }
    return look_at_entry(s, va, access, r, can_grow, entry);
}

/* object_resident(), and if there is one, the words of the index that have the pages around it. */
static inline __attribute__((always_inline)) struct frame *find_page(const struct object *o, uint32_t index,
                                                                     const uintptr_t **block)
{
    *block = likely(index < o->pages) ? radix_block(&o->index, index) : NULL;
    return likely(*block) ? object_word_frame(o->vm->pool->frames, (*block)[index % RADIX_BLOCK]) : NULL;
}

/* Of the events of a fault. */
static inline uint8_t flags_of(enum access access)
{
    _Static_assert((ACCESS_WRITE << 2) == EVENT_IS_WRITE && (ACCESS_EXEC << 2) == EVENT_IS_EXEC, "no branch");
    return (uint8_t)(EVENT_OF_SPACE | access << 2);
}

/* What a fault has come to: its last action was one that maps or changes the entry of a page in frame pfn.
 * `flags` beside EVENT_OF_SPACE. Inline, since the usual faults make one. */
static inline __attribute__((always_inline)) void note_end(const struct space *s, vaddr_t va,
                                                           enum fault_action action, unsigned flags,
                                                           pfn_t pfn, uint32_t began)
{
    struct event_record *e = event_new(&s->vm->events);

    e->kind = EVENT_FAULT;
    e->what = (uint8_t)action;
    e->why = FAULT_RESUME;
    e->flags = (uint8_t)(EVENT_OF_SPACE | flags);
    e->frame = pfn;
    e->who = s->id;
    e->where = va;
    e->cost = began;
}

/* Make f, frame number pfn, the space's private page at va, which lies in r. It was filled. */
static inline __attribute__((always_inline)) void
install_private(struct space *s, const struct region *r, vaddr_t va, pte_t *e, struct frame *f, pfn_t pfn)
{
    unsigned flags = PT_USER | PT_ACCESSED;

    if (r->flags & REGION_WRITE)
        flags |= PT_WRITE | PT_DIRTY;
    f->owner = s->family;
    f->index = r->number + ((va - r->start) >> PAGE_SHIFT);
    f->maps = 1;
    vm_frame_list(s->vm, f);
    pt_set(&s->pt, va, e, pte_make(pfn, flags));
    vm_frame_mapped(s->vm, f, &s->set);
}

/* The last actions of the usual faults. f: a frame that was allocated for it. flags: for the event. */

static inline __attribute__((always_inline)) void fill_zero(struct space *s, const struct region *r,
                                                            vaddr_t va, pte_t *e, struct frame *f,
                                                            unsigned flags, uint32_t began)
{
    pfn_t pfn = frame_pfn(s->vm->pool, f);

    frame_clear(s->vm->pool, pfn);
    install_private(s, r, va, e, f, pfn);
    s->resident++;
    note_end(s, va, FAULT_FILL_ZERO, flags | EVENT_IS_WRITE, pfn, began);
}

static inline __attribute__((always_inline)) void map_zero(struct space *s, vaddr_t va, pte_t *e,
                                                           unsigned flags, uint32_t began)
{
    pfn_t pfn = s->vm->zero_pfn;

    pt_set(&s->pt, va, e, pte_make(pfn, PT_USER | PT_ACCESSED));
    note_end(s, va, FAULT_MAP_ZERO, flags, pfn, began);
}

/* Map the object's resident page: writable only in a shared mapping that is being written. False: the page
 * may not be written. */
static inline __attribute__((always_inline)) bool install_object(struct space *s, const struct region *r,
                                                                 vaddr_t va, pte_t *e, enum access access,
                                                                 struct frame *f)
{
    unsigned flags = PT_USER | PT_ACCESSED;

    if (access == ACCESS_WRITE && r->flags & REGION_SHARED) {
        if (object_make_precious(r->object, f))
            return false;
        flags |= PT_WRITE | PT_DIRTY;
    }
    f->maps++;
    s->resident++;
    pt_set(&s->pt, va, e, pte_make(frame_pfn(s->vm->pool, f), flags));
    vm_frame_mapped(s->vm, f, &s->set);
    return true;
}

/* When a fault begins, for its events. Every processor that can run this has the instruction; where its clock
 * is not to be relied on nobody looks at what it says (event.h: has_cycles). */
static inline uint32_t fault_now(void)
{
    return (uint32_t)cycles_now();
}

#endif
