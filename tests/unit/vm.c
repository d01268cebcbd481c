/*
 * The virtual memory system, one mechanism a test: which faults are taken, how
 * many, what they cost in frames, and what programs see.
 */
#include "mm/errno.h"
#include "tests/vtcheck.h"

TEST(vm, demand_zero)
{
    struct vt t;

    if (!vt_begin(&t, kt, 256, 64, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 8, RW);
    uint32_t anon = t.pool->used[FRAME_ANON];

    FAULTS(&t.vm, 1, WRITE(s, va, 1));
    FAULTS(&t.vm, 0, READ(s, va, 1));
    FAULTS(&t.vm, 0, READ(s, va + 4092, 0));
    EXPECT(t.pool->used[FRAME_ANON] == anon + 1, "one frame for one page");
    FAULTS(&t.vm, 1, READ(s, va + PAGE_SIZE, 0));
    EXPECT(t.pool->used[FRAME_ANON] == anon + 1, "reading takes the shared zero frame");
    EXPECT(t.vm.stats.by_action[FAULT_MAP_ZERO] == 1, "zero frame mapped once");
    FAULTS(&t.vm, 1, WRITE(s, va + PAGE_SIZE + 8, 7));
    FAULTS(&t.vm, 0, READ(s, va + PAGE_SIZE + 8, 7));
    EXPECT(t.vm.stats.by_action[FAULT_FILL_ZERO] == 2, "two pages filled");
    EXPECT(t.vm.stats.by_action[FAULT_COPY] == 0, "the zero frame is not copied");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, old_data_never_shows)
{
    struct vt t;

    if (!vt_begin(&t, kt, 96, 32, 0))
        return;
    for (unsigned round = 0; round < 4; round++) {
        struct space *s = space_create(&t.vm);
        vaddr_t va = map(kt, s, 24, RW);

        for (vaddr_t p = va; p < va + 24 * PAGE_SIZE; p += PAGE_SIZE) {
            READ(s, p + 16, 0);
            WRITE(s, p, 0x5EC2E7);
            READ(s, p + 2048, 0);
            WRITE(s, p + 16, 0x5EC2E7);
            WRITE(s, p + 2048, 0x5EC2E7);
        }
        space_destroy(s);
    }
    vt_end(&t);
}

TEST(vm, bad_address_and_access)
{
    struct vt t;
    uint32_t v;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map_at(kt, s, 0x400000, 2, REGION_READ);
    vaddr_t none = map_at(kt, s, 0x600000, 1, 0);

    EXPECT(vt_read(s, 0, &v) == FAULT_MAPERR, "null pointer");
    EXPECT(vt_read(s, va - 4, &v) == FAULT_MAPERR, "below a region");
    EXPECT(vt_read(s, va + 2 * PAGE_SIZE, &v) == FAULT_MAPERR, "above a region");
    EXPECT(vt_write(s, va, 1) == FAULT_ACCERR, "write to a read-only region");
    READ(s, va, 0);
    EXPECT(vt_write(s, va, 1) == FAULT_ACCERR, "write to a read-only page that is there");
    EXPECT(vt_read(s, none, &v) == FAULT_ACCERR, "read of a region that allows nothing");
    struct fault kernel = {.va = 0xC0100000, .access = ACCESS_READ, .user = true};

    EXPECT(fault_resolve(s, &kernel) == FAULT_MAPERR, "kernel address");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, fork_shares_tables)
{
    struct vt t;

    if (!vt_begin(&t, kt, 256, 64, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map_at(kt, s, 0x400000, 16, RW);

    for (unsigned i = 0; i < 16; i++)
        WRITE(s, va + i * PAGE_SIZE, 100 + i);
    uint32_t tables = t.pool->used[FRAME_TABLE];
    struct space *c = fork_of(kt, s);

    EXPECT(t.pool->used[FRAME_TABLE] == tables + 1, "fork takes a root and no table");
    EXPECT(t.vm.stats.tables_shared == 1, "one table shared");
    EXPECT(pt_resident_table(&s->pt, va) == pt_resident_table(&c->pt, va), "the same table");
    /* Reading needs no fault and no copy. */
    FAULTS(&t.vm, 0, READ(c, va + 3 * PAGE_SIZE, 103));
    EXPECT(t.vm.stats.tables_split == 0, "not split yet");
    /* One fault for the first write: it splits the table and copies the page. */
    FAULTS(&t.vm, 1, WRITE(c, va, 1));
    EXPECT(t.vm.stats.tables_split == 1, "split");
    EXPECT(t.vm.stats.by_action[FAULT_COPY] == 1, "copied");
    READ(s, va, 100);
    READ(c, va, 1);
    /* The parent is alone with its table and with this page: claim and take over, in one fault. */
    FAULTS(&t.vm, 1, WRITE(s, va, 2));
    EXPECT(t.vm.stats.by_action[FAULT_TAKE_OVER] == 1, "taken over");
    EXPECT(t.vm.stats.tables_claimed == 1, "claimed");
    /* A page that both still name is copied once, then taken over: one fault each. */
    FAULTS(&t.vm, 1, WRITE(s, va + PAGE_SIZE, 3));
    FAULTS(&t.vm, 1, WRITE(c, va + PAGE_SIZE, 4));
    EXPECT(t.vm.stats.by_action[FAULT_COPY] == 2 && t.vm.stats.by_action[FAULT_TAKE_OVER] == 2, "%u %u",
           (unsigned)t.vm.stats.by_action[FAULT_COPY], (unsigned)t.vm.stats.by_action[FAULT_TAKE_OVER]);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    READ(c, va + PAGE_SIZE, 4);
    READ(c, va + 5 * PAGE_SIZE, 105);
    FAULTS(&t.vm, 1, WRITE(c, va + 5 * PAGE_SIZE, 9));
    space_destroy(c);
    vt_end(&t);
}

TEST(vm, fork_then_parent_goes_on_alone)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map_at(kt, s, 0x400000, 8, RW);

    for (unsigned i = 0; i < 8; i++)
        WRITE(s, va + i * PAGE_SIZE, i);
    space_destroy(fork_of(kt, s));
    /* Its entries were never write-protected, so one claim opens the whole span. */
    FAULTS(&t.vm, 1, WRITE(s, va, 10));
    FAULTS(&t.vm, 0, WRITE(s, va + 4 * PAGE_SIZE, 11));
    EXPECT(t.vm.stats.tables_claimed == 1 && t.vm.stats.tables_split == 0, "claimed, not split");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, many_generations)
{
    enum { N = 12 };
    struct vt t;
    struct space *s[N];

    if (!vt_begin(&t, kt, 512, 128, 0))
        return;
    s[0] = space_create(&t.vm);
    vaddr_t va = map_at(kt, s[0], 0x400000, 4, RW);

    for (unsigned i = 0; i < 4; i++)
        WRITE(s[0], va + i * PAGE_SIZE, 1000 + i);
    for (unsigned g = 1; g < N; g++) {
        s[g] = fork_of(kt, s[g - 1]);
        WRITE(s[g], va + (g % 4) * PAGE_SIZE, 2000 + g);
    }
    EXPECT(vm_verify(&t.vm), "verification");
    for (unsigned g = 0; g < N; g++)
        for (unsigned i = 0; i < 4; i++) {
            uint32_t want = 1000 + i;

            for (unsigned k = 1; k <= g; k++)
                if (k % 4 == i)
                    want = 2000 + k;
            READ(s[g], va + i * PAGE_SIZE, want);
        }
    for (unsigned g = 0; g < N; g += 2)
        space_destroy(s[g]);
    EXPECT(vm_verify(&t.vm), "verification");
    for (unsigned g = 1; g < N; g += 2) {
        WRITE(s[g], va, g);
        READ(s[g], va, g);
        space_destroy(s[g]);
    }
    vt_end(&t);
}

TEST(vm, map_after_fork_stays_private)
{
    struct vt t;
    uint32_t v;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map_at(kt, s, 0x400000, 2, RW);

    WRITE(s, va, 1);
    struct space *c = fork_of(kt, s);
    /* A new region in the span of a shared table. */
    vaddr_t fresh = map_at(kt, s, 0x440000, 2, RW);

    WRITE(s, fresh, 5);
    READ(s, fresh + PAGE_SIZE, 0);
    EXPECT(vt_read(c, fresh, &v) == FAULT_MAPERR, "the child does not see it");
    /* And the other way round: unmapping in one leaves the other alone. */
    struct space *d = fork_of(kt, s);

    EXPECT(space_unmap(s, va, PAGE_SIZE) == 0, "unmap");
    EXPECT(vt_read(s, va, &v) == FAULT_MAPERR, "gone");
    READ(c, va, 1);
    READ(d, va, 1);
    READ(d, fresh, 5);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    space_destroy(c);
    space_destroy(d);
    vt_end(&t);
}

TEST(vm, protect)
{
    struct vt t;
    uint32_t v;

    if (!vt_begin(&t, kt, 128, 32, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map_at(kt, s, 0x400000, 4, RW);

    for (unsigned i = 0; i < 4; i++)
        WRITE(s, va + i * PAGE_SIZE, i + 1);
    EXPECT(space_protect(s, va + PAGE_SIZE, PAGE_SIZE, REGION_READ) == 0, "read-only");
    EXPECT(s->regions.count == 3, "%u regions", s->regions.count);
    EXPECT(vt_write(s, va + PAGE_SIZE, 9) == FAULT_ACCERR, "a stale translation may not let this through");
    READ(s, va + PAGE_SIZE, 2);
    EXPECT(space_protect(s, va, 4 * PAGE_SIZE, 0) == 0, "nothing allowed");
    EXPECT(s->regions.count == 1, "joined again: %u regions", s->regions.count);
    for (unsigned i = 0; i < 4; i++)
        EXPECT(vt_read(s, va + i * PAGE_SIZE, &v) == FAULT_ACCERR, "page %u", i);
    EXPECT(vm_verify(&t.vm), "verification");
    EXPECT(space_protect(s, va, 4 * PAGE_SIZE, RW) == 0, "all allowed");
    for (unsigned i = 0; i < 4; i++)
        READ(s, va + i * PAGE_SIZE, i + 1);
    WRITE(s, va + PAGE_SIZE, 7);
    EXPECT(space_protect(s, va, 5 * PAGE_SIZE, REGION_READ) == -ENOMEM, "a hole");
    EXPECT(vt_write(s, va, 8) == FAULT_ACCERR, "what precedes the hole is changed");
    EXPECT(space_protect(s, va - PAGE_SIZE, 2 * PAGE_SIZE, RW) == -ENOMEM, "begins with a hole");
    EXPECT(vt_write(s, va, 8) == FAULT_ACCERR, "nothing precedes the hole");
    EXPECT(space_protect(s, va, 4 * PAGE_SIZE, RW) == 0, "all allowed");
    WRITE(s, va, 8);
    EXPECT(space_protect(s, va + 1, PAGE_SIZE, RW) == -EINVAL, "unaligned");
    EXPECT(space_protect(s, va, PAGE_SIZE, 64) == -EINVAL, "unknown right");
    /* In a shared table, one side's protection is not the other's. */
    struct space *c = fork_of(kt, s);

    EXPECT(space_protect(s, va, PAGE_SIZE, REGION_READ) == 0, "read-only in the parent");
    EXPECT(vt_write(s, va, 1) == FAULT_ACCERR, "parent");
    WRITE(c, va, 1);
    READ(s, va, 8);
    space_destroy(c);
    EXPECT(vt_write(s, va, 1) == FAULT_ACCERR, "parent, alone again");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, unmap_edges)
{
    struct vt t;
    uint32_t v;

    if (!vt_begin(&t, kt, 256, 64, 0))
        return;
    struct space *s = space_create(&t.vm);
    /* Across three spans. */
    vaddr_t va = map_at(kt, s, 0x7FE000, 1030, RW);
    uint32_t tables = t.pool->used[FRAME_TABLE];

    WRITE(s, va, 1);
    WRITE(s, va + 2 * PAGE_SIZE, 2);
    WRITE(s, va + 1029 * PAGE_SIZE, 3);
    EXPECT(t.pool->used[FRAME_TABLE] == tables + 3, "three tables");
    EXPECT(space_unmap(s, va + PAGE_SIZE, 1028 * PAGE_SIZE) == 0, "unmap the middle");
    EXPECT(t.pool->used[FRAME_TABLE] == tables + 2, "the table between is gone");
    READ(s, va, 1);
    READ(s, va + 1029 * PAGE_SIZE, 3);
    EXPECT(vt_read(s, va + 2 * PAGE_SIZE, &v) == FAULT_MAPERR,
           "a stale translation may not let this through");
    EXPECT(space_unmap(s, va, PAGE_SIZE) == 0, "the low end");
    EXPECT(space_unmap(s, 0x10000, 0x40000000) == 0, "everything, with holes");
    EXPECT(s->regions.count == 0 && t.pool->used[FRAME_TABLE] == tables, "nothing is left");
    EXPECT(space_unmap(s, va, 0) == -EINVAL, "no size");
    EXPECT(space_unmap(s, va + 4, PAGE_SIZE) == -EINVAL, "unaligned");
    EXPECT(space_unmap(s, 0xBFFFF000, 2 * PAGE_SIZE) == -EINVAL, "into the kernel");
    EXPECT(space_unmap(s, 0xFFFFF000, 2 * PAGE_SIZE) == -EINVAL, "wraps");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, map_places)
{
    struct vt t;
    uint32_t v;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t a = 0, b = 0x500000, c = 0x500000;

    EXPECT(space_map(s, &a, PAGE_SIZE, RW, NULL, 0) == 0 && a == SPACE_HI - PAGE_SIZE, "highest gap: %x", a);
    EXPECT(space_map(s, &b, PAGE_SIZE, RW, NULL, 0) == 0 && b == 0x500000, "a free hint is taken: %x", b);
    EXPECT(space_map(s, &c, PAGE_SIZE, RW, NULL, 0) == 0 && c == a - PAGE_SIZE, "a taken hint is not: %x", c);
    EXPECT(s->regions.count == 2, "neighbours joined: %u regions", s->regions.count);
    c = 0x500000;
    EXPECT(space_map(s, &c, PAGE_SIZE, RW | MAP_AT | MAP_NOREPLACE, NULL, 0) == -EEXIST, "no replacing");
    WRITE(s, b, 42);
    EXPECT(space_map(s, &c, PAGE_SIZE, RW | MAP_AT, NULL, 0) == 0, "replacing");
    READ(s, b, 0);
    c = 0;
    EXPECT(space_map(s, &c, PAGE_SIZE, RW | MAP_BOTTOM_UP, NULL, 0) == 0 && c == SPACE_LO, "lowest gap: %x",
           c);
    c = 0;
    EXPECT(space_map(s, &c, 0, RW, NULL, 0) == -EINVAL, "no size");
    EXPECT(space_map(s, &c, 0xC0000000, RW, NULL, 0) == -ENOMEM, "too large");
    EXPECT(space_map(s, &c, 0xFFFFFFFF, RW, NULL, 0) == -ENOMEM, "size wraps");
    EXPECT(space_map(s, &c, PAGE_SIZE, RW | REGION_SHARED, NULL, 0) == -EINVAL, "shared nothing");
    c = 0xBFFFF000;
    EXPECT(space_map(s, &c, 2 * PAGE_SIZE, RW | MAP_AT, NULL, 0) == -ENOMEM, "into the kernel");
    c = 0x500004;
    EXPECT(space_map(s, &c, PAGE_SIZE, RW | MAP_AT, NULL, 0) == -EINVAL, "unaligned");
    c = 0x1000;
    EXPECT(space_map(s, &c, PAGE_SIZE, RW | MAP_AT, NULL, 0) == -EPERM, "below the lowest address");
    EXPECT(vt_read(s, 0x1000, &v) == FAULT_MAPERR, "nothing there");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, stack_growth)
{
    struct vt t;
    uint32_t v;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t top = 0x40000000;

    s->stack_max = 64 * PAGE_SIZE;
    map_at(kt, s, top - 2 * PAGE_SIZE, 2, RW | REGION_GROWSDOWN);
    FAULTS(&t.vm, 1, WRITE(s, top - 3 * PAGE_SIZE, 1));
    WRITE(s, top - 64 * PAGE_SIZE, 2);
    EXPECT(s->regions.count == 1 && s->regions.first->start == top - 64 * PAGE_SIZE, "grown to %x",
           s->regions.first->start);
    EXPECT(vt_write(s, top - 65 * PAGE_SIZE, 3) == FAULT_MAPERR, "beyond the limit");
    READ(s, top - 3 * PAGE_SIZE, 1);
    READ(s, top - 64 * PAGE_SIZE, 2);
    /* Another region below keeps its distance. */
    vaddr_t top2 = 0x50000000;

    s->stack_max = 8 << 20;
    map_at(kt, s, top2 - PAGE_SIZE, 1, RW | REGION_GROWSDOWN);
    map_at(kt, s, top2 - (2 << 20), 1, RW);
    vaddr_t floor = top2 - (2 << 20) + (vaddr_t)PAGE_SIZE + SPACE_STACK_GAP;

    WRITE(s, floor, 4);
    EXPECT(vt_read(s, floor - 4, &v) == FAULT_MAPERR, "the gap is kept");
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, room_for_stacks)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t bottom = SPACE_HI - 16 * (vaddr_t)PAGE_SIZE, a = 0, b = 0;

    /* What is placed while the stack is small does not stop it from growing. */
    s->stack_max = 64 * PAGE_SIZE;
    map_at(kt, s, bottom, 16, RW | REGION_GROWSDOWN);
    EXPECT(space_map(s, &a, PAGE_SIZE, RW, NULL, 0) == 0 && a + PAGE_SIZE == SPACE_HI - s->stack_max, "at %x",
           a);
    b = bottom - (vaddr_t)PAGE_SIZE;
    EXPECT(space_map(s, &b, PAGE_SIZE, RW, NULL, 0) == 0 && b < a, "a hint in the gap below it: at %x", b);
    EXPECT(space_unmap(s, b, PAGE_SIZE) == 0 && space_unmap(s, a, PAGE_SIZE) == 0, "unmap");
    WRITE(s, SPACE_HI - 64 * PAGE_SIZE, 1);
    /* A full-grown stack needs no room. */
    a = 0;
    EXPECT(space_map(s, &a, PAGE_SIZE, RW, NULL, 0) == 0 && a + PAGE_SIZE == SPACE_HI - s->stack_max, "at %x",
           a);

    /* In order from below, and when room is short, stacks keep their gap only. */
    map_at(kt, s, SPACE_LO + (16 << 20), 1, RW | REGION_GROWSDOWN);
    s->stack_max = 64 << 20;
    b = 0;
    EXPECT(space_map(s, &b, PAGE_SIZE, RW | MAP_BOTTOM_UP, NULL, 0) == 0 &&
               b == SPACE_LO + (16 << 20) + (vaddr_t)PAGE_SIZE,
           "above the low stack: %x", b);
    map_at(kt, s, b, (SPACE_HI - b - 64 * (vaddr_t)PAGE_SIZE) >> PAGE_SHIFT, RW);
    b = 0;
    EXPECT(space_map(s, &b, PAGE_SIZE, RW, NULL, 0) == 0 &&
               b + PAGE_SIZE == SPACE_LO + (16 << 20) - SPACE_STACK_GAP,
           "close to it: %x", b);
    EXPECT(space_verify(s), "verification");
    space_destroy(s);
    vt_end(&t);
}

/* Pages of an object are numbered with 32 bits; a mapping does not go round. */
TEST(vm, object_offset_overflow)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    struct object *o = object_create(&t.vm, &pager_zero, 4, "small");
    vaddr_t va = 0;

    REQUIRE(s && o, "no memory");
    EXPECT(space_map(s, &va, 2 * PAGE_SIZE, RW, o, UINT32_MAX) == -EOVERFLOW, "page 2 would be page 0");
    EXPECT(space_map(s, &va, PAGE_SIZE, RW, o, UINT32_MAX) == 0, "the last page");
    EXPECT(vt_write(s, va, 1) == FAULT_BUS, "is beyond the end");
    space_destroy(s);
    object_put(o);
    vt_end(&t);
}

TEST(vm, evict_and_return)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 32, 64))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 2, RW);

    WRITE(s, va, 11);
    uint32_t free_slots = t.vm.swap.free;

    evict_at(kt, s, va);
    EXPECT(t.vm.swap.free == free_slots - 1 && t.vm.swap.pages_out == 1, "one page out");
    EXPECT(vm_verify(&t.vm), "verification");
    FAULTS(&t.vm, 1, READ(s, va, 11));
    EXPECT(t.vm.swap.pages_in == 1 && s->major == 1, "one page in");
    /* A clean page keeps its slot: no second write. */
    evict_at(kt, s, va);
    EXPECT(t.vm.swap.pages_out == 1, "%u written", (unsigned)t.vm.swap.pages_out);
    /* Swap in for a write is one fault, and gives the slot back. */
    FAULTS(&t.vm, 1, WRITE(s, va, 12));
    EXPECT(t.vm.swap.free == free_slots, "slot returned");
    evict_at(kt, s, va);
    EXPECT(t.vm.swap.pages_out == 2, "%u written", (unsigned)t.vm.swap.pages_out);
    READ(s, va, 12);
    READ(s, va + PAGE_SIZE, 0);
    evict_at(kt, s, va);
    EXPECT(space_unmap(s, va, 2 * PAGE_SIZE) == 0, "unmap");
    EXPECT(t.vm.swap.free == free_slots, "unmapping frees the slot");
    space_destroy(s);
    vt_end(&t);
}

