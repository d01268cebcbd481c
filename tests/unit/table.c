/* Page tables that go to disk: what names their slots, what brings them in, and what becomes of them when
 * memory is out or the disk fails. */
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/table.h"
#include "tests/vtcheck.h"

#define SPANS   12u
#define BASE    ((vaddr_t)0x10000000)
#define SECTORS (PAGE_SIZE / BLOCK_SECTOR)

/* A page in the middle of each span. */
static vaddr_t at(unsigned i)
{
    return BASE + i * PT_SPAN + 5 * (vaddr_t)PAGE_SIZE;
}

static uint32_t value_of(unsigned i)
{
    return 0xABC000 + i;
}

static struct space *sparse(struct kt *kt, struct vt *t)
{
    struct space *s = space_create(&t->vm);

    for (unsigned i = 0; s && i < SPANS; i++) {
        map_at(kt, s, at(i), 4, RW);
        WRITE(s, at(i), value_of(i));
    }
    return s;
}

/* Let all pages and tables of a space leave memory, and be written. */
static void put_out(struct kt *kt, struct vt *t, struct space *s)
{
    vt_idle();
    for (unsigned i = 0; i < SPANS; i++)
        if (frame_at(s, at(i)))
            evict_at(kt, s, at(i));
    for (unsigned i = 0; i < 3; i++)
        reclaim_tables(&t->vm, UINT32_MAX);
}

static unsigned count_out(const struct space *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < SPANS; i++)
        n += pt_span(&s->pt, at(i)) == PT_OUT;
    return n;
}

static void read_all(struct kt *kt, struct space *s, unsigned first)
{
    for (unsigned i = first; i < SPANS; i++)
        READ(s, at(i), value_of(i));
}

/* Let the table of a page lie on a sector that cannot be read. */
static void spoil(struct vt *t, const struct space *s, vaddr_t va)
{
    t->disk.bad_read[0] = (uint64_t)(pt_out_slot(&s->pt, va) & (SWAP_AREA_PAGES - 1)) * SECTORS + 1;
}

TEST(table, out_and_in)
{
    struct vt t;
    struct space_usage u;
    uint8_t core[4];

    if (!vt_begin(&t, kt, 160, 40, 200))
        return;
    uint32_t tables = t.pool->used[FRAME_TABLE];
    struct space *s = sparse(kt, &t);

    put_out(kt, &t, s);
    EXPECT(count_out(s) == SPANS && t.vm.stats.tables_out == SPANS, "%u tables are out", count_out(s));
    /* Its root was ready before. */
    EXPECT(t.pool->used[FRAME_TABLE] == tables && !t.vm.tables.root.top, "%u frames for tables, %u before",
           t.pool->used[FRAME_TABLE], tables);
    EXPECT(vm_verify(&t.vm), "while they are out");
    space_count_usage(s, &u);
    EXPECT(u.swapped == SPANS && !u.anon, "%u pages in slots, %u in memory", u.swapped, u.anon);
    /* The page itself may have come along with its table. */
    EXPECT(space_mincore(s, at(3), 4, core) == 0 && !core[3], "mincore: %u", core[3]);
    EXPECT(count_out(s) == SPANS, "looking brought a table in");
    read_all(kt, s, 0);
    EXPECT(count_out(s) == 0 && t.vm.stats.tables_in == SPANS && !t.vm.tables.out, "%u are out",
           count_out(s));
    EXPECT(s->major > 0, "nothing was read");
    EXPECT(vm_verify(&t.vm), "after they came in");
    space_destroy(s);
    vt_end(&t);
}

/* A table that is used goes last, and one that is used no more by anybody is freed. */
TEST(table, empty_ones_are_freed)
{
    struct vt t;

    if (!vt_begin(&t, kt, 160, 40, 200))
        return;
    struct space *s = sparse(kt, &t);

    for (unsigned i = 0; i < SPANS; i += 2)
        EXPECT(space_advise(s, at(i), PAGE_SIZE, ADVISE_DONTNEED) == 0, "giving up");
    reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(t.vm.stats.tables_emptied == SPANS / 2 && s->pt.tables == SPANS / 2, "%u tables", s->pt.tables);
    EXPECT(t.vm.stats.tables_out == 0, "a table with a page went out");
    for (unsigned i = 0; i < SPANS; i++)
        READ(s, at(i), i % 2 ? value_of(i) : 0);
    EXPECT(vm_verify(&t.vm), "afterwards");
    space_destroy(s);
    vt_end(&t);
}

