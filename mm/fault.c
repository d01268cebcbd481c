/*
 * The fault path.
 *
 * A fault is one question, what does this access need?, answered by a pure function of the
 * region, the entry, the table and the access, and then done. Where the answer needs a step
 * before the real one (split the table, fetch the page), the step is done and the
 * question is asked again, so that one hardware fault ends with the access
 * possible, and whatever happened while a step slept is seen.
 *
 *   region forbids it, or there is none  -> bad access; bad address, or grow a stack
 *
 *   table    entry      read                write, private      write, shared object
 *   ------   --------   -----------------   -----------------   --------------------
 *   out      -          table in            table in            table in
 *   shared   swap       swap in, in place   own table           own table
 *   shared   parked     unpark, in place    own table           own table
 *   shared   empty      own table           own table           own table
 *   shared   others     spurious            own table           own table
 *   read-    any        as own              claim table         claim table
 *    only
 *   own      empty      zero frame, or      fresh zeroed        object's page,
 *                       object's page       frame, or object's  writable
 *                                           page, then copy
 *   own      zero       spurious            fresh zeroed frame  -
 *   own      sole       spurious            take over           -
 *   own      copy       spurious            copy                -
 *   own      object     spurious            copy                upgrade
 *   own      writable   spurious            spurious            spurious
 *   own      swap       swap in, read-only, then as sole or copy
 *   own      parked     unpark, then as what it was: sole, copy or writable
 *
 * "Out" is a table that lies in a slot itself (table.c): nothing is known of the entry before it is in.
 * "Shared" is a table that several roots name, all through read-only directory entries; "read-only" is one
 * whose entry is still so though nobody else names it any more; "own" one that is the space's alone. Swapping
 * in changes no entry's meaning, so it may be done in a shared table, and serves all sharers at once; and so
 * does putting back what was parked, a page that is in memory but whose entry does not translate.
 *
 * "Sole" means that nobody else can come to see the page: one entry names the frame and none its slot. So it
 * may change while it is being written to its slot, which is then given up when the write ends (swap_io.c).
 *
 * An object's pages that are in memory cost nothing but their entries. So when a mapping of one is read in
 * order, that is, the page just below is mapped, one fault maps the resident pages that follow, up to a few.
 * Their accessed bits are clear, so a page that is not touched after all does not look used. A lone touch
 * maps one page, and what would take a frame, private pages, is never brought in ahead: a program that counts
 * its pages sees those that it touched.
 *
 * A fresh page is zeroed or copied before its entry appears, so no other task ever sees what was in the
 * frame.
 *
 * Data: none. Locking: takes the space's lock; lets it go while a pager or the disk works.
 * Everything between looking at an entry and changing it is one nosleep section.
 *
 * It ends: every action but the last brings the entry nearer to allowing the access. What it leaves behind is
 * checked by vm_verify() and space_verify().
 *
 * How it fails: no memory and no swap, FAULT_NO_MEMORY; a page, or the table of its entry, that cannot be
 * read, or a page that lies beyond its object, FAULT_BUS. Compare: OpenBSD's uvm_fault.c, which opens with
 * such a table too.
 */
#include "mm/fault.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/table.h"

/* More steps than any fault can need unless others keep taking its page away; then the access is simply tried
 * again. */
#define MAX_STEPS 64u

/* Pages of an object that one fault maps at most: Linux's fault_around_bytes. */
#define AROUND 16u

const char *fault_action_name(enum fault_action a)
{
    static const char *const names[FAULT_ACTIONS] = {
        [FAULT_BAD_ADDRESS] = "bad address",
        [FAULT_BAD_ACCESS] = "bad access",
        [FAULT_GROW] = "grow stack",
        [FAULT_SPURIOUS] = "spurious",
        [FAULT_TABLE_IN] = "table in",
        [FAULT_OWN_TABLE] = "own table",
        [FAULT_MAP_ZERO] = "map zero frame",
        [FAULT_FILL_ZERO] = "fill zero",
        [FAULT_OBJECT_IN] = "object in",
        [FAULT_SWAP_IN] = "swap in",
        [FAULT_UNPARK] = "unpark",
        [FAULT_TAKE_OVER] = "take over",
        [FAULT_COPY] = "copy",
        [FAULT_UPGRADE] = "upgrade",
    };

    return (unsigned)a < FAULT_ACTIONS ? names[a] : "?";
}