/* A major fault is one that reads from a disk: no first touch is, and of several that find one page on disk
 * the first. */
TEST(vm, major_faults_read)
{
    enum { N = 4 };
    static const uint8_t image[PAGE_SIZE] __attribute__((aligned(16))) = {[0] = 0x44, [1] = 0x33};
    struct vt t;

    if (!vt_begin(&t, kt, 256, 64, 64))
        return;
    struct space *s = space_create(&t.vm), *other;
    struct object *zero = object_create(&t.vm, &pager_zero, N, "shared");
    struct object *file = object_create_image(&t.vm, image, sizeof image, "file");
    vaddr_t va = 0, text = 0, own;
    uint32_t v;

    REQUIRE(s && zero && file, "no memory");
    EXPECT(space_map(s, &va, N * PAGE_SIZE, RW | REGION_SHARED, zero, 0) == 0, "shared memory");
    EXPECT(space_map(s, &text, PAGE_SIZE, REGION_READ, file, 0) == 0, "a file in memory");
    own = map(kt, s, 1, RW);
    for (unsigned i = 0; i < N; i++)
        FAULTS(&t.vm, 1, WRITE(s, va + i * PAGE_SIZE, i + 1));
    FAULTS(&t.vm, 1, READ(s, text, 0x3344));
    WRITE(s, own, 77);
    EXPECT(s->major == 0 && t.vm.stats.major == 0 && s->faults == N + 2, "%u of %u faults were major",
           (unsigned)s->major, (unsigned)s->faults);

    other = fork_of(kt, s);
    for (unsigned i = 0; i < 2; i++)
        evict_at(kt, s, va + i * PAGE_SIZE);
    evict_at(kt, s, own);
    FAULTS(&t.vm, 1, READ(s, va, 1));
    EXPECT(s->major == 1 && t.vm.swap.reads == 1, "read by the first: %u, %u", (unsigned)s->major,
           (unsigned)t.vm.swap.reads);
    READ(other, va, 1);
    EXPECT(other->major == 0, "there for the second");
    READ(other, va + PAGE_SIZE, 2);
    READ(other, own, 77);
    READ(s, own, 77);
    EXPECT(s->major + other->major == t.vm.swap.reads && t.vm.stats.major == t.vm.swap.reads,
           "%u and %u of %u faults, %u in all, read %u times", (unsigned)s->major, (unsigned)other->major,
           (unsigned)s->faults, (unsigned)t.vm.stats.major, (unsigned)t.vm.swap.reads);

    /* What the kernel touches for a program counts as well: no space has more major faults than faults. */
    evict_at(kt, s, va + 2 * PAGE_SIZE);
    uint64_t faults = s->faults, major = s->major;

    EXPECT(space_read(s, va + 2 * PAGE_SIZE, &v, sizeof v) == sizeof v && v == 3, "read by the kernel: %x",
           v);
    EXPECT(s->faults == faults + 1 && s->major == major + 1, "counted");
    space_destroy(other);
    space_destroy(s);
    object_put(zero);
    object_put(file);
    vt_end(&t);
}