/* Spaces that share tables: out together, in together, and each has its own as soon as it writes. */
TEST(table, shared_after_fork)
{
    struct vt t;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t), *c = fork_of(kt, s), *g;

    put_out(kt, &t, s);
    EXPECT(count_out(s) == SPANS && count_out(c) == SPANS && t.vm.tables.out == SPANS, "%u and %u are out",
           count_out(s), count_out(c));
    EXPECT(swap_count(&t.vm, pt_out_slot(&s->pt, at(0))) == 2, "two roots name the slot");
    g = fork_of(kt, c);
    EXPECT(swap_count(&t.vm, pt_out_slot(&s->pt, at(0))) == 3, "three roots name the slot");
    EXPECT(vm_verify(&t.vm), "while they are out");
    READ(c, at(1), value_of(1));
    EXPECT(pt_resident_table(&s->pt, at(1)) == pt_resident_table(&g->pt, at(1)) &&
               pt_resident_table(&s->pt, at(1))->maps == 3,
           "one table for all");
    WRITE(g, at(2), 7);
    READ(s, at(2), value_of(2));
    READ(g, at(2), 7);
    space_destroy(c); /* most of its tables are out still, and others' */
    EXPECT(vm_verify(&t.vm), "after one has ended");
    read_all(kt, s, 0);
    WRITE(s, at(3), value_of(3));
    put_out(kt, &t, s);
    space_destroy(s);
    READ(g, at(2), 7);
    read_all(kt, g, 3);
    EXPECT(vm_verify(&t.vm), "the last");
    space_destroy(g);
    vt_end(&t);
}

TEST(table, calls_on_what_is_out)
{
    struct vt t;
    vaddr_t va;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t);

    for (unsigned i = 0; i < 2; i++)
        WRITE(s, at(i) + PAGE_SIZE, 100 + i);
    put_out(kt, &t, s);
    for (unsigned i = 0; i < 2; i++)
        if (frame_at(s, at(i) + PAGE_SIZE))
            evict_at(kt, s, at(i) + PAGE_SIZE);
    reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(count_out(s) == SPANS, "%u are out", count_out(s));

    EXPECT(space_protect(s, at(2), PAGE_SIZE, REGION_READ) == 0 && space_protect(s, at(3), PAGE_SIZE, 0) == 0,
           "protecting");
    EXPECT(space_advise(s, at(2), PAGE_SIZE, ADVISE_COLD) == 0 &&
               space_advise(s, at(2), PAGE_SIZE, ADVISE_PAGEOUT) == 0,
           "cold");
    EXPECT(count_out(s) == SPANS, "protecting or cooling brought one in");
    EXPECT(vt_write(s, at(2), 1) == FAULT_ACCERR && vt_read(s, at(3), &(uint32_t){0}) == FAULT_ACCERR,
           "what is forbidden");
    EXPECT(count_out(s) == SPANS, "a bad access brought one in");
    READ(s, at(2), value_of(2));

    /* A part goes, and the rest stays. */
    EXPECT(space_unmap(s, at(0), PAGE_SIZE) == 0, "unmapping a part");
    EXPECT(vt_read(s, at(0), &(uint32_t){0}) == FAULT_MAPERR, "it is gone");
    READ(s, at(0) + PAGE_SIZE, 100);
    EXPECT(space_advise(s, at(1), PAGE_SIZE, ADVISE_FREE) == 0, "giving up a page in a slot");
    READ(s, at(1), 0);
    READ(s, at(1) + PAGE_SIZE, 101);
    EXPECT(space_advise(s, at(4), PAGE_SIZE, ADVISE_DONTNEED) == 0, "the only page of a table");
    READ(s, at(4), 0);
    EXPECT(space_advise(s, at(5), PAGE_SIZE, ADVISE_WILLNEED) == 0, "bringing in");
    READ(s, at(5), value_of(5));

    /* Moved within tables, and to the same place of another span. */
    va = at(6);
    EXPECT(space_remap(s, &va, PAGE_SIZE, PAGE_SIZE, REMAP_MAYMOVE | REMAP_FIXED, at(6) + 16 * PAGE_SIZE) ==
               0,
           "moving");
    READ(s, at(6) + 16 * PAGE_SIZE, value_of(6));
    EXPECT(vm_verify(&t.vm), "after moving");
    EXPECT(space_unmap(s, at(7), PT_SPAN) == 0, "unmapping more than one");
    EXPECT(vt_read(s, at(7), &(uint32_t){0}) == FAULT_MAPERR, "it is gone");
    read_all(kt, s, 8 + 1);
    EXPECT(vm_verify(&t.vm), "afterwards");
    space_destroy(s);
    vt_end(&t);
}

