/* The ground that the kernel stands on: memory functions, time, the log, names of functions. */
#include "kernel/lib/ksyms.h"
#include "kernel/lib/printk.h"
#include "kernel/sched/time.h"
#include "kernel/selftest/ktest.h"
#include "mm/x86/cpu.h"
#include "tests/kt.h"

enum { SIZE = 256 }; /* several of the blocks that are moved at once, and all that can be left behind them */

static void fill(struct kt *kt, uint8_t *p)
{
    for (unsigned i = 0; i < SIZE; i++)
        p[i] = (uint8_t)kt_random(kt);
}

/* Each function against a byte at a time, at every alignment. */
TEST(string, random)
{
    uint8_t a[SIZE], b[SIZE], want[SIZE];

    for (uint32_t round = 0; round < kt_rounds(kt, 1000000); round++) {
        unsigned from = kt_below(kt, SIZE), to = kt_below(kt, SIZE);
        unsigned n = kt_below(kt, SIZE - (from > to ? from : to) + 1);
        int c = (int)kt_below(kt, 256);

        fill(kt, a);
        fill(kt, b);
        for (unsigned i = 0; i < SIZE; i++)
            want[i] = i >= to && i < to + n ? a[from + i - to] : b[i];
        REQUIRE(memcpy(b + to, a + from, n) == b + to, "memcpy of %u", n);
        for (unsigned i = 0; i < SIZE; i++)
            REQUIRE(b[i] == want[i], "memcpy of %u from %u to %u: byte %u", n, from, to, i);
        for (unsigned i = 0; i < SIZE; i++)
            want[i] = i >= to && i < to + n ? a[from + i - to] : a[i];
        REQUIRE(memmove(a + to, a + from, n) == a + to, "memmove of %u", n);
        for (unsigned i = 0; i < SIZE; i++)
            REQUIRE(a[i] == want[i], "memmove of %u from %u to %u: byte %u", n, from, to, i);
        REQUIRE(memcmp(a, want, SIZE) == 0, "memcmp of equal bytes");
        if (n > 0) {
            want[to + n - 1] ^= 1;
            int x = memcmp(a + to, want + to, n), y = a[to + n - 1] - want[to + n - 1];

            REQUIRE((x < 0) == (y < 0) && x != 0, "memcmp says %d, the byte %d", x, y);
            REQUIRE(memcmp(a + to, want + to, n - 1) == 0, "memcmp stops at the length");
        }
        for (unsigned i = 0; i < SIZE; i++)
            want[i] = i >= to && i < to + n ? (uint8_t)c : a[i];
        REQUIRE(memset(a + to, c, n) == a + to, "memset of %u", n);
        for (unsigned i = 0; i < SIZE; i++)
            REQUIRE(a[i] == want[i], "memset of %u at %u: byte %u", n, to, i);
    }
}

TEST(string, compare)
{
    static const struct {
        const char *a, *b;
        int sign;
    } cases[] = {{"", "", 0}, {"a", "", 1}, {"", "a", -1}, {"ab", "ac", -1}, {"\xff", "a", 1}};

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        int r = strcmp(cases[i].a, cases[i].b);

        EXPECT((r > 0) - (r < 0) == cases[i].sign, "case %u gave %d", i, r);
        r = strncmp(cases[i].a, cases[i].b, 9);
        EXPECT((r > 0) - (r < 0) == cases[i].sign, "case %u gave %d", i, r);
    }
    EXPECT(strncmp(cases[3].a, cases[3].b, 1) == 0 && strncmp(cases[1].a, cases[1].b, 0) == 0,
           "strncmp stops");
    EXPECT(strlen(cases[0].a) == 0 && strlen(cases[3].a) == 2, "strlen");
}

TEST(time, advances)
{
    uint64_t start = os_now_ns(), ticks = time_ticks(), last = start, now = start;

    while (time_ticks() == ticks && now - start < 2000000000u) {
        now = os_now_ns();
        REQUIRE(now >= last, "%llu after %llu", (unsigned long long)now, (unsigned long long)last);
        last = now;
    }
    EXPECT(time_ticks() > ticks, "no tick in two seconds");
    EXPECT(!cpu_features.tsc || time_tsc_hz() > 1000000, "%llu cycles a second",
           (unsigned long long)time_tsc_hz());
}