TEST(vm, evict_shared_after_fork)
{
    enum { N = 5 };
    struct vt t;
    struct space *s[N];

    if (!vt_begin(&t, kt, 256, 64, 64))
        return;
    s[0] = space_create(&t.vm);
    vaddr_t va = map_at(kt, s[0], 0x400000, 3, RW);

    WRITE(s[0], va, 21);
    WRITE(s[0], va + PAGE_SIZE, 22);
    for (unsigned i = 1; i < N; i++)
        s[i] = fork_of(kt, s[0]);
    /* Two with tables of their own, three that share one. */
    WRITE(s[1], va + 2 * PAGE_SIZE, 1);
    WRITE(s[2], va + 2 * PAGE_SIZE, 2);
    EXPECT(frame_at(s[0], va)->maps == 3, "%u entries", frame_at(s[0], va)->maps);
    evict_at(kt, s[4], va);
    EXPECT(vm_verify(&t.vm), "verification");
    /* One reads: its table's sharers see the page without a fault; the others find it in the swap cache. */
    FAULTS(&t.vm, 1, READ(s[0], va, 21));
    FAULTS(&t.vm, 0, READ(s[3], va, 21));
    FAULTS(&t.vm, 1, READ(s[1], va, 21));
    EXPECT(t.vm.swap.pages_in == 1, "%u pages read", (unsigned)t.vm.swap.pages_in);
    /* Every one of them writes its own, from the slot or from the frame. */
    evict_at(kt, s[0], va);
    for (unsigned i = 0; i < N; i++)
        FAULTS(&t.vm, 1, WRITE(s[i], va, 30 + i));
    for (unsigned i = 0; i < N; i++) {
        READ(s[i], va, 30 + i);
        READ(s[i], va + PAGE_SIZE, 22);
    }
    EXPECT(vm_verify(&t.vm), "verification");
    for (unsigned i = 0; i < N; i++)
        space_destroy(s[i]);
    EXPECT(t.vm.swap.free == t.vm.swap.total, "all slots are back");
    vt_end(&t);
}

