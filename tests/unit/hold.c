/* Holding: the ring, and a program that goes round in a little more than there is. */
#include "mm/hold.h"
#include "tests/vtcheck.h"

TEST(hold, ring)
{
    static struct hold h;
    pfn_t pfn = 0;

    h = (struct hold){0};
    hold_came(&h, 1);
    EXPECT(!hold_take(&h, 0, &pfn), "off, nothing is noted");
    hold_set(&h, true);
    for (pfn_t p = 1; p <= 3; p++)
        hold_came(&h, p);
    EXPECT(hold_take(&h, 2, &pfn) && pfn == 1, "the first that came is %u", pfn);
    EXPECT(!hold_take(&h, 2, &pfn), "the two latest stay");
    hold_set(&h, true);
    EXPECT(h.count == 2, "on once more forgets nothing");
    /* What does not fit drives out the oldest, and the order stays. */
    for (pfn_t p = 100; p < 100 + HOLD_RING + 5; p++)
        hold_came(&h, p);
    for (pfn_t p = 105; p < 100 + HOLD_RING + 5; p++)
        EXPECT(hold_take(&h, 0, &pfn) && pfn == p, "%u, not %u", pfn, p);
    EXPECT(!hold_take(&h, 0, &pfn), "empty");
    hold_came(&h, 7);
    hold_set(&h, false);
    EXPECT(!hold_take(&h, 0, &pfn) && hold_verify(&h), "off forgets");
    KT_BREAK(hold_verify(&h), "INV-HOLD-1", h.count, 1);
    hold_set(&h, true);
    KT_BREAK(hold_verify(&h), "INV-HOLD-1", h.count, HOLD_RING + 1);
    KT_BREAK(hold_verify(&h), "INV-HOLD-1", h.first, HOLD_RING);
}

/* What came into a frame may have gone since, and the frame may be anything: all of them are in the ring. */
TEST(hold, any_frame)
{
    static struct vt t;
    struct space *s;
    vaddr_t va = 0x20000000, other = 0x30000000;

    if (!vt_begin(&t, kt, 512, 0, 1024))
        return;
    s = space_create(&t.vm);
    map_at(kt, s, va, 100, RW);
    map_at(kt, s, other, 100, RW);
    for (uint32_t round = 0; round < 8; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            WRITE(s, va + i * PAGE_SIZE, i + round);
            WRITE(s, other + i * PAGE_SIZE, i);
        }
        space_advise(s, va, 100 * PAGE_SIZE, ADVISE_PAGEOUT);
        swap_quiet(&t.vm);
        /* The table was idle, and nobody takes it off the list of those before it is looked for. */
        for (uint32_t i = 0; i < 100; i++)
            WRITE(s, va + i * PAGE_SIZE, i);
        EXPECT(pt_resident_table(&s->pt, va)->flags & FRAME_F_IDLE && !pt_resident_table(&s->pt, va)->pins,
               "the table is listed as idle");
        hold_set(&t.vm.hold, true);
        hold_came(&t.vm.hold, frame_pfn(t.vm.pool, pt_resident_table(&s->pt, va)));
        for (pfn_t pfn = t.vm.pool->start; pfn < t.vm.pool->end; pfn++)
            hold_came(&t.vm.hold, pfn);
        EXPECT(reclaim_run(&t.vm, 8) >= 8, "there is something to be freed");
        hold_set(&t.vm.hold, false);
        EXPECT(vm_verify(&t.vm), "round %u", round);
    }
    space_destroy(s);
    vt_end(&t);
}

#define ROUNDS 6u

/* Pages that come in rounds over so many pages, once each has been there. */
static uint32_t go_round(struct kt *kt, const struct policy *policy, uint32_t pages, bool hold)
{
    static struct vt t;
    struct space *s;
    uint64_t before;
    vaddr_t va;

    if (!vt_begin(&t, kt, 1024, 0, 4096))
        return 0;
    EXPECT(reclaim_set_policy(&t.vm, policy) == 0, "the policy");
    s = space_create(&t.vm);
    va = map(kt, s, pages, RW);
    for (uint32_t i = 0; i < pages; i++)
        WRITE(s, va + i * PAGE_SIZE, i);
    hold_set(&t.vm.hold, hold);
    swap_quiet(&t.vm);
    before = t.vm.swap.pages_in;
    for (uint32_t r = 0; r < ROUNDS; r++)
        for (uint32_t i = 0; i < pages; i++) {
            READ(s, va + i * PAGE_SIZE, i + r);
            WRITE(s, va + i * PAGE_SIZE, i + r + 1);
        }
    swap_quiet(&t.vm);
    before = t.vm.swap.pages_in - before;
    EXPECT(vm_verify(&t.vm), "after rounds");
    space_destroy(s);
    vt_end(&t);
    return (uint32_t)before;
}

TEST(hold, rounds)
{
    uint32_t pages = 1000;

    for (unsigned i = 0; i < POLICIES; i++) {
        uint32_t all = go_round(kt, policies[i], pages, false), held = go_round(kt, policies[i], pages, true);

        kt_note(kt, "%s: %u of %u pages come, %u when what came last goes first", policies[i]->name, all,
                ROUNDS * pages, held);
        EXPECT(held < ROUNDS * pages / 6, "%s: %u pages", policies[i]->name, held);
    }
}
