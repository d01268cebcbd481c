/*
 * Parked entries: pages that are in memory though the processor does not translate. Whoever reads entries has
 * to tell them from nothing, from a slot, and from pages that nobody may touch.
 */
#include "mm/errno.h"
#include "tests/vtcheck.h"

#define VA ((vaddr_t)0x400000)

static vaddr_t page(unsigned n)
{
    return VA + n * (vaddr_t)PAGE_SIZE;
}

static pte_t entry(struct space *s, unsigned n)
{
    return *pt_resident_entry(&s->pt, page(n));
}

static void park(struct kt *kt, struct space *s, unsigned n)
{
    struct frame *f = frame_at(s, page(n));

    REQUIRE(f && f->use == FRAME_ANON, "page %u has no private frame", n);
    rmap_park(s->vm, f);
    EXPECT(pte_parked(entry(s, n)) && !pte_present(entry(s, n)), "page %u has entry %x", n, entry(s, n).raw);
    EXPECT(vm_verify(s->vm), "sound with page %u parked", n);
}

/* Expect that the processor translates. */
static void back(struct kt *kt, struct space *s, unsigned n, bool writable)
{
    pte_t e = entry(s, n);

    EXPECT(pte_present(e) && pte_accessed(e) && pte_writable(e) == writable, "page %u has entry %x", n,
           e.raw);
}

TEST(parked, kinds_of_entries)
{
    static const unsigned flags[] = {0, PT_WRITE, PT_WRITE | PT_DIRTY, PT_ACCESSED, PT_WRITE | PT_ACCESSED};
    pte_t swap = pte_make_swap((SWAP_AREAS - 1) << SWAP_AREA_SHIFT | (SWAP_AREA_PAGES - 1));

    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        pte_t e = pte_make(0xABCDE, PT_USER | flags[i]), p = pte_park(e), h = pte_hold(e);

        EXPECT(pte_present(e) && !pte_held(e) && !pte_parked(e) && pte_has_frame(e), "%x", e.raw);
        EXPECT(!pte_present(p) && !pte_held(p) && pte_parked(p) && pte_has_frame(p), "%x", p.raw);
        EXPECT(!pte_present(h) && pte_held(h) && !pte_parked(h) && pte_has_frame(h), "%x", h.raw);
        EXPECT(!pte_is_swap(e) && !pte_is_swap(p) && !pte_is_swap(h), "%x, %x, %x", e.raw, p.raw, h.raw);
        EXPECT(pte_pfn(p) == 0xABCDE && pte_pfn(h) == 0xABCDE, "%x, %x", p.raw, h.raw);
        EXPECT(pte_writable(p) == pte_writable(e) && pte_dirty(p) == pte_dirty(e) &&
                   pte_accessed(p) == pte_accessed(e) && !pte_writable(h),
               "%x, %x", p.raw, h.raw);
        EXPECT(pte_unpark(p).raw == (e.raw | PT_ACCESSED), "%x becomes %x", e.raw, pte_unpark(p).raw);
        EXPECT(pte_hold(p).raw == h.raw && pte_readonly(p).raw == pte_park(pte_readonly(e)).raw,
               "%x held is %x", p.raw, pte_hold(p).raw);
        EXPECT(pte_parked(pte_old(pte_clean(p))) && pte_unhold(h).raw == pte_readonly(e).raw, "%x", p.raw);
    }
    EXPECT(pte_is_swap(swap) && !pte_has_frame(swap) && !pte_held(swap) && !pte_parked(swap) &&
               !pte_writable(swap) && pte_slot(swap) == ((SWAP_AREAS << SWAP_AREA_SHIFT) - 1u),
           "%x names %x", swap.raw, pte_slot(swap));
}