TEST(vm, held_pages_survive_eviction)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 64))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 1, RW);

    WRITE(s, va, 77);
    EXPECT(space_protect(s, va, PAGE_SIZE, 0) == 0, "nothing allowed");
    evict_at(kt, s, va);
    EXPECT(space_protect(s, va, PAGE_SIZE, RW) == 0, "allowed");
    READ(s, va, 77);
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, more_than_memory)
{
    struct vt t;

    if (!vt_begin(&t, kt, 192, 64, 512))
        return;
    struct space *s = space_create(&t.vm);
    uint32_t pages = 2 * (frame_free_count(t.pool) + 8);
    vaddr_t va = map(kt, s, pages, RW);

    for (uint32_t i = 0; i < pages; i++)
        WRITE(s, va + i * (vaddr_t)PAGE_SIZE, i * 2654435761u);
    for (unsigned round = 0; round < 2; round++)
        for (uint32_t i = 0; i < pages; i++)
            READ(s, va + i * (vaddr_t)PAGE_SIZE, i * 2654435761u);
    kt_note(kt, "%u pages in %u frames: %u out, %u in, %u writes, %u reads", pages,
            t.pool->end - t.pool->start, (unsigned)t.vm.swap.pages_out, (unsigned)t.vm.swap.pages_in,
            (unsigned)t.vm.swap.writes, (unsigned)t.vm.swap.reads);
    EXPECT(t.vm.swap.pages_out > pages / 4, "pages went out");
    EXPECT(t.vm.swap.writes < t.vm.swap.pages_out, "in clusters");
    EXPECT(t.vm.swap.readahead_hits > 0, "read-ahead was of use");
    space_destroy(s);
    vt_end(&t);
}

/* Tables, slabs and roots need low memory, of which there is little on a large machine. */
TEST(vm, low_memory_is_reclaimed_when_it_is_short)
{
    enum { LOW = 128, HIGH = 2048 };
    struct vt t;
    struct frame_list taken = {0};
    uint32_t low = 0;

    if (!vt_begin(&t, kt, LOW + HIGH, HIGH, 4096))
        return;
    if (!t.pool->managed[ZONE_HIGH]) {
        kt_skip(kt, "no high frames here");
        vt_end(&t);
        return;
    }
    struct space *s = space_create(&t.vm);
    uint32_t pages = LOW + HIGH + 512;
    vaddr_t va = map(kt, s, pages, RW);

    for (uint32_t i = 0; i < pages; i++)
        WRITE(s, va + i * (vaddr_t)PAGE_SIZE, i);
    for (pfn_t pfn = t.pool->start; pfn < t.pool->low_end; pfn++)
        low += pfn_frame(t.pool, pfn)->use == FRAME_ANON;

    uint64_t evicted = t.vm.stats.evicted;
    struct frame *f;

    while (taken.count < LOW && (f = vm_frame_alloc(&t.vm, FRAME_TABLE, FRAME_LOW_ONLY)) != NULL)
        frame_list_push_tail(t.pool, &taken, f);
    EXPECT(low > 32 && taken.count >= low, "%u low frames were pages, %u could be had", low, taken.count);
    EXPECT(t.vm.stats.evicted - evicted <= low + 2 * SWAP_CLUSTER, "%u evictions for them",
           (unsigned)(t.vm.stats.evicted - evicted));
    while (taken.head) {
        f = pfn_frame(t.pool, taken.head);
        frame_list_remove(t.pool, &taken, f);
        frame_free(t.pool, f);
    }
    for (uint32_t i = 0; i < pages; i++)
        READ(s, va + i * (vaddr_t)PAGE_SIZE, i);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, no_swap_no_memory)
{
    struct vt t;

    if (!vt_begin(&t, kt, 96, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    uint32_t pages = t.pool->end - t.pool->start;
    vaddr_t va = map(kt, s, pages, RW);
    uint32_t i;

    for (i = 0; i < pages; i++)
        if (vt_write(s, va + i * (vaddr_t)PAGE_SIZE, i) != FAULT_RESUME)
            break;
    EXPECT(i > pages / 4 && i < pages, "ended after %u of %u pages", i, pages);
    EXPECT(vt_write(s, va + i * (vaddr_t)PAGE_SIZE, i) == FAULT_NO_MEMORY, "and says why");
    for (uint32_t k = 0; k < i; k++)
        READ(s, va + k * (vaddr_t)PAGE_SIZE, k);
    EXPECT(vm_verify(&t.vm), "verification");
    /* What one gives back another can have. */
    EXPECT(space_unmap(s, va, 4 * PAGE_SIZE) == 0, "unmap");
    WRITE(s, va + i * (vaddr_t)PAGE_SIZE, i);
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, swap_full)
{
    struct vt t;

    if (!vt_begin(&t, kt, 96, 0, 24))
        return;
    struct space *s = space_create(&t.vm);
    uint32_t pages = 2 * (t.pool->end - t.pool->start);
    vaddr_t va = map(kt, s, pages, RW);
    uint32_t i;

    for (i = 0; i < pages; i++)
        if (vt_write(s, va + i * (vaddr_t)PAGE_SIZE, i) != FAULT_RESUME)
            break;
    EXPECT(i < pages, "ended after %u of %u pages", i, pages);
    EXPECT(t.vm.swap.free == 0, "%u slots free", t.vm.swap.free);
    EXPECT(vm_verify(&t.vm), "verification");
    EXPECT(space_unmap(s, va + (i - 8) * (vaddr_t)PAGE_SIZE, 8 * PAGE_SIZE) == 0, "unmap");
    for (uint32_t k = 0; k < i - 8; k++)
        READ(s, va + k * (vaddr_t)PAGE_SIZE, k);
    space_destroy(s);
    EXPECT(t.vm.swap.free == t.vm.swap.total, "%u of %u slots free", t.vm.swap.free, t.vm.swap.total);
    vt_end(&t);
}

TEST(vm, read_error_hits_one_page)
{
    struct vt t;
    uint32_t v;

    if (!vt_begin(&t, kt, 128, 0, 64))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 4, RW);

    for (unsigned i = 0; i < 4; i++)
        WRITE(s, va + i * PAGE_SIZE, i + 1);
    for (unsigned i = 0; i < 4; i++)
        evict_at(kt, s, va + i * PAGE_SIZE);
    slot_t bad = pte_slot(*pt_resident_entry(&s->pt, va + PAGE_SIZE));
    uint32_t total = t.vm.swap.total;

    t.disk.bad_read[0] = (uint64_t)bad * (PAGE_SIZE / BLOCK_SECTOR) + 3;
    READ(s, va, 1);
    kt_capture_begin();
    enum fault_verdict verdict = vt_read(s, va + PAGE_SIZE, &v);
    kt_capture_end();
    EXPECT(verdict == FAULT_BUS, "%s", fault_verdict_name(verdict));
    READ(s, va + 2 * PAGE_SIZE, 3);
    READ(s, va + 3 * PAGE_SIZE, 4);
    EXPECT(vm_verify(&t.vm), "verification");
    t.disk.bad_read[0] = 0;
    space_destroy(s);
    EXPECT(t.vm.swap.total == total - 1 && t.vm.swap.free == total - 1, "the slot is retired: %u of %u",
           t.vm.swap.free, t.vm.swap.total);
    vt_end(&t);
}

TEST(vm, write_error_loses_nothing)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 64))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 4, RW);

    for (unsigned i = 0; i < 4; i++)
        WRITE(s, va + i * PAGE_SIZE, i + 1);
    evict_at(kt, s, va);
    slot_t slot = pte_slot(*pt_resident_entry(&s->pt, va));

    /* The next slots fail. */
    for (unsigned i = 0; i < TESTDISK_FAULTS; i++)
        t.disk.bad_write[i] = (slot + 1 + i) * (uint64_t)(PAGE_SIZE / BLOCK_SECTOR);
    kt_capture_begin();
    for (unsigned i = 1; i < 4; i++)
        reclaim_evict(&t.vm, frame_at(s, va + i * PAGE_SIZE));
    kt_capture_end();
    EXPECT(t.vm.swap.write_errors > 0, "errors were met");
    EXPECT(vm_verify(&t.vm), "verification");
    for (unsigned i = 0; i < 4; i++)
        READ(s, va + i * PAGE_SIZE, i + 1);
    for (unsigned i = 0; i < 4; i++)
        WRITE(s, va + i * PAGE_SIZE, i + 5);
    for (unsigned i = 0; i < 4; i++)
        evict_at(kt, s, va + i * PAGE_SIZE);
    for (unsigned i = 0; i < 4; i++)
        READ(s, va + i * PAGE_SIZE, i + 5);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