/* A directory entry that says "out" moves as it is. */
TEST(table, moved_whole)
{
    struct vt t;
    vaddr_t va = BASE, to = BASE + 8 * PT_SPAN;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = space_create(&t.vm), *c;

    map_at(kt, s, BASE, 2 * PT_TABLE_ENTRIES, RW);
    WRITE(s, at(0), 1);
    WRITE(s, at(1), 2);
    put_out(kt, &t, s);
    EXPECT(count_out(s) == 2, "%u are out", count_out(s));
    EXPECT(space_remap(s, &va, 2 * PT_SPAN, 2 * PT_SPAN, REMAP_MAYMOVE | REMAP_FIXED, to) == 0, "moving");
    EXPECT(pt_span(&s->pt, to) == PT_OUT && t.vm.stats.tables_in == 0, "it came in");
    EXPECT(vm_verify(&t.vm), "after moving");
    /* Of a shared one only the own directory entry may move. */
    c = fork_of(kt, s);
    EXPECT(space_remap(s, &to, 2 * PT_SPAN, 2 * PT_SPAN, REMAP_MAYMOVE | REMAP_FIXED, BASE) == 0, "and back");
    READ(s, at(0), 1);
    READ(c, at(8), 1);
    READ(c, at(9), 2);
    READ(s, at(1), 2);
    EXPECT(vm_verify(&t.vm), "after moving back");
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

TEST(table, swapoff_brings_all_in)
{
    struct vt t;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t), *c = fork_of(kt, s);

    put_out(kt, &t, s);
    EXPECT(count_out(s) == SPANS, "%u are out", count_out(s));
    int err = swap_off(&t.vm, &t.disk.dev, NULL);

    EXPECT(err == 0, "swap_off %d", err);
    EXPECT(count_out(s) == 0 && count_out(c) == 0 && !t.vm.tables.out, "%u are out", count_out(s));
    EXPECT(vm_verify(&t.vm), "without swap");
    read_all(kt, s, 0);
    read_all(kt, c, 0);
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

/* Who needs a table that cannot be read gets a bus error, nobody else does, and what it named is given back
 * with the area. */
TEST(table, unreadable)
{
    struct vt t;
    uint64_t lost;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t), *c;

    WRITE(s, at(0) + PAGE_SIZE, 5);
    put_out(kt, &t, s);
    evict_at(kt, s, at(0) + PAGE_SIZE);
    reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(count_out(s) == SPANS, "%u are out", count_out(s));
    c = fork_of(kt, s);
    spoil(&t, s, at(0));
    EXPECT(vt_read(s, at(0), &(uint32_t){0}) == FAULT_BUS && vt_write(c, at(0), 1) == FAULT_BUS,
           "no bus error");
    read_all(kt, s, 1);
    EXPECT(space_unmap(s, at(0), PAGE_SIZE) == -EIO, "a part of it cannot go");
    EXPECT(vm_verify(&t.vm), "after errors");
    space_destroy(c);
    EXPECT(t.vm.tables.lost == 0, "another names it still");
    EXPECT(space_unmap(s, BASE, PT_SPAN) == 0, "all of it can");
    lost = t.vm.tables.lost;
    EXPECT(lost == 2 && t.vm.stats.tables_lost == 1, "%u names are lost", (unsigned)lost);
    EXPECT(vm_verify(&t.vm), "after it is lost");
    int err = swap_off(&t.vm, &t.disk.dev, NULL);

    EXPECT(err == 0 && t.vm.tables.lost == 0 && !t.vm.tables.names, "swap_off %d, %u are lost", err,
           t.vm.tables.lost);
    read_all(kt, s, 1);
    space_destroy(s);
    vt_end(&t);
}

