/*
 * Reclaim: which pages may go, and how.
 *
 * The policy of the vm (policy.h) says which frame is next. What is here is the same for all policies: a
 * frame that is pinned, locked, in use by a disk, or spared for a reason below stays, and the policy is
 * told so; any other is a victim.
 *
 * Victims are collected a cluster at a time and put in the order of their owner
 * and page number before they get slots, so that neighbours in memory become
 * neighbours on disk, and read-ahead by slot brings back what belongs
 * together. A victim takes one of these ways:
 *
 *   anonymous, given up, not written     forget the entry, free at once (ADVISE_FREE)
 *   anonymous, not in the swap cache     assign a slot, entries become swap entries, write, free when written
 *   anonymous, cached and clean          entries become swap entries, free at once
 *   object's page, clean                 forget the entries, free at once (the pager or its slot has it)
 *   object's page, dirty                 forget the entries, the index names a slot, write, free when written
 *
 * The page leaves its spaces before the write begins, so its contents cannot change
 * meanwhile; a fault that wants it back finds it in the swap cache.
 *
 * The daemon runs while free frames, or low ones alone, are below the high mark and is woken by the allocator
 * at the low one. It also finishes what a disk has completed, if nobody else waits for that (swap_io.c). A
 * task that finds no frame reclaims by itself (vm_frame_alloc()). If nothing can be freed, reclaim says so
 * with 0 and the caller gets -ENOMEM. So it does when swap is full and of the files' pages only a working set
 * is left (FILES_KEPT_SHARE): programs would have to fetch their text again and again, for each instruction,
 * and no one would find out that memory is exhausted. Who must have low frames (tables, slabs) has only low
 * ones evicted: on a large machine few pages are in such frames, and evicting the others would not help.
 *
 * With each batch of pages a few page tables go that name no frame any more, if there are any, and more of
 * them when there are no pages to be had (table.c). That is no business of policies: they order pages.
 *
 * An area that swapoff is emptying is written by nobody. If a task finds no frame and nothing can be
 * freed, it puts the area on again, and swapoff is told that there is no memory: it asks for something
 * that is not needed, and so it is the one to fail.
 *
 * Reclaim allocates nothing but slots, and a frame for the records of each 512 that are new (swap_map.c):
 * requests for the disk are preallocated.
 *
 * Data: vm->pageable and frame flags in nosleep sections; reclaim_lock admits one
 * reclaimer at a time, so that victims are not chosen twice and a crowd does not overshoot.
 *
 * INV-RECLAIM-1  a victim is pinned from its choice until its way is decided, so it cannot be freed or reused
 * INV-RECLAIM-2  a victim on its way to the disk has no entries
 */
#include "mm/reclaim.h"
#include "mm/aside.h"
#include "mm/errno.h"
#include "mm/rmap.h"
#include "mm/space.h"
#include "mm/table.h"

#define BATCH SWAP_CLUSTER
/* Page tables that go with a batch of pages at most. */
#define TABLES_A_BATCH (BATCH / 4)
/* Work of the policy before others may run: a frame is 1, and so are SPACES_A_STEP spaces that may have an
 * entry of it. */
#define STEPS         2048u
#define SPACES_A_STEP 4u

/* After a round that freed nothing the daemon leaves the processor to others for this long. */
#define REST_NS 50000000u
/* And low frames alone for this long: where most are high, the search passes all of those. */
#define LOW_REST_NS 1000000000u

/* Pages of the other kind are worth looking for if they are one in so many. */
#define OTHERS_WORTH 8u

/* Of so many batches the policy chooses one, when what came last is to go first. */
#define HOLD_ONE_IN 8u

/* Of what came, this share of all stays meanwhile, at most so many: reading ahead has windows of 64. */
#define HOLD_KEEP_SHARE 16u
#define HOLD_KEEP_MOST  512u

/* The share of memory that files' pages keep when nothing can go to swap: a 64th, 1,024 pages at most. (The
 * idea of Linux's le9 patch, 2021: clean pages below a limit are not taken.) */