const char *fault_verdict_name(enum fault_verdict v)
{
    static const char *const names[] = {
        [FAULT_RESUME] = "resume", [FAULT_MAPERR] = "no region",        [FAULT_ACCERR] = "not allowed",
        [FAULT_BUS] = "bus error", [FAULT_NO_MEMORY] = "out of memory",
    };

    return (unsigned)v < ARRAY_LEN(names) ? names[v] : "?";
}

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

enum fault_action fault_classify(const struct region *region, bool can_grow, enum entry_state state,
                                 enum pt_span table, bool readonly, enum access access)
{
    return classify(region, can_grow, state, table, readonly, access);
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

/* The stack above va that may grow down to it, or NULL. */
static struct region *stack_above(struct space *s, vaddr_t va)
{
    struct region *r;
    vaddr_t start = PAGE_DOWN(va);
    vaddr_t floor = SPACE_LO;

    if (start < SPACE_LO)
        return NULL;
    r = region_first_above(&s->regions, va);
    if (!r || !(r->flags & REGION_GROWSDOWN) || r->end - start > s->stack_max)
        return NULL;
    /* Another stack below sees to the distance itself, and what nobody can touch serves as the gap. */
    if (r->prev) {
        floor = r->prev->end;
        if (r->prev->flags & REGION_PROT && !(r->prev->flags & REGION_GROWSDOWN))
            floor += SPACE_STACK_GAP;
    }
    if (start < floor)
        return NULL;

    uint32_t pages = (r->start - start) >> PAGE_SHIFT;

    if (space_may_add(s, r->flags, pages) || (r->flags & REGION_CHARGED && !commit_allows(s->vm, pages)))
        return NULL;
    return r;
}

/* One fault on its way: what was found, and what was brought for it. */
struct step {
    struct space *s;
    vaddr_t va; /* page aligned */
    enum access access;
    struct region *region;
    pte_t *entry;        /* NULL: no table, or it is out */
    struct frame *spare; /* a frame allocated for this fault */
    struct frame *table; /* a frame for a table, allocated likewise */
    pfn_t mapped;        /* the frame that this step has mapped, or PFN_NONE */
    bool major;          /* the fault is counted as one that read from a disk */
    uint8_t flags;       /* for its events */
    uint32_t began;      /* cycles_now(), the lower word */
};

static uint32_t page_number(const struct step *st)
{
    return st->region->number + ((st->va - st->region->start) >> PAGE_SHIFT);
}

static uint32_t object_index(const struct step *st)
{
    return st->region->offset + ((st->va - st->region->start) >> PAGE_SHIFT);
}

/* --- events --- */

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
    e->cost = (uint32_t)e->time - began;
}

/* Anything else about the fault. */
static inline __attribute__((always_inline)) void
note_as(struct step *st, enum event_kind kind, unsigned action, enum fault_verdict why, uint32_t arg)
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
    e->cost = (uint32_t)e->time - st->began;
    st->mapped = PFN_NONE;
}

static __attribute__((noinline)) void note(struct step *st, enum event_kind kind, unsigned action,
                                           enum fault_verdict why, uint32_t arg)
{
    note_as(st, kind, action, why, arg);
}

/* What a step comes to, beside a verdict: nothing is decided yet, look again. */
enum { LOOK_AGAIN = -1 };

