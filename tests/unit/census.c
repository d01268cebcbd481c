/* The census against pages of every kind, and swappiness. */
#include "mm/census.h"
#include "mm/object.h"
#include "mm/rmap.h"
#include "mm/space.h"
#include "tests/vt.h"

enum { BASE = 0x10000000, SHARED = 0x20000000, IMAGE = 0x30000000 };
#define RW (REGION_READ | REGION_WRITE)

TEST(census, counts_every_kind)
{
    static const uint8_t image[5 * 4096] = {1};
    struct vt t;
    struct space *s;
    struct object *shared, *file;
    vaddr_t at[3] = {BASE, SHARED, IMAGE};
    struct census c;
    uint32_t v;

    if (!vt_begin(&t, kt, 256, 0, 64))
        return;
    s = space_create(&t.vm);
    shared = object_create(&t.vm, &pager_zero, 4, "shared");
    file = object_create_image(&t.vm, image, sizeof image, "file");
    REQUIRE(s && shared && file, "no memory");
    EXPECT(space_map(s, &at[0], 8 << PAGE_SHIFT, RW | MAP_AT, NULL, 0) == 0, "map");
    EXPECT(space_map(s, &at[1], 4 << PAGE_SHIFT, RW | REGION_SHARED | MAP_AT, shared, 0) == 0, "map");
    EXPECT(space_map(s, &at[2], 5 << PAGE_SHIFT, REGION_READ | MAP_AT, file, 0) == 0, "map");
    for (unsigned i = 0; i < 8; i++)
        EXPECT(vt_write(s, BASE + (i << PAGE_SHIFT), i) == FAULT_RESUME, "page %u", i);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(vt_write(s, SHARED + (i << PAGE_SHIFT), i) == FAULT_RESUME, "page %u", i);
    for (unsigned i = 0; i < 5; i++)
        EXPECT(vt_read(s, IMAGE + (i << PAGE_SHIFT), &v) == FAULT_RESUME, "page %u", i);
    census_take(&t.vm, &c);
    EXPECT(c.anon == 8 && c.anon_mapped == 8 && c.shmem == 3 && c.shmem_mapped == 3 && c.file == 5 &&
               c.file_mapped == 5,
           "anon %u %u, shmem %u %u, file %u %u", c.anon, c.anon_mapped, c.shmem, c.shmem_mapped, c.file,
           c.file_mapped);
    EXPECT(!c.swap_cached && !c.writeback && !c.dirty && !c.locked_anon && !c.locked_file, "nothing else");
    EXPECT(t.vm.file_pages == 5 && census_shmem(&t.vm) == 3, "%u file, %u shmem", t.vm.file_pages,
           census_shmem(&t.vm));

    EXPECT(space_lock(s, BASE, 2 << PAGE_SHIFT, REGION_LOCKED) == 0 &&
               space_lock(s, IMAGE, 1 << PAGE_SHIFT, REGION_LOCKED) == 0,
           "lock");
    census_take(&t.vm, &c);
    EXPECT(c.locked_anon == 2 && c.locked_file == 1, "%u, %u locked", c.locked_anon, c.locked_file);

    /* Out, and in again by a read: in the swap cache. */
    pte_t *e = pt_resident_entry(&s->pt, BASE + (5 << PAGE_SHIFT));

    EXPECT(reclaim_evict(&t.vm, pfn_frame(t.pool, pte_pfn(*e))) == 0, "evict");
    census_take(&t.vm, &c);
    EXPECT(c.anon == 7, "%u anon", c.anon);
    EXPECT(vt_read(s, BASE + (5 << PAGE_SHIFT), &v) == FAULT_RESUME && v == 5, "back");
    census_take(&t.vm, &c);
    EXPECT(c.anon == 8 && c.anon_mapped == 8 && c.swap_cached == 1, "%u anon, %u cached", c.anon,
           c.swap_cached);
    vt_idle();
    object_put(shared);
    object_put(file);
    space_destroy(s);
    EXPECT(t.vm.file_pages == 0, "%u file pages are left", t.vm.file_pages);
    vt_end(&t);
}

/* How many of the image's pages went when a few frames were wanted, of as many of each kind. */
static unsigned files_gone(struct kt *kt, uint32_t swappiness)
{
    enum { EACH = 32, WANT = 16 };
    static const uint8_t image[EACH * 4096] = {1};
    struct vt t;
    struct space *s;
    struct object *file;
    vaddr_t at[2] = {BASE, IMAGE};
    uint32_t v;
    unsigned gone;

    if (!vt_begin(&t, kt, 256, 0, 128))
        return ~0u;
    t.vm.swappiness = swappiness;
    s = space_create(&t.vm);
    file = object_create_image(&t.vm, image, sizeof image, "file");
    if (s && file && space_map(s, &at[0], EACH << PAGE_SHIFT, RW | MAP_AT, NULL, 0) == 0 &&
        space_map(s, &at[1], EACH << PAGE_SHIFT, REGION_READ | MAP_AT, file, 0) == 0)
        for (unsigned i = 0; i < EACH; i++) {
            EXPECT(vt_write(s, BASE + (i << PAGE_SHIFT), i) == FAULT_RESUME, "page %u", i);
            EXPECT(vt_read(s, IMAGE + (i << PAGE_SHIFT), &v) == FAULT_RESUME, "page %u", i);
        }
    vt_idle();
    /* The first turn takes the accessed bits away, from everybody. */
    nosleep_enter("the frames' accessed bits");
    for (pfn_t pfn = t.pool->start; pfn < t.pool->end; pfn++)
        if (pfn_frame(t.pool, pfn)->maps && pfn_frame(t.pool, pfn)->use >= FRAME_ANON)
            rmap_test_clear_accessed(&t.vm, pfn_frame(t.pool, pfn));
    nosleep_exit();
    reclaim_run(&t.vm, WANT);
    gone = EACH - file->resident;
    object_put(file);
    space_destroy(s);
    vt_end(&t);
    return gone;
}

TEST(census, swappiness_chooses)
{
    unsigned never = files_gone(kt, 0), some = files_gone(kt, 60), equal = files_gone(kt, 100),
             only = files_gone(kt, 200);

    if (never == ~0u || some == ~0u || equal == ~0u || only == ~0u)
        return;
    EXPECT(never == 16, "0: %u of 16 were files'", never);
    EXPECT(some > equal && some < 16, "60: %u of 16 were files'", some);
    EXPECT(equal == 8, "100: %u of 16 were files'", equal);
    EXPECT(only == 0, "200: %u of 16 were files'", only);
}