TEST(parked, a_touch_puts_it_back)
{
    struct vt t;
    uint8_t core[3];
    struct space_usage u;

    if (!vt_begin(&t, kt, 160, 16, 64))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, VA, 3, RW);
    WRITE(s, page(0), 1);
    WRITE(s, page(1), 2);
    evict_at(kt, s, page(1));
    READ(s, page(1), 2); /* read-only now, with its slot */
    READ(s, page(2), 0);
    park(kt, s, 0);
    park(kt, s, 1);
    EXPECT(space_mincore(s, VA, 3, core) == 0 && core[0] && core[1] && core[2], "%u %u %u in memory", core[0],
           core[1], core[2]);
    space_count_usage(s, &u);
    EXPECT(u.anon == 2 && !u.swapped, "%u pages, %u in slots", u.anon, u.swapped);
    uint64_t unparked = t.vm.stats.by_action[FAULT_UNPARK], reads = t.vm.swap.reads;

    FAULTS(&t.vm, 1, READ(s, page(0), 1));
    back(kt, s, 0, true);
    EXPECT(pte_dirty(entry(s, 0)), "it was written to");
    FAULTS(&t.vm, 0, WRITE(s, page(0), 10));
    FAULTS(&t.vm, 1, READ(s, page(1), 2));
    back(kt, s, 1, false);
    park(kt, s, 1);
    FAULTS(&t.vm, 1, WRITE(s, page(1), 20)); /* put back and taken over in one */
    back(kt, s, 1, true);
    EXPECT(t.vm.stats.by_action[FAULT_UNPARK] - unparked == 3 && t.vm.swap.reads == reads, "%u put back",
           (unsigned)(t.vm.stats.by_action[FAULT_UNPARK] - unparked));
    park(kt, s, 0);
    park(kt, s, 1);
    uint32_t word = 77, got = 0;

    EXPECT(space_read(s, page(0), &got, sizeof got) == sizeof got && got == 10, "read %u", got);
    EXPECT(space_write(s, page(1), &word, sizeof word) == sizeof word, "written");
    READ(s, page(1), 77);
    park(kt, s, 0);
    space_clear_accessed(s, true, true);
    EXPECT(pte_parked(entry(s, 0)) && !pte_accessed(entry(s, 0)), "entry %x", entry(s, 0).raw);
    READ(s, page(0), 10);
    space_destroy(s);
    vt_end(&t);
}

TEST(parked, rights_change)
{
    struct vt t;
    uint32_t got;

    if (!vt_begin(&t, kt, 160, 16, 64))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, VA, 2, RW);
    WRITE(s, page(0), 1);
    WRITE(s, page(1), 2);
    park(kt, s, 0);
    /* Held, and parking what is held changes nothing. */
    EXPECT(space_protect(s, VA, 2 * PAGE_SIZE, 0) == 0, "nothing is allowed");
    EXPECT(pte_held(entry(s, 0)) && pte_held(entry(s, 1)), "%x, %x", entry(s, 0).raw, entry(s, 1).raw);
    rmap_park(&t.vm, frame_at(s, page(0)));
    EXPECT(pte_held(entry(s, 0)) && vm_verify(&t.vm), "%x", entry(s, 0).raw);
    EXPECT(vt_read(s, page(0), &got) == FAULT_ACCERR && vt_read(s, page(1), &got) == FAULT_ACCERR,
           "forbidden");
    EXPECT(space_protect(s, VA, 2 * PAGE_SIZE, REGION_READ) == 0, "reading is allowed");
    FAULTS(&t.vm, 0, READ(s, page(0), 1));
    park(kt, s, 1);
    EXPECT(vt_write(s, page(1), 3) == FAULT_ACCERR, "not writing");
    EXPECT(pte_parked(entry(s, 1)), "and it stays parked");
    EXPECT(space_protect(s, VA, 2 * PAGE_SIZE, RW) == 0, "all is allowed");
    WRITE(s, page(0), 4);
    park(kt, s, 0);
    EXPECT(space_protect(s, VA, 2 * PAGE_SIZE, REGION_READ) == 0,
           "the right to write goes while it is parked");
    EXPECT(pte_parked(entry(s, 0)) && !pte_writable(entry(s, 0)), "%x", entry(s, 0).raw);
    READ(s, page(0), 4);
    EXPECT(vt_write(s, page(0), 5) == FAULT_ACCERR, "not writing");
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(parked, forks)
{
    struct vt t;

    if (!vt_begin(&t, kt, 192, 16, 64))
        return;
    struct space *s = space_create(&t.vm), *c, *d;

    map_at(kt, s, VA, 4, RW);
    for (unsigned i = 0; i < 4; i++)
        WRITE(s, page(i), i);
    park(kt, s, 0);
    park(kt, s, 1);
    c = fork_of(kt, s);
    d = fork_of(kt, s);
    park(kt, c, 2); /* in the table of all three */
    EXPECT(pte_parked(entry(s, 2)) && pt_span(&d->pt, VA) == PT_SHARED, "%x", entry(s, 2).raw);
    FAULTS(&t.vm, 1, READ(c, page(0), 0));
    EXPECT(pte_present(entry(s, 0)) && pt_span(&c->pt, VA) == PT_SHARED, "put back for all three");
    FAULTS(&t.vm, 0, READ(d, page(0), 0));
    FAULTS(&t.vm, 1, WRITE(c, page(1), 11)); /* split, put back, copied */
    EXPECT(pte_parked(entry(s, 1)) && !pte_writable(entry(c, 2)), "%x, %x", entry(s, 1).raw, entry(c, 2).raw);
    EXPECT(frame_at(s, page(2))->maps == 2, "two tables name it");
    EXPECT(vm_verify(&t.vm), "verification");
    park(kt, s, 3);
    EXPECT(pte_parked(entry(c, 3)) && pte_parked(entry(d, 3)), "in both tables");
    READ(s, page(1), 1);
    WRITE(d, page(2), 22);
    READ(s, page(2), 2);
    READ(c, page(2), 2);
    READ(c, page(1), 11);
    READ(d, page(3), 3);
    EXPECT(pte_parked(entry(c, 3)), "the other table's entry waits for its own fault");
    /* All at once to the disk, wherever it is parked. */
    struct frame *f = frame_at(s, page(3));

    EXPECT(reclaim_evict(&t.vm, f) == 0, "evict");
    EXPECT(pte_is_swap(entry(s, 3)) && pte_is_swap(entry(c, 3)) && pte_is_swap(entry(d, 3)), "%x, %x, %x",
           entry(s, 3).raw, entry(c, 3).raw, entry(d, 3).raw);
    READ(c, page(3), 3);
    READ(s, page(3), 3);
    space_destroy(s);
    park(kt, c, 3);
    READ(d, page(3), 3);
    WRITE(c, page(3), 33);
    space_destroy(c);
    READ(d, page(3), 3);
    space_destroy(d);
    vt_end(&t);
}

