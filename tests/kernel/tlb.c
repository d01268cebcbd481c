/*
 * The processor's translation cache, and that the page-table verbs keep it right. First it is shown that this
 * processor uses stale translations, by changing tables without a flush: without that, the tests of the
 * flushes would prove nothing. An entry may leave the cache at any moment, so one sighting in several tries
 * is enough.
 */
#include "kernel/proc/page_fault.h"
#include "kernel/sched/task.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/reclaim.h"
#include "mm/x86/tlb.h"
#include "tests/kt.h"

#define RW    (REGION_READ | REGION_WRITE)
#define VA    ((vaddr_t)0x00400000)
#define TRIES 20u

/* A space with two pages at VA, entered by this task and written once. */
static struct space *begin(struct kt *kt)
{
    struct space *s = space_create(&vm_sys);
    vaddr_t va = VA;

    if (!s || space_map(s, &va, 2 * PAGE_SIZE, RW | MAP_AT, NULL, 0) != 0) {
        if (s)
            space_destroy(s);
        kt_skip(kt, "no memory");
        return NULL;
    }
    task_set_space(s);
    EXPECT(user_write32(VA, 1) == 0 && user_write32(VA + PAGE_SIZE, 2) == 0, "write");
    return s;
}

static void end(struct space *s)
{
    task_set_space(NULL);
    space_destroy(s);
}

static uint64_t faults(void)
{
    return vm_sys.stats.faults;
}

/*
 * Change *word to value without a flush, and access VA at once: whether that went by the old translation.
 * While the table is wrong nobody resolves faults, and nobody else runs.
 */
static bool is_stale(uint32_t *word, uint32_t value, bool write, uint32_t *got)
{
    struct task *t = task_current();
    bool stale = false;

    for (unsigned i = 0; i < TRIES && !stale; i++) {
        if (user_write32(VA, 100 + i) != 0) /* now the processor has it */
            return false;

        uint32_t irq = os_irq_save(), saved = *word;
        struct space *s = t->space;

        t->space = NULL;
        WRITE_ONCE(*word, value);
        if (write)
            stale = user_write32(VA, 200 + i) == 0;
        else
            stale = user_read32(got, VA) == 0 && *got == 100 + i;
        WRITE_ONCE(*word, saved);
        tlb_flush_page(VA);
        t->space = s;
        os_irq_restore(irq);
    }
    return stale;
}

TEST(tlb, stale_translations_are_used)
{
    struct space *s = begin(kt);
    uint32_t got = 0;

    if (!s)
        return;
    pte_t *e = pt_resident_entry(&s->pt, VA);
    pde_t *top = &s->pt.top[VA >> PT_SPAN_SHIFT];

    EXPECT(is_stale(&e->raw, e->raw & ~(uint32_t)PT_WRITE, true, NULL), "a page made read-only");
    EXPECT(is_stale(top, *top & ~(uint32_t)PT_WRITE, true, NULL), "a span made read-only");
    EXPECT(is_stale(&e->raw, 0, false, &got), "a page taken away, read %u", got);
    EXPECT(vm_verify(&vm_sys), "as before");
    end(s);
}

TEST(tlb, rights_go_at_once)
{
    struct space *s = begin(kt);
    uint32_t v;

    if (!s)
        return;
    pte_t *e = pt_resident_entry(&s->pt, VA);
    uint64_t before;

    for (unsigned i = 0; i < TRIES; i++) {
        EXPECT(user_write32(VA, i) == 0, "write");
        nosleep_enter("the page-table entry");
        pt_set(&s->pt, VA, e, pte_readonly(*e));
        nosleep_exit();
        before = faults();
        EXPECT(user_read32(&v, VA) == 0 && v == i && faults() == before, "reading goes on: %u", v);
        EXPECT(user_write32(VA, i + 1) == 0 && faults() == before + 1, "writing takes one fault, not %u",
               (unsigned)(faults() - before));
        before = faults();
        EXPECT(user_write32(VA, i + 2) == 0 && faults() == before, "and then none");
    }
    EXPECT(space_protect(s, VA, PAGE_SIZE, REGION_READ) == 0, "protect");
    EXPECT(user_write32(VA, 1) == -EFAULT, "a protected page");
    EXPECT(space_protect(s, VA, PAGE_SIZE, RW) == 0 && user_write32(VA, 1) == 0, "and back");
    EXPECT(space_unmap(s, VA, PAGE_SIZE) == 0, "unmap");
    EXPECT(user_read32(&v, VA) == -EFAULT, "an unmapped page");
    EXPECT(user_read32(&v, VA + PAGE_SIZE) == 0 && v == 2, "its neighbour: %u", v);
    EXPECT(space_unmap(s, VA + PAGE_SIZE, PAGE_SIZE) == 0, "unmap");
    EXPECT(user_read32(&v, VA + PAGE_SIZE) == -EFAULT, "a span without a table");
    end(s);
}

