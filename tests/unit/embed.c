/*
 * mm/ in a kernel that has nothing yet: from a range of RAM to a program's pages that go to disk and come
 * back. docs/lifting.md walks through this file. It uses the machine and the os_ functions of whoever runs
 * it, and makes everything else itself.
 */
#include "mm/fault.h"
#include "mm/reclaim.h"
#include "tests/kt.h"
#include "tests/testdisk.h"

#define SWAP_PAGES 16u
#define BASE       ((vaddr_t)0x400000)

/* What this kernel owns. Nothing in mm/ is global but os_current, os_nosleep and kmalloc_sys. */
struct embedder {
    struct frame_pool pool;
    struct vm vm;
    struct testdisk disk; /* or any other struct block_device */
};

/* 1. The loader's map says that the frames [start, end) are RAM. records: a struct frame for each. */
static void bring_up_frames(struct embedder *k, struct frame *records, pfn_t start, pfn_t end, void *direct)
{
    frame_pool_init(&k->pool, records, start, end, end, direct); /* all of it low: direct mapped */
    frame_add(&k->pool, start, end);                             /* once for each range */
    frame_set_marks(&k->pool);
}

/* 2. What spaces share, and a disk to swap to. From here on running low wakes vm.daemon_wait. */
static int bring_up_vm(struct embedder *k)
{
    int err = vm_init(&k->vm, &k->pool);

    if (err)
        return err;
    return swap_on(&k->vm, &k->disk.dev);
}

/* 3. The page-fault handler: error code to struct fault, verdict to what the kernel does. */
static bool page_fault(struct space *s, uint32_t cr2, uint32_t error)
{
    struct fault f = {
        .va = cr2,
        .access = error & 1 << 4   ? ACCESS_EXEC
                  : error & 1 << 1 ? ACCESS_WRITE
                                   : ACCESS_READ,
        .user = error & 1 << 2,
        .present = error & 1 << 0,
        .reserved = error & 1 << 3,
    };

    return fault_resolve(s, &f) == FAULT_RESUME; /* else: a signal, or the exception table, or a panic */
}

/* What the program would read and write there now. NULL: its access would fault. */
static uint32_t *word_at(struct embedder *k, struct space *s, vaddr_t va)
{
    pte_t *e = pt_resident_entry(&s->pt, va);

    if (!e || !pte_present(*e))
        return NULL;
    return (uint32_t *)((uint8_t *)frame_ptr(&k->pool, pte_pfn(*e)) + (va & PAGE_MASK));
}

/* A program that writes a word, is forked, pushed out to disk, and wanted again. */
static void live(struct kt *kt, struct embedder *k)
{
    struct space *parent = space_create(&k->vm), *child = NULL;
    vaddr_t va = BASE;

    REQUIRE(parent, "no memory for a space");
    EXPECT(space_map(parent, &va, 4 * PAGE_SIZE, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) == 0, "map");
    EXPECT(!word_at(k, parent, va), "nothing is there before it is touched");
    EXPECT(page_fault(parent, va, 0x6), "a user write of a page that is not there");
    EXPECT(word_at(k, parent, va) && *word_at(k, parent, va) == 0, "it came zeroed");
    *word_at(k, parent, va) = 42;

    EXPECT(space_fork(parent, &child) == 0, "fork");
    EXPECT(word_at(k, child, va) == word_at(k, parent, va), "one page for both");
    EXPECT(page_fault(child, va, 0x7), "the child's write of a page that is there, read-only");
    EXPECT(word_at(k, child, va) != word_at(k, parent, va), "a page for each");
    *word_at(k, child, va) = 43;
    space_destroy(child);

    struct frame *f = pfn_frame(&k->pool, pte_pfn(*pt_resident_entry(&parent->pt, va)));

    EXPECT(reclaim_evict(&k->vm, f) == 0, "out to the disk");
    EXPECT(!word_at(k, parent, va), "it is gone");
    EXPECT(page_fault(parent, va, 0x4), "a user read of it");
    EXPECT(word_at(k, parent, va) && *word_at(k, parent, va) == 42, "and it is back");
    EXPECT(!page_fault(parent, BASE - 1, 0x4), "an address without a region");
    EXPECT(vm_verify(&k->vm), "the recount");
    space_destroy(parent);
}

TEST(embed, from_ram_to_swap)
{
    struct frame_pool *ram = kt_pool(kt, 128, 0); /* borrowed: frames that nobody uses */

    if (!ram)
        return;
    pfn_t start = ram->start, end = ram->end;
    struct embedder *k = kt_alloc(sizeof *k);
    struct frame *records = kt_alloc((end - start) * sizeof *records);
    void *disk = kt_alloc(SWAP_PAGES * PAGE_SIZE);

    if (k && records && disk) {
        bring_up_frames(k, records, start, end, ram->direct);
        testdisk_init(&k->disk, &k->pool, disk, SWAP_PAGES);
        testdisk_mkswap(&k->disk, NULL, 0);

        int err = bring_up_vm(k);

        EXPECT(err == 0, "%d", err);
        if (!err) {
            live(kt, k);
            vm_fini(&k->vm);
        }
        EXPECT(frame_free_count(&k->pool) == end - start, "%u of %u frames came back",
               frame_free_count(&k->pool), end - start);
        EXPECT(frame_audit(&k->pool), "audit");
    } else {
        kt_skip(kt, "no memory");
    }
    kt_release(disk);
    kt_release(records);
    kt_release(k);
    kt_pool_done(kt, ram);
}