#define FILES_KEPT_SHARE 64u
#define FILES_KEPT_MOST  1024u

/* Whether no more may go when so many have been chosen. */
static bool files_are_last(const struct vm *vm, uint32_t chosen)
{
    uint32_t kept = (vm->pool->end - vm->pool->start) / FILES_KEPT_SHARE;

    return vm->swap.free == 0 && vm->file_pages <= chosen + (kept < FILES_KEPT_MOST ? kept : FILES_KEPT_MOST);
}

static bool is_file_page(const struct frame *f)
{
    return f->use == FRAME_OBJECT && !object_is_shmem(f->owner);
}

/* Whether nothing but a slot can take the page, and there is none: swap is full or absent. */
static bool lacks_slot(const struct vm *vm, const struct frame *f)
{
    if (likely(vm->swap.free + vm->swap.kept) || f->slot != SLOT_NONE)
        return false;
    return f->use == FRAME_ANON ? !(f->flags & FRAME_F_LAZY) : f->flags & FRAME_F_PRECIOUS;
}

static bool can_go(struct vm *vm, const struct frame *f)
{
    if (f->pins || f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK) || lacks_slot(vm, f))
        return false;
    if (f->use == FRAME_OBJECT)
        return !((const struct object *)f->owner)->locked;
    if (f->slot == SLOT_NONE)
        return true;
    /* A slot that could not be written keeps its page in memory until the entries come back for it. */
    return !(f->flags & FRAME_F_DIRTY) || !swap_bad(vm, f->slot);
}

/* Whether a locked region maps it. arg: the vm. */
static bool is_locked(void *arg, struct frame *f)
{
    return f->maps && rmap_locked(arg, f);
}

/* --- what policies see: the accessed and dirty bits of all entries of a frame, and its flags --- */

static uint32_t take_uses(void *arg, struct frame *f)
{
    struct vm *vm = arg;
    bool used = f->flags & FRAME_F_REFERENCED;

    f->flags &= (uint16_t)~FRAME_F_REFERENCED;
    /* What cannot go anyway is not worth a look at its entries, and is offered at once. */
    used |= f->maps && !lacks_slot(vm, f) && rmap_test_clear_accessed(vm, f);
    vm->stats.reactivated += used; /* choose() makes one event of them */
    return used;
}

static bool is_used(void *arg, struct frame *f)
{
    return f->flags & FRAME_F_REFERENCED || (f->maps && rmap_accessed(arg, f));
}

/* Whether it would have to be written whatever its entries say. */
static bool is_dirty_itself(const struct frame *f)
{
    return f->flags & FRAME_F_DIRTY || (f->use == FRAME_ANON && f->slot == SLOT_NONE);
}

/* Whether it would have to be written. */
static bool is_dirty(void *arg, struct frame *f)
{
    return is_dirty_itself(f) || (f->maps && rmap_dirty(arg, f));
}

const struct policy_eyes reclaim_eyes = {
    .take_uses = take_uses,
    .is_used = is_used,
    .is_dirty = is_dirty,
    .park = aside_park,
    .set_of = aside_set_of,
    .spare = aside_spare,
    .looks_ahead = aside_looks_ahead,
    .now = aside_now,
    .wash_soon = aside_wash_soon,
};

/*
 * Swappiness: 100 takes victims as the policy offers them. Below, some of the pages that need swap are passed
 * over in the first turn of reclaim if there are files' pages worth looking for, which only need to be
 * forgotten; 0 passes over all of them. Above, the other way round. In its second turn reclaim takes what
 * there is.
 */
