/*
 * Requests of swap while they are in flight: who takes a page over that is being written, who finishes what a
 * disk has completed, and who is woken. Host only: the disk completes when the test says so.
 */
#include "mm/ahead.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "tests/host/fibers.h"
#include "tests/host/host.h"
#include "tests/vtcheck.h"

/* Begin to write the page at va, and do not wait. */
static struct frame *begin_eviction(struct kt *kt, struct space *s, vaddr_t va)
{
    struct frame *f = frame_at(s, va);

    EXPECT(f, "nothing at %x", va);
    if (!f)
        return NULL;
    frame_pin(f);
    EXPECT(reclaim_evict_some(s->vm, &f, 1) == 1, "%x is not on its way", va);
    return f;
}

static void complete_all(struct vt *t)
{
    while (testdisk_complete(&t->disk))
        ;
}

/* A program writes to its page while the disk reads it: no copy, and the slot is of no use afterwards. */
TEST(swapio, a_page_is_taken_over_while_it_is_written)
{
    struct vt t;

    for (unsigned early = 0; early < 2; early++) {
        if (!vt_begin(&t, kt, 128, 32, 64))
            return;
        struct space *s = space_create(&t.vm);
        vaddr_t va = map(kt, s, 2, RW);
        struct frame *f;

        WRITE(s, va, 1);
        WRITE(s, va + PAGE_SIZE, 100);
        t.disk.delayed = true;
        t.disk.early = early;
        f = begin_eviction(kt, s, va);
        REQUIRE(f && f->flags & FRAME_F_WRITEBACK, "no write began");
        WRITE(s, va, 2);
        EXPECT(t.vm.stats.by_action[FAULT_COPY] == 0 && frame_at(s, va) == f, "the page was copied");
        EXPECT((f->flags & (FRAME_F_WRITEBACK | FRAME_F_DIRTY)) == (FRAME_F_WRITEBACK | FRAME_F_DIRTY),
               "flags %x", f->flags);
        EXPECT(vm_verify(&t.vm), "while it is written");
        WRITE(s, va + 8, 3);
        complete_all(&t);
        swap_poll(&t.vm, true);
        EXPECT(t.disk.torn == 0, "%u pages were torn, and their slots kept", t.disk.torn);
        EXPECT(f->slot == SLOT_NONE && t.vm.swap.free == t.vm.swap.total, "slot %x of a torn page", f->slot);
        EXPECT(vm_verify(&t.vm), "after the write");
        READ(s, va, 2);
        t.disk.delayed = false;
        evict_at(kt, s, va);
        READ(s, va, 2);
        READ(s, va + 8, 3);
        space_destroy(s);
        vt_end(&t);
    }
}

/* The same when the write fails, and when the page is unmapped before it ends. */
TEST(swapio, a_page_that_was_taken_over_fails_or_goes)
{
    struct vt t;

    for (unsigned goes = 0; goes < 2; goes++) {
        if (!vt_begin(&t, kt, 128, 32, 64))
            return;
        struct space *s = space_create(&t.vm);
        vaddr_t va = map(kt, s, 1, RW);
        struct frame *f;

        WRITE(s, va, 1);
        t.disk.delayed = true;
        f = begin_eviction(kt, s, va);
        REQUIRE(f, "no write");
        slot_t slot = f->slot;

        kt_capture_begin();
        if (!goes)
            t.disk.bad_write[0] = (uint64_t)(slot & (SWAP_AREA_PAGES - 1)) * (PAGE_SIZE / BLOCK_SECTOR);
        WRITE(s, va, 2);
        if (goes)
            EXPECT(space_unmap(s, va, PAGE_SIZE) == 0, "unmapping");
        EXPECT(vm_verify(&t.vm), "in flight");
        complete_all(&t);
        swap_poll(&t.vm, true);
        kt_capture_end();
        EXPECT(goes || (swap_bad(&t.vm, slot) && f->slot == SLOT_NONE), "slot %x of flags %x", f->slot,
               f->flags);
        EXPECT(!goes || t.pool->used[FRAME_ANON] == 0, "%u frames are left", t.pool->used[FRAME_ANON]);
        t.disk.delayed = false;
        if (!goes)
            READ(s, va, 2);
        space_destroy(s);
        vt_end(&t);
    }
}

/* Where another program needs the old contents, it is a copy as ever. */
TEST(swapio, a_page_that_others_need_is_copied)
{
    struct vt t;

    if (!vt_begin(&t, kt, 128, 32, 64))
        return;
    struct space *s = space_create(&t.vm), *child;
    vaddr_t va = map(kt, s, 1, RW);

    WRITE(s, va, 1);
    child = fork_of(kt, s);
    t.disk.delayed = true;
    REQUIRE(begin_eviction(kt, s, va), "no write");
    WRITE(s, va, 2);
    EXPECT(t.vm.stats.by_action[FAULT_COPY] == 1, "%u copies", (unsigned)t.vm.stats.by_action[FAULT_COPY]);
    EXPECT(vm_verify(&t.vm), "in flight");
    complete_all(&t);
    t.disk.delayed = false;
    swap_poll(&t.vm, true);
    READ(s, va, 2);
    READ(child, va, 1);
    space_destroy(child);
    space_destroy(s);
    vt_end(&t);
}

/* --- who finishes, and who is woken --- */

#define READERS 24u
#define APART   3u /* pages between two that are wanted, in slots of their own */

struct stage {
    struct vt t;
    struct space *s;
    vaddr_t va;
    unsigned left; /* tasks that have not ended */
    bool bad;
};

static bool disk_event(void *arg)
{
    struct stage *st = arg;

    return testdisk_complete(&st->t.disk);
}

