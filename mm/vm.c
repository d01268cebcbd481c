/*
 * What the spaces of one machine share, the life of a pageable frame, and the
 * verification of the whole.
 *
 * Lives of frames. `maps` counts the page-table entries that name a frame, once
 * for each table however many spaces share that table. `pins` counts short-term
 * holders: I/O, a copy, a page handed from a pager to a fault. Being in an
 * object's index or in the swap cache is a state, not a count.
 *
 *   An OBJECT frame lives while its object's index names it.
 *   An ANON frame lives while it has maps or pins, or I/O is on, or it is in the
 *   swap cache under a slot that somebody names. vm_frame_drop() is called
 *   wherever one of these may have ended.
 *
 * Verification recounts from the page tables and the objects. It allocates
 * nothing: instead of a counter for each frame and slot it compares two sums of
 * a 64-bit mix of (number, count), one over the records, one over the entries
 * found. A difference that cancels out has a chance of 2^-64.
 *
 * Data: struct vm; the pageable list is guarded by nosleep sections.
 *
 * INV-VM-1  maps of the ANON and OBJECT frames are the entries that name them, table by table
 * INV-VM-2  counts of slots are the entries and object indices that name them
 * INV-VM-3  an entry names a frame that its space's family or its region's object owns, at the right number
 * INV-VM-4  a table's maps is the number of roots that name it
 * INV-VM-5  the pageable list holds exactly the ANON and OBJECT frames that have FRAME_F_LISTED, each once
 * INV-VM-6  an anonymous frame in the swap cache has no writable entry
 * INV-VM-7  a frame that is BUSY has no entries
 * INV-VM-8  an anonymous frame that several entries name is writable through none of them
 * INV-VM-9  locked_regions is the number of regions with REGION_LOCKED
 */
#include "mm/errno.h"
#include "mm/fault.h"
#include "mm/machine.h"
#include "mm/reclaim.h"
#include "mm/space.h"

_Static_assert(FAULT_ACTIONS <= VM_ACTIONS, "room for every action");

/* Reclaim that succeeds but whose frames others take first is tried this often. */
#define ALLOC_TRIES 16u
/* Frames that one direct reclaim aims at: two clusters. */
#define ALLOC_BATCH (2u * SWAP_CLUSTER)

static void kick_daemon(struct frame_pool *p)
{
    struct vm *vm = p->hook_data;

    if (vm->daemon_kicked)
        return;
    vm->daemon_kicked = true;
    os_wake_one(&vm->daemon_wait);
}

int vm_init(struct vm *vm, struct frame_pool *pool)
{
    struct frame *zero;

    *vm = (struct vm){.pool = pool,
                      .max_regions = VM_MAX_REGIONS,
                      .overcommit_ratio = VM_OVERCOMMIT_RATIO,
                      .swappiness = VM_SWAPPINESS};
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
    };

    for (size_t i = 0; i < ARRAY_LEN(caches); i++) {
        int err =
            cache_init(caches[i].cache, pool, caches[i].name, caches[i].size, 0, NULL, slab_default_flags);

        mm_assert(err == 0, "cache %s: %d", caches[i].name, err);
    }

    int err = swap_init(vm);

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
    while (swap_finish(vm, true, true) || vm->swap.io_active)
        ;
    mm_assert(vm->pageable.count == 0, "%u pageable frames are left", vm->pageable.count);
    vm->pool->low_hook = NULL;
    swap_fini(vm);
    cache_destroy(&vm->region_cache);
    cache_destroy(&vm->object_cache);
    cache_destroy(&vm->radix_cache);
    cache_destroy(&vm->family_cache);
    cache_destroy(&vm->space_cache);
    frame_free(vm->pool, pfn_frame(vm->pool, vm->zero_pfn));
}

/*
 * Reclaim for an allocation that failed for the nth time. False: the next try is the last. It is worth one
 * even if nothing could be freed, since others may have freed frames while this task waited for its turn.
 */
static bool reclaim_again(struct vm *vm, unsigned flags, unsigned n)
{
    unsigned freed;

    vm->stats.direct_reclaims++;
    freed = flags & FRAME_LOW_ONLY ? reclaim_run_low(vm, ALLOC_BATCH) : reclaim_run(vm, ALLOC_BATCH);
    return freed && n + 1 < ALLOC_TRIES;
}