static bool is_spared(struct vm *vm, const struct frame *f)
{
    bool file = is_file_page(f);
    uint32_t all = pageable_count(&vm->pageable), others = file ? all - vm->file_pages : vm->file_pages;
    uint32_t share = file ? 2 * VM_SWAPPINESS_EQUAL - vm->swappiness : vm->swappiness;
    uint32_t *credit = file ? &vm->file_credit : &vm->swap_credit;

    if (likely(share >= VM_SWAPPINESS_EQUAL) || others < all / OTHERS_WORTH)
        return false;
    *credit += share;
    if (*credit < VM_SWAPPINESS_EQUAL)
        return true;
    *credit -= VM_SWAPPINESS_EQUAL;
    return false;
}

/* Steps that a frame is worth beyond its own: how many spaces may have an entry of it. */
static uint32_t extra_steps(const struct frame *f)
{
    return f->use == FRAME_ANON && f->owner ? ((const struct family *)f->owner)->count / SPACES_A_STEP : 0;
}

/* Whether a frame that the policy offers stays. low: frames that are not low are passed as if they were
 * locked. first: in reclaim's first turn. */
static bool is_kept(struct vm *vm, struct frame *f, bool low, bool first, unsigned files)
{
    if ((low && !frame_is_low(vm->pool, frame_pfn(vm->pool, f))) || !can_go(vm, f))
        return true;
    if (first && !vm->exact && is_spared(vm, f))
        return true;
    return is_file_page(f) && files_are_last(vm, files);
}

/* A frame is going to go. why: the number of the policy, or EVENT_HELD. */
static void note_victim(struct vm *vm, struct frame *f, unsigned why)
{
    struct event_record *e = event_of_frame(vm, EVENT_VICTIM, f);
    bool used = f->flags & FRAME_F_REFERENCED, dirty = is_dirty_itself(f);

    /* The entries are worth a look only if somebody is going to read of it. */
    if (vm->events.is_on && f->maps && !(used && dirty)) {
        unsigned bits = rmap_bits(vm, f);

        used |= !!(bits & RMAP_ACCESSED);
        dirty |= !!(bits & RMAP_DIRTY);
    }
    e->why = (uint8_t)why;
    e->what =
        (uint8_t)((used ? EVENT_BIT_USED : 0) | (dirty ? EVENT_BIT_DIRTY : 0) |
                  (f->slot != SLOT_NONE ? EVENT_BIT_HAS_SLOT : 0) |
                  (f->flags & FRAME_F_LAZY ? EVENT_BIT_LAZY : 0) | policy_list_of(f) << EVENT_BIT_LIST_SHIFT);
}

/* What the policy has seen of frames that it left where they are, of all together: there are many. */
static void note_looks(struct vm *vm, enum event_kind kind, unsigned why, uint32_t frames)
{
    struct event_record *e;

    if (!frames)
        return;
    e = event_plain(vm, kind);
    e->why = (uint8_t)why;
    e->arg = frames;
}

/* A batch of what came lately, but not of the latest, if the rest is to stay (hold.c). 0: the policy
 * chooses. */
static unsigned choose_latest(struct vm *vm, struct frame **victim)
{
    struct policy_state *policy = pageable_now(&vm->pageable);
    uint32_t keep = policy_count(policy) / HOLD_KEEP_SHARE;
    unsigned n = 0;
    pfn_t pfn;

    if (keep > HOLD_KEEP_MOST)
        keep = HOLD_KEEP_MOST;
    if (!policy_draw(policy, HOLD_ONE_IN))
        return 0;
    while (n < BATCH && hold_take(&vm->hold, keep, &pfn)) {
        struct frame *f = pfn_frame(vm->pool, pfn);

        if (!frame_is_listed(f) || !can_go(vm, f) || is_locked(vm, f))
            continue;
        note_victim(vm, f, EVENT_HELD);
        f->pins++;
        victim[n++] = f;
    }
    return n;
}

/* Take what the policy offers until a batch of victims is pinned or the budget of looks, of which `later` are
 * behind the first turn, is spent, or STEPS of work are done. */