/* What comes from the disk and cannot have been written is not believed. */
TEST(table, not_what_was_written)
{
    struct vt t;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t);

    put_out(kt, &t, s);
    for (unsigned i = 0; i < 3; i++) {
        size_t page = pt_out_slot(&s->pt, at(i)) & (SWAP_AREA_PAGES - 1);
        pte_t *e = (pte_t *)(t.disk.data + page * PAGE_SIZE);

        if (i == 0)
            e[5] = pte_make(1, PT_USER | PT_WRITE); /* somebody's frame */
        else if (i == 1)
            e[6] = e[5]; /* one too many */
        else
            e[5] = pte_make_swap(250); /* of nobody */
    }
    for (unsigned i = 0; i < 3; i++)
        EXPECT(vt_read(s, at(i), &(uint32_t){0}) == FAULT_BUS, "table %u was believed", i);
    read_all(kt, s, 3);
    space_destroy(s);
    EXPECT(t.vm.tables.lost == 3, "%u names are lost", t.vm.tables.lost);
    EXPECT(vm_verify(&t.vm), "afterwards");
    EXPECT(swap_off(&t.vm, &t.disk.dev, NULL) == 0, "swap_off");
    vt_end(&t);
}

/* A table that cannot be written stays in memory, and goes to another slot later. */
TEST(table, unwritable)
{
    struct vt t;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t);

    vt_idle();
    for (unsigned i = 0; i < SPANS; i++)
        evict_at(kt, s, at(i));
    for (unsigned i = 0; i < TESTDISK_FAULTS; i++)
        t.disk.bad_write[i] = (uint64_t)(t.vm.swap.area[0]->hint + i) * SECTORS;
    reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(t.vm.swap.write_errors, "no error was met");
    EXPECT(vm_verify(&t.vm), "after errors");
    memset(t.disk.bad_write, 0, sizeof t.disk.bad_write);
    read_all(kt, s, 0);
    put_out(kt, &t, s);
    read_all(kt, s, 0);
    EXPECT(vm_verify(&t.vm), "afterwards");
    space_destroy(s);
    vt_end(&t);
}

/* A space ends though there is not a single frame to read its tables into. */
TEST(table, end_without_memory)
{
    struct vt t;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t);
    uint32_t free = t.vm.swap.free;

    put_out(kt, &t, s);
    EXPECT(count_out(s) == SPANS, "%u are out", count_out(s));
    frame_fail_after(t.pool, 1);
    space_destroy(s);
    frame_fail_after(t.pool, 0);
    EXPECT(t.vm.swap.free == free && !t.vm.tables.out && !t.vm.tables.lost, "%u slots of %u are free",
           t.vm.swap.free, free);
    EXPECT(vm_verify(&t.vm), "afterwards");
    vt_end(&t);
}

/* Each allocation on the way in fails in turn, and nothing is lost. On the way out there is none. */
TEST(table, allocations_fail)
{
    struct vt t;
    uint32_t n = 0;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t), *c = fork_of(kt, s);

    for (unsigned i = 0; i < SPANS; i++) {
        enum fault_verdict v = FAULT_NO_MEMORY;

        vt_idle();
        for (unsigned k = 0; k < SPANS; k++)
            if (frame_at(s, at(k)))
                evict_at(kt, s, at(k));
        frame_fail_after(t.pool, 1);
        reclaim_tables(&t.vm, UINT32_MAX);
        reclaim_tables(&t.vm, UINT32_MAX);
        frame_fail_after(t.pool, 0);
        EXPECT(pt_span(&s->pt, at(i)) == PT_OUT, "table %u is in", i);
        for (n = 1; v == FAULT_NO_MEMORY; n++) {
            frame_fail_after(t.pool, n);
            v = vt_write(c, at(i), 9);
            frame_fail_after(t.pool, 0);
            EXPECT(vm_verify(&t.vm), "after failure %u", n);
        }
        EXPECT(v == FAULT_RESUME, "%s", fault_verdict_name(v));
        READ(c, at(i), 9);
        READ(s, at(i), value_of(i));
    }
    kt_note(kt, "%u allocations failed in turn", n - 2);
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