struct frame *vm_frame_alloc(struct vm *vm, enum frame_use use, unsigned flags)
{
    bool last = false;

    might_sleep();
    for (unsigned i = 0;; i++) {
        struct frame *f = frame_alloc(vm->pool, use, flags);

        if (f || last)
            return f;
        last = !reclaim_again(vm, flags, i);
    }
}

void *vm_cache_alloc(struct vm *vm, struct cache *c)
{
    bool last = false;

    might_sleep();
    for (unsigned i = 0;; i++) {
        void *obj = cache_alloc(c);

        if (obj || last)
            return obj;
        last = !reclaim_again(vm, FRAME_LOW_ONLY, i); /* slabs are low */
    }
}

void vm_frame_release(struct vm *vm, struct frame *f)
{
    mm_assert(f->maps == 0 && f->pins == 0 && f->slot == SLOT_NONE &&
                  !(f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK)),
              "frame %u: maps %u pins %u slot %u flags %x", frame_pfn(vm->pool, f), f->maps, f->pins, f->slot,
              f->flags);
    if (f->flags & FRAME_F_LISTED)
        vm_frame_unlist(vm, f);
    frame_free(vm->pool, f);
}

void vm_frame_drop_last(struct vm *vm, struct frame *f)
{
    if (f->pins || f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK))
        return;
    if (f->slot != SLOT_NONE) {
        if (swap_count(vm, f->slot))
            return;
        swap_uncache(vm, f);
    }
    if (likely(f->flags & FRAME_F_LISTED))
        vm_frame_unlist(vm, f);
    frame_free(vm->pool, f);
}

uint32_t vm_drop_caches(struct vm *vm)
{
    uint32_t dropped = 0;

    nosleep_enter("the pageable list");
    for (pfn_t pfn = vm->pageable.head, next; pfn; pfn = next) {
        struct frame *f = pfn_frame(vm->pool, pfn);

        next = f->next;
        if (f->use != FRAME_OBJECT || !object_can_drop(f))
            continue;
        object_drop_page(f->owner, f);
        dropped++;
    }
    nosleep_exit();
    return dropped;
}

/* splitmix64's finaliser: numbers that differ in one bit give unrelated words. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* The sums that the entries give. */
struct recount {
    uint64_t maps, slots;
};

/* Whether an earlier space of the family shows the same table, so that it was counted. */
static bool table_seen(const struct space *s, vaddr_t va, const struct frame *table)
{
    if (table->maps == 1)
        return false;
    for (const struct space *o = s->family->spaces; o != s; o = o->family_next)
        if (pt_table(&o->pt, va) == table)
            return true;
    return false;
}

static bool entry_verify(struct space *s, vaddr_t va, pte_t e, struct recount *sum)
{
    struct vm *vm = s->vm;
    const struct region *r = region_first_above(&s->regions, va);
    bool ok = true;

    if (pte_is_swap(e)) {
        INV("INV-VM-2", swap_valid(vm, pte_slot(e)), "space %u at %x names slot %x", s->id, va, pte_slot(e));
        sum->slots += mix(pte_slot(e));
        return ok;
    }
    pfn_t pfn = pte_pfn(e);

    if (pfn == vm->zero_pfn)
        return ok;
    const struct frame *f = pfn_frame(vm->pool, pfn);

    sum->maps += mix(pfn);
    if (f->use == FRAME_ANON) {
        INV("INV-VM-3",
            f->owner == s->family && r && r->start <= va &&
                f->index == r->number + ((va - r->start) >> PAGE_SHIFT),
            "space %u at %x names frame %u of family %p, page %x", s->id, va, pfn, f->owner, f->index);
        INV("INV-VM-6", f->slot == SLOT_NONE || !pte_present(e) || !pte_writable(e),
            "space %u at %x: frame %u, slot %x", s->id, va, pfn, f->slot);
        INV("INV-VM-8", f->maps == 1 || !pte_present(e) || !pte_writable(e),
            "space %u at %x: frame %u has %u entries", s->id, va, pfn, f->maps);
    } else {
        INV("INV-VM-3",
            f->use == FRAME_OBJECT && r && r->start <= va && f->owner == r->object &&
                f->index == r->offset + ((va - r->start) >> PAGE_SHIFT),
            "space %u at %x names frame %u, use %s, owner %p, page %x", s->id, va, pfn,
            frame_use_name(f->use), f->owner, f->index);
    }
    INV("INV-VM-7", !(f->flags & FRAME_F_BUSY), "space %u at %x: frame %u", s->id, va, pfn);
    return ok;
}