static unsigned choose(struct vm *vm, bool low, struct frame **victim, uint32_t *budget, uint32_t later)
{
    struct policy_state *policy = pageable_now(&vm->pageable);
    uint32_t steps = *budget < STEPS ? *budget : STEPS;
    unsigned n = 0, files = 0;
    uint64_t used = vm->stats.reactivated;
    uint32_t looked = 0;

    if (unlikely(vm->hold.on) && !low && !vm->exact && (n = choose_latest(vm, victim)) != 0)
        return n;
    policy->only_low = low;
    while (n < (vm->exact ? 1 : BATCH) && steps) {
        uint32_t before = steps, extra;
        struct frame *f = policy->policy->next(policy, &steps);

        vm->stats.scanned += before - steps;
        looked += before - steps;
        *budget -= before - steps;
        if (!f)
            break;
        if (lacks_slot(vm, f)) {
            policy->policy->pass(policy, f, POLICY_STAYS);
            continue;
        }
        extra = extra_steps(f);
        steps -= extra < steps ? extra : steps;
        if (is_locked(vm, f)) {
            pageable_keep(&vm->pageable, f);
            continue;
        }
        if (is_kept(vm, f, low, *budget > later, files)) {
            policy->policy->pass(policy, f, POLICY_STAYS);
            continue;
        }
        files += is_file_page(f);
        note_victim(vm, f, policy->number);
        f->pins++;
        victim[n++] = f;
        policy->policy->pass(policy, f, POLICY_OUT);
    }
    policy->only_low = false;
    note_looks(vm, EVENT_LOOKED, policy->number, looked);
    note_looks(vm, EVENT_REACTIVATED, policy->number, (uint32_t)(vm->stats.reactivated - used));
    return n;
}

static bool before(const struct frame *a, const struct frame *b)
{
    if (a->owner != b->owner)
        return (uintptr_t)a->owner < (uintptr_t)b->owner;
    return a->index < b->index;
}

/* Insertion sort: few, and mostly in order already. */
void reclaim_sort(struct frame **f, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        struct frame *x = f[i];
        unsigned k = i;

        for (; k && before(x, f[k - 1]); k--)
            f[k] = f[k - 1];
        f[k] = x;
    }
}

enum way { WAY_FREED, WAY_WRITE, WAY_STAYS };

/* A page goes its way; what: EVENT_WAY_*. The counts and the event belong together. */
static void note_evicted(struct vm *vm, const struct frame *f, unsigned what)
{
    event_of_frame(vm, EVENT_EVICTED, f)->what = (uint8_t)what;
    vm->stats.evicted += !!(what & EVENT_WAY_UNMAPPED);
    vm->stats.evicted_clean += !!(what & EVENT_WAY_CLEAN);
    vm->stats.lazy_freed += !!(what & EVENT_WAY_GIVEN_UP);
}

static enum way evict_object_page(struct vm *vm, struct frame *f)
{
    struct object *o = f->owner;

    /* The slot first: without one the page stays where it is, and so do its entries. */
    if (f->flags & FRAME_F_PRECIOUS && f->slot == SLOT_NONE && !swap_assign(vm, f))
        return WAY_STAYS;
    rmap_unmap(vm, f);
    f->pins--;
    if (object_can_drop(f)) {
        note_evicted(vm, f, EVENT_WAY_UNMAPPED | EVENT_WAY_CLEAN);
        object_drop_page(o, f);
        return WAY_FREED;
    }
    f->pins++;
    note_evicted(vm, f, EVENT_WAY_UNMAPPED);
    mm_assert(f->slot != SLOT_NONE, "frame %u: flags %x", frame_pfn(vm->pool, f), f->flags);
    f->flags |= FRAME_F_DIRTY;
    object_page_to_slot(o, f);
    return WAY_WRITE;
}

/* Whether the program has given up the page and not written to it since. */
static bool is_given_up(struct vm *vm, struct frame *f)
{
    if (likely(!(f->flags & FRAME_F_LAZY)))
        return false;
    f->flags &= (uint16_t)~FRAME_F_LAZY;
    return f->maps == 1 && f->slot == SLOT_NONE && !rmap_dirty(vm, f);
}

