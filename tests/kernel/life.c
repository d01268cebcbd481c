/*
 * The life of one page, on the machine's own vm and disk: nothing, zeroes, shared, copied, evicted, back.
 * Each stage says what it must have cost. docs/debugging.md watches this test from outside, and
 * tests/gdb/session.t does what the document says: both stop in stage().
 */
#include "kernel/vm/vm_sys.h"
#include "tests/vt.h"

#define RW (REGION_READ | REGION_WRITE)
#define VA ((vaddr_t)0x400000)

struct life {
    struct kt *kt;
    struct space *parent, *child;
    /* Since the beginning, as it must be by now. */
    uint64_t faults, filled, copied, taken_over, out, in;
    struct vm_stats begin;
    uint64_t begin_out, begin_in;
};

/* The frame that a space's page is in, or NULL. */
static struct frame *frame_in(const struct space *s)
{
    const pte_t *e = pt_resident_entry(&s->pt, VA);

    return e && pte_has_frame(*e) ? pfn_frame(vm_sys.pool, pte_pfn(*e)) : NULL;
}

/* A stage has been reached. Not optimised in any way, so that a debugger finds it and its arguments. */
static __attribute__((noipa)) void stage(struct life *l, const char *name)
{
    const struct vm_stats *now = &vm_sys.stats, *was = &l->begin;
    struct kt *kt = l->kt;

    EXPECT(now->faults - was->faults == l->faults, "%s: %llu faults", name,
           (unsigned long long)(now->faults - was->faults));
    EXPECT(now->by_action[FAULT_FILL_ZERO] - was->by_action[FAULT_FILL_ZERO] == l->filled, "%s", name);
    EXPECT(now->by_action[FAULT_COPY] - was->by_action[FAULT_COPY] == l->copied, "%s", name);
    EXPECT(now->by_action[FAULT_TAKE_OVER] - was->by_action[FAULT_TAKE_OVER] == l->taken_over, "%s", name);
    EXPECT(vm_sys.swap.pages_out - l->begin_out == l->out, "%s", name);
    EXPECT(vm_sys.swap.pages_in - l->begin_in == l->in, "%s", name);
    EXPECT(vm_verify(&vm_sys), "%s: verification", name);
}

static void reads(struct life *l, struct space *s, uint32_t want)
{
    struct kt *kt = l->kt;
    uint32_t got = ~want;
    enum fault_verdict v = vt_read(s, VA, &got);

    EXPECT(v == FAULT_RESUME && got == want, "%s, %x instead of %x", fault_verdict_name(v), got, want);
}

static void writes(struct life *l, struct space *s, vaddr_t va, uint32_t value)
{
    struct kt *kt = l->kt;
    enum fault_verdict v = vt_write(s, va, value);

    EXPECT(v == FAULT_RESUME, "%s", fault_verdict_name(v));
}

static void live(struct life *l)
{
    struct kt *kt = l->kt;
    struct space *s = l->parent;
    vaddr_t va = VA;
    struct frame *f;

    REQUIRE(space_map(s, &va, 2 * PAGE_SIZE, RW | MAP_AT, NULL, 0) == 0, "no memory");
    EXPECT(!pt_resident_entry(&s->pt, VA), "there is a table already");
    stage(l, "mapped");

    reads(l, s, 0);
    l->faults++;
    EXPECT(frame_in(s) == pfn_frame(vm_sys.pool, vm_sys.zero_pfn), "not the zero frame");
    stage(l, "read");

    writes(l, s, VA, 0x1111);
    l->faults++;
    l->filled++;
    f = frame_in(s);
    REQUIRE(f && f->use == FRAME_ANON && f->maps == 1, "no frame of its own");
    stage(l, "written");

    REQUIRE(space_fork(s, &l->child) == 0, "no memory");
    EXPECT(pt_resident_table(&s->pt, VA)->maps == 2 && f->maps == 1, "two directories share a table");
    stage(l, "forked");

    writes(l, l->child, VA + PAGE_SIZE, 0x3333);
    l->faults++;
    l->filled++;
    EXPECT(frame_in(l->child) == f && f->maps == 2, "two tables share a page");
    stage(l, "split");

    writes(l, l->child, VA, 0x2222);
    l->faults++;
    l->copied++;
    EXPECT(frame_in(s) == f && f->maps == 1 && frame_in(l->child) != f, "not copied");
    stage(l, "copied");

    EXPECT(reclaim_evict(&vm_sys, f) == 0, "it did not go");
    l->out++;
    EXPECT(pte_is_swap(*pt_resident_entry(&s->pt, VA)), "no slot in its entry");
    stage(l, "evicted");

    reads(l, s, 0x1111);
    l->faults++;
    l->in++;
    f = frame_in(s);
    REQUIRE(f && f->slot != SLOT_NONE, "it has lost its slot");
    stage(l, "back");

    EXPECT(reclaim_evict(&vm_sys, f) == 0, "it did not go");
    stage(l, "evicted clean");

    writes(l, s, VA, 0x4444);
    l->faults++;
    l->in++;
    l->taken_over++;
    EXPECT(frame_in(s) && frame_in(s)->slot == SLOT_NONE, "its slot holds something else now");
    reads(l, s, 0x4444);
    reads(l, l->child, 0x2222);
    stage(l, "back to be written");
}

TEST(life, one_page)
{
    struct life l = {.kt = kt,
                     .begin = vm_sys.stats,
                     .begin_out = vm_sys.swap.pages_out,
                     .begin_in = vm_sys.swap.pages_in};

    if (!vm_sys.swap.free) {
        kt_skip(kt, "no swap disk");
        return;
    }
    l.parent = space_create(&vm_sys);
    REQUIRE(l.parent, "no memory");
    live(&l);
    space_destroy(l.parent);
    if (l.child)
        space_destroy(l.child);
    vt_idle();
    stage(&l, "gone");
    EXPECT(vm_sys.swap.free == vm_sys.swap.total, "%u of %u slots are free", vm_sys.swap.free,
           vm_sys.swap.total);
}