/* The slow way to a frame or a table: it may sleep, so whatever comes of it, the caller looks again. */
static int bring_slowly(struct step *st, struct frame **f, enum frame_use use, unsigned flags)
{
    struct vm *vm = st->s->vm;

    note(st, EVENT_WAIT, EVENT_FOR_MEMORY, FAULT_RESUME, SLOT_NONE);
    nosleep_exit();
    *f = vm_frame_alloc(vm, use, flags);
    nosleep_enter("the region and the entry that were looked up");
    return *f ? LOOK_AGAIN : FAULT_NO_MEMORY;
}

/* Have a frame to fill. FAULT_RESUME: it is there, and nothing has changed. */
static inline int bring_frame(struct step *st)
{
    struct vm *vm = st->s->vm;

    if (st->spare)
        return FAULT_RESUME;
    st->spare = frame_alloc(vm->pool, FRAME_ANON, 0); /* no reclaim: the slow way does it */
    if (likely(st->spare))
        return FAULT_RESUME;
    return bring_slowly(st, &st->spare, FRAME_ANON, 0);
}

static __attribute__((noinline)) int add_table(struct step *st)
{
    struct vm *vm = st->s->vm;

    if (!st->table) {
        /* no reclaim: the slow way does it */
        st->table = frame_alloc_kernel(vm->pool, FRAME_TABLE, FRAME_LOW_ONLY);
        if (!st->table)
            return bring_slowly(st, &st->table, FRAME_TABLE, FRAME_LOW_ONLY);
    }
    page_clear(pt_table_entries(vm->pool, st->table));
    pt_add_table(&st->s->pt, st->va, st->table);
    st->table = NULL;
    st->entry = pt_resident_entry(&st->s->pt, st->va);
    return FAULT_RESUME;
}

/* Have a table in the span. On FAULT_RESUME st->entry is valid, and nothing else has changed. */
static inline int bring_table(struct step *st)
{
    return likely(st->entry) ? FAULT_RESUME : add_table(st);
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
    note_end(s, va, FAULT_FILL_ZERO, flags | EVENT_IS_WRITE, pfn, began);
}

static inline __attribute__((always_inline)) void map_zero(struct space *s, vaddr_t va, pte_t *e,
                                                           unsigned flags, uint32_t began)
{
    pfn_t pfn = s->vm->zero_pfn;

    pt_set(&s->pt, va, e, pte_make(pfn, PT_USER | PT_ACCESSED));
    note_end(s, va, FAULT_MAP_ZERO, flags, pfn, began);
}

static void copy_page(struct space *s, const struct region *r, vaddr_t va, pte_t *e, struct frame *f,
                      unsigned flags, uint32_t began)
{
    struct vm *vm = s->vm;
    pfn_t from = pte_pfn(*e), to = frame_pfn(vm->pool, f);
    struct frame *old = pfn_frame(vm->pool, from);

    frame_copy(vm->pool, to, from);
    old->maps--;
    install_private(s, r, va, e, f, to);
    note_end(s, va, FAULT_COPY, flags | EVENT_IS_WRITE, to, began);
    vm_frame_drop(vm, old);
}

static void take_over(struct space *s, vaddr_t va, pte_t *e, unsigned flags, uint32_t began)
{
    struct vm *vm = s->vm;
    pfn_t pfn = pte_pfn(*e);
    struct frame *f = pfn_frame(vm->pool, pfn);

    if (f->flags & FRAME_F_WRITEBACK)
        f->flags |= FRAME_F_DIRTY; /* what is being written is of no use, and its slot goes with it */
    else if (f->slot != SLOT_NONE)
        swap_uncache(vm, f);
    pt_set(&s->pt, va, e, pte_with_write(*e));
    note_end(s, va, FAULT_TAKE_OVER, flags | EVENT_IS_WRITE, pfn, began);
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
    pt_set(&s->pt, va, e, pte_make(frame_pfn(s->vm->pool, f), flags));
    vm_frame_mapped(s->vm, f, &s->set);
    return true;
}

/* The same for a step. */
static bool step_to_object(struct step *st, struct frame *f)
{
    if (!install_object(st->s, st->region, st->va, st->entry, st->access, f))
        return false;
    st->mapped = frame_pfn(st->s->vm->pool, f);
    return true;
}