/* What is cut off an object takes its private copies along, also those behind a table that is out. */
TEST(table, object_is_cut)
{
    struct vt t;
    vaddr_t va = BASE;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct object *o = object_create(&t.vm, &pager_zero, 8, "cut");
    struct space *s = space_create(&t.vm);

    REQUIRE(o && s && space_map(s, &va, 8 * PAGE_SIZE, RW | MAP_AT, o, 0) == 0, "mapping");
    for (unsigned i = 0; i < 8; i++)
        WRITE(s, va + i * (vaddr_t)PAGE_SIZE, 50 + i);
    vt_idle();
    for (unsigned i = 0; i < 8; i++)
        evict_at(kt, s, va + i * (vaddr_t)PAGE_SIZE);
    for (unsigned i = 0; i < 2; i++) /* a fault has waited for a page behind it, so it is passed over once */
        reclaim_tables(&t.vm, UINT32_MAX);
    EXPECT(pt_span(&s->pt, va) == PT_OUT, "it is in");
    object_resize(o, 4);
    EXPECT(vt_read(s, va + 5 * PAGE_SIZE, &(uint32_t){0}) == FAULT_BUS, "beyond the end");
    object_resize(o, 8);
    READ(s, va + 5 * PAGE_SIZE, 0);
    READ(s, va + 3 * PAGE_SIZE, 53);
    EXPECT(vm_verify(&t.vm), "afterwards");
    space_destroy(s);
    object_put(o);
    vt_end(&t);
}

TEST(table, damage_is_named)
{
    struct vt t;

    if (!vt_begin(&t, kt, 200, 40, 300))
        return;
    struct space *s = sparse(kt, &t), *c;

    put_out(kt, &t, s);
    c = fork_of(kt, s);
    READ(s, at(0), value_of(0));
    vt_idle();
    evict_at(kt, s, at(0));
    EXPECT(vm_verify(&t.vm), "sound before");

    struct frame *table = pt_resident_table(&s->pt, at(0)), *page;
    slot_t slot = pt_out_slot(&s->pt, at(1));
    pde_t *pde = &s->pt.top[at(1) >> PT_SPAN_SHIFT], saved = *pde;

    REQUIRE(table && table->flags & FRAME_F_IDLE, "the table is not listed");
    BROKEN(&t.vm, "INV-TABLE-1", *pde = pde_make_out(slot + 1), *pde = saved);
    BROKEN(&t.vm, "INV-TABLE-1", swap_ref(&t.vm, slot), swap_unref(&t.vm, slot));
    BROKEN(&t.vm, "INV-TABLE-2", t.vm.tables.entries++, t.vm.tables.entries--);
    BROKEN(&t.vm, "INV-TABLE-2", t.vm.tables.out++, t.vm.tables.out--);
    BROKEN(&t.vm, "INV-TABLE-3", t.vm.tables.idle.count++, t.vm.tables.idle.count--);
    BROKEN(&t.vm, "INV-PT-8", table->flags ^= FRAME_F_IDLE, table->flags ^= FRAME_F_IDLE);
    BROKEN(&t.vm, "INV-PT-5", s->pt.out++, s->pt.out--);
    BROKEN(&t.vm, "INV-PT-1", *pde |= PT_USER, *pde = saved);
    BROKEN(&t.vm, "INV-VM-2", t.vm.tables.names++, t.vm.tables.names--);
    REQUIRE(swap_in(&t.vm, slot, &page) == 0, "reading");
    BROKEN(
        &t.vm, "INV-TABLE-4",
        {
            pte_t *e = window_open(t.pool, frame_pfn(t.pool, page));
            e[9] = e[5];
            window_close(t.pool, e);
        },
        {
            pte_t *e = window_open(t.pool, frame_pfn(t.pool, page));
            e[9] = PTE_NONE;
            window_close(t.pool, e);
        });
    frame_unpin(page);
    BROKEN(&t.vm, "INV-SWAP-11", swap_set_entries(&t.vm, 290, 1), swap_set_entries(&t.vm, 290, 0));
    EXPECT(vm_verify(&t.vm), "sound after");
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}