static enum way evict_anon_page(struct vm *vm, struct frame *f)
{
    unsigned what = f->maps ? EVENT_WAY_UNMAPPED : 0;

    if (is_given_up(vm, f)) {
        note_evicted(vm, f, EVENT_WAY_UNMAPPED | EVENT_WAY_CLEAN | EVENT_WAY_GIVEN_UP);
        rmap_forget(vm, f);
        f->pins--;
        vm_frame_release(vm, f);
        return WAY_FREED;
    }
    if (f->slot == SLOT_NONE) {
        if (!swap_assign(vm, f))
            return WAY_STAYS;
        f->flags |= FRAME_F_DIRTY;
    }
    if (f->maps)
        rmap_unmap(vm, f);
    if (f->flags & FRAME_F_DIRTY) {
        note_evicted(vm, f, what);
        return WAY_WRITE;
    }
    note_evicted(vm, f, what | EVENT_WAY_CLEAN);
    f->pins--;
    swap_uncache(vm, f);
    vm_frame_release(vm, f);
    return WAY_FREED;
}

void reclaim_write(struct vm *vm, struct frame **out, unsigned n)
{
    if (n)
        swap_write(vm, out, n); /* it sets WRITEBACK, which keeps the frames */
    nosleep_enter("the counts of frames whose write has begun");
    for (unsigned i = 0; i < n; i++) {
        out[i]->pins--;
        vm_frame_drop(vm, out[i]);
    }
    nosleep_exit();
}

/* Send pinned victims on their ways. Returns how many frames were freed at once; *written: how many writes
 * were begun. */
static unsigned evict(struct vm *vm, struct frame **victim, unsigned n, unsigned *written)
{
    struct frame *out[BATCH];
    unsigned freed = 0, w = 0;

    nosleep_enter("the entries that name victims, and the pageable list");
    reclaim_sort(victim, n);
    swap_next_area(vm);
    for (unsigned i = 0; i < n; i++) {
        struct frame *f = victim[i];

        mm_assert(f->pins && frame_is_listed(f), "victim %u of use %s, %u pins (INV-RECLAIM-1)",
                  frame_pfn(vm->pool, f), frame_use_name(f->use), f->pins);
        switch (f->use == FRAME_OBJECT ? evict_object_page(vm, f) : evict_anon_page(vm, f)) {
        case WAY_FREED:
            freed++;
            break;
        case WAY_WRITE:
            mm_assert(f->maps == 0, "frame %u has %u entries (INV-RECLAIM-2)", frame_pfn(vm->pool, f),
                      f->maps);
            out[w++] = f;
            break;
        case WAY_STAYS:
            f->pins--;
            vm_frame_drop(vm, f);
            break;
        }
    }
    nosleep_exit();
    reclaim_write(vm, out, w);
    *written = w;
    return freed;
}

/* The same for idle page tables, at most max of them. */
static unsigned evict_tables(struct vm *vm, unsigned max, unsigned *written)
{
    struct frame *out[BATCH];
    unsigned freed = 0, n;

    nosleep_enter("the directory entries that name idle tables");
    n = table_put_out(vm, out, max, &freed);
    nosleep_exit();
    reclaim_write(vm, out, n);
    *written = n;
    return freed;
}

