/*
 * What the spaces of one machine share, and the life of a pageable frame.
 *
 * Lives of frames. `maps` counts the page-table entries that name a frame, once
 * for each table however many spaces share that table. `pins` counts short-term
 * users: I/O, a copy, a page handed from a pager to a fault. Being in an
 * object's index or in the swap cache is a state, not a count.
 *
 *   An OBJECT frame lives while its object's index names it.
 *   An ANON frame lives while it has maps or pins, or I/O is on, or it is in the
 *   swap cache under a slot that somebody names. vm_frame_drop() is called
 *   wherever one of these may have ended.
 *
 * Allocation for those who may sleep: frame_alloc() and cache_alloc() never reclaim, vm_frame_alloc() and
 * vm_cache_alloc() do, as long as that helps.
 *
 * Data: struct vm. Locking: nosleep sections guard the pageable list; the letters in vm.h say what guards
 * the rest.
 *
 * Invariants, checked by vm_pageable_verify(); those that need a recount are in vm_verify.c:
 *   INV-VM-5   the pageable list has exactly the ANON and OBJECT frames with FRAME_F_LISTED, each once
 *   INV-VM-10  a listed ANON frame has maps, pins or I/O, or caches a slot that somebody names
 *
 * How it fails: NULL when memory and swap are exhausted. vm_init() leaves nothing behind.
 */
#include "mm/errno.h"
#include "mm/fault.h"
#include "mm/load.h"
#include "mm/machine.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/table.h"

_Static_assert(FAULT_ACTIONS <= VM_ACTIONS, "room for every action");

/* Reclaim that succeeds but whose frames others take first is tried this often. */
#define ALLOC_TRIES 16u

/* For so many who end, a task that wants memory for the kernel tries again: others take some of it. */
#define ROOM_TRIES 8u
/* Frames that one direct reclaim aims at: two clusters. */
#define ALLOC_BATCH (2u * SWAP_CLUSTER)

void vm_wake_daemon(struct vm *vm)
{
    if (vm->daemon_kicked)
        return;
    vm->daemon_kicked = true;
    if (!vm->daemon_wait.head)
        return;
    /* It gets the processor while there are frames, or those who want some would reclaim by themselves. */
    os_wake_one(&vm->daemon_wait);
    os_give_way();
}

static void kick_daemon(struct frame_pool *p)
{
    vm_wake_daemon(p->hook_data);
}

int vm_init(struct vm *vm, struct frame_pool *pool)
{
    struct frame *zero;

    *vm = (struct vm){.pool = pool,
                      .max_regions = VM_MAX_REGIONS,
                      .overcommit_ratio = VM_OVERCOMMIT_RATIO,
                      .swappiness = VM_SWAPPINESS};
    event_ring_init(&vm->events, cycles_work());
    zero = frame_alloc(pool, FRAME_KERNEL, FRAME_LOW_ONLY);
    if (!zero)
        return -ENOMEM;
    vm->zero_pfn = frame_pfn(pool, zero);
    frame_clear(pool, vm->zero_pfn);

    const struct {
        struct cache *cache;
        const char *name;
        size_t size;
    } caches[] = {
        {&vm->region_cache, "region", sizeof(struct region)},
        {&vm->object_cache, "object", sizeof(struct object)},
        {&vm->radix_cache, "radix", radix_node_size()},
        {&vm->family_cache, "family", sizeof(struct family)},
        {&vm->space_cache, "space", sizeof(struct space)},
        {&vm->load_cache, "load", load_record_size()},
        {&vm->ahead_cache, "ahead", sizeof(struct ahead)},
    };

    for (size_t i = 0; i < ARRAY_LEN(caches); i++) {
        int err =
            cache_init(caches[i].cache, pool, caches[i].name, caches[i].size, 0, NULL, slab_default_flags);

        mm_assert(err == 0, "cache %s: %d", caches[i].name, err);
    }

    int err = swap_init(vm);

    if (!err) {
        err = pageable_init(&vm->pageable, pool, policies[0], &reclaim_eyes, vm);
        if (!err) {
            err = table_begin(vm);
            if (err)
                pageable_fini(&vm->pageable);
        }
        if (err)
            swap_fini(vm);
    }
    if (err) {
        for (size_t i = 0; i < ARRAY_LEN(caches); i++)
            cache_destroy(caches[i].cache);
        frame_free(pool, zero);
        return err;
    }
    pool->hook_data = vm;
    pool->low_hook = kick_daemon;
    return 0;
}

