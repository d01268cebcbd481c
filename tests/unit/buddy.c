/* The buddy allocator against a map of bytes, over zones that start and end anywhere. */
#include "mm/buddy.h"
#include "mm/frame.h"
#include "tests/kt.h"

enum { FRAMES_MAX = 1600, HELD_MAX = 400 };

/* A zone over records of its own, and what the model knows of it. */
struct zone {
    struct buddy b;
    struct frame *records;
    uint8_t *is_free; /* by frame, from start */
    uint32_t free;
    struct {
        pfn_t pfn;
        unsigned order;
    } held[HELD_MAX];
    uint32_t holds;
};

static void zone_done(struct zone *z)
{
    if (z) {
        kt_release(z->records);
        kt_release(z->is_free);
    }
    kt_release(z);
}

static struct zone *zone_over(struct kt *kt, pfn_t start, pfn_t end)
{
    struct zone *z = kt_alloc(sizeof *z);
    uint32_t n = end - start;

    if (!z)
        return NULL;
    *z = (struct zone){.records = kt_alloc(n * sizeof *z->records), .is_free = kt_alloc(n)};
    if (!z->records || !z->is_free) {
        zone_done(z);
        kt_skip(kt, "no memory");
        return NULL;
    }
    memset(z->records, 0, n * sizeof *z->records);
    memset(z->is_free, 0, n);
    buddy_init(&z->b, z->records - start, start, end);
    return z;
}

static void mark(struct zone *z, pfn_t pfn, unsigned order, bool is_free)
{
    memset(z->is_free + (pfn - z->b.start), is_free, 1u << order);
    z->free += is_free ? 1u << order : -(1u << order);
}

static bool all_are(const struct zone *z, pfn_t pfn, unsigned order, bool is_free)
{
    if (pfn < z->b.start || pfn >= z->b.end || z->b.end - pfn < 1u << order)
        return false;
    for (uint32_t i = 0; i < 1u << order; i++)
        if (z->is_free[pfn - z->b.start + i] != is_free)
            return false;
    return true;
}

/* Whether the model has a free aligned block. */
static bool model_has(const struct zone *z, unsigned order)
{
    for (pfn_t pfn = (z->b.start + (1u << order) - 1) >> order << order; pfn < z->b.end; pfn += 1u << order)
        if (all_are(z, pfn, order, true))
            return true;
    return false;
}

/* How many free blocks of each order there must be: the largest aligned ones. */
static void model_blocks(const struct zone *z, uint32_t blocks[BUDDY_ORDERS])
{
    pfn_t pfn = z->b.start;

    memset(blocks, 0, BUDDY_ORDERS * sizeof *blocks);
    while (pfn < z->b.end) {
        unsigned order = BUDDY_ORDERS - 1;

        if (!z->is_free[pfn - z->b.start]) {
            pfn++;
            continue;
        }
        while ((pfn & ((1u << order) - 1)) || !all_are(z, pfn, order, true))
            order--;
        blocks[order]++;
        pfn += 1u << order;
    }
}

static void compare(struct kt *kt, const struct zone *z)
{
    uint32_t blocks[BUDDY_ORDERS];

    EXPECT(buddy_verify(&z->b), "zone [%u, %u)", z->b.start, z->b.end);
    EXPECT(z->b.free == z->free, "%u free, the model has %u", z->b.free, z->free);
    model_blocks(z, blocks);
    for (unsigned k = 0; k < BUDDY_ORDERS; k++)
        EXPECT(z->b.blocks[k] == blocks[k], "%u blocks of order %u, the model has %u", z->b.blocks[k], k,
               blocks[k]);
}

static void give(struct zone *z, pfn_t pfn, unsigned order)
{
    buddy_free(&z->b, pfn, order);
    mark(z, pfn, order, true);
}

