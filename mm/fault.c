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
    bool major;          /* the fault is counted as one that read from a disk */
};

static uint32_t page_number(const struct step *st)
{
    return st->region->number + ((st->va - st->region->start) >> PAGE_SHIFT);
}

static uint32_t object_index(const struct step *st)
{
    return st->region->offset + ((st->va - st->region->start) >> PAGE_SHIFT);
}

/* What a step comes to, beside a verdict: nothing is decided yet, look again. */
enum { LOOK_AGAIN = -1 };

/* The slow way to a frame or a table: it may sleep, so whatever comes of it, the caller looks again. */
static int bring_slowly(struct vm *vm, struct frame **f, enum frame_use use, unsigned flags)
{
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
    return bring_slowly(vm, &st->spare, FRAME_ANON, 0);
}

static __attribute__((noinline)) int add_table(struct step *st)
{
    struct vm *vm = st->s->vm;

    if (!st->table) {
        /* no reclaim: the slow way does it */
        st->table = frame_alloc_kernel(vm->pool, FRAME_TABLE, FRAME_LOW_ONLY);
        if (!st->table)
            return bring_slowly(vm, &st->table, FRAME_TABLE, FRAME_LOW_ONLY);
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

/* Make the spare, frame number pfn, the space's private page at the address. It was filled. */
static void install_private(struct step *st, pfn_t pfn)
{
    struct space *s = st->s;
    struct region *r = st->region;
    struct frame *f = st->spare;
    unsigned flags = PT_USER | PT_ACCESSED;

    if (r->flags & REGION_WRITE)
        flags |= PT_WRITE | PT_DIRTY;
    f->owner = s->family;
    f->index = page_number(st);
    f->maps = 1;
    st->spare = NULL;
    vm_frame_list(s->vm, f);
    pt_set(&s->pt, st->va, st->entry, pte_make(pfn, flags));
    pageable_mapped(&s->vm->pageable, f, &s->set);
}

static void fill_zero(struct step *st)
{
    struct frame_pool *pool = st->s->vm->pool;
    pfn_t pfn = frame_pfn(pool, st->spare);

    frame_clear(pool, pfn);
    install_private(st, pfn);
}

static void copy_page(struct step *st)
{
    struct vm *vm = st->s->vm;
    pfn_t from = pte_pfn(*st->entry), to = frame_pfn(vm->pool, st->spare);
    struct frame *old = pfn_frame(vm->pool, from);

    frame_copy(vm->pool, to, from);
    old->maps--;
    install_private(st, to);
    vm_frame_drop(vm, old);
}

static void take_over(struct step *st)
{
    struct vm *vm = st->s->vm;
    struct frame *f = pfn_frame(vm->pool, pte_pfn(*st->entry));

    if (f->flags & FRAME_F_WRITEBACK)
        f->flags |= FRAME_F_DIRTY; /* what is being written is of no use, and its slot goes with it */
    else if (f->slot != SLOT_NONE)
        swap_uncache(vm, f);
    pt_set(&st->s->pt, st->va, st->entry, pte_with_write(*st->entry));
}

/* Map the object's resident page: writable only in a shared mapping that is being written. False: the page
 * may not be written. */
static bool install_object(struct step *st, struct frame *f)
{
    unsigned flags = PT_USER | PT_ACCESSED;

    if (st->access == ACCESS_WRITE && st->region->flags & REGION_SHARED) {
        if (object_make_precious(st->region->object, f))
            return false;
        flags |= PT_WRITE | PT_DIRTY;
    }
    f->maps++;
    pt_set(&st->s->pt, st->va, st->entry, pte_make(frame_pfn(st->s->vm->pool, f), flags));
    pageable_mapped(&st->s->vm->pageable, f, &st->s->set);
    return true;
}

/* The object's page was just mapped for reading. If it is not the first of a sequence, map what follows. */
static void map_ahead(struct step *st)
{
    struct space *s = st->s;
    const struct region *r = st->region;
    vaddr_t va = st->va, end = PT_SPAN_DOWN(va) + PT_SPAN;
    uint32_t index = object_index(st);
    pte_t *e = st->entry;

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
        pageable_mapped(&s->vm->pageable, f, &s->set);
        s->vm->stats.mapped_ahead++;
    }
}

/* Map the cached page of the slot that the entry names, read-only. */
static void install_swapped(struct step *st, struct frame *f)
{
    struct vm *vm = st->s->vm;
    slot_t slot = pte_slot(*st->entry);

    swap_note_use(&vm->swap, f);
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
    pageable_mapped(&vm->pageable, f, &st->s->set);
}

/* Let the entry, which is parked, translate again. */
static void unpark(struct step *st)
{
    struct vm *vm = st->s->vm;

    pt_set(&st->s->pt, st->va, st->entry, pte_unpark(*st->entry));
    pageable_mapped(&vm->pageable, pfn_frame(vm->pool, pte_pfn(*st->entry)), &st->s->set);
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
            err = install_object(st, f) ? 0 : -ENOSPC;
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

/*
 * Do one action. FAULT_RESUME: the access is possible now. LOOK_AGAIN: it may be. Called in a nosleep
 * section, which it may leave and enter again.
 */
static inline __attribute__((always_inline)) int act(struct step *st, enum fault_action action)
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
            fill_zero(st);
        return result;
    case FAULT_MAP_ZERO:
        result = bring_table(st);
        if (likely(result == FAULT_RESUME))
            pt_set(&s->pt, st->va, st->entry, pte_make(vm->zero_pfn, PT_USER | PT_ACCESSED));
        return result;
    case FAULT_COPY:
        result = bring_frame(st);
        if (likely(result == FAULT_RESUME))
            copy_page(st);
        return result;
    case FAULT_TAKE_OVER:
        take_over(st);
        return FAULT_RESUME;
    case FAULT_UPGRADE:
        if (object_make_precious(st->region->object, pfn_frame(vm->pool, pte_pfn(*st->entry))))
            return FAULT_BUS;
        pt_set(&s->pt, st->va, st->entry, pte_with_write(*st->entry));
        return FAULT_RESUME;
    case FAULT_OBJECT_IN:
        result = bring_table(st);
        if (result != FAULT_RESUME)
            return result;
        f = object_resident(st->region->object, object_index(st));
        if (!f)
            return fetch(st, action);
        if (!install_object(st, f))
            return FAULT_BUS;
        if (st->access == ACCESS_WRITE)
            return LOOK_AGAIN;
        map_ahead(st);
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
        return FAULT_RESUME;
    }
}