void vm_fini(struct vm *vm)
{
    mm_assert(!vm->spaces && !vm->objects, "spaces %p, objects %p are left", (void *)vm->spaces,
              (void *)vm->objects);
    mm_assert(vm->committed == 0, "%llu pages are committed", (unsigned long long)vm->committed);
    swap_quiet(vm);
    table_end(vm);
    pageable_fini(&vm->pageable);
    vm->pool->low_hook = NULL;
    swap_fini(vm);
    cache_destroy(&vm->region_cache);
    cache_destroy(&vm->object_cache);
    cache_destroy(&vm->radix_cache);
    cache_destroy(&vm->family_cache);
    cache_destroy(&vm->space_cache);
    cache_destroy(&vm->load_cache);
    cache_destroy(&vm->ahead_cache);
    frame_free(vm->pool, pfn_frame(vm->pool, vm->zero_pfn));
}

/* Whether the task may take of the last frames: it is about to end, and gives back more. Half of them are
 * left to swap's records. */
static bool may_take_last(const struct vm *vm)
{
    return vm_dying(vm) && frame_free_count(vm->pool) > vm->pool->marks.min / 2;
}

/*
 * Reclaim for an allocation that failed for the nth time; kernel: what it was for is not given back by
 * reclaim. False: the next try is the last. It is worth one even if nothing could be freed, since others may
 * have freed frames while this task waited for its turn.
 */
static bool reclaim_again(struct vm *vm, unsigned flags, bool kernel, unsigned n)
{
    unsigned freed;

    if (kernel && frame_kernel_full(vm->pool))
        return slab_reap_all(vm->pool) + reclaim_tables(vm, ALLOC_BATCH) && n + 1 < ALLOC_TRIES;
    vm->stats.direct_reclaims++;
    freed = flags & FRAME_LOW_ONLY ? reclaim_run_low(vm, ALLOC_BATCH) : reclaim_run(vm, ALLOC_BATCH);
    return freed && n + 1 < ALLOC_TRIES;
}

bool vm_make_room(struct vm *vm, unsigned n)
{
    return vm->make_room && n < ROOM_TRIES && vm->make_room();
}

static struct frame *frame_try(struct vm *vm, enum frame_use use, unsigned flags, bool kernel)
{
    return kernel ? frame_alloc_kernel(vm->pool, use, flags) : frame_alloc(vm->pool, use, flags);
}

/* The first try has failed. */
static __attribute__((noinline, cold)) struct frame *frame_alloc_again(struct vm *vm, enum frame_use use,
                                                                       unsigned flags, bool kernel)
{
    struct frame *f = may_take_last(vm) ? frame_try(vm, use, flags | FRAME_RESERVE, kernel) : NULL;
    unsigned rooms = 0;
    bool last = false;

    if (f)
        return f;
    for (unsigned i = 0;; i++) {
        last = last || !reclaim_again(vm, flags, kernel, i);
        f = frame_try(vm, use, flags, kernel);
        if (f || (last && !(kernel && vm_make_room(vm, rooms++))))
            return f;
    }
}

struct frame *vm_frame_request(struct vm *vm, enum frame_use use, unsigned flags)
{
    might_sleep();
    for (unsigned i = 0;; i++) {
        struct frame *f = frame_alloc(vm->pool, use, flags & ~(unsigned)FRAME_RESERVE);

        if (f)
            return f;
        if (!reclaim_again(vm, flags, false, i))
            return frame_alloc(vm->pool, use, flags);
    }
}

void vm_set_pageable_max(struct vm *vm, uint32_t pages)
{
    vm->pageable_max = pages;
    frame_cap(vm->pool, pages != 0); /* faults come to make_place() then */
}

/* Keep the policy below its cap, as far as that can be. */
static __attribute__((noinline, cold)) void make_place(struct vm *vm)
{
    uint32_t have = policy_count(pageable_now(&vm->pageable));

    if (have >= vm->pageable_max)
        reclaim_run(vm, have - vm->pageable_max + 1);
}

struct frame *vm_frame_alloc(struct vm *vm, enum frame_use use, unsigned flags)
{
    bool kernel = use != FRAME_ANON && use != FRAME_OBJECT;
    struct frame *f;

    might_sleep();
    if (unlikely(vm->pageable_max) && !kernel)
        make_place(vm);
    f = frame_try(vm, use, flags, kernel);
    return likely(f) ? f : frame_alloc_again(vm, use, flags, kernel);
}

