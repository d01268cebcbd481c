/* Whole spaces put out and brought back: what moves, in which requests, and that nothing is ever lost. */
#include "mm/errno.h"
#include "mm/load.h"
#include "tests/vtcheck.h"

#define SIZE(pages) ((size_t)(pages) << PAGE_SHIFT)
#define AT          ((vaddr_t)0x7E0000) /* 32 pages below the end of a span */

static uint32_t in_slots(struct space *s, vaddr_t va, uint32_t pages)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < pages; i++, va += PAGE_SIZE) {
        const pte_t *e = pt_resident_entry(&s->pt, va);

        n += e && pte_is_swap(*e);
    }
    return n;
}

static void fill(struct kt *kt, struct space *s, vaddr_t va, uint32_t pages, uint32_t seed)
{
    for (uint32_t i = 0; i < pages; i++)
        WRITE(s, va + SIZE(i), seed + i);
}

static void expect_filled(struct kt *kt, struct space *s, vaddr_t va, uint32_t pages, uint32_t seed)
{
    for (uint32_t i = 0; i < pages; i++)
        READ(s, va + SIZE(i), seed + i);
}

/* A machine of so many frames and pages of disk, and a space with `pages` that were written from AT on. NULL:
 * there is no memory for it. */
static struct space *begin(struct vt *t, struct kt *kt, uint32_t frames, uint32_t disk, uint32_t pages,
                           uint32_t seed)
{
    struct space *s;

    if (!vt_begin(t, kt, frames, 64, disk))
        return NULL;
    s = space_create(&t->vm);
    map_at(kt, s, AT, pages, RW);
    fill(kt, s, AT, pages, seed);
    return s;
}