/* See what there is, and say what it calls for. */
static inline __attribute__((always_inline)) enum fault_action look(struct step *st)
{
    struct space *s = st->s;
    bool can_grow = false;

    st->region = region_find(&s->regions, st->va);
    st->entry = pt_resident_entry(&s->pt, st->va);
    if (unlikely(!st->region))
        can_grow = stack_above(s, st->va);
    if (unlikely(!st->entry))
        return classify(st->region, can_grow, ENTRY_EMPTY, pt_span(&s->pt, st->va), false, st->access);
    return classify(st->region, can_grow, entry_state(s->vm, *st->entry), pt_resident_span(&s->pt, st->va),
                    pt_span_readonly(&s->pt, st->va), st->access);
}

static enum fault_action look_again(struct step *st)
{
    return look(st);
}

static inline __attribute__((always_inline)) enum fault_verdict resolve(struct space *s, vaddr_t va,
                                                                        enum access access)
{
    struct vm *vm = s->vm;
    struct step st = {.s = s, .va = PAGE_DOWN(va), .access = access};
    unsigned steps = 0;
    int result;

    s->faults++;
    mutex_lock(&s->lock);
    nosleep_enter("the region and the entry that are looked up");
    do {
        enum fault_action action = look(&st);

        if (action != FAULT_SPURIOUS || steps == 0) /* the end of a resolved fault is no spurious one */
            vm->stats.by_action[action]++;
        result = act(&st, action);
    } while (result == LOOK_AGAIN && ++steps < MAX_STEPS);
    nosleep_exit();
    mutex_unlock(&s->lock);
    if (unlikely(st.spare))
        frame_free(vm->pool, st.spare);
    if (unlikely(st.table))
        frame_free(vm->pool, st.table);
    return result == LOOK_AGAIN ? FAULT_RESUME : (enum fault_verdict)result;
}

enum fault_verdict fault_resolve(struct space *s, const struct fault *f)
{
    if (f->va >= USER_END)
        return FAULT_MAPERR;
    mm_assert(!f->reserved, "reserved bit set in the tables for %x of space %u", f->va, s->id);
    s->vm->stats.faults++;
    return resolve(s, f->va, f->access);
}

enum fault_verdict fault_touch(struct space *s, vaddr_t va, enum access access)
{
    return va < USER_END ? resolve(s, va, access) : FAULT_MAPERR;
}
