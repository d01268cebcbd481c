/*
 * The calls on spaces beside map, unmap and protect (vm.c): their errors, counts and limits, and what they do
 * to pages, tables, frames and slots. What programs see of them is compared with Linux by tests/user.
 */
#include "mm/errno.h"
#include "tests/vtcheck.h"

#define SIZE(pages) ((size_t)(pages) << PAGE_SHIFT)

static int remap(struct space *s, vaddr_t at, size_t old_pages, size_t pages, unsigned flags, vaddr_t to,
                 vaddr_t *out)
{
    int err;

    *out = at;
    err = space_remap(s, out, SIZE(old_pages), SIZE(pages), flags, to);
    return err;
}

TEST(vmcalls, remap_in_place)
{
    struct vt t;
    vaddr_t at;
    uint32_t v;

    if (!vt_begin(&t, kt, 128, 32, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map_at(kt, s, 0x400000, 4, RW);

    WRITE(s, va, 1);
    WRITE(s, va + 3 * PAGE_SIZE, 4);
    FAULTS(&t.vm, 0, EXPECT(remap(s, va, 4, 6, 0, 0, &at) == 0 && at == va, "at %x", at));
    EXPECT(s->regions.count == 1 && s->pages.total == 6 && s->pages.data == 6, "%u pages", s->pages.total);
    READ(s, va + 5 * PAGE_SIZE, 0);
    EXPECT(remap(s, va, 6, 2, 0, 0, &at) == 0 && at == va, "at %x", at);
    EXPECT(vt_read(s, va + 3 * PAGE_SIZE, &v) == FAULT_MAPERR, "cut off");
    READ(s, va, 1);
    /* Only the end of a mapping grows in place. */
    map_at(kt, s, 0x410000, 1, RW);
    EXPECT(remap(s, va, 1, 2, 0, 0, &at) == -ENOMEM, "its own second page is in the way");
    EXPECT(remap(s, va, 2, 0x11, 0, 0, &at) == -ENOMEM, "another mapping is in the way");
    EXPECT(remap(s, va, 2, 0x10, 0, 0, &at) == 0, "up to it");
    EXPECT(s->regions.count == 1, "joined with it: %u regions", s->regions.count);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, remap_errors)
{
    struct vt t;
    vaddr_t at, va = 0x400000;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, va, 4, RW);
    map_at(kt, s, va + 4 * PAGE_SIZE, 4, REGION_READ);
    EXPECT(remap(s, va + 1, 1, 1, 0, 0, &at) == -EINVAL, "unaligned");
    EXPECT(remap(s, va, 1, 0, 0, 0, &at) == -EINVAL, "no size");
    EXPECT(remap(s, va, 1, 1, 8, 0, &at) == -EINVAL, "unknown flag");
    EXPECT(remap(s, va, 1, 1, REMAP_FIXED, 0x800000, &at) == -EINVAL, "fixed, but may not move");
    EXPECT(remap(s, va, 1, 2, REMAP_MAYMOVE | REMAP_DONTUNMAP, 0, &at) == -EINVAL, "keeps, and grows");
    EXPECT(remap(s, va, 1, 1, REMAP_MAYMOVE | REMAP_FIXED, 0x800001, &at) == -EINVAL, "unaligned target");
    EXPECT(remap(s, va, 2, 2, REMAP_MAYMOVE | REMAP_FIXED, va + PAGE_SIZE, &at) == -EINVAL, "overlap");
    EXPECT(remap(s, va, 2, 2, REMAP_MAYMOVE | REMAP_FIXED, SPACE_HI - (vaddr_t)PAGE_SIZE, &at) == -EINVAL,
           "into the kernel");
    EXPECT(remap(s, va, 1, 1, REMAP_MAYMOVE | REMAP_FIXED, 0, &at) == -EPERM, "below the lowest address");
    EXPECT(remap(s, 0x700000, 1, 1, 0, 0, &at) == -EFAULT, "nothing there");
    EXPECT(remap(s, va, 5, 6, REMAP_MAYMOVE, 0, &at) == -EFAULT, "two mappings");
    EXPECT(remap(s, va, 0, 1, REMAP_MAYMOVE, 0, &at) == -EINVAL, "private memory is not doubled");
    EXPECT(remap(s, va, 4, 0xC0000, REMAP_MAYMOVE, 0, &at) == -ENOMEM, "too large");
    s->limit.total = 8;
    EXPECT(remap(s, va, 4, 5, REMAP_MAYMOVE, 0, &at) == -ENOMEM, "limit");
    s->limit.total = UINT32_MAX;
    t.vm.max_regions = 4;
    EXPECT(remap(s, va, 4, 5, REMAP_MAYMOVE, 0, &at) == -ENOMEM, "too many regions");
    EXPECT(s->regions.count == 2 && s->pages.total == 8, "nothing has changed");
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, remap_moves_pages)
{
    struct vt t;
    vaddr_t at, va = 0x7FE000;
    uint32_t v;

    if (!vt_begin(&t, kt, 192, 32, 64))
        return;
    struct space *s = space_create(&t.vm);

    /* Resident, swapped, zero and untouched pages, across two tables. */
    map_at(kt, s, va, 6, RW);
    for (unsigned i = 0; i < 4; i++)
        WRITE(s, va + SIZE(i), 10 + i);
    READ(s, va + SIZE(4), 0);
    evict_at(kt, s, va + PAGE_SIZE);
    struct frame *f = frame_at(s, va + SIZE(2));

    EXPECT(remap(s, va, 6, 8, REMAP_MAYMOVE | REMAP_FIXED, 0x5000000, &at) == 0 && at == 0x5000000, "at %x",
           at);
    EXPECT(frame_at(s, at + SIZE(2)) == f, "the same frame");
    EXPECT(s->regions.count == 1 && s->moved == s->regions.first, "one region, listed as moved");
    EXPECT(vm_verify(&t.vm), "verification");
    for (unsigned i = 0; i < 4; i++)
        READ(s, at + SIZE(i), 10 + i);
    READ(s, at + SIZE(7), 0);
    EXPECT(vt_read(s, va, &v) == FAULT_MAPERR, "gone from there");
    EXPECT(!pt_resident_table(&s->pt, va) && !pt_resident_table(&s->pt, va + SIZE(4)),
           "no table is left there");
    /* Something new at the old place has the same numbers. */
    map_at(kt, s, va, 4, RW);
    WRITE(s, va + SIZE(2), 99);
    evict_at(kt, s, va + SIZE(2));
    evict_at(kt, s, at + SIZE(2));
    EXPECT(vm_verify(&t.vm), "verification");
    READ(s, va + SIZE(2), 99);
    READ(s, at + SIZE(2), 12);
    /* A child finds them too, and moving on in one leaves the other alone. */
    struct space *c = fork_of(kt, s);
    vaddr_t there;

    EXPECT(remap(c, at, 8, 8, REMAP_MAYMOVE | REMAP_FIXED, 0x6000000, &there) == 0, "moved in the child");
    evict_at(kt, s, at + SIZE(2));
    EXPECT(!frame_at(c, there + SIZE(2)), "out in both");
    WRITE(c, there + SIZE(2), 55);
    READ(s, at + SIZE(2), 12);
    READ(c, there + SIZE(3), 13);
    READ(c, va + SIZE(2), 99);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    READ(c, there, 10);
    space_destroy(c);
    vt_end(&t);
}

TEST(vmcalls, remap_moves_tables)
{
    enum { SPAN_PAGES = PT_SPAN >> PAGE_SHIFT };
    struct vt t;
    vaddr_t at, va = 0x3FF000;

    if (!vt_begin(&t, kt, 192, 32, 64))
        return;
    struct space *s = space_create(&t.vm);

    /* A page, a whole span, and a page; moved by whole spans. */
    map_at(kt, s, va, SPAN_PAGES + 2, RW);
    WRITE(s, va, 1);
    WRITE(s, va + SIZE(1), 2);
    WRITE(s, va + SIZE(SPAN_PAGES), 3);
    WRITE(s, va + SIZE(SPAN_PAGES + 1), 4);
    struct frame *table = pt_resident_table(&s->pt, 0x400000);
    struct space *c = fork_of(kt, s); /* shared tables are split first */

    EXPECT(remap(s, va, SPAN_PAGES + 2, SPAN_PAGES + 2, REMAP_MAYMOVE | REMAP_FIXED, va + 4 * PT_SPAN, &at) ==
               0,
           "moved");
    EXPECT(pt_resident_table(&c->pt, 0x400000) == table && !pt_resident_table(&s->pt, 0x400000),
           "the child keeps its table");
    EXPECT(vm_verify(&t.vm), "verification");
    READ(s, at, 1);
    READ(s, at + SIZE(1), 2);
    READ(s, at + SIZE(SPAN_PAGES), 3);
    READ(s, at + SIZE(SPAN_PAGES + 1), 4);
    READ(c, va + SIZE(1), 2);
    table = pt_resident_table(&s->pt, 0x400000 + 4 * PT_SPAN);
    EXPECT(remap(s, at, SPAN_PAGES + 2, SPAN_PAGES + 2, REMAP_MAYMOVE | REMAP_FIXED, va, &at) == 0,
           "and back");
    EXPECT(pt_resident_table(&s->pt, 0x400000) == table, "the table itself has moved");
    EXPECT(!s->moved, "a region that is back is not a moved one");
    READ(s, at + SIZE(SPAN_PAGES), 3);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, remap_keeps_and_doubles)
{
    struct vt t;
    vaddr_t at, va = 0x400000;

    if (!vt_begin(&t, kt, 128, 32, 0))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, va, 2, RW | REGION_LOCKED);
    WRITE(s, va, 1);
    uint64_t committed = t.vm.committed;

    EXPECT(remap(s, va, 2, 2, REMAP_MAYMOVE | REMAP_DONTUNMAP, 0, &at) == 0 && at != va, "at %x", at);
    READ(s, at, 1);
    READ(s, va, 0);
    EXPECT(s->pages.total == 4 && s->pages.locked == 2, "%u pages, %u locked", s->pages.total,
           s->pages.locked);
    EXPECT(t.vm.committed == committed + 2, "both are promised");

    struct object *o = object_create(&t.vm, &pager_zero, 4, "shared");
    vaddr_t vs = 0;

    EXPECT(space_map(s, &vs, SIZE(4), RW | REGION_SHARED, o, 0) == 0, "map");
    object_put(o);
    WRITE(s, vs + SIZE(1), 7);
    EXPECT(remap(s, vs + SIZE(1), 0, 3, REMAP_MAYMOVE, 0, &at) == 0, "mapped once more");
    READ(s, at, 7);
    WRITE(s, at + SIZE(1), 8);
    READ(s, vs + SIZE(2), 8);
    EXPECT(remap(s, vs, 0, 1, REMAP_MAYMOVE | REMAP_FIXED, vs, &at) == -EFAULT, "over itself");
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, dontneed_and_free)
{
    struct vt t;
    vaddr_t va = 0x400000;

    if (!vt_begin(&t, kt, 192, 32, 64))
        return;
    struct space *s = space_create(&t.vm), *c;

    map_at(kt, s, va, 8, RW);
    for (unsigned i = 0; i < 8; i++)
        WRITE(s, va + SIZE(i), i + 1);
    c = fork_of(kt, s);
    EXPECT(space_advise(s, va, SIZE(2), ADVISE_DONTNEED) == 0, "DONTNEED");
    READ(s, va, 0);
    READ(c, va, 1);
    READ(s, va + SIZE(2), 3);
    space_destroy(c);

    /* Given up: readable until reclaim comes by; a write keeps it. */
    for (unsigned i = 4; i < 8; i++)
        WRITE(s, va + SIZE(i), i + 1);
    EXPECT(space_advise(s, va + SIZE(4), SIZE(4), ADVISE_FREE) == 0, "FREE");
    READ(s, va + SIZE(4), 5);
    WRITE(s, va + SIZE(5), 66);
    uint64_t out = t.vm.swap.pages_out;

    evict_at(kt, s, va + SIZE(4));
    evict_at(kt, s, va + SIZE(5));
    EXPECT(t.vm.stats.lazy_freed == 1 && t.vm.swap.pages_out == out + 1, "%u dropped, %u written",
           (unsigned)t.vm.stats.lazy_freed, (unsigned)(t.vm.swap.pages_out - out));
    READ(s, va + SIZE(4), 0);
    READ(s, va + SIZE(5), 66);
    /* A slot is let go at once. */
    evict_at(kt, s, va + SIZE(5));
    uint32_t slots = t.vm.swap.free;

    EXPECT(space_advise(s, va + SIZE(5), SIZE(1), ADVISE_FREE) == 0 && t.vm.swap.free == slots + 1, "FREE");
    READ(s, va + SIZE(5), 0);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, advise_errors)
{
    struct vt t;
    vaddr_t va = 0x400000, vo = 0x500000;

    if (!vt_begin(&t, kt, 128, 0, 64))
        return;
    struct space *s = space_create(&t.vm);
    struct object *o = object_create(&t.vm, &pager_zero, 4, "shared");

    map_at(kt, s, va, 4, RW);
    map_at(kt, s, va + SIZE(5), 1, RW);
    EXPECT(space_map(s, &vo, SIZE(4), RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    EXPECT(space_advise(s, va + 1, SIZE(1), ADVISE_DONTNEED) == -EINVAL, "unaligned");
    EXPECT(space_advise(s, va, SIZE(1), 7) == -EINVAL && space_advise(s, va, SIZE(1), 100) == -EINVAL,
           "unknown");
    EXPECT(space_advise(s, va, SIZE(1), ADVISE_MERGEABLE) == -EINVAL, "nothing merges");
    EXPECT(space_advise(s, va, SIZE(1), ADVISE_UNMERGEABLE) == -EINVAL, "nothing was merged");
    EXPECT(space_advise(s, va, SIZE_MAX, ADVISE_NORMAL) == -EINVAL, "wraps");
    EXPECT(space_advise(s, va, 0, ADVISE_DONTNEED) == 0, "nothing");
    WRITE(s, va, 1);
    WRITE(s, va + SIZE(5), 2);
    EXPECT(space_advise(s, va, SIZE(6), ADVISE_DONTNEED) == -ENOMEM, "a hole");
    READ(s, va, 0);
    READ(s, va + SIZE(5), 0);
    EXPECT(space_advise(s, vo, SIZE(1), ADVISE_FREE) == -EINVAL, "not private");
    EXPECT(space_advise(s, vo, SIZE(1), ADVISE_WIPEONFORK) == -EINVAL, "not private");
    EXPECT(space_advise(s, va, SIZE(1), ADVISE_REMOVE) == -EINVAL, "no object");
    WRITE(s, vo + SIZE(1), 9);
    EXPECT(space_advise(s, vo + SIZE(1), SIZE(1), ADVISE_REMOVE) == 0, "REMOVE");
    READ(s, vo + SIZE(1), 0);
    EXPECT(space_protect(s, vo, SIZE(4), REGION_READ) == 0, "protect");
    EXPECT(space_advise(s, vo, SIZE(1), ADVISE_REMOVE) == 0, "not writable, but it may become so");
    EXPECT(space_advise(s, vo, SIZE(1), ADVISE_POPULATE_WRITE) == -EINVAL, "not writable");
    EXPECT(space_advise(s, va, SIZE(6), ADVISE_POPULATE_READ) == -ENOMEM, "a hole");
    EXPECT(space_lock(s, va, SIZE(1), REGION_LOCKED) == 0, "lock");
    const int refused[] = {ADVISE_DONTNEED, ADVISE_FREE, ADVISE_COLD, ADVISE_PAGEOUT};

    for (unsigned i = 0; i < ARRAY_LEN(refused); i++)
        EXPECT(space_advise(s, va, SIZE(1), refused[i]) == -EINVAL, "%d of a locked page", refused[i]);
    EXPECT(space_advise(s, va, SIZE(1), ADVISE_DONTNEED_LOCKED) == 0, "DONTNEED_LOCKED");
    object_put(o);
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, pageout_willneed_populate)
{
    struct vt t;
    uint8_t core[8];
    vaddr_t va = 0x400000;

    if (!vt_begin(&t, kt, 256, 32, 64))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, va, 8, RW);
    EXPECT(space_advise(s, va, SIZE(8), ADVISE_POPULATE_WRITE) == 0, "POPULATE_WRITE");
    FAULTS(&t.vm, 0, {
        for (unsigned i = 0; i < 8; i++)
            WRITE(s, va + SIZE(i), i + 1);
    });
    EXPECT(space_advise(s, va, SIZE(8), ADVISE_COLD) == 0, "COLD");
    EXPECT(space_advise(s, va, SIZE(7), ADVISE_PAGEOUT) == 0, "PAGEOUT");
    while (t.vm.swap.io_active)
        swap_finish(&t.vm, true, true);
    EXPECT(t.vm.swap.pages_out == 7 && t.vm.swap.writes == 1, "%u pages, %u requests",
           (unsigned)t.vm.swap.pages_out, (unsigned)t.vm.swap.writes);
    EXPECT(space_mincore(s, va, 8, core) == 0 && !core[0] && !core[6] && core[7], "%u %u %u", core[0],
           core[6], core[7]);
    EXPECT(space_advise(s, va, SIZE(8), ADVISE_WILLNEED) == 0, "WILLNEED");
    EXPECT(space_mincore(s, va, 8, core) == 0 && core[0] && core[6], "in the swap cache");
    uint64_t reads = t.vm.swap.reads;

    for (unsigned i = 0; i < 8; i++)
        READ(s, va + SIZE(i), i + 1);
    EXPECT(t.vm.swap.reads == reads, "no more reading");
    EXPECT(space_mincore(s, va, 9, core) == -ENOMEM, "a hole");
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, mincore_is_exact)
{
    struct vt t;
    uint8_t core[4];
    vaddr_t va = 0x400000, vo = 0x500000;

    if (!vt_begin(&t, kt, 128, 0, 64))
        return;
    struct space *s = space_create(&t.vm), *x = space_create(&t.vm);
    struct object *o = object_create(&t.vm, &pager_zero, 4, "shared");

    map_at(kt, s, va, 4, RW);
    WRITE(s, va + SIZE(2), 1);
    EXPECT(space_mincore(s, va, 4, core) == 0 && !core[0] && !core[1] && core[2] && !core[3],
           "a lone touch takes one page");
    EXPECT(space_map(s, &vo, SIZE(4), RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    EXPECT(space_map(x, &vo, SIZE(4), RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    WRITE(x, vo + SIZE(1), 1);
    EXPECT(space_mincore(s, vo, 4, core) == 0 && !core[0] && core[1], "another's touch counts for an object");
    object_put(o);
    space_destroy(x);
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, fork_advice)
{
    struct vt t;
    uint32_t v;
    vaddr_t va = 0x400000;

    if (!vt_begin(&t, kt, 128, 32, 64))
        return;
    struct space *s = space_create(&t.vm), *c, *d;

    map_at(kt, s, va, 6, RW);
    for (unsigned i = 0; i < 6; i++)
        WRITE(s, va + SIZE(i), i + 1);
    EXPECT(space_advise(s, va + SIZE(1), SIZE(1), ADVISE_DONTFORK) == 0, "DONTFORK");
    EXPECT(space_advise(s, va + SIZE(3), SIZE(1), ADVISE_WIPEONFORK) == 0, "WIPEONFORK");
    c = fork_of(kt, s);
    READ(c, va, 1);
    EXPECT(vt_read(c, va + SIZE(1), &v) == FAULT_MAPERR, "not forked");
    READ(c, va + SIZE(3), 0);
    READ(c, va + SIZE(4), 5);
    READ(s, va + SIZE(1), 2);
    READ(s, va + SIZE(3), 4);
    EXPECT(c->pages.total == 5, "%u pages", c->pages.total);
    WRITE(c, va + SIZE(3), 44);
    d = fork_of(kt, c);
    READ(d, va + SIZE(3), 0);
    EXPECT(space_advise(s, va, SIZE(6), ADVISE_DOFORK) == 0, "DOFORK");
    EXPECT(space_advise(s, va, SIZE(6), ADVISE_KEEPONFORK) == 0, "KEEPONFORK");
    EXPECT(s->regions.count == 1, "joined again: %u regions", s->regions.count);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(d);
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, locking)
{
    struct vt t;
    vaddr_t va = 0x400000;

    if (!vt_begin(&t, kt, 192, 32, 64))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, va, 8, RW);
    FAULTS(&t.vm, 0,
           EXPECT(space_lock(s, va + 100, SIZE(2), REGION_LOCKED) == 0, "three pages, not aligned"));
    EXPECT(s->pages.locked == 3 && frame_at(s, va + SIZE(2)) && !frame_at(s, va + SIZE(3)), "%u locked",
           s->pages.locked);
    FAULTS(&t.vm, 0, WRITE(s, va, 1));
    EXPECT(reclaim_evict(&t.vm, frame_at(s, va)) == -EBUSY, "stays");
    EXPECT(space_lock(s, va + SIZE(4), SIZE(2), REGION_LOCKED | REGION_ONFAULT) == 0, "on fault");
    EXPECT(!frame_at(s, va + SIZE(4)) && s->pages.locked == 5, "not brought in");
    WRITE(s, va + SIZE(4), 1);
    EXPECT(reclaim_evict(&t.vm, frame_at(s, va + SIZE(4))) == -EBUSY, "stays");
    EXPECT(space_sync(s, va, SIZE(1), SYNC_INVALIDATE) == -EBUSY, "locked");
    EXPECT(space_sync(s, va + SIZE(7), SIZE(2), SYNC_SYNC) == -ENOMEM, "a hole");
    EXPECT(space_sync(s, va, SIZE(1), SYNC_SYNC | SYNC_ASYNC) == -EINVAL, "both");
    EXPECT(space_sync(s, va, SIZE(1), 8) == -EINVAL && space_sync(s, va + 4, 1, 0) == -EINVAL, "bad");
    EXPECT(space_lock(s, va, SIZE(8), 0) == 0 && !s->pages.locked && s->regions.count == 1, "unlocked");
    EXPECT(t.vm.locked_regions == 0, "%u locked regions", t.vm.locked_regions);
    evict_at(kt, s, va);

    EXPECT(space_lock(s, va + SIZE(7), SIZE(2), REGION_LOCKED) == -ENOMEM, "a hole");
    EXPECT(s->pages.locked == 1, "what precedes it is locked");
    EXPECT(space_lock(s, va, SIZE_MAX & ~PAGE_MASK, REGION_LOCKED) == -EINVAL, "wraps");
    s->limit.locked = 3;
    EXPECT(space_lock(s, va, SIZE(3), REGION_LOCKED) == -ENOMEM, "limit");
    EXPECT(space_lock(s, va + SIZE(5), SIZE(3), REGION_LOCKED) == 0, "what is locked already counts once");
    EXPECT(space_lock_all(s, true, REGION_LOCKED, 0) == -ENOMEM, "limit");
    vaddr_t vb = 0;

    EXPECT(space_map(s, &vb, SIZE(1), RW | REGION_LOCKED, NULL, 0) == -EAGAIN, "limit of a new mapping");
    s->limit.locked = 16;
    map_at(kt, s, va + SIZE(16), 1, 0);
    EXPECT(space_lock_all(s, true, REGION_LOCKED, 0) == 0 && s->pages.locked == 9, "%u locked",
           s->pages.locked);
    EXPECT(frame_at(s, va + SIZE(1)), "brought in");
    EXPECT(space_lock(s, va + SIZE(16), SIZE(1), REGION_LOCKED) == -ENOMEM,
           "nothing can be brought in there");
    EXPECT(space_lock_all(s, true, 0, 0) == 0 && !s->pages.locked && !t.vm.locked_regions, "unlocked");
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, limits_and_counts)
{
    struct vt t;
    vaddr_t at;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm), *c;

    s->limit.total = 10;
    s->limit.data = 4;
    vaddr_t ro = map(kt, s, 4, REGION_READ), rw = map_at(kt, s, 0x400000, 3, RW);

    at = 0;
    EXPECT(space_map(s, &at, SIZE(2), RW, NULL, 0) == -ENOMEM, "data");
    EXPECT(space_map(s, &at, SIZE(4), REGION_READ, NULL, 0) == -ENOMEM, "total");
    EXPECT(space_protect(s, ro, SIZE(2), RW) == -ENOMEM, "data");
    EXPECT(space_protect(s, ro, SIZE(1), RW) == 0 && s->pages.data == 4, "%u data", s->pages.data);
    /* What is replaced does not count. */
    EXPECT(space_map(s, &rw, SIZE(3), REGION_READ | MAP_AT, NULL, 0) == 0 && s->pages.data == 1, "%u data",
           s->pages.data);
    s->limit.total = 7;
    EXPECT(space_map(s, &rw, SIZE(3), REGION_READ | REGION_EXEC | MAP_AT, NULL, 0) == 0,
           "replaced at the limit");
    EXPECT(s->pages.exec == 3 && s->pages.total == 7, "%u executable", s->pages.exec);
    c = fork_of(kt, s);
    EXPECT(c->limit.total == 7 && c->pages.total == 7, "inherited");
    space_destroy(c);

    t.vm.max_regions = s->regions.count;
    EXPECT(space_unmap(s, rw + SIZE(1), SIZE(1)) == -ENOMEM, "a split too many");
    EXPECT(space_protect(s, rw, SIZE(1), REGION_READ) == -ENOMEM, "a split too many");
    EXPECT(space_unmap(s, rw, SIZE(1)) == 0, "no split");
    EXPECT(s->pages.total == 6, "%u pages", s->pages.total);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, committed)
{
    struct vt t;
    vaddr_t at = 0, va = 0x400000;

    if (!vt_begin(&t, kt, 128, 32, 64))
        return;
    struct space *s = space_create(&t.vm), *c;
    uint32_t all = t.pool->end - t.pool->start - t.pool->used[FRAME_RESERVED] + t.vm.swap.total;

    t.vm.overcommit = COMMIT_HEURISTIC;
    EXPECT(space_map(s, &at, SIZE(all + 1), RW, NULL, 0) == -ENOMEM, "more than there is");
    EXPECT(space_map(s, &at, SIZE(all + 1), RW | REGION_NORESERVE, NULL, 0) == 0, "without a promise");
    EXPECT(space_unmap(s, at, SIZE(all + 1)) == 0 && t.vm.committed == 0, "%u", (unsigned)t.vm.committed);
    map_at(kt, s, va, 8, RW);
    map_at(kt, s, va + SIZE(8), 4, REGION_READ);
    EXPECT(t.vm.committed == 8, "%u", (unsigned)t.vm.committed);
    EXPECT(space_protect(s, va + SIZE(8), SIZE(2), RW) == 0 && t.vm.committed == 10, "%u",
           (unsigned)t.vm.committed);
    EXPECT(space_protect(s, va, SIZE(2), REGION_READ) == 0 && t.vm.committed == 10, "may hold private pages");
    EXPECT(space_unmap(s, va + SIZE(1), SIZE(2)) == 0 && t.vm.committed == 8, "%u", (unsigned)t.vm.committed);
    c = fork_of(kt, s);
    EXPECT(t.vm.committed == 16, "a child may need all of it: %u", (unsigned)t.vm.committed);

    t.vm.overcommit = COMMIT_STRICT;
    t.vm.overcommit_ratio = 0;
    uint32_t limit = commit_limit(&t.vm), left = limit - 16;

    EXPECT(limit == t.vm.swap.total, "%u", limit);
    EXPECT(space_map(s, &at, SIZE(left + 1), RW | REGION_NORESERVE, NULL, 0) == -ENOMEM, "strict");
    at = 0;
    EXPECT(space_map(s, &at, SIZE(left), RW | REGION_NORESERVE, NULL, 0) == 0, "up to the limit");
    struct space *d = NULL;

    t.vm.overcommit_ratio = UINT32_MAX;
    EXPECT(commit_limit(&t.vm) == UINT32_MAX, "as much as can be said, not what is left of it: %u",
           commit_limit(&t.vm));
    t.vm.overcommit_ratio = 0;
    EXPECT(space_fork(s, &d) == -ENOMEM && !d, "no fork");
    struct object *o = object_create(&t.vm, &pager_zero, 4, "shared");

    EXPECT(object_charge(o) == -ENOMEM, "no shared memory");
    EXPECT(space_unmap(s, at, SIZE(4)) == 0 && object_charge(o) == 0, "in its place");
    EXPECT(swap_off(&t.vm, &t.disk.dev, NULL) == -ENOMEM, "swap is promised");
    EXPECT(vm_verify(&t.vm), "verification");
    object_put(o);
    space_destroy(c);
    space_destroy(s);
    EXPECT(t.vm.committed == 0, "%u", (unsigned)t.vm.committed);
    vt_end(&t);
}

TEST(vmcalls, stacks_keep_their_distance)
{
    struct vt t;
    vaddr_t at = 0, top = 0x40000000;
    uint32_t v;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, top - SIZE(1), 1, RW | REGION_GROWSDOWN);
    EXPECT(s->pages.stack == 1 && s->pages.data == 0, "%u", s->pages.stack);
    s->map_top = top;
    EXPECT(space_map(s, &at, SIZE(1), RW, NULL, 0) == 0 && at == top - SPACE_STACK_MAX - SIZE(1), "at %x",
           at);
    at = top - SIZE(2);
    EXPECT(space_map(s, &at, SIZE(1), RW, NULL, 0) == 0 && at < top - SPACE_STACK_GAP, "not by a hint: %x",
           at);
    /* What nobody can touch serves as a gap. */
    map_at(kt, s, top - SIZE(4), 1, 0);
    WRITE(s, top - SIZE(3), 1);
    EXPECT(s->pages.stack == 3, "%u", s->pages.stack);
    EXPECT(vt_read(s, top - SIZE(4), &v) == FAULT_ACCERR, "the gap");
    EXPECT(space_protect(s, top - SIZE(2), SIZE(1), REGION_READ | PROTECT_GROWSDOWN) == 0, "from its start");
    EXPECT(vt_write(s, top - SIZE(3), 1) == FAULT_ACCERR, "changed too");
    EXPECT(space_protect(s, at, SIZE(1), RW | PROTECT_GROWSDOWN) == -EINVAL, "no stack");
    s->limit.total = s->pages.total;
    EXPECT(space_unmap(s, top - SIZE(4), SIZE(1)) == 0, "unmap");
    READ(s, top - SIZE(3), 1);
    EXPECT(vt_read(s, top - SIZE(5), &v) == FAULT_MAPERR, "limit");
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, swap_off_and_priorities)
{
    struct vt t;
    struct testdisk second;
    vaddr_t va = 0x400000, vo = 0x500000;

    if (!vt_begin(&t, kt, 256, 64, 64))
        return;
    void *data = kt_alloc(64 * PAGE_SIZE);

    REQUIRE(data, "memory");
    testdisk_init(&second, t.pool, data, 64);
    testdisk_mkswap(&second, NULL, 0);
    EXPECT(swap_off(&t.vm, &second.dev, NULL) == -EINVAL, "it is not on");
    EXPECT(swap_on_at(&t.vm, &second.dev, 5) == 0, "on");
    struct swap_area *first = t.vm.swap.area[0], *preferred = t.vm.swap.area[1];
    struct space *s = space_create(&t.vm), *c;
    struct object *o = object_create(&t.vm, &pager_zero, 4, "shared");

    map_at(kt, s, va, 40, RW);
    EXPECT(space_map(s, &vo, SIZE(4), RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    object_put(o);
    for (unsigned i = 0; i < 40; i++)
        WRITE(s, va + SIZE(i), i + 1);
    WRITE(s, vo, 77);
    for (unsigned i = 0; i < 40; i++)
        evict_at(kt, s, va + SIZE(i));
    evict_at(kt, s, vo);
    EXPECT(preferred->free == 63 - 41 && first->free == 63, "%u and %u free", preferred->free, first->free);
    /* Shared tables, a moved region, and one that nobody may touch. */
    c = fork_of(kt, s);
    WRITE(c, va, 100);
    vaddr_t at = va + SIZE(4);

    EXPECT(space_remap(c, &at, SIZE(4), SIZE(4), REMAP_MAYMOVE | REMAP_FIXED, 0x900000) == 0, "remap");
    EXPECT(space_protect(s, va + SIZE(8), SIZE(2), 0) == 0, "protect");
    EXPECT(swap_off(&t.vm, &second.dev, NULL) == 0, "off");
    EXPECT(!t.vm.swap.area[1] && t.vm.swap.total == 63, "%u slots", t.vm.swap.total);
    EXPECT(vm_verify(&t.vm), "verification");
    EXPECT(space_protect(s, va + SIZE(8), SIZE(2), RW) == 0, "protect");
    FAULTS(&t.vm, 0, {
        for (unsigned i = 1; i < 40; i++)
            READ(s, va + SIZE(i), i + 1);
        for (unsigned i = 0; i < 4; i++)
            READ(c, at + SIZE(i), i + 5);
        READ(c, va, 100);
    });
    READ(s, vo, 77);
    EXPECT(t.vm.swap.area[0]->free == 63, "nothing went to the other");

    /* Equal priorities take clusters by turns. */
    EXPECT(swap_off(&t.vm, &t.disk.dev, NULL) == 0, "off");
    EXPECT(swap_on_at(&t.vm, &t.disk.dev, 1) == 0 && swap_on_at(&t.vm, &second.dev, 1) == 0, "on");
    for (unsigned i = 1; i < 33; i++)
        evict_at(kt, s, va + SIZE(i));
    EXPECT(t.vm.swap.area[0]->free < 63 - 12 && t.vm.swap.area[1]->free < 63 - 12, "%u and %u free",
           t.vm.swap.area[0]->free, t.vm.swap.area[1]->free);
    space_destroy(c);
    space_destroy(s);
    EXPECT(swap_off(&t.vm, &second.dev, NULL) == 0, "off");
    vt_end(&t);
    kt_release(data);
}

static bool at_once(void)
{
    return true;
}

TEST(vmcalls, swap_off_fails_cleanly)
{
    struct vt t;

    if (!vt_begin(&t, kt, 96, 0, 200))
        return;
    struct space *s = space_create(&t.vm);
    uint32_t pages = t.pool->end - t.pool->start + 40;
    vaddr_t va = map_at(kt, s, 0x400000, pages, RW);

    for (uint32_t i = 0; i < pages; i++)
        WRITE(s, va + SIZE(i), i);
    EXPECT(swap_off(&t.vm, &t.disk.dev, at_once) == -EINTR, "interrupted");
    EXPECT(swap_off(&t.vm, &t.disk.dev, NULL) == -ENOMEM, "more pages than memory");
    EXPECT(t.vm.swap.total == 199 && vm_verify(&t.vm), "on as before");
    for (uint32_t i = 0; i < pages; i++)
        READ(s, va + SIZE(i), i);
    space_destroy(s);
    vt_end(&t);
}

TEST(vmcalls, drop_caches)
{
    struct vt t;
    uint32_t *image = kt_alloc(4 * PAGE_SIZE);
    vaddr_t va = 0x400000;

    REQUIRE(image, "memory");
    memset(image, 7, 4 * PAGE_SIZE);
    if (!vt_begin(&t, kt, 128, 0, 0)) {
        kt_release(image);
        return;
    }
    struct object *o = object_create_image(&t.vm, image, 4 * PAGE_SIZE, "image");
    struct space *s = space_create(&t.vm);

    EXPECT(space_map(s, &va, SIZE(4), REGION_READ | MAP_AT, o, 0) == 0, "map");
    EXPECT(space_populate(s, va, va + SIZE(4), POPULATE_MAPPED) == 0 && o->resident == 4, "%u", o->resident);
    EXPECT(vm_drop_caches(&t.vm) == 0, "mapped pages stay");
    EXPECT(space_unmap(s, va + SIZE(1), SIZE(3)) == 0, "unmap");
    EXPECT(vm_drop_caches(&t.vm) == 3 && o->resident == 1, "%u", o->resident);
    object_put(o);
    space_destroy(s);
    vt_end(&t);
    kt_release(image);
}

TEST(vmcalls, read_and_write_from_outside)
{
    struct vt t;
    char text[] = "reaches over the end of a page", got[sizeof text] = {0};
    vaddr_t va = 0x400000;

    if (!vt_begin(&t, kt, 128, 32, 64))
        return;
    struct space *s = space_create(&t.vm), *c;

    map_at(kt, s, va, 2, RW);
    map_at(kt, s, va + SIZE(2), 1, REGION_READ);
    EXPECT(space_write(s, va + SIZE(1) - 10, text, sizeof text) == sizeof text, "written");
    c = fork_of(kt, s);
    evict_at(kt, s, va);
    EXPECT(space_read(c, va + SIZE(1) - 10, got, sizeof got) == sizeof got && !memcmp(got, text, sizeof text),
           "'%s'", got);
    EXPECT(space_write(c, va + SIZE(1), "X", 1) == 1, "written");
    EXPECT(space_read(s, va + SIZE(1), got, 1) == 1 && got[0] == text[10], "only in the child");
    EXPECT(space_write(s, va + SIZE(2) - 4, text, 10) == 4, "up to what may be written");
    EXPECT(space_read(s, va + SIZE(3) - 4, got, 10) == 4 && space_read(s, 0, got, 1) == 0, "up to the end");
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

/* Everything above that acquires memory, with the Nth allocation failing, for every N. */
TEST(vmcalls, every_allocation_fails_once)
{
    struct vt t;
    uint32_t n;
    bool failed = true;

    if (!vt_begin(&t, kt, 192, 32, 64))
        return;
    for (n = 1; failed && n < 400; n++) {
        uint64_t fails = t.pool->fails;
        vaddr_t va = 0x7FE000, at = va;
        struct space *s = space_create(&t.vm), *c = NULL;
        bool mapped = space_map(s, &va, SIZE(6), RW | MAP_AT, NULL, 0) == 0;

        for (unsigned i = 0; i < 6; i++)
            WRITE(s, va + SIZE(i), i + 1);
        if (!mapped || space_fork(s, &c))
            break;
        slab_reap_all(t.pool);
        frame_drain_hot(t.pool);
        frame_fail_after(t.pool, n);
        int moved = space_remap(s, &at, SIZE(6), SIZE(6), REMAP_MAYMOVE | REMAP_FIXED, 0x5000000);
        int given = space_advise(s, at + SIZE(1), SIZE(2), ADVISE_FREE);
        int dropped = space_advise(c, va + SIZE(3), SIZE(1), ADVISE_DONTNEED);
        int locked = space_lock(s, at + SIZE(2), SIZE(1), REGION_LOCKED);

        frame_fail_after(t.pool, 0);
        failed = t.pool->fails != fails;
        EXPECT((moved == 0) == (at != va), "%d, at %x", moved, at);
        EXPECT((moved == 0 || moved == -ENOMEM) && (given == 0 || given == -ENOMEM) &&
                   (dropped == 0 || dropped == -ENOMEM) &&
                   (locked == 0 || locked == -ENOMEM || locked == -EAGAIN),
               "failure %u: %d %d %d %d", n, moved, given, dropped, locked);
        EXPECT(vm_verify(&t.vm), "after failure %u", n);
        for (unsigned i = 0; i < 6; i++) {
            uint32_t v = 0;

            EXPECT(vt_read(s, at + SIZE(i), &v) == FAULT_RESUME &&
                       (v == i + 1 || (!v && !given && (i == 1 || i == 2))),
                   "failure %u: page %u holds %u", n, i, v);
            READ(c, va + SIZE(i), i == 3 && dropped == 0 ? 0 : i + 1);
        }
        space_destroy(c);
        space_destroy(s);
        vt_idle();
    }
    kt_note(kt, "%u allocations failed in turn", n - 2);
    EXPECT(!failed && n > 4, "ended after %u", n);
    vt_end(&t);
}

/* A fork of many regions, of which some map an object, with the Nth allocation failing, for every N: all of
 * it is there or nothing. */
TEST(vmcalls, fork_of_many_regions_fails_whole)
{
    enum { REGIONS = 600 };
    struct vt t;
    vaddr_t at = 0x10000000;
    uint32_t n;
    int err = -ENOMEM;

    if (!vt_begin(&t, kt, 320, 32, 64))
        return;

    struct space *s = space_create(&t.vm);
    struct object *o = object_create(&t.vm, &pager_zero, 1, "shared");

    for (unsigned i = 0; i < REGIONS; i++) {
        vaddr_t va = at + (vaddr_t)SIZE(2 * i);

        EXPECT(space_map(s, &va, SIZE(1), i % 3 ? RW | MAP_AT : RW | REGION_SHARED | MAP_AT, i % 3 ? NULL : o,
                         0) == 0,
               "region %u", i);
    }
    uint32_t refs = o->refs;
    uint64_t charged = t.vm.committed;

    for (n = 1; err && n < 400; n++) {
        struct space *c = NULL;

        slab_reap_all(t.pool);
        frame_drain_hot(t.pool);
        frame_fail_after(t.pool, n);
        err = space_fork(s, &c);
        frame_fail_after(t.pool, 0);
        if (err) {
            EXPECT(err == -ENOMEM && !c && o->refs == refs && t.vm.committed == charged,
                   "failure %u: %d, %u references, %u committed", n, err, o->refs, (unsigned)t.vm.committed);
        } else {
            EXPECT(c->regions.count == REGIONS && o->refs == refs + REGIONS / 3 &&
                       t.vm.committed == 2 * charged,
                   "%u regions, %u references, %u committed", c->regions.count, o->refs,
                   (unsigned)t.vm.committed);
        }
        EXPECT(vm_verify(&t.vm), "after failure %u", n);
        if (c)
            space_destroy(c);
    }
    kt_note(kt, "%u allocations failed in turn", n - 2);
    EXPECT(!err && n > 4, "ended after %u", n);
    space_destroy(s);
    object_put(o);
    EXPECT(t.vm.committed == 0, "%u", (unsigned)t.vm.committed);
    vt_end(&t);
}