static void note_ahead(struct space *s, vaddr_t va, const struct frame *f)
{
    struct event_record *e = event_new(&s->vm->events);

    e->kind = EVENT_MAPPED_AHEAD;
    e->what = e->why = 0;
    e->flags = EVENT_OF_SPACE;
    e->frame = frame_pfn(s->vm->pool, f);
    e->who = s->id;
    e->where = va;
}

/* The object's page was just mapped for reading. If it is not the first of a sequence, map what follows. */
static void map_ahead(struct space *s, const struct region *r, vaddr_t va, pte_t *e)
{
    vaddr_t end = PT_SPAN_DOWN(va) + PT_SPAN;
    uint32_t index = r->offset + ((va - r->start) >> PAGE_SHIFT);

    if (va == PT_SPAN_DOWN(va) || va == r->start || !pte_present(e[-1]) || s->vm->exact)
        return;
    if (end > r->end)
        end = r->end;
    for (unsigned n = 1; n < AROUND && (va += PAGE_SIZE) < end && pte_empty(*++e); n++) {
        struct frame *f = object_resident(r->object, ++index);

        if (!f)
            break;
        f->maps++;
        pt_set(&s->pt, va, e, pte_make(frame_pfn(s->vm->pool, f), PT_USER));
        vm_frame_mapped(s->vm, f, &s->set);
        s->vm->stats.mapped_ahead++;
        note_ahead(s, va, f);
    }
}

/* Map the cached page of the slot that the entry names, read-only. */
static void install_swapped(struct step *st, struct frame *f)
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
static void unpark(struct step *st)
{
    struct vm *vm = st->s->vm;

    pt_set(&st->s->pt, st->va, st->entry, pte_unpark(*st->entry));
    st->mapped = pte_pfn(*st->entry);
    vm_frame_mapped(vm, pfn_frame(vm->pool, st->mapped), &st->s->set);
}

static __attribute__((noinline)) enum fault_action look_again(struct step *st);

/* The fault wants the page of a slot: let what follows it be read, and the page itself if it is not in
 * memory. Whether that has begun. */
static bool read_ahead(struct step *st, slot_t slot)
{
    struct frame *f = swap_cached(st->s->vm, slot);

    if (!f)
        return ahead_miss(st->s, st->region, st->va, slot);
    ahead_touch(st->s, st->region, st->va, f);
    return false;
}

/* Something was brought for the fault; read: from a disk. */
static void note_read(struct step *st, bool read)
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
static __attribute__((noinline)) int fetch(struct step *st, enum fault_action action)
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
static __attribute__((noinline)) int fetch_table(struct step *st)
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

static void grow_stack(struct step *st)
{
    struct space *s = st->s;
    struct region *r = stack_above(s, st->va);

    if (r->flags & REGION_CHARGED)
        commit_charge(s->vm, (r->start - st->va) >> PAGE_SHIFT); /* it cannot fail: stack_above() has asked */
    space_uncount(s, r);
    space_resize_region(s, r, st->va, r->end);
    space_count(s, r);
}

static int own_table(struct space *s, vaddr_t va)
{
    switch (space_own_table(s, va)) {
    case 0:
        return LOOK_AGAIN;
    case -EIO:
        return FAULT_BUS;
    default:
        return FAULT_NO_MEMORY;
    }
}