static unsigned found, found_shown;

static void find(const char *line, bool shown)
{
    bool is = strcmp(line, "a line that only this test writes") == 0;

    found += is;
    found_shown += is && shown;
}

TEST(printk, ring)
{
    bool quiet = printk_is_quiet();

    printk_quiet(true);
    found = found_shown = 0;
    printk(LOG_INFO, "a line that only %s test writes", "this");
    printk_recent(find);
    EXPECT(found == 1 && found_shown == 0, "%u lines found, %u of them shown", found, found_shown);
    for (unsigned i = 0; i < PRINTK_RING / 20; i++)
        printk(LOG_INFO, "line %u, to fill the ring", i);
    printk_recent(find);
    EXPECT(found == 1, "the ring has gone around");
    printk_quiet(quiet);
}

TEST(printk, positions)
{
    bool quiet = printk_is_quiet();
    uint32_t from = printk_position(), at = from;
    char text[16];
    size_t n;

    printk_quiet(true);
    EXPECT(printk_unread(from) == 0, "nothing was written yet");
    EXPECT(printk_copy(text, sizeof text, from) == 0, "nothing to copy");
    printk(LOG_INFO, "first");
    printk(LOG_INFO, "second");
    EXPECT(printk_unread(from) == 13, "two lines: %u", printk_unread(from));
    n = printk_copy(text, sizeof text, from);
    EXPECT(n == 13 && memcmp(text, "first\nsecond\n", 13) == 0, "both: %u", (unsigned)n);
    n = printk_copy(text, 12, from);
    EXPECT(n == 7 && memcmp(text, "second\n", 7) == 0, "the newest whole lines: %u", (unsigned)n);
    n = printk_take(text, 4, &at);
    EXPECT(n == 4 && memcmp(text, "firs", 4) == 0 && at == from + 4, "the oldest bytes: %u", (unsigned)n);
    n = printk_take(text, sizeof text, &at);
    EXPECT(n == 9 && memcmp(text, "t\nsecond\n", 9) == 0, "and the rest: %u", (unsigned)n);
    EXPECT(printk_take(text, sizeof text, &at) == 0 && printk_unread(at) == 0, "no more");
    for (unsigned i = 0; i < PRINTK_RING / 20; i++)
        printk(LOG_INFO, "line %u, to fill the ring", i);
    EXPECT(printk_unread(from) == PRINTK_RING, "what was lost is not unread: %u", printk_unread(from));
    at = from;
    EXPECT(printk_take(text, 1, &at) == 1 && printk_position() - at == PRINTK_RING - 1,
           "the oldest that is left");
    printk_quiet(quiet);
}

TEST(printk, tapped)
{
    kt_capture_begin();
    os_log("a line for %s", "the tap");
    EXPECT(kt_captured("a line for the tap"), "captured");
    kt_capture_end();
}

TEST(ksyms, lookup)
{
    uint32_t offset = 99;
    const char *name = ksyms_find((uint32_t)ksyms_find, &offset);

    EXPECT(name && strcmp(name, "ksyms_find") == 0 && offset == 0, "got %s+%u", name ? name : "nothing",
           offset);
    name = ksyms_find((uint32_t)ksyms_find + 3, &offset);
    EXPECT(name && strcmp(name, "ksyms_find") == 0 && offset == 3, "got %s+%u", name ? name : "nothing",
           offset);
    EXPECT(!ksyms_find(0, &offset) && !ksyms_find(UINT32_MAX, &offset), "outside");
    EXPECT(!ksyms_find((uint32_t)&found, &offset), "data has no name");
    name = ksyms_find((uint32_t)ktest_main, &offset);
    EXPECT(name && strcmp(name, "ktest_main") == 0 && offset == 0, "got %s+%u", name ? name : "nothing",
           offset);
    for (unsigned t = 0; t < 2; t++) {
        const struct ksyms_table *table = t ? &ksyms_selftest : &ksyms_kernel;

        EXPECT(table->count > 100, "%u names in table %u", table->count, t);
        for (uint32_t i = 1; i < table->count; i++)
            REQUIRE(table->address[i - 1] < table->address[i], "entry %u of table %u is out of order", i, t);
    }
}