TEST(load, out_and_back)
{
    struct load_set set = {0};
    struct vt t;

    struct space *s = begin(&t, kt, 320, 256, 96, 1000);

    if (!s)
        return;

    uint64_t writes = t.vm.swap.writes, reads;

    EXPECT(load_put_out(s, &set, NULL, NULL) == 96, "all go");
    EXPECT(set.pages == 96 && load_verify(&set), "%u are remembered", set.pages);
    EXPECT(in_slots(s, AT, 96) == 96, "%u are in slots", in_slots(s, AT, 96));
    EXPECT(t.vm.swap.writes - writes <= 96 / SWAP_CLUSTER + 1, "in large writes: %u",
           (unsigned)(t.vm.swap.writes - writes));
    EXPECT(!t.vm.swap.io_active && t.pool->used[FRAME_ANON] == 0, "their frames are free");
    EXPECT(vm_verify(&t.vm), "verification");

    reads = t.vm.swap.reads;
    EXPECT(load_bring_back(s, &set, NULL, NULL) == 96, "all are back");
    EXPECT(t.vm.swap.reads - reads <= 96 / SWAP_CLUSTER + 1, "in large reads: %u",
           (unsigned)(t.vm.swap.reads - reads));
    EXPECT(!set.pages && !set.first && load_verify(&set), "the set is empty");
    FAULTS(&t.vm, 0, expect_filled(kt, s, AT, 96, 1000));
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

/* What comes back is what there was, no more. */
TEST(load, only_what_was_there)
{
    struct load_set set = {0};
    struct vt t;

    struct space *s = begin(&t, kt, 256, 128, 64, 7);

    if (!s)
        return;
    for (uint32_t i = 0; i < 64; i += 4)
        evict_at(kt, s, AT + SIZE(i));
    EXPECT(load_put_out(s, &set, NULL, NULL) == 48 && set.pages == 48, "%u are remembered", set.pages);
    EXPECT(load_bring_back(s, &set, NULL, NULL) == 48, "they are back");
    EXPECT(in_slots(s, AT, 64) == 16, "%u were out before", in_slots(s, AT, 64));
    expect_filled(kt, s, AT, 64, 7);
    space_destroy(s);
    vt_end(&t);
}

/* Shared tables and pages stay, and so do locked ones. */
TEST(load, leaves_what_others_have)
{
    struct load_set set = {0};
    struct vt t;

    if (!vt_begin(&t, kt, 256, 64, 128))
        return;
    struct space *s = space_create(&t.vm);

    map_at(kt, s, 0x400000, 8, RW);
    map_at(kt, s, 0x800000, 8, RW);
    map_at(kt, s, 0xC00000, 8, RW);
    fill(kt, s, 0x400000, 8, 1);
    fill(kt, s, 0x800000, 8, 2);
    struct space *c = fork_of(kt, s);

    /* The second span is split for two pages, the third is new, and some of it is locked. */
    WRITE(s, 0x800000, 50);
    WRITE(s, 0x801000, 51);
    fill(kt, s, 0xC00000, 8, 3);
    EXPECT(space_lock(s, 0xC00000, SIZE(3), REGION_LOCKED) == 0, "locked");
    EXPECT(load_put_out(s, &set, NULL, NULL) == 2 + 5, "what is its own: %u",
           in_slots(s, 0x800000, 8) + in_slots(s, 0xC00000, 8));
    EXPECT(in_slots(s, 0x400000, 8) == 0 && in_slots(s, 0x800000, 8) == 2 && in_slots(s, 0xC00000, 8) == 5,
           "%u %u %u", in_slots(s, 0x400000, 8), in_slots(s, 0x800000, 8), in_slots(s, 0xC00000, 8));
    EXPECT(load_bring_back(s, &set, NULL, NULL) == 7, "they are back");
    expect_filled(kt, c, 0x400000, 8, 1);
    expect_filled(kt, c, 0x800000, 8, 2);
    expect_filled(kt, s, 0x400000, 8, 1);
    READ(s, 0x800000, 50);
    expect_filled(kt, s, 0xC00000, 8, 3);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(c);
    space_destroy(s);
    vt_end(&t);
}

/* Pages of shared memory that only this space maps go, and come. */
TEST(load, shared_memory)
{
    struct load_set set = {0};
    struct vt t;
    vaddr_t va = 0x400000;

    if (!vt_begin(&t, kt, 256, 64, 128))
        return;
    struct space *s = space_create(&t.vm);
    struct object *o = object_create(&t.vm, &pager_zero, 20, "shared");

    EXPECT(space_map(s, &va, SIZE(20), RW | REGION_SHARED | MAP_AT, o, 0) == 0, "mapped");
    object_put(o);
    fill(kt, s, va, 20, 9);
    EXPECT(load_put_out(s, &set, NULL, NULL) == 20 && set.pages == 20, "%u", set.pages);
    EXPECT(load_bring_back(s, &set, NULL, NULL) == 20, "they are back");
    FAULTS(&t.vm, 0, expect_filled(kt, s, va, 20, 9));
    space_destroy(s);
    vt_end(&t);
}

/* The program's calls go on: what it unmaps, gives up and writes meanwhile is as it wants it. */
TEST(load, changed_meanwhile)
{
    struct load_set set = {0};
    struct vt t;
    uint32_t v;

    struct space *s = begin(&t, kt, 256, 128, 64, 100);

    if (!s)
        return;
    EXPECT(load_put_out(s, &set, NULL, NULL) == 64, "out");
    EXPECT(space_unmap(s, AT, SIZE(8)) == 0, "the first go");
    EXPECT(space_advise(s, AT + SIZE(8), SIZE(8), ADVISE_DONTNEED) == 0, "others are given up");
    WRITE(s, AT + SIZE(16), 1);
    EXPECT(space_unmap(s, 0x800000, SIZE(32)) == 0, "and all of the second span");
    map_at(kt, s, 0x800000, 4, RW);
    EXPECT(load_bring_back(s, &set, NULL, NULL) <= 16, "only what is out");
    EXPECT(vt_read(s, AT, &v) == FAULT_MAPERR, "gone");
    for (uint32_t i = 8; i < 16; i++)
        READ(s, AT + SIZE(i), 0);
    READ(s, AT + SIZE(16), 1);
    expect_filled(kt, s, AT + SIZE(17), 15, 117);
    for (uint32_t i = 0; i < 4; i++)
        READ(s, 0x800000 + SIZE(i), 0);
    EXPECT(vm_verify(&t.vm), "verification");
    space_destroy(s);
    vt_end(&t);
}

static bool stop_after(void *arg)
{
    unsigned *left = arg;

    return *left ? !--*left : true;
}

TEST(load, interrupted)
{
    struct vt t;

    struct space *s = begin(&t, kt, 256, 256, 64, 5);

    if (!s)
        return;
    for (unsigned n = 1; n < 140; n += 3) {
        struct load_set set = {0};
        unsigned left = n;

        load_put_out(s, &set, stop_after, &left);
        EXPECT(load_verify(&set) && vm_verify(&t.vm), "put out, stopped after %u", n);
        left = n;
        load_bring_back(s, &set, stop_after, &left);
        EXPECT(!set.first && vm_verify(&t.vm), "brought back, stopped after %u", n);
    }
    expect_filled(kt, s, AT, 64, 5);
    space_destroy(s);
    vt_end(&t);
}

/* Every allocation fails once, and all after it. */
TEST(load, without_memory)
{
    struct vt t;

    struct space *s = begin(&t, kt, 256, 256, 64, 11);

    if (!s)
        return;
    for (uint32_t n = 1; n < 90; n++) {
        struct load_set set = {0};

        cache_reap(&t.vm.load_cache);
        frame_fail_after(t.pool, n % 3 + 1);
        load_put_out(s, &set, NULL, NULL);
        frame_fail_after(t.pool, 0);
        EXPECT(in_slots(s, AT, 64) == 64, "out without memory: %u", in_slots(s, AT, 64));
        EXPECT(load_verify(&set) && vm_verify(&t.vm), "put out, %u", n % 3 + 1);
        load_forget(&t.vm, &set);
        expect_filled(kt, s, AT, 64, 11);

        EXPECT(load_put_out(s, &set, NULL, NULL) == 64 && set.pages == 64, "out");
        frame_fail_after(t.pool, n);
        load_bring_back(s, &set, NULL, NULL);
        frame_fail_after(t.pool, 0);
        EXPECT(!set.first && vm_verify(&t.vm), "brought back, %u", n);
        expect_filled(kt, s, AT, 64, 11);
        fill(kt, s, AT, 64, 11);
    }
    space_destroy(s);
    vt_end(&t);
}

/* No room in swap: what cannot go stays. */
TEST(load, full_swap)
{
    struct load_set set = {0};
    struct vt t;

    struct space *s = begin(&t, kt, 256, 24, 64, 3);

    if (!s)
        return;
    EXPECT(load_put_out(s, &set, NULL, NULL) == 23, "as many as there are slots: %u", in_slots(s, AT, 64));
    load_bring_back(s, &set, NULL, NULL);
    FAULTS(&t.vm, 0, expect_filled(kt, s, AT, 64, 3));
    space_destroy(s);
    vt_end(&t);
}

/* A page that cannot be read is lost to who asks for it, and no other. */
TEST(load, bad_disk)
{
    struct load_set set = {0};
    struct vt t;
    uint32_t v, bad = 0;

    struct space *s = begin(&t, kt, 256, 128, 48, 60);

    if (!s)
        return;
    EXPECT(load_put_out(s, &set, NULL, NULL) == 48, "out");
    kt_capture_begin();
    t.disk.bad_read[0] =
        (uint64_t)(pte_slot(*pt_resident_entry(&s->pt, AT + SIZE(20))) & (SWAP_AREA_PAGES - 1)) *
        (PAGE_SIZE / BLOCK_SECTOR);
    EXPECT(load_bring_back(s, &set, NULL, NULL) == 47, "all but one are back");
    for (uint32_t i = 0; i < 48; i++) {
        if (vt_read(s, AT + SIZE(i), &v) == FAULT_BUS)
            bad++;
        else
            EXPECT(v == 60 + i, "page %u holds %u", i, v);
    }
    kt_capture_end();
    EXPECT(bad == 1, "%u pages are lost", bad);
    t.disk.bad_read[0] = 0;
    space_destroy(s);
    vt_end(&t);
}

/* Nothing comes in that would drive out others. */
TEST(load, no_room)
{
    struct load_set set = {0};
    struct vt t;

    if (!vt_begin(&t, kt, 256, 0, 512))
        return;
    struct space *s = space_create(&t.vm), *other = space_create(&t.vm);

    map_at(kt, s, AT, 64, RW);
    fill(kt, s, AT, 64, 70);
    EXPECT(load_put_out(s, &set, NULL, NULL) == 64, "out");
    map_at(kt, other, 0x400000, 256, RW);
    fill(kt, other, 0x400000, 256, 1);
    uint64_t evicted = t.vm.stats.evicted;
    uint32_t came = load_bring_back(s, &set, NULL, NULL);

    EXPECT(came < 64 && t.vm.stats.evicted == evicted, "%u came, %u had to go", came,
           (unsigned)(t.vm.stats.evicted - evicted));
    expect_filled(kt, s, AT, 64, 70);
    space_destroy(other);
    space_destroy(s);
    vt_end(&t);
}

/* Several spaces, in and out at random, beside reclaim. */
TEST(load, random)
{
    enum { SPACES = 3, PAGES = 80 };
    struct load_set set[SPACES] = {0};
    uint32_t *model = kt_alloc(SPACES * PAGES * sizeof *model);
    struct space *s[SPACES];
    struct vt t;

    if (!model || !vt_begin(&t, kt, 256, 64, 512)) {
        kt_release(model);
        return;
    }
    memset(model, 0, SPACES * PAGES * sizeof *model);
    for (unsigned k = 0; k < SPACES; k++) {
        s[k] = space_create(&t.vm);
        map_at(kt, s[k], AT, PAGES, RW);
    }
    for (uint32_t n = 0; n < kt_rounds(kt, 100000) && kt->failures == 0; n++) {
        unsigned k = kt_below(kt, SPACES), i = kt_below(kt, PAGES);

        switch (kt_below(kt, 64)) {
        case 0:
            load_put_out(s[k], &set[k], NULL, NULL);
            break;
        case 1:
            load_bring_back(s[k], &set[k], NULL, NULL);
            break;
        case 2:
            reclaim_run(&t.vm, 1 + kt_below(kt, 40));
            break;
        case 3:
            load_forget(&t.vm, &set[k]);
            break;
        case 4:
            EXPECT(space_advise(s[k], AT + SIZE(i), PAGE_SIZE, ADVISE_DONTNEED) == 0, "given up");
            model[k * PAGES + i] = 0;
            break;
        default:
            if (kt_below(kt, 2)) {
                WRITE(s[k], AT + SIZE(i), n);
                model[k * PAGES + i] = n;
            } else {
                READ(s[k], AT + SIZE(i), model[k * PAGES + i]);
            }
        }
        if (n % 512 == 0) {
            EXPECT(vm_verify(&t.vm), "verification");
            for (k = 0; k < SPACES; k++)
                EXPECT(load_verify(&set[k]), "set %u", k);
        }
    }
    for (unsigned k = 0; k < SPACES; k++) {
        for (unsigned i = 0; i < PAGES; i++)
            READ(s[k], AT + SIZE(i), model[k * PAGES + i]);
        load_forget(&t.vm, &set[k]);
        space_destroy(s[k]);
    }
    kt_release(model);
    vt_end(&t);
}

TEST(load, damage_is_found)
{
    struct load_set set = {0};
    struct vt t;

    struct space *s = begin(&t, kt, 256, 128, 64, 1);

    if (!s)
        return;
    load_put_out(s, &set, NULL, NULL);
    EXPECT(load_verify(&set), "sound");
    kt_capture_begin();
    set.pages++;
    EXPECT(!load_verify(&set) && kt_captured("INV-LOAD-2"), "a count");
    set.pages--;
    kt_capture_end();
    kt_capture_begin();
    *(vaddr_t *)(void *)((uint8_t *)set.first + sizeof(void *)) += 3 * PT_SPAN;
    EXPECT(!load_verify(&set) && kt_captured("INV-LOAD-1"), "an order");
    *(vaddr_t *)(void *)((uint8_t *)set.first + sizeof(void *)) -= 3 * PT_SPAN;
    kt_capture_end();
    load_forget(&t.vm, &set);
    space_destroy(s);
    vt_end(&t);
}