/* A pager that fails after another task has put something else at the address. */
struct swapped_under {
    struct space *s;
    vaddr_t va;
};

static int replaced_get(struct object *o, uint32_t index, struct frame *f)
{
    struct swapped_under *u = o->pager_data;
    vaddr_t va = u->va;

    (void)index;
    (void)f;
    return space_map(u->s, &va, PAGE_SIZE, RW | MAP_AT, NULL, 0) ? -ENOMEM : -EIO;
}

static bool never_has(struct object *o, uint32_t index)
{
    (void)o;
    (void)index;
    return false;
}

TEST(vm, an_error_of_a_mapping_that_is_gone)
{
    static const struct pager pager = {.name = "replaced", .get = replaced_get, .has = never_has};
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    struct space *s = space_create(&t.vm);
    struct object *o = object_create(&t.vm, &pager, 1, "failing");
    struct swapped_under u = {.s = s};

    REQUIRE(s && o, "no memory");
    o->pager_data = &u;
    EXPECT(space_map(s, &u.va, PAGE_SIZE, RW, o, 0) == 0, "map");
    WRITE(s, u.va, 7);
    READ(s, u.va, 7);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    object_put(o);
    vt_end(&t);
}

/* The only copy of a page is in memory, and more than one space is to find it there. */
TEST(vm, a_page_that_was_not_written_is_still_shared)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 64))
        return;
    struct space *s = space_create(&t.vm), *c;
    vaddr_t va = map_at(kt, s, 0x400000, 3, RW);

    WRITE(s, va, 1);
    WRITE(s, va + PAGE_SIZE, 2);
    WRITE(s, va + 2 * PAGE_SIZE, 2);
    evict_at(kt, s, va + 2 * PAGE_SIZE);
    slot_t slot = pte_slot(*pt_resident_entry(&s->pt, va + 2 * PAGE_SIZE));

    c = fork_of(kt, s);
    WRITE(c, va + PAGE_SIZE, 3); /* now each has a table of its own */
    /* The next slots fail. */
    for (unsigned i = 0; i < TESTDISK_FAULTS; i++)
        t.disk.bad_write[i] = (slot + 1 + i) * (uint64_t)(PAGE_SIZE / BLOCK_SECTOR);
    kt_capture_begin();
    reclaim_evict(&t.vm, frame_at(s, va));
    kt_capture_end();
    REQUIRE(t.vm.swap.write_errors == 1 && pte_is_swap(*pt_resident_entry(&s->pt, va)) &&
                pte_is_swap(*pt_resident_entry(&c->pt, va)),
            "it left both, and could not be written");
    FAULTS(&t.vm, 1, WRITE(s, va, 4));
    READ(s, va, 4);
    FAULTS(&t.vm, 1, READ(c, va, 1));
    EXPECT(t.vm.swap.pages_in == 0 && t.vm.stats.by_action[FAULT_TAKE_OVER] == 0, "copied in memory");
    EXPECT(vm_verify(&t.vm), "verification");
    WRITE(c, va, 5);
    READ(s, va, 4);
    space_destroy(s);
    space_destroy(c);
    vt_end(&t);
}

TEST(vm, image_private)
{
    struct vt t;
    uint32_t v;
    uint32_t *image = kt_alloc(3 * PAGE_SIZE);

    REQUIRE(image, "memory");
    for (unsigned i = 0; i < 3 * PAGE_SIZE / 4; i++)
        image[i] = i;
    if (!vt_begin(&t, kt, 128, 32, 64)) {
        kt_release(image);
        return;
    }
    struct object *o = object_create_image(&t.vm, image, 2 * PAGE_SIZE + 100, "image");
    struct space *s = space_create(&t.vm), *c;
    vaddr_t va = 0;

    EXPECT(o->pages == 3, "%u pages", o->pages);
    EXPECT(space_map(s, &va, 4 * PAGE_SIZE, RW, o, 0) == 0, "map");
    FAULTS(&t.vm, 1, READ(s, va + 8, 2));
    FAULTS(&t.vm, 1, READ(s, va + 2 * PAGE_SIZE + 96, 2 * 1024 + 24));
    READ(s, va + 2 * PAGE_SIZE + 100, 0); /* beyond the end of the image, in its last page */
    EXPECT(vt_read(s, va + 3 * PAGE_SIZE, &v) == FAULT_BUS, "beyond the object");
    uint32_t object_frames = t.pool->used[FRAME_OBJECT];
    /* Another mapping sees the same frame. */
    c = fork_of(kt, s);
    FAULTS(&t.vm, 1, WRITE(c, va + 8, 99));
    READ(s, va + 8, 2);
    READ(c, va + 8, 99);
    READ(c, va + 12, 3);
    EXPECT(t.pool->used[FRAME_OBJECT] == object_frames, "one frame for both");
    /* A first touch that writes is one fault as well. */
    FAULTS(&t.vm, 1, WRITE(s, va + PAGE_SIZE, 55));
    READ(c, va + PAGE_SIZE, 1024);
    EXPECT(image[2] == 2 && image[1024] == 1024, "the image is never written");
    /* Clean pages of the image are dropped, not written. */
    evict_at(kt, s, va + 8);
    EXPECT(t.vm.swap.pages_out == 0, "not written");
    READ(s, va + 8, 2);
    /* The private copy goes to swap. */
    evict_at(kt, c, va + 8);
    EXPECT(t.vm.swap.pages_out == 1, "written");
    READ(c, va + 8, 99);
    EXPECT(vm_verify(&t.vm), "verification");
    object_put(o);
    space_destroy(s);
    READ(c, va + 2 * PAGE_SIZE, 2048);
    space_destroy(c);
    vt_end(&t);
    kt_release(image);
}

/* Without swap, memory is exhausted before the last of the programs' own text has gone. */
TEST(vm, files_keep_a_working_set)
{
    enum { PAGES = 24 };
    struct vt t;
    uint32_t *image = kt_alloc(PAGES * PAGE_SIZE), kept, v;
    enum fault_verdict verdict = FAULT_RESUME;

    REQUIRE(image, "memory");
    memset(image, 0, PAGES * PAGE_SIZE);
    if (!vt_begin(&t, kt, 400, 0, 0)) {
        kt_release(image);
        return;
    }
    struct object *o = object_create_image(&t.vm, image, PAGES * PAGE_SIZE, "text");
    struct space *s = space_create(&t.vm);
    vaddr_t text = 0, data = 0;

    kept = (t.pool->end - t.pool->start) / 64;
    EXPECT(space_map(s, &text, PAGES * PAGE_SIZE, REGION_READ | REGION_EXEC, o, 0) == 0, "map");
    EXPECT(space_map(s, &data, 1024 * PAGE_SIZE, RW, NULL, 0) == 0, "map");
    for (vaddr_t i = 0; i < PAGES; i++)
        READ(s, text + i * PAGE_SIZE, 0);
    for (vaddr_t i = 0; i < 1024 && verdict == FAULT_RESUME; i++)
        verdict = vt_write(s, data + i * PAGE_SIZE, 1);
    EXPECT(verdict == FAULT_NO_MEMORY, "%s", fault_verdict_name(verdict));
    EXPECT(kept > 0 && t.vm.file_pages == kept && t.vm.stats.evicted_clean == PAGES - kept,
           "%u pages are left of %u, %u are to stay", t.vm.file_pages, (unsigned)PAGES, kept);
    EXPECT(vm_verify(&t.vm), "verification");
    /* What is given back can be used for them again. */
    EXPECT(space_unmap(s, data, 64 * PAGE_SIZE) == 0, "unmap");
    for (vaddr_t i = 0; i < PAGES; i++)
        EXPECT(vt_read(s, text + i * PAGE_SIZE, &v) == FAULT_RESUME && v == 0, "page %u", i);
    space_destroy(s);
    object_put(o);
    vt_end(&t);
    kt_release(image);
}