TEST(parked, calls)
{
    struct vt t;
    vaddr_t at = VA;

    if (!vt_begin(&t, kt, 192, 16, 64))
        return;
    struct space *s = space_create(&t.vm);
    uint32_t anon;

    map_at(kt, s, VA, 8, RW);
    for (unsigned i = 0; i < 8; i++) {
        WRITE(s, page(i), i + 1);
        park(kt, s, i);
    }
    anon = t.pool->used[FRAME_ANON];
    EXPECT(space_unmap(s, page(7), PAGE_SIZE) == 0 && t.pool->used[FRAME_ANON] == anon - 1, "unmapped");
    EXPECT(space_advise(s, page(6), PAGE_SIZE, ADVISE_DONTNEED) == 0 && t.pool->used[FRAME_ANON] == anon - 2,
           "begins anew");
    READ(s, page(6), 0);
    EXPECT(space_advise(s, page(5), PAGE_SIZE, ADVISE_FREE) == 0, "given up");
    EXPECT(frame_at(s, page(5))->flags & FRAME_F_LAZY && !pte_dirty(entry(s, 5)), "%x", entry(s, 5).raw);
    EXPECT(reclaim_evict(&t.vm, frame_at(s, page(5))) == 0 && t.vm.stats.lazy_freed == 1, "dropped");
    READ(s, page(5), 0);
    EXPECT(space_advise(s, page(4), PAGE_SIZE, ADVISE_COLD) == 0, "cold");
    EXPECT(space_advise(s, page(4), PAGE_SIZE, ADVISE_PAGEOUT) == 0, "out");
    swap_finish(&t.vm, true, true);
    EXPECT(pte_is_swap(entry(s, 4)), "%x", entry(s, 4).raw);
    EXPECT(space_remap(s, &at, 4 * PAGE_SIZE, 4 * PAGE_SIZE, REMAP_MAYMOVE | REMAP_FIXED, 0x900000) == 0,
           "moved");
    EXPECT(pte_parked(*pt_resident_entry(&s->pt, 0x900000)) && vm_verify(&t.vm), "still parked");
    for (unsigned i = 0; i < 4; i++)
        READ(s, 0x900000 + i * PAGE_SIZE, i + 1);
    rmap_park(&t.vm, frame_at(s, 0x900000)); /* by its number, where it was */
    EXPECT(pte_parked(*pt_resident_entry(&s->pt, 0x900000)), "found where it is now");
    EXPECT(space_lock(s, 0x900000, PAGE_SIZE, REGION_LOCKED) == 0, "locked");
    EXPECT(pte_present(*pt_resident_entry(&s->pt, 0x900000)), "and put back, so that no touch waits");
    READ(s, page(4), 5);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(parked, damage_is_named)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 64))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, VA, 3, RW);
    WRITE(s, page(0), 1);
    WRITE(s, page(1), 2);
    READ(s, page(2), 0);
    park(kt, s, 0);
    evict_at(kt, s, page(1));
    READ(s, page(1), 2);
    park(kt, s, 1);
    pte_t *e = pt_resident_entry(&s->pt, page(0)), *cached = e + 1, *zero = e + 2;
    const pte_t saved = *e, saved_cached = *cached, saved_zero = *zero;
    struct frame *f = frame_at(s, page(0));

    BROKEN(&t.vm, "INV-PT-4", *e = (pte_t){pte_unpark(saved).raw | PT_PARKED}, *e = saved);
    BROKEN(&t.vm, "INV-PT-7", *e = (pte_t){saved.raw & ~(uint32_t)PT_PARKED}, *e = saved);
    BROKEN(&t.vm, "INV-SPACE-3", *e = pte_hold(saved), *e = saved);
    BROKEN(&t.vm, "INV-SPACE-2", s->regions.first->flags ^= REGION_WRITE,
           s->regions.first->flags ^= REGION_WRITE);
    BROKEN(&t.vm, "INV-VM-1", f->maps++, f->maps--);
    BROKEN(&t.vm, "INV-VM-6", *cached = (pte_t){saved_cached.raw | PT_WRITE}, *cached = saved_cached);
    BROKEN(&t.vm, "INV-VM-12", (f->flags |= FRAME_F_PARKED, *e = pte_unpark(saved)),
           (f->flags &= (uint16_t)~FRAME_F_PARKED, *e = saved));
    BROKEN(&t.vm, "INV-VM-11", *zero = pte_park(saved_zero), *zero = saved_zero);
    EXPECT(vm_verify(&t.vm), "sound after");
    space_destroy(s);
    vt_end(&t);
}