static void daemon(void *arg)
{
    struct stage *st = arg;

    while (st->left) {
        reclaim_daemon_turn(&st->t.vm);
        os_yield();
    }
}

static void task_ends(struct stage *st)
{
    if (--st->left == 0)
        os_wake_all(&st->t.vm.daemon_wait);
}

/* Nobody asks for the page any more, and nobody else comes by. */
static void leave_it(void *arg)
{
    struct stage *st = arg;
    struct kt *kt = st->t.kt;
    const struct frame *f = begin_eviction(kt, st->s, st->va);

    for (unsigned i = 0; i < 200 && f && f->flags & FRAME_F_WRITEBACK; i++)
        os_yield();
    if (f)
        EXPECT(!(f->flags & FRAME_F_WRITEBACK) && f->use == FRAME_FREE, "flags %x, use %s", f->flags,
               frame_use_name(f->use));
    task_ends(st);
}

static bool stage_begin(struct stage *st, struct kt *kt, uint32_t pages)
{
    memset(st, 0, sizeof *st);
    if (!vt_begin(&st->t, kt, 512, 128, 256))
        return false;
    st->s = space_create(&st->t.vm);
    st->va = map(kt, st->s, pages, RW);
    for (uint32_t i = 0; i < pages; i++)
        WRITE(st->s, st->va + i * (vaddr_t)PAGE_SIZE, i);
    return true;
}

static void stage_end(struct stage *st)
{
    st->t.disk.delayed = false;
    complete_all(&st->t);
    space_destroy(st->s);
    vt_end(&st->t);
}

TEST(swapio, the_daemon_finishes_what_nobody_waits_for)
{
    static struct stage st;

    if (!stage_begin(&st, kt, 1))
        return;
    st.left = 1;
    st.t.disk.delayed = true;
    fiber_start("task", leave_it, &st);
    fiber_start("daemon", daemon, &st);
    fibers_event(disk_event, &st);
    REQUIRE(fibers_run(kt), "a deadlock");
    stage_end(&st);
}

static struct stage *of_readers;

/* A request completes only when all who can wait do. */
static bool late_disk_event(void *arg)
{
    struct stage *st = arg;
    unsigned pending = 0;

    for (const struct block_request *r = st->t.disk.head; r; r = r->next)
        pending++;
    return pending >= (st->left < SWAP_READS ? st->left : SWAP_READS) && testdisk_complete(&st->t.disk);
}

static void reader(void *arg)
{
    struct stage *st = of_readers;
    struct kt *kt = st->t.kt;
    uint32_t page = (uint32_t)(uintptr_t)arg * APART, got = 0;
    slot_t slot = pte_slot(*pt_resident_entry(&st->s->pt, st->va + page * (vaddr_t)PAGE_SIZE));
    struct frame *f;

    EXPECT(swap_in(&st->t.vm, slot, &f) == 0, "page %u", page);
    void *at = window_open(st->t.pool, frame_pfn(st->t.pool, f));

    memcpy(&got, at, sizeof got);
    window_close(st->t.pool, at);
    EXPECT(got == page, "page %u holds %u", page, got);
    frame_unpin(f);
    vm_frame_drop(&st->t.vm, f);
    task_ends(st);
}

/* Each of many waits for a page of his own, and is woken for that one. */
TEST(swapio, who_waits_is_woken_for_his_page)
{
    static struct stage st;
    uint64_t wakes = fibers_wakes();

    if (!stage_begin(&st, kt, READERS * APART))
        return;
    of_readers = &st;
    space_advise(st.s, st.va, READERS * APART * PAGE_SIZE, ADVISE_PAGEOUT);
    swap_quiet(&st.t.vm);
    st.t.vm.swap.clustering = false;
    st.left = READERS;
    st.t.disk.delayed = true;
    for (unsigned i = 0; i < READERS; i++)
        fiber_start("reader", reader, (void *)(uintptr_t)i);
    fibers_event(late_disk_event, &st);
    REQUIRE(fibers_run(kt), "a deadlock");
    wakes = fibers_wakes() - wakes;
    kt_note(kt, "%u wake-ups of %u readers", (unsigned)wakes, READERS);
    EXPECT(wakes <= 2 * READERS, "%u wake-ups", (unsigned)wakes);
    stage_end(&st);
}

/* --- errors --- */

/* A page that cannot be read costs its own program only, whoever read it ahead. */
TEST(swapio, a_bad_page_in_a_window)
{
    static struct stage st;
    uint32_t v;

    if (!stage_begin(&st, kt, 64))
        return;
    space_advise(st.s, st.va, 64 * PAGE_SIZE, ADVISE_PAGEOUT);
    swap_quiet(&st.t.vm);

    slot_t slot = pte_slot(*pt_resident_entry(&st.s->pt, st.va + 20 * PAGE_SIZE));

    kt_capture_begin();
    st.t.disk.bad_read[0] = (uint64_t)(slot & (SWAP_AREA_PAGES - 1)) * (PAGE_SIZE / BLOCK_SECTOR) + 2;
    for (uint32_t i = 0; i < 64; i++) {
        enum fault_verdict verdict = vt_read(st.s, st.va + i * (vaddr_t)PAGE_SIZE, &v);

        EXPECT(verdict == (i == 20 ? FAULT_BUS : FAULT_RESUME) && (i == 20 || v == i), "page %u: %s, %u", i,
               fault_verdict_name(verdict), v);
    }
    kt_capture_end();
    swap_quiet(&st.t.vm);
    EXPECT(swap_bad(&st.t.vm, slot) && st.t.vm.swap.area[0]->bad == 1, "%u bad slots",
           st.t.vm.swap.area[0]->bad);
    EXPECT(vm_verify(&st.t.vm), "afterwards");
    stage_end(&st);
}