/* The first try has failed. */
__attribute__((noinline, cold)) void *vm_cache_alloc_again(struct vm *vm, struct cache *c)
{
    unsigned rooms = 0;
    bool last = false;

    for (unsigned i = 0;; i++) {
        void *obj;

        last = last || !reclaim_again(vm, FRAME_LOW_ONLY, true, i); /* slabs are low */
        obj = cache_alloc(c);
        if (obj || (last && !vm_make_room(vm, rooms++)))
            return obj;
    }
}

void vm_frame_mapped_slow(struct vm *vm, struct frame *f, struct policy_set *set)
{
    const struct policy_state *half = vm->pageable.half;
    uint64_t dirty = half[0].counts.salvaged_dirty + half[1].counts.salvaged_dirty;
    bool parked = f->flags & FRAME_F_PARKED;

    pageable_mapped_slow(&vm->pageable, f, set);
    dirty = half[0].counts.salvaged_dirty + half[1].counts.salvaged_dirty - dirty;
    if (parked && !(f->flags & FRAME_F_PARKED))
        event_of_frame(vm, EVENT_SALVAGED, f)->what = (uint8_t)dirty;
}

void vm_frame_release(struct vm *vm, struct frame *f)
{
    mm_assert(f->maps == 0 && f->pins == 0 && f->slot == SLOT_NONE &&
                  !(f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK)),
              "frame %u: maps %u pins %u slot %u flags %x", frame_pfn(vm->pool, f), f->maps, f->pins, f->slot,
              f->flags);
    event_of_frame(vm, EVENT_FREED, f)->what = EVENT_FREED_DROPPED;
    if (f->flags & FRAME_F_LISTED)
        vm_frame_unlist(vm, f);
    frame_free(vm->pool, f);
}

/* is_noted: an event of more than this frame is going to say it. */
static inline __attribute__((always_inline)) void drop_last(struct vm *vm, struct frame *f, bool is_noted)
{
    if (f->pins || f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK))
        return;
    if (f->slot != SLOT_NONE) {
        if (swap_count(vm, f->slot))
            return;
        swap_uncache(vm, f);
    }
    if (!is_noted)
        event_of_frame(vm, EVENT_FREED, f); /* what: EVENT_FREED_LAST_NAME */
    if (likely(f->flags & FRAME_F_LISTED))
        vm_frame_unlist(vm, f);
    frame_free(vm->pool, f);
}

void vm_frame_drop_last(struct vm *vm, struct frame *f)
{
    drop_last(vm, f, false);
}

void vm_frame_drop_last_with_range(struct vm *vm, struct frame *f)
{
    drop_last(vm, f, true);
}

uint32_t vm_drop_caches(struct vm *vm)
{
    const struct frame_pool *p = vm->pool;
    uint32_t dropped = 0;

    for (pfn_t pfn = p->start; pfn < p->end && !vm_dying(vm); pfn++) {
        struct frame *f = pfn_frame(p, pfn);

        if (pfn % VM_FRAMES_A_STEP == 0)
            might_sleep();
        if (f->use != FRAME_OBJECT || !(f->flags & FRAME_F_LISTED) || !object_can_drop(f))
            continue;
        object_drop_page(f->owner, f);
        dropped++;
    }
    return dropped;
}

/* Whether something keeps an anonymous frame alive. */
static bool is_wanted(struct vm *vm, const struct frame *f)
{
    return f->maps || f->pins || f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK) ||
           (f->slot != SLOT_NONE && swap_valid(vm, f->slot) && swap_count(vm, f->slot));
}

bool vm_pageable_verify(struct vm *vm)
{
    const struct frame_pool *p = vm->pool;
    uint32_t listed = 0;
    bool ok = pageable_verify(&vm->pageable);

    ok &= hold_verify(&vm->hold);
    ok &= event_verify(&vm->events);
    for (pfn_t pfn = p->start; pfn < p->end; pfn++) {
        const struct frame *f = pfn_frame(p, pfn);

        if (!frame_is_listed(f))
            continue;
        listed++;
        if (f->use == FRAME_ANON)
            INV("INV-VM-10", is_wanted(vm, f), "frame %u: slot %x, flags %x", pfn, f->slot, f->flags);
    }
    INV("INV-VM-5", listed == pageable_count(&vm->pageable), "flagged %u, says %u", listed,
        pageable_count(&vm->pageable));
    return ok;
}