/* Pages that have an entry in [page, page + n) of a mapping. */
static uint32_t entries_in(struct space *s, vaddr_t va, uint32_t page, uint32_t n)
{
    uint32_t count = 0;

    for (uint32_t i = page; i < page + n; i++) {
        const pte_t *e = pt_resident_entry(&s->pt, va + i * (vaddr_t)PAGE_SIZE);

        count += e && !pte_empty(*e);
    }
    return count;
}

/* One fault maps what is in memory around it in an object, without a frame; nothing is brought in. */
TEST(vm, reading_maps_around)
{
    enum { PAGES = 72, OUT = 60, AROUND = 32 };
    struct vt t;

    if (!vt_begin(&t, kt, 200, 32, 64))
        return;
    struct object *o = object_create(&t.vm, &pager_zero, PAGES, "shared");
    struct space *writer = space_create(&t.vm), *s = space_create(&t.vm);
    vaddr_t from = 0, va = 0x401000, private = 0x900000, part = 0xA00000, edge = 0xFFD000;
    vaddr_t below = map_at(kt, s, 0x400000, 1, RW);

    EXPECT(space_map(writer, &from, PAGES * PAGE_SIZE, RW | REGION_SHARED, o, 0) == 0, "map");
    for (vaddr_t i = 0; i < PAGES; i++)
        if (i != OUT)
            WRITE(writer, from + i * PAGE_SIZE, i);
    EXPECT(space_map(s, &va, (PAGES - 2) * PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    WRITE(s, below, 1);
    uint32_t frames = t.pool->used[FRAME_OBJECT], anon = t.pool->used[FRAME_ANON];

    FAULTS(&t.vm, 1, READ(s, va + 5 * PAGE_SIZE, 5));
    EXPECT(entries_in(s, va, 0, PAGES) == AROUND && entries_in(s, va, 0, AROUND) == AROUND, "mapped %u",
           entries_in(s, va, 0, PAGES));
    EXPECT(t.vm.stats.mapped_ahead == AROUND - 1 && s->resident == AROUND + 1, "counted %u, %u",
           (unsigned)t.vm.stats.mapped_ahead, s->resident);
    for (uint32_t i = 0; i < AROUND; i++)
        EXPECT(pte_accessed(*pt_resident_entry(&s->pt, va + i * PAGE_SIZE)) == (i == 5), "page %u was used",
               i);
    FAULTS(&t.vm, 0, READ(s, va + 7 * PAGE_SIZE, 7));
    /* They are read-only: a write is seen. */
    FAULTS(&t.vm, 1, WRITE(s, va + 8 * PAGE_SIZE, 88));
    READ(writer, from + 8 * PAGE_SIZE, 88);
    /* What is not in memory is not fetched, and the region's end is the end. */
    FAULTS(&t.vm, 1, READ(s, va + 42 * PAGE_SIZE, 42));
    EXPECT(entries_in(s, va, 32, 32) == 31 && !entries_in(s, va, OUT, 1), "mapped %u",
           entries_in(s, va, 32, 32));
    FAULTS(&t.vm, 1, READ(s, va + 65 * PAGE_SIZE, 65));
    EXPECT(entries_in(s, va, 64, PAGES - 64) == 6, "mapped %u", entries_in(s, va, 64, PAGES - 64));
    /* Its beginning, too; and the end of a table. */
    EXPECT(space_map(s, &part, 30 * PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 26) == 0, "map");
    FAULTS(&t.vm, 1, READ(s, part + 2 * PAGE_SIZE, 28));
    EXPECT(entries_in(s, part, 0, 30) == 6 && entries_in(s, part, 0, 6) == 6, "mapped %u",
           entries_in(s, part, 0, 30));
    EXPECT(space_map(s, &edge, 10 * PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    FAULTS(&t.vm, 1, READ(s, edge + PAGE_SIZE, 1));
    EXPECT(entries_in(s, edge, 0, 10) == 3, "mapped %u", entries_in(s, edge, 0, 10));
    FAULTS(&t.vm, 1, READ(s, edge + 4 * PAGE_SIZE, 4));
    EXPECT(entries_in(s, edge, 0, 10) == 10, "mapped %u", entries_in(s, edge, 0, 10));
    /* A write takes its own page only. */
    EXPECT(space_map(s, &private, PAGES * PAGE_SIZE, RW | MAP_AT, o, 0) == 0, "map");
    FAULTS(&t.vm, 1, WRITE(s, private, 100));
    FAULTS(&t.vm, 1, WRITE(s, private + PAGE_SIZE, 101));
    EXPECT(entries_in(s, private, 0, PAGES) == 2, "writes mapped %u", entries_in(s, private, 0, PAGES));
    FAULTS(&t.vm, 1, READ(s, private + 2 * PAGE_SIZE, 2));
    EXPECT(entries_in(s, private, 0, PAGES) == AROUND, "mapped %u", entries_in(s, private, 0, PAGES));
    FAULTS(&t.vm, 1, WRITE(s, private + 3 * PAGE_SIZE, 103));
    READ(writer, from + 3 * PAGE_SIZE, 3);
    READ(s, private, 100);
    EXPECT(t.pool->used[FRAME_OBJECT] == frames && t.pool->used[FRAME_ANON] == anon + 3, "frames were taken");
    EXPECT(vm_verify(&t.vm), "verification");
    evict_at(kt, s, va + 9 * PAGE_SIZE);
    READ(s, va + 9 * PAGE_SIZE, 9);
    /* What is about to be cut off is not mapped. */
    o->pages = 34;
    FAULTS(&t.vm, 1, READ(s, private + 32 * PAGE_SIZE, 32));
    EXPECT(entries_in(s, private, 32, 32) == 2, "mapped %u", entries_in(s, private, 32, 32));
    o->pages = PAGES;
    /* Nothing is where faults are to be those of a simulator. */
    t.vm.exact = true;
    FAULTS(&t.vm, 1, READ(s, private + 40 * PAGE_SIZE, 40));
    EXPECT(entries_in(s, private, 32, 32) == 3, "mapped %u", entries_in(s, private, 32, 32));
    t.vm.exact = false;
    space_destroy(s);
    space_destroy(writer);
    object_put(o);
    vt_end(&t);
}

TEST(vm, shared_memory)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 32, 64))
        return;
    struct object *o = object_create(&t.vm, &pager_zero, 4, "shared");
    struct space *s = space_create(&t.vm), *c, *x = space_create(&t.vm);
    vaddr_t va = 0, vx = 0x700000;

    EXPECT(space_map(s, &va, 4 * PAGE_SIZE, RW | REGION_SHARED, o, 0) == 0, "map");
    EXPECT(space_map(x, &vx, 2 * PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 1) == 0, "map");
    object_put(o);
    FAULTS(&t.vm, 1, WRITE(s, va + PAGE_SIZE, 5));
    READ(x, vx, 5);
    c = fork_of(kt, s);
    FAULTS(&t.vm, 1, WRITE(c, va + PAGE_SIZE, 6));
    READ(s, va + PAGE_SIZE, 6);
    READ(x, vx, 6);
    EXPECT(t.pool->used[FRAME_OBJECT] == 1, "one frame for all");
    /* Out and back, for all mappings. */
    evict_at(kt, x, vx);
    EXPECT(!frame_at(s, va + PAGE_SIZE) && !frame_at(c, va + PAGE_SIZE), "gone everywhere");
    EXPECT(vm_verify(&t.vm), "verification");
    READ(c, va + PAGE_SIZE, 6);
    WRITE(x, vx, 7);
    READ(s, va + PAGE_SIZE, 7);
    READ(c, va + PAGE_SIZE, 7);
    evict_at(kt, c, va + PAGE_SIZE);
    READ(s, va + PAGE_SIZE, 7);
    EXPECT(t.vm.swap.pages_out == 2, "dirtied again, written again: %u", (unsigned)t.vm.swap.pages_out);
    evict_at(kt, s, va + PAGE_SIZE);
    READ(x, vx, 7);
    EXPECT(t.vm.swap.pages_out == 2, "clean, not written again: %u", (unsigned)t.vm.swap.pages_out);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    space_destroy(c);
    READ(x, vx, 7);
    space_destroy(x);
    EXPECT(t.pool->used[FRAME_OBJECT] == 0 && t.vm.swap.free == t.vm.swap.total, "all gone with the last");
    vt_end(&t);
}

TEST(vm, locked_pages_stay)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 64))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 1, RW | REGION_LOCKED);

    WRITE(s, va, 1);
    EXPECT(reclaim_evict(&t.vm, frame_at(s, va)) == -EBUSY, "locked");
    EXPECT(reclaim_run(&t.vm, 1) == 0 && reclaim_run(&t.vm, 1) == 0 && frame_at(s, va),
           "passed by the clock");
    struct space *c = fork_of(kt, s);

    EXPECT(vm_verify(&t.vm), "verification");

    EXPECT(reclaim_evict(&t.vm, frame_at(s, va)) == -EBUSY, "locked by one of two");
    space_destroy(s);
    EXPECT(reclaim_evict(&t.vm, frame_at(c, va)) == 0, "locks are not inherited");
    READ(c, va, 1);
    space_destroy(c);
    vt_end(&t);
}