/* Enough pages at once that the flush is of everything, not page by page. */
TEST(tlb, many_rights_go_at_once)
{
    enum { PAGES = 4 * PT_BATCH_PAGES };
    struct space *s = begin(kt);
    vaddr_t va = 0x00C00000;
    unsigned through = 0;

    if (!s)
        return;
    EXPECT(space_map(s, &va, PAGES * PAGE_SIZE, RW | MAP_AT, NULL, 0) == 0, "map");
    for (unsigned i = 0; i < PAGES; i++)
        EXPECT(user_write32(va + i * PAGE_SIZE, i) == 0, "write");
    EXPECT(space_protect(s, va, PAGES * PAGE_SIZE, REGION_READ) == 0, "protect");
    for (unsigned i = 0; i < PAGES; i++)
        through += user_write32(va + i * PAGE_SIZE, 1) == 0;
    EXPECT(through == 0, "%u of %u writes went through", through, PAGES);
    end(s);
}

TEST(tlb, fork_takes_the_parents_rights)
{
    struct space *s = begin(kt), *child = NULL;
    uint32_t v = 0;

    if (!s)
        return;
    EXPECT(user_write32(VA, 7) == 0, "write");
    EXPECT(space_fork(s, &child) == 0, "fork");
    if (child) {
        uint64_t before = faults();

        EXPECT(user_write32(VA, 8) == 0 && faults() == before + 1, "%u faults",
               (unsigned)(faults() - before));
        EXPECT(page_fault_read32(child, VA, &v) == FAULT_RESUME && v == 7, "the child has %u", v);
        space_destroy(child);
    }
    end(s);
}

/* The parent's table is changed through the child's root, which is not loaded. */
TEST(tlb, a_change_through_another_root)
{
    struct space *s = begin(kt), *child = NULL;
    uint32_t v = 0;

    if (!s)
        return;
    if (vm_sys.swap.free < 1024) /* a smaller disk may be one that fails */
        kt_skip(kt, "no swap to rely on");
    else if (space_fork(s, &child) == 0) {
        EXPECT(vm_sys.spaces == child, "reclaim asks the child first");
        for (unsigned i = 0; i < 4; i++) {
            EXPECT(user_read32(&v, VA) == 0 && v == 1, "read %u", v);
            EXPECT(reclaim_evict(&vm_sys, pfn_frame(vm_sys.pool, pte_pfn(*pt_resident_entry(&s->pt, VA)))) ==
                       0,
                   "evict");
            uint64_t before = faults();

            EXPECT(user_read32(&v, VA) == 0 && v == 1 && faults() == before + 1, "read %u, %u faults", v,
                   (unsigned)(faults() - before));
        }
    }
    if (child)
        space_destroy(child);
    end(s);
}

/* The processor sets the bit again only after the flush, so without one a page in use would look idle. */
TEST(tlb, accessed_bits_come_back)
{
    struct space *s = begin(kt);
    unsigned missed = 0;
    uint32_t v;

    if (!s)
        return;
    pte_t *e = pt_resident_entry(&s->pt, VA);

    for (unsigned i = 0; i < TRIES; i++) {
        user_read32(&v, VA);
        uint32_t irq = os_irq_save();
        WRITE_ONCE(e->raw, pte_old(*e).raw);
        user_read32(&v, VA);
        missed += !pte_accessed(*e);
        e->raw |= PT_ACCESSED;
        nosleep_enter("the page-table entry");
        EXPECT(pt_test_clear_accessed(&s->pt, VA, e), "set");
        EXPECT(!pte_accessed(*e), "cleared");
        nosleep_exit();
        user_read32(&v, VA);
        EXPECT(pte_accessed(*e), "set by the access after the flush");
        os_irq_restore(irq);
    }
    EXPECT(missed > 0, "a missing flush would not be seen on this processor");
    end(s);
}
