/* What reclaim does not do: look at what cannot go, and take entries away before there is a slot. */
#include "mm/errno.h"
#include "mm/machine.h"
#include "tests/vtcheck.h"

#define PAGES 40u

static unsigned accessed(struct space *s, vaddr_t va)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < PAGES; i++) {
        const pte_t *e = pt_resident_entry(&s->pt, va + i * (vaddr_t)PAGE_SIZE);

        n += e && pte_present(*e) && pte_accessed(*e);
    }
    return n;
}

/* Without swap the entries of anonymous pages are not looked at, whose bits would be lost by that. */
TEST(evict, what_cannot_go_is_not_looked_at)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 32, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, PAGES, RW), given;

    for (uint32_t i = 0; i < PAGES; i++)
        WRITE(s, va + i * (vaddr_t)PAGE_SIZE, i);
    EXPECT(accessed(s, va) == PAGES, "%u pages were used", accessed(s, va));
    EXPECT(reclaim_run(&t.vm, 8) == 0, "something went");
    EXPECT(accessed(s, va) == PAGES, "only %u still say that they were used", accessed(s, va));
    /* What was given up needs no slot. */
    given = map(kt, s, 1, RW);
    WRITE(s, given, 1);
    EXPECT(space_advise(s, given, PAGE_SIZE, ADVISE_FREE) == 0, "giving up");
    reclaim_run(&t.vm, 1);
    reclaim_run(&t.vm, 1);
    EXPECT(!frame_at(s, given), "what was given up did not go");
    EXPECT(vm_verify(&t.vm), "afterwards");
    space_destroy(s);
    vt_end(&t);
}

/* A shared page that has to be written keeps its entries if there is no slot for it. */
TEST(evict, a_shared_page_needs_its_slot_first)
{
    enum { SLOTS = 15 };
    struct vt t;
    struct frame *f[SLOTS];
    vaddr_t va = 0, other;

    if (!vt_begin(&t, kt, 128, 32, SLOTS + 1))
        return;
    struct object *o = object_create(&t.vm, &pager_zero, 1, "shared");
    struct space *s = space_create(&t.vm);

    REQUIRE(o && s && space_map(s, &va, PAGE_SIZE, RW | REGION_SHARED, o, 0) == 0, "mapping");
    WRITE(s, va, 7);
    other = map(kt, s, SLOTS, RW);
    for (unsigned i = 0; i < SLOTS; i++) {
        WRITE(s, other + i * (vaddr_t)PAGE_SIZE, i);
        f[i] = frame_at(s, other + i * (vaddr_t)PAGE_SIZE);
        EXPECT(swap_assign(&t.vm, f[i]), "slot %u", i);
    }
    FAULTS(&t.vm, 0, {
        EXPECT(reclaim_evict(&t.vm, frame_at(s, va)) == -ENOSPC, "it went");
        EXPECT(frame_at(s, va), "its entry is gone");
        READ(s, va, 7);
    });
    for (unsigned i = 0; i < SLOTS; i++)
        swap_uncache(&t.vm, f[i]);
    evict_at(kt, s, va);
    READ(s, va, 7);
    space_destroy(s);
    object_put(o);
    vt_end(&t);
}

/* A table that has to be split when no frame is at hand: the fault waits for one. */
TEST(evict, a_split_waits_for_a_frame)
{
    struct vt t;
    struct frame_list taken = {0};
    struct space *child = NULL;
    struct frame *f;

    if (!vt_begin(&t, kt, 128, 0, 128))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, PAGES, RW);

    for (uint32_t i = 0; i < PAGES; i++)
        WRITE(s, va + i * (vaddr_t)PAGE_SIZE, i);
    REQUIRE(space_fork(s, &child) == 0, "fork");
    while ((f = frame_alloc(t.pool, FRAME_KERNEL, FRAME_LOW_ONLY)) != NULL)
        frame_list_push_tail(t.pool, &taken, f);
    uint64_t split = t.vm.stats.tables_split, evicted = t.vm.stats.evicted;

    WRITE(s, va, 1000);
    EXPECT(t.vm.stats.tables_split == split + 1 && t.vm.stats.evicted > evicted, "%u splits, %u evicted",
           (unsigned)(t.vm.stats.tables_split - split), (unsigned)(t.vm.stats.evicted - evicted));
    while (taken.head) {
        f = pfn_frame(t.pool, taken.head);
        frame_list_remove(t.pool, &taken, f);
        frame_free(t.pool, f);
    }
    READ(child, va, 0);
    for (uint32_t i = 1; i < PAGES; i++) {
        READ(s, va + i * (vaddr_t)PAGE_SIZE, i);
        READ(child, va + i * (vaddr_t)PAGE_SIZE, i);
    }
    EXPECT(vm_verify(&t.vm), "afterwards");
    space_destroy(child);
    space_destroy(s);
    vt_end(&t);
}

TEST(evict, scans_are_counted_by_who_needs_them)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 32, 64))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, PAGES, RW);

    for (uint32_t i = 0; i < PAGES; i++)
        WRITE(s, va + i * (vaddr_t)PAGE_SIZE, i);
    reclaim_run(&t.vm, 8);
    EXPECT(t.vm.stats.scanned_direct && t.vm.stats.scanned_direct == t.vm.stats.scanned, "%u of %u",
           (unsigned)t.vm.stats.scanned_direct, (unsigned)t.vm.stats.scanned);
    EXPECT(t.vm.stats.evicted_direct == t.vm.stats.evicted, "%u of %u", (unsigned)t.vm.stats.evicted_direct,
           (unsigned)t.vm.stats.evicted);
    space_destroy(s);
    vt_end(&t);
}