TEST(vm, clock_spares_what_is_used)
{
    struct vt t;

    if (!vt_begin(&t, kt, 256, 0, 256))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 64, RW);

    for (unsigned i = 0; i < 64; i++)
        WRITE(s, va + i * PAGE_SIZE, i);
    for (pfn_t pfn = t.pool->start; pfn < t.pool->end; pfn++)
        if (pfn_frame(t.pool, pfn)->flags & FRAME_F_LISTED)
            rmap_test_clear_accessed(&t.vm, pfn_frame(t.pool, pfn));
    for (unsigned i = 0; i < 64; i += 4)
        READ(s, va + i * PAGE_SIZE, i);
    EXPECT(reclaim_run(&t.vm, 16) >= 16, "freed");
    for (unsigned i = 0; i < 64; i += 4)
        EXPECT(frame_at(s, va + i * PAGE_SIZE), "page %u was used and went", i);
    EXPECT(t.vm.stats.reactivated > 0, "spared some");
    for (unsigned i = 0; i < 64; i++)
        READ(s, va + i * PAGE_SIZE, i);
    space_destroy(s);
    vt_end(&t);
}

/* Low frames run out, high ones do not: the daemon is woken and evicts low pages. */
TEST(vm, the_daemon_frees_low_frames)
{
    enum { PAGES = 1100 };
    struct vt t;
    struct frame *taken = NULL, *f;

    if (!vt_begin(&t, kt, 1024, 512, PAGES + 64))
        return;
    struct frame_pool *pool = t.pool;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, PAGES, RW);

    for (unsigned i = 0; i < PAGES; i++)
        WRITE(s, va + i * PAGE_SIZE, i);
    /* What is high is free again, and the rest of the low frames is taken for tables. */
    for (unsigned i = 0; i < PAGES; i++) {
        f = frame_at(s, va + i * PAGE_SIZE);
        if (f && !frame_is_low(pool, frame_pfn(pool, f)))
            EXPECT(space_unmap(s, va + i * PAGE_SIZE, PAGE_SIZE) == 0, "unmap");
    }
    reclaim_daemon_round(&t.vm);
    t.vm.daemon_kicked = false;
    while ((f = frame_alloc(pool, FRAME_TABLE, FRAME_LOW_ONLY)) != NULL) {
        f->owner = taken;
        taken = f;
    }
    EXPECT(frame_free_common(pool) > pool->marks.high, "%u free", frame_free_common(pool));
    EXPECT(t.vm.daemon_kicked && frame_low_lacks(pool, FRAME_MARK_LOW), "kicked, %u missing",
           frame_low_lacks(pool, FRAME_MARK_LOW));
    EXPECT(reclaim_daemon_round(&t.vm) && !frame_low_lacks(pool, FRAME_MARK_HIGH), "%u missing after a round",
           frame_low_lacks(pool, FRAME_MARK_HIGH));
    EXPECT(!reclaim_daemon_round(&t.vm), "there is no more to do");
    while ((f = taken) != NULL) {
        taken = f->owner;
        frame_free(pool, f);
    }
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

static bool is_dying(void)
{
    return true;
}

/* Below min is memory for those who give back more by it: a task that is about to end. */
TEST(vm, the_last_frames_are_for_the_dying)
{
    struct vt t;
    struct frame *taken = NULL, *f;
    uint32_t n = 0;

    if (!vt_begin(&t, kt, 256, 0, 0))
        return;
    struct frame_pool *pool = t.pool;

    while ((f = frame_alloc(pool, FRAME_KERNEL, 0)) != NULL) {
        f->owner = taken;
        taken = f;
    }
    EXPECT(!vm_frame_alloc(&t.vm, FRAME_ANON, 0) && frame_free_count(pool) == pool->marks.min,
           "for others none");
    t.vm.dying = is_dying;
    while ((f = vm_frame_alloc(&t.vm, FRAME_KERNEL, 0)) != NULL) {
        f->owner = taken;
        taken = f;
        n++;
    }
    t.vm.dying = NULL;
    EXPECT(n && n == pool->marks.min - pool->marks.min / 2, "%u for it, of %u", n, pool->marks.min);
    f = vm_frame_request(&t.vm, FRAME_KERNEL, FRAME_LOW_ONLY);
    EXPECT(!f, "for who asks without a reason none");
    f = vm_frame_request(&t.vm, FRAME_KERNEL, FRAME_LOW_ONLY | FRAME_RESERVE);
    EXPECT(f, "for swap's records one of the rest");
    if (f)
        frame_free(pool, f);
    while ((f = taken) != NULL) {
        taken = f->owner;
        frame_free(pool, f);
    }
    vt_end(&t);
}

/* From each policy to each while pages are in memory, out, locked and shared, with every allocation
 * failing in turn: the policy is the old one or the new one, and nothing is lost. */
TEST(vm, switch_of_policies_without_memory)
{
    enum { PAGES = 60 };
    struct vt t;

    if (!vt_begin(&t, kt, 256, 64, 200))
        return;
    struct space *s = space_create(&t.vm), *c;
    vaddr_t va = map(kt, s, PAGES, RW), locked = map(kt, s, 2, RW | REGION_LOCKED);
    uint32_t refused = 0;

    for (unsigned i = 0; i < PAGES; i++)
        WRITE(s, va + i * PAGE_SIZE, i + 1);
    WRITE(s, locked, 77);
    c = fork_of(kt, s);
    for (unsigned i = 0; i < PAGES; i += 3)
        WRITE(c, va + i * PAGE_SIZE, i + 1000);
    reclaim_run(&t.vm, 32);
    for (unsigned from = 0; from < POLICIES && !kt->failures; from++) {
        for (unsigned to = 0; to < POLICIES && !kt->failures; to++) {
            uint32_t n = 0;
            int err;

            REQUIRE(reclaim_set_policy(&t.vm, policies[from]) == 0, "to %s", policies[from]->name);
            /* One page that is out and clean, and one that is in. */
            uint32_t page = (from * POLICIES + to) % (PAGES - 1);

            READ(s, va + page * PAGE_SIZE, page + 1);
            READ(s, va + (page + 1) * PAGE_SIZE, page + 2);
            evict_at(kt, s, va + page * PAGE_SIZE);
            do {
                frame_fail_after(t.pool, ++n);
                err = reclaim_set_policy(&t.vm, policies[to]);
                frame_fail_after(t.pool, 0);
                refused += err != 0;
                EXPECT(err == 0 || err == -ENOMEM, "from %s to %s: %d", policies[from]->name,
                       policies[to]->name, err);
                EXPECT(pageable_now(&t.vm.pageable)->policy == policies[err ? from : to],
                       "from %s to %s: it is %s", policies[from]->name, policies[to]->name,
                       pageable_now(&t.vm.pageable)->policy->name);
                EXPECT(vm_verify(&t.vm), "from %s to %s", policies[from]->name, policies[to]->name);
            } while (err && n < 10);
        }
    }
    EXPECT(refused, "no allocation failed");
    for (unsigned i = 0; i < PAGES; i++) {
        READ(s, va + i * PAGE_SIZE, i + 1);
        READ(c, va + i * PAGE_SIZE, i % 3 ? i + 1 : i + 1000);
    }
    READ(s, locked, 77);
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

/* Memory is full, and the new policy wants some: pages go for it. */
TEST(vm, switch_of_policies_makes_room)
{
    struct vt t;
    struct frame *taken = NULL, *f;

    if (!vt_begin(&t, kt, 256, 0, 200))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 100, RW);

    for (unsigned i = 0; i < 100; i++)
        WRITE(s, va + i * PAGE_SIZE, i);
    while ((f = frame_alloc(t.pool, FRAME_KERNEL, 0)) != NULL) {
        f->owner = taken;
        taken = f;
    }
    EXPECT(reclaim_set_policy(&t.vm, &policy_two_list) == 0, "switched");
    EXPECT(pageable_now(&t.vm.pageable)->ghosts.limit > 0 && vm_verify(&t.vm), "it remembers %u",
           pageable_now(&t.vm.pageable)->ghosts.limit);
    while ((f = taken) != NULL) {
        taken = f->owner;
        frame_free(t.pool, f);
    }
    for (unsigned i = 0; i < 100; i++)
        READ(s, va + i * PAGE_SIZE, i);
    space_destroy(s);
    vt_end(&t);
}

