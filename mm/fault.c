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
 * An object's pages that are in memory cost nothing but their entries. So when a mapping of one is read, one
 * fault maps those that are in memory around the page, too: of the aligned AROUND pages, what lies in the
 * region. Their accessed bits are clear, so a page that is not touched after all does not look used. Nothing
 * is brought in for it, and what would take a frame, a private page, is never mapped ahead: a program that
 * counts its pages sees those that it touched. A program with a share of memory (policy vms) does not fill it
 * up so.
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
#include "mm/errno.h"
#include "mm/fault_parts.h"
#include "mm/softtlb.h"
#include "mm/table.h"

/* Pages of an object that one fault maps at most. A fault costs about as much as 15 pages that are mapped
 * ahead and unmapped, so these are twice as many as Linux's (fault_around_bytes). */
#define AROUND 32u

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

enum fault_action fault_classify(const struct region *region, bool can_grow, enum entry_state state,
                                 enum pt_span table, bool readonly, enum access access)
{
    return classify(region, can_grow, state, table, readonly, access);
}

struct region *fault_stack_above(struct space *s, vaddr_t va)
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

void fault_copy_page(struct space *s, const struct region *r, vaddr_t va, pte_t *e, struct frame *f,
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

void fault_copy_object(struct space *s, const struct region *r, vaddr_t va, pte_t *e,
                       const struct frame *from, struct frame *f, unsigned flags, uint32_t began)
{
    struct vm *vm = s->vm;
    pfn_t to = frame_pfn(vm->pool, f);
    struct event_record *event = event_new(&vm->events);

    event->kind = EVENT_STEP;
    event->what = FAULT_OBJECT_IN;
    event->why = FAULT_RESUME;
    event->flags = (uint8_t)((flags_of(ACCESS_WRITE) | flags) & ~(unsigned)EVENT_HAD_TABLE);
    event->frame = PFN_NONE;
    event->who = s->id;
    event->where = va;
    event->cost = began;
    vm->stats.by_action[FAULT_COPY]++;
    frame_copy(vm->pool, to, frame_pfn(vm->pool, from));
    install_private(s, r, va, e, f, to);
    s->resident++;
    note_end(s, va, FAULT_COPY, flags | EVENT_IS_WRITE, to, began);
}

static inline void leave_slot(struct vm *vm, struct frame *f)
{
    if (f->flags & FRAME_F_WRITEBACK)
        f->flags |= FRAME_F_DIRTY; /* what is being written is of no use, and its slot goes with it */
    else if (f->slot != SLOT_NONE)
        swap_uncache(vm, f);
}

void fault_leave_slot(struct vm *vm, struct frame *f)
{
    leave_slot(vm, f);
}

void fault_take_over(struct space *s, vaddr_t va, pte_t *e, unsigned flags, uint32_t began)
{
    struct vm *vm = s->vm;
    pfn_t pfn = pte_pfn(*e);

    leave_slot(vm, pfn_frame(vm->pool, pfn));
    pt_set(&s->pt, va, e, pte_with_write(*e));
    note_end(s, va, FAULT_TAKE_OVER, flags | EVENT_IS_WRITE, pfn, began);
}

/* Fill those of n entries that are empty and whose pages, which words of an object's index name, are in
 * memory. like: what an entry of frame 0 would be. Returns a bit for each that was filled. */
static __attribute__((noinline)) uint32_t fill_empty(struct frame *frames, const uintptr_t *words, pte_t *e,
                                                     uint32_t n, pte_t like)
{
    uint32_t filled = 0;

    for (uint32_t i = 0; i < n; i++) {
        uintptr_t word = words[i];
        struct frame *f = object_word_frame(frames, word);

        if (!f || !pte_empty(e[i]))
            continue;
        f->maps++;
        e[i] = pte_with_pfn(like, OBJECT_ENTRY_VALUE(word));
        filled |= 1u << i;
    }
    return filled;
}

/* The entries from va on that have bits were filled with pages that nobody has touched yet. Returns how
 * many. */
static uint32_t note_ahead(struct space *s, vaddr_t va, uint32_t filled)
{
    uint32_t pages = 0;

    do {
        unsigned gap = (unsigned)__builtin_ctz(filled), run;
        struct event_record *event = event_new(&s->vm->events);

        filled >>= gap;
        va += (vaddr_t)gap << PAGE_SHIFT;
        run = (unsigned)__builtin_ctz(~filled);
        event->kind = EVENT_MAPPED_AHEAD;
        event->what = event->why = 0;
        event->flags = EVENT_OF_SPACE;
        event->who = s->id;
        event->where = va;
        event->cost = run;
        filled >>= run;
        va += (vaddr_t)run << PAGE_SHIFT;
        pages += run;
    } while (filled);
    return pages;
}

/* They join the program's set. */
static __attribute__((noinline)) void join_set(struct space *s, const pte_t *e, uint32_t filled)
{
    for (; filled; filled >>= 1, e++)
        if (filled & 1)
            vm_frame_mapped(s->vm, pfn_frame(s->vm->pool, pte_pfn(*e)), &s->set);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Whether the program's share has room for pages that may not be touched. */
static bool has_room(const struct space *s)
{
    return s->set.list.count + AROUND <= least(s->set.limit, s->set.most);
}

void fault_map_around(struct space *s, const struct region *r, vaddr_t va, pte_t *e, const uintptr_t *block)
{
    struct vm *vm = s->vm;
    const struct object *o = r->object;
    uint32_t page = (va - r->start) >> PAGE_SHIFT, index = r->offset + page;
    uint32_t entry = va >> PAGE_SHIFT & (PT_TABLE_ENTRIES - 1), before = index % AROUND, n, filled, pages;
    const uintptr_t *word = block + index % RADIX_BLOCK;

    _Static_assert(RADIX_BLOCK % AROUND == 0 && AROUND <= 1 << PT_GROUP_SHIFT && AROUND <= 32,
                   "their words lie in one block, their entries in two groups, and each has a bit");
    if (vm->exact || (vm->pageable.keeps_sets && !has_room(s)))
        return;
    /* What lies in the region, the object and the table. */
    n = least(least(AROUND - before, o->pages - index),
              least((r->end - va) >> PAGE_SHIFT, PT_TABLE_ENTRIES - entry));
    before = least(before, least(page, entry));
    word -= before;
    e -= before;
    va -= before << PAGE_SHIFT;
    n += before;
    filled = fill_empty(vm->pool->frames, word, e, n, softtlb_idle(s, pte_make(0, PT_USER)));
    if (!filled)
        return;
    pages = note_ahead(s, va, filled);
    pt_filled(&s->pt, va, n, pages);
    s->resident += pages;
    vm->stats.mapped_ahead += pages;
    if (unlikely(vm->pageable.keeps_sets))
        join_set(s, e, filled);
}

int fault_own_table(struct space *s, vaddr_t va)
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
    e->cost = began;
    return verdict;
}

/* The usual faults, whose first step is their last: with a table, and a frame at hand. False: it is none of
 * them, and nothing was done. */
static inline __attribute__((always_inline)) bool act_at_once(struct space *s, enum fault_action action,
                                                              const struct region *r, vaddr_t va, pte_t *e,
                                                              enum access access, unsigned flags,
                                                              uint32_t began)
{
    struct vm *vm = s->vm;
    const uintptr_t *block;
    struct frame *f;

    switch (action) {
    case FAULT_MAP_ZERO:
        map_zero(s, va, e, flags, began);
        break;
    case FAULT_FILL_ZERO:
        f = frame_alloc(vm->pool, FRAME_ANON, FRAME_FIRST); /* no reclaim: the steps do it */
        if (unlikely(!f))
            return false;
        fill_zero(s, r, va, e, f, flags, began);
        break;
    case FAULT_COPY:
        f = frame_alloc(vm->pool, FRAME_ANON, FRAME_FIRST); /* no reclaim: the steps do it */
        if (unlikely(!f))
            return false;
        fault_copy_page(s, r, va, e, f, flags, began);
        break;
    case FAULT_TAKE_OVER:
        fault_take_over(s, va, e, flags, began);
        break;
    case FAULT_OBJECT_IN:
        f = find_page(r->object, r->offset + ((va - r->start) >> PAGE_SHIFT), &block);
        if (unlikely(!f))
            return false;
        if (access == ACCESS_WRITE) {
            struct frame *copy;

            if (r->flags & REGION_SHARED)
                return false;
            copy = frame_alloc(vm->pool, FRAME_ANON, FRAME_FIRST); /* no reclaim: the steps do it */
            if (unlikely(!copy))
                return false;
            fault_copy_object(s, r, va, e, f, copy, flags, began);
            break;
        }
        install_object(s, r, va, e, access, f);
        note_end(s, va, action, flags_of(access) | flags, frame_pfn(vm->pool, f), began);
        fault_map_around(s, r, va, e, block);
        break;
    default:
        return false;
    }
    vm->stats.by_action[action]++;
    return true;
}

/* Let the table be the space's own, with whatever wait that takes, and look again. LOOK_AGAIN, or the
 * verdict. Leaves the nosleep section and enters it again. Sleeps. */
static __attribute__((noinline)) int own_slowly(struct space *s, vaddr_t va, enum access access,
                                                enum fault_action *action, struct region **r, pte_t **e)
{
    int result;

    nosleep_exit();
    result = fault_own_table(s, va);
    nosleep_enter("the region and the entry that were looked up");
    if (result == LOOK_AGAIN)
        *action = look(s, va, access, r, e);
    return result;
}

/* The beginning of many faults after a fork, and often all of it: the table was shared, and is the space's
 * own now. Look again, and do what is usual then. LOOK_AGAIN: *action, *r and *e say what comes next. Else
 * the verdict. */
static inline __attribute__((always_inline)) int own_and_act(struct space *s, vaddr_t va, enum access access,
                                                             uint32_t began, enum fault_action *action,
                                                             struct region **r, pte_t **e)
{
    struct event_record *event;
    struct frame *none = NULL;
    int result = LOOK_AGAIN;

    s->vm->stats.by_action[FAULT_OWN_TABLE]++;
    if (likely(space_own_table_at_once(s, va, &none)))
        *action = look_at_entry(s, va, access, *r, false, e); /* nobody else ran, so the region is the same */
    else
        result = own_slowly(s, va, access, action, r, e);
    if (result == LOOK_AGAIN) {
        if (*action == FAULT_SPURIOUS) /* that was all */
            result = FAULT_RESUME;
        else if (likely(*e && act_at_once(s, *action, *r, va, *e, access, EVENT_HAD_TABLE, began)))
            return FAULT_RESUME;
    }
    event = event_new(&s->vm->events);
    event->kind = result == LOOK_AGAIN ? EVENT_STEP : EVENT_FAULT;
    event->what = FAULT_OWN_TABLE;
    event->why = (uint8_t)(result == LOOK_AGAIN ? FAULT_RESUME : result);
    event->flags = flags_of(access);
    event->frame = PFN_NONE;
    event->who = s->id;
    event->where = va;
    event->cost = began;
    return result;
}

/* All that is not usual; `steps` were done. Called in a nosleep section, which it may leave and enter
 * again. */
static inline __attribute__((always_inline)) enum fault_verdict
resolve_rest(struct space *s, vaddr_t va, enum access access, uint32_t began, enum fault_action action,
             struct region *r, pte_t *e, unsigned steps)
{
    struct fault_step st = {.s = s,
                            .va = va,
                            .access = access,
                            .region = r,
                            .entry = e,
                            .began = began,
                            .flags = flags_of(access)};

    return fault_take_steps(&st, action, steps);
}

/* A fault in region r that begins with a table that is not the space's own. Called likewise. */
static __attribute__((noinline)) enum fault_verdict
resolve_own(struct space *s, vaddr_t va, enum access access, uint32_t began, struct region *r)
{
    enum fault_action action;
    pte_t *e;
    int result = own_and_act(s, va, access, began, &action, &r, &e);

    if (result != LOOK_AGAIN)
        return (enum fault_verdict)result;
    return resolve_rest(s, va, access, began, action, r, e, 1);
}

/* A fault that is not of the usual kind: in software TLB mode (softtlb.c), or beyond the user half. Called
 * likewise. */
static __attribute__((noinline)) enum fault_verdict resolve_unusual(struct space *s, const struct fault *f,
                                                                    uint32_t began)
{
    vaddr_t va = PAGE_DOWN(f->va);
    enum fault_verdict verdict;
    enum fault_action action;
    struct region *r;
    pte_t *e;

    if (va >= USER_END) {
        s->vm->stats.faults--; /* it is not one of the space's */
        s->faults--;
        return FAULT_MAPERR;
    }
    if (s->tlb && !f->present && softtlb_miss(s, va, f->access)) {
        s->vm->stats.faults--; /* a refill is no page fault, and the software TLB has counted it */
        s->faults--;
        return FAULT_RESUME;
    }
    action = look(s, va, f->access, &r, &e);
    verdict = resolve_rest(s, va, f->access, began, action, r, e, 0);
    if (likely(s->tlb)) /* others may have ended the mode */
        softtlb_admit(s, va, f->access, !f->present);
    return verdict;
}

enum fault_verdict fault_resolve(struct space *s, const struct fault *f)
{
    enum fault_verdict verdict = FAULT_RESUME;
    uint32_t began = fault_now();
    vaddr_t va = PAGE_DOWN(f->va);
    enum fault_action action;
    struct region *r;
    pte_t *e;

    mm_assert(!f->reserved, "reserved bit set in the tables for %x of space %u", f->va, s->id);
    s->vm->stats.faults++;
    s->faults++;
    mutex_lock(&s->lock);
    nosleep_enter("the region and the entry that are looked up");
    if (unlikely(va >= s->plain_below)) {
        verdict = resolve_unusual(s, f, began);
        goto out;
    }
    action = look(s, va, f->access, &r, &e);
    if (unlikely(action <= FAULT_BAD_ACCESS)) {
        verdict = refuse(s, action, f->access, va, began);
        goto out;
    }
    if (unlikely(action == FAULT_OWN_TABLE)) {
        verdict = resolve_own(s, va, f->access, began, r);
        goto out;
    }
    if (unlikely(!e || !act_at_once(s, action, r, va, e, f->access, 0, began)))
        verdict = resolve_rest(s, va, f->access, began, action, r, e, 0);
out:
    nosleep_exit();
    mutex_unlock(&s->lock);
    return verdict;
}