/* Under a policy that keeps the pages of each program apart: how many translate at once. */
TEST(parked, a_program_has_a_share)
{
    struct vt t;
    struct policy_counts c;

    if (!vt_begin(&t, kt, 192, 16, 128))
        return;
    EXPECT(reclaim_set_policy(&t.vm, &policy_vms) == 0, "vms");
    struct space *s = space_create(&t.vm), *child;

    EXPECT(s->set.limit == vm_rss_limit(&t.vm) && s->set.most == UINT32_MAX, "a quarter of all: %u",
           s->set.limit);
    space_set_resident(s, 3);
    EXPECT(s->set.most == SPACE_RESIDENT_LEAST, "at least what one instruction may touch: %u", s->set.most);
    space_set_resident(s, 20);
    map_at(kt, s, VA, 64, RW);
    for (unsigned i = 0; i < 64; i++)
        WRITE(s, page(i), i + 1);
    unsigned present = 0, parked = 0;

    for (unsigned i = 0; i < 64; i++) {
        present += pte_present(entry(s, i));
        parked += pte_parked(entry(s, i));
    }
    EXPECT(present == 20 && parked == 44 && s->set.list.count == 20, "%u translate, %u are parked", present,
           parked);
    EXPECT(pte_parked(entry(s, 0)) && pte_present(entry(s, 63)), "the oldest ones");
    EXPECT(vm_verify(&t.vm), "verification");
    uint64_t major = t.vm.stats.major;

    for (unsigned i = 0; i < 64; i++)
        READ(s, page(i), i + 1);
    c = pageable_counts(&t.vm.pageable);
    EXPECT(c.salvaged_dirty == 64 && t.vm.stats.major == major, "%u put back", (unsigned)c.salvaged_dirty);
    /* The child has the same limit, and its own share; what it touches of the parent's is in the parent's. */
    child = fork_of(kt, s);
    EXPECT(child->set.most == 20 && child->set.list.count == 0, "limit %u", child->set.most);
    for (unsigned i = 0; i < 30; i++)
        WRITE(child, page(i), 100 + i);
    EXPECT(child->set.list.count == 20, "%u pages", child->set.list.count);
    for (unsigned i = 0; i < 64; i++)
        READ(s, page(i), i + 1);
    /* What the first leaves behind, the other has. */
    space_destroy(s);
    EXPECT(vm_verify(&t.vm), "verification");
    for (unsigned i = 0; i < 64; i++)
        READ(child, page(i), i < 30 ? 100 + i : i + 1);
    /* Without a share of its own it has all it wants as soon as there is another policy. */
    EXPECT(reclaim_set_policy(&t.vm, policies[0]) == 0, "another policy");
    for (unsigned i = 0; i < 64; i++)
        READ(child, page(i), i < 30 ? 100 + i : i + 1);
    for (unsigned i = 0; i < 64; i++)
        EXPECT(pte_present(entry(child, i)), "page %u: %x", i, entry(child, i).raw);
    space_destroy(child);
    vt_end(&t);
}