/* Fork, write, evict, map and protect with the Nth allocation failing, for every N. */
TEST(vm, every_allocation_fails_once)
{
    struct vt t;
    uint32_t n = 0;
    bool failed = true;

    if (!vt_begin(&t, kt, 192, 32, 64))
        return;
    for (n = 1; failed && n < 400; n++) {
        uint64_t fails = t.pool->fails;
        struct space *s, *c = NULL;
        vaddr_t va = 0x400000, vb = 0;

        slab_reap_all(t.pool);
        frame_drain_hot(t.pool);
        frame_fail_after(t.pool, n);
        s = space_create(&t.vm);
        if (s) {
            if (space_map(s, &va, 6 * PAGE_SIZE, RW | MAP_AT, NULL, 0) == 0) {
                for (unsigned i = 0; i < 6; i++)
                    vt_write(s, va + i * PAGE_SIZE, i + 1);
                if (space_fork(s, &c) == 0) {
                    vt_write(c, va, 100);
                    vt_write(s, va + PAGE_SIZE, 200);
                    space_protect(c, va + PAGE_SIZE, PAGE_SIZE, REGION_READ);
                    space_unmap(s, va + 3 * PAGE_SIZE, PAGE_SIZE);
                }
                struct object *o = object_create(&t.vm, &pager_zero, 8, "sweep");

                if (o) {
                    if (space_map(s, &vb, 4 * PAGE_SIZE, RW | REGION_SHARED, o, 0) == 0)
                        vt_write(s, vb, 1);
                    object_put(o);
                }
            }
        }
        frame_fail_after(t.pool, 0);
        failed = t.pool->fails != fails;
        EXPECT(vm_verify(&t.vm), "after failure %u", n);
        if (c) {
            uint32_t v;

            if (vt_read(c, va + 2 * PAGE_SIZE, &v) == FAULT_RESUME)
                EXPECT(v == 3 || v == 0, "failure %u: %u", n, v);
            space_destroy(c);
        }
        if (s)
            space_destroy(s);
        vt_idle();
    }
    kt_note(kt, "%u allocations failed in turn", n - 2);
    EXPECT(!failed && n > 8, "ended after %u", n);
    vt_end(&t);
}

/* A page that nothing keeps alive should be free. */
TEST(vm, forgotten_page_is_named)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 32))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t va = map(kt, s, 2, RW);

    WRITE(s, va, 1);
    WRITE(s, va + PAGE_SIZE, 2);
    struct frame *f = frame_at(s, va);

    BROKEN(&t.vm, "INV-VM-10", f->maps--, f->maps++);
    EXPECT(vm_pageable_verify(&t.vm), "repaired");
    evict_at(kt, s, va + PAGE_SIZE);
    EXPECT(vm_verify(&t.vm), "a page that its slot's name keeps, or none");
    space_destroy(s);
    vt_end(&t);
}

TEST(vm, damage_is_named)
{
    struct vt t;

    if (!vt_begin(&t, kt, 192, 0, 64))
        return;
    struct space *s = space_create(&t.vm), *c;
    vaddr_t va = map_at(kt, s, 0x400000, 4, RW);

    for (unsigned i = 0; i < 3; i++)
        WRITE(s, va + i * PAGE_SIZE, i);
    c = fork_of(kt, s);
    WRITE(c, va, 9);
    evict_at(kt, c, va + 2 * PAGE_SIZE);
    vt_idle();
    EXPECT(vm_verify(&t.vm), "sound before");

    struct frame *f = frame_at(c, va);
    struct frame *table = pt_resident_table(&c->pt, va);
    pte_t *e = pt_resident_entry(&c->pt, va), *swapped = pt_resident_entry(&c->pt, va + 2 * PAGE_SIZE);
    slot_t slot = pte_slot(*swapped);
    pte_t saved = *e;

    BROKEN(&t.vm, "INV-VM-1", f->maps++, f->maps--);
    BROKEN(&t.vm, "INV-VM-2", swap_ref(&t.vm, slot), swap_unref(&t.vm, slot));
    BROKEN(&t.vm, "INV-VM-3", f->index++, f->index--);
    BROKEN(&t.vm, "INV-VM-4", table->maps++, table->maps--);
    BROKEN(&t.vm, "INV-VM-5", f->flags ^= FRAME_F_LISTED, f->flags ^= FRAME_F_LISTED);
    BROKEN(&t.vm, "INV-VM-6", f->slot = slot, f->slot = SLOT_NONE);
    BROKEN(&t.vm, "INV-VM-7", f->flags |= FRAME_F_BUSY, f->flags &= (uint16_t)~FRAME_F_BUSY);
    BROKEN(&t.vm, "INV-VM-8",
           *pt_resident_entry(&c->pt, va + PAGE_SIZE) =
               pte_with_write(*pt_resident_entry(&c->pt, va + PAGE_SIZE)),
           *pt_resident_entry(&c->pt, va + PAGE_SIZE) =
               pte_readonly(*pt_resident_entry(&c->pt, va + PAGE_SIZE)));
    BROKEN(&t.vm, "INV-VM-9", t.vm.locked_regions++, t.vm.locked_regions--);
    BROKEN(&t.vm, "INV-PT-2", table->used++, table->used--);
    BROKEN(&t.vm, "INV-PT-2", table->pins++, table->pins--);
    BROKEN(&t.vm, "INV-PT-9", table->slot++, table->slot--);
    BROKEN(&t.vm, "INV-PT-3", table->maps++, table->maps--);
    BROKEN(&t.vm, "INV-PT-4", e->raw &= ~(uint32_t)PT_USER, *e = saved);
    BROKEN(&t.vm, "INV-PT-5", c->pt.tables++, c->pt.tables--);
    BROKEN(&t.vm, "INV-PT-5", c->pt.spans[0] ^= 2, c->pt.spans[0] ^= 2);
    BROKEN(&t.vm, "INV-PT-5", c->pt.words ^= 1u << 5, c->pt.words ^= 1u << 5);
    BROKEN(&t.vm, "INV-PT-1", c->pt.top[1] ^= PT_USER, c->pt.top[1] ^= PT_USER);
    BROKEN(&t.vm, "INV-PT-6", table->index ^= pt_group(va), table->index ^= pt_group(va));
    BROKEN(&t.vm, "INV-SPACE-1",
           (e[100] = pte_make_swap(slot), table->used++, table->pins++,
            table->index ^= pt_group(va + 100 * PAGE_SIZE)),
           (e[100] = PTE_NONE, table->used--, table->pins--, table->index ^= pt_group(va + 100 * PAGE_SIZE)));
    BROKEN(&t.vm, "INV-SPACE-2", c->regions.first->flags ^= REGION_WRITE,
           c->regions.first->flags ^= REGION_WRITE);
    BROKEN(&t.vm, "INV-SPACE-3", *e = pte_hold(saved), *e = saved);
    BROKEN(&t.vm, "INV-SPACE-4", c->regions.first->number++, c->regions.first->number--);
    BROKEN(&t.vm, "INV-SPACE-5", c->pages.data++, c->pages.data--);
    BROKEN(&t.vm, "INV-SPACE-6", c->resident++, c->resident--);
    BROKEN(&t.vm, "INV-COMMIT-1", t.vm.committed--, t.vm.committed++);
    EXPECT(vm_verify(&t.vm), "sound after");
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}