static void step(struct kt *kt, struct zone *z)
{
    if (z->holds < HELD_MAX && kt_below(kt, 100) < 52) {
        /* Small orders more often than large ones. */
        unsigned order = (unsigned)__builtin_ctz(kt_random(kt) | 1u << (BUDDY_ORDERS - 1));
        pfn_t pfn = buddy_alloc(&z->b, order);

        if (!pfn) {
            EXPECT(!model_has(z, order), "order %u was refused", order);
            return;
        }
        EXPECT((pfn & ((1u << order) - 1)) == 0, "frame %u, order %u", pfn, order);
        EXPECT(all_are(z, pfn, order, true), "frame %u, order %u is not free", pfn, order);
        EXPECT(z->b.frames[pfn].flags == 0, "flags %x", z->b.frames[pfn].flags);
        mark(z, pfn, order, false);
        z->held[z->holds].pfn = pfn;
        z->held[z->holds++].order = order;
    } else if (z->holds) {
        uint32_t i = kt_below(kt, z->holds);
        pfn_t pfn = z->held[i].pfn;
        unsigned order = z->held[i].order;

        z->held[i] = z->held[--z->holds];
        if (order && kt_below(kt, 8) == 0) {
            /* In parts, from either end. */
            bool down = kt_random(kt) & 1;

            for (uint32_t k = 0; k < 1u << order; k++)
                give(z, pfn + (down ? (1u << order) - 1 - k : k), 0);
        } else {
            give(z, pfn, order);
        }
    }
}

static void random_zone(struct kt *kt, pfn_t start, pfn_t end, pfn_t hole, pfn_t hole_end, uint32_t rounds)
{
    struct zone *z = zone_over(kt, start, end);

    if (!z)
        return;
    for (pfn_t pfn = start; pfn < end; pfn++)
        if (pfn < hole || pfn >= hole_end)
            give(z, pfn, 0);
    compare(kt, z);
    for (uint32_t i = 0; i < rounds && kt->failures < 10; i++) {
        step(kt, z);
        if (i % 4096 == 0)
            compare(kt, z);
    }
    while (z->holds) {
        z->holds--;
        give(z, z->held[z->holds].pfn, z->held[z->holds].order);
    }
    compare(kt, z);
    zone_done(z);
}

TEST(buddy, random_against_model)
{
    uint32_t rounds = kt_rounds(kt, 1000000) / 5;

    random_zone(kt, 1024, 2048, 0, 0, rounds);
    random_zone(kt, 1, 300, 0, 0, rounds);
    random_zone(kt, 1021, 1029, 0, 0, rounds);
    random_zone(kt, 3, 3 + FRAMES_MAX - 100, 517, 519, rounds);
    random_zone(kt, 777, 1777, 800, 1100, rounds);
}

TEST(buddy, splits_and_merges)
{
    struct zone *z = zone_over(kt, 1024, 2048);

    if (!z)
        return;
    buddy_free(&z->b, 1024, 10);
    EXPECT(z->b.blocks[10] == 1 && z->b.free == 1024, "%u blocks, %u free", z->b.blocks[10], z->b.free);
    pfn_t pfn = buddy_alloc(&z->b, 0);

    EXPECT(pfn == 1024, "frame %u", pfn);
    for (unsigned k = 0; k < 10; k++)
        EXPECT(z->b.blocks[k] == 1, "%u of order %u", z->b.blocks[k], k);
    EXPECT(z->b.nonempty == 0x3FF, "nonempty %x", z->b.nonempty);
    EXPECT(buddy_verify(&z->b), "after the split");
    buddy_free(&z->b, pfn, 0);
    EXPECT(z->b.nonempty == 1u << 10, "nonempty %x", z->b.nonempty);
    EXPECT(buddy_alloc(&z->b, 10) == 1024, "the whole");
    EXPECT(buddy_alloc(&z->b, 0) == PFN_NONE, "nothing is left");
    zone_done(z);
}