static unsigned reclaim_locked(struct vm *vm, unsigned want, bool low)
{
    const struct policy_state *policy;
    uint32_t frames, looks, budget;
    uint64_t written_before = vm->swap.freed; /* whoever finishes a write frees its frames */
    unsigned at_once = 0, freed;
    bool released = false;

    swap_poll(vm, true);
    if (vm->unlocked) {
        vm->unlocked = false;
        released = pageable_kept(&vm->pageable) > 0;
        pageable_release(&vm->pageable, is_locked, vm);
    }
    policy = pageable_now(&vm->pageable);
    /* The policy's own turns, and at least one more than the first, in which pages are spared. */
    frames = policy_count(policy);
    looks = policy->policy->turns > 2 ? policy->policy->turns : 2;
    budget = looks * frames + 1;
    while ((freed = at_once + (unsigned)(vm->swap.freed - written_before)) < want) {
        struct frame *victim[BATCH];
        unsigned n = 0, written = 0, had = at_once;
        /* What is on its way need not be chosen once more. */
        bool look = freed + vm->swap.writing - vm->swap.washing < want, more = false;
        uint32_t before = budget;

        might_sleep();
        if (look) {
            aside_wash(vm, true);
            nosleep_enter("the pageable list");
            n = choose(vm, low, victim, &budget, (looks - 1) * frames);
            nosleep_exit();
            more = n || (budget && budget < before); /* the policy goes on */
        }
        if (n)
            at_once += evict(vm, victim, n, &written);
        if (look && unlikely(vm->tables.idle.count)) {
            at_once += evict_tables(vm, more ? TABLES_A_BATCH : BATCH, &written);
            more |= written || at_once > had;
        }
        if (more)
            continue;
        if (vm->swap.io_active)
            swap_finish(vm, true, true);
        else
            break;
    }
    /* What is kept may be locked no longer in ways that nobody is told of. */
    vm->unlocked |= freed < want && !released;
    return freed;
}

/* A run has ended. */
static void note_run(struct vm *vm, bool direct, unsigned freed, uint64_t scanned, uint64_t evicted)
{
    struct event_record *e = event_plain(vm, EVENT_RECLAIMED);

    e->what = direct;
    e->arg = freed;
    e->where = (uint32_t)scanned;
    e->cost = (uint32_t)evicted;
}

/* direct: for a task that needs the frames, rather than by the daemon. */
static unsigned run(struct vm *vm, unsigned want, bool low, bool direct)
{
    uint64_t scanned, evicted;
    unsigned freed;

    os_memstall_enter();
    mutex_lock(&vm->reclaim_lock);
    scanned = vm->stats.scanned;
    evicted = vm->stats.evicted;
    freed = reclaim_locked(vm, want, low);
    if (direct) {
        vm->stats.scanned_direct += vm->stats.scanned - scanned;
        vm->stats.evicted_direct += vm->stats.evicted - evicted;
    }
    if (freed < want)
        freed += slab_reap_all(vm->pool);
    if (!freed)
        vm->stats.reclaim_failures++;
    note_run(vm, direct, freed, vm->stats.scanned - scanned, vm->stats.evicted - evicted);
    mutex_unlock(&vm->reclaim_lock);
    os_memstall_leave();
    return freed;
}

/* run() for somebody who found no frame: before there is none, whoever takes swap away gives way. */
static unsigned run_in_need(struct vm *vm, unsigned want, bool low)
{
    unsigned freed = run(vm, want, low, true);

    /* More than once, since swapoff may be called again meanwhile. */
    while (!freed && swap_give_way(vm))
        freed = run(vm, want, low, true);
    return freed;
}

unsigned reclaim_run(struct vm *vm, unsigned want)
{
    return run_in_need(vm, want, false);
}

unsigned reclaim_run_low(struct vm *vm, unsigned want)
{
    return run_in_need(vm, want, vm->pool->managed[ZONE_HIGH] > 0);
}

unsigned reclaim_tables(struct vm *vm, unsigned want)
{
    unsigned freed = 0, now, written;

    mutex_lock(&vm->reclaim_lock);
    do {
        now = evict_tables(vm, BATCH, &written);
        freed += now + written;
        while (vm->swap.io_active)
            swap_finish(vm, true, true);
    } while (freed < want && now + written);
    mutex_unlock(&vm->reclaim_lock);
    return freed;
}

