/*
 * Setting pages aside, and writing them before they have to go.
 *
 * Purpose: what a policy that keeps sets (policy/vms.c) needs of entries and of the disk.
 *
 * A private page is parked: its entries keep what they allowed, but do not translate. The entries of an
 * object's page are dropped instead, since its index finds it again; what they say of writes goes to the
 * frame first. Either way the next touch is a fault that finds the page in memory.
 *
 * Washing writes pages that are set aside, and leaves them where they are. A page gets a slot if it has none,
 * its entries lose the right to write and their dirty bits, and stay parked; so its contents equal the slot
 * when the write is done, as those of a page that was read from there. Who touches it meanwhile may read; a
 * write waits for nothing either, it makes a copy (fault.c). Pages are put in the order of their owner and
 * number before they get slots, and go in requests as large as the disk takes.
 *
 * Data: none. Locking: nosleep sections; washing has reclaim's lock, so that a page is not chosen as a victim
 * meanwhile.
 *
 * INV-ASIDE-1  a page that is washed is pinned from its choice until its write has begun, and none of its
 *              entries translates then (asserted)
 *
 * How it fails: without a free slot a page stays modified. A write that fails is known when it ends, as of
 * any page (swap_io.c), and the page is modified again.
 */
#include "mm/aside.h"
#include "mm/reclaim.h"
#include "mm/rmap.h"
#include "mm/space.h"

/* Frames that are passed, because they cannot be written now, before washing gives up. */
#define PASSES 64u

static enum policy_parked park(struct vm *vm, struct frame *f)
{

    if (f->pins || f->flags & FRAME_F_BUSY)
        return PARKED_BUSY;
    if (f->maps && rmap_locked(vm, f))
        return PARKED_LOCKED;
    if (f->use == FRAME_OBJECT) {
        if (f->maps)
            rmap_unmap(vm, f);
        if (f->flags & FRAME_F_DIRTY)
            return PARKED_DIRTY;
        return f->flags & FRAME_F_PRECIOUS && f->slot == SLOT_NONE ? PARKED_DIRTY : PARKED_CLEAN;
    }
    if (f->maps)
        rmap_park(vm, f);
    return f->flags & FRAME_F_DIRTY || f->slot == SLOT_NONE ? PARKED_DIRTY : PARKED_CLEAN;
}

enum policy_parked aside_park(void *arg, struct frame *f)
{
    struct vm *vm = arg;
    enum policy_parked what = park(vm, f);

    if (what == PARKED_CLEAN || what == PARKED_DIRTY) {
        struct event_record *e = event_of_frame(vm, EVENT_PARKED, f);

        e->what = what == PARKED_DIRTY;
        e->why = pageable_now(&vm->pageable)->number;
    }
    return what;
}

/* The page of a space's use: its entry translates, or waits for its turn to do so (softtlb.c). */
static bool note_set(struct space *s, vaddr_t va, pte_t *e, void *arg)
{
    (void)va;
    if (!pte_present(*e) && !(s->tlb && pte_parked(*e)))
        return true;
    *(struct policy_set **)arg = &s->set;
    return false;
}

struct policy_set *aside_set_of(void *arg, struct frame *f)
{
    struct policy_set *set = NULL;

    if (f->maps && f->owner)
        rmap_each(arg, f, note_set, &set);
    return set;
}

uint32_t aside_spare(void *arg)
{
    const struct vm *vm = arg;
    uint32_t have = frame_free_common(vm->pool), kept = vm->pool->marks.high;

    if (vm->pageable_max) {
        uint32_t pages = pageable_count(&vm->pageable);

        have = pages < vm->pageable_max ? vm->pageable_max - pages : 0;
        kept = 0;
    }
    return !vm->exact && have > kept ? have - kept : 0;
}

bool aside_looks_ahead(void *arg)
{
    const struct vm *vm = arg;

    return !vm->exact;
}

uint64_t aside_now(void *arg)
{
    (void)arg;
    return os_now_ns();
}

void aside_wash_soon(void *arg)
{
    vm_wake_daemon(arg);
}

/* --- washing --- */

static bool can_wash(struct vm *vm, const struct frame *f)
{
    if (f->pins || f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK))
        return false;
    if (f->use == FRAME_OBJECT)
        return f->flags & FRAME_F_PRECIOUS;
    return f->owner && (f->slot == SLOT_NONE || !swap_bad(vm, f->slot));
}

/* Have a slot for a page that can be washed, and nobody who writes to it. False: there is no slot. */
static bool make_ready(struct vm *vm, struct frame *f)
{
    if (f->slot == SLOT_NONE && !swap_assign(vm, f))
        return false;
    if (f->maps && f->use == FRAME_OBJECT)
        rmap_unmap(vm, f);
    else if (f->maps)
        rmap_wash(vm, f);
    mm_assert(f->pins, "frame %u has no pin (INV-ASIDE-1)", frame_pfn(vm->pool, f));
    f->flags |= FRAME_F_PARKED | FRAME_F_WASHED;
    return true;
}

/* Pin pages that the policy wants to be written. Those that need not be count as written. */
static unsigned choose(struct vm *vm, bool is_short, struct frame **f)
{
    struct policy_state *s = pageable_now(&vm->pageable);
    unsigned n = 0;

    for (unsigned passes = 0; n < SWAP_REQUEST && passes < PASSES;) {
        struct frame *g = s->policy->wash(s, is_short);

        if (!g)
            break;
        if (g->flags & FRAME_F_LAZY) {
            s->policy->pass(s, g, POLICY_CLEAN);
        } else if (!can_wash(vm, g)) {
            s->policy->pass(s, g, POLICY_DIRTY);
            passes++;
        } else {
            g->pins++;
            f[n++] = g;
            s->policy->pass(s, g, POLICY_CLEAN);
        }
    }
    return n;
}

unsigned aside_wash(struct vm *vm, bool is_short)
{
    struct frame *f[SWAP_REQUEST];
    struct policy_state *s = pageable_now(&vm->pageable);
    unsigned n, ready = 0;

    if (likely(!s->policy->wash) || vm->exact || !swap_has_room(&vm->swap))
        return 0;
    nosleep_enter("the policy's lists, and the entries of what is written");
    n = choose(vm, is_short, f);
    reclaim_sort(f, n);
    for (unsigned i = 0; i < n; i++) {
        struct frame *g = f[i];

        if (make_ready(vm, g)) {
            f[ready++] = g;
            continue;
        }
        g->pins--;
        g->flags |= FRAME_F_DIRTY;
        s->policy->pass(s, g, POLICY_DIRTY);
    }
    nosleep_exit();
    if (ready)
        reclaim_write(vm, f, ready);
    return ready;
}
