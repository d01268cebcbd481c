/* Pages that could not be read when their swap area was taken off. */
#include "mm/describe.h"
#include "mm/errno.h"
#include "mm/table.h"
#include "tests/vtcheck.h"

#define BASE    ((vaddr_t)0x400000)
#define PAGES   8u
#define SECTORS (PAGE_SIZE / BLOCK_SECTOR)

static vaddr_t at(unsigned page)
{
    return BASE + page * (vaddr_t)PAGE_SIZE;
}

/* Let the disk not read a slot any more. */
static void spoil(struct testdisk *d, unsigned n, slot_t slot)
{
    d->bad_read[n] = (uint64_t)(slot & (SWAP_AREA_PAGES - 1)) * SECTORS + n % SECTORS;
}

static slot_t slot_of(const struct space *s, vaddr_t va)
{
    return pte_slot(*pt_resident_entry(&s->pt, va));
}

static void expect_bus(struct kt *kt, int line, struct space *s, vaddr_t va)
{
    uint32_t got;
    enum fault_verdict r = vt_read(s, va, &got), w = vt_write(s, va, 1);

    EXPECT(r == FAULT_BUS && w == FAULT_BUS, "line %d, %x: %s, %s", line, va, fault_verdict_name(r),
           fault_verdict_name(w));
}
#define BUS(s, va) expect_bus(kt, __LINE__, s, va)

static enum page_state state_of(struct space *s, vaddr_t va)
{
    struct description d;

    nosleep_enter("what a test asks");
    describe_page(s, va, &d);
    nosleep_exit();
    return d.state;
}

static int take_off(struct vt *t, struct block_device *dev)
{
    int err;

    kt_capture_begin();
    err = swap_off(&t->vm, dev, NULL);
    kt_capture_end();
    return err;
}

/* A space with pages that hold their number and 1, all in slots. */
static struct space *begin(struct vt *t, struct kt *kt)
{
    struct space *s = space_create(&t->vm);

    map_at(kt, s, BASE, PAGES, RW);
    for (unsigned i = 0; i < PAGES; i++)
        WRITE(s, at(i), i + 1);
    for (unsigned i = 0; i < PAGES; i++)
        evict_at(kt, s, at(i));
    swap_quiet(&t->vm);
    return s;
}

/* They stay lost through all that moves or copies them, and are gone when something begins anew there. */
TEST(lost, pages_of_programs)
{
    struct vt t;
    struct space_usage u;
    uint8_t core[PAGES];
    vaddr_t to = at(4);

    if (!vt_begin(&t, kt, 160, 40, 100))
        return;
    struct space *s = begin(&t, kt), *c = fork_of(kt, s), *d;

    for (unsigned i = 0; i < 4; i++)
        spoil(&t.disk, i, slot_of(s, at(i)));
    BUS(s, at(0)); /* one is known to be bad before, the others are not; and s has a table of its own now */
    EXPECT(state_of(s, at(0)) == PAGE_LOST, "it cannot be read: %s", page_state_name(state_of(s, at(0))));
    EXPECT(take_off(&t, &t.disk.dev) == 0, "it is off");
    EXPECT(!t.vm.swap.area[0] && t.vm.swap.lost == 8 && t.vm.swap.pages_lost == 8, "%u names are lost",
           t.vm.swap.lost);
    EXPECT(vm_verify(&t.vm), "with lost pages");
    for (unsigned i = 0; i < PAGES; i++) {
        EXPECT((state_of(c, at(i)) == PAGE_LOST) == (i < 4), "page %u: %s", i,
               page_state_name(state_of(c, at(i))));
        if (i < 4)
            BUS(c, at(i));
        else
            READ(s, at(i), i + 1);
    }
    space_count_usage(s, &u);
    EXPECT(!u.swapped && u.anon == 4, "%u are swapped, %u in memory", u.swapped, u.anon);
    EXPECT(space_mincore(s, at(0), PAGES, core) == 0 && !core[0] && core[4], "mincore: %u, %u", core[0],
           core[4]);
    EXPECT(space_lock(s, at(0), PAGE_SIZE, REGION_LOCKED) == -ENOMEM, "it cannot be locked");
    EXPECT(space_lock(s, at(0), PAGE_SIZE, 0) == 0, "unlocked");
    EXPECT(space_protect(s, at(0), PAGE_SIZE, 0) == 0 && space_protect(s, at(0), PAGE_SIZE, RW) == 0,
           "protect");

    d = fork_of(kt, s);
    BUS(d, at(1));
    WRITE(s, at(5), 60);
    BUS(s, at(1));
    EXPECT(t.vm.swap.lost == 12, "%u names after fork", t.vm.swap.lost);
    space_destroy(d);

    EXPECT(space_remap(s, &(vaddr_t){at(0)}, PAGE_SIZE, PAGE_SIZE, REMAP_MAYMOVE | REMAP_FIXED, to) == 0,
           "moved");
    BUS(s, to);
    EXPECT(space_advise(s, at(1), PAGE_SIZE, ADVISE_DONTNEED) == 0, "dontneed");
    READ(s, at(1), 0);
    EXPECT(space_advise(s, at(2), PAGE_SIZE, ADVISE_FREE) == 0, "free");
    READ(s, at(2), 0);
    map_at(kt, s, at(3), 1, RW);
    WRITE(s, at(3), 9);
    EXPECT(t.vm.swap.lost == 5, "%u names are left", t.vm.swap.lost);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(c);
    EXPECT(t.vm.swap.lost == 1, "%u names are left", t.vm.swap.lost);
    space_destroy(s);
    EXPECT(!t.vm.swap.lost, "%u names are left", t.vm.swap.lost);
    vt_end(&t);
}