static bool space_recount(struct space *s, struct recount *sum)
{
    bool ok = true;

    for (vaddr_t va = 0; (va = pt_next_table(&s->pt, va, s->regions.hi)) < s->regions.hi; va += PT_SPAN) {
        struct frame *table = pt_table(&s->pt, va);
        const pte_t *e = pt_table_entries(s->vm->pool, table);
        uint32_t roots = 0;

        for (const struct space *o = s->family->spaces; o; o = o->family_next)
            roots += pt_table(&o->pt, va) == table;
        INV("INV-VM-4", roots == table->maps, "table of space %u at %x: %u roots, says %u", s->id, va, roots,
            table->maps);
        if (table_seen(s, va, table))
            continue;
        for (uint32_t i = 0; i < PT_TABLE_ENTRIES; i++)
            if (!pte_empty(e[i]))
                ok &= entry_verify(s, va + (i << PAGE_SHIFT), e[i], sum);
    }
    return ok;
}

static uint32_t locked_regions(const struct space *s)
{
    uint32_t n = 0;

    for (const struct region *r = s->regions.first; r; r = r->next)
        n += !!(r->flags & REGION_LOCKED);
    return n;
}

static uint64_t object_recount(struct vm *vm)
{
    uint64_t slots = 0;

    for (const struct object *o = vm->objects; o; o = o->next) {
        uintptr_t e;

        for (uint32_t i = 0; (e = radix_next(&o->index, &i)) != 0; i++)
            if (OBJECT_IS_SLOT(e))
                slots += mix(OBJECT_ENTRY_VALUE(e));
    }
    return slots;
}

static void add_slot(slot_t slot, uint32_t count, void *arg)
{
    *(uint64_t *)arg += mix(slot) * count;
}

bool vm_verify(struct vm *vm)
{
    struct frame_pool *p = vm->pool;
    struct recount sum = {0};
    uint64_t maps = 0;
    uint32_t listed = 0, locked = 0;
    bool ok = frame_audit(p) && swap_verify(vm) && commit_verify(vm);

    for (struct space *s = vm->spaces; s; s = s->all_next) {
        ok &= space_verify(s);
        ok &= space_recount(s, &sum);
        locked += locked_regions(s);
    }
    INV("INV-VM-9", locked == vm->locked_regions, "%u regions are locked, counted %u", locked,
        vm->locked_regions);
    for (const struct object *o = vm->objects; o; o = o->next)
        ok &= object_verify(o);
    sum.slots += object_recount(vm);

    for (pfn_t pfn = p->start; pfn < p->end; pfn++) {
        const struct frame *f = pfn_frame(p, pfn);

        if (f->use != FRAME_ANON && f->use != FRAME_OBJECT)
            continue;
        maps += mix(pfn) * f->maps;
        listed += !!(f->flags & FRAME_F_LISTED);
    }
    INV("INV-VM-1", maps == sum.maps, "sums %llx and %llx", (unsigned long long)maps,
        (unsigned long long)sum.maps);

    uint64_t slots = 0;

    swap_each_named(vm, add_slot, &slots);
    INV("INV-VM-2", slots == sum.slots, "sums %llx and %llx", (unsigned long long)slots,
        (unsigned long long)sum.slots);

    uint32_t walked = 0;

    for (pfn_t pfn = vm->pageable.head; pfn && walked <= listed; pfn = pfn_frame(p, pfn)->next, walked++) {
        const struct frame *f = pfn_frame(p, pfn);

        INV("INV-VM-5", (f->use == FRAME_ANON || f->use == FRAME_OBJECT) && f->flags & FRAME_F_LISTED,
            "frame %u, use %s, flags %x", pfn, frame_use_name(f->use), f->flags);
    }
    INV("INV-VM-5", walked == listed && walked == vm->pageable.count, "walked %u, flagged %u, says %u",
        walked, listed, vm->pageable.count);
    return ok;
}