/* The buddy of a block may lie across the border of the zone, where another zone's record is flagged free. */
TEST(buddy, does_not_cross_the_border)
{
    struct zone *z = zone_over(kt, 16, 48);

    if (!z)
        return;
    struct buddy left = z->b, right = z->b;

    buddy_init(&left, z->b.frames, 16, 21);
    buddy_init(&right, z->b.frames, 21, 48);
    for (pfn_t pfn = 16; pfn < 48; pfn++)
        buddy_free(pfn < 21 ? &left : &right, pfn, 0);
    EXPECT(left.free == 5 && right.free == 27, "%u and %u", left.free, right.free);
    EXPECT(left.blocks[2] == 1 && left.blocks[0] == 1, "left: %u fours, %u ones", left.blocks[2],
           left.blocks[0]);
    EXPECT(right.blocks[0] == 1 && right.blocks[1] == 1 && right.blocks[3] == 1 && right.blocks[4] == 1,
           "right: nonempty %x", right.nonempty);
    EXPECT(buddy_verify(&left) && buddy_verify(&right), "zones that touch");
    zone_done(z);
}

#define BREAK(lvalue, value, id) KT_BREAK(buddy_verify(&z->b), id, lvalue, value)

TEST(buddy, verify_finds_corruption)
{
    struct zone *z = zone_over(kt, 1000, 1400);

    if (!z)
        return;
    for (pfn_t pfn = 1000; pfn < 1400; pfn++)
        if (pfn % 8 != 3)
            give(z, pfn, 0);
    /* Now there are blocks of order 0 and 2: 1000 to 1002 is 2 + 1, 1004 to 1007 is 4. */
    EXPECT(buddy_verify(&z->b), "before");

    pfn_t pair = z->b.head[1], four = z->b.head[2];

    REQUIRE(pair && four && z->b.head[0], "heads %u %u", pair, four);
    BREAK(z->b.head[1], 1400, "INV-BUDDY-1");
    BREAK(z->b.head[1], pair + 1, "INV-BUDDY-1");
    BREAK(z->b.frames[pair].flags, 0, "INV-BUDDY-1");
    BREAK(z->b.frames[pair].order, 3, "INV-BUDDY-1");
    BREAK(z->b.frames[pair].prev, four, "INV-BUDDY-2");
    BREAK(z->b.frames[pair].next, PFN_NONE, "INV-BUDDY-2");
    BREAK(z->b.frames[pair].next, pair, "INV-BUDDY-2");
    BREAK(z->b.blocks[0], 1, "INV-BUDDY-2");
    BREAK(z->b.nonempty, 1u << 0 | 1u << 1, "INV-BUDDY-3");
    BREAK(z->b.nonempty, z->b.nonempty | 1u << 7, "INV-BUDDY-3");
    BREAK(z->b.free, z->b.free - 1, "INV-BUDDY-4");
    BREAK(z->b.frames[four + 1].flags, FRAME_F_BUDDY, "INV-BUDDY-6");
    BREAK(z->b.frames[1003].flags, FRAME_F_BUDDY, "INV-BUDDY-6");

    /* Two free buddies of order 0, each in its list by itself. */
    pfn_t a = buddy_alloc(&z->b, 0);

    REQUIRE(a, "no frame");
    while (a && z->is_free[(a ^ 1) - z->b.start])
        a = buddy_alloc(&z->b, 0);
    REQUIRE(a && (a ^ 1) < z->b.end, "frame %u", a);
    buddy_free(&z->b, a ^ 1, 0); /* a is not free, so this stays a single */
    z->b.frames[a].flags = FRAME_F_BUDDY;
    z->b.frames[a].order = 0;
    kt_capture_begin();
    EXPECT(!buddy_verify(&z->b), "two free buddies");
    EXPECT(kt_captured("broken INV-BUDDY-5"), "two free buddies");
    kt_capture_end();
    zone_done(z);
}
