/* kernel/vm/ram.c against a map of bits. */
#include "kernel/vm/ram.h"
#include "tests/kt.h"

enum { FRAMES = 256 };

static bool same(const struct ram_map *m, const bool *bit)
{
    for (pfn_t i = 0; i < FRAMES; i++)
        if (ram_contains(m, i, i + 1) != bit[i])
            return false;
    for (unsigned i = 0; i < m->n; i++) {
        if (m->range[i].start >= m->range[i].end)
            return false;
        if (i > 0 && m->range[i].start <= m->range[i - 1].end) /* sorted, disjoint, not touching */
            return false;
    }
    return true;
}

TEST(ram, basics)
{
    struct ram_map m = {0};

    EXPECT(ram_top(&m) == 0 && ram_count(&m) == 0, "empty");
    EXPECT(ram_add(&m, 10, 20) && ram_add(&m, 30, 40), "two");
    EXPECT(m.n == 2 && ram_count(&m) == 20 && ram_top(&m) == 40, "%u ranges", m.n);
    EXPECT(ram_add(&m, 20, 30) && m.n == 1, "what touches is one: %u", m.n);
    EXPECT(ram_contains(&m, 10, 40) && !ram_contains(&m, 9, 11) && !ram_contains(&m, 39, 41), "edges");
    EXPECT(ram_remove(&m, 15, 18) && m.n == 2 && ram_count(&m) == 27, "a hole");
    EXPECT(ram_add(&m, 5, 5) && ram_remove(&m, 12, 12) && ram_count(&m) == 27, "nothing");
    EXPECT(ram_remove(&m, 0, 100) && m.n == 0, "all");
}

/* The map of a machine whose firmware describes it badly. */
TEST(ram, overlaps)
{
    struct ram_map m = {0};

    ram_add(&m, 0x100, 0x4000);
    ram_add(&m, 0, 0x9f);
    ram_add(&m, 0x200, 0x300); /* again */
    ram_add(&m, 0x3000, 0x5000);
    ram_remove(&m, 0xf00, 0x1000); /* the hole below 16 MiB */
    ram_remove(&m, 0x4ff0, 0x100000);
    EXPECT(m.n == 3, "%u ranges", m.n);
    EXPECT(m.range[0].end == 0x9f && m.range[1].start == 0x100 && m.range[1].end == 0xf00 &&
               m.range[2].start == 0x1000 && m.range[2].end == 0x4ff0,
           "ends %x, starts %x, ends %x", m.range[0].end, m.range[1].start, m.range[2].end);
}

/* An address or a length near one of the places where a sum could go wrong. */
static uint64_t near_an_edge(struct kt *kt)
{
    static const uint64_t edge[] = {0,          4096,       1ull << 32,       (1ull << 32) - 4096,
                                    1ull << 63, UINT64_MAX, UINT64_MAX - 4095};
    uint64_t at = edge[kt_below(kt, ARRAY_LEN(edge))];

    return at + kt_below(kt, 9) - 4;
}

/* Each frame near the edges is asked whether it is inside; without a sum that could wrap. */
TEST(ram, frames_of_any_address)
{
    static const pfn_t probe[] = {0, 1, 2, 0x7FFFF, 0x80000, 0xFFFFE, 0xFFFFF};

    for (uint32_t n = kt_rounds(kt, 100000); n && kt->failures == 0; n--) {
        uint64_t addr = near_an_edge(kt), len = near_an_edge(kt), last = len - 1;
        bool whole = kt_below(kt, 2);
        struct ram_range r = ram_frames(addr, len, whole);

        if (last > UINT64_MAX - addr)
            last = UINT64_MAX - addr;
        last += addr; /* the last byte, if len is not 0 */
        for (unsigned i = 0; i < ARRAY_LEN(probe); i++) {
            uint64_t page = (uint64_t)probe[i] << PAGE_SHIFT, page_last = page + PAGE_MASK;
            bool touched = len && addr <= page_last && page <= last;
            bool inside = touched && addr <= page && page_last <= last;

            EXPECT((r.start <= probe[i] && probe[i] < r.end) == (whole ? inside : touched),
                   "frame %x of %llx and %llx bytes, whole %d: %x to %x", probe[i], (unsigned long long)addr,
                   (unsigned long long)len, whole, r.start, r.end);
        }
        EXPECT(r.end <= 1u << 20, "beyond 4 GiB: %x", r.end);
    }
}

TEST(ram, taking)
{
    struct ram_map m = {0};

    ram_add(&m, 0, 4);
    ram_add(&m, 10, 20);
    EXPECT(ram_take(&m, 3, 100) == 1, "frame 0 is never handed out");
    EXPECT(ram_take(&m, 3, 100) == 10, "the lowest that has three");
    EXPECT(ram_take(&m, 3, 15) == PFN_NONE, "below the limit");
    EXPECT(ram_take(&m, 7, 20) == 13, "the rest");
    EXPECT(ram_take(&m, 1, 100) == PFN_NONE && ram_count(&m) == 1, "only frame 0 is left: %u", ram_count(&m));
}

TEST(ram, full)
{
    struct ram_map m = {0};

    for (pfn_t i = 0; i < RAM_RANGES; i++)
        EXPECT(ram_add(&m, 10 * i, 10 * i + 5), "range %u", i);
    EXPECT(!ram_add(&m, 10000, 10001) && ram_top(&m) == 10 * (RAM_RANGES - 1) + 5, "one too many is refused");
    EXPECT(ram_add(&m, 5, 7), "growing one is not");
    EXPECT(!ram_remove(&m, 2, 3), "a split does not fit");
    EXPECT(!ram_contains(&m, 2, 3) && ram_contains(&m, 0, 2), "but what had to go is gone");
    EXPECT(m.n == RAM_RANGES, "%u ranges", m.n);
}

TEST(ram, random)
{
    bool bit[FRAMES] = {0};
    struct ram_map m = {0};

    for (uint32_t i = 0; i < kt_rounds(kt, 1000000); i++) {
        pfn_t a = kt_below(kt, FRAMES), b = a + kt_below(kt, 12);
        uint32_t what = kt_below(kt, 8);

        if (b > FRAMES)
            b = FRAMES;
        if (m.n >= RAM_RANGES - 1 || i % 4096 == 0) {
            ram_remove(&m, 0, FRAMES);
            memset(bit, 0, sizeof bit);
        } else if (what < 4) {
            REQUIRE(ram_add(&m, a, b), "round %u", i);
            memset(bit + a, 1, b - a);
        } else if (what < 7) {
            REQUIRE(ram_remove(&m, a, b), "round %u", i);
            memset(bit + a, 0, b - a);
        } else if (b > a) {
            pfn_t n = b - a, got = ram_take(&m, n, FRAMES), want = PFN_NONE;

            for (pfn_t k = 1; k + n <= FRAMES && want == PFN_NONE; k++) {
                pfn_t run = 0;

                while (run < n && bit[k + run])
                    run++;
                if (run == n)
                    want = k;
            }
            REQUIRE(got == want, "round %u: %u frames at %u, not at %u", i, n, got, want);
            if (got != PFN_NONE)
                memset(bit + got, 0, n);
        }
        if (i % 16 == 0)
            REQUIRE(same(&m, bit), "round %u: the set differs from the model", i);
    }
    EXPECT(same(&m, bit), "the set differs from the model");
}