unsigned reclaim_evict_some(struct vm *vm, struct frame **f, unsigned n)
{
    unsigned freed = 0, written = 0, victims = 0;

    mutex_lock(&vm->reclaim_lock);
    for (unsigned i = 0; i < n; i++) {
        f[i]->pins--;
        if (frame_is_listed(f[i]) && can_go(vm, f[i]) && !is_locked(vm, f[i])) {
            f[i]->pins++;
            f[victims++] = f[i];
        } else {
            vm_frame_drop(vm, f[i]);
        }
    }
    if (victims)
        freed = evict(vm, f, victims, &written);
    mutex_unlock(&vm->reclaim_lock);
    return freed + written;
}

int reclaim_evict(struct vm *vm, struct frame *f)
{
    unsigned written;
    int err = 0;

    mutex_lock(&vm->reclaim_lock);
    /* A frame that is not listed is being made ready by somebody who sleeps. */
    if (!frame_is_listed(f) || !can_go(vm, f) || is_locked(vm, f)) {
        err = -EBUSY;
    } else {
        f->pins++;
        if (evict(vm, &f, 1, &written) + written == 0)
            err = -ENOSPC;
        while (vm->swap.io_active)
            swap_finish(vm, true, true);
    }
    mutex_unlock(&vm->reclaim_lock);
    return err;
}

int reclaim_set_policy(struct vm *vm, const struct policy *policy)
{
    int err = 0;

    mutex_lock(&vm->reclaim_lock);
    if (policy != pageable_now(&vm->pageable)->policy) {
        err = pageable_switch(&vm->pageable, policy);
        if (err && reclaim_locked(vm, BATCH, vm->pool->managed[ZONE_HIGH] > 0))
            err = pageable_switch(&vm->pageable, policy);
    }
    mutex_unlock(&vm->reclaim_lock);
    return err;
}

/* Write what the policy wants to be written though memory is not short. Whether there was anything. */
static bool wash(struct vm *vm)
{
    unsigned begun = 0, n;

    mutex_lock(&vm->reclaim_lock);
    while ((n = aside_wash(vm, false)) != 0)
        begun += n;
    mutex_unlock(&vm->reclaim_lock);
    return begun;
}

bool reclaim_daemon_round(struct vm *vm)
{
    struct frame_pool *pool = vm->pool;
    uint32_t have = frame_free_common(pool), low = frame_low_lacks(pool, FRAME_MARK_HIGH);
    uint32_t high = pool->marks.high + vm->ahead_wants;
    unsigned freed = 0;

    vm->ahead_wants = 0;
    if (os_now_ns() < vm->low_rest_until)
        low = 0;
    if (vm->exact)
        return false;
    if (have >= high && !low)
        return wash(vm);
    vm->stats.daemon_rounds++;
    if (have < high)
        freed = run(vm, high - have, false, false);
    low = low ? frame_low_lacks(pool, FRAME_MARK_HIGH) : 0;
    if (low) {
        unsigned n = run(vm, low, true, false);

        freed += n;
        if (!n)
            vm->low_rest_until = os_now_ns() + LOW_REST_NS;
    }
    if (!freed)
        vm->daemon_rest_until = os_now_ns() + REST_NS;
    return true;
}

void reclaim_daemon_turn(struct vm *vm)
{
    uint32_t irq = os_irq_save();

    if (!vm->swap.io_done) {
        if (!vm->daemon_kicked)
            os_sleep(&vm->daemon_wait);
        else if (os_now_ns() < vm->daemon_rest_until)
            os_sleep_until(&vm->daemon_wait, vm->daemon_rest_until);
    }
    os_irq_restore(irq);
    swap_poll(vm, true);
    /* If nothing could be freed a moment ago, those who have memory run before the next try. */
    if (!vm->daemon_kicked || os_now_ns() < vm->daemon_rest_until)
        return;
    vm->daemon_kicked = false;
    reclaim_daemon_round(vm);
}

_Noreturn void reclaim_daemon(struct vm *vm)
{
    for (;;)
        reclaim_daemon_turn(vm);
}