/* What is mapped ahead of its use takes a share only as long as that has room. */
TEST(parked, a_share_is_for_what_is_touched)
{
    enum { PAGES = 96, LIMIT = 68 };
    struct vt t;
    uint32_t *image = kt_alloc(PAGES * PAGE_SIZE), v;
    struct frame *f;

    REQUIRE(image, "memory");
    memset(image, 0, PAGES * PAGE_SIZE);
    if (!vt_begin(&t, kt, 300, 16, 0)) {
        kt_release(image);
        return;
    }
    EXPECT(reclaim_set_policy(&t.vm, &policy_vms) == 0, "vms");
    t.vm.rss_limit = LIMIT; /* a quarter of all may be less */
    struct object *o = object_create_image(&t.vm, image, PAGES * PAGE_SIZE, "text");
    struct space *s = space_create(&t.vm);
    vaddr_t va = VA;

    for (uint32_t i = 0; i < PAGES; i++)
        if (object_page(o, i, &f) == 0)
            frame_unpin(f);
    EXPECT(o->resident == PAGES, "%u pages are in memory", o->resident);
    EXPECT(space_map(s, &va, PAGES * PAGE_SIZE, REGION_READ | MAP_AT, o, 0) == 0, "map");
    FAULTS(&t.vm, 1, EXPECT(vt_read(s, page(3), &v) == FAULT_RESUME, "read"));
    EXPECT(s->set.list.count == 32 && pte_present(entry(s, 31)), "%u pages", s->set.list.count);
    FAULTS(&t.vm, 1, EXPECT(vt_read(s, page(40), &v) == FAULT_RESUME, "read"));
    EXPECT(s->set.list.count == 64, "%u pages", s->set.list.count);
    FAULTS(&t.vm, 1, EXPECT(vt_read(s, page(80), &v) == FAULT_RESUME, "read"));
    EXPECT(s->set.list.count == 65 && pte_empty(entry(s, 81)), "%u pages", s->set.list.count);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    object_put(o);
    vt_end(&t);
    kt_release(image);
}

/* Pages that are set aside are written before they have to go, many in a request, and go then without I/O. */
TEST(parked, washing)
{
    struct vt t;

    if (!vt_begin(&t, kt, 400, 16, 512))
        return;
    EXPECT(reclaim_set_policy(&t.vm, &policy_vms) == 0, "vms");
    struct space *s = space_create(&t.vm);

    space_set_resident(s, 20);
    map_at(kt, s, VA, 120, RW);
    for (unsigned i = 0; i < 120; i++)
        WRITE(s, page(i), i + 1);
    EXPECT(pageable_now(&t.vm.pageable)->list[1].count == 100, "%u are modified",
           pageable_now(&t.vm.pageable)->list[1].count);
    uint64_t writes = t.vm.swap.writes;

    EXPECT(reclaim_daemon_round(&t.vm), "the daemon has something to do");
    swap_finish(&t.vm, true, true);
    struct policy_counts c = pageable_counts(&t.vm.pageable);

    EXPECT(c.washed > 64 && c.washed == t.vm.swap.pages_out && t.vm.swap.writes - writes <= 2,
           "%u written in %u requests", (unsigned)c.washed, (unsigned)(t.vm.swap.writes - writes));
    EXPECT(pte_parked(entry(s, 0)) && !pte_writable(entry(s, 0)) && !pte_dirty(entry(s, 0)), "%x",
           entry(s, 0).raw);
    EXPECT(vm_verify(&t.vm), "verification");
    writes = t.vm.swap.writes;
    uint64_t reads = t.vm.swap.reads;

    READ(s, page(1), 2);
    WRITE(s, page(2), 33);
    EXPECT(t.vm.swap.reads == reads, "put back without reading");
    EXPECT(reclaim_evict(&t.vm, frame_at(s, page(0))) == 0 && t.vm.swap.writes == writes,
           "goes without writing");
    READ(s, page(0), 1);
    for (unsigned i = 3; i < 120; i++)
        READ(s, page(i), i + 1);
    READ(s, page(2), 33);
    space_destroy(s);
    vt_end(&t);
}
