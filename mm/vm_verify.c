/*
 * The recount of everything.
 *
 * Purpose: find out whether what the records say of spaces, objects, frames and slots is true, by counting
 * from the page tables and the objects, as if nothing had ever been counted.
 *
 * It allocates nothing: instead of a counter for each frame and slot it compares two sums of
 * a 64-bit mix of (number, count), one over the records, one over the entries
 * found. A difference that cancels out has a chance of 2^-64. The names that entries of tables on disk are
 * belong to the sum that the vm keeps of them (table.c).
 *
 * Data: none; it reads all of mm/. Locking: one stretch without sleep, so that all it reads
 * belongs to one moment.
 *
 * Invariants; those of each part are checked by the part's verify function, which is called first.
 *   INV-VM-1  maps of the ANON and OBJECT frames are the entries that name them, table by table
 *   INV-VM-2  counts of slots are the entries, in memory and out, the directory entries and the object
 *             indices that name them
 *   INV-VM-3  an entry names a frame that its space's family or its region's object owns, at the right number
 *   INV-VM-4  a table's maps is the number of roots that name it
 *   INV-VM-6  an anonymous frame in the swap cache has no writable entry, nor one that will be so when it is
 *             put back, unless it was taken over while it is being written: then it is DIRTY under WRITEBACK
 *   INV-VM-7  a frame that is BUSY has no entries
 *   INV-VM-8  an anonymous frame that several entries name is writable through none of them, likewise
 *   INV-VM-12 no entry that names a frame with FRAME_F_PARKED translates
 *   INV-VM-11 a parked entry names an anonymous frame, unless its space has a software TLB
 *   INV-VM-9  locked_regions is the number of regions with REGION_LOCKED
 *
 * How it fails: it logs each broken invariant by its number, and says false.
 *
 * Compare: MINIX 3's minix/servers/vm/region.c, which recounts every reference too.
 */
#include "mm/vm.h"
#include "mm/softtlb.h"
#include "mm/space.h"
#include "mm/table.h"

#define mix table_mix

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
        if (pt_resident_table(&o->pt, va) == table)
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

    if (pfn == vm->zero_pfn) {
        INV("INV-VM-11", !pte_parked(e) || s->tlb, "space %u at %x: the zero frame is parked", s->id, va);
        return ok;
    }
    const struct frame *f = pfn_frame(vm->pool, pfn);

    sum->maps += mix(pfn);
    if (f->use == FRAME_ANON) {
        INV("INV-VM-3",
            f->owner == s->family && r && r->start <= va &&
                f->index == r->number + ((va - r->start) >> PAGE_SHIFT),
            "space %u at %x names frame %u of family %p, page %x", s->id, va, pfn, f->owner, f->index);
        INV("INV-VM-6",
            f->slot == SLOT_NONE || !pte_writable(e) ||
                (f->flags & FRAME_F_WRITEBACK && f->flags & FRAME_F_DIRTY),
            "space %u at %x: frame %u, slot %x, flags %x", s->id, va, pfn, f->slot, f->flags);
        INV("INV-VM-8", f->maps == 1 || !pte_writable(e), "space %u at %x: frame %u has %u entries", s->id,
            va, pfn, f->maps);
    } else {
        INV("INV-VM-11", !pte_parked(e) || s->tlb, "space %u at %x: frame %u of use %s is parked", s->id, va,
            pfn, frame_use_name(f->use));
        INV("INV-VM-3",
            f->use == FRAME_OBJECT && r && r->start <= va && f->owner == r->object &&
                f->index == r->offset + ((va - r->start) >> PAGE_SHIFT),
            "space %u at %x names frame %u, use %s, owner %p, page %x", s->id, va, pfn,
            frame_use_name(f->use), f->owner, f->index);
    }
    INV("INV-VM-12", !(f->flags & FRAME_F_PARKED) || !pte_present(e), "space %u at %x: frame %u is set aside",
        s->id, va, pfn);
    INV("INV-VM-7", !(f->flags & FRAME_F_BUSY), "space %u at %x: frame %u", s->id, va, pfn);
    return ok;
}

static bool space_recount(struct space *s, struct recount *sum)
{
    bool ok = true;

    for (vaddr_t va = 0; (va = pt_next_out(&s->pt, va, s->regions.hi)) < s->regions.hi; va += PT_SPAN)
        sum->slots += mix(pt_out_slot(&s->pt, va));
    for (vaddr_t va = 0; (va = pt_next_resident(&s->pt, va, s->regions.hi)) < s->regions.hi; va += PT_SPAN) {
        struct frame *table = pt_resident_table(&s->pt, va);
        const pte_t *e = pt_table_entries(s->vm->pool, table);
        uint32_t roots = 0;

        for (const struct space *o = s->family->spaces; o; o = o->family_next)
            roots += pt_resident_table(&o->pt, va) == table;
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
    uint32_t locked = 0;
    bool ok = frame_audit(p) && swap_verify(vm) && commit_verify(vm);

    for (struct space *s = vm->spaces; s; s = s->all_next) {
        ok &= space_verify(s);
        ok &= space_recount(s, &sum);
        locked += locked_regions(s);
    }
    ok &= softtlb_verify_shared(vm);
    INV("INV-VM-9", locked == vm->locked_regions, "%u regions are locked, counted %u", locked,
        vm->locked_regions);
    for (const struct object *o = vm->objects; o; o = o->next)
        ok &= object_verify(o);
    sum.slots += object_recount(vm) + vm->tables.names;

    for (pfn_t pfn = p->start; pfn < p->end; pfn++) {
        const struct frame *f = pfn_frame(p, pfn);

        if (f->use != FRAME_ANON && f->use != FRAME_OBJECT)
            continue;
        maps += mix(pfn) * f->maps;
    }
    INV("INV-VM-1", maps == sum.maps, "sums %llx and %llx", (unsigned long long)maps,
        (unsigned long long)sum.maps);

    uint64_t slots = 0;

    swap_each_named(vm, add_slot, &slots);
    INV("INV-VM-2", slots == sum.slots, "sums %llx and %llx", (unsigned long long)slots,
        (unsigned long long)sum.slots);
    ok &= table_verify(vm);
    return vm_pageable_verify(vm) && ok;
}