/* A lost page that is the last thing in the area does not make it look empty. */
TEST(lost, nothing_else_is_out)
{
    struct vt t;

    if (!vt_begin(&t, kt, 160, 40, 100))
        return;
    struct space *s = begin(&t, kt);

    spoil(&t.disk, 0, slot_of(s, at(2)));
    for (unsigned i = 0; i < PAGES; i++)
        if (i != 2)
            WRITE(s, at(i), i);
    kt_capture_begin();
    BUS(s, at(2));
    kt_capture_end();
    EXPECT(t.vm.swap.area[0]->bad == 1 && t.vm.swap.area[0]->bad_used == 1, "%u are bad",
           t.vm.swap.area[0]->bad_used);
    BROKEN(&t.vm, "INV-SWAP-4", t.vm.swap.area[0]->bad_used--, t.vm.swap.area[0]->bad_used++);
    EXPECT(take_off(&t, &t.disk.dev) == 0 && slot_of(s, at(2)) == SLOT_LOST, "slot %x", slot_of(s, at(2)));
    BROKEN(&t.vm, "INV-VM-2", t.vm.swap.lost++, t.vm.swap.lost--);
    BUS(s, at(2));
    /* Its table can go to another disk, and comes back. */
    EXPECT(swap_on(&t.vm, &t.disk.dev) == 0, "on again");
    memset(t.disk.bad_read, 0, sizeof t.disk.bad_read);
    for (unsigned i = 0; i < PAGES; i++)
        if (i != 2)
            evict_at(kt, s, at(i));
    for (unsigned i = 0; i < 2; i++) /* one that was used is passed over once */
        reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(pt_span(&s->pt, at(0)) == PT_OUT && vm_verify(&t.vm), "the table is out");
    BUS(s, at(2));
    READ(s, at(3), 3);
    EXPECT(t.vm.swap.lost == 1 && vm_verify(&t.vm), "it is back");
    space_destroy(s);
    vt_end(&t);
}