static struct frame *take_spare(struct step *st)
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
static inline __attribute__((always_inline)) int act(struct step *st, enum fault_action action, bool is_first)
{
    struct space *s = st->s;
    struct vm *vm = s->vm;
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
            copy_page(s, st->region, st->va, st->entry, take_spare(st), st->flags, st->began);
        return result;
    case FAULT_TAKE_OVER:
        take_over(s, st->va, st->entry, st->flags, st->began);
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
        f = object_resident(st->region->object, object_index(st));
        if (!f)
            return fetch(st, action);
        if (!step_to_object(st, f))
            return FAULT_BUS;
        if (st->access == ACCESS_WRITE)
            return LOOK_AGAIN;
        note(st, EVENT_FAULT, action, FAULT_RESUME, 0);
        map_ahead(s, st->region, st->va, st->entry);
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
        result = own_table(s, st->va);
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

/* See what there is, and say what it calls for. */
static inline __attribute__((always_inline)) enum fault_action
look(struct space *s, vaddr_t va, enum access access, struct region **region, pte_t **entry)
{
    struct pt_view view = pt_view(&s->pt, va);
    struct region *r = region_find(&s->regions, va);
    bool can_grow = false;

    *region = r;
    *entry = view.entry;
    if (unlikely(!r))
        can_grow = stack_above(s, va);
    if (unlikely(!view.entry))
        return classify(r, can_grow, ENTRY_EMPTY, view.span, false, access);
    return classify(r, can_grow, entry_state(s->vm, *view.entry), view.span, view.is_readonly, access);
}

static enum fault_action look_again(struct step *st)
{
    return look(st->s, st->va, st->access, &st->region, &st->entry);
}

/* Take the steps of a fault, the first of which is known; `steps` were taken before. Called in a nosleep
 * section, which it may leave and enter again. */
static __attribute__((noinline)) enum fault_verdict take_steps(struct step *st, enum fault_action action,
                                                               unsigned steps)
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
        frame_free(vm->pool, st->table);
    return result == LOOK_AGAIN ? FAULT_RESUME : (enum fault_verdict)result;
}

/* The program may not: there is nothing to do. */
static inline __attribute__((always_inline)) enum fault_verdict
refuse(const struct space *s, enum fault_action action, enum access access, vaddr_t va, uint32_t began)
{
    _Static_assert(FAULT_MAPERR == FAULT_BAD_ADDRESS + 1 && FAULT_ACCERR == FAULT_BAD_ACCESS + 1,
                   "no branch");
    enum fault_verdict verdict = (enum fault_verdict)(action + 1);
    struct event_record *e = event_new(&s->vm->events);

    s->vm->stats.by_action[action]++;
    e->kind = EVENT_FAULT;
    e->what = (uint8_t)action;
    e->why = (uint8_t)verdict;
    e->flags = flags_of(access);
    e->frame = PFN_NONE;
    e->who = s->id;
    e->where = va;
    e->cost = (uint32_t)e->time - began;
    return verdict;
}

/* The usual faults, whose first step is their last: with a table, and a frame at hand. False: it is none of
 * them, and nothing was done. */
static inline __attribute__((always_inline)) bool act_at_once(struct space *s, enum fault_action action,
                                                              const struct region *r, vaddr_t va, pte_t *e,
                                                              enum access access, uint32_t began)
{
    struct vm *vm = s->vm;
    struct frame *f;

    switch (action) {
    case FAULT_MAP_ZERO:
        map_zero(s, va, e, 0, began);
        break;
    case FAULT_FILL_ZERO:
        f = frame_alloc(vm->pool, FRAME_ANON, 0); /* no reclaim: the steps do it */
        if (unlikely(!f))
            return false;
        fill_zero(s, r, va, e, f, 0, began);
        break;
    case FAULT_COPY:
        f = frame_alloc(vm->pool, FRAME_ANON, 0); /* no reclaim: the steps do it */
        if (unlikely(!f))
            return false;
        copy_page(s, r, va, e, f, 0, began);
        break;
    case FAULT_TAKE_OVER:
        take_over(s, va, e, 0, began);
        break;
    case FAULT_OBJECT_IN:
        f = object_resident(r->object, r->offset + ((va - r->start) >> PAGE_SHIFT));
        if (!f || access == ACCESS_WRITE)
            return false;
        install_object(s, r, va, e, access, f);
        note_end(s, va, action, flags_of(access), frame_pfn(vm->pool, f), began);
        map_ahead(s, r, va, e);
        break;
    default:
        return false;
    }
    vm->stats.by_action[action]++;
    return true;
}

/* The first step of many faults after a fork, before what is usual, and often the last: have the table for
 * one's own, and look again. LOOK_AGAIN: *action, *r and *e say what comes next. Else the verdict. */
static __attribute__((noinline)) int own_and_look(struct space *s, vaddr_t va, enum access access,
                                                  uint32_t began, enum fault_action *action,
                                                  struct region **r, pte_t **e)
{
    struct event_record *event;
    int result;

    s->vm->stats.by_action[FAULT_OWN_TABLE]++;
    nosleep_exit();
    result = own_table(s, va);
    nosleep_enter("the region and the entry that were looked up");
    if (result == LOOK_AGAIN) {
        *action = look(s, va, access, r, e);
        if (*action == FAULT_SPURIOUS) /* that was all */
            result = FAULT_RESUME;
    }
    event = event_new(&s->vm->events);
    event->kind = result == LOOK_AGAIN ? EVENT_STEP : EVENT_FAULT;
    event->what = FAULT_OWN_TABLE;
    event->why = (uint8_t)(result == LOOK_AGAIN ? FAULT_RESUME : result);
    event->flags = flags_of(access);
    event->frame = PFN_NONE;
    event->who = s->id;
    event->where = va;
    event->cost = (uint32_t)event->time - began;
    return result;
}

/* Now, for the events; 0 without the clock. */
static inline uint32_t now(const struct vm *vm)
{
    return likely(vm->events.has_cycles) ? (uint32_t)cycles_now() : 0;
}

enum fault_verdict fault_resolve(struct space *s, const struct fault *f)
{
    enum fault_verdict verdict = FAULT_RESUME;
    uint32_t began = now(s->vm);
    vaddr_t va = PAGE_DOWN(f->va);
    unsigned steps = 0;
    enum fault_action action;
    struct region *r;
    pte_t *e;

    if (f->va >= USER_END)
        return FAULT_MAPERR;
    mm_assert(!f->reserved, "reserved bit set in the tables for %x of space %u", f->va, s->id);
    s->vm->stats.faults++;
    s->faults++;
    mutex_lock(&s->lock);
    nosleep_enter("the region and the entry that are looked up");
    action = look(s, va, f->access, &r, &e);
    if (unlikely(action <= FAULT_BAD_ACCESS)) {
        verdict = refuse(s, action, f->access, va, began);
        goto out;
    }
    if (unlikely(action == FAULT_OWN_TABLE)) {
        enum fault_action next = action;
        struct region *next_r = r;
        pte_t *next_e = e;
        int result = own_and_look(s, va, f->access, began, &next, &next_r, &next_e);

        if (result != LOOK_AGAIN) {
            verdict = (enum fault_verdict)result;
            goto out;
        }
        action = next;
        r = next_r;
        e = next_e;
        steps = 1;
    }
    if (unlikely(!e || !act_at_once(s, action, r, va, e, f->access, began))) {
        struct step st = {.s = s,
                          .va = va,
                          .access = f->access,
                          .region = r,
                          .entry = e,
                          .began = began,
                          .flags = flags_of(f->access)};

        verdict = take_steps(&st, action, steps);
    }
out:
    nosleep_exit();
    mutex_unlock(&s->lock);
    return verdict;
}

enum fault_verdict fault_touch(struct space *s, vaddr_t va, enum access access)
{
    struct step st = {
        .s = s, .va = PAGE_DOWN(va), .access = access, .flags = (uint8_t)(flags_of(access) | EVENT_IS_TOUCH)};
    enum fault_verdict verdict;

    if (va >= USER_END)
        return FAULT_MAPERR;
    st.began = now(s->vm);
    s->faults++;
    mutex_lock(&s->lock);
    nosleep_enter("the region and the entry that are looked up");
    verdict = take_steps(&st, look_again(&st), 0);
    nosleep_exit();
    mutex_unlock(&s->lock);
    return verdict;
}