TEST(lost, shared_memory)
{
    struct vt t;
    struct frame *f;
    vaddr_t va = BASE, copy = BASE + PT_SPAN;

    if (!vt_begin(&t, kt, 160, 40, 100))
        return;
    struct space *s = space_create(&t.vm);
    struct object *o = object_create(&t.vm, &pager_zero, 4, "shared");

    EXPECT(space_map(s, &va, 4 * PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    EXPECT(space_map(s, &copy, 4 * PAGE_SIZE, RW | MAP_AT, o, 0) == 0, "map");
    for (unsigned i = 0; i < 4; i++)
        WRITE(s, at(i), i + 1);
    for (unsigned i = 0; i < 4; i++)
        evict_at(kt, s, at(i));
    swap_quiet(&t.vm);
    for (unsigned i = 0; i < 3; i++)
        spoil(&t.disk, i, object_slot(o, i));
    EXPECT(take_off(&t, &t.disk.dev) == 0 && t.vm.swap.lost == 3, "%u names are lost", t.vm.swap.lost);
    EXPECT(o->swapped == 0 && o->resident == 1, "%u swapped, %u resident", o->swapped, o->resident);
    EXPECT(vm_verify(&t.vm), "with lost pages");
    BUS(s, at(0));
    BUS(s, copy);
    READ(s, at(3), 4);
    EXPECT(object_page(o, 1, &f) == -EIO, "it can be had");
    object_discard(o, 1, 2);
    READ(s, at(1), 0);
    object_resize(o, 2);
    EXPECT(t.vm.swap.lost == 1, "%u names are left", t.vm.swap.lost);
    space_destroy(s);
    object_put(o);
    EXPECT(!t.vm.swap.lost, "%u names are left", t.vm.swap.lost);
    vt_end(&t);
}

/* The private pages of a table that cannot be read are lost for each who shows it, whichever area goes. */
TEST(lost, tables)
{
    struct vt t;
    struct testdisk second;
    vaddr_t shared = BASE + 16 * PAGE_SIZE, next = BASE + PT_SPAN;
    void *data = kt_alloc(64 * PAGE_SIZE);

    REQUIRE(data, "memory");
    if (!vt_begin(&t, kt, 200, 40, 100)) {
        kt_release(data);
        return;
    }
    struct object *o = object_create(&t.vm, &pager_zero, 1, "shared");
    struct space *s = begin(&t, kt), *c;
    slot_t table;

    EXPECT(space_map(s, &shared, PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    WRITE(s, shared, 77);
    evict_at(kt, s, shared);
    map_at(kt, s, next, 1, RW);
    WRITE(s, next, 5);
    evict_at(kt, s, next);
    /* The tables go to the other disk. */
    testdisk_init(&second, t.pool, data, 64);
    testdisk_mkswap(&second, NULL, 0);
    EXPECT(swap_on_at(&t.vm, &second.dev, 5) == 0, "on");
    reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(pt_span(&s->pt, BASE) == PT_OUT && pt_span(&s->pt, next) == PT_OUT, "they are out");
    table = pt_out_slot(&s->pt, BASE);
    EXPECT(table >> SWAP_AREA_SHIFT == 1, "slot %x", table);
    spoil(&second, 0, table);
    c = fork_of(kt, s);
    EXPECT(space_unmap(c, at(7), PAGE_SIZE) == -EIO, "a part of it cannot go");

    EXPECT(take_off(&t, &t.disk.dev) == 0, "it is off");
    EXPECT(pt_span(&s->pt, BASE) == PT_OWN && pt_span(&c->pt, BASE) == PT_OWN, "each has a table");
    EXPECT(t.vm.tables.lost == 0 && t.vm.swap.lost == 2 * PAGES && t.vm.stats.tables_lost == 1,
           "%u names on disk, %u in memory", t.vm.tables.lost, t.vm.swap.lost);
    EXPECT(vm_verify(&t.vm), "with a lost table");
    for (unsigned i = 0; i < PAGES; i++)
        BUS(i % 2 ? s : c, at(i));
    READ(s, shared, 77);
    READ(c, shared, 77);
    READ(s, next, 5);
    READ(c, next, 5);
    EXPECT(space_unmap(c, at(7), PAGE_SIZE) == 0, "a part of it can go");
    EXPECT(take_off(&t, &second.dev) == 0, "the other is off");
    space_destroy(c);
    space_destroy(s);
    object_put(o);
    vt_end(&t);
    kt_release(data);
}

/* Without a frame for the table in its place, it stays as it is, and so does the area. */
TEST(lost, no_memory_for_a_table)
{
    struct vt t;

    if (!vt_begin(&t, kt, 200, 40, 100))
        return;
    struct space *s = begin(&t, kt);

    reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(pt_span(&s->pt, BASE) == PT_OUT, "it is out");
    spoil(&t.disk, 0, pt_out_slot(&s->pt, BASE));
    kt_capture_begin();
    EXPECT(vt_read(s, BASE, &(uint32_t){0}) == FAULT_BUS, "no bus error");
    kt_capture_end();
    frame_fail_after(t.pool, 1);
    EXPECT(take_off(&t, &t.disk.dev) == -ENOMEM, "no memory");
    frame_fail_after(t.pool, 0);
    EXPECT(pt_span(&s->pt, BASE) == PT_OUT && t.vm.swap.area[0] && vm_verify(&t.vm), "as before");
    EXPECT(take_off(&t, &t.disk.dev) == 0, "it is off");
    BUS(s, BASE);
    space_destroy(s);
    vt_end(&t);
}
